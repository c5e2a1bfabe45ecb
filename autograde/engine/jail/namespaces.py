"""Which namespaces does a jail live in, and who is it outside?"""

from __future__ import annotations

import os
import socket

from .errors import step
from .spec import HOSTNAME, STUDENT
from .syscalls import setdomainname, unshare

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000
NEWUSER, NEWPID, NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000

# Why each: mount - the allow-list root. Network - no packet, no abstract socket of the host; its loopback
# stays down. IPC - no System V or POSIX queue shared with another jail. UTS - the host's name is not theirs.
# Cgroup - /proc/self/cgroup would tell the path of the service that grades.
SURROUNDINGS = NEWNS | NEWNET | NEWIPC | NEWUTS | NEWCGROUP

USER_REMEDY = (
    "Allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, "
    "kernel.apparmor_restrict_unprivileged_userns=0; in a container, its seccomp profile), or grade as root."
)
OTHER_REMEDY = (
    "In a container, allow unshare (CAP_SYS_ADMIN or a seccomp profile that permits it); on Ubuntu 24.04 and "
    "newer an AppArmor profile or kernel.apparmor_restrict_unprivileged_userns=0; else grade as root."
)


def enter_user_namespace() -> None:
    """Every capability inside, none outside, and no identity until the map is written."""
    with step("enter a new user namespace", USER_REMEDY):
        unshare(NEWUSER)


def write_identity(pid: int, uid: int, gid: int) -> None:
    """Map STUDENT inside `pid`'s user namespace to one host uid and gid, and nothing else.

    A foreign uid must be written by a process outside with CAP_SETUID there; one's own uid may be written
    from within. setgroups is shut first: an ordinary user may not map a gid without, and nobody inside needs
    it.
    """
    with step(f"map the student to uid {uid} of the host", USER_REMEDY):
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{STUDENT} {uid} 1"),
            ("gid_map", f"{STUDENT} {gid} 1"),
        ):
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write(text)


def enter_pid_namespace() -> None:
    """The next child is PID 1 in a new PID namespace: when it dies, the kernel kills everything inside."""
    with step("make a new PID namespace", OTHER_REMEDY):
        unshare(NEWPID)


def enter_surroundings() -> None:
    """New mount, network, IPC, UTS and cgroup namespaces, and a fixed name of the host."""
    with step("make new mount, network, IPC, UTS and cgroup namespaces", OTHER_REMEDY):
        unshare(SURROUNDINGS)
        socket.sethostname(HOSTNAME)
        setdomainname(b"(none)")


def own_session() -> None:
    """No terminal, and no process group shared with anything outside.

    kill(0) reaches every process of the caller's group, also those that its PID namespace cannot see, so
    keeper, init and shell each start a session of their own.
    """
    if os.getsid(0) != os.getpid():
        os.setsid()
