"""Tell people what came of a class: the table of scores."""

from rich.markup import escape
from rich.table import Table

from autograde.compare import Move
from autograde.grade import Graded
from autograde.notebook import storable


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
