"""Plain data: what may travel between a student's process and the judge.

Only exact built-in types, numpy arrays and scalars of numbers or booleans, and torch tensors are plain. Everything else
is refused by name, so that an object which answers yes to every comparison never meets a comparison. Notebooks and
judge call the same function, so a value that passes in a student's JupyterLab passes in grading too.
"""

import sys
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np

DEEPEST = 50
"""Levels of nesting that plain data may have; a list that contains itself stops here."""

_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_NUMERIC_KINDS = "biufc"  # numpy's letters for boolean, signed, unsigned, floating and complex
_NUMPY_SCALARS = frozenset(kind for kind in np.sctypeDict.values() if np.dtype(kind).kind in _NUMERIC_KINDS)


class NotPlainError(TypeError):
    """A value that is no plain data; the message names its type and where in the value it lies."""


def plain(value: Any, where: str = "the result") -> Any:
    """Return a deep copy of `value` built from exact plain types.

    Tensors are detached and moved to the CPU; `torch.Size` becomes a tuple, `OrderedDict` a dict, a
    `torch.nn.Parameter` a tensor, a numpy array subclass is refused.

    Raises `NotPlainError` for any other type, naming it and its place, such as `the result[2]['weight']`.
    """
    return _copy(value, where, DEEPEST)


def _copy(value: Any, where: str, levels: int) -> Any:
    if levels == 0:
        raise NotPlainError(f"{where} is nested more than {DEEPEST} levels deep. Does it contain itself?")
    kind = type(value)
    if _is(kind, _ATOMS) or _is(kind, _NUMPY_SCALARS):
        return value
    if kind is list:
        return [_copy(item, f"{where}[{i}]", levels - 1) for i, item in enumerate(value)]
    if kind is tuple or _is_torch(kind, "Size"):
        return tuple(_copy(item, f"{where}[{i}]", levels - 1) for i, item in enumerate(value))
    if _is(kind, (set, frozenset)):
        return kind(_copy(item, f"an element of {where}", levels - 1) for item in value)
    if _is(kind, (dict, OrderedDict)):
        return {
            _copy(key, f"a key of {where}", levels - 1): _copy(item, f"{where}[{key!r}]", levels - 1)
            for key, item in value.items()
        }
    if kind is np.ndarray:
        if value.dtype.kind not in _NUMERIC_KINDS:
            raise NotPlainError(f"{where} is an array of dtype {value.dtype}; only numbers and booleans can be judged.")
        return value.copy()
    if _is_torch(kind, "Tensor") or _is_torch(kind, "nn.Parameter"):
        tensor = sys.modules["torch"].Tensor  # the class's methods: an instance can carry others
        return tensor.clone(tensor.cpu(tensor.detach(value)))
    raise NotPlainError(
        f"{where} is of type {kind.__module__}.{kind.__qualname__}. Only numbers, strings, lists, tuples, dicts, sets, "
        "numpy arrays and torch tensors can be judged: return one of these."
    )


def _is(kind: type, kinds: Iterable[type]) -> bool:
    """Whether `kind` is one of `kinds` itself; `in` would ask a metaclass, which may say yes to everything."""
    return any(kind is one for one in kinds)


def _is_torch(kind: type, name: str) -> bool:
    """Whether `kind` is exactly `torch.<name>`; never imports torch for a notebook that did not."""
    owner: Any = sys.modules.get("torch")
    for part in name.split("."):
        owner = getattr(owner, part, None)
    return kind is owner
