"""A submission put back into the shape of its assignment, whatever its author did to it."""

import copy
import json

import nbformat
import pytest
from conftest import TEST_DOUBLE, WORDS, cell_of
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

from autograde.course import find_course
from autograde.release import masters
from autograde.restore import restore

GIVEN = ["setup", "double", "test-double", "shift", "test-shift", "test-stock", "words"]


@pytest.fixture(scope="module")
def master(template):
    return masters(find_course(template.root), "tiny")["tiny"]


@pytest.fixture
def solved(template):
    return template.solved()


def names(notebook):
    """The grade ids in order, None for a cell of the student's own."""
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]


def codes(notes):
    return [(note.code, note.text) for note in notes]


def test_an_honest_submission_keeps_its_text_and_gets_no_note(solved, master):
    restored, notes = restore(solved, master)
    assert notes == []
    assert names(restored) == [None, *GIVEN]
    for name in ("double", "shift", "words"):
        assert cell_of(restored, name).source == cell_of(solved, name).source
    assert cell_of(restored, "words").source == WORDS


def test_hidden_tests_come_back(solved, master):
    assert "-7" not in cell_of(solved, "test-double").source
    restored, _ = restore(solved, master)
    assert cell_of(restored, "test-double").source == TEST_DOUBLE


def test_the_result_is_a_valid_notebook_and_neither_input_changes(solved, master):
    before = copy.deepcopy((solved, master.notebook))
    restored, _ = restore(solved, master)
    nbformat.validate(restored)
    cell_of(restored, "double").source = "changed"
    restored.cells[1].metadata.nbgrader.points = 1000
    assert (solved, master.notebook) == before


def test_an_edited_test_is_put_back_and_noted(solved, master):
    cell_of(solved, "test-double").source = ""
    restored, notes = restore(solved, master)
    assert cell_of(restored, "test-double").source == TEST_DOUBLE
    (note,) = codes(notes)
    assert note[0] == "restored"
    assert "'test-double' was edited" in note[1]


def test_an_edited_given_cell_is_put_back_and_noted(solved, master):
    cell_of(solved, "setup").source += "\ntotal = lambda: 99"
    restored, notes = restore(solved, master)
    assert "99" not in cell_of(restored, "setup").source
    assert [("'setup' was edited" in note.text) for note in notes] == [True]


@pytest.mark.parametrize("name", GIVEN)
def test_a_deleted_cell_comes_back_in_its_place_and_is_noted(solved, master, name):
    solved.cells.remove(cell_of(solved, name))
    restored, notes = restore(solved, master)
    assert [one for one in names(restored) if one] == GIVEN
    assert cell_of(restored, name).source == cell_of(master.notebook, name).source
    assert [f"{name!r} was deleted" in note.text for note in notes] == [True]


def test_all_cells_deleted_come_back_in_order(solved, master):
    solved.cells = []
    restored, notes = restore(solved, master)
    assert names(restored) == GIVEN
    assert len(notes) == len(GIVEN)
    assert all("was deleted" in note.text for note in notes)


def test_of_a_duplicated_answer_the_last_counts_and_the_first_still_runs(solved, master):
    again = copy.deepcopy(cell_of(solved, "double"))
    again.source = "double = abs"
    solved.cells.append(again)
    restored, notes = restore(solved, master)
    assert cell_of(restored, "double").source == "double = abs"
    assert sorted(filter(None, names(restored))) == sorted(GIVEN)
    assert any("return 2 * numbers" in cell.source for cell in restored.cells if not cell.metadata)
    assert [note.code for note in notes] == ["repeated"]


def test_a_duplicated_test_is_graded_once(solved, master):
    solved.cells.append(copy.deepcopy(cell_of(solved, "test-double")))
    restored, notes = restore(solved, master)
    assert names(restored).count("test-double") == 1
    assert [note.code for note in notes] == ["repeated"]


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_test_made_text_is_code_again(solved, master, kind):
    cell = cell_of(solved, "test-double")
    cell.cell_type = kind
    del cell["outputs"], cell["execution_count"]
    restored, notes = restore(solved, master)
    assert cell_of(restored, "test-double").cell_type == "code"
    assert cell_of(restored, "test-double").source == TEST_DOUBLE
    assert [f"was made a {kind} cell" in note.text for note in notes] == [True]


def test_an_answer_made_text_is_code_again_with_its_text(solved, master):
    cell = cell_of(solved, "double")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]
    restored, _ = restore(solved, master)
    assert cell_of(restored, "double").cell_type == "code"
    assert cell_of(restored, "double").source == cell.source
    nbformat.validate(restored)


