"""The class is graded once, by the real pipeline in the real sandbox; every test then looks at its own student.

With AUTOGRADE_HOSTILE_WORKERS=2 it is graded on a Dask cluster of two workers instead of in this process.
"""

import contextlib
import hashlib
import os
import secrets
import socket
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from clusters import running
from nbgrader.api import Gradebook

from autograde.cluster import Cluster
from autograde.course import Course
from autograde.engine.sandbox import NoSandboxError, choose_sandbox
from autograde.feedback import write_feedback
from autograde.grade import grade
from autograde.limits import Limits
from autograde.release import release
from autograde.runs import Way
from hostile import test_honest, tiny
from hostile.cases import Case, Result

LIMITS = Limits(
    cell_seconds=5,
    notebook_seconds=30,
    grace_seconds=2,
    judge_seconds=3,
    output_bytes=256 * 2**10,
    memory_bytes=512 * 2**20,
    processes=32,
    scratch_bytes=32 * 2**20,
    file_bytes=16 * 2**20,
    open_files=128,
)
VETERAN = "veteran"
"""Was marked by hand before the class came; nobody may touch the marks."""


@pytest.fixture(scope="session")
def sandbox():
    try:
        return choose_sandbox("namespaces")
    except NoSandboxError as error:
        pytest.skip(f"no namespaces on this machine, so no hostile code is run on it: {error}")


