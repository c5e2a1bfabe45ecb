"""The language the processes speak: frames of a small JSON header and a body of bytes, and plain data inside bodies.

Nothing that arrives is ever executed or unpickled. The header's "kind" says what a frame is. A value that a student's
code returned travels as the body, which only the judge opens: `decode` builds exact built-in types, numpy arrays and
torch tensors and nothing else, whatever the bytes say.
"""

import json
import math
import signal
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

LARGEST_HEADER = 2**20
LARGEST_BODY = 64 * 2**20
"""Bytes. A process that announces a larger frame is not believed; JSON of a header cannot grow to much in memory."""

DEEPEST = 60
"""Levels of nesting `decode` follows; a little more than `autograde.plain` lets out."""

_SIZES = struct.Struct("!II")


class ProtocolError(Exception):
    """The other side sent something that is not of this protocol; it must not be believed in anything more."""


class Closed(ConnectionError):
    """The other side is gone."""


class OutOfTime(TimeoutError):
    """Nothing came before the deadline."""


@dataclass(frozen=True)
class Frame:
    """One message: what it is, its small facts, and its bytes."""

    kind: str
    facts: dict[str, Any]
    body: bytes


class Channel:
    """One end of a stream socket that carries frames."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._sending = threading.Lock()  # a notebook's threads print at the same time
        self._arrived = bytearray()  # kept when a deadline passes in the middle of a frame

    def send(self, kind: str, body: bytes = b"", deadline: float | None = None, **facts: Any) -> None:
        """Send a frame; `facts` are JSON.

        Raises `Closed` where the other side is gone, `OutOfTime` where it has not taken the frame by `deadline`; half
        of it may have gone then, and the channel is of no more use.
        """
        header = json.dumps({"kind": kind, **facts}).encode()
        # An interrupt in the middle would leave half a frame, and everything after it would be misread.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with self._sending:
                self.connection.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
                self.connection.sendall(_SIZES.pack(len(header), len(body)) + header + body)
        except TimeoutError as error:
            raise OutOfTime from error
        except OSError as error:
            raise Closed(str(error)) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)

    def receive(self, deadline: float | None = None) -> Frame:
        """Wait for the next frame until `deadline` (of `time.monotonic`).

        Raises `Closed`, `OutOfTime`, or `ProtocolError` for a frame that is too large or not well formed.
        """
        self._wait_for(_SIZES.size, deadline)
        header_size, body_size = _SIZES.unpack_from(self._arrived)
        if header_size > LARGEST_HEADER or body_size > LARGEST_BODY:
            raise ProtocolError(f"a frame of {header_size} + {body_size} bytes was announced")
        start, end = _SIZES.size + header_size, _SIZES.size + header_size + body_size
        self._wait_for(end, deadline)
        header, body = bytes(self._arrived[_SIZES.size : start]), bytes(self._arrived[start:end])
        del self._arrived[:end]
        try:
            facts = json.loads(header)
        except (ValueError, RecursionError) as error:
            raise ProtocolError(f"a header is not JSON: {error}") from error
        if type(facts) is not dict or type(facts.get("kind")) is not str:
            raise ProtocolError("a frame has no kind")
        return Frame(facts.pop("kind"), facts, body)

    def close(self) -> None:
        """Close this end."""
        self.connection.close()

    def _wait_for(self, size: int, deadline: float | None) -> None:
        while len(self._arrived) < size:
            if deadline is None:
                self.connection.settimeout(None)
            elif (left := deadline - time.monotonic()) > 0:
                self.connection.settimeout(left)
            else:
                raise OutOfTime
            try:
                part = self.connection.recv(2**20)
            except TimeoutError as error:
                raise OutOfTime from error
            except OSError as error:
                raise Closed(str(error)) from error
            if not part:
                raise Closed("the other side has ended")
            self._arrived += part


def encode(value: Any) -> bytes:
    """Turn plain data (see `autograde.plain.plain`) into bytes that `decode` turns back into its like."""
    return msgpack.packb(_to_tree(value))


def decode(data: bytes) -> Any:
    """Rebuild what `encode` packed, from exact types. Raises `ProtocolError` for anything else."""
    try:
        tree = msgpack.unpackb(data, strict_map_key=True)
        return _from_tree(tree, DEEPEST)
    except ProtocolError:
        raise
    except Exception as error:  # whatever else is wrong with these bytes, they are no value of ours
        raise ProtocolError(f"a value cannot be decoded: {type(error).__name__}: {error}") from error


# Every value but the simplest becomes a list that begins with one of these letters.
_LIST, _TUPLE, _DICT, _SET, _FROZENSET = "l", "t", "d", "s", "f"
_BIG_INT, _COMPLEX, _ARRAY, _SCALAR, _TENSOR = "i", "c", "a", "n", "T"
_SIMPLE = (type(None), bool, float, str, bytes)
_SEQUENCES = {list: _LIST, tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}
_BUILDERS = {letter: kind for kind, letter in _SEQUENCES.items()}


def _to_tree(value: Any) -> Any:
    kind = type(value)
    if kind in _SIMPLE:
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else [_BIG_INT, hex(value)]
    if kind is complex:
        return [_COMPLEX, value.real, value.imag]
    if kind in _SEQUENCES:
        return [_SEQUENCES[kind], *map(_to_tree, value)]
    if kind is dict:
        return [_DICT, *(_to_tree(part) for item in value.items() for part in item)]
    if kind is np.ndarray:
        return [_ARRAY, value.dtype.str, list(value.shape), value.tobytes()]
    if isinstance(value, np.generic):
        return [_SCALAR, value.dtype.str, value.tobytes()]
    return [_TENSOR, str(value.dtype).removeprefix("torch."), list(value.shape), _tensor_bytes(value)]


def _from_tree(tree: Any, levels: int) -> Any:
    if type(tree) in _SIMPLE or type(tree) is int:
        return tree
    if levels == 0 or type(tree) is not list or not tree:
        raise ProtocolError("a value is nested too deeply or is not of the protocol")
    letter, *rest = tree
    if letter in _BUILDERS:
        return _BUILDERS[letter](_from_tree(item, levels - 1) for item in rest)
    if letter == _DICT and len(rest) % 2 == 0:
        parts = [_from_tree(item, levels - 1) for item in rest]
        return dict(zip(parts[::2], parts[1::2], strict=True))
    if letter == _BIG_INT:
        (digits,) = rest
        return int(digits, 16)
    if letter == _COMPLEX:
        real, imaginary = rest
        return complex(real, imaginary)
    if letter == _ARRAY:
        dtype, shape, data = rest
        return np.frombuffer(data, dtype=_numeric(dtype)).reshape(_checked(shape)).copy()
    if letter == _SCALAR:
        dtype, data = rest
        return np.frombuffer(data, dtype=_numeric(dtype))[0]
    if letter == _TENSOR:
        return _tensor(*rest)
    raise ProtocolError(f"no value begins with {letter!r}")


def _numeric(name: str) -> np.dtype:
    dtype = np.dtype(name)
    if dtype.kind not in "biufc":
        raise ProtocolError(f"arrays of dtype {name} are not plain data")
    return dtype


def _checked(shape: list[int]) -> tuple[int, ...]:
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ProtocolError("a shape is not made of sizes")
    return tuple(shape)


def _tensor_bytes(tensor: Any) -> bytes:
    import torch

    # numpy knows no bfloat16 or float8: every tensor travels as its raw bytes.
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _tensor(name: str, shape: list[int], data: bytes) -> Any:
    import torch

    dtype = getattr(torch, name, None) if name.isidentifier() else None
    if not isinstance(dtype, torch.dtype):
        raise ProtocolError(f"{name!r} is no dtype of a tensor")
    size = math.prod(_checked(shape))
    if len(data) != size * dtype.itemsize:
        raise ProtocolError("a tensor's bytes do not fill its shape")
    if size == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).view(dtype).reshape(shape)
