"""What does PID 1 of the jail do?  It reaps, passes an interrupt on, and ends with the shell.

Not the shell itself: PID 1 inherits every orphan and ignores signals without a handler, which student code
would meet as zombies and as an `abort()` that does not end.
"""

from __future__ import annotations

import os
import signal
from typing import NoReturn

WATCHED = {signal.SIGCHLD, signal.SIGINT}
"""Blocked before the fork, so that none is lost between the fork and the first wait."""


def attend(child: int) -> NoReturn:
    """Wait for `child`, reap whatever else ends, send SIGINT on to it, and exit with its status.

    A child killed by signal n gives 128 + n, as in a shell. WATCHED must be blocked.
    """
    while True:
        if signal.sigwait(WATCHED) == signal.SIGINT:
            os.kill(child, signal.SIGINT)
            continue
        ended = True
        while ended:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)
