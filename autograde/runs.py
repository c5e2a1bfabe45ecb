"""Run submissions of an assignment, several at a time: restore each, lay out its files, run its notebooks.

A `Plan` says what is to be run and how; a `Place` runs it: this machine here, many in `autograde.cluster`.
"""

import copy
import itertools
import os
import queue
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from autograde import reasons
from autograde.engine.gpus import NO_GPU, gpus
from autograde.engine.processes import Slot, WarmParent
from autograde.engine.sandbox import Sandbox
from autograde.engine.session import Session
from autograde.execution import EngineError, Execution, is_short, mark_not_run
from autograde.imports import imported_modules
from autograde.limits import Limits
from autograde.reasons import Reason
from autograde.restore import Master, restore
from autograde.submissions import Submission, lay_out_files
from autograde.testing import SEED

Key = TypeVar("Key")


@dataclass(frozen=True)
class Way:
    """How notebooks are run."""

    sandbox: Sandbox
    limits: Limits
    jobs: int
    threads: int
    """Threads each notebook may compute with; jobs times threads should be the number of cores."""
    proof: bool = True
    """Whether grading needs the assignment's own solution to score full marks."""
    seeds: tuple[int, ...] = (SEED,)
    """What observed calls begin with; each test is repeated with each, and a score that changes is told."""


@dataclass
class Ran:
    """A submission's notebooks after they ran, by name."""

    submission: Submission
    executions: dict[str, Execution]


Read = Callable[[], Submission]
Result = Callable[[], Ran]
"""Gives what came of a run, or raises what went wrong with it."""


@dataclass(frozen=True)
class Plan:
    """What is to be run: submissions of one assignment, whose files lie in the folder `source`."""

    source: Path
    masters: Mapping[str, Master]
    way: Way
    until_short: bool = False
    """Whether a notebook is not run beyond a test that gives less than all its points."""
    as_they_are: bool = False
    """Whether notebooks are the author's own, so that nothing in them is put back as it was released."""

    def run(self, submission: Submission, warm: WarmParent, slot: Slot) -> Ran:
        """Run the submission's notebooks, one after the other, in processes forked from `warm`."""
        return Ran(submission, {name: self._run_notebook(submission, name, warm, slot) for name in self.masters})

    def _run_notebook(self, submission: Submission, name: str, warm: WarmParent, slot: Slot) -> Execution:
        handed_in = submission.notebooks[name]
        if isinstance(handed_in, Reason):
            return mark_not_run(copy.deepcopy(self.masters[name].notebook), handed_in)
        notebook, notes = (handed_in, []) if self.as_they_are else restore(handed_in, self.masters[name])
        with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
            student_files, judge_files = Path(scratch) / "student", Path(scratch) / "judge"
            lay_out_files(self.source, judge_files)
            most = self.way.limits.most_beside
            if not lay_out_files(submission.folder, student_files, most):
                notes.append(reasons.files_left_out(most))
            lay_out_files(self.source, student_files)
            enough = is_short if self.until_short else None
            session = Session(warm, student_files, judge_files, slot, self.way.threads, self.way.limits, self.way.seeds)
            try:
                execution = session.run(copy.deepcopy(notebook), enough, judge_may_end=False)
            except EngineError:
                # Somebody killed a judge or the warm parent, or the machine was out of memory; not the submission's
                # doing, so once more from the start, with a new warm parent if need be.
                warm.restart()
                execution = session.run(notebook, enough)
        return Execution(execution.notebook, notes + execution.notes)


class Place(Protocol):
    """Where submissions are run; closed on leaving its `with`."""

    sandbox: Sandbox
    """What locks them up there."""

    room: int
    """How many can run at a time there, with a core each."""

    def __enter__(self) -> "Place": ...

    def __exit__(self, *_: Any) -> None: ...

    def expect(self, source: Path) -> None:
        """Get ready, without waiting, for submissions of the assignment in this folder."""

    def in_parallel(self, plan: Plan, work: Mapping[Key, Read]) -> Iterator[tuple[Key, Result]]:
        """Read and run every submission, begun in order; yield each as soon as it is done.

        A caller that stops early stops what has not begun.
        """


class ThisMachine:
    """Runs as many submissions at a time as the plan has `jobs`, all forked from one warm parent."""

    def __init__(self, warm: WarmParent) -> None:
        self._warm = warm
        self.sandbox = warm.sandbox
        self.room = cores()

    def __enter__(self) -> "ThisMachine":
        return self

    def __exit__(self, *_: Any) -> None:
        self._warm.__exit__()

    def expect(self, source: Path) -> None:
        """Have the warm parent import what the assignment imports."""
        self._warm.preload(imported_modules(source))

    def in_parallel(self, plan: Plan, work: Mapping[Key, Read]) -> Iterator[tuple[Key, Result]]:
        """See `Place`."""
        free = gpus(self.sandbox) if plan.way.limits.gpus else [NO_GPU] * plan.way.jobs
        slots: queue.SimpleQueue[Slot] = queue.SimpleQueue()
        for number, gpu in enumerate(free[: plan.way.jobs]):
            slots.put(Slot(number, gpu))

        def run(read: Read) -> Ran:
            slot = slots.get()
            try:
                return plan.run(read(), self._warm, slot)
            finally:
                slots.put(slot)

        with ThreadPoolExecutor(plan.way.jobs) as pool:
            try:
                for key, future in begun_in_order(work, lambda read: pool.submit(run, read), 2 * plan.way.jobs):
                    yield key, future.result
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def begun_in_order(
    work: Mapping[Key, Read], begin: Callable[[Read], Future], at_once: int
) -> Iterator[tuple[Key, Future]]:
    """Begin all work in order, at most so many at once, and yield each as soon as it is done.

    Each is let go when it was yielded: a class of 10,000 fits in the memory.
    """
    begun: dict[Future, Key] = {}
    rest = iter(work.items())
    while True:
        for key, read in itertools.islice(rest, at_once - len(begun)):
            begun[begin(read)] = key
        if not begun:
            return
        for future in wait(begun, return_when=FIRST_COMPLETED).done:
            yield begun.pop(future), future
