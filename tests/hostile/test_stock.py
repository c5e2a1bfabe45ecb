"""Test cells without `observe` run beside the student's code, as in nbgrader: what is forged there counts as there, but
stops nothing and exceeds nothing."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograde import grade as grading
from autograde.course import find_course
from autograde.release import generate_release
from autograde.runs import Way
from hostile import tiny
from hostile.conftest import LIMITS

POINTS = 2
FLOOD = """\
def double(n):
    for size in (8000, 2000, 500, 100, 1):
        for _ in range(60):
            get_ipython().emit({"output_type": "stream", "name": "stdout", "text": "x" * size})
    return 0"""


def _shows(data: str) -> str:
    """A wrong answer that puts out a result of its own before the test fails."""
    output = f"dict(output_type='execute_result', data={data}, metadata={{}}, execution_count=1)"
    return f"def double(n):\n    get_ipython().emit_output({output})\n    return 0"


ANSWERS = {
    "right": "def double(n):\n    return 2 * n",
    "wrong": "def double(n):\n    return 3 * n",
    "too-much": _shows("{'text/plain': '99'}"),
    "negative": _shows("{'text/plain': '-1'}"),
    "no-number": _shows("{'text/plain': 'nan'}"),
    "no-text": _shows("{}"),
    "empty-text": _shows("{'text/plain': ''}"),
    "a-list": _shows("{'text/plain': []}"),
    "noisy-and-wrong": FLOOD,
}


@pytest.fixture(scope="module")
def scores(sandbox, tmp_path_factory) -> dict[str, float]:
    root = tmp_path_factory.mktemp("stock")
    source = root / "solutions" / "stock" / "stock.ipynb"
    source.parent.mkdir(parents=True)
    (root / "nbgrader_config.py").write_text((tiny.CHECKOUT / "nbgrader_config.py").read_text())
    marks = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    solution = f"### BEGIN SOLUTION\n{ANSWERS['right']}\n### END SOLUTION"
    test = {**marks, "grade_id": "test", "grade": True, "locked": True, "points": POINTS}
    cells = [
        new_code_cell(solution, metadata={"nbgrader": {**marks, "grade_id": "double", "solution": True}}),
        new_code_cell("assert double(3) == 6", metadata={"nbgrader": test}),
    ]
    nbformat.write(new_notebook(cells=cells), source)
    course = find_course(root)
    released = generate_release(course, "stock")["stock"]
    for student, text in ANSWERS.items():
        folder = course.submitted("stock", student)
        folder.mkdir(parents=True)
        (folder / "stock.ipynb").write_text(json.dumps(tiny.answer(released, {"double": text})))
    way = Way(sandbox, LIMITS, jobs=2, threads=1)
    graded = grading.grade(course, "stock", list(ANSWERS), way, tell=lambda one: None)
    return {one.student: one.score and one.score.points for one in graded}


def test_right_and_wrong_are_told_apart(scores):
    assert scores["right"] == POINTS
    assert scores["wrong"] == 0


@pytest.mark.parametrize("student", ANSWERS)
def test_whatever_is_shown_there_is_a_score_within_its_bounds(scores, student):
    assert scores[student] is not None
    assert 0 <= scores[student] <= POINTS


def test_a_failure_is_not_lost_among_too_many_outputs(scores):
    assert scores["noisy-and-wrong"] == 0
