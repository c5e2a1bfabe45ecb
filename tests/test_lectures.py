"""Every lecture keeps to every rule, and every rule tells a lecture that does not.

Running the lectures and comparing their outputs is nbval's: `make test` collects the notebooks themselves. That run
also fails at deprecated calls, which is proved at the end of this file.
"""

import re
import shutil
from pathlib import Path

import lecture_rules as rules
import nbformat
import pytest
from cnnlab import records
from conftest import CHECKOUT, shell
from lecture_records import wrong_records
from lecture_rules import IGNORED, RULES, Lecture

FOLDER = CHECKOUT / "lectures"
LECTURES = rules.lectures(FOLDER)


def name(thing) -> str:
    return thing.path.stem if isinstance(thing, Lecture) else thing.__name__


def test_lectures_are_numbered_without_gaps():
    assert [lecture.number for lecture in LECTURES] == list(range(1, len(LECTURES) + 1))
    assert sorted(FOLDER.glob("*.ipynb")) == [lecture.path for lecture in LECTURES], "a notebook that is no lecture"
    assert LECTURES


@pytest.mark.parametrize("rule", RULES, ids=name)
@pytest.mark.parametrize("lecture", LECTURES, ids=name)
def test_lecture_keeps_to_the_rule(lecture, rule):
    assert not list(rule(lecture))


@pytest.mark.parametrize("path", [FOLDER / "README.md", *(lecture.path for lecture in LECTURES)], ids=lambda p: p.stem)
def test_numbers_in_prose_are_those_of_the_records(path):
    text = Lecture(path).prose if path.suffix == ".ipynb" else path.read_text(encoding="utf-8")
    assert not list(wrong_records(text, FOLDER / "results"))


@pytest.mark.parametrize("page", ["README.md", "lectures/README.md"])
def test_the_readmes_name_the_lectures_that_look_for_cifar10(page):
    looking = [lecture.number for lecture in LECTURES if any("data.cifar10()" in cell.source for cell in lecture.code)]
    text = " ".join((CHECKOUT / page).read_text(encoding="utf-8").split())
    (named,) = re.findall(r"Lectures ([\d, and]+) (?:begin with `data\.cifar10\(\)`|train on CIFAR-10)", text)
    assert list(map(int, re.findall(r"\d+", named))) == looking


# From here on: the rules themselves, on a lecture that keeps to them all and is then spoiled in one place.

TITLE = """\
# 7 · Small things

After this lecture you will be able to

- say what is small, in words
  of your own;
- count to two.

**Time:** about 5 minutes. **Builds on:** nothing."""

PROSE = """\
## Is two small?

See [the map](README.md), [above](#Is-two-small?), [elsewhere](https://example.org/two) and `cnnlab/plots.py`;
in math, $X[i](j)$ is no link."""

END = """\
## Summary

- Two is small.

## Check yourself

1. Is three small?
2. Is four?

<details><summary>Answers</summary>

1. Yes.
2. Less so.

</details>

## Now you

Open `exercises/07_small/small.ipynb`."""

SETUP = """\
import torch
from cnnlab import plots
from cnnlab.plots import show

SEED = 0"""


def small_lecture() -> nbformat.NotebookNode:
    code, markdown, out = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell, nbformat.v4.new_output
    alt = "A dot."
    figure = out("display_data", {"image/png": "iVBORw0", "text/plain": alt}, metadata={"image/png": {"alt": alt}})
    said = out("stream", name="stdout", text="2\n")
    timed = out("stream", name="stdout", text="0.1 s\n")
    cells = [
        markdown(TITLE, id="title"),
        code(SETUP, id="setup", execution_count=1),
        markdown(PROSE, id="two"),
        code("X = 2\nprint(X)\nassert X == 2", id="count", execution_count=2, outputs=[said]),
        code("show(figure, 'A dot.')", id="dot", execution_count=3, outputs=[figure]),
        code("assert seconds < 60", id="timed", execution_count=4, outputs=[timed], metadata={"tags": [IGNORED]}),
        code("X", id="again", execution_count=5, outputs=[out("execute_result", {"text/plain": "2"})]),
        markdown(END, id="end"),
    ]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


