"""Forms as plain HTML with a script: they are judged in the page, and live wherever HTML lives.

Knows nothing about questions or models. A notebook that is opened again, a website, a hub without widgets: there is no
kernel in any of them, and a form works all the same. GitHub takes scripts away and shows the static form. Where there
is a kernel, models without a view (anywidget) carry the reader's record to its progress file, and a playground's values
to Python; ``front/link.js`` lists them for the forms.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from llm_course.errors import LLMCourseError
from llm_course.teaching import progress_file
from llm_course.teaching.output import in_kernel, is_stored, spaced

FRONT = Path(__file__).parent / "front"
# What each kind of form needs beside page.js and start.js: every output carries its script, and notebooks stay small.
SCRIPTS = dict.fromkeys(("prediction", "reveal", "quiz", "reset"), "questions.js")
SCRIPTS |= {"parsons": "parsons.js", "playground": "playground.js"}
_links: dict[str, Any] = {}  # by name: kept, or Python would forget the models and close them


def form(kind: str, spec: dict[str, Any], static: str, label: str) -> str:
    """A form as HTML: what shows without a script, and all that the script needs.

    Args:
        kind: which function of the scripts makes it: ``"prediction"``, ``"reveal"``, ``"quiz"``, ``"parsons"``,
            ``"playground"`` or ``"reset"``.
        spec: what the script reads. Keys that hold HTML hold escaped text.
        static: safe HTML for places without scripts.
        label: names the form for screen readers.
    """
    frame = spaced(static, label)
    attributes = f'class="lc-form" data-lc-spec="{veiled({"kind": kind, **spec})}"'
    html = frame.replace("<section", f"<section {attributes}", 1)
    if is_stored():  # the website brings the code of its forms itself
        return html
    return f"<style data-lc>{style()}</style>{html}<script data-lc>{script(SCRIPTS[kind])}</script>"


def veiled(value: Any) -> str:
    """A value as base64, so that nobody reads an answer by accident; it is not secret."""
    return base64.b64encode(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).decode()


@cache
def script(*own: str) -> str:
    """The script of forms in one line; ``own`` are the files of the kinds it shall know, all if none is named."""
    # A function around it, since scripts of several outputs meet on a page. A notebook stores every line of an output
    # apart, so all is one line: each statement ends with a semicolon, and comments have lines of their own.
    parts = "\n".join(
        (FRONT / name).read_text(encoding="utf-8")
        for name in ("page.js", *(own or sorted(set(SCRIPTS.values()))), "start.js")
    )
    lines = (line.strip() for line in parts.splitlines())
    return f"(() => {{ {' '.join(line for line in lines if line and not line.startswith('//'))} }})();"


@cache
def style() -> str:
    """The style of forms, in one line."""
    lines = (FRONT / "forms.css").read_text(encoding="utf-8").splitlines()
    return " ".join(line.strip() for line in lines if line and not line.startswith("/*"))


def share_record() -> None:
    """Let the page and this kernel's progress file tell each other what was done; once a kernel is enough."""

    def joined(message: dict[str, Any]) -> dict[str, Any]:
        return {"record": progress_file.join(message["record"])}

    _link("record", joined, keep=True)


def answer_page(name: str, act: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer what the playground called ``name`` sends: ``act`` makes its answer, errors become its ``problem``."""
    _link(name, act)


@cache
def _link_class() -> Any:
    import anywidget
    import traitlets

    traits = {"name": traitlets.Unicode().tag(sync=True), "_esm": (FRONT / "link.js").read_text(encoding="utf-8")}
    return type("LessonLink", (anywidget.AnyWidget,), traits)


def _link(name: str, act: Callable[[dict[str, Any]], dict[str, Any]], keep: bool = False) -> None:
    if not in_kernel() or (keep and name in _links):
        return
    try:
        link = _link_class()(name=name)
    except ImportError:  # no widget library here: forms work without, playgrounds say what is missing
        return

    def receive(widget: Any, message: Any, buffers: Any) -> None:
        answer: dict[str, Any] = {"problem": ""}
        try:
            answer |= act(message)
        except LLMCourseError as error:
            answer["problem"] = str(error)
        except Exception as error:  # a traceback from here would end in a log that nobody reads
            answer["problem"] = f"{type(error).__name__}: {error}"
        widget.send({**answer, "turn": message.get("turn")})

    link.on_msg(receive)
    if name in _links:
        _links[name].close()
    _links[name] = link
