"""Prediction, quiz and puzzle: what they show without a front end, what they do with one, what they progress_file."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import llm_course as lc
from llm_course.errors import BadOption, DataMissing
from llm_course.lessons import Lesson, contents, find
from llm_course.teaching import content, output, parsons, predicting, progress, progress_file, quizzes

START = find("start_here")
QUIZZES = [lesson for lesson in contents() if (lesson.folder / "quiz.json").is_file()]
PUZZLES = [lesson for lesson in contents() if (lesson.folder / "parsons.json").is_file()]
QUESTIONS = content.load_quiz(START)
# Where the right option of each question stands, and one place where it does not.
RIGHT_AT = [[option.right for option in question.options].index(True) for question in QUESTIONS]
WRONG_AT = [(place + 1) % len(question.options) for place, question in zip(RIGHT_AT, QUESTIONS, strict=True)]
FIRST, SECOND = quizzes.LETTERS[RIGHT_AT[0]], quizzes.LETTERS[WRONG_AT[1]]  # answers: one right, one wrong
PUZZLE = content.load_puzzle(START)
NASTY = "<script>alert(1)</script> & \"'<b>"


def plain(text: str) -> str:
    return text.replace("`", "")


# Predictions


def test_prediction_shows_question_and_options_and_a_widget(notebook: Any, page: Any) -> None:
    lc.predict("key", f"Which, {NASTY}?", ["one", NASTY])
    read = page(notebook.last["text/html"])
    assert f"Which, {NASTY}?" in read.text and "one" in read.text
    assert read.tags.count("li") == 2 and "script" not in read.tags
    assert "\n" not in notebook.last["text/plain"]
    spec = notebook.widget().spec
    assert len(spec["questions"][0]["options"]) == 2
    assert "<script>" not in json.dumps(spec)
    assert progress_file.read() == progress_file.empty(), "showing is not predicting"


def test_prediction_is_recorded_and_revealed(notebook: Any, press: Any, capsys: Any) -> None:
    lc.predict("key", "Which?", ["one", "two"])
    state = press(notebook.widget(), question=0, choice=1)
    assert "two" in state["feedback"][0] and state["problem"] == ""
    lc.reveal("key", "one")
    assert capsys.readouterr().out == "You predicted two. The answer: one.\n"
    assert progress_file.read()["predictions"] == {"key": {"choice": "two", "answer": "one"}}
    lc.predict("key", "Which?", ["one", "two"])
    assert notebook.widget().state["chosen"] == [1], "the widget comes back with what was recorded"


def test_reveal_without_prediction_says_so(capsys: Any) -> None:
    lc.reveal("other", 3)
    lc.reveal("sentence", "It ends by itself.")
    assert capsys.readouterr().out == (
        "No prediction recorded. The answer: 3.\nNo prediction recorded. The answer: It ends by itself.\n"
    )


def test_what_is_shown_statically_does_not_depend_on_what_was_recorded(notebook: Any) -> None:
    lc.predict("key", "Which?", ["one", "two"])
    lc.predict("key", "Which?", ["one", "two"], choice="one")
    first, second = ({k: v for k, v in b.items() if k != output.WIDGET_VIEW} for b in notebook.bundles)
    assert first == second
    assert progress_file.read()["predictions"]["key"]["choice"] == "one"


@pytest.mark.parametrize("options", [[], ["one"], ["one", "one"], ["one", " "], "one two"])
def test_prediction_needs_real_options(options: Any) -> None:
    with pytest.raises(BadOption, match="two or more options"):
        lc.predict("key", "Which?", options)


def test_prediction_of_something_else_is_refused() -> None:
    with pytest.raises(BadOption, match="'three' is no option. Options: 'one', 'two'"):
        lc.predict("key", "Which?", ["one", "two"], choice="three")
    assert progress_file.read()["predictions"] == {}


# Quizzes


@pytest.mark.parametrize("lesson", QUIZZES, ids=lambda lesson: lesson.slug)
def test_static_quiz_holds_every_question_option_and_reason(lesson: Lesson, notebook: Any, page: Any) -> None:
    lc.quiz(lesson.slug)
    read = page(notebook.last["text/html"])
    questions = content.load_quiz(lesson)
    for question in questions:
        assert plain(question.question) in read.text
        assert question.home == lesson.slug or f"(from “{find(question.home).short_title}”)" in read.text
        for option in question.options:
            assert plain(option.text) in read.text and plain(option.why) in read.text
    assert read.tags.count("details") == len(questions), "answers are folded"
    assert "{{" not in read.text


def test_markup_in_a_quiz_is_shown_as_text(page: Any) -> None:
    first, second, *others = QUESTIONS[0].options
    options = (replace(first, text=NASTY), replace(second, why=f"{NASTY} `{NASTY}`"), *others)
    questions = [replace(QUESTIONS[0], question=NASTY, options=options), *QUESTIONS[1:]]
    html = quizzes.static_form(START, questions)
    read = page(html)
    assert read.text.count(NASTY) == 4
    assert "script" not in read.tags
    form = quizzes.live_form(START, questions)
    assert form is not None
    assert "<script>" not in json.dumps(form.spec)


def test_every_option_answers_with_its_own_reason(notebook: Any, press: Any) -> None:
    lc.quiz("start_here")
    widget = notebook.widget()
    for place, question in enumerate(QUESTIONS):
        for choice, option in enumerate(question.options):
            said = press(widget, question=place, choice=choice)["feedback"][place]
            assert output.inline(option.why) in said
            assert ("✓ Right" in said) is option.right
    tried = progress_file.read()["quiz"]["start_here"]
    assert {one: entry["tries"] for one, entry in tried.items()} == {q.id: 3 for q in QUESTIONS}
    assert all(entry["right"] for entry in tried.values())


def test_the_browser_is_not_told_the_answers_before(notebook: Any) -> None:
    lc.quiz("start_here")
    sent = json.dumps([notebook.widget().spec, notebook.widget().state])
    assert not any(option.why[:30] in sent for question in QUESTIONS for option in question.options)


def test_quiz_without_buttons(capsys: Any) -> None:
    lc.quiz("start_here", answers=[FIRST, SECOND.upper(), ""])
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"1. Right. {QUESTIONS[0].options[RIGHT_AT[0]].why}"
    assert second == f"2. Not right. {QUESTIONS[1].options[WRONG_AT[1]].why}"
    assert progress_file.read()["quiz"]["start_here"] == {
        "start_here/network": {"right": True, "tries": 1},
        "start_here/predict": {"right": False, "tries": 1},
    }
    for wrong in (["b"], "bac", ["b", "a", "z"], ["b", "a", "ab"]):
        with pytest.raises(BadOption):
            lc.quiz("start_here", answers=wrong)


def test_unknown_quiz_is_an_error_with_a_way_out() -> None:
    with pytest.raises(DataMissing, match="Lesson 'claims' has no quiz file. Lessons that have one: start_here, what"):
        lc.quiz("claims")
    with pytest.raises(BadOption, match="Did you mean 'sentiment'"):
        lc.quiz("sentiments")


@pytest.mark.parametrize("verb", [lc.quiz, lc.parsons])
@pytest.mark.parametrize("number", ["07", 7])
def test_a_number_from_before_is_an_error_that_names_the_lesson(verb: Any, number: Any) -> None:
    with pytest.raises(BadOption, match="name the lesson. .*'text_generation' (is|was) lesson 07"):
        verb(number)


def test_plain_python_prints_everything(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "shell", lambda: None)
    lc.quiz("start_here")
    lc.parsons("start_here")
    printed = capsys.readouterr().out
    assert all(question.question in printed for question in QUESTIONS)
    assert all(line.strip() in printed for line in PUZZLE.lines)


def test_a_strange_message_shows_a_problem_and_the_widget_lives_on(notebook: Any, press: Any) -> None:
    lc.quiz("start_here")
    assert press(notebook.widget(), question=0, choice=77)["problem"].startswith("IndexError")
    assert press(notebook.widget(), nothing=1)["problem"].startswith("KeyError")
    assert press(notebook.widget(), question=0, choice=1)["problem"] == ""


def test_without_anywidget_the_static_form_is_shown(notebook: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from llm_course.teaching import widgets

    def missing(kind: str) -> None:
        raise ImportError("No module named 'anywidget'")

    monkeypatch.setattr(widgets, "_form_class", missing)
    lc.quiz("start_here")
    assert set(notebook.last) == {"text/plain", "text/html"}


# Parsons puzzles

RIGHT = parsons.from_text("\n".join(PUZZLE.lines))


def test_static_puzzle_holds_the_task_and_every_line(notebook: Any, page: Any) -> None:
    lc.parsons("start_here")
    read = page(notebook.last["text/html"])
    for text in (PUZZLE.title, PUZZLE.task, PUZZLE.explain, *PUZZLE.lines, PUZZLE.distractors[0].line):
        assert plain(text) in read.text
    before_solution = notebook.last["text/html"].split("<details>")[0]
    places = [before_solution.index(parsons.escape(text)) for text, _ in RIGHT]
    assert places != sorted(places), "the lines stand in the right order already"


@pytest.mark.parametrize("lesson", PUZZLES, ids=lambda lesson: lesson.slug)
def test_each_puzzle_is_shuffled_the_same_way_and_can_be_solved(lesson: Lesson) -> None:
    puzzle = content.load_puzzle(lesson)
    lines, right = parsons.shuffled(puzzle), parsons.from_text("\n".join(puzzle.lines))
    assert lines == parsons.shuffled(puzzle)
    assert lines[: len(right)] != [text for text, _ in right]
    assert parsons.diagnose(puzzle, right) is None
    missing = list(lines)
    for text, _ in right:
        missing.remove(text)  # raises if a line of the solution is not on offer
    assert len(missing) == len(set(missing))


def test_only_the_right_order_is_right() -> None:
    right = [list(order) for order in itertools.permutations(RIGHT) if parsons.diagnose(PUZZLE, list(order)) is None]
    assert right == [RIGHT]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([], "No line is in the program yet"),
        ([("result = prompt.generate(seed=0)", 0), *RIGHT], "plain string and has no such method"),
        ([("import os", 0)], "none of the lines to choose from"),
        ([RIGHT[1], RIGHT[0]], "Line 1, `prompt ="),
        ([RIGHT[0], RIGHT[2]], "The first line is right. Line 2, `result ="),
        ([*RIGHT[:2], RIGHT[3]], "The first 2 lines are right. Line 3, `if result.text:`"),
        (RIGHT[:-1], "one line is still missing"),
        (RIGHT[:2], "3 lines are still missing"),
        ([*RIGHT[:-1], ("print(result)", 0)], "indented by 0 levels"),
        ([("import llm_course as lc", 1), *RIGHT[1:]], "indented by 1 level."),
        ([*RIGHT, RIGHT[-1]], "one line too many"),
    ],
)
def test_each_mistake_in_a_program_is_named(answer: parsons.Answer, said: str) -> None:
    assert said in (parsons.diagnose(PUZZLE, answer) or "")


def test_a_line_at_another_level_can_be_a_distractor() -> None:
    more = content.Distractor("print(result)", "It would print an empty text, too.")
    puzzle = replace(PUZZLE, distractors=(*PUZZLE.distractors, more))
    assert parsons.shuffled(puzzle).count("print(result)") == 1
    assert parsons.diagnose(puzzle, RIGHT) is None
    said = parsons.diagnose(puzzle, [*RIGHT[:-1], ("print(result)", 0)])
    assert said is not None and "It would print an empty text, too." in said


def test_lines_that_are_equal_can_change_places() -> None:
    lines = ["x = f(x)", "y = x", "x = f(x)"]
    puzzle = replace(PUZZLE, lines=tuple(lines))
    assert parsons.diagnose(puzzle, parsons.from_text("\n".join(lines))) is None


def test_puzzle_with_buttons(notebook: Any, press: Any) -> None:
    lc.parsons("start_here")
    widget = notebook.widget()
    lines = widget.spec["lines"]
    right = [[lines.index(text), level] for text, level in RIGHT]
    assert "✗ Not yet" in press(widget, answer=right[:-1])["feedback"][0]
    assert PUZZLE.explain in press(widget, answer=right)["feedback"][0]
    assert progress_file.read()["parsons"] == {"start_here": {"right": True, "tries": 2}}
    assert PUZZLE.explain not in json.dumps(widget.spec)


def test_puzzle_without_buttons(capsys: Any) -> None:
    lc.parsons("start_here", answer="\n\n".join(PUZZLE.lines).replace("    ", "\t"))
    assert capsys.readouterr().out == f"Right: {PUZZLE.explain}\n"
    lc.parsons("start_here", answer="import llm_course as lc")
    assert capsys.readouterr().out == "Not yet: So far it is right, and 4 lines are still missing.\n"


def test_random_answers_never_raise() -> None:
    drawn = random.Random(1)
    lines = parsons.shuffled(PUZZLE)
    for _ in range(300):
        answer = [(drawn.choice(lines), drawn.randrange(3)) for _ in range(drawn.randrange(8))]
        said = parsons.diagnose(PUZZLE, answer)
        assert (said is None) == (answer == RIGHT)


# Progress


def test_bars_count_what_was_right(page: Any) -> None:
    from llm_course.checks.exercises import index

    total = 4 + sum(home == "start_here" for home in index().values())

    def own() -> tuple[int, int]:
        (found,) = (one for one in lc.progress().lessons if one.lesson == START)
        return found.done, found.total

    assert own() == (0, total)
    lc.quiz("start_here", answers=[FIRST, SECOND, ""])
    lc.parsons("start_here", answer="\n".join(PUZZLE.lines))
    lc.predict("key", "Which?", ["one", "two"], choice="one")
    assert own() == (2, total)
    shown = lc.progress()
    assert f"2 of {total}" in str(shown) and shown.predictions == 1
    read = page(shown._repr_html_())
    assert f"2 of {total}" in read.text and "Start here" in read.text and "█" in read.text
    assert str(progress_file.home()) not in str(shown) + shown._repr_html_(), "a path would differ on every machine"


def test_progress_shows_with_a_broken_content_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "quiz.json").write_text("{}", encoding="utf-8")
    shutil.copy(START.folder / "parsons.json", tmp_path)
    broken = replace(START, folder=tmp_path)
    monkeypatch.setattr(progress, "contents", lambda: (broken,))
    (only,) = lc.progress().lessons
    assert only.lesson == broken and only.total >= 1


def test_reset(capsys: Any) -> None:
    lc.reset_progress()
    lc.quiz("start_here", answers=["b", "", ""])
    lc.reset_progress()
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "There is no progress to reset." and "progress.previous.json" in printed[-1]
    assert progress_file.read() == progress_file.empty()


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, ""), (1, "█" * 8), (0.5, "█" * 4), (1 / 64, "▏"), (2, "█" * 8), (-1, "")]
)
def test_bars_are_as_long_as_they_say(share: float, drawn: str) -> None:
    assert output.bar(share, 8) == drawn


def test_tracks_are_full_only_when_nothing_is_missing() -> None:
    assert [output.bar(n / 9, 8, track=True).count("█") for n in (0, 1, 8, 9)] == [0, 0, 7, 8]
    assert all(len(output.bar(n / 9, 8, track=True)) == 8 for n in range(10))


def test_inline_escapes_and_sets_code() -> None:
    assert output.inline("`a<b` & *c*\n<i>") == "<code>a&lt;b</code> &amp; *c*<br>&lt;i&gt;"
    assert output.literal("`a` <") == "`a` &lt;"


def test_prediction_keys_may_be_anything(capsys: Any) -> None:
    predicting.predict("a/b <c>", "Which?", ["1", "2"], choice="2")
    predicting.reveal("a/b <c>", 2)
    assert "You predicted 2. The answer: 2." in capsys.readouterr().out
