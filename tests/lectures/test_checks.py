"""The checks that stand beside lectures: read from a file, run in the lecture's kernel, and able to fail it.

What runs here is a real notebook in a checkout of its own, executed by pytest and nbval as `make test` does.
"""

import lecture_checks
import nbformat
import pytest
from lecture_checks import CheckError
from lecture_rules import Lecture
from lecture_runs import constants, execute, printed, with_constant
from nbclient.exceptions import CellExecutionError
from test_lectures import nbval, with_our_conftest

CHECKS = '''"""Checks of a lecture about two."""

import math

# %% count
assert two == 2

# %% draws
two = 3
assert math.isclose(drawn, numpy.random.RandomState(0).rand())
numpy.random.rand(5)

# %% more
assert two == 2, "the check of draws left its name on the page"
assert again == numpy.random.RandomState(0).rand(2)[1], "the check of draws drew from the page's generator"

# %% last
assert two == len(
    "three"
), "two is " + str(two)
'''
CELLS = {
    "count": "import numpy\ntwo = 2\nprint(two)",
    "draws": "numpy.random.seed(0)\ndrawn = numpy.random.rand()",
    "more": "again = numpy.random.rand()",
    "last": "two",
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    root = tmp_path_factory.mktemp("checkout")
    with_our_conftest(root)
    (root / "lectures" / "cnnlab").mkdir(parents=True)
    folder = root / "tests" / "lectures" / "checks"
    folder.mkdir(parents=True)
    (folder / "01_two.py").write_text(CHECKS)
    outputs = {
        "count": [nbformat.v4.new_output("stream", name="stdout", text="2\n")],
        "last": [nbformat.v4.new_output("execute_result", {"text/plain": "2"})],
    }
    cells = [
        nbformat.v4.new_code_cell(source, id=name, outputs=outputs.get(name, []), execution_count=number)
        for number, (name, source) in enumerate(CELLS.items(), 1)
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), root / "lectures" / "01_two.ipynb")
    return root


@pytest.fixture(scope="module")
def said(checkout) -> str:
    return nbval(checkout)


def test_checks_run_in_the_kernel_and_leave_the_page_as_it_was(said):
    for number, name in enumerate(list(CELLS)[:3]):
        assert f"PASSED lectures/01_two.ipynb::Cell {number}" in said, f"{name}: {said}"


def test_a_check_that_fails_fails_its_cell_and_says_where(said):
    assert "FAILED lectures/01_two.ipynb::Cell 3" in said, said
    assert "the check of cell last" in said
    assert "two is 2" in said
    line = 1 + CHECKS[: CHECKS.index("assert two == len(")].count("\n")
    assert f"01_two.py:{line}" in said or f"line {line}" in said, said


def test_a_section_twice_is_told(tmp_path):
    path = tmp_path / "01_two.py"
    path.write_text("# %% a\nassert x\n# %% a\nassert y\n")
    with pytest.raises(CheckError, match=r"01_two\.py: the section a stands there twice"):
        lecture_checks.read(path)
    assert lecture_checks.read(tmp_path / "02_none.py") == {}


def test_a_lecture_is_executed_with_its_checks_or_without(checkout):
    lecture = Lecture(checkout / "lectures" / "01_two.ipynb")
    assert len(lecture.checks) == 4
    assert printed(execute(lecture.notebook, lecture)) == "2\n"
    with pytest.raises(CellExecutionError, match="two is 2"):
        execute(lecture.notebook, lecture, checks=lecture.checks)


def test_a_constant_is_changed_and_nothing_else(tmp_path):
    first = 'SEED = 0  # größer\nEPOCHS, RATES = 2, (\n    0.1,\n    0.2,\n)\nDEVICE = best()\nNAME = "a"'
    path = tmp_path / "01_two.ipynb"
    cell = nbformat.v4.new_code_cell(first, id="setup")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    lecture = Lecture(path)
    assert constants(lecture) == {"SEED": 0, "EPOCHS": 2, "RATES": (0.1, 0.2), "NAME": "a"}
    changed = with_constant(lecture, "RATES", (0.3,)).cells[0].source
    assert changed == 'SEED = 0  # größer\nEPOCHS, RATES = 2, (0.3,)\nDEVICE = best()\nNAME = "a"'
    assert with_constant(lecture, "SEED", 7).cells[0].source == first.replace("SEED = 0", "SEED = 7")
    assert lecture.code[0].source == first
    with pytest.raises(KeyError, match="sets no DEVICE"):
        with_constant(lecture, "DEVICE", 1)
