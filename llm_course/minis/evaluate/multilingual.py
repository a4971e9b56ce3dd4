"""How well bloom-mini predicts nine languages, each beside an n-gram of its own; and how far past its trained length.

Knows nothing about how the model was trained, beyond its texts. The test texts of a language are sentences and
storybooks of the test split. Each is scored by itself after the start token, its end token included; longer ones in
windows of the trained length that overlap by half, each token counted once. The n-grams are trained on the very text
of that language that the model has read; the best of several is taken, on the test text itself, which favors them.
"""

from __future__ import annotations

import json
import math
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from llm_course.minis.baselines.kneser_ney import KneserNey
from llm_course.minis.evaluate.record import Table, goal, stamp
from llm_course.minis.recipes.bloom_mini import LANGUAGES, LENGTH, texts
from llm_course.minis.recipes.gpt_mini import token_stream
from llm_course.shelf.catalogue import WEIGHTS
from llm_course.shelf.loading import LanguageModel, load
from llm_course.text import windows

SENTENCES, STORY_BYTES = 300, 20_000  # of each language, at most
ORDERS = (3, 4, 5, 6)
STEP = 64  # tokens in one piece of the curve by position
RECORD = "learned_positions.json"
HOW = (
    "Bits per byte on held-out sentences (at most 300) and storybooks (at most 20 kB) of each language. Each text is "
    "scored by itself after the start token, its end token included; longer ones in windows of 128 tokens that overlap "
    "by half, each token counted once; bits are divided by UTF-8 bytes. The n-gram of a language (modified Kneser-Ney "
    "over the same tokens, or over bytes; the best order on the test text) has read the same text in that language."
)


def measure(data: str | Path, limit: int | None = None, *, model: Any = "bloom-mini") -> dict[str, Any]:
    """Measure a multilingual model beside n-grams, one for each language, and by position.

    Args:
        data: the data folder.
        limit: at most so many sentences and stories of each language, and 20 times as many training texts for the
            n-grams: a quick look, no fair comparison.
        model: what ``lc.load`` takes.

    Raises:
        DataMissing: a corpus is not there.
    """
    lm = load(model, task="generate")
    languages: dict[str, dict[str, Any]] = {}
    for code, name in LANGUAGES.items():
        test = test_texts(Path(data), code, limit)
        size = sum(len(text.encode("utf-8")) for text in test)
        train = list(islice(texts(Path(data), code), limit and 20 * limit))
        own = bits(lm, test) / size
        order, best = best_ngram(lm.tokenizer, train, test, size)
        languages[code] = {
            "language": name, "train_bytes": sum(len(text.encode("utf-8")) for text in train), "bytes": size,
            "model": round(own, 4), "n-gram": round(best, 4), "order": order, "below": round(1 - own / best, 4),
        }  # fmt: skip
    longer: dict[str, Any] = {"trained_on": LENGTH, "step": STEP}
    longer["ALiBi"] = by_position(lm.model, lm.tokenizer, Path(data), limit)
    twin = WEIGHTS / "bloom-mini" / RECORD
    if twin.is_file():
        found = json.loads(twin.read_text(encoding="utf-8"))
        longer["learned positions"] = found["loss"]
        longer["twin"] = {"parameters": found["parameters"], "steps": found["training"]["steps"]}
    better = sum(one["below"] > 0 for one in languages.values())
    return {
        "how": HOW,
        "languages": languages,
        "longer": longer,
        "goals": [goal("languages in which the model needs fewer bits than the n-gram", len(LANGUAGES), better)],
        **stamp("bloom-mini", lm.device.type),
    }


def test_texts(data: Path, language: str, limit: int | None = None) -> list[str]:
    """The held-out texts of a language: storybooks up to 20 kB, sentences up to 300."""
    stories, sentences, used = [], [], 0
    for text in texts(data, language, "test"):
        text = text.strip()
        if "\n" not in text:
            sentences.append(text)
        elif used < STORY_BYTES:
            stories.append(text)
            used += len(text.encode("utf-8"))
    return stories[:limit] + sentences[: limit or SENTENCES]


