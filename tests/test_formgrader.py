"""A person marks in formgrader while the class is graded: both finish, and neither undoes what the other entered."""

import contextlib
import itertools
import json
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from conftest import BIN, Course, autograde, cell_of, grading, rows, wall

STUDENTS = ("ada", "bob", "cyd", "dan", "eve", "fay")
WAITS = "def double(numbers):\n    import time\n    time.sleep(0.5)\n    return 2 * numbers"
SECONDS_TO_START = 60


class Formgrader:
    """Formgrader in a Jupyter server of its own, as a browser talks to it."""

    def __init__(self, port: int, token: str) -> None:
        self._address, self._token = f"http://127.0.0.1:{port}/formgrader", token

    def get(self, path: str) -> str:
        return self._ask(path)

    def put(self, path: str, **facts) -> str:
        return self._ask(path, json.dumps(facts).encode(), "PUT")

    def _ask(self, path: str, body: bytes | None = None, method: str = "GET") -> str:
        request = Request(f"{self._address}/{path}", body, {"Authorization": f"token {self._token}"}, method=method)
        with urlopen(request, timeout=60) as answer:  # raises for anything but success
            return answer.read().decode()


@pytest.fixture
def formgrader(course, tmp_path) -> Iterator[Formgrader]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, log = secrets.token_hex(), tmp_path / "server.log"
    with open(log, "w") as file:
        server = subprocess.Popen(
            [BIN / "jupyter", "server", "--no-browser", "--allow-root", f"--port={port}"],
            cwd=course.root,
            env={**os.environ, "JUPYTER_TOKEN": token, "JUPYTER_RUNTIME_DIR": str(tmp_path)},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    found = Formgrader(port, token)
    deadline = time.monotonic() + SECONDS_TO_START
    try:
        while True:
            with contextlib.suppress(URLError):
                found.get("api/status")
                break
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield found
    finally:
        server.terminate()
        server.wait()


def test_marking_in_formgrader_while_the_class_is_graded_again(course: Course, formgrader):
    solved = course.solved()
    cell_of(solved, "double").source = WAITS
    for student in STUDENTS:
        course.hand_in(student, solved)
    graded = autograde("grade", "tiny", "--course", course.root, "--no-feedback", "--no-proof", *wall())
    assert graded.exit_code == 0, graded.output

    marked, counter = {}, itertools.count()
    run = grading(course, "--again")
    while run.poll() is None:
        for notebook in json.loads(formgrader.get("api/submitted_notebooks/tiny/tiny")):
            student, which = notebook["student"], notebook["id"]
            assert "Doubling is linear" in formgrader.get(f"submissions/{which}/")
            marks = json.loads(formgrader.get(f"api/grades?submission_id={which}"))
            remarks = json.loads(formgrader.get(f"api/comments?submission_id={which}"))
            (mark,) = [each["id"] for each in marks if each["name"] == "words"]
            (remark,) = [each["id"] for each in remarks if each["name"] == "words"]
            given = next(counter) % 20 / 10
            formgrader.put(f"api/grade/{mark}", manual_score=given, extra_credit=0.5)
            formgrader.put(f"api/comment/{remark}", manual_comment=f"worth {given}")
            marked[student] = given
    assert run.returncode == 0
    assert set(marked) == set(STUDENTS)
    for student, (_, _, marks, comments) in rows(course).items():
        given = marked[student]
        assert {name: score for name, score, *_ in marks} == {
            "test-double": 3,
            "test-shift": 2,
            "test-stock": 1,
            "words": None,
        }
        assert [mark[2:4] for mark in marks if mark[0] == "words"] == [(given, 0.5)]
        assert ("words", "", f"worth {given}") in comments
