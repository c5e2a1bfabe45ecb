"""Stock nbgrader commands work on this course, and agree with ours."""

import csv
import shutil

import nbformat
import pytest
from conftest import CHECKOUT, Course, autograde, cell_of, shell, wall

ASSIGNMENT = "01_convolution"


@pytest.fixture(scope="module")
def stock(template, tmp_path_factory):
    """The tiny course with a half-right submission, graded by `autograde grade`, and a copy graded by nbgrader."""
    ours = Course(shutil.copytree(template.root, tmp_path_factory.mktemp("ours") / "course"))
    half = ours.solved()
    double = cell_of(half, "double")
    double.source = double.source.replace("2 * numbers", "abs(2 * numbers)")
    ours.hand_in("half", half)
    theirs = Course(shutil.copytree(ours.root, tmp_path_factory.mktemp("theirs") / "course"))
    ran = shell("autograde", "grade", "tiny", "--no-proof", *wall(), cwd=ours.root)
    assert ran.returncode == 0, ran.stdout
    for step in (["generate_assignment", "--force"], ["autograde"], ["generate_feedback"]):
        ran = shell("nbgrader", step[0], "tiny", *step[1:], cwd=theirs.root)
        assert ran.returncode == 0, ran.stdout
    return ours, theirs


def points(course):
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission("tiny", "half")
        grades = {
            grade.name: (grade.auto_score, grade.max_score, bool(grade.needs_manual_grade))
            for notebook in submission.notebooks
            for grade in notebook.grades
        }
        return submission.score, submission.max_score, grades


def test_generate_assignment_gives_the_committed_release_byte_for_byte(tmp_path):
    shutil.copy(CHECKOUT / "nbgrader_config.py", tmp_path)
    shutil.copytree(CHECKOUT / "solutions" / ASSIGNMENT, tmp_path / "solutions" / ASSIGNMENT)
    ran = shell(
        "nbgrader", "generate_assignment", ASSIGNMENT, "--force",
        cwd=tmp_path, AUTOGRADE_CLASSROOM=str(tmp_path / "class"),
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / "class" / "gradebook.db").is_file(), "the classroom is where AUTOGRADE_CLASSROOM says"
    made, committed = tmp_path / "exercises" / ASSIGNMENT, CHECKOUT / "exercises" / ASSIGNMENT
    names = {path.name for path in committed.iterdir() if path.is_file()}
    assert {path.name for path in made.iterdir()} == names
    for name in names:
        assert (made / name).read_bytes() == (committed / name).read_bytes()


def test_validate_runs_on_the_release(template, tmp_path):
    shutil.copytree(template.release.parent, tmp_path / "tiny")
    ran = shell("nbgrader", "validate", tmp_path / "tiny" / "tiny.ipynb", cwd=template.root)
    assert ran.returncode == 0, ran.stdout
    assert "VALIDATION FAILED ON 4 CELL(S)" in ran.stdout
    assert ran.stdout.count("Partial credit") == 2
    assert "NotImplementedError" in ran.stdout
    assert "You did not provide a response." in ran.stdout


def test_validate_accepts_a_solution(template, tmp_path):
    shutil.copytree(template.release.parent, tmp_path / "tiny")
    nbformat.write(template.solved(), tmp_path / "tiny" / "tiny.ipynb")
    ran = shell("nbgrader", "validate", tmp_path / "tiny" / "tiny.ipynb", cwd=template.root)
    assert "Success! Your notebook passes all the tests." in ran.stdout


def test_stock_autograde_gives_the_same_scores(stock):
    ours, theirs = stock
    assert points(ours) == points(theirs)
    assert points(ours)[0] == 4


def test_stock_feedback_can_be_made(stock):
    _, theirs = stock
    assert (theirs.classroom / "feedback" / "half" / "tiny" / "tiny.html").is_file()


def test_export_works_on_a_class_that_we_graded(stock):
    ours, _ = stock
    table = ours.classroom / "grades.csv"
    with table.open(newline="") as stream:
        (written,) = csv.DictReader(stream)
    table.unlink()
    ran = shell("nbgrader", "export", cwd=ours.root)
    assert ran.returncode == 0, ran.stdout
    with table.open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert written == row
    assert (row["student_id"], float(row["score"]), float(row["max_score"])) == ("half", 4, 8)


def test_the_stock_release_is_up_to_date_to_ours(stock):
    _, theirs = stock
    again = autograde("release", "--check", "--course", theirs.root)
    assert again.exit_code == 0, again.output
