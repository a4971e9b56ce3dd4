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
from llm_course.teaching.output import emit, inline, spaced
from llm_course.teaching.widgets import Form, Message, State, make_form

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
    emit(
        html=static_form(own, questions),
        plain=f"{title(own)}: {len(questions)} questions.",
        full=f"{title(own)}\n\n" + "\n\n".join(_as_text(i, question) for i, question in enumerate(questions, 1)),
        widget=lambda: live_form(own, questions),
    )


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
    return spaced("".join(parts), title(lesson))


def live_form(lesson: Lesson, questions: Sequence[Question]) -> Form | None:
    """The widget: a group of radio buttons and a button for each question."""
    spec = {
        "title": title(lesson),
        "questions": [
            {
                "html": heading(number, lesson, question),
                "options": [
                    f"{letter}) {inline(option.text)}"
                    for letter, option in zip(LETTERS, question.options, strict=False)
                ],
            }
            for number, question in enumerate(questions, 1)
        ],
        "buttons": [f"Check answer {number}" for number in range(1, len(questions) + 1)],
    }

    def act(message: Message, state: State) -> State:
        place, choice = int(message["question"]), int(message["choice"])
        right, why = judge(lesson, questions[place], choice)
        chosen, feedback = list(state["chosen"]), list(state["feedback"])
        chosen[place], feedback[place] = choice, f"<b>{'✓ Right' if right else '✗ Not right'}.</b> {inline(why)}"
        return {**state, "chosen": chosen, "feedback": feedback}

    blank = {"chosen": [-1] * len(questions), "feedback": [""] * len(questions)}
    return make_form("choices", spec, blank, act)


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
