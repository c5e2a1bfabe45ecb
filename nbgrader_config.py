"""Where nbgrader finds this course; read by every nbgrader command, formgrader and autograde.

All that belongs to a running class (submissions, grades, feedback, the gradebook) lies in one folder outside git:
`classroom/`, or the folder that the environment variable AUTOGRADE_CLASSROOM names.
"""

import os
from pathlib import Path

here = Path(__file__).resolve().parent
classroom = (here / os.environ.get("AUTOGRADE_CLASSROOM", "classroom")).resolve()
# Made here, because SQLite opens no gradebook in a folder that is missing, and nbgrader makes no exchange.
(classroom / "exchange").mkdir(parents=True, exist_ok=True)

c = get_config()  # noqa: F821 (defined by traitlets when it runs this file)

c.CourseDirectory.course_id = "cnn-course"
c.CourseDirectory.root = str(here)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
c.CourseDirectory.submitted_directory = str(classroom / "submitted")
c.CourseDirectory.autograded_directory = str(classroom / "autograded")
c.CourseDirectory.feedback_directory = str(classroom / "feedback")
c.CourseDirectory.solution_directory = str(classroom / "solution")
c.CourseDirectory.source_with_tests_directory = str(classroom / "source_with_tests")
c.CourseDirectory.db_url = f"sqlite:///{classroom / 'gradebook.db'}"

c.Exchange.root = str(classroom / "exchange")
c.ExportApp.plugin_class = "nbgrader.plugins.export.CsvExportPlugin"
c.CsvExportPlugin.to = str(classroom / "grades.csv")

# Formgrader and feedback render what students wrote: nothing in it may run in the reader's browser.
c.HTMLExporter.filters = {"markdown2html": "autograde.sanitize.markdown_to_safe_html"}
