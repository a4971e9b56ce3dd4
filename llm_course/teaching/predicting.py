"""Predict, then compare: the learner commits to an answer before a cell runs, and the next cell says what it is.

Knows nothing about the question's subject. Predictions are kept in the progress file under their key.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_course.errors import BadOption
from llm_course.teaching import progress_file
from llm_course.teaching.output import emit, inline, literal
from llm_course.teaching.page_forms import form, share_record


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
    share_record()
    spec = {
        "key": key,
        "html": f"<b>Your prediction:</b> {inline(question)}",
        "options": [inline(text) for text in texts],
        "texts": texts,
    }
    items = "".join(f"<li>{inline(text)}</li>" for text in texts)
    static = f"<p>{spec['html']}</p><ul>{items}</ul><p><i>Run this cell, and you can choose here.</i></p>"
    plain = f"Your prediction, please: {question} ({', '.join(texts)})"
    emit(html=form("prediction", spec, static, "Prediction"), plain=plain)


def reveal(key: str, answer: object) -> None:
    """Say what was predicted and what it is. From then on the prediction stays as it is.

    The output itself is the same for every reader: the page puts what this reader predicted before it.
    """
    said = _bare(str(answer))

    def edit(data: progress_file.Data) -> None:
        data["predictions"].setdefault(str(key), {})["answer"] = said

    progress_file.change(edit)
    share_record()
    static = f"<p>The answer: <b>{literal(said)}</b>.</p>"
    emit(html=form("reveal", {"key": str(key), "answer": said}, static, "Answer"), plain=f"The answer: {said}.")


def _bare(text: str) -> str:
    """Without a full stop of its own, since the sentence brings one."""
    return text.strip().removesuffix(".")


def _record(key: str, choice: str) -> None:
    def edit(data: progress_file.Data) -> None:
        entry = data["predictions"].setdefault(key, {})
        if "answer" not in entry:  # once the answer is known, a prediction is none
            entry["choice"] = choice

    progress_file.change(edit)
