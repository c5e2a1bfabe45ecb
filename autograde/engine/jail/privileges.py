"""Which rights does the process keep?  None."""

from __future__ import annotations

import errno
import os
import signal

from .errors import step
from .syscalls import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAPBSET_DROP,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    PR_SET_SECUREBITS,
    clear_capabilities,
    prctl,
)

# NOROOT: uid 0 gains nothing on exec. NO_SETUID_FIXUP: nor by changing uids. NO_CAP_AMBIENT_RAISE: nor by
# ambient sets. KEEP_CAPS off. Each with its lock, so that none can be taken back.
SECUREBITS = 0b1110_1111
REMEDY = "Grade as root or as an ordinary user; anything between, such as root without CAP_SETUID, will not do."


def become(uid: int, gid: int) -> None:
    """Take these real, effective and saved ids for good."""
    with step(f"become uid {uid}", REMEDY):
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)


def drop_groups() -> None:
    """No supplementary group: one of them may open the classroom folder. Needs root."""
    with step("leave the supplementary groups", REMEDY):
        os.setgroups([])


def drop_capabilities() -> None:
    """Empty every capability set, now and for all programs run later. Needs CAP_SETPCAP."""
    with step("drop the capabilities", REMEDY):
        prctl(PR_SET_SECUREBITS, SECUREBITS)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        for capability in range(64):
            try:
                prctl(PR_CAPBSET_DROP, capability)
            except OSError as error:
                if error.errno != errno.EINVAL:  # EINVAL: one past the last that this kernel knows
                    raise
                break
        clear_capabilities()


def forbid_new_privileges() -> None:
    """Setuid programs and file capabilities give nothing; seccomp requires it, too."""
    with step("forbid new privileges", REMEDY):
        prctl(PR_SET_NO_NEW_PRIVS, 1)


def hide_memory() -> None:
    """Not dumpable: no process of the same uid can trace it or read /proc/PID/mem; no core is written.

    Forked workers inherit it; a program that is executed becomes dumpable again, and holds nothing of ours.
    """
    with step("hide the process's memory", REMEDY):
        prctl(PR_SET_DUMPABLE, 0)


def die_with_parent() -> None:
    """SIGKILL for this process when the thread that forked it ends.

    The kernel forgets this whenever the ids change, so it is said again after each change, and the caller
    then checks that the parent is still there: it may have died in between.
    """
    with step("tie the jail to its parent", REMEDY):
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
