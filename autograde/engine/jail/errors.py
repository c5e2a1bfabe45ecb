"""What went wrong while a jail was built, and what can be done about it?"""

from __future__ import annotations

import errno as codes
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager


class JailError(Exception):
    """A step of the lock-up failed, so no jail exists.

    step: what was being done. errno: the system's number, 0 where no system call failed.
    remedy: what the person who runs the grading can do. detail: the system's own words, or "".
    """

    def __init__(self, step: str, errno: int, remedy: str, detail: str = "") -> None:
        self.step, self.errno, self.remedy, self.detail = step, errno, remedy, detail
        name = f" ({codes.errorcode.get(errno, errno)})" if errno else ""
        cause = f": {detail}" if detail else f": {os.strerror(errno)}" if errno else ""
        super().__init__(f"jail: could not {step}{name}{cause}. {remedy}")

    def to_bytes(self) -> bytes:
        """For the way from the process that failed to the one that raises."""
        return json.dumps([self.step, self.errno, self.remedy, self.detail[:2000]]).encode()

    @classmethod
    def from_bytes(cls, message: bytes) -> JailError:
        """The error that `to_bytes` packed."""
        return cls(*json.loads(message))


@contextmanager
def step(name: str, remedy: str) -> Iterator[None]:
    """Turn an OSError in the block into a JailError that names the step and the remedy."""
    try:
        yield
    except OSError as error:
        raise JailError(name, error.errno or 0, remedy, str(error)) from error
