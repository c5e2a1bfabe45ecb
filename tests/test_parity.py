"""What stock nbgrader gives, we give: the notebooks that nbgrader's own wheel ships, graded by both.

STOCK is what `nbgrader autograde` gave to each of them. AUTOGRADE_STOCK=1 runs it anew, which takes minutes, and
compares, so that the record can be trusted.
"""

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat
import pytest
from conftest import shell
from nbgrader.api import Gradebook

from autograde.course import Course, find_course
from autograde.engine.processes import WarmParent
from autograde.engine.sandbox import NoSandboxError, Sandbox, choose_sandbox
from autograde.grade import grade
from autograde.limits import Limits
from autograde.release import generate_release
from autograde.runs import ThisMachine, Way

RECORDED_WITH = "0.9.6"
NBGRADER = Path(importlib.util.find_spec("nbgrader").submodule_search_locations[0])
APPS = NBGRADER / "tests" / "apps" / "files"
STEPS = NBGRADER / "tests" / "preprocessors" / "files"
BROWSER = NBGRADER / "tests" / "ui-tests" / "files"
GUIDE = NBGRADER / "docs" / "source" / "user_guide"

pytestmark = [
    pytest.mark.skipif(version("nbgrader") != RECORDED_WITH, reason=f"recorded with nbgrader {RECORDED_WITH}"),
    pytest.mark.skipif(
        not all(folder.is_dir() for folder in (APPS, STEPS, BROWSER, GUIDE)),
        reason="this nbgrader ships without the notebooks of its tests and its guide",
    ),
]

