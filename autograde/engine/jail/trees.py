"""What of the host must the running interpreter see?

An allow-list, for a hide-list leaks: whatever is not here or handed in by the caller does not exist inside.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

SYSTEM = (
    "/lib",  # the C library and the dynamic loader
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/bin",  # /bin/sh: subprocess with shell=True, and `!ls` in a notebook
    "/usr/bin",
    "/etc/ld.so.cache",  # else the loader finds nothing outside its default folders
    "/etc/alternatives",  # Debian's BLAS and friends are links through here
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/usr/share/fonts",
    "/etc/mime.types",
    "/sys/devices/system/cpu",  # PyTorch counts the cores here; without it, it picks slower kernels
)

# A prefix that other software shares: only the folders that hold libraries and programs.
SHARED = ("/", "/usr", "/usr/local")


def readable_trees(extra: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Existing absolute paths that this interpreter, its packages and the system's libraries occupy.

    `extra`: more of them, for example the sources of an editable install or a data set. They are not found
    automatically: a `.pth` file that points at a checkout would show a student the solutions in it.
    Raises FileNotFoundError if one of `extra` does not exist.
    """
    wanted = [Path(path) for path in SYSTEM]
    for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
        shared = os.path.realpath(prefix) in SHARED
        wanted += [Path(prefix, name) for name in ("bin", "lib", "lib64")] if shared else [Path(prefix)]
    packages = (Path(entry) for entry in sys.path if entry)
    wanted += [path for path in packages if path.name in ("site-packages", "dist-packages")]
    present = [path.absolute() for path in wanted if path.exists()]
    for path in map(Path, extra):
        if not path.exists():
            raise FileNotFoundError(f"{path}: asked to be readable inside the jail, but it does not exist")
        present.append(path.absolute())
    return _without_nested(present)


def _without_nested(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Sorted, without those that lie in another: a tree brings its contents along."""
    kept: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return tuple(kept)
