"""Files that are either complete or not there: a run that is killed half-way leaves no half of one."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = "unfinished-"  # start of the name of a folder in which a file is being written


@contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Give a path to write to; its file takes the name `target` at the end, unless an exception ends the block.

    The path lies in a folder of its own beside `target`, which must have a parent folder that can be written.
    """
    with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=target.parent) as unfinished:
        part = Path(unfinished, target.name)
        yield part
        os.replace(part, target)
