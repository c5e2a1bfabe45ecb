"""Execute lectures on the embedded pictures, with their checks, and store what they put out: for authors.

    python tests/store_outputs.py 05 06

The figures are the same bytes wherever the same versions draw them; nothing else of this machine is stored.
"""

import sys
from pathlib import Path

import lecture_rules
import nbformat
from lecture_rules import Lecture
from lecture_runs import execute
from nbformat import NotebookNode

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
LECTURES = Path(__file__).parents[1] / "lectures"


def store(lecture: Lecture) -> None:
    """Execute the lecture and write its outputs into it; when a cell or a check fails, it is left as it was."""
    environment = {"CNNLAB_DATA": "embedded", "CNNLAB_RESULTS": str(LECTURES / "no-results")}
    ran = execute(lecture.notebook, lecture, checks=lecture.checks, environment=environment)
    ids = {cell.id for cell in lecture.cells}
    ran.cells = [cell for cell in ran.cells if cell.id in ids]
    for number, cell in enumerate([cell for cell in ran.cells if cell.cell_type == "code"], 1):
        cell.execution_count = number
        cell.metadata.pop("execution", None)
        cell.outputs = joined(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    ran.metadata = nbformat.from_dict(METADATA)
    nbformat.write(ran, lecture.path)


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """The outputs of a cell, pieces of text that follow each other as one: how they were cut on their way is chance."""
    whole: list[NotebookNode] = []
    for output in outputs:
        last = whole[-1] if whole else {}
        if output.output_type == "stream" and output.name == last.get("name"):
            last.text += output.text
        else:
            whole.append(output)
    return whole


def main() -> None:
    """Store the outputs of the lectures whose numbers the command line gives."""
    numbers = set(map(int, sys.argv[1:]))
    for lecture in lecture_rules.lectures(LECTURES):
        if lecture.number in numbers:
            print(f"{lecture.path.name} ...", flush=True)
            store(lecture)


if __name__ == "__main__":
    main()
