"""Reading and writing notebooks, and what nbgrader's cell metadata says about a cell."""

import errno
import json
import os
import stat
import tempfile
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning
from nbgrader.utils import is_locked

# Repeated and missing ids of cells are mended in `autograde.restore`; a warning among the results would only puzzle.
for _kind in (DuplicateCellId, MissingIDFieldWarning):
    warnings.filterwarnings("ignore", category=_kind)

LARGEST_NOTEBOOK = 20 * 2**20
"""Bytes; a larger file is refused before it is parsed."""


class UnreadableNotebookError(ValueError):
    """A file that is no notebook nbformat can read; the message says why and what to do."""


def read_notebook(path: Path) -> NotebookNode:
    """Read the notebook at `path`, brought up to nbformat 4.

    Raises `UnreadableNotebookError` for a file that is missing, too large, empty, not JSON or not a notebook.
    """
    try:
        text = _read_plain_file(path).decode("utf-8")
    except OSError as error:
        raise UnreadableNotebookError(f"{path.name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UnreadableNotebookError(f"{path.name} is no text file (byte {error.start} is not UTF-8).") from error
    if not text.strip():
        raise UnreadableNotebookError(f"{path.name} is empty. Was it saved before it was submitted?")
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f"at line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
        raise UnreadableNotebookError(
            f"{path.name} is not a Jupyter notebook (no JSON {place}). Open it in JupyterLab and save it again."
        ) from error
    try:
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except Exception as error:  # nbformat raises many kinds for the many ways a file can be wrong
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableNotebookError(
            f"{path.name} is not a Jupyter notebook ({first_line[:200]}). Open it in JupyterLab and save it again."
        ) from error
    return notebook


def _read_plain_file(path: Path) -> bytes:
    """The file's bytes; a link is not followed, and a pipe or device is not waited for."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise UnreadableNotebookError(f"{path.name} is a link; hand in the file itself.") from error
        raise
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableNotebookError(f"{path.name} is not an ordinary file; hand in a notebook.")
        if status.st_size > LARGEST_NOTEBOOK:
            raise UnreadableNotebookError(
                f"{path.name} is {status.st_size / 2**20:.0f} MB; at most {LARGEST_NOTEBOOK // 2**20} MB are read. "
                "Clear its outputs and save it again."
            )
        return file.read()


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write `notebook` to `path` in one step: a reader sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            nbformat.write(notebook, stream)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def storable(text: str) -> str:
    """The text with a question mark for half a character, which JSON and file names can carry but no file can."""
    return text.encode("utf-8", "replace").decode()


def marks(cell: NotebookNode) -> dict[str, Any]:
    """nbgrader's metadata of the cell; empty for an ordinary cell, and where something else stands in its place."""
    metadata = cell.metadata.get("nbgrader")
    return metadata if isinstance(metadata, dict) else {}


def grade_id(cell: NotebookNode) -> str | None:
    """The name nbgrader knows the cell by, or None for an ordinary cell."""
    name = marks(cell).get("grade_id")
    return name if isinstance(name, str) else None


def is_graded(cell: NotebookNode) -> bool:
    """Whether the cell carries points in the gradebook (tests, and answers marked by hand)."""
    return bool(marks(cell).get("grade"))


def is_solution(cell: NotebookNode) -> bool:
    """Whether the student writes in the cell."""
    return bool(marks(cell).get("solution"))


def is_task(cell: NotebookNode) -> bool:
    """Whether the cell sets a task that a person marks (nbgrader's "manually graded task")."""
    return bool(marks(cell).get("task"))


def is_test(cell: NotebookNode) -> bool:
    """Whether the cell is marked by running it."""
    return cell.cell_type == "code" and is_graded(cell) and not is_solution(cell)


def is_given(cell: NotebookNode) -> bool:
    """Whether the cell is code that the assignment gives and nobody changes: imports, data, helpers."""
    return cell.cell_type == "code" and is_locked(cell) and not is_graded(cell)


def is_manual(cell: NotebookNode) -> bool:
    """Whether a person gives the cell its points."""
    return is_task(cell) or (is_graded(cell) and not is_test(cell))
