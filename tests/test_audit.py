"""The audit finds what is wrong with an assignment's tests: each fault below is put into a small course and found."""

import json
import re

import nbformat
import pytest
from conftest import CHECKOUT, autograde, cell_of, wall
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.preprocessors import ClearSolutions

from autograde.audit.answers import AnswersError, read_answers
from autograde.audit.checks import differences, leaks
from autograde.audit.mutants import mutants, solution_lines
from autograde.audit.variants import ALL, with_other_names

STUB = ClearSolutions().code_stub["python"]


def changes(source, lines=None):
    return [(one.before, one.after) for one in mutants("cell", source, lines or solution_lines(source))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a + b", ("a + b", "(a - b)")),
        ("a @ b", ("a @ b", "(b @ a)")),
        ("if n < 3: f()", ("n < 3", "(n <= 3)")),
        ("while a and b: f()", ("a and b", "(a or b)")),
        ("x.sum(axis=1)", ("axis=1", "axis=0")),
        ("x[i:j]", ("i:j", "i:j + 1")),
        ("x[::-1]", ("::-1", ":")),
        ("x[i, j]", ("x[i, j]", "x[j, i]")),
        ("return (h, w)", ("(h, w)", "(w, h)")),
        ("for i in range(n): f()", ("range(n)", "range(n - 1)")),
        ("y = x.argmax()", ("x.argmax", "x.argmin")),
        ("y = max(x)", ("max", "min")),
        ("f(x, mode='valid')", ("'valid'", "'same'")),
        ("f(x, bias=False)", ("False", "True")),
        ("f(x, bias=False)", ("f(x, bias=False)", "f(x)")),
        ("f(a, b)", ("f(a, b)", "f(b, a)")),
        ("y = relu(x)", ("relu(x)", "(x)")),
        ("y = x.T", ("x.T", "x")),
        ("total += x", ("total += x", "total = x")),
        ("optimizer.zero_grad()", ("optimizer.zero_grad()", "pass")),
        ("y = -x", ("-x", "(x)")),
        ("k = 3", ("3", "2")),
    ],
)
def test_a_slip_of_the_pen_is_among_the_mutants(source, expected):
    assert expected in changes(source)


def test_a_mutant_is_the_cell_with_one_change_in_its_place():
    source = 'def f(größe):\n    s = "ä"; return größe + 1  # é'
    (plus,) = [one for one in mutants("f", source, {2}) if one.before == "größe + 1"]
    assert plus.source == 'def f(größe):\n    s = "ä"; return (größe - 1)  # é'
    assert str(plus) == "f, line 2: größe + 1 → (größe - 1)"


def test_what_no_test_can_see_is_left_alone():
    source = 'def f(x: Tensor[1]) -> list[2]:\n    """Add 3."""\n    raise ValueError(f"{x + 1} is wrong")'
    assert changes(source) == [(source.splitlines()[-1].strip(), "pass")]


def test_only_what_the_student_writes_is_changed():
    source = "a = 1\n### BEGIN SOLUTION\nb = 2\n### END SOLUTION\nc = 3\n### BEGIN SOLUTION\nd = 4\n### END SOLUTION"
    assert {before for before, _ in changes(source)} == {"2", "4"}
    assert changes("%matplotlib inline") == []


def test_every_mutant_is_python_and_another_program():
    source = "def f(x, n=2):\n    if x[0] > n and n:\n        x[1:] += [i * -i for i in range(n)]\n    return x, n"
    sources = [one.source for one in mutants("f", source, solution_lines(source))]
    assert len(set(sources)) == len(sources) > 10
    for text in sources:
        compile(text, "mutant", "exec")
        assert text != source


def test_variants_give_the_same_results():
    source = "def f(x):\n    total = 0\n    for part in x:\n        total += part\n    return total"
    notebook = new_notebook(cells=[new_code_cell(source, metadata={"nbgrader": {"solution": True, "grade_id": "f"}})])
    assert "my_total += my_part" in with_other_names(notebook).cells[0].source
    for change in ALL.values():
        names = {}
        exec(change(notebook).cells[0].source, names)
        assert names["f"]([1, 2, 3]) == 6
    assert notebook.cells[0].source == source


def test_answers_are_read_with_what_they_need(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "# %% wrong [f] too small\n# tells: too small\nx = 1\n\n# %% and [g]\ny = 2\n"
        "# %% right [g] by hand\ny = 3\n# %% equivalent [f] never read\n# 1 → 2\n# 1 → 0\n"
        "# %% open [g] many are right\n"
    )
    answers = read_answers(path, {"f", "g"})
    (wrong,), (right,) = answers.wrong, answers.right
    assert (wrong.title, wrong.tells, wrong.cells) == ("too small", "too small", {"f": "x = 1", "g": "y = 2"})
    assert (right.title, right.cells) == ("by hand", {"g": "y = 3"})
    assert [(one.cell, one.before, one.after) for one in answers.equivalent] == [("f", "1", "2"), ("f", "1", "0")]
    assert answers.open == {"g": "many are right"}
    assert read_answers(tmp_path / "none.py", {"f"}).wrong == []


