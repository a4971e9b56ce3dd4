"""Edited, deleted and reordered cells come back as released; what is no notebook is refused."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from llm_course.grading import integrity


def cell(source: str, name: str = "", kind: str = "code", **mark: Any) -> dict[str, Any]:
    metadata = {"nbgrader": {"grade_id": name} | mark} if name else {}
    return {"cell_type": kind, "source": source, "metadata": metadata, "id": f"id-{name or len(source)}"}


RELEASE = {
    "cells": [
        cell("import numpy", "start", locked=True),
        cell("def f(): ...", "f", solution=True),
        cell("check(f)", "f-visible", grade=True, locked=True),
        cell("Why?", "why", "markdown", solution=True, grade=True),
    ],
    "metadata": {"kernelspec": {"name": "python3", "language": "python"}},
    "nbformat": 4,
}


def restored(change: Any) -> integrity.Restored:
    submitted = copy.deepcopy(RELEASE)
    submitted["cells"][1]["source"] = "def f(): return 1"
    change(submitted)
    return integrity.restore(RELEASE, submitted)


def sources(found: integrity.Restored) -> list[str]:
    return [one["source"] for one in found.notebook["cells"]]


HONEST = ["import numpy", "def f(): return 1", "check(f)", "Why?"]


def test_an_untouched_notebook_has_no_notes() -> None:
    found = restored(lambda nb: None)
    assert sources(found) == HONEST and found.notes == ()
    assert ("f", "def f(): return 1") in found.written


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda nb: nb["cells"][2].update(source="check = print"), "f-visible is locked and had been edited"),
        (lambda nb: nb["cells"].pop(2), "f-visible had been deleted"),
        (lambda nb: nb["cells"].reverse(), "reordered"),
        (lambda nb: nb["cells"][1].update(metadata={}), "f: its metadata had been changed"),
        (lambda nb: nb["cells"][1]["metadata"]["nbgrader"].update(grade_id="g"), "f: its metadata had been changed"),
        (lambda nb: nb["cells"][1].update(cell_type="markdown"), "f had been made a markdown cell"),
        (lambda nb: nb["cells"][0].update(cell_type="raw"), "start is locked and had been edited"),
        (lambda nb: nb["cells"].insert(0, "no cell"), "could not be read"),
        (lambda nb: nb["metadata"]["kernelspec"].update(language="R"), "another kernel (r)"),
        (lambda nb: nb["cells"][2]["metadata"]["nbgrader"].update(points=99, solution=True), ""),
    ],
)
def test_changes_are_undone_and_noted(change: Any, note: str) -> None:
    found = restored(change)
    assert sources(found) == HONEST
    assert [one["metadata"] for one in found.notebook["cells"]] == [one["metadata"] for one in RELEASE["cells"]]
    assert len(found.notes) == bool(note) and note in "".join(found.notes)


def test_notes_can_be_written_whatever_a_notebook_holds() -> None:
    found = restored(lambda nb: nb["metadata"]["kernelspec"].update(language="\ud800"))
    assert "another kernel (?)" in found.notes[0].encode().decode()


def test_what_students_add_stays_where_it_is() -> None:
    def change(nb: dict[str, Any]) -> None:
        nb["cells"].insert(1, cell("helper = 1"))
        nb["cells"].insert(0, cell("first = 1"))
        nb["cells"].append(copy.deepcopy(nb["cells"][3]))  # Jupyter copies a cell with its metadata

    found = restored(change)
    assert sources(found) == ["first = 1", "import numpy", "helper = 1", *HONEST[1:], "def f(): return 1"]
    assert len({one["id"] for one in found.notebook["cells"]}) == 7


def test_a_deleted_answer_comes_back_empty() -> None:
    found = restored(lambda nb: nb["cells"].pop(1))
    assert sources(found) == ["import numpy", "", "check(f)", "Why?"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x89PNG",
        b"[]",
        b"{}",
        b'{"worksheets": []}',
        b'{"cells": 3}',
        b"[" * 10_000,
        json.dumps({"cells": [{}] * 501}).encode(),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_notebook_is_refused(data: Any) -> None:
    with pytest.raises(integrity.Unreadable):
        integrity.parse(data)


def test_outputs_do_not_make_a_notebook_unreadable() -> None:
    outputs = [{"text": "1," * 410_000, "data": {"application/json": {"a": float("nan"), "b": 10**400}}}]
    notebook = {"cells": [{"cell_type": "code", "source": "x", "outputs": outputs}]}
    assert integrity.parse(json.dumps(notebook).encode())["cells"][0]["source"] == "x"
    with pytest.raises(integrity.Unreadable, match="too many values.* Clear the notebook's outputs"):
        integrity.parse(b'{"cells": [' + b"[]," * 2_600_000 + b"[]]}")


def test_what_is_attached_to_an_answer_is_named() -> None:
    def change(nb: dict[str, Any]) -> None:
        nb["cells"][3].update(
            source="![d](attachment:d.png)", attachments={"d.png": {"image/png": "AA"}, "<b>\ud800": 3}
        )
        nb["cells"].append(cell("text", kind="markdown") | {"attachments": {"e.png": {}}})

    found = restored(change)
    assert sources(found)[3].startswith("![d](attachment:d.png)\n\n(Attached") and "d.png, ?b??" in sources(found)[3]
    assert "Cell why" in found.notes[0] and "d.png" in found.notes[0] and len(found.notes) == 1
    assert found.notebook["cells"][4].keys() == {"cell_type", "metadata", "source", "id"}


def test_links_and_giants_are_not_read(tmp_path: Path) -> None:
    solution = tmp_path / "solution.ipynb"
    solution.write_text("{}")
    folder = tmp_path / "student"
    with pytest.raises(integrity.Unreadable, match="No folder"):
        integrity.read(folder, "x")
    folder.mkdir()
    with pytest.raises(integrity.Unreadable, match="No file"):
        integrity.read(folder, "x")
    os.symlink(solution, folder / "x.ipynb")
    with pytest.raises(integrity.Unreadable, match="not a link"):
        integrity.read(folder, "x")
    os.unlink(folder / "x.ipynb")
    os.mkfifo(folder / "x.ipynb")
    with pytest.raises(integrity.Unreadable, match="not a file"):
        integrity.read(folder, "x")
    os.unlink(folder / "x.ipynb")
    (folder / "x.ipynb").mkdir()
    with pytest.raises(integrity.Unreadable, match="not a file"):
        integrity.read(folder, "x")
    (folder / "x.ipynb").rmdir()
    with open(folder / "x.ipynb", "wb") as file:
        file.truncate(50_000_000)
    with pytest.raises(integrity.Unreadable, match="50 MB"):
        integrity.read(folder, "x")
    os.symlink(folder, tmp_path / "link")
    with pytest.raises(integrity.Unreadable, match="No folder"):
        integrity.read(tmp_path / "link", "x")
