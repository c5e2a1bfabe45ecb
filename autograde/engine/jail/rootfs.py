"""What does the file system look like from inside?

A tmpfs, read-only, that holds nothing but: bind mounts of the allowed trees at their own paths (an
interpreter knows where it lies, and may lie below a folder of mode 700, which becomes a traversable one
here), /proc of the own PID namespace, five devices, a few files of /etc, and one writable tmpfs.

The working folder is a copy in that writable tmpfs. A bind mount of the host's folder could be filled without
limit and would leave a student's files behind; a copy is counted together with HOME, /tmp and /dev/shm, needs
no cleaning up, and the grading wants no file back.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable

from .copying import copy_tree
from .errors import JailError, step
from .layout import Layout, inside, lay_out
from .spec import HOME, HOSTNAME, STUDENT, WORK, JailSpec
from .syscalls import detach, mount, pivot_root

RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 5
NOATIME, NODIRATIME, BIND, REC, PRIVATE, RELATIME = 1 << 10, 1 << 11, 1 << 12, 1 << 14, 1 << 18, 1 << 21
FLAGS = {
    "ro": RDONLY,
    "nosuid": NOSUID,
    "nodev": NODEV,
    "noexec": NOEXEC,
    "noatime": NOATIME,
    "nodiratime": NODIRATIME,
    "relatime": RELATIME,
}

NEW = "/tmp"  # the new root is built here; any folder that every host has would do, for it is only covered
SCRATCH = {"/tmp": 0o1777, HOME: 0o700, "/dev/shm": 0o1777}  # shm: multiprocessing and DataLoader workers
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
EMPTY_FOLDER, EMPTY_FILE = "/var/empty", "/var/empty-file"
BYTES_PER_INODE = 16 << 10  # an empty file costs the kernel about 1 KiB that no other limit counts
LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
FILES = {
    "/etc/passwd": f"student:x:{STUDENT}:{STUDENT}::{HOME}:/bin/sh\n",
    "/etc/group": f"student:x:{STUDENT}:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    "/etc/hosts": f"127.0.0.1 localhost {HOSTNAME}\n",
}
OWN = ("/proc", EMPTY_FOLDER, EMPTY_FILE, *SCRATCH, *DEVICES, *LINKS, *FILES)

# Beside the processes, /proc shows the host: its load, disks, kernel settings, keys. What a library asks for
# stays (PyTorch chooses its kernels by cpuinfo), the rest is covered.
PROC_VISIBLE = ("cpuinfo", "meminfo", "stat")
OCTAL = re.compile(r"\\(\d{3})")  # how mountinfo writes blanks

MOUNT_REMEDY = "In a container, allow mount and pivot_root (CAP_SYS_ADMIN, no AppArmor mount rules), or grade as root."
PROC_REMEDY = "In a container whose /proc is masked an ordinary user cannot have an own one: unmask it or be root."
WORK_REMEDY = (
    "A submission holds files, folders and links that the grading user can read, and fits into "
    "scratch_bytes; hand large data in through `readable`."
)
UID_REMEDY = "A container without that uid (see /proc/self/uid_map) needs a smaller one in JailSpec.uid."
TREE_REMEDY = "Make it readable for the grading user, or take it out of `readable`."


def build(spec: JailSpec) -> None:
    """Replace the root of this process, which is alone in a new mount namespace and PID 1 of its own.

    Raises JailError. The host's tree is unreachable afterwards.
    """
    os.umask(0o022)
    layout = lay_out(spec.readable, OWN)
    with step("cut the mounts off from the host's", MOUNT_REMEDY):
        mount(None, "/", None, REC | PRIVATE)
    sources = _open_sources((*layout.mounts, *DEVICES, str(spec.work)))
    with step("make the new root", MOUNT_REMEDY):
        mount("tmpfs", NEW, "tmpfs", NOSUID | NODEV, "mode=755,size=1m,nr_inodes=4k")
    _make_scratch(spec)
    _bind(sources, layout)
    with step("make what is shown read-only", MOUNT_REMEDY):
        _make_read_only([NEW + path for path in (*layout.mounts, *DEVICES)])
    _write_small_files(layout)
    _mount_proc()
    with step("copy the submission's files", WORK_REMEDY):
        copy_tree(f"/proc/self/fd/{sources[str(spec.work)]}", NEW + WORK, spec.uid)
    with step("make the new root read-only", MOUNT_REMEDY):
        # The file system itself, not only this mount of it: the covers in /proc are mounts of it too.
        mount(None, NEW, None, REMOUNT | RDONLY | NOSUID | NODEV)
    for descriptor in sources.values():
        os.close(descriptor)
    with step("leave the host's root", MOUNT_REMEDY):
        os.chdir(NEW)
        pivot_root(".", ".")  # the old root now lies over the new one, at the same place
        detach(".")
        os.chdir("/")


def check_readable(spec: JailSpec) -> None:
    """With the student's rights: else the first import inside would fail with a message that misleads.

    Raises JailError.
    """
    for path in spec.readable:
        if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)):
            uid = "the grading user" if spec.uid is None else f"uid {spec.uid}"
            raise JailError(f"read {path} inside", errno.EACCES, f"Give {uid} the right: chmod -R a+rX {path}")


def _open_sources(paths: Iterable[str]) -> dict[str, int]:
    """A handle on each path, while it can still be reached: the new root is going to cover some of them."""
    sources = {}
    for path in paths:
        with step(f"open {path}", TREE_REMEDY):
            sources[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)
    return sources


def _make_scratch(spec: JailSpec) -> None:
    """One tmpfs for all that a student can write, so that one size bounds the sum."""
    whole = NEW + EMPTY_FOLDER
    inodes = max(256, spec.scratch_bytes // BYTES_PER_INODE)
    with step("make the writable folders", MOUNT_REMEDY):
        os.makedirs(whole)
        mount("tmpfs", whole, "tmpfs", NOSUID | NODEV, f"mode=755,size={spec.scratch_bytes},nr_inodes={inodes}")
        for path, mode in SCRATCH.items():
            part = f"{whole}/{os.path.basename(path)}"
            os.mkdir(part)
            os.chmod(part, mode)
            if spec.uid is not None:
                with step(f"give {path} to uid {spec.uid}", UID_REMEDY):
                    os.chown(part, spec.uid, spec.uid)
            os.makedirs(NEW + path)
            mount(part, NEW + path, None, BIND)
        # The mount point stays (it covers /proc later): a deleted one can keep the new root from turning
        # read-only.
        detach(whole)


def _bind(sources: dict[str, int], layout: Layout) -> None:
    """Show every allowed place at its own path, with whatever is mounted below it."""
    for path in (*layout.mounts, *DEVICES):
        with step(f"show {path} inside", MOUNT_REMEDY):
            source, target = f"/proc/self/fd/{sources[path]}", NEW + path
            if os.path.isdir(source):
                os.makedirs(target, exist_ok=True)
            else:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                os.close(os.open(target, os.O_CREAT | os.O_CLOEXEC))
            mount(source, target, None, BIND | REC)


def _write_small_files(layout: Layout) -> None:
    with step("write the jail's own /etc and /dev", MOUNT_REMEDY):
        for path, text in {**layout.links, **LINKS}.items():
            os.makedirs(os.path.dirname(NEW + path), exist_ok=True)
            if not os.path.lexists(NEW + path):
                os.symlink(text, NEW + path)
        for path, text in FILES.items():
            os.makedirs(os.path.dirname(NEW + path), exist_ok=True)
            with open(NEW + path, "x") as file:
                file.write(text)


def _mount_proc() -> None:
    """/proc with the own processes and PROC_VISIBLE only; read-only, so that no knob in it can be turned."""
    proc, empty_file = NEW + "/proc", NEW + EMPTY_FILE
    with step("mount an own /proc", PROC_REMEDY):
        os.mkdir(proc)
        mount("proc", proc, "proc", RDONLY | NOSUID | NODEV | NOEXEC)
    with step("cover the host's entries in /proc", PROC_REMEDY):
        os.close(os.open(empty_file, os.O_CREAT | os.O_CLOEXEC))
        for entry in os.scandir(proc):
            if not (entry.name.isdigit() or entry.is_symlink() or entry.name in PROC_VISIBLE):
                mount(NEW + EMPTY_FOLDER if entry.is_dir() else empty_file, entry.path, None, BIND)


def _make_read_only(places: list[str]) -> None:
    """Read-only, no setuid programs, and no devices but those in /dev, for every mount at or below `places`.

    A remount replaces all flags, and inside a user namespace the kernel refuses to lose one that the host had
    set. So each mount's flags are read first and kept.
    """
    with open("/proc/self/mountinfo") as file:
        rows = [line.split(" ") for line in file]
    for row in rows:
        place = OCTAL.sub(lambda code: chr(int(code[1], 8)), row[4])
        if inside(place, places):
            kept = sum(FLAGS.get(option, 0) for option in row[5].split(","))
            nodev = 0 if place in map(NEW.__add__, DEVICES) else NODEV
            mount(None, place, None, REMOUNT | BIND | RDONLY | NOSUID | nodev | kept)
