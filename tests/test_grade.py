"""One class that holds every kind of submission, graded once: what each got, what each was told, and that nobody's
trouble became somebody else's."""

import copy
import csv
import datetime
import json
import re
import shutil
from dataclasses import dataclass

import nbformat
import pytest
from conftest import Course, autograde, cell_of, shell, wall
from nbformat.v4 import new_code_cell, new_notebook

DUE = datetime.datetime(2026, 1, 31, 12)
LIMIT = '\nc.Limits.assignments = {"tiny": {"cell_seconds": 4}}\n'


@dataclass
class Expected:
    """What a submission must get: points by tests (of 8), answers to mark by hand, what the instructor reads."""

    points: float
    to_mark: int = 1
    reasons: tuple[str, ...] = ()
    lost: bool = False
    """Whether a part of it could not be run."""


FULL = Expected(6)
CLASS: dict[str, Expected] = {}
MAKERS = {}


def member(student, expected):
    """Enter a student in the class; the function makes what is handed in from the course, solved and released."""
    CLASS[student] = expected

    def enter(make):
        MAKERS[student] = make
        return make

    return enter


def answer(notebook, name, body):
    """Replace the body of a function that the student writes."""
    cell = cell_of(notebook, name)
    head = cell.source.splitlines()[0]
    cell.source = head + "\n" + "\n".join(f"    {line}" for line in body.splitlines())


@member("ada", FULL)
def right(course, solved, released):
    course.hand_in("ada", solved)


@member("ben", Expected(4))
def half_right(course, solved, released):
    answer(solved, "double", "return abs(2 * numbers)")
    course.hand_in("ben", solved)


@member("by heart", Expected(4))
def right_for_the_visible_tests_alone(course, solved, released):
    answer(solved, "double", "return 2 * numbers if np.min(numbers) > -2 else numbers")
    course.hand_in("by heart", solved)


@member("untouched", Expected(0, to_mark=0))
def untouched(course, solved, released):
    course.hand_in("untouched", released)


@member("emptied", Expected(2, reasons=("restored: Cell 'test-double' was edited",)))
def wrong_and_the_test_emptied(course, solved, released):
    answer(solved, "double", "return 0")
    cell_of(solved, "test-double").source = ""
    course.hand_in("emptied", solved)


@member("deleted", Expected(6, reasons=("restored: Cell 'test-shift' was deleted",)))
def a_test_deleted(course, solved, released):
    solved.cells.remove(cell_of(solved, "test-shift"))
    course.hand_in("deleted", solved)


@member("twice", Expected(6, reasons=("repeated: Cell 'test-double' occurs more than once",)))
def a_test_twice(course, solved, released):
    solved.cells.append(copy.deepcopy(cell_of(solved, "test-double")))
    course.hand_in("twice", solved)


@member("greedy", Expected(6, reasons=("restored: Cell 'test-double' was marked differently",)))
def points_edited(course, solved, released):
    cell_of(solved, "test-double").metadata.nbgrader.points = 1000
    course.hand_in("greedy", solved)


@member("skipping", Expected(0, to_mark=0))
def every_cell_tagged_to_be_skipped(course, solved, released):
    for cell in released.cells:
        cell.metadata["tags"] = ["skip-execution"]
    course.hand_in("skipping", released)


@member("yes", Expected(3))
def an_object_that_is_equal_to_everything(course, solved, released):
    # The stock test asks in the student's own process and is taken in; what `observe` brings out is refused.
    yes = "class Yes:\n    __eq__ = lambda self, other: True\n    __array__ = None\nreturn Yes()"
    answer(solved, "double", yes)
    course.hand_in("yes", solved)


@member("impostor", Expected(0, to_mark=0, reasons=("shadows: autograde beside the notebook has the name of",)))
def a_test_library_of_ones_own(course, solved, released):
    course.hand_in("impostor", released)
    package = course.submitted("impostor") / "autograde"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "testing.py").write_text(
        "import contextlib\n\ndef observe(function):\n    return function\n\n"
        "@contextlib.contextmanager\ndef part(name, points):\n"
        "    with contextlib.suppress(Exception):\n        yield\n\n"
        "def total():\n    return 99\n"
    )


@member("warned", FULL)
def a_warning(course, solved, released):
    answer(
        solved, "double", "import sys, warnings\nwarnings.warn('slow')\nprint('!', file=sys.stderr)\nreturn 2 * numbers"
    )
    course.hand_in("warned", solved)


