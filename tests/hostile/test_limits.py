"""Whoever uses too much or ends too early loses what is not reached, with a reason; nobody else loses anything."""

import pytest

from hostile.cases import read

CASES = read("limits")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_too_much_or_too_early_costs_only_what_was_not_reached(case, result):
    result.check()
    if case.reason:
        assert result.graded.lost


@pytest.mark.parametrize("name", ["one-long-line", "many-lines", "many-displays", "noisy-program"])
def test_output_beyond_the_limit_is_cut_and_says_so(name, graduated):
    said = graduated.results[name].said
    assert len(said) < 2**19
    assert "cut off" in said or "Output truncated" in said


def test_a_part_that_passed_before_the_end_keeps_its_points(graduated):
    assert "✓ negative numbers: 2 of 2 points" in graduated.results["exit-when-asked"].verdicts
