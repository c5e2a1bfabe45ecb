"""What a folder of a submission may hold: links, pipes, devices, traps. Nothing is fetched, nothing hangs."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from autograde import submissions
from autograde.engine.processes import WarmParent
from autograde.feedback import write_feedback
from hostile import tiny
from hostile.cases import Case, filled, honest


def _notebook(make):
    """Replace the notebook by what `make(path, places)` puts there."""

    def files(folder: Path, places: dict[str, str]) -> None:
        (folder / tiny.NOTEBOOK).unlink()
        make(folder / tiny.NOTEBOOK, places)

    return files


def _link_to(text: str):
    return lambda path, places: path.symlink_to(filled(text, places))


def _socket(path: Path, _: dict[str, str]) -> None:
    with socket.socket(socket.AF_UNIX) as one, contextlib.chdir(path.parent):
        one.bind(path.name)


def _device(path: Path, _: dict[str, str]) -> None:
    """The device itself where the user who tests may make one, else a link to it."""
    try:
        os.mknod(path, 0o020666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        path.symlink_to("/dev/zero")


def _content(data: bytes):
    return lambda path, _: path.write_bytes(data)


NOT_A_NOTEBOOK = {
    "link-to-the-solution": _link_to("@SOLUTION@"),
    "link-to-another-student": _link_to("@SUBMITTED@/ada/tiny/tiny.ipynb"),
    "link-to-nothing": _link_to("nowhere"),
    "link-to-itself": _link_to("tiny.ipynb"),
    "link-to-an-endless-device": _link_to("/dev/zero"),
    "a-pipe": lambda path, _: os.mkfifo(path),
    "a-device": _device,
    "a-socket": _socket,
    "a-folder": lambda path, _: path.mkdir(),
    "nothing": lambda path, _: None,
    "empty": _content(b""),
    "binary": _content(bytes(range(256)) * 100),
    "too-large": lambda path, _: _sparse(path, 40 * 2**20),
    "too-deep": _content(b'{"a":' * 100_000),
    "long-number": _content(b'{"nbformat": ' + b"9" * 100_000 + b"}"),
    "a-list": _content(b"[]"),
    "html": _content(b"<script>alert(1)</script>"),
    "version-ninety": _content(b'{"nbformat": 90, "nbformat_minor": 0, "metadata": {}, "cells": []}'),
    "cells-of-no-kind": _content(
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "x"}]}'
    ),
}


def _sparse(path: Path, size: int) -> None:
    path.touch()
    os.truncate(path, size)


UNREADABLE = [
    Case(
        f"notebook-is-{name}",
        0,
        right=True,
        files=_notebook(make),
        reason="unreadable" if name != "nothing" else "missing",
    )
    for name, make in NOT_A_NOTEBOOK.items()
]


@pytest.mark.parametrize("case", UNREADABLE, ids=str)
def test_a_file_that_is_no_notebook_scores_nothing_and_says_why(case, result):
    result.check()
    assert result.graded.lost


def _beside(*steps):
    def files(folder: Path, places: dict[str, str]) -> None:
        for step in steps:
            step(folder, places)

    return files


def _put(name: str, text: str):
    def step(folder: Path, _: dict[str, str]) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    return step


def _make(name: str, make):
    return lambda folder, places: make(folder / name, places)


def _many(folder: Path, _: dict[str, str]) -> None:
    (folder / "many").mkdir()
    for number in range(2500):
        (folder / "many" / str(number)).touch()


READ_ALL = """\
import os

for folder, _, names in os.walk("."):
    for name in names:
        with open(os.path.join(folder, name), errors="replace") as file:
            print(name, file.read(100))
