"""Take everything active out of what a student's notebook shows, before an instructor's browser or a feedback page
renders it: scripts, event handlers, styles that reach out of their place, links that run code."""

import html
import re
from typing import Any

import nh3
from jinja2 import pass_context
from jinja2.runtime import Context
from nbconvert.filters import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from autograde.testing import RESULT

LONGEST_MARKUP = 50_000
"""Characters of HTML or Markdown, without embedded pictures, that are rendered; more is shown as plain text."""

SAFE_AS_IT_IS = {"text/plain", "image/png", "image/jpeg", "image/gif", "application/json"}
CLEANED = {"text/html", "text/latex"}
LEFT_TO_MARKDOWN_FILTER = {"text/markdown"}
"""Rendered by `markdown_to_safe_html`. Any type of output not named here is dropped: scripts, widgets, SVG."""

_PICTURE_DATA = re.compile(r"data:image/(png|jpeg|gif);base64,[A-Za-z0-9+/=\s]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/=\s]*")
_ATTACHED_NAME = re.compile(r"[\w .-]+")
_ATTRIBUTES = {tag: set(names) for tag, names in nh3.ALLOWED_ATTRIBUTES.items()}
_ATTRIBUTES["*"] = {"class", "title", "align"}  # tables of pandas, highlighted code
_ATTRIBUTES["img"] = {"src", "alt", "width", "height"}


def clean_html(text: str) -> str:
    """HTML without anything active; links keep http, https and mailto, pictures also embedded data."""
    if len(_PICTURE_DATA.sub("", text)) > LONGEST_MARKUP:
        return _as_plain(text)
    return nh3.clean(
        text,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "data"},
        attribute_filter=_only_pictures_as_data,
        link_rel="noopener noreferrer",
    )


def _as_plain(text: str) -> str:
    """What is too long to be rendered: a browser and we would take minutes over it."""
    return f"<pre>{html.escape(text[:LONGEST_MARKUP])}\n… cut off here</pre>"


def _only_pictures_as_data(tag: str, attribute: str, value: str) -> str | None:
    if value.strip().lower().startswith("data:") and not (tag == "img" and _PICTURE_DATA.fullmatch(value)):
        return None
    return value


@pass_context
def markdown_to_safe_html(context: Context, source: str) -> str:
    """nbconvert's filter `markdown2html`, with a clean result; also renders pictures attached to the cell."""
    if len(source) > LONGEST_MARKUP:
        return _as_plain(source)
    attachments = context.get("cell", {}).get("attachments", {})
    return clean_html(MarkdownWithMath(renderer=IPythonRenderer(escape=False, attachments=attachments)).render(source))


def clean_outputs(notebook: NotebookNode) -> None:
    """Clean the outputs of all code cells in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for name in ("text", "evalue"):
                if len(output.get(name, "")) > LONGEST_MARKUP:
                    output[name] = strip_ansi(output[name])
            if "traceback" in output and sum(map(len, output.traceback)) > LONGEST_MARKUP:
                output.traceback = [strip_ansi(line) for line in output.traceback]
            if "data" in output:
                output.data = NotebookNode(_clean_data(output.data))
                output.metadata = NotebookNode(_clean_metadata(output.metadata))


def clean_attachments(attachments: Any) -> dict[str, dict[str, str]]:
    """The pictures among a markdown cell's attachments; anything else is dropped."""
    if not isinstance(attachments, dict):
        return {}
    clean = {}
    for name, bundle in attachments.items():
        if isinstance(bundle, dict) and _ATTACHED_NAME.fullmatch(name):
            pictures = {mime: data for mime, data in bundle.items() if _is_picture(mime, data)}
            if pictures:
                clean[name] = pictures
    return clean


def _is_picture(mime: Any, data: Any) -> bool:
    known = mime in ("image/png", "image/jpeg", "image/gif")
    return known and isinstance(data, str) and bool(_BASE64.fullmatch(data))


def _clean_data(data: dict[str, Any]) -> dict[str, Any]:
    clean = {}
    for mime, content in data.items():
        if mime in CLEANED and isinstance(content, str):
            clean[mime] = clean_html(content)
        elif mime.startswith("image/") and mime in SAFE_AS_IT_IS:
            if _is_picture(mime, content):
                clean[mime] = content
        elif mime in SAFE_AS_IT_IS or mime in LEFT_TO_MARKDOWN_FILTER:
            clean[mime] = content
    if data and not clean:
        clean["text/plain"] = f"[output of type {', '.join(sorted(data))} is not shown]"
    return clean


def _clean_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Sizes and text alternatives of pictures, and results; templates write the rest into attributes as it is."""
    clean = {}
    if isinstance(found := metadata.get(RESULT), dict):
        clean[RESULT] = {name: number for name, number in found.items() if type(number) in (int, float)}
    for mime, details in metadata.items():
        if mime in SAFE_AS_IT_IS and isinstance(details, dict):
            sizes = {name: details[name] for name in ("width", "height") if type(details.get(name)) in (int, float)}
            alternative = {"alt": details["alt"]} if isinstance(details.get("alt"), str) else {}
            if sizes or alternative:
                clean[mime] = {**sizes, **alternative}
    return clean