@member("crash", Expected(3, reasons=("crashed: The interpreter ended in cell [5] (test-shift)",), lost=True))
def an_interpreter_that_ends(course, solved, released):
    answer(solved, "shift", "import os\nos._exit(0)")
    course.hand_in("crash", solved)


@member(
    "loop",
    Expected(4, reasons=("time limit: Cell [5] (test-shift) ran longer than 4 s and was interrupted",), lost=True),
)
def an_endless_loop(course, solved, released):
    answer(solved, "shift", "import time\nwhile True:\n    time.sleep(0.1)")
    course.hand_in("loop", solved)


@member(
    "deaf",
    Expected(
        3, reasons=("time limit: Cell [5] (test-shift) ran longer than 4 s and ignored the interrupt",), lost=True
    ),
)
def a_loop_that_ignores_the_interrupt(course, solved, released):
    body = "import time\nwhile True:\n    try:\n        time.sleep(9)\n    except KeyboardInterrupt:\n        pass"
    answer(solved, "shift", body)
    course.hand_in("deaf", solved)


@member("corrupt", Expected(0, reasons=("unreadable: tiny.ipynb is not a Jupyter notebook",), lost=True, to_mark=0))
def half_a_file(course, solved, released):
    path = course.hand_in("corrupt", solved)
    path.write_bytes(path.read_bytes()[:500])


@member("empty", Expected(0, reasons=("unreadable: tiny.ipynb is empty",), lost=True, to_mark=0))
def an_empty_file(course, solved, released):
    course.hand_in("empty", solved).write_bytes(b"")


@member("missing", Expected(0, reasons=("missing: tiny.ipynb was not handed in",), lost=True, to_mark=0))
def nothing_in_the_folder(course, solved, released):
    course.submitted("missing")


@member("renamed", Expected(6, reasons=("renamed: tiny (1).ipynb was taken for tiny.ipynb",)))
def another_name(course, solved, released):
    course.hand_in("renamed", solved, "tiny (1).ipynb")


FOUND = "missing: tiny.ipynb was not handed in. The folder holds a.ipynb, b.ipynb"


@member("two", Expected(0, reasons=(FOUND,), lost=True, to_mark=0))
def two_of_other_names(course, solved, released):
    course.hand_in("two", solved, "a.ipynb")
    course.hand_in("two", solved, "b.ipynb")


@member("link", Expected(0, reasons=("unreadable: tiny.ipynb is a link",), lost=True, to_mark=0))
def a_link_to_the_source(course, solved, released):
    (course.submitted("link") / "tiny.ipynb").symlink_to(course.source)


@member("linked folder", Expected(0, reasons=("link: The folder tiny is a link",), lost=True, to_mark=0))
def a_link_to_anothers_folder(course, solved, released):
    folder = course.submitted("linked folder")
    folder.rmdir()
    folder.symlink_to(course.submitted("ada"))


@member("other kernel", Expected(6, reasons=("kernel: The notebook asks for a kernel for 'julia'",)))
def another_language(course, solved, released):
    solved.metadata.kernelspec = {"name": "julia-1.11", "display_name": "Julia", "language": "julia"}
    course.hand_in("other kernel", solved)


@member("own offset", FULL)
def a_given_file_changed(course, solved, released):
    course.hand_in("own offset", solved)
    (course.submitted("own offset") / "offset.txt").write_text("999")


@member("null mark", FULL)
def marks_that_are_null(course, solved, released):
    solved.cells.append(new_code_cell("1", metadata={"nbgrader": None}))
    course.hand_in("null mark", solved)


@member("list mark", FULL)
def marks_with_a_list_for_a_name(course, solved, released):
    solved.cells.append(new_code_cell("1", metadata={"nbgrader": {"grade_id": ["double"]}}))
    course.hand_in("list mark", solved)


@member("surrogate", FULL)
def half_a_character(course, solved, released):
    solved.cells.append(new_code_cell("x = '\ud800'"))
    path = course.submitted("surrogate") / "tiny.ipynb"
    path.write_text(json.dumps(solved), encoding="ascii")


@member("script", FULL)
def a_script_in_the_answer(course, solved, released):
    cell_of(solved, "words").source = "<script>alert('words')</script> <img src=x onerror=alert('words')>"
    html = "from IPython.display import HTML\nHTML(\"<script>alert('output')</script>\")"
    solved.cells.insert(2, new_code_cell(html))
    course.hand_in("script", solved)


@member("late", FULL)
def late(course, solved, released):
    course.hand_in("late", solved)
    (course.submitted("late") / "timestamp.txt").write_text("2026-02-01 12:00:00 UTC\n")


