"""How does a forked child become a jail?

    warm parent ── fork ──> keeper ── fork ──> init (PID 1 inside) ── fork ──> shell (returns to the caller)

Root and an ordinary user go the same way but for the user namespace. An ordinary user enters it first, for it
gives the right to the others. Root enters it last: the mounts then belong to the host's user namespace, so
that no capability regained inside could touch them, and the trees are opened with root's rights (an
interpreter below /root). Whatever init gives up, it gives up before it forks the shell.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
from typing import NoReturn

from . import init, keeper, rootfs, seccomp
from .errors import JailError, step
from .inherited import (
    clean_environment,
    close_descriptors,
    reset_signals,
    silence_standard_streams,
)
from .limits import limit, volunteer_for_oom
from .namespaces import (
    enter_pid_namespace,
    enter_surroundings,
    enter_user_namespace,
    own_session,
    write_identity,
)
from .privileges import (
    become,
    die_with_parent,
    drop_capabilities,
    drop_groups,
    forbid_new_privileges,
    hide_memory,
)
from .spec import STUDENT, JailSpec


def lock_up(spec: JailSpec) -> None:
    """Called in a child that was just forked from the warm parent; returns in the locked-up shell only.

    The calling process becomes the keeper and never returns, unless the jail cannot be built: then JailError
    is raised in it, the half-built jail is gone, every descriptor above 2 but `keep_fd` is closed, and no
    student code may run. It should say so over `keep_fd` and `os._exit`.
    """
    _check_caller(spec)
    close_descriptors(spec.keep_fd)
    die_with_parent()
    if os.getppid() != spec.parent:
        raise JailError("tie the jail to its parent", errno.ESRCH, "JailSpec.parent is not who forked this process.")
    own_session()
    volunteer_for_oom()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, init.WATCHED)
    uid, gid = os.getuid(), os.getgid()
    if spec.uid is None:
        enter_user_namespace()
        write_identity(os.getpid(), uid, gid)
    enter_pid_namespace()
    outside, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    jail = os.fork()
    if jail:
        inside.close()
        keeper.keep(spec, jail, outside)
    outside.close()
    try:
        _confine(spec, inside)
        shell = os.fork()
        if shell:
            _reap(shell)
        _settle_in(spec, inside)
    except BaseException as error:
        _report(error, inside)
    # Last, and out of the reach of `except`: an interrupt that waited is now the caller's.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())


def _check_caller(spec: JailSpec) -> None:
    root = os.geteuid() == 0
    if root and spec.uid is None:
        raise JailError("choose a uid", errno.EINVAL, "Root grades: set JailSpec.uid, different for each slot.")
    if not root and spec.uid is not None:
        raise JailError(f"become uid {spec.uid}", errno.EPERM, "Only root can: set JailSpec.uid to None.")
    with step(f"keep descriptor {spec.keep_fd}", "Pass one that is open in the forked child."):
        os.fstat(spec.keep_fd)


def _confine(spec: JailSpec, link: socket.socket) -> None:
    """As PID 1: everything that shell and init have in common. Nothing after this can be undone."""
    die_with_parent()
    own_session()
    enter_surroundings()
    rootfs.build(spec)
    if spec.uid is not None:
        drop_groups()
        enter_user_namespace()
        _ask(link, keeper.MAP, keeper.MAP)
        become(STUDENT, STUDENT)
    rootfs.check_readable(spec)
    limit(spec)
    drop_capabilities()
    forbid_new_privileges()
    hide_memory()
    die_with_parent()
    _check_keeper_lives(link)
    seccomp.shut()


def _ask(link: socket.socket, question: bytes, answer: bytes) -> None:
    """Go on only if the keeper agrees; if it failed it speaks for itself, and if it died nobody listens."""
    link.send(question)
    if link.recv(keeper.LONGEST_MESSAGE) != answer:
        os._exit(1)


def _check_keeper_lives(link: socket.socket) -> None:
    """The keeper alone holds the other end: end of file means it died before die_with_parent took hold."""
    try:
        if link.recv(1, socket.MSG_DONTWAIT | socket.MSG_PEEK) == b"":
            os._exit(1)
    except BlockingIOError:
        return


def _reap(shell: int) -> NoReturn:
    """Init's life. It holds nothing, least of all `keep_fd`: the far end must see the shell go."""
    close_descriptors()
    silence_standard_streams()
    init.attend(shell)


def _settle_in(spec: JailSpec, link: socket.socket) -> None:
    """As the shell: a process like any other that a student starts."""
    own_session()
    silence_standard_streams()
    clean_environment()
    reset_signals()
    _ask(link, keeper.READY, keeper.GO)
    link.close()


def _report(error: BaseException, link: socket.socket) -> NoReturn:
    if not isinstance(error, JailError):
        error = JailError("build the jail", 0, "This is a defect in the package.", repr(error))
    try:
        link.send(error.to_bytes())
    finally:
        os._exit(1)  # never back into the caller's code, which is the keeper's to run
