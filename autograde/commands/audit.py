"""`autograde audit`: are an assignment's tests any good?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from autograde.commands.grade import the_way
from autograde.commands.shared import CourseOption, JobsOption, SandboxOption, Wall, console, this_machine, told

ANSWERS = "tests/audit"


def audit(
    assignments: Annotated[
        list[str] | None, typer.Argument(help="Their names; without one, all.", show_default=False)
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            "--sample", min=0, help="Try so many mutants an assignment, always the same ones; without it, all."
        ),
    ] = None,
    by_hand: Annotated[
        int | None,
        typer.Option(
            "--by-hand",
            min=0,
            help="Try so many wrong and right answers by hand, always the same ones; without it, all.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=5, help="How many seeds a verdict has to repeat for.")] = 5,
    kill_rate: Annotated[float, typer.Option(min=0, max=1, help="The share of mutants that has to fail.")] = 0.95,
    answers: Annotated[
        Path | None,
        typer.Option(help=f"Folder of right and wrong answers written by hand; without it, the course's {ANSWERS}."),
    ] = None,
    messages: Annotated[bool, typer.Option("--messages", help="Show what tests say to each wrong answer.")] = False,
    jobs: JobsOption = None,
    sandbox: SandboxOption = Wall.NAMESPACES,
    course: CourseOption = None,
) -> None:
    """Prove that right answers pass an assignment's tests and wrong ones fail, also those nobody thought of.

    Exit code 0: everything came out as it should; 1: something did not; 2: an assignment could not be tried.
    """
    with this_machine(sandbox) as machine:
        from autograde.audit.answers import AnswersError
        from autograde.audit.report import details, table
        from autograde.audit.trial import Extent
        from autograde.course import CourseError, find_course
        from autograde.limits import LimitError

        with told(CourseError, AnswersError, LimitError):
            here = find_course(course)
            done = []
            for name in assignments or here.assignments():
                extent = Extent(sample, by_hand, seeds)
                done.append(_audit_one(here, name, answers or here.root / ANSWERS, machine, jobs, extent))
                for text in details(done[-1], messages):
                    console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(table(done))
    raise typer.Exit(1 if any(one.problems or one.kill_rate < kill_rate for one in done) else 0)


def _audit_one(here, assignment: str, answers: Path, machine, jobs: int | None, extent):
    from autograde.audit.trial import audit_assignment
    from autograde.limits import limits_for

    way = the_way(machine, limits_for(assignment, here.config), jobs)
    trial, wrong = audit_assignment(here, assignment, answers / f"{assignment}.py", machine, way, extent)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(assignment, total=trial.steps(wrong))
        audit = trial.run(wrong, lambda: progress.advance(task))
    if not console.is_terminal:
        console.print(f"{assignment}: tried in {audit.seconds:.0f} s", markup=False, highlight=False)
    return audit
