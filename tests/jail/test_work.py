"""Does a student's honest work still work?"""

import multiprocessing
import os
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import skimage.data
import torch
from harness import inside
from scipy.signal import correlate2d


def test_numpy_scipy_and_torch(tmp_path):
    def compute():
        image, kernel = np.arange(49.0).reshape(7, 7), np.ones((3, 3))
        expected = correlate2d(image, kernel, mode="valid")
        got = torch.nn.functional.conv2d(torch.tensor(image)[None, None], torch.tensor(kernel)[None, None])
        layer = torch.nn.Linear(4, 2)
        layer(torch.ones(3, 4)).sum().backward()
        return bool(np.allclose(got[0, 0], expected)), layer.weight.grad.tolist()

    assert inside(tmp_path, compute) == [True, [[3.0] * 4] * 2]


def test_torch_picks_the_same_kernels_as_outside(tmp_path):
    outside = subprocess.check_output(
        [sys.executable, "-c", "import torch; print(torch.backends.cpu.get_cpu_capability())"], text=True
    )
    assert inside(tmp_path, torch.backends.cpu.get_cpu_capability) == outside.strip()


def test_a_picture_with_text(tmp_path):
    def draw():
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3])
        axes.set_title("Loss, $x^2$")
        figure.savefig("figure.png")
        blank, _ = plt.subplots()
        blank.savefig("blank.png")
        with open("figure.png", "rb") as file:
            return file.read(8).hex(), os.path.getsize("figure.png") - os.path.getsize("blank.png") > 1000

    assert inside(tmp_path, draw) == [b"\x89PNG\r\n\x1a\n".hex(), True]


def test_a_picture_from_a_new_interpreter(tmp_path):
    """It finds its fonts and makes its cache anew."""
    code = "import matplotlib.pyplot as p; p.title('Loss'); p.savefig('new.png')"

    def run():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        return done.returncode, done.stderr, os.path.exists("new.png")

    code_, errors, made = inside(tmp_path, run)
    assert code_ == 0, errors
    assert made


def test_a_new_interpreter(tmp_path):
    def run():
        done = subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True)
        return done.stdout, done.stderr

    assert inside(tmp_path, run) == ["1\n", ""]


def test_torch_in_a_new_interpreter(tmp_path):
    code = "import torch; print(torch.ones(2).sum().item(), torch.backends.cpu.get_cpu_capability())"

    def run():
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        return done.stdout, done.stderr, torch.backends.cpu.get_cpu_capability()

    out, errors, here = inside(tmp_path, run, memory_bytes=4 << 30)
    assert out == f"2.0 {here}\n", errors


class Squares(torch.utils.data.Dataset):
    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.tensor([index, index * index]), os.getpid()


def test_a_data_loader_with_two_workers(tmp_path):
    def load():
        context = multiprocessing.get_context("fork")
        loader = torch.utils.data.DataLoader(Squares(), 3, num_workers=2, multiprocessing_context=context)
        rows, pids = [], set()
        for _ in range(2):
            rows = []
            for values, workers in loader:
                rows += values.tolist()
                pids |= set(workers.tolist())
        return rows, len(pids), os.getpid() in pids

    assert inside(tmp_path, load) == [[[i, i * i] for i in range(12)], 4, False]


def cube(value):
    return value**3


def test_multiprocessing(tmp_path):
    def pool():
        context = multiprocessing.get_context("fork")
        with context.Pool(2) as workers:
            return workers.map(cube, range(5))

    assert inside(tmp_path, pool) == [0, 1, 8, 27, 64]


def test_a_picture_that_ships_with_skimage(tmp_path):
    assert inside(tmp_path, lambda: list(skimage.data.camera().shape)) == [512, 512]


def test_a_shell_command(tmp_path):
    (tmp_path / "a.txt").write_text("")
    assert inside(tmp_path, lambda: subprocess.check_output("ls; id -un", shell=True, text=True)) == "a.txt\nstudent\n"


def test_time_zone_and_locale(tmp_path):
    import locale
    import time
    import zoneinfo

    def look():
        locale.setlocale(locale.LC_ALL, "")
        return (
            time.localtime(0).tm_hour,
            str(zoneinfo.ZoneInfo("Europe/Berlin")),
            locale.getpreferredencoding().upper(),
        )

    assert inside(tmp_path, look) == [time.localtime(0).tm_hour, "Europe/Berlin", "UTF-8"]


def test_the_random_sources(tmp_path):
    def draw():
        sources = []
        for name in ("random", "urandom", "zero"):
            with open(f"/dev/{name}", "rb", buffering=0) as file:
                sources.append(file.read(4))
        with open("/dev/full", "wb", buffering=0) as full:
            try:
                full.write(b"x")
            except OSError as error:
                sources.append(os.strerror(error.errno).encode())
        return sources[2] == bytes(4), len(sources[0] + sources[1]), sources[3].decode()

    assert inside(tmp_path, draw) == [True, 8, os.strerror(28)]