print("armed")"""
ODD_NAME = b"caf\xe9 \x1b[2J <b>\n.txt"

BESIDE = [
    honest("links-beside", first=READ_ALL, files=_beside(
        _make("file", _link_to("@CANARY@/secret.txt")), _make("folder", _link_to("@CANARY@")),
        _make("up", _link_to("../../ada/tiny")), _make("book.db", _link_to("@GRADEBOOK@")),
        _make("given.txt", _link_to("@CANARY@/secret.txt")), _make("data", _link_to("@CANARY@")))),
    honest("a-pipe-beside", first=READ_ALL, files=_beside(_make("pipe", lambda path, _: os.mkfifo(path)))),
    honest("a-device-beside", first=READ_ALL, files=_beside(_make("zero", _device))),
    honest("a-socket-beside", first=READ_ALL, files=_beside(_make("socket", _socket))),
    honest("folder-where-a-file-is-given", files=_beside(_put("given.txt/inside.txt", "x"))),
    honest("file-where-a-folder-is-given", files=_beside(_put("data", "x"))),
    honest("given-file-replaced", files=_beside(_put("given.txt", "mine")),
           first="print('armed', open('given.txt').read())"),
    honest("a-large-file", files=_beside(_make("model.pt", lambda path, _: _sparse(path, 60 * 2**20))), reason="files"),
    honest("many-files", files=_beside(_many), reason="files"),
    honest("odd-names", first=READ_ALL, files=_beside(
        lambda folder, _: Path(os.fsdecode(os.fsencode(folder / "x")[:-1] + ODD_NAME)).write_text("x"))),
    honest("shadow-modules", files=_beside(*(
        _put(f"{name}.py", "print('shadow'); raise ImportError")
        for name in ("numpy", "torch", "autograde", "msgpack", "sitecustomize", "usercustomize", "random", "struct")
    )), reason="shadows"),
    honest("shadow-packages", files=_beside(*(
        _put(f"{name}/__init__.py", "raise ImportError") for name in ("numpy", "autograde", "IPython", "encodings")
    )), reason="shadows"),
    honest("configuration", files=_beside(*(_put(name, "raise SystemExit") for name in (
        "nbgrader_config.py", "ipython_config.py", "jupyter_config.py", "conftest.py", "pyvenv.cfg",
        ".ipython/profile_default/startup/a.py", "python311._pth", ".pythonrc", "startup.py")))),
    honest("only-another-name", reason="renamed", files=lambda folder, _: (folder / tiny.NOTEBOOK).rename(
        folder / "tiny (1) <img src=x onerror=alert(1)>.ipynb")),
    honest("name-in-no-encoding", reason="renamed", files=lambda folder, _: (folder / tiny.NOTEBOOK).rename(
        os.fsdecode(os.fsencode(folder) + b"/caf\xe9 \x1b[2J.ipynb"))),
    Case("two-other-names", 0, right=True, reason="missing", files=lambda folder, _: [
        shutil.copy(folder / tiny.NOTEBOOK, folder / "<img src=x onerror=alert(1)>.ipynb"),
        (folder / tiny.NOTEBOOK).rename(os.fsdecode(os.fsencode(folder) + b"/\xff\x1b[2J.ipynb"))]),
]  # fmt: skip


@pytest.mark.parametrize("case", BESIDE, ids=str)
def test_what_lies_beside_a_notebook_costs_nothing_and_brings_nothing(case, result):
    result.check()
    assert not tiny.CANARY.search(result.said + result.verdicts)
    assert "shadow" not in result.said
    assert all(text.isprintable() for text in result.reasons.values()), result.reasons


def test_a_file_of_the_assignment_comes_from_the_course(graduated):
    assert "armed given" in graduated.results["given-file-replaced"].said


def _timestamp(text: bytes):
    return lambda folder, _: (folder / "timestamp.txt").write_bytes(text)


TIMES = [
    honest("time-in-order", files=_timestamp(b"2015-02-02 15:58:23.948203 UTC")),
    honest("time-empty", files=_timestamp(b"")),
    honest("time-odd", files=_timestamp(b"yesterday <script>alert(1)</script>"), reason="timestamp"),
    honest("time-binary", files=_timestamp(bytes(range(256)))),
    honest("time-far-away", files=_timestamp(b"9999-12-31 23:59:59 -23:59")),
    honest("time-huge-number", files=_timestamp(b"1" * 900)),
    honest("time-of-zero", files=_timestamp(b"0000-00-00T00:00:00Z")),
    honest("time-nan", files=_timestamp(b"nan")),
    honest("time-large", files=_beside(_make("timestamp.txt", lambda path, _: _sparse(path, 50 * 2**20)))),
    honest("time-is-a-link", files=_beside(_make("timestamp.txt", _link_to("@CANARY@/secret.txt")))),
    honest("time-is-a-pipe", files=_beside(_make("timestamp.txt", lambda path, _: os.mkfifo(path)))),
    honest("time-is-a-folder", files=_beside(_put("timestamp.txt/x", ""))),
]


@pytest.mark.parametrize("case", TIMES, ids=str)
def test_an_odd_time_of_handing_in_costs_nothing(case, result):
    result.check()
    assert not any(tiny.CANARY.search(text) for text in result.reasons.values())


def _whole_folder(target: str):
    """The folder of the assignment is a link."""

    def files(folder: Path, places: dict[str, str]) -> None:
        shutil.rmtree(folder)
        _link_to(target)(folder, places)

    return files


def _whole_student(folder: Path, places: dict[str, str]) -> None:
    shutil.rmtree(folder.parent)
    folder.parent.symlink_to(Path(places["SUBMITTED"]) / "ada")


LINKED = [
    Case("folder-links-to-a-student", 0, files=_whole_folder("@SUBMITTED@/ada/tiny"), reason="link"),
    Case("folder-links-to-the-course", 0, files=_whole_folder("@COURSE@/solutions/tiny"), reason="link"),
    Case("student-links-to-a-student", 0, files=_whole_student, reason="link"),
]


@pytest.mark.parametrize("case", LINKED, ids=str)
def test_a_folder_that_leads_elsewhere_is_not_graded(case, result):
    result.check()


NAMES = [
    honest("two words"),
    honest("o'neil"),
    honest("braces{0}"),
    honest("-rf"),
    honest("%2e%2e; DROP TABLE grade"),
    honest("..climbs"),
    honest("<img src=x onerror=alert(1)>"),
    honest("José 学生"),
    honest("a+b@example.org"),
    honest("tiny"),
    honest("q"),
    honest("x" * 200),
]


@pytest.mark.parametrize("case", NAMES, ids=str)
def test_a_students_name_is_only_a_name(case, result, feedback):
    result.check()
    assert "6.0" in feedback(case)


# nbgrader would take these for patterns, and put another student's page in the place of theirs.
PATTERNS = [honest("?"), honest("brackets[ab]")]


@pytest.mark.parametrize("case", PATTERNS, ids=str)
def test_a_name_that_is_a_pattern_gets_its_own_feedback_and_no_other(case, result, outside):
    result.check()
    others = {
        page: page.read_bytes() for page in outside.course.feedback(tiny.ASSIGNMENT, "x").parent.parent.rglob("*.html")
    }
    ((name, made),) = write_feedback(outside.course, tiny.ASSIGNMENT, [case.name])
    own = outside.course.feedback(tiny.ASSIGNMENT, case.name)
    assert name == case.name
    assert own.is_dir() or not made  # nbgrader finds no page to make for brackets, and says so
    assert all(page.read_bytes() == before for page, before in others.items() if not page.is_relative_to(own))


CASES = [*UNREADABLE, *BESIDE, *TIMES, *LINKED, *NAMES, *PATTERNS]


def test_a_hard_link_is_copied_and_its_original_stays(tmp_path):
    """It cannot be told from a file; what matters is that nothing written inside reaches it."""
    (tmp_path / "elsewhere").write_text("before")
    (tmp_path / "submitted").mkdir()
    os.link(tmp_path / "elsewhere", tmp_path / "submitted" / "linked")
    submissions.lay_out_files(tmp_path / "submitted", tmp_path / "work")
    (tmp_path / "work" / "linked").write_text("after")
    assert (tmp_path / "elsewhere").read_text() == "before"


def test_folders_deeper_than_the_stack_stop_nothing():
    # Not below tmp_path: pytest could not remove it again.
    with tempfile.TemporaryDirectory(prefix="deep-") as folder:
        try:
            Path(folder, "submitted").mkdir()
            here = os.open(f"{folder}/submitted", os.O_RDONLY)
            for _ in range(1200):
                os.mkdir("d", dir_fd=here)
                below = os.open("d", os.O_RDONLY, dir_fd=here)
                os.close(here)
                here = below
            os.close(here)
            submissions.lay_out_files(Path(folder, "submitted"), Path(folder, "work"))
        finally:
            subprocess.run(["rm", "-rf", f"{folder}/submitted", f"{folder}/work"], check=True)  # neither could Python


def test_a_name_that_is_no_name_of_a_student_is_refused(outside, sandbox):
    from autograde.course import CourseError
    from autograde.grade import grade
    from autograde.limits import Limits
    from autograde.runs import Way

    for name in ("../outside", "/etc", "", ".", "nobody"):
        with pytest.raises(CourseError, match="No submission of"):
            grade(outside.course, tiny.ASSIGNMENT, [name], Way(sandbox, Limits(), 1, 1), tell=print)


def test_grading_from_a_students_folder_imports_nothing_from_it(tmp_path, monkeypatch, sandbox):
    """The warm parent is trusted, and `python -m` looks for modules in the folder it is started from."""
    for name in ("msgpack", "numpy", "IPython", "sitecustomize", "usercustomize", "autograde"):
        text = f"open({str(tmp_path / 'imported')!r}, 'a').write({name!r})\nraise ImportError"
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with WarmParent(sandbox):
        pass
    assert not (tmp_path / "imported").exists()
