"""`autograde report`: where a class stands, and who leads."""

from typing import Annotated

import typer

from autograde.commands.shared import ClassroomOption, CourseOption, console, told


def report(
    assignment: Annotated[str, typer.Argument(help="The assignment's name.", show_default=False)],
    by: Annotated[
        str, typer.Option("--by", help="Rank by this result, such as accuracy, or by score.", metavar="NAME")
    ] = "score",
    lowest_first: Annotated[bool, typer.Option("--lowest-first", help="The smallest number leads.")] = False,
    course: CourseOption = None,
    classroom: ClassroomOption = None,
) -> None:
    """Print everyone's score as it stands in the gradebook, and what tests measured; nothing is run.

    Exit code 2: there is no such assignment, nobody was graded, or nobody has such a result.
    """
    from autograde.course import CourseError, find_course
    from autograde.report import leaderboard, ranked, standings
    from autograde.storage import StorageError, refusals_told

    with told(CourseError, StorageError), refusals_told():
        here = find_course(course, classroom)
        found = standings(here, assignment)
        if not found:
            raise CourseError(f"Nobody has a score for {assignment}; run autograde grade {assignment} first.")
        results = sorted({name for one in found for name in one.results})
        if by != "score" and by not in results:
            raise CourseError(f"Nobody has a result {by!r}; there are: {', '.join(['score', *results])}.")
    console.print(leaderboard(assignment, ranked(found, by, lowest_first)))
