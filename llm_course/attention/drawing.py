"""What all pictures of attention share: tokens as labels, sizes that stay legible, words for the picture, saving.

Knows nothing about what is drawn. matplotlib is used through its ``Figure`` alone, so no window opens and no figure
stays in memory.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from llm_course.arguments import number_in
from llm_course.errors import BadInput, BadOption

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAP = "cividis"  # reads the same to colour-blind eyes and in grey
SHARE = "attention weight (share of the row)"
LOOKING, LOOKED_AT = "looking (query)", "looked at (key)"
LONGEST = 24  # characters of a token that a label shows
ENDINGS = (".png", ".svg")
PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # a token with $ is a token, no formula

_VISIBLE = {" ": "␣", "\n": "⏎", "\t": "⇥"}
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"}
_JOINERS = "\u200c\u200d"  # part of ordinary words in Persian and Hindi, and of emoji
# Fonts with many scripts, used for what matplotlib's own font lacks, where one of them is installed.
_WIDE_FONTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "Microsoft YaHei", "Yu Gothic",
    "Malgun Gothic", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Arial Unicode MS", "Noto Sans Devanagari",
    "Noto Sans Thai", "Nirmala UI", "Leelawadee UI", "FreeSans", "Unifont", "Noto Sans Symbols2", "Segoe UI Symbol",
)  # fmt: skip


def readable(token: str, longest: int = LONGEST) -> str:
    """A token as a label: blanks visible, what cannot be seen written as a code point, at most 24 characters.

    ``" a"`` becomes ``"␣a"``, a line feed ``"⏎"``, the empty token ``"∅"``, a control character or a mark that turns
    the direction of writing ``"\\\\u202e"``. Right-to-left text itself stays as it is.
    """
    token = str(token)
    out = []
    for place, one in enumerate(token if len(token) <= longest else token[: longest - 1]):
        if one in _VISIBLE:
            out.append(_VISIBLE[one])
        elif unicodedata.category(one) in _INVISIBLE and not (one in _JOINERS and 0 < place < len(token) - 1):
            out.append(_code_point(one))
        elif place == 0 and unicodedata.combining(one):
            out.append("◌" + one)
        else:
            out.append(one)
    return "".join([*out, "…" if len(token) > longest else ""]) or "∅"


def drawable(token: str, longest: int = LONGEST) -> str:
    """As :func:`readable`, for a picture: a character that no installed font has is written as its code point."""
    glyphs = _glyphs(tuple(families()))
    label = "".join(one if ord(one) in glyphs else _code_point(one) for one in readable(token, longest))
    return label if len(label) <= 2 * longest else label[: 2 * longest - 1] + "…"


def _code_point(one: str) -> str:
    code = ord(one)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def checked(values: Any, rows: Any, columns: Any) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Weights ``(rows, columns)`` as an array, and both sides' tokens, numbered where there are none.

    Raises:
        BadInput: not two-dimensional, empty, not finite, or other numbers of tokens.
    """
    values = np.asarray(values)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise BadInput(
            f"A picture takes finite numbers of the shape (rows, columns), not {values.dtype} of the shape "
            f"{values.shape}. Pick one head: weights[layer, head]."
        )
    sides = []
    for given, count, what in ((rows, values.shape[0], "rows"), (columns, values.shape[1], "columns")):
        names = tuple(str(i) for i in range(count)) if given is None else tuple(given)
        if len(names) != count:
            raise BadInput(f"The weights have {count} {what}, and there are {len(names)} tokens for them.")
        sides.append(names)
    return values, sides[0], sides[1]


def is_attention(found: Any) -> bool:
    """Whether this is an ``Attention`` (or has its names), not an array."""
    return hasattr(found, "head") and hasattr(found, "rows") and hasattr(found, "kind")


def chosen(
    found: Any, rows: Any, columns: Any, layer: int | None, head: int | None, what: str = "{kind} attention"
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...], str]:
    """What a picture shows of an ``Attention`` or an array: weights, both sides' tokens, and a title.

    Raises:
        BadOption: there is no such layer or head, or a head without its layer.
        BadInput: as :func:`checked`.
    """
    if not is_attention(found):
        if layer is not None or head is not None:
            raise BadOption("layer= and head= go with an Attention. From an array pick one head: weights[layer, head].")
        return *checked(found, rows, columns), ""
    values, where = _one_of(found, layer, head)
    title = f"{found.model}: {what.format(kind=found.kind)}, {where}"
    return *checked(values, found.rows, found.columns), title


def _one_of(found: Any, layer: int | None, head: int | None) -> tuple[np.ndarray, str]:
    if head is not None and layer is None:
        raise BadOption(f"head={head} needs its layer: give layer=, from 0 to {found.layers - 1}.")
    if layer is None:
        return found.mean(), "all layers and heads"
    if head is None:
        return found.mean(layer), f"layer {layer}, all heads"
    return found.head(layer, head), f"layer {layer}, head {head}"


def side(count: int) -> float:
    """Inches for so many tokens in a row: roomy to 24, then closer, at 80 still a label for each."""
    return max(1.7, 0.36 * min(count, 24) + 0.034 * max(0, min(count, 120) - 24))


def lettering(count: int, inches: float) -> tuple[float, int]:
    """Font size in points for so many labels in so many inches, and every how many-th label fits."""
    pitch = inches * 72 / count
    size = min(10.0, max(7.0, pitch / 1.2))
    return size, max(1, int(np.ceil(size * 1.2 / pitch - 0.01)))


