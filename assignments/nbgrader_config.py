"""nbgrader's settings for this course. Run nbgrader's and the course's commands in this folder, or name it.

Knows nothing about the assignments. `llm-course assign`, `grade` and `feedback` use the same folders and gradebook.
Three of nbgrader's steps would undo what they do; here these steps, and formgrader's buttons for them, refuse.
"""

from nbconvert.exporters import Exporter
from nbgrader.converters.base import NbGraderException

c = get_config()  # noqa: F821  (traitlets gives this name to a configuration file)

c.CourseDirectory.course_id = "llm-course"
# What stands in a release where the source has a solution.
c.ClearSolutions.code_stub = {"python": "# your code here\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "*Your answer here. Write as many sentences as the question asks for.*"


def refuse(reason):
    """An exporter that cannot be made. nbgrader makes a step's exporter before the step touches any file."""

    class Refused(Exporter):
        def __init__(self, *_, parent=None, **__):
            if parent is not None:
                parent.log.error(reason)
            raise NbGraderException(reason)

    return Refused


HOW = "In a terminal, in the course's folder:"
c.GenerateAssignment.exporter_class = refuse(
    "Nothing was changed. nbgrader's own release would lack checks.json, and every student's check would fail. "
    f"{HOW} llm-course assign NAME"
)
c.Autograde.exporter_class = refuse(
    f"Nothing was run. nbgrader would run the students' code unprotected, with your rights. {HOW} llm-course grade NAME"
)
c.GenerateFeedback.exporter_class = refuse(
    f"Nothing was changed. nbgrader's pages would replace those that name the mistakes. {HOW} llm-course feedback NAME"
)
