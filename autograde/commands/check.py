"""`autograde check`: what a student runs before handing in."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from autograde.commands.shared import console, told


def check(
    notebooks: Annotated[list[Path], typer.Argument(help="Notebooks of exercises.", metavar="NOTEBOOK…")],
    cell_seconds: Annotated[float, typer.Option("--cell-seconds", min=1, help="Time limit of one cell.")] = 60,
) -> None:
    """Run each notebook from top to bottom and show what its tests say.

    Exit code 0: everything passes; 1: something is missing or wrong; 2: a file could not be checked.
    """
    from autograde.check import NothingToCheckError
    from autograde.check import check as run_check
    from autograde.execution import EngineError
    from autograde.limits import Limits
    from autograde.notebook import UnreadableNotebookError

    worst = 0
    for path in notebooks:
        try:
            with (
                told(UnreadableNotebookError, NothingToCheckError, EngineError),
                console.status(f"Running {path.name} from top to bottom …"),
            ):
                result = run_check(path, Limits(cell_seconds=cell_seconds))
        except typer.Exit as told_why:
            worst = max(worst, told_why.exit_code)
            continue
        _show(path, result)
        worst = max(worst, 0 if result.complete else 1)
    raise typer.Exit(worst)


def _show(path: Path, result) -> None:
    console.print(f"[bold]{escape(path.name)}[/]")
    for text in result.errors:
        console.print(f"[red]![/] {escape(text)}", highlight=False, soft_wrap=True)
    for test in result.tests:
        passed = test.points == test.possible
        mark = "[green]✓[/]" if passed else "[red]✗[/]"
        console.print(f"{mark} {escape(test.name)}  {test.points:g} of {test.possible:g}", highlight=False)
        for line in test.message.splitlines():
            console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
    for text in result.stopped:
        console.print(f"[red]![/] {escape(text)}", highlight=False)
    for name in result.unanswered:
        console.print(f"[red]✗[/] {escape(name)}  not answered yet (marked by hand)", highlight=False)
    for name in result.edited:
        console.print(
            f"[yellow]![/] {escape(name)}  was edited; it will be put back before grading, so do not rely on it",
            highlight=False,
        )
    earned, possible = sum(t.points for t in result.tests), sum(t.possible for t in result.tests)
    console.print(f"{earned:g} of {possible:g} points from the tests you can see.", highlight=False)
    if result.complete:
        console.print("Everything passes. Grading adds more inputs of the same kind; hand it in.")
    elif result.tests_pass:
        console.print("All tests pass. What is left: write the answers named above, then hand it in.")
    else:
        console.print(
            "What to do: go to the first ! or ✗ above and read what it says; write or mend the code in the cell "
            "before that test (where it is not done yet, in place of `raise NotImplementedError()`), run both "
            "cells, and check again.",
            highlight=False,
            soft_wrap=True,
        )