# Assignment, student, notebook, points, and each cell; "?" waits for a person. "none": nbgrader broke off, the student
# has no score. "unknown": it was not tried, nbgrader's own test of this notebook is skipped for its memory.
STOCK = """
submitted unchanged p1 1/7 bar 0/1, baz 0/2, foo 1/1, quux 0/3
submitted changed p1 2/7 bar 1/1, baz ?/2, foo 1/1, quux ?/3
submitted cheat p1 1/7 bar 0/1, baz ?/2, foo 1/1, quux ?/3
submitted cheat-alternative p1 1/7 bar 0/1, baz ?/2, foo 1/1, quux ?/3
submitted grade-cell-changed p1 1/7 bar 0/1, baz 0/2, foo 1/1, quux 0/3
submitted locked-cell-changed p1 1/7 bar 0/1, baz 0/2, foo 1/1, quux 0/3
submitted answer-type-changed p1 none
submitted grade-type-changed p1 none
submitted invalid p1 none
two first-only p1 2/7 bar 1/1, baz ?/2, foo 1/1, quux ?/3
two first-only p2 0/7 bar 0/1, baz 0/2, foo 0/1, quux 0/3
autotest unchanged hashed 0/1 test_hashed 0/1
autotest unchanged hidden 0/1 test_hidden 0/1
autotest unchanged multi 0/4 cell-13479eb0e5fff152 0/1, cell-693350420ec62f1b 0/1, cell-f2803ba7c42d03ab 0/1,
    test_multi 0/1
autotest unchanged simple 0/1 test_simple 0/1
autotest changed hashed 1/1 test_hashed 1/1
autotest changed hidden 1/1 test_hidden 1/1
autotest changed multi 3/4 cell-13479eb0e5fff152 1/1, cell-693350420ec62f1b 0/1, cell-f2803ba7c42d03ab 1/1,
    test_multi 1/1
autotest changed simple 1/1 test_simple 1/1
autotest wrong hashed 0/1 test_hashed 0/1
autotest wrong hidden 0/1 test_hidden 0/1
autotest wrong multi 0/4 cell-13479eb0e5fff152 0/1, cell-693350420ec62f1b 0/1, cell-f2803ba7c42d03ab 0/1,
    test_multi 0/1
autotest wrong simple 0/1 test_simple 0/1
hidden released p1 1.5/3 correct_squares 0/1, correct_sum_of_squares 0/0.5, squares_invalid_input 1/1,
    sum_of_squares_uses_squares 0.5/0.5
squares solution p1 3/6 correct_squares 1/1, correct_sum_of_squares 0.5/0.5, squares_invalid_input 1/1,
    sum_of_squares_application ?/2, sum_of_squares_equation ?/1, sum_of_squares_uses_squares 0.5/0.5
squares with-output p1 3/6 correct_squares 1/1, correct_sum_of_squares 0.5/0.5, squares_invalid_input 1/1,
    sum_of_squares_application ?/2, sum_of_squares_equation ?/1, sum_of_squares_uses_squares 0.5/0.5
squares released p1 0/6 correct_squares 0/1, correct_sum_of_squares 0/0.5, squares_invalid_input 0/1,
    sum_of_squares_application 0/2, sum_of_squares_equation 0/1, sum_of_squares_uses_squares 0/0.5
squares schema-0 p1 none
squares schema-1 p1 none
squares schema-2 p1 none
squares schema-10 p1 none
squares no-metadata p1 0/6 correct_squares ?/1, correct_sum_of_squares ?/0.5, squares_invalid_input ?/1,
    sum_of_squares_application ?/2, sum_of_squares_equation ?/1, sum_of_squares_uses_squares ?/0.5
single solution effects 0/0
single solution long 0/0
single solution manual 0/1 foo ?/1
single solution no-points 0/0 correct_squares 0/0
single solution recursion 0/0
single solution relative 10/10 open_file 10/10
single solution task 0/8 correct_squares 0/1, correct_sum_of_squares 0/0.5, squares_invalid_input 0/1,
    sum_of_squares_application ?/2, sum_of_squares_equation ?/1, sum_of_squares_uses_squares 0/0.5, task1 ?/2
single solution variable 0/1 cell-bfbdf1784663b6b6 0/1
single released effects 0/0
single released long 0/0
single released manual 0/1 foo 0/1
single released no-points 0/0 correct_squares 0/0
single released recursion 0/0
single released relative 10/10 open_file 10/10
single released task 0/8 correct_squares 0/1, correct_sum_of_squares 0/0.5, squares_invalid_input 0/1,
    sum_of_squares_application 0/2, sum_of_squares_equation 0/1, sum_of_squares_uses_squares 0/0.5, task1 ?/2
single released variable 0/1 cell-bfbdf1784663b6b6 0/1
ways released p1 24.5/44 await 2/2, command 2/2, exit 0/2, group 0/2, half 0.5/2, half-character 2/2, helper 2/2,
    history 0/2, interrupt 0/2, made 2/2, magic 0/2, negative 2/2, nothing 0/2, printed 2/2, run 2/2, shown 2/2,
    source 2/2, stderr 0/2, syntax 0/2, warning 0/2, words 2/2, written 2/2
patient solution p1 1/1 correct_squares 1/1
impatient solution p1 0/1 correct_squares 0/1
impatient solution p2 0/0
endless solution p1 unknown
ps1 bitdiddle problem1 1.5/10 cell-938593c4a215c6cc ?/4, correct_squares 0/1, correct_sum_of_squares 0/0.5,
    squares_invalid_input 1/1, sum_of_squares_application 0/2, sum_of_squares_equation ?/1,
    sum_of_squares_uses_squares 0.5/0.5
ps1 bitdiddle problem2 0/3 part-a ?/1, part-b ?/2
ps1 hacker problem1 3/10 cell-938593c4a215c6cc ?/4, correct_squares 1/1, correct_sum_of_squares 0.5/0.5,
    squares_invalid_input 1/1, sum_of_squares_application ?/2, sum_of_squares_equation ?/1,
    sum_of_squares_uses_squares 0.5/0.5
ps1 hacker problem2 0/3 part-a ?/1, part-b ?/2
ps1_autotest solution problem1 3/10 cell-6e9ff83aa5dfaf17 0/0, cell-938593c4a215c6cc ?/4, correct_squares 1/1,
    correct_sum_of_squares 0.5/0.5, squares_invalid_input 1/1, sum_of_squares_application ?/2,
    sum_of_squares_equation ?/1, sum_of_squares_uses_squares 0.5/0.5
ps1_autotest solution problem2 0/3 part-a ?/1, part-b ?/2
ps1_autotest released problem1 0/10 cell-6e9ff83aa5dfaf17 0/0, cell-938593c4a215c6cc ?/4, correct_squares 0/1,
    correct_sum_of_squares 0/0.5, squares_invalid_input 0/1, sum_of_squares_application 0/2,
    sum_of_squares_equation 0/1, sum_of_squares_uses_squares 0/0.5
ps1_autotest released problem2 0/3 part-a 0/1, part-b 0/2
"""

