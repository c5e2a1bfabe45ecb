"""What does the process outside the jail do?

It is the child that the warm parent forked, and the handle on the jail: its pid is known, SIGINT to it
interrupts the shell, SIGKILL to it ends the jail, its exit status is the shell's, and when the warm parent
dies so does it.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import NoReturn

from . import init
from .errors import JailError
from .inherited import close_descriptors, refuse_shared_memory, silence_standard_streams
from .namespaces import write_identity
from .privileges import (
    become,
    die_with_parent,
    drop_capabilities,
    drop_groups,
    forbid_new_privileges,
    hide_memory,
)
from .spec import JailSpec

MAP, READY, GO = b"map my uid", b"ready", b"go"
LONGEST_MESSAGE = 1 << 16


def keep(spec: JailSpec, jail: int, link: socket.socket) -> NoReturn:
    """Help the half-built jail (pid `jail`) over `link`, then watch it until it ends.

    Raises JailError if the jail could not be built; it is gone then.
    """
    try:
        refuse_shared_memory()  # here, where it costs no time: the jail builds meanwhile
        while (message := link.recv(LONGEST_MESSAGE)) != READY:
            if message != MAP:
                raise _why(message)
            write_identity(jail, spec.uid, spec.uid)
            link.send(MAP)
        _step_down(spec, link.fileno())
        link.send(GO)
        link.close()
    except BaseException:
        os.kill(jail, signal.SIGKILL)
        os.waitpid(jail, 0)
        raise
    init.attend(jail)


def _why(message: bytes) -> JailError:
    if message:
        return JailError.from_bytes(message)
    return JailError("build the jail", 0, "It died while it was built: look for a kill, or too little memory.")


def _step_down(spec: JailSpec, link: int) -> None:
    """Keep no right that watching does not need.

    The same uid as the jail, not root without capabilities: the kernel delivers the parent-death signal with
    the rights of the one that died, and root without CAP_KILL may not kill another's process.
    """
    if spec.uid is None:
        drop_capabilities()
    else:
        drop_groups()
        become(spec.uid, spec.uid)
    forbid_new_privileges()
    hide_memory()
    die_with_parent()
    if os.getppid() != spec.parent:
        os._exit(1)  # too late to be told; init follows
    close_descriptors(link)
    silence_standard_streams()
