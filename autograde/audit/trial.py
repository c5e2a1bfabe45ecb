"""Try an assignment's tests on its solution, its release, and right and wrong answers by hand and by machine."""

import asyncio
import copy
import dataclasses
import random
import tempfile
import time
from collections.abc import Callable, Iterable
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
from autograde.execution import points
from autograde.grade import read_solution, short_of_full_marks
from autograde.kernel import execute
from autograde.release import generate_release, masters
from autograde.restore import restore
from autograde.runs import Place, Plan, Ran, Way
from autograde.submissions import Submission, lay_out_files
from autograde.testing import SEED

SEEDS = (SEED, 1, 2, 3, 4)
"""What observed calls begin with, in turn; a verdict that changes with it is luck."""

LEAST_SECONDS, SLOWER = 10, 3
"""A cell may take so long, or so many times as long as the whole solution took in a kernel."""

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
        self.solution: Notebooks = read_solution(self.source, self.masters).notebooks
        self.released = generate_release(course, assignment)
        self.answers: Answers = read_answers(answers, set(self._fillable()))
        self.answers.wrong = _some(self.answers.wrong, extent.by_hand)
        self.answers.right = _some(self.answers.right, extent.by_hand)
        self.stub: str = ClearSolutions(config=course.config).code_stub["python"]
        self.place, self.way = place, way
        self.audit = Audit(assignment)

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
        self._in_a_kernel(tell)
        self._seeds(tell)
        self._right(tell)
        self._mutants(wrong, tell)
        self.audit.seconds = time.monotonic() - start
        return self.audit

    def steps(self, wrong: list[Mutant]) -> int:
        """How often `run` will tell."""
        seeded = len(self.seeds) * (2 + len(self.answers.wrong))
        return 2 + seeded + len(variants.ALL) + len(self.answers.right) + len(wrong)

    def _compare(self, tell: Told) -> None:
        for name, source in self.solution.items():
            release = self.released.get(name)
            if release is None:
                self.audit.problems.append(f"There is no release of {name}.ipynb")
                continue
            self.audit.problems += checks.differences(source, release, self.stub)
            self.audit.problems += checks.leaks(source, release)
            if loose := checks.tests_without_observe(source):
                self.audit.remarks.append(f"judged beside the student's code, without observe: {', '.join(loose)}")
        tell()

    def _in_a_kernel(self, tell: Told) -> None:
        """The solution in a Jupyter kernel, as a student would run it, with the hidden tests in place."""
        executions = {}
        start = time.monotonic()
        for name, handed_in in self.solution.items():
            notebook, notes = restore(handed_in, self.masters[name])
            with tempfile.TemporaryDirectory(prefix="audit-") as folder:
                lay_out_files(self.source, Path(folder))
                executions[name] = asyncio.run(execute(notebook, Path(folder), self.way.limits))
            executions[name].notes[:0] = notes
        short = short_of_full_marks(Ran(self._submission(self.solution), executions))
        self.audit.problems += [f"The solution in a student's kernel: {text}" for text in short]
        # A mutant that never ends should not take a student's minute.
        enough = max(LEAST_SECONDS, SLOWER * (time.monotonic() - start))
        limits = dataclasses.replace(self.way.limits, cell_seconds=min(self.way.limits.cell_seconds, enough))
        self.way = dataclasses.replace(self.way, limits=limits)
        tell()

    def _seeds(self, tell: Told) -> None:
        """Solution, release and the wrong answers by hand, once for each seed."""
        work = {"solution": self.solution, "release": self.released}
        work |= {f"wrong: {answer.title}": self._answered(answer) for answer in self.answers.wrong}
        first: dict[str, list[float]] = {}
        for seed in self.seeds:
            way = dataclasses.replace(self.way, seed=seed)
            for title, ran in self._ran(work, way, tell):
                scores = _scores(ran)
                if seed == SEED:
                    first[title] = scores
                    self._verdict(title, ran)
                elif scores != first[title]:
                    self.audit.problems.append(f"{title}: seed {seed} gives {scores}, seed {SEED} gave {first[title]}")

    def _verdict(self, title: str, ran: Ran) -> None:
        audit = self.audit
        if title == "solution":
            audit.problems += [f"The solution: {text}" for text in short_of_full_marks(ran)]
        elif title == "release":
            audit.problems += [f"The untouched release: {text}" for text in _not_blank(ran)]
        else:
            answer = next(one for one in self.answers.wrong if title == f"wrong: {one.title}")
            said = "\n".join(short_of_full_marks(ran))
            audit.messages[answer.title] = said
            if not said:
                audit.problems.append(f"Wrong, and full marks: {answer.title}")
            elif answer.tells not in said:
                audit.problems.append(f"{answer.title}: no test says {answer.tells!r}, but: {said}")
            else:
                audit.wrong += 1

    def _right(self, tell: Told) -> None:
        work = {
            title: {name: change(notebook) for name, notebook in self.solution.items()}
            for title, change in variants.ALL.items()
        }
        work |= {answer.title: self._answered(answer) for answer in self.answers.right}
        for title, ran in self._ran(work, self.way, tell):
            short = short_of_full_marks(ran)
            self.audit.problems += [f"Right, and not full marks ({title}): {text}" for text in short]
            self.audit.right += not short

    def _mutants(self, wrong: list[Mutant], tell: Told) -> None:
        work = {mutant: self._with(self.solution, {mutant.cell: mutant.source}) for mutant in wrong}
        for mutant, ran in self._ran(work, self.way, tell, until_short=True):
            if short_of_full_marks(ran):
                self.audit.killed += 1
            else:
                self.audit.survivors.append(mutant)

    def _ran(self, work: dict, way: Way, tell: Told, until_short: bool = False) -> Iterable[tuple]:
        """Run the notebooks in `work`; yields each key and what became of it."""
        read = {key: partial(self._submission, notebooks) for key, notebooks in work.items()}
        for key, result in self.place.in_parallel(Plan(self.source, self.masters, way, until_short), read):
            yield key, result()
            tell()

    def _submission(self, notebooks: Notebooks) -> Submission:
        return Submission("audit", self.source, copy.deepcopy(notebooks))

    def _answered(self, answer: Answer) -> Notebooks:
        solved = self._fillable()
        texts = {name: f"{solved[name].source}\n\n\n{code}" for name, code in answer.cells.items()}
        return self._with(self.solution, texts)

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


def _scores(ran: Ran) -> list[float]:
    return [_earned(cell) for cell in _tests(ran)]


def _earned(cell: NotebookNode) -> float:
    """The test cell's points; 0 for a number that is no score."""
    try:
        return points(cell)[0] or 0
    except ValueError:
        return 0


def _not_blank(ran: Ran) -> Iterable[str]:
    """Points that the untouched release earned, and cells of it that raise."""
    for cell in _tests(ran):
        if earned := _earned(cell):
            yield f"{cells.grade_id(cell)} gives {earned:g} points for nothing"
    for execution in ran.executions.values():
        yield from map(str, execution.notes)
        for cell in execution.notebook.cells:
            for output in cell.get("outputs", []):
                if output.output_type == "error" and not cells.is_test(cell):
                    yield f"cell {cells.grade_id(cell)} stops with {strip_ansi(output.ename)}: {output.evalue}"
