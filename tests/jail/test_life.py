"""Who ends whom?  And does anything stay behind?"""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from harness import alive, descendants, finished, gone, inside, start


def crowd(say):
    """A shell with a child, an orphan and a process that left the session."""
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        time.sleep(0.2)
        os._exit(0)
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    time.sleep(0.5)
    say("up")
    time.sleep(60)


def crowded(tmp_path):
    jail = start(tmp_path, crowd)
    jail.hear()
    inhabitants = descendants(jail.keeper)
    assert len(inhabitants) == 4 + (1 if any(not alive(pid) for pid in inhabitants) else 0)
    assert all(alive(pid) for pid in inhabitants[:2])
    return jail, inhabitants


def test_sigkill_to_init_ends_everything(tmp_path):
    jail, inhabitants = crowded(tmp_path)
    os.kill(inhabitants[0], signal.SIGKILL)
    assert jail.wait() == 128 + signal.SIGKILL
    assert gone(inhabitants)


def test_sigkill_to_the_keeper_ends_everything(tmp_path):
    jail, inhabitants = crowded(tmp_path)
    os.kill(jail.keeper, signal.SIGKILL)
    assert jail.wait() == -signal.SIGKILL
    assert gone(inhabitants)


def test_when_the_shell_ends_everything_ends(tmp_path):
    def leave(say):
        if os.fork() == 0:
            os.setsid()
            time.sleep(60)
        say("up")
        time.sleep(0.3)
        os._exit(17)

    jail = start(tmp_path, leave)
    jail.hear()
    inhabitants = descendants(jail.keeper)
    assert len(inhabitants) == 3
    assert jail.wait() == 17
    assert gone(inhabitants)


def test_the_jail_dies_with_the_warm_parent(tmp_path):
    reader, writer = os.pipe()
    parent = os.fork()
    if parent == 0:
        jail = start(tmp_path, crowd)
        jail.hear()
        os.write(writer, " ".join(map(str, [jail.keeper, *descendants(jail.keeper)])).encode())
        time.sleep(60)
    os.close(writer)
    with open(reader, "rb", buffering=0) as pipe:
        everyone = [int(pid) for pid in pipe.read(1000).split()]
    assert len(everyone) >= 5
    assert all(alive(pid) for pid in everyone[:3])
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert gone(everyone)


def test_a_parent_that_died_before_the_lock_up_is_noticed(tmp_path):
    reader, writer = os.pipe()
    middle = os.fork()
    if middle == 0:
        pid = os.getpid()
        if os.fork() == 0:
            while os.getppid() == pid:
                time.sleep(0.01)
            from harness import JailError, lock_up, spec_for

            try:
                lock_up(spec_for(tmp_path, writer, parent=pid))
                os.write(writer, b"built")
            except JailError as error:
                os.write(writer, error.step.encode())
        os._exit(0)
    os.waitpid(middle, 0)
    os.close(writer)
    with open(reader) as pipe:
        assert pipe.read() == "tie the jail to its parent"


@pytest.mark.parametrize("code", [0, 1, 42])
def test_the_exit_status_is_the_shells(tmp_path, code):
    assert start(tmp_path, lambda say: os._exit(code)).wait() == code


def test_death_by_a_signal_is_told(tmp_path):
    assert start(tmp_path, lambda say: os.kill(os.getpid(), signal.SIGSEGV)).wait() == 128 + signal.SIGSEGV


def test_sigint_to_the_keeper_interrupts_the_shell_and_only_that(tmp_path):
    def wait(say):
        try:
            say("up")
            time.sleep(60)
        except KeyboardInterrupt:
            return "interrupted"

    jail = start(tmp_path, wait)
    jail.hear()
    os.kill(jail.keeper, signal.SIGINT)
    assert jail.hear() == "interrupted"
    assert jail.wait() == 0


def test_the_parents_ignored_interrupt_is_not_inherited(tmp_path):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        handlers = inside(tmp_path, lambda: signal.getsignal(signal.SIGINT) is signal.default_int_handler)
    finally:
        signal.signal(signal.SIGINT, before)
    assert handlers


def test_a_student_cannot_kill_init_or_the_keeper(tmp_path):
    def try_to(say):
        time.sleep(0.1)
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSEGV):
            os.kill(1, number)
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGTERM)  # everyone in reach but the caller: nobody
        say("init lives")
        os.kill(0, signal.SIGKILL)  # the process group, across namespaces

    jail = start(tmp_path, try_to)
    assert jail.hear() == "init lives"
    assert jail.wait() == 128 + signal.SIGKILL  # said by the keeper, which is alive to say it


def test_orphans_are_reaped(tmp_path):
    def orphan():
        for _ in range(20):
            if os.fork() == 0:
                if os.fork() == 0:
                    os._exit(0)
                os._exit(0)
            os.wait()
        deadline = time.monotonic() + 5
        while len(pids := [name for name in os.listdir("/proc") if name.isdigit()]) > 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return pids

    assert sorted(inside(tmp_path, orphan)) == ["1", "2"]


def test_nothing_stays_behind(tmp_path):
    mounts, files = Path("/proc/self/mountinfo").read_text(), sorted(tmp_path.rglob("*"))
    before = descendants(os.getpid())
    for _ in range(5):
        inside(tmp_path, os.getpid)
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert sorted(tmp_path.rglob("*")) == files
    assert descendants(os.getpid()) == before


def test_finished_tells_the_truth():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    assert finished(pid)
