"""Sentiment analysis: is a text positive, neutral or negative?

Knows nothing about how models are found. Tokenize, run the classifier, turn scores into probabilities. A
text longer than the model's window is read in overlapping windows, and their probabilities are averaged.
"""

from __future__ import annotations

from typing import Any

from llm_course.batching import in_batches, texts_of, windows
from llm_course.errors import WrongTask
from llm_course.results import Sentiment
from llm_course.shelf.loading import LanguageModel, load

LABELS = ("positive", "neutral", "negative")
# How models name the classes, in small letters. LABEL_0.. is what a model says that was given no names.
_NAMES = {
    "positive": "positive", "pos": "positive", "neutral": "neutral", "neu": "neutral", "negative": "negative",
    "neg": "negative",
}  # fmt: skip


def sentiment(text: Any, *, model: Any = None, device: str = "auto", progress: bool | None = None) -> Any:
    """Classify one text or each text of a list.

    Args:
        text: one ``str`` or a list of them.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`~llm_course.results.Sentiment` or a list in the order given: the label, its probability,
        and the probability of each class the model knows (they sum to 1).

    Raises:
        BadInput: the text is not allowed.
        WrongTask: the model's classes are not positive, negative (and neutral).
    """
    texts, single = texts_of(text)
    lm = load(model, device, task="sentiment")
    labels = class_labels(lm)
    # One call for all texts: the tokenizer's own overhead is a good part of the time that a mini takes.
    all_ids = lm.tokenizer(texts, add_special_tokens=False)["input_ids"]
    pieces = [(number, part) for number, ids in enumerate(all_ids) for part in _windows(lm, ids)]
    # On a CPU small batches are faster, since they have less padding (benchmarks/use_cases.py).
    shares = in_batches(
        pieces, lambda piece: len(piece[1]), lambda some: class_shares(lm, [part for _, part in some]),
        tokens=65_536 if lm.device.type == "cuda" else 1024, most=_most(lm), progress=progress,
    )  # fmt: skip
    windows_of: list[list[tuple[int, list[float]]]] = [[] for _ in texts]
    for (number, part), share in zip(pieces, shares, strict=True):
        windows_of[number].append((len(part), share))
    results = []
    for one, own in zip(texts, windows_of, strict=True):
        total = sum(size for size, _ in own)
        mean = [sum(size * share[c] for size, share in own) / total for c in range(len(labels))]
        scores = {name: mean[labels.index(name)] for name in LABELS if name in labels}
        label = max(scores, key=lambda name: scores[name])
        results.append(Sentiment(label, scores[label], scores, one, lm.name))
    return results[0] if single else results


def class_labels(lm: LanguageModel) -> list[str]:
    """The model's classes in the order of its scores, by their names here.

    Raises:
        WrongTask: a class has another meaning.
    """
    named = [str(lm.model.config.id2label[i]) for i in range(lm.model.config.num_labels)]
    labels = [_NAMES.get(name.lower(), "") for name in named]
    if "" in labels or len(set(labels)) != len(labels) or not {"positive", "negative"} <= set(labels):
        raise WrongTask(
            f"{lm.name} has the classes {', '.join(named)}; sentiment() needs positive, negative and perhaps neutral. "
            "Set id2label in its config.json, or take bert-mini-sentiment or roberta-sentiment."
        )
    return labels


def _windows(lm: LanguageModel, ids: list[int]) -> list[list[int]]:
    """A text's token ids, framed by the model's special tokens, in as many windows as it needs."""
    before, after = lm.frame
    room = (lm.window or 512) - len(before) - len(after)
    return [[*before, *ids[start:end], *after] for start, end in windows(len(ids), room, room // 4)]


def _most(lm: LanguageModel) -> int:
    """Most texts in a batch. A decoder reads the class at the last token, which it tells by the padding's number."""
    if lm.model.config.pad_token_id is None:
        return 1
    return 512 if lm.device.type == "cuda" else 64


def class_shares(lm: LanguageModel, batch: list[list[int]]) -> list[list[float]]:
    """Probabilities of the classes for a batch of token ids: ``(texts, classes)``."""
    import torch

    fill = next((i for i in (lm.model.config.pad_token_id, lm.tokenizer.pad_token_id) if i is not None), 0)
    longest = max(map(len, batch))
    ids = torch.tensor([ids + [fill] * (longest - len(ids)) for ids in batch], device=lm.device)
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in batch], device=lm.device)
    with torch.inference_mode():
        return lm.model(input_ids=ids, attention_mask=mask).logits.float().softmax(-1).tolist()
