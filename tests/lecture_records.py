"""Numbers in prose that come from a recorded run, held against the record.

Straight after such a number stands a comment that no reader sees: the word record, the name of a file in
`lectures/results/` without its .json, and the way to the number in it, by names and list places joined with dots.

    a mean of 60.1 %<!--record lenet_cifar10 summary.test_accuracy.mean--> on the test set

A number with % is the record's fraction times 100. It is right if it is the record's, rounded to the digits shown.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from cnnlab import records

COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
NAMED = re.compile(r"<!--record (?P<name>\w+) (?P<way>[^\s.]+(?:\.[^\n.]+)*)-->")
NUMBER = re.compile(r"(?P<number>(?<![\w.,])[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)(?P<percent>\s?%)?\Z")


def wrong_records(text: str, results: Path) -> Iterator[str]:
    """A sentence for each comment in `text` that does not fit the records in the folder `results`."""
    for comment in COMMENT.finditer(text):
        named = NAMED.fullmatch(comment[0])
        number = NUMBER.search(text[: comment.start()])
        line = text[: comment.start()].rpartition("\n")[2][-40:] + comment[0]
        if not named:
            yield f"{line}: a comment is written <!--record NAME WAY.TO.NUMBER-->"
        elif not number:
            yield f"{line}: no number stands straight before the comment"
        else:
            try:
                recorded = _recorded(results / f"{named['name']}.json", named["way"])
            except LookupError as error:
                yield f"{line}: {error.args[0]}"
                continue
            shown = Decimal(number["number"].replace(",", "").replace("−", "-"))
            value = recorded * 100 if number["percent"] else recorded
            if abs(value - shown) > Decimal(5).scaleb(shown.as_tuple().exponent - 1):
                yield f"{line}: the record says {value}"


def _recorded(path: Path, way: str) -> Decimal:
    """The number that lies there in the record. Raises LookupError with a sentence."""
    try:
        found = records.read(path).as_dict()
    except FileNotFoundError:
        raise LookupError(f"there is no record {path.name}") from None
    except records.RecordError as error:
        raise LookupError(str(error)) from None
    for step in way.split("."):
        try:
            found = found[int(step) if isinstance(found, list) else step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise LookupError(f"{path.name} has no {way}: it ends before {step}") from None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise LookupError(f"{path.name}: {way} is not a number")
    return Decimal(str(found))
