"""`autograde feedback`: write the pages that go back to students, after somebody marked answers by hand."""

from typing import Annotated

import typer

from autograde.commands.shared import ClassroomOption, CourseOption, Steps, console, errors, told


def feedback(
    assignment: Annotated[str, typer.Argument(help="The assignment's name.", show_default=False)],
    student: Annotated[
        list[str] | None, typer.Option("--student", help="Only this student; can be repeated.", show_default=False)
    ] = None,
    course: CourseOption = None,
    classroom: ClassroomOption = None,
) -> None:
    """Write the feedback page of everyone who has a score, with the marks and comments that formgrader has now.

    Hidden tests stay hidden. Exit code 0: all pages are written; 1: some could not be made; 2: none was tried.
    """
    from autograde.course import CourseError, find_course
    from autograde.gradebook import Book
    from autograde.storage import StorageError, refusals_told

    with told(CourseError, StorageError), refusals_told():
        here = find_course(course, classroom)
        here.require(assignment)
        with Book(here, assignment) as book:
            scored = sorted(book.scores())
        if unknown := sorted(set(student or []) - set(scored)):
            raise CourseError(f"No score of {', '.join(unknown)} for {assignment}; grade them first.")
        without = write_pages(here, assignment, student or scored)
    console.print(f"feedback   {here.feedback(assignment, '<student>')}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1 if without else 0)


def write_pages(here, assignment: str, students: list[str]) -> list[str]:
    """Write the students' pages, showing progress; returns, and tells, for whom none could be made."""
    from autograde.feedback import write_feedback

    without = []
    with Steps("feedback", len(students)) as progress:
        for one, made in write_feedback(here, assignment, students):
            progress.tell(one)
            if not made:
                without.append(one)
    if without:
        errors.print(f"No feedback page could be made for {', '.join(without)}.", markup=False, highlight=False)
    return without
