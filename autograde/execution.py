"""What comes of running a notebook, whoever ran it."""

import logging
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import determine_grade

from autograde import notebook as cells
from autograde.reasons import Reason


class EngineError(Exception):
    """The harness could not do its own part; the message says what failed and the remedy."""


@dataclass
class Execution:
    """A notebook after its cells ran; `notes` says what cut it short, where something did."""

    notebook: NotebookNode
    notes: list[Reason] = field(default_factory=list)


def fail(cell: NotebookNode, reason: Reason) -> None:
    """Give a code cell an error as its output, so that no tool takes its silence for success."""
    name = reason.code.title().replace(" ", "")
    cell.outputs.append(new_output("error", ename=name, evalue=reason.text, traceback=[f"{name}: {reason.text}"]))


def mark_not_run(notebook: NotebookNode, reason: Reason, first: int = 0) -> Execution:
    """Fail every code cell from the one at index `first` on, which was not reached for this reason."""
    for cell in notebook.cells[first:]:
        if cell.cell_type == "code":
            fail(cell, reason)
    return Execution(notebook, [reason])


def points(cell: NotebookNode) -> tuple[float | None, float]:
    """What a graded cell that ran earned, by nbgrader's own rule, and what it could; None where a person marks it.

    In one thing the rule is another: nbgrader gives 0 to a test that wrote to stderr, and a library's warning is no
    wrong answer. Raises `ValueError` for a number that is no score, such as one above the possible, and says so.
    """
    judged = NotebookNode({**cell, "outputs": [_as_stdout(output) for output in cell.get("outputs", [])]})
    try:
        return determine_grade(judged, logging.Logger("score", logging.ERROR))
    except (KeyError, ValueError) as error:
        raise ValueError(str(error.args[0] if error.args else error)) from error


def earned(cell: NotebookNode) -> float:
    """What the test cell, which ran, gives; 0 for a number that is no score."""
    try:
        return points(cell)[0] or 0
    except ValueError:
        return 0


def is_short(cell: NotebookNode) -> bool:
    """Whether the cell is a test that ran and gives less than all its points."""
    if not cells.is_test(cell):
        return False
    try:
        given, possible = points(cell)
    except ValueError:
        return True
    return given != possible


def _as_stdout(output: NotebookNode) -> NotebookNode:
    return NotebookNode({**output, "name": "stdout"}) if output.output_type == "stream" else output
