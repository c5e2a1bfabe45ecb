"""Which walls are put around student code, and whether this host has them."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autograde.engine.jail import readable_trees
from autograde.limits import Limits

FIRST_UID = 60_600
"""Root gives every running process of students a host uid of its own, from this one on; systemd leaves them free."""

SHOWN_PACKAGES = ("autograde", "cnnlab")
"""Packages installed from a checkout that notebooks import; nothing else of the checkout can be seen inside."""


class NoSandboxError(Exception):
    """This host cannot lock student code up; the message says why and what can be done."""


@dataclass(frozen=True)
class Sandbox:
    """How processes are locked up: `jailed`, or with no wall but a process of their own."""

    jailed: bool
    readable: tuple[Path, ...] = ()

    def jail(self, role: str, work: Path, slot: int, limits: Limits) -> dict[str, Any] | None:
        """The jail for a process in `slot`, as the warm parent is asked for it; None for none."""
        if not self.jailed:
            return None
        # A student and the judge of the same submission are strangers to each other.
        uid = FIRST_UID + 2 * slot + (role == "judge") if os.geteuid() == 0 else None
        return {
            "work": str(work),
            "readable": [str(path) for path in self.readable],
            "uid": uid,
            "memory_bytes": limits.memory_bytes,
            "scratch_bytes": limits.scratch_bytes,
            "processes": limits.processes,
            "open_files": limits.open_files,
            "file_bytes": limits.file_bytes,
            "cpu_seconds": round(limits.notebook_seconds * (os.cpu_count() or 1)),
        }


def choose_sandbox(wanted: Literal["namespaces", "none"]) -> Sandbox:
    """The sandbox called `wanted`.

    Raises `NoSandboxError` where "namespaces" is wanted and the host has not got them.
    """
    if wanted == "none":
        return Sandbox(jailed=False)
    # In a process of its own: the probe forks, and this process may hold what a jail must not inherit.
    probe = subprocess.run([sys.executable, "-P", "-m", "autograde.engine.jail"], capture_output=True, text=True)
    if probe.returncode:
        raise NoSandboxError(
            f"This machine cannot lock student code up:\n{probe.stdout or probe.stderr}"
            "Grade on a Linux machine that can, or, for submissions you trust as your own code, with --sandbox none."
        )
    return Sandbox(jailed=True, readable=readable_trees(_shown_packages()))


def _shown_packages() -> list[Path]:
    folders = []
    for name in SHOWN_PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec and spec.submodule_search_locations:
            folders.append(Path(spec.submodule_search_locations[0]))
    return folders
