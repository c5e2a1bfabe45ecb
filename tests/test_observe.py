"""How a test cell looks at a student's work, and what its parts say and count."""

import gc
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from autograde.engine.judge import observed_functions
from autograde.plain import NotPlainError
from autograde.testing import observe, part


@observe
def same(value):
    return value


def test_values_pass_through_unchanged():
    np.testing.assert_array_equal(same(np.array([1.5])), [1.5])
    assert same([1, "a", None]) == [1, "a", None]


def test_the_student_cannot_change_what_the_test_holds():
    @observe
    def spoil(array, numbers, *, named):
        array[:] = 0
        numbers.clear()
        named["a"] = 0

    array, numbers, named = np.ones(2), [1], {"a": 1}
    spoil(array, numbers, named=named)
    assert array.tolist() == [1, 1]
    assert numbers == [1]
    assert named == {"a": 1}


def test_the_test_cannot_change_what_the_student_holds():
    kept = [np.ones(2)]

    @observe
    def give():
        return kept

    result = give()
    result[0][:] = 0
    result.append(1)
    assert len(kept) == 1
    assert kept[0].tolist() == [1, 1]


def test_a_result_that_is_not_plain_names_function_and_place():
    @observe
    def weights():
        return {"layers": [object()]}

    with pytest.raises(NotPlainError, match=r"^the result of weights\['layers'\]\[0\] is of type builtins.object"):
        weights()


def test_an_argument_that_is_not_plain_names_the_function():
    with pytest.raises(NotPlainError, match=r"^an argument of same.* is of type builtins.object"):
        same(object())
    with pytest.raises(NotPlainError, match=r"^an argument of same.*value.* is of type builtins.object"):
        same(value=object())


def test_every_call_draws_the_same_random_numbers():
    @observe
    def draw():
        return random.random(), np.random.normal(size=2), torch.rand(2)

    first = draw()
    random.random(), np.random.normal(), torch.rand(1)
    second = draw()
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])
    assert torch.equal(first[2], second[2])


def test_an_exception_of_the_student_reaches_the_test():
    @observe
    def fail():
        raise ValueError("no")

    with pytest.raises(ValueError, match=r"^no$"):
        fail()


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    """An IPython shell of the kind that runs a notebook's cells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}), colors="nocolor")
        shell.run_cell("import numpy as np\nfrom autograde.testing import observe, part, total", store_history=True)
        yield shell
        InteractiveShell.clear_instance()


@pytest.fixture
def cell(shell, capsys):
    """Run a cell; return its last value, or None where it stopped, and what it printed."""

    def run(source):
        capsys.readouterr()
        outcome = shell.run_cell(source, store_history=True)
        return outcome.result, capsys.readouterr().out

    return run


def test_parts_add_up_to_the_total(cell):
    points, said = cell("""\
with part("first", points=2):
    assert 1 == 1
with part("second", points=0.5):
    pass
total()""")
    assert points == 2.5
    assert "✓ first: 2 of 2 points" in said
    assert "✓ second: 0.5 of 0.5 points" in said


def test_a_part_that_fails_earns_nothing_and_the_next_still_runs(cell):
    points, said = cell("""\
with part("first", points=1):
    assert 1 == 2, "one is not two"
with part("second", points=2):
    pass
