"""How much a submission may use; the one place where the defaults stand."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one submission may use before it is stopped."""

    cell_seconds: float = 60
    """Wall time of one cell; then it is interrupted and the next cell runs."""

    notebook_seconds: float = 600
    """Wall time of all cells together; then the rest is not run."""

    grace_seconds: float = 5
    """Wall time an interrupted cell has to end before the whole interpreter is killed."""
