"""Build the lessons' notebooks from their sources, lint the sources, check the notebooks.

    python tools/notebooks.py build [LESSON ...] [--all]    # without names: those whose source changed
    python tools/notebooks.py lint [LESSON ...]             # the rules for lessons
    python tools/notebooks.py check [LESSON ...]            # notebooks against sources, outputs, sizes

A lesson is named whole (07_text_generation) or by its number (07). Knows nothing about how a rule is decided.
"""

from __future__ import annotations

import argparse
import sys

import nbformat
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from nb_check import check, orphans, tree
from nb_kernel import execute
from nb_lint import Page, lint
from nb_source import ROOT, Lesson, differences, lessons, parse, read


def is_current(lesson: Lesson) -> bool:
    """Whether the stored notebook has the source's cells; what the package prints may still have changed."""
    if not lesson.notebook.exists():
        return False
    return not differences(parse(lesson.source.read_text(encoding="utf-8")), read(lesson.notebook))


def build(lesson: Lesson) -> str:
    """Run one lesson and store its notebook; the line that reports it. On failure the old notebook stays.

    Raises ``nbclient``'s errors for a cell that fails or takes too long.
    """
    notebook = parse(lesson.source.read_text(encoding="utf-8"))
    cost = execute(notebook, lesson.notebook.parent)
    nbformat.validate(notebook)
    text = nbformat.writes(notebook)
    lesson.notebook.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    memory = "memory unknown" if cost.peak_bytes is None else f"{cost.peak_bytes / 1e6:,.0f} MB peak"
    return f"{lesson.name}: {cost.seconds:.0f} s, {memory}, {lesson.notebook.stat().st_size / 1e3:,.0f} kB stored"


def _build(chosen: list[Lesson], everything: bool) -> int:
    failed = 0
    for lesson in chosen:
        if not everything and is_current(lesson):
            print(f"{lesson.name}: unchanged")
            continue
        try:
            print(build(lesson), flush=True)
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
    parser.add_argument("lesson", nargs="*", help="whole name or number; all lessons if none is given")
    parser.add_argument("--all", action="store_true", help="build also what has not changed")
    options = parser.parse_args(arguments)

    chosen = lessons(options.lesson)
    if not chosen:
        print("no lessons in notebooks/src", file=sys.stderr)
        return 1
    if options.command == "build":
        return bool(_build(chosen, options.all or bool(options.lesson)))
    if options.command == "lint":
        glossary = ROOT / "notebooks" / "glossary.md"
        terms = glossary.read_text(encoding="utf-8") if glossary.exists() else ""
        pages = [
            Page(lesson.name, parse(lesson.source.read_text(encoding="utf-8")), terms, lesson.notebook.parent)
            for lesson in chosen
        ]
        return bool(_report({page.name: lint(page) for page in pages}, f"{len(pages)} lessons keep the rules"))
    problems = {lesson.name: check(lesson) for lesson in chosen}
    if not options.lesson:
        problems |= {"notebooks": orphans(chosen), "repository": tree()}
    return bool(_report(problems, f"{len(chosen)} notebooks agree with their sources"))


if __name__ == "__main__":
    sys.exit(main())
