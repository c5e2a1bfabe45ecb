"""Outputs of a cell as they arrive: believed only in form, and cut where there are too many."""

import json
import re
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output

from autograde.engine.wire import ProtocolError
from autograde.testing import RESULT

_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_SHOWN = {"stream", "display_data"}
_VERDICTS = {"error", "execute_result"}
_TOO_LARGE = json.dumps({"output_type": "error", "ename": "TooLarge", "evalue": "an output was too large"}).encode()
MOST_VERDICTS = 20
"""Errors and results kept of a cell beyond its limit."""


class Outputs:
    """Collects one cell's outputs, at most `most_bytes` of them; the rest is dropped as it comes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.collected: list[NotebookNode] = []
        self.cut = False
        self._size = 0
        self._verdicts = 0
        self._displays: dict[str, int] = {}

    def add(self, packed: bytes, only_shown: bool = False) -> None:
        """Take an output as a process sent it, as JSON.

        `only_shown` refuses verdicts, errors and numbers for the report: what a student's code prints while a test
        looks at it may be shown, but must not look like what the test found. Raises `ProtocolError` for anything that
        is no output.
        """
        if len(packed) > self.most_bytes:  # before it is opened: what is opened takes more memory
            self._cut_off()
            packed = _TOO_LARGE
        raw = _opened(packed)
        kind = raw.get("output_type")
        if kind == "clear_output":
            if not only_shown:
                self.collected, self._displays = [], {}
            return
        if only_shown and kind not in _SHOWN:
            return
        if self._size + len(packed) > self.most_bytes:
            self._cut_off()
            if kind not in _VERDICTS or self._verdicts >= MOST_VERDICTS:
                return
            # A test cell without an error and without a number counts as passed: these are shortened, never lost.
            self._verdicts += 1
            raw = _shortened(raw)
        self._size += len(packed)
        output = _checked(raw)
        if only_shown and RESULT in output.get("metadata", {}):
            del output.metadata[RESULT]
        self._place(output, raw)

    def _place(self, output: NotebookNode, raw: dict[str, Any]) -> None:
        last = self.collected[-1] if self.collected else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
            return
        display_id = raw.get("display_id")
        if type(display_id) is str and raw.get("update") is True and display_id in self._displays:
            self.collected[self._displays[display_id]] = output
            return
        if type(display_id) is str:
            self._displays[display_id] = len(self.collected)
        self.collected.append(output)

    def _cut_off(self) -> None:
        if not self.cut:
            self.cut = True
            text = f"\n… cut off here: a cell may put out {self.most_bytes / 2**20:g} MB\n"
            self.collected.append(new_output("stream", name="stdout", text=text))


def _opened(packed: bytes) -> dict[str, Any]:
    try:
        # Half a character, which JSON can carry and no file can, becomes a question mark.
        raw = json.loads(json.dumps(json.loads(packed), ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"an output is not JSON: {error}") from error
    if type(raw) is not dict:
        raise ProtocolError("an output is not a dict")
    return raw


def _shortened(raw: dict[str, Any]) -> dict[str, Any]:
    if raw["output_type"] == "error":
        return {**raw, "evalue": _text(raw.get("evalue"))[:1000], "traceback": []}
    data = raw.get("data")
    text = _text(data.get("text/plain"))[:1000] if type(data) is dict else ""
    return {**raw, "data": {"text/plain": text}, "metadata": {}}


def _checked(raw: dict[str, Any]) -> NotebookNode:
    kind = raw.get("output_type")
    if kind == "stream":
        name = "stderr" if raw.get("name") == "stderr" else "stdout"
        return new_output("stream", name=name, text=_text(raw.get("text")))
    if kind == "error":
        lines = raw.get("traceback")
        return new_output(
            "error",
            ename=_text(raw.get("ename")),
            evalue=_text(raw.get("evalue")),
            traceback=[_text(line) for line in lines] if type(lines) is list else [],
        )
    if kind in ("display_data", "execute_result"):
        metadata = _json(raw.get("metadata"))
        bundle = {"data": _data(raw.get("data")), "metadata": metadata if type(metadata) is dict else {}}
        if kind == "execute_result":
            count = raw.get("execution_count")
            bundle["execution_count"] = count if type(count) is int and 0 <= count < 2**31 else None
        return new_output(kind, **bundle)
    raise ProtocolError(f"there is no output of type {kind!r}")


def _text(value: Any) -> str:
    return value if type(value) is str else repr(value)


def _data(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ProtocolError("an output's data is not a dict")
    data = {}
    for mime, content in value.items():
        if not _MIME.fullmatch(mime):
            continue
        data[mime] = _json(content) if mime == "application/json" or mime.endswith("+json") else _text(content)
    return data


def _json(value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        return {}
