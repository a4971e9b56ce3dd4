"""In a real kernel: two readers' runs of the same cells give the same outputs, none of them a widget's view."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbconvert
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

CELLS = [
    'import llm_course as lc\nlc.predict("k", "Is `1 < 2`?", ["yes", "no"])',
    'lc.reveal("k", "yes")',
    'lc.quiz("start_here")',
    'lc.parsons("start_here")',
    'lc.sentiment_playground("I love it.")',
    'from matplotlib import pyplot as plt\nfig, ax = plt.subplots()\nlc.show(fig, alt="Empty axes.")',
    "lc.progress()",
    "lc.reset_progress()",
]


def _run(home: Path) -> NotebookNode:
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(CELLS)])
    client = NotebookClient(notebook, timeout=600, kernel_name="python3", store_widget_state=False, record_timing=False)
    with client.setup_kernel(env={**os.environ, "LLM_COURSE_HOME": str(home), "MPLCONFIGDIR": str(home / "mpl")}):
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    return notebook


def _comparable(notebook: NotebookNode) -> list[list[dict[str, Any]]]:
    """What nbval compares: all but image bytes."""
    return [
        [
            {**output, "data": {k: v for k, v in output.get("data", {}).items() if k != "image/png"}}
            for output in outputs
        ]
        for outputs in (cell.outputs for cell in notebook.cells[:-2])  # not the progress and what is left of it
    ]


# What another reader did before: a prediction, a right answer, and a page that has told the kernel.
OTHER = {
    "version": 2,
    "begun": 0,
    "predictions": {"k": {"choice": "no"}},
    "quiz": {"start_here": {"start_here/network": {"right": True, "tries": 2}}},
    "parsons": {},
    "exercises": {},
}


def test_two_readers_are_shown_the_same(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "progress.json").write_text(json.dumps(OTHER), encoding="utf-8")
    first, second = _run(tmp_path / "a"), _run(tmp_path / "b")
    assert _comparable(first) == _comparable(second)
    assert "1 of" in second.cells[-2].outputs[0].data["text/html"], "the other reader's record was read"
    outputs = [cell.outputs for cell in first.cells]
    for number in (0, 1, 2, 3, 4, 7):
        (output,) = outputs[number]
        assert set(output.data) == {"text/html", "text/plain"}, CELLS[number]
        assert "\n" not in output.data["text/plain"] and "0x" not in output.data["text/plain"]
    assert outputs[1][0].data["text/plain"] == "The answer: yes."
    assert [sorted(output.data) for output in outputs[5]] == [
        ["image/png", "text/html", "text/plain"],
        ["text/html", "text/plain"],
    ]
    assert all(output.output_type != "error" for cell in first.cells for output in cell.outputs)
    html, _ = nbconvert.HTMLExporter().from_notebook_node(first)
    assert "What still runs?" in html and "Is <code>1 &lt; 2</code>?" in html and "Empty axes." in html
    markdown, _ = nbconvert.MarkdownExporter().from_notebook_node(first)
    assert "What still runs?" in markdown
