"""A Dask cluster of this machine: a scheduler and workers, each a process of its own, as on many machines.

Two network namespaces stand for two hosts: each has an address of its own, and reaches the scheduler over a network.
"""

import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BIN, WIDE
from distributed import Client

SECONDS_TO_START = 120


class Running:
    """A scheduler and its workers, each a process of its own with a log."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.folder = folder
        self.programs: list[subprocess.Popen] = []
        self._logs = (folder / f"{number}.log" for number in itertools.count())
        where = folder / "scheduler.json"
        options = f"--host {address} --port 0 --no-dashboard --scheduler-file"
        self.start("dask", "scheduler", *options.split(), where)
        self.wait_for(where.exists)
        with Client(scheduler_file=where, set_as_default=False) as client:
            self.address = client.scheduler.address

    def start(self, *command: str | Path, log: Path | None = None, host: str = "") -> subprocess.Popen:
        """Start a program of this environment; `host` is the network namespace it lives in."""
        with open(log or next(self._logs), "w", encoding="utf-8") as file:
            program = subprocess.Popen(
                [*(("ip", "netns", "exec", host) if host else ()), BIN / command[0], *map(str, command[1:])],
                env={
                    **os.environ,
                    **WIDE,
                    "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                    # What Dask and the stations keep for themselves is not looked for among what students left.
                    "DASK_TEMPORARY_DIRECTORY": str(self.folder),
                    "XDG_RUNTIME_DIR": str(self.folder),
                },
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.programs.append(program)
        return program

    def add_worker(self, *options: str, host: str = "") -> subprocess.Popen:
        """A machine that runs one submission at a time; returns when it has joined."""
        log = next(self._logs)
        program = self.start("autograde", "worker", self.address, "--jobs", "1", *options, log=log, host=host)
        self.wait_for(lambda: "at a time" in log.read_text() or program.poll() is not None)
        assert program.poll() is None, log.read_text()
        return program

    def wait_for(self, condition) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while not condition():
            said = "\n".join(path.read_text() for path in sorted(self.folder.glob("*.log")))
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def worker_pids(self) -> list[int]:
        with Client(self.address, set_as_default=False) as client:
            return list(client.run(os.getpid).values())

    def close(self) -> None:
        for program in reversed(self.programs):
            program.terminate()
        for program in self.programs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(20)
            program.kill()


@contextlib.contextmanager
def running(folder: Path, address: str = "127.0.0.1") -> Iterator[Running]:
    """A scheduler at this address of the machine, and, at the end, nothing of what was started."""
    cluster = Running(folder, address)
    try:
        yield cluster
    finally:
        cluster.close()


@contextlib.contextmanager
def hosts(count: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Network namespaces as hosts: the address where they find this machine, and each one's own address by its name.

    Skips the test where this process may not make them.
    """
    names = [f"autograde{os.getpid()}-{number}" for number in range(count)]
    here, found = "10.77.0.1", {}
    try:
        for number, name in enumerate(names):
            theirs, ours, link = f"10.77.{number + 1}.2", f"10.77.{number + 1}.1", f"ag{number}"
            found[name] = theirs
            _ip(f"netns add {name}")
            _ip(f"link add {link} type veth peer name {link}p")
            _ip(f"link set {link}p netns {name}")
            _ip(f"addr add {ours}/30 dev {link}")
            _ip(f"link set {link} up")
            _ip(f"-n {name} addr add {theirs}/30 dev {link}p")
            _ip(f"-n {name} link set {link}p up")
            _ip(f"-n {name} link set lo up")
            _ip(f"-n {name} route add default via {ours}")
        _ip(f"addr add {here}/32 dev lo")
        yield here, found
    finally:
        for arguments in (*(f"netns del {name}" for name in names), f"addr del {here}/32 dev lo"):
            with contextlib.suppress(pytest.skip.Exception):
                _ip(arguments)


def _ip(arguments: str) -> None:
    try:
        subprocess.run(["ip", *arguments.split()], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this process may not make network namespaces: ip {arguments}: {error}")
