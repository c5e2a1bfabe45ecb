"""What students get is what the source generates: no more, no less, and no solution in it."""

import shutil

import nbformat
import pytest
from conftest import CHECKOUT, autograde

ASSIGNMENTS = sorted(path.parent.name for path in (CHECKOUT / "solutions").glob("*/*.ipynb"))


def test_the_checkout_is_released_as_its_sources_say():
    result = autograde("release", "--check", "--course", CHECKOUT)
    assert result.exit_code == 0, result.output
    for name in ASSIGNMENTS:
        assert f"{name}: up to date" in result.output


def one_byte(release):
    content = bytearray((release / "tiny.ipynb").read_bytes())
    content[len(content) // 2] ^= 1
    (release / "tiny.ipynb").write_bytes(content)


def file_missing(release):
    (release / "offset.txt").unlink()


def notebook_missing(release):
    (release / "tiny.ipynb").unlink()


def folder_missing(release):
    shutil.rmtree(release)


def extra_file(release):
    (release / "extra").mkdir()
    (release / "extra" / "notes.txt").write_text("")


SPOILT = [
    (one_byte, "tiny.ipynb: differs from what its source generates"),
    (file_missing, "offset.txt: missing from the release"),
    (notebook_missing, "tiny.ipynb: missing from the release"),
    (folder_missing, "tiny.ipynb: missing from the release"),
    (extra_file, "extra/notes.txt: in the release, but nothing generates it"),
]


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("spoil", "told"), SPOILT, ids=[spoil.__name__ for spoil, _ in SPOILT])
def test_a_spoilt_release_is_noticed_and_mended(course, spoil, told):
    exercises = course.release.parents[1]
    before = files(exercises)
    spoil(course.release.parent)
    spoilt = files(exercises)

    check = autograde("release", "--check", "--course", course.root)
    assert check.exit_code == 1
    assert "tiny: out of date" in check.output
    assert told in check.output
    assert "Run `autograde release`" in check.output
    assert files(exercises) == spoilt, "--check must change nothing"

    mend = autograde("release", "--course", course.root)
    assert mend.exit_code == 0, mend.output
    assert "tiny: written anew" in mend.output
    assert told in mend.output
    assert files(exercises) == before
    assert [path.name for path in exercises.iterdir()] == ["tiny"], "nothing is left behind"


def test_a_source_that_changed_makes_the_release_out_of_date(course):
    source = nbformat.read(course.source, as_version=4)
    source.cells[0].source += "\n\nBy Friday."
    nbformat.write(source, course.source)
    result = autograde("release", "--check", "--course", course.root)
    assert result.exit_code == 1
    assert "tiny.ipynb: differs" in result.output


def test_a_release_without_a_source_is_noticed(course):
    orphan = course.release.parents[1] / "gone"
    orphan.mkdir()
    result = autograde("release", "--check", "--course", course.root)
    assert result.exit_code == 1
    assert f"{orphan}: no assignment of this name has a source" in result.output
    assert "tiny: up to date" in result.output


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_an_unknown_assignment_is_refused_and_the_known_are_named(course, options):
    result = autograde("release", "nope", *options, "--course", course.root)
    assert result.exit_code == 2
    assert "There is no assignment 'nope'" in result.output
    assert "Assignments: tiny." in result.output


def test_a_source_that_nbgrader_refuses_is_named(course):
    source = nbformat.read(course.source, as_version=4)
    source.cells[2].source = source.cells[2].source.replace("### END SOLUTION", "")
    nbformat.write(source, course.source)
    before = files(course.release.parents[1])
    result = autograde("release", "--course", course.root)
    assert result.exit_code == 2
    assert str(course.source.parent) in result.output
    assert "no end solution" in result.output.lower()
    assert files(course.release.parents[1]) == before


def test_outside_a_course_the_remedy_is_told(tmp_path):
    result = autograde("release", "--course", tmp_path)
    assert result.exit_code == 2
    assert "No nbgrader_config.py in" in result.output
    assert "--course" in result.output


def lines(text):
    """The lines that say something: whoever wrote them did not write them by chance."""
    return {line.strip() for line in text.splitlines() if len(line.strip()) > 8}


def split(cell):
    """What students may see of a source's cell, and what not: between BEGIN and END, or all of an unmarked answer."""
    marks = cell.metadata.get("nbgrader", {})
    if marks.get("solution") and "### BEGIN SOLUTION" not in cell.source:
        return "", cell.source
    shown, secret, inside = [], [], False
    for line in cell.source.splitlines():
        if "### BEGIN " in line or "### END " in line:
            inside = "### BEGIN " in line
        else:
            (secret if inside else shown).append(line)
    return "\n".join(shown), "\n".join(secret)


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_no_solution_and_no_hidden_test_is_released(assignment):
    for path in sorted((CHECKOUT / "solutions" / assignment).glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        shown, secret = zip(*map(split, cells), strict=True)
        secrets = lines("\n".join(secret)) - lines("\n".join(shown))
        assert len(secrets) > 5, "what is to be kept secret was not found"
        released = nbformat.read(CHECKOUT / "exercises" / assignment / path.name, as_version=4)
        text = "\n".join(cell.source for cell in released.cells)
        assert not secrets & lines(text)
        for mark in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"):
            assert mark not in text
        assert not any(cell.get("outputs") for cell in released.cells), "outputs show what a solution gives"
