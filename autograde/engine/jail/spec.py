"""What is one jail to be?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOME = "/student"  # not below /home: that may hold the interpreter, or be a link
WORK = "/student/work"
HOSTNAME = "student"
STUDENT = 1000
"""uid and gid inside. Not 0: exec gives uid 0 capabilities back, and many programs trust it."""


@dataclass(frozen=True)
class JailSpec:
    """One jail. Build it in the warm parent, before the fork.

    parent: pid of the warm parent, `os.getpid()` there. The jail dies with it. (The kernel watches the thread
        that forks, so fork from a thread that lives as long as the process.)
    work: host folder whose files are copied into the jail's working folder, WORK. Nothing comes back.
    keep_fd: the one inherited descriptor, above 2; keeps its number.
    uid: host uid and gid of this jail when root runs the grading, different for jails that run at the same
        time; None for an ordinary user, whose own ids are mapped.
    readable: absolute paths shown read-only, at the same place. They and their contents must be readable by
        `uid`. Start from `readable_trees()`.
    memory_bytes: address space each process may add to what the warm parent had mapped. Not a total.
    scratch_bytes: working folder, HOME, /tmp and /dev/shm together, the copied files included.
    processes: processes and threads alive at once, the shell included.
    open_files: descriptors of each process.
    file_bytes: size of the largest file that can be written.
    cpu_seconds: processor time of each process; SIGXCPU at the limit, SIGKILL one second later.

    Raises ValueError for a value that no jail can have.
    """

    parent: int
    work: Path
    keep_fd: int
    uid: int | None
    readable: tuple[Path, ...]
    memory_bytes: int = 2 << 30
    scratch_bytes: int = 512 << 20
    processes: int = 64
    open_files: int = 512
    file_bytes: int = 256 << 20
    cpu_seconds: int = 600

    def __post_init__(self) -> None:
        if self.keep_fd < 3:
            raise ValueError(f"keep_fd is {self.keep_fd}; 0 to 2 become /dev/null, so pass 3 or above")
        if self.uid is not None and self.uid <= 0:
            raise ValueError(f"uid is {self.uid}; a jail needs an ordinary uid, such as 60600 + slot")
        for name in ("memory_bytes", "scratch_bytes", "processes", "open_files", "file_bytes", "cpu_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be positive")
        for path in (self.work, *self.readable):
            if not Path(path).is_absolute():
                raise ValueError(f"{path} is not an absolute path")
