"""Playgrounds: move a slider or change a text, and see at once what a use case makes of it.

Knows nothing about models: what a playground shows is made by a plain function in ``panels.py``, which calls a use case
of the course, and which also makes the static form.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from llm_course.errors import LLMCourseError
from llm_course.teaching import panels
from llm_course.teaching.output import emit, literal
from llm_course.teaching.page_forms import answer_page, form
from llm_course.teaching.panels import Model, Panel, Values

if TYPE_CHECKING:
    from llm_course.use_cases.embodied import Episode
    from llm_course.worlds.scenes import Scene
    from llm_course.worlds.tabletop import Table


def decoding_playground(prompt: str, model: Model = None) -> None:
    """Two settings of temperature, top-k and top-p side by side: the next token's probabilities, and a text each.

    ``prompt`` is where the reader starts; it can be changed, and a click on a token appends it.
    """
    controls = [_text("prompt", "Prompt", rows=2)]
    start: Values = {"prompt": prompt, "seed": 0}
    for column, ending, temperature in (("Setting A", "", 0.7), ("Setting B", "_b", 1.3)):
        for control, value in (
            (_range("temperature", "Temperature", 0, 2, 0.1, names={"0": "0 (greedy)"}), temperature),
            (_range("top_k", "Top-k", 0, 50, 1, names={"0": "0 (off)"}), 0),
            (_range("top_p", "Top-p", 0.05, 1, 0.05, names={"1": "1 (off)"}), 1.0),
        ):
            controls.append({**control, "name": control["name"] + ending, "column": column})
            start[control["name"] + ending] = value

    def panel(values: Values) -> Panel:
        return panels.decoding(values, model)

    _playground(
        "Decoding playground",
        "How does the prompt go on? Compare two settings.",
        controls,
        start,
        panel,
        "Draw other texts",
        grows="prompt",
    )


def sentiment_playground(text: str, model: Model = None) -> None:
    """A text box: the probabilities of the three classes."""
    controls = [_text("text", "Text", rows=2)]

    def panel(values: Values) -> Panel:
        return panels.sentiment(values, model)

    _playground("Sentiment playground", "Change the text.", controls, {"text": text}, panel, "Show the feeling")


def summary_playground(text: str, model: Model = None) -> None:
    """A text area and a number of sentences: the summary, and how it was made."""
    controls = [_text("text", "Text", rows=8), _range("sentences", "Sentences", 1, 6, 1)]

    def panel(values: Values) -> Panel:
        return panels.summary(values, model)

    start = {"text": text, "sentences": 2}
    _playground("Summary playground", "Change the text or the length.", controls, start, panel, "Summarize")


def translation_playground(text: str, model: Model = None) -> None:
    """A text box and a number of beams: the translation from English to French."""
    controls = [_text("text", "English text", rows=2), _range("beams", "Beams", 1, 8, 1, names={"1": "1 (greedy)"})]

    def panel(values: Values) -> Panel:
        return panels.translation(values, model)

    start = {"text": text, "beams": 4}
    _playground("Translation playground", "Change the text or the beams.", controls, start, panel, "Translate")


def chat_box(first: str, system: str = "", model: Model = None) -> None:
    """A conversation: type the next turn, send it, read the reply. Another system message begins a new conversation.

    The conversation is kept by the box, not by the model, which reads all of it again at every turn.
    """
    controls = [
        _text("system", "System message (may be empty; another one begins anew)", rows=1),
        _text("text", "You", rows=2),
    ]
    history: list[dict[str, str]] = []
    told = [system]

    def panel(values: Values) -> Panel:
        if values["system"] != told[0]:
            history.clear()
            told[0] = values["system"]
        return panels.conversation(values, history, model)

    start = {"system": system, "text": first}
    _playground("Chat box", "Type what you say, then press the button.", controls, start, panel, "Send")


def scene_playground(
    scene: Scene | None = None, question: str = "what color is the star?", model: Model = None
) -> None:
    """A picture on which the reader chooses and places a shape, and a question about it.

    ``scene`` is what else is on the picture (``lc.scenes.scene(...)``); nothing if ``None``.
    """
    from llm_course.worlds import scenes

    controls = [
        _choice("shape", "Shape", scenes.SHAPES),
        _choice("color", "Color", tuple(scenes.COLORS)),
        _choice("size", "Size", tuple(scenes.SIZES)),
        _range("across", "From the left (%)", 15, 85, 5),
        _range("down", "From the top (%)", 15, 85, 5),
        _text("question", "Question", rows=1),
    ]
    start = {"shape": "star", "color": "red", "size": "big", "across": 30, "down": 40, "question": question}

    def panel(values: Values) -> Panel:
        own = (values["shape"], values["color"], values["size"], values["across"] / 100, values["down"] / 100)
        drawn = scenes.scene(*(scene.things if scene is not None else ()), own)
        return panels.scene(drawn, values["question"], model)

    task = "Choose a shape and its place, and ask about the picture."
    _playground("Scene playground", task, controls, start, panel, "Ask")


def robot_playground(instruction: str, table: Table, model: Model = None, *, slip: float = 0.2) -> None:
    """An instruction and a step control: the table after each step, and the plans. ``table`` itself stays."""
    from llm_course.use_cases.embodied import carry_out

    controls = [
        _text("instruction", "Instruction", rows=1),
        _range("slip", "Share of steps that slip", 0, 0.6, 0.1, names={"0": "0 (none)"}),
        _range("step", "Step", 0, 20, 1, names={"0": "0 (start)"}),
    ]
    kept: dict[tuple[str, float, int], Episode] = {}  # so that the step control does not ask the model again

    def panel(values: Values) -> Panel:
        key = (values["instruction"], values["slip"], values["seed"])
        if key not in kept:
            trial = table.copy(slip=values["slip"], seed=values["seed"])
            kept.clear()
            kept[key] = carry_out(values["instruction"], trial, model=model)
        return panels.robot(kept[key], values["step"])

    start = {"instruction": instruction, "slip": slip, "step": 0, "seed": 0}
    _playground("Robot playground", "Move the step control.", controls, start, panel, "Try once more")


def _range(name: str, label: str, least: float, most: float, step: float, names: Values | None = None) -> Values:
    limits = {"min": least, "max": most, "step": step}
    return {"kind": "range", "name": name, "label": label, **limits, "names": names or {}}


def _choice(name: str, label: str, options: tuple[str, ...]) -> Values:
    return {"kind": "choice", "name": name, "label": label, "options": list(options)}


def _text(name: str, label: str, rows: int) -> Values:
    return {"kind": "text", "name": name, "label": label, "rows": rows}


def _playground(
    title: str,
    task: str,
    controls: list[Values],
    start: Values,
    panel: Callable[[Values], Panel],
    button: str,
    grows: str = "",
) -> None:
    """Show a playground: its static form holds what the start values give.

    The start values are the author's, so an error there is raised; later ones are the user's, so it is shown. A token
    that is clicked goes to the end of the control called ``grows``.
    """
    first, _ = panel(start)
    shown = [{**control, "value": start[control["name"]]} for control in controls]
    # Two playgrounds that are alike in all of this may answer for one another.
    name = "playground-" + hashlib.sha256(json.dumps([title, task, shown]).encode()).hexdigest()[:12]
    answer_page(name, _turn(controls, start, panel))
    html = f"<b>{title}.</b> {literal(task)}"
    spec = {"name": name, "html": html, "controls": shown, "button": button, "first": first, "grows": grows}
    settings = "".join(
        f"<li>{literal(' '.join(filter(None, [control.get('column'), control['label']])))}: "
        f"{literal(_named(control, control['value']))}</li>"
        for control in shown
    )
    static = f"<p>{html} <i>Run this cell, and the controls move.</i></p><ul>{settings}</ul>{first}"
    said = ", ".join(f"{c['label']} {_named(c, c['value'])}" for c in shown if c["kind"] == "range")
    emit(html=form("playground", spec, static, title), plain=f"{title}{': ' if said else '.'}{said}")


def _named(control: Values, value: object) -> str:
    """A control's value as text: without a needless ``.0``, and with its name if it has one."""
    text = f"{value:g}" if isinstance(value, (int, float)) else str(value)
    return control.get("names", {}).get(text, text)


def _turn(controls: list[Values], start: Values, panel: Callable[[Values], Panel]) -> Callable[[Values], Values]:
    """What happens when the browser sends values: only known ones, within their range, reach the panel."""
    values = dict(start)

    def act(message: Values) -> Values:
        for control in controls:
            given = message["values"][control["name"]]
            if control["kind"] == "text":
                values[control["name"]] = str(given)
            elif control["kind"] == "choice":
                values[control["name"]] = given if given in control["options"] else values[control["name"]]
            else:
                bounded = min(max(float(given), control["min"]), control["max"])
                values[control["name"]] = int(bounded) if isinstance(control["step"], int) else round(bounded, 2)
        if "seed" in values and message.get("pressed"):
            values["seed"] += 1
        try:
            shown, said = panel(values)
        except LLMCourseError as error:
            said = f"This does not work: {error}"
            shown = f"<p>{literal(said)}</p>"
        return {"html": shown, "said": said}

    return act
