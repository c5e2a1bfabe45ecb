"""How long does a class take: `nbgrader autograde` against `autograde grade`, on the same submissions, in turn.

Run it with `python benchmarks/grading.py`; what the columns mean is in README.md beside this file.
"""

import compileall
import enum
import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from rich.console import Console
from rich.table import Table

CONFIG = "c = get_config()\n"  # nbgrader's own defaults, for both
ASSIGNMENT, NOTEBOOK = "bench", "convolution"
POINTS = 10
BIN = Path(sys.executable).parent
console = Console()


# The assignment: 12 code cells, torch imported, about a second of computation by the student.

SETUP = """\
import numpy as np
import torch
from torch import nn

from autograde.testing import observe, part, total

rng = np.random.default_rng(0)"""

COURSE_IMPORTS = """\
import matplotlib.pyplot as plt
import scipy.ndimage
import scipy.signal
import skimage.data
import torchvision
from torchvision.transforms import v2
"""
"""What the assignments of this course import besides; none of it is used, so that the work stays the same."""

CORRELATE = """\
def correlate(image, kernel):
    height, width = (size - taps + 1 for size, taps in zip(image.shape, kernel.shape))
    out = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            out[i, j] = (image[i : i + kernel.shape[0], j : j + kernel.shape[1]] * kernel).sum()
    return out"""

TEST_CORRELATE = """\
@observe
def outputs(image, kernel):
    return correlate(image, kernel)


image, kernel = rng.normal(size=(9, 11)), rng.normal(size=(3, 3))
patches = np.lib.stride_tricks.sliding_window_view(image, kernel.shape)
with part("the shape", points=1):
    assert outputs(image, kernel).shape == (7, 9)
with part("the values", points=2):
    np.testing.assert_allclose(outputs(image, kernel), np.einsum("ijab,ab->ij", patches, kernel))
total()"""

BLUR = """\
photo = rng.random((280, 280))
blurred = correlate(photo, np.full((5, 5), 1 / 25))
blurred.std() / photo.std()"""

POOL = """\
def pool(image, size):
    rows = range(0, image.shape[0] - size + 1, size)
    columns = range(0, image.shape[1] - size + 1, size)
    return np.array([[image[i : i + size, j : j + size].max() for j in columns] for i in rows])"""

TEST_POOL = """\
@observe
def pooled(image, size):
    return pool(image, size)


image = rng.normal(size=(8, 6))
with part("two by two", points=1):
    np.testing.assert_array_equal(pooled(image, 2), image.reshape(4, 2, 3, 2).max(axis=(1, 3)))
total()"""

EDGES = """\
sobel = np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
edges = np.hypot(correlate(blurred, sobel), correlate(blurred, sobel.T))
pool(edges, 2).shape"""

NET = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(16 * 8 * 8, 2),
        )

    def forward(self, x):
        return self.layers(x)"""

TEST_NET = """\
@observe
def logits(batch):
    return Net()(batch)


with part("the shape", points=1):
    assert logits(torch.zeros(3, 1, 16, 16)).shape == (3, 2)
with part("no state between calls", points=1):
    torch.testing.assert_close(logits(torch.ones(2, 1, 16, 16)), logits(torch.ones(2, 1, 16, 16)))
total()"""

TRAIN = """\
torch.manual_seed(0)
images = torch.randn(256, 1, 16, 16)
labels = (images[:, 0, :, :8].mean(dim=(1, 2)) > images[:, 0, :, 8:].mean(dim=(1, 2))).long()
net = Net()
losses = []
for step in range(120):
    batch = slice(64 * (step % 4), 64 * (step % 4 + 1))
    loss = nn.functional.cross_entropy(net(images[batch]), labels[batch])
    for weights, slope in zip(net.parameters(), torch.autograd.grad(loss, list(net.parameters()))):
        weights.data -= 0.3 * slope
    losses.append(loss.item())"""

TEST_LOSSES = "assert len(losses) == 120 and losses[-1] < losses[0]"
TEST_EDGES = "assert edges.shape == (274, 274) and (edges >= 0).all()"

GIVEN = {"locked": True}
ANSWER = {"solution": True}
CELLS = [
    ("setup", SETUP, GIVEN),
    ("correlate", CORRELATE, ANSWER),
    ("test-correlate", TEST_CORRELATE, {"grade": True, "locked": True, "points": 3}),
    ("blur", BLUR, ANSWER),
    ("pool", POOL, ANSWER),
    ("test-pool", TEST_POOL, {"grade": True, "locked": True, "points": 1}),
    ("edges", EDGES, ANSWER),
    ("test-edges", TEST_EDGES, {"grade": True, "locked": True, "points": 2}),
    ("net", NET, ANSWER),
    ("test-net", TEST_NET, {"grade": True, "locked": True, "points": 2}),
    ("train", TRAIN, ANSWER),
    ("test-losses", TEST_LOSSES, {"grade": True, "locked": True, "points": 2}),
]


PLAIN = """\
import json, os, sys, time
import numpy, torch
import autograde.testing

