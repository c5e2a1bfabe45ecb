"""Read the answers an author wrote down for the audit: wrong ones, right ones, and mutants that change nothing.

A file for each assignment, in sections; docs/audit.md tells authors of them:

    # %% wrong [convolve] the kernel is not flipped
    # tells: the kernel was not flipped
    def convolve(image, kernel):
        return correlate_loops(image, kernel)

    # %% right [correlate] a loop over the kernel
    def correlate(image, kernel): ...

    # %% equivalent [correlate-loops] the array is filled before it is read
    # np.zeros → np.empty

    # %% open [network] whatever reaches the accuracy is right

A section's code runs after the solution in the cell named in brackets, so it holds only what differs. `# %% and
[other-cell]` adds a second cell to the answer before it. Of a wrong answer, `tells` is a part of what a failing test
has to say. Of an equivalent mutant, the line repeats the change as the audit prints it. An open cell has many right
answers, and a change may make one of another, so it is not mutated; its wrong answers are written by hand.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

HEADER = re.compile(r"# %% (?P<kind>\w+) \[(?P<cell>[^\]]+)\] ?(?P<title>.*)")
KINDS = ("wrong", "right", "equivalent", "open", "and")
ARROW = "→"


class AnswersError(ValueError):
    """An answer that cannot be used; the message names the file and the line."""


@dataclass
class Answer:
    """A wrong or right answer: what each of its cells holds. `tells` is empty for a right one."""

    title: str
    cells: dict[str, str] = field(default_factory=dict)
    tells: str = ""


@dataclass(frozen=True)
class Equivalent:
    """A mutant that no test can tell from the solution, and why."""

    cell: str
    before: str
    after: str
    reason: str


@dataclass
class Answers:
    """All that an author wrote down for one assignment."""

    wrong: list[Answer] = field(default_factory=list)
    right: list[Answer] = field(default_factory=list)
    equivalent: list[Equivalent] = field(default_factory=list)
    open: dict[str, str] = field(default_factory=dict)
    """Cells that are not mutated, and why."""


def read_answers(path: Path, known: set[str]) -> Answers:
    """Read the file at `path`, empty answers where there is none; `known` are the cells a student may fill in.

    Raises `AnswersError` for a section without a title, of an unknown kind or cell, or a wrong answer without `tells`.
    """
    answers = Answers()
    if not path.exists():
        return answers
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    latest: Answer | None = None
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        where = f"{path.name}, line {start + 1}"
        header = HEADER.fullmatch(lines[start].rstrip())
        if not header or header["kind"] not in KINDS:
            raise AnswersError(f"{where}: write `# %% KIND [CELL] TITLE`, where KIND is one of {', '.join(KINDS)}")
        kind, cell, title = header["kind"], header["cell"], header["title"].strip()
        if cell not in known:
            raise AnswersError(f"{where}: no cell {cell!r} to fill in; there are {', '.join(sorted(known))}")
        if not title and kind != "and":
            raise AnswersError(f"{where}: say after the brackets what kind of answer it is")
        body = lines[start + 1 : end]
        if kind == "open":
            answers.open[cell] = title
            continue
        if kind == "equivalent":
            answers.equivalent += _equivalents(body, cell, title, where)
            continue
        tells = next((line.removeprefix("# tells:").strip() for line in body if line.startswith("# tells:")), "")
        code = "\n".join(line for line in body if not line.startswith("# tells:")).strip()
        if kind == "and":
            if latest is None:
                raise AnswersError(f"{where}: it follows no wrong or right answer")
            latest.cells[cell] = code
            continue
        if kind == "wrong" and not tells:
            raise AnswersError(f"{where}: add `# tells: …`, a part of what a failing test says to this mistake")
        latest = Answer(title, {cell: code}, tells)
        (answers.wrong if kind == "wrong" else answers.right).append(latest)
    return answers


def _equivalents(body: list[str], cell: str, reason: str, where: str) -> list[Equivalent]:
    changes = [line.removeprefix("#").strip() for line in body if line.strip()]
    if not changes or any(change.count(f" {ARROW} ") != 1 for change in changes):
        raise AnswersError(f"{where}: repeat the change as the audit prints it, `# before {ARROW} after`")
    pairs = [tuple(part.strip() for part in change.split(f" {ARROW} ")) for change in changes]
    return [Equivalent(cell, before, after, reason) for before, after in pairs]
