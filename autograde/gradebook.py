"""Enter results in nbgrader's gradebook through nbgrader's own objects; the one module that writes to it."""

import csv
import logging
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.api import (
    Assignment,
    BaseCell,
    Grade,
    Gradebook,
    Notebook,
    SourceCell,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties, LimitOutput
from nbgrader.utils import compute_checksum
from sqlalchemy import case, func, select
from sqlalchemy.exc import SAWarning

from autograde import notebook as cells
from autograde import reasons
from autograde.course import Course
from autograde.execution import Execution, points
from autograde.journal import Journal
from autograde.reasons import Reason
from autograde.sanitize import clean_outputs
from autograde.submissions import Submission

# nbgrader builds a submission in an order that SQLAlchemy remarks upon; what it stores is right.
warnings.filterwarnings("ignore", message="Object of type <Submitted", category=SAWarning)


@dataclass(frozen=True)
class Score:
    """A submission's points in the gradebook; `to_mark` counts the cells that still wait for a person."""

    points: float
    possible: float
    to_mark: int


PATIENCE = 60
"""Seconds to wait for another program, formgrader for one, that is writing to the gradebook."""


class Book:
    """The gradebook of a course, open for entering the results of one assignment; `journal` says of what."""

    def __init__(self, course: Course, assignment: str) -> None:
        self.course = course
        self.assignment = assignment
        self._gradebook = Gradebook(_patient(course.database), course.directory.course_id)
        self.journal = Journal(self._gradebook.db, assignment)

    def __enter__(self) -> "Book":
        return self

    def __exit__(self, *_: Any) -> None:
        self._gradebook.close()

    def scores(self) -> dict[str, Score]:
        """The score of every student who has one, in one query: a class can be large."""
        book = self._gradebook
        to_mark = func.sum(case((Grade.needs_manual_grade, 1), else_=0))
        columns = SubmittedAssignment.student_id, func.sum(Grade.score), func.sum(Grade.max_score), to_mark
        rows = book.db.execute(
            select(*columns)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .where(Assignment.name == self.assignment)
            .group_by(SubmittedAssignment.student_id)
        )
        return {student: Score(points, possible, waiting) for student, points, possible, waiting in rows}

    def auto_scores(self) -> dict[str, dict[str, float | None]]:
        """What tests gave every student, by grade id; None where a person marks."""
        rows = self._gradebook.db.execute(
            select(SubmittedAssignment.student_id, BaseCell.name, Grade.auto_score)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
            .join(BaseCell, BaseCell.id == Grade.cell_id)
            .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
            .where(Assignment.name == self.assignment)
        )
        found: dict[str, dict[str, float | None]] = {}
        for student, name, score in rows:
            found.setdefault(student, {})[name] = score
        return found

    def sources(self) -> dict[str, str]:
        """The text of the assignment's cells, by grade id, as they were when it was last registered."""
        rows = self._gradebook.db.execute(
            select(SourceCell.name, SourceCell.source)
            .join(Notebook, Notebook.id == SourceCell.notebook_id)
            .join(Assignment, Assignment.id == Notebook.assignment_id)
            .where(Assignment.name == self.assignment)
        )
        return dict(rows.all())

    def has_notebooks(self, student: str, names: Iterable[str]) -> bool:
        """Whether the notebooks that formgrader shows are where it looks for them."""
        folder = self.course.autograded(self.assignment, student)
        return all((folder / f"{name}.ipynb").is_file() for name in names)

    def enter(self, submission: Submission, executions: dict[str, Execution], key: str) -> Score:
        """Enter one submission, all of it or, where something fails, nothing; return its score.

        `executions` are its notebooks after they ran. Points and comments that a person gave stay as they are. The
        notebooks are written where formgrader looks for them. `key` goes into the journal once everything is entered.
        """
        try:
            score = self._enter(submission, executions)
            self._write_notebooks(submission, executions)
            self._gradebook.db.commit()
        except BaseException:
            self._gradebook.db.rollback()
            raise
        if submission.timestamp:
            score = self._settle_lateness(submission, executions)
        notes = [note for execution in executions.values() for note in execution.notes]
        self.journal.record(submission.student, key, notes)
        self._gradebook.db.commit()
        self._gradebook.db.expunge_all()  # or the session would hold the whole class
        return score

    def _enter(self, submission: Submission, executions: dict[str, Execution]) -> Score:
        book = self._gradebook
        book.update_or_create_student(submission.student)
        entry = book.update_or_create_submission(self.assignment, submission.student, timestamp=submission.timestamp)
        for notebook in entry.notebooks:
            execution = executions[notebook.name]
            _enter_grades(notebook, execution)
            _enter_comments(notebook, execution.notebook, execution.notes)
        book.db.flush()
        book.db.refresh(entry)
        return self._score(entry)

    def _write_notebooks(self, submission: Submission, executions: dict[str, Execution]) -> None:
        folder = self.course.autograded(self.assignment, submission.student)
        for name, execution in executions.items():
            LimitOutput(config=self.course.config).preprocess(execution.notebook, {})
            clean_outputs(execution.notebook)
            cells.write_notebook(execution.notebook, folder / f"{name}.ipynb")

    def _score(self, entry: SubmittedAssignment) -> Score:
        to_mark = sum(grade.needs_manual_grade for notebook in entry.notebooks for grade in notebook.grades)
        return Score(entry.score, entry.max_score, to_mark)

    def _settle_lateness(self, submission: Submission, executions: dict[str, Execution]) -> Score:
        """Let nbgrader's plug-in, which a course may have replaced, say what being late costs."""
        for name, execution in executions.items():
            resources = {
                "student": submission.student,
                "assignment": self.assignment,
                "notebook": name,
                "db_url": self.course.database,
            }
            step = AssignLatePenalties(config=self.course.config)
            step.log = logging.Logger("late", logging.ERROR)
            step.preprocess(execution.notebook, {"nbgrader": resources})
        self._gradebook.db.expire_all()
        entry = self._gradebook.find_submission(self.assignment, submission.student)
        if entry.total_seconds_late > 0:
            late = reasons.late(entry.total_seconds_late, entry.late_submission_penalty or 0)
            next(iter(executions.values())).notes.append(late)
        return self._score(entry)


def _patient(database: str) -> str:
    return f"{database}?timeout={PATIENCE}" if database.startswith("sqlite:///") and "?" not in database else database


PERSON = ("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email")
POINTS = ("raw_score", "late_submission_penalty", "score", "max_score")


def export(course: Course) -> Path:
    """Write all grades as CSV, in the columns of `nbgrader export`, beside the gradebook; return the file's path."""
    path = Path(course.database.removeprefix("sqlite:///")).with_name("grades.csv")
    with (
        Gradebook(course.database, course.directory.course_id) as gradebook,
        open(path, "w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file)
        table.writerow(PERSON + POINTS)
        students = gradebook.students
        for assignment in gradebook.assignments:
            handed_in = _handed_in(gradebook, assignment)
            for student in students:
                timestamp, raw, penalty = handed_in.get(student.id, (None, 0.0, 0.0))
                who = (student.id, student.last_name, student.first_name, student.email)
                points = (raw, penalty, max(0.0, raw - penalty), assignment.max_score)
                table.writerow((assignment.name, assignment.duedate, timestamp, *who, *points))
    return path


def _handed_in(gradebook: Gradebook, assignment: Assignment) -> dict[str, tuple[datetime | None, float, float]]:
    """For each student who handed in: when, the points, and the points that lateness costs.

    In one query each. nbgrader's own attributes make some for every student, which takes minutes for thousands.
    """
    notebooks = (
        select(SubmittedAssignment.student_id, func.sum(SubmittedNotebook.late_submission_penalty))
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .where(SubmittedAssignment.assignment_id == assignment.id)
        .group_by(SubmittedAssignment.student_id)
    )
    grades = (
        select(SubmittedAssignment.student_id, func.sum(Grade.score))
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .where(SubmittedAssignment.assignment_id == assignment.id)
        .group_by(SubmittedAssignment.student_id)
    )
    times = select(SubmittedAssignment.student_id, SubmittedAssignment.timestamp).where(
        SubmittedAssignment.assignment_id == assignment.id
    )
    penalty, score = (dict(gradebook.db.execute(query).all()) for query in (notebooks, grades))
    return {
        student: (timestamp, score.get(student) or 0.0, penalty.get(student) or 0.0)
        for student, timestamp in gradebook.db.execute(times)
    }


def _enter_grades(entry: SubmittedNotebook, execution: Execution) -> None:
    grades = {grade.name: grade for grade in entry.grades}
    for cell in execution.notebook.cells:
        grade = grades.get(cells.grade_id(cell))
        if grade is not None and cells.is_graded(cell):
            grade.auto_score = _auto_score(cell, execution.notes)
            # As in nbgrader: what a person marked before is to be looked at again, now that it ran anew.
            grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None


def _auto_score(cell: NotebookNode, notes: list[Reason]) -> float | None:
    """The cell's points by nbgrader's own rule; None where a person gives them."""
    try:
        return points(cell)[0]
    except ValueError as error:
        notes.append(reasons.no_score(cells.grade_id(cell), str(error)))
        return 0.0


def _enter_comments(entry: SubmittedNotebook, notebook: NotebookNode, notes: list[Reason]) -> None:
    """What the harness has to say to the student: at unanswered cells, and what happened at the first of all."""
    comments = {comment.name: comment for comment in entry.comments}
    told = "\n".join(map(str, notes))
    for cell in notebook.cells:
        comment = comments.pop(cells.grade_id(cell), None)
        if comment is not None:
            untouched = cells.marks(cell).get("checksum") == compute_checksum(cell) and not cells.is_task(cell)
            lines = [told, "No response." if untouched else ""]
            comment.auto_comment = "\n".join(filter(None, lines)) or None
            told = ""
