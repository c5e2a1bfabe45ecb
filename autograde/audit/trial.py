"""Try an assignment's tests on its solution, its release, and right and wrong answers by hand and by machine."""

import asyncio
import copy
import dataclasses
import itertools
import math
import random
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from autograde import notebook as cells
from autograde.audit import checks, variants
from autograde.audit.answers import Answer, Answers, read_answers
from autograde.audit.mutants import Mutant, mutants, solution_lines
from autograde.course import Course
from autograde.execution import earned, is_short
from autograde.grade import read_solution, short_of_full_marks
from autograde.kernel import execute
from autograde.limits import Limits
from autograde.reasons import Reason
from autograde.release import generate_release, masters
from autograde.restore import restore
from autograde.runs import Place, Plan, Ran, Way
from autograde.submissions import Submission, lay_out_files
from autograde.testing import SEED

SEEDS = (SEED, 1, 2, 3, 4)
"""What observed calls begin with, in turn; a verdict that changes with it is luck."""

LEAST_SECONDS, SLOWER = 5, 3
"""A cell may take so long, or so many times as long as the whole solution takes; a mutant may never end."""

CHAIN = 16
"""How many mutants are tried in one process."""

Notebooks = dict[str, NotebookNode]
Told = Callable[[], None]


@dataclass
class Audit:
    """What the audit of one assignment found; everything in `problems` has to be mended."""

    assignment: str
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    survivors: list[Mutant] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)
    """For each wrong answer written by hand, what the failing tests said."""
    right: int = 0
    wrong: int = 0
    killed: int = 0
    equivalent: int = 0
    seconds: float = 0

    @property
    def tried(self) -> int:
        """Mutants that should have failed."""
        return self.killed + len(self.survivors)

    @property
    def kill_rate(self) -> float:
        """The share of them that did, 1 where there were none."""
        return self.killed / self.tried if self.tried else 1.0


@dataclass(frozen=True)
class Extent:
    """How much is tried: so many mutants, wrong and right answers by hand (None: all), and seeds."""

    mutants: int | None = None
    by_hand: int | None = None
    seeds: int = len(SEEDS)


