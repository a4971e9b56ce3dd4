"""The attention explorer in Python: a live widget, a page of its own, and a picture, in one notebook output.

Knows nothing about how heads are encoded (``encoding.py``), how a page is put together (``page.py``), or how it looks
(``index.js`` and its modules, ``explorer.css``). It answers what the browser asks: a head, an average, a text to read
again.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import uuid
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_course.arguments import number_in
from llm_course.attention.explorer import encoding, page
from llm_course.errors import BadOption, LLMCourseError

if TYPE_CHECKING:
    from llm_course.attention.capture import Attention

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FIRST_MESSAGE = 450_000  # bytes of the widget's first message, script and style included
NAMED_PICTURE = 40  # tokens that the picture has room to name

Rerun = Callable[[str, "str | None"], "Attention"]


def explore(
    attention: Attention,
    other: Attention | None = None,
    *,
    measures: dict[str, np.ndarray] | None = None,
    rerun: Rerun | None = None,
    text: str = "",
    pair: str | None = None,
    view: dict[str, Any] | None = None,
    labels: tuple[str, str] | None = None,
    live: bool | None = None,
) -> Explorer:
    """Explore every head of an attention: in a notebook the last line of a cell shows it.

    Args:
        attention: what to explore.
        other: a second text or model, shown beside the first one.
        measures: further numbers to sort heads by, name to array ``(layers, heads)``. They belong to this text:
            after an edit they are gone, since nobody has taken them for the new one.
        rerun: takes the edited text and second text and gives a new attention; with it, and a live kernel, the
            text can be edited. The other side stays as it is.
        text, pair: what the edit fields say first; ``pair=None`` shows one field.
        view: what to show first, such as ``{"tab": "map", "layer": 3, "head": 1}``; :attr:`Explorer.view` of an
            earlier one is the view that it was left in.
        labels: names of the two sides.
        live: whether the output holds a widget that asks the kernel; without one it is a page that stands alone.
            ``None``: yes, but not in VS Code, which loads no widgets without a network (vscode-jupyter issue 16978).

    Raises:
        BadOption: a measure has another shape, or the view names something unknown.
    """
    return Explorer(
        attention, other, measures=measures, rerun=rerun, text=text, pair=pair, view=view, labels=labels, live=live
    )


def save_html(attention: Attention, path: str | Path, other: Attention | None = None, **options: Any) -> Path:
    """Write the explorer as one HTML file that works offline, and give its path; options as for :func:`explore`.

    Raises:
        BadOption: as :func:`explore`.
        OSError: the file cannot be written.
    """
    return explore(attention, other, **options).save_html(path)


class Explorer:
    """What :func:`explore` gives. In a notebook it shows itself; ``save_html(path)`` writes it as a page."""

    def __init__(
        self,
        attention: Attention,
        other: Attention | None = None,
        *,
        measures: dict[str, np.ndarray] | None = None,
        rerun: Rerun | None = None,
        text: str = "",
        pair: str | None = None,
        view: dict[str, Any] | None = None,
        labels: tuple[str, str] | None = None,
        live: bool | None = None,
    ) -> None:
        self._sides = [attention] if other is None else [attention, other]
        if labels is not None and len(labels) != len(self._sides):
            raise BadOption(f"There are {len(labels)} labels for {len(self._sides)} attentions. Give one for each.")
        self._labels = labels
        self._rerun, self._text, self._pair = rerun, text, pair
        self._view = checked(view or {})
        self._live = "VSCODE_PID" not in os.environ if live is None else live
        given = [measures, None]
        self._parts = [encoding.parts_of(one, number, given[number]) for number, one in enumerate(self._sides)]
        self._widget: Any = None

    def __repr__(self) -> str:
        """One line that is the same on every run."""
        return f"Explorer({'; '.join(_summary(one) for one in self._sides)})"

    @property
    def attention(self) -> Attention:
        """The attention that is shown, after edits the latest."""
        return self._sides[0]

    @property
    def view(self) -> dict[str, Any]:
        """What is shown now: tab, layer, head, pinned tokens, filters. ``explore(..., view=...)`` opens it again."""
        return dict(self._view if self._widget is None else self._widget.view)

    @property
    def labels(self) -> list[str]:
        """What the sides are called: by their models, or by their texts where one model read both."""
        if self._labels is not None:
            return list(self._labels)
        names = [str(one.model) for one in self._sides]
        if len(set(names)) == 1 and len(names) > 1:
            return [f"{name}: {_beginning(one)}" for name, one in zip(names, self._sides, strict=True)]
        return names

    def save_html(self, path: str | Path) -> Path:
        """Write one HTML file with every head, showing first what is shown now.

        It needs no network and no kernel. Weights in it are within 0.004 of the model's.
        """
        path = Path(path)
        with path.open("w", encoding="utf-8") as file:
            for piece in page.pieces(self._parts, self.labels, view=self.view, title=f"Attention of {self._title()}"):
                file.write(piece)
        return path

    def picture(self) -> tuple[bytes, str]:
        """A PNG of the first side, and what it shows in words: the mean over all heads, or of a long text all heads."""
        return _picture(self._parts[0][0], self.labels[0])

    def _title(self) -> str:
        return " and ".join(self.labels)

    # ---- in a notebook

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """Widget, page, picture and text in one; the front end takes the richest that it can show."""
        png, alt = self.picture()
        encoded = base64.b64encode(png).decode("ascii")
        bundle: dict[str, Any] = {
            "text/plain": repr(self),
            "image/png": encoded,
            "text/html": page.output(self._parts, self.labels, view=self.view, picture=encoded, alt=alt),
        }
        widget = self.widget() if self._live and _in_kernel() else None
        if widget is not None:
            found = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
            bundle[WIDGET_VIEW] = found | {"explorer": widget.key}  # by which the browser finds its cell
        return bundle

    def widget(self) -> Any:
        """The live widget, or ``None`` where anywidget is not installed."""
        if self._widget is None:
            try:
                spec, blocks = self._first_message()
                self._widget = _widget_class()(spec=spec, blocks=blocks, view=self._view, key=uuid.uuid4().hex)
            except ImportError:
                return None
            self._widget.on_msg(self._receive)
        return self._widget

    def _first_message(self) -> tuple[dict[str, Any], dict[str, bytes]]:
        """The specification and the first blocks: what the widget is made with."""
        spec: dict[str, Any] = {"sides": [], "rerun": self._rerun is not None, "text": self._text, "pair": self._pair}
        blocks: dict[str, bytes] = {}
        every = [part for side in self._parts for part in side]
        words = sum(len(encoding.to_json(encoding.describe(part.attention))) + 1000 for part in every)
        numbers = sum(len(part.overview.numbers()) for part in every)
        fixed = len(page.script().encode()) + len(page.style().encode()) + words + numbers
        room = max(20_000, FIRST_MESSAGE - fixed - 4000) // len(every)
        for label, side in zip(self.labels, self._parts, strict=True):
            described = []
            for part in side:
                facts, blocks[f"{part.name}.thumbnails"] = part.facts(room)
                blocks[f"{part.name}.measures"] = part.overview.numbers()
                described.append(facts)
            spec["sides"].append({"label": label, "kinds": described})
        return spec, blocks

    def _receive(self, widget: Any, message: Any, buffers: Any) -> None:
        """Answer the browser. Errors are shown there, never thrown: a callback's traceback is read by nobody."""
        if not isinstance(message, dict):
            return
        if message.get("type") == "rerun":
            self._run_again(widget, message)
            return
        try:
            data = self._asked(message)
        except Exception as error:
            widget.send({"id": message.get("id"), "problem": f"{type(error).__name__}: {error}"})
        else:
            widget.send({"id": message.get("id")}, buffers=[data])

    def _asked(self, message: dict[str, Any]) -> bytes:
        part = {part.name: part for side in self._parts for part in side}[message["data"]]
        if message["type"] == "head":
            return encoding.encode_head(part.attention, int(message["layer"]), int(message["head"]))
        if message["type"] == "rollout":
            assert part.overview.rollout is not None, "no rollout for this attention"
            return encoding.encode_weights(part.overview.rollout)
        return encoding.encode_mean(part.attention, [(int(layer), int(head)) for layer, head in message["heads"]])

    def _run_again(self, widget: Any, message: dict[str, Any]) -> None:
        assert self._rerun is not None
        text, pair = str(message.get("text", "")), message.get("pair")
        self._text, self._pair = text, None if pair is None else str(pair)
        try:
            attention = self._rerun(text, self._pair)
            parts = encoding.parts_of(attention)
        except Exception as error:
            problem = str(error) if isinstance(error, LLMCourseError) else f"{type(error).__name__}: {error}"
            widget.spec = {**widget.spec, "problem": problem, "text": text, "pair": self._pair, "turn": _turn(widget)}
            return
        self._sides[0], self._parts[0] = attention, parts
        spec, blocks = self._first_message()
        with widget.hold_sync():  # one message, so that tokens and pictures change together
            widget.blocks = blocks
            widget.spec = {**spec, "turn": _turn(widget)}


