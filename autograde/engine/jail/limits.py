"""How much may each process of the jail use?

These are rlimits: they need no privilege and exist everywhere, but bound a process, not the sum (NPROC
apart). A memory cgroup would bound the sum; it needs a delegated cgroup v2, which an ordinary user or a
container often has not, so it is left to the service that runs the grading. What is done instead: the jail is
the first that the kernel kills when memory runs out.
"""

from __future__ import annotations

import os
import resource

from .errors import step
from .spec import JailSpec

REMEDY = "Compare the JailSpec with `ulimit -aH` of the grading process."


def volunteer_for_oom() -> None:
    """When the host runs out of memory, this process and its children are killed before anything else.

    Inherited; cannot be taken back inside, where /proc is read-only.
    """
    with (
        step("offer the jail to the out-of-memory killer", "Mount a writable /proc for the grading process."),
        open("/proc/self/oom_score_adj", "w") as file,
    ):
        file.write("1000")


def limit(spec: JailSpec) -> None:
    """Set soft and hard limits of this process and all it starts; a lower hard limit of the host stays."""
    mapped = _mapped_bytes()
    system = 2  # init and the keeper, which the kernel may count for the same user
    wanted = {
        # On top of what the warm parent had mapped: those libraries are shared and cost nothing more.
        resource.RLIMIT_AS: (mapped + spec.memory_bytes, mapped + spec.memory_bytes),
        resource.RLIMIT_NPROC: (spec.processes + system, spec.processes + system),
        resource.RLIMIT_NOFILE: (spec.open_files, spec.open_files),
        resource.RLIMIT_FSIZE: (spec.file_bytes, spec.file_bytes),
        resource.RLIMIT_CPU: (spec.cpu_seconds, spec.cpu_seconds + 1),
        # 1 and not 0: a core_pattern that pipes into a program ignores 0, which would run that program on the
        # host with a student's memory as its input; 1 stops it, and is too small for a file.
        resource.RLIMIT_CORE: (1, 1),
        resource.RLIMIT_MEMLOCK: (0, 0),  # locked pages cannot be swapped out
        resource.RLIMIT_MSGQUEUE: (0, 0),  # POSIX queues are memory that no other limit counts
        resource.RLIMIT_NICE: (0, 0),  # no higher priority than the host gave,
        resource.RLIMIT_RTPRIO: (0, 0),  # and none that starves the coordinator
    }
    with step("set the resource limits", REMEDY):
        for which, (soft, hard) in wanted.items():
            ceiling = resource.getrlimit(which)[1]
            if ceiling != resource.RLIM_INFINITY:
                soft, hard = min(soft, ceiling), min(hard, ceiling)
            resource.setrlimit(which, (soft, hard))


def _mapped_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
