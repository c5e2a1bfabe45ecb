"""How much a submission may use; the one place where the defaults stand."""

from dataclasses import dataclass


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
