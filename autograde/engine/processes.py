"""The coordinator's end of the warm parent: ask for a process, interrupt it, kill it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgpack

from autograde.engine.gpus import NO_GPU
from autograde.engine.sandbox import Sandbox
from autograde.engine.wire import Channel, Closed, OutOfTime
from autograde.execution import EngineError
from autograde.limits import Limits

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
"""What the warm parent gets of the environment: student code can read the environment its process was born with."""


@dataclass(frozen=True)
class Slot:
    """Room for one submission: `number` tells those that run at the same time apart, `gpu` is its device, if any."""

    number: int
    gpu: str = NO_GPU


@dataclass
class Process:
    """A student process or a judge."""

    pid: int
    pidfd: int
    channel: Channel
    alone: bool = field(default=False)
    """Whether the process leads a group of its own instead of living in a namespace."""
    start: int = field(default=0)
    """Which start of the warm parent it was forked from."""

    def interrupt(self) -> None:
        """Send Ctrl-C."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """End the process and everything it started, and close the channel."""
        self._signal(signal.SIGKILL)
        self.channel.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def _signal(self, number: int) -> None:
        if self.pidfd < 0:
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, number)
            if self.alone:
                os.killpg(self.pid, number)


class WarmParent:
    """A running warm parent; `fork` may be called from several threads."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._modules: tuple[str, ...] = ()
        self._lock = threading.Lock()
        self._starts = 0
        self._start()

    def __enter__(self) -> "WarmParent":
        return self

    def __exit__(self, *_: Any) -> None:
        self._requests.close()
        if not self._ready:  # nothing was forked from it, and its imports are not to be waited for
            self._program.kill()
        self._program.wait()

    def preload(self, modules: tuple[str, ...]) -> None:
        """Have these modules imported before the next fork; this does not wait for it.

        Nothing that runs threads may be among them: only the forking thread lives on in what is forked.
        """
        with self._lock:
            self._modules = modules
            self._ask_for_modules()

    def fork(self, role: str, work: Path, slot: Slot, limits: Limits, threads: int, seed: int) -> Process:
        """Fork a "student" or a "judge" with a private copy of the folder `work` as its working folder.

        `seed` is what observed calls begin with.

        Raises `EngineError` where the process cannot be made or locked up.
        """
        jail = self.sandbox.jail(role, work, slot.number, limits)
        gpu = slot.gpu if role == "student" else NO_GPU
        facts = {"role": role, "work": str(work), "threads": threads, "seed": seed, "gpu": gpu, "jail": jail}
        request = msgpack.packb(facts)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs, self._lock:
            try:
                self._wait_until_ready()
                socket.send_fds(self._requests, [request], [theirs.fileno()])
                message, descriptors, _, _ = socket.recv_fds(self._requests, 64, 1)
            except OSError:
                message = b""
            start = self._starts
        if not message:
            raise EngineError("The warm parent is gone; it may have been killed for its memory.")
        process = Process(msgpack.unpackb(message), descriptors[0], Channel(ours), alone=jail is None, start=start)
        self._wait_until_locked_up(process)
        return process

    def check_alive(self, process: Process) -> None:
        """Raise `EngineError` where the warm parent that forked `process` has ended, which ends `process` as well."""
        with self._lock:
            # Another thread may have noticed before, and started a new one.
            if process.start != self._starts or self._has_ended():
                raise EngineError("The warm parent ended, and the submission with it.")

    def restart(self) -> None:
        """Start a new warm parent where the old one has ended."""
        with self._lock:
            if self._has_ended():
                self._bury()
                self._requests.close()
                self._start()

    def _has_ended(self) -> bool:
        """Ask it. A process that ends closes its sockets before those that it forked hear of its end: no need to wait.

        To be called with the lock held.
        """
        if not self._ready:
            return self._program.poll() is not None
        try:
            self._requests.send(msgpack.packb({"alive": True}))
            return not self._requests.recv(16)
        except OSError:
            return True

    def _bury(self) -> None:
        self._program.kill()
        self._program.wait()

    def _start(self) -> None:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ}
        with theirs:
            self._program = subprocess.Popen(
                # -P: the folder the command was typed in, perhaps a submission's, is no place to import from.
                [sys.executable, "-P", "-m", "autograde.engine.warm", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._ready = False
        self._starts += 1
        self._ask_for_modules()

    def _ask_for_modules(self) -> None:
        if self._modules:
            with contextlib.suppress(OSError):  # it is gone; the next fork says so
                self._requests.send(msgpack.packb({"preload": self._modules}))

    def _wait_until_ready(self) -> None:
        """Not when it is started but when it is first needed: its imports take seconds, which others can use."""
        if not self._ready:
            if self._requests.recv(16) != b"ready":
                self._bury()
                raise EngineError("The warm parent did not start; what it printed above says why.")
            self._ready = True

    def _wait_until_locked_up(self, process: Process) -> None:
        try:
            answer = process.channel.receive()
        except (Closed, OutOfTime) as error:
            process.kill()
            raise EngineError("A process ended before it was locked up.") from error
        if answer.kind != "locked up":
            process.kill()
            raise EngineError(f"A process could not be locked up: {answer.facts.get('reason')}")
