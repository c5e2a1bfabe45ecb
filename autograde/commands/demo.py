"""`autograde demo`: a class of 24 from nothing, graded before your eyes."""

import tempfile
from pathlib import Path

from autograde.commands.shared import (
    ClassroomOption,
    CourseOption,
    JobsOption,
    SandboxOption,
    Wall,
    console,
    this_machine,
    told,
)


def demo(
    jobs: JobsOption = None,
    sandbox: SandboxOption = Wall.NAMESPACES,
    course: CourseOption = None,
    classroom: ClassroomOption = None,
) -> None:
    """Make 24 submissions, right and wrong and broken ones, and grade them into a gradebook of their own."""
    from autograde.commands.grade import grade_class, the_way

    with this_machine(sandbox) as machine:
        from autograde.course import CourseError, find_course
        from autograde.democlass import ASSIGNMENT, LIMITS, hand_in
        from autograde.release import register
        from autograde.storage import StorageError, refusals_told

        folder = classroom or Path(tempfile.mkdtemp(prefix="autograde-demo-"))
        with told(CourseError, StorageError), refusals_told():
            here = find_course(course, folder)
            register(here, ASSIGNMENT)
            students = hand_in(here)
            console.print(f"{len(students)} submissions of {ASSIGNMENT} in {folder}", highlight=False, soft_wrap=True)
            grade_class(here, ASSIGNMENT, students, the_way(machine, LIMITS, jobs), machine)
    console.print(f"To look around: AUTOGRADE_CLASSROOM={folder} make lab", highlight=False, soft_wrap=True)
