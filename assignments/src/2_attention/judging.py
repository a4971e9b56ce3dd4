"""Judging of assignment 2: softmax, scaled scores, the causal mask, heads cut and joined, a whole attention layer.

Trusted: never released, never in the sandbox. Knows nothing about notebooks or models; all cases are small tables.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_course.grading.tasks import Arguments, Cases, Mistake, Task

Rng = np.random.Generator
Table = np.ndarray


# Task 1: softmax


def softmax(scores: Table, axis: int = -1) -> Table:
    """Shares along one axis; the largest score is taken off first, so that no power is too large."""
    powers = np.exp(scores - np.max(scores, axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def _softmax_torch(scores: Table, axis: int) -> object:
    import torch

    return torch.softmax(torch.tensor(scores), dim=axis)


def _softmax_by_logs(scores: Table, axis: int) -> Table:
    return np.exp(scores - np.logaddexp.reduce(scores, axis=axis, keepdims=True))


def _softmax_unsafe(scores: Table, axis: int) -> Table:
    with np.errstate(all="ignore"):
        return np.exp(scores) / np.exp(scores).sum(axis=axis, keepdims=True)


def _softmax_of_all(scores: Table, axis: int) -> Table:
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def _softmax_one_axis(scores: Table, axis: int) -> Table:
    return softmax(scores, 0)


def _softmax_powers(scores: Table, axis: int) -> Table:
    return np.exp(scores - np.max(scores, axis=axis, keepdims=True))


def _softmax_last_axis(scores: Table, axis: int) -> Table:
    return softmax(scores, -1)


def _softmax_one_maximum(scores: Table, axis: int) -> Table:
    with np.errstate(all="ignore"):
        powers = np.exp(scores - scores.max())
        return powers / powers.sum(axis=axis, keepdims=True)


def _softmax_hidden(rng: Rng) -> Cases:
    cases = [(rng.normal(size=shape) * 2, axis) for shape in ((3, 4), (5, 3)) for axis in (0, 1, -1)]
    far = np.array([[1000.0], [-1000.0], [990.0]])[rng.permutation(3)] + rng.normal(size=(3, 4))
    return [
        *cases,
        (far, 1),
        (far.T, 0),
        (rng.normal(size=(2, 3, 4)), -2),
        (1000 * rng.normal(size=(3, 4)), 1),
        (rng.normal(size=6), 0),
    ]


# Task 2: scaled scores


def scaled_scores(Q: Table, K: Table) -> Table:
    """Every query with every key, over the square root of the length of a query; heads may stand in front."""
    return Q @ np.swapaxes(K, -1, -2) / np.sqrt(Q.shape[-1])


def _scores_einsum(Q: Table, K: Table) -> Table:
    return np.einsum("...id,...jd->...ij", Q, K) * Q.shape[-1] ** -0.5


def _scores_loops(Q: Table, K: Table) -> list[Any]:
    if Q.ndim > 2:
        return [_scores_loops(q, k) for q, k in zip(Q, K, strict=True)]
    return [[sum(a * b for a, b in zip(q, k, strict=True)) / len(q) ** 0.5 for k in K] for q in Q]


def _unscaled(Q: Table, K: Table) -> Table:
    return Q @ np.swapaxes(K, -1, -2)


def _over_keys(Q: Table, K: Table) -> Table:
    return _unscaled(Q, K) / np.sqrt(K.shape[-2])


def _over_d(Q: Table, K: Table) -> Table:
    return _unscaled(Q, K) / Q.shape[-1]


def _keys_first(Q: Table, K: Table) -> Table:
    return scaled_scores(K, Q)


def _plain_T(Q: Table, K: Table) -> Table:
    return Q @ K.T / np.sqrt(Q.shape[-1])


def _scores_hidden(rng: Rng) -> Cases:
    shapes = [
        ((3, 5), (4, 5)),
        ((4, 8), (4, 8)),
        ((2, 3, 6), (2, 4, 6)),
        ((4, 4, 4), (4, 4, 4)),
        ((2, 2, 3, 7), (2, 2, 5, 7)),
    ]
    return [(rng.normal(size=q), rng.normal(size=k)) for q, k in shapes]


# Task 3: the mask


def mask_future(scores: Table) -> Table:
    """Minus infinity where a query would look ahead; the queries are the last rows of the text."""
    rows, columns = scores.shape[-2:]
    return np.where(np.tri(rows, columns, columns - rows, dtype=bool), scores, -np.inf)


def _mask_by_places(scores: Table) -> Table:
    rows, columns = scores.shape[-2:]
    query, key = np.arange(columns - rows, columns)[:, None], np.arange(columns)
    return np.array(scores) + np.where(key > query, float("-inf"), 0.0)


def _mask_top_left(scores: Table) -> Table:
    rows, columns = scores.shape[-2:]
    return np.where(np.tri(rows, columns, dtype=bool), scores, -np.inf)


def _mask_diagonal(scores: Table) -> Table:
    rows, columns = scores.shape[-2:]
    return np.where(np.tri(rows, columns, columns - rows - 1, dtype=bool), scores, -np.inf)


def _mask_one_ahead(scores: Table) -> Table:
    rows, columns = scores.shape[-2:]
    return np.where(np.tri(rows, columns, columns - rows + 1, dtype=bool), scores, -np.inf)


def _mask_zero(scores: Table) -> Table:
    rows, columns = scores.shape[-2:]
    return scores * np.tri(rows, columns, columns - rows)


def _mask_past(scores: Table) -> Table:
    rows, columns = scores.shape[-2:]
    return np.where(np.triu(np.ones((rows, columns), dtype=bool), columns - rows), scores, -np.inf)


def _mask_large_number(scores: Table) -> Table:
    return np.where(np.isinf(mask_future(scores)), -1e9, scores)


def _mask_zero_times_infinity(scores: Table) -> Table:
    rows, columns = scores.shape[-2:]
    with np.errstate(all="ignore"):
        return scores + (1 - np.tri(rows, columns, columns - rows)) * -np.inf


# Task 4: cut into heads


def split_heads(X: Table, heads: int) -> Table:
    """(tokens, width) to (heads, tokens, width / heads): each head gets neighboring columns."""
    return X.reshape(len(X), heads, -1).transpose(1, 0, 2)


def _split_by_np(X: Table, heads: int) -> list[Table]:
    return list(np.split(X, heads, axis=1))


def _split_reshape(X: Table, heads: int) -> Table:
    return X.reshape(heads, len(X), -1)


def _split_no_turn(X: Table, heads: int) -> Table:
    return X.reshape(len(X), heads, -1)


def _split_every_other(X: Table, heads: int) -> Table:
    return np.stack([X[:, h::heads] for h in range(heads)])


# Task 5: a layer, whole


def multi_head(X: Table, W_Q: Table, W_K: Table, W_V: Table, W_O: Table, heads: int) -> Table:
    """Causal attention with several heads, as GPT's layers do it (Vaswani and others 2017, section 3.2.2)."""
    Q, K, V = (split_heads(X @ W, heads) for W in (W_Q, W_K, W_V))
    outputs = softmax(mask_future(scaled_scores(Q, K))) @ V
    return np.concatenate(list(outputs), axis=1) @ W_O


