"""What every lecture keeps to. A rule reads a lecture and yields a sentence for each thing that is wrong with it.

`tests/test_lectures.py` holds every lecture against every rule, and every rule against notebooks that break it.
What only running a lecture can tell is left to nbval: its outputs, and deprecated calls that warn (see /conftest.py).
"""

import ast
import functools
import importlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import lecture_checks
import nbformat
from nbformat import NotebookNode
from nbval.plugin import comment_markers, metadata_tags

IGNORED = "nbval-ignore-output"
IGNORED_SHARE = 5  # at most one code cell in so many
MOST_CELLS, MOST_BYTES = 45, 2_000_000
SCREEN_LINES, SCREEN_COLUMNS = 40, 110  # of code, as much as JupyterLab shows at once on a laptop
# Of lectures whose checks stand beside the page: lines of a cell, and asserts left, each of which is the lesson itself.
PAGE_LINES, PAGE_ASSERTS = 25, 6

# What running cannot catch: these warn as UserWarning, in the name of the library itself, or not at all.
DEPRECATED = {
    r"\bpretrained=": "torchvision wants weights= since 0.13",
    r"\b(size_average|reduce)=": "losses want reduction=",
    r"\btorchvision(\.| import (\w+, )*)io\b": "deprecated since torchvision 0.29; Pillow reads images",
    r"\bv2\.(ToTensor|ConvertImageDtype)\b": "torchvision wants v2.ToImage and v2.ToDtype",
    r"\bregister_backward_hook\b": "torch wants register_full_backward_hook",
    r"\bVariable\(": "torch tensors record gradients themselves since 0.4",
    r"\.volatile\b": "torch wants no_grad() since 0.4",
    r"\bwarnings\.(catch_warnings|filterwarnings|simplefilter)\b": "it hides a warning: mend its cause",
}
NEEDS_NETWORK = {
    r"\bdownload=True\b|\btorch\.hub\b|\burlopen\b|\brequests\.get\b": "a lecture runs without a network",
}
ELSEWHERE = {
    r"(?<![\w.])/(home|root|Users|work|tmp|mnt|opt|usr|var|srv)/\w": "a path of one machine",
    r"\b[A-Z]:\\\w": "a path of one machine",
    r"site-packages|ipykernel_\d|<\w[^<>]* at 0x": "an address inside one machine",
    r"\bpypi\.|pythonhosted|anaconda\.(org|com)|\bdownload\.pytorch\.|index-url": "a package registry",
}


@dataclass(frozen=True)
class Lecture:
    """A lecture's notebook, at `lectures/NN_name.ipynb` of a checkout."""

    path: Path

    @functools.cached_property
    def notebook(self) -> NotebookNode:
        return nbformat.read(self.path, as_version=4)

    @property
    def number(self) -> int:
        return int(self.path.name[:2])

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.path.parents[1]

    @functools.cached_property
    def checks(self) -> dict[str, lecture_checks.Section]:
        """What guards the page from beside it, by the ids of cells; nothing where its asserts still stand on it."""
        return lecture_checks.read(lecture_checks.path_for(self.path, self.root / "tests" / "lectures" / "checks"))

    @property
    def cells(self) -> list[NotebookNode]:
        return self.notebook.cells

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def prose(self) -> str:
        return "\n\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    @property
    def title(self) -> str:
        """What follows the number in the first line, or nothing."""
        return "".join(re.findall(rf"\A# {self.number} · (.+)$", self.cells[0].source, flags=re.MULTILINE))

    @property
    def minutes(self) -> int | None:
        """What the title cell says."""
        said = re.search(r"^\*\*Time:\*\* about (\d+) minutes\b", self.cells[0].source, flags=re.MULTILINE)
        return int(said[1]) if said else None

    @property
    def sections(self) -> list[str]:
        """The headings of level 2, in order."""
        return re.findall(r"^## (.+?)\s*$", self.prose, flags=re.MULTILINE)


