"""`autograde grade`: grade what a class handed in."""

import dataclasses
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from autograde.commands.shared import (
    ClassroomOption,
    CourseOption,
    JobsOption,
    SandboxOption,
    Wall,
    console,
    cores,
    errors,
    told,
)


def grade(
    assignment: Annotated[str, typer.Argument(help="The assignment's name.", show_default=False)],
    student: Annotated[
        list[str] | None, typer.Option("--student", help="Only this student; can be repeated.", show_default=False)
    ] = None,
    jobs: JobsOption = None,
    sandbox: SandboxOption = Wall.NAMESPACES,
    cell_seconds: Annotated[
        float | None,
        typer.Option("--cell-seconds", min=1, help="Time limit of one cell; without it, the course's."),
    ] = None,
    proof: Annotated[
        bool, typer.Option(help="Run the assignment's own solution first; grade only if it scores full marks.")
    ] = True,
    feedback: Annotated[bool, typer.Option(help="Write the pages that go back to students.")] = True,
    course: CourseOption = None,
    classroom: ClassroomOption = None,
) -> None:
    """Grade every submission of an assignment into the gradebook.

    Exit code 0: every submission has a score (0 with a reason, where it could not be run); 1: the harness failed on
    one, which can be graded again; 2: nothing was graded.
    """
    from autograde.engine.processes import WarmParent
    from autograde.engine.sandbox import NoSandboxError, choose_sandbox
    from autograde.execution import EngineError

    with told(NoSandboxError, EngineError), WarmParent(choose_sandbox(sandbox.value)) as warm:
        # Only now what takes seconds to import: the warm parent imports at the same time.
        failed = _grade(assignment, student or [], jobs, cell_seconds, proof, feedback, course, classroom, warm)
    raise typer.Exit(1 if failed else 0)


def _grade(assignment, student, jobs, cell_seconds, proof, feedback, course, classroom, warm) -> bool:
    from autograde.course import CourseError, find_course
    from autograde.limits import LimitError, limits_for

    with told(CourseError, LimitError):
        here = find_course(course, classroom)
        here.require(assignment)
        for path in here.misplaced():
            errors.print(f"{path} lies in no assignment's folder, so it is not graded.", markup=False, highlight=False)
        if not warm.sandbox.jailed:
            errors.print("Students' code runs unlocked: it can read and change what you can.", highlight=False)
        students = student or here.students(assignment)
        if not students:
            raise CourseError(f"Nothing was handed in: {here.submitted(assignment, '*')} matches no folder.")
        limits = limits_for(assignment, here.config)
        if cell_seconds:
            limits = dataclasses.replace(limits, cell_seconds=cell_seconds)
        way = the_way(warm.sandbox, limits, jobs, proof)
        return grade_class(here, assignment, students, way, warm, feedback)


def the_way(sandbox, limits, jobs: int | None, proof: bool = True):
    """How to grade, with as many threads for each job as the cores allow."""
    from autograde.runs import Way

    jobs = jobs or cores()
    return Way(sandbox, limits, jobs, threads=max(1, cores() // jobs), proof=proof)


def grade_class(here, assignment: str, students: list[str], way, warm, feedback: bool = True) -> bool:
    """Grade, show progress, then the table and where everything lies; whether the harness failed on any."""
    from autograde.feedback import write_feedback
    from autograde.grade import grade as run_grade
    from autograde.gradebook import export
    from autograde.report import class_table, summary

    with _Progress("grading", len(students)) as progress:
        graded = run_grade(here, assignment, students, way, lambda one: progress.tell(one.student, _score(one)), warm)
    console.print(class_table(assignment, graded))
    console.print(summary(graded), highlight=False)
    scored = [one.student for one in graded if one.score and feedback]
    without = []
    with _Progress("feedback", len(scored)) as progress:
        for student, made in write_feedback(here, assignment, scored):
            progress.tell(student)
            if not made:
                without.append(student)
    grades = export(here)
    for name, place in [
        ("gradebook", here.database.removeprefix("sqlite:///")),
        ("feedback", here.feedback(assignment, "<student>")),
        ("grades", grades),
    ]:
        console.print(f"{name:10} {place}", markup=False, highlight=False, soft_wrap=True)
    if without:
        errors.print(f"No feedback page could be made for {', '.join(without)}.", markup=False, highlight=False)
    return any(one.score is None for one in graded)


def _score(graded) -> str:
    return f"{graded.score.points:g} / {graded.score.possible:g}" if graded.score else "no score"


class _Progress:
    """A bar with the time left on a terminal, a line for each result elsewhere."""

    def __init__(self, what: str, total: int) -> None:
        self.what, self.total, self.done = what, total, 0
        columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(compact=True)
        self.bar = Progress(
            TextColumn(what), *columns, console=console, transient=True, disable=not console.is_terminal
        )

    def __enter__(self):
        self.bar.start()
        self.task = self.bar.add_task(self.what, total=self.total)
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()

    def tell(self, student: str, result: str = "") -> None:
        """One more is done; without a terminal, say so where there is a result to tell."""
        from autograde.notebook import storable

        self.done += 1
        self.bar.advance(self.task)
        if result and not console.is_terminal:
            line = f"[{self.done}/{self.total}] {storable(student)}: {result}"
            console.print(line, markup=False, highlight=False)
