"""Judging of assignment 3: measures of heads, ranking them, a profile of a real model, and switching heads off.

Trusted: never released, never in the sandbox. Knows nothing about notebooks. The first four tasks work on made-up
tables of weights; the last two ask gpt-mini, and what is right is computed from it when the judging is done.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from llm_course.checks.compare import close, exact
from llm_course.grading.tasks import Cases, Mistake, Task

Rng = np.random.Generator
Table = np.ndarray


def causal(rng: Rng, *shape: int, holes: bool = False) -> Table:
    """Made-up weights (..., n, n): nothing above the diagonal, every row sums to 1; with holes some weights are 0."""
    n = shape[-1]
    weights = rng.uniform(0.05, 1, size=(*shape, n)) ** 3
    if holes:
        weights *= rng.uniform(size=weights.shape) < 0.6
        weights[..., :, 0] += 0.05
    weights *= np.tri(n)
    return weights / weights.sum(-1, keepdims=True)


# Task 1: previous-token score


def previous_token(weights: Table) -> Table:
    """Mean weight one step back, for every head: (layers, heads, n, n) to (layers, heads)."""
    return np.diagonal(weights, -1, -2, -1).mean(-1)


def _previous_loop(weights: Table) -> list[list[float]]:
    n = weights.shape[-1]
    return [[float(np.mean([head[i, i - 1] for i in range(1, n)])) for head in layer] for layer in weights]


def _previous_next(weights: Table) -> Table:
    return np.diagonal(weights, 1, -2, -1).mean(-1)


def _previous_self(weights: Table) -> Table:
    return np.diagonal(weights, 0, -2, -1).mean(-1)


def _previous_all_rows(weights: Table) -> Table:
    return np.diagonal(weights, -1, -2, -1).sum(-1) / weights.shape[-1]


def _previous_one_number(weights: Table) -> float:
    return float(previous_token(weights).mean())


# Task 2: how widely a head looks


def spread(weights: Table) -> float:
    """Mean over rows 1, 2, ... of the row's entropy, as a share of the most that it could be, log2(i + 1)."""
    logs = np.log2(np.where(weights > 0, weights, 1))
    entropy = -(weights * logs).sum(-1)
    return float(np.mean(entropy[1:] / np.log2(np.arange(2, len(weights) + 1))))


def _spread_natural(weights: Table) -> np.float64:
    rows = []
    for i in range(1, len(weights)):
        seen = weights[i][weights[i] > 0]
        rows.append(-np.sum(seen * np.log(seen)) / np.log(i + 1))
    return np.mean(rows)


def _spread_nan(weights: Table) -> float:
    with np.errstate(all="ignore"):
        entropy = -(weights * np.log2(weights)).sum(-1)
    return float(np.mean(entropy[1:] / np.log2(np.arange(2, len(weights) + 1))))


def _entropy_rows(weights: Table, axis: int = -1) -> Table:
    return -(weights * np.log2(np.where(weights > 0, weights, 1))).sum(axis)


def _spread_row_zero(weights: Table) -> float:
    with np.errstate(all="ignore"):
        shares = np.nan_to_num(_entropy_rows(weights) / np.log2(np.arange(1, len(weights) + 1)))
    return float(shares.mean())


def _spread_one_scale(weights: Table) -> float:
    return float(_entropy_rows(weights)[1:].mean() / np.log2(len(weights)))


def _spread_columns(weights: Table) -> float:
    return float(np.mean(_entropy_rows(weights, 0)[1:] / np.log2(np.arange(2, len(weights) + 1))))


def _spread_off_by_one(weights: Table) -> float:
    return float(np.mean(_entropy_rows(weights)[1:] / np.log2(np.arange(3, len(weights) + 2))))


# Task 3: the best heads


def best_heads(scores: Table, k: int) -> list[list[int]]:
    """The k heads with the highest scores, the highest first, as [layer, head]."""
    return [[int(i) for i in divmod(int(place), scores.shape[1])] for place in np.argsort(-scores, axis=None)[:k]]


def _best_by_sorting(scores: Table, k: int) -> list[tuple[int, int]]:
    heads = [(layer, head) for layer in range(scores.shape[0]) for head in range(scores.shape[1])]
    return sorted(heads, key=lambda place: -scores[place])[:k]


