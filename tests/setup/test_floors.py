"""The house: a room imports only from floors below its own, and entering it loads nothing heavy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
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


MODULES = {".".join(["llm_course", *path.with_suffix("").parts]).removesuffix(".__init__"): path for path in FILES}


def runs(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports of a file that run, at its top or in a function: those under ``if TYPE_CHECKING`` do not."""
    if isinstance(tree, (ast.Import, ast.ImportFrom)):
        yield tree
    guarded = isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test)
    for node in tree.orelse if isinstance(tree, ast.If) and guarded else ast.iter_child_nodes(tree):
        yield from runs(node)


def needed(tree: ast.AST, module: str, package: str, modules: Collection[str]) -> set[str]:
    """The modules that a file imports when it runs; ``package`` is what its relative imports start from."""
    found = set()
    for node in runs(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *filter(None, [node.module])])
        submodules = {f"{base}.{alias.name}" for alias in node.names}
        found |= {name if name in modules else base for name in submodules}
    return found & set(modules) - {module}


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of nodes that reach each other."""
    reached = {name: set(own) for name, own in graph.items()}
    for between in graph:
        for name in graph:
            if between in reached[name]:
                reached[name] |= reached[between]
    groups = {tuple(sorted(b for b in reached[a] if a in reached[b])) for a in graph if a in reached[a]}
    return sorted(map(list, groups))


def test_no_module_needs_itself() -> None:
    graph = {}
    for module, path in MODULES.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        graph[module] = needed(ast.parse((PACKAGE / path).read_text(encoding="utf-8")), module, package, MODULES)
    assert sum(map(len, graph.values())) > 300  # the graph is there
    assert circles(graph) == []


def test_circles_are_found() -> None:
    late = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n  import p.b\nelse:\n  import p.d\ndef f():\n  "
    assert needed(ast.parse(late + "from . import c, x"), "p.a", "p", ("p", "p.a", "p.b", "p.c", "p.d")) == {
        "p",
        "p.c",
        "p.d",
    }
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"f"}, "f": {"e"}, "g": set()}) == [
        ["a", "b", "c"],
        ["e", "f"],
    ]


def fresh(code: str) -> str:
    """What a new interpreter prints, without the tests' own guard in its way."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True, env=env, cwd="/"
    )
    return done.stdout


def test_the_package_is_imported_in_a_moment() -> None:
    measure = "import time; t = time.process_time(); import llm_course; print(time.process_time() - t)"
    # Processor time, so that whatever else runs here costs nothing; the first one also writes the bytecode.
    assert min(float(fresh(measure)) for _ in range(5)) < 0.15


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = fresh("import llm_course, sys; print(*sys.modules)").split()
    assert "llm_course" in loaded
    assert [name for name in HEAVY if name in loaded] == []
