"""Judging of assignment 5: temperature, top-k with top-p, the draw, a repetition penalty, beam search, a greedy loop.

Trusted: never released, never in the sandbox. Knows nothing about notebooks. All tasks but the last work on made-up
numbers; the last asks gpt-mini, and what is right is computed from it when the judging is done.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from llm_course.checks.compare import exact
from llm_course.grading.tasks import Arguments, Cases, Mistake, Task

Rng = np.random.Generator
Table = np.ndarray
END = "<end>"


# Task 1: temperature, and what 0 means


def apply_temperature(scores: Table, t: float) -> Table:
    """Softmax of scores / t; at t = 0 all goes to the highest score."""
    if t == 0:
        return np.eye(len(scores))[int(np.argmax(scores))]
    powers = np.exp((scores - np.max(scores)) / t)
    return powers / powers.sum()


def _temperature_lists(scores: Table, t: float) -> list[float]:
    top = max(scores)
    if not t:
        return [float(score == top) for score in scores]
    powers = [math.exp((score - top) / t) for score in scores]
    return [power / sum(powers) for power in powers]


def _temperature_times(scores: Table, t: float) -> Table:
    powers = np.exp((scores - np.max(scores)) * t)
    return powers / powers.sum()


def _temperature_after(scores: Table, t: float) -> Table:
    with np.errstate(all="ignore"):
        return apply_temperature(scores, 1) / t


def _temperature_zero(scores: Table, t: float) -> Table:
    with np.errstate(all="ignore"):
        powers = np.exp((scores - np.max(scores)) / t)
        return powers / powers.sum()


def _temperature_zero_softmax(scores: Table, t: float) -> Table:
    return apply_temperature(scores, t or 1)


def _temperature_unsafe(scores: Table, t: float) -> Table:
    if t == 0:
        return apply_temperature(scores, 0)
    with np.errstate(all="ignore"):
        powers = np.exp(scores / t)
        return powers / powers.sum()


def _temperature_hidden(rng: Rng) -> Cases:
    cases = [(rng.permutation(n) * 1.3 - 2, t) for n, t in ((5, 0.3), (8, 1.0), (6, 1.7), (4, 0.6))]
    return [*cases, (rng.permutation(7) - 3.0, 0), (rng.permutation(5) * 400.0, 0.5)]


# Task 2: top-k and top-p together


def _rescaled(kept: Table) -> Table:
    return kept / kept.sum()


def top_k_top_p(probabilities: Table, k: int, p: float) -> Table:
    """Keep the k most probable and rescale; of these keep the smallest set that reaches p, and rescale again."""
    order = np.argsort(-probabilities)
    kept = np.zeros(len(probabilities))
    kept[order[:k]] = probabilities[order[:k]]
    kept = _rescaled(kept)
    ahead = np.cumsum(kept[order]) - kept[order]
    kept[order[ahead >= p]] = 0
    return _rescaled(kept)


def _cut_loop(probabilities: Table, k: int, p: float) -> list[float]:
    ranked = sorted(range(len(probabilities)), key=lambda i: probabilities[i], reverse=True)[:k]
    goal, total, stay = p * sum(probabilities[i] for i in ranked), 0.0, set()
    for i in ranked:
        stay.add(i)
        total += probabilities[i]
        if total >= goal:
            break
    return [float(probabilities[i]) / total if i in stay else 0.0 for i in range(len(probabilities))]


def _cut_no_rescale_between(probabilities: Table, k: int, p: float) -> Table:
    order = np.argsort(-probabilities)
    kept = np.zeros(len(probabilities))
    kept[order[:k]] = probabilities[order[:k]]
    ahead = np.cumsum(kept[order]) - kept[order]
    kept[order[ahead >= p]] = 0
    return _rescaled(kept)


def _cut_no_rescale_at_all(probabilities: Table, k: int, p: float) -> Table:
    return np.where(top_k_top_p(probabilities, k, p) > 0, probabilities, 0)


def _cut_crossing_out(probabilities: Table, k: int, p: float) -> Table:
    order = np.argsort(-probabilities)
    kept = np.zeros(len(probabilities))
    kept[order[:k]] = probabilities[order[:k]]
    kept = _rescaled(kept)
    over = order[np.cumsum(kept[order]) > p]
    kept[over[over != order[0]]] = 0
    return _rescaled(kept)


def _cut_sorted(probabilities: Table, k: int, p: float) -> Table:
    return np.sort(top_k_top_p(probabilities, k, p))[::-1]


def _cut_by_place(probabilities: Table, k: int, p: float) -> Table:
    kept = _rescaled(np.where(np.arange(len(probabilities)) < k, probabilities, 0))
    return _rescaled(np.where(np.cumsum(kept) - kept < p, kept, 0))


def _cut_k_only(probabilities: Table, k: int, p: float) -> Table:
    return top_k_top_p(probabilities, k, 1.5)


def _cut_case(rng: Rng) -> Arguments:
    while True:  # not at an edge: no running total close to p, no two tokens close to each other
        probabilities = rng.dirichlet(np.full(9, 0.9))
        k, p = int(rng.integers(3, 7)), float(rng.uniform(0.5, 0.9))
        top = np.sort(probabilities)[::-1]
        sums = [np.cumsum(top[:k]) / top[:k].sum(), np.cumsum(top)]
        if min(abs(total - p).min() for total in sums) > 0.01 and -np.diff(top[: k + 1]).max() > 0.003:
            return probabilities, k, p


# Task 3: the draw


def draw(probabilities: Table, u: float) -> int:
    """The first token at which the running total is above u."""
    total = 0.0
    for token, probability in enumerate(probabilities):
        total += probability
        if total > u:
            return token
    return len(probabilities) - 1


def _draw_numpy(probabilities: Table, u: float) -> np.int64:
    return np.minimum(np.searchsorted(np.cumsum(probabilities), u, side="right"), len(probabilities) - 1)


def _draw_greedy(probabilities: Table, u: float) -> int:
    return int(np.argmax(probabilities))


def _draw_last_below(probabilities: Table, u: float) -> int:
    return max(0, draw(probabilities, u) - 1)


def _draw_one_further(probabilities: Table, u: float) -> int:
    return draw(probabilities, u) + 1


def _draw_single(probabilities: Table, u: float) -> int:
    return next((i for i, p in enumerate(probabilities) if p > u), len(probabilities) - 1)


def _draw_sorted(probabilities: Table, u: float) -> int:
    return draw(np.sort(probabilities)[::-1], u)


def _draw_hidden(rng: Rng) -> Cases:
    cases = []
    for _ in range(8):
        probabilities = rng.dirichlet(np.ones(6))
        token = int(rng.integers(6))
        before = float(probabilities[:token].sum())  # u lies well inside the token's stretch
        cases.append((probabilities, before + float(probabilities[token]) * float(rng.uniform(0.2, 0.8))))
    return cases


# Task 4: a repetition penalty


def penalize(scores: Table, written: list[int], penalty: float) -> Table:
    """Scores of tokens that were written, made worse once (Keskar and others 2019, for scores of either sign)."""
    worse = np.array(scores, dtype=float)
    for token in set(written):
        worse[token] = worse[token] / penalty if worse[token] > 0 else worse[token] * penalty
    return worse


def _penalty_numpy(scores: Table, written: list[int], penalty: float) -> Table:
    seen = np.isin(np.arange(len(scores)), written)
    return np.where(seen, np.minimum(scores / penalty, scores * penalty), scores)


def _penalty_divides(scores: Table, written: list[int], penalty: float) -> Table:
    worse = np.array(scores, dtype=float)
    worse[list(set(written))] /= penalty
    return worse


def _penalty_each_time(scores: Table, written: list[int], penalty: float) -> Table:
    worse = np.array(scores, dtype=float)
    for token in written:
        worse[token] = worse[token] / penalty if worse[token] > 0 else worse[token] * penalty
    return worse


def _penalty_subtracts(scores: Table, written: list[int], penalty: float) -> Table:
    worse = np.array(scores, dtype=float)
    worse[list(set(written))] -= penalty
    return worse


def _penalty_all(scores: Table, written: list[int], penalty: float) -> Table:
    return np.minimum(scores / penalty, scores * penalty)


def _penalty_case(rng: Rng) -> Arguments:
    scores = rng.uniform(0.5, 5, size=9) * np.where(np.arange(9) % 2, 1, -1)  # both signs, well away from 0
    once = [int(token) for token in rng.permutation(9)[:4]]
    return (
        scores,
        [*once, once[0], *[token for token in (1, 2) if token not in once], once[0]],
        float(rng.uniform(1.1, 2)),
    )


# Task 5: beam search


def beam_search(model: dict[str, dict[str, float]], width: int, steps: int) -> str:
    """The text with the highest mean log-probability a token, of those that a beam search finds."""
    beams, done = [((), 0.0)], []
    for _ in range(steps):
        grown = [
            ((*words, word), total + math.log(p))
            for words, total in beams
            for word, p in model[" ".join(words)].items()
        ]
        grown = sorted(grown, key=lambda beam: -beam[1])[:width]
        done += [beam for beam in grown if beam[0][-1] == END]
        beams = [beam for beam in grown if beam[0][-1] != END]
    return " ".join(max(done + beams, key=lambda beam: beam[1] / len(beam[0]))[0])


def _beam_dicts(model: dict[str, dict[str, float]], width: int, steps: int) -> str:
    alive, ended = {"": 1.0}, {}
    for _ in range(steps):
        grown = {(text + " " + word).strip(): p * q for text, p in alive.items() for word, q in model[text].items()}
        best = sorted(grown, key=grown.__getitem__, reverse=True)[:width]
        ended.update({text: grown[text] for text in best if text.endswith(END)})
        alive = {text: grown[text] for text in best if not text.endswith(END)}
    ended.update(alive)
    return max(ended, key=lambda text: ended[text] ** (1 / len(text.split())))


def _beam(fault: str) -> Any:
    """A beam search with one fault."""

    def length(beam: tuple[tuple[str, ...], float]) -> int:
        if fault == "sum":
            return 1
        return max(1, len(beam[0]) - (fault == "end not counted" and beam[0][-1] == END))

    def wrong(model: dict[str, dict[str, float]], width: int, steps: int) -> str:
        beams: list[tuple[tuple[str, ...], float]] = [((), 0.0)]
        done = []
        for _ in range(steps):
            each = [
                sorted(
                    (((*words, word), total + math.log(p)) for word, p in model[" ".join(words)].items()),
                    key=lambda beam: -beam[1],
                )
                for words, total in beams
            ]
            if fault == "width per beam":
                each = [own[:width] for own in each]
            grown = sorted((beam for own in each for beam in own), key=lambda beam: -beam[1])
            best = grown if fault == "width per beam" else grown[: 1 if fault == "one beam" else width]
            done += [
                beam for beam in (grown if fault == "all ended" else best) if beam[0][-1] == END and fault != "drop"
            ]
            beams = [beam for beam in (grown if fault in ("all ended", "refill") else best) if beam[0][-1] != END]
            if fault in ("all ended", "refill"):
                beams = beams[:width]
            if fault == "stops at the first end" and best and best[0][0][-1] == END:
                return " ".join(best[0][0])
        chosen = done if fault == "ended only" and done else done + beams
        return " ".join(max(chosen or [((), 0.0)], key=lambda beam: beam[1] / length(beam))[0])

    return wrong


def _toy(rng: Rng, steps: int) -> dict[str, dict[str, float]]:
    words = ["the", "a", "cat", "sea"]
    model: dict[str, dict[str, float]] = {}
    texts = [""]
    for step in range(steps):
        for text in texts:
            chosen = [str(word) for word in rng.permutation(words)[:2]] + ([END] if step else [str(words[step])])
            model[text] = dict(
                zip(dict.fromkeys(chosen), [float(p) for p in rng.dirichlet(np.full(3, 1.5))], strict=False)
            )
        texts = [(text + " " + word).strip() for text in texts for word in model[text] if word != END]
    return model


def _robust(model: dict[str, dict[str, float]], width: int, steps: int) -> bool:
    """Whether the answer stays the same when every probability is moved a little: nothing sits on an edge."""
    rng = np.random.default_rng(0)
    answer = beam_search(model, width, steps)
    for _ in range(4):
        moved = {
            text: {word: p * float(rng.uniform(0.995, 1.005)) for word, p in own.items()} for text, own in model.items()
        }
        if beam_search(moved, width, steps) != answer:
            return False
    return True


def _beam_hidden(rng: Rng) -> Cases:
    """One case for each fault, on which it gives another text, and two more."""
    cases: Cases = []
    for wrong in (*(mistake.function for mistake in BEAM_MISTAKES), None, None):
        while True:
            case = (_toy(rng, 4), int(rng.integers(2, 4)), 4)
            if _robust(*case) and (wrong is None or wrong(*case) != beam_search(*case)):
                cases.append(case)
                break
    return cases


BEAM_MISTAKES = (
    Mistake(
        "the sum decides",
        _beam("sum"),
        "You compare sums of log-probabilities. Every further token makes a sum smaller, so short texts win. At "
        "the end, divide by the number of tokens.",
    ),
    Mistake(
        "one beam",
        _beam("one beam"),
        "You keep one beginning only: this is greedy decoding. Keep the best `width` of ALL grown beams.",
    ),
    Mistake(
        "ended texts are lost",
        _beam("drop"),
        "A text that has ended is lost. Put it aside when it ends, and let it compete at the end.",
    ),
    Mistake(
        "only ended texts count",
        _beam("ended only"),
        "Only ended texts compete at your end. Those still alive after the last step do, too.",
    ),
    Mistake(
        "stops when the best has ended",
        _beam("stops at the first end"),
        "You stop as soon as the best text has ended. Put it aside and go on: after more steps another can have "
        "the better mean.",
    ),
    Mistake(
        "ended texts take no place",
        _beam("refill"),
        "You fill up the places of ended texts. A text that ends in a step is one of its `width` best, so fewer "
        "than `width` live on.",
    ),
    Mistake(
        "every ended text is kept",
        _beam("all ended"),
        "You put every text aside that ends, and choose `width` of the others. Choose the `width` best of all "
        "grown texts first; an ended one that is not among them is dropped.",
    ),
    Mistake(
        "width for each beam",
        _beam("width per beam"),
        "You keep `width` continuations of EACH beam, so their number grows. Keep `width` of all of them together.",
    ),
    Mistake(
        "the end is not counted",
        _beam("end not counted"),
        "You leave <end> out of the number of words. It has a probability in the sum, so it counts as a word.",
    ),
)


# Task 6: a greedy loop on a real model


def greedy(prompt: str, model: str, most: int) -> list[int]:
    """Ids of the new tokens: the most probable one each time, until the end token (left out) or ``most`` tokens."""
    return _greedy_ids(prompt, model, most)


def _greedy_ids(
    prompt: str, model: str, most: int, row: int = -1, context: bool = True, start: bool = True
) -> list[int]:
    import torch

    import llm_course as lc

    lm = lc.load(model, device="cpu")
    before = [lm.tokenizer.bos_token_id] * start + lm.tokenizer(prompt, add_special_tokens=False)["input_ids"]
    new: list[int] = []
    with torch.inference_mode():
        while len(new) < most:
            ids = before + new if context else (before + new)[-1:]
            token = int(lm.model(torch.tensor([ids])).logits[0, row].argmax())
            if token == lm.tokenizer.eos_token_id:
                break
            new.append(token)
    return new


def _greedy_course(prompt: str, model: str, most: int) -> list[int]:
    import llm_course as lc

    tokenizer = lc.load(model).tokenizer
    text = lc.generate(prompt, model=model, temperature=0, max_new_tokens=most).text
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _greedy_last_only(prompt: str, model: str, most: int) -> list[int]:
    return _greedy_ids(prompt, model, most, context=False)


def _greedy_first_row(prompt: str, model: str, most: int) -> list[int]:
    return _greedy_ids(prompt, model, most, row=0)


def _greedy_with_prompt(prompt: str, model: str, most: int) -> list[int]:
    import llm_course as lc

    ids = lc.load(model, device="cpu").tokenizer(prompt, add_special_tokens=False)["input_ids"]
    return ids + greedy(prompt, model, most)


def _greedy_sampled(prompt: str, model: str, most: int) -> list[int]:
    import llm_course as lc

    text = lc.generate(prompt, model=model, temperature=1.5, max_new_tokens=most, seed=3).text
    return lc.load(model).tokenizer(text, add_special_tokens=False)["input_ids"]


# Prompts on which every greedy step is clear of a tie (a test watches over it).
PROMPTS = (
    "Once upon a time",
    "Lily and Tom went to the park",
    "The dog was very",
    "One day, a little girl named",
    "They lived happily",
    "Mom said it was time to",
)
LENGTH = 8

_show = np.random.default_rng(5)
_toy_model = {
    "": {"The": 0.5, "A": 0.4, "One": 0.1},
    "The": {"cat": 0.4, "dog": 0.35, END: 0.25},
    "A": {"dragon": 0.9, END: 0.1},
    "One": {"day": 0.9, END: 0.1},
    "The cat": {END: 0.4, "sat": 0.6},
    "The dog": {END: 0.5, "ran": 0.5},
    "A dragon": {END: 0.3, "flew": 0.7},
    "One day": {END: 0.9, "came": 0.1},
}
_short_model = {
    "": {"Yes": 0.6, "No": 0.4},
    "Yes": {END: 0.55, "please": 0.45},
    "No": {END: 0.6, "thanks": 0.4},
    "Yes please": {END: 0.95, "now": 0.05},
    "No thanks": {END: 0.9, "now": 0.1},
}
_early_model = {
    "": {"Stop": 0.7, "Go": 0.3},
    "Stop": {END: 0.9, "here": 0.1},
    "Go": {"on": 0.6, END: 0.4},
    "Stop here": {END: 0.5, "now": 0.5},
    "Go on": {END: 0.5, "now": 0.5},
}
_open_model = {
    "": {"Well": 0.9, "No": 0.1},
    "Well": {"then": 0.7, END: 0.3},
    "No": {END: 0.5, "way": 0.5},
    "Well then": {"we": 0.9, END: 0.1},
    "No way": {END: 1.0},
}
# One for each fault that the models above do not show.
_stop_model = {
    "": {"on": 0.45, "go": 0.55},
    "on": {"on": 0.05, "we": 0.8, END: 0.15},
    "go": {"now": 0.05, "go": 0.3, END: 0.65},
    "on we": {"now": 0.35, "on": 0.15, END: 0.5},
    "go go": {"now": 0.1, "we": 0.35, END: 0.55},
    "on on": {"we": 0.2, "go": 0.3, END: 0.5},
    "go now": {"on": 0.1, "we": 0.3, END: 0.6},
}
_dropped_model = {
    "": {"we": 0.7, "now": 0.3},
    "we": {"go": 0.36, "on": 0.33, END: 0.31},
    "now": {"we": 0.3, "go": 0.5, END: 0.2},
    "we go": {"on": 0.35, "now": 0.33, END: 0.32},
    "we on": {"go": 0.33, "now": 0.34, END: 0.33},
    "now we": {"go": 0.3, "on": 0.25, END: 0.45},
    "now go": {"we": 0.3, "on": 0.3, END: 0.4},
}
_place_model = {
    "": {"we": 0.4, "now": 0.6},
    "we": {"on": 0.2, "go": 0.25, END: 0.55},
    "now": {"go": 0.35, "on": 0.25, END: 0.4},
    "we go": {"on": 0.1, "now": 0.4, END: 0.5},
    "now go": {"now": 0.2, "we": 0.25, END: 0.55},
    "now on": {"we": 0.1, "now": 0.85, END: 0.05},
    "we on": {"go": 0.2, "now": 0.3, END: 0.5},
}
_each_model = {
    "": {"we": 0.55, "go": 0.45},
    "we": {"we": 0.35, "now": 0.5, END: 0.15},
    "go": {"now": 0.65, "we": 0.1, END: 0.25},
    "we we": {"go": 0.15, "on": 0.2, END: 0.65},
    "we now": {"on": 0.4, "we": 0.45, END: 0.15},
    "go now": {"now": 0.25, "go": 0.4, END: 0.35},
    "go we": {"on": 0.2, "go": 0.2, END: 0.6},
}
_count_model = {
    "": {"on": 0.8, "now": 0.2},
    "on": {"on": 0.35, "now": 0.15, END: 0.5},
    "now": {"go": 0.25, "on": 0.1, END: 0.65},
    "on on": {"on": 0.1, "go": 0.15, END: 0.75},
    "on now": {"we": 0.45, "on": 0.25, END: 0.3},
    "now go": {"go": 0.15, "we": 0.5, END: 0.35},
    "now on": {"go": 0.3, "we": 0.3, END: 0.4},
}

TASKS = (
    Task(
        "temperature",
        "apply_temperature",
        apply_temperature,
        visible=(
            (np.log([1.0, 2.0, 1.0]), 1),
            (np.log([1.0, 2.0, 1.0]), 0.5),
            (np.array([0.5, 2.0, 1.0]), 0),
            (np.array([800.0, 400.0, 0.0]), 0.5),
        ),
        hidden=_temperature_hidden,
        points=(1, 2),
        mistakes=(
            Mistake(
                "multiplied",
                _temperature_times,
                "At t = 0.5 your distribution is flatter than at t = 1; it should be sharper. You multiply by t.",
            ),
            Mistake(
                "probabilities divided",
                _temperature_after,
                "It does not sum to 1 for t = 0.5: you divide the probabilities by t instead of the scores.",
            ),
            Mistake(
                "0 divides",
                _temperature_zero,
                "At t = 0 your result is not a number. Division by 0 has no value; 0 means greedy, so give all to "
                "the highest score before you divide.",
            ),
            Mistake("0 ignored", _temperature_zero_softmax, "At t = 0 you give the plain softmax. 0 means greedy."),
            Mistake(
                "overflow",
                _temperature_unsafe,
                "e to the power of 1,600 is too large for a float. Take the largest score off first; the shares "
                "stay the same.",
            ),
        ),
        right=(_temperature_lists,),
    ),
    Task(
        "cut",
        "top_k_top_p",
        top_k_top_p,
        visible=(
            (np.array([0.10, 0.40, 0.05, 0.30, 0.15]), 3, 0.6),
            (np.array([0.05, 0.30, 0.22, 0.23, 0.20]), 3, 0.65),
            (np.array([0.10, 0.40, 0.05, 0.30, 0.15]), 2, 1.0),
        ),
        hidden=lambda rng: [_cut_case(rng) for _ in range(10)],
        points=(1, 4),
        mistakes=(
            Mistake(
                "p before the rescaling",
                _cut_no_rescale_between,
                "You compare p with probabilities that do not sum to 1, or you cut by p before you cut by k (the "
                "result is the same). First top-k, then rescale, then compare with p.",
            ),
            Mistake(
                "no rescaling at the end",
                _cut_no_rescale_at_all,
                "The right tokens stay, but they do not sum to 1. Rescale at the end.",
            ),
            Mistake(
                "the crossing token is out",
                _cut_crossing_out,
                "One token too few: the token that crosses p stays in. Compare p with the total BEFORE each token.",
            ),
            Mistake("sorted", _cut_sorted, "Right numbers in sorted order. Put each back to the place of its token."),
            Mistake(
                "cut by place",
                _cut_by_place,
                "You cut by place in the list. It is not sorted: find the most probable first (np.argsort).",
            ),
            Mistake("p ignored", _cut_k_only, "p changes nothing in your result: only top-k was applied."),
        ),
        right=(_cut_loop,),
    ),
    Task(
        "draw",
        "draw",
        draw,
        visible=tuple((np.array([0.2, 0.5, 0.1, 0.2]), u) for u in (0.65, 0.05, 0.3, 0.75, 0.95)),
        hidden=_draw_hidden,
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake("greedy", _draw_greedy, "You always take the most probable token: u does not come in."),
            Mistake(
                "sorted first",
                _draw_sorted,
                "You sorted the probabilities, so the number that you return is no longer the token's place.",
            ),
            Mistake(
                "off by one",
                _draw_last_below,
                "Off by one: the token is the first whose running total EXCEEDS u, not the last that does not.",
            ),
            Mistake(
                "one further",
                _draw_one_further,
                "One too far: places count from 0, and the token whose stretch holds u is meant, not the next.",
            ),
            Mistake(
                "single probabilities",
                _draw_single,
                "You compare u with single probabilities. Compare it with the running total.",
            ),
        ),
        right=(_draw_numpy,),
    ),
    Task(
        "penalty",
        "penalize",
        penalize,
        visible=(
            (np.array([2.0, -1.0, 4.0, 0.5]), [0, 1], 2.0),
            (np.array([2.0, 3.0, 4.0]), [2, 2, 2], 2.0),
        ),
        hidden=lambda rng: [_penalty_case(rng) for _ in range(5)],
        points=(1, 2),
        mistakes=(
            Mistake(
                "negative scores divided",
                _penalty_divides,
                "A negative score becomes LARGER when it is divided. Multiply there.",
            ),
            Mistake(
                "once for each occurrence",
                _penalty_each_time,
                "A token that was written three times is punished three times. Once is enough: use a set.",
            ),
            Mistake("subtracted", _penalty_subtracts, "You subtract the penalty. It divides (or multiplies)."),
            Mistake("all tokens", _penalty_all, "You punish all tokens, not only those that were written."),
        ),
        right=(_penalty_numpy,),
    ),
    Task(
        "beams",
        "beam_search",
        beam_search,
        visible=(
            (_toy_model, 1, 3),
            (_toy_model, 2, 2),
            (_toy_model, 2, 3),
            (_count_model, 2, 3),
            (_stop_model, 2, 3),
            (_short_model, 2, 3),
            (_early_model, 2, 3),
            (_open_model, 2, 3),
            (_dropped_model, 2, 3),
            (_place_model, 2, 3),
            (_each_model, 2, 3),
        ),
        hidden=_beam_hidden,
        points=(2, 4),
        compare=exact(),
        mistakes=BEAM_MISTAKES,
        right=(_beam_dicts,),
    ),
    Task(
        "greedy",
        "greedy",
        greedy,
        visible=((PROMPTS[0], "gpt-mini", 6),),
        hidden=lambda rng: [(PROMPTS[int(k)], "gpt-mini", LENGTH) for k in rng.permutation(len(PROMPTS))[:3]],
        points=(1, 3),
        compare=exact(),
        seconds=120,
        mistakes=(
            Mistake(
                "only the last token is read",
                _greedy_last_only,
                "The model gets the last token only, so it has forgotten the story. Give it all ids each time.",
            ),
            Mistake(
                "the first row",
                _greedy_first_row,
                "You read the scores of the FIRST place: always the same answer. The next token stands in the last "
                "row, logits[0, -1].",
            ),
            Mistake("the prompt is in the answer", _greedy_with_prompt, "Return the NEW tokens only, not the prompt."),
            Mistake("sampled", _greedy_sampled, "You draw. Greedy takes the most probable token: argmax."),
        ),
        right=(_greedy_course,),
    ),
)