@pytest.fixture
def spoil(tmp_path):
    """Write the small lecture into a checkout of its own after `change` was done to its cells, by their ids."""
    (tmp_path / "lectures" / "cnnlab").mkdir(parents=True)
    for path in ("README.md", "cnnlab/plots.py"):
        (tmp_path / "lectures" / path).touch()

    def spoiled(change=lambda cells: None) -> Lecture:
        notebook, beside = small_lecture(), {}
        cells = {cell.id: cell for cell in notebook.cells}
        change(cells | {"all": notebook, "beside": beside})
        if beside:
            checks = tmp_path / "tests" / "lectures" / "checks" / "07_small.py"
            checks.parent.mkdir(parents=True, exist_ok=True)
            checks.write_text(beside["text"])
        path = tmp_path / "lectures" / "07_small.ipynb"
        nbformat.write(notebook, path)
        return Lecture(path)

    return spoiled


def test_the_small_lecture_keeps_to_every_rule(spoil):
    assert {rule.__name__: list(rule(spoil())) for rule in RULES} == {rule.__name__: [] for rule in RULES}


def text(cell: str, old: str, new: str):
    """A change: replace `old`, which must be there, in a cell's source."""

    def change(cells):
        assert old in cells[cell].source
        cells[cell].source = cells[cell].source.replace(old, new)

    return change


def code(cell: str, source: str):
    return lambda cells: cells[cell].update(source=source)


def tags(cell: str, *tags: str):
    return lambda cells: cells[cell].metadata.update(tags=list(tags))


def outputs(cell: str, *outputs):
    return lambda cells: cells[cell].update(outputs=list(outputs))


def stream(text: str, name: str = "stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def shown(metadata=(), **data: str):
    data = {kind.replace("_", "/", 1).replace("_xml", "+xml"): value for kind, value in data.items()}
    return nbformat.v4.new_output("display_data", data, metadata=dict(metadata))


def beside(text: str, *changes):
    """A change: the lecture has this file of checks, and is changed further."""

    def change(cells):
        cells["beside"]["text"] = text
        for each in changes:
            each(cells)

    return change


INLINE = shown(image_png="iVBORw0", text_plain="<Figure size 640x480 with 1 Axes>")
ERROR = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])

