"""Which names of PyTorch, torchvision and our own library a lecture's code uses, and in which section.

Left out are names that need no teaching here: what NumPy calls the same, assertions, and the pictures of
`cnnlab.plots`, which are read and not studied. A method is told by its name alone, written with a full stop in front.
"""

import ast
import importlib.util
import types
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from lecture_rules import Lecture, parsed

PACKAGES = ("torch", "torchvision", "cnnlab")
NOT_TAUGHT = ("torch.testing.", "cnnlab.plots.")


@dataclass(frozen=True, order=True)
class Place:
    """A cell of a lecture; places compare in the order in which they are read."""

    lecture: int
    cell: int


def section_starts(lecture: Lecture) -> dict[str, Place]:
    """For each heading of level 2, the cell where it stands; the title stands for what comes before them."""
    starts = {lecture.title: Place(lecture.number, 0)}
    for index, cell in enumerate(lecture.cells):
        lines = cell.source.splitlines() if cell.cell_type == "markdown" else []
        starts |= {line[3:].strip(): Place(lecture.number, index) for line in lines if line.startswith("## ")}
    return starts


def functions_used(lecture: Lecture) -> Iterator[tuple[str, Place]]:
    """Each name to be taught, with its modules as documented (`torch.nn.Conv2d`), wherever code uses it."""
    imported = {}
    for index, cell in enumerate(lecture.cells):
        if cell.cell_type == "code":
            tree = parsed(cell)
            imported |= _imports(tree)
            for dotted in _dotted_names(tree):
                first, _, rest = dotted.partition(".")
                name = ".".join(filter(None, (imported.get(first), rest)))
                if name.split(".")[0] in PACKAGES and _to_be_taught(name):
                    yield name, Place(lecture.number, index)


def methods_used(lecture: Lecture) -> Iterator[tuple[str, Place]]:
    """Each attribute of anything, as `.backward`, wherever code uses it."""
    for index, cell in enumerate(lecture.cells):
        if cell.cell_type == "code":
            for node in ast.walk(parsed(cell)):
                if isinstance(node, ast.Attribute):
                    yield f".{node.attr}", Place(lecture.number, index)


def _imports(tree: ast.Module) -> dict[str, str]:
    """What each imported name stands for."""
    meaning = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                meaning[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            meaning |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return meaning


def _dotted_names(tree: ast.Module) -> set[str]:
    """All names such as `x` and `x.y.z`, in use."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Name | ast.Attribute)]
    texts = {ast.unparse(node) for node in nodes if isinstance(node.ctx, ast.Load)}
    return {text for text in texts if all(part.isidentifier() for part in text.split("."))}


def _to_be_taught(name: str) -> bool:
    """Whether the name is a function or class that is neither NumPy's nor left out; a module is not."""
    package, *parts = name.split(".")
    if name.startswith(NOT_TAUGHT) or (package == "torch" and len(parts) == 1 and hasattr(np, parts[0])):
        return False
    found, path = importlib.import_module(package), package
    for part in parts:
        path = f"{path}.{part}"
        if hasattr(found, "__path__") and importlib.util.find_spec(path):  # a module that was not imported yet
            importlib.import_module(path)
        found = getattr(found, part, None)
    return found is not None and not isinstance(found, types.ModuleType)
