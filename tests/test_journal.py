"""Nothing is graded twice, and nothing is lost: what changed is told, a full disk does no harm."""

import os
import shutil
import sqlite3
import subprocess
import time

import nbformat
import pytest
from conftest import Course, autograde, cell_of, grading, rows, shell, wall

from autograde import gradebook
from autograde.journal import key_of

STUDENTS = ("ada", "bob", "cyd", "dan")


def hand_in_class(course):
    """Four submissions: right, half right, an endless loop that is cut off, and unreadable."""
    solved = course.solved()
    course.hand_in("ada", solved)
    cell_of(solved, "double").source = "def double(numbers):\n    return abs(2 * numbers)"
    course.hand_in("bob", solved)
    cell_of(solved, "shift").source = "def shift(numbers):\n    import os\n    os._exit(1)"
    course.hand_in("cyd", solved)
    course.submitted("dan").joinpath("tiny.ipynb").write_text("{")


@pytest.fixture
def fresh(course):
    """A class that was not graded yet."""
    hand_in_class(course)
    return course


@pytest.fixture(scope="module")
def graded(template, tmp_path_factory):
    """A class that was graded once, and what the command said. Not to be changed."""
    course = Course(shutil.copytree(template.root, tmp_path_factory.mktemp("graded") / "course"))
    hand_in_class(course)
    done = grade(course)
    assert done.exit_code == 0, done.output
    return course, done.output


@pytest.fixture
def classroom(graded, tmp_path):
    """A class that was graded once, to be changed freely."""
    return Course(shutil.copytree(graded[0].root, tmp_path / "graded"))


def grade(course, *options):
    options = ("--no-feedback", "--no-proof", *wall(), *options)
    return autograde("grade", "tiny", "--course", course.root, *options)


def written(course):
    """When each graded notebook was written, which is when it last ran."""
    return {path.parts[-3]: path.stat().st_mtime_ns for path in course.classroom.glob("autograded/*/tiny/*.ipynb")}


def test_what_has_not_changed_is_not_run_again(classroom, graded):
    first = graded[1]
    before, ran = rows(classroom), written(classroom)
    second = grade(classroom)
    assert "4 of them unchanged since they were graded" in second.output
    assert rows(classroom) == before
    assert written(classroom) == ran
    said = [line for line in first.splitlines() if "crashed" in line or "unreadable" in line]
    assert [line for line in second.output.splitlines() if "crashed" in line or "unreadable" in line] == said


def test_what_has_changed_runs_and_the_rest_does_not(classroom):
    ran = written(classroom)
    classroom.hand_in("bob", classroom.solved())
    result = grade(classroom)
    assert "3 of them unchanged" in result.output
    assert "(was 4)" in result.output
    now = written(classroom)
    assert [student for student in STUDENTS if now[student] != ran[student]] == ["bob"]


def test_another_file_beside_the_notebook_is_a_change(classroom):
    (classroom.submitted("ada") / "offset.txt").write_text("11")
    assert "3 of them unchanged" in grade(classroom).output


def test_other_limits_are_a_change_and_again_runs_all(classroom):
    assert "unchanged" not in grade(classroom, "--cell-seconds", "50").output
    assert "unchanged" not in grade(classroom, "--cell-seconds", "50", "--again").output


def test_a_missing_graded_notebook_is_made_again(classroom):
    shutil.rmtree(classroom.classroom / "autograded" / "ada")
    assert "3 of them unchanged" in grade(classroom).output
    assert "ada" in written(classroom)


def test_a_gradebook_that_was_deleted_is_filled_again(classroom):
    before = rows(classroom)
    (classroom.classroom / "gradebook.db").unlink()
    assert "unchanged" not in grade(classroom).output
    assert rows(classroom) == before


def mark_by_hand(course, student):
    with course.gradebook() as book:
        entry = book.find_submission("tiny", student)
        for notebook in entry.notebooks:
            for mark in notebook.grades:
                if mark.name == "words":
                    mark.manual_score, mark.extra_credit, mark.needs_manual_grade = 1.5, 0.5, False
            for comment in notebook.comments:
                comment.manual_comment = "well said"
        book.db.commit()


def edit_source(course, name, old, new):
    source = nbformat.read(course.source, as_version=4)
    cell = cell_of(source, name)
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    nbformat.write(source, course.source)


