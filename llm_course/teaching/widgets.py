"""The live side of a form: an anywidget that sends what the user did and shows the state that comes back.

Knows nothing about questions or puzzles: the caller gives a specification, a first state, and a function from
(message, state) to the next state. The browser's part is in ``front/*.js``; it loads nothing from the network.

Native HTML controls are used rather than ipywidgets' own, since those leave sliders without a name for screen
readers and cut long answers off.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from llm_course.errors import LLMCourseError

FRONT = Path(__file__).parent / "front"
State = dict[str, Any]  # what crosses to the browser as JSON, and so has no narrower type
Message = dict[str, Any]
Act = Callable[[Message, State], State]


class Form(Protocol):
    """What the course needs of a widget: its id, what it was made of, and what it shows now."""

    model_id: str
    spec: State
    state: State


@cache
def _form_class(kind: str) -> Any:
    import anywidget
    import traitlets

    script = "\n".join((FRONT / name).read_text(encoding="utf-8") for name in ("common.js", f"{kind}.js"))
    style = (FRONT / "forms.css").read_text(encoding="utf-8")
    traits = {
        "spec": traitlets.Dict().tag(sync=True),
        "state": traitlets.Dict().tag(sync=True),
        "_esm": script,
        "_css": style,
    }
    return type(f"Lesson{kind.capitalize()}", (anywidget.AnyWidget,), traits)


def make_form(kind: str, spec: State, state: State, act: Act) -> Form | None:
    """A widget, or ``None`` where anywidget is not installed.

    Args:
        kind: ``"choices"``, ``"parsons"`` or ``"playground"``: which script shows it.
        spec: what does not change. Keys that hold HTML hold escaped text.
        state: what changes. ``feedback`` is a list of HTML texts that are announced when they change.
        act: makes the next state of a message from the browser. Errors it raises are shown, never thrown: a
            traceback from a callback would end in a log that nobody reads.
    """
    try:
        form = _form_class(kind)(spec=spec, state={"turn": 0, "problem": "", **state})
    except ImportError:
        return None

    def receive(widget: Form, message: Message, buffers: object) -> None:
        old = {**widget.state, "problem": ""}
        try:
            new = act(message, old)
        except LLMCourseError as error:
            new = {**old, "problem": str(error)}
        except Exception as error:
            new = {**old, "problem": f"{type(error).__name__}: {error}"}
        # A new turn each time: the browser waits for it, also when nothing else has changed.
        widget.state = {**new, "turn": old["turn"] + 1}

    form.on_msg(receive)
    return form