OURS = {
    "A warning on stderr costs nothing; nbgrader takes all points for it.": """
ways released p1 28.5/44 await 2/2, command 2/2, exit 0/2, group 0/2, half 0.5/2, half-character 2/2, helper 2/2,
    history 0/2, interrupt 0/2, made 2/2, magic 0/2, negative 2/2, nothing 0/2, printed 2/2, run 2/2, shown 2/2,
    source 2/2, stderr 2/2, syntax 0/2, warning 2/2, words 2/2, written 2/2
""",
    "Cells that were deleted come back and are run; nbgrader leaves them to a person.": """
squares no-metadata p1 0/6 correct_squares 0/1, correct_sum_of_squares 0/0.5, squares_invalid_input 0/1,
    sum_of_squares_application 0/2, sum_of_squares_equation 0/1, sum_of_squares_uses_squares 0/0.5
""",
    "What makes nbgrader break off is graded, with a reason, and costs no one else their grade.": """
submitted answer-type-changed p1 1/7 bar 0/1, baz 0/2, foo 1/1, quux 0/3
submitted grade-type-changed p1 1/7 bar 0/1, baz 0/2, foo 1/1, quux 0/3
submitted invalid p1 0/7 bar 0/1, baz 0/2, foo 0/1, quux 0/3
squares schema-0 p1 3/6 correct_squares 1/1, correct_sum_of_squares 0.5/0.5, squares_invalid_input 1/1,
    sum_of_squares_application ?/2, sum_of_squares_equation ?/1, sum_of_squares_uses_squares 0.5/0.5
squares schema-1 p1 3/6 correct_squares 1/1, correct_sum_of_squares 0.5/0.5, squares_invalid_input 1/1,
    sum_of_squares_application ?/2, sum_of_squares_equation ?/1, sum_of_squares_uses_squares 0.5/0.5
squares schema-2 p1 3/6 correct_squares 1/1, correct_sum_of_squares 0.5/0.5, squares_invalid_input 1/1,
    sum_of_squares_application ?/2, sum_of_squares_equation ?/1, sum_of_squares_uses_squares 0.5/0.5
squares schema-10 p1 0/6 correct_squares 0/1, correct_sum_of_squares 0/0.5, squares_invalid_input 0/1,
    sum_of_squares_application 0/2, sum_of_squares_equation 0/1, sum_of_squares_uses_squares 0/0.5
""",
    "A notebook without end is stopped and scored like any other.": """
endless solution p1 0/0
""",
}
"""What we give instead, by the reason why."""

WAYS = {
    "half": "0.5",
    "nothing": "0",
    "negative": "-1",
    "words": "'half'",
    "printed": "print(0.5)",
    "shown": "display(0.5)",
    "syntax": "def (",
    "exit": "raise SystemExit",
    "interrupt": "raise KeyboardInterrupt",
    "group": "raise ExceptionGroup('several', [ValueError()])",
    "magic": "%no_such_magic",
    "command": "!echo hello",
    "helper": "from helper import two\nassert two == 2",
    "written": "%%writefile made.py\nthree = 3",
    "run": "%run made.py",
    "made": "from made import three",
    "half-character": "print('\\udce9')",
    "await": "import asyncio\n\nawait asyncio.sleep(0)",
    "history": "assert '!echo hello' in In",
    "source": "import inspect\n\ndef f():\n    return 1\n\nassert 'return 1' in inspect.getsource(f)",
    "warning": "import warnings\n\nwarnings.warn('deprecated')",
    "stderr": "import sys\n\nprint('50 %', file=sys.stderr)",
}
"""Test cells of two points each in which a notebook can pass or fail: nbgrader's own notebooks have few of them."""

