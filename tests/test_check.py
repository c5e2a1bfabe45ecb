"""What a student reads who checks a notebook before handing it in."""

import json

import nbformat
import pytest
from conftest import autograde, cell_of
from nbformat.v4 import new_code_cell, new_notebook


@pytest.fixture
def notebook(course):
    return course.solved()


@pytest.fixture
def check(tmp_path, template):
    """Check a notebook in a folder of its own; return the exit code and what was said."""
    folder = tmp_path / "my work"
    folder.mkdir()
    (folder / "offset.txt").write_text("10")

    def run(notebook, *options):
        path = folder / "tiny.ipynb"
        nbformat.write(notebook, path)
        before = path.read_bytes()
        result = autograde("check", path, *options)
        assert path.read_bytes() == before, "checking must not change the notebook"
        assert {one.name for one in folder.iterdir()} == {"tiny.ipynb", "offset.txt"}
        assert "Traceback" not in result.output
        return result.exit_code, result.output

    return run


def answer(notebook, name, body):
    cell = cell_of(notebook, name)
    cell.source = cell.source.splitlines()[0] + "\n" + "\n".join(f"    {line}" for line in body.splitlines())


def test_an_untouched_notebook_fails_and_the_first_step_is_told(check, template):
    code, said = check(template.released())
    assert code == 1
    assert (
        "✗ test-double  0 of 3\n    ✗ whole numbers: 0 of 1 point\n        Not done yet: `double` has no code yet.\n"
        in said
    )
    assert "✗ test-shift  0 of 2" in said
    assert "✗ test-stock  0 of 1\n    NotImplementedError" in said
    assert "✗ words  not answered yet" in said
    assert "0 of 6 points from the tests you can see." in said
    assert "What to do: go to the first ! or ✗" in said


def test_a_solution_passes(check, notebook):
    code, said = check(notebook)
    assert code == 0
    for line in ("✓ test-double  3 of 3", "✓ test-shift  2 of 2", "✓ test-stock  1 of 1", "6 of 6 points"):
        assert line in said
    assert "Everything passes." in said
    assert "✗" not in said


def test_a_wrong_answer_is_told_what_is_wrong_and_counted_in_part(check, notebook):
    answer(notebook, "double", "return abs(2 * numbers)")
    code, said = check(notebook)
    assert code == 1
    assert "✗ test-double  1 of 3" in said
    assert "    ✗ negative numbers: 0 of 2 points\n        -1.5 should become -3\n" in said
    assert "✓ test-shift" in said
    assert "4 of 6 points" in said


def test_an_assert_in_the_students_own_code_is_told_as_such(check, notebook):
    answer(notebook, "double", "assert numbers.ndim == 2\nreturn 2 * numbers")
    _, said = check(notebook)
    assert "raise error from None" not in said, "a line of the harness means nothing to a student"
    assert "numbers.ndim == 2" in said


def test_a_cell_that_will_be_put_back_is_named(check, notebook):
    cell_of(notebook, "test-double").source = "total()"
    answer(notebook, "double", "return 0")
    code, said = check(notebook)
    assert code == 1
    assert "! test-double  was edited; it will be put back before grading" in said
    assert "test-shift  was edited" not in said


def test_a_question_without_an_answer_is_not_complete(check, notebook, template):
    cell_of(notebook, "words").source = cell_of(template.released(), "words").source
    code, said = check(notebook)
    assert code == 1
    assert "✗ words  not answered yet" in said
    assert "6 of 6 points" in said
    assert "Everything passes" not in said
    assert "raise NotImplementedError()" not in said, "no code is missing"


def test_an_endless_loop_is_stopped_and_the_rest_still_checked(check, notebook):
    answer(notebook, "shift", "import time\nwhile True:\n    time.sleep(0.1)")
    code, said = check(notebook, "--cell-seconds", "2")
    assert code == 1
    assert "Cell [5] (test-shift) ran longer than 2 s and was interrupted." in said
    assert "✗ test-shift  0 of 2" in said
    assert "✓ test-double  3 of 3" in said
    assert "✓ test-stock  1 of 1" in said


def test_an_interpreter_that_ends_is_told_and_what_came_before_stands(check, notebook):
    answer(notebook, "shift", "import os\nos._exit(3)")
    code, said = check(notebook)
    assert code == 1
    assert "The interpreter ended in cell [5] (test-shift); nothing after it was run." in said
    assert "✓ test-double  3 of 3" in said
    assert "✗ test-stock  0 of 1" in said


def test_an_interpreter_that_ends_after_the_last_test_is_not_complete(check, notebook):
    notebook.cells.append(new_code_cell("import os\nos._exit(3)"))
    code, said = check(notebook)
    assert "The interpreter ended in cell [7]" in said
    assert code == 1


def refused(path):
    result = autograde("check", path)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    return result.output


def test_a_missing_file_is_refused(tmp_path):
    assert "tiny.ipynb cannot be read: No such file or directory." in refused(tmp_path / "tiny.ipynb")


def test_a_broken_file_is_refused(tmp_path, template):
    path = tmp_path / "tiny.ipynb"
    path.write_bytes(template.release.read_bytes()[:300])
    said = refused(path)
    assert "tiny.ipynb is not a Jupyter notebook (" in said
    assert "Open it in JupyterLab and save it again." in said


@pytest.mark.parametrize("cells", [[], [new_code_cell("1 + 1")]], ids=["none", "no test"])
def test_a_notebook_without_tests_is_refused(tmp_path, cells):
    path = tmp_path / "tiny.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    said = refused(path)
    assert "tiny.ipynb has no test cells." in said
    assert "take a fresh copy" in said


def test_marks_that_nbgrader_never_wrote_are_no_reason_to_stop(tmp_path):
    path = tmp_path / "tiny.ipynb"
    path.write_text(json.dumps(new_notebook(cells=[new_code_cell("1", metadata={"nbgrader": None})])))
    assert "tiny.ipynb has no test cells." in refused(path)


def test_one_unreadable_notebook_of_several_does_not_hide_the_others(tmp_path, template):
    solved = tmp_path / "tiny.ipynb"
    nbformat.write(template.solved(), solved)
    (tmp_path / "offset.txt").write_text("10")
    result = autograde("check", tmp_path / "gone.ipynb", solved)
    assert result.exit_code == 2
    assert "gone.ipynb cannot be read" in result.output
    assert "6 of 6 points" in result.output
