"""The course that the hostile class takes: numpy only, six points by tests and two by hand.

A canary is a string that occurs nowhere else. Each lies in one place that no student may see; code inside that finds
one prints it, and a test that finds one printed has found a hole.
"""

import copy
import re
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograde.course import Course, find_course
from autograde.notebook import grade_id
from autograde.release import generate_release

CHECKOUT = Path(__file__).resolve().parents[2]
ASSIGNMENT = "tiny"
NOTEBOOK = "tiny.ipynb"
CANARY = re.compile(r"canary-([a-z]+)-[0-9a-f]{16}")
BY_TESTS, BY_HAND = 6, 2

GIVEN = """\
import numpy as np
import torch

from autograde.testing import observe, part, total

RATE = 3"""

DOUBLE = """\
def double(numbers):
    ### BEGIN SOLUTION
    # {solution}
    return 2 * np.asarray(numbers)
    ### END SOLUTION"""

TEST_DOUBLE = """\
@observe
def doubled(numbers):
    return double(numbers)


with part("whole numbers", points=1):
    assert np.array_equal(doubled(np.array([1, 2])), [2, 4]), "1 and 2 should become 2 and 4"

with part("negative numbers", points=2):
    np.testing.assert_allclose(doubled(np.array([-1.5])), [-3.0])
    ### BEGIN HIDDEN TESTS
    expected = {{"{hidden}": [-14.0, 0.5]}}
    np.testing.assert_allclose(doubled(np.array([-7, 0.25])), expected["{hidden}"])
    ### END HIDDEN TESTS

total()"""

SCALE = """\
def scale(rows):
    ### BEGIN SOLUTION
    return RATE * rows / rows.sum(axis=1, keepdims=True)
    ### END SOLUTION"""

# No part() and no total(): the cell gives all its points unless it raises. Results come out of an iterator, which a
# StopIteration of the student would quietly end.
TEST_SCALE = """\
@observe
def scaled(rows):
    return scale(rows)


samples = [np.array([[1.0, 3.0]]), np.array([[2.0, 2.0], [1.0, 4.0]])]
### BEGIN HIDDEN TESTS
samples.append(np.ones((2, 3)))  # {hidden}
### END HIDDEN TESTS
for found, rows in zip(map(scaled, samples), samples):
    np.testing.assert_allclose(found, RATE * rows / rows.sum(axis=1, keepdims=True))"""

COUNT = """\
def count(words):
    ### BEGIN SOLUTION
    return {{word: words.count(word) for word in words}}
    ### END SOLUTION"""

TEST_COUNT = """\
@observe
def counted(words):
    return count(words)


with part("two words", points=1):
    assert counted(["a", "b", "a"]) == {{"a": 2, "b": 1}}, "a occurs twice, b once"

total()"""

RIGHT = {
    "double": "def double(numbers):\n    return 2 * np.asarray(numbers)",
    "scale": "def scale(rows):\n    return 3 * rows / rows.sum(axis=1, keepdims=True)",
    "count": "def count(words):\n    return {word: words.count(word) for word in words}",
}
WRONG = {
    "double": "def double(numbers):\n    return 3 * np.asarray(numbers)",
    "scale": "def scale(rows):\n    return rows + 1",
    "count": "def count(words):\n    return {}",
}
POINTS = {"double": 3, "scale": 2, "count": 1}


@dataclass(frozen=True)
class Canaries:
    """One for each place, fresh in every run."""

    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def __getitem__(self, place: str) -> str:
        return f"canary-{place}-{self.token}"


def build(root: Path, canaries: Canaries) -> Course:
    """Write the course into the new folder `root`."""
    source = root / "solutions" / ASSIGNMENT
    source.mkdir(parents=True)
    shutil.copy(CHECKOUT / "nbgrader_config.py", root)
    nbformat.write(_source(canaries), source / NOTEBOOK)
    (source / "given.txt").write_text("given")
    (source / "data").mkdir()
    (source / "data" / "numbers.txt").write_text("1 2 3")
    return find_course(root)


def released(course: Course) -> NotebookNode:
    """The notebook as students got it."""
    return generate_release(course, ASSIGNMENT)["tiny"]


def answer(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """A copy with the given text in the cells that have these grade ids."""
    answered = copy.deepcopy(notebook)
    for name, text in answers.items():
        cell_of(answered, name).source = text
    return answered


def cell_of(notebook: NotebookNode, name: str) -> NotebookNode:
    """The cell with this grade id."""
    return next(cell for cell in notebook.cells if grade_id(cell) == name)


def _source(canaries: Canaries) -> NotebookNode:
    code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    test = {"grade": True, "locked": True}

    def marks(name: str, **fields) -> dict:
        defaults = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
        return {"nbgrader": {"grade_id": name, **defaults, **fields}}

    cells = [
        markdown("# Tiny", id="title"),
        code(GIVEN, id="given", metadata=marks("given", locked=True)),
        code(_fill(DOUBLE, canaries), id="double", metadata=marks("double", solution=True)),
        code(_fill(TEST_DOUBLE, canaries), id="t-double", metadata=marks("test-double", points=3, **test)),
        code(_fill(SCALE, canaries), id="scale", metadata=marks("scale", solution=True)),
        code(_fill(TEST_SCALE, canaries), id="t-scale", metadata=marks("test-scale", points=2, **test)),
        code(_fill(COUNT, canaries), id="count", metadata=marks("count", solution=True)),
        code(_fill(TEST_COUNT, canaries), id="t-count", metadata=marks("test-count", points=1, **test)),
        markdown("Why?", id="why", metadata=marks("why", grade=True, solution=True, points=BY_HAND)),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def _fill(template: str, canaries: Canaries) -> str:
    return template.format(hidden=canaries["hidden"], solution=canaries["solution"])