BROKEN = {
    rules.plain_code: {
        "a magic": (code("count", "%timeit 1"), "count: line 1 is not Python"),
        "a shell": (code("count", "X = 2\n!ls"), "count: line 2"),
    },
    rules.compared_outputs: {
        "two of five": (lambda cells: (tags("dot", IGNORED)(cells), tags("again", IGNORED)(cells)), "3 of 5"),
        "no assert": (code("timed", "print(seconds)"), "timed: .* asserts nothing"),
        "assert of nothing": (code("timed", "assert True"), "asserts nothing"),
        "assert that always holds": (code("timed", "assert (seconds < 1, 'slow')"), "asserts nothing"),
        "assert never reached": (code("timed", "def check():\n    assert seconds < 60"), "asserts nothing"),
        "no output": (outputs("timed"), "timed: .* no output"),
        "skipped": (tags("count", "nbval-skip"), "the tag nbval-skip"),
        "an error wanted": (tags("count", "raises-exception"), "the tag raises-exception"),
        "a check that asserts nothing": (
            beside("# %% timed\nprint(seconds)", code("timed", "print(seconds)")),
            "asserts nothing",
        ),
        "told by a comment": (code("count", "# NBVAL_IGNORE_OUTPUT\nprint(2)"), "NBVAL_IGNORE_OUTPUT belongs"),
        "skipped by a comment": (code("count", "#NBVAL_SKIP\nprint(2)"), "NBVAL_SKIP"),
    },
    rules.checks_beside_the_page: {
        "of no cell": (beside("# %% gone\nassert X == 2"), "beside gone, which is no code cell"),
        "of a text": (beside("# %% two\nassert X == 2"), "beside two, which is no code cell"),
        "that cannot fail": (beside("# %% count\nX == 2"), "check of count asserts nothing"),
        "and the page still full": (
            beside("# %% count\nassert X == 2", code("dot", "assert X\n" * 5)),
            "7 asserts on the page, at most 6: count, dot, timed",
        ),
    },
    rules.fits_a_screen: {
        "long, its checks beside it": (
            beside("# %% count\nassert X == 2", code("count", "\n".join(["x = 1"] * 26))),
            "count: 26 lines, at most 25",
        ),
        "long": (code("count", "\n".join(["x = 1"] * 41)), "count: 41 lines"),
        "wide": (code("count", "x = '" + "a" * 105 + "'"), "count: 111 characters"),
        "many": (lambda c: c["all"].cells.extend(nbformat.v4.new_markdown_cell("x") for _ in range(38)), "46 cells"),
        "heavy": (outputs("count", stream("x" * 2_000_000)), "2,00.,... bytes"),
    },
    rules.text_alternatives: {
        "inline": (outputs("dot", INLINE), "dot: a figure without"),
        "alt only": (
            outputs("dot", shown({"image/png": {"alt": "A"}}, image_png="i", text_plain="B")),
            "figure without",
        ),
        "blank": (outputs("dot", shown({"image/png": {"alt": " "}}, image_png="i", text_plain=" ")), "figure without"),
        "no text": (outputs("dot", shown(text_html="<b>2</b>")), "without text/plain"),
        "svg": (outputs("dot", shown(image_svg_xml="<svg/>", text_plain="A dot.")), r"type image/svg\+xml"),
        "html": (outputs("dot", shown(text_html="<p><IMG src='x'>", text_plain="A dot.")), "HTML that draws"),
        "markdown": (text("two", "See", "![](README.md)"), "picture in the text"),
        "tag": (text("two", "See", '<img src="README.md" alt="">'), "picture in the text"),
    },
    rules.clean_run: {
        "not run": (lambda cells: cells["again"].update(execution_count=None), r"order \[1, 2, 3, 4, None\]"),
        "out of order": (lambda cells: cells["again"].update(execution_count=7), "restart"),
        "error": (outputs("count", ERROR), "count: stopped with ValueError"),
        "stderr": (outputs("count", stream("careful", "stderr")), "count: stderr: careful"),
        "warning": (outputs("count", stream("x.py:3: UserWarning: old")), "a warning in an output: x.py:3"),
        "deprecated": (outputs("dot", shown(text_plain="pretrained is deprecated")), "dot: a warning"),
        "clock": (lambda cells: cells["count"].metadata.update(execution={}), "count: metadata execution"),
        "kernel": (lambda cells: cells["all"].metadata.language_info.update(version="3.11.7"), "metadata is"),
        "id": (lambda cells: cells["dot"].update(id="a1b2c3d4"), "a1b2c3d4: give the cell an id"),
    },
    rules.current_code: {
        "pretrained": (code("count", "resnet18(pretrained=True)"), r"pretrained=: torchvision wants weights="),
        "io": (code("count", "from torchvision import datasets, io"), "Pillow reads images"),
        "io module": (code("count", "import torchvision.io"), "Pillow reads images"),
        "hidden": (code("count", "import warnings\nwarnings.simplefilter('ignore')"), "hides a warning"),
        "download": (code("count", "MNIST('.', download=True)"), "without a network"),
    },
    rules.frame: {
        "other number": (text("title", "# 7", "# 8"), "first line"),
        "no aims": (text("title", "- say", "say"), "no list"),
        "no time": (text("title", "about 5", "five"), "minutes"),
        "no ground": (text("title", "**Builds on:** nothing.", ""), "Builds on"),
        "no summary": (text("end", "## Summary", "**Summary**"), "not with Summary"),
        "more after it": (text("end", "Open", "## More\n\nOpen"), "not with Summary"),
        "no answer to the last": (text("end", "2. Less so.", ""), "2 questions, 1 answers"),
        "open answers": (text("end", "<details><summary>Answers</summary>", ""), "4 questions, 0 answers"),
        "no exercise": (text("end", "exercises/07", "exercises/06"), "names no exercise"),
        "twice": (text("end", "## Summary", "## Is two small?\n\n## Summary"), "heading twice: Is two small"),
    },
    rules.sizes_on_top: {
        "none": (code("setup", "import torch"), "sets no SIZES"),
        "too low": (
            lambda cells: cells["all"].cells.insert(4, cells["all"].cells.pop(1)),
            "count: the first code cell",
        ),
        "elsewhere": (code("count", "for EPOCHS in (1, 2):\n    pass"), "count: sets EPOCHS"),
        "in an expression": (code("count", "print(N_TEST := 3)"), "count: sets N_TEST"),
    },
    rules.resolving_references: {
        "link": (text("two", "(README.md)", "(02_more.ipynb)"), "02_more.ipynb leads nowhere"),
        "anchor": (text("two", "#Is-two-small?", "#Is-three-small?"), "no heading has the anchor #Is-three-small"),
        "path": (text("two", "cnnlab/plots.py", "cnnlab/plot.py"), "there is no cnnlab/plot.py"),
        "module": (text("setup", "import plots", "import plotting"), "setup: cnnlab.plotting is not there"),
        "function": (text("setup", "import show", "import reveal"), "setup: cnnlab.plots.reveal is not there"),
        "plain import": (code("count", "import cnnlab.plot as p"), "count: cnnlab.plot is not there"),
    },
    rules.nothing_of_one_machine: {
        "home": (text("two", "See", "See /home/ada/course"), "/home/a: a path"),
        "in an output": (outputs("count", stream("saved to /tmp/net.pt")), "count: /tmp/n"),
        "on Windows": (code("count", r"path = r'C:\Users'"), "a path of one machine"),
        "address": (outputs("count", shown(text_plain="<Net object at 0x7f12>")), "inside one machine"),
        "installed": (outputs("count", shown(text_plain="python3.11/site-packages/torch")), "inside one machine"),
        "registry": (text("two", "See", "pip install --index-url https://x"), "index-url: a package registry"),
    },
}
CASES = [
    pytest.param(rule, *case, id=f"{name(rule)}: {what}")
    for rule, cases in BROKEN.items()
    for what, case in cases.items()
]


