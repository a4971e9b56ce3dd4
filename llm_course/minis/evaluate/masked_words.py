"""How well a masked language model fills gaps: the share of hidden tokens it names.

Knows nothing about how the model was trained, beyond its corpora. Texts of their test splits are cut to 128
tokens; 15% of the tokens, drawn with a fixed seed, become ``[MASK]``; all are asked for at once. How well its
vectors find sentences that say the same is measured beside it, by :mod:`llm_course.minis.evaluate.embeddings`.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from llm_course.batching import in_batches, padded
from llm_course.minis.evaluate import embeddings
from llm_course.minis.evaluate.record import Table, first, stamp
from llm_course.minis.recipes.bert_mini import CORPORA, texts
from llm_course.shelf.loading import load

LONGEST, SHARE, PER_CORPUS = 128, 0.15, 400
HOW = (
    "15% of the tokens of texts from the test splits (at most 400 of each corpus, cut to 128 tokens, fixed seed) are "
    "replaced by [MASK]; accuracy is the share of them that the model ranks first, or among its first five. The "
    "baseline always names the tokens that are most frequent in these very texts."
)


def measure(data: str | Path, limit: int | None = None, *, model: Any = "bert-mini") -> dict[str, Any]:
    """Measure a masked language model; ``limit`` is the most texts of a corpus (else 400).

    Raises:
        DataMissing: a corpus is not there.
        ValueError: there is no held-out text.
    """
    import torch

    lm = load(model, task="fill_mask")
    own = [t for name in CORPORA for t in first(texts(Path(data), name, "test"), limit or PER_CORPUS)]
    if not own:
        raise ValueError("No corpus has a row with split=test.")
    before, after = lm.frame
    room = min(LONGEST, lm.window or LONGEST) - len(before) - len(after)
    random = np.random.default_rng(0)
    items: list[tuple[list[int], list[int], list[int]]] = []  # ids with gaps, places, what stood there
    counts: Counter[int] = Counter()
    for text in own:
        ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"][:room]
        counts.update(ids)
        places = np.flatnonzero(random.random(len(ids)) < SHARE).tolist()
        if places:
            seen = [lm.tokenizer.mask_token_id if i in set(places) else token for i, token in enumerate(ids)]
            items.append(([*before, *seen, *after], [p + len(before) for p in places], [ids[p] for p in places]))

    def run(batch: list[tuple[list[int], list[int], list[int]]]) -> list[list[list[int]]]:
        ids, mask = padded([ids for ids, _, _ in batch], lm.tokenizer.pad_token_id or 0, lm.device)
        with torch.inference_mode():
            top = lm.model(input_ids=ids, attention_mask=mask).logits.topk(5, dim=-1).indices
        return [top[row, places].tolist() for row, (_, places, _) in enumerate(batch)]

    found = in_batches(items, lambda item: len(item[0]), run, progress=False)
    hidden = [(guess, token) for (_, _, was), own5 in zip(items, found, strict=True)
              for guess, token in zip(own5, was, strict=True)]  # fmt: skip
    frequent = [token for token, _ in counts.most_common(5)]
    return {
        "how": HOW,
        "texts": len(items),
        "hidden_tokens": len(hidden),
        "accuracy": {
            lm.name: _shares(hidden),
            "most frequent tokens": _shares([(frequent, token) for _, token in hidden]),
        },
        "similar_texts": embeddings.measure(data, limit, model=lm),
        "goals": [],
        **stamp(lm.name, lm.device.type),
    }


def _shares(pairs: list[tuple[list[int], int]]) -> dict[str, float]:
    """How often the token is the first guess, and among the first five."""
    return {
        "first": round(sum(guesses[0] == token for guesses, token in pairs) / len(pairs), 4),
        "first five": round(sum(token in guesses for guesses, token in pairs) / len(pairs), 4),
    }


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was measured, the model's figure, and the baseline's."""
    (_, own), (name, base) = measured["accuracy"].items()
    found = [("hidden tokens named first", f"{own['first']:.3f}", f"{name} {base['first']:.3f}")]
    if similar := measured.get("similar_texts"):  # a card may hold an older measurement
        share, base = embeddings.as_embedded(similar)["all"], similar["found_first"][embeddings.TFIDF]["all"]
        found.append(("paraphrase ranked first by lc.embed", f"{share:.3f}", f"{embeddings.TFIDF} {base:.3f}"))
    return found


def tables(measured: dict[str, Any]) -> list[Table]:
    """Accuracy of each model on the hidden tokens."""
    lines = tuple(
        (name, f"{own['first']:.3f}", f"{own['first five']:.3f}") for name, own in measured["accuracy"].items()
    )
    title = f"Hidden tokens named, {measured['hidden_tokens']:,} of {measured['texts']:,} held-out texts"
    more = embeddings.tables(measured["similar_texts"]) if "similar_texts" in measured else []
    return [Table(title, ("model", "first guess", "first five"), lines), *more]
