"""Prediction, quiz and puzzle: what Python puts into the page, and what a kernel keeps of what the page says."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import llm_course as lc
from form_page import NASTY, Kernel, Notebook, plain, unveiled
from llm_course.errors import BadOption, DataMissing
from llm_course.lessons import Lesson, contents, find
from llm_course.teaching import content, output, page_forms, parsons, progress, progress_file, quizzes

START = find("start_here")
QUIZZES = [lesson for lesson in contents() if (lesson.folder / "quiz.json").is_file()]
PUZZLES = [lesson for lesson in contents() if (lesson.folder / "parsons.json").is_file()]
QUESTIONS = content.load_quiz(START)
# Where the right option of each question stands, and one place where it does not.
RIGHT_AT = [[option.right for option in question.options].index(True) for question in QUESTIONS]
WRONG_AT = [(place + 1) % len(question.options) for place, question in zip(RIGHT_AT, QUESTIONS, strict=True)]
FIRST, SECOND = quizzes.LETTERS[RIGHT_AT[0]], quizzes.LETTERS[WRONG_AT[1]]  # answers: one right, one wrong
PUZZLE = content.load_puzzle(START)


# Predictions


def test_prediction_shows_question_and_options(notebook: Notebook) -> None:
    lc.predict("key", f"Which, {NASTY}?", ["`one`", NASTY])
    read = notebook.static
    assert f"Which, {NASTY}?" in read.text and "Run this cell" in read.text
    assert read.tags.count("li") == 2 and not {"script", "img"} & set(read.tags)
    spec = notebook.spec
    assert spec["options"] == ["<code>one</code>", output.inline(NASTY)] and spec["texts"] == ["`one`", NASTY]
    assert NASTY not in spec["html"] and NASTY not in notebook.html
    assert notebook.last["text/plain"] == f"Your prediction, please: Which, {NASTY}? (`one`, {NASTY})"
    assert progress_file.read() == progress_file.empty(), "showing is not predicting"


def test_what_is_shown_does_not_depend_on_what_was_recorded(notebook: Notebook) -> None:
    lc.predict("key", "Which?", ["one", "two"])
    lc.reveal("key", "two")
    lc.predict("other", "Which?", ["one", "two"], choice="one")
    lc.reveal("other", "two")
    asked, answered, again, answered_again = notebook.bundles
    assert answered["text/plain"] == answered_again["text/plain"] == "The answer: two."
    notebook.bundles.clear()
    progress_file.note_try("quiz", ("start_here", "start_here/network"), True)
    lc.predict("key", "Which?", ["one", "two"], choice="one")
    lc.reveal("key", "two")
    lc.predict("other", "Which?", ["one", "two"])
    lc.reveal("other", "two")
    assert notebook.bundles == [asked, answered, again, answered_again]


def test_an_answer_is_one_sentence_and_safe(notebook: Notebook) -> None:
    lc.reveal("key", f"{NASTY}. ")
    assert notebook.static.text == f"The answer: {NASTY}." and "script" not in notebook.static.tags
    assert notebook.spec == {"kind": "reveal", "key": "key", "answer": NASTY}
    assert NASTY not in notebook.html
    lc.reveal("number", 3)
    assert notebook.last["text/plain"] == "The answer: 3."


def test_a_prediction_can_be_changed_until_its_answer_is_known() -> None:
    for choice in ("one", "two"):
        lc.predict("a/b <c>", "Which?", ["one", "two"], choice=choice)
    assert progress_file.read()["predictions"] == {"a/b <c>": {"choice": "two"}}
    lc.reveal("a/b <c>", "one.")
    lc.predict("a/b <c>", "Which?", ["one", "two"], choice="one")
    assert progress_file.read()["predictions"] == {"a/b <c>": {"choice": "two", "answer": "one"}}
    lc.reveal("late", 1)
    lc.predict("late", "Which?", [1, 2], choice=1)
    assert "choice" not in progress_file.read()["predictions"]["late"], "one that knows the answer predicts nothing"


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
def test_static_quiz_holds_every_question_option_and_reason(lesson: Lesson, notebook: Notebook) -> None:
    lc.quiz(lesson.slug)
    read = notebook.static
    questions = content.load_quiz(lesson)
    for question in questions:
        assert plain(question.question) in read.text
        assert question.home == lesson.slug or f"(from “{find(question.home).short_title}”)" in read.text
        for option in question.options:
            assert plain(option.text) in read.text and plain(option.why) in read.text
    assert read.tags.count("details") == len(questions), "answers are folded"
    assert "{{" not in read.text


def test_markup_in_a_quiz_is_shown_as_text(notebook: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, *others = QUESTIONS[0].options
    options = (replace(first, text=NASTY), replace(second, why=f"{NASTY} `{NASTY}`"), *others)
    questions = (replace(QUESTIONS[0], question=NASTY, options=options), *QUESTIONS[1:])
    monkeypatch.setattr(quizzes, "load_quiz", lambda lesson: questions)
    lc.quiz("start_here")
    assert notebook.static.text.count(NASTY) == 4
    assert not {"script", "img"} & set(notebook.static.tags) and NASTY not in notebook.html
    question = notebook.spec["questions"][0]
    assert NASTY not in json.dumps(question) + json.dumps(unveiled(question["veiled"]))


def test_nobody_reads_an_answer_in_the_specification_by_accident(notebook: Notebook) -> None:
    lc.quiz("start_here")
    told = json.dumps(notebook.spec)
    assert not any(option.why[:30] in told for question in QUESTIONS for option in question.options)
    for question, shown in zip(QUESTIONS, notebook.spec["questions"], strict=True):
        reasons = [{"right": option.right, "why": output.inline(option.why)} for option in question.options]
        assert unveiled(shown["veiled"]) == reasons and shown["id"] == question.id
    lc.parsons("start_here")
    assert PUZZLE.explain not in json.dumps(notebook.spec) and PUZZLE.distractors[0].why not in json.dumps(
        notebook.spec
    )


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


# Parsons puzzles


def test_static_puzzle_holds_the_task_and_every_line(notebook: Notebook) -> None:
    lc.parsons("start_here")
    read = notebook.static
    for text in (PUZZLE.title, PUZZLE.task, PUZZLE.explain, *PUZZLE.lines, PUZZLE.distractors[0].line):
        assert plain(text) in read.text
    before_solution = read.text.split("Solution of the puzzle")[0]
    places = [before_solution.index(line.strip()) for line in PUZZLE.lines]
    assert places != sorted(places), "the lines stand in the right order already"


@pytest.mark.parametrize("lesson", PUZZLES, ids=lambda lesson: lesson.slug)
def test_each_puzzle_is_shuffled_the_same_way_and_can_be_solved(lesson: Lesson, notebook: Notebook) -> None:
    puzzle = content.load_puzzle(lesson)
    for _ in range(2):
        lc.parsons(lesson.slug)
    first, second = notebook.bundles
    assert first == second
    lines, right = notebook.spec["lines"], [line.strip() for line in puzzle.lines]
    assert lines[: len(right)] != right
    missing = list(lines)
    for text in right:
        missing.remove(text)  # raises if a line of the solution is not on offer
    assert len(missing) == len(set(missing))


def test_a_line_at_another_level_is_offered_once() -> None:
    more = content.Distractor("print(result)", "It would print an empty text, too.")
    assert parsons.shuffled(replace(PUZZLE, distractors=(*PUZZLE.distractors, more))).count("print(result)") == 1


# The kernel's side


def test_the_record_joins_both_ways(kernel: Kernel) -> None:
    progress_file.note_try("quiz", ("start_here", "start_here/network"), True)
    lc.quiz("start_here")
    lc.predict("key", "Which?", ["one", "two"])
    assert list(kernel.links) == ["record"], "one model is enough for all forms"
    told = {**progress_file.empty(), "parsons": {"start_here": {"right": False, "tries": 3}}}
    answer = kernel.send("record", {"record": told, "turn": 7})
    assert answer["turn"] == 7 and answer["problem"] == ""
    assert answer["record"] == progress_file.read()
    assert answer["record"]["parsons"] == told["parsons"] and answer["record"]["quiz"]["start_here"]


def test_a_strange_message_harms_nothing(kernel: Kernel) -> None:
    lc.quiz("start_here")
    before = progress_file.read()
    assert kernel.send("record", {"turn": 1})["problem"].startswith("KeyError")
    assert kernel.send("record", {"record": "nonsense", "turn": 2})["record"] == before


def test_the_model_has_no_view_and_carries_the_pages_part(kernel: Kernel) -> None:
    lc.parsons("start_here")
    link = kernel.links["record"]
    assert link.name == "record" and "initialize" in link._esm and "render" not in link._esm


def test_in_plain_python_there_is_no_model(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(page_forms, "_links", {})
    lc.quiz("start_here")
    assert page_forms._links == {} and capsys.readouterr().out


# Progress


def test_bars_count_what_was_right(page: Any) -> None:
    from llm_course.checks.exercises import index

    total = 4 + sum(home == "start_here" for home in index().values())

    def own() -> tuple[int, int]:
        (found,) = (one for one in lc.progress().lessons if one.lesson == START)
        return found.done, found.total

    assert own() == (0, total)
    lc.quiz("start_here", answers=[FIRST, SECOND, ""])
    progress_file.note_try("parsons", ("start_here",), True)
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
    assert progress_file.read() == {**progress_file.empty(), "begun": progress_file.read()["begun"]}


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
