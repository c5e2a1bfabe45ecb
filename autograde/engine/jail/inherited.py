"""What does a fork bring along that must not get in?

What cannot be taken away is memory: the child holds a copy of everything the warm parent ever held. So the
parent must be a program that never sees a test, a solution or a grade, and is itself started with a clean
environment.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile

from .errors import JailError
from .spec import HOME, WORK

PASSED_ON = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MPLBACKEND",
    "PYTHONHASHSEED",
    "TZ",
)


def refuse_shared_memory() -> None:
    """A mapping that is shared and writable would be a channel from one student to the next.

    Raises JailError that names it.
    """
    with open("/proc/self/maps") as file:
        maps = file.read()
    if "rw-s" not in maps and "rwxs" not in maps and "-w-s" not in maps:
        return
    line = next(line for line in maps.splitlines() if line.split()[1] in ("rw-s", "rwxs", "-w-s"))
    remedy = "Find what the warm parent opened before the fork (a GPU, a shared array, a queue) and do it later."
    raise JailError("fork without shared memory", 0, remedy, f"the warm parent shares {line.split()[-1]}")


def close_descriptors(*keep: int) -> None:
    """Close all but the standard three and `keep`."""
    with os.scandir("/proc/self/fd") as entries:
        descriptors = [int(entry.name) for entry in entries]
    for descriptor in descriptors:
        if descriptor > 2 and descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:  # the one that listed them: gone already
                continue


def silence_standard_streams() -> None:
    """0, 1 and 2 become /dev/null: the parent's own lead to a terminal or a log that is not a student's."""
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def reset_signals() -> None:
    """A handler of the parent would run the parent's code in the wrong process."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def clean_environment() -> None:
    """A short list instead of the parent's: tokens and paths of the host end here."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    os.environ.clear()
    os.environ.update(
        {
            "HOME": HOME,
            "USER": "student",
            "PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TMPDIR": "/tmp",
            "MPLCONFIGDIR": "/tmp/matplotlib",
            **passed,
        }
    )
    tempfile.tempdir = None  # the parent's answer is cached, and names one of its folders
    os.umask(0o077)
    os.chdir(WORK)
