"""Can one jail reach another?"""

import contextlib
import ctypes
import errno
import os
import time
from pathlib import Path

import pytest
from harness import ROOT, alive, descendants, inside, needs_root, start

SECRET = "my solution to exercise 3"


@pytest.fixture
def first(tmp_path):
    """A jail with a secret in a file, in memory, and a socket that anyone may connect to."""
    import socket

    (tmp_path / "first").mkdir()

    def hold(say):
        Path("/tmp/secret").write_text(SECRET)
        Path("/dev/shm/secret").write_text(SECRET)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("\0first")
        listener.listen()
        say("up")
        time.sleep(60)

    jail = start(tmp_path / "first", hold, slot=1)
    jail.hear()
    yield jail
    jail.kill()


def test_files_memory_and_sockets_are_apart(tmp_path, first):
    import socket

    pids = descendants(first.keeper)
    work = tmp_path / "second"
    work.mkdir()

    def attack():
        found = [path for path in ("/tmp/secret", "/dev/shm/secret") if os.path.exists(path)]
        for pid in [first.keeper, *pids]:
            if os.path.exists(f"/proc/{pid}") and pid > 2:
                found.append(pid)
            try:
                if pid > 2:
                    os.kill(pid, 9)
                    found.append(f"killed {pid}")
            except ProcessLookupError:
                continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, 9)  # everyone in reach
        with contextlib.suppress(ConnectionRefusedError):
            socket.socket(socket.AF_UNIX).connect("\0first")
            found.append("socket")
        return found

    assert inside(work, attack, slot=2) == []
    assert all(alive(pid) for pid in [first.keeper, *pids])


def errno_of(attempt) -> int:
    try:
        attempt()
    except OSError as error:
        return error.errno
    return 0


@needs_root
def test_even_outside_its_namespaces_the_other_uid_would_have_no_right(tmp_path, first):
    """The second wall: a process of another slot's uid, on the host, with nothing but its uid to stop it."""
    victim = descendants(first.keeper)[-1]
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setresgid(60_002, 60_002, 60_002)
        os.setresuid(60_002, 60_002, 60_002)
        attach = 16
        libc = ctypes.CDLL(None, use_errno=True)
        attempts = (
            lambda: os.kill(victim, 9),
            lambda: os.open(f"/proc/{victim}/mem", os.O_RDONLY),
            lambda: os.listdir(f"/proc/{victim}/root/tmp"),
        )
        answers = [errno_of(attempt) for attempt in attempts]
        answers.append(0 if libc.ptrace(attach, victim, 0, 0) == 0 else ctypes.get_errno())
        os.write(writer, " ".join(map(str, answers)).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with open(reader) as pipe:
        answers = [int(word) for word in pipe.read().split()]
    assert answers == [errno.EPERM, errno.EACCES, errno.EACCES, errno.EPERM]
    assert alive(victim)


def test_without_root_the_walls_are_the_namespaces_alone(first):
    """Told, not hidden: `probe` says so."""
    from autograde.engine.jail import probe

    promise = probe()
    assert promise.own_uid.kept == ROOT
    assert ROOT or "only root" in promise.own_uid.reason
