"""Nothing a student wrote is active in what others open, and nothing hidden is in what students get."""

import subprocess
import sys
from html.parser import HTMLParser

import pytest
from nbconvert import HTMLExporter

from hostile import tiny
from hostile.cases import Case, honest, read

LINKS = "href src action formaction data xlink:href srcdoc poster background style srcset"
ACTIVE = "script iframe object embed form input button meta base link style svg math video"
BAD = ("javascript:", "vbscript:", "data:text", "data:image/svg", "data:application", "url(")


def _own_cells(notebook: dict) -> None:
    """Markdown and raw cells that the assignment does not know, an attachment, metadata that reaches templates."""
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    for number, kind in enumerate(("markdown", "raw")):
        metadata = {"raw_mimetype": "text/html", "tags": [evil], "magics_language": evil}
        notebook["cells"].append({"cell_type": kind, "id": f"own-{number}", "source": evil, "metadata": metadata})
    notebook["cells"][-2]["attachments"] = {'x" onerror="alert(1)': {"image/svg+xml": evil, "image/png": '"' + evil}}
    notebook["cells"][-2]["source"] += '![x](attachment:x" onerror="alert(1))'
    notebook["metadata"].update(
        title=evil, authors=[{"name": evil}], language_info={"name": evil, "pygments_lexer": evil}
    )


CASES = [
    *read("shown"),
    Case("all-wrong", 0),
    honest("own-cells", edit=_own_cells),
    Case("reason-with-markup", 0, reason="unreadable", files=lambda folder, _: (folder / tiny.NOTEBOOK).write_text(
        '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"<script>a</script>": "<img onerror=a>"}]}')),
    honest("time-with-markup", reason="timestamp", files=lambda folder, _: (folder / "timestamp.txt").write_text(
        "<img src=x onerror=alert(1)>")),
    honest("file-with-markup", reason="renamed", files=lambda folder, _: (folder / tiny.NOTEBOOK).rename(
        folder / "<img src=x onerror=alert(1)>.ipynb")),
]  # fmt: skip


class Active(HTMLParser):
    """Collects everything in a page that a browser would act on."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._text = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in ACTIVE.split():
            self.found.append(f"<{tag} {attributes}>")
        self._text = tag in ("script", "style")
        for name, value in attributes:
            scheme = "".join((value or "").split()).lower()
            if name.startswith("on") or (name in LINKS.split() and (any(word in scheme for word in BAD))):
                self.found.append(f"{tag} {name}={value}")

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        if self._text:
            self.found.append(data)
            self._text = False


@pytest.fixture(scope="module")
def clean(feedback):
    """What the page of a student without any markup is made of."""
    return Active(feedback(honest("ada"))).found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_active_in_feedback(case, result, feedback, clean):
    result.check()
    found = Active(feedback(case)).found
    assert [one for one in found if one not in clean] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_active_in_what_an_instructor_opens(case, result, graduated, outside):
    """Formgrader renders the graded notebook with nbconvert and the course's configuration, as is done here."""
    exporter = HTMLExporter(config=outside.course.config, template_name="classic")
    page, _ = exporter.from_notebook_node(result.notebook)
    known, _ = exporter.from_notebook_node(graduated.results["ada"].notebook)
    assert [one for one in Active(page).found if one not in Active(known).found] == []


def test_the_look_at_a_page_sees_what_is_active():
    for evil in (
        "<script>a</script>",
        "<p onclick=a>",
        "<a href=' jAva\nscript:a'>",
        "<img src=data:image/svg+xml,x>",
        "<svg>",
    ):
        assert Active(f"<div>{evil}</div>").found != [], evil
    assert Active("<p>script: onclick= <b>javascript:</b> <img src=data:image/png;base64,aa>").found == []


def test_what_is_harmless_is_still_shown(feedback):
    page = feedback(next(case for case in CASES if case.name == "html-output"))
    assert "<b>kept</b>" in page


@pytest.mark.parametrize("name", ["ada", "all-wrong"])
def test_feedback_holds_no_hidden_test_and_no_solution(name, feedback, graduated, outside):
    page = feedback(graduated.results[name].case)
    assert "1 and 2 should become 2 and 4" in page  # the visible test is there
    for place in ("hidden", "solution"):
        assert outside.canaries[place] not in page


@pytest.mark.parametrize("text", ["'<div>' * 1_000_000", "'<b><p>' * 500_000"])
def test_markup_that_is_slow_to_clean_holds_nobody_up(text):
    _finishes(f"""
from nbformat.v4 import new_code_cell, new_notebook, new_output
from autograde.sanitize import clean_outputs
output = new_output("display_data", data={{"text/html": {text}}})
clean_outputs(new_notebook(cells=[new_code_cell(outputs=[output])]))""")


@pytest.mark.parametrize("text", ["'\\\\\\\\[' * 300_000", "'\\\\begin{a}' * 100_000", "'<div>' * 200_000"])
def test_a_written_answer_that_is_slow_to_render_holds_nobody_up(text):
    _finishes(f"from autograde.sanitize import markdown_to_safe_html\nmarkdown_to_safe_html({{}}, {text})")


def test_colours_that_are_slow_to_render_hold_nobody_up():
    _finishes("""
from nbconvert.filters.ansi import ansi2html
from nbformat.v4 import new_code_cell, new_notebook, new_output
from autograde.sanitize import clean_outputs
text = "\\x1b[31ma" * 1_000_000
outputs = [new_output("stream", text=text), new_output("error", ename="a", evalue="b", traceback=[text])]
notebook = new_notebook(cells=[new_code_cell(outputs=outputs)])
clean_outputs(notebook)
ansi2html(notebook.cells[0].outputs[0].text)
ansi2html(notebook.cells[0].outputs[1].traceback[0])""")


def _finishes(code: str, seconds: float = 10) -> None:
    """In a process of its own, for what hangs in a library cannot be interrupted."""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=seconds)
