"""Predict, then compare: the learner commits to an answer before a cell runs, and the next cell says what it is.

Knows nothing about the question's subject. Predictions are kept in the progress file under their key.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_course.errors import BadOption
from llm_course.teaching import progress_file
from llm_course.teaching.output import emit, inline, spaced
from llm_course.teaching.widgets import Form, Message, State, make_form


def predict(key: str, question: str, options: Sequence[str], choice: str | None = None) -> None:
    """Ask for a prediction: radio buttons and a button that records the choice.

    Args:
        key: the name under which :func:`reveal` finds the prediction.
        question: plain text; `` `code` `` between backticks is set as code.
        options: two or more answers, all different.
        choice: records this option at once, for places without buttons.

    Raises:
        BadOption: the options are not two or more different texts, or ``choice`` is none of them.
    """
    texts = [str(option) for option in options] if not isinstance(options, str) else []
    if len(texts) < 2 or len(set(texts)) < len(texts) or not all(text.strip() for text in texts):
        raise BadOption("predict() needs two or more options, all different and none blank, as a list.")
    key = str(key)
    if choice is not None:
        if str(choice) not in texts:
            raise BadOption(f"choice={choice!r} is no option. Options: {', '.join(map(repr, texts))}.")
        _record(key, str(choice))
    plain = f"Your prediction, please: {question} ({', '.join(texts)})"
    emit(html=static_form(key, question, texts), plain=plain, widget=lambda: live_form(key, question, texts))


def static_form(key: str, question: str, texts: list[str]) -> str:
    """Question and options as HTML, readable where no button works."""
    items = "".join(f"<li>{inline(text)}</li>" for text in texts)
    return spaced(f"<p><b>Your prediction:</b> {inline(question)}</p><ul>{items}</ul>", "Prediction")


def live_form(key: str, question: str, texts: list[str]) -> Form | None:
    """The widget: a group of radio buttons, and a button that records the choice."""
    before = _recorded(key)
    chosen = texts.index(before) if before in texts else -1
    spec = {
        "title": "Prediction",
        "questions": [{"html": f"<b>Your prediction:</b> {inline(question)}", "options": [inline(t) for t in texts]}],
        "buttons": ["Record my prediction"],
    }

    def act(message: Message, state: State) -> State:
        number = int(message["choice"])
        _record(key, texts[number])
        return {**state, "chosen": [number], "feedback": [_said(texts[number])]}

    state = {"chosen": [chosen], "feedback": [_said(texts[chosen]) if chosen >= 0 else ""]}
    return make_form("choices", spec, state, act)


def _said(text: str) -> str:
    return f"Recorded: <b>{inline(text)}</b>. Now run the next cell and compare."


def reveal(key: str, answer: object) -> None:
    """Say what was predicted and what it is; both go into the progress file.

    Prints exactly one line: "You predicted X. The answer: Y." or "No prediction recorded. The answer: Y."
    """
    said = str(answer).strip()

    def edit(data: progress_file.Data) -> None:
        data["predictions"].setdefault(str(key), {})["answer"] = said

    before = progress_file.change(edit)["predictions"][str(key)].get("choice")
    first = f"You predicted {_bare(before)}." if before is not None else "No prediction recorded."
    print(f"{first} The answer: {_bare(said)}.")


def _bare(text: str) -> str:
    """Without a full stop of its own, since the sentence brings one."""
    return text.strip().removesuffix(".")


def _record(key: str, choice: str) -> None:
    def edit(data: progress_file.Data) -> None:
        data["predictions"].setdefault(key, {})["choice"] = choice

    progress_file.change(edit)


def _recorded(key: str) -> str | None:
    return progress_file.read()["predictions"].get(key, {}).get("choice")
