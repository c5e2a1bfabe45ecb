"""Put a submission back into the shape of its assignment: what students must not change comes from the master."""

import copy
import uuid
from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader.utils import is_locked

from autograde import reasons
from autograde.notebook import grade_id, is_given, marks, storable
from autograde.reasons import Reason
from autograde.sanitize import clean_attachments

MARKS = ("grade", "solution", "locked", "task", "points", "schema_version")
"""What nbgrader's metadata says of a cell, beside its name."""


@dataclass(frozen=True)
class Master:
    """One notebook of an assignment as the grader holds it.

    `notebook` has the hidden tests; `visible` maps a cell's grade id to its text without them, as students got it.
    """

    notebook: NotebookNode
    visible: dict[str, str]

    @property
    def cells(self) -> dict[str, NotebookNode]:
        """The cells nbgrader knows, by grade id, in order."""
        return {name: cell for cell in self.notebook.cells if (name := grade_id(cell))}


def restore(submission: NotebookNode, master: Master) -> tuple[NotebookNode, list[Reason]]:
    """Return the notebook to be graded, and what had to be put back.

    Locked cells, metadata and points come from the master; text and order of the student's own cells are kept; cells
    that were deleted come back after the cell they followed; of a cell that occurs more than once one counts. Outputs,
    tags and the kernel's name are dropped.
    """
    notes: list[Reason] = []
    cells: list[NotebookNode] = []
    known = master.cells
    kernel = submission.metadata.get("kernelspec")
    language = kernel.get("language", "python") if isinstance(kernel, dict) else "python"
    if language != "python":
        notes.append(reasons.other_kernel(str(language)))
    place: dict[str, int] = {}
    for i, cell in enumerate(submission.cells):
        # What is given has to run first; of what the student wrote or is tested the last one counts, as in nbgrader.
        if (name := grade_id(cell)) in known and not (name in place and is_given(known[name])):
            place[name] = i
    for i, cell in enumerate(submission.cells):
        name = grade_id(cell)
        if name in known and place[name] == i:
            cells.append(_known_cell(cell, master, name, notes))
        else:
            cells.append(_own_cell(cell))
            if name in known:
                notes.append(reasons.cell_repeated(name))
    _put_back_deleted(cells, known, notes)

    notebook = copy.deepcopy(master.notebook)
    notebook.cells = _with_unique_ids(cells)
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)  # the first format whose cells have ids
    return notebook, notes


def _own_cell(cell: NotebookNode) -> NotebookNode:
    """A cell the assignment does not know: its text runs, its metadata means nothing."""
    own = _fresh(cell.cell_type, storable(cell.source), cell.get("id"))
    _keep_pictures(cell, own)
    return own


def _known_cell(cell: NotebookNode, master: Master, name: str, notes: list[Reason]) -> NotebookNode:
    restored = copy.deepcopy(master.cells[name])
    if cell.cell_type != restored.cell_type:
        notes.append(reasons.cell_restored(name, f"was made a {cell.cell_type} cell"))
    if any(_mark(cell, mark) != _mark(restored, mark) for mark in MARKS):
        notes.append(reasons.cell_restored(name, "was marked differently"))
    if is_locked(restored):
        if cell.source.strip() not in (restored.source.strip(), master.visible[name].strip()):
            notes.append(reasons.cell_restored(name, "was edited"))
    else:
        restored.source = storable(cell.source)
        _keep_pictures(cell, restored)
    return restored


def _mark(cell: NotebookNode, name: str) -> object:
    value = marks(cell).get(name)
    return float(value) if name == "points" and isinstance(value, int | float) else value or False


def _keep_pictures(cell: NotebookNode, restored: NotebookNode) -> None:
    """A drawing pasted into a written answer is part of the answer."""
    if restored.cell_type == "markdown" and (pictures := clean_attachments(cell.get("attachments"))):
        restored.attachments = pictures


def _put_back_deleted(cells: list[NotebookNode], known: dict[str, NotebookNode], notes: list[Reason]) -> None:
    previous = None
    for name, cell in known.items():
        names = [grade_id(one) for one in cells]
        if name not in names:
            notes.append(reasons.cell_restored(name, "was deleted"))
            place = names.index(previous) + 1 if previous else 0
            cells.insert(place, copy.deepcopy(cell))
        previous = name


def _fresh(cell_type: str, source: str, cell_id: str | None) -> NotebookNode:
    cell = NotebookNode(cell_type=cell_type, source=source, metadata=NotebookNode(), id=cell_id or _new_id())
    if cell_type == "code":
        cell.update(outputs=[], execution_count=None)
    return cell


def _with_unique_ids(cells: list[NotebookNode]) -> list[NotebookNode]:
    seen: set[str] = set()
    for cell in cells:
        if cell.get("id") in seen or not cell.get("id"):
            cell["id"] = _new_id()
        seen.add(cell["id"])
    return cells


def _new_id() -> str:
    return uuid.uuid4().hex[:8]
