"""The disk a class lies on: one run at a time writes to it, and what it refuses is told in a sentence."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy.exc import OperationalError

from autograde.course import Course

_REFUSALS = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "The disk quota is used up",
    errno.EROFS: "The disk is read-only",
    errno.EACCES: "Writing is not permitted",
    errno.EPERM: "Writing is not permitted",
}
_DATABASE = {
    "database is locked": "The gradebook is held by another program (formgrader, or another run)",
    "database or disk is full": "The disk of the gradebook is full",
    "disk I/O error": "The disk of the gradebook cannot be written",
    "readonly database": "The gradebook is read-only",
    "unable to open database file": "The gradebook cannot be opened or made",
}


class StorageError(Exception):
    """The disk refuses; the message says what and where. What was entered before is safe."""


@contextlib.contextmanager
def refusals_told() -> Iterator[None]:
    """Turn an error of the disk or the database into a `StorageError`; others pass as they are."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        raise StorageError(f"{_REFUSALS[error.errno]}: {error.filename or error.strerror}.") from error
    except OperationalError as error:
        said = next((text for sign, text in _DATABASE.items() if sign in str(error.orig)), None)
        if said is None:
            raise
        raise StorageError(f"{said}.") from error


@contextlib.contextmanager
def held(course: Course) -> Iterator[None]:
    """Hold the class for one run. Raises `StorageError` where another run holds it; a killed one does not."""
    path = Path(course.database.removeprefix("sqlite:///")).with_name(".autograde.lock")
    with refusals_told():
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise StorageError(f"Another run is grading here; wait for its end, or end it. ({path})") from error
    try:
        yield
    finally:
        lock.release()
