"""`autograde release`: make what students get from what authors write."""

from typing import Annotated

import typer

from autograde.commands.shared import CourseOption, console, errors, told


def release(
    assignments: Annotated[
        list[str] | None, typer.Argument(help="Names of assignments; all without any.", show_default=False)
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; fail if a release is not up to date.")
    ] = False,
    course: CourseOption = None,
) -> None:
    """Generate the release of each assignment from its source."""
    from autograde import release as releases
    from autograde.course import CourseError, find_course

    with told(CourseError):
        here = find_course(course)
        outdated = False
        for name in assignments or here.assignments():
            changes = releases.stale(here, name) if check else releases.release(here, name)
            outdated |= bool(changes)
            news = "out of date" if check else "written anew, because the release was out of date"
            console.print(f"{name}: {news if changes else 'up to date'}", highlight=False)
            for change in changes:
                console.print(f"  {change}", highlight=False)
        orphans = [] if assignments else releases.orphans(here)
        for folder in orphans:
            errors.print(f"{folder}: no assignment of this name has a source. Delete it.", highlight=False)
    if check and (outdated or orphans):
        errors.print("Run `autograde release` and commit what it writes.", highlight=False)
        raise typer.Exit(1)