def _best_unravel(scores: Table, k: int) -> Table:
    return np.stack(np.unravel_index(np.argsort(scores.ravel())[::-1][:k], scores.shape), axis=1)


def _best_lowest(scores: Table, k: int) -> list[list[int]]:
    return best_heads(-scores, k)


def _best_ascending(scores: Table, k: int) -> list[list[int]]:
    return best_heads(scores, k)[::-1]


def _best_exchanged(scores: Table, k: int) -> list[list[int]]:
    return [[b, a] for a, b in best_heads(scores, k)]


def _best_wrong_width(scores: Table, k: int) -> list[list[int]]:
    return [[int(i) for i in divmod(int(place), scores.shape[0])] for place in np.argsort(-scores, axis=None)[:k]]


def _best_flat(scores: Table, k: int) -> list[int]:
    return [int(place) for place in np.argsort(-scores, axis=None)[:k]]


# Task 4: induction score


def induction(weights: Table, period: int) -> float:
    """Mean weight, from each token of the second half, on the token after its first occurrence."""
    rows = np.arange(period + 1, 2 * period + 1)
    return float(weights[rows, rows - period + 1].mean())


def _induction_diagonal(weights: Table, period: int) -> np.float64:
    return np.diagonal(weights, 1 - period)[2:].mean()


def _induction_same_token(weights: Table, period: int) -> float:
    rows = np.arange(period + 1, 2 * period + 1)
    return float(weights[rows, rows - period].mean())


def _induction_before(weights: Table, period: int) -> float:
    rows = np.arange(period + 1, 2 * period + 1)
    return float(weights[rows, rows - period - 1].mean())


def _induction_no_start(weights: Table, period: int) -> float:
    rows = np.arange(period, 2 * period)
    return float(weights[rows, rows - period + 1].mean())


def _induction_all_rows(weights: Table, period: int) -> float:
    return induction(weights, period) * period / len(weights)


def _induction_turned(weights: Table, period: int) -> float:
    return induction(weights.T, period)


def _induction_hidden(rng: Rng) -> Cases:
    return [(causal(rng, 2 * period + 1), period) for period in (int(p) for p in rng.integers(3, 9, size=5))]


# Task 5: the profile of a real model


def profile(texts: list[str], model: str) -> Table:
    """Previous-token score of every head, mean over texts."""
    import llm_course as lc

    return np.mean([previous_token(lc.attend(text, model=model).weights) for text in texts], axis=0)


def _profile_loop(texts: list[str], model: str) -> Any:
    import llm_course as lc

    total: Any = 0
    for text in texts:
        seen = lc.attend(text, model=lc.load(model))
        rows = [[seen.head(n, h) for h in range(seen.heads)] for n in range(seen.layers)]
        total = total + np.array([[np.trace(one[1:, :-1]) / (len(one) - 1) for one in row] for row in rows])
    return (total / len(texts)).tolist()


def _profile_first(texts: list[str], model: str) -> Table:
    return profile(texts[:1], model)


def _profile_joined(texts: list[str], model: str) -> Table:
    return profile([" ".join(texts)], model)


def _profile_pooled(texts: list[str], model: str) -> Table:
    import llm_course as lc

    found = [lc.attend(text, model=model).weights for text in texts]
    sizes = [one.shape[-1] - 1 for one in found]
    return np.average([previous_token(one) for one in found], axis=0, weights=sizes)


def _profile_over_heads(texts: list[str], model: str) -> Table:
    return profile(texts, model).mean(axis=1)


SHORT = ["The cat sat.", "A dog barked.", "It was late.", "She sang.", "He found a key."]
LONG = [
    "Once upon a time, there was a little girl who lived near the sea. Every day she looked for shells.",
    "The old man opened the door and saw a small bird in the snow. He took it inside and gave it bread.",
    "Tom wanted to build a house for his rabbit, so he asked his mother for wood, nails and a hammer.",
    "The farmer had three cows. One day the brown cow ran into the forest, and nobody could find her.",
]


def _profile_hidden(rng: Rng) -> Cases:
    short, long = (list(rng.permutation(some)) for some in (SHORT, LONG))
    return [([str(short[0]), str(long[0])], "gpt-mini"), ([str(long[1]), str(short[1]), str(short[2])], "gpt-mini")]


# Task 6: switch heads off


