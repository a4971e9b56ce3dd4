"""An assignment is one folder: a toy one, added to a copy with nothing else touched, is found by all that use them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llm_course.errors import NoSandbox

ROOT = Path(__file__).resolve().parents[2]
TEXT = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  name: python3
  display_name: Python 3
  language: python
---

# Assignment 8: toys

Write a function that counts wheels. **Points:** {{total}}.

## Task 1: wheels

`wheels(cars, bikes)` gives the wheels of cars (four each) and bikes (two each). {{points wheels}} points.

```{code-cell} ipython3
:tags: ["answer:wheels"]
def wheels(cars, bikes):
    ### BEGIN SOLUTION
    return 4 * cars + 2 * bikes
    ### END SOLUTION
```

## Question

Why is a unicycle no bike? ({{written why}} points)

+++ {"tags": ["written:why", "points:3"]}

### BEGIN SOLUTION

It has one wheel.

### END SOLUTION
"""
JUDGING = '''"""Judging of the toy assignment."""

from llm_course.checks.compare import exact
from llm_course.grading.tasks import Mistake, Task


def wheels(cars, bikes):
    return 4 * cars + 2 * bikes


def summed(cars, bikes):
    return sum([4] * cars + [2] * bikes)


def swapped(cars, bikes):
    return wheels(bikes, cars)


def cars_only(cars, bikes):
    return 4 * cars


def hidden(rng):
    return [(int(rng.integers(10, 20)), int(rng.integers(20, 30))) for _ in range(3)]


TASKS = (
    Task(
        "wheels",
        "wheels",
        wheels,
        visible=((1, 2), (3, 0)),
        hidden=hidden,
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake("swapped", swapped, "You gave cars two wheels and bikes four."),
            Mistake("no bikes", cars_only, "Bikes have wheels, too."),
        ),
        right=(summed,),
    ),
)
'''


def run(folder: Path, *words: str | Path) -> str:
    """What a command prints; it runs in a copy of the repository, and must succeed."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the assignments are made and tested with, and in it one new folder: the toy assignment."""
    folder = tmp_path_factory.mktemp("repository")
    for name in ("assignments", "tools", "tests/assignments", "tests/grading"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "gradebook.db"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    toy = folder / "assignments" / "src" / "8_toy"
    toy.mkdir()
    (toy / "assignment.md").write_text(TEXT, encoding="utf-8")
    (toy / "judging.py").write_text(JUDGING, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def built(copied: Path) -> Path:
    run(copied, "tools/assignments.py", "build", "8_toy")
    return copied


def test_it_is_built_and_checked(built: Path) -> None:
    assert "8 assignments agree with their sources" in run(built, "tools/assignments.py", "check")
    notebook = json.loads((built / "assignments/source/8_toy/8_toy.ipynb").read_text(encoding="utf-8"))
    text = "".join("".join(cell["source"]) for cell in notebook["cells"])
    assert "**Points:** 6." in text and 'check("wheels", wheels)' in text


def test_the_tests_of_the_assignments_find_it(built: Path) -> None:
    # the rules of tasks, and those of notebooks that ask for no length: a toy has one task
    rules = "8_toy and (test_judging or what_its_source_gives or valid or solutions_in_the_notebook or hidden_case)"
    done = run(built, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "-k", rules, "tests/assignments")
    assert int(done.rsplit(" passed", 1)[0].split()[-1]) >= 10, done


@pytest.mark.timeout(1800)  # commands that each load nbgrader, also on a busy machine
def test_it_is_released_graded_and_told(built: Path, tmp_path: Path) -> None:
    pytest.importorskip("nbgrader", reason="needs nbgrader: pip install 'llm-course[grade]'")
    from llm_course.grading.sandbox import engine

    course = tmp_path / "course"
    shutil.copytree(built / "assignments", course)
    run(course, "-m", "llm_course.cli", "assign", "8_toy")
    assert {path.name for path in (course / "release/8_toy").iterdir()} == {"8_toy.ipynb", "checks.json"}
    released = (course / "release/8_toy/8_toy.ipynb").read_text(encoding="utf-8")
    assert "4 * cars" not in released and "It has one wheel" not in released
    for student, code in (("ann", "return 4 * cars + 2 * bikes"), ("bob", "return 4 * bikes + 2 * cars"), ("cy", "")):
        notebook = json.loads(released)
        for cell in notebook["cells"]:
            if code and cell["metadata"].get("nbgrader", {}).get("grade_id") == "wheels-answer":
                cell["source"] = f"def wheels(cars, bikes):\n    {code}"
        folder = course / "submitted" / student / "8_toy"
        folder.mkdir(parents=True)
        (folder / "8_toy.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    try:
        engine()
        how: tuple[str, ...] = ()
    except NoSandbox:
        how = ("--unsafe",)
    said = run(course, "-m", "llm_course.cli", "grade", "8_toy", *how)
    assert "ann: 3 of 3 points" in said and "bob: 0 of 3 points" in said and "cy: 0 of 3 points" in said
    run(course, "-m", "llm_course.cli", "feedback", "8_toy")
    pages = {
        one: (course / f"feedback/{one}/8_toy/8_toy.html").read_text(encoding="utf-8") for one in ("ann", "bob", "cy")
    }
    assert "You gave cars two wheels and bikes four." in pages["bob"] and "Hint" not in pages["ann"]
    assert "Not written yet: wheels." in pages["cy"]
    assert not [page for page in pages.values() if "4 * cars" in page or "It has one wheel" in page]
