"""Whatever is killed, and whenever: started again, the class ends in the same gradebook as one that was left alone.

AUTOGRADE_KILLS says how often each is killed; more take longer and prove more.
"""

import contextlib
import os
import random
import shutil
import signal
import threading
import time

import pytest
from conftest import Course, autograde, cell_of, grading, rows, wall

from autograde.engine.processes import Slot, WarmParent
from autograde.engine.sandbox import Sandbox
from autograde.execution import EngineError
from autograde.limits import Limits

KILLS = int(os.environ.get("AUTOGRADE_KILLS", "2"))
STUDENTS = 6
WAITS = "def double(numbers):\n    import time\n    time.sleep(0.4)\n    return 2 * numbers"


@pytest.fixture(scope="module")
def undisturbed(template, tmp_path_factory):
    """A class that takes its time, half of it partly right, graded undisturbed; and how many seconds that took."""
    course = Course(shutil.copytree(template.root, tmp_path_factory.mktemp("undisturbed") / "course"))
    solved = course.solved()
    for number in range(STUDENTS):
        cell_of(solved, "double").source = WAITS.replace("2 * numbers", "abs(2 * numbers)") if number % 2 else WAITS
        course.hand_in(f"student{number}", solved)
    begun = time.monotonic()
    assert grading(course).wait() == 0
    return course, time.monotonic() - begun


@pytest.fixture
def ungraded(course, undisturbed):
    """The same class, of which nothing was graded."""
    handed_in = undisturbed[0].classroom / "submitted"
    shutil.copytree(handed_in, course.classroom / "submitted")
    return course


def test_a_run_that_is_killed_at_any_moment_goes_on(ungraded, undisturbed):
    whole, seconds = undisturbed
    moments = random.Random(0)
    for _ in range(KILLS):
        run = grading(ungraded)
        time.sleep(moments.uniform(0.2, 1) * seconds)
        run.kill()
        run.wait()
    assert grading(ungraded).wait() == 0
    assert rows(ungraded) == rows(whole)
    assert _pages(ungraded) == _pages(whole)


@pytest.fixture
def processes(monkeypatch):
    """The warm parents that run, and the processes that they forked, by role; filled while a class is graded."""
    seen = {"warm": [], "judge": [], "student": []}
    fork = WarmParent.fork

    def remembered(self, role, *arguments):
        process = fork(self, role, *arguments)
        seen[role].append(process)
        seen["warm"] = [self]
        return process

    monkeypatch.setattr(WarmParent, "fork", remembered)
    return seen


def kill_judge(seen) -> bool:
    """Kill a judge that runs; whether there was one."""
    for judge in seen["judge"]:
        with contextlib.suppress(OSError):  # it ended, or its descriptor was closed, a moment ago
            signal.pidfd_send_signal(judge.pidfd, signal.SIGKILL)
            seen["judge"].remove(judge)
            return True
    return False


def kill_warm_parent(seen) -> bool:
    """Kill the warm parent, if one runs, and so everything that it forked."""
    for warm in seen["warm"]:
        if warm._program.poll() is None:
            warm._program.kill()
            return True
    return False


@pytest.mark.parametrize("kill", [kill_judge, kill_warm_parent])
def test_a_process_that_is_killed_costs_nobody_a_point(ungraded, undisturbed, processes, kill):
    moments, over, killed = random.Random(1), threading.Event(), 0

    def strike():
        nonlocal killed
        while killed < KILLS and not over.wait(moments.uniform(0.2, 1.5)):
            killed += kill(processes)

    killer = threading.Thread(target=strike)
    killer.start()
    try:
        for _ in range(5 + KILLS):
            result = grade(ungraded, "--again")
            assert result.exit_code in (0, 1), result.output
            if killed == KILLS:
                break
    finally:
        over.set()
        killer.join()
    assert killed == KILLS
    final = grade(ungraded)
    assert final.exit_code == 0, final.output
    assert rows(ungraded) == rows(undisturbed[0])


def test_who_notices_after_a_new_warm_parent_was_started_still_hears_of_the_old_ones_end(tmp_path):
    with WarmParent(Sandbox(jailed=False)) as warm:
        before = warm.fork("student", tmp_path, Slot(0), Limits(), threads=1, seed=0)
        warm.check_alive(before)
        warm._program.kill()
        warm._program.wait()
        warm.restart()
        with pytest.raises(EngineError, match="warm parent ended"):
            warm.check_alive(before)
        after = warm.fork("student", tmp_path, Slot(0), Limits(), threads=1, seed=0)
        warm.check_alive(after)
        before.kill()
        after.kill()


def test_a_judge_that_is_killed_while_the_student_computes_is_replaced(course, undisturbed, processes):
    """It is gone when the answer is sent; the submission is run once more, and nobody has to grade again."""
    shutil.copytree(undisturbed[0].submitted("student0"), course.submitted("student0"), dirs_exist_ok=True)
    over, killed = threading.Event(), []

    def strike():
        while not processes["judge"] and not over.wait(0.01):
            pass
        time.sleep(0.3)  # every call of `double` sleeps for 0.4 s, so by now the judge waits for one
        killed.append(kill_judge(processes))

    killer = threading.Thread(target=strike)
    killer.start()
    result = grade(course)
    over.set()
    killer.join()
    assert killed == [True]
    assert result.exit_code == 0, result.output
    assert rows(course)["student0"] == rows(undisturbed[0])["student0"]


def test_a_test_that_ends_its_own_judge_is_named(course):
    """Killed once it may be anybody's doing; killed twice it is the test's."""
    source = course.source
    text = source.read_text().replace("1 and 2 should become 2 and 4", "x")
    source.write_text(text.replace("total()", "import os\\nos._exit(1)", 1))
    course.hand_in("ada", course.solved())
    result = grade(course)
    assert result.exit_code == 0, result.output
    assert "judge: The test in cell [3] (test-double) ended; have a look at the test itself." in result.output
    marks = {name: earned for name, earned, *_ in rows(course)["ada"][2]}
    assert marks == {"test-double": 0, "test-shift": 2, "test-stock": 1, "words": None}


def grade(course, *options):
    options = ("--no-feedback", "--no-proof", "--jobs", "2", *wall(), *options)
    return autograde("grade", "tiny", "--course", course.root, *options)


def _pages(course):
    return sorted(path.relative_to(course.classroom) for path in course.classroom.glob("autograded/*/tiny/*.ipynb"))
