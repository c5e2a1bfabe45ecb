"""Code inside finds nothing that is not its own, reaches nobody, and changes nothing outside."""

import socket
import subprocess
import sys
import time

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograde.engine.processes import Slot, WarmParent
from autograde.engine.sandbox import Sandbox
from autograde.engine.session import Session
from autograde.limits import Limits
from hostile import tiny
from hostile.cases import filled, read

CASES = read("reach")
READERS = ("memory", "objects", "files", "network", "processes")
PLANTED = "planted = ['canary-planted-' + 'a' * 16, *map(str, range(1000))]"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_code_inside_finds_and_reaches_nothing(case, result):
    result.check()
    assert "LEAK" not in result.said + result.verdicts
    if case.last:
        assert not any(output.output_type == "error" for output in result.notebook.cells[-1].outputs)


@pytest.mark.parametrize("name", READERS)
def test_the_same_code_finds_what_it_looks_for_where_nothing_holds_it_back(name, places, tmp_path):
    """Else the test above would prove nothing."""
    (case,) = (one for one in CASES if one.name == name)
    notebook = new_notebook(cells=[new_code_cell(PLANTED), new_code_cell(filled(case.last, places))])
    with WarmParent(Sandbox(jailed=False)) as warm:
        ran = Session(warm, tmp_path, tmp_path, Slot(0), threads=1, limits=Limits(cell_seconds=3, grace_seconds=1)).run(
            notebook
        )
    assert "LEAK" in str(ran.notebook.cells[1].outputs)


def test_no_student_found_a_canary(graduated):
    for result in graduated.results.values():
        if result.graded.score:
            assert not tiny.CANARY.search(result.said), result.case.name


def test_nothing_outside_changed(graduated):
    for what, before in graduated.before.items():
        assert graduated.after[what] == before, what


def test_nobody_knocked_from_inside(graduated, places):
    assert graduated.knocks == []
    knocks = graduated.outside.knocks
    knocks.clear()
    with socket.create_connection(("127.0.0.1", int(places["PORT"]))):  # the listener does hear
        _until(lambda: knocks)


def test_no_process_and_no_file_is_left(graduated):
    assert [name for name in graduated.leftovers if not name.startswith("torchinductor_")] == []
    _until(lambda: not graduated.outside.processes())
    with subprocess.Popen([sys.executable, "-c", "input()", graduated.outside.canaries.token], stdin=subprocess.PIPE):
        assert graduated.outside.processes() != []  # such processes would be seen


def test_the_gradebook_holds_each_students_own_points(graduated):
    from nbgrader.api import Gradebook

    course = graduated.outside.course
    with Gradebook(course.database, course.directory.course_id) as book:
        rows = {one.student_id: one.score for one in book.assignment_submissions(tiny.ASSIGNMENT)}
    expected = {name: result.points for name, result in graduated.results.items() if result.graded.score}
    assert {name: rows[name] for name in expected} == expected


def _until(condition, seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
