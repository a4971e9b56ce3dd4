"""The quiz at the end of a lesson: each option, right or wrong, says why.

Knows nothing about the questions themselves; they are in the lesson's ``quiz.json`` (see ``content.py``). What is shown
names lessons by title and not by number, so that it stays true when a lesson moves.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_course.errors import BadOption
from llm_course.lessons import Lesson, find
from llm_course.teaching import progress_file
from llm_course.teaching.content import Question, load_quiz
from llm_course.teaching.output import emit, inline
from llm_course.teaching.page_forms import form, share_record, veiled

LETTERS = "abcdef"


def quiz(lesson: str, answers: Sequence[str] | None = None) -> None:
    """Show the quiz of a lesson.

    Args:
        lesson: the lesson's name, ``"text_generation"``.
        answers: the letter of one option for each question, such as ``["b", "a", "c"]``: judges them at once and
            prints what was right, for places without buttons. An empty string leaves a question out.

    Raises:
        BadOption: no lesson is called so, or the answers do not fit the questions.
        DataMissing: the lesson has no quiz.
    """
    own = find(lesson)
    questions = load_quiz(own)
    if answers is not None:
        print(_judged(own, questions, answers))
        return
    share_record()
    spec = {
        "lesson": own.slug,
        "title": title(own),
        "questions": [_spec(number, own, question) for number, question in enumerate(questions, 1)],
    }
    emit(
        html=form("quiz", spec, static_form(own, questions), title(own)),
        plain=f"{title(own)}: {len(questions)} questions.",
        full=f"{title(own)}\n\n" + "\n\n".join(_as_text(i, question) for i, question in enumerate(questions, 1)),
    )


def _spec(number: int, lesson: Lesson, question: Question) -> dict[str, object]:
    named = zip(LETTERS, question.options, strict=False)
    return {
        "id": question.id,
        "html": heading(number, lesson, question),
        "options": [f"{letter}) {inline(option.text)}" for letter, option in named],
        "veiled": veiled([{"right": option.right, "why": inline(option.why)} for option in question.options]),
    }


def title(lesson: Lesson) -> str:
    """What the quiz is called."""
    return f"Quiz of the lesson “{lesson.short_title}”"


def heading(number: int, lesson: Lesson, question: Question) -> str:
    """The question as HTML, with its number and, if it returns, the lesson it comes from."""
    back = f" <i>(from “{inline(find(question.home).short_title)}”)</i>" if question.home != lesson.slug else ""
    return f"<b>{number}.</b> {inline(question.question)}{back}"


def static_form(lesson: Lesson, questions: Sequence[Question]) -> str:
    """All questions and options as HTML; answers and reasons are folded below each question."""
    parts = [f"<p><b>{inline(title(lesson))}</b></p>"]
    for number, question in enumerate(questions, 1):
        named = list(zip(LETTERS, question.options, strict=False))
        options = "".join(f"<li>{letter}) {inline(option.text)}</li>" for letter, option in named)
        reasons = "".join(
            f"<li>{letter}) <b>{'Right' if option.right else 'Not right'}.</b> {inline(option.why)}</li>"
            for letter, option in named
        )
        parts.append(
            f"<p>{heading(number, lesson, question)}</p><ul>{options}</ul>"
            f"<details><summary>Answer to question {number}</summary><ul>{reasons}</ul></details>"
        )
    return "".join(parts)


def judge(lesson: Lesson, question: Question, choice: int) -> tuple[bool, str]:
    """Whether an option is right, and why; the try goes into the progress file."""
    option = question.options[choice]
    progress_file.note_try("quiz", (lesson.slug, question.id), option.right)
    return option.right, option.why


def _judged(lesson: Lesson, questions: Sequence[Question], answers: Sequence[str]) -> str:
    if isinstance(answers, str) or len(answers) != len(questions):
        raise BadOption(f"This quiz has {len(questions)} questions: give a list of {len(questions)} letters.")
    lines = []
    for number, (question, answer) in enumerate(zip(questions, answers, strict=True), 1):
        letters = LETTERS[: len(question.options)]
        letter = str(answer).strip().lower()
        if not letter:
            continue
        if len(letter) != 1 or letter not in letters:
            raise BadOption(f"{answer!r} is no option of question {number}. Its options: {', '.join(letters)}.")
        right, why = judge(lesson, question, letters.index(letter))
        lines.append(f"{number}. {'Right' if right else 'Not right'}. {why}")
    return "\n".join(lines)


def _as_text(number: int, question: Question) -> str:
    named = zip(LETTERS, question.options, strict=False)
    return "\n".join([f"{number}. {question.question}", *(f"   {a}) {option.text}" for a, option in named)])
