"""Sentiment analysis: is a text positive, neutral or negative?

Knows nothing about how models are found. Tokenize, run the classifier, turn scores into probabilities. A
text longer than the model's window is read in overlapping windows, and their probabilities are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Unpack, overload

from llm_course.arguments import Texts, texts_of
from llm_course.batching import in_batches
from llm_course.errors import WrongTask
from llm_course.results import Result, box, cut
from llm_course.shelf.loading import LanguageModel, ModelLike, RunOptions, load
from llm_course.use_cases.encoder import batch_of, framed_windows

LABELS = ("positive", "neutral", "negative")
# How models name the classes, in small letters. LABEL_0.. is what a model says that was given no names.
_NAMES = {
    "positive": "positive",
    "pos": "positive",
    "neutral": "neutral",
    "neu": "neutral",
    "negative": "negative",
    "neg": "negative",
}


@dataclass(frozen=True, repr=False)
class Sentiment(Result):
    """The feeling of a text: the most probable label, its probability, and all probabilities."""

    label: str
    score: float
    scores: dict[str, float]
    text: str
    model: str

    def __str__(self) -> str:
        return self.label

    def __repr__(self) -> str:
        return f"Sentiment({self.label}, {self.score:.2f}, {cut(self.text, 40)!r})"

    def _repr_html_(self) -> str:
        bars = "".join(
            f'<div style="display:flex;align-items:center"><span style="width:6em">{escape(label)}</span>'
            f'<span style="background:#3b6ea5;height:.7em;width:{round(share * 200)}px"></span>'
            f'<span style="margin-left:.5em">{share:.2f}</span></div>'
            for label, share in self.scores.items()
        )
        return box(f"{self.model}: {self.label}", f"<div>{escape(cut(self.text, 200))}</div>", bars)


@overload
def sentiment(text: str, **options: Unpack[RunOptions]) -> Sentiment: ...
@overload
def sentiment(text: Texts, **options: Unpack[RunOptions]) -> list[Sentiment]: ...
def sentiment(
    text: str | Texts, *, model: ModelLike = None, device: str = "auto", progress: bool | None = None
) -> Sentiment | list[Sentiment]:
    """Classify one text or each text of a list.

    Args:
        text: one ``str`` or a list of them.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`Sentiment` or a list in the order given: the label, its probability,
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
    pieces = [(number, part) for number, ids in enumerate(all_ids) for part in framed_windows(lm, ids)]
    # On a CPU small batches are faster, since they have less padding (benchmarks/use_cases.py).
    shares = in_batches(
        pieces,
        lambda piece: len(piece[1]),
        lambda some: class_shares(lm, [part for _, part in some]),
        tokens=65_536 if lm.device.type == "cuda" else 1024,
        most=_most(lm),
        progress=progress,
    )
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


def _most(lm: LanguageModel) -> int:
    """Most texts in a batch. A decoder reads the class at the last token, which it tells by the padding's number."""
    if lm.model.config.pad_token_id is None:
        return 1
    return 512 if lm.device.type == "cuda" else 64


def class_shares(lm: LanguageModel, batch: list[list[int]]) -> list[list[float]]:
    """Probabilities of the classes for a batch of token ids: ``(texts, classes)``."""
    import torch

    ids, mask = batch_of(lm, batch)
    with torch.inference_mode():
        return lm.model(input_ids=ids, attention_mask=mask).logits.float().softmax(-1).tolist()
