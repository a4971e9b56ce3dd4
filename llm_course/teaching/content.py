"""The quiz and the Parsons puzzle of a lesson: read from its folder, and what is wrong with one.

Knows nothing about how they are shown. ``quiz.json`` is a list of questions, ``parsons.json`` one puzzle; texts may
refer to lessons as ``{{lesson SLUG}}``. The functions ``*_problems`` return sentences, an empty list for a good file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_course.errors import BadOption, DataMissing
from llm_course.lessons import Lesson, contents, fill, find

INDENT = 4  # spaces a level


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or not."""

    text: str
    right: bool
    why: str


@dataclass(frozen=True)
class Question:
    """One question. Its id is ``SLUG/words``: the lesson it is from, and a name; it returns in later lessons by it."""

    id: str
    question: str
    options: tuple[Option, ...]

    @property
    def home(self) -> str:
        """The slug of the lesson that the question is from."""
        return self.id.partition("/")[0]


@dataclass(frozen=True)
class Distractor:
    """A line that does not belong in the program, and why."""

    line: str
    why: str


@dataclass(frozen=True)
class Puzzle:
    """A program whose lines, in the right order and indented by four spaces a level, are to be put in order."""

    lesson: str
    title: str
    task: str
    lines: tuple[str, ...]
    distractors: tuple[Distractor, ...]
    explain: str


def load_quiz(lesson: Lesson) -> tuple[Question, ...]:
    """The questions of a lesson.

    Raises:
        DataMissing: the lesson has no quiz, or its file is damaged.
    """
    # Only what would break the display stops a lesson; the rules for authors are for lint and tests.
    rows = _read(lesson, "quiz")
    if found := quiz_shape(rows):
        raise DataMissing(f"The quiz of {lesson.slug} is damaged: {found[0]}. Install the course again.")
    return tuple(
        Question(row["id"], row["question"], tuple(Option(**option) for option in row["options"])) for row in rows
    )


def load_puzzle(lesson: Lesson) -> Puzzle:
    """The Parsons puzzle of a lesson.

    Raises:
        DataMissing: the lesson has none, or its file is damaged.
    """
    row = _read(lesson, "parsons")
    if found := parsons_shape(row):
        raise DataMissing(f"The puzzle of {lesson.slug} is damaged: {found[0]}. Install the course again.")
    wrong = tuple(Distractor(**one) for one in row["distractors"])
    return Puzzle(lesson.slug, row["title"], row["task"], tuple(row["lines"]), wrong, row["explain"])


def _read(lesson: Lesson, kind: str):  # type: ignore[no-untyped-def]  # whatever a JSON file may hold
    file = lesson.folder / f"{kind}.json"
    if not file.is_file():
        there = [other.slug for other in contents() if (other.folder / file.name).is_file()]
        raise DataMissing(f"Lesson {lesson.slug!r} has no {kind} file. Lessons that have one: {', '.join(there)}.")
    try:
        return json.loads(fill(file.read_text(encoding="utf-8")))
    except ValueError as error:  # no JSON, no UTF-8, or a reference to a lesson that is not there
        raise DataMissing(f"{lesson.slug}/{file.name} cannot be read: {error} Install the course again.") from None


def _keys(item: object, needed: Mapping[str, type], where: str) -> list[str]:
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


def quiz_shape(data: object) -> list[str]:
    """What keeps a quiz file from being shown: keys that are missing, or not exactly one right option."""
    if not isinstance(data, list):
        return ["the file is not a list of questions"]
    found = []
    for number, question in enumerate(data, 1):
        where = f"question {number}"
        problems = _keys(question, {"id": str, "question": str, "options": list}, where)
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


def quiz_problems(data: object, lesson: str, earlier: Sequence[str] = ()) -> list[str]:
    """What is wrong with the quiz of a lesson, as sentences.

    The rules beyond its shape: 3 to 5 questions; ids unlike each other that begin with this or an earlier lesson;
    options unlike each other; from the third lesson on, two questions from earlier ones.

    Args:
        data: what the file holds.
        lesson: the slug of the lesson.
        earlier: the slugs of the lessons before it.
    """
    if found := quiz_shape(data):
        return found
    assert isinstance(data, list)
    if not 3 <= len(data) <= 5:
        found.append(f"it has {len(data)} questions; 3 to 5 are asked for")
    for number, question in enumerate(data, 1):
        home, _, words = question["id"].partition("/")
        if home not in (lesson, *earlier):
            found.append(f"the id {question['id']!r} begins neither with this lesson nor with an earlier one")
        elif not re.fullmatch(r"[a-z0-9-]+", words):
            found.append(f"the id {question['id']!r} is not a lesson, a slash and lower-case words with dashes")
        if len({option["text"].strip() for option in question["options"]}) < len(question["options"]):
            found.append(f"question {number} has the same option twice")
    ids = [question["id"] for question in data]
    found += [f"the id {one!r} occurs twice" for one in sorted(set(ids)) if ids.count(one) > 1]
    returning = sum(one.partition("/")[0] in earlier for one in ids)
    if len(earlier) >= 2 and returning < 2:
        found.append(f"{returning} questions come from earlier lessons; 2 are asked for")
    return found


def parsons_shape(data: object) -> list[str]:
    """What keeps a Parsons file from being shown: keys that are missing, lines that are no lines."""
    needed = {"title": str, "task": str, "lines": list, "distractors": list, "explain": str}
    if found := _keys(data, needed, "the file"):
        return found
    assert isinstance(data, dict)
    lines = data["lines"]
    if not all(isinstance(line, str) and line.strip() and "\n" not in line for line in lines) or len(set(lines)) < 2:
        found.append("'lines' must be two or more strings of one line each, none blank")
    for number, item in enumerate(data["distractors"], 1):
        found += _keys(item, {"line": str, "why": str}, f"distractor {number}")
    return found


def parsons_problems(data: object) -> list[str]:
    """What is wrong with one Parsons file, as sentences.

    The rules beyond its shape: 3 to 12 lines in the right order, indented by four spaces a level, together valid
    Python; one distractor at least, and none that is a line of the solution at the same level.
    """
    if found := parsons_shape(data):
        return found
    assert isinstance(data, dict)
    lines, distractors = data["lines"], data["distractors"]
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


def problems(lesson: Lesson, among: Sequence[Lesson] | None = None) -> list[str]:
    """What is wrong with the files of one lesson, as sentences that begin with the file's name.

    Also between lessons: a question that returns must be one of the earlier lesson.
    """
    lessons = contents() if among is None else among
    earlier = [other.slug for other in lessons if other.number < lesson.number]
    found = []
    for kind in ("quiz", "parsons"):
        if not (lesson.folder / f"{kind}.json").is_file():
            continue
        try:
            data = _read(lesson, kind)
        except DataMissing as error:
            found.append(f"{kind}.json: {error}")
            continue
        own = quiz_problems(data, lesson.slug, earlier) if kind == "quiz" else parsons_problems(data)
        if kind == "quiz" and not own:
            for row in data:
                home = find(row["id"].partition("/")[0], lessons)
                if home != lesson and row["id"] not in _ids(home):
                    own.append(f"{row['id']!r} is not in the quiz of {home.slug}")
        found += [f"{kind}.json: {problem}" for problem in own]
    return found


def _ids(lesson: Lesson) -> set[str]:
    try:
        return {question.id for question in load_quiz(lesson)}
    except (DataMissing, BadOption):
        return set()
