"""A cluster grades to the same gradebook as one machine; workers may be lost, and weak ones get nothing."""

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from clusters import SECONDS_TO_START, hosts, running
from conftest import Course, autograde, cell_of, rows, wall

from autograde import parcel
from autograde.cluster import Cluster, ClusterError
from autograde.engine.sandbox import Sandbox
from autograde.execution import Execution
from autograde.limits import Limits
from autograde.reasons import Reason
from autograde.release import masters
from autograde.runs import Plan, Way
from autograde.station import Promise
from autograde.submissions import Submission

WAITS = "def double(numbers):\n    import time\n    time.sleep(1)\n    return 2 * numbers"
KILLS_ITS_WORKER = """\
def double(numbers):
    import os, signal
    warm = int(open("/proc/self/stat").read().split()[3])
    worker = int(open(f"/proc/{warm}/stat").read().split()[3])
    os.kill(worker, signal.SIGKILL)"""


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    with running(tmp_path_factory.mktemp("cluster")) as cluster:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda _: cluster.add_worker(*wall()), range(2)))
        yield cluster


def hand_in_class(course):
    """Right, wrong, crashing, endless, unreadable and missing; files beside notebooks, and far too many of them."""
    solved = course.solved()
    course.hand_in("right", solved)
    course.hand_in("with-files", solved)
    (course.submitted("with-files") / "data").mkdir()
    (course.submitted("with-files") / "data" / "half \udc80 a name.txt").write_text("11")
    course.hand_in("too-much", solved)
    with open(course.submitted("too-much") / "big", "wb") as file:
        file.truncate(Limits().most_beside + 1)
    cell_of(solved, "double").source = "def double(numbers):\n    return abs(2 * numbers)"
    cell_of(solved, "words").source = "half a \ud800 character"
    course.hand_in("half", solved)
    cell_of(solved, "double").source = "def double(numbers):\n    while True: pass"
    course.hand_in("endless", solved)
    cell_of(solved, "double").source = "def double(numbers):\n    import os\n    os._exit(1)"
    course.hand_in("crash", solved)
    course.submitted("unreadable").joinpath("tiny.ipynb").write_text("{")
    course.submitted("missing")


def grade(course, *options):
    return autograde(
        "grade", "tiny", "--course", course.root, "--no-feedback", "--cell-seconds", "5", *wall(), *options
    )


def table(output):
    """The lines of the class's table, without what depends on the place."""
    return [line for line in output.splitlines() if line.startswith("│")]


@pytest.fixture(scope="module")
def alone(template, tmp_path_factory):
    """The class graded on this machine alone: its course, and what the command said."""
    course = Course(shutil.copytree(template.root, tmp_path_factory.mktemp("alone") / "course"))
    hand_in_class(course)
    result = grade(course)
    assert result.exit_code == 0, result.output
    return course, result.output


@pytest.fixture
def there(course):
    """The same class, ungraded, to be graded elsewhere."""
    hand_in_class(course)
    return course


def test_a_cluster_grades_to_the_same_gradebook(alone, there, two_workers):
    here, said = alone
    clustered = grade(there, "--scheduler", two_workers.address)
    assert clustered.exit_code == 0, clustered.output
    assert f"2 workers at {two_workers.address}" in clustered.output
    assert rows(there) == rows(here)
    assert len(rows(there)) == 8
    assert table(clustered.output) == table(said)
    unchanged = grade(there, "--scheduler", two_workers.address)
    assert "8 of them unchanged since they were graded" in unchanged.output


def test_a_solution_that_fails_on_the_cluster_grades_nobody(course, two_workers):
    course.hand_in("right", course.solved())
    (course.source.parent / "offset.txt").write_text("9")
    result = grade(course, "--scheduler", two_workers.address)
    assert result.exit_code == 2, result.output
    assert "does not score full marks here" in result.output


def test_a_lost_worker_loses_nothing(course, two_workers):
    solved = course.solved()
    cell_of(solved, "double").source = WAITS
    for name in ("ada", "bob", "cyd", "dan", "eve", "fay"):
        course.hand_in(name, solved)
    before = two_workers.worker_pids()
    assert len(before) == 2
    with ThreadPoolExecutor() as pool:
        result = pool.submit(grade, course, "--no-proof", "--scheduler", two_workers.address)
        deadline = time.monotonic() + SECONDS_TO_START
        while not list(course.classroom.glob("autograded/*/tiny/*.ipynb")) and not result.done():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(before[0], signal.SIGKILL)
        result = result.result()
    assert result.exit_code == 0, result.output
    assert result.output.count("6 / 8") >= 6
    assert {sum(mark[1] for mark in marks if mark[1]) for _, _, marks, _ in rows(course).values()} == {6}
    two_workers.wait_for(lambda: len(two_workers.worker_pids()) == 2)
    assert before[0] not in two_workers.worker_pids()


