"""A notebook's metadata, cells and form, bent in every way: what the assignment says counts, and nothing stops."""

import copy

import pytest

from hostile import tiny
from hostile.cases import Case, honest


def _cells(notebook: dict) -> dict[str, dict]:
    return {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in notebook["cells"] if cell["metadata"]}


def _each(change):
    """Apply `change` to the metadata of every cell that nbgrader knows."""

    def edit(notebook: dict) -> None:
        for cell in _cells(notebook).values():
            change(cell["metadata"])

    return edit


def _marks(**fields):
    return _each(lambda metadata: metadata["nbgrader"].update(fields))


def _tests_become(**fields):
    def edit(notebook: dict) -> None:
        for name, cell in _cells(notebook).items():
            if name.startswith("test-"):
                cell.update(copy.deepcopy(fields))
                if fields.get("cell_type", "code") != "code":
                    del cell["outputs"], cell["execution_count"]

    return edit


def _solutions_become_markdown(notebook: dict) -> None:
    for name in tiny.RIGHT:
        cell = _cells(notebook)[name]
        cell["cell_type"] = "markdown"
        del cell["outputs"], cell["execution_count"]


def _delete(*names: str):
    def edit(notebook: dict) -> None:
        notebook["cells"] = [
            cell for cell in notebook["cells"] if cell not in [_cells(notebook)[name] for name in names]
        ]

    return edit


def _delete_everything(notebook: dict) -> None:
    notebook["cells"] = []


def _repeat(*names: str, source: str | None = None):
    """Append copies, with another text where one is given."""

    def edit(notebook: dict) -> None:
        for name in names:
            again = copy.deepcopy(_cells(notebook)[name])
            again["source"] = source or again["source"]
            notebook["cells"].append(again)

    return edit


def _whole(**fields):
    return lambda notebook: notebook.update(copy.deepcopy(fields))


def _unknown_grade_cell(notebook: dict) -> None:
    more = copy.deepcopy(_cells(notebook)["test-double"])
    more.update(source="3", id="more")
    more["metadata"]["nbgrader"].update(grade_id="bonus", points=99)
    notebook["cells"].append(more)


def _passed_already(notebook: dict) -> None:
    for name, points in tiny.POINTS.items():
        _cells(notebook)[f"test-{name}"]["outputs"] = [
            {"output_type": "execute_result", "data": {"text/plain": str(points)}, "metadata": {}, "execution_count": 1}
        ]


TAGS = ["skip-execution", "raises-exception", "remove-cell", "parameters", "nbgrader"]

# Work that is wrong and stays wrong, whatever the notebook says about itself.
WRONG = [
    Case("skip-execution", 0, edit=_each(lambda metadata: metadata.update(tags=TAGS))),
    Case("solution-flipped", 0, edit=_marks(solution=True, grade=False, locked=False)),
    Case("grade-flipped", 0, edit=_marks(solution=False, grade=True, points=99)),
    Case("task-flipped", 0, edit=_marks(task=True, points=99)),
    Case("points-raised", 0, edit=_marks(points=1000)),
    Case("points-nan", 0, edit=_marks(points=float("nan"))),
    Case("checksums-gone", 0, edit=_marks(checksum=None)),
    Case("schema-99", 0, edit=_marks(schema_version=99)),
    Case("schema-1", 0, edit=_marks(schema_version=1)),
    Case("tests-edited", 0, edit=_tests_become(source="3"), reason="restored"),
    Case("tests-emptied", 0, edit=_tests_become(source=""), reason="restored"),
    Case("tests-markdown", 0, edit=_tests_become(cell_type="markdown"), reason="restored"),
    Case("tests-raw", 0, edit=_tests_become(cell_type="raw"), reason="restored"),
    Case("tests-deleted", 0, edit=_delete("test-double", "test-scale", "test-count"), reason="restored"),
    Case("tests-repeated", 0, edit=_repeat("test-double", "test-scale", source="3"), reason="repeated"),
    Case("given-edited", 0, edit=_tests_become(source="total = lambda: 3"), reason="restored"),
    Case("all-deleted", 0, edit=_delete_everything, reason="restored"),
    Case("passed-already", 0, edit=_passed_already),
    Case("bonus-cell", 0, edit=_unknown_grade_cell),
    Case("ids-swapped", 0, edit=_marks(grade_id="test-double"), reason="restored"),
]


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_what_a_notebook_says_about_itself_earns_nothing(case, result):
    result.check()


