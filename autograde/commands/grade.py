"""`autograde grade`: grade what a class handed in."""

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    errors,
    this_machine,
    told,
)

if TYPE_CHECKING:  # its imports take a second, which the warm parent uses
    from autograde.runs import Place


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
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler",
            help="Run on the workers of the Dask scheduler at this address; see `autograde worker`.",
            metavar="ADDRESS",
            show_default=False,
        ),
    ] = None,
    course: CourseOption = None,
    classroom: ClassroomOption = None,
) -> None:
    """Grade every submission of an assignment into the gradebook.

    Exit code 0: every submission has a score (0 with a reason, where it could not be run); 1: the harness failed on
    one, which can be graded again; 2: nothing was graded.
    """
    wish = Wish(assignment, student or [], jobs, cell_seconds, proof, again, diff, feedback)
    with _place(sandbox, scheduler) as place:
        failed = _grade(wish, course, classroom, place)
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


@contextlib.contextmanager
def _place(wall: Wall, scheduler: str | None) -> "Iterator[Place]":
    """This machine, or the cluster of the scheduler at this address."""
    if scheduler:
        from autograde.cluster import Cluster, ClusterError
        from autograde.engine.gpus import NoGpuError

        with told(ClusterError, NoGpuError), Cluster(scheduler, jailed=wall is Wall.NAMESPACES) as cluster:
            console.print(f"{cluster.room} workers at {scheduler}", highlight=False, markup=False)
            for line in cluster.refused:
                errors.print(line, markup=False, highlight=False)
            yield cluster
        return
    with this_machine(wall) as machine:
        yield machine


def _grade(wish: Wish, course: Path | None, classroom: Path | None, place: "Place") -> bool:
    from autograde.course import CourseError, find_course
    from autograde.limits import LimitError, limits_for
    from autograde.storage import StorageError, refusals_told

    with told(CourseError, LimitError, StorageError), refusals_told():
        here = find_course(course, classroom)
        here.require(wish.assignment)
        for path in here.misplaced():
            errors.print(f"{path} lies in no assignment's folder, so it is not graded.", markup=False, highlight=False)
        if not place.sandbox.jailed:
            errors.print("Students' code runs unlocked: it can read and change what you can.", highlight=False)
        students = wish.students or here.students(wish.assignment)
        if not students:
            raise CourseError(f"Nothing was handed in: {here.submitted(wish.assignment, '*')} matches no folder.")
        limits = limits_for(wish.assignment, here.config)
        if wish.cell_seconds:
            limits = dataclasses.replace(limits, cell_seconds=wish.cell_seconds)
        way = the_way(place, limits, wish.jobs, wish.proof)
        _tell_source_changes(here, wish.assignment)
        if wish.diff:
            _compare(here, wish.assignment, students, way, place)
            return False
        return grade_class(here, wish.assignment, students, way, place, wish.feedback, wish.again)


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


def _compare(here, assignment: str, students: list[str], way, place: "Place") -> None:
    from autograde.compare import moves
    from autograde.report import moves_table

    with Steps("comparing", len(students)) as progress:
        found = moves(here, assignment, students, way, lambda one: progress.tell(one.student), place)
    console.print(moves_table(assignment, found))
    moved = sum(bool(one.cells) for one in found)
    console.print(f"{moved} of {len(students)} would have other test scores; nothing was entered.", highlight=False)


def the_way(place: "Place", limits, jobs: int | None, proof: bool = True):
    """How to grade, with as many jobs as the place has room for, and as many threads for each as its cores allow."""
    from autograde.runs import Way

    jobs = jobs or place.room
    return Way(place.sandbox, limits, jobs, threads=max(1, place.room // jobs), proof=proof)


def grade_class(
    here, assignment: str, students: list[str], way, place: "Place", feedback: bool = True, again: bool = False
) -> bool:
    """Grade, show progress, then the table and where everything lies; whether the harness failed on any."""
    from autograde.feedback import has_feedback
    from autograde.grade import grade as run_grade
    from autograde.gradebook import export
    from autograde.report import class_table, summary

    with Steps("grading", len(students)) as progress:
        graded = run_grade(
            here, assignment, students, way, lambda one: progress.tell(one.student, _score(one)), place, again
        )
    console.print(class_table(assignment, graded))
    console.print(summary(graded), highlight=False)
    if feedback:
        new = [
            one for one in graded if one.score and not (one.unchanged and has_feedback(here, assignment, one.student))
        ]
        write_pages(here, assignment, [one.student for one in new])
    grades = export(here)
    for name, path in [
        ("gradebook", here.database.removeprefix("sqlite:///")),
        ("feedback", here.feedback(assignment, "<student>")),
        ("grades", grades),
    ]:
        console.print(f"{name:10} {path}", markup=False, highlight=False, soft_wrap=True)
    return any(one.score is None for one in graded)


def _score(graded) -> str:
    return f"{graded.score.points:g} / {graded.score.possible:g}" if graded.score else "no score"
