"""Pictures of attention for pages and papers, drawn with matplotlib; the explorer shows it live."""

from llm_course.attention.figures import drawing as drawing  # the explorer labels its own pictures with it
