"""What may travel between a student's work and its judge: exact plain types, copied, and nothing else."""

import collections
import decimal
import re

import numpy as np
import pytest
import torch

from autograde.plain import NotPlainError, plain

KEPT = {
    "None": None,
    "bool": True,
    "int": 2**70,
    "float": 0.1,
    "complex": 1 - 2j,
    "str": "ä 木",
    "bytes": b"\x00\xff",
    "list": [1, [2.0, "3"]],
    "tuple": (1, (2,)),
    "dict": {1: "a", (2, "b"): [None]},
    "set": {1, "a"},
    "frozenset": frozenset({(1, 2)}),
    "numpy bool": np.True_,
    "numpy int8": np.int8(-3),
    "numpy float32": np.float32(0.1),
    "numpy complex": np.complex64(1j),
}


def is_same(result, expected) -> bool:
    """Whether value and types are equal, all the way down."""
    if type(result) is not type(expected) or result != expected:
        return False
    if isinstance(result, dict):
        return is_same(list(result.items()), list(expected.items()))
    return not isinstance(result, list | tuple) or all(map(is_same, result, expected))


@pytest.mark.parametrize("value", KEPT.values(), ids=KEPT)
def test_value_and_type_are_kept(value):
    assert is_same(plain(value), value)


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f2", "f4", "f8", "c8", ">i4"])
def test_an_array_keeps_its_dtype_and_shape(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    result = plain(array)
    assert type(result) is np.ndarray
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array, strict=True)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.float32, torch.complex64])
def test_a_tensor_keeps_its_dtype_and_shape(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(dtype)
    result = plain(tensor)
    assert type(result) is torch.Tensor
    torch.testing.assert_close(result, tensor, rtol=0, atol=0)


def test_numbers_that_are_no_number_are_kept():
    assert np.isnan(plain(float("nan")))
    assert plain(float("-inf")) == float("-inf")


def test_relatives_of_plain_types_become_these():
    assert is_same(plain(collections.OrderedDict(a=1)), {"a": 1})
    assert is_same(plain(torch.zeros(2, 3).shape), (2, 3))
    assert type(plain(torch.nn.Parameter(torch.ones(2)))) is torch.Tensor


def test_tensors_are_detached():
    weight = torch.nn.Parameter(torch.ones(2))
    for tensor in (weight, weight * 2):
        result = plain([tensor])[0]
        assert not result.requires_grad
        assert result.grad_fn is None


def test_a_copy_shares_nothing_with_the_original():
    value = {"list": [1], "set": {1}, "array": np.zeros(2), "view": np.zeros((4, 4))[::2, 1:], "tensor": torch.zeros(2)}
    copy = plain(value)
    value["list"].append(2)
    value["set"].add(2)
    value["array"][0] = value["tensor"][0] = value["view"][0, 0] = 7
    value["new"] = 1
    assert copy.keys() == {"list", "set", "array", "view", "tensor"}
    assert (copy["list"], copy["set"]) == ([1], {1})
    assert not copy["array"].any()
    assert not copy["view"].any()
    assert not copy["tensor"].any()


class Yes:
    """Equal to everything, and itself whatever is done to it."""

    def __eq__(self, other):
        return True

    __hash__ = object.__hash__

    def itself(self, *_):
        return self

    cpu = clone = copy = detach = itself


class YesKind(type):
    """A class that is equal to every other class."""

    def __eq__(cls, other):
        return True

    def __hash__(cls):
        return hash(np.float64)


class YesOfYesKind(Yes, metaclass=YesKind):
    pass


class MyList(list):
    pass


class MyStr(str):
    pass


class MyInt(int):
    pass


class MyArray(np.ndarray):
    pass


class MyTensor(torch.Tensor):
    pass


REFUSED = {
    "equal to everything": (Yes(), "test_plain.Yes"),
    "equal to everything, its class too": (YesOfYesKind(), "test_plain.YesOfYesKind"),
    "list subclass": (MyList([1]), "test_plain.MyList"),
    "str subclass": (MyStr("a"), "test_plain.MyStr"),
    "int subclass": (MyInt(1), "test_plain.MyInt"),
    "namedtuple": (collections.namedtuple("Point", "x")(1), "test_plain.Point"),
    "defaultdict": (collections.defaultdict(list), "collections.defaultdict"),
    "numpy subclass": (np.zeros(2).view(MyArray), "test_plain.MyArray"),
    "masked array": (np.ma.masked_array([1.0]), "MaskedArray"),
    "tensor subclass": (torch.zeros(2).as_subclass(MyTensor), "test_plain.MyTensor"),
    "array of objects": (np.array([Yes()], dtype=object), "dtype object"),
    "array of text": (np.array(["a"]), "dtype <U1"),
    "array of records": (np.zeros(1, dtype="f4,f4"), "dtype"),
    "array of dates": (np.array(["2020-01-01"], dtype="M8[D]"), "dtype datetime64"),
    "generator": ((i for i in [1]), "builtins.generator"),
    "range": (range(3), "builtins.range"),
    "function": (len, "builtins.builtin_function_or_method"),
    "class": (int, "builtins.type"),
    "module": (torch.nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
    "bytearray": (bytearray(b"a"), "builtins.bytearray"),
    "decimal": (decimal.Decimal(1), "decimal.Decimal"),
}


@pytest.mark.parametrize(("value", "kind"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_by_name(value, kind):
    with pytest.raises(NotPlainError, match=rf"^the result is .*{re.escape(kind)}"):
        plain(value)


PLACES = {
    "the result[1]": lambda value: [0, value],
    "the result[0][2]": lambda value: ([0, 1, value],),
    "the result['weight'][0]": lambda value: {"weight": (value,)},
    "a key of the result": lambda value: {value: 1},
    "an element of the result": lambda value: {value},
}


@pytest.mark.parametrize("place", PLACES)
def test_the_place_of_what_is_refused_is_named(place):
    with pytest.raises(NotPlainError, match=f"^{re.escape(place)} is of type "):
        plain(PLACES[place](Yes()))


def test_the_place_begins_as_the_caller_says():
    with pytest.raises(NotPlainError, match=r"^an argument\[0\] is of type "):
        plain([Yes()], "an argument")


def test_a_list_that_contains_itself_is_refused():
    endless = [1]
    endless.append({"again": endless})
    with pytest.raises(NotPlainError, match=r"nested more than 50 levels deep\. Does it contain itself"):
        plain(endless)


def test_a_tensor_cannot_answer_for_itself():
    tensor = torch.zeros(2)
    tensor.detach = lambda: Yes()
    assert type(plain(tensor)) is torch.Tensor