@member("on time", FULL)
def on_time_elsewhere(course, solved, released):
    course.hand_in("on time", solved)
    (course.submitted("on time") / "timestamp.txt").write_text("2026-01-31 13:30:00 +0200")


@member("odd time", Expected(6, reasons=("timestamp: timestamp.txt says 'yesterday evening', which is no date",)))
def an_odd_timestamp(course, solved, released):
    course.hand_in("odd time", solved)
    (course.submitted("odd time") / "timestamp.txt").write_text("yesterday evening")


@member("Doe, Jane (12345)", FULL)
def a_name_with_spaces(course, solved, released):
    course.hand_in("Doe, Jane (12345)", solved)


@member("Zoë Łukasz 木村", FULL)
def a_name_in_unicode(course, solved, released):
    course.hand_in("Zoë Łukasz 木村", solved)


LATE = {"late"}


@pytest.fixture(scope="module")
def graded(template, tmp_path_factory):
    """The class after one `autograde grade`: the course, the exit code and what was printed."""
    course = Course(shutil.copytree(template.root, tmp_path_factory.mktemp("class") / "course"))
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.LateSubmissionPlugin.penalty_method = 'zero'{LIMIT}")
    course.classroom.mkdir(exist_ok=True)
    with course.gradebook() as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate=DUE)
    for make in MAKERS.values():
        make(course, course.solved(), course.released())
    done = shell("autograde", "grade", "tiny", "--jobs", "2", *wall(), cwd=course.root)
    return course, done.returncode, done.stdout


def table(output):
    """The printed table: for each student the score, the answers to mark, and what happened, a line each."""
    rows, current = {}, []
    for line in output.splitlines():
        if line.startswith("│"):
            name, score, to_mark, note = (cell.strip() for cell in line.strip("│").split("│"))
            if name:
                current = rows.setdefault(name, (score, to_mark, []))
            if note:
                current[2].append(note)
    return rows


def test_nothing_stopped_the_class(graded):
    _, code, output = graded
    assert code == 0, output
    assert "Traceback" not in output
    assert "site-packages" not in output, "a library's warning is printed between the results"
    lost = sum(expected.lost for expected in CLASS.values())
    to_mark = sum(expected.to_mark for expected in CLASS.values())
    assert f"{len(CLASS)} of {len(CLASS)} submissions have a score, {lost} of them could not be run" in output
    assert f"{to_mark} answers wait to be marked by hand" in output


@pytest.mark.parametrize("student", CLASS)
def test_the_gradebook_has_the_score(graded, student):
    course, _, _ = graded
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission("tiny", student)
        assert (submission.score, submission.max_score) == (CLASS[student].points, 8)
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        assert sum(grade.needs_manual_grade for grade in grades) == CLASS[student].to_mark
        assert all(0 <= (grade.auto_score or 0) <= grade.max_score for grade in grades)


@pytest.mark.parametrize("student", CLASS)
def test_the_gradebook_has_the_reason(graded, student):
    course, _, _ = graded
    with course.gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook("tiny", "tiny", student)
        told = "\n".join(comment.auto_comment or "" for comment in notebook.comments)
    for reason in CLASS[student].reasons:
        assert told.count(reason) == 1
    if not CLASS[student].reasons and student not in LATE:
        assert told.replace("No response.", "").strip() == ""


@pytest.mark.parametrize("student", CLASS)
def test_the_table_has_score_and_reason(graded, student):
    _, _, output = graded
    score, to_mark, notes = table(output)[student]
    expected = CLASS[student]
    assert score == f"{expected.points:g} / 8"
    assert to_mark == (str(expected.to_mark) if expected.to_mark else "")
    if student in LATE:  # what they lost by it has a test of its own
        notes = [note for note in notes if "late" not in note]
    assert len(notes) == len(expected.reasons)
    for note, reason in zip(notes, expected.reasons, strict=True):
        assert note.startswith(reason)


def test_parts_earn_partial_credit(graded):
    course, _, _ = graded
    with course.gradebook() as gradebook:
        points = {
            name: gradebook.find_grade(name, "tiny", "tiny", "ben").auto_score
            for name in ("test-double", "test-shift", "test-stock")
        }
    assert points == {"test-double": 1, "test-shift": 2, "test-stock": 1}


