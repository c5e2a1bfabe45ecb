"""What grading would change: run everything that is not unchanged, compare with the gradebook, enter nothing."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from autograde import notebook as cells
from autograde.course import Course
from autograde.execution import points
from autograde.grade import read_handed_in
from autograde.gradebook import Book
from autograde.journal import basis_of, key_of
from autograde.reasons import Reason
from autograde.release import masters
from autograde.restore import Master
from autograde.runs import Place, Plan, Ran, Way

Scores = dict[str, float | None]
"""What tests gave, by grade id; None where a person marks, or for a cell that was not there."""


@dataclass(frozen=True)
class Move:
    """One student's test scores in the gradebook and now."""

    student: str
    before: Scores
    after: Scores
    notes: list[Reason] = field(default_factory=list)

    @property
    def cells(self) -> list[str]:
        """The cells whose score moved, or that came or went, in the order of the notebook."""
        names = [*self.after, *(name for name in self.before if name not in self.after)]
        return [name for name in names if self.before.get(name) != self.after.get(name)]


def source_changes(before: Mapping[str, str], master: Mapping[str, Master]) -> dict[str, str]:
    """The cells of an assignment that are other than when it was last registered, each with what changed, as a diff."""
    now = {name: cell.source for each in master.values() for name, cell in each.cells.items()}
    changed = [name for name in {**before, **now} if before.get(name) != now.get(name)] if before else []
    return {name: _diff(before.get(name, ""), now.get(name, "")) for name in changed}


def _diff(before: str, now: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), "before", "now", n=1, lineterm="")
    return "\n".join(list(lines)[2:])


def moves(
    course: Course, assignment: str, students: list[str], way: Way, tell: Callable[[Move], None], place: Place
) -> list[Move]:
    """Run every submission that changed, or whose assignment did, and say whose scores would move.

    Nothing is entered in the gradebook. Raises `CourseError` where the assignment cannot be graded.
    """
    course.require(assignment)
    source = course.source(assignment)
    place.expect(source)
    master = masters(course, assignment)
    basis = basis_of(source, way.limits, way.sandbox.jailed, way.seeds)
    with Book(course, assignment) as book:
        before = book.auto_scores()
        changed = [
            student
            for student in students
            if not book.journal.find(student, key_of(course.submitted(assignment, student), basis))
        ]
    work = {student: partial(read_handed_in, course, assignment, list(master), student) for student in changed}
    found = []
    for student, result in place.in_parallel(Plan(source, master, way), work):
        ran = result()
        notes = ran.submission.notes + [note for each in ran.executions.values() for note in each.notes]
        found.append(Move(student, before.get(student, {}), _scores(ran), notes))
        tell(found[-1])
    return found


def _scores(ran: Ran) -> Scores:
    found: Scores = {}
    for execution in ran.executions.values():
        for cell in filter(cells.is_graded, execution.notebook.cells):
            try:
                found[cells.grade_id(cell)] = points(cell)[0]
            except ValueError:
                found[cells.grade_id(cell)] = 0.0
    return found
