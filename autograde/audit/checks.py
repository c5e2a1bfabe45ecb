"""Compare an assignment's source with its release: nothing but the blanks may differ, and no secret may remain."""

import itertools
import json
import re
from collections.abc import Iterator

from nbformat import NotebookNode

from autograde import notebook as cells
from autograde.engine.judge import observed_functions

REGIONS = ("### BEGIN SOLUTION", "### END SOLUTION"), ("### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS")
SHORTEST_SECRET = 12
"""Characters; shorter lines (`return x`, `else:`) say nothing about where they come from."""

NUMBER = re.compile(r"\d+\.\d{3,}|\d{5,}")
"""A number that nobody writes by chance: three decimals, or five digits."""


def differences(source: NotebookNode, release: NotebookNode, stub: str) -> Iterator[str]:
    """Where the release is not the source with `stub` for each solution and without hidden tests."""
    if len(source.cells) != len(release.cells):
        yield f"the source has {len(source.cells)} cells, the release {len(release.cells)}"
        return
    for number, (ours, theirs) in enumerate(zip(source.cells, release.cells, strict=True), 1):
        name = cells.grade_id(ours) or f"number {number}"
        if ours.cell_type != theirs.cell_type:
            yield f"cell {name} is {ours.cell_type} in the source, {theirs.cell_type} in the release"
        elif cells.is_manual(ours) and cells.is_solution(ours):
            if ours.source.strip() == theirs.source.strip():
                yield f"cell {name}: the written answer stands in the release"
        elif not _fits(ours.source, theirs.source, stub):
            yield f"cell {name} differs outside its blanks"
        if theirs.get("outputs"):
            yield f"cell {name} of the release has outputs"


def leaks(source: NotebookNode, release: NotebookNode) -> Iterator[str]:
    """Lines and numbers of solutions and hidden tests that the release holds, wherever in it they stand."""
    shown, secret = [], []
    for cell in source.cells:
        if cells.is_manual(cell) and cells.is_solution(cell):
            secret += cell.source.splitlines()
            continue
        visible, hidden = _parted(cell.source)
        shown += visible
        secret += hidden
    visible_text = "\n".join(shown)
    released = "\n".join(_texts(json.loads(json.dumps(release))))
    for line in dict.fromkeys(line.strip() for line in secret):
        if len(line) >= SHORTEST_SECRET and line in released and line not in visible_text:
            yield f"the release holds the line {line!r}"
        for number in NUMBER.findall(line):
            if number in released and number not in visible_text:
                yield f"the release holds the number {number} of the line {line!r}"


def tests_without_observe(source: NotebookNode) -> list[str]:
    """Test cells that are judged beside the student's code, where it can reach them."""
    tests = [cell for cell in source.cells if cells.is_test(cell)]
    return [str(cells.grade_id(cell)) for cell in tests if not observed_functions(cell.source)]


def _fits(source: str, release: str, stub: str) -> bool:
    """Whether `release` is `source` with each solution replaced by `stub`, and each hidden test by nothing."""
    expected: list[str] = []
    within = False
    for line in source.splitlines():
        mark = next((mark for region in REGIONS for mark in region if mark in line), "")
        if "BEGIN" in mark:
            within = True
            expected += stub.splitlines() if "SOLUTION" in mark else []
        elif mark:
            within = False
        elif not within:
            expected.append(line)
    ours, theirs = "\n".join(expected).strip().splitlines(), release.strip().splitlines()
    stubs = {line.strip() for line in stub.splitlines()}  # how far they are indented is nbgrader's business
    pairs = itertools.zip_longest(ours, theirs, fillvalue="")
    return all(one == other or one.strip() == other.strip() in stubs for one, other in pairs)


def _parted(source: str) -> tuple[list[str], list[str]]:
    """The lines outside and inside the marked regions."""
    parts: tuple[list[str], list[str]] = ([], [])
    within = False
    for line in source.splitlines():
        if any(mark in line for region in REGIONS for mark in region):
            within = "BEGIN" in line
        else:
            parts[within].append(line)
    return parts


def _texts(content: object) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for value in content.values():
            yield from _texts(value)
    elif isinstance(content, list):
        for value in content:
            yield from _texts(value)
