"""How much a submission may use; the one place where the defaults stand.

A course changes them in its nbgrader_config.py, for all assignments or for one:

    c.Limits.cell_seconds = 120
    c.Limits.assignments = {"07_fast_training": {"cell_seconds": 300, "memory_bytes": 8 * 2**30}}
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

from traitlets.config import Config


@dataclass(frozen=True)
class Limits:
    """What one submission may use before it is stopped.

    The memory, files and processes that a limit counts are those of the student's process and of all it starts.
    """

    cell_seconds: float = 60
    """Wall time of one cell; then it is interrupted and the next cell runs."""

    notebook_seconds: float = 600
    """Wall time of all cells together; then the rest is not run."""

    grace_seconds: float = 5
    """Wall time an interrupted cell has to end before everything of the submission is killed."""

    judge_seconds: float = 30
    """Wall time a test cell has beyond that of a cell, for what the test itself computes."""

    output_bytes: int = 8 * 2**20
    """What one cell may put out, text and pictures together; the rest is dropped as it comes."""

    memory_bytes: int = 4 * 2**30
    """Address space a process may take above what the imported libraries have."""

    processes: int = 64
    """Processes and threads at once."""

    scratch_bytes: int = 512 * 2**20
    """Files written, the working folder and /tmp together."""

    file_bytes: int = 256 * 2**20
    """The largest file."""

    open_files: int = 512
    """Descriptors of a process."""

    gpus: int = 0
    """GPUs that a submission computes with: 0, or 1, which it then has for itself."""

    @property
    def most_beside(self) -> int:
        """Bytes of files beside the notebook; more are left out, so that there is room to write."""
        return int(self.scratch_bytes / 2)


class LimitError(ValueError):
    """The configuration sets a limit that does not exist or cannot be; the message names it."""


def limits_for(assignment: str, config: Config) -> Limits:
    """The limits for `assignment` by the course's configuration. Raises `LimitError`."""
    section: dict[str, Any] = dict(config.get("Limits", {}))
    own = section.pop("assignments", {}).get(assignment, {})
    known = {field.name for field in dataclasses.fields(Limits)}
    wanted = {**section, **own}
    for name, value in wanted.items():
        if name not in known:
            raise LimitError(f"There is no limit {name!r} for {assignment}; limits are {', '.join(sorted(known))}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise LimitError(f"The limit {name} of {assignment} is {value!r}; it must be a positive number.")
        if name == "gpus" and value != 1:
            raise LimitError(f"{assignment} asks for {value!r} GPUs; a submission can have 1.")
    return Limits(**wanted)