@dataclass
class Outside:
    """What lies around the jail, and every trace that code from inside could leave there."""

    folder: Path
    course: Course
    canaries: tiny.Canaries
    knocks: list[str] = field(default_factory=list)
    """Connections that listeners on the host got."""

    def files(self) -> dict[str, str]:
        """Path to content, kind and mode of everything that grading has no business to change."""
        watched = [self.folder / "canary", self.folder / "home", self.course.root / "solutions"]
        watched += [self.course.root / "exercises", self.course.submitted("x", "x").parents[1]]
        paths = [path for top in watched for path in _below(top)]
        # The warm parent, trusted, lets matplotlib remember its fonts where it always does.
        return {str(path): _state(path) for path in paths if {".cache", ".config"}.isdisjoint(path.parts)}

    def marks(self) -> list[tuple]:
        """The gradebook's rows of the student who was marked before."""
        with Gradebook(self.course.database, self.course.directory.course_id) as book:
            (notebook,) = book.find_submission(tiny.ASSIGNMENT, VETERAN).notebooks
            rows = [
                (grade.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                for grade in notebook.grades
            ]
            return sorted(rows) + sorted((note.name, note.manual_comment) for note in notebook.comments)

    def mounts(self) -> str:
        return Path("/proc/self/mountinfo").read_text()

    def processes(self) -> list[str]:
        """Command lines of all processes that carry this run's token, in their arguments or the environment they were
        born with. The tests' own process was born without it."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if self.canaries.token.encode() in command + (entry / "environ").read_bytes():
                    found.append(f"{entry.name}: {command!r}")
        return found


@dataclass
class Graduated:
    """The class after grading."""

    outside: Outside
    results: dict[str, Result]
    before: dict[str, object]
    after: dict[str, object]
    leftovers: list[str]
    knocks: list[str]


@pytest.fixture(scope="session")
def outside(tmp_path_factory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("outside")
    canaries = tiny.Canaries()
    course = tiny.build(folder / "course", canaries)
    release(course, tiny.ASSIGNMENT)
    for name in ("canary", "home"):
        (folder / name).mkdir(mode=0o777)
        (folder / name / "secret.txt").write_text(canaries[name])
        (folder / name / "secret.txt").chmod(0o666)
    (folder / "tmp").mkdir()
    here = Outside(folder, course, canaries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("TMPDIR", str(folder / "tmp" / canaries.token))
        patch.setenv("GRADER_SECRET", canaries["environment"])
        patch.setattr(tempfile, "tempdir", None)
        (folder / "tmp" / canaries.token).mkdir()
        yield here


@pytest.fixture(scope="session")
def places(outside) -> Iterator[dict[str, str]]:
    """Where things lie outside, for the code inside that looks for them. Listeners note whoever comes."""
    course, folder = outside.course, outside.folder
    with contextlib.ExitStack() as stack:
        tcp = _listen(stack, outside, socket.AF_INET, ("127.0.0.1", 0))
        abstract = f"knock-{secrets.token_hex(8)}"
        _listen(stack, outside, socket.AF_UNIX, f"\0{abstract}")
        _listen(stack, outside, socket.AF_UNIX, str(folder / "canary" / "socket"))
        (folder / "canary" / "socket").chmod(0o666)
        yield {
            "COURSE": str(course.root),
            "SOLUTION": str(course.source(tiny.ASSIGNMENT) / tiny.NOTEBOOK),
            "GRADEBOOK": course.database.removeprefix("sqlite:///"),
            "SUBMITTED": str(course.submitted("x", "x").parents[1]),
            "CANARY": str(folder / "canary"),
            "HOME": str(folder / "home"),
            "TMP": str(folder / "tmp"),
            "TOKEN": outside.canaries.token,
            "PORT": str(tcp.getsockname()[1]),
            "ABSTRACT": abstract,
            "GRADER": str(os.getpid()),
        }


@pytest.fixture(scope="session")
def graduated(request, sandbox, outside, places, tmp_path_factory) -> Graduated:
    """Every case of the modules that are tested in this run, and the honest students beside them, graded together."""
    modules = {getattr(item, "module", None) for item in request.session.items} | {test_honest}
    # Other tests may call a list CASES too.
    everyone = [case for module in modules for case in getattr(module, "CASES", []) if isinstance(case, Case)]
    cases = {case.name: case for case in everyone}
    assert len(cases) == len(everyone), "two members of the class have the same name"
    notebook = tiny.released(outside.course)
    for case in cases.values():
        case.hand_in(outside.course, notebook, places)
    _mark_the_veteran(outside)
    before = _look(outside)
    workers = int(os.environ.get("AUTOGRADE_HOSTILE_WORKERS", "0"))
    way = Way(sandbox, LIMITS, jobs=workers or 3, threads=1)
    with _place(workers, tmp_path_factory) as place:
        graded = grade(outside.course, tiny.ASSIGNMENT, list(cases), way, lambda one: None, place)
    results = {one.student: Result(cases[one.student], one, outside.course) for one in graded}
    leftovers = sorted(os.listdir(tempfile.gettempdir()))
    return Graduated(outside, results, before, _look(outside), leftovers, list(outside.knocks))


@pytest.fixture
def result(request, graduated) -> Result:
    """What came of the case that the test is parametrized with."""
    return graduated.results[request.getfixturevalue("case").name]


@pytest.fixture(scope="session")
def feedback(graduated, outside):
    """A student's feedback page as HTML."""

    def page(case: Case) -> str:
        made = dict(write_feedback(outside.course, tiny.ASSIGNMENT, [case.name]))
        assert made == {case.name: True}
        return (outside.course.feedback(tiny.ASSIGNMENT, case.name) / "tiny.html").read_text(encoding="utf-8")

    return page


@contextlib.contextmanager
def _place(workers: int, tmp_path_factory) -> Iterator[Cluster | None]:
    """A cluster of so many workers, or None for this machine."""
    if not workers:
        yield None
        return
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        for _ in range(workers):
            cluster.add_worker()
        yield Cluster(cluster.address, jailed=True)


def _look(outside: Outside) -> dict[str, object]:
    return {"files": outside.files(), "marks": outside.marks(), "mounts": outside.mounts()}


def _mark_the_veteran(outside: Outside) -> None:
    from autograde.release import register

    register(outside.course, tiny.ASSIGNMENT)
    with Gradebook(outside.course.database, outside.course.directory.course_id) as book:
        book.update_or_create_student(VETERAN)
        (notebook,) = book.update_or_create_submission(tiny.ASSIGNMENT, VETERAN).notebooks
        for points, one in enumerate(notebook.grades):
            one.manual_score = points
        for comment in notebook.comments:
            comment.manual_comment = outside.canaries["gradebook"]
        book.db.commit()


def _below(top: Path) -> Iterator[Path]:
    """`top` and what lies in it, as far down as a path can be named."""
    waiting = [top]
    while waiting:
        yield (path := waiting.pop())
        if path.is_dir() and not path.is_symlink() and len(path.parts) < len(top.parts) + 30:
            waiting += path.iterdir()


def _state(path: Path) -> str:
    status = path.lstat()
    content = ""
    if stat.S_ISREG(status.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif stat.S_ISLNK(status.st_mode):
        content = os.readlink(path)
    return f"{stat.filemode(status.st_mode)} {content}"


def _listen(stack: contextlib.ExitStack, outside: Outside, family: int, address) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    listener.bind(address)
    listener.listen()

    def wait() -> None:
        with contextlib.suppress(OSError):  # closed at the end
            while True:
                connection, _ = listener.accept()
                outside.knocks.append(str(address))
                connection.close()

    threading.Thread(target=wait, daemon=True).start()
    return listener