ALLOWED = {
    "tab": ("overview", "map", "lines", "pair", "compare"),
    "source": ("head", "average", "rollout"),
    "sort": ("layer", "down", "up"),
    "from": ("all", 0, 1),
    "to": ("all", 0, 1),
    "special": (True, False),
    "bySize": (True, False),
}
INDICES = ("side", "layer", "head", "layer2", "head2", "row", "col")  # numbers of things, counted from 0
MAY_BE_NONE = ("layer2", "head2", "row", "col", "kind", "set")  # may be None
VIEW_KEYS = (*ALLOWED, *INDICES, "kind", "measure", "shade", "set", "zoom")


def checked(view: dict[str, Any]) -> dict[str, Any]:
    """The view as plain data, if its names are known; numbers that are too large are brought into range by the browser.

    Raises:
        BadOption: a name is unknown, or a value is not allowed.
    """
    for name in view:
        if name not in VIEW_KEYS:
            raise BadOption(f"A view has no {name!r}. It has: {', '.join(VIEW_KEYS)}.")
    return {name: _checked(name, value) for name, value in view.items()}


def _checked(name: str, value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None and name in MAY_BE_NONE:
        return None
    if name in ALLOWED:
        if not any(value == one and type(value) is type(one) for one in ALLOWED[name]):
            some = ", ".join(map(str, ALLOWED[name]))
            raise BadOption(f"{name}={value!r} is not allowed in a view. Allowed: {some}.")
    elif name in INDICES:
        number_in(name, value, 0, 10**6, int)
    elif name == "zoom":
        number_in(name, value, -100, 100, int)
    elif name == "shade":
        number_in(name, value, 0.001, 1)
    elif name == "set":
        pairs = [tuple(one) if isinstance(one, (list, tuple, np.ndarray)) else () for one in _listed(value)]
        if any(len(one) != 2 for one in pairs):
            raise BadOption(f"set={value!r} is not allowed in a view: give a list of pairs (layer, head).")
        return [[_checked("layer", layer), _checked("head", head)] for layer, head in pairs]
    elif not isinstance(value, str):
        raise BadOption(f"{name}={value!r} is not allowed in a view: give a name.")
    return value


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else [None]


def _turn(widget: Any) -> int:
    """A number that is new each time, so that the browser hears of every answer, also of the same one twice."""
    return int(widget.spec.get("turn", 0)) + 1


def _summary(attention: Attention) -> str:
    size = f"{len(attention.rows)} x {len(attention.columns)} tokens"
    return f"{attention.model}, {attention.kind}, {attention.layers} layers x {attention.heads} heads, {size}"


def _beginning(attention: Attention) -> str:
    tokens = [t for t, special in zip(attention.rows, attention.row_special, strict=True) if not special]
    text = " ".join(" ".join(token.strip() for token in tokens[:6]).split())
    return text + (" …" if len(tokens) > 6 else "")


def _in_kernel() -> bool:
    """Whether this is a Jupyter kernel, so that a widget could find a front end. Never imports IPython itself."""
    module = sys.modules.get("IPython")
    return getattr(module.get_ipython() if module else None, "kernel", None) is not None


@cache
def _widget_class() -> Any:
    import anywidget
    import traitlets

    traits = {
        "spec": traitlets.Dict().tag(sync=True),
        "blocks": traitlets.Dict().tag(sync=True),
        "view": traitlets.Dict().tag(sync=True),
        "key": traitlets.Unicode().tag(sync=True),
        "_esm": page.script(),
        "_css": page.style(),
    }
    return type("AttentionExplorer", (anywidget.AnyWidget,), traits)


def _picture(part: encoding.Part, title: str) -> tuple[bytes, str]:
    from matplotlib.figure import Figure
    from PIL import Image  # which matplotlib itself needs

    from llm_course.attention.figures import drawing

    attention = part.attention
    named = max(len(attention.rows), len(attention.columns)) <= NAMED_PICTURE
    figure = Figure(figsize=(6.4, 5.6), dpi=100, layout="constrained")
    axes = figure.subplots()
    if named:
        values = attention.mean()
        what = f"mean over {attention.layers * attention.heads} heads"
        told = drawing.strongest(values, attention.rows, attention.columns)
        drawing.ticks(axes.xaxis, attention.columns, 8, 1, rotation=60, ha="right", rotation_mode="anchor")
        drawing.ticks(axes.yaxis, attention.rows, 8, 1)
        axes.set_xlabel(drawing.LOOKED_AT)
        axes.set_ylabel(drawing.LOOKING)
        image = axes.imshow(values, cmap=drawing.MAP, vmin=0, aspect="auto")
        figure.colorbar(image, label=drawing.SHARE)
    else:
        pooled = part.overview.pooled
        values = _mosaic(pooled)
        what = "all heads, each on its own scale"
        layer, head = (int(n) for n in np.unravel_index(pooled.max(axis=(2, 3)).argmax(), pooled.shape[:2]))
        told = f"The largest weight, {pooled[layer, head].max():.2f}, is in layer {layer}, head {head}."
        high, wide = values.shape[0] / attention.layers, values.shape[1] / attention.heads
        axes.set_xticks((np.arange(attention.heads) + 0.5) * wide, [str(n) for n in range(attention.heads)])
        axes.set_yticks((np.arange(attention.layers) + 0.5) * high, [str(n) for n in range(attention.layers)])
        axes.set_xlabel("head")
        axes.set_ylabel("layer")
        axes.imshow(values, cmap=drawing.MAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    title = f"{title}: {attention.kind} attention, {what}"
    drawing.set_title(axes, title, 5.2)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a letter that the font lacks is drawn as a box; no reason to warn a reader
        figure.savefig(file, format="png", metadata={"Software": None})
    # A notebook stores it twice, beside the page and in it: few colors keep it small.
    small = io.BytesIO()
    Image.open(file).convert("RGB").quantize(192, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue(), f"{drawing.spoken(title)}. {told}"


def _mosaic(pooled: np.ndarray) -> np.ndarray:
    """Thumbnails ``(layers, heads, height, width)`` side by side, each from 0 to 1, coarse enough for a small file."""
    layers, heads, high, wide = pooled.shape
    step = max(1, high // 16, wide // 16)
    cut = pooled[:, :, : high - high % step, : wide - wide % step]
    coarse = cut.reshape(layers, heads, cut.shape[2] // step, step, cut.shape[3] // step, step).max(axis=(3, 5))
    coarse = np.sqrt(coarse / np.maximum(coarse.max(axis=(2, 3), keepdims=True), 1e-9))
    framed = np.pad(coarse, ((0, 0), (0, 0), (0, 1), (0, 1)))
    return framed.transpose(0, 2, 1, 3).reshape(layers * framed.shape[2], heads * framed.shape[3])
