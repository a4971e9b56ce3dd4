"""Attention through all layers: how much of each input token may have arrived at each token of the last layer.

Knows nothing about models or pictures. It reads any object with the names of
:class:`llm_course.attention.capture.Attention`, or an array. Both ways are those of Abnar and Zuidema 2020,
"Quantifying attention flow in transformers" (arXiv 2005.00928): they follow the weights alone, and see neither the
values that are mixed nor the feed-forward layers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from llm_course.arguments import number_in
from llm_course.attention.measures import is_attention
from llm_course.errors import BadInput, BadOption, LLMCourseError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from llm_course.attention.capture import Attention

CAPACITY = 2**30  # scipy's flows are whole numbers below 2**31; a row's capacities sum to 1, so no flow exceeds this


class PackageMissing(LLMCourseError, ImportError):
    """A package that this function needs, and the rest of the course does not, is not installed."""


def rollouts(attention: Attention | ArrayLike, *, residual: float = 0.5) -> Iterator[np.ndarray]:
    """The rollout up to each layer, from the first on; see :func:`rollout`. Holds one layer at a time."""
    so_far: np.ndarray | None = None
    for mixed in _mixed(attention, residual):
        so_far = mixed if so_far is None else mixed @ so_far
        yield so_far.astype(np.float32)


def rollout(attention: Attention | ArrayLike, *, residual: float = 0.5, layer: int | None = None) -> np.ndarray:
    """Attention rollout: the layers' weights multiplied, as if each token were nothing but the mix it looked at.

    In each layer the heads are averaged, and a token keeps a part of itself, since the residual connection passes it
    on: ``(1 - residual) * W + residual * I``, rows scaled to sum to 1. The product over the layers says how the paths
    from a token of the last layer down to the input tokens share out (Abnar and Zuidema 2020, section 3: residual
    0.5).

    Args:
        attention: self-attention, or an array ``(layers, heads, tokens, tokens)`` or ``(layers, tokens, tokens)``.
        residual: the part of itself that a token keeps in each layer, from 0 to 1.
        layer: up to and including this layer, counted from 0; ``None`` for all.

    Returns:
        float32 ``(tokens, tokens)``: row = token above, column = input token. From 0 to 1; every row sums to 1.

    Raises:
        BadOption: cross-attention, a residual outside 0 to 1, or no such layer.
        BadInput: an array of another shape.
    """
    return next(found for number, found in _up_to(attention, layer, rollouts(attention, residual=residual)))


def flow(
    attention: Attention | ArrayLike, row: int | None = None, *, residual: float = 0.5, layer: int | None = None
) -> np.ndarray:
    """Attention flow: the weights as pipes, and how much can flow from an input token up to a token above.

    The layers form a network: an edge's capacity is its weight, mixed with the residual as in :func:`rollout`. The
    maximum flow from a token of the last layer to an input token is its attention flow (Abnar and Zuidema 2020,
    section 3). Other than a rollout, it is limited by the narrowest places of its paths, and rows do not sum to 1:
    each pair of tokens has the pipes to itself.

    One maximum flow is worked out for each pair, so all rows of a long text take long: ask for one row. Capacities are
    rounded to 2**-30, so a flow through ``n`` edges is right within ``n * 2**-31``.

    Args:
        attention: as for :func:`rollout`.
        row: the token above, counted from 0; ``None`` for all.
        residual, layer: as for :func:`rollout`.

    Returns:
        float32 ``(tokens,)``, or ``(tokens, tokens)`` for all rows; from 0 to 1.

    Raises:
        BadOption, BadInput: as :func:`rollout`, or no such row.
        PackageMissing: scipy is not installed.
    """
    try:
        from scipy.sparse import coo_array, csr_matrix
        from scipy.sparse.csgraph import maximum_flow
    except ImportError as error:
        raise PackageMissing(
            "Attention flow needs the package scipy, which is not installed. Install it with: pip install scipy. "
            "A rollout needs nothing more."
        ) from error
    stack = [mixed for _, mixed in _up_to(attention, layer, _mixed(attention, residual), last=False)]
    count = len(stack[0])
    rows = range(count) if row is None else [number_in("row", row, 0, count - 1, int)]
    starts, ends, sizes = [], [], []
    for depth, mixed in enumerate(reversed(stack)):  # depth 0: the tokens of the last layer
        whole = np.rint(mixed * CAPACITY).astype(np.int32)
        i, j = np.nonzero(whole)
        starts.append(i + depth * count)
        ends.append(j + (depth + 1) * count)
        sizes.append(whole[i, j])
    nodes = (len(stack) + 1) * count
    edges = (np.concatenate(sizes), (np.concatenate(starts), np.concatenate(ends)))
    graph = csr_matrix(coo_array(edges, shape=(nodes, nodes)))
    bottom = len(stack) * count
    found = [[maximum_flow(graph, i, bottom + j).flow_value for j in range(count)] for i in rows]
    flows = (np.array(found) / CAPACITY).astype(np.float32)
    return flows if row is None else flows[0]


def _mixed(attention: Attention | ArrayLike, residual: float) -> Iterator[np.ndarray]:
    """Each layer's weights, averaged over heads and mixed with the residual: float64 ``(tokens, tokens)``."""
    number_in("residual", residual, 0, 1)
    for weights in _means(attention):
        mixed = (1 - residual) * weights.astype(np.float64) + residual * np.eye(len(weights))
        sums = mixed.sum(axis=1, keepdims=True)
        yield mixed / np.where(sums > 0, sums, 1)


def _means(attention: Attention | ArrayLike) -> Iterator[np.ndarray]:
    if is_attention(attention):
        if attention.kind == "cross":
            raise BadOption(
                "Rollout and flow follow one text through the layers: they take self-attention, not cross-attention. "
                "Use attention.of('encoder') or attention.of('decoder')."
            )
        for layer in range(attention.layers):
            yield attention.mean(layer)
        return
    weights = np.asarray(attention)
    if weights.ndim not in (3, 4) or weights.shape[-1] != weights.shape[-2] or 0 in weights.shape:
        raise BadInput(
            f"Weights have the shape (layers, heads, tokens, tokens) or (layers, tokens, tokens), not {weights.shape}."
        )
    yield from (one.mean(axis=0) if weights.ndim == 4 else one for one in weights)


def _up_to(
    attention: Attention | ArrayLike, layer: int | None, each: Iterator[np.ndarray], last: bool = True
) -> Iterator[tuple[int, np.ndarray]]:
    """Number and array of the layers up to one, or of that one alone."""
    count = attention.layers if is_attention(attention) else len(np.asarray(attention))
    top = count - 1 if layer is None else number_in("layer", layer, 0, count - 1, int)
    for number, one in enumerate(each):
        if number == top or not last:
            yield number, one
        if number == top:
            return
