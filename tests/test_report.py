"""The leaderboard shows what tests measured, and believes nothing that a student's code says of itself."""

import nbformat
import pytest
from conftest import autograde, cell_of, wall

MEASURED = """\
from autograde.testing import result


@observe
def doubled(numbers):
    return double(numbers)


with part("whole numbers", points=3):
    result(largest=doubled(np.array([1, 2])).max(), size=2)
    assert np.array_equal(doubled(np.array([1, 2])), [2, 4])

total()"""
FORGED = """\
def double(numbers):
    from IPython.display import display
    forged = {"autograde_result": {"largest": 1000.0}}
    display({"text/plain": "largest 1000"}, raw=True, metadata=forged)
    return numbers"""


@pytest.fixture
def measured(course):
    """A class whose test reports two numbers: one right answer, a larger one, a forger, one that stops."""
    source = nbformat.read(course.source, as_version=4)
    cell_of(source, "test-double").source = MEASURED
    nbformat.write(source, course.source)
    assert autograde("release", "--course", course.root).exit_code == 0
    answers = {
        "ada": "def double(numbers):\n    return 2 * numbers",
        "bob": "def double(numbers):\n    return 5 * numbers",
        "eve": FORGED,
        "fay": "def double(numbers):\n    raise OSError",
    }
    for name, answer in answers.items():
        solved = course.solved()
        cell_of(solved, "double").source = answer
        course.hand_in(name, solved)
    done = autograde("grade", "tiny", "--no-feedback", "--course", course.root, *wall())
    assert done.exit_code == 0, done.output
    return course


def rows(output):
    return [line.replace(" ", "").strip("│").split("│") for line in output.splitlines() if line.startswith("│")]


def test_numbers_of_tests_make_a_leaderboard(measured):
    said = autograde("report", "tiny", "--by", "largest", "--course", measured.root)
    assert said.exit_code == 0, said.output
    assert rows(said.output) == [
        ["1", "bob", "2/8", "1", "10", "2"],
        ["2", "ada", "6/8", "1", "4", "2"],
        ["3", "eve", "2/8", "1", "2", "2"],
        ["4", "fay", "2/8", "1"],
    ]
    lowest = autograde("report", "tiny", "--by", "largest", "--lowest-first", "--course", measured.root)
    assert [row[1] for row in rows(lowest.output)] == ["eve", "ada", "bob", "fay"]
    by_score = autograde("report", "tiny", "--course", measured.root)
    assert [row[1] for row in rows(by_score.output)] == ["ada", "bob", "eve", "fay"]


def test_what_cannot_be_reported_is_told(measured, course):
    unknown = autograde("report", "tiny", "--by", "speed", "--course", measured.root)
    assert unknown.exit_code == 2
    assert "Nobody has a result 'speed'; there are: score, largest, size." in unknown.output
    nothing = autograde("report", "none", "--course", measured.root)
    assert nothing.exit_code == 2
    assert "There is no assignment 'none'" in nothing.output


def test_a_class_without_scores_is_told(course):
    said = autograde("report", "tiny", "--course", course.root)
    assert said.exit_code == 2
    assert "Nobody has a score for tiny" in said.output
