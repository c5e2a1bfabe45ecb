"""Why a submission did not simply get the score its tests give: a short code for tables, a sentence for people."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """One thing that happened to a submission. `lost` is true when part of it could not be graded."""

    code: str
    text: str
    lost: bool = False

    def __post_init__(self) -> None:
        # It may quote a file's name, which can hold half characters and commands to a terminal.
        object.__setattr__(self, "text", "".join(c if c.isprintable() or c == "\n" else "?" for c in self.text))

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


def unreadable(text: str) -> Reason:
    """The file is no notebook."""
    return Reason("unreadable", text, lost=True)


def missing(name: str, found: list[str]) -> Reason:
    """The notebook was not handed in."""
    if not found:
        there = "The folder is empty."
    elif archives := [file for file in found if file.endswith((".zip", ".tar", ".gz", ".7z", ".rar"))]:
        there = f"The folder holds {', '.join(archives)}: unpack it and grade again."
    else:
        there = f"The folder holds {', '.join(found[:5])}."
    return Reason("missing", f"{name}.ipynb was not handed in. {there}", lost=True)


def renamed(found: str, name: str) -> Reason:
    """The only notebook in the folder has another name and was taken."""
    return Reason("renamed", f"{found} was taken for {name}.ipynb, being the only notebook handed in.")


def cell_restored(grade_id: str, what: str) -> Reason:
    """A cell that students must not change was put back."""
    return Reason("restored", f"Cell {grade_id!r} {what}; it was put back as it was released.")


def cell_repeated(grade_id: str) -> Reason:
    """A cell of the assignment occurs more than once; one counts."""
    return Reason("repeated", f"Cell {grade_id!r} occurs more than once; one of them was graded.")


def cell_timed_out(cell: str, seconds: float) -> Reason:
    """One cell ran longer than its limit and was interrupted."""
    return Reason("time limit", f"Cell {cell} ran longer than {seconds:g} s and was interrupted.", lost=True)


def unstoppable(cell: str, seconds: float) -> Reason:
    """A cell went on after it was interrupted, so the whole notebook was ended."""
    return Reason(
        "time limit",
        f"Cell {cell} ran longer than {seconds:g} s and ignored the interrupt; nothing after it was run.",
        lost=True,
    )


def out_of_time(cell: str, seconds: float) -> Reason:
    """The notebook as a whole ran longer than its limit."""
    return Reason("time limit", f"The {seconds:g} s for the notebook were over at cell {cell}.", lost=True)


def crashed(cell: str) -> Reason:
    """The interpreter ended while it ran a cell."""
    return Reason("crashed", f"The interpreter ended in cell {cell}; nothing after it was run.", lost=True)


def not_the_protocol(cell: str, what: str) -> Reason:
    """The student process sent something that no honest one sends."""
    return Reason("broken off", f"In cell {cell} the process answered with {what}; it was ended.", lost=True)


def judge_failed(cell: str, what: str) -> Reason:
    """The judge itself did not finish a test cell: a fault of the test, not of the student."""
    return Reason("judge", f"The test in cell {cell} {what}; have a look at the test itself.", lost=True)


def hangs_on_seed(cell: str, points: float, seed: int, other_points: float, other: int) -> Reason:
    """A test gave another score when random numbers began elsewhere: a fault of the test."""
    text = f"The test in cell {cell} gives {points:g} points with seed {seed}, {other_points:g} with seed {other}."
    return Reason("seed", text, lost=True)


def harness_failed(error: BaseException) -> Reason:
    """Something went wrong in the harness itself; the submission is untouched and can be graded again."""
    return Reason("harness error", f"{type(error).__name__}: {error}. Nothing was recorded; grade it again.", lost=True)


def odd_timestamp(text: str) -> Reason:
    """The time of handing in cannot be read."""
    return Reason("timestamp", f"timestamp.txt says {text[:40]!r}, which is no date; taken as handed in on time.")


def folder_is_a_link(name: str) -> Reason:
    """The submission's folder leads somewhere else."""
    return Reason("link", f"The folder {name} is a link; what it leads to was not handed in here.", lost=True)


def shadows(name: str) -> Reason:
    """A file would be imported in place of a module."""
    return Reason("shadows", f"{name} beside the notebook has the name of a module; the tests use the real one.")


def other_kernel(language: str) -> Reason:
    """The notebook says it is written in another language."""
    return Reason("kernel", f"The notebook asks for a kernel for {language!r}; it was run as the assignment says.")


def no_score(grade_id: str, what: str) -> Reason:
    """A test cell's result is no score; it counts 0."""
    return Reason("no score", f"Cell {grade_id!r} counts 0: {what}.", lost=True)


def late(seconds: float, penalty: float) -> Reason:
    """The submission was handed in after the due date."""
    return Reason("late", f"Handed in {seconds / 3600:.1f} hours after the due date; that costs {penalty:g} points.")


def files_left_out(most_bytes: float) -> Reason:
    """The files beside the notebook are too many or too large."""
    return Reason("files", f"The files beside the notebook take more than {most_bytes / 2**20:.0f} MB; it ran without.")
