"""The quiz and Parsons files: each one that is there is good, and each kind of mistake is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llm_course.errors import DataMissing
from llm_course.lessons import Lesson, contents, find
from llm_course.teaching import content
from notebooks_tiny import write_lesson

START = find("start_here")
QUIZ = json.loads((START.folder / "quiz.json").read_text(encoding="utf-8"))
OPTIONS = QUIZ[0]["options"]
RIGHT = [option["right"] for option in OPTIONS].index(True)
WRONG = (RIGHT + 1) % len(OPTIONS)
PUZZLE = json.loads((START.folder / "parsons.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("lesson", contents(), ids=lambda lesson: lesson.slug)
def test_every_file_in_the_package_keeps_the_rules(lesson: Lesson) -> None:
    assert content.problems(lesson) == []
    if lesson.kind == "lesson":
        assert content.load_quiz(lesson) and content.load_puzzle(lesson)


def test_the_place_of_an_option_gives_nothing_away() -> None:
    """Who always takes the same letter is right no more often than by chance, in every quiz and in all together."""
    quizzes = {one.slug: content.load_quiz(one) for one in contents() if one.kind == "lesson"}
    places = {
        slug: [[option.right for option in question.options].index(True) for question in questions]
        for slug, questions in quizzes.items()
    }
    for slug, right in places.items():
        assert max(map(right.count, right)) <= 2, slug
    together = sum(places.values(), [])
    assert max(map(together.count, together)) <= len(together) / 3


def _drop(key: str) -> Callable[[Any], None]:
    return lambda data: data[0].pop(key) if isinstance(data, list) else data.pop(key)


def _question(**new: Any) -> Callable[[Any], None]:
    return lambda data: data[0].update(new)


def _option(**new: Any) -> Callable[[Any], None]:
    """A change of a wrong option of the first question."""
    return lambda data: data[0]["options"][WRONG].update(new)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_drop("id"), "lacks 'id'"),
        (_question(extra=1), "unknown key 'extra'"),
        (lambda d: d.pop(), "2 questions; 3 to 5"),
        (_question(question="  "), "'question' in question 1 is blank"),
        (_question(id="claims/network"), "neither with this lesson nor with an earlier one"),
        (_question(id="start_here/Net work"), "not a lesson, a slash and lower-case words"),
        (_question(id="start_here/predict"), "'start_here/predict' occurs twice"),
        (_question(options=[]), "0 options"),
        (_option(right=True), "2 right options"),
        (_option(right="yes"), f"'right' in option {WRONG + 1} of question 1 is not a bool"),
        (_option(why=""), f"'why' in option {WRONG + 1} of question 1 is blank"),
        (_option(text=OPTIONS[RIGHT]["text"]), "same option twice"),
    ],
)
def test_each_mistake_in_a_quiz_is_named(spoil: Callable[[Any], Any], said: str) -> None:
    data = copy.deepcopy(QUIZ)
    spoil(data)
    problems = content.quiz_problems(data, "start_here")
    assert any(said in problem for problem in problems), problems


def test_later_lessons_bring_two_questions_back() -> None:
    data = copy.deepcopy(QUIZ)
    earlier = ["start_here", "what_makes_it_large"]
    assert content.quiz_problems(data, "sentiment", earlier) == []  # all three are from an earlier lesson
    for question in data[:2]:
        question["id"] = question["id"].replace("start_here/", "sentiment/")
    assert content.quiz_problems(data, "sentiment", earlier[:1]) == []
    assert content.quiz_problems(data, "sentiment", earlier) == [
        "1 questions come from earlier lessons; 2 are asked for"
    ]


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
    ],
)
def test_each_mistake_in_a_puzzle_is_named(spoil: Callable[[Any], Any], said: str) -> None:
    data = copy.deepcopy(PUZZLE)
    spoil(data)
    problems = content.parsons_problems(data)
    assert any(said in problem for problem in problems), problems


@pytest.mark.parametrize("data", [None, [3], "text", 3, {"title": 7}, [{"id": 1, "options": {}}]])
def test_what_is_no_content_at_all_is_a_sentence_not_an_error(data: Any) -> None:
    assert content.quiz_problems(data, "start_here")
    assert content.parsons_problems(data)


@pytest.fixture
def course(tmp_path: Path) -> tuple[Lesson, ...]:
    """Three lessons, each with the quiz and the puzzle of the tiny lesson under its own name."""
    rows = "".join(f'{{ slug = "{slug}", minutes = 9, title = "T" }},' for slug in ("one", "two", "three"))
    (tmp_path / "contents.toml").write_text(f'[[part]]\ntitle = "P"\nlessons = [{rows}]', encoding="utf-8")
    for slug in ("one", "two", "three"):
        write_lesson(tmp_path, slug=slug)
    return contents(tmp_path / "contents.toml")


def _edit(lesson: Lesson, old: str, new: str, kind: str = "quiz") -> None:
    file = lesson.folder / f"{kind}.json"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_problems_between_lessons_are_found(course: tuple[Lesson, ...]) -> None:
    one, two, three = course
    assert content.problems(one, course) == content.problems(two, course) == []
    assert content.problems(three, course) == ["quiz.json: 0 questions come from earlier lessons; 2 are asked for"]
    _edit(three, "three/first", "one/first")
    _edit(three, "three/second", "two/other")
    assert content.problems(three, course) == ["quiz.json: 'two/other' is not in the quiz of two"]
    _edit(two, "two/first", "three/first")  # as after a move: the question now comes from a later lesson
    (problem,) = content.problems(two, course)
    assert "'three/first' begins neither with this lesson nor with an earlier one" in problem


def test_load_says_what_is_wrong(course: tuple[Lesson, ...]) -> None:
    one, two, three = course
    _edit(one, '"right"', '"wright"')
    with pytest.raises(DataMissing, match="The quiz of one is damaged: option 1 of question 1 lacks 'right'"):
        content.load_quiz(one)
    _edit(two, "One and one.", "See {{lesson nowhere}}.")
    with pytest.raises(DataMissing, match="two/quiz.json cannot be read: No lesson is called 'nowhere'"):
        content.load_quiz(two)
    (three.folder / "parsons.json").write_text("{not json", encoding="utf-8")
    with pytest.raises(DataMissing, match="three/parsons.json cannot be read"):
        content.load_puzzle(three)
    assert any(problem.startswith("parsons.json: three/parsons.json cannot") for problem in content.problems(three))


def test_a_reference_to_a_lesson_is_filled_in(course: tuple[Lesson, ...]) -> None:
    _edit(course[0], "One and one.", "See {{lesson reading_attention}}.")
    assert content.load_quiz(course[0])[0].options[0].why == f"See lesson {find('reading_attention').number}."