def effect(text: str, model: str, heads: list[list[int]]) -> float:
    """How much the loss (nats a token) rises when these heads are off."""
    import llm_course as lc
    from llm_course.attention import ablate

    with ablate(model, heads) as lm:
        off = lc.perplexity(text, model=lm).loss
    return off - lc.perplexity(text, model=model).loss


def _effect_by_logprobs(text: str, model: str, heads: list[list[int]]) -> np.float64:
    import llm_course as lc
    from llm_course.attention import ablate

    lm = lc.load(model)
    before = np.mean(lc.perplexity(text, model=lm).logprobs)
    with ablate(lm, [(layer, head) for layer, head in heads]):
        return before - np.mean(lc.perplexity(text, model=lm).logprobs)


def _effect_exchanged(text: str, model: str, heads: list[list[int]]) -> float:
    return -effect(text, model, heads)


def _effect_one_head(text: str, model: str, heads: list[list[int]]) -> float:
    return effect(text, model, heads[:1])


def _effect_outside(text: str, model: str, heads: list[list[int]]) -> float:
    return 0.0


def _effect_total(text: str, model: str, heads: list[list[int]]) -> float:
    import llm_course as lc

    return effect(text, model, heads) * len(lc.perplexity(text, model=model).logprobs)


def _effect_ratio(text: str, model: str, heads: list[list[int]]) -> float:
    import llm_course as lc

    loss = lc.perplexity(text, model=model).loss
    return (loss + effect(text, model, heads)) / loss


def _effect_hidden(rng: Rng) -> Cases:
    cases = []
    for text in rng.permutation(LONG)[:3]:
        layer = int(rng.integers(3))  # three of four heads of an early layer: the loss rises well above any rounding
        heads = sorted(int(h) for h in rng.permutation(4)[:3])
        cases.append((str(text), "gpt-mini", [[layer, head] for head in heads]))
    return cases


_show = np.random.default_rng(3)
_back = np.eye(4, k=-1)
_back[0, 0] = 1
_even = np.tri(4) / np.tri(4).sum(1, keepdims=True)

