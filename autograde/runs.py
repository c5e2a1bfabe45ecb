"""Run submissions of an assignment, several at a time: restore each, lay out its files, run its notebooks."""

import copy
import itertools
import queue
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nbformat import NotebookNode

from autograde import reasons
from autograde.engine.processes import WarmParent
from autograde.engine.sandbox import Sandbox
from autograde.engine.session import Session
from autograde.execution import EngineError, Execution, mark_not_run
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
    seed: int = SEED
    """What observed calls begin with; a verdict should not depend on it."""


@dataclass
class Ran:
    """A submission's notebooks after they ran, by name."""

    submission: Submission
    executions: dict[str, Execution]


@dataclass(frozen=True)
class Runs:
    """Runs submissions of one assignment, whose files lie in the folder `source`."""

    source: Path
    masters: Mapping[str, Master]
    warm: WarmParent
    way: Way
    enough: Callable[[NotebookNode], bool] = lambda cell: False
    """A notebook is not run beyond a cell for which this holds after it ran."""

    def in_parallel(self, work: Mapping[Key, Callable[[], Submission]]) -> Iterator[tuple[Key, Future[Ran]]]:
        """Read and run every submission, `jobs` at a time, begun in order; yield each as soon as it is done.

        A caller that stops early stops what has not begun.
        """
        slots: queue.SimpleQueue[int] = queue.SimpleQueue()
        for slot in range(self.way.jobs):
            slots.put(slot)

        def run(read: Callable[[], Submission]) -> Ran:
            slot = slots.get()
            try:
                return self._run(read(), slot)
            finally:
                slots.put(slot)

        # Only so many are begun at once, and each is let go when it was yielded: a class of 10,000 fits in the memory.
        begun: dict[Future[Ran], Key] = {}
        rest = iter(work.items())
        with ThreadPoolExecutor(self.way.jobs) as pool:
            try:
                while True:
                    for key, read in itertools.islice(rest, 2 * self.way.jobs - len(begun)):
                        begun[pool.submit(run, read)] = key
                    if not begun:
                        return
                    for future in wait(begun, return_when=FIRST_COMPLETED).done:
                        yield begun.pop(future), future
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, submission: Submission, slot: int) -> Ran:
        return Ran(submission, {name: self._run_notebook(submission, name, slot) for name in self.masters})

    def _run_notebook(self, submission: Submission, name: str, slot: int) -> Execution:
        handed_in = submission.notebooks[name]
        if isinstance(handed_in, Reason):
            return mark_not_run(copy.deepcopy(self.masters[name].notebook), handed_in)
        notebook, notes = restore(handed_in, self.masters[name])
        with tempfile.TemporaryDirectory(prefix="grade-", ignore_cleanup_errors=True) as scratch:
            student_files, judge_files = Path(scratch) / "student", Path(scratch) / "judge"
            lay_out_files(self.source, judge_files)
            most = self.way.limits.scratch_bytes / 2
            if not lay_out_files(submission.folder, student_files, most):
                notes.append(reasons.files_left_out(most))
            lay_out_files(self.source, student_files)
            session = Session(
                self.warm, student_files, judge_files, slot, self.way.threads, self.way.limits, self.way.seed
            )
            try:
                execution = session.run(copy.deepcopy(notebook), self.enough)
            except EngineError:
                # The harness was hit, not the submission: once more from the start, with a new warm parent if need be.
                self.warm.restart()
                execution = session.run(notebook, self.enough)
        return Execution(execution.notebook, notes + execution.notes)
