"""Where the lessons' notebooks lie, and how a MyST source becomes a notebook without outputs.

Which lessons there are says ``llm_course.lessons``. Knows nothing about running a notebook or about the rules for a
good lesson.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from llm_course.errors import LLMCourseError
from llm_course.lessons import Lesson, contents, fill, find

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
GLOSSARY = ROOT / "llm_course" / "lessons" / "glossary.md"

# Fixed, so that a notebook does not change with the machine that built it.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def lessons(names: list[str] | None = None) -> list[Lesson]:
    """The lessons in their order; ``names`` picks some, each by its slug, its number ("07") or its notebook's name.

    Raises ``SystemExit`` for a name that fits none.
    """
    found = contents()
    by_name = {key: lesson for lesson in found for key in (lesson.number, lesson.slug, lesson.name)}
    try:
        return [by_name.get(Path(name).stem) or find(name) for name in names] if names else list(found)
    except LLMCourseError as error:
        raise SystemExit(str(error)) from None


def notebook_of(lesson: Lesson, folder: Path = NOTEBOOKS) -> Path:
    """Where the lesson's notebook is stored: ``notebooks/07_text_generation.ipynb``."""
    return folder / f"{lesson.name}.ipynb"


def source_of(lesson: Lesson) -> NotebookNode:
    """The notebook that a lesson's source describes, its references filled in.

    One with a cell that shows the contents (tag ``contents``) keeps their digest, so that it is stale when they change.
    """
    notebook = parse(fill(lesson.source.read_text(encoding="utf-8"), lesson))
    if lesson in contents():
        notebook.cells.append(nbformat.v4.new_markdown_cell(neighbors(lesson), id="neighbors"))
    if any("contents" in cell.metadata.get("tags", []) for cell in notebook.cells):
        listed = json.dumps([[one.name, one.title] for one in contents()])
        notebook.metadata["contents"] = hashlib.sha256(listed.encode()).hexdigest()[:12]
    return notebook


def neighbors(lesson: Lesson) -> str:
    """Links to the lessons before and after, for the end of a notebook."""
    listed = contents()
    place = listed.index(lesson)
    links = []
    for word, others in (("Before", listed[:place][-1:]), ("Next", listed[place + 1 : place + 2])):
        links += [f"**{word}:** [{one.number} {one.short_title}]({one.name}.ipynb)" for one in others]
    return "---\n\n" + " · ".join([*links, "[Glossary](glossary.md)"])


def glossary() -> str:
    """The glossary as readers get it: its references to lessons filled in."""
    return fill(GLOSSARY.read_text(encoding="utf-8"))


def parse(text: str) -> NotebookNode:
    """The notebook that a MyST source describes: cells with sources, tags and lasting ids, no outputs."""
    parsed = jupytext.reads(text, fmt="md:myst")
    notebook = nbformat.v4.new_notebook(metadata=METADATA)
    seen: Counter[str] = Counter()
    for cell in parsed.cells:
        source = cell.source.strip("\n")
        metadata = {"tags": list(cell.metadata["tags"])} if cell.metadata.get("tags") else {}
        # An id made from the text stays the same when cells move, so that diffs show only what changed.
        digest = hashlib.sha256(f"{cell.cell_type}\n{source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        identity = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
        make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}.get(
            cell.cell_type, nbformat.v4.new_raw_cell
        )
        notebook.cells.append(make(source, id=identity, metadata=metadata))
    return notebook


def read(path: Path) -> NotebookNode:
    """A stored notebook, in the current format.

    Raises ``FileNotFoundError``, or ``nbformat``'s error when the file is no notebook.
    """
    return nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)


def write(notebook: NotebookNode, path: Path) -> None:
    """Store a notebook, with one line end at its end."""
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", encoding="utf-8")


def differences(source: NotebookNode, stored: NotebookNode) -> list[str]:
    """How a stored notebook departs from its source, one sentence a cell; empty when they agree."""
    problems = []
    if source.metadata.get("contents") != stored.metadata.get("contents"):
        problems.append("shows contents that have changed")
    if len(source.cells) != len(stored.cells):
        problems.append(f"the source has {len(source.cells)} cells, the notebook {len(stored.cells)}")
    for number, (wanted, found) in enumerate(zip(source.cells, stored.cells, strict=False), 1):
        for what, one, other in [
            ("kind", wanted.cell_type, found.cell_type),
            ("text", wanted.source, found.source),
            ("tags", wanted.metadata.get("tags", []), found.metadata.get("tags", [])),
            ("id", wanted.id, found.get("id")),
        ]:
            if one != other:
                problems.append(f"cell {number}: not the source's {what}")
                break
    return problems


def keep_outputs(source: NotebookNode, stored: NotebookNode) -> bool:
    """Take the outputs over from a stored notebook whose code is the source's, as when only prose or numbers changed.

    Returns whether they could be taken: the same code cells in the same order, and the same contents shown.
    """
    pairs = list(zip(_code(source), _code(stored), strict=False))
    if (
        len(pairs) != len(_code(source))
        or len(pairs) != len(_code(stored))
        or source.metadata.get("contents") != stored.metadata.get("contents")
        or any((a.source, a.metadata.get("tags")) != (b.source, b.metadata.get("tags")) for a, b in pairs)
    ):
        return False
    for new, old in pairs:
        new.outputs, new.execution_count = old.outputs, old.execution_count
    return True


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def misnamed(found: list[Lesson], folder: Path = NOTEBOOKS) -> dict[Path, Path | None]:
    """Notebooks whose name is not a lesson's, each with the name it should have; ``None`` where it has no lesson."""
    now = {lesson.slug: notebook_of(lesson, folder) for lesson in found}
    stray = sorted(set(folder.glob("*.ipynb")) - set(now.values()))
    return {path: now.get(re.sub(r"^\d+_", "", path.stem)) for path in stray}