@pytest.mark.parametrize("student", CLASS)
def test_the_feedback_page_says_what_the_gradebook_says(graded, student):
    course, _, _ = graded
    page = (course.classroom / "feedback" / student / "tiny" / "tiny.html").read_text(encoding="utf-8")
    points = 0 if student in LATE else CLASS[student].points  # less the penalty
    assert f"(Score: {points:.1f} / 8.0)" in page
    for reason in CLASS[student].reasons:
        assert reason.partition(":")[0] in page


@pytest.mark.parametrize("student", CLASS)
def test_the_graded_notebook_is_there_for_formgrader(graded, student):
    course, _, _ = graded
    notebook = json.loads((course.classroom / "autograded" / student / "tiny" / "tiny.ipynb").read_text("utf-8"))
    known = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in notebook["cells"]} - {None}
    assert known == {"setup", "double", "test-double", "shift", "test-shift", "test-stock", "words"}


def test_no_script_runs_in_a_feedback_page(graded):
    course, _, _ = graded
    page = (course.classroom / "feedback" / "script" / "tiny" / "tiny.html").read_text(encoding="utf-8")
    assert "alert" in page, "the answer itself is gone"
    assert not re.findall(r"<script[^>]*>\s*alert", page)
    assert not re.findall(r"<[^>]+\sonerror\s*=", page)


@pytest.mark.parametrize("student", ["ada", "ben", "corrupt"])
def test_no_hidden_test_is_in_a_feedback_page(graded, student):
    course, _, _ = graded
    page = (course.classroom / "feedback" / student / "tiny" / "tiny.html").read_text(encoding="utf-8")
    assert "HIDDEN TESTS" not in page
    assert "[-14]" not in page


def rows(course):
    with (course.classroom / "grades.csv").open(encoding="utf-8", newline="") as stream:
        return {row["student_id"]: row for row in csv.DictReader(stream)}


def test_grades_csv_has_every_student(graded):
    course, _, _ = graded
    exported = rows(course)
    assert {name: float(row["score"]) for name, row in exported.items() if name not in LATE} == {
        name: expected.points for name, expected in CLASS.items() if name not in LATE
    }
    assert {float(exported[name]["score"]) for name in LATE} == {0}


def test_only_the_late_submission_has_a_penalty(graded):
    course, _, _ = graded
    with course.gradebook() as gradebook:
        penalties = {student: gradebook.find_submission("tiny", student).late_submission_penalty for student in CLASS}
        due = gradebook.find_assignment("tiny").duedate
        handed_in = {name: gradebook.find_submission("tiny", name).timestamp for name in ("late", "on time", "ada")}
    assert {student for student, penalty in penalties.items() if penalty} == LATE
    assert penalties["late"] == 6
    assert due == DUE, "grading must leave the due date alone"
    assert handed_in == {
        "late": datetime.datetime(2026, 2, 1, 12),
        "on time": datetime.datetime(2026, 1, 31, 11, 30),
        "ada": None,
    }


def test_a_penalty_is_told_in_the_table(graded):
    _, _, output = graded
    _, _, notes = table(output)["late"]
    assert any("late" in note and "6" in note for note in notes)


def test_what_was_handed_in_is_left_as_it_was(graded, template):
    course, _, _ = graded
    submitted = course.classroom / "submitted"
    assert {path.name for path in submitted.iterdir()} == set(CLASS)
    assert json.loads((submitted / "ada" / "tiny" / "tiny.ipynb").read_text()) == template.solved()
    assert {path.name for path in (submitted / "own offset" / "tiny").iterdir()} == {"tiny.ipynb", "offset.txt"}


@pytest.fixture(scope="module")
def graded_again(graded, tmp_path_factory):
    """A copy of the class in which a person marked, and two students were graded once more."""
    course = Course(shutil.copytree(graded[0].root, tmp_path_factory.mktemp("again") / "course", symlinks=True))
    with course.gradebook() as gradebook:
        for student in ("ada", "ben", "warned"):
            gradebook.find_grade("words", "tiny", "tiny", student).manual_score = 1.5
            gradebook.find_comment("words", "tiny", "tiny", student).manual_comment = "Well said."
        grade = gradebook.find_grade("test-double", "tiny", "tiny", "ben")
        grade.extra_credit = 0.25
        gradebook.db.commit()
    answer(better := course.solved(), "double", "return numbers + numbers")
    course.hand_in("ben", better)
    answer(worse := course.solved(), "double", "return 0")
    course.hand_in("warned", worse)
    before = {path: path.stat().st_mtime_ns for path in (course.classroom / "autograded").rglob("*.ipynb")}
    done = shell("autograde", "grade", "tiny", "--student", "ada", "--student", "ben", *wall(), cwd=course.root)
    return course, done, before


