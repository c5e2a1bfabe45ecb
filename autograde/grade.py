"""Grade an assignment: read, restore, run, commit, submission by submission."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial

from autograde import notebook as cells
from autograde import reasons
from autograde.course import Course, CourseError
from autograde.engine.processes import WarmParent
from autograde.execution import points
from autograde.gradebook import Book, Score
from autograde.journal import basis_of, key_of
from autograde.notebook import storable
from autograde.reasons import Reason
from autograde.release import masters, read_source, register
from autograde.runs import Place, Plan, Ran, Read, Result, ThisMachine, Way
from autograde.storage import StorageError, held, refusals_told
from autograde.submissions import Submission, read_submission

SOLUTION = "/solution"
"""Stands for the assignment's own solution among the students; no folder can have this name."""


@dataclass
class Graded:
    """What came of one submission; `score` is None only where the harness itself failed."""

    student: str
    score: Score | None
    notes: list[Reason] = field(default_factory=list)
    before: Score | None = None
    """The score in the gradebook before this run."""
    unchanged: bool = False
    """Whether it was graded before, so that it did not run again."""

    @property
    def lost(self) -> list[Reason]:
        """Why a part of the submission could not be graded; empty when all of it was."""
        return [note for note in self.notes if note.lost]

    @property
    def moved(self) -> bool:
        """Whether there was another score before."""
        return bool(self.before and self.score and self.before.points != self.score.points)


def grade(
    course: Course,
    assignment: str,
    students: list[str],
    way: Way,
    tell: Callable[[Graded], None],
    place: Place | None = None,
    again: bool = False,
) -> list[Graded]:
    """Grade the students' submissions and enter the results; `tell` hears of each as it is done.

    What the journal knows, unchanged, is not run, unless `again`. The others run at `place`, without one on this
    machine; it is closed here. No submission stops another: what goes wrong with one becomes its reason.
    Raises `CourseError` where the assignment itself cannot be graded, and `StorageError` where the disk refuses: what
    was entered before stands, and the next run goes on from there.
    """
    course.require(assignment)
    unknown = sorted(set(students) - set(course.students(assignment)))
    if unknown:
        raise CourseError(
            f"No submission of {', '.join(unknown)} in {course.submitted(assignment, '*')}. "
            "Is each name spelt as its folder?"
        )
    graded: list[Graded] = []

    def done(one: Graded) -> None:
        graded.append(one)
        tell(one)

    with held(course), place or ThisMachine(WarmParent(way.sandbox)) as place:
        try:
            with refusals_told():
                _grade(course, assignment, students, way, place, again, done)
        except StorageError as error:
            raise StorageError(
                f"{error} {len(graded)} of {len(students)} submissions are entered and safe. "
                "Mend it and run the same command again: it goes on from there."
            ) from error
    return graded


def _grade(
    course: Course,
    assignment: str,
    students: list[str],
    way: Way,
    place: Place,
    again: bool,
    done: Callable[[Graded], None],
) -> None:
    source = course.source(assignment)
    place.expect(source)  # a warm parent imports while the assignment is read
    master = masters(course, assignment)
    register(course, assignment)
    basis = basis_of(source, way.limits, way.sandbox.jailed, way.seeds)
    with Book(course, assignment) as book:
        before = book.scores()
        keys = {student: key_of(course.submitted(assignment, student), basis) for student in students}
        work: dict[str, Read] = {}
        for student in students:
            entry = None if again else book.journal.find(student, keys[student])
            if entry and student in before and book.has_notebooks(student, master):
                score = before[student]
                done(Graded(student, score, entry.notes, before=score, unchanged=True))
            else:
                work[student] = partial(read_handed_in, course, assignment, list(master), student)
        if work and way.proof:
            solution = partial(read_solution, course, assignment, list(master))
            work = {SOLUTION: solution, **work}  # beside the first submissions
        results = place.in_parallel(Plan(source, master, way), work)
        with contextlib.closing(results):
            for student, result in _proven(results) if way.proof else results:
                done(_enter(book, student, result, keys[student], before.get(student)))


def read_handed_in(course: Course, assignment: str, names: list[str], student: str) -> Submission:
    """Read what the student handed in. Raises `CourseError` for a folder whose name cannot be stored."""
    if student != storable(student):
        raise CourseError(f"The folder {student!r} has a name that no text can hold; rename it")
    return read_submission(course, assignment, student, names)


def read_solution(course: Course, assignment: str, names: list[str]) -> Submission:
    """The assignment's own solution as if it had been handed in."""
    notebooks = {name: read_source(course, assignment, name) for name in names}
    return Submission(SOLUTION, course.source(assignment), notebooks)


def _proven(results: Iterable[tuple[str, Result]]) -> Iterator[tuple[str, Result]]:
    """The same but the solution; nobody is yielded before it has scored full marks.

    Raises `CourseError` where it does not: then nobody's score means anything.
    """
    held: list[tuple[str, Result]] = []
    proven = False
    for student, result in results:
        if student == SOLUTION:
            _require_full_marks(result())
            proven = True
            yield from held
        elif proven:
            yield student, result
        else:
            held.append((student, result))


def _require_full_marks(solution: Ran) -> None:
    if complaints := short_of_full_marks(solution):
        raise CourseError(
            f"The solution of {solution.submission.folder.name} does not score full marks here, "
            "so nothing was graded:\n  "
            + "\n  ".join(complaints)
            + "\nMend the assignment or the environment; --no-proof grades all the same."
        )


def short_of_full_marks(ran: Ran) -> list[str]:
    """What is missing to full marks in the cells that tests mark, one text each; empty for full marks."""
    executions = ran.executions.values()
    failed = [_short_of_full(cell) for each in executions for cell in each.notebook.cells if cells.is_test(cell)]
    return [str(note) for each in executions for note in each.notes] + [text for text in failed if text]


def _enter(book: Book, student: str, result: Result, key: str, before: Score | None) -> Graded:
    try:
        ran = result()
        executions = ran.executions
        next(iter(executions.values())).notes[:0] = ran.submission.notes
        with refusals_told():
            score = book.enter(ran.submission, executions, key)
        notes = [note for execution in executions.values() for note in execution.notes]
        return Graded(student, score, notes, before)
    except StorageError:
        raise  # the others would meet with the same
    except Exception as error:  # a fault of ours with one submission must not cost the others their grades
        return Graded(student, None, [reasons.harness_failed(error)], before)


def _short_of_full(cell) -> str:
    try:
        earned, possible = points(cell)
    except ValueError as error:
        return f"{cells.grade_id(cell)} gives no score: {error}"
    if earned == possible:
        return ""
    said = [output.get("text") or output.get("evalue") or "" for output in cell.outputs]
    return f"{cells.grade_id(cell)} gives {earned:g} of {possible:g}: {' '.join(said).strip()[:2000]}"