Files = dict[str, Path]
"""What goes into a folder: its name there, and where it is."""


@dataclass(frozen=True)
class Assignment:
    """An assignment and what was handed in; a student without files hands in what was released."""

    name: str
    source: Files
    submitted: dict[str, Files]
    settings: str = ""
    seconds: int = 30


def _p1(path: Path) -> Files:
    return {"p1.ipynb": path}


def _autotests(*kinds: str) -> Files:
    return {f"{kind.split('-')[0]}.ipynb": APPS / f"autotest-{kind}.ipynb" for kind in kinds}


def _all_of(folder: Path) -> Files:
    return {path.name: path for path in folder.glob("*") if path.is_file()}


SINGLE = {
    "task.ipynb": STEPS / "test_taskcell.ipynb",
    "manual.ipynb": STEPS / "manually-graded-code-cell.ipynb",
    "relative.ipynb": APPS / "open_relative_file.ipynb",
    "variable.ipynb": APPS / "validating-environment-variable.ipynb",
    "no-points.ipynb": APPS / "validation-zero-points.ipynb",
    "effects.ipynb": APPS / "side-effects.ipynb",
    "long.ipynb": STEPS / "long-output.ipynb",
    "recursion.ipynb": STEPS / "infinite-recursion.ipynb",
}
GUIDE_SETTINGS = "c.IncludeHeaderFooter.header = 'source/header.ipynb'"


