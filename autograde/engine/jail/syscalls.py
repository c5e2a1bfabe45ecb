"""How does Python reach the system calls that its library lacks?

Every function raises OSError with the kernel's errno. Nothing is loaded on import, so the package can be
imported (and `probe` can say no) on systems that are not Linux.
"""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 28, 38, 47, 4
MNT_DETACH = 2

# Numbers from the kernel's own tables: x86_64 has its own, aarch64 uses asm-generic. None: not there.
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "_sysctl": (156, None),
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "clone": (56, 220),
    "clone3": (435, 435),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioctl": (16, 29),
    "ioperm": (173, None),
    "iopl": (172, None),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "personality": (135, 92),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setdomainname": (171, 162),
    "sethostname": (170, 161),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "uselib": (134, None),
    "userfaultfd": (323, 282),
    "ustat": (136, None),
    "vhangup": (153, 58),
}
MACHINES = ("x86_64", "aarch64")


def number(name: str, machine: str | None = None) -> int | None:
    """The number of a system call on `machine` (default: this one), None where that kind does not have it."""
    return NUMBERS[name][MACHINES.index(machine or platform.machine())]


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> int:
    result = getattr(_libc(), name)(*arguments)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def _path(path: str | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _call("unshare", ctypes.c_int(flags))


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2). The error names the target."""
    try:
        _call(
            "mount",
            _path(source),
            _path(target),
            _path(kind),
            ctypes.c_ulong(flags),
            options.encode() or None,
        )
    except OSError as error:
        raise OSError(error.errno, f"mount: {os.strerror(error.errno)}", target) from None


def detach(target: str) -> None:
    """umount2(2), lazily: gone from the tree now, freed when nothing uses it."""
    _call("umount2", _path(target), MNT_DETACH)


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    _call("syscall", ctypes.c_long(number("pivot_root")), _path(new), _path(old))


def setdomainname(name: bytes) -> None:
    """setdomainname(2)."""
    _call("setdomainname", name, ctypes.c_size_t(len(name)))


def prctl(option: int, *arguments: int) -> None:
    """prctl(2), all five arguments given, for several options refuse trailing rubbish."""
    padded = [*arguments, 0, 0, 0, 0][:4]
    _call("prctl", ctypes.c_int(option), *(ctypes.c_ulong(value) for value in padded))


def install_seccomp(program: bytes) -> None:
    """Load a BPF program (whole `struct sock_filter`s of 8 bytes) for this process and all it forks."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))

    mode_filter = 2
    program_struct = Program(len(program) // 8, program)
    prctl(PR_SET_SECCOMP, mode_filter, ctypes.addressof(program_struct))


def clear_capabilities() -> None:
    """Empty the effective, permitted and inheritable sets: capset(2), version 3, two zeroed 32-bit halves."""
    version_3 = 0x20080522
    header = (ctypes.c_uint32 * 2)(version_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())
