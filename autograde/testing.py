"""What a test cell imports: `observe`, `part` and `total`, and `result` for numbers that are to be compared.

A test cell reads the same in a student's JupyterLab and in grading:

    from autograde.testing import observe, part, total

    @observe
    def outputs(image, kernel):               # looks at the student's work, returns plain data
        return correlate2d(image, kernel)

    with part("a 3x3 kernel", points=1):
        np.testing.assert_allclose(outputs(image, kernel), expected)
    total()                                   # the last line: what nbgrader reads as the cell's score

Only the body of an observed function meets the student's names. Everything else in the cell could run, and in grading
does run, where the student's code cannot reach it.
"""

import functools
import linecache
import random
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from autograde.plain import plain

SEED = 20260
"""Seeds random, numpy and torch before each observed call, so that a verdict repeats wherever it is given."""

RESULT = "autograde_result"
"""Where an output's metadata holds what `result` was told."""

_Observed = TypeVar("_Observed", bound=Callable[..., Any])


def observe(function: _Observed) -> _Observed:
    """Mark `function` as the one that looks at the student's work.

    Its arguments and its result must be plain data (see `autograde.plain`); both are copied, so that neither side can
    change what the other holds.
    """

    @functools.wraps(function)
    def observed(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = plain((args, kwargs), f"an argument of {function.__name__}")
        seed_generators()
        try:
            result = function(*args, **kwargs)
        except (StopIteration, StopAsyncIteration) as error:
            # It would end a loop of the test in silence.
            raise RuntimeError(f"{function.__name__} raised {type(error).__name__}: {error}") from error
        return plain(result, f"the result of {function.__name__}")

    return observed  # type: ignore[return-value]


def seed_generators() -> None:
    """Seed the global generators of random and numpy, and of torch where the notebook has imported it."""
    random.seed(SEED)
    np.random.seed(SEED)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(SEED)


class part:
    """A block of checks worth `points`, all or nothing; a failure is reported and the next part still runs."""

    def __init__(self, name: str, *, points: float) -> None:
        self.name = name
        self.points = points

    def __enter__(self) -> None:
        _scores.open_cell()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is not None and not isinstance(error, Exception):
            return False  # an interrupt is the reader's or the grader's business
        earned = self.points if error is None else 0
        _scores.add(earned)
        unit = "point" if self.points == 1 else "points"
        print(f"{'✓' if error is None else '✗'} {self.name}: {earned:g} of {self.points:g} {unit}")
        if error is not None:
            print(_indent(explain(error, trace)))
        return True


def total() -> float:
    """Return the points earned by the parts of this cell; the last line of a test cell.

    Raises `RuntimeError` when the cell has no part.
    """
    return _scores.close_cell()


def result(**numbers: float) -> None:
    """Show numbers of the submission, such as `accuracy=0.87`, and give them to `autograde report`.

    They are worth no points. What a student's own code shows in this way is not taken for a result.
    """
    numbers = {name: float(number) for name, number in numbers.items()}
    text = ", ".join(f"{name} {number:g}" for name, number in numbers.items())
    if _shell():
        from IPython.display import display

        display({"text/plain": text}, raw=True, metadata={RESULT: numbers})
    else:
        print(text)


def explain(error: BaseException, trace: TracebackType | None) -> str:
    """Say in a student's terms what went wrong and what to do about it."""
    try:
        message = str(error).strip()
    except Exception as inner:
        message = f"(its message cannot be shown: {type(inner).__name__})"
    if isinstance(error, NotImplementedError):
        return f"Not done yet: {message or unfinished(error)}"
    if type(error) is NameError:
        return f"{message}. Run the cell that defines it first; is the name spelt as the task says?"
    if isinstance(error, AssertionError):
        return message or f"This check does not hold: {_failing_line(trace)}"
    return f"Your code stopped with {type(error).__name__}: {message}"


def unfinished(error: NotImplementedError) -> str:
    """Which function still raises NotImplementedError."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = trace.tb_frame.f_code.co_name if trace else "<module>"
    return "there is no code yet." if name.startswith("<") else f"`{name}` has no code yet."


class _Scores:
    """The parts of the cell that is running now."""

    def __init__(self) -> None:
        self.cell: int | None = None
        self.parts: list[float] = []

    def open_cell(self) -> None:
        # A cell that stopped before its total() must not lend its points to the next one.
        if (cell := _execution_count()) != self.cell:
            self.cell, self.parts = cell, []

    def add(self, earned: float) -> None:
        self.parts.append(earned)

    def close_cell(self) -> float:
        self.open_cell()
        if not self.parts:
            raise RuntimeError("total() found no `with part(...)` block before it in this cell.")
        earned = float(sum(self.parts))
        self.parts = []
        return earned


_scores = _Scores()


def _execution_count() -> int | None:
    shell = _shell()
    return shell.execution_count if shell else None


def _shell() -> Any:
    """The IPython shell that the cell runs in; None in plain Python."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _failing_line(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "(unknown line)"
    return linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno).strip() or "(unknown line)"


def _indent(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
