"""Embeddings: a text as one vector, so that texts can be compared.

Knows nothing about how models are found. Tokenize, run the encoder, take the mean of its last hidden states over all
tokens (also those that the tokenizer adds: [CLS] and [SEP]), and scale it to length 1. A text longer than the model's
window is read in overlapping windows, whose means are averaged, weighted by their tokens.

Why the mean, and not the vector at ``[CLS]``? BERT trained that place on a task of its own, next-sentence prediction;
models trained without that task (RoBERTa, bert-mini) never taught it anything. Even BERT's own is a poor sentence
vector, worse than the mean (Reimers and Gurevych 2019, arXiv 1908.10084, table 1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Unpack, overload

from llm_course.arguments import Texts, number_in, texts_of
from llm_course.batching import in_batches
from llm_course.errors import BadOption
from llm_course.results import Result, box, cut
from llm_course.shelf.loading import LanguageModel, ModelLike, RunOptions, load
from llm_course.use_cases.encoder import batch_of, framed_windows

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, repr=False, eq=False)
class Embedding(Result):
    """A text as a vector: float32, shape ``(width,)``, length 1."""

    vector: np.ndarray
    text: str
    model: str

    def similarity(self, other: Embedding) -> float:
        """The cosine of the angle between the two vectors, from -1 to 1; 1 is the same direction.

        Raises:
            BadOption: the other is no embedding, or one by another model.
        """
        if not isinstance(other, Embedding):
            raise BadOption(f"similarity() takes another Embedding, not {type(other).__name__}. Embed the text first.")
        if (self.model, self.vector.shape) != (other.model, other.vector.shape):
            raise BadOption(
                f"Vectors of two models cannot be compared: {self.model} {self.vector.shape}, {other.model} "
                f"{other.vector.shape}. Embed both texts with one model."
            )
        return float(self.vector @ other.vector)

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data; the vector is a list of numbers."""
        return {"vector": self.vector.tolist(), "text": self.text, "model": self.model}

    def __repr__(self) -> str:
        return f"Embedding({self.vector.size} numbers, {cut(self.text, 40)!r}, {self.model})"

    def _repr_html_(self) -> str:
        first = ", ".join(f"{x:.2f}" for x in self.vector[:8])
        text = f"<div>{escape(cut(self.text, 200))}</div>"
        return box(f"{self.model}: {self.vector.size} numbers", text, f"<div>{first}, …</div>")


@dataclass(frozen=True)
class Neighbor:
    """A text that was found: its similarity to the query, from -1 to 1, and its place among the texts."""

    text: str
    similarity: float
    position: int


@overload
def embed(text: str, **options: Unpack[RunOptions]) -> Embedding: ...
@overload
def embed(text: Texts, **options: Unpack[RunOptions]) -> list[Embedding]: ...
def embed(
    text: str | Texts, *, model: ModelLike = None, device: str = "auto", progress: bool | None = None
) -> Embedding | list[Embedding]:
    """Turn one text or each text of a list into a vector of length 1.

    Args:
        text: one ``str`` or a list of them.
        model: a shelf name, Hub id, folder or loaded model; the default of ``lc.use()`` if ``None``. Encoders,
            decoders, and the encoders of encoder-decoders work; only some were trained to give useful vectors.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"mps"``.
        progress: a bar always, never, or (``None``) when a list is slow.

    Returns:
        One :class:`Embedding` or a list in the order given; ``vector`` is a float32 array
        ``(width,)``.

    Raises:
        BadInput: the text is not allowed.
        WrongTask: the model is none for text.
    """
    texts, single = texts_of(text)
    lm = load(model, device, task="embed")
    results = [Embedding(row, one, lm.name) for row, one in zip(vectors(lm, texts, progress), texts, strict=True)]
    return results[0] if single else results


def vectors(lm: LanguageModel, texts: Sequence[str], progress: bool | None = None, layer: int = -1) -> np.ndarray:
    """The vectors of texts as rows of a float32 array ``(texts, width)``, each of length 1.

    ``layer`` counts the hidden states as transformers does: 0 is the table of embeddings, -1 the last layer.
    """
    import numpy as np

    pieces = [(number, part) for number, one in enumerate(texts) for part in _windows(lm, one)]
    means = in_batches(
        pieces,
        lambda piece: len(piece[1]),
        lambda some: mean_states(lm, [part for _, part in some], layer),
        tokens=65_536 if lm.device.type == "cuda" else 4096,
        progress=progress,
    )
    found = np.zeros((len(texts), len(means[0])), dtype=np.float64)
    for (number, part), mean in zip(pieces, means, strict=True):
        found[number] += len(part) * mean
    return unit(found)


def unit(rows: np.ndarray) -> np.ndarray:
    """Scale each row to length 1, as float32; a row of zeros stays."""
    import numpy as np

    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _windows(lm: LanguageModel, text: str) -> list[list[int]]:
    """The text as token ids, with the model's special tokens, in as many windows as it needs."""
    ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    found = framed_windows(lm, ids)
    # Characters that a tokenizer drops may leave nothing; the unknown or the end token then stands for the text.
    spare = (i for i in (lm.tokenizer.unk_token_id, lm.tokenizer.eos_token_id, 0) if i is not None)
    return found if found[0] else [[next(spare)]]


def mean_states(lm: LanguageModel, batch: list[list[int]], layer: int = -1) -> list[np.ndarray]:
    """The mean of the hidden states over all tokens of each text, padding left out: arrays ``(width,)``."""
    import torch

    reader = lm.model.get_encoder() if lm.model.config.is_encoder_decoder else lm.model.base_model
    ids, mask = batch_of(lm, batch)
    with torch.inference_mode():
        found = reader(input_ids=ids, attention_mask=mask, output_hidden_states=layer != -1)
        states = (found.last_hidden_state if layer == -1 else found.hidden_states[layer]).float()
        own = mask[:, :, None]
        return list(((states * own).sum(1) / own.sum(1)).cpu().numpy())


def nearest(
    query: str, texts: Texts, top: int = 5, *, center: bool = True, model: ModelLike = None, device: str = "auto"
) -> list[Neighbor]:
    """Semantic search: the texts nearest to a query, the nearest first.

    Args:
        query: what is searched for.
        texts: where it is searched; a few thousand at most, since each search reads them all.
        top: how many to return, at least 1.
        center: subtract the mean of all texts' vectors first. Vectors of models that were not trained for
            comparing point in nearly one direction, and what they share says nothing (Mu and Viswanath 2018, arXiv
            1702.01417). With fewer than three texts nothing is subtracted.
        model, device: as for :func:`embed`.

    Raises:
        BadInput: a text is not allowed.
        BadOption: ``top`` is not allowed.
    """
    import numpy as np

    wanted, _ = texts_of([query], "query")
    among, _ = texts_of(texts)
    number_in("top", top, 1, 10**6, int)
    lm = load(model, device, task="embed")
    both = vectors(lm, [*wanted, *among])
    if center and len(among) > 2:
        both = unit(both - both[1:].mean(axis=0))
    close = both[1:] @ both[0]
    order = np.argsort(-close, kind="stable")[:top]
    return [Neighbor(among[i], float(close[i]), int(i)) for i in order]