TASKS = (
    Task(
        "previous",
        "previous_token",
        previous_token,
        visible=((np.array([[_back, _even]]),), (causal(_show, 3, 2, 5).round(2),)),
        hidden=lambda rng: [(causal(rng, *shape),) for shape in ((2, 3, 6), (4, 2, 5), (1, 1, 9))],
        points=(1, 2),
        mistakes=(
            Mistake(
                "one step ahead",
                _previous_next,
                "You read the diagonal ABOVE the main one: the weight on the next token, which a causal head "
                "cannot "
                "see. One step back lies below: offset -1.",
            ),
            Mistake(
                "the token itself",
                _previous_self,
                "You read the main diagonal: the weight of each token on itself. One step back is offset -1.",
            ),
            Mistake(
                "divided by n",
                _previous_all_rows,
                "You divide by the number of tokens. The first token has none before it: there are n - 1 pairs.",
            ),
            Mistake(
                "one number for all heads",
                _previous_one_number,
                "You average over the heads as well. Each head gets its own number: average over tokens only.",
            ),
        ),
        right=(_previous_loop,),
    ),
    Task(
        "spread",
        "spread",
        spread,
        visible=((_even,), (np.array([[1, 0, 0], [0.5, 0.5, 0], [0.25, 0.25, 0.5]]),), (_back,)),
        hidden=lambda rng: [(causal(rng, n, holes=n % 2 == 0),) for n in (4, 5, 6, 7, 8)],
        points=(1, 3),
        mistakes=(
            Mistake(
                "0 times log 0",
                _spread_nan,
                "Not a number: the logarithm of 0. A weight of 0 adds 0 to the entropy; keep log2 away from it "
                "with "
                "np.where.",
            ),
            Mistake(
                "the first row counts",
                _spread_row_zero,
                "Leave row 0 out: the first token sees only itself, so its row says nothing about the head.",
            ),
            Mistake(
                "one scale for all rows",
                _spread_one_scale,
                "You divide every row by log2(n). Row i sees i + 1 tokens, so the most it can reach is log2(i + 1).",
            ),
            Mistake(
                "off by one in the scale", _spread_off_by_one, "Off by one: row i, counted from 0, sees i + 1 tokens."
            ),
            Mistake(
                "entropy of the columns",
                _spread_columns,
                "You add up over the columns' direction. A distribution is a ROW: sum along the last axis.",
            ),
        ),
        right=(_spread_natural,),
    ),
    Task(
        "best",
        "best_heads",
        best_heads,
        visible=((np.array([[0.1, 0.7], [0.2, 0.3], [0.9, 0.4]]), 2), (_show.permutation(12).reshape(3, 4) / 20, 3)),
        hidden=lambda rng: [
            (rng.permutation(a * b).reshape(a, b) / 50, k) for a, b, k in ((6, 4, 3), (2, 5, 4), (5, 3, 6))
        ],
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake(
                "the lowest", _best_lowest, "np.argsort sorts from low to high. Sort -scores, or read from the end."
            ),
            Mistake(
                "the highest last", _best_ascending, "The right heads in the wrong order: the highest comes first."
            ),
            Mistake(
                "layer and head exchanged",
                _best_exchanged,
                "Layer and head are exchanged: the row of the table is the layer, and it comes first.",
            ),
            Mistake(
                "divided by the number of layers",
                _best_wrong_width,
                "A place in the flattened table is layer * HEADS + head. You divided by the number of layers.",
            ),
            Mistake(
                "places in the flat table",
                _best_flat,
                "These are places in the flattened table. Take them apart again: divmod, or np.unravel_index.",
            ),
        ),
        right=(_best_by_sorting, _best_unravel),
    ),
    Task(
        "induction",
        "induction",
        induction,
        visible=((causal(_show, 7).round(3), 3), (np.eye(9)[[0, 0, 0, 0, 0, 2, 3, 4, 5]], 4)),
        hidden=_induction_hidden,
        points=(1, 3),
        mistakes=(
            Mistake(
                "the same token",
                _induction_same_token,
                "Off by one: you look at the first occurrence of the SAME token. An induction head looks at the "
                "one "
                "after it, since that is what comes next.",
            ),
            Mistake(
                "the token before",
                _induction_before,
                "You look at the token BEFORE the first occurrence. It is the one after it that helps to predict.",
            ),
            Mistake(
                "start token forgotten",
                _induction_no_start,
                "You forgot the start token: row 0 is no word. The second half begins at row period + 1.",
            ),
            Mistake("divided by all rows", _induction_all_rows, "Only the rows of the second half count in the mean."),
            Mistake(
                "rows and columns exchanged",
                _induction_turned,
                "You read weights[key, query]. The row is the one that looks: weights[query, key].",
            ),
        ),
        right=(_induction_diagonal,),
    ),
    Task(
        "profile",
        "profile",
        profile,
        visible=(([SHORT[0], LONG[0]], "gpt-mini"),),
        hidden=_profile_hidden,
        points=(1, 3),
        compare=close(1e-3),
        seconds=120,
        mistakes=(
            Mistake("only the first text", _profile_first, "Only the first text is in it. One text proves nothing."),
            Mistake(
                "all texts joined",
                _profile_joined,
                "You joined the texts to one. A token then looks back into another text; read each by itself.",
            ),
            Mistake(
                "long texts weigh more",
                _profile_pooled,
                "The wrong average: here a long text counts more than a short one. Score each text, then average.",
            ),
            Mistake("heads averaged", _profile_over_heads, "You average over the heads of a layer. Keep them apart."),
        ),
        right=(_profile_loop,),
    ),
    Task(
        "effect",
        "effect",
        effect,
        visible=((LONG[2], "gpt-mini", [[0, 1], [0, 2]]),),
        hidden=_effect_hidden,
        points=(1, 3),
        compare=close(1e-4),
        seconds=120,
        mistakes=(
            Mistake(
                "exchanged",
                _effect_exchanged,
                "The sign is turned: you subtract the loss with the heads OFF. A rise is off minus on.",
            ),
            Mistake(
                "measured outside the block",
                _effect_outside,
                "No change at all: the heads are off only inside the with block. Measure there.",
            ),
            Mistake("only one head", _effect_one_head, "Only the first head is off. ablate takes the whole list."),
            Mistake(
                "the sum over tokens",
                _effect_total,
                "You add up over all tokens. The loss is the mean, so that texts of any length compare.",
            ),
            Mistake("a ratio", _effect_ratio, "A rise is a difference, not a ratio."),
        ),
        right=(_effect_by_logprobs,),
    ),
)
