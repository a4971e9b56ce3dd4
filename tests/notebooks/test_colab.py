"""Copies for Colab: installed first, no outputs, every link whole."""

from __future__ import annotations

import re
from pathlib import Path

import colab
from llm_course.lessons import contents


def test_a_copy_installs_the_course_and_links_to_whole_addresses() -> None:
    for lesson in contents():
        cells = colab.copy_of(lesson).cells
        code = [cell for cell in cells if cell.cell_type == "code"]
        assert "%pip install" in code[0].source and "enable_custom_widget_manager" in code[0].source
        assert all(not cell.outputs and cell.execution_count is None for cell in code)
        prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
        relative = [one for one in re.findall(r"\]\(([^)\s]+)\)", prose) if re.match(r"[\w./-]+\.(ipynb|md)", one)]
        assert relative == [], lesson.slug


def test_copies_follow_the_lessons(tmp_path: Path) -> None:
    colab.write(tmp_path)
    assert colab.problems(tmp_path) == []
    path = next(tmp_path.glob("*.ipynb"))
    path.write_text(path.read_text(encoding="utf-8").replace("%pip", "%pop"), encoding="utf-8")
    (tmp_path / "99_old.ipynb").write_text("{}", encoding="utf-8")
    assert {line.split()[0] for line in colab.problems(tmp_path)} == {path.name, "99_old.ipynb"}
    colab.write(tmp_path)
    assert colab.problems(tmp_path) == []
