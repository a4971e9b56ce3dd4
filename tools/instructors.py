"""The instructor's version of each lesson: minutes per section, answers to all it asks, usual misconceptions.

    python tools/instructors.py                write build/instructors/NN_SLUG.md for every lesson
    python tools/instructors.py sentiment --to DIR    one lesson, elsewhere

Nothing in it is written by hand. Sections and questions come from the executed notebook (so that answers which are
computed are those that students see), quiz and puzzles from their data files, exercises from the package. Minutes are
the lesson's own, shared out over its sections by words to read, code to run and things to do.
"""

from __future__ import annotations

import argparse
import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from llm_course.checks import exercises
from llm_course.errors import DataMissing
from llm_course.lessons import Lesson
from llm_course.teaching import content
from nb_source import ROOT, lessons, notebook_of, read

WORDS_A_MINUTE, CELL_MINUTES = 180, 0.7
TASK_MINUTES = {"predict": 1.0, "quiz": 5.0, "parsons": 4.0, "check": 5.0, "playground": 4.0, "explore": 4.0}


@dataclass
class Call:
    """A call of ``predict``, ``reveal`` or ``check``; what is no constant stands there as code."""

    name: str
    key: str
    question: str = ""
    options: tuple[str, ...] | str = ()
    answer: str = "?"


@dataclass
class Section:
    """A heading of the second level with all that stands below it."""

    title: str
    weight: float = 0.0
    asked: list[Call] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)


def sections(notebook: NotebookNode) -> list[Section]:
    """The sections of an executed notebook, with the predictions and exercises in each."""
    found = [Section("Opening")]
    predictions: dict[str, Call] = {}
    for cell in notebook.cells:
        text = cell.source
        if cell.cell_type == "markdown":
            for part in re.split(r"^(?=## )", text, flags=re.M):
                if title := re.match(r"## (.+)", part):
                    found.append(Section(title[1].strip()))
                found[-1].weight += len(part.split()) / WORDS_A_MINUTE
            continue
        here = found[-1]
        here.weight += CELL_MINUTES
        for name, minutes in TASK_MINUTES.items():
            here.weight += minutes * len(re.findall(rf"\b\w*{name}\(", text))
        for call in calls(text):
            if call.name == "predict":
                predictions[call.key] = call
                here.asked.append(call)
            elif call.name == "reveal" and call.key in predictions:
                predictions[call.key].answer = revealed(cell)
            elif call.name == "check":
                here.checked.append(call.key)
    return found


def calls(code: str) -> list[Call]:
    """Calls of ``predict``, ``reveal`` and ``check`` with their constant arguments."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return []
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in ("predict", "reveal", "check") or not node.args:
            continue
        given = {word.arg: word.value for word in node.keywords}
        given = dict(zip(("key", "question", "options"), node.args, strict=False)) | given
        options = given.get("options")
        if isinstance(options, ast.List | ast.Tuple):
            shown: tuple[str, ...] | str = tuple(constant(option) for option in options.elts)
        else:
            shown = constant(options)
        found.append(Call(node.func.attr, constant(given.get("key")), constant(given.get("question")), shown))
    return found


def constant(node: ast.expr | None) -> str:
    """A constant expression's value as text, else its code."""
    if node is None:
        return ""
    try:
        return str(ast.literal_eval(node))
    except ValueError:
        return ast.unparse(node)


def revealed(cell: NotebookNode) -> str:
    """What ``reveal`` said was right, from the stored output."""
    for output in cell.get("outputs", []):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        if match := re.search(r"^The answer: (.+)\.$", "".join(text)):
            return match[1]
    return "(see the cell's output)"


def page(lesson: Lesson) -> str:
    """The instructor's version of one lesson, as Markdown.

    Raises:
        SystemExit: the notebook has not been executed.
    """
    path = notebook_of(lesson)
    if not path.is_file():
        raise SystemExit(f"{path.name} is not there: make notebooks LESSON={lesson.slug}")
    parts, minutes = sections(read(path)), lesson.minutes
    total = sum(part.weight for part in parts)
    lines = [
        f"# {lesson.number} {lesson.title} (for instructors)",
        "",
        f"[The lesson](../../notebooks/{lesson.name}.ipynb). {minutes} minutes in all. Written by "
        "tools/instructors.py; change the lesson, not this page.",
        "",
        "## Minutes",
        "",
        "| section | minutes | predictions | exercises |",
        "|---|---|---|---|",
    ]
    for part in parts:
        share = max(1, round(minutes * part.weight / total))
        lines.append(f"| {part.title} | {share} | {len(part.asked)} | {', '.join(part.checked)} |")
    said = "Let everybody commit before the cell runs; ask two who differ for their reasons."
    lines += ["", "## Predictions and what comes out", "", said, ""]
    for part in parts:
        for asked in part.asked:
            shown = " / ".join(asked.options) if isinstance(asked.options, tuple) else "a free answer"
            lines += [f"- **{asked.question}** ({shown})", f"  Comes out: **{asked.answer}**"]
    lines += ["", "## Usual misconceptions", ""]
    try:
        for item in content.load_quiz(lesson):
            right = next(option for option in item.options if option.right)
            lines += [f"- {item.question}", f"  Right: **{right.text.rstrip('.')}**. {right.why}"]
            lines += [f'  - "{option.text}": {option.why}' for option in item.options if not option.right]
    except DataMissing:
        lines.append("(no quiz)")
    lines += ["", "## The puzzle", ""]
    try:
        puzzle = content.load_puzzle(lesson)
        lines += [puzzle.task, "", "```python", *puzzle.lines, "```", "", puzzle.explain, ""]
        lines += [f"- Not part of it: `{wrong.line.strip()}`. {wrong.why}" for wrong in puzzle.distractors]
    except DataMissing:
        lines.append("(none)")
    lines += ["", "## Exercises", ""]
    for name in dict.fromkeys(name for part in parts for name in part.checked):
        own = exercises.find(name)
        lines += [f"### {name}", "", f"Hint: {own.hint}", "", "```python", own.solution.rstrip(), "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lesson", nargs="*", help="names or numbers of lessons; all without")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "instructors", help="the folder to write to")
    args = parser.parse_args()
    args.to.mkdir(parents=True, exist_ok=True)
    for lesson in lessons(args.lesson):
        path = args.to / f"{lesson.name}.md"
        path.write_text(page(lesson), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
