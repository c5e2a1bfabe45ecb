"""A student's own check: run the notebook from top to bottom and say what its visible tests say."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum, is_locked

from autograde import notebook as cells
from autograde.execution import Execution, points
from autograde.limits import Limits


class NothingToCheckError(ValueError):
    """The notebook has no test cell; the message says what may have happened."""


@dataclass(frozen=True)
class TestResult:
    """What one test cell gave; `message` is empty where it gave all its points."""

    name: str
    points: float
    possible: float
    message: str


@dataclass
class Check:
    """What a student wants to know before handing in."""

    tests: list[TestResult] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Grade ids of written answers that are still as they were released."""
    edited: list[str] = field(default_factory=list)
    """Grade ids of cells that will be put back before grading."""
    stopped: list[str] = field(default_factory=list)
    """What cut the run short."""
    errors: list[str] = field(default_factory=list)
    """What cells that are no tests raised, each with the number of its cell."""

    @property
    def complete(self) -> bool:
        """Whether every visible test gives all its points and every question has an answer."""
        return self.tests_pass and not self.unanswered

    @property
    def tests_pass(self) -> bool:
        """Whether the notebook runs to its end and every visible test gives all its points."""
        return not self.stopped and all(test.points == test.possible for test in self.tests)


def check(path: Path, limits: Limits) -> Check:
    """Run a copy of the notebook at `path` from top to bottom, in its own folder.

    Raises `UnreadableNotebookError` where there is no notebook, `NothingToCheckError` where it has no tests.
    """
    notebook = cells.read_notebook(path)
    if not any(cells.is_test(cell) for cell in notebook.cells):
        raise NothingToCheckError(
            f"{path.name} has no test cells. Is it the notebook of an exercise? "
            "If its test cells were deleted, take a fresh copy and paste your answers into it."
        )
    result = Check(
        unanswered=[cells.grade_id(cell) for cell in notebook.cells if cells.is_manual(cell) and _untouched(cell)],
        edited=[cells.grade_id(cell) for cell in notebook.cells if is_locked(cell) and _edited(cell)],
    )
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    execution = _run(notebook, path.resolve().parent, limits)
    result.stopped = [note.text for note in execution.notes]
    result.errors = [
        f"Cell [{cell.execution_count}] stopped with {strip_ansi(f'{output.ename}: {output.evalue}')}"
        for cell in notebook.cells
        if cell.cell_type == "code" and not cells.is_test(cell)
        for output in cell.outputs
        if output.output_type == "error" and not execution.notes
    ]
    result.tests = [_result(cell) for cell in notebook.cells if cells.is_test(cell)]
    return result


def _run(notebook: NotebookNode, folder: Path, limits: Limits) -> Execution:
    """In the grader's own engine where it runs; in a Jupyter kernel on other systems. The verdicts are the same.

    Nothing is locked up: it is the student's own code on the student's own machine.
    """
    if sys.platform == "linux":
        from autograde.engine.processes import Slot, WarmParent
        from autograde.engine.sandbox import Sandbox
        from autograde.engine.session import Session

        with WarmParent(Sandbox(jailed=False)) as warm:
            return Session(warm, folder, folder, Slot(0), threads=1, limits=limits).run(notebook)
    import asyncio

    from autograde.kernel import execute

    return asyncio.run(execute(notebook, folder, limits))


def _result(cell: NotebookNode) -> TestResult:
    earned, possible = points(cell)
    message = "" if earned == possible else _what_it_said(cell)
    return TestResult(cells.grade_id(cell), earned, possible, message)


def _what_it_said(cell: NotebookNode) -> str:
    said = [output.text.strip() for output in cell.outputs if output.output_type == "stream"]
    for output in cell.outputs:
        if output.output_type == "error":
            said.append(strip_ansi(f"{output.ename}: {output.evalue}").strip())
    return "\n".join(said)


def _untouched(cell: NotebookNode) -> bool:
    return cell.metadata.nbgrader.get("checksum") == compute_checksum(cell)


def _edited(cell: NotebookNode) -> bool:
    checksum = cell.metadata.nbgrader.get("checksum")
    return checksum is not None and checksum != compute_checksum(cell)