def lectures(folder: Path) -> list[Lecture]:
    """All lectures in the folder, in order."""
    return [Lecture(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]


def parsed(cell: NotebookNode) -> ast.Module:
    """The code of a cell; a magic or a shell command is no Python, and counts as an empty cell here."""
    try:
        return ast.parse(cell.source)
    except SyntaxError:
        return ast.Module([], [])


def plain_code(lecture: Lecture) -> Iterator[str]:
    """Plain Python, without magics or shell commands: what Python cannot parse, no rule could read."""
    for cell in lecture.code:
        try:
            ast.parse(cell.source)
        except SyntaxError as error:
            yield f"{cell.id}: line {error.lineno} is not Python"


def compared_outputs(lecture: Lecture) -> Iterator[str]:
    """Outputs are compared; the few that depend on the machine are checked by an assert, beside the page or on it."""
    ignored = [cell for cell in lecture.code if IGNORED in cell.metadata.get("tags", [])]
    if IGNORED_SHARE * len(ignored) > len(lecture.code):
        yield f"{len(ignored)} of {len(lecture.code)} code cells are tagged {IGNORED}: at most 1 in {IGNORED_SHARE}"
    for cell in lecture.code:
        for tag in set(cell.metadata.get("tags", [])) & metadata_tags.keys() - {IGNORED}:
            yield f"{cell.id}: the tag {tag} is not for lectures"
        for marker in comment_markers:
            if marker in cell.source:
                yield f"{cell.id}: {marker} belongs into the tags"
    for cell in ignored:
        guards = [parsed(cell), *([ast.parse(lecture.checks[cell.id].source)] if cell.id in lecture.checks else [])]
        if not any(_can_fail(node) for guard in guards for node in _executed(guard)):
            yield f"{cell.id}: tagged {IGNORED}, but asserts nothing"
        if not cell.outputs:
            yield f"{cell.id}: tagged {IGNORED}, but has no output"


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes under `node`, but not those inside a function or class, which may never be called."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield child
            yield from _executed(child)


def _can_fail(node: ast.AST) -> bool:
    """Whether it is an assertion, of more than a constant."""
    if isinstance(node, ast.Assert):
        return not isinstance(node.test, ast.Constant | ast.Tuple)
    return isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].startswith("assert_")


def checks_beside_the_page(lecture: Lecture) -> Iterator[str]:
    """Each check stands beside a cell that is there and can fail; what is left on the page are a handful of lessons."""
    ids = {cell.id for cell in lecture.code}
    for name, section in lecture.checks.items():
        if name not in ids:
            yield f"a check stands beside {name}, which is no code cell"
        if not any(map(_can_fail, _executed(ast.parse(section.source)))):
            yield f"the check of {name} asserts nothing"
    asserts = [cell.id for cell in lecture.code for node in ast.walk(parsed(cell)) if _can_fail(node)]
    if lecture.checks and len(asserts) > PAGE_ASSERTS:
        yield f"{len(asserts)} asserts on the page, at most {PAGE_ASSERTS}: {', '.join(dict.fromkeys(asserts))}"


def fits_a_screen(lecture: Lecture) -> Iterator[str]:
    """No code cell is larger than a screen, no lecture longer than a sitting, no file heavier than it need be."""
    most_lines = PAGE_LINES if lecture.checks else SCREEN_LINES
    for cell in lecture.code:
        lines = cell.source.splitlines()
        if len(lines) > most_lines:
            yield f"{cell.id}: {len(lines)} lines, at most {most_lines}"
        for line in lines:
            if len(line) > SCREEN_COLUMNS:
                yield f"{cell.id}: {len(line)} characters, at most {SCREEN_COLUMNS}: {line}"
    if len(lecture.cells) > MOST_CELLS:
        yield f"{len(lecture.cells)} cells, at most {MOST_CELLS}"
    if (size := lecture.path.stat().st_size) > MOST_BYTES:
        yield f"{size:,} bytes, at most {MOST_BYTES:,}"