def test_a_weaker_worker_is_refused_and_a_killer_is_given_up_after_two(course, tmp_path):
    solved = course.solved()
    course.hand_in("honest", solved)
    cell_of(solved, "double").source = KILLS_ITS_WORKER
    course.hand_in("killer", solved)
    with running(tmp_path) as cluster:
        cluster.add_worker("--sandbox", "none")
        refused = autograde("grade", "tiny", "--course", course.root, "--scheduler", cluster.address)
        assert refused.exit_code == 2, refused.output
        assert "locks students' code up not at all, asked is in namespaces" in refused.output
        assert not (course.classroom / "gradebook.db").exists()

        options = ("--no-proof", "--no-feedback", "--sandbox", "none", "--scheduler", cluster.address)
        first = cluster.worker_pids()
        result = autograde("grade", "tiny", "--course", course.root, *options)
        assert result.exit_code == 1, result.output
        assert "2 workers were lost while they ran this submission" in " ".join(result.output.split())
        assert list(rows(course)) == ["honest"]
        cluster.wait_for(lambda: len(cluster.worker_pids()) == 1)
        assert cluster.worker_pids() != first


def test_two_hosts_grade_to_the_same_gradebook(alone, there, tmp_path):
    """Two network namespaces, each with a worker that reaches the scheduler over a network only."""
    folder = tmp_path / "logs"
    folder.mkdir()
    with hosts(2) as (address, names), running(folder, address) as cluster:
        with ThreadPoolExecutor() as pool:
            for done in [
                pool.submit(cluster.add_worker, "--host", own, *wall(), host=name) for name, own in names.items()
            ]:
                done.result()
        clustered = grade(there, "--scheduler", cluster.address)
        assert clustered.exit_code == 0, clustered.output
        assert "2 workers at tcp://10.77.0.1" in clustered.output
    assert rows(there) == rows(alone[0])


def test_a_worker_with_other_packages_is_refused(two_workers):
    with Cluster(two_workers.address, jailed=not wall()) as cluster:
        assert cluster.refused == []
        other = Promise("far", cluster.sandbox.jailed, "0" * 64)
        assert cluster._refusal(other).startswith("far has another version of autograde, Python or a package")
        assert "no module" in cluster._refusal(ModuleNotFoundError("no module"))


def test_no_scheduler_is_told(course, monkeypatch):
    monkeypatch.setattr("autograde.cluster.CONNECT_SECONDS", 1)
    course.hand_in("right", course.solved())
    result = grade(course, "--scheduler", "tcp://127.0.0.1:9")
    assert result.exit_code == 2, result.output
    assert "No scheduler answers at tcp://127.0.0.1:9" in result.output
    with pytest.raises(ClusterError, match="No scheduler answers at nonsense"):
        Cluster("nonsense://", jailed=True)


def test_a_worker_says_what_its_machine_promises():
    result = autograde("worker")
    assert "network namespace" in result.output
    assert result.exit_code == (2 if wall() else 0)


def test_what_travels_arrives_as_it_left(course, tmp_path):
    hand_in_class(course)
    from autograde.course import find_course
    from autograde.submissions import read_submission

    here = find_course(course.root, None)
    way = Way(Sandbox(jailed=False), Limits(cell_seconds=7), jobs=3, threads=2, seeds=(5, 6))
    plan = Plan(here.source("tiny"), masters(here, "tiny"), way, until_short=True, as_they_are=True)
    arrived, modules = parcel.unpack_plan(parcel.pack_plan(plan), way.sandbox, tmp_path / "plan")
    assert arrived.masters == plan.masters
    assert (arrived.until_short, arrived.as_they_are) == (True, True)
    assert (arrived.way.limits, arrived.way.threads, arrived.way.seeds) == (way.limits, 2, (5, 6))
    assert (tmp_path / "plan" / "offset.txt").read_text() == "10"
    assert "numpy" in modules
    for student in ("right", "with-files", "half", "unreadable", "missing"):
        sent = read_submission(here, "tiny", student, ["tiny"])
        folder = tmp_path / student
        got = parcel.unpack_submission(parcel.pack_submission(sent, 1000), folder)
        assert isinstance(got, Submission)
        assert got.notebooks == sent.notebooks
        beside = [path for path in sent.folder.rglob("*") if path.is_file() and path.suffix != ".ipynb"]
        assert [(folder / path.relative_to(sent.folder)).read_text() for path in beside] == ["11"] * len(beside)
    notes = [Reason("crashed", "It ended.", lost=True)]
    ran = {"tiny": Execution(plan.masters["tiny"].notebook, notes)}
    assert parcel.unpack_executions(parcel.pack_executions(ran)) == ran
