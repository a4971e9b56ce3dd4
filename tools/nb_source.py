"""Where the lessons live, and how a MyST source becomes a notebook without outputs.

Knows nothing about running a notebook or about the rules for a good lesson.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent

# Fixed, so that a notebook does not change with the machine that built it.
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


@dataclass(frozen=True)
class Lesson:
    """One lesson: its name, its source and the notebook made from it."""

    name: str
    source: Path
    notebook: Path


def lessons(names: list[str] | None = None, folder: Path = ROOT / "notebooks") -> list[Lesson]:
    """The lessons in ``folder``, by name; ``names`` picks some, each by its whole name or its number ("07").

    Raises ``SystemExit`` for a name that fits none or more than one.
    """
    found = [
        Lesson(path.stem, path, folder / f"{path.stem}.ipynb") for path in sorted((folder / "src").glob("[0-9]*.md"))
    ]
    if not names:
        return found
    chosen = []
    for name in names:
        stem = Path(name).stem
        fitting = [lesson for lesson in found if lesson.name == stem or lesson.name.split("_")[0] == stem]
        if len(fitting) != 1:
            raise SystemExit(f"no lesson {name!r}. There are: {', '.join(lesson.name for lesson in found) or 'none'}.")
        chosen += fitting
    return chosen


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


def differences(source: NotebookNode, stored: NotebookNode) -> list[str]:
    """How a stored notebook departs from its source, one sentence a cell; empty when they agree."""
    problems = []
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
