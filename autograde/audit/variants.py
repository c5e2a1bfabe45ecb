"""Make right answers of the solution: the same work, written or surrounded as another student might have."""

import ast
import copy
from collections.abc import Callable

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograde import notebook as cells

WARNS = """

import sys
import warnings

warnings.warn("this way of writing it is out of fashion")
print("careful", file=sys.stderr)"""


def with_extra_cells(notebook: NotebookNode) -> NotebookNode:
    """A note and a trial of one's own after every cell."""
    own = [new_markdown_cell("My note."), new_code_cell("print('just looking')")]
    return _changed(notebook, lambda cell: [cell, *copy.deepcopy(own)])


def with_warnings(notebook: NotebookNode) -> NotebookNode:
    """A warning and a line on stderr from every cell a student fills in."""
    return _edited(notebook, lambda source: source + WARNS)


def with_other_names(notebook: NotebookNode) -> NotebookNode:
    """Every local variable of every function under another name."""
    return _edited(notebook, _renamed)


ALL: dict[str, Callable[[NotebookNode], NotebookNode]] = {
    "extra cells": with_extra_cells,
    "warnings": with_warnings,
    "other names": with_other_names,
}


def _edited(notebook: NotebookNode, edit: Callable[[str], str]) -> NotebookNode:
    def one(cell: NotebookNode) -> list[NotebookNode]:
        if cell.cell_type == "code" and cells.is_solution(cell):
            cell.source = edit(cell.source)
        return [cell]

    return _changed(notebook, one)


def _changed(notebook: NotebookNode, change: Callable[[NotebookNode], list[NotebookNode]]) -> NotebookNode:
    changed = copy.deepcopy(notebook)
    changed.cells = [new for cell in changed.cells for new in change(cell)]
    return changed


def _renamed(source: str) -> str:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source  # a magic: nothing to rename
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and not _reaches_out(function):
            names = _locals(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Name) and node.id in names:
                    node.id = f"my_{node.id}"
                elif isinstance(node, ast.FunctionDef | ast.ExceptHandler) and node is not function:
                    node.name = f"my_{node.name}" if node.name in names else node.name
    return ast.unparse(tree)


def _reaches_out(function: ast.FunctionDef) -> bool:
    """Whether names of the function are shared with others, or renamed with the function around it."""
    return any(
        isinstance(node, ast.Global | ast.Nonlocal | ast.FunctionDef | ast.ClassDef | ast.Lambda)
        for node in ast.walk(function)
        if node is not function
    )


def _locals(function: ast.FunctionDef) -> set[str]:
    """The names the function assigns, its parameters apart: those belong to its signature."""
    stored = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    parameters = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    return stored - parameters
