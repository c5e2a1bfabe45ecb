"""Records of long runs: a JSON file says what was run, on what, and what came out, and lectures draw from it.

An experiment makes a `Record` and writes it; a lecture reads it. The file is one object with the fields of `Record`
and two things that follow from its runs: `seeds`, and `summary`, which has for each result its mean, its sample
standard deviation (divisor n - 1; null for a single run) and n, the number of runs:

    "summary": {"test_accuracy": {"mean": 0.61, "std": 0.004, "n": 3}}

Where runs differ in more than their seed, each names its variant, and the summary has one more level:
`summary.<variant>.<result>.mean`. Reading computes both again and compares: nobody changes a number unnoticed.

The records that the lectures quote are shipped with them and stay as they are. Whoever repeats an experiment gets a
record of their own, in `own_results()`, which the lectures show beside the shipped one.
"""

import argparse
import json
import math
import os
import platform
import re
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import platformdirs
import torch

from cnnlab.files import written_whole

RESULTS = Path(__file__).resolve().parents[1] / "results"
PACKAGES = ("torch", "torchvision", "numpy")


class RecordError(ValueError):
    """A record that cannot be used. The message says what is wrong, and in which file."""


@dataclass(frozen=True)
class Run:
    """One training: its seed, its history (name -> one number an epoch) and its results (name -> number).

    `variant` names what else sets it apart from other runs. `details` holds what is no single number, such as a
    confusion matrix, and is not summarised.
    """

    seed: int
    history: Mapping[str, Sequence[float]]
    results: Mapping[str, float]
    variant: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """An experiment and its runs.

    `command` repeats it, `data` names the set of pictures, `settings` are the values that all runs share (learning
    rate, batch size, ...); `hardware` and `versions` come from the functions of these names.

    Raises RecordError for missing or repeated runs, numbers that are not finite, and paths of this machine.
    """

    command: str
    data: str
    hardware: Mapping[str, Any]
    versions: Mapping[str, str]
    settings: Mapping[str, Any]
    runs: Sequence[Run]

    def __post_init__(self) -> None:
        if wrong := next(_faults(self), None):
            raise RecordError(wrong)

    @property
    def seeds(self) -> list[int]:
        """The seeds, in the order of the runs; every variant was run with each of them."""
        return list(dict.fromkeys(run.seed for run in self.runs))

    @property
    def summary(self) -> dict[str, Any]:
        """Mean, sample standard deviation and number of each result, for each variant if there are variants."""
        variants = dict.fromkeys(run.variant for run in self.runs)
        summaries = {
            variant: _summary([run.results for run in self.runs if run.variant == variant]) for variant in variants
        }
        return summaries.get("", summaries)

    def as_dict(self) -> dict[str, Any]:
        """What the file holds, in its order: the short things first."""
        parts = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "runs"}
        return {**parts, "seeds": self.seeds, "summary": self.summary, "runs": [asdict(run) for run in self.runs]}


