"""How well a raw language model predicts stories: bits per byte, beside Kneser-Ney n-grams.

Knows nothing about how the model was trained, beyond the text it was trained on. Each validation story is
scored by itself: the model reads its start token, then predicts every token of the story and the end token.
A story longer than the window is read in windows that overlap by half, and each token counts once. The sum
in bits is divided by the UTF-8 bytes of the stories; the end tokens cost bits and add no byte. The n-grams
use the same tokenizer, the same training stories, and are scored in the same way, with no window.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from llm_course.minis.baselines.kneser_ney import KneserNey
from llm_course.minis.corpora import rows
from llm_course.minis.evaluate.record import Table, first, goal, stamp
from llm_course.minis.recipes.gpt_mini import CORPORA, texts
from llm_course.shelf.loading import load
from llm_course.use_cases.generation import generate, token_logprobs

ORDER, MARGIN = 5, 0.25
STORIES = ("tinystories", "fables")  # of CORPORA, those that are closest to the validation file
PROMPTS = ("Once upon a time, there was a little girl named", "The dog was sad because", "Tom and his mom went to")
HOW = (
    "Bits per byte on the TinyStories validation file. Each story is scored by itself after the start token, its end "
    "token included; a story longer than the window is read in windows that overlap by half, each token counted once; "
    "the sum in bits is divided by the UTF-8 bytes of the stories. Kneser-Ney uses the same tokens."
)


def measure(data: str | Path, limit: int | None = None, *, model: Any = "gpt-mini") -> dict[str, Any]:
    """Measure a raw model beside its n-gram baselines.

    Args:
        data: the data folder.
        limit: at most so many validation stories, and 20 times as many training texts of each corpus for the
            n-grams: a quick look, no fair comparison.
        model: what ``lc.load`` takes.

    Raises:
        DataMissing: a corpus is not there.
    """
    lm = load(model, task="generate")
    stories = [row["text"].strip() for row in first(rows(data, "tinystories-validation", "validation"), limit)]
    size = sum(len(story.encode("utf-8")) for story in stories)
    test = sequences(lm.tokenizer, stories)
    start = lm.tokenizer.bos_token_id
    start = lm.tokenizer.eos_token_id if start is None else start
    nats = [-sum(token_logprobs(lm, [start, *one])) for one in test]
    tokens = sum(map(len, test))
    bits = {lm.name: sum(nats) / math.log(2) / size}
    wanted = [name for name in CORPORA if (limit is None or name in STORIES)]
    trained = {
        name: sequences(lm.tokenizer, [t.strip() for t in first(texts(Path(data), name), limit and 20 * limit)])
        for name in wanted
    }
    for what, names in (("all training text", wanted), ("stories and fables", STORIES)):
        for modified in (False, True):
            grams = KneserNey(len(lm.tokenizer), ORDER, modified)
            grams.fit(one for name in names for one in trained[name])
            kind = "modified Kneser-Ney" if modified else "Kneser-Ney"
            loss = -sum(float(grams.logprobs(one).sum()) for one in test)
            bits[f"{kind} {ORDER}-gram, {what}"] = loss / math.log(2) / size
    lowest = min(value for name, value in bits.items() if name != lm.name)
    below = 1 - bits[lm.name] / lowest
    drawn = generate(list(PROMPTS), max_new_tokens=60, temperature=0.7, seed=0, model=lm, progress=False)
    return {
        "how": HOW,
        "stories": len(stories),
        "bytes": size,
        "tokens": tokens,
        "perplexity_per_token": round(math.exp(sum(nats) / tokens), 2),
        "bits_per_byte": {name: round(value, 4) for name, value in bits.items()},
        "below_best_baseline": round(below, 4),
        "samples": [str(one) for one in drawn],
        "goals": [goal("share of bits per byte below the best n-gram", MARGIN, below)],
        **stamp(lm.name, lm.device.type),
    }


def sequences(tokenizer: Any, stories: list[str]) -> list[list[int]]:
    """Each story as token ids, with the end token."""
    end = tokenizer.eos_token_id
    return [[*e.ids, end] for e in tokenizer.backend_tokenizer.encode_batch(stories, add_special_tokens=False)]


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was measured, the model's figure, and the baselines'."""
    (_, own), *others = measured["bits_per_byte"].items()
    below = "; ".join(f"{name} {value:.3f}" for name, value in others)
    return [("bits per byte, TinyStories validation (lower is better)", f"{own:.3f}", below)]


def tables(measured: dict[str, Any]) -> list[Table]:
    """Bits per byte of each model, lower is better."""
    found = measured["bits_per_byte"]
    lines = tuple((name, f"{value:.3f}") for name, value in sorted(found.items(), key=lambda pair: pair[1]))
    title = f"TinyStories validation, {measured['stories']} stories, {measured['bytes']:,} bytes (lower is better)"
    return [Table(title, ("model", "bits per byte"), lines)]
