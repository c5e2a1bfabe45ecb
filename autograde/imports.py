"""Which modules an assignment's notebooks import, so that the warm parent can import them once for the whole class."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbformat import NotebookNode

from autograde.notebook import UnreadableNotebookError, read_notebook

FORK_SAFE = frozenset(
    {
        "PIL",
        "autograde",
        "cnnlab",
        "matplotlib",
        "numpy",
        "pandas",
        "scipy",
        "skimage",
        "sklearn",
        "torch",
        "torchvision",
    }
)
"""Packages that start no thread and open no file when they are imported, so that a process can be forked afterwards."""

LATER = {"torch.optim": "torch._dynamo", "skimage.data": "skimage.io"}
"""What a module imports only when it is first used; a class would pay for it once a student."""


def imported_modules(source: Path) -> tuple[str, ...]:
    """The fork-safe modules that the notebooks in the folder `source` import, in order.

    A module that lies beside the notebooks is left out, whatever else may have its name; so is what cannot be read.
    """
    beside = {path.stem for path in source.iterdir()}
    found: dict[str, None] = {}
    for path in sorted(source.glob("*.ipynb")):
        try:
            notebook = read_notebook(path)
        except UnreadableNotebookError:
            continue  # told where it is graded
        for name in _names(notebook):
            top = name.partition(".")[0]
            if top in FORK_SAFE and top not in beside:
                found[name] = None
                if name in LATER:
                    found[LATER[name]] = None
    return tuple(found)


def _names(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            yield from _of_code(_without_magics(cell.source))


def _without_magics(source: str) -> str:
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines())


def _of_code(source: str) -> Iterable[str]:
    """Every module the code imports, and every dotted name: `torch.optim.SGD` uses torch.optim without naming it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
