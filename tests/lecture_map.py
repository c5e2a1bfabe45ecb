"""What lectures/README.md, the map of the course, must say of the lectures. A check yields a sentence for each fault.

The map is made of tables, each under a heading of its own: the lectures; the section that introduces each name used
in code; and for each course that this one grew from, the section where each of its topics is found.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lecture_names import Place, functions_used, methods_used, section_starts
from lecture_rules import Lecture, exercise_pattern, lectures, section

CLOSING = {"Summary", "Check yourself", "Now you"}


Table = list[list[str]]  # rows of cells, without the head


@dataclass(frozen=True)
class Map:
    """The tables of a README by their headings, those of the courses apart, and the lectures beside it by number."""

    tables: dict[str, Table]
    courses: dict[str, Table]
    lectures: dict[int, Lecture]
    root: Path


def read_map(folder: Path) -> Map:
    """The README of a folder with lectures, such as `lectures/` of a checkout. A course has a heading of level 3."""
    by_level: dict[str, dict[str, Table]] = {"#": {}, "##": {}, "###": {}}
    for part in re.split(r"^(?=#)", (folder / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE):
        lines = part.splitlines()
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        if rows:
            level, _, heading = lines[0].partition(" ")
            by_level[level][heading] = rows[2:]
    known = {lecture.number: lecture for lecture in lectures(folder)}
    return Map(by_level["#"] | by_level["##"], by_level["###"], known, folder.parent)


def lectures_listed(of: Map) -> Iterator[str]:
    """All lectures, in order, with their titles and the minutes they say they take."""
    listed = [(number, link, minutes) for number, link, _, minutes in of.tables["Lectures"]]
    there = [
        (f"{number}", f"[{lecture.title}]({lecture.path.name})", f"{lecture.minutes}")
        for number, lecture in of.lectures.items()
    ]
    yield from (f"listed, but not so: {row}" for row in listed if row not in there)
    yield from (f"not listed: {row}" for row in there if row not in listed)
    if sorted(listed) == sorted(there) and listed != there:
        yield "not in order"


def topics_found(of: Map) -> Iterator[str]:
    """Each topic of a course is in a section that teaches, and named once."""
    for course, rows in of.courses.items():
        for topic, number, heading in rows:
            if int(number) not in of.lectures:
                yield f"{course}: {topic}: there is no lecture {number}"
            elif heading not in set(of.lectures[int(number)].sections) - CLOSING:
                yield f"{course}: {topic}: lecture {number} has no section {heading!r}"
        topics = [row[0] for row in rows]
        yield from (f"{course}: {topic}: listed twice" for topic in sorted(set(topics)) if topics.count(topic) > 1)


def exercises_exist(of: Map) -> Iterator[str]:
    """Each exercise that a lecture ends with is there."""
    for lecture in of.lectures.values():
        for name in re.findall(exercise_pattern(lecture), section(lecture, "Now you")):
            if not (of.root / name).is_file():
                yield f"lecture {lecture.number}: {name} does not exist"


def names_introduced(of: Map) -> Iterator[str]:
    """No code uses a name before the section that introduces it, that section shows it, and no name is left out."""
    starts = {number: section_starts(lecture) for number, lecture in of.lectures.items()}
    introduced: dict[str, Place] = {}
    for number, heading, names in of.tables["Names in code"]:
        place = starts.get(int(number), {}).get(heading)
        if place is None:
            yield f"lecture {number} has no section {heading!r}"
            continue
        for name in re.findall(r"`([^`]+)`", names):
            if name in introduced:
                yield f"{name}: introduced twice"
            introduced[name] = place
            if name.rpartition(".")[2] not in _words(of.lectures[int(number)], heading):
                yield f"{name}: section {heading!r} of lecture {number} does not show it"
    for lecture in of.lectures.values():
        for name, place in functions_used(lecture):
            if name not in introduced:
                yield f"{name}: used in {_where(lecture, place)}, and introduced nowhere"
        for name, place in (*functions_used(lecture), *methods_used(lecture)):
            if name in introduced and place < introduced[name]:
                yield f"{name}: used in {_where(lecture, place)}, before it is introduced"


def _where(lecture: Lecture, place: Place) -> str:
    return f"lecture {place.lecture}, cell {lecture.cells[place.cell].id}"


def _words(lecture: Lecture, heading: str) -> set[str]:
    """All words of a section, of its text and its code; the title stands for what comes before the first heading."""
    whole = "\n\n".join(cell.source for cell in lecture.cells)
    if heading == lecture.title:
        text = whole.partition("\n## ")[0]
    else:
        text = whole.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"\w+", text))


CHECKS: tuple[Callable[[Map], Iterator[str]], ...] = (
    lectures_listed,
    topics_found,
    exercises_exist,
    names_introduced,
)
