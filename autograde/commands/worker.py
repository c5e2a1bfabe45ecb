"""`autograde worker`: lend this machine to a Dask cluster that grades."""

import asyncio
import signal
import tempfile
from typing import Annotated

import typer

from autograde.commands.shared import JobsOption, SandboxOption, Wall, console, told

SECONDS_WITHOUT_SCHEDULER = 60
"""How long a worker looks for its scheduler before it ends."""


class WorkerError(Exception):
    """A worker could not be started; the message says why."""


def worker(
    scheduler: Annotated[
        str,
        typer.Argument(help="Address of the Dask scheduler, such as tcp://10.0.0.1:8786.", show_default=False),
    ] = "",
    jobs: JobsOption = None,
    sandbox: SandboxOption = Wall.NAMESPACES,
    host: Annotated[
        str | None,
        typer.Option(help="This machine's own address, where it has several; the scheduler must reach it."),
    ] = None,
) -> None:
    """Say what this machine's sandbox can promise, then run submissions for the scheduler until Ctrl-C.

    Without a scheduler it only says so. Exit code 2: the machine cannot lock code up, and nothing was started.
    """
    from autograde.engine.sandbox import NoSandboxError, choose_sandbox
    from autograde.journal import engine_version
    from autograde.runs import cores

    _tell_promise()
    with told(NoSandboxError):
        choose_sandbox(sandbox.value)
    console.print(f"engine {engine_version()[:16]}; the coordinator's must be the same", highlight=False)
    if scheduler:
        with told(WorkerError), tempfile.TemporaryDirectory(prefix="autograde-worker-") as folder:
            asyncio.run(_serve(scheduler, jobs or cores(), sandbox, host, folder))


def _gpus(wall: Wall) -> list[str]:
    """The GPUs that submissions on this machine can have; none where they could not reach them."""
    from autograde.engine.gpus import NoGpuError, gpus
    from autograde.engine.sandbox import Sandbox

    try:
        return gpus(Sandbox(jailed=wall is Wall.NAMESPACES))
    except NoGpuError:
        return []


def _tell_promise() -> None:
    """One line for each promise of the jail, kept or not."""
    from dataclasses import fields

    from autograde.engine.jail.promise import probe

    found = probe()
    for field in fields(found):
        answer = getattr(found, field.name)
        kept = "yes" if answer.kept else f"no: {answer.reason}"
        console.print(f"{field.name.replace('_', ' '):18} {kept}", highlight=False, markup=False)


async def _serve(scheduler: str, jobs: int, wall: Wall, host: str | None, folder: str) -> None:
    """A worker process for each job, started again when it is lost, until a signal or the scheduler ends them.

    As many of them as there are GPUs have one each.
    """
    from distributed import Nanny

    from autograde.station import GPU, SANDBOX

    devices = _gpus(wall)
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    nannies = [
        Nanny(
            scheduler,
            nthreads=1,
            host=host,
            local_directory=folder,
            preload=["autograde.station"],
            env={SANDBOX: wall.value} | ({GPU: devices[job]} if job < len(devices) else {}),
            memory_limit=None,  # students' processes have limits of their own; what the worker itself holds is little
            death_timeout=SECONDS_WITHOUT_SCHEDULER,
        )
        for job in range(jobs)
    ]
    try:
        try:
            await asyncio.gather(*nannies)
        except (RuntimeError, OSError) as error:
            cause = error.__cause__ or error
            raise WorkerError(f"No worker for {scheduler} could be started: {cause}.") from error
        console.print(f"{jobs} submissions at a time for {scheduler}; Ctrl-C ends it.", highlight=False)
        finished = [asyncio.ensure_future(nanny.finished()) for nanny in nannies]
        await asyncio.wait([asyncio.ensure_future(end.wait()), *finished], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await asyncio.gather(*(nanny.close() for nanny in nannies))
