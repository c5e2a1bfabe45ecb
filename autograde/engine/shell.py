"""An IPython shell without a kernel around it: cells go in, outputs come out as a notebook stores them.

The shell is made in the warm parent and used in the processes forked from it. `emit` receives every output as soon as
there is one, as a plain dict in the form of nbformat 4.
"""

import base64
import contextlib
import io
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Any as AnyTrait
from traitlets import Int, Type
from traitlets.config import Config

from autograde.testing import unfinished

Emit = Callable[[dict[str, Any]], None]

FLUSH_BYTES = 8192
FLUSH_SECONDS = 0.05
"""Text is sent on when there is this much of it, or when it is this old and more arrives."""


class Stream(io.TextIOBase):
    """What `sys.stdout` and `sys.stderr` are while a cell runs; passes text on in pieces."""

    def __init__(self, name: str, emit: Emit) -> None:
        self.name = name
        self._emit = emit
        self._waiting: list[str] = []
        self._size = 0
        self._sent = 0.0
        self._process = os.getpid()

    encoding = "utf-8"
    errors = "replace"

    def write(self, text: str) -> int:  # noqa: D102 (io's own contract)
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._waiting.append(text)
        self._size += len(text)
        if self._size >= FLUSH_BYTES or time.monotonic() - self._sent > FLUSH_SECONDS:
            self.flush()
        return len(text)

    def flush(self) -> None:  # noqa: D102
        if self._waiting:
            text, self._waiting, self._size = "".join(self._waiting), [], 0
            if os.getpid() != self._process:  # a worker forked from the notebook: the channel is not its own
                os.write(1, text.encode("utf-8", "replace"))
                return
            for start in range(0, len(text), FLUSH_BYTES):
                piece = text[start : start + FLUSH_BYTES]
                self._emit({"output_type": "stream", "name": self.name, "text": piece})
            self._sent = time.monotonic()

    def writable(self) -> bool:  # noqa: D102
        return True

    def isatty(self) -> bool:  # noqa: D102
        return False

    def fileno(self) -> int:  # noqa: D102
        return {"stdout": 1, "stderr": 2}[self.name]


class _CapturingHook(DisplayHook):
    """Sends the value of a cell's last expression on."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        self.shell.emit_output(
            {
                "output_type": "execute_result",
                "execution_count": self.shell.execution_count,
                "data": _as_text(format_dict),
                "metadata": md_dict or {},
            }
        )

    def log_output(self, format_dict: dict) -> None:
        pass

    def finish_displayhook(self) -> None:
        pass


class _CapturingPublisher(DisplayPublisher):
    """Sends what `display(...)` shows on."""

    def publish(
        self,
        data: dict,
        metadata: dict | None = None,
        source: Any = None,
        *,
        transient: dict | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        self.shell.emit_output(
            {
                "output_type": "display_data",
                "data": _as_text(data),
                "metadata": metadata or {},
                "display_id": (transient or {}).get("display_id"),
                "update": update,
            }
        )

    def clear_output(self, wait: bool = False) -> None:
        self.shell.emit_output({"output_type": "clear_output"})


class CaptureShell(InteractiveShell):
    """The shell. Set `emit` before running a cell."""

    system = InteractiveShell.system_raw  # `!command` without a terminal of its own, which no jail has
    emit = AnyTrait(lambda output: None)
    process = Int()
    """Which process may emit: not the workers that a notebook forks."""
    displayhook_class = Type(_CapturingHook)
    display_pub_class = Type(_CapturingPublisher)

    def emit_output(self, output: dict) -> None:
        """Send an output on, after the text that was written before it."""
        if os.getpid() != self.process:
            return
        sys.stdout.flush()
        sys.stderr.flush()
        self.emit(output)

    def enable_gui(self, gui: Any = None) -> None:
        """No cell gets a window system."""

    def _showtraceback(self, kind: type, error: BaseException, lines: list[str]) -> None:
        try:
            message = str(error)
        except Exception as inner:  # a hostile or a broken exception must not take the traceback with it
            message = f"<its message cannot be shown: {type(inner).__name__}>"
        name = getattr(kind, "__name__", str(kind))
        self.emit_output({"output_type": "error", "ename": name, "evalue": message, "traceback": lines})


def _as_text(data: dict[str, Any]) -> dict[str, Any]:
    """A mime bundle as a notebook stores it: what is bytes, such as a PNG, in base64."""
    return {
        mime: base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value
        for mime, value in data.items()
    }


def make_shell() -> CaptureShell:
    """Make the process's one shell, without history, profile or colours, with matplotlib's inline figures."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Context"
    shell = CaptureShell.instance(config=config)
    shell.user_ns["__name__"] = "__main__"
    try:
        from matplotlib_inline.backend_inline import configure_inline_support
    except ImportError:
        return shell  # a course without matplotlib
    configure_inline_support(shell, "module://matplotlib_inline.backend_inline")
    return shell


@contextlib.contextmanager
def captured(shell: CaptureShell, emit: Emit) -> Iterator[None]:
    """Send whatever is written or displayed inside to `emit`, and let an interrupt through only there.

    Outside, SIGINT is ignored: an interrupt that comes a moment too late must not hit the harness's own code.
    """
    outside = sys.stdout, sys.stderr
    streams = Stream("stdout", emit), Stream("stderr", emit)
    sys.stdout, sys.stderr = streams
    shell.emit, shell.process = emit, os.getpid()
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = outside


def run_cell(shell: CaptureShell, source: str, emit: Emit) -> None:
    """Run one cell and send all its outputs to `emit`; one that fails puts out an error, whatever it did to hide it."""
    shown = []

    def watch(output: dict[str, Any]) -> None:
        if output["output_type"] == "error":
            shown.append(output)
        emit(output)

    with captured(shell, watch):
        try:
            result = shell.run_cell(source, store_history=True)
            error = result.error_before_exec or result.error_in_exec
        except BaseException as caught:  # it hit IPython itself, or a cell has replaced a part of it
            error = caught
        if error is not None and not shown:
            told = describe(error)
            watch({"output_type": "error", "ename": told["name"], "evalue": told["message"], "traceback": []})


def pack_output(output: dict[str, Any]) -> bytes:
    """An output as JSON; what a student's object put into it that is no JSON becomes text."""
    return json.dumps(output, default=repr, skipkeys=True).encode()


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as plain data: the nearest built-in kind it is of, its message, and its traceback as text."""
    builtin = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
    try:
        message = str(error)
        if not message and isinstance(error, NotImplementedError):
            message = unfinished(error)
        if not message and isinstance(error, AssertionError):
            message = f"an assert in your code failed: {traceback.extract_tb(error.__traceback__)[-1].line}"
    except Exception:  # its text is the student's code too
        message = ""
    return {
        "type": builtin.__name__,
        "name": type(error).__name__,
        "message": message[:10_000],
        "traceback": [line[:2000] for line in traceback.format_exception(error)[-20:]],
    }
