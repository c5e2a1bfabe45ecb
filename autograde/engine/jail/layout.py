"""By which links and mounts do the allowed paths keep their own names?

A path such as /lib64/ld-linux-x86-64.so.2 may run through symbolic links. Each link on the way is recreated,
and the real place behind it is mounted once.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .errors import JailError, step


@dataclass(frozen=True)
class Layout:
    """links: path to its target, as text. mounts: real absolute paths, sorted, none inside another."""

    links: dict[str, str]
    mounts: tuple[str, ...]


def lay_out(paths: Iterable[Path], own: Iterable[str]) -> Layout:
    """The links and mounts that show `paths`; `own`: the jail's own paths, which no mount may cover.

    Raises JailError for a path that does not exist or would cover one of `own`.
    """
    links: dict[str, str] = {}
    places = set()
    for path in paths:
        with step(f"show {path} inside", "Take it out of `readable`, or mend it."):
            found, place = way_to(str(path))
        links |= found
        places.add(place)
    mounts: list[str] = []
    for place in sorted(places):
        if not inside(place, mounts):
            mounts.append(place)
    for path in own:
        if inside(path, mounts):
            raise JailError(f"show {mounts}", errno.EINVAL, f"One of them covers the jail's own {path}; name less.")
    return Layout({path: text for path, text in links.items() if not inside(path, mounts)}, tuple(mounts))


def way_to(path: str) -> tuple[dict[str, str], str]:
    """The symbolic links that a lookup of `path` passes through, and the real path where it ends.

    Raises OSError where the path does not exist or its links go round in a circle.
    """
    os.stat(path)
    links: dict[str, str] = {}
    here, ahead = "/", path.split("/")
    while ahead:
        name = ahead.pop(0)
        if name in ("", "."):
            continue
        candidate = os.path.normpath(os.path.join(here, name))
        if os.path.islink(candidate):
            links[candidate] = text = os.readlink(candidate)
            here, ahead = "/" if text.startswith("/") else here, text.split("/") + ahead
        else:
            here = candidate
    return links, here


def inside(path: str, trees: Iterable[str]) -> bool:
    """Is `path` one of the trees, or in one?"""
    return any(path == tree or path.startswith(tree.rstrip("/") + "/") for tree in trees)
