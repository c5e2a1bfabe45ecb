"""The pages that go back to students."""

import copy
import glob
import logging
from collections.abc import Iterator

from nbformat import NotebookNode
from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from autograde import notebook as cells
from autograde.course import Course
from autograde.release import masters
from autograde.sanitize import markdown_to_safe_html


def has_feedback(course: Course, assignment: str, student: str) -> bool:
    """Whether the student has a feedback page for the assignment."""
    return any(course.feedback(assignment, student).glob("*.html"))


def write_feedback(course: Course, assignment: str, students: list[str]) -> Iterator[tuple[str, bool]]:
    """Write each student's feedback page and yield the student, and whether nbgrader could make the page.

    Hidden tests stay hidden and nothing a student wrote is active in the page.
    """
    visible = {name: master.visible for name, master in masters(course, assignment).items()}

    def hide_tests(notebook: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        texts = visible.get(resources["nbgrader"]["notebook"], {})
        for cell in filter(cells.is_test, notebook.cells):
            if cell.source != texts.get(cells.grade_id(cell), ""):
                cell.source = texts.get(cells.grade_id(cell), "")
                _shorten_tracebacks(cell)
        return notebook, resources

    for student in students:
        config = copy.deepcopy(course.config)
        config.CourseDirectory.update(
            Config(assignment_id=assignment, student_id=glob.escape(student), root=str(course.root))
        )
        config.HTMLExporter.filters = {"markdown2html": markdown_to_safe_html}
        converter = GenerateFeedback(coursedir=CourseDirectory(config=config), config=config)
        converter.preprocessors = [hide_tests, *converter.preprocessors]
        converter.force = True
        converter.log = logging.Logger("feedback", logging.CRITICAL)
        try:
            converter.start()
        except NbGraderException:
            yield student, False
        else:
            yield student, True


def _shorten_tracebacks(cell: NotebookNode) -> None:
    """A traceback quotes the lines around the one that failed, hidden ones too."""
    for output in cell.outputs:
        if output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]
