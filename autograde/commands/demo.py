"""`autograde demo`: a class of 24 from nothing, graded before your eyes."""

import tempfile
from pathlib import Path

from autograde.commands.shared import ClassroomOption, CourseOption, JobsOption, SandboxOption, Wall, console, told


def demo(
    jobs: JobsOption = None,
    sandbox: SandboxOption = Wall.NAMESPACES,
    course: CourseOption = None,
    classroom: ClassroomOption = None,
) -> None:
    """Make 24 submissions, right and wrong and broken ones, and grade them into a gradebook of their own."""
    from autograde.commands.grade import grade_class, the_way
    from autograde.course import CourseError, find_course
    from autograde.democlass import ASSIGNMENT, LIMITS, hand_in
    from autograde.engine.sandbox import NoSandboxError
    from autograde.execution import EngineError
    from autograde.release import register

    with told(CourseError, NoSandboxError, EngineError):
        way = the_way(sandbox, LIMITS, jobs)
        folder = classroom or Path(tempfile.mkdtemp(prefix="autograde-demo-"))
        here = find_course(course, folder)
        register(here, ASSIGNMENT)
        students = hand_in(here)
        console.print(f"{len(students)} submissions of {ASSIGNMENT} in {folder}", highlight=False, soft_wrap=True)
        grade_class(here, ASSIGNMENT, students, way)
    console.print(f"To look around: AUTOGRADE_CLASSROOM={folder} make lab", highlight=False, soft_wrap=True)
