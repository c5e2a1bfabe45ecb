"""What was graded already, and of what: so that nothing unchanged runs twice, and a run that was killed can go on.

The journal is a table in the gradebook's own database. It is lost, restored and copied together with the grades it
speaks of, and an entry is written only after everything of the submission was entered: a run that was killed in between
left no entry, and that submission is graded anew.
"""

import functools
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select
from sqlalchemy.orm import Session

from autograde.limits import Limits
from autograde.reasons import Reason

_METADATA = MetaData()
_TABLE = Table(
    "autograde_journal",
    _METADATA,
    Column("assignment", String(128), primary_key=True),
    Column("student", String(128), primary_key=True),
    Column("key", String(64), nullable=False),
    Column("notes", Text, nullable=False),
)


@dataclass(frozen=True)
class Entry:
    """What a submission was when it was graded (`key`), and what happened to it then."""

    key: str
    notes: list[Reason]


class Journal:
    """The entries of one assignment, read once; `session` is the gradebook's."""

    def __init__(self, session: Session, assignment: str) -> None:
        self._session, self._assignment = session, assignment
        _METADATA.create_all(session.get_bind())
        rows = session.execute(select(_TABLE).where(_TABLE.c.assignment == assignment))
        self._entries = {row.student: Entry(row.key, _read(row.notes)) for row in rows}

    def find(self, student: str, key: str) -> Entry | None:
        """The student's entry, where the submission, its assignment and what grades it are still the same."""
        entry = self._entries.get(student)
        return entry if entry and entry.key == key else None

    def record(self, student: str, key: str, notes: Iterable[Reason]) -> None:
        """Note that all of the submission was entered. The caller commits."""
        notes = list(notes)
        text = json.dumps([asdict(note) for note in notes])
        self._session.execute(
            delete(_TABLE).where(_TABLE.c.assignment == self._assignment, _TABLE.c.student == student)
        )
        row = {"assignment": self._assignment, "student": student, "key": key, "notes": text}
        self._session.execute(insert(_TABLE).values(row))
        self._entries[student] = Entry(key, notes)


def _read(notes: str) -> list[Reason]:
    return [Reason(**note) for note in json.loads(notes)]


def key_of(submission: Path, basis: str) -> str:
    """The hash of the files handed in, on the `basis` of everything else that decides a score."""
    try:
        return _hash([basis.encode(), *_contents(submission)])
    except OSError as error:  # told, with its reason, where the submission is read
        return _hash([basis.encode(), str(error).encode("utf-8", "surrogateescape")])


def basis_of(source: Path, limits: Limits, jailed: bool, seeds: tuple[int, ...]) -> str:
    """The hash of what decides scores beside the submission: the assignment, how it is run, and by what."""
    settings = repr((limits, jailed, seeds))
    return _hash([settings.encode(), engine_version().encode(), *_contents(source)])


@functools.cache
def engine_version() -> str:
    """The hash of this package, of Python, and of every installed package: each may change what a notebook gives."""
    own = Path(__file__).parent
    code = [path.read_bytes() for path in sorted(own.rglob("*.py"))]
    installed = sorted(f"{each.name} {each.version}" for each in importlib.metadata.distributions())
    return _hash([platform.python_version().encode(), "\n".join(installed).encode(), *code])


def _contents(folder: Path) -> Iterator[bytes]:
    """Names and contents of all files below `folder`; of a link only its name, as it is not followed."""
    for path in sorted(folder.rglob("*")):
        yield str(path.relative_to(folder)).encode("utf-8", "surrogateescape")
        if path.is_file() and not path.is_symlink():
            try:
                with open(path, "rb") as file:
                    yield hashlib.file_digest(file, "sha256").digest()
            except OSError as error:
                yield str(error.strerror).encode()


def _hash(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))  # or ("ab", "c") would equal ("a", "bc")
        digest.update(part)
    return digest.hexdigest()
