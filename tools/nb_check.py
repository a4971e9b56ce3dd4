"""What must be true of the stored notebooks: they are their sources, they were run, and their outputs are fit to keep.

Knows nothing about the rules for prose (nb_lint) or about running (nb_kernel).
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from llm_course.lessons import Lesson
from nb_kernel import WIDGET_VIEW
from nb_lint import last_name, parse_code
from nb_source import NOTEBOOKS, ROOT, differences, glossary, misnamed, notebook_of, read, source_of

NOTEBOOK_BYTES = 1_500_000
TREE_BYTES, FILE_BYTES = 58 * 2**20, 20 * 2**20
IGNORED = {"nbval-ignore-output", "nbval-skip"}

# Calls that put something on the page whatever else the cell does.
DISPLAYS = frozenset(
    "print display predict reveal quiz parsons check hint solution show progress doctor decoding_playground "
    "sentiment_playground summary_playground translation_playground".split()
)


def displays(source: str) -> bool:
    """Whether a cell surely displays something: it calls a function that does, or ends in a value.

    A call at the end counts only if it is in ``DISPLAYS``: others may return None. Strict nbval finds those.
    """
    tree = parse_code(source)
    if tree is None or not tree.body:
        return False
    for node in _outside_definitions(tree):
        if isinstance(node, ast.Call) and last_name(node) in DISPLAYS:
            return True
    last = tree.body[-1]
    if not isinstance(last, ast.Expr) or source.rstrip().endswith(";"):
        return False
    return not isinstance(last.value, ast.Call | ast.Constant | ast.Await)


def _outside_definitions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        yield child
        yield from _outside_definitions(child)


def outputs(notebook: NotebookNode) -> Iterator[str]:
    """What is wrong with the stored outputs, one sentence each."""
    expected = 0
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        expected += 1
        tags = set(cell.metadata.get("tags", []))
        if "nbval-skip" not in tags and cell.execution_count != expected:
            yield f"cell {number}: was not run in order (its number is {cell.execution_count}, not {expected})"
        if not cell.outputs and displays(cell.source):
            yield f"cell {number}: displays something, but no output is stored"
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in tags:
                yield f"cell {number}: stores an error: {output.ename}: {output.evalue[:80]}"
            if output.get("name") == "stderr" and not tags & IGNORED:
                yield f"cell {number}: stores a warning or log: {output.text.strip()[:80]!r}"
            if WIDGET_VIEW in output.get("data", {}):
                yield f"cell {number}: stores a widget id, which is new in every run"
            for text in _texts(output):
                for leak in re.findall(r"(?<![\w/])/(?:home|root|Users|tmp|var/tmp|work)/\S{1,40}", text)[:1]:
                    yield f"cell {number}: stores a path of the machine that built it: {leak}"
                for address in re.findall(r"\bat 0x[0-9a-f]{6,}", text)[:1]:
                    yield f"cell {number}: stores a memory address: {address}"


def _texts(output: NotebookNode) -> Iterator[str]:
    if "text" in output:
        yield output.text
    for kind, value in output.get("data", {}).items():
        if kind.startswith("text/") and isinstance(value, str):
            yield re.sub(r"base64,[A-Za-z0-9+/=]+", "", value)


def check(lesson: Lesson, folder: Path = NOTEBOOKS) -> list[str]:
    """Everything wrong with one stored notebook, one sentence each."""
    path = notebook_of(lesson, folder)
    if not path.exists():
        return ["is not built; run: make notebooks"]
    try:
        stored = read(path)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError, KeyError) as error:
        return [f"is no notebook: {error}"[:200]]
    problems = differences(source_of(lesson), stored)
    if problems:
        problems.append("run: make notebooks")
    problems += outputs(stored)
    size = path.stat().st_size
    if size > NOTEBOOK_BYTES:
        problems.append(f"is {size:,} bytes; at most {NOTEBOOK_BYTES:,}")
    return problems


def orphans(found: list[Lesson], folder: Path = NOTEBOOKS) -> list[str]:
    """Notebooks that no lesson has, or that still have the number of a former place."""
    return [
        f"{path.name} is of no lesson in contents.toml" if target is None else f"{path.name} is to be {target.name}"
        for path, target in misnamed(found, folder).items()
    ]


def glossary_problems(folder: Path = NOTEBOOKS) -> list[str]:
    """Whether the glossary beside the notebooks is the one the lessons have."""
    path = folder / "glossary.md"
    if path.is_file() and path.read_text(encoding="utf-8") == glossary():
        return []
    return ["glossary.md is not what llm_course/lessons/glossary.md gives; run: make notebooks"]


def tree(root: Path = ROOT) -> list[str]:
    """What is too large among the files git tracks; empty outside a git checkout."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if listing.returncode:
        return []
    files = [path for name in listing.stdout.split("\0") if name and (path := root / name).is_file()]
    sizes = {path: path.stat().st_size for path in files}
    problems = [
        f"{path.relative_to(root)} is {size / 2**20:.1f} MiB; at most {FILE_BYTES / 2**20:.0f}"
        for path, size in sizes.items()
        if size > FILE_BYTES
    ]
    if (total := sum(sizes.values())) > TREE_BYTES:
        problems.append(f"the tracked files are {total / 2**20:.1f} MiB; at most {TREE_BYTES / 2**20:.0f}")
    return problems