class Trial:
    """The audit of one assignment in progress."""

    def __init__(self, course: Course, assignment: str, answers: Path, place: Place, way: Way, extent: Extent) -> None:
        self.extent = extent
        self.seeds = SEEDS[: extent.seeds]
        self.source = course.source(assignment)
        self.masters = masters(course, assignment)
        self.sources: Notebooks = read_solution(course, assignment, list(self.masters)).notebooks
        self.solution = self._restored(self.sources)
        self.released = generate_release(course, assignment)
        self.answers: Answers = read_answers(answers, set(self._fillable()))
        self.answers.wrong = _some(self.answers.wrong, extent.by_hand)
        self.answers.right = _some(self.answers.right, extent.by_hand)
        self.stub: str = ClearSolutions(config=course.config).code_stub["python"]
        self.place, self.way = place, way
        self.audit = Audit(assignment)
        self.dependent: set[str] = set()

    def mutants(self) -> list[Mutant]:
        """All mutants of the solution but the equivalent ones, or as many of them as the extent says."""
        known = {(one.cell, one.before, one.after) for one in self.answers.equivalent}
        every = [
            mutant
            for name, cell in self._fillable().items()
            if name not in self.answers.open
            for mutant in mutants(name, cell.source, solution_lines(cell.source))
        ]
        wanted = [one for one in every if (one.cell, one.before, one.after) not in known]
        self.audit.equivalent = len(every) - len(wanted)
        unknown = known - {(one.cell, one.before, one.after) for one in every}
        self.audit.remarks += [f"{cell} is not mutated: {reason}" for cell, reason in self.answers.open.items()]
        self.audit.problems += [
            f"No mutant {cell}: {before} → {after}, which is listed as equivalent" for cell, before, after in unknown
        ]
        return _some(wanted, self.extent.mutants)

    def run(self, wrong: list[Mutant], tell: Told) -> Audit:
        """Try everything, the mutants in `wrong` among it; `tell` is called after each of `self.steps(wrong)`."""
        start = time.monotonic()
        self._compare(tell)
        with ThreadPoolExecutor(1) as beside:  # a kernel spends most of its time on starting
            kernel = beside.submit(self._in_a_kernel, self.way.limits)
            self._solution_and_release(tell)
            self._find_dependent(wrong, tell)
            self._wrong(tell)
            self._right(tell)
            self._mutants(wrong, tell)
            self.audit.problems += [f"The solution in a student's kernel: {text}" for text in kernel.result()]
            tell()
        self.audit.seconds = time.monotonic() - start
        return self.audit

    def steps(self, wrong: list[Mutant]) -> int:
        """How often `run` will tell."""
        answers = len(self.answers.wrong) + len(self.answers.right)
        return 4 + len(self._with_tests_before(wrong)) + answers + len(variants.ALL) + len(wrong)

    def _compare(self, tell: Told) -> None:
        for name, source in self.sources.items():
            release = self.released.get(name)
            if release is None:
                self.audit.problems.append(f"There is no release of {name}.ipynb")
                continue
            self.audit.problems += checks.differences(source, release, self.stub)
            self.audit.problems += checks.leaks(source, release)
            if loose := checks.tests_without_observe(source):
                self.audit.remarks.append(f"judged beside the student's code, without observe: {', '.join(loose)}")
        tell()

    def _in_a_kernel(self, limits: Limits) -> list[str]:
        """What is missing to full marks when a student runs the solution in a Jupyter kernel, hidden tests in place."""
        executions = {}
        for name, notebook in copy.deepcopy(self.solution).items():
            with tempfile.TemporaryDirectory(prefix="audit-") as folder:
                lay_out_files(self.source, Path(folder))
                executions[name] = asyncio.run(execute(notebook, Path(folder), limits, self.way.threads))
        return short_of_full_marks(Ran(self._submission(self.solution), executions))

    def _solution_and_release(self, tell: Told) -> None:
        """Full marks and none, with every seed; and what is tried from now on is limited by what the solution takes."""
        start, seconds = time.monotonic(), 0.0
        work = {"solution": self.solution, "release": self._restored(self.released)}
        for name, ran in self._ran(work, tell, self.seeds):
            if name == "solution":
                seconds = (time.monotonic() - start) / len(self.seeds)
                self.audit.problems += [f"The solution: {text}" for text in short_of_full_marks(ran)]
            else:
                self.audit.problems += [f"The untouched release: {text}" for text in _not_blank(ran)]
        enough = max(LEAST_SECONDS, math.ceil(SLOWER * seconds))
        limits = dataclasses.replace(self.way.limits, cell_seconds=min(self.way.limits.cell_seconds, enough))
        self.way = dataclasses.replace(self.way, limits=limits)

    def _find_dependent(self, wrong: list[Mutant], tell: Told) -> None:
        """Find the cells before which no test may be left out, because a later one needs it."""
        work = {name: self._part(self.solution, name) for name in self._with_tests_before(wrong)}
        self.dependent = {name for name, ran in self._ran(work, tell) if short_of_full_marks(ran)}

    def _wrong(self, tell: Told) -> None:
        """The wrong answers by hand: up to the first test that fails, and to the end where that does not name them."""
        answers = {answer.title: answer for answer in self.answers.wrong}
        texts = {title: answer.cells for title, answer in self._answered(answers).items()}
        work = {title: self._changed(each) for title, each in texts.items()}
        nameless = {}
        for title, ran in self._ran(work, tell, self.seeds, until_short=True):
            said = "\n".join(short_of_full_marks(ran))
            self.audit.messages[title] = said
            self.audit.problems += [f"wrong: {title}: {note}" for note in _notes(ran) if note.code == "seed"]
            if not said:
                self.audit.problems.append(f"Wrong, and full marks: {title}")
            elif answers[title].tells in said:
                self.audit.wrong += 1
            else:
                nameless[title] = self._with(self.solution, texts[title])
        for title, ran in self._ran(nameless, lambda: None):
            said = self.audit.messages[title] = "\n".join(short_of_full_marks(ran))
            if answers[title].tells in said:
                self.audit.wrong += 1
            else:
                self.audit.problems.append(f"{title}: no test says {answers[title].tells!r}, but: {said}")

    def _right(self, tell: Told) -> None:
        work = {
            title: {name: change(notebook) for name, notebook in self.solution.items()}
            for title, change in variants.ALL.items()
        }
        right = {answer.title: answer for answer in self.answers.right}
        work |= {title: self._changed(answer.cells) for title, answer in self._answered(right).items()}
        for title, ran in self._ran(work, tell):
            short = short_of_full_marks(ran)
            self.audit.problems += [f"Right, and not full marks ({title}): {text}" for text in short]
            self.audit.right += not short

    def _mutants(self, wrong: list[Mutant], tell: Told) -> None:
        work = {mutant: self._changed({mutant.cell: mutant.source}) for mutant in self._in_chains(wrong, tell)}
        for mutant, ran in self._ran(work, tell, until_short=True):
            if short_of_full_marks(ran):
                self.audit.killed += 1
            else:
                self.audit.survivors.append(mutant)

    def _in_chains(self, wrong: list[Mutant], tell: Told) -> list[Mutant]:
        """Try several mutants of a cell in one process, which saves starting one for each; return what is in doubt.

        The solution comes last and has to pass: then what was before has left nothing behind that matters.
        """
        doubtful = [mutant for mutant in wrong if mutant.cell in self.dependent]
        chains = {}
        rest = sorted((mutant for mutant in wrong if mutant.cell not in self.dependent), key=lambda mutant: mutant.cell)
        for _, group in itertools.groupby(rest, key=lambda mutant: mutant.cell):
            while chain := tuple(itertools.islice(group, CHAIN)):
                chains[chain] = self._chained(chain)
        for chain, ran in self._ran(chains, lambda: None):
            *passed, solution_passed = [not is_short(cell) for cell in _tests(ran)] or [False]
            if not solution_passed:  # or no test follows the cell
                doubtful += chain
                continue
            for mutant, mutant_passed in zip(chain, passed, strict=True):
                if mutant_passed:
                    doubtful.append(mutant)
                else:
                    self.audit.killed += 1
                    tell()
        return doubtful

    def _chained(self, chain: Sequence[Mutant]) -> Notebooks:
        """The solution up to the first test after a cell; then this test after each mutant and after the solution."""
        name = chain[0].cell
        notebooks = self._part(self.solution, name)
        for notebook in notebooks.values():
            names = [cells.grade_id(cell) for cell in notebook.cells]
            if name not in names:
                notebook.cells = []
                continue
            place = names.index(name)  # a part ends with a test
            end = next(i for i, cell in enumerate(notebook.cells) if i > place and cells.is_test(cell))
            solution, test = notebook.cells[place], notebook.cells[end]
            del notebook.cells[end:]
            for source in (*(mutant.source for mutant in chain), solution.source):
                notebook.cells += copy.deepcopy([NotebookNode({**solution, "source": source}), test])
        return notebooks

    def _ran(
        self, work: dict, tell: Told, seeds: tuple[int, ...] = SEEDS[:1], until_short: bool = False
    ) -> Iterable[tuple]:
        """Run the notebooks in `work`; yields each key and what became of it."""
        read = {key: partial(self._submission, notebooks) for key, notebooks in work.items()}
        way = dataclasses.replace(self.way, seeds=seeds)
        for key, result in self.place.in_parallel(Plan(self.source, self.masters, way, until_short, True), read):
            yield key, result()
            tell()

    def _restored(self, notebooks: Notebooks) -> Notebooks:
        """The notebooks as they are graded, with the hidden tests."""
        return {name: restore(notebooks[name], each)[0] for name, each in self.masters.items() if name in notebooks}

    def _submission(self, notebooks: Notebooks) -> Submission:
        return Submission("audit", self.source, copy.deepcopy(notebooks))

    def _answered(self, answers: dict[str, Answer]) -> dict[str, Answer]:
        """The same answers with the whole text of each cell: the solution, and what takes its place after it."""
        solved = self._fillable()
        return {
            title: Answer(title, {name: f"{solved[name].source}\n\n\n{code}" for name, code in answer.cells.items()})
            for title, answer in answers.items()
        }

    def _with_tests_before(self, wrong: list[Mutant]) -> list[str]:
        """Of the cells that are the first that some answer or mutant changes, those that tests precede."""
        answers = [answer.cells for answer in (*self.answers.wrong, *self.answers.right)]
        first = {self._first(cells) for cells in [*answers, *({mutant.cell: mutant.source} for mutant in wrong)]}
        found, tested = [], False
        for cell in itertools.chain.from_iterable(notebook.cells for notebook in self.solution.values()):
            if tested and cells.grade_id(cell) in first:
                found.append(cells.grade_id(cell))
            tested = tested or cells.is_test(cell)
        return found

    def _first(self, texts: dict[str, str]) -> str:
        return next(name for name in self._fillable() if name in texts)

    def _changed(self, texts: dict[str, str]) -> Notebooks:
        """The solution with other text in the cells of these names, without what that cannot touch."""
        first = self._first(texts)
        whole = self._with(self.solution, texts)
        return whole if first in self.dependent else self._part(whole, first)

    def _part(self, notebooks: Notebooks, first: str) -> Notebooks:
        """The notebooks without the tests before the cell `first`, and without what follows their last test."""
        part = copy.deepcopy(notebooks)
        reached = False
        for notebook in part.values():
            kept = []
            for cell in notebook.cells:
                reached = reached or cells.grade_id(cell) == first
                if reached or not cells.is_test(cell):
                    kept.append(cell)
            last = max((index for index, cell in enumerate(kept) if cells.is_test(cell)), default=-1)
            notebook.cells = kept[: last + 1]
        return part

    def _with(self, notebooks: Notebooks, texts: dict[str, str]) -> Notebooks:
        """The notebooks with other text in the cells of these names."""
        changed = copy.deepcopy(notebooks)
        for notebook in changed.values():
            for cell in notebook.cells:
                if (name := cells.grade_id(cell)) in texts:
                    cell.source = texts[name]
        return changed

    def _fillable(self) -> dict[str, NotebookNode]:
        """The code cells a student fills in, by grade id."""
        return {
            cells.grade_id(cell): cell
            for notebook in self.solution.values()
            for cell in notebook.cells
            if cell.cell_type == "code" and cells.is_solution(cell) and not cells.is_manual(cell)
        }


