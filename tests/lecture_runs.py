"""Execute a lecture as a reader might: with another constant at its top, on other pictures, with its checks or without.

What nbval does not do: it compares stored outputs, and so executes a lecture only as it is.
"""

import ast
import os
from collections.abc import Mapping
from pathlib import Path

import lecture_checks
import nbformat
from lecture_rules import Lecture, parsed
from nbclient import NotebookClient
from nbformat import NotebookNode

CELL_SECONDS = 1800  # no clock of a loaded machine decides; only what hangs is stopped


def constants(lecture: Lecture) -> dict[str, object]:
    """The constants that the lecture's first code cell sets to plain values, in order, by name."""
    return {target.id: ast.literal_eval(value) for target, value in _settings(lecture.code[0])}


def with_constant(lecture: Lecture, name: str, value: object) -> NotebookNode:
    """A copy of the notebook in which the first code cell sets `name` to another value. Raises KeyError."""
    notebook = nbformat.from_dict(lecture.notebook)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    place = next((node for target, node in _settings(cell) if target.id == name), None)
    if place is None:
        raise KeyError(f"{lecture.path.name} sets no {name} in its first code cell")
    lines = cell.source.encode().split(b"\n")  # ast counts bytes
    before, after = lines[place.lineno - 1][: place.col_offset], lines[place.end_lineno - 1][place.end_col_offset :]
    lines[place.lineno - 1 : place.end_lineno] = [before + repr(value).encode() + after]
    cell.source = b"\n".join(lines).decode()
    return notebook


def _settings(cell: NotebookNode) -> list[tuple[ast.Name, ast.expr]]:
    """Each name in capitals that the cell sets to a literal, and the literal; `A, B = 1, 2` are two."""
    found = []
    for node in parsed(cell).body:
        if isinstance(node, ast.Assign):
            (target,) = node.targets
            several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
            pairs = zip(target.elts, node.value.elts, strict=True) if several else [(target, node.value)]
            found += [(left, right) for left, right in pairs if isinstance(left, ast.Name) and left.id.isupper()]
    return [(left, right) for left, right in found if _is_literal(right)]


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def execute(
    notebook: NotebookNode,
    lecture: Lecture,
    *,
    checks: Mapping[str, lecture_checks.Section] | None = None,
    environment: Mapping[str, str] | None = None,
) -> NotebookNode:
    """Execute a copy of `notebook` where the lecture lies, each of the `checks` right after its cell; return the copy.

    `environment` is added to this process's. Raises nbclient's CellExecutionError where a cell or a check fails; its
    text shows the cell, or the check's file and line.
    """
    copy = nbformat.from_dict(notebook)
    cells = []
    for cell in copy.cells:
        cells.append(cell)
        if cell.cell_type == "code" and (section := (checks or {}).get(cell.id)):
            cells.append(nbformat.v4.new_code_cell(section.kernel_code, id=f"check-of-{cell.id}"[:64]))
    copy.cells = cells
    client = NotebookClient(copy, timeout=CELL_SECONDS, resources={"metadata": {"path": lecture.path.parent}})
    client.execute(env={**os.environ, **(environment or {})})
    return copy


def printed(notebook: NotebookNode) -> str:
    """All that an executed notebook printed."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def cifar10_here(checkout: Path) -> Path | None:
    """A folder or an archive with all of CIFAR-10: what CNNLAB_DATA names, else the archive in `../shared/data`."""
    if given := os.environ.get("CNNLAB_DATA"):
        return Path(given)
    archive = checkout.parent / "shared" / "data" / "cifar10-jpeg.tar.xz"
    return archive if archive.is_file() else None
