"""The student process: runs what a student wrote, locked up, and answers the judge's observations.

It receives cells and the bodies of observed functions, never a test. Whoever reads what it sends must expect anything.
"""

import os
import sys
import tempfile
from typing import Any

from autograde import testing
from autograde.engine.shell import CaptureShell, Emit, captured, describe, pack_output, run_cell
from autograde.engine.wire import Channel, Closed, Frame, decode, encode
from autograde.plain import plain

MOST_BELOW = 2**20
"""Bytes of what subprocesses wrote that one cell passes on."""


def serve(channel: Channel, shell: CaptureShell) -> None:
    """Run cells and observations as they come, until the other side closes the channel."""
    below = _Below()
    sys.path.insert(0, "")  # modules beside the notebook can be imported, as in Jupyter

    def emit(output: dict[str, Any]) -> None:
        channel.send("output", pack_output(output))

    while True:
        try:
            frame = channel.receive()
        except Closed:
            return
        if frame.kind == "cell":
            run_cell(shell, frame.body.decode(), emit)
            below.pass_on(emit)
            channel.send("done")
        elif frame.kind == "observe":
            with captured(shell, emit):
                answer = _look(shell, frame)
            below.pass_on(emit)
            channel.send("answer", **answer)
        elif frame.kind == "seed":
            testing.SEED = frame.facts["seed"]


def _look(shell: CaptureShell, question: Frame) -> dict[str, Any]:
    """Call an observed function beside the student's names; what it returned, or raised, ready to be sent."""
    name = question.facts["name"]
    try:
        # In a copy of the names: a test's helper must not replace a student's function of the same name.
        namespace = dict(shell.user_ns)
        exec(compile(question.facts["source"], f"<{name}>", "exec"), namespace)
        args, kwargs = decode(question.body)
        testing.seed_generators()
        value = namespace[name](*args, **kwargs)
        return {"body": encode(plain(value, f"the result of {name}")), "returned": True}
    except BaseException as error:  # SystemExit and KeyboardInterrupt too: the judge hears of everything
        return {"returned": False, "raised": describe(error)}


class _Below:
    """What subprocesses and C libraries write to the descriptors 1 and 2, which Python's streams do not see."""

    def __init__(self) -> None:
        self.file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (open as long as the process lives)
        for descriptor in (1, 2):
            os.dup2(self.file.fileno(), descriptor)

    def pass_on(self, emit: Emit) -> None:
        size = os.fstat(self.file.fileno()).st_size
        if size:
            text = os.pread(self.file.fileno(), MOST_BELOW, 0).decode("utf-8", "replace")
            os.ftruncate(self.file.fileno(), 0)
            self.file.seek(0)
            emit({"output_type": "stream", "name": "stdout", "text": text})
