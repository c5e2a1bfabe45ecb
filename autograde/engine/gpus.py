"""Which GPUs a machine has, and which of them a process may use."""

import re
from pathlib import Path

from autograde.engine.sandbox import Sandbox

DEVICE_FILE = re.compile(r"nvidia(\d+)")
NO_GPU = ""
"""The device of a process that computes on the CPU."""


class NoGpuError(Exception):
    """An assignment asks for a GPU and cannot have one here; the message says why and what can be done."""


def gpus(sandbox: Sandbox, folder: Path = Path("/dev")) -> list[str]:
    """The numbers of the NVIDIA GPUs whose device files lie in `folder`, as CUDA_VISIBLE_DEVICES names them.

    Raises `NoGpuError` where there is none, or where code in `sandbox` could not reach it.
    """
    if sandbox.jailed:
        raise NoGpuError(
            "This assignment asks for a GPU, and there is none inside the namespaces that lock students' code up. "
            "Grade it with --sandbox none, on a machine that holds nothing else."
        )
    matches = (DEVICE_FILE.fullmatch(path.name) for path in folder.glob("nvidia*"))
    found = sorted((match[1] for match in matches if match), key=int)
    if not found:
        raise NoGpuError(
            f"This assignment asks for a GPU, and {folder} has none. Grade it on a machine that has one, or take "
            "`gpus` out of its limits."
        )
    return found
