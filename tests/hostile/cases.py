"""What one member of the class hands in, what it deserves, and what came of it."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from autograde.course import Course
from autograde.grade import Graded
from autograde.notebook import is_test
from hostile import tiny

ATTACKS = Path(__file__).parent / "attacks"
ARMED = "armed"
"""Every attack in a first cell prints this once it is in place: a case whose attack never ran proves nothing."""

Places = dict[str, str]
"""What `@NAME@` in a student's code stands for: real paths, ports and names of the machine that grades."""


@dataclass(frozen=True)
class Case:
    """One member of the class.

    `points` are those that the work deserves by tests, out of 6. `first` and `last` are cells put before and after the
    assignment's; `double`, `scale` and `count` replace an answer, which else is right or wrong as `right` says. `edit`
    changes the notebook's JSON, `files` the folder. `reason` is the code of a reason that has to be recorded, `verdict`
    what a test has to say.
    """

    name: str
    points: float
    first: str = ""
    last: str = ""
    double: str = ""
    scale: str = ""
    count: str = ""
    why: str = ""
    right: bool = False
    edit: Callable[[dict], object] | None = None
    files: Callable[[Path, Places], object] | None = None
    reason: str = ""
    verdict: str = ""

    def __str__(self) -> str:
        return self.name

    def hand_in(self, course: Course, released: NotebookNode, places: Places) -> None:
        """Write what this member hands in into the course's classroom."""
        folder = course.submitted(tiny.ASSIGNMENT, self.name)
        folder.mkdir(parents=True)
        path = folder / tiny.NOTEBOOK
        path.write_text(json.dumps(self._notebook(released, places)), encoding="utf-8")
        if self.files:
            self.files(folder, places)

    def _notebook(self, released: NotebookNode, places: Places) -> dict:
        given = {"double": self.double, "scale": self.scale, "count": self.count, "why": self.why or "Because."}
        answers = {**(tiny.RIGHT if self.right else tiny.WRONG), **{name: text for name, text in given.items() if text}}
        notebook = tiny.answer(released, {name: filled(text, places) for name, text in answers.items()})
        if self.first:
            notebook.cells.insert(0, new_code_cell(filled(self.first, places)))
        if self.last:
            notebook.cells.append(new_code_cell(filled(self.last, places)))
        plain = json.loads(nbformat.writes(notebook))
        if self.edit:
            self.edit(plain)
        return plain


def read(name: str) -> list[Case]:
    """The cases of `attacks/NAME.txt`.

    A line `=== name | points [right] | reason | verdict` begins a case, `--- cell` the text of one of its cells.
    """
    cases = []
    for section in re.split(r"^=== ", (ATTACKS / f"{name}.txt").read_text(), flags=re.MULTILINE)[1:]:
        head, _, rest = section.partition("\n")
        title, worth, reason, verdict = ([part.strip() for part in head.split("|")] + ["", ""])[:4]
        points, *right = worth.split()
        _, *texts = re.split(r"^--- (\w+)\n", rest, flags=re.MULTILINE)
        cells = dict(zip(texts[::2], (text.strip("\n") for text in texts[1::2]), strict=True))
        cases.append(Case(title, float(points), right=bool(right), reason=reason, verdict=verdict, **cells))
    return cases


def filled(text: str, places: Places) -> str:
    """`text` with every `@NAME@` replaced: by a place, or by the tools that several attacks bring along."""
    for tools in ("forger", "look"):
        text = text.replace(f"@{tools.upper()}@", (ATTACKS / f"{tools}.txt").read_text())
    return re.sub(r"@([A-Z_]+)@", lambda match: places[match[1]], text)


def honest(name: str, **answers: str) -> Case:
    """A member who did everything right, perhaps in an unusual way."""
    return Case(name, points=tiny.BY_TESTS, right=True, **answers)


@dataclass(frozen=True)
class Result:
    """What came of one member."""

    case: Case
    graded: Graded
    course: Course

    @property
    def points(self) -> float | None:
        """By tests: nobody marks the written answer here."""
        return self.graded.score.points if self.graded.score else None

    @property
    def reasons(self) -> dict[str, str]:
        """Sentence by code."""
        return {note.code: note.text for note in self.graded.notes}

    @property
    def notebook(self) -> NotebookNode:
        """As formgrader shows it."""
        return nbformat.read(self.course.autograded(tiny.ASSIGNMENT, self.case.name) / tiny.NOTEBOOK, as_version=4)

    @property
    def said(self) -> str:
        """What the student's own cells put out."""
        return _text(cell for cell in self.notebook.cells if not is_test(cell))

    @property
    def verdicts(self) -> str:
        """What the test cells put out."""
        return _text(cell for cell in self.notebook.cells if is_test(cell))

    def check(self) -> None:
        """The honest score, and the reason that has to be recorded."""
        assert self.graded.score is not None, f"no score: {self.reasons}"
        assert self.points == self.case.points, f"{self.reasons}\n{self.said[-2000:]}\n{self.verdicts[-2000:]}"
        assert self.graded.score.possible == tiny.BY_TESTS + tiny.BY_HAND
        if self.case.reason:
            assert self.case.reason in self.reasons, self.reasons
        if self.case.first or self.case.last:
            assert ARMED in self.said, self.said[-2000:]
        assert self.case.verdict in self.verdicts, self.verdicts[-2000:]


def _text(cells) -> str:
    return "\n".join(
        json.dumps(output, ensure_ascii=False) if output.output_type != "stream" else output.text
        for cell in cells
        for output in cell.get("outputs", [])
    )
