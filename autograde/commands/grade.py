"""`autograde grade`: grade what a class handed in."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from autograde.commands.feedback import write_pages
from autograde.commands.shared import (
    ClassroomOption,
    CourseOption,
    JobsOption,
    SandboxOption,
    Steps,
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
    again: Annotated[
        bool, typer.Option("--again", help="Run also what was graded before and has not changed since.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show whose scores would move, and why; enter nothing in the gradebook.")
    ] = False,
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

    wish = Wish(assignment, student or [], jobs, cell_seconds, proof, again, diff, feedback)
    with told(NoSandboxError, EngineError), WarmParent(choose_sandbox(sandbox.value)) as warm:
        # Only now what takes seconds to import: the warm parent imports at the same time.
        failed = _grade(wish, course, classroom, warm)
    raise typer.Exit(1 if failed else 0)


@dataclass(frozen=True)
class Wish:
    """What was typed: what to grade, and how."""

    assignment: str
    students: list[str]
    jobs: int | None
    cell_seconds: float | None
    proof: bool
    again: bool
    diff: bool
    feedback: bool


def _grade(wish: Wish, course: Path | None, classroom: Path | None, warm) -> bool:
    from autograde.course import CourseError, find_course
    from autograde.limits import LimitError, limits_for
    from autograde.storage import StorageError, refusals_told

    with told(CourseError, LimitError, StorageError), refusals_told():
        here = find_course(course, classroom)
        here.require(wish.assignment)
        for path in here.misplaced():
            errors.print(f"{path} lies in no assignment's folder, so it is not graded.", markup=False, highlight=False)
        if not warm.sandbox.jailed:
            errors.print("Students' code runs unlocked: it can read and change what you can.", highlight=False)
        students = wish.students or here.students(wish.assignment)
        if not students:
            raise CourseError(f"Nothing was handed in: {here.submitted(wish.assignment, '*')} matches no folder.")
        limits = limits_for(wish.assignment, here.config)
        if wish.cell_seconds:
            limits = dataclasses.replace(limits, cell_seconds=wish.cell_seconds)
        way = the_way(warm.sandbox, limits, wish.jobs, wish.proof)
        _tell_source_changes(here, wish.assignment)
        if wish.diff:
            _compare(here, wish.assignment, students, way, warm)
            return False
        return grade_class(here, wish.assignment, students, way, warm, wish.feedback, wish.again)


def _tell_source_changes(here, assignment: str) -> None:
    """Say what is new in the assignment since it was last graded: that moves scores."""
    from autograde.compare import source_changes
    from autograde.gradebook import Book
    from autograde.release import masters

    with Book(here, assignment) as book:
        before = book.sources()
    changes = source_changes(before, masters(here, assignment)) if before else {}
    for name, difference in changes.items():
        console.print(f"changed since it was last graded: {name}", highlight=False, markup=False)
        console.print(difference, highlight=False, markup=False)


def _compare(here, assignment: str, students: list[str], way, warm) -> None:
    from autograde.compare import moves
    from autograde.report import moves_table

    with Steps("comparing", len(students)) as progress:
        found = moves(here, assignment, students, way, lambda one: progress.tell(one.student), warm)
    console.print(moves_table(assignment, found))
    moved = sum(bool(one.cells) for one in found)
    console.print(f"{moved} of {len(students)} would have other test scores; nothing was entered.", highlight=False)


def the_way(sandbox, limits, jobs: int | None, proof: bool = True):
    """How to grade, with as many threads for each job as the cores allow."""
    from autograde.runs import Way

    jobs = jobs or cores()
    return Way(sandbox, limits, jobs, threads=max(1, cores() // jobs), proof=proof)


def grade_class(
    here, assignment: str, students: list[str], way, warm, feedback: bool = True, again: bool = False
) -> bool:
    """Grade, show progress, then the table and where everything lies; whether the harness failed on any."""
    from autograde.feedback import has_feedback
    from autograde.grade import grade as run_grade
    from autograde.gradebook import export
    from autograde.report import class_table, summary

    with Steps("grading", len(students)) as progress:
        graded = run_grade(
            here, assignment, students, way, lambda one: progress.tell(one.student, _score(one)), warm, again
        )
    console.print(class_table(assignment, graded))
    console.print(summary(graded), highlight=False)
    if feedback:
        new = [
            one for one in graded if one.score and not (one.unchanged and has_feedback(here, assignment, one.student))
        ]
        write_pages(here, assignment, [one.student for one in new])
    grades = export(here)
    for name, place in [
        ("gradebook", here.database.removeprefix("sqlite:///")),
        ("feedback", here.feedback(assignment, "<student>")),
        ("grades", grades),
    ]:
        console.print(f"{name:10} {place}", markup=False, highlight=False, soft_wrap=True)
    return any(one.score is None for one in graded)


def _score(graded) -> str:
    return f"{graded.score.points:g} / {graded.score.possible:g}" if graded.score else "no score"
