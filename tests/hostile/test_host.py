"""On a host that lacks something: what is left still holds, or nothing is run and a sentence says why."""

import os
import re
import subprocess
import sys

import pytest

from hostile import tiny

ORDINARY = tiny.CHECKOUT / "tests" / "jail" / "unprivileged.py"

# A filter that refuses new namespaces, as the seccomp profile of a container does.
WITHOUT_NAMESPACES = """
import sys
from autograde.engine.jail import seccomp
from autograde.engine.jail.privileges import forbid_new_privileges

forbid_new_privileges()
seccomp.shut()
from autograde.cli import main

main()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="this is an ordinary user already")
def test_an_ordinary_user_is_as_safe(sandbox):
    """The cases that reach for what is outside, once more, with nothing but user namespaces to hold them."""
    tests = tiny.CHECKOUT / "tests" / "hostile" / "test_reach.py"
    command = [sys.executable, str(ORDINARY), "-q", "-k", "not holds_it_back", str(tests)]
    done = subprocess.run(command, cwd=tiny.CHECKOUT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 15


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no seccomp to take namespaces away with")
@pytest.mark.parametrize("options", [[], ["--sandbox", "namespaces"]], ids=["by default", "by name"])
def test_without_namespaces_nothing_is_run_and_a_sentence_says_why(tmp_path, options):
    course = tiny.build(tmp_path, tiny.Canaries())
    folder = course.submitted(tiny.ASSIGNMENT, "mallory")
    folder.mkdir(parents=True)
    (folder / tiny.NOTEBOOK).write_text("{}")
    command = [sys.executable, "-c", WITHOUT_NAMESPACES, "grade", tiny.ASSIGNMENT, "--course", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "COLUMNS": "300"})
    assert done.returncode == 2, done.stdout + done.stderr
    assert "cannot lock student code up" in done.stderr
    assert "--sandbox none" in done.stderr  # what one can do
    assert "Traceback" not in done.stderr
    assert not course.autograded(tiny.ASSIGNMENT, "mallory").exists()