def text_alternatives(lecture: Lecture) -> Iterator[str]:
    """Every picture says in words what it shows, as `cnnlab.plots.show` publishes it."""
    for cell in lecture.code:
        for output in cell.outputs:
            data = output.get("data", {})
            for kind in data.keys() - {"image/png", "text/plain", "text/html", "text/markdown", "text/latex"}:
                yield f"{cell.id}: an output of type {kind} has no text alternative that we check"
            if data and not data.get("text/plain", "").strip():
                yield f"{cell.id}: an output without text/plain"
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if "image/png" in data and (not alt.strip() or alt != data.get("text/plain")):
                yield f"{cell.id}: a figure without text alternative: show it by cnnlab.plots"
            if re.search(r"<(img|svg|canvas|script|video|iframe)\b", data.get("text/html", ""), re.IGNORECASE):
                yield f"{cell.id}: HTML that draws: show it by cnnlab.plots"
    if re.search(r"!\[\s*\]\(|<img\b(?![^>]*\balt=\"[^\"])", lecture.prose):
        yield "a picture in the text without text alternative"


def clean_run(lecture: Lecture) -> Iterator[str]:
    """Stored as one run from top to bottom left it: no error, no warning, no trace of when and where it ran."""
    counts = [cell.execution_count for cell in lecture.code]
    if counts != list(range(1, len(counts) + 1)):
        yield f"executed in the order {counts}: restart, run all, save"
    for cell in lecture.code:
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{cell.id}: stopped with {output.ename}"
            if output.get("name") == "stderr":
                yield f"{cell.id}: stderr: {output.text[:200]}"
        if found := re.search(r".*(Warning\b|[Dd]eprecat).*", _texts_out(cell)):
            yield f"{cell.id}: a warning in an output: {found[0][:200]}"
    for cell in lecture.cells:
        if extra := cell.metadata.keys() - {"tags"}:
            yield f"{cell.id}: metadata {', '.join(sorted(extra))}: remove it"
    if lecture.notebook.metadata != {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }:
        yield f"the notebook's metadata is {dict(lecture.notebook.metadata)}"
    for cell in lecture.cells:
        if re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f-]+)?|cell-?\d+", cell.id):
            yield f"{cell.id}: give the cell an id that says what is in it"


def _texts_out(cell: NotebookNode) -> str:
    """All text that a code cell put out."""
    data = [text for output in cell.outputs for kind, text in output.get("data", {}).items() if kind != "image/png"]
    return "\n".join([*data, *(output.get("text", "") for output in cell.outputs)])


def current_code(lecture: Lecture) -> Iterator[str]:
    """Nothing deprecated, nothing that needs a network, nothing that hides a warning."""
    for cell in lecture.code:
        code = ast.unparse(parsed(cell))
        for pattern, reason in (DEPRECATED | NEEDS_NETWORK).items():
            if found := re.search(pattern, code):
                yield f"{cell.id}: {found[0]}: {reason}"


def frame(lecture: Lecture) -> Iterator[str]:
    """Opens with what one will be able to do, in how long and on what ground; ends with what to do now."""
    top = lecture.cells[0].source
    if not lecture.title:
        yield f"the first line is not '# {lecture.number} · ' and a title"
    if not re.search(
        r"^After this lecture you will be able to\n\n(- .+\n){2,}", top.replace("\n  ", " "), re.MULTILINE
    ):
        yield "the title cell has no list under 'After this lecture you will be able to'"
    if not lecture.minutes:
        yield "the title cell does not say '**Time:** about NN minutes'"
    if not re.search(r"\*\*Builds on:\*\* \w", top):
        yield "the title cell does not say '**Builds on:**'"
    if repeated := {heading for heading in lecture.sections if lecture.sections.count(heading) > 1}:
        yield f"a heading twice: {', '.join(sorted(repeated))}"
    if lecture.sections[-3:] != ["Summary", "Check yourself", "Now you"]:
        yield f"ends with the sections {lecture.sections[-3:]}, not with Summary, Check yourself, Now you"
        return
    questions, opened, answers = section(lecture, "Check yourself").partition("<details><summary>Answers</summary>")
    asked, answered = (len(re.findall(r"^\d+\. ", text, re.MULTILINE)) for text in (questions, answers))
    if not opened or not asked or asked != answered or answers.strip()[-10:] != "</details>":
        yield f"{asked} questions, {answered} answers in <details><summary>Answers</summary>"
    if not re.search(exercise_pattern(lecture), section(lecture, "Now you")):
        yield f"'Now you' names no exercise: `exercises/{lecture.number:02}_name/name.ipynb`"