def _layer_loop(X: Table, W_Q: Table, W_K: Table, W_V: Table, W_O: Table, heads: int) -> Table:
    d = X.shape[1] // heads
    total = np.zeros((len(X), W_O.shape[1]))
    for h in range(heads):  # each head through its own rows of W_O, and added up
        mine = slice(h * d, (h + 1) * d)
        Q, K, V = X @ W_Q[:, mine], X @ W_K[:, mine], X @ W_V[:, mine]
        for i in range(len(X)):
            weights = softmax(K[: i + 1] @ Q[i] / d**0.5)
            total[i] += weights @ V[: i + 1] @ W_O[mine]
    return total


def _layer_torch(X: Table, W_Q: Table, W_K: Table, W_V: Table, W_O: Table, heads: int) -> object:
    import torch

    Q, K, V = (torch.tensor(split_heads(X @ W, heads).copy())[None] for W in (W_Q, W_K, W_V))
    outputs = torch.nn.functional.scaled_dot_product_attention(Q, K, V, is_causal=True)[0]
    return outputs.transpose(0, 1).reshape(len(X), -1) @ torch.tensor(W_O)


def _layer(mask: str = "before", scale: str = "head", join: str = "heads", project: bool = True, axis: int = -1) -> Any:
    """A layer with one fault."""

    def wrong(X: Table, W_Q: Table, W_K: Table, W_V: Table, W_O: Table, heads: int) -> Table:
        Q, K, V = (split_heads(X @ W, heads) for W in (W_Q, W_K, W_V))
        scores = scaled_scores(Q, K)
        if scale != "head":
            scores = scores * np.sqrt(Q.shape[-1] / X.shape[1]) if scale == "width" else scores * np.sqrt(Q.shape[-1])
        if mask == "before":
            scores = mask_future(scores)
        weights = softmax(scores, axis)
        if mask == "after":
            weights = np.tril(weights)
        outputs = weights @ V
        joined = outputs.reshape(len(X), -1) if join == "reshape" else np.concatenate(list(outputs), axis=1)
        return joined @ W_O if project else joined

    return wrong


