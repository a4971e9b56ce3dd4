"""What a head does, in one number: where its weights go, and how widely they spread.

Knows nothing about models, capture or pictures. It reads any object with the names of
:class:`llm_course.attention.capture.Attention`, one head at a time: the weights of two heads are never in memory at
once, so a text of thousands of tokens can be measured.

Every measure is a mean over rows (tokens that look), and every row counts alike. A row counts only where the head has
a choice and can do what is measured: it sees at least two columns, and among them the columns in question. So the
first token of a decoder, which sees itself alone, raises no head's score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from llm_course.attention.kinds import KINDS
from llm_course.errors import BadInput, BadOption

if TYPE_CHECKING:
    from llm_course.attention.capture import Attention

MASKED = -3e4  # a bias below this forbids a column: -inf, or the least number of float16 or float32
UNREADABLE = "\ufffd"  # shown for a token that is part of a character: which part, the text does not say


@dataclass(frozen=True)
class Measure:
    """What can be asked of a head.

    Attributes:
        name: as :func:`measure` and ``find`` take it.
        unit: ``"bits"``, ``"tokens"`` or ``"share"``.
        asks: the question that the number answers, in a sentence.
        kinds: the kinds of attention that can be asked.
        also: other names by which it is found.
    """

    name: str
    unit: str
    asks: str
    kinds: tuple[str, ...] = KINDS
    also: tuple[str, ...] = ()


SELF = ("encoder", "decoder")
MEASURES: Mapping[str, Measure] = {
    one.name: one
    for one in (
        Measure("entropy", "bits", "How widely are the weights of a token spread?"),
        Measure("normalized entropy", "share", "How widely, as a share of the widest that is possible?"),
        Measure("mean distance", "tokens", "How far away is what a token looks at?", SELF, ("distance",)),
        Measure("diagonal", "share", "How much of its weight does a token keep for itself?", SELF, ("self",)),
        Measure("previous token", "share", "How much goes to the token just before?", SELF, ("previous",)),
        Measure("next token", "share", "How much goes to the token just after?", ("encoder",), ("next",)),
        Measure("first token", "share", "How much goes to the first token?", also=("first",)),
        Measure(
            "separators", "share", "How much goes to special tokens other than the first token?", also=("separator",)
        ),
        Measure("special tokens", "share", "How much goes to special tokens?", also=("special",)),
        Measure("induction", "share", "How much goes to the token after an earlier copy of the token?", SELF),
        Measure("same token", "share", "How much goes to earlier copies of the token?", SELF, ("duplicate token",)),
    )
}


def entropy(weights: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Mean entropy of the rows, in bits: 0 if each row looks at one column, ``log2(columns)`` if at all alike.

    Clark and others 2019, "What does BERT look at?" (arXiv 1906.04341), section 3.3. A decoder's row ``i`` sees
    ``i + 1`` columns, so the entropy of a decoder's head grows with the text; :func:`normalized_entropy` does not.

    Args:
        weights: ``(..., rows, columns)``; every row sums to 1.
        visible: bool ``(rows, columns)``, which columns a row may look at; ``None`` for all.

    Returns:
        ``(...)``, from 0 to ``log2(columns)``; NaN if no row has a choice.
    """
    sees = _View.plain(weights, visible)
    return _over(row_entropy(weights), sees.choice)


