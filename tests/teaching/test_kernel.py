"""In a real kernel: two runs of the same cells give the same outputs, each with a live and a static form."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nbconvert
from nbclient import NotebookClient
from nbformat import NotebookNode, v4

from llm_course.teaching.output import WIDGET_VIEW

CELLS = [
    'import llm_course as lc\nlc.predict("k", "Is `1 < 2`?", ["yes", "no"])',
    'lc.reveal("k", "yes")',
    'lc.quiz("start_here")',
    'lc.parsons("start_here")',
    "lc.progress()",
    'lc.sentiment_playground("I love it.")',
    'from matplotlib import pyplot as plt\nfig, ax = plt.subplots()\nlc.show(fig, alt="Empty axes.")',
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
    """What nbval compares: all but image bytes and the ids of widgets."""
    skip = (WIDGET_VIEW, "image/png")
    return [
        [
            {**output, "data": {k: v for k, v in output.get("data", {}).items() if k not in skip}}
            for output in cell.outputs
        ]
        for cell in notebook.cells
    ]


def test_two_runs_show_the_same(tmp_path: Path) -> None:
    first, second = _run(tmp_path / "a"), _run(tmp_path / "b")
    assert _comparable(first) == _comparable(second)
    outputs = [cell.outputs for cell in first.cells]
    for number in (0, 2, 3, 5):
        (output,) = outputs[number]
        assert set(output.data) == {WIDGET_VIEW, "text/html", "text/plain"}, CELLS[number]
        assert "\n" not in output.data["text/plain"] and "0x" not in output.data["text/plain"]
    assert outputs[1][0].text == "No prediction recorded. The answer: yes.\n"
    assert [sorted(output.data) for output in outputs[6]] == [
        ["image/png", "text/html", "text/plain"],
        ["text/html", "text/plain"],
    ]
    assert all(output.output_type != "error" for cell in first.cells for output in cell.outputs)
    html, _ = nbconvert.HTMLExporter().from_notebook_node(first)
    assert "What still runs?" in html and "Is <code>1 &lt; 2</code>?" in html and "Empty axes." in html
    markdown, _ = nbconvert.MarkdownExporter().from_notebook_node(first)
    assert "What still runs?" in markdown
