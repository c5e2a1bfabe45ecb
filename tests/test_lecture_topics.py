"""lectures/README.md, the map of the course, is right, and a map that is not is told."""

import re

import nbformat
import pytest
from conftest import CHECKOUT
from lecture_map import CHECKS, Map, read_map

COURSES = {
    "Data Analysis in Python (STATS 507), week 14: CNN in PyTorch",
    "Introduction to AI (CS428), lecture 4: Convolutional Neural Networks",
    "Introduction to Machine Learning (ECE 5307), unit 9: Convolutional and Deep Neural Networks",
    "Perceptron - Convolution - Pooling - CNN - PyTorch",
    "Deep Learning in Python, lecture 2: Convolutional Neural Networks",
}


@pytest.fixture(scope="module")
def course_map() -> Map:
    return read_map(CHECKOUT / "lectures")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_map_is_right(course_map, check):
    assert not list(check(course_map))


def test_the_topics_of_all_five_courses_are_mapped(course_map):
    assert course_map.courses.keys() == COURSES
    assert all(course_map.courses.values())


# From here on: the checks themselves, on a map of two small lectures that is right and is then spoiled in one place.

LISTED = """\
| 1 | [Numbers](01_numbers.ipynb) | to count | 5 |
| 2 | [Layers](02_layers.ipynb) | to learn | 10 |"""
README = f"""\
# Lectures

| | lecture | what you learn | minutes |
| --- | --- | --- | --- |
{LISTED}

## Names in code

| lecture | section | names |
| --- | --- | --- |
| 1 | Numbers | `torch.manual_seed` |
| 1 | What is a layer? | `torch.nn.Linear` |
| 2 | Who learns? | `torch.no_grad`, `.backward` |

## Topics

### A course, week 1

| topic | lecture | section |
| --- | --- | --- |
| Layers | 1 | What is a layer? |
| Learning | 2 | Who learns? |
"""


def small_lecture(number: int, title: str, heading: str, *codes: str) -> nbformat.NotebookNode:
    code, markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
    stem = title.lower()
    top, *rest = (code(source, id=f"code-{place}") for place, source in enumerate(codes))
    return nbformat.v4.new_notebook(
        cells=[
            markdown(f"# {number} · {title}\n\n**Time:** about {5 * number} minutes."),
            top,
            markdown(f"## {heading}\n\nPredict."),
            *rest,
            markdown(f"## Now you\n\nOpen `exercises/0{number}_{stem}/{stem}.ipynb`."),
        ]
    )


NUMBERS = [
    "import numpy as np\nimport torch\nimport torch.nn as nn\nfrom cnnlab.plots import show\ntorch.manual_seed(0)",
    "layer = nn.Linear(2, 1)\nshow(torch.zeros(np.ones(2)), torch.nn)",
]
LAYERS = [
    "import torch\nfrom torch import nn",
    "nn.Linear(1, 1)\nwith torch.no_grad():\n    loss.backward()",
]

EXERCISES = ("01_numbers/numbers.ipynb", "02_layers/layers.ipynb")


@pytest.fixture
def small_map(tmp_path):
    """The map of a checkout with two lectures: its README and the code of its lectures as given."""

    def written(
        readme: str = README,
        numbers: list[str] = NUMBERS,
        layers: list[str] = LAYERS,
        exercises: tuple[str, ...] = EXERCISES,
    ) -> Map:
        folder = tmp_path / "lectures"
        folder.mkdir()
        (folder / "README.md").write_text(readme)
        nbformat.write(small_lecture(1, "Numbers", "What is a layer?", *numbers), folder / "01_numbers.ipynb")
        nbformat.write(small_lecture(2, "Layers", "Who learns?", *layers), folder / "02_layers.ipynb")
        for name in exercises:
            exercise = tmp_path / "exercises" / name
            exercise.parent.mkdir(parents=True)
            exercise.touch()
        return read_map(folder)

    return written


def complaints(of: Map) -> list[str]:
    return [complaint for check in CHECKS for complaint in check(of)]


def test_the_small_map_is_right(small_map):
    assert complaints(small_map()) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("(01_numbers.ipynb) | to count | 5", "(01_numbers.ipynb) | to count | 6", r"listed, but not so: .*'6'"),
        ("[Layers]", "[Layer]", r"listed, but not so: .*\[Layer\]"),
        ("| 2 | [Layers](02_layers.ipynb) | to learn | 10 |\n", "", r"^not listed: .*Layers"),
        ("| 1 | [Numbers]", "| 2 | [Numbers]", r"listed, but not so"),
        (LISTED, "\n".join(reversed(LISTED.splitlines())), r"^not in order$"),
        ("| Learning | 2 | Who learns? |", "| Learning | 2 | Who teaches? |", r"lecture 2 has no section 'Who teaches"),
        ("| Learning | 2 | Who learns? |", "| Learning | 2 | Now you |", r"lecture 2 has no section 'Now you'"),
        ("| Learning | 2 |", "| Learning | 3 |", r"A course, week 1: Learning: there is no lecture 3"),
        ("| Learning |", "| Layers |", r"A course, week 1: Layers: listed twice"),
        ("`torch.nn.Linear`", "", r"^torch.nn.Linear: used in lecture 1, cell code-1, and introduced nowhere"),
        ("`torch.manual_seed`", "", r"^torch.manual_seed: used in lecture 1, cell code-0, and introduced nowhere"),
        ("| 1 | Numbers | `torch.m", "| 1 | Numbers | `torch.nn.Linear`, `torch.m", r"Linear: introduced twice"),
        ("`.backward`", "`.backward`, `.step`", r"^.step: section 'Who learns\?' of lecture 2 does not show it"),
        ("| 2 | Who learns? | `", "| 2 | Who cares? | `", r"^lecture 2 has no section 'Who cares\?'"),
    ],
)  # fmt: skip
def test_a_wrong_map_is_told(small_map, old, new, words):
    assert README.count(old) == 1
    found = complaints(small_map(README.replace(old, new)))
    assert any(re.search(words, complaint) for complaint in found), found


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("import torch\ntorch.no_grad()", r"^torch.no_grad: used in lecture 1, cell code-2, before it is introduced$"),
        ("from torch import no_grad as quiet\nquiet()", r"^torch.no_grad: used in lecture 1, cell code-2, before"),
        ("loss.backward()", r"^.backward: used in lecture 1, cell code-2, before it is introduced$"),
        ("import torchvision\ntorchvision.datasets.FakeData()", r"datasets.FakeData: .* introduced nowhere"),
        ("from cnnlab import training\ntraining.train()", r"^cnnlab.training.train: .* introduced nowhere"),
    ],
)  # fmt: skip
def test_a_name_used_too_early_is_told(small_map, before, words):
    found = complaints(small_map(numbers=[*NUMBERS, before]))
    assert any(re.search(words, complaint) for complaint in found), found


def test_an_exercise_that_is_missing_is_told(small_map):
    found = complaints(small_map(exercises=EXERCISES[:1]))
    assert found == ["lecture 2: exercises/02_layers/layers.ipynb does not exist"]


def test_a_name_may_be_imported_before_it_is_introduced(small_map):
    assert complaints(small_map(numbers=[*NUMBERS, "from torch import no_grad"])) == []