def test_what_the_documentation_shows_can_be_read(tmp_path):
    lines = (CHECKOUT / "docs" / "audit.md").read_text(encoding="utf-8").splitlines()
    path = tmp_path / "shown.py"
    path.write_text("\n".join(line[4:] for line in lines if line.startswith("    ") or not line))
    answers = read_answers(path, {"convolve", "correlate", "pad"})
    assert [answer.tells for answer in answers.wrong] == ["the kernel was not flipped", "returns a list"]
    assert [answer.title for answer in answers.right] == ["one product, by einsum"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# %% wong [f] x\n", r"a.py, line 1: write"),
        ("# %% wrong f\n", r"a.py, line 1: write"),
        ("\n# %% wrong [h] x\n# tells: y\n", r"a.py, line 2: no cell 'h' to fill in; there are f, g"),
        ("# %% wrong [f] x\ny = 1\n", r"add `# tells"),
        ("# %% wrong [f]\n# tells: y\n", r"say after the brackets"),
        ("# %% and [f]\ny = 1\n", r"follows no"),
        ("# %% equivalent [f] x\n# 1 to 2\n", r"repeat the change"),
    ],
)
def test_an_answer_that_cannot_be_used_is_told_with_its_place(tmp_path, text, message):
    (tmp_path / "a.py").write_text(text)
    with pytest.raises(AnswersError, match=message):
        read_answers(tmp_path / "a.py", {"f", "g"})


@pytest.fixture
def pair(course):
    """Source and release of the small course, to be changed."""
    return nbformat.read(course.source, as_version=4), course.released()


def test_a_release_as_generated_has_no_differences_and_no_leaks(pair):
    assert list(differences(*pair, STUB)) == []
    assert list(leaks(*pair)) == []


def test_a_release_that_differs_outside_its_blanks_is_found(pair):
    source, release = pair
    cell_of(release, "double").source += "\nprint(1)"
    cell_of(release, "setup").source = "import os"
    assert [text.split()[1] for text in differences(source, release, STUB)] == ["setup", "double"]
    release.cells.pop()
    assert "cells" in next(iter(differences(source, release, STUB)))


def test_a_secret_in_the_release_is_found_wherever_it_stands(pair):
    source, release = pair
    secret = "assert np.array_equal(doubled(np.array([-7])), [-14])"
    release.metadata["note"] = f'{secret}, "-7 should become -14"'
    assert any(secret in text for text in leaks(source, release))
    cell_of(source, "test-double").source = cell_of(source, "test-double").source.replace("-14]", "-14.25125]")
    release.metadata["note"] = "14.25125"
    assert any("the number 14.25125" in text for text in leaks(source, release))


def run(course, *options):
    return autograde("audit", "--course", course.root, *wall(), *options)


def edit(course, name, old, new):
    source = nbformat.read(course.source, as_version=4)
    cell = cell_of(source, name)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    nbformat.write(source, course.source)


def write_answers(course, text):
    path = course.root / "tests" / "audit" / "tiny.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_good_tests_pass_the_audit(course):
    write_answers(
        course,
        "# %% wrong [double] squared\n# tells: -1.5 should become -3\ndef double(numbers):\n    return numbers**2\n"
        "# %% right [double] added\ndef double(numbers):\n    return numbers + numbers\n",
    )
    result = run(course, "--messages")
    assert result.exit_code == 0, result.output
    assert "remark: judged beside the student's code, without observe: test-stock" in result.output
    assert re.search(r"^ tiny +0 +\d+ +1 +(\d+)/\1 +100\.0% +0 +\d+ s *$", result.output, re.MULTILINE), result.output
    assert "tiny, squared" in result.output
    assert "✗ negative numbers: 0 of 2 points" in result.output


def test_weak_tests_let_mutants_through_and_each_is_shown(course):
    edit(course, "test-double", "[2, 4]", "doubled(np.array([1, 2]))")
    edit(course, "test-double", "[-3.0]", "doubled(np.array([-1.5]))")
    edit(course, "test-double", "[-14]", "doubled(np.array([-7]))")
    edit(course, "test-stock", "double(3) == 6", "double(3)")
    result = run(course)
    assert result.exit_code == 1, result.output
    assert "tiny, passes all tests: double, line 4: 2 → 3" in result.output


