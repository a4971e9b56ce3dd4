"""One output for every reader: HTML, a short text, perhaps a picture, in one MIME bundle.

Knows nothing about quizzes or playgrounds. A front end takes the richest form that it can show. All text that
comes from outside goes through :func:`inline` or :func:`bar_table`, which escape it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

_EIGHTHS = " ▏▎▍▌▋▊▉"


def shell() -> Any:
    """The running IPython shell, or ``None`` in plain Python. Never imports IPython itself."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module else None


def in_kernel() -> bool:
    """Whether this is a Jupyter kernel, so that a widget could find a front end."""
    return getattr(shell(), "kernel", None) is not None


def emit(
    *,
    html: str,
    plain: str,
    full: str | None = None,
    metadata: dict[str, dict[str, str]] | None = None,
    **more: str,
) -> None:
    """Show one output.

    Args:
        html: the static form, safe HTML.
        plain: one short line that is the same on every run.
        full: what plain Python without IPython prints instead; ``plain`` if ``None``, nothing if empty.
        metadata: metadata by MIME type.
        more: further MIME types, ``image_png=...`` for ``image/png``.
    """
    if shell() is None:
        if full != "":
            print(plain if full is None else full)
        return
    from IPython.display import display

    bundle: dict[str, object] = {"text/plain": plain}
    if html:
        bundle["text/html"] = html
    for name, value in more.items():
        bundle[name.replace("_", "/", 1)] = value
    display(bundle, raw=True, metadata=metadata or {})


def is_stored() -> bool:
    """Whether outputs are to be stored in the repository: LLM_COURSE_OUTPUT=stored, where lessons are built and tested.

    Stored outputs hold what every viewer of notebooks shows, and no code that would change them all when it changes.
    """
    return os.environ.get("LLM_COURSE_OUTPUT") == "stored"


def inline(text: str) -> str:
    """Text as HTML: escaped, with `` `code` `` between backticks set as code and line breaks kept."""
    return re.sub(r"`([^`\n]+)`", r"<code>\1</code>", literal(text))


def literal(text: str) -> str:
    """Text as HTML, with nothing in it taken for markup; for what users and models write."""
    return escape(str(text)).replace("\n", "<br>")


def spaced(html: str, label: str) -> str:
    """The frame around a static form; ``label`` names it for screen readers."""
    style = "border-left:4px solid #3b6ea5;padding:.4em .9em;margin:.4em 0;max-width:60em"
    return f'<section aria-label="{escape(label)}" style="{style}">{html}</section>'


def bar(share: float, width: int = 24, track: bool = False) -> str:
    """A share of 0 to 1 as block characters: it survives every sanitizer, and needs no color.

    With ``track`` the rest up to ``width`` shows as well, in whole characters; all of it only when nothing is missing.
    """
    share = min(max(share, 0.0), 1.0)
    if track:
        whole = int(share * width)
        return "█" * whole + "░" * (width - whole)
    eighths = round(share * width * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def bar_table(
    caption: str,
    rows: Iterable[tuple[str, float, str]],
    *,
    head: tuple[str, str],
    mono: bool = False,
    track: bool = False,
) -> str:
    """A table of bars: label, bar and figure in each row.

    Args:
        caption: what the table shows.
        rows: label, share from 0 to 1, and the figure as text.
        head: headings of the label and the figure column.
        mono: whether labels are set in a fixed-width font, as tokens are.
        track: whether the missing part of a bar shows.
    """
    # A bar that grows must not move the columns.
    wide = ' style="text-align:left;white-space:pre;min-width:17em"'
    cell, left = ' style="text-align:left;white-space:pre"', ' style="text-align:left"'
    body = "".join(
        f'<tr><th scope="row"{cell}>{_label(label, mono)}</th>'
        f'<td aria-hidden="true"{wide}>{bar(share, track=track)}</td><td{left}>{escape(figure)}</td></tr>'
        for label, share, figure in rows
    )
    top = f'<tr><th scope="col"{left}>{escape(head[0])}</th><td></td><th scope="col"{left}>{escape(head[1])}</th></tr>'
    return (
        f'<table><caption style="text-align:left;white-space:nowrap">{escape(caption)}</caption>'
        f"<thead>{top}</thead><tbody>{body}</tbody></table>"
    )


def bars(caption: str, rows: Iterable[tuple[str, float, str]], token: Callable[[str], str] | None = None) -> str:
    """Bars drawn by the form's style, with the figures as text beside them; without the style a list of figures.

    Args:
        caption: what the bars show.
        rows: label, share from 0 to 1, and the figure as text.
        token: makes of a label what a click on it appends to the prompt; labels are no buttons without.
    """
    lines = []
    for label, share, figure in rows:
        name = f"<span>{escape(label)}</span>"
        if token is not None:
            data = f'data-token="{escape(token(label))}" aria-label="Append {escape(label)} to the prompt"'
            name = f'<button type="button" class="lc-token" {data}>{escape(label)}</button>'
        lines.append(
            f'<li>{name}<div class="lc-bar" aria-hidden="true" style="width:{min(max(share, 0), 1):.1%}"></div>'
            f"<span>{escape(figure)}</span></li>"
        )
    return f'<p>{escape(caption)}</p><ul class="lc-bars">{"".join(lines)}</ul>'


def _label(label: str, mono: bool) -> str:
    return f"<code>{escape(label)}</code>" if mono else escape(label)
