"""What was handed in, put back into the form that was released, with a note on each change.

Knows nothing about points. Locked cells get their released text again, deleted ones come back, the order is the
released one; what a student may write stays. Nothing here runs or believes the submission.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_course.errors import LLMCourseError
from llm_course.grading import wire

Cell = dict[str, Any]  # as nbformat has it
Notebook = dict[str, Any]
NOTEBOOK_BYTES = 10_000_000
VALUES = 5_000_000  # most of them in stored outputs, which are not read
CELLS = 500
SOURCE = 200_000  # characters of one cell


class Unreadable(LLMCourseError):
    """What was handed in is no notebook that can be run; the message is for the student."""


@dataclass(frozen=True)
class Restored:
    """A submission in released form.

    Args:
        notebook: the notebook, without outputs.
        notes: what had been changed, a line each.
        written: what the student wrote, by the id of the cell; other cells have the id ``""``.
    """

    notebook: Notebook
    notes: tuple[str, ...]
    written: tuple[tuple[str, str], ...]


def read(folder: Path, name: str) -> bytes:
    """The bytes of a submitted notebook. Links are not followed: they could lead to the solutions.

    Raises:
        Unreadable: there is none, it is a link or no file, or it is too large.
    """
    return read_file(folder, f"{name}.ipynb", NOTEBOOK_BYTES)


def read_file(folder: Path, name: str, most: int) -> bytes:
    """The bytes of one submitted file, whatever its owner puts in its place meanwhile.

    The folder is opened first and the file in it after that, so neither can become a link in between.

    Raises:
        Unreadable: there is none, it is a link or no file, it has more than ``most`` bytes, or reading fails.
    """
    try:
        within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise Unreadable(f"No folder was handed in that holds {name}.") from None
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=within)
    except FileNotFoundError:
        raise Unreadable(f"No file {name} was handed in.") from None
    except OSError:
        raise Unreadable(f"{name} cannot be opened. Hand in the file itself, not a link to it.") from None
    finally:
        os.close(within)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable(f"{name} is not a file.")
        if status.st_size > most:
            raise Unreadable(
                f"{name} has {status.st_size / 1e6:.0f} MB; at most {most / 1e6:.0f} MB are read. "
                "Clear its outputs and hand it in again."
            )
        data = bytearray()
        while len(data) <= most and (part := os.read(descriptor, 1 << 20)):
            data += part
        return bytes(data)
    except OSError as error:
        raise Unreadable(f"{name} could not be read ({error.strerror}).") from None
    finally:
        os.close(descriptor)


def parse(data: bytes) -> Notebook:
    """A notebook as plain data.

    Raises:
        Unreadable: it is no notebook of format 4.
    """
    try:
        notebook = wire.parse(
            data.removeprefix(b"\xef\xbb\xbf"), NOTEBOOK_BYTES, parts=VALUES, lenient=True, what="The file handed in"
        )
    except LLMCourseError as error:
        raise Unreadable(
            f"{error} Clear the notebook's outputs, save it with JupyterLab and hand it in again."
        ) from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("The file handed in is no notebook of format 4. Save it with JupyterLab and hand it in again.")
    if len(notebook["cells"]) > CELLS:
        raise Unreadable(f"The notebook has {len(notebook['cells'])} cells; at most {CELLS} are read.")
    return notebook


def restore(release: Notebook, submitted: Notebook) -> Restored:
    """Put a submission back into the released form. Both are notebooks as :func:`parse` gives them."""
    notes: list[str] = []
    known = {grade_id(cell): cell for cell in release["cells"] if grade_id(cell)}
    by_cell_id = {cell.get("id"): name for name, cell in known.items() if cell.get("id")}
    head: list[Cell] = []
    found: dict[str, Cell] = {}
    attached: dict[str, str] = {}
    after: dict[str, list[Cell]] = {}
    following = head
    for cell in submitted["cells"]:
        own = _clean(cell)
        if own is None:
            notes.append("A cell that could not be read was left out.")
            continue
        name = grade_id(cell)
        if name not in known and isinstance(cell.get("id"), str) and by_cell_id.get(cell["id"]) not in (None, *found):
            name = by_cell_id[cell["id"]]
            notes.append(f"Cell {name}: its metadata had been changed; restored.")
        if name in known and name not in found:
            found[name], attached[name] = own, _attached(cell)
            following = after.setdefault(name, [])
        else:
            following.append(own)
    order = [name for name in known if name in found]
    if order != list(found):
        notes.append("The cells had been reordered; they are in the released order again.")
    cells, written = list(head), [("", cell["source"]) for cell in head if cell["cell_type"] == "code"]
    for name, original in known.items():
        cell, mark = dict(original), original["metadata"]["nbgrader"]
        cell.pop("attachments", None)
        cell["source"] = text_of(original)
        own = found.get(name)
        if own is None:
            notes.append(f"Cell {name} had been deleted; it is back.")
            if mark.get("solution"):
                cell["source"] = ""
        elif mark.get("solution"):
            if own["cell_type"] != original["cell_type"]:
                notes.append(f"Cell {name} had been made a {own['cell_type']} cell; restored.")
            cell["source"] = own["source"]
            written.append((name, own["source"]))
            if names := attached[name]:
                # A student's images are not shown in the teacher's browser; that there are some must not be lost.
                cell["source"] += f"\n\n(Attached, and to be seen only in the file handed in: {names}.)"
                notes.append(f"Cell {name}: what is attached to it ({names}) is to be seen only in the file handed in.")
        elif own["source"].rstrip() != cell["source"].rstrip() or own["cell_type"] != original["cell_type"]:
            notes.append(f"Cell {name} is locked and had been edited; restored.")
        cells.append(cell)
        for extra in after.get(name, ()):
            cells.append(extra)
            if extra["cell_type"] == "code":
                written.append(("", extra["source"]))
    for number, cell in enumerate(cells):
        cell["id"] = cell["id"] if grade_id(cell) and cell.get("id") else f"cell-{number}"
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
    if (spoken := _language(submitted)) and spoken != "python":
        notes.append(f"The notebook had been saved for another kernel ({spoken[:40]}); it was run with Python.")
    notebook = {
        "cells": cells,
        "metadata": release.get("metadata", {}),
        "nbformat": 4,
        "nbformat_minor": max(5, release.get("nbformat_minor", 5)),
    }
    return Restored(notebook, tuple(notes), tuple(written))


def text_of(cell: Cell) -> str:
    """A cell's source as one text; notebooks may keep it as a list of lines."""
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _clean(cell: object) -> Cell | None:
    """A submitted cell with nothing but its type and its text."""
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return None
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str) or len(source) > SOURCE:
        return None
    source = source.encode("utf-8", "replace").decode()
    return {"cell_type": cell["cell_type"], "metadata": {}, "source": source}


def _attached(cell: Cell) -> str:
    """The names of what is attached to a submitted cell, in a form that can be shown."""
    attachments = cell.get("attachments")
    names = [name for name in attachments if name] if isinstance(attachments, dict) else []
    shown = [re.sub(r"[^\w. -]", "?", name.encode("utf-8", "replace").decode())[:40] for name in names[:5]]
    return ", ".join(shown) + (" and more" if len(names) > 5 else "")


def grade_id(cell: object) -> str:
    """The id that nbgrader knows a cell by; empty if it has none."""
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    mark = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = mark.get("grade_id") if isinstance(mark, dict) else None
    return name if isinstance(name, str) else ""


def _language(notebook: Notebook) -> str:
    metadata = notebook.get("metadata")
    kernel = metadata.get("kernelspec") if isinstance(metadata, dict) else None
    language = kernel.get("language") if isinstance(kernel, dict) else None
    return language.encode("utf-8", "replace").decode().lower() if isinstance(language, str) else ""