def width_of(tokens: Sequence[str], size: float) -> float:
    """About how many inches the longest label takes; characters of East Asia count twice."""
    longest = max(sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in drawable(token)) for token in tokens)
    return longest * size * 0.6 / 72


def ticks(axis: Any, tokens: Sequence[str], size: float, step: int, **more: Any) -> None:
    """Label an axis (``axes.xaxis`` or ``axes.yaxis``) with tokens, each ``step``-th one, as plain text."""
    places = range(0, len(tokens), step)
    names = [drawable(tokens[i]) for i in places]
    axis.set_ticks(list(places), names, fontsize=size, fontfamily=families(), **PLAIN, **more)


def every(step: int) -> str:
    """Words for an axis label when labels are left out."""
    return "" if step == 1 else f"; every {step}{'nd' if step == 2 else 'rd' if step == 3 else 'th'} token is labeled"


def spoken(title: str) -> str:
    """A title for the alt text: one line, what cannot be seen as code points."""
    return " ".join(readable(word, 200) for word in title.split())


def set_title(axes: Axes, title: str, inches: float) -> None:
    """A title as plain text, broken into lines that fit so many inches."""
    lines = textwrap.fill(" ".join(drawable(word, 200) for word in title.split()), max(16, int(inches * 72 / 6.2)))
    axes.set_title(lines, fontsize=11, fontfamily=families(), **PLAIN)


def families() -> list[str]:
    """matplotlib's font family, followed by installed fonts that have what it lacks."""
    from matplotlib import font_manager, rcParams

    have = {font.name for font in font_manager.fontManager.ttflist}
    return [*rcParams["font.family"], *(name for name in _WIDE_FONTS if name in have)]


@cache
def _glyphs(families: tuple[str, ...]) -> frozenset[int]:
    """Code points of all characters that these families can draw."""
    from matplotlib import font_manager

    files = {font_manager.findfont(font_manager.FontProperties(family=[name])) for name in families}
    return frozenset().union(*(font_manager.get_font(file).get_charmap() for file in files))


def pooled(values: np.ndarray, most: int) -> np.ndarray:
    """The largest weights of blocks, so that at most ``most`` rows and columns are left: no thin line gets lost."""
    values = np.asarray(values)
    for axis in (0, 1):
        step = -(-values.shape[axis] // most)
        if step > 1:
            values = np.maximum.reduceat(values, np.arange(0, values.shape[axis], step), axis=axis)
    return values


def strongest(values: np.ndarray, rows: Sequence[str], columns: Sequence[str]) -> str:
    """In words, for the picture's alt text: what each row looks at most; of a long text, the ten largest weights."""
    best = values.argmax(axis=1)
    if len(rows) <= 24:
        each = [(i, int(best[i])) for i in range(len(rows))]
        start = "Each row's largest weight"
    else:
        order = np.argsort(-values[np.arange(len(rows)), best], kind="stable")[:10]
        each = [(int(i), int(best[i])) for i in order]
        start = f"{len(rows)} rows, {len(columns)} columns. The ten rows with the largest weights"
    names = [
        f"{readable(rows[i])} to {readable(columns[j])} {values[i, j]:.2f}"
        if len(rows) <= 24
        else f"{readable(rows[i])} (row {i}) to {readable(columns[j])} (column {j}) {values[i, j]:.2f}"
        for i, j in each
    ]
    return f"{start}: {'; '.join(names)}."


def save(figure: Figure, path: str | Path, dpi: int = 300) -> Path:
    """Save a figure for a paper or a page: as PNG, or as SVG whose text stays text.

    The figure's ``.alt`` goes into the file as its description, its title as the title. The same figure gives the
    same file: no date is stored.

    Args:
        figure: of :mod:`llm_course.attention.plots` and its neighbors, or any matplotlib figure.
        path: ends in ``.png`` or ``.svg``; the folder must exist.
        dpi: dots per inch of a PNG, from 30 to 1200; papers ask for 300. An SVG has no dots.

    Raises:
        BadOption: another ending, no such folder, or ``dpi`` out of range.
        BadInput: ``figure`` is no matplotlib figure.
    """
    if not hasattr(figure, "savefig"):
        raise BadInput(f"save() takes a matplotlib figure, not {type(figure).__name__}. From axes: axes.figure.")
    number_in("dpi", dpi, 30, 1200, int)
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise BadOption(f"A figure is saved as {' or '.join(ENDINGS)}, not as {path.suffix or 'a bare name'}.")
    if path.is_dir():
        raise BadOption(f"{path} is a folder. Give the path of a file in it.")
    if not path.parent.is_dir():
        raise BadOption(f"There is no folder {path.parent}. Make it first, or give another path.")
    from matplotlib import rc_context

    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)  # a first pass, so that a second save finds the layout as settled as the first one
    titles = [" ".join(axes.get_title().split()) for axes in figure.axes]
    metadata: dict[str, Any] = {
        "Title": next(filter(None, titles), ""),
        "Description": getattr(figure, "alt", ""),
        **({"Date": None} if ending == ".svg" else {"Software": None}),
    }
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "llm-course"}):
        figure.savefig(path, format=ending[1:], dpi=dpi, bbox_inches="tight", metadata=metadata)
    return path
