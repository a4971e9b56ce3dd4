"""What each extra of the package promises, tried in the Python that runs this file.

    python -P tools/environment_checks.py base|lab|grade|train|site [--lessons first|sample|all]

Knows nothing about how that Python was filled: tools/environments.py fills one with pip, and tests/setup hides from one
whatever an extra does not bring. Only the lessons, assignments and the site's settings are read from the checkout, the
package is the one installed. -P keeps this folder, which has a site.py, out of the module search path.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import csv
import importlib
import importlib.util
import io
import os
import pkgutil
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_course.lessons import Lesson

ROOT = Path(__file__).resolve().parent.parent
ARTICLE = (
    "The town library closed for a week after a pipe broke in its cellar. Volunteers carried four thousand books to "
    "the school next door. The oldest books were dried page by page, and none was lost. The library opened again on "
    "Monday, and the first visitor was the plumber who had mended the pipe."
)


def command(*arguments: str) -> str:
    """What an ``llm-course`` command prints; anything but success raises ``AssertionError``."""
    from llm_course.cli import main

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        status = main(list(arguments))
    assert status == 0, f"llm-course {' '.join(arguments)} ended with {status}"
    assert printed.getvalue().strip(), f"llm-course {' '.join(arguments)} printed nothing"
    return printed.getvalue()


def base(lessons: str) -> None:
    """The package alone: the use cases, attention, and the commands."""
    import llm_course as lc

    assert len(lc.generate("Once upon a time", max_new_tokens=12, seed=1).tokens) == 12
    assert [one.label for one in lc.sentiment(["I love this soup!", "I hate this soup."])] == ["positive", "negative"]
    assert 0 < len(str(lc.summarize(ARTICLE, max_sentences=1))) < len(ARTICLE)
    assert "voiture" in str(lc.translate("My sister bought a new car."))
    found = lc.attend("The cat sat on the mat.", model="bert-mini")
    page = Path("attention.html")
    found.save_html(page)
    assert page.stat().st_size > 10_000
    assert lc.attention.head_grid(found).axes
    assert "voiture" in command("translate", "My sister bought a new car.")
    assert "negative" in command("sentiment", "I hate this soup.")
    assert command("generate", "Once upon a time", "--max-new-tokens", "8").startswith("Once upon a time")
    assert len(command("summarize", ARTICLE, "--max-sentences", "1")) < len(ARTICLE)
    assert command("chat", "Hi, can I get a latte with oat milk?", "--max-new-tokens", "20")
    assert command("fill-mask", "She [MASK] the book.")
    assert '"vector"' in command("embed", "The service was terrible.")
    assert "gpt-mini" in command("models")
    command("demo", "--figure", "demo.png")
    assert Path("demo.png").stat().st_size > 10_000


def notebook(lesson: Lesson) -> Path:
    """A built lesson."""
    return ROOT / "notebooks" / f"{lesson.name}.ipynb"


def chosen(which: str) -> list[Lesson]:
    """``"first"``: the first lesson; ``"sample"``: the first of each part; ``"all"``: every one."""
    from llm_course.lessons import contents

    first_of_part: dict[str, Lesson] = {}
    for lesson in contents():
        first_of_part.setdefault(lesson.part, lesson)
    return {"first": [contents()[0]], "sample": [*first_of_part.values()], "all": [*contents()]}[which]


def lab(lessons: str) -> None:
    """What a learner gets: everything that lessons import, the environment check, and lessons from top to bottom."""
    import nbformat
    from nbclient import NotebookClient

    import llm_course as lc

    for room in ("lessons", "teaching"):
        import_all(f"llm_course.{room}")
    for lesson in chosen("all"):
        for cell in nbformat.read(notebook(lesson), as_version=4).cells:
            if cell.cell_type == "code":
                imports = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, IMPORT)]
                module = ast.Module(body=list(imports), type_ignores=[])
                exec(compile(module, f"the imports of {lesson.name}", "exec"), {})
    # a machine with other work on it is no fault of the environment
    wrong = [check for check in lc.doctor().checks if check.status == "problem" and check.name != "Memory"]
    assert not wrong, "\n".join(f"{check.name}: {check.found}. {check.advice}" for check in wrong)
    for lesson in chosen(lessons):
        start = time.perf_counter()
        NotebookClient(nbformat.read(notebook(lesson), as_version=4), timeout=1200, startup_timeout=300).execute(
            cwd=os.getcwd()
        )
        print(f"  {lesson.name}: {time.perf_counter() - start:.0f} s", flush=True)


IMPORT = (ast.Import, ast.ImportFrom)


def import_all(package: str) -> None:
    """Import a package and every module in it."""
    module = importlib.import_module(package)
    for info in pkgutil.walk_packages(module.__path__, f"{package}."):
        importlib.import_module(info.name)


def grade(lessons: str) -> None:
    """An assignment goes out, comes back with the right answers, and gets its points."""
    from llm_course.errors import NoSandbox
    from llm_course.grading.sandbox import engine

    try:
        engine()
        unsafe = []
    except NoSandbox as error:
        print(f"  graded without a sandbox, our own answers only: {error}")
        unsafe = ["--unsafe"]
    course = Path("course")
    shutil.copytree(ROOT / "assignments", course, ignore=shutil.ignore_patterns("release", "submitted", "*.db"))
    name = min(path.name for path in (course / "source").iterdir() if path.is_dir())
    command("assign", name, "--course", str(course))
    assert (course / "release" / name / f"{name}.ipynb").is_file()
    handed_in = course / "submitted" / "ann" / name
    handed_in.mkdir(parents=True)
    shutil.copy(course / "source" / name / f"{name}.ipynb", handed_in)  # with its solutions
    command("grade", name, "--course", str(course), *unsafe)
    command("feedback", name, "--course", str(course))
    (row,) = csv.DictReader(io.StringIO(command("grades", name, "--course", str(course))))
    assert row["student_id"] == "ann" and float(row["score"]) > 0, row


def train(lessons: str) -> None:
    """A mini that needs no corpus is trained for a few steps and measured, and every recipe can be imported."""
    import_all("llm_course.minis")
    from llm_course.cli import main

    assert main(["train", "incontext-mini", "--steps", "3", "--runs", "runs"]) == 0
    assert (Path("runs") / "incontext-mini" / "final" / "model.safetensors").is_file()


def site(lessons: str) -> None:
    """One lesson becomes a page."""
    (first,) = chosen("first")
    subprocess.run([sys.executable, "-P", ROOT / "tools" / "site.py", "--to", "pages", first.slug], check=True)
    assert (Path("pages") / "notebooks" / f"{first.name}.html").is_file()


CHECKS: dict[str, Callable[[str], None]] = {"base": base, "lab": lab, "grade": grade, "train": train, "site": site}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("checks", nargs="+", choices=CHECKS)
    parser.add_argument("--lessons", choices=("first", "sample", "all"), default="first", help="which ones lab runs")
    args = parser.parse_args()
    # before anything of the course is imported: nothing here may ask the Hub, or change what this person has learned
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {"HF_HUB_OFFLINE": "1", "LLM_COURSE_HOME": folder}
        os.chdir(folder)
        for name in args.checks:
            start = time.perf_counter()
            CHECKS[name](args.lessons)
            print(f"{name}: passed in {time.perf_counter() - start:.0f} s", flush=True)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
