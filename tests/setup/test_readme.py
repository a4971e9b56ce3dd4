"""README.md is true: its snippets run as pasted, and its tree is the repository's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from setup.test_floors import FLOORS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = ("make lab", "make test")  # they install and open, or run this very test


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.mark.timeout(900)
def test_python_snippets_run_in_their_order(tmp_path: Path) -> None:
    assert len(blocks("python")) >= 2
    code = "\n".join(blocks("python"))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "attention.html").read_text(encoding="utf-8")
    assert "hungry" in page


@pytest.mark.timeout(900)
def test_shell_lines_run_as_pasted(tmp_path: Path) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if not line.startswith(SET_UP)]
    assert len(lines) >= 4
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    said = {}
    for line in lines:
        done = subprocess.run(
            ["bash", "-c", f"set -eo pipefail\n{line}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": path},
        )
        assert done.returncode == 0, (line, done.stderr[-2000:])
        said[line] = done.stdout
    assert any("voiture" in text for text in said.values())
    assert all(text.strip() or ">" in line for line, text in said.items()), "every command says something"


def test_every_block_of_the_page_is_tried_or_is_the_tree() -> None:
    assert set(re.findall(r"^```(\S*)$", PAGE, re.M)) - {""} == {"python", "sh", "text"}


def tree() -> tuple[set[str], set[str]]:
    """Top-level folders and those of the package, as the page draws them."""
    (drawn,) = blocks("text")
    top, rooms = set(), set()
    for line in drawn.splitlines():
        entry = line.split("  ")[0] if not line.startswith("  ") else line
        assert re.search(r"\S {2,}\S", line) or len(entry.split()) > 1, f"says nothing: {line}"
        if line.startswith("  "):
            rooms.add(line.split()[0].rstrip("/"))
        else:
            top |= {name.rstrip("/") for name in entry.split() if name.endswith("/")}
    return top, rooms


def test_contributing_has_the_floors_that_are_checked() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = {
        int(floor): set(re.findall(r"`(\w+)/`", rooms))
        for floor, rooms in re.findall(r"^\| (\d) \| (.+) \|$", page, re.M)
    }
    folders = {
        floor: {room for room in rooms if (ROOT / "llm_course" / room).is_dir()} for floor, rooms in FLOORS.items()
    }
    assert table == folders


def test_the_tree_is_the_repositorys() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the course is not a Git repository")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [line.split("/") for line in listed.splitlines() if (ROOT / line).exists()]
    top, rooms = tree()
    assert top == {parts[0] for parts in files if len(parts) > 1}
    assert rooms == {parts[1] for parts in files if parts[0] == "llm_course" and len(parts) > 2}
