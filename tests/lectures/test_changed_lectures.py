"""Lectures as readers run them: with one constant changed, and on CIFAR-10. Slow: `make slow` runs these.

A lecture with a changed constant must reach its end; nothing is said of its results, so its checks stay away. On
CIFAR-10 the checks are there: what they assert holds for whichever set was found, or says for which it does.
"""

import ast
import os
import tarfile
from itertools import pairwise
from pathlib import Path

import lecture_rules
import pytest
from conftest import CHECKOUT
from lecture_rules import Lecture
from lecture_runs import cifar10_here, constants, execute, printed, with_constant

LECTURES = [lecture for lecture in lecture_rules.lectures(CHECKOUT / "lectures") if lecture.checks]
ON_CIFAR10 = [lecture for lecture in LECTURES if "data.cifar10(" in "\n".join(cell.source for cell in lecture.code)]
EMBEDDED = {"CNNLAB_DATA": "embedded"}

# Other values where half, double, or one less would make no sense; by lecture and name.
OTHERS: dict[tuple[int, str], tuple[object, object]] = {
    (5, "MOMENTUM"): (0.0, 0.95),  # below 1
    (5, "OWN_PICTURE"): ("missing.jpg", "../docs/overview.png"),
    (7, "TARGET"): (0.5, 0.9),  # an accuracy
    (9, "OWN_PICTURES"): ("../docs", "../docs/overview.png"),
    (9, "SIDE"): (64, 128),  # multiples of 32
}


def others(lecture: Lecture, name: str, value: object) -> tuple[object, object]:
    """Two other sensible values of a constant."""
    if chosen := OTHERS.get((lecture.number, name)):
        return chosen
    if "SEED" in name and isinstance(value, int):
        return value + 1, value + 7
    match value:
        case bool():
            return not value, not value
        case int():
            return max(1, value // 2), 2 * value
        case float():
            return value / 2, 2 * value
        case tuple() | list() if len(value) > 1:
            return value[:-1], value[1:]
    raise AssertionError(f"lecture {lecture.number}: give two other values of {name} = {value!r} in OTHERS")


CASES = [
    pytest.param(lecture, name, value, id=f"{lecture.number:02}-{name}={value}".replace(" ", ""))
    for lecture in LECTURES
    for name, current in constants(lecture).items()
    for value in dict.fromkeys(map(repr, others(lecture, name, current)))
]


def test_constants_are_set_apart_and_all_have_other_values():
    assert [lecture.number for lecture in LECTURES] == sorted({lecture.number for lecture in LECTURES})
    assert {case.values[0].number for case in CASES} == {lecture.number for lecture in LECTURES}
    for left, right in pairwise(CASES):
        assert left.id != right.id


@pytest.mark.slow
@pytest.mark.parametrize(("lecture", "name", "value"), CASES)
def test_a_lecture_reaches_its_end_with_another_constant(lecture, name, value):
    execute(with_constant(lecture, name, ast.literal_eval(value)), lecture, environment=EMBEDDED)


@pytest.fixture(scope="session")
def cifar10(tmp_path_factory) -> Path:
    """A folder with CIFAR-10."""
    found = cifar10_here(CHECKOUT)
    if found is None:
        pytest.skip("no CIFAR-10 here: name a folder that holds it in CNNLAB_DATA")
    if found.is_dir():
        return found
    folder = tmp_path_factory.mktemp("cifar10")
    with tarfile.open(found) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("lecture", ON_CIFAR10, ids=lambda lecture: lecture.path.stem)
def test_a_lecture_runs_on_cifar10_with_its_checks(lecture, cifar10):
    ran = execute(lecture.notebook, lecture, checks=lecture.checks, environment={"CNNLAB_DATA": os.fspath(cifar10)})
    assert "CIFAR-10" in printed(ran)
    assert "THIS IS NOT CIFAR-10" not in printed(ran)
