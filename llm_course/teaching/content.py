"""The quiz and Parsons files: where they are, what they must look like, and what is wrong with one.

Knows nothing about how they are shown. One JSON file per lesson and kind, ``data/quiz_07.json`` and
``data/parsons_07.json``. The functions ``*_problems`` return sentences, an empty list for a good file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llm_course.errors import BadOption, DataMissing

DATA = Path(__file__).parent / "data"
INDENT = 4  # spaces a level

Item = dict[str, Any]


def number_of(lesson: Any) -> str:
    """A lesson's number as two digits: ``"07"`` for ``"07"``, ``"7"`` or ``7``.

    Raises:
        BadOption: it is no number of a lesson.
    """
    text = str(lesson).strip()
    if isinstance(lesson, bool) or not re.fullmatch(r"\d{1,2}", text, flags=re.ASCII):
        raise BadOption(f"{lesson!r} is no number of a lesson. Write it as two digits: '07'.")
    return text.zfill(2)


def lessons(folder: Path | None = None) -> list[str]:
    """Numbers of the lessons that have a quiz or a Parsons file, in order."""
    found = (re.fullmatch(r"(?:quiz|parsons)_(\d\d)\.json", file.name) for file in (folder or DATA).iterdir())
    return sorted({match[1] for match in found if match})


def load(kind: str, lesson: Any, folder: Path | None = None) -> Item:
    """The content of one file; ``kind`` is ``"quiz"`` or ``"parsons"``.

    Raises:
        DataMissing: the lesson has no such file, or the file is damaged.
    """
    number = number_of(lesson)
    file = (folder or DATA) / f"{kind}_{number}.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        there = [n for n in lessons(folder) if (file.parent / f"{kind}_{n}.json").is_file()]
        raise DataMissing(f"Lesson {number} has no {kind} file. Lessons that have one: {', '.join(there)}.") from None
    except ValueError as error:
        raise DataMissing(f"{file.name} is not valid JSON: {error}. Install the course again.") from None
    # Only what would break the display stops a lesson; the rules for authors are for tests (all_problems).
    if found := quiz_shape(data) if kind == "quiz" else parsons_shape(data):
        raise DataMissing(f"{file.name} is damaged: {found[0]}. Install the course again.")
    return data


def _keys(item: Any, needed: Mapping[str, type], where: str) -> list[str]:
    """What is wrong with the keys of one object: not an object, missing, unknown, empty or of the wrong type."""
    if not isinstance(item, dict):
        return [f"{where} is not an object"]
    found = [f"{where} lacks {key!r}" for key in needed if key not in item]
    found += [f"{where} has the unknown key {key!r}" for key in item if key not in needed]
    for key, kind in needed.items():
        value = item.get(key)
        if key in item and not isinstance(value, kind):
            found.append(f"{key!r} in {where} is not a {kind.__name__}")
        elif isinstance(value, str) and not value.strip():
            found.append(f"{key!r} in {where} is blank")
    return found


def quiz_shape(data: Any) -> list[str]:
    """What keeps a quiz file from being shown: keys that are missing, or not exactly one right option."""
    if found := _keys(data, {"lesson": str, "questions": list}, "the file"):
        return found
    for number, question in enumerate(data["questions"], 1):
        where = f"question {number}"
        problems = _keys(question, {"id": str, "from": str, "question": str, "options": list}, where)
        if not problems:
            for place, option in enumerate(question["options"], 1):
                problems += _keys(option, {"text": str, "right": bool, "why": str}, f"option {place} of {where}")
        if not problems:
            if not 2 <= len(question["options"]) <= 6:
                problems.append(f"{where} has {len(question['options'])} options; 2 to 6 are allowed")
            right = sum(option["right"] for option in question["options"])
            if right != 1:
                problems.append(f"{where} has {right} right options; exactly one is asked for")
        found += problems
    return found


def quiz_problems(data: Any) -> list[str]:
    """What is wrong with one quiz file, as sentences.

    The rules beyond its shape: 3 to 5 questions; ids unlike each other that begin with the lesson they are from;
    options unlike each other; after lesson 01 two questions from earlier lessons.
    """
    if found := quiz_shape(data):
        return found
    lesson, questions = data["lesson"], data["questions"]
    if not re.fullmatch(r"\d\d", lesson):
        return [f"'lesson' is {lesson!r}, not two digits"]
    if not 3 <= len(questions) <= 5:
        found.append(f"it has {len(questions)} questions; 3 to 5 are asked for")
    for number, question in enumerate(questions, 1):
        if not re.fullmatch(r"\d\d", question["from"]) or question["from"] > lesson:
            found.append(f"'from' in question {number} is {question['from']!r}: neither this lesson nor an earlier one")
        if not re.fullmatch(re.escape(question["from"]) + r"-[a-z0-9-]+", question["id"]):
            found.append(f"the id {question['id']!r} is not {question['from']!r}, a dash and lower-case words")
        if len({option["text"].strip() for option in question["options"]}) < len(question["options"]):
            found.append(f"question {number} has the same option twice")
    ids = [question["id"] for question in questions]
    found += [f"the id {one!r} occurs twice" for one in sorted(set(ids)) if ids.count(one) > 1]
    earlier = sum(question["from"] < lesson for question in questions)
    if lesson > "01" and earlier < 2:
        found.append(f"{earlier} questions come from earlier lessons; 2 are asked for")
    return found


def parsons_shape(data: Any) -> list[str]:
    """What keeps a Parsons file from being shown: keys that are missing, lines that are no lines."""
    needed = {"lesson": str, "id": str, "title": str, "task": str, "lines": list, "distractors": list, "explain": str}
    if found := _keys(data, needed, "the file"):
        return found
    lines = data["lines"]
    if not all(isinstance(line, str) and line.strip() and "\n" not in line for line in lines) or len(set(lines)) < 2:
        found.append("'lines' must be two or more strings of one line each, none blank")
    for number, item in enumerate(data["distractors"], 1):
        found += _keys(item, {"line": str, "why": str}, f"distractor {number}")
    return found


def parsons_problems(data: Any) -> list[str]:
    """What is wrong with one Parsons file, as sentences.

    The rules beyond its shape: 3 to 12 lines in the right order, indented by four spaces a level, together valid
    Python; one distractor at least, and none that is a line of the solution at the same level.
    """
    if found := parsons_shape(data):
        return found
    lines, distractors = data["lines"], data["distractors"]
    if not re.fullmatch(r"\d\d", data["lesson"]) or not re.fullmatch(rf"{data['lesson']}-[a-z0-9-]+", data["id"]):
        found.append("'id' is not the lesson's two digits, a dash and lower-case words")
    if not 3 <= len(lines) <= 12:
        found.append(f"it has {len(lines)} lines; 3 to 12 are asked for")
    if any((len(line) - len(line.lstrip())) % INDENT or "\t" in line for line in lines):
        found.append("a line is not indented by a multiple of four spaces")
    try:
        compile("\n".join(lines), "parsons", "exec")
    except SyntaxError as error:
        found.append(f"the lines are not valid Python: {error.msg}, line {error.lineno}")
    if not distractors:
        found.append("it has no distractor")
    own = {line.rstrip() for line in lines}
    found += [
        f"distractor {n} is a line of the solution" for n, d in enumerate(distractors, 1) if d["line"].rstrip() in own
    ]
    return found


def all_problems(folder: Path | None = None) -> list[str]:
    """What is wrong with all files of a folder, also between them: a question that returns must exist earlier."""
    folder = folder or DATA
    found: list[str] = []
    quizzes: dict[str, Item] = {}
    for file in sorted(folder.glob("*.json")):
        match = re.fullmatch(r"(quiz|parsons)_(\d\d)", file.stem)
        if match is None:
            if file.stem.startswith(("quiz", "parsons")):
                found.append(f"{file.name}: not named quiz_NN.json or parsons_NN.json")
            continue
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
        except ValueError as error:
            found.append(f"{file.name}: not valid JSON ({error})")
            continue
        problems = quiz_problems(data) if match[1] == "quiz" else parsons_problems(data)
        if not problems and data["lesson"] != match[2]:
            problems = [f"its 'lesson' is {data['lesson']!r}"]
        found += [f"{file.name}: {problem}" for problem in problems]
        if match[1] == "quiz" and not problems:
            quizzes[match[2]] = data
    for lesson, data in quizzes.items():
        for question in data["questions"]:
            home = quizzes.get(question["from"], {"questions": []})
            if question["id"] not in {other["id"] for other in home["questions"]}:
                found.append(f"quiz_{lesson}.json: {question['id']!r} is not in quiz_{question['from']}.json")
    return found