def _layer_case(rng: Rng, n: int, width: int, heads: int) -> Arguments:
    X, *W = (rng.normal(size=(rows, width)) for rows in (n, width, width, width, width))
    return X, *(table / np.sqrt(width) * 1.5 for table in W), heads


_show = np.random.default_rng(2)


def _few(*shape: int) -> Table:
    return _show.normal(size=shape).round(1)


TASKS = (
    Task(
        "softmax",
        "softmax",
        softmax,
        visible=(
            (np.log([[1.0, 2.0, 1.0], [4.0, 4.0, 8.0]]), 1),
            (np.log([[1.0, 2.0, 1.0], [4.0, 4.0, 8.0]]), 0),
            (np.array([[1000.0, 1000.0], [-1000.0, 0.0]]), 1),
        ),
        hidden=_softmax_hidden,
        points=(1, 2),
        mistakes=(
            Mistake(
                "one sum for the whole table",
                _softmax_of_all,
                "The whole table sums to 1. Each row (for axis 1) should: sum along the axis that was asked for, "
                "and keep it (keepdims=True) so that the division fits.",
            ),
            Mistake(
                "always down the columns",
                _softmax_one_axis,
                "Your columns sum to 1 although axis=1 was asked for: softmax over which axis?",
            ),
            Mistake(
                "always along the last axis",
                _softmax_last_axis,
                "Your rows sum to 1 although axis=0 was asked for: pass `axis` on, to the maximum and to the sum.",
            ),
            Mistake(
                "one maximum for the whole table",
                _softmax_one_maximum,
                "A row of small scores is rounded to 0, and 0 over 0 is no number. Take off the largest of each "
                "row, not of the whole table: the maximum needs the axis, too, and keepdims=True.",
            ),
            Mistake(
                "not divided",
                _softmax_powers,
                "These are the powers: positive, but they do not sum to 1 yet. Divide by their sum.",
            ),
            Mistake(
                "overflow",
                _softmax_unsafe,
                "e to the 1000 is too large for a float, and infinity over infinity is no number. Take the largest "
                "score off first; the shares stay the same.",
            ),
        ),
        right=(_softmax_torch, _softmax_by_logs),
    ),
    Task(
        "scores",
        "scaled_scores",
        scaled_scores,
        visible=(
            (np.array([[2.0, 0, 0, 0], [1, 1, 0, 0]]), np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 5, 0]])),
            (_few(3, 3, 3), _few(3, 3, 3)),
        ),
        hidden=_scores_hidden,
        points=(1, 3),
        mistakes=(
            Mistake("no scaling", _unscaled, "These are the plain dot products. Divide by the square root of d."),
            Mistake("divided by d", _over_d, "You divide by d. It should be the square root of d."),
            Mistake(
                "root of the number of keys",
                _over_keys,
                "You divide by the root of the number of keys. d is the length of ONE query: Q.shape[-1].",
            ),
            Mistake(
                "keys and queries exchanged",
                _keys_first,
                "Your table is transposed: row i belongs to query i, column j to key j.",
            ),
            Mistake(
                "K.T with heads in front",
                _plain_T,
                "K.T turns ALL axes around, the heads too. Only the last two should change places: "
                "np.swapaxes(K, -1, -2).",
            ),
        ),
        right=(_scores_einsum, _scores_loops),
    ),
    Task(
        "mask",
        "mask_future",
        mask_future,
        visible=((_few(3, 3),), (_few(2, 2, 2),), (_few(1, 4),), (_few(2, 5),)),
        hidden=lambda rng: [(rng.normal(size=s),) for s in ((4, 4), (3, 5, 5), (1, 6), (2, 3, 7), (5, 6))],
        points=(1, 3),
        mistakes=(
            Mistake(
                "the triangle starts at the top left",
                _mask_top_left,
                "Here there are fewer queries than keys. The queries are the LAST tokens of the text, so the last "
                "query may see every key. np.tri has a third argument that moves the diagonal.",
            ),
            Mistake(
                "the diagonal is masked",
                _mask_diagonal,
                "Off by one: a token may look at itself. Yours may not, and the first one has nothing left.",
            ),
            Mistake(
                "one ahead is allowed",
                _mask_one_ahead,
                "Off by one: your token i still sees token i + 1, the very one it should predict.",
            ),
            Mistake(
                "zero instead of minus infinity",
                _mask_zero,
                "A score of 0 forbids nothing: e to the power of 0 is 1. It takes minus infinity.",
            ),
            Mistake(
                "a large number instead of infinity",
                _mask_large_number,
                "Your numbers are large, but not infinite. The task wants minus infinity: -np.inf.",
            ),
            Mistake(
                "zero times infinity",
                _mask_zero_times_infinity,
                "Where nothing should change you get no number: 0 times infinity is none. Choose instead of "
                "multiplying: np.where(allowed, scores, -np.inf).",
            ),
            Mistake("the past is masked", _mask_past, "The wrong triangle: your tokens look ahead, and not back."),
        ),
        right=(_mask_by_places,),
    ),
    Task(
        "heads",
        "split_heads",
        split_heads,
        visible=((np.arange(12.0).reshape(2, 6), 3), (np.arange(16.0).reshape(4, 4), 2)),
        hidden=lambda rng: [(rng.normal(size=(n, w)), h) for n, w, h in ((3, 8, 2), (4, 4, 4), (5, 12, 3), (4, 8, 4))],
        points=(1, 2),
        mistakes=(
            Mistake(
                "reshaped at once",
                _split_reshape,
                "The shape is right and the numbers are mixed up: a head now holds parts of different tokens' "
                "vectors. Cut the columns first, (tokens, heads, d), and only then exchange the first two axes.",
            ),
            Mistake(
                "axes not exchanged",
                _split_no_turn,
                "The columns are cut, but the heads do not stand first. Exchange the first two axes.",
            ),
            Mistake(
                "every other column",
                _split_every_other,
                "A head gets NEIGHBORING columns: head 0 the first d of them, head 1 the next d.",
            ),
        ),
        right=(_split_by_np,),
    ),
    Task(
        "layer",
        "multi_head",
        multi_head,
        visible=((*(_few(*shape) for shape in ((3, 4), (4, 4), (4, 4), (4, 4), (4, 4))), 2),),
        hidden=lambda rng: [_layer_case(rng, n, w, h) for n, w, h in ((4, 6, 3), (5, 8, 2), (3, 8, 4), (6, 6, 1))],
        points=(2, 4),
        mistakes=(
            Mistake("no mask", _layer(mask="none"), "Your tokens look ahead: the mask is missing."),
            Mistake(
                "mask after softmax",
                _layer(mask="after"),
                "You mask after softmax, so the weights of a row do not sum to 1 any more. Mask the scores.",
            ),
            Mistake("no scaling", _layer(scale="none"), "The scores are not scaled."),
            Mistake(
                "scaled by the whole width",
                _layer(scale="width"),
                "You divide by the root of the whole width. A head's query has width / heads numbers.",
            ),
            Mistake(
                "joined by reshape alone",
                _layer(join="reshape"),
                "The heads' outputs are mixed up when you join them. They stand as (heads, tokens, d): put the "
                "heads of one token side by side (exchange two axes first, or np.concatenate along axis 1).",
            ),
            Mistake("no output projection", _layer(project=False), "The last step is missing: multiply by W_O."),
            Mistake("softmax over the wrong axis", _layer(axis=-2), "Softmax over which axis? A row is one query."),
        ),
        right=(_layer_loop, _layer_torch),
    ),
)