def write(record: Record, path: Path) -> None:
    """Write a record, whole or not at all; the folder is made if it is missing."""
    text = json.dumps(record.as_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    text = re.sub(r"\[\n[-+0-9.eE,\s]*\]", lambda numbers: " ".join(numbers[0].split()), text)  # one list, one line
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def read(path: Path | str) -> Record:
    """Read a record from a path, or by its name from `lectures/results`. Raises RecordError, FileNotFoundError."""
    path = RESULTS / f"{path}.json" if isinstance(path, str) else path
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_no_key_twice)
        return _from_dict(content)
    except (RecordError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(f"{path.name}: {error}") from error


def own_results() -> Path:
    """The reader's own results: the folder CNNLAB_RESULTS, else one among the user's data; it need not exist."""
    given = os.environ.get("CNNLAB_RESULTS")
    return Path(given).expanduser() if given else Path(platformdirs.user_data_dir("cnnlab", appauthor=False), "results")


def read_own(name: str) -> Record | None:
    """The reader's own record of that name, or None where there is none. Raises RecordError for one that is broken."""
    path = own_results() / f"{name}.json"
    return read(path) if path.is_file() else None


def add_record_option(parser: argparse.ArgumentParser) -> None:
    """Give an experiment's command line the option `--record`."""
    parser.add_argument(
        "--record", action="store_true", help="replace the record that the lectures quote (for authors; default: keep)"
    )


def save(record: Record, name: str, *, shipped: bool = False) -> Path:
    """Write a record among the reader's own results, or in place of the shipped one; say where, and return the path."""
    path = (RESULTS if shipped else own_results()) / f"{name}.json"
    write(record, path)
    print(f"Written: {path}")
    return path


def hardware(device: torch.device) -> dict[str, Any]:
    """What the runs ran on: kind of device, its name, and the number of CPU threads that PyTorch uses."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {"device": device.type, "name": name, "cpu_threads": torch.get_num_threads()}


def versions() -> dict[str, str]:
    """The versions that can change a result: Python, the packages that compute, and CUDA where PyTorch has it."""
    found = {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}
    return {**found, "cuda": torch.version.cuda} if torch.cuda.is_available() else found


def _summary(results: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float | int | None]]:
    columns = {name: [result[name] for result in results] for name in results[0]}
    return {
        name: {
            "mean": statistics.fmean(values),
            "std": statistics.stdev(values) if len(values) > 1 else None,
            "n": len(values),
        }
        for name, values in columns.items()
    }


def _from_dict(content: Any) -> Record:
    """Make the record again. Raises RecordError unless keys, types, seeds and summary are as `write` leaves them."""
    kinds = {"command": str, "data": str, "hardware": dict, "versions": dict, "settings": dict, "runs": list}
    _check_keys("the record", content, {**kinds, "seeds": list, "summary": dict})
    for number, run in enumerate(content["runs"]):
        run_kinds = {"seed": int, "history": dict, "results": dict, "variant": str, "details": dict}
        _check_keys(f"run {number}", run, run_kinds)
        _check_keys(f"the history of run {number}", run["history"], dict.fromkeys(run["history"], list))
    record = Record(**{key: content[key] for key in kinds if key != "runs"}, runs=[Run(**r) for r in content["runs"]])
    for name in ("seeds", "summary"):
        if not _alike(content[name], getattr(record, name)):
            raise RecordError(f"{name} is {content[name]}, but the runs give {getattr(record, name)}")
    return record


def _check_keys(what: str, content: Any, kinds: Mapping[str, type]) -> None:
    if not isinstance(content, dict) or set(content) != set(kinds):
        found = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise RecordError(f"{what} has {found}, expected {sorted(kinds)}")
    for key, kind in kinds.items():
        if type(content[key]) is not kind:
            raise RecordError(f"{what}: {key} is of type {type(content[key]).__name__}, expected {kind.__name__}")


def _faults(record: Record) -> Iterator[str]:
    """What is wrong with a record, one sentence each."""
    if not (record.command and record.data and record.runs):
        yield "a record needs a command, the name of its data, and at least one run"
        return
    seeds: dict[str, list[int]] = {}
    for run in record.runs:
        where = f"run with seed {run.seed}" + f" of {run.variant}" * bool(run.variant)
        seeds.setdefault(run.variant, []).append(run.seed)
        if len({len(values) for values in run.history.values()} | {0}) != 2:
            yield f"{where}: its history needs lists of one length, at least one epoch"
        if not run.results or set(run.results) != set(record.runs[0].results):
            yield f"{where}: its results are {sorted(run.results)}, those of the first {sorted(record.runs[0].results)}"
        numbers = [*run.results.values(), *(value for values in run.history.values() for value in values)]
        if not all(type(number) in (int, float) and math.isfinite(number) for number in numbers):
            yield f"{where}: history and results must be finite numbers"
    if len(seeds) > 1 and ("" in seeds or any("." in variant for variant in seeds)):
        yield f"the variants are {list(seeds)}: each needs a name without a full stop"
    if any(sorted(each) != sorted(record.seeds) for each in seeds.values()):
        yield f"the seeds are {seeds}: each variant needs the same ones, each once"
    for text in _texts(record.as_dict()):
        if any(re.match(r"[/~\\]|[A-Za-z]:[/\\]", word) for word in re.split(r"[\s=,]", text)):
            yield f"{text!r} names a place on this machine"


def _texts(content: Any) -> Iterator[str]:
    """Every string in a structure of dictionaries and lists, keys too."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, Mapping):
        for key, value in content.items():
            yield from (*_texts(key), *_texts(value))
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _texts(value)


def _alike(left: Any, right: Any) -> bool:
    """Equality in which floats may differ in their last digits, as another Python may round a mean differently."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_alike(left[key], right[key]) for key in left)
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-12, abs_tol=1e-12)
    return type(left) is type(right) and left == right


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(keys := [key for key, _ in pairs]) != len(set(keys)):
        raise RecordError(f"a key comes twice among {keys}")
    return dict(pairs)


def _processor() -> str:
    """The processor's name as far as the system tells it."""
    if os.path.exists("/proc/cpuinfo"):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
