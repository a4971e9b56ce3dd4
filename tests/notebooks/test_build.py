"""Building a notebook: the same bytes every time, alone, nothing that changes between runs; checking finds drift."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

import nb_check
import nb_kernel
import notebooks
from nb_source import Lesson, differences, lessons, parse, read
from notebooks_tiny import LESSON

Altered = Callable[[Callable[[NotebookNode], object]], list[str]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """The tiny lesson, built once."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "src").mkdir()
    (folder / "src" / "99_tiny.md").write_text(LESSON, encoding="utf-8")
    [lesson] = lessons(folder=folder)
    notebooks.build(lesson)
    return lesson


@pytest.fixture
def altered(tiny: Lesson, tmp_path: Path) -> Altered:
    """What ``check`` says of the built lesson after a change to the stored notebook."""

    def check_after(change: Callable[[NotebookNode], object]) -> list[str]:
        stored = read(tiny.notebook)
        change(stored)
        path = tmp_path / "99_tiny.ipynb"
        path.write_text(nbformat.writes(stored), encoding="utf-8")
        return nb_check.check(Lesson(tiny.name, tiny.source, path))

    return check_after


def code(notebook: NotebookNode, number: int) -> NotebookNode:
    return [cell for cell in notebook.cells if cell.cell_type == "code"][number]


def test_the_built_notebook_passes_its_check(tiny: Lesson) -> None:
    assert nb_check.check(tiny) == []
    assert code(read(tiny.notebook), 0).outputs[0].text == "2\n"


def test_building_twice_gives_the_same_bytes(tiny: Lesson) -> None:
    before = tiny.notebook.read_bytes()
    notebooks.build(tiny)
    assert tiny.notebook.read_bytes() == before


def test_nothing_of_this_run_or_machine_is_stored(tiny: Lesson) -> None:
    stored = json.loads(tiny.notebook.read_text(encoding="utf-8"))
    assert set(stored["metadata"]) == {"kernelspec", "language_info"}
    assert stored["metadata"]["language_info"] == {"name": "python"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in stored["cells"])
    assert "widget-view" not in str([cell.get("outputs") for cell in stored["cells"]])
    assert stored["cells"][-2]["outputs"][0]["data"]["text/html"] == ["<b>a slider</b>"]
    assert stored["cells"][-2]["metadata"] == {"tags": ["demo"]}


def test_an_id_stays_with_its_cell_when_others_come_before_it() -> None:
    before = {cell.source: cell.id for cell in parse(LESSON).cells}
    after = parse(LESSON.replace("# A tiny lesson", "# A tiny lesson\n\n+++\n\nA new paragraph.\n\n+++"))
    assert len(after.cells) > len(before)
    for cell in after.cells[2:]:
        assert cell.id == before.get(cell.source, cell.id)
    assert len({cell.id for cell in after.cells}) == len(after.cells)


def test_equal_cells_have_different_ids() -> None:
    twice = parse("# One\n\n```{code-cell}\nx\n```\n\n```{code-cell}\nx\n```\n")
    assert twice.cells[1].source == twice.cells[2].source
    assert twice.cells[1].id != twice.cells[2].id


def test_only_what_changed_is_built(tiny: Lesson, capsys: pytest.CaptureFixture[str]) -> None:
    assert notebooks.is_current(tiny)
    assert notebooks._build([tiny], everything=False) == 0
    assert "99_tiny: unchanged" in capsys.readouterr().out
    changed = tiny.source.with_name("98_other.md")
    changed.write_text(LESSON.replace("one = 1 + 1", "one = 1 + 2"), encoding="utf-8")
    assert not notebooks.is_current(Lesson("98_other", changed, tiny.notebook))
    changed.unlink()


def test_a_failing_lesson_keeps_the_old_notebook(tiny: Lesson, capsys: pytest.CaptureFixture[str]) -> None:
    source = tiny.source.with_name("97_broken.md")
    source.write_text(LESSON.replace("one = 1 + 1", "one = 1 / 0"), encoding="utf-8")
    broken = Lesson("97_broken", source, tiny.notebook.with_name("97_broken.ipynb"))
    broken.notebook.write_text("old", encoding="utf-8")
    assert notebooks._build([broken], everything=True) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert broken.notebook.read_text(encoding="utf-8") == "old"
    source.unlink()


def test_a_kernel_shares_nothing_with_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLM_COURSE_HOME", "/nowhere/of/the/user")
    cell = nbformat.v4.new_code_cell("import os, sys; print(os.environ['LLM_COURSE_HOME']); print(sys.executable)")
    homes = []
    for _ in range(2):
        notebook = nbformat.v4.new_notebook(cells=[cell.copy()])
        nb_kernel.execute(notebook, tmp_path)
        home, python = notebook.cells[0].outputs[0].text.splitlines()
        assert python == sys.executable
        homes.append(home)
    assert homes[0] != homes[1]
    assert "/nowhere/of/the/user" not in homes
    assert not any(Path(home).exists() for home in homes)


