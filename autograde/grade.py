"""Grade an assignment: read, restore, run, commit, submission by submission."""

import copy
import queue
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.utils import determine_grade

from autograde import notebook as cells
from autograde import reasons
from autograde.course import Course, CourseError
from autograde.engine.processes import WarmParent
from autograde.engine.sandbox import Sandbox
from autograde.engine.session import Session
from autograde.execution import EngineError, Execution, mark_not_run
from autograde.gradebook import Book, Score
from autograde.imports import imported_modules
from autograde.limits import Limits
from autograde.notebook import read_notebook, storable
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


@dataclass(frozen=True)
class Way:
    """How an assignment is graded."""

    sandbox: Sandbox
    limits: Limits
    jobs: int
    threads: int
    """Threads each notebook may compute with; jobs times threads should be the number of cores."""
    proof: bool = True
    """Whether the assignment's own solution has to score full marks first."""


def grade(
    course: Course,
    assignment: str,
    students: list[str],
    way: Way,
    tell: Callable[[Graded], None],
    warm: WarmParent | None = None,
) -> list[Graded]:
    """Grade the students' submissions and enter the results; `tell` hears of each as it is done.

    `warm` may have been started by the caller, to import while the caller does; it is closed here. No submission stops
    another: what goes wrong with one becomes its reason. Raises `CourseError` where the assignment itself cannot be
    graded.
    """
    course.require(assignment)
    unknown = sorted(set(students) - set(course.students(assignment)))
    if unknown:
        raise CourseError(
            f"No submission of {', '.join(unknown)} in {course.submitted(assignment, '*')}. "
            "Is each name spelt as its folder?"
        )
    graded = []
    with warm or WarmParent(way.sandbox) as warm:
        warm.preload(imported_modules(course.source(assignment)))  # it imports while the assignment is read
        runs = _Runs(course, assignment, masters(course, assignment), warm, way)
        register(course, assignment)
        with Book(course, assignment) as book:
            for student, ran in runs.of_class(students):
                graded.append(_enter(book, student, ran))
                tell(graded[-1])
    return graded


@dataclass
class _Ran:
    """A submission's notebooks after they ran."""

    submission: Submission
    executions: dict[str, Execution]


@dataclass(frozen=True)
class _Runs:
    """Runs the notebooks of one assignment."""

    course: Course
    assignment: str
    masters: dict[str, Master]
    warm: WarmParent
    way: Way

    def of_class(self, students: list[str]) -> Iterator[tuple[str, "Future[_Ran]"]]:
        """Run every student's notebooks, `jobs` at a time, and yield each student as soon as theirs are done.

        The assignment's own solution runs beside the first of them, and nobody is yielded before it scored full marks.
        Raises `CourseError` where it does not: then nobody's score means anything.
        """
        slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(self.way.jobs):
            slots.put(slot)

        def in_slot(run: Callable[..., _Ran], *arguments: str) -> _Ran:
            slot = slots.get()
            try:
                return run(*arguments, slot)
            finally:
                slots.put(slot)

        with ThreadPoolExecutor(self.way.jobs) as pool:
            proof = pool.submit(in_slot, self._solution) if self.way.proof else None
            futures = {pool.submit(in_slot, self._student, student): student for student in students}
            try:
                if proof:
                    self._require_full_marks(proof.result())
                for future in as_completed(futures):
                    yield futures[future], future
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _solution(self, slot: int) -> _Ran:
        source = self.course.source(self.assignment)
        notebooks = {name: read_notebook(source / f"{name}.ipynb") for name in self.masters}
        return self._run(Submission("the solution", source, notebooks), slot)

    def _student(self, student: str, slot: int) -> _Ran:
        if student != storable(student):
            raise CourseError(f"The folder {student!r} has a name that no text can hold; rename it")
        return self._run(read_submission(self.course, self.assignment, student, list(self.masters)), slot)

    def _run(self, submission: Submission, slot: int) -> _Ran:
        return _Ran(submission, {name: self._run_notebook(submission, name, slot) for name in self.masters})

    def _run_notebook(self, submission: Submission, name: str, slot: int) -> Execution:
        handed_in = submission.notebooks[name]
        if isinstance(handed_in, Reason):
            return mark_not_run(copy.deepcopy(self.masters[name].notebook), handed_in)
        notebook, notes = restore(handed_in, self.masters[name])
        source, limits = self.course.source(self.assignment), self.way.limits
        with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
            student_files, judge_files = Path(scratch) / "student", Path(scratch) / "judge"
            lay_out_files(source, judge_files)
            most = limits.scratch_bytes / 2
            if not lay_out_files(submission.folder, student_files, most):
                notes.append(reasons.files_left_out(most))
            lay_out_files(source, student_files)
            session = Session(self.warm, student_files, judge_files, slot, self.way.threads, limits)
            try:
                execution = session.run(copy.deepcopy(notebook))
            except EngineError:
                # The harness was hit, not the submission: once more from the start, with a new warm parent if need be.
                self.warm.restart()
                execution = session.run(notebook)
        return Execution(execution.notebook, notes + execution.notes)

    def _require_full_marks(self, solution: _Ran) -> None:
        executions = solution.executions.values()
        failed = [_short_of_full(cell) for ran in executions for cell in ran.notebook.cells if cells.is_test(cell)]
        complaints = [str(note) for ran in executions for note in ran.notes] + [text for text in failed if text]
        if complaints:
            raise CourseError(
                f"The solution of {self.assignment} does not score full marks here, so nothing was graded:\n  "
                + "\n  ".join(complaints)
                + "\nMend the assignment or the environment; --no-proof grades all the same."
            )


def _enter(book: Book, student: str, ran: "Future[_Ran]") -> Graded:
    try:
        result = ran.result()
        executions = result.executions
        next(iter(executions.values())).notes[:0] = result.submission.notes
        score = book.enter(result.submission, executions)
        return Graded(student, score, [note for execution in executions.values() for note in execution.notes])
    except Exception as error:  # a fault of ours with one submission must not cost the others their grades
        return Graded(student, None, [reasons.harness_failed(error)])


def _short_of_full(cell) -> str:
    earned, possible = determine_grade(cell)
    if earned == possible:
        return ""
    said = [output.get("text") or output.get("evalue") or "" for output in cell.outputs]
    return f"{cells.grade_id(cell)} gives {earned:g} of {possible:g}: {' '.join(said).strip()[:500]}"
