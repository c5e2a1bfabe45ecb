"""An assignment, a submission, and what came of it, as bytes that travel to another machine and back.

The bytes are msgpack of plain data: numbers, texts, lists and maps. Reading them runs nothing.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgpack
import nbformat
from nbformat import NotebookNode

from autograde.engine.sandbox import Sandbox
from autograde.execution import Execution
from autograde.imports import imported_modules
from autograde.limits import Limits
from autograde.reasons import Reason
from autograde.restore import Master
from autograde.runs import Plan, Way
from autograde.submissions import Submission, plain_files

LARGEST = 2**31 - 1
"""Bytes of one file or text; more than any limit lets through."""


def pack_plan(plan: Plan) -> bytes:
    """The assignment with its files and hidden tests, and how it is run; for machines that may know them."""
    masters = {name: {"notebook": _text(each.notebook), "visible": each.visible} for name, each in plan.masters.items()}
    way = plan.way
    return _pack(
        masters=masters,
        files=_files(plan.source),
        modules=imported_modules(plan.source),
        limits=asdict(way.limits),
        threads=way.threads,
        seeds=way.seeds,
        until_short=plan.until_short,
        as_they_are=plan.as_they_are,
    )


def unpack_plan(parcel: bytes, sandbox: Sandbox, folder: Path) -> tuple[Plan, tuple[str, ...]]:
    """The plan, to be run one submission at a time in `sandbox`, and the modules that it imports.

    The assignment's files are laid out in `folder`.
    """
    found = _unpack(parcel)
    masters = {name: Master(_notebook(each["notebook"]), each["visible"]) for name, each in found["masters"].items()}
    _lay_out(found["files"], folder)
    limits = Limits(**found["limits"])
    way = Way(sandbox, limits, jobs=1, threads=found["threads"], proof=False, seeds=tuple(found["seeds"]))
    return Plan(folder, masters, way, found["until_short"], found["as_they_are"]), tuple(found["modules"])


def pack_submission(submission: Submission, most_bytes: int) -> bytes:
    """The notebooks handed in, and the files beside them up to one byte more than `most_bytes`."""
    notebooks = {
        name: {"reason": asdict(each)} if isinstance(each, Reason) else {"notebook": _text(each)}
        for name, each in submission.notebooks.items()
    }
    readable = any(not isinstance(each, Reason) for each in submission.notebooks.values())
    return _pack(notebooks=notebooks, files=_files(submission.folder, most_bytes) if readable else {})


def unpack_submission(parcel: bytes, folder: Path) -> Submission:
    """The submission of a student without a name; the files beside its notebooks are laid out in `folder`."""
    found = _unpack(parcel)
    _lay_out(found["files"], folder)
    notebooks = {
        name: Reason(**each["reason"]) if "reason" in each else _notebook(each["notebook"])
        for name, each in found["notebooks"].items()
    }
    return Submission("", folder, notebooks)


def pack_executions(executions: Mapping[str, Execution]) -> bytes:
    """The notebooks after they ran, and what happened to them."""
    return _pack(
        **{
            name: {"notebook": _text(each.notebook), "notes": [asdict(note) for note in each.notes]}
            for name, each in executions.items()
        }
    )


def unpack_executions(parcel: bytes) -> dict[str, Execution]:
    """The other end of `pack_executions`."""
    return {
        name: Execution(_notebook(each["notebook"]), [Reason(**note) for note in each["notes"]])
        for name, each in _unpack(parcel).items()
    }


def _pack(**parts: Any) -> bytes:
    return msgpack.packb(parts)


def _unpack(parcel: bytes) -> dict[str, Any]:
    return msgpack.unpackb(parcel, max_str_len=LARGEST, max_bin_len=LARGEST)


def _text(notebook: NotebookNode) -> str:
    return json.dumps(notebook)  # in ASCII: a student's text may hold half characters, which nbformat cannot write


def _notebook(text: str) -> NotebookNode:
    return nbformat.from_dict(json.loads(text))


def _files(folder: Path, most_bytes: int = LARGEST) -> dict[bytes, bytes]:
    """Contents of the files by path, cut off one byte after `most_bytes`.

    Cut off, not left out: the other end has to see that it is too much, and says so.
    """
    found, left = {}, most_bytes + 1
    for path in plain_files(folder):
        with open(path, "rb") as file:
            content = file.read(left)
        found[os.fsencode(path.relative_to(folder))] = content
        left -= len(content)
    return found


def _lay_out(files: Mapping[bytes, bytes], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
