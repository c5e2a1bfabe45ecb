"""Run a notebook's cells in a kernel of their own, within limits, keeping whatever was reached."""

import asyncio
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograde import reasons
from autograde.limits import Limits
from autograde.reasons import Reason

NOT_RUN = "NotRun"
"""The error name in the output of a cell that was never reached, so that no tool takes its silence for success."""


@dataclass
class Execution:
    """A notebook after its cells ran; `notes` says what cut it short, where something did."""

    notebook: NotebookNode
    notes: list[Reason] = field(default_factory=list)


async def execute(notebook: NotebookNode, folder: Path, limits: Limits) -> Execution:
    """Run the notebook's code cells in order with `folder` as the working folder; outputs go into the notebook.

    A cell that raises does not stop the next one. A cell past its time limit is interrupted; an interpreter that dies,
    or does not heed the interrupt, ends the run, and the cells after it get a `NotRun` error as their output.
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
        async with client.async_setup_kernel(env=_environment(profile), cwd=str(folder)):
            await _run_cells(client, execution, limits)
    return execution


async def _run_cells(client: NotebookClient, execution: Execution, limits: Limits) -> None:
    cells = execution.notebook.cells
    clock = asyncio.get_running_loop().time
    deadline = clock() + limits.notebook_seconds
    for index, cell in enumerate(cells):
        position = index + 1
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        if clock() >= deadline:
            _end(execution, index, reasons.out_of_time(position, limits.notebook_seconds))
            return
        client.timeout = min(limits.cell_seconds, deadline - clock())
        try:
            await client.async_execute_cell(cell, index)
        except CellTimeoutError:
            note = reasons.cell_timed_out(position, client.timeout)
            if not await _interrupted(client, limits.grace_seconds):
                note = reasons.unstoppable(position, client.timeout)
                await client.km.shutdown_kernel(now=True)
                _end(execution, index, note)
                return
            execution.notes.append(note)
            _fail(cell, "CellTimeout", note.text)
        except DeadKernelError:
            _end(execution, index, reasons.crashed(position))
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


def _end(execution: Execution, index: int, note: Reason) -> None:
    """Note why the run ended in the cell at `index` and mark every code cell from it on as not passed."""
    execution.notes.append(note)
    for later, cell in enumerate(execution.notebook.cells[index:]):
        if cell.cell_type == "code":
            _fail(cell, "Ended" if later == 0 else NOT_RUN, note.text)


def mark_not_run(notebook: NotebookNode, note: Reason) -> Execution:
    """The execution of a notebook none of whose cells could be run, for the reason in `note`."""
    execution = Execution(notebook)
    _end(execution, 0, note)
    return execution


def _fail(cell: NotebookNode, name: str, message: str) -> None:
    cell.outputs.append(new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"]))


def _environment(profile: str) -> dict[str, str]:
    """One thread for each notebook, since several run at once, and matplotlib without a screen."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {
        **os.environ,
        **threads,
        "NBGRADER_EXECUTION": "autograde",
        "IPYTHONDIR": profile,  # no history, no start-up files of whoever runs the harness
    }
