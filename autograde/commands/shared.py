"""What the commands share: their options, the console, and how an error reaches the reader."""

import contextlib
import enum
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from autograde.runs import ThisMachine

console = Console()
errors = Console(stderr=True)

CourseOption = Annotated[
    Path | None,
    typer.Option("--course", help="A folder of the course; without it, the folder you are in.", show_default=False),
]
ClassroomOption = Annotated[
    Path | None,
    typer.Option(
        "--classroom",
        help="Where submissions, grades and feedback lie; without it, AUTOGRADE_CLASSROOM or classroom/.",
        show_default=False,
    ),
]
JobsOption = Annotated[
    int | None,
    typer.Option("--jobs", min=1, help="How many submissions run at once; without it, as many as there are cores."),
]


class Wall(enum.StrEnum):
    """What stands between student code and the machine."""

    NAMESPACES = "namespaces"
    NONE = "none"


SandboxOption = Annotated[
    Wall,
    typer.Option(
        "--sandbox", help="namespaces: lock student code up, or refuse; none: run it unlocked.", metavar="WALL"
    ),
]


@contextlib.contextmanager
def told(*kinds: type[Exception]) -> Iterator[None]:
    """Print an expected error as a sentence and exit with 2; a traceback would hide it."""
    try:
        yield
    except kinds as error:
        errors.print(f"[red]autograde:[/] {escape(str(error))}")
        raise typer.Exit(2) from error


@contextlib.contextmanager
def this_machine(wall: Wall) -> "Iterator[ThisMachine]":
    """This machine as a place to run notebooks; tells where it cannot be."""
    from autograde.engine.gpus import NoGpuError
    from autograde.engine.processes import WarmParent
    from autograde.engine.sandbox import NoSandboxError, choose_sandbox
    from autograde.execution import EngineError

    with told(NoSandboxError, NoGpuError, EngineError), WarmParent(choose_sandbox(wall.value)) as warm:
        # Only now what takes seconds to import: the warm parent imports at the same time.
        from autograde.runs import ThisMachine

        yield ThisMachine(warm)


class Steps:
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
