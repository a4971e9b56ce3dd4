"""Build the lessons' notebooks from their sources, lint the sources, check the notebooks.

    python tools/notebooks.py build [LESSON ...] [--all]    # without names: those whose source changed
    python tools/notebooks.py lint [LESSON ...]             # the rules for lessons
    python tools/notebooks.py check [LESSON ...]            # notebooks against sources, outputs, sizes

A lesson is named by its slug (text_generation), its number (07) or both (07_text_generation). Knows nothing about how
a rule is decided.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

import colab
from llm_course.lessons import Lesson
from nb_check import check, glossary_problems, orphans, tree
from nb_kernel import execute
from nb_lint import Page, lint
from nb_source import (
    NOTEBOOKS,
    differences,
    glossary,
    keep_outputs,
    lessons,
    misnamed,
    notebook_of,
    read,
    source_of,
    write,
)


def rename(found: list[Lesson], folder: Path = NOTEBOOKS) -> list[str]:
    """Give notebooks of lessons that moved their new names, and remove those that have no lesson any more.

    Touches only files that are named as a build names them. Returns a line for each.
    """
    lines = []
    for path, target in misnamed(found, folder).items():
        if not re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem):
            continue
        if target is None or target.exists():
            path.unlink()
            lines.append(f"{path.name}: removed, no lesson has this name")
        else:
            path.rename(target)
            lines.append(f"{path.name}: now {target.name}")
    return lines


def build(lesson: Lesson, folder: Path = NOTEBOOKS) -> str:
    """Run one lesson and store its notebook; the line that reports it. On failure the old notebook stays.

    Raises ``nbclient``'s errors for a cell that fails or takes too long.
    """
    notebook, path = source_of(lesson), notebook_of(lesson, folder)
    cost = execute(notebook, folder)
    write(notebook, path)
    memory = "memory unknown" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:,.0f} MB peak"
    return f"{lesson.name}: {cost.seconds:.0f} s, {memory}, {path.stat().st_size / 1e3:,.0f} kB stored"


def refresh(lesson: Lesson, folder: Path = NOTEBOOKS) -> str | None:
    """Bring a stored notebook up to date without running it; the line that reports it, or ``None`` if it has to run.

    What the package prints may have changed all the same; ``build --all`` runs everything.
    """
    path = notebook_of(lesson, folder)
    if not path.exists():
        return None
    notebook, stored = source_of(lesson), read(path)
    if not differences(notebook, stored):
        return f"{lesson.name}: unchanged"
    if not keep_outputs(notebook, stored):
        return None
    write(notebook, path)
    return f"{lesson.name}: text changed, code did not; outputs kept"


def _build(chosen: list[Lesson], everything: bool, folder: Path = NOTEBOOKS) -> int:
    failed = 0
    for lesson in chosen:
        try:
            print((None if everything else refresh(lesson, folder)) or build(lesson, folder), flush=True)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            print(f"{lesson.name}: failed\n{error}", file=sys.stderr)
            failed += 1
    return failed


def _report(problems: dict[str, list[str]], done: str) -> int:
    for name, found in problems.items():
        for problem in found:
            print(f"{name}: {problem}", file=sys.stderr)
    count = sum(map(len, problems.values()))
    print(f"{count} problems" if count else done)
    return count


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 when something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("build", "lint", "check"))
    parser.add_argument("lesson", nargs="*", help="slug or number; all lessons if none is given")
    parser.add_argument("--all", action="store_true", help="build also what has not changed")
    options = parser.parse_args(arguments)

    chosen = lessons(options.lesson)
    if options.command == "build":
        for line in rename(lessons()):
            print(line)
        (NOTEBOOKS / "glossary.md").write_text(glossary(), encoding="utf-8")
        colab.write()
        return bool(_build(chosen, options.all or bool(options.lesson)))
    if options.command == "lint":
        pages = [Page(lesson, lesson.source.read_text(encoding="utf-8"), glossary(), NOTEBOOKS) for lesson in chosen]
        return bool(_report({page.lesson.slug: lint(page) for page in pages}, f"{len(pages)} lessons keep the rules"))
    problems = {lesson.name: check(lesson) for lesson in chosen}
    if not options.lesson:
        problems |= {
            "notebooks": [*orphans(lessons()), *glossary_problems()],
            "colab": colab.problems(),
            "repository": tree(),
        }
    return bool(_report(problems, f"{len(chosen)} notebooks agree with their sources"))


if __name__ == "__main__":
    sys.exit(main())
