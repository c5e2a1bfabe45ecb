"""Lock a forked process up before it runs a stranger's code.

    probe()            what this host can promise, and where it cannot, why
    readable_trees()   what the running interpreter must see to work
    JailSpec           one jail: its files, its identity, its limits
    lock_up(spec)      in a freshly forked child: returns in the locked-up shell
    JailError          which step failed and what to do about it

`README.md` beside this file lists what is promised, what is not, and the test that proves it.
"""

from .errors import JailError
from .lockup import lock_up
from .promise import Answer, Promise, probe
from .spec import HOME, HOSTNAME, STUDENT, WORK, JailSpec
from .trees import readable_trees

__all__ = [
    "HOME",
    "HOSTNAME",
    "STUDENT",
    "WORK",
    "Answer",
    "JailError",
    "JailSpec",
    "Promise",
    "lock_up",
    "probe",
    "readable_trees",
]
