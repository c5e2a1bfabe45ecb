"""Run submissions on a Dask cluster, whose workers are stations.

Submissions go out and results come back as bytes; only this end reads and writes the class and its gradebook. A
submission whose worker is lost is run by another one; when two workers were lost while they ran it, it is given up.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from distributed import Client, KilledWorker

from autograde import station
from autograde.engine.gpus import NoGpuError
from autograde.engine.sandbox import Sandbox
from autograde.execution import EngineError
from autograde.journal import engine_version
from autograde.parcel import pack_plan, pack_submission, unpack_executions
from autograde.runs import Key, Plan, Ran, Read, Result, begun_in_order
from autograde.station import Promise
from autograde.submissions import Submission

CONNECT_SECONDS = 20
WORKERS_LOST = 2
"""How many workers may be lost while they run a submission, before it is given up."""


class ClusterError(Exception):
    """The cluster cannot be used; the message says why, and what to do."""


class Cluster:
    """The stations of the scheduler at `address` that lock code up in namespaces, or not at all, as `jailed` says.

    Raises `ClusterError` where the scheduler does not answer, or has no such station.
    """

    def __init__(self, address: str, jailed: bool) -> None:
        self.sandbox = Sandbox(jailed=jailed)
        self._promise = station.promise_of(jailed, engine_version())
        try:
            self._client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="autograde")
        except (OSError, ValueError) as error:
            raise ClusterError(
                f"No scheduler answers at {address} ({error}). Start one with `dask scheduler`, and workers with "
                "`autograde worker ADDRESS`."
            ) from error
        try:
            self._client.run_on_scheduler(_give_up_after(WORKERS_LOST))
            self.refused = self._refusals()
            self.room = len(self._client.scheduler_info()["workers"]) - len(self.refused)
            if not self.room:
                raise ClusterError("\n".join([f"No worker at {address} can be used.", *self.refused]))
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: Any) -> None:
        self._client.close()

    def expect(self, source: Path) -> None:
        """Nothing: stations get ready when the assignment comes to them."""

    def in_parallel(self, plan: Plan, work: Mapping[Key, Read]) -> Iterator[tuple[Key, Result]]:
        """See `Place`. What is running when the caller stops is cancelled, and nobody hears of it."""
        needs = self._needs(plan)
        name = f"autograde-{uuid.uuid4().hex}"  # another run of the same assignment must not take it away with its own
        self._client.register_plugin(station.Assignment(name, pack_plan(plan)))
        most = plan.way.limits.most_beside
        executor = self._client.get_executor(resources=needs, pure=False)

        def begin(read: Read) -> Future:
            """A future of the submission as read and what came of it, or of the error in reading it."""
            done: Future = Future()
            try:
                submission = read()
                sent = executor.submit(station.run, name, pack_submission(submission, most))
            except Exception as error:
                done.set_exception(error)
            else:
                sent.add_done_callback(lambda answer: done.set_result((submission, answer)))
            return done

        try:
            for key, done in begun_in_order(work, begin, plan.way.jobs):
                yield key, lambda done=done: _ran(*done.result())
        finally:
            executor.shutdown(wait=False)
            self._client.unregister_worker_plugin(name)

    def _needs(self, plan: Plan) -> dict[str, int]:
        """The resources a worker must have to be given a submission."""
        if not plan.way.limits.gpus:
            return {self._promise: 1}
        workers = self._client.scheduler_info()["workers"].values()
        if not any(station.HAS_GPU in worker["resources"] for worker in workers):
            raise NoGpuError(
                "This assignment asks for a GPU, and no worker has one: start one on a machine with a GPU, with "
                "`autograde worker --sandbox none`."
            )
        return {self._promise: 1, station.HAS_GPU: 1}

    def _refusals(self) -> list[str]:
        """One line for each worker that gets no submission."""
        answers = self._client.run(station.promise, on_error="return")
        return [f"{address} is refused: {why}" for address, answer in answers.items() if (why := self._refusal(answer))]

    def _refusal(self, answer: Promise | Exception) -> str:
        if not isinstance(answer, Promise):
            return str(answer)
        if answer.jailed != self.sandbox.jailed:
            walls = {True: "in namespaces", False: "not at all"}
            return (
                f"{answer.host} locks students' code up {walls[answer.jailed]}, asked is {walls[self.sandbox.jailed]}."
            )
        if answer.engine != engine_version():
            return f"{answer.host} has another version of autograde, Python or a package; install the same lock there."
        return ""


def _ran(submission: Submission, answer: Future) -> Ran:
    try:
        return Ran(submission, unpack_executions(answer.result()))
    except KilledWorker as error:
        raise EngineError(
            f"{WORKERS_LOST} workers were lost while they ran this submission, the last one "
            f"{error.last_worker.address}; it was given up. Grade it without --scheduler to see what it does."
        ) from error


def _give_up_after(lost: int) -> Callable[..., None]:
    """A function for the scheduler: give a task up when this many workers were lost while they ran it.

    A function within a function travels as text, so the scheduler need not have autograde installed.
    """

    def lower(dask_scheduler: Any = None) -> None:
        dask_scheduler.allowed_failures = min(dask_scheduler.allowed_failures, lost - 1)

    return lower