exec(sys.argv[2])  # the imports of the assignment
sources = json.load(sys.stdin)
for _ in range(int(sys.argv[1])):
    if (child := os.fork()) == 0:  # each time as fresh as a submission is
        names, start, used = {"__name__": "__main__"}, time.perf_counter(), time.process_time()
        for source in sources:
            exec(source, names)
        print(time.perf_counter() - start, time.process_time() - used, flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
"""
"""Runs the student's cells with the imports already done and nothing around them."""


@dataclass(frozen=True)
class Way:
    """One way to grade; `depth` says how far below the command the processes of a submission begin."""

    name: str
    command: tuple[str, ...]
    depth: int


class Imports(enum.StrEnum):
    """What the assignment imports."""

    COURSE = "course"
    TORCH = "torch"


STOCK = Way("nbgrader autograde", ("nbgrader", "autograde", ASSIGNMENT), depth=1)


@dataclass(frozen=True)
class Cost:
    """What one command took: wall and processor seconds; bytes at its peak, whole and of submissions alone."""

    wall: float
    cpu: float
    peak: int = 0
    peak_submissions: int = 0


Figures = dict[str, dict[str, list[float]]]
"""For each figure and each way, "stock" and "ours", what the rounds gave."""


@dataclass
class Round:
    """What one round measured; `small` is a class of as many students as that way grades at once."""

    plain: list[Cost]
    stock: Cost
    stock_small: Cost
    ours: Cost
    ours_small: Cost
    load: float = field(default_factory=lambda: os.getloadavg()[0])


def main(
    students: Annotated[int, typer.Option(min=2, help="Submissions in the class.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="Times that each way grades the class.")] = 3,
    jobs: Annotated[int | None, typer.Option(min=1, help="Submissions at once; default: one a core.")] = None,
    sandbox: Annotated[str, typer.Option(help="As in `autograde grade`.")] = "namespaces",
    imports: Annotated[
        Imports, typer.Option(help="course: what this course's assignments import; torch: torch and numpy alone.")
    ] = Imports.COURSE,
    output: Annotated[Path | None, typer.Option(help="Write all figures here, as JSON.", show_default=False)] = None,
) -> None:
    """Grade the same class with stock nbgrader and with autograde, in turn, and compare."""
    jobs = jobs or len(os.sched_getaffinity(0))
    if students <= jobs:
        raise typer.BadParameter(f"more students than jobs ({jobs}) are needed to tell the cost of one")
    ours = Way(
        "autograde grade",
        ("autograde", "grade", ASSIGNMENT, f"--jobs={jobs}", f"--sandbox={sandbox}", "--no-feedback"),
        depth=2,
    )
    with console.status("compiling bytecode …"):
        _compile()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        bench = Bench(Path(folder), imports)
        with console.status("preparing the course …"):
            bench.prepare(students)
        measured = [_round(bench, number, rounds, students, jobs, ours) for number in range(rounds)]
        with console.status("memory …"):
            memory = {"stock": bench.grade(STOCK, 1, memory=True), "ours": bench.grade(ours, jobs, memory=True)}
    figures = _figures(measured, memory, students, jobs)
    _show(figures, students, rounds, jobs, imports)
    if output:
        options = {"students": students, "rounds": rounds, "jobs": jobs, "sandbox": sandbox, "imports": imports}
        record = {
            "options": options,
            "machine": _machine(),
            "figures": figures,
            "rounds": [asdict(one) for one in measured],
        }
        output.write_text(json.dumps(record, indent=1) + "\n")


def _round(bench: "Bench", number: int, rounds: int, students: int, jobs: int, ours: Way) -> Round:
    """Measure everything once; every other round begins with the other way."""
    done: dict[str, Cost] = {}
    steps: list[tuple[str, Callable[[], Cost]]] = [
        ("stock", lambda: bench.grade(STOCK, students)),
        ("stock_small", lambda: bench.grade(STOCK, 1)),
        ("ours", lambda: bench.grade(ours, students)),
        ("ours_small", lambda: bench.grade(ours, jobs)),
    ]
    with console.status("") as status:
        for name, step in steps if number % 2 == 0 else reversed(steps):
            status.update(f"round {number + 1} of {rounds}: {name} …")
            done[name] = step()
        status.update(f"round {number + 1} of {rounds}: the student's code alone …")
        return Round(bench.plain(repeats=5), **done)


class Bench:
    """The course in a folder of its own; each grading gets a fresh copy of it."""

    def __init__(self, folder: Path, imports: Imports) -> None:
        self.folder = folder
        self.template = folder / "template"
        given = COURSE_IMPORTS if imports is Imports.COURSE else ""
        self.cells = [(name, given + source if name == "setup" else source, marks) for name, source, marks in CELLS]

    def prepare(self, students: int) -> None:
        """Write the assignment, register it, and let every student hand in its solution."""
        source = self.template / "source" / ASSIGNMENT / f"{NOTEBOOK}.ipynb"
        source.parent.mkdir(parents=True)
        (self.template / "nbgrader_config.py").write_text(CONFIG)
        nbformat.write(self._notebook(), source)
        _run("nbgrader", "generate_assignment", ASSIGNMENT, cwd=self.template)
        for student in _names(students):
            folder = self.template / "submitted" / student / ASSIGNMENT
            folder.mkdir(parents=True)
            shutil.copy(source, folder)

    def grade(self, way: Way, students: int, memory: bool = False) -> Cost:
        """Grade a class of so many in a fresh copy; raises RuntimeError unless everyone gets full marks."""
        course = self.folder / "course"
        shutil.copytree(self.template, course)
        for student in sorted((course / "submitted").iterdir())[students:]:
            shutil.rmtree(student)
        cost = _measure(way, course, memory)
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as gradebook:
            scores = [submission.score for submission in gradebook.assignment_submissions(ASSIGNMENT)]
        if scores != [POINTS] * students:
            raise RuntimeError(f"{way.name} gave {scores}, not {POINTS} points to each of {students}")
        shutil.rmtree(course)
        return cost

    def plain(self, repeats: int) -> list[Cost]:
        """What the student's cells take by themselves, on one thread."""
        sources = [source for _, source, marks in self.cells if not marks.get("grade")]
        one_thread = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        command = [sys.executable, "-c", PLAIN, str(repeats), sources[0]]
        environment = {**_environment(), **one_thread}
        done = subprocess.run(
            command, input=json.dumps(sources), env=environment, capture_output=True, text=True, check=True
        )
        return [Cost(*map(float, line.split())) for line in done.stdout.splitlines()]

    def _notebook(self) -> NotebookNode:
        cells = []
        for name, source, marks in self.cells:
            basic = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
            metadata = {"nbgrader": {"grade_id": name, **basic, **marks}}
            cells.append(nbformat.v4.new_code_cell(source, id=name, metadata=metadata))
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _names(students: int) -> list[str]:
    return [f"student-{number:03}" for number in range(students)]


def _environment() -> dict[str, str]:
    """This environment, with the programs of this interpreter first and bytecode allowed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]])}


def _run(*command: str, cwd: Path) -> None:
    """Run a program to its end; raises RuntimeError with what it printed, where it fails."""
    done = subprocess.run(command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")


def _compile() -> None:
    """Compile what both will import, so that the first to run does not pay for it."""
    own = importlib.util.find_spec("autograde").submodule_search_locations[0]
    for folder in (sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), own):
        compileall.compile_dir(folder, quiet=2, workers=0)


def _measure(way: Way, course: Path, memory: bool) -> Cost:
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(way.command, cwd=course, env=_environment(), stdout=said, stderr=subprocess.STDOUT)
        watch = Watch(process.pid, way.depth, memory)
        watch.start()
        failed = process.wait()
        wall = time.perf_counter() - start
        watch.stop()
        if failed:
            said.seek(0)
            raise RuntimeError(f"{' '.join(way.command)} failed:\n{said.read()[-3000:]}")
    return Cost(wall, watch.cpu, watch.peak, watch.peak_submissions)


class Watch(threading.Thread):
    """Adds up what a process and all its descendants use.

    The kernel's own sum (getrusage) leaves out the processes that are killed with their namespace, so each process is
    read every 20 ms as long as it lives: at most so much of each is missed. Memory is proportional: a page that
    several processes share counts once. Reading it slows the processes down, so it is not done when time is measured.
    """

    def __init__(self, root: int, depth: int, memory: bool) -> None:
        super().__init__(daemon=True)
        self.depth, self.memory = depth, memory
        self.depths = {root: 0}
        self.ticks: dict[int, int] = {}
        self.peak = self.peak_submissions = 0
        self._enough = threading.Event()

    @property
    def cpu(self) -> float:
        """Processor seconds of all, user and system."""
        return sum(self.ticks.values()) / os.sysconf("SC_CLK_TCK")

    def run(self) -> None:
        """Look until told to stop; look for new processes every fifth time."""
        turn = 0
        while not self._enough.wait(0.02):
            if turn % 5 == 0:
                self._find_new()
                if self.memory:
                    self._weigh()
            for pid in self.depths:
                if stat := _stat(pid):
                    self.ticks[pid] = int(stat[11]) + int(stat[12])
            turn += 1

    def stop(self) -> None:
        """Stop looking."""
        self._enough.set()
        self.join()

    def _find_new(self) -> None:
        others = sorted(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in self.depths)
        parents = {pid: int(stat[1]) for pid in others if (stat := _stat(pid))}
        found = True
        while found:
            found = {pid: self.depths[parent] + 1 for pid, parent in parents.items() if parent in self.depths}
            self.depths.update(found)
            parents = {pid: parent for pid, parent in parents.items() if pid not in found}

    def _weigh(self) -> None:
        weights = {pid: _proportional(pid) for pid in self.depths}
        self.peak = max(self.peak, sum(weights.values()))
        submissions = sum(weight for pid, weight in weights.items() if self.depths[pid] >= self.depth)
        self.peak_submissions = max(self.peak_submissions, submissions)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; empty for a process that has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _proportional(pid: int) -> int:
    """The process's proportional set size in bytes; 0 where it may not be read."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def _figures(measured: list[Round], memory: dict[str, Cost], students: int, jobs: int) -> Figures:
    figures: Figures = {}
    for one in measured:
        for figure, pair in _figures_of(one, students, jobs).items():
            for way, value in zip(("stock", "ours"), pair, strict=True):
                figures.setdefault(figure, {}).setdefault(way, []).append(value)
    figures["a submission's memory, MB"] = {
        "stock": [memory["stock"].peak_submissions / 1e6],
        "ours": [memory["ours"].peak_submissions / jobs / 1e6],
    }
    figures["all memory, MB"] = {way: [cost.peak / 1e6] for way, cost in memory.items()}
    return figures


def _figures_of(one: Round, students: int, jobs: int) -> dict[str, tuple[float, float]]:
    """What README.md explains, from one round: stock and ours."""
    stock = _one_more(one.stock, one.stock_small, students - 1)
    ours = _one_more(one.ours, one.ours_small, students - jobs)
    alone = Cost(statistics.median(cost.wall for cost in one.plain), statistics.median(cost.cpu for cost in one.plain))
    return {
        "class, wall s": (one.stock.wall, one.ours.wall),
        "small class, wall s": (one.stock_small.wall, one.ours_small.wall),
        "one more, wall s": (stock.wall, ours.wall),
        "one more, CPU s": (stock.cpu, ours.cpu),
        "plain exec, wall s": (alone.wall, alone.wall),
        "plain exec, CPU s": (alone.cpu, alone.cpu),
        "overhead, wall s": (stock.wall - alone.wall, ours.wall * jobs - alone.wall),
        "overhead, CPU s": (stock.cpu - alone.cpu, ours.cpu - alone.cpu),
    }


def _one_more(whole: Cost, small: Cost, more: int) -> Cost:
    return Cost((whole.wall - small.wall) / more, (whole.cpu - small.cpu) / more)


def _show(figures: Figures, students: int, rounds: int, jobs: int, imports: Imports) -> None:
    title = f"{students} submissions, imports: {imports}, {jobs} jobs; median of {rounds} rounds [lowest, highest]"
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for name in ("nbgrader", "autograde", "ratio"):
        table.add_column(name, justify="right", no_wrap=True)
    for figure, by_way in figures.items():
        stock, ours = by_way["stock"], by_way["ours"]
        ratio = statistics.median(a / b for a, b in zip(stock, ours, strict=True))
        table.add_row(figure, _spread(stock), _spread(ours), "" if stock == ours else f"{ratio:.1f}")
    console.print(table)


def _spread(values: list[float]) -> str:
    median, *ends = (f"{value:.3g}" for value in (statistics.median(values), min(values), max(values)))
    return median if len(values) == 1 else f"{median} [{', '.join(ends)}]"


def _machine() -> dict[str, object]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    packages = ("nbgrader", "ipykernel", "ipython", "numpy", "torch")
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
    }


if __name__ == "__main__":
    typer.run(main)
