"""The course as a website, from the executed notebooks: plain files for any web server, readable without a network.

    python tools/site.py                        write build/site/index.html, a page for every lesson, and the reference
    python tools/site.py --to DIR sentiment     these lessons only, elsewhere, without the reference

Pages show the stored outputs: pictures, and the attention explorer as its self-contained page. To run cells a
reader needs JupyterLab or Binder; the site says so. The reference is made from the docstrings. All of it needs the
extra ``site`` (Sphinx, MyST-NB, Furo) and nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import llm_course
from llm_course.errors import LLMCourseError
from llm_course.lessons import Lesson, contents, find
from llm_course.teaching import page_forms

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "docs" / "site"
COLAB = "https://colab.research.google.com/github/llm-course/llm-course/blob/main/colab"
NOTEBOOKS = ROOT / "notebooks"
INDEX = """# llm-course

Large language models, taught by running them. These pages show each lesson with its outputs. Quizzes, puzzles and
predictions work right here. To run the cells, `make lab` opens the lessons on your own machine, and the links below
open them on Binder (2 GB, no GPU) or on Colab.

![A lesson in JupyterLab: sliders for two ways of decoding, bars of probability, and two texts](images/lesson.png)
{parts}
```{{toctree}}
:maxdepth: 1
:caption: To look things up

notebooks/glossary
{more}
```
"""
PART = """
## {part}

| | lesson | minutes | run it |
|---|---|---|---|
{rows}

```{{toctree}}
:hidden:
:caption: {part}

{pages}
```
"""
BINDER = "https://mybinder.org/v2/gh/llm-course/llm-course/main?urlpath=lab/tree/notebooks"
# Beside the forms: what a term means, for whoever points at a link to it.
TERMS = """const terms = {terms};
for (const link of document.querySelectorAll('a[href*="glossary.html#"]')) {{
  const said = terms[link.hash.slice(1)];
  if (said) link.title = said;
}}
"""
# What a reader of the code meets first, in this order; rooms that are not named here are for the course's own use.
ROOMS = ("use_cases", "attention", "teaching", "checks", "shelf", "worlds", "minis", "grading", "batching", "device",
         "results", "errors")  # fmt: skip


def chosen(names: list[str]) -> list[Lesson]:
    """The lessons of some slugs or numbers, in their order; all if none is named."""
    by_number = {lesson.number: lesson for lesson in contents()}
    try:
        wanted = [by_number.get(name) or find(name) for name in names]
    except LLMCourseError as error:
        raise SystemExit(str(error)) from None
    return [lesson for lesson in contents() if not names or lesson in wanted]


def entry(lesson: Lesson) -> str:
    """A lesson's line in a list of pages."""
    return f"{lesson.number} {lesson.title} <notebooks/{lesson.name}>"


def row(lesson: Lesson) -> str:
    """A lesson's row on the first page."""
    title = f"[{lesson.title}](notebooks/{lesson.name}.ipynb)"
    runs = f"[Binder]({BINDER}/{lesson.name}.ipynb), [Colab]({COLAB}/{lesson.name}.ipynb)"
    return f"| {lesson.number} | {title} | {lesson.minutes} | {runs} |"


def terms() -> dict[str, str]:
    """What each term of the glossary means, in its first sentence, by its anchor."""
    text = (NOTEBOOKS / "glossary.md").read_text(encoding="utf-8")
    found = {}
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        anchor = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)|[*`]", r"\1", body.strip())
        found[anchor] = re.split(r"(?<=[.:]) ", plain, maxsplit=1)[0]
    return found


def front(lessons: list[Lesson], more: str) -> str:
    """The first page: each part with its lessons."""
    parts = dict.fromkeys(lesson.part for lesson in lessons)
    listed = [
        PART.format(
            part=part,
            rows="\n".join(row(one) for one in lessons if one.part == part),
            pages="\n".join(entry(one) for one in lessons if one.part == part),
        )
        for part in parts
    ]
    return INDEX.format(parts="".join(listed), more=more)


def reference(folder: Path) -> None:
    """Write the pages that Sphinx fills with docstrings: the face, and one for each room."""
    folder.mkdir()
    names = [name for name in llm_course.__all__ if callable(getattr(llm_course, name))]
    face = "\n".join(f".. autofunction:: {name}" for name in names if not isinstance(getattr(llm_course, name), type))
    (folder / "face.rst").write_text(
        f"The face\n========\n\n.. currentmodule:: llm_course\n\nWhat ``import llm_course as lc`` offers.\n\n{face}\n",
        encoding="utf-8",
    )
    for room in ROOMS:
        title = f"llm_course.{room}"
        pages = "\n".join(f".. automodule:: {module}\n   :members:\n" for module in modules(title))
        (folder / f"{room}.rst").write_text(f"{title}\n{'=' * len(title)}\n\n{pages}", encoding="utf-8")
    listed = "\n".join(f"   {name}" for name in ("face", *ROOMS))
    (folder / "index.rst").write_text(
        f"Reference\n=========\n\n.. toctree::\n   :maxdepth: 1\n\n{listed}\n", encoding="utf-8"
    )


def modules(name: str) -> list[str]:
    """A module and, if it is a package, those in it that do not hide behind an underscore."""
    found = importlib.import_module(name)
    inner = pkgutil.walk_packages(getattr(found, "__path__", []), f"{name}.")
    return [name, *(info.name for info in inner if "._" not in info.name)]


def build(target: Path, names: list[str]) -> int:
    """Build the pages of some lessons (none named: all, and the reference) into a folder; gives Sphinx's exit status.

    A warning of Sphinx is an error: a broken link between lessons must not reach a reader. Only when some lessons
    are left out can links lead nowhere, and then they may.
    """
    lessons = chosen(names)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        (source / "notebooks").mkdir()
        for name in (*(f"{lesson.name}.ipynb" for lesson in lessons), "glossary.md"):
            shutil.copy(NOTEBOOKS / name, source / "notebooks")
        # lessons point to the files of the package that they are about; the site hands them out
        shutil.copytree(ROOT / "llm_course", source / "llm_course", ignore=shutil.ignore_patterns("weights", "*.pyc"))
        (source / "forms").mkdir()
        (source / "forms" / "forms.js").write_text(page_forms.script(), encoding="utf-8")
        (source / "forms" / "forms.css").write_text(page_forms.style(), encoding="utf-8")
        told = TERMS.format(terms=json.dumps(terms(), ensure_ascii=False))
        (source / "forms" / "terms.js").write_text(told, encoding="utf-8")
        shutil.copytree(ROOT / "docs" / "images", source / "images")
        if not names:
            reference(source / "reference")
        (source / "index.md").write_text(front(lessons, "" if names else "reference/index"), encoding="utf-8")
        strict = [] if names else ["--fail-on-warning", "--keep-going"]
        sphinx = [sys.executable, "-P", "-m", "sphinx", "-q", "-b", "html", *strict]
        return subprocess.run([*sphinx, "-c", str(SETTINGS), str(source), str(target)], check=False).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("names", nargs="*", metavar="LESSON", help="lessons, by name or number; none: all")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "site", help="folder of the pages")
    args = parser.parse_args()
    if status := build(args.to, args.names):
        raise SystemExit(status)
    print(f"Open {args.to / 'index.html'}, or put the folder on a web server.")


if __name__ == "__main__":
    main()