def normalized_entropy(weights: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Mean over rows of entropy divided by ``log2`` of the columns that the row sees: 0 for one column, 1 for all.

    Divided by what the row *sees*, not by the length of the text: so early and late tokens of a decoder, windows and
    texts of different lengths can be compared. Arguments as for :func:`entropy`.

    Returns:
        ``(...)``, from 0 to 1; NaN if no row has a choice.
    """
    sees = _View.plain(weights, visible)
    return _over(row_entropy(weights) / sees.widest, sees.choice)


def row_entropy(weights: np.ndarray) -> np.ndarray:
    """Entropy of each row in bits: ``(..., rows, columns)`` to ``(..., rows)``; 0 times log 0 is 0."""
    weights = np.asarray(weights)
    logs = np.log2(np.where(weights > 0, weights, 1))
    return -np.einsum("...ij,...ij->...i", weights, logs)


def mean_distance(weights: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Mean distance in tokens between the one who looks and what it looks at, each column by its weight.

    Vig and Belinkov 2019, "Analyzing the structure of attention in a transformer language model" (arXiv 1906.04284).
    For self-attention only: rows and columns are the same tokens. Arguments as for :func:`entropy`.

    Returns:
        ``(...)``, from 0 to ``columns - 1``; NaN if no row has a choice.
    """
    sees = _View.plain(weights, visible)
    return _over(np.einsum("...ij,ij->...i", weights, sees.steps), sees.choice)


def share(weights: np.ndarray, target: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Mean over rows of the weight that goes to the target columns; rows without a target do not count.

    All measures of the unit "share" but :func:`normalized_entropy` are this, with the targets of :func:`targets`.

    Args:
        weights: ``(..., rows, columns)``; every row sums to 1.
        target: bool ``(rows, columns)``, the columns in question.
        visible: bool ``(rows, columns)``, which columns a row may look at; ``None`` for all.

    Returns:
        ``(...)``, from 0 to 1; NaN if no row counts.
    """
    target = np.asarray(target, dtype=bool)
    if target.shape != np.shape(weights)[-2:]:
        raise BadInput(f"target has the shape {target.shape}, the weights {np.shape(weights)}: they must agree.")
    return _View.plain(weights, visible).cells(np.nonzero(target)).share(np.asarray(weights))


def targets(
    name: str, rows: int, *, tokens: Iterable[str] = (), special: Iterable[bool] = (), columns: int | None = None
) -> np.ndarray:
    """The columns that a measure asks about: bool ``(rows, columns)``.

    - ``"diagonal"``: the token itself. ``"previous token"``, ``"next token"``: one before, one after (Clark and
      others 2019, arXiv 1906.04341, section 3.1).
    - ``"first token"``: column 0, in self-attention for every row but the first, whose own token it is. Much weight
      rests there when a head finds nothing (Xiao and others 2023, arXiv 2309.17453: "attention sink").
    - ``"separators"``, ``"special tokens"``: columns marked in ``special``, without and with the first column
      (Clark and others 2019, section 3.2).
    - ``"induction"``: the token after each earlier copy of the row's token, but not the row itself (Olsson and others
      2022, arXiv 2209.11895). Meant for texts that repeat: such a head can continue "A B ... A" with "B".
    - ``"same token"``: each earlier copy of the row's token (Wang and others 2022, arXiv 2211.00593: "duplicate
      token heads").

    Copies are tokens of the same text that are not special; a token shown as U+FFFD is no copy of another.

    Args:
        name: of a measure.
        rows: how many tokens look.
        tokens: their texts, to find copies.
        special: per column, whether it is a special token.
        columns: for cross-attention, how many tokens are looked at; ``None``: rows and columns are the same tokens.

    Raises:
        BadOption: the measure has no targets; the message lists those that have.
    """
    own, columns = columns is None, rows if columns is None else columns
    marks, pieces = np.zeros(columns, dtype=bool), list(tokens)
    given = np.array(list(special), dtype=bool)
    marks[: len(given)] = given
    found = np.zeros((rows, columns), dtype=bool)
    steps = {"diagonal": 0, "previous token": -1, "next token": 1}
    if name in steps:
        return np.eye(rows, columns, steps[name], dtype=bool)
    if name == "first token":
        found[1 if own else 0 :, 0] = True
    elif name in ("separators", "special tokens"):
        found[:, marks] = True
        found[:, 0] &= name == "special tokens"
    elif name in ("induction", "same token"):
        places: dict[str, list[int]] = {}
        for i, piece in enumerate(pieces[:rows]):
            if marks[i] or UNREADABLE in piece:
                continue
            for j in places.setdefault(piece, []):
                found[i, j + (name == "induction")] = True
            places[piece].append(i)
        if name == "induction":
            np.fill_diagonal(found, False)  # "the the": the token after the first is the second itself
    else:
        have = [one.name for one in MEASURES.values() if one.unit == "share" and "entropy" not in one.name]
        raise BadOption(f"There are no target columns for {name!r}. There are some for: {', '.join(have)}.")
    return found


def is_attention(found: object) -> TypeGuard[Attention]:
    """Whether this is an ``Attention`` (or has its names), not an array."""
    return hasattr(found, "head") and hasattr(found, "rows") and hasattr(found, "kind")


def measure(attention: Attention, name: str) -> np.ndarray:
    """One measure of every head: float32 ``(layers, heads)``; see :data:`MEASURES` for names, units and questions.

    NaN where a head can look at no column in question (a window that never reaches the first token).

    Raises:
        BadOption: there is no such measure (the message lists them), or it does not fit this kind of attention.
        BadInput: the text has nothing to measure: no token twice for induction, no separators.
    """
    name = measure_name(name)
    if reason := _unfit(attention, name):
        raise (BadOption if attention.kind not in MEASURES[name].kinds else BadInput)(reason)
    return measure_all(attention, [name])[name]


def measure_all(attention: Attention, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Several measures in one pass over the heads: name to float32 ``(layers, heads)``, as :func:`measure`.

    Args:
        attention: an ``Attention``.
        names: which ones; ``None`` for all. Those that do not fit the attention or the text are left out.
    """
    gauge = Gauge(attention, names)
    for layer in range(attention.layers):
        for head in range(attention.heads):
            gauge.add(layer, head, attention.head(layer, head))
    return gauge.found


class Gauge:
    """Several measures, taken head by head by whoever has the weights at hand: :func:`measure_all`, the explorer.

    Args:
        attention: an ``Attention``.
        names: which measures; ``None`` for all. Those that do not fit the attention or the text are left out.
        at: which rows are looked at, in order; ``None`` for all. Means are then over these rows.

    Attributes:
        found: name to float32 ``(layers, heads)``; NaN until :meth:`add` has seen the head.
    """

    def __init__(self, attention: Attention, names: Iterable[str] | None = None, at: np.ndarray | None = None) -> None:
        wanted = [measure_name(name) for name in (MEASURES if names is None else names)]
        self.attention, self.at = attention, np.arange(len(attention.rows)) if at is None else np.asarray(at)
        self.found = {
            name: np.full((attention.layers, attention.heads), np.nan, np.float32)
            for name in wanted
            if not _unfit(attention, name)
        }
        self._where = {
            name: np.nonzero(_targets(attention, name)[self.at]) for name in self.found if name not in _SPREAD
        }
        self._view: _View | None = None
        self._mask = ""  # by which the view was made
        self._seen: dict[str, _Cells] = {}

    def add(self, layer: int, head: int, weights: np.ndarray) -> None:
        """Measure one head by its weights in the rows that are looked at, ``(rows, columns)``."""
        if not self.found:
            return
        view = self._looks(layer, head)
        asked = not {"entropy", "normalized entropy"}.isdisjoint(self.found)
        bits = row_entropy(weights) if asked else np.empty(0)
        for name, values in self.found.items():
            spread = _SPREAD.get(name)
            values[layer, head] = spread(weights, view, bits) if spread else self._seen[name].share(weights)

    def _looks(self, layer: int, head: int) -> _View:
        """What the rows of a head can see; as a rule one view serves all heads."""
        mask = self.attention.bias_kind(layer, head) if self.attention.recorded else "none"
        if self._view is None or mask == "other" or mask != self._mask:
            sees = visible(self.attention, layer, head)[self.at]
            if self._view is None or not np.array_equal(self._view.visible, sees):
                self._view = view = _View(sees, self.at)
                self._seen = {name: view.cells(where) for name, where in self._where.items()}
            self._mask = mask
        return self._view


def measure_name(name: str) -> str:
    """The name of a measure as :data:`MEASURES` has it: capitals, ``_``, ``-`` and some other names are forgiven.

    Raises:
        BadOption: there is no such measure; the message lists all, the nearest first.
    """
    plain = " ".join(name.lower().replace("_", " ").replace("-", " ").split()) if isinstance(name, str) else ""
    plain = plain.replace("normalised", "normalized")
    for one in MEASURES.values():
        if plain in (one.name, *one.also):
            return one.name
    near = get_close_matches(plain, MEASURES, 1, 0.5)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise BadOption(f"There is no measure {name!r}.{hint} There are: {', '.join(MEASURES)}.")


def measure_names(attention: Attention) -> tuple[str, ...]:
    """The measures that fit this attention and its text, in the order of :data:`MEASURES`."""
    return tuple(name for name in MEASURES if not _unfit(attention, name))


def visible(attention: Attention, layer: int, head: int) -> np.ndarray:
    """Which columns each row of a head may look at: bool ``(rows, columns)``.

    Taken from the recorded bias (masks, windows); without one, a decoder sees what is not later, others see all.
    """
    rows, columns = len(attention.rows), len(attention.columns)
    mask = attention.bias_kind(layer, head) if attention.recorded else "none"
    bias = attention.bias(layer, head) if mask == "other" else None
    if bias is not None:
        return np.broadcast_to(bias > MASKED, (rows, columns))
    if mask == "causal" or attention.kind == "decoder":
        return np.tri(rows, columns, dtype=bool)
    return np.ones((rows, columns), dtype=bool)


class _View:
    """What follows from the columns that rows can see, worked out once for all heads that see the same."""

    def __init__(self, visible: np.ndarray, at: np.ndarray | None = None) -> None:
        self.visible = visible
        self.at = np.arange(len(visible)) if at is None else at  # which tokens the rows are
        seen = visible.sum(axis=1)
        self.choice = seen > 1
        self.widest = np.log2(np.maximum(seen, 2)).astype(np.float32)
        self._steps: np.ndarray | None = None

    @classmethod
    def plain(cls, weights: np.ndarray, visible: np.ndarray | None) -> _View:
        shape = np.shape(weights)[-2:]
        if len(shape) < 2:
            raise BadInput(f"Weights have the shape (..., rows, columns), not {np.shape(weights)}.")
        if visible is not None and np.shape(visible) != shape:
            raise BadInput(f"visible has the shape {np.shape(visible)}; the weights have {shape} rows and columns.")
        return cls(np.ones(shape, dtype=bool) if visible is None else np.asarray(visible, dtype=bool))

    @property
    def steps(self) -> np.ndarray:
        """Distance in tokens between row and column."""
        if self._steps is None:
            self._steps = np.abs(self.at[:, None] - np.arange(self.visible.shape[1])).astype(np.float32)
        return self._steps

    def cells(self, target: tuple[np.ndarray, ...]) -> _Cells:
        """Those of the target cells, given as row and column numbers, that count."""
        rows, columns = target
        seen = self.visible[rows, columns] & self.choice[rows]
        return _Cells(rows[seen], columns[seen], np.unique(rows[seen]).size)


@dataclass(frozen=True, eq=False)
class _Cells:
    """Target cells that can be seen, and how many rows have one."""

    rows: np.ndarray
    columns: np.ndarray
    counted: int

    def share(self, weights: np.ndarray) -> np.ndarray:
        """Mean weight on them, over the rows that have one."""
        return weights[..., self.rows, self.columns].sum(axis=-1, dtype=np.float64) / (self.counted or np.nan)


def _over(rows: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Mean of ``(..., rows)`` over the rows that count."""
    return rows[..., counted].mean(axis=-1, dtype=np.float64) if counted.any() else np.full(rows.shape[:-1], np.nan)


_SPREAD: dict[str, Callable[[np.ndarray, _View, np.ndarray], np.ndarray]] = {
    "entropy": lambda weights, view, bits: _over(bits, view.choice),
    "normalized entropy": lambda weights, view, bits: _over(bits / view.widest, view.choice),
    "mean distance": lambda weights, view, bits: _over(np.einsum("ij,ij->i", weights, view.steps), view.choice),
}


def _targets(attention: Attention, name: str) -> np.ndarray:
    columns = len(attention.columns) if attention.kind == "cross" else None
    return targets(name, len(attention.rows), tokens=attention.rows, special=attention.special, columns=columns)


def _unfit(attention: Attention, name: str) -> str:
    """Why a measure does not fit an attention, as a sentence or two; empty if it does."""
    fits = MEASURES[name].kinds
    if attention.kind not in fits:
        why = {"cross": "rows and columns are different texts", "decoder": "a decoder does not look ahead"}
        can = ", ".join(one.name for one in MEASURES.values() if attention.kind in one.kinds)
        return f"{name!r} does not fit {attention.kind} attention: {why[attention.kind]}. These do: {can}."
    if len(attention.columns) < 2:
        return f"The text has one token, so no head has a choice, and {name!r} says nothing. Give a longer text."
    if name not in _SPREAD and not _targets(attention, name).any():
        if name in ("induction", "same token"):
            return (
                f"No token of this text comes back{' early enough' if name == 'induction' else ''}, so {name!r} has "
                "nothing to look for. Give a text that repeats itself, for instance one sentence twice."
            )
        return f"This text has no {name}, so there is nothing to measure. bert-mini adds [CLS] and [SEP]."
    return ""
