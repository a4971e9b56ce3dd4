"""The lessons for Colab: without outputs, beginning with a cell that installs the course there.

Knows nothing about running them: Colab opens them from GitHub, where nothing but the notebook comes along. So links to
other files are whole addresses, and the first code cell brings the package.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from llm_course.lessons import Lesson, contents
from nb_source import ROOT, source_of

FOLDER = ROOT / "colab"
REPOSITORY = "llm-course/llm-course"
HOME = f"https://colab.research.google.com/github/{REPOSITORY}/blob/main/colab"
FILES = f"https://github.com/{REPOSITORY}/blob/main/notebooks"
TOLD = (
    "**On Colab:** run the next cell once; it installs the course. Quizzes, puzzles and predictions are judged in the "
    "page. Playgrounds and the attention explorer need Colab's manager for widgets of others, which it switches on."
)
INSTALL = f"""%pip install -q "llm-course[lab] @ https://github.com/{REPOSITORY}/archive/refs/heads/main.zip"

from google.colab import output

output.enable_custom_widget_manager()"""


def address(lesson: Lesson) -> str:
    """Where Colab opens a lesson."""
    return f"{HOME}/{lesson.name}.ipynb"


def copy_of(lesson: Lesson) -> NotebookNode:
    """A lesson as Colab gets it."""
    notebook = source_of(lesson)
    notebook.metadata.pop("contents", None)
    addresses = {f"{one.name}.ipynb": address(one) for one in contents()}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(
                r"\]\((\d\d_\w+\.ipynb|glossary\.md)",
                lambda found: "](" + addresses.get(found[1], f"{FILES}/{found[1]}"),
                cell.source,
            )
    told = nbformat.v4.new_markdown_cell(TOLD, id="on-colab")
    notebook.cells[1:1] = [told, nbformat.v4.new_code_cell(INSTALL, id="install")]
    return notebook


def copies(folder: Path = FOLDER) -> dict[Path, str]:
    """The text of every copy, by its file."""
    return {folder / f"{one.name}.ipynb": nbformat.writes(copy_of(one)).rstrip("\n") + "\n" for one in contents()}


def write(folder: Path = FOLDER) -> None:
    """Write all copies, and remove those that no lesson has."""
    folder.mkdir(exist_ok=True)
    wanted = copies(folder)
    for path in set(folder.glob("*.ipynb")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


def problems(folder: Path = FOLDER) -> list[str]:
    """Which copies are not what the lessons give; empty when all agree."""
    wanted = copies(folder)
    stale = [path.name for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    stray = [path.name for path in sorted(set(folder.glob("*.ipynb")) - set(wanted))]
    return [f"{name} is not what its lesson gives; run: make notebooks" for name in (*stale, *stray)]