def test_a_persons_marks_survive_another_run(graded_again):
    course, done, _ = graded_again
    assert done.returncode == 0, done.stdout
    with course.gradebook() as gradebook:
        for student in ("ada", "ben"):
            grade = gradebook.find_grade("words", "tiny", "tiny", student)
            assert grade.manual_score == 1.5
            assert gradebook.find_comment("words", "tiny", "tiny", student).manual_comment == "Well said."
        assert gradebook.find_grade("test-double", "tiny", "tiny", "ben").extra_credit == 0.25
        assert gradebook.find_submission("tiny", "ada").score == 7.5


def test_another_run_grades_what_was_handed_in_since(graded_again):
    course, _, _ = graded_again
    with course.gradebook() as gradebook:
        assert gradebook.find_submission("tiny", "ben").score == 6 + 1.5 + 0.25


def test_only_the_students_asked_for_are_graded(graded_again):
    course, done, before = graded_again
    assert table(done.stdout).keys() == {"ada", "ben"}
    after = {path: path.stat().st_mtime_ns for path in before}
    changed = {path.parents[1].name for path in before if before[path] != after[path]}
    assert changed == {"ben"}, "ada's submission is as it was, so it rests"
    with course.gradebook() as gradebook:  # who handed in a worse answer, but was not asked for
        assert gradebook.find_submission("tiny", "warned").score == 6 + 1.5


def test_grades_csv_still_has_every_student(graded_again):
    course, _, _ = graded_again
    assert rows(course).keys() == CLASS.keys()


def refused(*arguments):
    """The sentence with which the command refuses, having graded nothing."""
    result = autograde("grade", *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    return result.output


def test_an_unknown_student_is_refused(course):
    course.hand_in("ada", course.solved())
    said = refused("tiny", "--student", "adda", "--course", course.root)
    assert "No submission of adda in" in said
    assert "spelt as its folder" in said
    assert not (course.classroom / "autograded").exists()


def test_an_unknown_assignment_is_refused(course):
    said = refused("tinny", "--course", course.root)
    assert "There is no assignment 'tinny'" in said
    assert "Assignments: tiny." in said


def test_a_class_without_submissions_is_refused(course):
    assert f"Nothing was handed in: {course.classroom}/submitted/*/tiny" in refused("tiny", "--course", course.root)


def test_outside_a_course_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = refused("tiny")
    assert f"No nbgrader_config.py in {tmp_path}" in said
    assert "--course" in said


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("c.Limits.cell_secnds = 5", "There is no limit 'cell_secnds' for tiny; limits are cell_seconds, "),
        ("c.Limits.cell_seconds = 0", "The limit cell_seconds of tiny is 0; it must be a positive number."),
        ('c.Limits.assignments = {"tiny": {"processes": "5"}}', "The limit processes of tiny is '5'; it must be"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(course, setting, said):
    course.hand_in("ada", course.solved())
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write(f"\n{setting}\n")
    assert said in refused("tiny", "--course", course.root)


def test_a_class_can_lie_elsewhere(course, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    assert str(elsewhere / "submitted") in refused("tiny", "--course", course.root, "--classroom", elsewhere)


def test_an_assignment_whose_solution_fails_its_own_tests_grades_nobody(course):
    course.source.write_text(course.source.read_text().replace("return 2 * numbers", "return 3 * numbers"))
    course.hand_in("ada", course.solved())
    done = shell("autograde", "grade", "tiny", "--jobs", "2", *wall(), cwd=course.root)
    assert done.returncode == 2
    assert "The solution of tiny does not score full marks here, so nothing was graded" in done.stdout
    assert "test-double gives 0 of 3" in done.stdout
    assert "1 and 2 should become 2 and 4" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (course.classroom / "autograded").exists()


def test_a_solution_that_needs_the_header_of_its_course_is_proven(course):
    nbformat.write(new_notebook(cells=[new_code_cell("two = 2")]), course.root / "header.ipynb")
    with (course.root / "nbgrader_config.py").open("a") as config:
        config.write("\nc.IncludeHeaderFooter.header = 'header.ipynb'\n")
    course.source.write_text(course.source.read_text().replace("return 2 * numbers", "return two * numbers"))
    solved = course.solved()
    solved.cells.insert(0, new_code_cell("two = 2"))
    course.hand_in("ada", solved)
    result = autograde("grade", "tiny", "--course", course.root, "--no-feedback", *wall())
    assert result.exit_code == 0, result.output
    assert "6 / 8" in result.output
