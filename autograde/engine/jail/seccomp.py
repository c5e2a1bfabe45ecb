"""Which system calls are refused?

A filter in classic BPF, see the kernel's Documentation/userspace-api/seccomp_filter.rst. Known calls are
allowed unless listed, for numerical libraries use many; calls newer than this list do not exist.
"""

from __future__ import annotations

import errno
import platform
import socket
import struct

from .errors import JailError, step
from .syscalls import MACHINES, install_seccomp, number

REFUSED: dict[str, tuple[str, ...]] = {
    "new namespaces give capabilities back, and with them most of the kernel": ("unshare", "setns"),
    "another process's memory, descriptors or fate": (
        *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease"),
        *("pidfd_getfd", "kcmp", "move_pages"),
    ),
    "keyrings are inherited from the grading process": ("keyctl", "add_key", "request_key"),
    "runs system calls where no filter sees them": ("io_uring_setup", "io_uring_enter", "io_uring_register"),
    "the tree of mounts is the jail's wall": (
        *("mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "open_tree_attr"),
        *("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    ),
    "code or probes inside the kernel": (
        *("bpf", "perf_event_open", "init_module", "finit_module", "delete_module"),
        *("kexec_load", "kexec_file_load", "lookup_dcookie"),
    ),
    "stops a kernel thread at a place of the attacker's choice; a classic help for exploits": ("userfaultfd",),
    "opens files by number, past the tree": ("open_by_handle_at", "name_to_handle_at"),
    "watches files of the host": ("fanotify_init", "fanotify_mark"),
    "memory that neither the address space nor the scratch limit counts": (
        *("memfd_create", "memfd_secret", "shmget"),
    ),
    "belongs to the machine, not to a program": (
        *("acct", "swapon", "swapoff", "reboot", "syslog", "vhangup", "quotactl", "quotactl_fd"),
        *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname"),
        *("iopl", "ioperm", "modify_ldt"),
    ),
    "turns protections of the address space off": ("personality",),
    "obsolete, kept by the kernel for old programs": ("_sysctl", "uselib", "ustat", "nfsservctl"),
}

NEWEST = 469
"""The newest call judged above: file_setattr, Linux 6.17. From 424 on all machines share the numbers."""

NAMESPACE_FLAGS = 0x7E02_0000  # the CLONE_NEW* that clone(2) takes; NEWTIME exists for unshare and clone3 only
TIOCSTI, TIOCLINUX = 0x5412, 0x541C  # put characters into a terminal as if its owner had typed them
X32 = 0x4000_0000  # numbers of the x32 ABI, a second way to the same calls
AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

Instruction = tuple[int, int, int, int]
"""Code, how many instructions to skip if true and if false, operand."""
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
NR, ARCH, ARGUMENT_0, ARGUMENT_1 = 0, 4, 16, 24  # offsets in struct seccomp_data; low halves of the arguments


def shut() -> None:
    """Install the filter for this process and all it starts. Needs no_new_privs. Raises JailError."""
    if platform.machine() not in MACHINES:
        remedy = f"This filter knows {' and '.join(MACHINES)} only; grade on one of them."
        raise JailError(f"filter system calls on {platform.machine()}", 0, remedy)
    with step("filter system calls", "The kernel needs CONFIG_SECCOMP_FILTER; in a container, allow seccomp."):
        install_seccomp(PROGRAM)


def program(machine: str) -> bytes:
    """The filter, as consecutive `struct sock_filter`s."""
    refuse = ERRNO | errno.EPERM
    # Another ABI has other numbers, so none of the rules below would mean what they say.
    code = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, AUDIT_ARCH[machine]), (RETURN, 0, 0, KILL), (LOAD, 0, 0, NR)]
    if machine == "x86_64":
        code += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, KILL)]
    # What is unknown here does not exist: as on an older kernel, for which every library has an answer.
    code += [(AT_LEAST, 0, 1, NEWEST + 1), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    # clone3 hides its flags behind a pointer, where a filter cannot look; told that there is none, libc uses
    # clone.
    code += _when(number("clone3", machine), [(RETURN, 0, 0, ERRNO | errno.ENOSYS)])
    for names in REFUSED.values():
        for name in names:
            code += _when(number(name, machine), [(RETURN, 0, 0, refuse)])
    code += _when(number("clone", machine), _check(ARGUMENT_0, ANY_BIT, NAMESPACE_FLAGS, refuse, ALLOW))
    # The network namespace is empty, but vsock heeds none, and the code behind rare families is often broken.
    for name in ("socket", "socketpair"):
        no_family = ERRNO | errno.EAFNOSUPPORT
        code += _when(number(name, machine), _check(ARGUMENT_0, EQUAL, int(socket.AF_UNIX), ALLOW, no_family))
    # Requests are compared in their low 32 bits, as the kernel does: with high bits set it would still obey.
    refuse_typing = [(LOAD, 0, 0, ARGUMENT_1), (EQUAL, 1, 0, TIOCSTI), (EQUAL, 0, 1, TIOCLINUX)]
    code += _when(number("ioctl", machine), [*refuse_typing, (RETURN, 0, 0, refuse), (RETURN, 0, 0, ALLOW)])
    code += [(RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _when(nr: int | None, then: list[Instruction]) -> list[Instruction]:
    """`then` for this system call, else go on behind it."""
    return [] if nr is None else [(EQUAL, 0, len(then), nr), *then]


def _check(offset: int, test: int, value: int, yes: int, no: int) -> list[Instruction]:
    """Answer by one argument, its low half: the kernel reads these as 32 bits, too."""
    return [(LOAD, 0, 0, offset), (test, 0, 1, value), (RETURN, 0, 0, yes), (RETURN, 0, 0, no)]


# Made on import, so that the warm parent pays for it and not every jail.
PROGRAM = program(platform.machine()) if platform.machine() in MACHINES else b""
