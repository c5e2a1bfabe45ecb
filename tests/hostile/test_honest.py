"""Honest students lose nothing, however unusual their work and whoever sits beside them."""

import dataclasses

import pytest

from hostile import tiny
from hostile.cases import read


def _beside(folder, _):
    (folder / "helper.py").write_text("FACTOR = 2")
    (folder / "notes.txt").write_text("my notes")


CASES = [dataclasses.replace(case, files=_beside) if case.name == "files-beside" else case for case in read("honest")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_honest_student_has_full_marks_and_no_note(case, result):
    result.check()
    assert result.points == tiny.BY_TESTS
    assert result.graded.notes == []
    assert result.graded.score.to_mark == 1


def test_a_picture_and_what_programs_print_are_shown(graduated):
    assert "image/png" in graduated.results["draws"].said
    assert "armed" in graduated.results["shell-commands"].said


def test_everyone_in_the_class_has_a_score(graduated):
    """The class was graded once, together: nobody stopped anybody."""
    without = {name: result.reasons for name, result in graduated.results.items() if result.graded.score is None}
    assert without == {}
