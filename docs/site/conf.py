"""Settings of the website that ``make site`` builds from notebooks and docstrings (Sphinx with MyST-NB).

Nothing in it is fetched from elsewhere: formulas become MathML, which browsers draw by themselves, and no script
comes from another server. Cells are shown with the outputs that the notebooks store; nothing is run.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

project = "llm-course"
author = "The llm-course authors"
project_copyright = f"{author}. Lessons: CC BY 4.0; code: Apache-2.0"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "llm-course"
html_copy_source = False
html_show_sphinx = False
html_math_renderer = "mathml"
html_static_path = ["static"]
html_js_files = ["access.js"]
exclude_patterns = ["llm_course", "forms"]  # files that lessons link to, no pages

nb_execution_mode = "off"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # MyST-NB would load them from another server
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

# Docstrings are in Google's style. What only other extras bring is stood in for while their modules are read.
napoleon_numpy_docstring = False
suppress_warnings = ["ref.python"]  # several rooms may have a class of one name; no link is broken
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_mock_imports = [
    name
    for name in ("accelerate", "anywidget", "ipywidgets", "nbgrader", "rouge_score", "sacrebleu", "sklearn", "sumy",
                 "vaderSentiment")
    if find_spec(name) is None
]  # fmt: skip


def inline_math(self: Any, node: nodes.math) -> None:
    """A formula within a line, as MathML."""
    self.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def block_math(self: Any, node: nodes.math_block) -> None:
    """A formula on a line of its own, as MathML."""
    self.body.append(f"<div>{tex2mathml(node.astext(), as_block=True)}</div>")
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    # tools/site.py puts the forms of the lessons there: stored notebooks are without their script
    app.config.html_static_path.append(f"{app.srcdir}/forms")
    app.add_js_file("forms.js", loading_method="defer")
    app.add_js_file("terms.js", loading_method="defer")
    app.add_css_file("forms.css")
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
