"""A class of thirty for an assignment: scores as designed, and what students see beforehand agrees with them.

AUTOGRADE_CLASSES names the assignments, separated by commas. Without it there is one, and few look beforehand, which is
quick enough for every day.
"""

import copy
import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import CHECKOUT, cell_of, shell, solve, wall
from nbgrader.api import Gradebook
from nbgrader.validator import Validator

from autograde import notebook as cells
from autograde.audit.answers import read_answers
from autograde.check import check
from autograde.limits import Limits

ASSIGNMENTS = os.environ.get("AUTOGRADE_CLASSES", "03_building_a_cnn").split(",")
CLASS = 30
PARTLY_RIGHT = 10 if "AUTOGRADE_CLASSES" in os.environ else 1
"""How many students, beside the solution and the release, check and validate their work beforehand."""
HIDDEN = re.compile(r"^ *### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS\n?", re.MULTILINE | re.DOTALL)


class Designed:
    """An assignment whose one notebook is handed in in many ways, each with the scores that it should get."""

    def __init__(self, name: str) -> None:
        (path,) = (CHECKOUT / "solutions" / name).glob("*.ipynb")
        self.name, self.file = name, path.name
        self.source = nbformat.read(path, as_version=4)
        self.released = nbformat.read(CHECKOUT / "exercises" / name / path.name, as_version=4)
        self.solved = solve(self.released, self.source)
        self.tests = {
            cells.grade_id(cell): cells.marks(cell)["points"] for cell in self.source.cells if cells.is_test(cell)
        }
        self.order = [cells.grade_id(cell) for cell in self.source.cells if cells.grade_id(cell)]
        self.fillable = [
            cells.grade_id(cell)
            for cell in self.source.cells
            if cell.cell_type == "code" and cells.is_solution(cell) and not cells.is_manual(cell)
        ]

    def students(self):
        """Name, notebook, and the points each test should give: a number, or "short" for less than all.

        Tests that are not named may give anything.
        """
        answers = read_answers(CHECKOUT / "tests" / "audit" / f"{self.name}.py", set(self.fillable))
        yield "solution", self.solved, dict(self.tests)
        yield "release", self.released, dict.fromkeys(self.tests, 0)
        right = [(f"right{i}", self._answered(answer), dict(self.tests)) for i, answer in enumerate(answers.right[:4])]
        partly = [*self._first_ones(), *self._wrong(answers.wrong)]
        room = CLASS - 2 - len(right)
        yield from partly[:: -(-len(partly) // room)]  # spread over the answers, which are listed cell by cell
        yield from right

    def _first_ones(self):
        """Who filled in the first functions and no more: full marks up to there, nothing for the next one."""
        for count in range(1, len(self.fillable)):
            notebook = copy.deepcopy(self.released)
            for name in self.fillable[:count]:
                cell_of(notebook, name).source = cell_of(self.solved, name).source
            before, after = self._around(self.fillable[count])
            yield f"first{count}", notebook, {name: self.tests[name] for name in before} | {after[0]: 0}

    def _wrong(self, answers):
        """Who made one of the field's mistakes: full marks up to there, and less than all in some test after it."""
        for number, answer in enumerate(answers):
            before, after = self._around(min(answer.cells, key=self.order.index))
            expected = {name: self.tests[name] for name in before} | {tuple(after): "short"}
            yield f"wrong{number}", self._answered(answer), expected

    def _answered(self, answer):
        notebook = copy.deepcopy(self.solved)
        for name, code in answer.cells.items():
            cell_of(notebook, name).source += f"\n\n\n{code}"
        return notebook

    def _around(self, name):
        """The tests before the cell, and those after it."""
        place = self.order.index(name)
        return [t for t in self.tests if self.order.index(t) < place], [
            t for t in self.tests if self.order.index(t) > place
        ]


@pytest.fixture(scope="module", params=ASSIGNMENTS)
def designed(request):
    return Designed(request.param)


def grade(root: Path, name: str):
    """Grade what lies in the course at `root`; each student's points by test, and what the command said."""
    done = shell("autograde", "grade", name, "--no-feedback", "--no-proof", *wall(), cwd=root)
    with Gradebook(f"sqlite:///{root / 'classroom' / 'gradebook.db'}", "cnn-course") as book:
        found = {
            entry.student.id: {mark.name: mark.auto_score for notebook in entry.notebooks for mark in notebook.grades}
            for entry in book.assignment_submissions(name)
        }
    return found, done


def course_of(root: Path, designed: Designed, source, students) -> Path:
    """A course with this one assignment and what the students handed in."""
    root.mkdir()
    shutil.copy(CHECKOUT / "nbgrader_config.py", root)
    for folder in ("solutions", "exercises"):
        shutil.copytree(CHECKOUT / folder / designed.name, root / folder / designed.name)
    nbformat.write(source, root / "solutions" / designed.name / designed.file)
    for student, notebook in students.items():
        folder = root / "classroom" / "submitted" / student / designed.name
        shutil.copytree(CHECKOUT / "exercises" / designed.name, folder)
        nbformat.write(notebook, folder / designed.file)
    return root


def test_a_class_gets_the_scores_it_was_designed_for(designed, tmp_path):
    students = {name: (notebook, expected) for name, notebook, expected in designed.students()}
    assert 15 < len(students) <= CLASS
    students |= {f"copied{i}": students["solution"] for i in range(CLASS - len(students))}
    root = course_of(tmp_path / "course", designed, designed.source, {name: one[0] for name, one in students.items()})
    found, done = grade(root, designed.name)
    assert done.returncode == 0, done.stdout
    assert found.keys() == students.keys(), done.stdout
    assert "unknown" not in done.stdout
    assert "harness error" not in done.stdout
    for name, (_, expected) in students.items():
        for test, points in expected.items():
            if points == "short":
                assert any(found[name][each] < designed.tests[each] for each in test), name
            else:
                assert found[name][test] == points, (name, test, done.stdout)


def test_checking_and_validating_agree_with_grading(designed, tmp_path):
    """On the part that students see: the course has no hidden tests here."""
    visible = copy.deepcopy(designed.source)
    for cell in visible.cells:
        cell.source = HIDDEN.sub("", cell.source)
    every = [(name, notebook) for name, notebook, _ in designed.students()]
    partly = [one for one in every if not one[0].startswith(("solution", "release", "right"))]
    chosen = dict(every[:2] + partly[:: len(partly) // PARTLY_RIGHT][:PARTLY_RIGHT])
    root = course_of(tmp_path / "course", designed, visible, chosen)
    graded, done = grade(root, designed.name)
    assert done.returncode == 0, done.stdout
    assert len(graded) == 2 + PARTLY_RIGHT
    scores = set()
    for student in chosen:
        path = root / "classroom" / "submitted" / student / designed.name / designed.file
        seen = {test.name: test.points or 0 for test in check(path, Limits()).tests}
        by_tests = {name: points for name, points in graded[student].items() if name in designed.tests}
        assert seen == by_tests, student
        failed = Validator().validate(str(path)).get("failed", [])
        failing = {name for name in designed.tests if any(_holds(cell, designed.released, name) for cell in failed)}
        assert failing == {name for name in designed.tests if by_tests[name] < designed.tests[name]}, student
        scores.add(sum(by_tests.values()))
    assert len(scores) > min(PARTLY_RIGHT, 3), "they should not all be alike"


def _holds(failed: dict, released, name: str) -> bool:
    return failed["source"].strip() == cell_of(released, name).source.strip()
