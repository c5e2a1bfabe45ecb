"""What a worker of a cluster does: keep a warm parent, take in assignments, run one submission at a time.

A station lives in a Dask worker's process, for which `autograde worker` starts it; so does `dask worker --nthreads 1
--preload autograde.station`, which is how the tools for SLURM, Kubernetes and the like start theirs. The worker is
trusted with assignments and their tests, as the coordinator is; students' code runs in processes forked from the warm
parent, which is a program of its own and knows neither.
"""

import contextlib
import itertools
import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from distributed import Worker, WorkerPlugin
from filelock import FileLock, Timeout
from platformdirs import user_runtime_path

from autograde.engine.gpus import NO_GPU
from autograde.engine.processes import Slot, WarmParent
from autograde.engine.sandbox import Sandbox, choose_sandbox
from autograde.journal import engine_version
from autograde.parcel import pack_executions, unpack_plan, unpack_submission
from autograde.runs import Plan

SANDBOX = "AUTOGRADE_SANDBOX"
"""The environment variable that says how a worker locks code up; without it, in namespaces or not at all."""

GPU = "AUTOGRADE_GPU"
"""The environment variable that says which GPU is a worker's own; without it, none."""

HAS_GPU = "autograde gpu"
"""The Dask resource of a worker that has one."""


def promise_of(jailed: bool, engine: str) -> str:
    """What a worker promises, as the name of a Dask resource, of which each worker has one.

    A submission asks for it. So the scheduler itself gives it to no worker that promises less, or that has another
    version of the engine, of Python or of a package, whenever that worker may have joined.
    """
    return f"autograde {'namespaces' if jailed else 'none'} {engine[:16]}"


@dataclass(frozen=True)
class Promise:
    """What a worker says of itself."""

    host: str
    jailed: bool
    engine: str


class Station:
    """The one of this process. Raises `NoSandboxError` where the machine cannot lock code up as it should."""

    def __init__(self) -> None:
        self.sandbox: Sandbox = choose_sandbox("none" if os.environ.get(SANDBOX) == "none" else "namespaces")
        self.promise = Promise(socket.gethostname(), self.sandbox.jailed, engine_version())
        self._closing = contextlib.ExitStack()
        self._slot = Slot(self._closing.enter_context(_own_slot()), os.environ.get(GPU, NO_GPU))
        self._warm = self._closing.enter_context(WarmParent(self.sandbox))
        self._plans: dict[str, Plan] = {}
        self._folders: dict[str, tempfile.TemporaryDirectory] = {}

    def take_in(self, assignment: str, parcel: bytes) -> None:
        """Get ready for submissions of the assignment in `parcel`, known from now on by the name `assignment`."""
        self._folders[assignment] = tempfile.TemporaryDirectory(prefix="assignment-")
        plan, modules = unpack_plan(parcel, self.sandbox, Path(self._folders[assignment].name))
        self._plans[assignment] = plan
        self._warm.preload(modules)

    def forget(self, assignment: str) -> None:
        """No more submissions of it will come."""
        self._plans.pop(assignment, None)
        if folder := self._folders.pop(assignment, None):
            folder.cleanup()

    def run(self, assignment: str, submission: bytes) -> bytes:
        """Run a packed submission of an assignment that was taken in; the packed executions."""
        with tempfile.TemporaryDirectory(prefix="submission-") as folder:
            read = unpack_submission(submission, Path(folder))
            return pack_executions(self._plans[assignment].run(read, self._warm, self._slot).executions)

    def close(self) -> None:
        """End the warm parent and everything forked from it."""
        for assignment in list(self._folders):
            self.forget(assignment)
        self._closing.close()


_here: Station | None = None


def promise() -> Promise:
    """What this worker promises; asked through the scheduler."""
    return _station().promise


def run(assignment: str, submission: bytes) -> bytes:
    """The task of the cluster: see `Station.run`."""
    return _station().run(assignment, submission)


class Assignment(WorkerPlugin):
    """Brings an assignment to every worker, those that join or start again later too."""

    def __init__(self, name: str, parcel: bytes) -> None:
        self.name = name
        self._parcel = parcel

    def setup(self, worker: Worker) -> None:
        """Called by Dask on each worker. A worker that is no station gets no submissions."""
        if _here:
            _here.take_in(self.name, self._parcel)

    def teardown(self, worker: Worker) -> None:
        """Called by Dask when the class is graded."""
        if _here:
            _here.forget(self.name)


def dask_setup(worker: Worker) -> None:
    """Called by Dask before the worker joins; raises what keeps it from joining."""
    global _here
    if worker.state.nthreads != 1:
        raise ValueError("A station runs one submission at a time: start its worker with --nthreads 1.")
    _here = Station()
    name = promise_of(_here.promise.jailed, _here.promise.engine)
    for resource in [name, HAS_GPU] if os.environ.get(GPU) else [name]:
        worker.state.total_resources[resource] = worker.state.available_resources[resource] = 1


def dask_teardown(worker: Worker) -> None:
    """Called by Dask when the worker leaves."""
    global _here
    if _here:
        _here.close()
        _here = None


def _station() -> Station:
    if _here is None:
        raise RuntimeError("This worker was not started by `autograde worker`, or with --preload autograde.station.")
    return _here


@contextlib.contextmanager
def _own_slot():
    """A number that no other station on this machine has: students' processes get host uids by it."""
    folder = user_runtime_path("autograde", ensure_exists=True)
    for slot in itertools.count():
        lock = FileLock(folder / f"slot-{slot}.lock")
        with contextlib.suppress(Timeout):
            lock.acquire(timeout=0)
            break
    try:
        yield slot
    finally:
        lock.release()
