"""Enter results in nbgrader's gradebook through nbgrader's own objects; the one module that writes to it."""

import copy
import glob
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import CsvExportPlugin
from nbgrader.preprocessors import AssignLatePenalties, LimitOutput, SaveAutoGrades
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

from autograde import notebook as cells
from autograde.course import Course
from autograde.reasons import Reason
from autograde.release import masters
from autograde.sanitize import clean_outputs, markdown_to_safe_html
from autograde.submissions import Submission

# nbgrader builds a submission in an order that SQLAlchemy remarks upon; what it stores is right.
warnings.filterwarnings("ignore", message="Object of type <Submitted", category=SAWarning)


@dataclass(frozen=True)
class Score:
    """A submission's points in the gradebook; `to_mark` counts the cells that still wait for a person."""

    points: float
    possible: float
    to_mark: int
    late_penalty: float = 0


def commit(
    course: Course,
    assignment: str,
    submission: Submission,
    executed: dict[str, NotebookNode],
    notes: dict[str, list[Reason]],
) -> Score:
    """Enter one submission's executed notebooks and what happened to them; return its score.

    Points and comments that a person gave stay as they are.
    """
    student = submission.student
    with Gradebook(course.database, course.directory.course_id) as gradebook:
        gradebook.update_or_create_student(student)
        gradebook.update_or_create_submission(assignment, student, timestamp=submission.timestamp)
    for name, notebook in executed.items():
        warnings_cost_nothing(notebook)
        resources = {
            "nbgrader": {
                "student": student,
                "assignment": assignment,
                "notebook": name,
                "db_url": course.database,
            }
        }
        for step in (LimitOutput, SaveAutoGrades, AssignLatePenalties):
            notebook, resources = step(config=course.config).preprocess(notebook, resources)
        _comment(course, assignment, student, name, notes.get(name, []))
        clean_outputs(notebook)
        cells.write_notebook(notebook, course.autograded(assignment, student) / f"{name}.ipynb")
    return read_score(course, assignment, student)


def read_score(course: Course, assignment: str, student: str) -> Score:
    """The submission's score as the gradebook has it.

    Raises nbgrader's `MissingEntry` where the student has no submission.
    """
    with Gradebook(course.database, course.directory.course_id) as gradebook:
        submission = gradebook.find_submission(assignment, student)
        to_mark = sum(grade.needs_manual_grade for book in submission.notebooks for grade in book.grades)
        return Score(submission.score, submission.max_score, to_mark, submission.late_submission_penalty or 0)


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


def export(course: Course) -> str:
    """Write all grades as CSV where the course's configuration says; return the file's path."""
    plugin = CsvExportPlugin(config=course.config)
    plugin.log = logging.Logger("export", logging.ERROR)
    with Gradebook(course.database, course.directory.course_id) as gradebook:
        plugin.export(gradebook)
    return plugin.to or "grades.csv"


def _comment(course: Course, assignment: str, student: str, name: str, notes: list[Reason]) -> None:
    """Tell the student what happened, in the comment of the first cell that can carry one."""
    if not notes:
        return
    with Gradebook(course.database, course.directory.course_id) as gradebook:
        comments = gradebook.find_submission_notebook(name, assignment, student).comments
        if comments:
            first = min(comments, key=lambda comment: comment.name)
            told = [str(note) for note in notes]
            first.auto_comment = "\n".join([*told, first.auto_comment] if first.auto_comment else told)
            gradebook.db.commit()


def _shorten_tracebacks(cell: NotebookNode) -> None:
    """A traceback quotes the lines around the one that failed, hidden ones too."""
    for output in cell.outputs:
        if output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]


def warnings_cost_nothing(notebook: NotebookNode) -> None:
    """nbgrader gives 0 to a test that wrote to stderr; a library's warning is no wrong answer."""
    for cell in notebook.cells:
        if cells.is_test(cell):
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.name = "stdout"
