"""Run one notebook of one submission: cells to the student process, test cells to the judge, within the limits."""

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from autograde import notebook as cells
from autograde import reasons
from autograde.engine.judge import observed_functions
from autograde.engine.outputs import Outputs
from autograde.engine.processes import Process, Slot, WarmParent
from autograde.engine.wire import Closed, Frame, OutOfTime, ProtocolError
from autograde.execution import EngineError, Execution, earned, fail, mark_not_run
from autograde.limits import Limits
from autograde.reasons import Reason
from autograde.testing import SEED


class Ended(Exception):
    """The student process is gone, or had to be ended; `reason` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class Session:
    """The processes that run one notebook."""

    def __init__(
        self,
        warm: WarmParent,
        student_files: Path,
        judge_files: Path,
        slot: Slot,
        threads: int,
        limits: Limits,
        seeds: tuple[int, ...] = (SEED,),
    ) -> None:
        self.limits = limits
        self._warm = warm
        self._files = {"student": student_files, "judge": judge_files}
        self._slot = slot
        self._threads = threads
        self._seeds = seeds
        self._student: Process | None = None
        self._judge: Process | None = None
        self._given: list[str] = []
        self._notes: list[Reason] = []

    def run(
        self,
        notebook: NotebookNode,
        enough: Callable[[NotebookNode], bool] | None = None,
        judge_may_end: bool = True,
    ) -> Execution:
        """Run the notebook's code cells in order, up to one that is `enough`; their outputs go into the notebook.

        With several seeds each test is repeated, or only the one that was enough.

        A cell that raises does not stop the next one; a cell past its limit is interrupted. When the student process
        ends, what was reached stands and the rest fails with the reason. When the judge ends and it may, for the test
        may be at fault, its cell fails. Raises `EngineError` where the harness itself fails.
        """
        self._end_of_notebook = time.monotonic() + self.limits.notebook_seconds
        # The judge runs all given cells before its first test, wherever a student may have moved them.
        self._given = [cell.source for cell in notebook.cells if cells.is_given(cell)]
        self._notes = []
        self._judge_may_end = judge_may_end
        counted = 0
        try:
            self._student = self._fork("student")
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code" or not cell.source.strip():
                    continue
                counted += 1
                cell.execution_count = counted
                try:
                    noted = len(self._notes)
                    self._run_cell(cell, _label(cell))
                    # A limit would cut it short again; a run that ends at a test hangs on that one alone.
                    if cells.is_test(cell) and len(self._notes) == noted and (enough is None or enough(cell)):
                        self._repeat(cell)
                except Ended as ended:
                    rest = mark_not_run(notebook, ended.reason, index + 1)
                    return Execution(notebook, self._notes + rest.notes)
                if enough and enough(cell):
                    break
            return Execution(notebook, self._notes)
        finally:
            for process in (self._student, self._judge):
                if process:
                    process.kill()
            self._student = self._judge = None

    def _fork(self, role: str) -> Process:
        return self._warm.fork(role, self._files[role], self._slot, self.limits, self._threads, self._seeds[0])

    def _run_cell(self, cell: NotebookNode, label: str) -> None:
        observed = cells.is_test(cell) and observed_functions(cell.source)
        outputs = Outputs(self.limits.output_bytes)
        now = time.monotonic()
        deadline = min(now + self.limits.cell_seconds, self._end_of_notebook)
        try:
            if now >= self._end_of_notebook:
                raise Ended(reasons.out_of_time(label, self.limits.notebook_seconds))
            if observed:
                self._judge_cell(cell, label, deadline, outputs)
                return
            self._student_cell(cell, label, deadline, outputs)
        except Ended as ended:
            # What the judge had found before stands; of a cell in the student process nothing does.
            if not observed or not outputs.collected:
                fail(cell, ended.reason)
            raise
        finally:
            cell.outputs = outputs.collected + cell.outputs

    def _repeat(self, test: NotebookNode) -> None:
        """Run a test again with each other seed, and note where the score is another one."""
        first = earned(test)
        for seed in self._seeds[1:]:
            self._tell_seed(seed, test)
            again = copy.deepcopy(test)
            again.outputs = []
            self._run_cell(again, _label(test))
            if earned(again) != first:
                self._notes.append(reasons.hangs_on_seed(_label(test), first, self._seeds[0], earned(again), seed))
        if self._seeds[1:]:
            self._tell_seed(self._seeds[0], test)

    def _tell_seed(self, seed: int, test: NotebookNode) -> None:
        self._tell_student(_label(test), time.monotonic() + self.limits.cell_seconds, "seed", b"", seed=seed)

    def _student_cell(self, cell: NotebookNode, label: str, deadline: float, outputs: Outputs) -> None:
        self._tell_student(label, deadline, "cell", cell.source.encode())
        _, in_time = self._student_answers("done", label, deadline, outputs)
        if not in_time:
            fail(cell, self._notes[-1])

    def _judge_cell(self, cell: NotebookNode, label: str, deadline: float, outputs: Outputs) -> None:
        """Run a test cell in the judge, handing its questions on to the student process."""
        judge = self._ready_judge()
        self._tell_judge("cell", cell.source.encode())
        ended: Ended | None = None
        while True:
            try:
                frame = judge.channel.receive(deadline + self.limits.grace_seconds + self.limits.judge_seconds)
            except (Closed, OutOfTime) as error:
                self._warm.check_alive(judge)
                self._end_judge()
                ended_itself = isinstance(error, Closed)
                if ended_itself and not self._judge_may_end:
                    raise EngineError(f"The judge ended in cell {label}.") from error
                note = reasons.judge_failed(label, "ended" if ended_itself else "took too long")
                self._notes.append(note)
                fail(cell, note)
                break
            if frame.kind == "output":
                outputs.add(frame.body)
                continue
            if frame.kind == "done":
                break
            answer = None
            if not ended:
                try:
                    answer = self._ask_student(frame, label, deadline, outputs)
                except Ended as reason:
                    ended = reason
            answer = answer or _no_answer("RuntimeError", ended.reason.text)
            self._tell_judge("answer", answer.body, **answer.facts)
        if ended:
            # Parts of this cell that had passed keep their points; only the cells after it were not reached.
            raise ended

    def _ask_student(self, question: Frame, label: str, deadline: float, outputs: Outputs) -> Frame:
        too_long = f"it ran longer than {self.limits.cell_seconds:g} s and was interrupted"
        if time.monotonic() >= deadline:
            return _no_answer("TimeoutError", too_long)
        self._tell_student(label, deadline, "observe", question.body, **question.facts)
        answer, in_time = self._student_answers("answer", label, deadline, outputs, only_shown=True)
        return answer if in_time else _no_answer("TimeoutError", too_long)

    def _tell_student(self, label: str, deadline: float, kind: str, body: bytes, **facts: Any) -> None:
        try:
            self._student.channel.send(kind, body, deadline + self.limits.grace_seconds, **facts)
        except Closed as error:
            raise self._crashed(label) from error
        except OutOfTime as error:
            raise Ended(reasons.unstoppable(label, self.limits.cell_seconds)) from error

    def _student_answers(
        self, wanted: str, label: str, deadline: float, outputs: Outputs, only_shown: bool = False
    ) -> tuple[Frame, bool]:
        """Wait for the frame `wanted` while collecting outputs; the frame, and whether it came in time.

        Past the deadline the student process is interrupted, past the grace time it is killed.
        """
        in_time = True
        try:
            while True:
                try:
                    frame = self._student.channel.receive(deadline)
                except OutOfTime:
                    if not in_time:
                        self._notes.pop()  # that it was interrupted, which it did not heed
                        raise Ended(reasons.unstoppable(label, self.limits.cell_seconds)) from None
                    in_time = False
                    self._notes.append(reasons.cell_timed_out(label, self.limits.cell_seconds))
                    self._student.interrupt()
                    deadline = time.monotonic() + self.limits.grace_seconds
                    continue
                if frame.kind == wanted:
                    return frame, in_time
                if frame.kind != "output":
                    raise ProtocolError(f"{frame.kind!r} instead of {wanted!r}")
                outputs.add(frame.body, only_shown)
        except Closed as error:
            raise self._crashed(label) from error
        except ProtocolError as error:
            raise Ended(reasons.not_the_protocol(label, str(error))) from error

    def _crashed(self, label: str) -> Ended:
        """The student process ended by itself; raises `EngineError` where the harness pulled it down."""
        self._warm.check_alive(self._student)
        return Ended(reasons.crashed(label))

    def _ready_judge(self) -> Process:
        """The judge, with all given cells run in it."""
        if self._judge is None:
            self._judge = self._fork("judge")
            for source in self._given:
                self._tell_judge("cell", source.encode())
                self._wait_for_given()
        return self._judge

    def _tell_judge(self, kind: str, body: bytes, **facts: Any) -> None:
        try:
            self._judge.channel.send(kind, body, **facts)
        except Closed as error:  # it was waiting, not running the test, so the test is not at fault
            raise EngineError("The judge ended while it waited; it may have been killed.") from error

    def _wait_for_given(self) -> None:
        try:
            while self._judge.channel.receive(time.monotonic() + self.limits.cell_seconds).kind != "done":
                pass
        except (Closed, OutOfTime) as error:
            raise EngineError("The judge did not come to the end of a given cell of the assignment.") from error

    def _end_judge(self) -> None:
        if self._judge:
            self._judge.kill()
            self._judge = None


def _label(cell: NotebookNode) -> str:
    """How a reason names a cell: by the number that the reader sees, and by its name where it has one."""
    name = cells.grade_id(cell)
    return f"[{cell.execution_count}]" + (f" ({name})" if name else "")


def _no_answer(kind: str, message: str) -> Frame:
    """What the judge hears in place of an answer that did not come."""
    return Frame("answer", {"returned": False, "raised": {"type": kind, "name": kind, "message": message}}, b"")