def _assignments(ways: Path) -> list[Assignment]:
    return [
        Assignment(
            "submitted",
            _p1(APPS / "submitted-unchanged.ipynb"),
            {
                "unchanged": _p1(APPS / "submitted-unchanged.ipynb"),
                "changed": _p1(APPS / "submitted-changed.ipynb"),
                "cheat": _p1(APPS / "submitted-cheat-attempt.ipynb"),
                "cheat-alternative": _p1(APPS / "submitted-cheat-attempt-alternative.ipynb"),
                "grade-cell-changed": _p1(APPS / "submitted-grade-cell-changed.ipynb"),
                "locked-cell-changed": _p1(APPS / "submitted-locked-cell-changed.ipynb"),
                "answer-type-changed": _p1(BROWSER / "submitted-answer-cell-type-changed.ipynb"),
                "grade-type-changed": _p1(BROWSER / "submitted-grade-cell-type-changed.ipynb"),
                "invalid": _p1(STEPS / "submitted-answer-cell-type-changed.ipynb"),
            },
        ),
        Assignment(
            "two",
            {name: APPS / "submitted-unchanged.ipynb" for name in ("p1.ipynb", "p2.ipynb")},
            {"first-only": _p1(APPS / "submitted-changed.ipynb")},
        ),
        Assignment(
            "autotest",
            _autotests("simple", "hashed", "multi", "hidden"),
            {
                "unchanged": _autotests(*(f"{kind}-unchanged" for kind in ("simple", "hashed", "multi", "hidden"))),
                "changed": _autotests("simple-changed", "hashed-changed", "multi-changed", "hidden-changed-right"),
                "wrong": _autotests("hidden-changed-wrong"),
            },
        ),
        Assignment(
            "hidden",
            _p1(APPS / "test-hidden-tests.ipynb"),
            {"released": {}},
            settings="c.ClearSolutions.code_stub = {'python': '# YOUR CODE HERE'}",
        ),
        Assignment(
            "squares",
            _p1(APPS / "test.ipynb"),
            {
                "solution": _p1(APPS / "test.ipynb"),
                "with-output": _p1(APPS / "test-with-output.ipynb"),
                "released": {},
                "schema-0": _p1(APPS / "test-v0.ipynb"),
                "schema-1": _p1(APPS / "test-v1.ipynb"),
                "schema-2": _p1(APPS / "test-v2.ipynb"),
                "schema-10": _p1(APPS / "too-new.ipynb"),
                "no-metadata": _p1(APPS / "test-no-metadata.ipynb"),
            },
        ),
        Assignment("single", {**SINGLE, "data.txt": APPS / "data.txt"}, {"solution": SINGLE, "released": {}}),
        Assignment("ways", {**_p1(ways), "helper.py": ways.with_name("helper.py")}, {"released": {}}),
        Assignment("patient", _p1(APPS / "timeout.ipynb"), {"solution": _p1(APPS / "timeout.ipynb")}),
        Assignment(
            "impatient",
            {"p1.ipynb": APPS / "timeout.ipynb", "p2.ipynb": APPS / "infinite-loop.ipynb"},
            {"solution": {"p1.ipynb": APPS / "timeout.ipynb", "p2.ipynb": APPS / "infinite-loop.ipynb"}},
            seconds=2,
        ),
        Assignment(
            "endless",
            _p1(APPS / "infinite-loop-with-output.ipynb"),
            {"solution": _p1(APPS / "infinite-loop-with-output.ipynb")},
            seconds=2,
        ),
        Assignment(
            "ps1",
            _all_of(GUIDE / "source" / "ps1"),
            {student: _all_of(GUIDE / "submitted" / student / "ps1") for student in ("bitdiddle", "hacker")},
            GUIDE_SETTINGS,
        ),
        Assignment(
            "ps1_autotest",
            _all_of(GUIDE / "source" / "ps1_autotest"),
            {"solution": _all_of(GUIDE / "source" / "ps1_autotest"), "released": {}},
            GUIDE_SETTINGS,
        ),
    ]


Row = tuple[str, str, str]
"""Assignment, student, notebook."""


def _read(table: str) -> dict[Row, str]:
    rows = [line.split(maxsplit=3) for line in table.replace("\n    ", " ").strip().splitlines()]
    return {(assignment, student, notebook): score for assignment, student, notebook, score in rows}


RECORD = _read(STOCK)
DIFFERENT = {row: score for table in OURS.values() for row, score in _read(table).items()}


def _copy(files: Files, folder: Path) -> None:
    folder.mkdir(parents=True)
    for name, path in files.items():
        shutil.copyfile(path, folder / name)


def _build(root: Path, assignment: Assignment) -> Course:
    """Put the assignment and what was handed in into a course as nbgrader's quickstart lays it out."""
    if not root.exists():
        _copy({"header.ipynb": GUIDE / "source" / "header.ipynb"}, root / "source")
        shutil.copyfile(APPS / "autotests.yml", root / "autotests.yml")
        (root / "nbgrader_config.py").write_text(f"c = get_config()\n{assignment.settings}\n")
    course = find_course(root)
    _copy(assignment.source, course.source(assignment.name))
    for student, files in assignment.submitted.items():
        folder = course.submitted(assignment.name, student)
        _copy(files, folder)
        if not files:
            for name, notebook in generate_release(course, assignment.name).items():
                nbformat.write(notebook, folder / f"{name}.ipynb")
    return course


def _scores(course: Course, assignment: Assignment) -> dict[Row, str]:
    """What the gradebook says, in the form of the record."""
    with Gradebook(course.database, course.directory.course_id) as gradebook:
        names = [notebook.name for notebook in gradebook.find_assignment(assignment.name).notebooks]
        return {
            (assignment.name, student, name): _score(gradebook, assignment.name, student, name)
            if course.autograded(assignment.name, student).is_dir()
            else "none"
            for student in assignment.submitted
            for name in names
        }


