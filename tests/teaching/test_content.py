"""The quiz and Parsons files: each one that is there is good, and each kind of mistake is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_course.errors import BadOption, DataMissing
from llm_course.teaching import content

QUIZ = json.loads((content.DATA / "quiz_00.json").read_text(encoding="utf-8"))
OPTIONS = QUIZ["questions"][0]["options"]
RIGHT = [option["right"] for option in OPTIONS].index(True)
WRONG = (RIGHT + 1) % len(OPTIONS)
PUZZLE = json.loads((content.DATA / "parsons_00.json").read_text(encoding="utf-8"))


def test_every_file_in_the_package_keeps_the_rules() -> None:
    assert content.lessons(), "no content at all would pass silently"
    assert content.all_problems() == []


def test_the_place_of_an_option_gives_nothing_away() -> None:
    """Who always takes the same letter is right no more often than by chance, in every quiz and in all together."""
    quizzes = [content.load("quiz", n) for n in content.lessons() if (content.DATA / f"quiz_{n}.json").is_file()]
    places = [
        [[option["right"] for option in question["options"]].index(True) for question in one["questions"]]
        for one in quizzes
    ]
    for one, right in zip(quizzes, places, strict=True):
        assert max(map(right.count, right)) <= 2, one["lesson"]
    together = sum(places, [])
    assert max(map(together.count, together)) <= len(together) / 3


def _drop(key: str) -> Callable[[Any], None]:
    return lambda data: data.pop(key)


def _question(**new: Any) -> Callable[[Any], None]:
    return lambda data: data["questions"][0].update(new)


def _option(**new: Any) -> Callable[[Any], None]:
    """A change of a wrong option of the first question."""
    return lambda data: data["questions"][0]["options"][WRONG].update(new)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_drop("lesson"), "lacks 'lesson'"),
        (lambda d: d.update(extra=1), "unknown key 'extra'"),
        (lambda d: d["questions"].pop(), "2 questions; 3 to 5"),
        (_question(question="  "), "'question' in question 1 is blank"),
        (_question(id="01-network"), "'01-network' is not '00'"),
        (_question(id="00-predict"), "'00-predict' occurs twice"),
        (_question(**{"from": "01"}), "neither this lesson nor an earlier one"),
        (_question(options=[]), "0 options"),
        (_option(right=True), "2 right options"),
        (_option(right="yes"), f"'right' in option {WRONG + 1} of question 1 is not a bool"),
        (_option(why=""), f"'why' in option {WRONG + 1} of question 1 is blank"),
        (_option(text=OPTIONS[RIGHT]["text"]), "same option twice"),
        (lambda d: d.update(lesson="7"), "not two digits"),
    ],
)
def test_each_mistake_in_a_quiz_is_named(spoil: Callable[[Any], Any], said: str) -> None:
    data = copy.deepcopy(QUIZ)
    spoil(data)
    problems = content.quiz_problems(data)
    assert any(said in problem for problem in problems), problems


def test_later_lessons_bring_two_questions_back() -> None:
    data = copy.deepcopy(QUIZ)
    data["lesson"] = "05"
    assert content.quiz_problems(data) == []  # all three are from lesson 00
    for question in data["questions"][:2]:
        question.update({"from": "05", "id": question["id"].replace("00-", "05-")})
    assert content.quiz_problems(data) == ["1 questions come from earlier lessons; 2 are asked for"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_drop("explain"), "lacks 'explain'"),
        (lambda d: d.update(lines=["a = 1", "  b = 2", "c = 3"]), "multiple of four"),
        (lambda d: d.update(lines=["if True:", "a = 1", "b = 2"]), "not valid Python"),
        (lambda d: d.update(lines=["a = 1", "", "c = 3"]), "none blank"),
        (lambda d: d.update(lines=["a = 1", "b = 2"]), "2 lines; 3 to 12"),
        (lambda d: d.update(distractors=[]), "no distractor"),
        (lambda d: d.update(distractors=[{"line": d["lines"][-1], "why": "x"}]), "distractor 1 is a line"),
        (lambda d: d.update(distractors=[{"line": "x = 1"}]), "distractor 1 lacks 'why'"),
        (lambda d: d.update(id="07-first"), "'id' is not"),
    ],
)
def test_each_mistake_in_a_puzzle_is_named(spoil: Callable[[Any], Any], said: str) -> None:
    data = copy.deepcopy(PUZZLE)
    spoil(data)
    problems = content.parsons_problems(data)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize("data", [None, [], "text", 3, {"lesson": 7, "questions": {}}, {"lesson": "07", "lines": 1}])
def test_what_is_no_content_at_all_is_a_sentence_not_an_error(data: Any) -> None:
    assert content.quiz_problems(data)
    assert content.parsons_problems(data)


def test_problems_between_files_are_found(tmp_path: Path) -> None:
    returning = copy.deepcopy(QUIZ)
    returning["lesson"] = "01"
    returning["questions"][0]["id"] = "00-no-such-question"
    (tmp_path / "quiz_00.json").write_text(json.dumps(QUIZ))
    (tmp_path / "quiz_01.json").write_text(json.dumps(returning))
    (tmp_path / "quiz_02.json").write_text("{not json")
    (tmp_path / "parsons_09.json").write_text(json.dumps(PUZZLE))
    (tmp_path / "quiz_1.json").write_text("{}")
    problems = content.all_problems(tmp_path)
    assert "quiz_01.json: '00-no-such-question' is not in quiz_00.json" in problems
    assert any(p.startswith("quiz_02.json: not valid JSON") for p in problems)
    assert "parsons_09.json: its 'lesson' is '00'" in problems
    assert any(p.startswith("quiz_1.json: not named") for p in problems)
    assert len(problems) == 4


def test_load_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "quiz_03.json").write_text('{"lesson": "03"}')
    with pytest.raises(DataMissing, match="quiz_03.json is damaged: the file lacks 'questions'"):
        content.load("quiz", "03", tmp_path)
    with pytest.raises(DataMissing, match="Lesson 04 has no quiz file. Lessons that have one: 03"):
        content.load("quiz", "4", tmp_path)
    for wrong in ("seven", "../00", "", None, "123", True):
        with pytest.raises(BadOption, match="no number of a lesson"):
            content.load("quiz", wrong, tmp_path)


@pytest.mark.parametrize("given", ["07", "7", 7, " 7 "])
def test_numbers_of_lessons(given: Any) -> None:
    assert content.number_of(given) == "07"