@pytest.mark.parametrize(("rule", "change", "words"), CASES)
def test_a_spoiled_lecture_is_told(spoil, rule, change, words):
    complaints = list(rule(spoil(change)))
    assert any(re.search(words, complaint) for complaint in complaints), complaints


def test_a_check_beside_the_page_serves_as_its_assert(spoil):
    lecture = spoil(beside("# %% timed\nassert seconds < 60", code("timed", "print(seconds)")))
    assert {rule.__name__: list(rule(lecture)) for rule in RULES} == {rule.__name__: [] for rule in RULES}


def test_every_rule_was_tried():
    assert BROKEN.keys() == set(RULES)


def test_code_that_is_not_python_stops_no_rule(spoil):
    lecture = spoil(code("count", "%timeit 1"))
    assert [name(rule) for rule in RULES if list(rule(lecture))] == ["plain_code"]


@pytest.fixture
def results(tmp_path) -> Path:
    """A folder with the record `small`, of two runs."""
    runs = [
        records.Run(seed, {"loss": [1.0, 0.5]}, {"accuracy": accuracy, "parameters": 61_706, "change": -0.25})
        for seed, accuracy in [(0, 0.6), (1, 0.6025)]
    ]
    record = records.Record("python small.py", "none", {"device": "cpu"}, {}, {"epochs": 2}, runs)
    records.write(record, tmp_path / "small.json")
    (tmp_path / "torn.json").write_text('{"command": ')
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "60.125 %<!--record small summary.accuracy.mean-->",
        "about 60.1 %<!--record small summary.accuracy.mean-->, twice: 60%<!--record small summary.accuracy.mean-->",
        "0.60<!--record small runs.0.results.accuracy-->",
        "| 61,706<!--record small summary.parameters.mean--> |",
        "(−25 %<!--record small summary.change.mean-->)",
        "2<!--record small settings.epochs--> epochs",
        "60.2 %<!--record small runs.1.results.accuracy--> or 60.3 %<!--record small runs.1.results.accuracy-->",
        "no number at all",
    ],
)
def test_a_number_that_is_the_record_s_is_right(results, words):
    assert list(wrong_records(words, results)) == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("60.2 %<!--record small summary.accuracy.mean-->", r"60.2 %.*: the record says 60.125"),
        ("60.12<!--record small summary.accuracy.mean-->", r"the record says 0.60125"),
        ("60.130 %<!--record small summary.accuracy.mean-->", r"says 60.125"),
        ("25 %<!--record small summary.change.mean-->", r"says -25"),
        ("1,706<!--record small summary.parameters.mean-->", r"says 61706"),
        ("60.1 % <!--record small summary.accuracy.mean-->", r"no number stands straight before"),
        ("<!--record small summary.accuracy.mean-->", r"no number"),
        ("60.1 %<!-- record small summary.accuracy.mean -->", r"is written <!--record NAME"),
        ("60.1 %<!--recrod small summary.accuracy.mean-->", r"is written"),
        ("60.1 %<!--record small-->", r"is written"),
        ("60.1 %<!--record small summary.accuracy.mean", r"is written"),
        ("60.1 %<!--record large summary.accuracy.mean-->", r"there is no record large.json"),
        ("60.1 %<!--record torn summary.accuracy.mean-->", r"torn.json: "),
        (
            "60.1 %<!--record small summary.precision.mean-->",
            r"has no summary.precision.mean: it ends before precision",
        ),
        ("1.0<!--record small runs.0.history.loss.2-->", r"ends before 2"),
        ("1.0<!--record small runs.first-->", r"ends before first"),
        ("1.0<!--record small data-->", r"small.json: data is not a number"),
    ],
)
def test_a_number_that_is_not_is_told(results, words, complaint):
    (told,) = wrong_records(f"60.1 %<!--record small summary.accuracy.mean--> and {words}", results)
    assert re.search(complaint, told)


