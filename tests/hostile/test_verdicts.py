"""Nobody gets more than the honest score, whatever they do to the notebook's machinery or to the answers they give."""

import pytest

from hostile.cases import read

MACHINERY, FRAMES, QUIET, RESULTS = map(read, ("machinery", "frames", "quiet", "results"))
CASES = [*MACHINERY, *FRAMES, *QUIET, *RESULTS]


@pytest.mark.parametrize("case", MACHINERY, ids=str)
def test_machinery_that_was_tampered_with_judges_nothing(case, result):
    result.check()


@pytest.mark.parametrize("case", FRAMES, ids=str)
def test_what_the_student_process_sends_is_no_verdict(case, result):
    result.check()


@pytest.mark.parametrize("case", QUIET, ids=str)
def test_no_test_falls_silent(case, result):
    """A cell that neither fails nor gives a number counts as passed: the worst place to lose an output."""
    result.check()


@pytest.mark.parametrize("case", RESULTS, ids=str)
def test_a_result_that_is_no_plain_data_earns_nothing_and_is_named(case, result):
    result.check()
