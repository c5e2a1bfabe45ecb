"""Assignments that ask for a GPU: one submission a device, and a sentence where there is none.

No GPU is needed: what is tried is who gets which device, not what CUDA does with it.
"""

import itertools
import json

import pytest
from clusters import running
from conftest import autograde, cell_of

from autograde import runs
from autograde.engine.gpus import NoGpuError, gpus
from autograde.engine.sandbox import Sandbox

UNLOCKED = ("--sandbox", "none", "--no-proof", "--no-feedback")
TELLS = """\
def double(numbers):
    import json, os, time
    if not hasattr(double, "told"):
        begun = time.monotonic()
        time.sleep(0.3)
        double.told = [os.environ["CUDA_VISIBLE_DEVICES"], begun, time.monotonic()]
        with open({log!r}, "a") as file:
            file.write(json.dumps(double.told) + "\\n")
    return 2 * numbers"""


@pytest.fixture
def log(course, tmp_path):
    """Six submissions to an assignment that asks for a GPU; where each tells its device, its begin and its end."""
    with open(course.root / "nbgrader_config.py", "a") as config:
        config.write('\nc.Limits.assignments = {"tiny": {"gpus": 1}}\n')
    log, solved = tmp_path / "log", course.solved()
    cell_of(solved, "double").source = TELLS.format(log=str(log))
    for number in range(6):
        course.hand_in(f"student{number}", solved)
    return log


def told(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def grade(course, *options):
    return autograde("grade", "tiny", "--course", course.root, *options)


def test_a_device_has_one_submission_at_a_time(course, log, monkeypatch):
    monkeypatch.setattr(runs, "gpus", lambda sandbox: ["3", "5"])
    result = grade(course, "--jobs", "4", *UNLOCKED)
    assert result.exit_code == 0, result.output
    work = told(log)
    assert len(work) == 6
    assert {device for device, _, _ in work} == {"3", "5"}
    for wanted in ("3", "5"):
        turns = sorted((begun, ended) for device, begun, ended in work if device == wanted)
        assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(turns))


def test_who_asks_for_no_gpu_sees_none(course, log):
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text().replace("c.Limits.assignments", "unused"))
    assert grade(course, *UNLOCKED).exit_code == 0
    assert {device for device, _, _ in told(log)} == {""}


def test_without_a_gpu_or_with_walls_nobody_is_graded(course, log):
    for options, said in [
        (UNLOCKED, "asks for a GPU, and /dev has none"),
        (UNLOCKED[2:], "there is none inside the namespaces"),
    ]:
        result = grade(course, *options)
        assert result.exit_code == 2, result.output
        assert said in result.output
    assert not log.exists()


def test_a_cluster_gives_it_to_workers_that_have_one(course, log, tmp_path, monkeypatch):
    with running(tmp_path) as cluster:
        cluster.add_worker("--sandbox", "none")
        options = (*UNLOCKED, "--scheduler", cluster.address)
        refused = grade(course, *options)
        assert refused.exit_code == 2, refused.output
        assert "asks for a GPU, and no worker has one" in refused.output
        monkeypatch.setenv("AUTOGRADE_GPU", "7")
        cluster.add_worker("--sandbox", "none")
        result = grade(course, *options)
        assert result.exit_code == 0, result.output
    assert [device for device, _, _ in told(log)] == ["7"] * 6


def test_devices_are_found_by_their_files(tmp_path):
    for name in ("nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    assert gpus(Sandbox(jailed=False), tmp_path) == ["2", "10"]
    with pytest.raises(NoGpuError, match="has none"):
        gpus(Sandbox(jailed=False), tmp_path / "elsewhere")


@pytest.mark.parametrize("count", [2, 0.5])
def test_a_submission_can_have_one(course, log, count):
    config = course.root / "nbgrader_config.py"
    config.write_text(config.read_text().replace('"gpus": 1', f'"gpus": {count}'))
    result = grade(course, *UNLOCKED)
    assert result.exit_code == 2, result.output
    assert f"tiny asks for {count} GPUs; a submission can have 1." in result.output
