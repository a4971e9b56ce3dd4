"""The browser test's own tools, tried on small notebooks: they see errors, requests and cells that failed."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from lab_page import LabPage

from nb_source import METADATA

pytestmark = pytest.mark.browser


def store(folder: Path, name: str, *sources: str) -> str:
    # without a kernelspec JupyterLab would ask which kernel to use
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=METADATA)
    nbformat.write(notebook, folder / name)
    return name


def test_a_notebook_runs_from_top_to_bottom(page: LabPage, lab: tuple[str, Path]) -> None:
    fill = [f"x = {n}" for n in range(40)]
    cells = page.run(store(lab[1], "machinery_runs.ipynb", *fill, "print(x + 2)"))
    assert cells[-1]["outputs"][0]["text"] in ("41\n", ["41\n"])
    assert [cell["execution_count"] for cell in cells] == list(range(1, 42))
    assert page.complaints == []
    assert page.away() == []
    assert any("/api/kernels" in url for url in page.asked)


def test_a_cell_that_fails_is_named(page: LabPage, lab: tuple[str, Path]) -> None:
    with pytest.raises(AssertionError, match="ZeroDivisionError: .*\n1 / 0"):
        page.run(store(lab[1], "machinery_fails.ipynb", "1 / 0", "print(1)"))


def test_requests_off_the_machine_and_console_errors_are_seen(page: LabPage, lab: tuple[str, Path]) -> None:
    script = "from IPython.display import Javascript; Javascript(\"fetch('https://example.org/x.js')\")"
    page.run(store(lab[1], "machinery_leaves.ipynb", script))
    page.page.wait_for_timeout(1000)
    assert page.away() == ["https://example.org/x.js"]
    assert any("ERR_NAME_NOT_RESOLVED" in complaint for complaint in page.complaints)
