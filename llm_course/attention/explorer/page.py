"""The explorer as one HTML page that needs nothing else: no server, no network, no kernel.

Knows nothing about models or notebooks: it puts the blocks of ``encoding.py`` between script and style.
Blocks come in the order in which they are shown, so that the first picture is painted while the rest
is still being read.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_course.attention.explorer import encoding
from llm_course.attention.explorer.encoding import Part
from llm_course.attention.explorer.modules import join

if TYPE_CHECKING:
    from llm_course.attention.capture import Attention

HERE = Path(__file__).parent
PAGE_THUMBNAILS = 600_000  # bytes of a saved page's overview
OUTPUT_WHOLE = 200_000  # a notebook's output carries every head if these take no more bytes than this
OUTPUT_THUMBNAILS = 60_000  # else it carries a coarse overview and what is shown first
KEPT_WEIGHTS = 1_500_000  # an average or a rollout of more weights than these is left out of a notebook's output
# The page may run what it contains and nothing else: even a fault in it could ask nothing of the network.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


@cache
def script() -> str:
    """The explorer's modules as the text of one, which exports ``render`` for a widget and knows ``startPage``."""
    return join(HERE / "index.js")


@cache
def style() -> str:
    return (HERE / "explorer.css").read_text(encoding="utf-8")


def pieces(
    parts: list[list[Part]],
    labels: list[str],
    *,
    view: dict[str, Any] | None = None,
    title: str = "Attention explorer",
    kept: dict[str, bytes] | None = None,
    thumbnails: int = PAGE_THUMBNAILS,
) -> Iterator[str]:
    """The page, piece by piece; joined they are the HTML.

    Args:
        parts: for each side its kinds of attention.
        labels: the sides' names.
        view: what the page shows first, as the explorer's ``view``.
        title: the page's title.
        kept: all that the page can show, by the names of :func:`first_shown`; ``None`` for every head and rollout.
        thumbnails: the most bytes that one overview takes.
    """
    spec: dict[str, Any] = {"view": view or {}, "sides": []}
    first: list[str] = []
    for label, side in zip(labels, parts, strict=True):
        described = []
        for part in side:
            facts, images = part.facts(thumbnails)
            if kept is not None:
                facts |= {
                    "rollout": f"{part.name} rollout" in kept,
                    "noRollout": "in the live notebook or a saved page",
                }
            described.append(facts)
            first += [
                _block(f"{part.name}.thumbnails", images),
                _block(f"{part.name}.measures", part.overview.numbers()),
            ]
        spec["sides"].append({"label": label, "kinds": described})
    yield (
        f'<!doctype html>\n<html lang="en" class="lcx-page"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>\n{style()}</style></head><body>"
        f'<main><h1 class="lcx-unseen">{escape(title)}</h1>'
        f"<div data-explorer><noscript>This page draws with JavaScript, which is switched off here.</noscript></div>"
        f"</main>\n"
        f'<script type="application/json" data-block="spec">{encoding.to_json(spec)}</script>\n'
    )
    yield from first
    # "async" starts a module that stands in the page at once, not only when all heads have been read.
    yield f'<script type="module" async>\n{script()}\nstartPage(document);\n</script>\n'
    for name, data in (kept or {}).items():
        yield _block(f"kept {name}", encoding.compress(data))
    for part in (part for side in parts for part in side if kept is None):
        for layer in range(part.attention.layers):
            heads = encoding.encode_layer(part.attention, layer)
            yield _block(f"{part.name}.layer.{layer}", " ".join("~" * shared + _text(data) for shared, data in heads))
        if part.overview.rollout is not None:
            yield _block(f"{part.name}.rollout", encoding.compress(encoding.encode_weights(part.overview.rollout)))
    yield "</body></html>\n"


def output(
    parts: list[list[Part]], labels: list[str], *, view: dict[str, Any], picture: str = "", alt: str = ""
) -> str:
    """The page as a notebook's ``text/html``: in a frame of its own, so that its style and script stay inside.

    The frame is sandboxed: the page runs, but reaches neither the notebook nor its cookies. In a notebook that is not
    trusted JupyterLab takes the frame's content and the attribute "hidden" away; what remains is the picture.
    Of a long text it carries a coarse overview and what is shown first.

    Args:
        parts, labels, view: as for :func:`pieces`.
        picture: a PNG in base64; left out if empty.
        alt: what the picture shows, in words.
    """
    size = sum(_bytes_of(part.attention) for side in parts for part in side)
    kept = None if size <= OUTPUT_WHOLE else dict(first_shown(parts, view))
    room = PAGE_THUMBNAILS if kept is None else OUTPUT_THUMBNAILS
    html = "".join(pieces(parts, labels, view=view, kept=kept, thumbnails=room))
    inside = html.replace("&", "&amp;").replace("'", "&#39;")
    image = f'<img hidden src="data:image/png;base64,{picture}" alt="{escape(alt)}">' if picture else ""
    return (
        f'<iframe title="Attention explorer" sandbox="allow-scripts allow-downloads" loading="lazy" '
        f"style=\"width:100%;height:900px;border:0\" srcdoc='{inside}'></iframe>{image}"
    )


def first_shown(parts: list[list[Part]], view: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """What a view shows first: of every kind of attention one head, and an average or a rollout that is looked at.

    The names are those by which ``view_state.js`` (``questionOf``) looks for them.
    """
    first = min(view.get("side") or 0, len(parts) - 1)
    for number, part in ((number, part) for number, side in enumerate(parts) for part in side):
        attention = part.attention
        wanted = {"layer": view.get("layer") or 0, "head": view.get("head") or 0}
        if view.get("tab") == "compare" and number != first:
            wanted |= {name: view[f"{name}2"] for name in wanted if view.get(f"{name}2") is not None}
        layer, head = min(wanted["layer"], attention.layers - 1), min(wanted["head"], attention.heads - 1)
        yield f"{part.name} head {layer} {head}", encoding.encode_head(attention, layer, head)
        if len(attention.rows) * len(attention.columns) > KEPT_WEIGHTS:
            continue
        if view.get("source") == "rollout" and part.overview.rollout is not None:
            yield f"{part.name} rollout", encoding.encode_weights(part.overview.rollout)
        if view.get("source") == "average":
            chosen = view.get("set") or [(layer, one) for one in range(attention.heads)]
            chosen = [(a, b) for a, b in chosen if a < attention.layers and b < attention.heads]
            if chosen:
                name = ",".join(f"{a},{b}" for a, b in chosen)
                yield f"{part.name} mean {name}", encoding.encode_mean(attention, chosen)


def _bytes_of(attention: Attention) -> int:
    """About what all heads of it take: a byte for each number of queries and keys, or for each weight."""
    query = attention.query(0, 0) if attention.recorded else None
    rows, columns = len(attention.rows), len(attention.columns)
    each = rows * columns if query is None else (rows + columns) * query.shape[1]
    return attention.layers * attention.heads * each


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _block(name: str, data: bytes | str) -> str:
    text = data if isinstance(data, str) else _text(data)
    return f'<script type="application/octet-stream" data-block="{escape(name)}">{text}</script>\n'
