"""Which system calls are refused?

Asked with the filter alone, too: inside, missing rights would refuse many of them anyway and hide a hole in
it.
"""

import ctypes
import errno
import mmap
import os
import platform
import re
import signal
import socket
import struct
from pathlib import Path

import pytest
from harness import inside

from autograde.engine.jail import seccomp
from autograde.engine.jail.privileges import forbid_new_privileges
from autograde.engine.jail.syscalls import MACHINES, NUMBERS, number

REFUSED = [name for names in seccomp.REFUSED.values() for name in names if number(name) is not None]
# Without the filter root would do these, or the machine would be worse off for the attempt.
NOT_TRIED_FREE = {
    "vhangup",
    "reboot",
    "acct",
    "swapon",
    "swapoff",
    "modify_ldt",
    "settimeofday",
    "kexec_load",
}
NEWNS, NEWUSER, NEWPID, NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
FLAGS = {
    "NS": NEWNS,
    "USER": NEWUSER,
    "PID": NEWPID,
    "NET": NEWNET,
    "IPC": 1 << 27,
    "UTS": 1 << 26,
    "CGROUP": 1 << 25,
}


def raw(nr: int, *arguments: int) -> int:
    """errno of a raw system call, 0 if it worked."""
    ctypes.set_errno(0)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(nr), *(ctypes.c_long(value) for value in arguments))
    return ctypes.get_errno() if result == -1 else 0


def forked(function) -> list[str] | int:
    """What `function` prints in a plain fork (a list of words), or the signal that ended it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, " ".join(function()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        words = pipe.read().split()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return words if code == 0 else -code


def filtered(function):
    def first():
        forbid_new_privileges()
        seccomp.shut()
        return function()

    return forked(first)


def not_eperm(names) -> list[str]:
    """Called with senseless arguments, so that without a filter the answer is another error."""
    return [name for name in names if raw(number(name), -1, -1, -1, -1, -1, -1) != errno.EPERM]


def test_every_listed_call_is_refused_by_the_filter_itself():
    assert filtered(lambda: not_eperm(REFUSED)) == []


def test_without_the_filter_those_calls_answer_otherwise():
    """The control: else the test above would pass with an empty filter."""
    tried = [name for name in REFUSED if name not in NOT_TRIED_FREE]
    free = forked(lambda: not_eperm(tried))
    must_be_the_filters_doing = {
        "unshare",
        "setns",
        "ptrace",
        "keyctl",
        "process_vm_readv",
        "memfd_create",
        "shmget",
    }
    assert must_be_the_filters_doing <= set(free)
    if os.geteuid() == 0:
        assert {"mount", "umount2", "pivot_root", "bpf", "chroot", "open_by_handle_at"} <= set(free)


def test_every_listed_call_is_refused_inside(tmp_path):
    assert inside(tmp_path, lambda: not_eperm(REFUSED)) == []


@pytest.mark.parametrize("name", FLAGS)
def test_clone_makes_no_namespace(tmp_path, name):
    flag = FLAGS[name] | signal.SIGCHLD
    assert inside(tmp_path, lambda: raw(number("clone"), flag, 0, 0, 0, 0)) == errno.EPERM


def test_clone3_is_not_there_and_newer_calls_neither(tmp_path):
    unknown = seccomp.NEWEST + 1
    seen = inside(tmp_path, lambda: [raw(number("clone3"), 0, 0), raw(unknown, 0), raw(1000, 0)])
    assert seen == [errno.ENOSYS] * 3


def test_terminal_input_cannot_be_forged(tmp_path):
    get_size = 0x5413

    def ask():
        null = os.open("/dev/null", os.O_RDWR)
        high = 1 << 32  # a filter that compared 64 bits would let this pass
        requests = (seccomp.TIOCSTI, seccomp.TIOCLINUX, high | seccomp.TIOCSTI, get_size)
        return [raw(number("ioctl"), null, request, 0) for request in requests]

    assert inside(tmp_path, ask) == [errno.EPERM, errno.EPERM, errno.EPERM, errno.ENOTTY]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="x32 and int 0x80 are x86's")
def test_other_abis_kill():
    x32_getpid = 0x4000_0000 | 39
    assert filtered(lambda: [str(raw(x32_getpid))]) == signal.SIGSYS

    def int_0x80():
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # mov eax, 20 (getpid of i386); int 0x80; ret
        call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
        return [str(call())]

    free = forked(int_0x80)
    if not isinstance(free, list) or int(free[0]) <= 0:
        pytest.skip("this kernel has no i386 system calls")
    assert filtered(int_0x80) == signal.SIGSYS


def test_nothing_else_is_refused():
    """Ordinary calls still work behind the filter."""

    def work():
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        left, right = socket.socketpair()
        left.send(b"x")
        return [str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), right.recv(1).decode()]

    assert filtered(work) == ["7", "x"]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_is_well_formed(machine):
    """Every jump ends inside, the last instruction returns: for the machine that is not at hand, too."""
    code = list(struct.iter_unpack("HBBI", seccomp.program(machine)))
    assert 50 < len(code) < 4096
    for place, (operation, yes, no, _) in enumerate(code):
        if operation in (seccomp.EQUAL, seccomp.AT_LEAST, seccomp.ANY_BIT):
            assert place + 1 + max(yes, no) < len(code)
    assert code[-1][0] == seccomp.RETURN


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_numbers_agree_with_the_kernels_headers(machine, header):
    if not Path(header).exists():
        pytest.skip(f"{header} is not installed")
    defined = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", Path(header).read_text()))
    newer = {name for name in NUMBERS if name not in defined and (number(name, machine) or 0) > 450}
    for name in NUMBERS.keys() - newer:
        expected = int(defined[name]) if name in defined else None
        assert number(name, machine) == expected, name
    assert newer <= {"open_tree_attr"}
