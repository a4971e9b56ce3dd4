"""A working folder for a learner: copies of the lessons in which every question is still open.

Knows nothing about JupyterLab or about what a lesson says. The notebooks of the course carry their outputs, since that
is what GitHub and the website show; a learner should meet each question before its answer. Copies also keep what a
learner writes apart from the course, so that a newer version can be fetched at any time. A copy that was worked in is
never written over: a newer lesson is put beside it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_course.errors import DataMissing
from llm_course.teaching.figures import as_html

NOTES = ".llm-course.json"  # what was delivered into the folder: file -> SHA-256 of the copy and of the lesson
PACKAGE = Path(__file__).resolve().parents[1]
# In the wheel the notebooks lie inside the package, in a checkout beside it.
PLACES = (PACKAGE / "notebooks", PACKAGE.parent / "notebooks")
ASKS = frozenset({"predict", "quiz", "parsons", "check", "hint", "solution"})
Cell = dict[str, Any]


@dataclass(frozen=True)
class Delivery:
    """What happened to one file: ``"new"``, ``"same"``, ``"updated"`` (it was untouched), ``"yours"`` (it was worked
    in, and the course has nothing newer), or ``"beside"`` (it was worked in, and ``file`` is the newer lesson)."""

    file: Path
    state: str


def lessons_folder() -> Path:
    """Where the course's own notebooks and glossary lie.

    Raises:
        DataMissing: this copy of the package came without them.
    """
    for place in PLACES:
        if (place / "glossary.md").is_file() and any(place.glob("*.ipynb")):
            return place
    raise DataMissing(
        "This copy of llm-course came without its lessons. Install it again: pip install 'llm-course[lab]'"
    )


def copy_lessons(folder: Path, source: Path | None = None) -> list[Delivery]:
    """Bring the lessons into a working folder, questions open; nothing that was worked in is touched.

    Args:
        folder: made if it is not there.
        source: folder of notebooks and ``glossary.md``; the course's own if ``None``.

    Raises:
        DataMissing: the course came without its lessons.
        OSError: the folder cannot be written.
    """
    source = source or lessons_folder()
    folder.mkdir(parents=True, exist_ok=True)
    notes = _read_notes(folder)
    found = []
    for lesson in sorted(source.glob("*.ipynb")):
        original = lesson.read_bytes()
        found.append(_deliver(folder / lesson.name, open_questions(original), _digest(original), notes))
    words = glossary((source / "glossary.md").read_text(encoding="utf-8"))
    found.append(_deliver(folder / "glossary.ipynb", words, _digest(words), notes))
    _write(folder / NOTES, json.dumps(notes, indent=1, sort_keys=True).encode())
    return found


def _deliver(target: Path, copy: bytes, lesson: str, notes: dict[str, Any]) -> Delivery:
    was = notes.get(target.name, {})
    there = _digest(target.read_bytes()) if target.is_file() else None
    if there in (None, was.get("copy")):  # not there yet, or as it was delivered
        if there == _digest(copy):
            return Delivery(target, "same")
        _write(target, copy)
        notes[target.name] = {"copy": _digest(copy), "lesson": lesson}
        return Delivery(target, "new" if there is None else "updated")
    if there == _digest(copy) or was.get("lesson") == lesson:
        return Delivery(target, "yours")
    beside = _beside(target, copy)
    notes[target.name] = {**was, "lesson": lesson}
    return Delivery(beside, "beside")


def _beside(target: Path, copy: bytes) -> Path:
    """Put a newer lesson beside a copy that was worked in, under the first name that is free."""
    number = 1
    while True:
        name = f"{target.stem} (newer{'' if number == 1 else f' {number}'}){target.suffix}"
        beside = target.with_name(name)
        if not beside.exists():
            _write(beside, copy)
            return beside
        if beside.read_bytes() == copy:
            return beside
        number += 1


def open_questions(notebook: bytes) -> bytes:
    """A notebook without the outputs that answer a question before it is asked.

    Figures get their words. Left out are the outputs of every question, exercise and puzzle, and those of all
    cells from a prediction to the cell that reveals it, since these show the result. Links to a term of the glossary
    lead to its cell in :func:`glossary`.
    """
    data = json.loads(notebook)
    waiting: set[str] = set()  # predictions asked for and not yet revealed
    for cell in data["cells"]:
        if cell["cell_type"] != "code":
            text = re.sub(r"\]\(glossary\.md#([\w-]+)\)", r"](glossary.ipynb#cell-id=\1)", "".join(cell["source"]))
            cell["source"] = text.replace("](glossary.md)", "](glossary.ipynb)")
            continue
        calls = _calls("".join(cell["source"]))
        waiting |= {key for name, key in calls if name == "predict"}
        if waiting or any(name in ASKS or name == "reveal" for name, _ in calls):
            cell["outputs"], cell["execution_count"] = [], None
        waiting -= {key for name, key in calls if name == "reveal"}
        for output in cell["outputs"]:
            _give_words(output)
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()


def glossary(text: str) -> bytes:
    """The glossary as a notebook with a cell for each term, since JupyterLab opens a Markdown file only at its top.

    A cell's id is the anchor that GitHub gives the term's heading.
    """
    cells: list[Cell] = []
    for part in re.split(r"^(?=## )", text, flags=re.MULTILINE):
        heading = part.splitlines()[0].lstrip("# ").lower()
        name = re.sub(r"[^\w\- ]", "", heading, flags=re.ASCII).replace(" ", "-")
        cells.append({"cell_type": "markdown", "id": name[:64], "metadata": {}, "source": part.strip()})
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    data = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode()


def _give_words(output: dict[str, Any]) -> None:
    """Give a stored figure the alternative text that JupyterLab would not take from its metadata."""
    data = output.get("data", {})
    words = output.get("metadata", {}).get("image/png", {}).get("alt")
    if words and "image/png" in data and "text/html" not in data:
        data["text/html"] = as_html("".join(data["image/png"]).strip(), words)


def _calls(source: str) -> list[tuple[str, str]]:
    """The last name of every call in a cell, with its first argument if that is a text."""
    try:
        tree = ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE))
    except SyntaxError:  # a cell that the reader completes
        return [(name, "") for name in re.findall(r"\blc\.(\w+)\(", source)]
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = str(getattr(node.func, "attr", None) or getattr(node.func, "id", ""))
            first = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
            found.append((name, str(first)))
    return found


def _read_notes(folder: Path) -> dict[str, Any]:
    """What was delivered before. Notes that cannot be read are forgotten: then every file counts as worked in."""
    try:
        notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) and all(isinstance(note, dict) for note in notes.values()) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also when the machine stops half-way."""
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    os.replace(new, path)
