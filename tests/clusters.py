"""A Dask cluster of this machine: a scheduler and workers, each a process of its own, as on many machines."""

import contextlib
import itertools
import os
import subprocess
import time
from pathlib import Path

from conftest import BIN, WIDE
from distributed import Client

SECONDS_TO_START = 120


class Running:
    """A scheduler and its workers, each a process of its own with a log."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: list[subprocess.Popen] = []
        self._logs = (folder / f"{number}.log" for number in itertools.count())
        where = folder / "scheduler.json"
        self.start(
            "dask", "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", where
        )
        self.wait_for(where.exists)
        with Client(scheduler_file=where, set_as_default=False) as client:
            self.address = client.scheduler.address

    def start(self, *command: str | Path, log: Path | None = None) -> subprocess.Popen:
        with open(log or next(self._logs), "w", encoding="utf-8") as file:
            program = subprocess.Popen(
                [BIN / command[0], *map(str, command[1:])],
                env={**os.environ, **WIDE, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.programs.append(program)
        return program

    def add_worker(self, *options: str) -> subprocess.Popen:
        """A machine that runs one submission at a time; returns when it has joined."""
        log = next(self._logs)
        program = self.start("autograde", "worker", self.address, "--jobs", "1", *options, log=log)
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
def running(folder):
    cluster = Running(folder)
    try:
        yield cluster
    finally:
        cluster.close()
