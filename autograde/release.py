"""From an assignment's source to what students get, and to what a submission is restored from."""

import contextlib
import copy
import io
import logging
import shutil
import tempfile
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import IncludeHeaderFooter, SaveCells
from traitlets.config import Config

from autograde.course import Course, CourseError
from autograde.notebook import grade_id, read_notebook
from autograde.restore import Master


def release(course: Course, assignment: str) -> list[str]:
    """Generate the assignment's release and put it in place; return what changed, one line a file.

    Raises `CourseError` where there is no such assignment or nbgrader cannot convert its source.
    """
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        fresh = _generate(course, assignment, Path(folder), in_gradebook=False)
        changes = _compare(fresh, course.release(assignment))
        if changes:
            _replace(course.release(assignment), fresh)
    return changes


def stale(course: Course, assignment: str) -> list[str]:
    """What differs between the release in place and a fresh one, one line a file; empty when they are equal."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        return _compare(_generate(course, assignment, Path(folder), in_gradebook=False), course.release(assignment))


def generate_release(course: Course, assignment: str) -> dict[str, NotebookNode]:
    """The assignment's released notebooks, freshly generated; keys are their names without `.ipynb`."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        fresh = _generate(course, assignment, Path(folder), in_gradebook=False)
        return {path.stem: read_notebook(path) for path in sorted(fresh.glob("*.ipynb"))}


def read_source(course: Course, assignment: str, name: str) -> NotebookNode:
    """A source notebook, with the cells that the course's configuration puts before and after those of every one."""
    around = IncludeHeaderFooter(config=course.config)
    for place in ("header", "footer"):
        if path := getattr(around, place):
            setattr(around, place, str(course.root / path))
    return around.preprocess(read_notebook(course.source(assignment) / f"{name}.ipynb"), {})[0]


def orphans(course: Course) -> list[Path]:
    """Release folders whose assignment no longer exists."""
    known = set(course.assignments())
    releases = course.release("x").parent
    return sorted(folder for folder in releases.glob("*/") if folder.name not in known)


def register(course: Course, assignment: str) -> None:
    """Enter the assignment's cells and points in the gradebook, as `nbgrader generate_assignment` does."""
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        _generate(course, assignment, Path(folder), in_gradebook=True)


def masters(course: Course, assignment: str) -> dict[str, Master]:
    """The assignment's notebooks as the grader holds them: solutions cleared, hidden tests still there.

    Every cell that nbgrader knows carries the checksum it has when nothing was filled in. Keys are the notebooks'
    names without `.ipynb`. Raises `CourseError` where the source is not a notebook nbgrader accepts.
    """
    course.require(assignment)
    converter = _converter(course, assignment, Path("unused"))
    saved = converter.preprocessors.index(SaveCells)
    before, after = converter.preprocessors[:saved], converter.preprocessors[saved + 1 :]
    found = {}
    for path in sorted(course.source(assignment).glob("*.ipynb")):
        resources = {"metadata": {"path": str(path.parent)}, "unique_key": path.stem}

        def convert(notebook: NotebookNode, steps: list, resources: dict = resources) -> NotebookNode:
            for step in steps:
                notebook, _ = step(config=converter.config).preprocess(notebook, resources)
            return notebook

        try:
            with contextlib.chdir(course.root):  # nbgrader's automatic tests look for their autotests.yml there
                notebook = convert(read_notebook(path), before)
            visible = convert(copy.deepcopy(notebook), after)
        except Exception as error:  # each of nbgrader's steps has errors of its own
            raise CourseError(f"nbgrader could not read the source {path}: {error}") from error
        found[path.stem] = Master(notebook, {grade_id(cell): cell.source for cell in visible.cells if grade_id(cell)})
    return found


def _generate(course: Course, assignment: str, into: Path, in_gradebook: bool) -> Path:
    course.require(assignment)
    converter = _converter(course, assignment, into)
    if not in_gradebook:  # the release is the same, and the gradebook of a running class is not touched
        converter.no_database = True
        converter.preprocessors = [step for step in converter.preprocessors if step is not SaveCells]
    messages = io.StringIO()
    handler = logging.StreamHandler(messages)
    converter.log = logging.Logger("release", logging.ERROR)
    converter.log.addHandler(handler)
    try:
        converter.start()
    except NbGraderException as error:
        raise CourseError(
            f"nbgrader could not convert {course.source(assignment)}:\n{messages.getvalue() or error}"
        ) from error
    return into / assignment


def _converter(course: Course, assignment: str, into: Path) -> GenerateAssignment:
    config = copy.deepcopy(course.config)
    config.CourseDirectory.update(Config(assignment_id=assignment, release_directory=str(into), root=str(course.root)))
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.force = True
    return converter


def _compare(fresh: Path, current: Path) -> list[str]:
    wanted, found = _files(fresh), _files(current)
    changes = [f"{name}: missing from the release" for name in wanted.keys() - found.keys()]
    changes += [f"{name}: in the release, but nothing generates it" for name in found.keys() - wanted.keys()]
    changes += [
        f"{name}: differs from what its source generates"
        for name in wanted.keys() & found.keys()
        if wanted[name] != found[name]
    ]
    return sorted(changes)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    }


def _replace(target: Path, fresh: Path) -> None:
    """Swap the folder in one rename, so that a release is never half old and half new."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    shutil.copytree(fresh, staged / "new")
    if target.exists():
        target.rename(staged / "old")
    (staged / "new").rename(target)
    shutil.rmtree(staged)