def _score(gradebook: Gradebook, assignment: str, student: str, name: str) -> str:
    notebook = gradebook.find_submission_notebook(name, assignment, student)
    cells = [
        f"{grade.name} {'?' if grade.needs_manual_grade else format(grade.auto_score, 'g')}/{grade.max_score:g}"
        for grade in sorted(notebook.grades, key=lambda grade: grade.name)
    ]
    return f"{notebook.score:g}/{notebook.max_score:g} {', '.join(cells)}".strip()


@pytest.fixture(scope="module")
def assignments(tmp_path_factory) -> dict[str, Assignment]:
    folder = tmp_path_factory.mktemp("written")
    (folder / "helper.py").write_text("two = 2\n")
    marks = {"grade": True, "solution": False, "locked": True, "task": False, "schema_version": 3, "points": 2}
    cells = [
        nbformat.v4.new_code_cell(source, id=name, metadata={"nbgrader": {"grade_id": name, **marks}})
        for name, source in WAYS.items()
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / "ways.ipynb")
    return {assignment.name: assignment for assignment in _assignments(folder / "ways.ipynb")}


class StaysOpen(ThisMachine):
    """Its warm parent serves the next run too."""

    def __exit__(self, *_) -> None:
        pass


@pytest.fixture(scope="module")
def ours(assignments, tmp_path_factory) -> Iterator[Callable[[str], dict[Row, str]]]:
    """A function that grades an assignment with the engine, once, and returns its scores."""
    base = tmp_path_factory.mktemp("ours")
    try:
        sandbox = choose_sandbox("namespaces")
    except NoSandboxError:
        sandbox = Sandbox(jailed=False)
    # One warm parent for all, without the scientific stack: nothing here imports it.
    with WarmParent(sandbox) as warm:

        @functools.cache
        def scores(name: str) -> dict[Row, str]:
            assignment = assignments[name]
            course = _build(base / _folder(assignment), assignment)
            limits = Limits(cell_seconds=assignment.seconds, memory_bytes=2**30)
            way = Way(sandbox, limits, jobs=2, threads=1, proof=False)
            graded = grade(course, name, list(assignment.submitted), way, lambda _: None, StaysOpen(warm))
            failed = [one for one in graded if one.score is None]
            assert not failed, "every student gets a score"
            return _scores(course, assignment)

        yield scores


def _folder(assignment: Assignment) -> str:
    """Courses with the same settings share a folder, and so a gradebook."""
    return f"settings-{len(assignment.settings)}"


@pytest.mark.parametrize("row", RECORD, ids="-".join)
def test_a_notebook_gets_what_nbgrader_gives(row, ours):
    assert ours(row[0])[row] == DIFFERENT.get(row, RECORD[row])


def test_the_record_is_complete_and_every_difference_is_one(assignments, ours):
    assert set(RECORD) == {row for name in assignments for row in ours(name)}
    assert [row for row in DIFFERENT if DIFFERENT[row] == RECORD[row]] == []


@pytest.mark.skipif("AUTOGRADE_STOCK" not in os.environ, reason="takes minutes: set AUTOGRADE_STOCK=1")
def test_the_record_is_what_nbgrader_gives(assignments, tmp_path):
    measured = {}
    for assignment in assignments.values():
        course = _build(tmp_path / _folder(assignment), assignment)
        made = shell("nbgrader", "generate_assignment", assignment.name, cwd=course.root)
        assert made.returncode == 0, made.stdout
        for student in assignment.submitted:
            if RECORD.get((assignment.name, student, "p1")) == "unknown":
                measured[assignment.name, student, "p1"] = "unknown"
                continue
            # One student at a time: what nbgrader refuses would end the others' grading too.
            options = (f"--student={student}", f"--Execute.timeout={assignment.seconds}")
            shell("nbgrader", "autograde", assignment.name, *options, cwd=course.root)
        measured = {**_scores(course, assignment), **measured}
    assert measured == RECORD
