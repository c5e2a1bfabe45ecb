"""How much can be used up, and who feels it?"""

import errno
import mmap
import os
import resource
import signal
import time
from pathlib import Path

import pytest
from harness import ROOT, inside, start

from autograde.engine.jail import HOME, WORK

MIB = 1 << 20


def test_a_fork_bomb_stops_and_the_host_does_not_feel_it(tmp_path):
    def bomb(say):
        born = 0
        while True:
            try:
                pid = os.fork()
            except BlockingIOError:
                break
            if pid == 0:
                time.sleep(60)
                os._exit(0)
            born += 1
        say(born)
        time.sleep(60)

    jail = start(tmp_path, bomb, processes=16, slot=3)
    try:
        born = jail.hear()
        assert 14 <= born <= 17  # 16 with the shell; the kernel counts init and sometimes the keeper
        assert host_can_fork(60_003 if ROOT else None, 16)
        second = start(tmp_path, lambda say: [os.waitpid(os.fork() or os._exit(0), 0)[1]], processes=16, slot=3)
        assert second.hear() == [0]
        second.wait()
    finally:
        jail.kill()


def host_can_fork(uid: int | None, limit: int) -> bool:
    """Can a process of the same uid on the host still fork, under the limit that the jail had?"""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            if uid is not None:
                os.setresuid(uid, uid, uid)
                resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
            child = os.fork()
            if child == 0:
                os._exit(0)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_memory_bomb_ends_in_memory_error(tmp_path):
    def mapped_mib():
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize() / MIB

    def bomb():
        before, held = mapped_mib(), []
        try:
            while len(held) < 4000:
                held.append(bytearray(MIB))
        except MemoryError:
            got, grown = len(held), mapped_mib() - before
            held.clear()
            return got, grown
        return -1, -1

    neighbour = start(tmp_path, lambda say: (say("up"), time.sleep(1.5), "unhurt")[-1], slot=1)
    assert neighbour.hear() == "up"
    got, grown = inside(tmp_path, bomb, memory_bytes=300 * MIB)
    assert got >= 200  # it may also fill what the parent had mapped and freed
    assert 200 < grown <= 300
    assert neighbour.hear() == "unhurt"
    assert neighbour.wait() == 0


def test_the_jail_is_the_first_to_go_when_the_host_runs_out(tmp_path):
    def look():
        try:
            Path("/proc/self/oom_score_adj").write_text("0")
        except OSError as error:
            return int(Path("/proc/self/oom_score_adj").read_text()), error.errno
        return None

    assert inside(tmp_path, look) == [1000, errno.EROFS]


def test_memory_cannot_be_hidden_in_files_without_a_name(tmp_path):
    def hide():
        try:
            os.memfd_create("hidden")
        except PermissionError:
            return "refused"
        return "made"

    assert inside(tmp_path, hide) == "refused"


def test_the_disk_fills_at_scratch_bytes_in_all_folders_together(tmp_path):
    (tmp_path / "given.bin").write_bytes(bytes(4 * MIB))

    def fill():
        ended = []
        for folder in (WORK, HOME, "/tmp", "/dev/shm"):
            try:
                with open(f"{folder}/filler", "wb", buffering=0) as file:
                    while True:
                        file.write(bytes(MIB))
            except OSError as error:
                ended.append(error.errno)
        sizes = [os.path.getsize(f"{folder}/filler") for folder in (WORK, HOME, "/tmp", "/dev/shm")]
        return ended, sum(sizes)

    ended, total = inside(tmp_path, fill, scratch_bytes=24 * MIB)
    assert ended == [errno.ENOSPC] * 4
    assert 19 * MIB <= total <= 20 * MIB


def test_empty_files_run_out_too(tmp_path):
    def fill():
        for count in range(100_000):
            try:
                open(f"/tmp/{count}", "x").close()
            except OSError as error:
                return error.errno, count
        return 0, count

    code, count = inside(tmp_path, fill, scratch_bytes=16 * MIB)
    assert code == errno.ENOSPC
    assert 500 < count <= 1024


def test_one_file_cannot_exceed_file_bytes(tmp_path):
    def write():
        try:
            with open("big", "wb") as file:
                file.truncate(9 * MIB)
        except OSError as error:
            return error.errno
        return 0

    assert inside(tmp_path, write, file_bytes=8 * MIB) == errno.EFBIG


def test_descriptors(tmp_path):
    def hoard():
        held = []
        try:
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        except OSError as error:
            return error.errno, len(held) + 4

    assert inside(tmp_path, hoard, open_files=100) == [errno.EMFILE, 100]


def test_processor_time(tmp_path):
    def burn(say):
        while True:
            pass

    jail = start(tmp_path, burn, cpu_seconds=1)
    assert jail.wait() == 128 + signal.SIGXCPU


@pytest.mark.parametrize(
    ("which", "limit"),
    [("CORE", 1), ("MEMLOCK", 0), ("MSGQUEUE", 0), ("NICE", 0), ("RTPRIO", 0), ("FSIZE", 8 * MIB)],
)
def test_hard_limits_cannot_be_raised(tmp_path, which, limit):
    number = getattr(resource, f"RLIMIT_{which}")

    def raise_it():
        before = resource.getrlimit(number)
        try:
            resource.setrlimit(number, (limit + 1, limit + 1))
        except ValueError:
            return before
        return "raised"

    assert inside(tmp_path, raise_it, file_bytes=8 * MIB) == [limit, limit]


def test_anonymous_shared_memory_is_counted(tmp_path):
    def share():
        try:
            mmap.mmap(-1, 500 * MIB)
        except OSError as error:
            return error.errno
        return 0

    assert inside(tmp_path, share, memory_bytes=300 * MIB) == errno.ENOMEM