def audit_assignment(
    course: Course, assignment: str, answers: Path, place: Place, way: Way, extent: Extent
) -> tuple[Trial, list[Mutant]]:
    """Prepare the audit of one assignment: what is to be run, and the mutants to try.

    Raises `CourseError` and `AnswersError` where the source or the answers by hand cannot be used.
    """
    course.require(assignment)
    place.expect(course.source(assignment))
    trial = Trial(course, assignment, answers, place, way, extent)
    return trial, trial.mutants()


def _some(every: list, most: int | None) -> list:
    """All, or at most so many, the same ones every time."""
    return every if most is None or most >= len(every) else random.Random(0).sample(every, most)


def _tests(ran: Ran) -> list[NotebookNode]:
    return [cell for each in ran.executions.values() for cell in each.notebook.cells if cells.is_test(cell)]


def _notes(ran: Ran) -> list[Reason]:
    return [note for each in ran.executions.values() for note in each.notes]


def _not_blank(ran: Ran) -> Iterable[str]:
    """Points that the untouched release earned, and cells of it that raise."""
    for cell in _tests(ran):
        if given := earned(cell):
            yield f"{cells.grade_id(cell)} gives {given:g} points for nothing"
    for execution in ran.executions.values():
        yield from map(str, execution.notes)
        for cell in execution.notebook.cells:
            for output in cell.get("outputs", []):
                if output.output_type == "error" and not cells.is_test(cell):
                    name = cells.grade_id(cell) or f"[{cell.execution_count}]"
                    yield f"cell {name} stops with {strip_ansi(output.ename)}: {output.evalue}"
