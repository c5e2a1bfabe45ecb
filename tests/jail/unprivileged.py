"""Run pytest on these tests as an ordinary user, from root: `python tests/jail/unprivileged.py [options]`.

The interpreter may lie below a folder that only root may enter. In a mount namespace of this process's own,
such folders are replaced by traversable ones that hold nothing but the way; the machine is left as it is.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from autograde.engine.jail.namespaces import NEWNS
from autograde.engine.jail.rootfs import BIND, PRIVATE, REC
from autograde.engine.jail.syscalls import mount, unshare

HERE = Path(__file__).parent
USER = 61_234


def main(arguments: list[str]) -> int:
    """Returns pytest's exit status."""
    with tempfile.TemporaryDirectory(prefix="jail-tests-") as scratch:
        pid = os.fork()
        if pid == 0:
            run(scratch, arguments)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(scratch: str, arguments: list[str]) -> NoReturn:
    unshare(NEWNS)
    mount(None, "/", None, REC | PRIVATE)
    for path in sorted({Path(sys.prefix), Path(sys.base_prefix), HERE.parents[1]}):
        open_the_way(path.resolve())
    mount("tmpfs", scratch, "tmpfs", 0, f"uid={USER},gid={USER},mode=700")
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    environment = {"PATH": os.environ["PATH"], "HOME": scratch, "TMPDIR": scratch}
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    if not any(Path(argument).exists() for argument in arguments):
        command.append(str(HERE))
    os.execve(sys.executable, command, environment)


def open_the_way(path: Path) -> None:
    """Make `path` reachable for everyone by covering the closed folder above it."""
    closed = [folder for folder in reversed(path.parents) if not folder.stat().st_mode & 0o001]
    if not closed:
        return
    handle = os.open(path, os.O_PATH)
    mount("tmpfs", str(closed[0]), "tmpfs", 0, "mode=755")
    path.mkdir(parents=True)
    mount(f"/proc/self/fd/{handle}", str(path), None, BIND | REC)
    os.close(handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
