"""What does a large class cost: time, memory and growth of grading trivial notebooks, and of grading them again.

Run it with `python benchmarks/scale.py`; what the columns mean is in README.md beside this file.
"""

import contextlib
import itertools
import json
import os
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import nbformat
import typer
from rich.console import Console
from rich.table import Table

from autograde import gradebook
from autograde.cluster import Cluster
from autograde.course import Course, find_course
from autograde.engine.processes import WarmParent
from autograde.engine.sandbox import choose_sandbox
from autograde.grade import Graded, grade
from autograde.limits import Limits
from autograde.release import release
from autograde.runs import Place, ThisMachine, Way, cores

ASSIGNMENT = "trivial"
ANSWER = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
TEST = """\
from autograde.testing import observe, part, total


@observe
def doubled(x):
    return double(x)


with part("twice", points=1):
    assert doubled(3) == 6

total()"""
PIECES = 10
"""Into how many pieces a run is cut, to see whether the last one is as fast as the first."""

console = Console(width=max(140, Console().width))


@dataclass
class Row:
    """One class, graded and graded again."""

    place: str
    jobs: int
    students: int
    seconds: float
    piece_seconds: list[float]
    """Seconds a submission in each tenth of the class, in order."""
    megabytes: list[float]
    """Memory of this process after each tenth."""
    coordinator_seconds: float
    """Processor time of this process for each submission."""
    gradebook_seconds: float
    """Time in which this process entered one submission in the gradebook and wrote its notebook."""
    gradebook_megabytes: float
    again_seconds: float
    export_seconds: float


def main(
    sizes: Annotated[str, typer.Option(help="Numbers of students.")] = "24,240",
    jobs: Annotated[str, typer.Option(help="Submissions at a time on this machine.")] = str(cores()),
    scheduler: Annotated[str, typer.Option(help="Also on the cluster of this Dask scheduler.")] = "",
    output: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
) -> None:
    """Grade classes of trivial notebooks."""
    rows = []
    for size in map(int, sizes.split(",")):
        rows += [_measure("this machine", count, size) for count in map(int, jobs.split(","))]
        if scheduler:
            rows.append(_measure(scheduler, 0, size))
        console.print(_table(rows))
    if output:
        machine = {"machine": platform.processor() or platform.machine(), "cores": cores(), "load": os.getloadavg()}
        output.write_text(json.dumps({**machine, "rows": [asdict(row) for row in rows]}, indent=1))


def _measure(where: str, jobs: int, size: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        course = _course(Path(folder))
        students = _hand_in(course, size)
        moments, megabytes = [time.perf_counter()], []

        def tell(one: Graded) -> None:
            assert one.score, one.notes
            assert one.score.points == 1, one
            moments.append(time.perf_counter())
            if len(moments) % max(1, size // PIECES) == 0:
                megabytes.append(_megabytes())

        place = _place(where)
        jobs = jobs or place.room
        way = Way(place.sandbox, Limits(), jobs, threads=1)
        worked = time.process_time()
        with _stopwatch(gradebook.Book, "enter") as entered:
            grade(course, ASSIGNMENT, students, way, tell, place)
        worked = time.process_time() - worked
        seconds = moments[-1] - moments[0]
        begin = time.perf_counter()
        again = grade(course, ASSIGNMENT, students, way, lambda one: None, _place(where))
        again_seconds = time.perf_counter() - begin
        assert all(one.unchanged for one in again)
        begin = time.perf_counter()
        gradebook.export(course)
        export_seconds = time.perf_counter() - begin
        steps = [after - before for before, after in itertools.pairwise(moments[1:])]
        length = max(1, len(steps) // PIECES)
        pieces = [statistics.mean(steps[i : i + length]) for i in range(0, len(steps) - length + 1, length)]
        database = Path(course.database.removeprefix("sqlite:///")).stat().st_size / 2**20
        each = worked / size, statistics.mean(entered)
        return Row(where, jobs, size, seconds, pieces, megabytes, *each, database, again_seconds, export_seconds)


@contextlib.contextmanager
def _stopwatch(owner: type, name: str) -> Iterator[list[float]]:
    """The seconds of each call of this method, while it lasts."""
    method, seconds = getattr(owner, name), []

    def timed(*arguments):
        begin = time.perf_counter()
        try:
            return method(*arguments)
        finally:
            seconds.append(time.perf_counter() - begin)

    setattr(owner, name, timed)
    try:
        yield seconds
    finally:
        setattr(owner, name, method)


def _place(where: str) -> Place:
    if where == "this machine":
        return ThisMachine(WarmParent(choose_sandbox("namespaces")))
    return Cluster(where, jailed=True)


def _course(root: Path) -> Course:
    code = nbformat.v4.new_code_cell
    marks = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    test = {**marks, "grade": True, "locked": True, "points": 1, "grade_id": "test-double"}
    cells = [
        code(ANSWER, id="double", metadata={"nbgrader": {**marks, "solution": True, "grade_id": "double"}}),
        code(TEST, id="test-double", metadata={"nbgrader": test}),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    (root / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "scale"\n')
    folder = root / "source" / ASSIGNMENT
    folder.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "trivial.ipynb")
    course = find_course(root)
    release(course, ASSIGNMENT)
    return course


def _hand_in(course: Course, size: int) -> list[str]:
    """Every student hands in another text, so that nothing can be graded once for all."""
    text = (course.release(ASSIGNMENT) / "trivial.ipynb").read_text()
    students = [f"student{number:05}" for number in range(size)]
    for student in students:
        folder = course.submitted(ASSIGNMENT, student)
        folder.mkdir(parents=True)
        answer = f"return 2 * x  # {student}"
        (folder / "trivial.ipynb").write_text(
            text.replace("# YOUR CODE HERE\\n", "").replace("raise NotImplementedError()", answer)
        )
    return students


def _megabytes() -> float:
    """What this process has in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _table(rows: list[Row]) -> Table:
    table = Table(title="classes of trivial notebooks")
    for name in (
        "place",
        "jobs",
        "students",
        "s",
        "ms each",
        "first/last tenth",
        "MB",
        "coordinator ms",
        "gradebook ms",
        "gradebook MB",
        "again s",
        "csv s",
    ):
        table.add_column(name, justify="left" if name == "place" else "right")
    for row in rows:
        table.add_row(
            row.place,
            f"{row.jobs}",
            f"{row.students}",
            f"{row.seconds:.1f}",
            f"{1000 * row.seconds / row.students:.0f}",
            f"{1000 * row.piece_seconds[0]:.0f} / {1000 * row.piece_seconds[-1]:.0f}",
            f"{row.megabytes[0]:.0f} → {row.megabytes[-1]:.0f}",
            f"{1000 * row.coordinator_seconds:.0f}",
            f"{1000 * row.gradebook_seconds:.0f}",
            f"{row.gradebook_megabytes:.1f}",
            f"{row.again_seconds:.1f}",
            f"{row.export_seconds:.1f}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