def test_a_mutant_that_leaves_something_behind_condemns_no_other(course):
    kept = "np.scale = getattr(np, 'scale', 2)\n    unseen = 5\n    return np.scale * numbers"
    edit(course, "double", "return 2 * numbers", kept)
    result = run(course, "--seeds", "1").output
    assert "passes all tests: double, line 5: 5 → 6" in result
    assert "passes all tests: double, line 4: 2 → 3" not in result


def test_a_test_that_needs_one_before_it_condemns_no_mutant(course):
    edit(course, "test-double", "@observe", "ELEVEN = 11.0\n\n\n@observe")
    edit(course, "test-shift", "[11.0]", "[ELEVEN]")
    edit(course, "shift", "return numbers", "unseen = 5\n    return numbers")
    result = run(course, "--seeds", "1").output
    assert "passes all tests: shift, line 4: 5 → 6" in result


def test_a_wrong_answer_with_full_marks_and_a_right_one_without_are_problems(course):
    edit(course, "test-double", "assert np.array_equal(doubled(np.array([-1.5])), [-3.0])", "assert True")
    write_answers(
        course,
        "# %% wrong [double] only what is shown\n# tells: anything\n"
        "def double(numbers):\n    return np.array({1: [2, 4]}.get(int(np.ravel(numbers)[0]), 2 * numbers))\n"
        "# %% right [double] as text\ndef double(numbers):\n    return 'twice'\n",
    )
    result = run(course, "--sample", "0")
    assert result.exit_code == 1
    assert "Wrong, and full marks: only what is shown" in result.output
    assert "Right, and not full marks (as text)" in result.output


def test_a_message_that_does_not_name_the_mistake_is_a_problem(course):
    write_answers(course, "# %% wrong [double] halved\n# tells: halved\ndef double(n):\n    return n / 2\n")
    result = run(course, "--sample", "0")
    assert result.exit_code == 1
    assert "halved: no test says 'halved', but: test-double" in result.output


def test_a_verdict_that_changes_with_the_seed_is_a_problem(course):
    write_answers(
        course,
        "# %% wrong [shift] lucky\n# tells: should become 11\n"
        "def shift(numbers):\n    return numbers + 10 - np.random.randint(2)\n",
    )
    result = run(course, "--sample", "0")
    assert result.exit_code == 1
    assert "wrong: lucky: seed: The test in cell" in result.output


def test_the_header_and_footer_of_a_course_are_no_difference(course):
    with (course.root / "nbgrader_config.py").open("a") as config:
        for place in ("header", "footer"):
            nbformat.write(new_notebook(cells=[new_code_cell(f"{place} = 0")]), course.root / f"{place}.ipynb")
            config.write(f"\nc.IncludeHeaderFooter.{place} = '{place}.ipynb'\n")
    edit(course, "shift", "return numbers", "return header + numbers")
    result = run(course, "--sample", "0", "--seeds", "1")
    assert result.exit_code == 0, result.output


def test_a_release_that_earns_points_or_stops_is_a_problem(course):
    edit(course, "test-stock", "assert double(3) == 6", "1")
    edit(course, "shift", "### END SOLUTION", "### END SOLUTION\n\nshift(np.ones(1))")
    result = run(course, "--sample", "0")
    assert result.exit_code == 1
    assert "The untouched release: test-stock gives 1 points for nothing" in result.output
    assert "The untouched release: cell shift stops with NotImplementedError" in result.output


def test_a_solution_without_full_marks_is_a_problem_in_both_places(course):
    edit(course, "double", "2 * numbers", "3 * numbers")
    result = run(course, "--sample", "0")
    assert result.exit_code == 1
    assert "The solution: test-double gives 0 of 3" in result.output
    assert "The solution in a student's kernel: test-double gives 0 of 3" in result.output


def test_a_listed_equivalent_that_no_longer_exists_is_a_problem(course):
    write_answers(course, "# %% equivalent [double] for some reason\n# 5 → 6\n")
    result = run(course, "--sample", "0")
    assert "No mutant double: 5 → 6, which is listed as equivalent" in result.output
    assert result.exit_code == 1


def test_an_open_cell_is_not_mutated(course):
    everything = run(course, "--seeds", "1").output
    write_answers(course, "# %% open [double] any number will do\n")
    result = run(course, "--seeds", "1").output
    assert "double is not mutated: any number will do" in result
    tried = [int(re.search(r" \d+/(\d+) ", output)[1]) for output in (everything, result)]
    assert 0 < tried[1] < tried[0]


def test_what_cannot_be_audited_is_told_in_a_sentence(course):
    assert run(course, "nothing").exit_code == 2
    write_answers(course, "# %% wrong [title] x\n# tells: y\n")
    result = run(course)
    assert result.exit_code == 2
    assert "no cell 'title' to fill in" in result.output
    assert json.loads(course.source.read_text())["cells"]
