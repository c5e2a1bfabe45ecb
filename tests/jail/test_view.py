"""What can be seen from inside?"""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import TREES, inside

from autograde.engine.jail import HOME, HOSTNAME, WORK


def test_the_root_holds_the_allow_list_and_nothing_else(tmp_path):
    seen = inside(tmp_path, lambda: os.listdir("/"))
    allowed = {path.parts[1] for path in TREES} | {"dev", "etc", "proc", "student", "tmp", "var"}
    allowed |= {"usr"}  # where links such as /bin lead
    assert set(seen) <= allowed


def test_host_folders_do_not_exist(tmp_path):
    hidden = {Path(__file__), tmp_path, Path("/etc/shadow"), Path("/root/.bashrc")}
    hidden |= {Path("/", name) for name in ("home", "mnt", "opt", "run", "srv", "var/log", "var/lib")}
    hidden |= {Path("/", name) for name in ("sys/fs", "sys/kernel", "dev/pts", "dev/kvm", "dev/tty")}
    hidden -= {parent for tree in TREES for parent in tree.parents}  # an interpreter may lie there
    assert all(path.exists() for path in (Path(__file__), tmp_path))
    assert inside(tmp_path, lambda: [str(path) for path in hidden if os.path.lexists(path)]) == []


def test_no_way_up_leads_out(tmp_path):
    def climb():
        up = os.stat("/" + "../" * 40)
        return (up.st_dev, up.st_ino) == (os.stat("/").st_dev, os.stat("/").st_ino), os.listdir("/proc/self/root")

    same, seen = inside(tmp_path, climb)
    assert same
    assert "mnt" not in seen


def test_no_mount_is_the_hosts_root_and_only_the_scratch_is_writable(tmp_path):
    rows = [line.split() for line in inside(tmp_path, lambda: Path("/proc/self/mountinfo").read_text()).splitlines()]
    writable = set()
    for row in rows:
        separator = row.index("-")
        kind, super_options = row[separator + 1], row[separator + 3].split(",")
        assert row[3] != "/" or kind in ("tmpfs", "proc", "sysfs"), row
        assert "nosuid" in row[5].split(","), row
        assert "nodev" in row[5].split(",") or row[4].startswith("/dev/"), row
        if "rw" in row[5].split(",") and "rw" in super_options:
            writable.add(row[4])
    assert writable == {"/tmp", HOME, "/dev/shm"}


def test_nothing_outside_the_scratch_can_be_written(tmp_path):
    def write_everywhere():
        written = []
        places = [
            "/",
            "/etc",
            "/dev",
            "/student/..",
            "/proc",
            "/var/empty",
            "/usr/lib",
            sys.prefix,
            sys.base_prefix,
        ]
        for place in places:
            try:
                Path(place, "mark").write_text("here")
                written.append(place)
            except OSError:
                continue
        for knob in ("/proc/self/oom_score_adj", "/proc/self/mem", "/proc/self/comm", "/proc/cpuinfo"):
            try:
                os.close(os.open(knob, os.O_WRONLY))
                written.append(knob)
            except OSError:
                continue
        return written

    assert inside(tmp_path, write_everywhere) == []
    assert not Path(sys.prefix, "mark").exists()


def test_passwd_is_the_jails_own(tmp_path):
    text = inside(tmp_path, lambda: Path("/etc/passwd").read_text())
    assert text == f"student:x:1000:1000::{HOME}:/bin/sh\n"
    assert text != Path("/etc/passwd").read_text()


def test_only_own_processes(tmp_path):
    host = os.getpid()

    def look():
        pids = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
        return pids, os.getpid(), os.getppid(), os.path.exists(f"/proc/{host}")

    assert inside(tmp_path, look) == [[1, 2], 2, 1, host in (1, 2)]


def test_proc_tells_nothing_of_the_host_but_what_libraries_need(tmp_path):
    def readable():
        found = []
        for entry in os.scandir("/proc"):
            if entry.name.isdigit() or entry.is_symlink():
                continue
            contents = os.listdir(entry.path) if entry.is_dir() else Path(entry.path).read_bytes()
            if contents:
                found.append(entry.name)
        return sorted(found)

    assert inside(tmp_path, readable) == ["cpuinfo", "meminfo", "stat"]


def test_init_cannot_be_read(tmp_path):
    contents = dict.fromkeys(("mem", "environ", "maps"), lambda path: os.open(path, os.O_RDONLY))
    readers = {**contents, "fd": os.listdir, "root": os.listdir, "cwd": os.readlink, "exe": os.readlink}

    def read():
        found = []
        for name in readers:
            try:
                readers[name](f"/proc/1/{name}")
                found.append(name)
            except OSError:
                continue
        return found

    assert inside(tmp_path, read) == []


def test_hostname(tmp_path):
    assert inside(tmp_path, lambda: [socket.gethostname(), os.uname().nodename]) == [HOSTNAME, HOSTNAME]
    assert socket.gethostname() != HOSTNAME


def test_four_descriptors_and_the_standard_ones_lead_nowhere(tmp_path):
    def look():
        listed = {}
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):  # the one that lists them
                listed[name] = os.readlink(f"/proc/self/fd/{name}")
        return listed

    seen = {int(fd): target for fd, target in inside(tmp_path, look).items()}
    kept = [fd for fd in seen if fd > 2]
    assert len(kept) == 1
    assert seen.pop(kept[0]).startswith("socket:")
    assert seen == dict.fromkeys((0, 1, 2), "/dev/null")


def test_environment_is_a_short_list(tmp_path, monkeypatch):
    monkeypatch.setenv("LMS_TOKEN", "secret")
    seen = inside(tmp_path, lambda: [dict(os.environ), subprocess.check_output(["env"], text=True)])
    names = {"HOME", "USER", "PATH", "LANG", "TMPDIR", "MPLCONFIGDIR", "MPLBACKEND"}
    names |= {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
    assert names <= set(seen[0]) <= names | {"PYTHONHASHSEED", "TZ"}
    assert "secret" not in seen[1]


def test_files_are_copied_and_the_hosts_stay(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "notebook.ipynb").write_text("{}")
    (tmp_path / "deep" / "er" / "data.bin").write_bytes(bytes(range(256)))
    (tmp_path / "na\udcefve name").write_text("a name that is not UTF-8")
    (tmp_path / "gradebook").symlink_to("/etc/shadow")

    def use():
        Path("notebook.ipynb").write_text("changed")
        Path("new.txt").write_text("new")
        link, odd = os.readlink("gradebook"), Path("na\udcefve name").read_text()
        return os.getcwd(), sum(Path("deep/er/data.bin").read_bytes()), odd, link, os.path.exists("gradebook")

    assert inside(tmp_path, use) == [WORK, 255 * 128, "a name that is not UTF-8", "/etc/shadow", False]
    assert (tmp_path / "notebook.ipynb").read_text() == "{}"
    assert not (tmp_path / "new.txt").exists()


def test_temporary_files_go_to_the_private_tmp(tmp_path):
    tempfile.gettempdir()  # caches the host's answer in the parent

    def make():
        with tempfile.NamedTemporaryFile() as file:
            return file.name, tempfile.gettempdir(), str(Path.home()), os.umask(0)

    name, folder, home, umask = inside(tmp_path, make)
    assert (folder, home, umask) == ("/tmp", HOME, 0o077)
    assert name.startswith("/tmp/")
    assert not os.path.exists(name)