def _swap(notebook: dict) -> None:
    """Two answers carry each other's name; the texts define what they define."""
    cells = _cells(notebook)
    for one, other in [("double", "count"), ("count", "double")]:
        cells[one]["metadata"]["nbgrader"]["grade_id"] = other


# Work that is right, in a notebook that is odd: odd is not wrong.
RIGHT = [
    honest("no-metadata-for-nbgrader", edit=_each(lambda metadata: metadata["nbgrader"].pop("locked"))),
    honest("only-the-id", edit=_each(lambda metadata: [metadata["nbgrader"].pop(key) for key in
                                                      ("grade", "solution", "schema_version")])),
    honest("given-deleted", edit=_delete("given"), reason="restored"),
    honest("tests-deleted-by-accident", edit=_delete("test-double"), reason="restored"),
    honest("given-repeated", edit=_repeat("given"), reason="repeated"),
    honest("answers-repeated", edit=_repeat("double", "scale"), reason="repeated"),
    honest("other-kernel", edit=_whole(metadata={"kernelspec": {"name": "bash", "display_name": "x",
                                                                "language": "sh"}})),
    honest("no-kernel", edit=_whole(metadata={})),
    honest("odd-metadata", edit=_whole(metadata={"kernelspec": {"name": "../x", "display_name": ""}, "nbgrader": "x",
                                                 "widgets": {"a": [float("nan"), 10**30]},
                                                 "language_info": {"name": ""}})),
    honest("future-minor", edit=_whole(nbformat_minor=99)),
    honest("swapped-names", edit=_swap),
]  # fmt: skip


@pytest.mark.parametrize("case", RIGHT, ids=str)
def test_an_odd_notebook_costs_no_marks(case, result):
    result.check()


def _stray(marks):
    """A cell of the student's own whose metadata is not what nbgrader writes."""

    def edit(notebook: dict) -> None:
        stray = {"cell_type": "code", "source": "1", "metadata": {"nbgrader": marks}, "id": "stray"}
        notebook["cells"].append({**stray, "outputs": [], "execution_count": None})

    return edit


def _answer(text: str):
    def edit(notebook: dict) -> None:
        _cells(notebook)["why"]["source"] = text

    return edit


def _attach(name: str):
    def edit(notebook: dict) -> None:
        _cells(notebook)["why"]["attachments"] = {name: {"image/png": "aGVsbG8=", "text/html": "<script>"}}

    return edit


MALFORMED = [
    *(
        honest(f"stray-{name}", edit=_stray(marks))
        for name, marks in {
            "null": None,
            "text": "x",
            "list": [1],
            "number": 3,
            "empty": {},
            "id-list": {"grade_id": ["double"]},
            "id-dict": {"grade_id": {"a": 1}},
            "id-number": {"grade_id": 3, "grade": True},
            "id-empty": {"grade_id": "", "grade": True, "points": 3},
            "id-long": {"grade_id": "x" * 100_000, "grade": True, "points": 3},
        }.items()
    ),
    honest("surrogate-in-an-answer", edit=_answer("a \ud800 b")),
    honest("surrogate-in-code", last="print('armed'); text = '\ud83d'"),
    honest("null-bytes", edit=_answer("a \0 b")),
    honest("bidi-and-escapes", edit=_answer("\u202e \x1b[2J \x07 \ufeff")),
    honest("attachment-that-climbs", edit=_attach("../../../escaped.png")),
    honest("absolute-attachment", edit=_attach("/tmp/escaped.png")),
    honest("very-long-line", edit=_answer("x" * 3_000_000)),
]


@pytest.mark.parametrize("case", MALFORMED, ids=str)
def test_a_malformed_cell_stops_nothing(case, result):
    result.check()


CASES = [*WRONG, *RIGHT, *MALFORMED]
