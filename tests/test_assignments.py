"""Every assignment: its solution earns full marks, its release runs and earns none, its tests are built alike."""

import ast
import re
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from conftest import CHECKOUT, shell, solve, wall
from nbgrader.api import Gradebook

NOTEBOOKS = sorted((CHECKOUT / "solutions").glob("*/*.ipynb"))
ASSIGNMENTS = sorted({path.parent.name for path in NOTEBOOKS})


def marks(cell):
    return cell.metadata.get("nbgrader", {})


def is_test(cell):
    return cell.cell_type == "code" and marks(cell).get("grade") and not marks(cell).get("solution")


def is_manual(cell):
    return marks(cell).get("task") or (marks(cell).get("grade") and not is_test(cell))


TESTS = {
    f"{path.parent.name}/{marks(cell)['grade_id']}": cell
    for path in NOTEBOOKS
    for cell in nbformat.read(path, as_version=4).cells
    if is_test(cell)
}


def test_there_is_something_to_audit():
    assert ASSIGNMENTS
    assert {name.partition("/")[0] for name in TESTS} == set(ASSIGNMENTS)


def grade_solution_and_release(assignment, classroom):
    """Grade an assignment's solution and its untouched release; the sources, and what the command did."""
    sources = {}
    for path in (CHECKOUT / "solutions" / assignment).glob("*.ipynb"):
        sources[path.stem] = nbformat.read(path, as_version=4)
        released = nbformat.read(CHECKOUT / "exercises" / assignment / path.name, as_version=4)
        for student, notebook in [("solution", solve(released, sources[path.stem])), ("release", released)]:
            folder = classroom / "submitted" / student / assignment
            folder.mkdir(parents=True, exist_ok=True)
            nbformat.write(notebook, folder / path.name)
    options = ["--no-proof", "--jobs", "1", "--classroom", classroom, *wall()]
    return sources, shell("autograde", "grade", assignment, *options, cwd=CHECKOUT)


@pytest.fixture(scope="module")
def gradings(tmp_path_factory):
    """Two at a time: most of each is one process that starts."""
    with ThreadPoolExecutor(2) as pool:
        classrooms = {assignment: tmp_path_factory.mktemp(assignment) for assignment in ASSIGNMENTS}
        yield {
            name: (folder, pool.submit(grade_solution_and_release, name, folder)) for name, folder in classrooms.items()
        }
        pool.shutdown(cancel_futures=True)  # of assignments that nobody asked for


@pytest.fixture(scope="module", params=ASSIGNMENTS)
def graded(request, gradings):
    """An assignment's sources, and its classroom after its solution and its untouched release were graded."""
    classroom, grading = gradings[request.param]
    sources, done = grading.result()
    assert done.returncode == 0, done.stdout
    return request.param, sources, classroom, done.stdout


def scores(assignment, classroom, student):
    """For each graded cell that a test marks: what it earned and the most it can earn."""
    with Gradebook(f"sqlite:///{classroom / 'gradebook.db'}", "cnn-course") as gradebook:
        submission = gradebook.find_submission(assignment, student)
        return {
            grade.name: (grade.auto_score, grade.max_score)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def test_the_solution_earns_full_marks(graded):
    assignment, sources, classroom, said = graded
    earned = scores(assignment, classroom, "solution")
    cells = [cell for source in sources.values() for cell in source.cells if marks(cell).get("grade")]
    assert earned.keys() == {marks(cell)["grade_id"] for cell in cells}
    for cell in cells:
        expected = None if is_manual(cell) else marks(cell)["points"]
        assert earned[marks(cell)["grade_id"]] == (expected, marks(cell)["points"]), said


def test_the_untouched_release_earns_nothing(graded):
    assignment, _, classroom, _ = graded
    assert {earned for earned, _ in scores(assignment, classroom, "release").values()} == {0}


@pytest.mark.parametrize("student", ["solution", "release"])
def test_every_cell_runs_without_an_error(graded, student):
    assignment, sources, classroom, _ = graded
    for name in sources:
        notebook = nbformat.read(classroom / "autograded" / student / assignment / f"{name}.ipynb", as_version=4)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert any(cell.outputs for cell in code), "nothing was run"
        for cell in code:
            errors = [output.evalue for output in cell.outputs if output.output_type == "error"]
            assert not errors, cell.source


def test_the_points_are_stated_at_the_top(graded):
    assignment, sources, _, _ = graded
    total = sum(marks(cell).get("points", 0) for source in sources.values() for cell in source.cells)
    first = next(iter(sources.values())).cells[0]
    assert first.cell_type == "markdown"
    assert re.search(rf"\b{total:g}\s+points\b", first.source), f"{assignment} is worth {total:g} points"


def test_grade_ids_are_those_of_the_release(graded):
    assignment, sources, _, _ = graded
    for name, source in sources.items():
        released = nbformat.read(CHECKOUT / "exercises" / assignment / f"{name}.ipynb", as_version=4)
        ids = [marks(cell)["grade_id"] for cell in source.cells if marks(cell)]
        assert ids == [marks(cell)["grade_id"] for cell in released.cells if marks(cell)]
        assert len(set(ids)) == len(ids)


def calls(node, name):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


@pytest.mark.parametrize("name", TESTS)
def test_a_test_looks_at_the_students_work_through_observe(name):
    functions = [node for node in ast.walk(ast.parse(TESTS[name].source)) if isinstance(node, ast.FunctionDef)]
    decorators = [ast.unparse(decorator) for function in functions for decorator in function.decorator_list]
    assert "observe" in decorators


@pytest.mark.parametrize("name", TESTS)
def test_a_test_ends_with_its_total(name):
    last = ast.parse(TESTS[name].source).body[-1]
    assert isinstance(last, ast.Expr)
    assert calls(last.value, "total")


@pytest.mark.parametrize("name", TESTS)
def test_the_parts_of_a_test_are_worth_its_points(name):
    tree = ast.parse(TESTS[name].source)
    blocks = [item.context_expr for node in tree.body if isinstance(node, ast.With) for item in node.items]
    parts = [block for block in blocks if calls(block, "part")]
    everywhere = [node for node in ast.walk(tree) if calls(node, "part")]
    assert len(parts) == len(everywhere), "a part inside a loop or a branch counts another number of times"
    points = [ast.literal_eval(option.value) for part in parts for option in part.keywords if option.arg == "points"]
    assert len(points) == len(parts)
    assert sum(points) == marks(TESTS[name])["points"]


@pytest.mark.parametrize("name", TESTS)
def test_every_part_has_a_name_of_its_own(name):
    tree = ast.parse(TESTS[name].source)
    names = [ast.literal_eval(node.args[0]) for node in ast.walk(tree) if calls(node, "part")]
    assert len(set(names)) == len(names)


def test_right_answers_pass_and_wrong_ones_fail():
    """A part of the audit, the same part every time; all of it takes `autograde audit`.

    The capstone trains a network in each trial, which is too long for here.
    """
    short = [name for name in ASSIGNMENTS if name != "11_capstone"]
    options = ["--seeds", "1", "--sample", "1", "--by-hand", "1", "--jobs", "1", *wall()]
    with ThreadPoolExecutor(2) as pool:
        halves = [short[::2], short[1::2]]
        audits = list(pool.map(lambda half: shell("autograde", "audit", *half, *options, cwd=CHECKOUT), halves))
    for half, done in zip(halves, audits, strict=True):
        assert done.returncode == 0, done.stdout
        assert all(name in done.stdout for name in half)