total()""")
    assert points == 2
    assert "✗ first: 0 of 1 point\n    one is not two\n" in said
    assert "✓ second: 2 of 2 points" in said


def test_all_parts_failing_make_zero_and_not_nothing(cell):
    points, _ = cell("with part('a', points=1):\n    assert False\ntotal()")
    assert points == 0
    assert isinstance(points, float)


MESSAGES = {
    "not done": ("raise NotImplementedError()", ["Not done yet:"]),
    "not supported": ("raise NotImplementedError('softmax not implemented for Int')", ["softmax not implemented"]),
    "name": ("blurr(3)", ["name 'blurr' is not defined", "Run the cell that defines it", "spelt as the task says"]),
    "bare assert": ("x = 3\n    assert x == 4", ["This check does not hold: assert x == 4"]),
    "own exception": ("raise ValueError('too small')", ["Your code stopped with ValueError: too small"]),
    "syntax": ("int('ten')", ["Your code stopped with ValueError: invalid literal", "'ten'"]),
    "not plain": ("observe(lambda: object())()", ["NotPlainError: the result of <lambda> is of type builtins.object"]),
    "several lines": ("assert False, 'one\\ntwo'", ["    one\n    two\n"]),
    "numpy": ("np.testing.assert_allclose([1.0], [2.0])", ["Not equal to tolerance", "ACTUAL", "DESIRED"]),
}


@pytest.mark.parametrize(("body", "words"), MESSAGES.values(), ids=MESSAGES)
def test_a_failing_part_says_what_is_wrong(cell, body, words):
    points, said = cell(f"with part('it', points=1):\n    {body}\ntotal()")
    assert points == 0
    for word in words:
        assert word in said


def test_a_variable_used_before_it_was_set_is_not_called_a_missing_cell(cell):
    cell("def twice(x):\n    if x > 0:\n        result = 2 * x\n    return result")
    _, said = cell("with part('it', points=1):\n    twice(-1)\ntotal()")
    assert "result" in said
    assert "Run the cell that defines it" not in said


def test_a_bare_assert_in_the_students_code_shows_its_line(cell):
    cell("def half(n):\n    assert n % 2 == 0\n    return n // 2")
    _, said = cell("with part('it', points=1):\n    half(3)\ntotal()")
    assert "This check does not hold: assert n % 2 == 0" in said


def test_an_exception_that_cannot_be_printed_does_not_stop_the_next_part(cell):
    cell("class Odd(Exception):\n    def __str__(self):\n        raise ValueError")
    points, said = cell("with part('a', points=1):\n    raise Odd\nwith part('b', points=2):\n    pass\ntotal()")
    assert points == 2
    assert "Odd" in said


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes_through_a_part(kind):
    with pytest.raises(kind), part("it", points=1):
        raise kind


def test_a_total_without_parts_is_an_error_of_the_test(cell):
    points, said = cell("total()")
    assert points is None
    assert "RuntimeError: total() found no `with part(...)` block" in said


def test_a_cell_that_stopped_before_its_total_lends_no_points(cell):
    stopped, _ = cell("with part('a', points=5):\n    pass\nraise ValueError\ntotal()")
    assert stopped is None
    points, _ = cell("with part('b', points=1):\n    pass\ntotal()")
    assert points == 1


def test_an_interrupted_cell_lends_no_points(cell):
    cell("with part('a', points=5):\n    pass\nwith part('b', points=5):\n    raise KeyboardInterrupt\ntotal()")
    points, _ = cell("with part('c', points=1):\n    assert False\ntotal()")
    assert points == 0


def test_a_cell_run_again_counts_once(cell):
    source = "with part('a', points=1):\n    pass\ntotal()"
    assert [cell(source)[0], cell(source)[0]] == [1, 1]


def test_many_threads_may_look_for_observed_functions_at_once():
    """Python 3.11 raises SystemError in one of them when the collector runs code of ours while another parses."""

    class Slow:
        def __del__(self):
            for _ in range(200):
                pass

    def look(number):
        for _ in range(50):
            circle = [Slow()]
            circle.append(circle)
        lines = [f"@observe\ndef f{k}(x):\n    return [x + {number}, {{'a': [x, (x, [x])]}}]" for k in range(40)]
        return observed_functions("\n".join(lines))

    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    try:
        sys.setswitchinterval(1e-6)
        gc.set_threshold(50)
        with ThreadPoolExecutor(4) as pool:
            assert all(len(found) == 40 for found in pool.map(look, range(200)))
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)
