"""Where a course keeps its things: the folders and the gradebook that its nbgrader_config.py names."""

import contextlib
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nbgrader.apps import NbGrader
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

CONFIG_NAME = "nbgrader_config.py"
CLASSROOM_VARIABLE = "AUTOGRADE_CLASSROOM"


class CourseError(Exception):
    """Something is wrong with the course itself; the message names it and the remedy."""


@dataclass(frozen=True)
class Course:
    """A course as nbgrader's configuration describes it."""

    root: Path
    config: Config
    directory: CourseDirectory

    @property
    def database(self) -> str:
        """The gradebook's SQLAlchemy URL."""
        return self.directory.db_url

    def source(self, assignment: str) -> Path:
        """Where the authors write the assignment."""
        return self._folder(self.directory.source_directory, ".", assignment)

    def release(self, assignment: str) -> Path:
        """Where students get the assignment."""
        return self._folder(self.directory.release_directory, ".", assignment)

    def submitted(self, assignment: str, student: str) -> Path:
        """What the student handed in."""
        return self._folder(self.directory.submitted_directory, student, assignment)

    def autograded(self, assignment: str, student: str) -> Path:
        """The student's notebook after grading, as formgrader shows it."""
        return self._folder(self.directory.autograded_directory, student, assignment)

    def feedback(self, assignment: str, student: str) -> Path:
        """The page that goes back to the student."""
        return self._folder(self.directory.feedback_directory, student, assignment)

    def assignments(self) -> list[str]:
        """The names of all assignments that have a source notebook."""
        sources = self.source("x").parent
        return sorted({notebook.parent.name for notebook in sources.glob("*/*.ipynb")})

    def require(self, assignment: str) -> None:
        """Raise `CourseError` where there is no such assignment, naming those that there are."""
        if assignment not in self.assignments():
            known = ", ".join(self.assignments()) or "none yet"
            raise CourseError(
                f"There is no assignment {assignment!r} in {self.source('x').parent}. Assignments: {known}."
            )

    def students(self, assignment: str) -> list[str]:
        """The students who have a folder for the assignment among the submissions."""
        pattern = self.submitted(assignment, "*")
        anchor = Path(pattern.anchor)
        folders = anchor.glob(str(pattern.relative_to(anchor)))
        depth = pattern.parts.index("*")
        return sorted(folder.parts[depth] for folder in folders)

    def misplaced(self) -> list[Path]:
        """Notebooks that lie beside the assignments' folders of a student instead of in one."""
        folder = self.submitted("x", "*").parent
        anchor = Path(folder.anchor)
        return sorted(anchor.glob(f"{folder.relative_to(anchor)}/*.ipynb"))

    def _folder(self, step: str, student: str, assignment: str) -> Path:
        return Path(self.directory.format_path(step, student, assignment))


def find_course(start: Path | None = None, classroom: Path | None = None) -> Course:
    """Load the course that `start` (default: the working folder) lies in.

    `classroom` moves everything that belongs to a class, as the environment variable AUTOGRADE_CLASSROOM does.
    Raises `CourseError` where neither `start` nor a folder above it holds an nbgrader_config.py.
    """
    start = (start or Path.cwd()).resolve()
    for root in (start, *start.parents):
        if (root / CONFIG_NAME).is_file():
            with _variable(CLASSROOM_VARIABLE, classroom):
                return _load(root)
    raise CourseError(
        f"No {CONFIG_NAME} in {start} or in a folder above it. Run this inside the course, or name it with --course."
    )


def _load(root: Path) -> Course:
    _find_tools_of_this_interpreter()
    application = NbGrader()
    application.log_level = logging.ERROR
    application.load_cwd_config = False  # the course decides, not the folder the command was typed in
    application.initialize([], root=str(root))
    return Course(root, application.config, application.coursedir)


def _find_tools_of_this_interpreter() -> None:
    """Let nbgrader find `alembic`, which it starts by name, also where the environment was not activated."""
    tools = str(Path(sys.executable).parent)
    paths = os.environ.get("PATH", "").split(os.pathsep)
    if tools not in paths:
        os.environ["PATH"] = os.pathsep.join([tools, *paths])


@contextlib.contextmanager
def _variable(name: str, value: Path | None) -> Iterator[None]:
    """Set an environment variable while the configuration file, which reads it, is executed."""
    if value is None:
        yield
        return
    before = os.environ.get(name)
    os.environ[name] = str(value.resolve())
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
