"""What guards a lecture's prose stands beside the page, in `tests/lectures/checks/<the lecture's name>.py`.

Such a file is made of sections. A line `# %% id` opens the section of the cell with that id; what stands above the
first one (imports, helpers) belongs to each. A section runs in the lecture's own kernel right after its cell, and sees
every name of the page. It leaves the page as it was: names that it sets are its own, and random generators go on as if
it had not run. (What it changes in place, it changes: a check only looks.)

A reader never runs these, so whoever changes a constant at the top of a lecture is not stopped by them.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "lectures" / "checks"
OPENS = re.compile(r"^# %% (?P<cell>[\w-]+)$", re.MULTILINE)

# Runs in the kernel. `page` is the notebook's namespace, of which the check gets a copy.
RUN = """
import random, numpy, torch
states = random.getstate(), numpy.random.get_state(), torch.random.get_rng_state()
try:
    exec(compile(source, path, "exec"), dict(page))
finally:
    random.setstate(states[0]); numpy.random.set_state(states[1]); torch.random.set_rng_state(states[2])
"""


class CheckError(ValueError):
    """A file of checks that cannot be read. The message names the file and the section."""


@dataclass(frozen=True)
class Section:
    """The check of one cell: its source, at the lines where it stands in its file."""

    cell: str
    source: str
    path: Path

    @property
    def kernel_code(self) -> str:
        """One statement for the lecture's kernel; a traceback from it names file and line."""
        return f"exec({RUN!r}, {{'page': globals(), 'source': {self.source!r}, 'path': {str(self.path)!r}}})"


def path_for(lecture: Path, folder: Path = FOLDER) -> Path:
    """Where the checks of a lecture stand, if it has any."""
    return folder / f"{lecture.stem}.py"


def read(path: Path) -> dict[str, Section]:
    """The sections of a file by their cells' ids; none if there is no such file. Raises CheckError for one id twice."""
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    marks = list(OPENS.finditer(text))
    shared = text[: marks[0].start()] if marks else text
    sections: dict[str, Section] = {}
    for mark, end in zip(marks, [*(later.start() for later in marks[1:]), len(text)], strict=True):
        if mark["cell"] in sections:
            raise CheckError(f"{path.name}: the section {mark['cell']} stands there twice; join the two")
        between = text.count("\n", len(shared), mark.start())
        source = shared + "\n" * between + text[mark.start() : end]
        sections[mark["cell"]] = Section(mark["cell"], source, path)
    return sections
