"""Which rights are left?"""

import ctypes
import os
import subprocess
from pathlib import Path

import pytest
from harness import ROOT, descendants, inside, needs_root, start

from autograde.engine.jail import STUDENT


def status() -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)


def test_no_capability_and_no_way_to_one(tmp_path):
    seen = inside(tmp_path, status)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(seen[kind], 16) == 0, kind
    assert seen["NoNewPrivs"].strip() == "1"
    assert seen["Seccomp"].strip() == "2"


def test_securebits_are_set_and_locked(tmp_path):
    get_securebits = 27
    assert inside(tmp_path, lambda: ctypes.CDLL(None).prctl(get_securebits, 0, 0, 0, 0)) == 0xEF


def test_not_dumpable(tmp_path):
    get_dumpable = 3
    assert inside(tmp_path, lambda: ctypes.CDLL(None).prctl(get_dumpable, 0, 0, 0, 0)) == 0


def test_uid_inside(tmp_path):
    ids = inside(tmp_path, lambda: [os.getresuid(), os.getresgid(), os.getgroups()])
    assert ids == [[STUDENT] * 3, [STUDENT] * 3, []]


def test_uid_outside(tmp_path):
    jail = start(tmp_path, lambda say: (say("up"), os.read(0, 1), __import__("time").sleep(60)), slot=7)
    try:
        jail.hear()
        wanted = 60_007 if ROOT else os.getuid()
        everyone = [jail.keeper, *descendants(jail.keeper)]
        assert len(everyone) == 3
        for pid in everyone:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            for name in ("Uid", "Gid"):
                ids = next(line for line in lines if line.startswith(name)).split()[1:]
                assert ids == [str(wanted)] * 4, (pid, name)
            assert next(line for line in lines if line.startswith("CapEff")).split()[1] == "0" * 16
            assert "NoNewPrivs:\t1" in lines
    finally:
        jail.kill()


@needs_root
def test_supplementary_groups_of_root_are_left(tmp_path):
    before = os.getgroups()
    os.setgroups([4, 27])
    try:
        jail = start(tmp_path, lambda say: (say(os.getgroups()), __import__("time").sleep(60)))
        assert jail.hear() == []
        for pid in [jail.keeper, *descendants(jail.keeper)]:
            assert "\nGroups:\t \n" in Path(f"/proc/{pid}/status").read_text()
        jail.kill()
    finally:
        os.setgroups(before)


def test_identity_cannot_be_changed(tmp_path):
    def change():
        changed = []
        for call, value in (
            (os.setuid, 0),
            (os.setgid, 0),
            (os.setgroups, [0]),
            (os.seteuid, 0),
            (os.setuid, 60_001),
        ):
            try:
                call(value)
                changed.append(call.__name__)
            except OSError:
                continue
        return changed

    assert inside(tmp_path, change) == []


def test_a_setuid_program_gives_nothing(tmp_path):
    su = Path("/usr/bin/su")
    if not su.exists() or not su.stat().st_mode & 0o4000:
        pytest.skip("no setuid program at hand")

    def run():
        return subprocess.run(["su", "-c", "id -u"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout

    assert inside(tmp_path, run) == ""
