"""A lesson is added with its folder and one line of contents.toml, and everything that knows lessons finds it.

This does in a copy of the repository what CONTRIBUTING.md says under "Add or change a lesson".
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llm_course.lessons import contents, find

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("llm_course", "tools", "tests", "notebooks", "benchmarks/results", "README.md", "pyproject.toml")
NEXT = find("reading_attention")  # the toy takes its place, so that this and all later lessons get other numbers
TOY, MOVED = NEXT.number, f"{int(NEXT.number) + 1:02}"
LINE = '    { slug = "toy_averages", minutes = 5, title = "Averages: a toy" },\n'

LESSON = """\
---
jupytext:
  formats: md:myst
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---

# {{title}}

## Goals

After this lesson you can

- compute a mean by hand;
- write it in Python;
- say when it misleads.

**Before you start:** {{lesson start_here}}.

**Time:** {{minutes}} minutes to read; the cells run in seconds. **Memory:** about 150 MB. **Downloads:** nothing.

## The mean

Like the [softmax](glossary.md#softmax), it makes one thing of many. {{Lesson reading_attention}} takes means.

```{code-cell} ipython3
import llm_course as lc

lc.predict("mean", "What is the mean of 1 and 3?", options=["1", "2"])
lc.predict("outlier", "And of 1, 1 and 100?", options=["1", "34"])
```

Worked:

```{code-cell} ipython3
lc.reveal("mean", (1 + 3) // 2)
lc.reveal("outlier", (1 + 1 + 100) // 3)
```

With gaps: the sum is there, the rest is not. Blank: all of it is yours.

```{code-cell} ipython3
def mean_of(values):
    ...

lc.check("mean_of", mean_of)
lc.parsons("toy_averages")
lc.quiz("toy_averages")
```

## What we saw

- One large value moves a mean far.

## Sources

- Our own arithmetic.
"""

EXERCISES = '''\
"""Exercises: the mean of some numbers."""

from llm_course.checks.exercises import Wrong, exercise


@exercise("mean_of", hint="Divide the sum.", solution="def mean_of(values):\\n    return sum(values) / len(values)")
def check_mean_of(answer):
    if answer([1, 2, 6]) == 2:
        raise Wrong("That is the median.")
    if answer([1, 2, 6]) != 3:
        raise Wrong("The mean of 1, 2 and 6 is 3.")
'''

PUZZLE = {
    "title": "A mean",
    "task": "Print the mean of three numbers.",
    "lines": ["values = [1, 2, 6]", "total = sum(values)", "print(total / len(values))"],
    "distractors": [{"line": "print(total / sum(values))", "why": "A sum over itself is 1."}],
    "explain": "First the sum, then the division.",
}


def quiz() -> list[dict]:
    """Three questions: one of the toy's own, and two that come back from the first lesson."""
    options = [
        {"text": "By one large value", "right": True, "why": "It counts in full."},
        {"text": "By their order", "right": False, "why": "A sum knows no order."},
    ]
    own = {"id": "toy_averages/moved", "question": "By what is a mean moved?", "options": options}
    earlier = json.loads((ROOT / "llm_course/lessons/start_here/quiz.json").read_text(encoding="utf-8"))
    return [own, *earlier[:2]]


def copy(source: str, target: str) -> None:
    """Weights are not written to, and large: a link is enough."""
    if source.endswith(".safetensors"):
        os.symlink(source, target)
    else:
        shutil.copy2(source, target)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the toy lesson in it."""
    house = tmp_path_factory.mktemp("house")
    for name in COPIED:
        if (ROOT / name).is_dir():
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, house / name, ignore=leave, copy_function=copy)
        else:
            shutil.copy2(ROOT / name, house / name)
    lessons = house / "llm_course" / "lessons"
    (lessons / "toy_averages").mkdir()
    files = {
        "lesson.md": LESSON,
        "quiz.json": json.dumps(quiz()),
        "parsons.json": json.dumps(PUZZLE),
        "exercises.py": EXERCISES,
    }
    for name, text in files.items():
        (lessons / "toy_averages" / name).write_text(text, encoding="utf-8")
    lines = (lessons / "contents.toml").read_text(encoding="utf-8").splitlines(keepends=True)
    (place,) = (number for number, line in enumerate(lines) if f'slug = "{NEXT.slug}"' in line)
    lines.insert(place, LINE)
    (lessons / "contents.toml").write_text("".join(lines), encoding="utf-8")
    return house


def run(house: Path, *arguments: str) -> str:
    """What a Python program in the copy prints; it has to succeed."""
    paths = [str(house), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "LLM_COURSE_HOME": str(house / "home")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=house, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_build_and_lint_and_check_find_it(house: Path) -> None:
    said = run(house, "tools/notebooks.py", "build", "toy_averages")
    assert f"{NEXT.name}.ipynb: now {MOVED}_{NEXT.slug}.ipynb" in said
    assert f"{TOY}_toy_averages: " in said and "kB stored" in said
    assert f"{len(contents()) + 1} lessons keep the rules" in run(house, "tools/notebooks.py", "lint")
    assert "1 notebooks agree" in run(house, "tools/notebooks.py", "check", TOY)
    cells = json.loads((house / "notebooks" / f"{TOY}_toy_averages.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(cell["source"]) for cell in cells)
    assert "# Averages: a toy" in text and f"Lesson {MOVED} takes means" in text and "**Time:** 5 minutes" in text
    shown = json.dumps([cell.get("outputs") for cell in cells])
    assert "The answer: 34." in shown and "Not written yet: mean_of" in shown
    assert "By what is a mean moved?" in shown and "Print the mean of three numbers." in shown


def test_the_readme_lists_it_in_its_part(house: Path) -> None:
    run(house, "tools/readme.py")
    readme = (house / "README.md").read_text(encoding="utf-8")
    link = f"[Averages: a toy](notebooks/{TOY}_toy_averages.ipynb)"
    row = f"| {TOY} | {link} | compute a mean by hand; write it in Python | 5 min |"
    assert row in readme
    assert readme.index(f"**{NEXT.part}**") < readme.index(row) < readme.index(f"notebooks/{MOVED}_{NEXT.slug}.ipynb")


def test_the_verbs_and_progress_find_it(house: Path) -> None:
    answers = ["a", "", ""]
    code = (
        "import llm_course as lc\n"
        f"lc.quiz('toy_averages', answers={answers})\n"
        "lc.parsons('toy_averages')\n"
        "lc.check('mean_of', lambda values: sorted(values)[1])\n"
        "lc.check('mean_of', lambda values: sum(values) / len(values))\n"
        "print(lc.progress())"
    )
    said = run(house, "-c", code)
    assert "1. Right. It counts in full." in said and all(line.strip() in said for line in PUZZLE["lines"])
    assert "Not yet: That is the median." in said and "Right: mean_of does what it should." in said
    (line,) = (line for line in said.splitlines() if line.startswith(f"{TOY} Averages"))
    assert line.endswith("2 of 5")


def test_the_tests_find_it(house: Path) -> None:
    said = run(house, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "toy_averages", "tests/teaching")
    assert " passed" in said and "failed" not in said
