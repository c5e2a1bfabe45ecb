"""Read what students handed in, without trusting any of it."""

import datetime
import math
import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dateutil.parser
from nbformat import NotebookNode
from nbgrader.utils import parse_utc

from autograde import reasons
from autograde.course import Course
from autograde.notebook import UnreadableNotebookError, read_notebook
from autograde.reasons import Reason

BLOCK = 32 * 2**10
"""Bytes that a file costs beside its content, so that many empty ones count too."""

DEEPEST = 30
"""Folders within folders that are followed."""

_OFFSET = re.compile(r"[+-]\d\d:?\d\d$")
IMPORTED_BY_TESTS = {"autograde", "cnnlab", "matplotlib", "numpy", "scipy", "skimage", "torch", "torchvision"}


@dataclass
class Submission:
    """What one student handed in for one assignment.

    `notebooks` holds, for each notebook of the assignment, what was handed in, or the reason why there is nothing to
    grade.
    """

    student: str
    folder: Path
    notebooks: dict[str, NotebookNode | Reason]
    timestamp: datetime.datetime | None = None
    notes: list[Reason] = field(default_factory=list)


def read_submission(course: Course, assignment: str, student: str, names: list[str]) -> Submission:
    """Read the student's notebooks called `names` (without `.ipynb`).

    A notebook under another name is taken where it is the only one handed in and the only one asked for.
    """
    folder = course.submitted(assignment, student)
    submission = Submission(student, folder, {})
    if _leads_elsewhere(folder, student):
        submission.notebooks = dict.fromkeys(names, reasons.folder_is_a_link(folder.name))
        return submission
    submission.notes += [reasons.shadows(name) for name in _shadows(folder)]
    submission.timestamp = _timestamp(folder, submission.notes)
    there = sorted(path.name for path in folder.iterdir() if path.name != "timestamp.txt")
    found = [name for name in there if name.endswith(".ipynb")]
    for name in names:
        file = f"{name}.ipynb"
        if file not in found and len(found) == len(names) == 1:
            submission.notes.append(reasons.renamed(found[0], name))
            file = found[0]
        if file not in found:
            submission.notebooks[name] = reasons.missing(name, there)
            continue
        try:
            submission.notebooks[name] = read_notebook(folder / file)
        except UnreadableNotebookError as error:
            submission.notebooks[name] = reasons.unreadable(str(error))
    return submission


def lay_out_files(source: Path, target: Path, most_bytes: float = math.inf) -> bool:
    """Copy the files beside the notebooks in `source` into `target`, in place of what is there.

    Links are not followed, so that no file from elsewhere comes along. Files that take more than `most_bytes`, each
    rounded up to whole blocks, are left out altogether; whether they were copied.
    """
    target.mkdir(parents=True, exist_ok=True)
    files = list(plain_files(source))
    if sum(BLOCK + path.stat().st_size for path in files) > most_bytes:
        return False
    for path in files:
        copy = target / path.relative_to(source)
        for place in [parent for parent in reversed(copy.parents) if parent.is_relative_to(target)]:
            if not place.is_dir():
                place.unlink(missing_ok=True)
                place.mkdir()
        if copy.is_dir():
            shutil.rmtree(copy)
        shutil.copyfile(path, copy)
    return True


def plain_files(source: Path) -> Iterator[Path]:
    """The ordinary files in the folder `source` and below, without notebooks and links."""
    for folder, subfolders, names in os.walk(source, followlinks=False):
        deep = len(Path(folder).relative_to(source).parts) >= DEEPEST
        subfolders[:] = [] if deep else [name for name in subfolders if name != ".ipynb_checkpoints"]
        for name in names:
            path = Path(folder) / name
            if path.suffix != ".ipynb" and not path.is_symlink() and path.is_file():
                yield path


def _leads_elsewhere(folder: Path, student: str) -> bool:
    """Whether the student's folder, or the assignment's in it, is a link: what it shows may be somebody else's."""
    below = folder.parts[::-1].index(student)  # the last part of that name: others may lie above the classroom
    return any(path.is_symlink() for path in (folder, *list(folder.parents)[:below]))


def _shadows(folder: Path) -> list[str]:
    """Files and folders beside the notebook that Python would import in place of the real module."""
    real = sys.stdlib_module_names | IMPORTED_BY_TESTS
    return sorted(path.name for path in folder.iterdir() if path.suffix in ("", ".py") and path.stem in real)


def _timestamp(folder: Path, notes: list[Reason]) -> datetime.datetime | None:
    """When the submission was handed in, in UTC, from nbgrader's timestamp.txt; None where there is none."""
    path = folder / "timestamp.txt"
    if not path.is_file() or path.is_symlink() or path.stat().st_size > 1000:
        return None
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    try:
        # nbgrader takes +0200 for 200 seconds.
        return parse_utc(dateutil.parser.parse(text) if _OFFSET.search(text) else text) if text else None
    except (ValueError, OverflowError):
        notes.append(reasons.odd_timestamp(text))
        return None