def test_what_a_person_entered_survives_a_new_test(classroom):
    mark_by_hand(classroom, "ada")
    edit_source(classroom, "test-shift", "[11.0]", "[12.0]")
    result = grade(classroom)
    assert result.exit_code == 0, result.output
    _, _, marks, comments = rows(classroom)["ada"]
    words = next(mark for mark in marks if mark[0] == "words")
    assert words[2:4] == (1.5, 0.5)
    assert ("words", "", "well said") in comments


def test_a_changed_source_is_shown_and_moves_scores_only_when_asked(classroom):
    before = rows(classroom)
    edit_source(classroom, "test-shift", "[11.0]", "[12.0]")
    looked = grade(classroom, "--diff")
    assert looked.exit_code == 0, looked.output
    assert "changed since it was last graded: test-shift" in looked.output
    assert '-    assert np.array_equal(shifted(np.array([1.0])), [11.0]), "1 should become 11"' in looked.output
    assert "test-shift 2 → 0" in looked.output
    assert "2 of 4 would have other test scores; nothing was entered." in looked.output
    assert rows(classroom) == before
    graded = grade(classroom)
    assert "(was 6)" in graded.output
    assert "changed since it was last graded" not in grade(classroom).output


def test_nothing_to_compare_with_is_no_difference(classroom):
    result = grade(classroom, "--diff")
    assert "0 of 4 would have other test scores" in result.output


def test_two_runs_at_once_are_one_too_many(fresh):
    first = grading(fresh)
    lock = fresh.classroom / ".autograde.lock"
    deadline = time.monotonic() + 60
    while not lock.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    second = grade(fresh)
    assert first.wait() == 0
    assert second.exit_code == 2, second.output
    assert "Another run is grading here" in second.output
    assert len(rows(fresh)) == 4


def test_a_gradebook_in_use_is_waited_for_and_then_told(classroom, monkeypatch):
    classroom.hand_in("bob", classroom.solved())
    monkeypatch.setattr(gradebook, "PATIENCE", 1)
    before = rows(classroom)
    with sqlite3.connect(classroom.classroom / "gradebook.db", isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        result = grade(classroom)
        other.execute("ROLLBACK")
    assert result.exit_code == 2, result.output
    assert "The gradebook is held by another program" in result.output
    assert rows(classroom) == before
    assert grade(classroom).exit_code == 0


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of a few megabytes, where this process may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", place], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_loses_nothing(graded, classroom, small_disk):
    shutil.copytree(classroom.classroom / "submitted", small_disk / "submitted")
    ballast, failed = small_disk / "ballast", 0
    for room in range(50_000, 1_000_000, 100_000):
        ballast.unlink(missing_ok=True)
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        ballast.write_bytes(b"\0" * max(0, free - room))
        done = grade(classroom, "--classroom", small_disk)
        if done.exit_code == 0:
            break
        failed += 1
        assert done.exit_code == 2, done.output
        assert "full" in done.output
    assert done.exit_code == 0, done.output
    assert failed >= 2
    classroom.classroom.joinpath("gradebook.db").unlink()
    shutil.copy(small_disk / "gradebook.db", classroom.classroom)
    assert rows(classroom) == rows(graded[0])


def test_the_key_is_of_names_and_contents(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    keys = {key_of(folder, "basis"), key_of(folder, "other basis")}
    for name, text in [("x", "1"), ("x", "12"), ("y", ""), ("x1", "2")]:
        (folder / name).write_text(text)
        keys.add(key_of(folder, "basis"))
    assert len(keys) == 6
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    assert key_of(folder, "basis") == key_of(folder, "basis") not in keys


def test_pages_are_written_again_after_marking_by_hand(classroom):
    made = shell("autograde", "grade", "tiny", "--no-proof", *wall(), cwd=classroom.root)
    assert made.returncode == 0, made.stdout
    page = classroom.classroom / "feedback" / "ada" / "tiny" / "tiny.html"
    before = page.stat().st_mtime_ns
    shell("autograde", "grade", "tiny", "--no-proof", *wall(), cwd=classroom.root)
    assert page.stat().st_mtime_ns == before
    mark_by_hand(classroom, "ada")
    result = autograde("feedback", "tiny", "--course", classroom.root, "--student", "ada")
    assert result.exit_code == 0, result.output
    assert "well said" in page.read_text()
    assert autograde("feedback", "tiny", "--course", classroom.root, "--student", "eve").exit_code == 2
