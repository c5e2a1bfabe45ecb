"""Grade an assignment: read, restore, run, commit, submission by submission."""

import asyncio
import copy
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from autograde import gradebook, reasons
from autograde.course import Course, CourseError
from autograde.execute import Execution, execute, mark_not_run
from autograde.gradebook import Score
from autograde.limits import Limits
from autograde.reasons import Reason
from autograde.release import masters, register
from autograde.restore import Master, restore
from autograde.submissions import Submission, lay_out_files, read_submission


@dataclass
class Graded:
    """What came of one submission; `score` is None only where the harness itself failed."""

    student: str
    score: Score | None
    notes: list[Reason] = field(default_factory=list)

    @property
    def lost(self) -> list[Reason]:
        """Why a part of the submission could not be graded; empty when all of it was."""
        return [note for note in self.notes if note.lost]


def grade(
    course: Course,
    assignment: str,
    students: list[str],
    jobs: int,
    limits: Limits,
    tell: Callable[[Graded], None],
) -> list[Graded]:
    """Grade the students' submissions, `jobs` at a time, and enter the results; `tell` hears each as it is done.

    No submission stops another: what goes wrong with one becomes its reason. Raises `CourseError` where the assignment
    itself cannot be graded.
    """
    master = masters(course, assignment)
    register(course, assignment)
    unknown = sorted(set(students) - set(course.students(assignment)))
    if unknown:
        raise CourseError(
            f"No submission of {', '.join(unknown)} in {course.submitted(assignment, '*')}. "
            "Is each name spelt as its folder?"
        )

    async def grade_all() -> list[Graded]:
        places = asyncio.Semaphore(jobs)

        async def grade_one(student: str) -> Graded:
            async with places:
                graded = await _grade(course, assignment, student, master, limits)
            tell(graded)
            return graded

        return await asyncio.gather(*map(grade_one, students))

    return asyncio.run(grade_all())


async def _grade(course: Course, assignment: str, student: str, master: dict[str, Master], limits: Limits) -> Graded:
    try:
        submission = read_submission(course, assignment, student, list(master))
        executed, notes = {}, {}
        for name in master:
            execution = await _run(course, assignment, submission, name, master[name], limits)
            executed[name] = execution.notebook
            notes[name] = execution.notes
        notes[next(iter(master))][:0] = submission.notes
        score = gradebook.commit(course, assignment, submission, executed, notes)
        return Graded(student, score, [note for some in notes.values() for note in some])
    except Exception as error:  # a fault of ours with one submission must not cost the others their grades
        return Graded(student, None, [reasons.harness_failed(error)])


async def _run(
    course: Course, assignment: str, submission: Submission, name: str, master: Master, limits: Limits
) -> Execution:
    handed_in = submission.notebooks[name]
    if isinstance(handed_in, Reason):
        return mark_not_run(copy.deepcopy(master.notebook), handed_in)
    notebook, notes = restore(handed_in, master)
    with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "work"
        lay_out_files(submission, course.source(assignment), folder)
        execution = await execute(notebook, folder, limits)
    return Execution(execution.notebook, notes + execution.notes)
