"""A course small enough to grade a class of it in seconds, and the command line to run on it."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from typer.testing import CliRunner

CHECKOUT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
WIDE = {"COLUMNS": "300"}
"""So that no sentence is broken into lines where a test looks for it."""

SETUP = """\
from pathlib import Path

import numpy as np

from autograde.testing import observe, part, total"""

DOUBLE = '''\
def double(numbers):
    """Return twice the numbers."""
    ### BEGIN SOLUTION
    return 2 * numbers
    ### END SOLUTION'''

TEST_DOUBLE = """\
@observe
def doubled(numbers):
    return double(numbers)


with part("whole numbers", points=1):
    assert np.array_equal(doubled(np.array([1, 2])), [2, 4]), "1 and 2 should become 2 and 4"

with part("negative numbers", points=2):
    assert np.array_equal(doubled(np.array([-1.5])), [-3.0]), "-1.5 should become -3"
    ### BEGIN HIDDEN TESTS
    assert np.array_equal(doubled(np.array([-7])), [-14]), "-7 should become -14"
    ### END HIDDEN TESTS

total()"""

SHIFT = '''\
def shift(numbers):
    """Return the numbers plus the one in offset.txt."""
    ### BEGIN SOLUTION
    return numbers + float(Path("offset.txt").read_text())
    ### END SOLUTION'''

TEST_SHIFT = """\
@observe
def shifted(numbers):
    return shift(numbers)


with part("the offset", points=2):
    assert np.array_equal(shifted(np.array([1.0])), [11.0]), "1 should become 11"

total()"""

TEST_STOCK = "assert double(3) == 6"

WORDS = "Doubling is linear, shifting is not."


def _nbgrader(name: str, **marks) -> dict:
    marks = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, **marks}
    return {"nbgrader": {"grade_id": name, **marks}}


def _source() -> NotebookNode:
    """An assignment of 8 points: two functions (3 and 2), a test as stock nbgrader has it (1), a written answer (2)."""
    code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    test = {"grade": True, "locked": True}
    cells = [
        markdown("# Tiny\n\nWorth 8 points: 6 by tests, 2 for a written answer.", id="title"),
        code(SETUP, id="setup", metadata=_nbgrader("setup", locked=True)),
        code(DOUBLE, id="double", metadata=_nbgrader("double", solution=True)),
        code(TEST_DOUBLE, id="test-double", metadata=_nbgrader("test-double", points=3, **test)),
        code(SHIFT, id="shift", metadata=_nbgrader("shift", solution=True)),
        code(TEST_SHIFT, id="test-shift", metadata=_nbgrader("test-shift", points=2, **test)),
        code(TEST_STOCK, id="test-stock", metadata=_nbgrader("test-stock", points=1, **test)),
        markdown(WORDS, id="words", metadata=_nbgrader("words", grade=True, solution=True, points=2)),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell with this grade id."""
    (cell,) = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == name]
    return cell


def solve(released: NotebookNode, source: NotebookNode) -> NotebookNode:
    """The released notebook as a student hands it in who wrote what the source has between its solution marks."""
    solved = copy.deepcopy(released)
    for cell in solved.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            text = cell_of(source, marks["grade_id"]).source
            cell.source = re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", text, flags=re.MULTILINE)
    return solved


@dataclass(frozen=True)
class Course:
    """A course in a folder of its own, with the assignment `tiny`."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "solutions" / "tiny" / "tiny.ipynb"

    @property
    def release(self) -> Path:
        return self.root / "exercises" / "tiny" / "tiny.ipynb"

    @property
    def classroom(self) -> Path:
        return self.root / "classroom"

    def released(self) -> NotebookNode:
        return nbformat.read(self.release, as_version=4)

    def solved(self) -> NotebookNode:
        return solve(self.released(), nbformat.read(self.source, as_version=4))

    def submitted(self, student: str) -> Path:
        """The folder that the student hands in, made if it is missing."""
        folder = self.classroom / "submitted" / student / "tiny"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def hand_in(self, student: str, notebook: NotebookNode, name: str = "tiny.ipynb") -> Path:
        path = self.submitted(student) / name
        path.write_text(json.dumps(notebook), encoding="utf-8")  # as it is, where nbformat would tidy it up
        return path

    def gradebook(self) -> Gradebook:
        return Gradebook(f"sqlite:///{self.classroom / 'gradebook.db'}", "cnn-course")


def rows(course: Course) -> dict[str, tuple]:
    """Everything the gradebook says of every student, without its internal numbers."""
    with course.gradebook() as book:
        return {
            entry.student.id: (
                entry.timestamp,
                entry.late_submission_penalty,
                sorted(
                    (grade.name, grade.auto_score, grade.manual_score, grade.extra_credit, grade.needs_manual_grade)
                    for notebook in entry.notebooks
                    for grade in notebook.grades
                ),
                sorted(
                    (comment.name, comment.auto_comment or "", comment.manual_comment or "")
                    for notebook in entry.notebooks
                    for comment in notebook.comments
                ),
            )
            for entry in book.assignment_submissions("tiny")
        }


def wall() -> tuple[str, ...]:
    """The option that grades without walls where this host has none: scores are tested all the same."""
    from autograde.engine.sandbox import NoSandboxError, choose_sandbox

    try:
        choose_sandbox("namespaces")
    except NoSandboxError:
        return "--sandbox", "none"
    return ()


def autograde(*arguments: str | Path):
    """Run the command in this process; an exception it does not tell as a sentence fails the test."""
    from autograde.cli import app

    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=WIDE, catch_exceptions=False)


def shell(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run a program of this environment in a process of its own; stderr comes with stdout."""
    return subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=cwd,
        env={**os.environ, **WIDE, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def grading(course: Course, *options: str) -> subprocess.Popen:
    """`autograde grade` on the course's class, begun in a process group of its own; it says nothing."""
    options = ("--course", course.root, "--no-feedback", "--no-proof", *wall(), *options)
    return subprocess.Popen(
        list(map(str, [BIN / "autograde", "grade", "tiny", *options])),
        env={**os.environ, **WIDE, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.fixture(scope="session", autouse=True)
def own_classroom():
    """No test reaches a class that this machine's environment names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AUTOGRADE_CLASSROOM", raising=False)
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Course:
    """A course with our own nbgrader_config.py, released and without submissions. Not to be changed."""
    course = Course(tmp_path_factory.mktemp("course"))
    shutil.copy(CHECKOUT / "nbgrader_config.py", course.root)
    course.source.parent.mkdir(parents=True)
    nbformat.write(_source(), course.source)
    (course.source.parent / "offset.txt").write_text("10")
    made = autograde("release", "--course", course.root)
    assert made.exit_code == 0, made.output
    return course


@pytest.fixture
def course(template, tmp_path) -> Course:
    """A course of one's own, to be changed freely."""
    return Course(shutil.copytree(template.root, tmp_path / "course"))
