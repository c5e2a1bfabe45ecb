import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograde.imports import imported_modules


@pytest.fixture
def source(tmp_path):
    """Return a function that writes the folder of an assignment with these code cells."""

    def write(*cells: str):
        notebook = new_notebook(cells=[new_markdown_cell("import pandas"), *map(new_code_cell, cells)])
        nbformat.write(notebook, tmp_path / "a.ipynb")
        return tmp_path

    return write


def test_modules_are_found_however_they_are_imported(source):
    folder = source("import numpy as np, scipy.signal", "def f():\n    from torchvision.transforms import v2")
    assert imported_modules(folder) == ("numpy", "scipy.signal", "torchvision.transforms", "torchvision.transforms.v2")


def test_an_optimizer_brings_what_it_imports_at_its_first_step(source):
    assert "torch._dynamo" in imported_modules(source("import torch\ntorch.optim.SGD([], lr=1)"))
    assert "torch._dynamo" in imported_modules(source("from torch import optim"))
    assert "torch._dynamo" not in imported_modules(source("import torch\ntorch.ones(3)"))


def test_only_packages_known_to_be_fork_safe_are_named(source):
    assert imported_modules(source("import os, tensorflow, numpy", "from . import numpy")) == ("numpy",)


def test_what_lies_beside_the_notebook_is_not_the_package_of_that_name(source):
    folder = source("import pandas, numpy")
    (folder / "pandas.py").touch()
    assert imported_modules(folder) == ("numpy",)


def test_magics_and_broken_cells_do_not_hide_the_rest(source):
    folder = source("%matplotlib inline\n!ls\nimport numpy", "import scipy.(", "import torch")
    assert imported_modules(folder) == ("numpy", "torch")


def test_a_notebook_that_cannot_be_read_is_left_to_who_grades_it(source):
    folder = source("import numpy")
    (folder / "b.ipynb").write_text("{")
    assert imported_modules(folder) == ("numpy",)
