"""What crosses the channel is bounded in size, in time and in what it can become."""

import contextlib
import socket
import struct
import threading
import time
import tracemalloc

import msgpack
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograde.engine.outputs import Outputs
from autograde.engine.processes import Slot, WarmParent
from autograde.engine.session import Session
from autograde.engine.wire import Channel, ProtocolError, decode, encode
from autograde.limits import Limits
from hostile.cases import filled

SILENT = filled(
    """\
@FORGER@
frame("done")
signal = __import__("signal")
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True:
    time.sleep(1)""",
    {},
)


def test_a_process_that_reads_nothing_does_not_hold_the_coordinator(sandbox, tmp_path):
    """Its next cell is larger than what the socket takes; a coordinator that waits for it to be read waits for ever."""
    notebook = new_notebook(cells=[new_code_cell(SILENT), new_code_cell("#" * 2_000_000)])
    with WarmParent(sandbox) as warm:
        limits = Limits(cell_seconds=2, grace_seconds=1, notebook_seconds=10)
        session = Session(warm, tmp_path, tmp_path, Slot(0), threads=1, limits=limits)
        ran = []
        thread = threading.Thread(target=lambda: ran.append(session.run(notebook)), daemon=True)
        thread.start()
        thread.join(20)
        if not ran:
            warm._program.kill()  # everything forked from it dies too, and the thread is let go
            thread.join()
            pytest.fail("the coordinator still waits")
    assert [note.code for note in ran[0].notes] == ["time limit"]


@pytest.fixture
def ends():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours), theirs


@pytest.mark.parametrize("sizes", [(2**32 - 1, 0), (0, 2**32 - 1), (2**20 + 1, 0), (2, 2**26 + 1)], ids=str)
def test_a_frame_that_announces_too_much_is_refused_before_it_is_read(ends, sizes):
    channel, theirs = ends
    theirs.sendall(struct.pack("!II", *sizes) + b"{}")
    with pytest.raises(ProtocolError):
        channel.receive(time.monotonic() + 5)


@pytest.mark.parametrize("unit", [b"[],", b'{"":0},', b"0,", b'"",'])
def test_what_arrives_cannot_unfold_to_much_more_memory(ends, unit):
    """The coordinator has no memory limit of its own, and there is one for all students."""
    channel, theirs = ends
    header = b'{"kind": "output", "x": [' + unit * (900_000 // len(unit)) + b"0]}"
    sender = threading.Thread(target=theirs.sendall, args=(struct.pack("!II", len(header), 0) + header,))
    tracemalloc.start()
    sender.start()
    with contextlib.suppress(ProtocolError):
        channel.receive(time.monotonic() + 60)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sender.join()
    assert peak < 120 * 2**20


def test_an_output_beyond_the_limit_is_not_even_opened():
    outputs = Outputs(1000)
    outputs.add(b"[" * 2000)  # would be refused as no JSON
    assert outputs.cut


HOSTILE = {
    "objects": ["a", "O", [1], b"\0" * 8],
    "records": ["a", "i8,i8", [1], b"\0" * 16],
    "times": ["a", "M8[s]", [1], b"\0" * 8],
    "huge shape": ["a", "f8", [2**62, 2**62], b""],
    "negative shape": ["a", "f8", [-1], b"\0" * 8],
    "shape of text": ["a", "f8", ["1"], b"\0" * 8],
    "too few bytes": ["a", "f8", [2], b"\0" * 8],
    "module attribute": ["T", "load", [1], b"\0"],
    "path to an attribute": ["T", "nn.Module", [1], b"\0"],
    "tensor too short": ["T", "float32", [2], b"\0" * 4],
    "no number": ["i", "__import__('os')"],
    "list as a key": ["d", ["l"], 1],
    "half a dict": ["d", 1],
    "unknown": ["x", 1],
    "empty": [],
    "a map": {"a": 1},
    "an extension": msgpack.ExtType(1, b"x"),
    "a time": msgpack.Timestamp(0),
}


@pytest.mark.parametrize("tree", HOSTILE.values(), ids=HOSTILE)
def test_bytes_that_are_no_plain_data_are_refused(tree):
    with pytest.raises(ProtocolError):
        decode(msgpack.packb(tree))


def test_random_bytes_become_plain_data_or_are_refused():
    rng = np.random.default_rng(0)
    good = encode({"a": [1, 2.5, "x", (None, True), np.arange(3), np.float32(1)]})
    for _ in range(3000):
        spoilt = bytearray(good)
        for place in rng.integers(len(good), size=3):
            spoilt[place] = rng.integers(256)
        with contextlib.suppress(ProtocolError):
            _only_plain(decode(bytes(spoilt)))


def _only_plain(value) -> None:
    assert type(value).__module__ in ("builtins", "numpy")
    if type(value) in (list, tuple, set, frozenset):
        for item in value:
            _only_plain(item)
    elif type(value) is dict:
        for key, item in value.items():
            _only_plain(key)
            _only_plain(item)
    elif isinstance(value, np.ndarray):
        assert value.dtype.kind in "biufc"
