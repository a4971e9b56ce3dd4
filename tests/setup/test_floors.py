"""The house: a room imports only from floors below its own, and entering it loads nothing heavy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "llm_course"
FLOORS = {
    0: {"errors"},  # the ground: every room can raise
    1: {"device", "arguments", "text", "batching", "results", "checks"},
    2: {"shelf", "worlds"},
    3: {"use_cases", "attention"},
    4: {"minis", "grading"},
    5: {"lessons"},
    6: {"teaching"},
    7: {"cli", "__init__", "__main__"},
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms}
HEAVY = ("torch", "transformers", "ipywidgets", "matplotlib", "numpy", "sklearn", "IPython")


def room_of(module: str) -> str:
    """``llm_course.shelf.loading`` is in the room ``shelf``; the face itself is ``__init__``."""
    return (module.split(".") + ["__init__"])[1]


def imports(tree: ast.Module, module: str) -> set[str]:
    """The package's modules that a file names in an import, anywhere in it; ``module`` is the file's own."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = module.split(".")[: -node.level]
                base = ".".join([*above, *filter(None, [node.module])])
            rooms = {f"{base}.{alias.name}" for alias in node.names if base == "llm_course" and alias.name in FLOOR}
            found |= rooms or {base}
    return {name for name in found if name == "llm_course" or name.startswith("llm_course.")}


def climbs(tree: ast.Module, module: str) -> list[str]:
    """Imports of a file that do not go down: to another room of the same floor, or up."""
    room = room_of(module)
    return sorted(
        other
        for other in imports(tree, module)
        if room_of(other) != room and FLOOR[room_of(other)] >= FLOOR[room] and FLOOR[room] < 7
    )


FILES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_go_down(path: Path) -> None:
    module = ".".join(["llm_course", *path.with_suffix("").parts])
    assert room_of(module) in FLOOR, f"{path}: say on which floor this room is, in {Path(__file__).name}"
    tree = ast.parse((PACKAGE / path).read_text(encoding="utf-8"))
    assert climbs(tree, module) == []


@pytest.mark.parametrize(
    ("module", "code", "expected"),
    [
        ("llm_course.shelf.loading", "from llm_course.errors import BadInput", []),
        ("llm_course.shelf.loading", "from llm_course import errors", []),
        ("llm_course.shelf.loading", "from .catalogue import models", []),
        ("llm_course.shelf.loading", "def f():\n  from llm_course import teaching", ["llm_course.teaching"]),
        ("llm_course.use_cases.generation", "import llm_course.attention.capture", ["llm_course.attention.capture"]),
        ("llm_course.errors", "import llm_course", ["llm_course"]),
        ("llm_course.device", "from llm_course.errors import NoDevice", []),
        ("llm_course.device", "from .shelf import x", ["llm_course.shelf"]),
        ("llm_course.teaching.quizzes", "import llm_course as lc", ["llm_course"]),
        ("llm_course.cli", "from llm_course import __version__, teaching", []),
    ],
)
def test_the_rule_itself(module: str, code: str, expected: list[str]) -> None:
    assert climbs(ast.parse(code), module) == expected


def fresh(code: str) -> str:
    """What a new interpreter prints, without the tests' own guard in its way."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env=env, cwd="/"
    )
    return done.stdout


def test_the_package_is_imported_in_a_moment() -> None:
    measure = "import time; t = time.perf_counter(); import llm_course; print(time.perf_counter() - t)"
    assert min(float(fresh(measure)) for _ in range(3)) < 0.15


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = fresh("import llm_course, sys; print(*sys.modules)").split()
    assert "llm_course" in loaded
    assert [name for name in HEAVY if name in loaded] == []
