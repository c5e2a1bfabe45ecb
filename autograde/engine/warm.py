"""The warm parent: imports what an assignment needs once and forks a student process or a judge whenever it is asked.

It is a program of its own, `python -m autograde.engine.warm DESCRIPTOR`, and it never holds a test, a solution, a grade
or an open gradebook: whatever lies in its memory, every process forked from it inherits and student code can search.
"""

import os

# One thread each, set before numpy and torch read it; a process that may use more says so after the fork. Thread pools
# that ran before a fork do not run after it.
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that spin while they wait would take another student's core
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

import contextlib  # noqa: E402
import importlib  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from collections.abc import Iterable  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import msgpack  # noqa: E402

from autograde import testing  # noqa: E402
from autograde.engine import judge, student  # noqa: E402
from autograde.engine.jail import JailError, JailSpec, lock_up  # noqa: E402
from autograde.engine.shell import CaptureShell, make_shell  # noqa: E402
from autograde.engine.wire import Channel, Closed  # noqa: E402

BASE = ("numpy.random", "matplotlib.pyplot")
"""Imported where they are installed, while the coordinator still finds out what else the assignment needs."""

ROLES = {"student": student.serve, "judge": judge.serve}
LARGEST_REQUEST = 2**16


def main() -> None:
    """Serve requests on the socket whose descriptor is the argument, until the other side closes it."""
    requests = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the coordinator, which then closes the socket
    with tempfile.TemporaryDirectory(prefix="ipython-") as profile:
        os.environ["IPYTHONDIR"] = profile
        _preload(BASE)
        _serve(requests, make_shell())
    os._exit(0)  # taking torch down in order would keep the coordinator waiting for more than a second


def _serve(requests: socket.socket, shell: CaptureShell) -> None:
    requests.send(b"ready")
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LARGEST_REQUEST, 1)
        if not message:
            return
        request = msgpack.unpackb(message)
        if "preload" in request:
            _preload(request["preload"])
            continue
        if "alive" in request:
            requests.send(b"yes")
            continue
        pid = os.fork()
        if pid == 0:
            requests.close()
            _become(request, descriptors[0], shell)
        os.close(descriptors[0])
        with open_pidfd(pid) as pidfd:
            socket.send_fds(requests, [msgpack.packb(pid)], [pidfd])
        _reap()


def _preload(names: Iterable[str]) -> None:
    """Import what there is of `names`, which may end in a class or function: `torch.nn.Conv2d` is no module."""
    for name in names:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


@contextlib.contextmanager
def open_pidfd(pid: int):
    """A descriptor that means this process even after its number was given to another."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _reap() -> None:
    """Collect children that have ended; none is waited for."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(request: dict[str, Any], descriptor: int, shell: CaptureShell) -> None:
    """In the forked child: lock up, then serve. Never returns."""
    channel = Channel(socket.socket(fileno=descriptor))
    try:
        if request["jail"]:
            jail = request["jail"]
            readable = tuple(map(Path, jail.pop("readable")))
            spec = JailSpec(
                parent=os.getppid(), keep_fd=descriptor, work=Path(jail.pop("work")), readable=readable, **jail
            )
            lock_up(spec)
        else:
            os.chdir(request["work"])
        os.environ["NBGRADER_EXECUTION"] = "autograde"  # as nbgrader tells a notebook
        os.environ["CUDA_VISIBLE_DEVICES"] = request["gpu"]
        tempfile.tempdir = None  # found again, in the process's own surroundings
        _use_threads(request["threads"])
        testing.SEED = request["seed"]
        channel.send("locked up")
        ROLES[request["role"]](channel, shell)
    except JailError as error:
        with contextlib.suppress(Closed):
            channel.send("failed", reason=str(error))
        os._exit(1)
    except BaseException as error:
        with contextlib.suppress(Closed):
            channel.send("failed", reason=f"{type(error).__name__}: {error}")
        os._exit(1)
    os._exit(0)


def _use_threads(count: int) -> None:
    if count > 1 and (torch := sys.modules.get("torch")):
        torch.set_num_threads(count)


if __name__ == "__main__":
    main()
