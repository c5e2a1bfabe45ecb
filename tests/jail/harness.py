"""Fork a child of this (warm) process, lock it up, run a function inside and hear what it saw."""

import json
import os
import select
import signal
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from autograde.engine.jail import JailError, JailSpec, lock_up, readable_trees

TREES = readable_trees()
ROOT = os.geteuid() == 0
PATIENCE = 60
needs_root = pytest.mark.skipif(not ROOT, reason="only root can give each jail its own uid")


@dataclass
class Jail:
    """A running jail: `keeper` is the pid that the fork gave, `line` this end of the one socket."""

    keeper: int
    line: socket.socket

    def hear(self, patience: float = PATIENCE):
        """The next thing said inside. EOFError: the shell is gone. AssertionError: it raised."""
        data = b""
        while not data.endswith(b"\n"):
            if not select.select([self.line], [], [], patience)[0]:
                raise TimeoutError(f"nothing heard for {patience} s")
            more = self.line.recv(1 << 16)
            if not more:
                raise EOFError("the shell ended without a word")
            data += more
        kind, value = json.loads(data)
        assert kind == "ok", value
        return value

    def wait(self) -> int:
        """The keeper's exit code, negative for a signal."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.keeper, os.WNOHANG)
            if pid:
                self.line.close()
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        raise TimeoutError("the jail does not end")

    def kill(self) -> None:
        os.kill(self.keeper, signal.SIGKILL)
        self.wait()


def spec_for(work: Path, fd: int, slot: int = 0, parent: int | None = None, **limits) -> JailSpec:
    uid = 60_000 + slot if ROOT else None
    limits = {"readable": TREES, **limits}
    return JailSpec(parent or os.getpid(), work, fd, uid, **limits)


def start(work: Path, function: Callable, *, spec: Callable = spec_for, **limits) -> Jail:
    """Run `function(say)` in a jail; what it returns is said too. `say` sends one plain value."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    keeper = os.fork()
    if keeper:
        theirs.close()
        return Jail(keeper, ours)
    code = 99
    try:
        ours.close()

        def say(value, kind="ok"):
            theirs.sendall(json.dumps([kind, value]).encode() + b"\n")

        try:
            lock_up(spec(work, theirs.fileno(), parent=parent, **limits))
            say(function(say))
            code = 0
        except JailError as error:
            say(
                {"step": error.step, "errno": error.errno, "remedy": error.remedy, "text": str(error)},
                "JailError",
            )
        except BaseException:
            say(traceback.format_exc(), "exception")
    finally:
        os._exit(code)


def inside(work: Path, function: Callable, **limits):
    """What `function()` returns inside, once the jail has ended."""
    jail = start(work, lambda say: function(), **limits)
    try:
        return jail.hear()
    finally:
        jail.kill() if not finished(jail.keeper) else None


def finished(pid: int) -> bool:
    """Did this child end (and is now reaped)?  Waits a moment, for the word arrives before the end."""
    for _ in range(400):
        if os.waitpid(pid, os.WNOHANG)[0]:
            return True
        time.sleep(0.005)
    return False


def refusal(work: Path, **limits) -> dict:
    """The JailError of a jail that cannot be built; the calling child must be the one that raises it."""
    jail = start(work, lambda say: "built", **limits)
    try:
        jail.hear()
    except AssertionError as error:
        value = error.args[0]
        assert isinstance(value, dict), value
        return value
    finally:
        jail.wait()
    raise AssertionError("the jail was built")


def descendants(pid: int) -> list[int]:
    """Host pids of all processes below `pid`, parents first."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                status = Path("/proc", entry, "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            parents[int(entry)] = int(status.split("PPid:")[1].split()[0])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


def gone(pids: list[int], patience: float = 5) -> bool:
    deadline = time.monotonic() + patience
    while any(alive(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
