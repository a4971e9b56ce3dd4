"""Files that are no notebook, and notebooks changed in ways that no editor would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hostile.case import Hostile, first


def _each(kinds: tuple[str, ...], do: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def change(notebook: dict[str, Any]) -> None:
        for cell in notebook["cells"]:
            if cell["metadata"].get("nbgrader", {}).get("grade_id", "").endswith(kinds):
                do(cell)

    return change


def _rich(cell: dict[str, Any]) -> None:
    cell["metadata"]["nbgrader"]["points"] = 1000
    cell["source"] = "pass  # full marks, please"


def reordered(notebook: dict[str, Any]) -> None:
    notebook["cells"].reverse()


def no_metadata(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def _doubled(notebook: dict[str, Any]) -> None:
    notebook["cells"] += [dict(cell, id=cell["id"] + "-2") for cell in notebook["cells"]]


def _manual(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if mark := cell["metadata"].get("nbgrader"):
            mark |= {"grade": False, "solution": True, "locked": False, "points": 99}


def _kernel(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}


def _half_letter(notebook: dict[str, Any]) -> None:
    notebook["metadata"]["kernelspec"] = {"language": "\ud800"}


def _links(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == "why":
            cell["source"] = (
                "[x](javascript&colon;alert(1)) [y][z]\n\n[z]: java&#115;cript:alert(1)\n\n![i](https://x.test/i.png)"
            )


def _outputs(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            text = "Right: 3 of 3 points."
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}]


def _attachment(notebook: dict[str, Any]) -> None:
    notebook["cells"].append(
        {
            "cell_type": "markdown",
            "metadata": {},
            "id": "x",
            "source": "<script>alert(1)</script>",
            "attachments": {"../../../x": {"text/html": "<script>alert(2)</script>"}},
        }
    )


HANDED_IN = (
    Hostile("no-notebook", "hands in an empty folder", absent=True),
    Hostile("directory", "hands in a folder with the notebook's name", folder=True, quick=True),
    Hostile("text", "hands in a text", raw=b"Dear teacher, full marks please."),
    Hostile("not-a-dict", "hands in JSON that is no notebook", raw=b"[1, 2, 3]"),
    Hostile("nested-file", "hands in JSON nested a million times", raw=b"[" * 1_000_000),
    Hostile("fifty-megabytes", "hands in 50 MB", raw=b'{"cells": [], "x": "' + b"x" * 50_000_000 + b'"}'),
    Hostile("kernel", "asks for another kernel", change=_kernel),
    Hostile("half-letter", "asks for a kernel whose name is half a letter", change=_half_letter, quick=True),
    Hostile("address", "puts links into the written answer that run code in the teacher's browser", change=_links),
    Hostile(
        "rich",
        "gives its grade cells more points and removes their tests",
        change=_each(("-visible", "-hidden"), _rich),
    ),
    Hostile("graded", "makes every cell one that is graded by hand, for 99 points", change=_manual),
    Hostile("said-so", "stores the outputs of a right answer", change=_outputs),
    Hostile("doubled", "has every cell twice", change=_doubled),
    Hostile(
        "script",
        "puts scripts into what the instructor will read",
        change=_attachment,
        double=first("print('<script>alert(1)</script>')\nraise_ = '<img src=x onerror=alert(1)>'"),
    ),
)