# The proof that executing the lectures fails at deprecated calls, and at those of our own code only.

OLD = "import warnings\n\n\ndef old(level=2):\n    warnings.warn('too old', DeprecationWarning, stacklevel=level)\n"
NOTEBOOKS = {
    "01_called_here": ("import other\nother.old()", "DeprecationWarning: too old"),
    "02_in_the_future": ("import warnings\nwarnings.warn('too old', FutureWarning)", "FutureWarning: too old"),
    "03_pending": (
        "import warnings\nwarnings.warn('old', PendingDeprecationWarning)",
        "PendingDeprecationWarning: old",
    ),
    "04_by_the_library": ("from cnnlab.deep import layers\nlayers.call()", "DeprecationWarning: too old"),
    "05_by_others": ("import other\nother.old(1)\n'fine'", None),
}


def nbval(root: Path) -> str:
    """What pytest says when it executes the lectures of a checkout."""
    done = shell(
        "python", "-m", "pytest", "--nbval", "--color=no", "-rA", "-p", "no:cacheprovider", "lectures", cwd=root
    )
    return re.sub(r"\x1b\[[\d;]*m", "", done.stdout)  # IPython colours its tracebacks whatever pytest is told


def with_our_conftest(root: Path) -> None:
    """What a checkout needs so that pytest executes its lectures as ours."""
    shutil.copy(CHECKOUT / "conftest.py", root)
    (root / "tests").mkdir()
    shutil.copy(CHECKOUT / "tests" / "lecture_checks.py", root / "tests")
    (root / "pytest.ini").write_text("[pytest]\npythonpath = tests\n")


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> str:
    """What pytest says of notebooks in a checkout that has our conftest.py and a library of its own."""
    root = tmp_path_factory.mktemp("checkout")
    with_our_conftest(root)
    deep = root / "lectures" / "cnnlab" / "deep"
    deep.mkdir(parents=True)
    for folder in (deep.parent, deep):
        (folder / "__init__.py").touch()
    (root / "lectures" / "other.py").write_text(OLD)
    (deep / "layers.py").write_text("import other\n\n\ndef call():\n    other.old()\n")
    for stem, (source, _) in NOTEBOOKS.items():
        cell = nbformat.v4.new_code_cell(source, metadata={"tags": [IGNORED]})
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), root / "lectures" / f"{stem}.ipynb")
    return nbval(root)


@pytest.mark.parametrize("stem", NOTEBOOKS)
def test_a_deprecated_call_of_our_own_fails_where_lectures_are_executed(executed, stem):
    _, error = NOTEBOOKS[stem]
    assert f"{'FAILED' if error else 'PASSED'} lectures/{stem}.ipynb::Cell 0" in executed, executed
    assert not error or re.search(rf"^{error}$", executed, re.MULTILINE)
