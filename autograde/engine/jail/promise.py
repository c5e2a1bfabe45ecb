"""What can this host promise?

Each promise is tried in a forked child that ends at once; nothing is assumed from a version number. The last
question is the one that counts: a whole jail, built and left.
"""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

from . import seccomp
from .errors import JailError
from .lockup import lock_up
from .namespaces import (
    NEWIPC,
    NEWNET,
    NEWNS,
    NEWPID,
    NEWUSER,
    NEWUTS,
    OTHER_REMEDY,
    USER_REMEDY,
)
from .privileges import forbid_new_privileges
from .spec import JailSpec
from .syscalls import unshare
from .trees import readable_trees

TRIAL_UID = 60_600
TRIAL_BYTES = 64 << 20


@dataclass(frozen=True)
class Answer:
    """`kept`: the host keeps this promise. `reason`: why not, in words; "" where it does."""

    kept: bool
    reason: str = ""


@dataclass(frozen=True)
class Promise:
    """Answers for each part and for the whole jail. Only root can promise `own_uid` and `no_groups`."""

    user_namespace: Answer
    mount_namespace: Answer
    pid_namespace: Answer
    network_namespace: Answer
    ipc_namespace: Answer
    uts_namespace: Answer
    seccomp: Answer
    own_uid: Answer
    no_groups: Answer
    whole: Answer

    def missing(self) -> tuple[str, ...]:
        """One line for each promise that is not kept."""
        answers = ((field.name.replace("_", " "), getattr(self, field.name)) for field in fields(self))
        return tuple(f"{name}: {answer.reason}" for name, answer in answers if not answer.kept)


def probe(uid: int = TRIAL_UID) -> Promise:
    """Try every part. `uid`: the host uid of the trial jail where root asks. Takes about 0.1 s."""
    if sys.platform != "linux":
        no = Answer(False, f"{platform.system()} has no Linux namespaces; grade on Linux, or in a Linux container")
        return Promise(*(no for _ in fields(Promise)))
    root = os.geteuid() == 0
    without_root = f"only root can give each jail its own; here all run as uid {os.getuid()}"
    groups = Answer(root or not os.getgroups(), f"only root can leave the groups {os.getgroups()}")
    return Promise(
        user_namespace=_try(lambda: unshare(NEWUSER), USER_REMEDY),
        mount_namespace=_try(lambda: _unshare_more(NEWNS), OTHER_REMEDY),
        pid_namespace=_try(lambda: _unshare_more(NEWPID), OTHER_REMEDY),
        network_namespace=_try(lambda: _unshare_more(NEWNET), OTHER_REMEDY),
        ipc_namespace=_try(lambda: _unshare_more(NEWIPC), OTHER_REMEDY),
        uts_namespace=_try(lambda: _unshare_more(NEWUTS), OTHER_REMEDY),
        seccomp=_try(_filter, ""),
        own_uid=Answer(True) if root else Answer(False, without_root),
        no_groups=Answer(True) if groups.kept else groups,
        whole=_try_jail(uid if root else None),
    )


def _unshare_more(flag: int) -> None:
    """The way `lock_up` does it: an ordinary user finds the right to it in a user namespace."""
    if os.geteuid() != 0:
        unshare(NEWUSER)
    unshare(flag)


def _filter() -> None:
    forbid_new_privileges()
    seccomp.shut()


def _try(action: Callable[[], object], remedy: str) -> Answer:
    """Run `action` in a forked child and report its failure."""

    def child(report: int) -> None:
        try:
            action()
        except OSError as error:
            os.write(report, f"{error.strerror or error}. {remedy}".encode())
        except JailError as error:
            os.write(report, str(error).encode())

    return _ask(child)


def _try_jail(uid: int | None) -> Answer:
    parent = os.getpid()
    with tempfile.TemporaryDirectory() as work:

        def child(report: int) -> None:
            try:
                spec = JailSpec(parent, Path(work), report, uid, readable_trees(), scratch_bytes=TRIAL_BYTES)
                lock_up(spec)
            except (JailError, ValueError) as error:
                os.write(report, str(error).encode())

        return _ask(child)


def _ask(child: Callable[[int], None]) -> Answer:
    """Fork; the child writes its reason to a pipe, nothing if all went well."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            child(writer)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with open(reader, "rb") as pipe:
        reason = pipe.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status and not reason:
        reason = f"the trial ended with status {status} and said nothing"
    return Answer(not reason, reason)
