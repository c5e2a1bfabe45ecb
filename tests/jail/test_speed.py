"""What does a jail cost?"""

import os
import statistics
import time

from harness import start

ROUNDS = 20
CEILING_MS = 250  # generous, for a busy machine: the figure itself is printed and recorded in the README


def test_lock_up_is_quick_and_the_same_every_time(tmp_path, record_property, capsys):
    lock_up_ms, whole_ms = [], []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        jail = start(tmp_path, lambda say: time.perf_counter())
        inside_at = jail.hear()
        assert jail.wait() == 0
        whole_ms.append(1e3 * (time.perf_counter() - begin))
        lock_up_ms.append(1e3 * (inside_at - begin))
    plain_ms = [plain_fork() for _ in range(ROUNDS)]
    ready, plain, whole = (statistics.median(values) for values in (lock_up_ms, plain_ms, whole_ms))
    record_property("fork_and_lock_up_ms", round(ready, 1))
    with capsys.disabled():
        print(
            f"\n  median of {ROUNDS}: plain fork until its child runs {plain:.1f} ms;"
            f" fork and lock_up {ready:.1f} ms; with its end {whole:.1f} ms"
        )
    assert ready < CEILING_MS


def plain_fork() -> float:
    reader, writer = os.pipe()
    begin = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os.write(writer, repr(time.perf_counter()).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with open(reader) as pipe:
        return 1e3 * (float(pipe.read()) - begin)