def section(lecture: Lecture, heading: str) -> str:
    """The text between this heading and the next."""
    return lecture.prose.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def exercise_pattern(lecture: Lecture) -> str:
    return rf"`(exercises/{lecture.number:02}_\w+/\w+\.ipynb)`"


def sizes_on_top(lecture: Lecture) -> Iterator[str]:
    """One cell near the top sets all sizes and seeds, in capitals; no other cell sets any."""
    for place, cell in enumerate(lecture.cells):
        sizes = _constants(parsed(cell)) if cell.cell_type == "code" else []
        if lecture.code and cell is lecture.code[0]:
            if not sizes or place > 2:
                yield f"{cell.id}: the first code cell, among the first three, sets no SIZES"
        elif sizes:
            yield f"{cell.id}: sets {', '.join(sizes)}, which belong into the cell on top"


def _constants(tree: ast.Module) -> list[str]:
    """The names in capitals that the code sets, outside of functions; X, W or G2 is mathematics, not a size."""
    names = [node.id for node in _executed(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return [name for name in names if re.fullmatch(r"[A-Z]{2}[A-Z0-9_]*|[A-Z]_[A-Z0-9_]+", name)]


def resolving_references(lecture: Lecture) -> Iterator[str]:
    """Local links, anchors and paths lead somewhere, and what is imported from cnnlab is in it."""
    anchors = {re.sub(r"\s", "-", heading) for heading in re.findall(r"^#+ (.+)$", lecture.prose, re.MULTILINE)}
    words = re.sub(r"`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", "", lecture.prose, flags=re.DOTALL)
    for target in re.findall(r"\]\(\s*<?([^)>\s]+)", words):
        path, _, anchor = target.partition("#")
        if re.match(r"https?://|mailto:", target):
            continue
        if path and not (lecture.path.parent / path).exists():
            yield f"the link to {target} leads nowhere"
        if anchor and not path and anchor not in anchors:
            yield f"no heading has the anchor #{anchor}"
    for path in re.findall(r"`((?:lectures|solutions|tests|autograde|results|cnnlab)/[\w./-]*)`", lecture.prose):
        if not any((folder / path).exists() for folder in (lecture.root, lecture.path.parent)):
            yield f"there is no {path}"
    for cell in lecture.code:
        for node in ast.walk(parsed(cell)):
            yield from (f"{cell.id}: {name} is not there" for name in _imported(node) if not _importable(name))


def _imported(node: ast.AST) -> list[str]:
    """The dotted names of what is imported from cnnlab."""
    names = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name for name in names if name.split(".")[0] == "cnnlab"]


def _importable(name: str) -> bool:
    """Whether it is a module, or something in a module."""
    module, _, member = name.rpartition(".")
    try:
        return not module or hasattr(importlib.import_module(module), member) or bool(importlib.import_module(name))
    except ImportError:
        return False


def nothing_of_one_machine(lecture: Lecture) -> Iterator[str]:
    """No path of anyone's computer, no address of an object, no package registry, in text, code or outputs."""
    for cell in lecture.cells:
        text = cell.source + "\n" + (_texts_out(cell) if cell.cell_type == "code" else "")
        for pattern, what in ELSEWHERE.items():
            if found := re.search(pattern, text):
                yield f"{cell.id}: {found[0]}: {what}"


Rule = Callable[[Lecture], Iterator[str]]
RULES: tuple[Rule, ...] = (
    plain_code,
    compared_outputs,
    checks_beside_the_page,
    fits_a_screen,
    text_alternatives,
    clean_run,
    current_code,
    frame,
    sizes_on_top,
    resolving_references,
    nothing_of_one_machine,
)
