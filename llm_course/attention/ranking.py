"""Find the head: rank all heads of a model by what they do on a text.

Knows nothing about models, and nothing about how a measure is taken: :mod:`llm_course.attention.measures` does that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from llm_course.arguments import number_in
from llm_course.attention.measures import MEASURES, Gauge, measure, measure_name, visible
from llm_course.errors import BadInput
from llm_course.results import Result

if TYPE_CHECKING:
    from llm_course.attention.capture import Attention


class RankedHead(NamedTuple):
    """One head and its value, layer and head counted from 0."""

    layer: int
    head: int
    value: float


@dataclass(frozen=True, repr=False)
class Ranking(Result):
    """The heads that score highest (or lowest) on a measure.

    Attributes:
        measure: name of the measure; ``unit`` is ``"bits"``, ``"tokens"`` or ``"share"``.
        heads: the heads, first in rank first, each with ``layer``, ``head`` and ``value``: ``ranking[0].layer``.
        median: the median of all heads of the model on the same text.
        uniform: what a head would score that looks at all it sees alike (with the mask of the first head).
        count: how many heads were ranked.
        model, kind: whose heads.
        lowest: whether the lowest come first.
    """

    measure: str
    unit: str
    heads: tuple[RankedHead, ...]
    median: float
    uniform: float
    count: int
    model: str
    kind: str
    lowest: bool = False

    @property
    def text(self) -> str:  # type: ignore[override]
        """One line a head."""
        lines = [f"layer {layer}, head {head}: {self._value(value)}" for layer, head, value in self.heads]
        return "\n".join([self._head_line(), *lines, self._foot_line()])

    def to_dict(self) -> dict[str, Any]:
        """The ranking as plain data: strings, numbers, lists and dicts."""
        return {**super().to_dict(), "heads": [one._asdict() for one in self.heads]}

    def __iter__(self) -> Iterator[RankedHead]:
        return iter(self.heads)

    def __len__(self) -> int:
        return len(self.heads)

    def __getitem__(self, place: int) -> RankedHead:
        return self.heads[place]

    def __repr__(self) -> str:
        layer, head, value = self.heads[0]
        return f"Ranking({self.measure!r}, first: layer {layer}, head {head}, {self._value(value)}; {self.model})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td>{number}</td><td>{layer}</td><td>{head}</td><td style="text-align:right">{value:.2f}</td></tr>'
            for number, (layer, head, value) in enumerate(self.heads, 1)
        )
        heads = "".join(f'<th scope="col">{name}</th>' for name in ("place", "layer", "head", escape(self.unit)))
        return (
            f'<table><caption style="text-align:left">{escape(self._head_line())}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
            f'<div style="opacity:.75;font-size:85%">{escape(self._foot_line())}</div>'
        )

    def _value(self, value: float) -> str:
        return f"{value:.2f}" if self.unit == "share" else f"{value:.2f} {self.unit}"

    def _head_line(self) -> str:
        order = "lowest first" if self.lowest else "highest first"
        return f"{self.measure}, {order} ({self.model}, {self.kind} attention). {MEASURES[self.measure].asks}"

    def _foot_line(self) -> str:
        return (
            f"Median of {self.count} heads: {self._value(self.median)}. "
            f"A head that looks at all it sees alike: {self._value(self.uniform)}."
        )


def find(attention: Attention, name: str, top: int = 5, *, lowest: bool = False) -> Ranking:
    """Rank the heads by a measure: which one looks at the previous token, which one continues repetitions?

    >>> found = lc.attend("The cat sat on the mat. The cat", model="gpt-mini")  # doctest: +SKIP
    >>> layer, head, value = find(found, "previous token")[0]  # doctest: +SKIP

    A high place says what a head does on this text. Whether the model needs it for that, only an ablation shows.

    Args:
        attention: an ``Attention``.
        name: of a measure, see :data:`llm_course.attention.measures.MEASURES`.
        top: how many heads, from 1; all if there are fewer.
        lowest: rank the lowest first.

    Raises:
        BadOption: no such measure (the message lists them), one that does not fit this kind of attention, or a bad
            ``top``.
        BadInput: the text has nothing to measure.
    """
    name = measure_name(name)
    number_in("top", top, 1, 10**6, int)
    values = measure(attention, name)
    layers, heads = np.nonzero(~np.isnan(values))
    scores = values[layers, heads].astype(float)
    if not len(scores):
        raise BadInput(f"No head of {attention.model} sees the tokens that {name!r} asks about. Give a shorter text.")
    order = np.argsort(scores if lowest else -scores, kind="stable")[:top]
    ranked = tuple(RankedHead(int(layers[i]), int(heads[i]), float(scores[i])) for i in order)
    sees = visible(attention, 0, 0).astype(np.float32)
    uniform = Gauge(attention, [name])
    uniform.add(0, 0, sees / sees.sum(axis=1, keepdims=True))
    return Ranking(
        measure=name,
        unit=MEASURES[name].unit,
        heads=ranked,
        median=float(np.median(scores)),
        uniform=float(uniform.found[name][0, 0]),
        count=len(scores),
        model=attention.model,
        kind=attention.kind,
        lowest=lowest,
    )
