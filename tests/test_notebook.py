"""Reading a file of unknown kind as a notebook, and writing one in a single step."""

import json

import nbformat
import pytest

from autograde.notebook import LARGEST_NOTEBOOK, UnreadableNotebookError, read_notebook, write_notebook

CELL = {"cell_type": "code", "metadata": {}, "source": "1", "outputs": [], "execution_count": None}
NOT_A_NOTEBOOK = {
    "not JSON": b"{'cells': []}",
    "cut off": json.dumps({"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()[:50],
    "a list": b"[]",
    "a number": b"4",
    "null": b"null",
    "another object": b'{"a": 1}',
    "a web page": b"<!DOCTYPE html><title>Log in</title>",
    "cells that are no list": b'{"cells": 5, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}',
    "a cell of no kind": b'{"cells": [{"cell_type": "x"}], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}',
    "a format to come": b'{"cells": [], "metadata": {}, "nbformat": 99, "nbformat_minor": 0}',
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("content", NOT_A_NOTEBOOK.values(), ids=NOT_A_NOTEBOOK)
def test_what_is_no_notebook_is_named_with_a_remedy(tmp_path, content):
    path = tmp_path / "answer.ipynb"
    path.write_bytes(content)
    with pytest.raises(
        UnreadableNotebookError, match=r"^answer.ipynb is not a Jupyter notebook \(.+\)\. Open it in Jupy"
    ) as caught:
        read_notebook(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(UnreadableNotebookError, match=r"^answer.ipynb cannot be read: No such file or directory\.$"):
        read_notebook(tmp_path / "answer.ipynb")


def test_a_folder_cannot_be_read(tmp_path):
    with pytest.raises(UnreadableNotebookError, match=f"^{tmp_path.name} cannot be read: Is a directory"):
        read_notebook(tmp_path)


@pytest.mark.parametrize("content", [b"", b" \n\t\n"])
def test_an_empty_file_is_said_to_be_empty(tmp_path, content):
    path = tmp_path / "answer.ipynb"
    path.write_bytes(content)
    with pytest.raises(UnreadableNotebookError, match=r"^answer.ipynb is empty\. Was it saved"):
        read_notebook(path)


def test_the_first_byte_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "answer.ipynb"
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(UnreadableNotebookError, match=r"^answer.ipynb is no text file \(byte 7 is not UTF-8\)\.$"):
        read_notebook(path)


def test_a_file_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "answer.ipynb"
    with path.open("wb") as stream:
        stream.truncate(LARGEST_NOTEBOOK + 2**20)  # zeros: were it read, it would be refused as no notebook
    with pytest.raises(UnreadableNotebookError, match=r"^answer.ipynb is 21 MB; at most 20 MB are read\. Clear its"):
        read_notebook(path)


def test_an_older_notebook_is_brought_up_to_date(tmp_path):
    worksheet = {"cells": [{"cell_type": "code", "input": "1 + 1", "outputs": [], "language": "python"}]}
    old = {"metadata": {"name": ""}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [worksheet]}
    path = tmp_path / "answer.ipynb"
    path.write_text(json.dumps(old))
    notebook = read_notebook(path)
    assert notebook.nbformat == 4
    assert [cell.source for cell in notebook.cells] == ["1 + 1"]


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "a" / "b" / "answer.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 'ä 木'")])
    write_notebook(notebook, path)
    assert read_notebook(path) == notebook
    assert [one.name for one in path.parent.iterdir()] == ["answer.ipynb"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "answer.ipynb"
    write_notebook(nbformat.v4.new_notebook(), path)
    before = path.read_bytes()

    def half(notebook, stream):
        stream.write('{"cells": [')
        raise OSError("disk full")

    monkeypatch.setattr(nbformat, "write", half)
    with pytest.raises(OSError, match="disk full"):
        write_notebook(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["answer.ipynb"]