def bits(lm: LanguageModel, test: list[str]) -> float:
    """The bits that a model needs for texts, end tokens included; each text is read by itself, in windows."""
    import torch

    start, nats = lm.tokenizer.bos_token_id, 0.0
    for text in test:
        ids = [start, *lm.tokenizer(text, add_special_tokens=False)["input_ids"], lm.tokenizer.eos_token_id]
        done = 1  # tokens that have been counted: the start token has not to be predicted
        for begin, end in windows(len(ids), LENGTH, LENGTH // 2):
            part = torch.tensor([ids[begin:end]], device=lm.device)
            with torch.inference_mode():
                scores = lm.model(input_ids=part[:, :-1]).logits[0].float().log_softmax(-1)
            chances = scores.gather(1, part[0, 1:, None])[:, 0]
            nats -= float(chances[done - begin - 1 :].sum())
            done = end
    return nats / math.log(2)


def best_ngram(tokenizer: Any, train: list[str], test: list[str], size: int) -> tuple[str, float]:
    """The order of the best n-gram, and its bits per byte: over the model's tokens, and over bytes."""

    def tokens(some: list[str]) -> list[list[int]]:
        encoded = tokenizer.backend_tokenizer.encode_batch([t.strip() for t in some], add_special_tokens=False)
        return [[*one.ids, tokenizer.eos_token_id] for one in encoded]

    def plain(some: list[str]) -> list[list[int]]:
        return [[*t.strip().encode("utf-8"), 256] for t in some]

    found = []
    for unit, cut, vocabulary, orders in (("token", tokens, len(tokenizer), ORDERS), ("byte", plain, 257, (6, 8))):
        known, new = cut(train), cut(test)
        for order in orders:
            grams = KneserNey(vocabulary, order, modified=True).fit(known)
            nats = -sum(float(grams.logprobs(one).sum()) for one in new)
            found.append((nats / math.log(2) / size, f"{order} {unit}s"))
    best, named = min(found)
    return named, best


def by_position(model: Any, tokenizer: Any, data: Path, limit: int | None = None) -> list[float]:
    """Cross-entropy of the next token in nats by its place in the text the model reads, up to four trained lengths.

    The held-out storybooks of all languages (test and validation) are joined and cut into pieces of 512 tokens.

    Args:
        model: a causal model of transformers.
        tokenizer: its tokenizer.
        data: the data folder.
        limit: at most so many stories of each language.

    Returns:
        The mean over each 64 places, eight numbers.
    """
    import torch

    length = 4 * LENGTH
    pieces = []
    for language in LANGUAGES:
        stories = [t for split in ("test", "validation") for t in texts(data, language, split) if "\n" in t.strip()]
        row = token_stream(stories[:limit], tokenizer)
        pieces += [row[i : i + length + 1] for i in range(0, len(row) - length, length)]
    if not pieces:
        return []
    total = torch.zeros(length)
    device = next(model.parameters()).device
    for some in (pieces[i : i + 16] for i in range(0, len(pieces), 16)):
        ids = torch.from_numpy(np.stack(some).astype(np.int64)).to(device)
        with torch.inference_mode():
            logits = model(input_ids=ids[:, :-1], use_cache=False).logits.float()
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        total += each.sum(0).cpu()
    means = (total / len(pieces)).view(-1, STEP).mean(1)
    return [round(value, 4) for value in means.tolist()]


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Bits per byte over all languages, and the loss at four times the trained length beside the twin's."""
    languages = measured["languages"].values()
    own, base = (np.mean([one[key] for one in languages]) for key in ("model", "n-gram"))
    lines = [(f"bits per byte, mean of {len(languages)} languages", f"{own:.3f}", f"an n-gram for each {base:.3f}")]
    longer = measured["longer"]
    if longer["ALiBi"]:
        other = longer.get("learned positions")
        beside = f"learned positions {other[-1]:.2f}" if other else "not measured"
        lines.append(("loss per token at 4 times the trained length", f"{longer['ALiBi'][-1]:.2f}", beside))
    return lines


def tables(measured: dict[str, Any]) -> list[Table]:
    """Bits per byte of each language, and the loss by position."""
    rows = tuple(
        (one["language"], f"{one['train_bytes'] / 1e6:.2f}", f"{one['model']:.3f}", f"{one['n-gram']:.3f}",
         one["order"], f"{one['below']:+.0%}")
        for one in measured["languages"].values()
    )  # fmt: skip
    head = ("language", "training text, MB", "bloom-mini", "best n-gram", "its order", "fewer bits")
    found = [Table("Bits per byte of held-out text (lower is better)", head, rows)]
    longer = measured["longer"]
    kinds = [name for name in ("ALiBi", "learned positions") if longer.get(name)]
    if kinds:
        places = [f"{i * STEP + 1} to {(i + 1) * STEP}" for i in range(len(longer[kinds[0]]))]
        lines = tuple((name, *(f"{value:.2f}" for value in longer[name])) for name in kinds)
        title = f"Loss in nats per token by place in the text; trained on {longer['trained_on']} tokens"
        found.append(Table(title, ("positions", *places), lines))
    return found
