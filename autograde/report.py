"""Tell people what came of a class: the table of scores, and the leaderboard of what tests measured."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.markup import escape
from rich.table import Table

from autograde import notebook as cells
from autograde.compare import Move
from autograde.course import Course
from autograde.engine.judge import observed_functions
from autograde.grade import Graded
from autograde.gradebook import Book, Score
from autograde.notebook import UnreadableNotebookError, read_notebook, storable
from autograde.testing import RESULT


def class_table(assignment: str, graded: list[Graded]) -> Table:
    """One row a submission: its points, what waits for a person, and everything that happened to it."""
    table = Table(title=assignment, title_justify="left")
    table.add_column("student", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("to mark", justify="right")
    table.add_column("what happened", overflow="fold")
    for one in sorted(graded, key=lambda one: one.student):
        style = "red" if one.lost else None
        notes = "\n".join(escape(str(note)) for note in one.notes)
        if one.score is None:
            table.add_row(escape(storable(one.student)), "none", "", notes, style=style)
        else:
            score = f"{one.score.points:g} / {one.score.possible:g}"
            if one.moved:
                score += f" (was {one.before.points:g})"
            table.add_row(escape(storable(one.student)), score, str(one.score.to_mark or ""), notes, style=style)
    return table


def moves_table(assignment: str, found: list[Move]) -> Table:
    """One row a student whose scores would move: which cells, from what to what, and what happened."""
    table = Table(title=f"{assignment}: what would move", title_justify="left")
    table.add_column("student", no_wrap=True)
    table.add_column("points", justify="right", no_wrap=True)
    table.add_column("cells")
    table.add_column("what happened", overflow="fold")
    for one in sorted(found, key=lambda one: one.student):
        if one.cells:
            cells = [f"{name} {_points(one.before.get(name))} → {_points(one.after.get(name))}" for name in one.cells]
            notes = "\n".join(escape(str(note)) for note in one.notes)
            difference = sum(filter(None, one.after.values())) - sum(filter(None, one.before.values()))
            table.add_row(escape(storable(one.student)), f"{difference:+g}", escape("\n".join(cells)), notes)
    return table


def _points(score: float | None) -> str:
    return "none" if score is None else f"{score:g}"


def summary(graded: list[Graded]) -> str:
    """How many were graded, how many of them not wholly, how many not at all."""
    none = sum(one.score is None for one in graded)
    partly = sum(bool(one.lost) for one in graded) - none
    to_mark = sum(one.score.to_mark for one in graded if one.score)
    unchanged = sum(one.unchanged for one in graded)
    moved = sum(one.moved for one in graded)
    text = f"{len(graded) - none} of {len(graded)} submissions have a score"
    text += f", {unchanged} of them unchanged since they were graded" if unchanged else ""
    text += f", {moved} of them another one than before" if moved else ""
    text += f", {partly} of them could not be run from beginning to end" if partly else ""
    wait = "1 answer waits" if to_mark == 1 else f"{to_mark} answers wait"
    return text + (f"; {wait} to be marked by hand" if to_mark else "") + "."


@dataclass
class Standing:
    """A student's score in the gradebook, and the numbers that tests reported by `result`."""

    student: str
    score: Score
    results: dict[str, float] = field(default_factory=dict)


def standings(course: Course, assignment: str) -> list[Standing]:
    """Everyone who has a score, by name. Raises `CourseError` where there is no such assignment."""
    course.require(assignment)
    with Book(course, assignment) as book:
        scores = book.scores()
    return [
        Standing(student, score, _results(course, assignment, student)) for student, score in sorted(scores.items())
    ]


def _results(course: Course, assignment: str, student: str) -> dict[str, float]:
    """From the notebooks as they were graded; of test cells that a judge ran, since others could say anything."""
    found: dict[str, float] = {}
    for path in sorted(course.autograded(assignment, student).glob("*.ipynb")):
        try:
            notebook = read_notebook(path)
        except UnreadableNotebookError:
            continue  # the next run of `autograde grade` writes it again
        for cell in notebook.cells:
            if cells.is_test(cell) and observed_functions(cell.source):
                for output in cell.outputs:
                    found |= output.get("metadata", {}).get(RESULT, {})
    return found


def ranked(found: Iterable[Standing], by: str, lowest_first: bool = False) -> list[Standing]:
    """Sorted by one of the results, or by "score"; who has no such number comes last, ties by name."""

    def key(one: Standing) -> tuple[bool, float, str]:
        number = one.score.points if by == "score" else one.results.get(by)
        return number is None, (number or 0) * (1 if lowest_first else -1), one.student

    return sorted(found, key=key)


def leaderboard(assignment: str, found: list[Standing]) -> Table:
    """One row a student in the given order: score, what waits for a person, and the results."""
    names = list(dict.fromkeys(name for one in found for name in one.results))
    table = Table(title=assignment, title_justify="left")
    table.add_column("", justify="right")
    table.add_column("student", no_wrap=True)
    for name in ("score", "to mark", *names):
        table.add_column(escape(name), justify="right", no_wrap=True)
    for place, one in enumerate(found, 1):
        score = f"{one.score.points:g} / {one.score.possible:g}"
        numbers = [f"{one.results[name]:,g}" if name in one.results else "" for name in names]
        table.add_row(str(place), escape(storable(one.student)), score, str(one.score.to_mark or ""), *numbers)
    return table
