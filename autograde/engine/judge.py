"""The judge process: runs the test cells, away from the student's code.

What a test wants to know of the student's work it asks through `observe`: the function's text and its arguments go out,
plain data comes back.
"""

import ast
import builtins
import functools
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from autograde import testing
from autograde.engine.shell import CaptureShell, pack_output, run_cell
from autograde.engine.wire import Channel, Closed, Frame, ProtocolError, decode, encode
from autograde.plain import plain


class StudentCodeError(Exception):
    """An exception of the student's code that has no built-in kind, or that ended the student process."""


def serve(channel: Channel, shell: CaptureShell) -> None:
    """Run given cells and test cells as they come, until the other side closes the channel."""

    def emit(output: dict[str, Any]) -> None:
        channel.send("output", pack_output(output))

    while True:
        try:
            frame = channel.receive()
        except Closed:
            return
        # Test cells import `observe` by name, so it is replaced where they import it from.
        source = frame.body.decode()
        testing.observe = _observer(channel, observed_functions(source))
        shell.user_ns["observe"] = testing.observe
        run_cell(shell, source, emit)
        channel.send("done")


_parsing = threading.Lock()
"""Held while one thread parses: Python 3.11 mixes up how deep two are that parse at once (CPython issue 106905)."""


def observed_functions(source: str) -> Mapping[str, str]:
    """The text of every function in a cell that is decorated with `observe`, without its decorators, by name.

    Empty for a cell that observes nothing, also for one that is not Python.
    """
    with _parsing:
        return _observed_functions(source)


@functools.lru_cache(maxsize=256)  # a whole class has the same tests
def _observed_functions(source: str) -> Mapping[str, str]:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # IPython magics, another language
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(_is_observe(one) for one in node.decorator_list):
            node.decorator_list = []
            found[node.name] = ast.unparse(node)
    return found


def _is_observe(decorator: ast.expr) -> bool:
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", None)
    return name == "observe"


def _observer(channel: Channel, sources: Mapping[str, str]) -> Callable[[Callable], Callable]:
    """`observe` for one test cell: calls go to the student process."""

    def observe(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__

        @functools.wraps(function)
        def observed(*args: Any, **kwargs: Any) -> Any:
            arguments = encode(plain((args, kwargs), f"an argument of {name}"))
            sys.stdout.flush()  # what the test has said comes before what the student's code prints
            channel.send("observe", arguments, name=name, source=sources[name])
            return _understand(channel.receive(), name)

        return observed

    return observe


def _understand(answer: Frame, name: str) -> Any:
    """What an answer says, believing nothing of it: the value, or the exception raised again."""
    if answer.facts.get("returned") is True:
        try:
            return decode(answer.body)
        except ProtocolError as error:
            raise StudentCodeError(f"{name} returned something that is no plain data: {error}") from None
    raised = answer.facts.get("raised")
    if type(raised) is not dict:
        raise StudentCodeError(f"{name} gave no answer")
    message = str(raised.get("message", ""))
    kind = getattr(builtins, str(raised.get("type")), None)
    # Only an Exception: the student's SystemExit or KeyboardInterrupt must not end the judge.
    # And none that ends a loop in silence: a test with `map` would then compare nothing and pass.
    ends_a_loop = kind in (StopIteration, StopAsyncIteration)
    if isinstance(kind, type) and issubclass(kind, Exception) and not ends_a_loop:
        error = _rebuild(kind, message)
    else:
        error = StudentCodeError(f"{raised.get('name')}: {message}")
    raise error from None


def _rebuild(kind: type[Exception], message: str) -> Exception:
    try:
        return kind(message)
    except TypeError:  # UnicodeDecodeError and its like want more than a message
        return StudentCodeError(f"{kind.__name__}: {message}")
