"""Run a notebook in a Jupyter kernel, as a student's own JupyterLab does.

This is how `autograde check` runs where the engine cannot, on Windows and macOS. It locks nothing up.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from autograde import reasons
from autograde.execution import Execution, fail, mark_not_run
from autograde.limits import Limits
from autograde.reasons import Reason


async def execute(notebook: NotebookNode, folder: Path, limits: Limits, threads: int | None = None) -> Execution:
    """Run the notebook's code cells in order with `folder` as the working folder; outputs go into the notebook.

    It computes with so many threads, or with as many as the libraries choose.

    A cell that raises does not stop the next one. A cell past its time limit is interrupted; an interpreter that dies,
    or does not heed the interrupt, ends the run, and the cells after it fail with the reason.
    """
    execution = Execution(notebook)
    client = NotebookClient(
        notebook,
        kernel_manager_class=AsyncKernelManager,
        kernel_name="python3",
        timeout=limits.cell_seconds,
        allow_errors=True,
        extra_arguments=["--Application.log_level=ERROR"],  # its warnings would look like the notebook's
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory(prefix="ipython-") as profile:
        async with client.async_setup_kernel(env=_environment(profile, threads), cwd=str(folder)):
            await _run_cells(client, execution, limits)
    return execution


async def _run_cells(client: NotebookClient, execution: Execution, limits: Limits) -> None:
    cells = execution.notebook.cells
    clock = asyncio.get_running_loop().time
    deadline = clock() + limits.notebook_seconds
    counted = 0
    for index, cell in enumerate(cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        counted += 1
        label = f"[{counted}]"
        if clock() >= deadline:
            _end(execution, index, reasons.out_of_time(label, limits.notebook_seconds))
            return
        client.timeout = min(limits.cell_seconds, deadline - clock())
        try:
            await client.async_execute_cell(cell, index)
        except CellTimeoutError:
            note = reasons.cell_timed_out(label, client.timeout)
            if not await _interrupted(client, limits.grace_seconds):
                note = reasons.unstoppable(label, client.timeout)
                await client.km.shutdown_kernel(now=True)
                _end(execution, index, note)
                return
            execution.notes.append(note)
            fail(cell, note)
        except DeadKernelError:
            _end(execution, index, reasons.crashed(label))
            return


async def _interrupted(client: NotebookClient, grace_seconds: float) -> bool:
    """Interrupt the kernel; whether it is ready for another cell within the grace time."""
    await client.km.interrupt_kernel()
    probe = client.kc.kernel_info()
    try:
        async with asyncio.timeout(grace_seconds):
            while (await client.kc.get_shell_msg())["parent_header"].get("msg_id") != probe:
                pass
    except TimeoutError:
        return False
    return True


def _end(execution: Execution, index: int, reason: Reason) -> None:
    """Note why the run ended in the cell at `index`, and fail that cell and those after it."""
    execution.notes += mark_not_run(execution.notebook, reason, index).notes


def _environment(profile: str, threads: int | None) -> dict[str, str]:
    # No history and no start-up files: the notebook has to run for others too.
    environment = {**os.environ, "IPYTHONDIR": profile}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)  # torch, numpy and scipy all heed it
    return environment