def test_points_and_marks_come_from_the_assignment(solved, master):
    cell_of(solved, "test-double").metadata.nbgrader.update(points=1000, grade=False)
    cell_of(solved, "double").metadata.nbgrader.update(grade=True, points=50, checksum="0")
    cell_of(solved, "setup").metadata.nbgrader.update(locked=False, solution=True)
    cell_of(solved, "setup").source = "print('mine')"
    restored, _ = restore(solved, master)
    for name in GIVEN:
        assert cell_of(restored, name).metadata == cell_of(master.notebook, name).metadata
    assert cell_of(restored, "setup").source == cell_of(master.notebook, "setup").source


def test_a_test_whose_marks_were_removed_counts_as_deleted(solved, master):
    del cell_of(solved, "test-double").metadata["nbgrader"]
    restored, notes = restore(solved, master)
    assert names(restored).count("test-double") == 1
    assert cell_of(restored, "test-double").source == TEST_DOUBLE
    assert ["'test-double' was deleted" in note.text for note in notes] == [True]


def test_cells_of_ones_own_keep_text_and_place(solved, master):
    solved.cells.insert(2, new_code_cell("own = 1"))
    solved.cells.insert(5, new_markdown_cell("why"))
    solved.cells.append(new_raw_cell("raw"))
    restored, notes = restore(solved, master)
    assert notes == []
    assert [cell.source for cell in restored.cells if cell.source in ("own = 1", "why", "raw")] == [
        "own = 1",
        "why",
        "raw",
    ]
    assert [restored.cells[place].source for place in (2, 5, -1)] == ["own = 1", "why", "raw"]
    nbformat.validate(restored)


def test_the_order_of_the_students_cells_is_kept(solved, master):
    shift, double = cell_of(solved, "shift"), cell_of(solved, "double")
    solved.cells.remove(shift)
    solved.cells.insert(solved.cells.index(double), shift)
    restored, notes = restore(solved, master)
    assert notes == []
    assert [name for name in names(restored) if name] == [
        "setup", "shift", "double", "test-double", "test-shift", "test-stock", "words",
    ]  # fmt: skip


def test_a_cell_of_another_assignment_means_nothing(solved, master):
    foreign = copy.deepcopy(cell_of(solved, "test-double"))
    foreign.metadata.nbgrader.update(grade_id="test-elsewhere", points=100)
    solved.cells.append(foreign)
    restored, _ = restore(solved, master)
    assert "test-elsewhere" not in names(restored)
    assert restored.cells[-1].metadata == {}


def test_tags_are_dropped(solved, master):
    for cell in solved.cells:
        cell.metadata["tags"] = ["skip-execution", "raises-exception"]
    restored, _ = restore(solved, master)
    assert [cell.metadata.get("tags") for cell in restored.cells] == [None] * len(restored.cells)


def test_outputs_are_dropped(solved, master):
    solved.cells.append(new_code_cell("1"))
    for cell in solved.cells:
        if cell.cell_type == "code":
            cell.outputs = [new_output("execute_result", {"text/plain": "3.0"}, execution_count=1)]
            cell.execution_count = 1
    restored, _ = restore(solved, master)
    for cell in restored.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)


def test_the_kernel_is_the_assignments(solved, master):
    solved.metadata = nbformat.from_dict({"kernelspec": {"name": "mine", "display_name": "Mine"}, "widgets": {"a": 1}})
    restored, _ = restore(solved, master)
    assert restored.metadata == master.notebook.metadata


def test_ids_are_unique(solved, master):
    solved.cells[1:1] = [new_code_cell("1", id="double"), new_code_cell("2", id="own"), new_code_cell("3", id="own")]
    solved.cells.append(copy.deepcopy(cell_of(solved, "test-double")))
    restored, _ = restore(solved, master)
    ids = [cell.id for cell in restored.cells]
    assert len(set(ids)) == len(ids)
    nbformat.validate(restored)


def test_a_notebook_from_before_cells_had_ids_gets_some(solved, master):
    solved.nbformat_minor = 4
    solved.cells.append(new_code_cell("own"))
    for cell in solved.cells:
        del cell["id"]
    restored, notes = restore(solved, master)
    assert notes == []
    assert len({cell.id for cell in restored.cells}) == len(restored.cells)
    nbformat.validate(restored)


MARKS = {"null": None, "text": "x", "list": [1], "list as name": {"grade_id": ["double"]}, "number": {"grade_id": 7}}


@pytest.mark.parametrize("marks", MARKS.values(), ids=MARKS)
def test_marks_that_nbgrader_never_wrote_mean_nothing(solved, master, marks):
    solved.cells.insert(1, new_code_cell("own = 1", metadata={"nbgrader": json.loads(json.dumps(marks))}))
    restored, notes = restore(solved, master)
    assert notes == []
    assert names(restored) == [None, None, *GIVEN]
    assert restored.cells[1].source == "own = 1"
