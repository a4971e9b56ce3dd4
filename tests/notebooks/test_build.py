"""Building a notebook: the same bytes every time, alone, nothing that changes between runs; checking finds drift."""

from __future__ import annotations

import json
import os
import shutil
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
from llm_course.lessons import Lesson, contents
from nb_source import differences, lessons, notebook_of, parse, read, source_of
from notebooks_tiny import LESSON, tiny_course

Altered = Callable[[Callable[[NotebookNode], object]], list[str]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    """The tiny lesson, built once, with its notebook beside its folder."""
    lesson = tiny_course(tmp_path_factory.mktemp("course"))
    notebooks.build(lesson, lesson.folder.parent)
    return lesson


@pytest.fixture
def stored(tiny: Lesson) -> Path:
    """The built notebook."""
    return notebook_of(tiny, tiny.folder.parent)


@pytest.fixture
def altered(tiny: Lesson, stored: Path, tmp_path: Path) -> Altered:
    """What ``check`` says of the built lesson after a change to the stored notebook."""

    def check_after(change: Callable[[NotebookNode], object]) -> list[str]:
        notebook = read(stored)
        change(notebook)
        notebook_of(tiny, tmp_path).write_text(nbformat.writes(notebook), encoding="utf-8")
        return nb_check.check(tiny, tmp_path)

    return check_after


def code(notebook: NotebookNode, number: int) -> NotebookNode:
    return [cell for cell in notebook.cells if cell.cell_type == "code"][number]


def test_the_built_notebook_passes_its_check(tiny: Lesson, stored: Path) -> None:
    assert stored.name == "00_tiny.ipynb"
    assert nb_check.check(tiny, stored.parent) == []
    assert read(stored).cells[0].source.startswith("# A tiny lesson: one sum\n\n**Time:** 1 minutes")
    assert code(read(stored), 0).outputs[0].text == "2\n"


def test_building_twice_gives_the_same_bytes(tiny: Lesson, stored: Path) -> None:
    before = stored.read_bytes()
    notebooks.build(tiny, stored.parent)
    assert stored.read_bytes() == before


def test_nothing_of_this_run_or_machine_is_stored(stored: Path) -> None:
    notebook = json.loads(stored.read_text(encoding="utf-8"))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert notebook["metadata"]["language_info"] == {"name": "python"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])
    assert "widget-view" not in str([cell.get("outputs") for cell in notebook["cells"]])
    assert notebook["cells"][-2]["outputs"][0]["data"]["text/html"] == ["<b>a slider</b>"]
    assert notebook["cells"][-2]["metadata"] == {"tags": ["demo"]}


def test_an_id_stays_with_its_cell_when_others_come_before_it() -> None:
    before = {cell.source: cell.id for cell in parse(LESSON).cells}
    after = parse(LESSON.replace("# {{title}}", "# {{title}}\n\n+++\n\nA new paragraph.\n\n+++"))
    assert len(after.cells) > len(before)
    for cell in after.cells[2:]:
        assert cell.id == before.get(cell.source, cell.id)
    assert len({cell.id for cell in after.cells}) == len(after.cells)


def test_equal_cells_have_different_ids() -> None:
    twice = parse("# One\n\n```{code-cell}\nx\n```\n\n```{code-cell}\nx\n```\n")
    assert twice.cells[1].source == twice.cells[2].source
    assert twice.cells[1].id != twice.cells[2].id


def test_only_what_changed_is_run(tiny: Lesson, stored: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(stored.parent, folder)
    assert notebooks.refresh(tiny, folder) == "00_tiny: unchanged"
    own = tiny_course(tmp_path / "course", LESSON.replace("A sum.", "A small sum."))
    old = read(notebook_of(own, folder))
    assert notebooks.refresh(own, folder) == "00_tiny: text changed, code did not; outputs kept"
    new = read(notebook_of(own, folder))
    assert "A small sum." in new.cells[-1].source and nb_check.check(own, folder) == []
    assert [cell.outputs for cell in new.cells if cell.cell_type == "code"] == [
        cell.outputs for cell in old.cells if cell.cell_type == "code"
    ]
    own.source.write_text(LESSON.replace("one = 1 + 1", "one = 1 + 2"), encoding="utf-8")
    assert notebooks.refresh(own, folder) is None
    own.source.write_text(LESSON.replace(":tags: [demo]", ":tags: [demo, contents]"), encoding="utf-8")
    assert notebooks.refresh(own, folder) is None, "a cell that shows the contents is run again when they change"
    assert set(source_of(own).metadata) == {"kernelspec", "language_info", "contents"}


def test_a_lesson_that_moved_keeps_its_outputs_and_one_that_left_is_removed(tiny: Lesson, stored: Path) -> None:
    folder = stored.parent / "moved"
    folder.mkdir()
    shutil.copy(stored, folder / "07_tiny.ipynb")
    for name in ("03_gone.ipynb", "my-notes.ipynb"):
        (folder / name).write_text("{}", encoding="utf-8")
    assert nb_check.orphans([tiny], folder) == [
        "03_gone.ipynb is of no lesson in contents.toml",
        "07_tiny.ipynb is to be 00_tiny.ipynb",
        "my-notes.ipynb is of no lesson in contents.toml",
    ]
    assert notebooks.rename([tiny], folder) == [
        "03_gone.ipynb: removed, no lesson has this name",
        "07_tiny.ipynb: now 00_tiny.ipynb",
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["00_tiny.ipynb", "my-notes.ipynb"]
    assert nb_check.check(tiny, folder) == [] and notebooks.refresh(tiny, folder) == "00_tiny: unchanged"


def test_a_failing_lesson_keeps_the_old_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tiny_course(tmp_path, LESSON.replace("one = 1 + 1", "one = 1 / 0"))
    notebook_of(broken, tmp_path).write_text("old", encoding="utf-8")
    assert notebooks._build([broken], everything=True, folder=tmp_path) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert notebook_of(broken, tmp_path).read_text(encoding="utf-8") == "old"


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


def test_a_notebook_never_built_and_one_that_is_damaged(tiny: Lesson, tmp_path: Path) -> None:
    assert nb_check.check(tiny, tmp_path) == ["is not built; run: make notebooks"]
    notebook_of(tiny, tmp_path).write_text("{}", encoding="utf-8")
    assert nb_check.check(tiny, tmp_path)[0].startswith("is no notebook")


def test_the_glossary_beside_the_notebooks_is_the_lessons_own(tmp_path: Path) -> None:
    assert nb_check.glossary_problems() == []
    (tmp_path / "glossary.md").write_text("# Glossary, {{lesson start_here}}\n", encoding="utf-8")
    assert len(nb_check.glossary_problems(tmp_path)) == 1


@pytest.mark.parametrize(
    ("source", "shows"),
    [
        ("print(1)", True),
        ("x = 1\nx", True),
        ("x.loss", True),
        ("lc.quiz('tiny')", True),
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


def test_lessons_are_found_by_name_and_number() -> None:
    first = contents()[0]
    for name in ("00", "start_here", "00_start_here", "notebooks/00_start_here.ipynb"):
        assert lessons([name]) == [first]
    with pytest.raises(SystemExit, match="No lesson is called 'start_her'. Did you mean 'start_here'"):
        lessons(["start_her"])


def test_a_stored_notebook_equals_its_source_cell_by_cell(tiny: Lesson, stored: Path) -> None:
    assert differences(source_of(tiny), read(stored)) == []
