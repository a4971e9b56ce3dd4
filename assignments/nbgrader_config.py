"""nbgrader's settings for this course. Run nbgrader's and the course's commands in this folder, or name it.

Knows nothing about the assignments. `llm-course assign`, `grade` and `feedback` use the same folders and gradebook.
"""

c = get_config()  # noqa: F821  (traitlets gives this name to a configuration file)

c.CourseDirectory.course_id = "llm-course"
# What stands in a release where the source has a solution.
c.ClearSolutions.code_stub = {"python": "# your code here\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "*Your answer here. Write as many sentences as the question asks for.*"