def test_peak_memory_and_processor_time_are_the_kernels(tmp_path: Path) -> None:
    if nb_kernel.peak_bytes(os.getpid()) is None:
        pytest.skip("this system has no /proc")
    take = "block = b'x' * 300_000_000; del block; n = sum(range(20_000_000))"
    small, large = (nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text)]) for text in ("1", take))
    one, other = nb_kernel.execute(small, tmp_path), nb_kernel.execute(large, tmp_path)
    assert one.peak_bytes and other.peak_bytes and one.cpu_seconds is not None and other.cpu_seconds is not None
    assert 290e6 < other.peak_bytes - one.peak_bytes < 330e6
    assert other.cpu_seconds > one.cpu_seconds + 0.1


@pytest.mark.parametrize("raised", ["1 / 0", "raise SystemExit(3)"])
def test_a_cell_that_fails_raises(raised: str, tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(raised)])
    with pytest.raises(CellExecutionError):
        nb_kernel.execute(notebook, tmp_path)


def test_a_cell_changed_in_the_notebook_is_drift(altered: Altered) -> None:
    found = altered(lambda stored: setattr(stored.cells[0], "source", "# Another"))
    assert found == ["cell 1: not the source's text", "run: make notebooks"]


def test_a_lost_tag_is_drift(altered: Altered) -> None:
    assert "cell 14: not the source's tags" in altered(lambda stored: stored.cells[13].metadata.clear())


def test_a_lost_cell_is_drift(altered: Altered) -> None:
    assert "the source has 15 cells, the notebook 14" in altered(lambda stored: stored.cells.pop())


def test_cleared_outputs_are_found(altered: Altered) -> None:
    def clear(stored: NotebookNode) -> None:
        code(stored, 0).update(outputs=[], execution_count=None)

    assert altered(clear) == [
        "cell 2: was not run in order (its number is None, not 1)",
        "cell 2: displays something, but no output is stored",
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (nbformat.v4.new_output("stream", name="stderr", text="a warning"), "stores a warning or log: 'a warning'"),
        (nbformat.v4.new_output("stream", text="see /home/me/x.txt"), "path of the machine that built it: /home/me/x"),
        (nbformat.v4.new_output("stream", text="<object at 0x7f00deadbeef>"), "memory address: at 0x7f00deadbeef"),
        (nbformat.v4.new_output("error", ename="E", evalue="v", traceback=[]), "stores an error: E: v"),
        (nbformat.v4.new_output("display_data", {nb_kernel.WIDGET_VIEW: {"model_id": "1"}}), "stores a widget id"),
    ],
)
def test_outputs_not_fit_to_keep_are_found(output: NotebookNode, expected: str, altered: Altered) -> None:
    found = altered(lambda stored: code(stored, 0).outputs.append(output))
    assert len(found) == 1 and expected in found[0]


def test_a_notebook_that_is_too_large_is_found(altered: Altered) -> None:
    big = nbformat.v4.new_output("stream", text="x" * 1_500_000)
    assert any(
        "at most 1,500,000" in problem for problem in altered(lambda stored: code(stored, 0).outputs.append(big))
    )


def test_a_notebook_never_built_and_a_notebook_without_a_source(tiny: Lesson, tmp_path: Path) -> None:
    assert nb_check.check(Lesson("x", tiny.source, tmp_path / "x.ipynb")) == ["is not built; run: make notebooks"]
    (tmp_path / "y.ipynb").write_text("{}", encoding="utf-8")
    assert nb_check.orphans([], tmp_path) == ["y.ipynb has no source in src/"]
    assert nb_check.check(Lesson("y", tiny.source, tmp_path / "y.ipynb"))[0].startswith("is no notebook")


@pytest.mark.parametrize(
    ("source", "shows"),
    [
        ("print(1)", True),
        ("x = 1\nx", True),
        ("x.loss", True),
        ("lc.quiz('07')", True),
        ("for i in y:\n    print(i)", True),
        ("x = 1", False),
        ("x;", False),
        ("def f():\n    print(1)", False),
        ("lc.use('mini')", False),
        ("import torch", False),
        ("f = lambda: print(1)", False),
    ],
)
def test_cells_that_display_something(source: str, shows: bool) -> None:
    assert nb_check.displays(source) is shows


def test_sizes_of_tracked_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    for name, size in [("small", 10), ("large", 300), ("untracked", 5000)]:
        (tmp_path / name).write_bytes(b"x" * size)
    subprocess.run([*git, "add", "small", "large"], check=True)
    assert nb_check.tree(tmp_path) == []
    monkeypatch.setattr(nb_check, "FILE_BYTES", 200)
    assert len(nb_check.tree(tmp_path)) == 1 and nb_check.tree(tmp_path)[0].startswith("large is")
    monkeypatch.setattr(nb_check, "TREE_BYTES", 305)
    assert len(nb_check.tree(tmp_path)) == 2


def test_lessons_are_found_by_name_and_number(tiny: Lesson) -> None:
    folder = tiny.notebook.parent
    assert lessons(["99"], folder) == lessons(["99_tiny"], folder) == lessons(["99_tiny.ipynb"], folder) == [tiny]
    with pytest.raises(SystemExit, match="no lesson '9'. There are: 99_tiny"):
        lessons(["9"], folder)


def test_a_stored_notebook_equals_its_source_cell_by_cell(tiny: Lesson) -> None:
    assert differences(parse(LESSON), read(tiny.notebook)) == []
