"""What a classifier would answer if something were otherwise: other attention weights, or a word masked.

Knows nothing about why one would ask. Either the weights of one token that looks (a row, in every head of one layer)
are replaced by given ones, and everything before and after runs as it does; or the text loses one token at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from llm_course.arguments import number_in
from llm_course.attention.ablation import output_projections
from llm_course.attention.capture import attend, evaluation_mode
from llm_course.errors import BadInput, WrongTask
from llm_course.shelf.loading import LanguageModel, load

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from numpy.typing import ArrayLike
    from transformers import BatchEncoding

BATCH = 32  # masked copies of a text that are read at once


def answers_with(
    weights: ArrayLike,
    text: str,
    model: str | Path | LanguageModel = "bert-mini-sentiment",
    *,
    layer: int | None = None,
    row: int = 0,
    device: str = "auto",
) -> np.ndarray:
    """The class probabilities of a classifier, with other attention weights in one row.

    A classifier of BERT's kind reads its answer off the first token, ``[CLS]``. In the last layer only that row has
    any influence; so with the defaults all the attention that the last layer uses is replaced. Jain and Wallace 2019,
    "Attention is not explanation" (arXiv 1902.10186), section 4.2, ask this of recurrent models with one row of
    attention: how different may the weights be while the answer stays?

    Args:
        weights: ``(tries, heads, columns)``: for each try a row of weights for every head. Rows that do not sum to 1
            are taken as they are.
        text, model, device: as for :func:`~llm_course.attention.capture.attend`; the model is a classifier.
        layer: counted from 0; ``None`` for the last.
        row: the token that looks, counted from 0 with special tokens.

    Returns:
        float32 ``(tries, classes)``; every row sums to 1. Given the model's own weights, its own answer.

    Raises:
        BadInput: the weights have another shape, or are not finite.
        BadOption: there is no such layer or row.
        WrongTask: the model is no classifier, or its attention cannot be recorded.
    """
    import torch

    lm = load(model, device)
    found = attend(text, model=lm)
    layer = found.layers - 1 if layer is None else number_in("layer", layer, 0, found.layers - 1, int)
    row = number_in("row", row, 0, len(found.rows) - 1, int)
    weights = np.asarray(weights, dtype=np.float32)
    if weights.shape[1:] != (found.heads, len(found.columns)) or not np.isfinite(weights).all():
        raise BadInput(
            f"weights must be finite numbers of the shape (tries, {found.heads}, {len(found.columns)}): a row of "
            f"{len(found.columns)} for each head. They have the shape {weights.shape}."
        )
    values = [found.value(layer, head) for head in range(found.heads)]
    if any(one is None for one in values):
        raise WrongTask(
            f"{lm.name}'s attention was not recorded, so its values are not known. Take bert-mini-sentiment."
        )
    # What the heads hand to the output projection, side by side: (tries, heads * width).
    mixed = np.einsum("nht,htd->nhd", weights, np.stack(values)).reshape(len(weights), -1)  # type: ignore[arg-type]
    given = torch.from_numpy(mixed)

    def put(projection: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        changed = args[0].clone()
        changed[:, row] = given.to(changed)
        return (changed, *args[1:])

    hook = output_projections(lm)[layer].projection.register_forward_pre_hook(put)
    try:
        inputs = lm.tokenizer([text] * len(weights), return_tensors="pt").to(lm.device)
        return _probabilities(lm, inputs)
    finally:
        hook.remove()


def leave_one_out(
    text: str, model: str | Path | LanguageModel = "bert-mini-sentiment", *, device: str = "auto"
) -> np.ndarray:
    """How far a classifier's answer moves when one token is masked, for each token.

    Half the sum of the changes of all probabilities (the total variation distance): 0 if the answer stays, 1 if all
    probability has gone elsewhere. Jain and Wallace 2019 (arXiv 1902.10186), section 4.1, compare attention weights
    with such changes; they take the word out, here a mask stands in its place, so that all others keep theirs.

    Args:
        text, model, device: as for :func:`~llm_course.attention.capture.attend`; the model is a classifier that has a
            mask token.

    Returns:
        float32 ``(tokens,)``, 0 for special tokens, which stay.

    Raises:
        WrongTask: the model is no classifier, or its tokenizer has no mask token.
    """
    lm = load(model, device)
    found = attend(text, model=lm)
    mask = lm.tokenizer.mask_token_id
    if mask is None:
        raise WrongTask(f"{lm.name} has no mask token. Take a model of BERT's kind, such as bert-mini-sentiment.")
    places = [place for place, special in enumerate(found.special) if not special]
    own = _probabilities(lm, lm.tokenizer(text, return_tensors="pt").to(lm.device))
    moved = np.zeros(len(found.columns), np.float32)
    for start in range(0, len(places), BATCH):
        some = places[start : start + BATCH]
        inputs = lm.tokenizer([text] * len(some), return_tensors="pt").to(lm.device)
        inputs["input_ids"][range(len(some)), some] = mask
        moved[some] = np.abs(_probabilities(lm, inputs) - own).sum(axis=1) / 2
    return moved


def _probabilities(lm: LanguageModel, inputs: BatchEncoding) -> np.ndarray:
    import torch

    with evaluation_mode(lm.model), torch.inference_mode():  # no dropout, also in a model that is being trained
        logits = getattr(lm.model(**inputs), "logits", None)
    if logits is None or logits.dim() != 2:
        raise WrongTask(f"{lm.name} gives no classes. Take a classifier, such as bert-mini-sentiment.")
    return logits.float().softmax(-1).cpu().numpy()
