"""A class of 24 who did the first exercise: well, half, not at all, and in ways that break things.

Every member starts from the solution, as a student would have typed it, and changes a piece of it. A piece that is no
longer in the solution is an error, so the class cannot quietly drift away from the exercise.
"""

import copy
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograde.course import Course
from autograde.limits import Limits
from autograde.notebook import grade_id, is_solution, read_notebook, write_notebook
from autograde.release import generate_release

ASSIGNMENT = "01_convolution"
NOTEBOOK = "convolution"
LIMITS = Limits(cell_seconds=10, notebook_seconds=90, grace_seconds=2)
"""Shorter than usual: three members never come to an end."""

Change = Callable[[NotebookNode, NotebookNode], NotebookNode]
"""Takes the solved notebook and the released one, both free to change, and returns what the member hands in."""


class DemoClassError(ValueError):
    """The exercise no longer has the cell or the line that a member of the class changes."""


def hand_in(course: Course) -> list[str]:
    """Write every member's submission into the course's classroom; return the members' names."""
    released = generate_release(course, ASSIGNMENT)[NOTEBOOK]
    solved = _solve(released, read_notebook(course.source(ASSIGNMENT) / f"{NOTEBOOK}.ipynb"))
    for student, change in MEMBERS.items():
        notebook = change(copy.deepcopy(solved), copy.deepcopy(released))
        write_notebook(notebook, course.submitted(ASSIGNMENT, student) / f"{NOTEBOOK}.ipynb")
    for student, spoil in SPOILT_FILES.items():
        folder = course.submitted(ASSIGNMENT, student)
        write_notebook(solved, folder / f"{NOTEBOOK}.ipynb")
        spoil(folder / f"{NOTEBOOK}.ipynb")
    return [*MEMBERS, *SPOILT_FILES]


def _solve(released: NotebookNode, source: NotebookNode) -> NotebookNode:
    """Fill the released notebook in with the source's solutions, without the lines that mark them."""
    solutions = {grade_id(cell): cell.source for cell in source.cells if is_solution(cell)}
    solved = copy.deepcopy(released)
    for cell in solved.cells:
        if is_solution(cell):
            cell.source = re.sub(r"^.*### (BEGIN|END) SOLUTION.*\n?", "", solutions[grade_id(cell)], flags=re.MULTILINE)
    return solved


def unchanged(solved: NotebookNode, released: NotebookNode) -> NotebookNode:
    """The solution as it is."""
    return solved


def untouched(solved: NotebookNode, released: NotebookNode) -> NotebookNode:
    """Nothing filled in."""
    return released


def replace(name: str, old: str, new: str) -> Change:
    """Replace a piece of text in the solution cell `name`."""

    def change(solved: NotebookNode, released: NotebookNode) -> NotebookNode:
        cell = _cell(solved, name)
        if old not in cell.source:
            raise DemoClassError(f"{old!r} is not in cell {name!r} of {ASSIGNMENT}: adapt the demo class to it.")
        cell.source = cell.source.replace(old, new)
        return solved

    return change


def only(*names: str) -> Change:
    """Fill in the solution cells `names` and no other."""

    def change(solved: NotebookNode, released: NotebookNode) -> NotebookNode:
        for name in names:
            _cell(released, name).source = _cell(solved, name).source
        return released

    return change


def add_cell(source: str) -> Change:
    """Add a code cell at the top."""

    def change(solved: NotebookNode, released: NotebookNode) -> NotebookNode:
        solved.cells.insert(0, nbformat.v4.new_code_cell(source))
        return solved

    return change


def delete(name: str) -> Change:
    """Delete the cell `name`."""

    def change(solved: NotebookNode, released: NotebookNode) -> NotebookNode:
        solved.cells.remove(_cell(solved, name))
        return solved

    return change


def _cell(notebook: NotebookNode, name: str) -> NotebookNode:
    for cell in notebook.cells:
        if grade_id(cell) == name:
            return cell
    raise DemoClassError(f"There is no cell {name!r} in {ASSIGNMENT}: adapt the demo class to it.")


def truncate(path: Path) -> None:
    """Keep the first half of the file, as a broken upload does."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def rename(path: Path) -> None:
    """Give the file the name a browser gives to a second download."""
    path.rename(path.with_name(f"{path.stem} (1).ipynb"))


EINSUM = 'np.einsum("abij,ij->ab", patches, kernel)'
PIXEL_LOOP = """\
np.array([[(patch * kernel).sum() for patch in row] for row in patches])"""
DEAF_LOOP = """\
import time

while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        pass
"""

MEMBERS: dict[str, Change] = {
    # Right, each in a way of its own.
    "ada": unchanged,
    "alan": replace("correlate", EINSUM, "np.tensordot(patches, kernel, axes=2)"),
    "barbara": replace("correlate", "return " + EINSUM, "return (" + EINSUM + ").astype(np.float32)"),
    "claude": add_cell("import warnings\n\nwarnings.warn('I was here')"),
    "donald": replace("convolve", "kernel[::-1, ::-1]", "np.rot90(kernel, 2)"),
    # Partly right: the mistakes that people make.
    "edsger": replace("output-size", "// stride + 1", "// stride"),
    "emmy": replace("output-size", "(n + 2 * padding - k) // stride + 1", "-(-(n + 2 * padding - k) // stride) + 1"),
    "frances": replace("correlate-loops", "kernel[i, j]", "kernel[-1 - i, -1 - j]"),
    "grace": replace("convolve", "kernel[::-1, ::-1]", "kernel[::-1]"),
    "hedy": replace("correlate", EINSUM, PIXEL_LOOP),
    "john": replace("correlate", "image.astype(float)", "image"),
    "karen": replace("correlate-mode", "(height // 2, width // 2)", "(height // 2, height // 2)"),
    "katherine": replace("kernels", "1 + 4 * amount", "8 * amount"),
    "margaret": replace("kernels", "return to_the_right, to_the_right.T", "return -to_the_right, -to_the_right.T"),
    "mary": replace("sobel-magnitude", "np.hypot(", "np.add("),
    "maryam": only("output-size", "correlate-loops", "convolve"),
    "niklaus": only("output-size", "correlate-loops", "correlate", "correlate-mode", "flipping"),
    # Not done, or not to be run to the end.
    "radia": untouched,
    "rosalind": replace("output-size", "    if k >", "    while True:\n        pass\n    if k >"),
    "shafi": add_cell(DEAF_LOOP),
    "sophie": replace("correlate-mode", "rows, columns = padding[mode]", "import os\n\n    os._exit(1)"),
    "tim": delete("test-kernels"),
}

SPOILT_FILES: dict[str, Callable[[Path], None]] = {
    "vint": truncate,
    "yann": rename,
}
