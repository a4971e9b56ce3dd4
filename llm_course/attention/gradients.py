"""How much a model's output would change if an attention weight changed: gradients by the weights.

Knows nothing about what is made of them (:mod:`llm_course.attention.weighted` does). The model is run with its plain
("eager") attention, in which the weights are tensors that the output depends on, and the chosen score is
differentiated by each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_course.arguments import number_in
from llm_course.attention.capture import Attention, attend, evaluation_mode
from llm_course.attention.reading import read
from llm_course.attention.recording import run_eager
from llm_course.errors import BadOption, WrongTask
from llm_course.shelf.loading import LanguageModel, load

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import torch
    from transformers.utils import ModelOutput


def weight_gradients(
    text: str,
    pair: str | None = None,
    model: str | Path | LanguageModel = "bert-mini-sentiment",
    *,
    target: str | int | None = None,
    position: int | None = None,
    device: str = "auto",
) -> tuple[Attention, np.ndarray]:
    """Attention of a model on a text, and the derivative of one of its scores by every weight.

    The score is a logit, one number before the softmax of the output:

    * classifiers (``bert-mini-sentiment``): the logit of a class.
    * decoder models (``gpt-mini``): the logit of the token that follows the token at ``position``.
    * masked language models (``bert-mini``): the logit of a token at ``position``.
    * models that label each token: the logit of a class at ``position``.

    A weight is changed alone: the other weights of its row stay as they are, so the row then no longer sums to 1. What
    comes after it in the model is recomputed. A gradient of 2 says that a small increase d of this weight raises the
    score by 2 d. Weights that a mask forbids have gradients, too: what would be if the row could look there.

    Args:
        text, pair, model, device: as for :func:`~llm_course.attention.capture.attend`.
        target: which logit: a class by name or number; a token as text or by its number in the vocabulary. ``None``
            takes the highest.
        position: row of the token, counted from 0 with special tokens, -1 is the last. ``None`` takes the last one
            for decoder models, and the only ``[MASK]`` for masked language models. Classifiers take none.

    Returns:
        The recorded attention, and float32 ``(layers, heads, rows, columns)`` of any sign, of the same shape as
        ``attention.weights``.

    Raises:
        BadInput, BadOption, InputTooLong: the text or an option is not allowed.
        WrongTask: the model has no attention weights or no logits, or is an encoder-decoder model.
    """
    import numpy as np
    import torch

    lm = load(model, device)
    if lm.model.config.is_encoder_decoder:
        raise WrongTask(
            f"weight_gradients() does not read encoder-decoder models such as {lm.name}. It reads classifiers, decoder "
            "models and masked language models: bert-mini-sentiment, gpt-mini, bert-mini."
        )
    attention = attend(text, pair, lm)
    inputs = read(lm, text, pair, None, 0).inputs
    # Parameters are frozen, and something must be a variable: what the embeddings give out.
    hook = lm.model.get_input_embeddings().register_forward_hook(_as_variable)
    try:
        with evaluation_mode(lm.model), torch.enable_grad():
            out, kinds = run_eager(lm.model, inputs, lm.name)
    finally:
        hook.remove()
    maps = kinds["self"]
    score = _score(lm, out, inputs["input_ids"][0].tolist(), target, position)
    found = torch.autograd.grad(score, maps, allow_unused=True)
    # A layer may have weights that the score does not depend on: the last one, for rows that are not read off.
    full = [torch.zeros_like(own) if one is None else one for one, own in zip(found, maps, strict=True)]
    return attention, np.ascontiguousarray(torch.stack([one[0] for one in full]).float().cpu().numpy())


def _as_variable(module: torch.nn.Module, args: object, out: torch.Tensor) -> torch.Tensor:
    return out if out.requires_grad else out.detach().requires_grad_(True)


def _score(
    lm: LanguageModel, out: ModelOutput, ids: list[int], target: str | int | None, position: int | None
) -> torch.Tensor:
    """The chosen logit, a tensor with one number."""
    logits = getattr(out, "logits", None)
    if logits is None:
        raise WrongTask(
            f"{lm.name} ({type(lm.model).__name__}) gives no logits: it has no head that answers anything. Take a "
            "model with one, such as bert-mini-sentiment, gpt-mini or bert-mini."
        )
    if logits.dim() == 2:
        if position is not None:
            raise BadOption(f"{lm.name} gives one answer for the whole text: leave position out.")
        row = logits[0]
    else:
        row = logits[0, _position(lm, ids, position)]
    words = logits.dim() == 3 and row.shape[-1] >= len(lm.tokenizer) > 2
    if target is None:
        return row.max()
    if isinstance(target, str):
        return row[_token(lm, target) if words else _class(lm, target)]
    return row[number_in("target", target, 0, row.shape[-1] - 1, int)]


def _position(lm: LanguageModel, ids: list[int], position: int | None) -> int:
    if position is not None:
        return number_in("position", position, -len(ids), len(ids) - 1, int) % len(ids)
    if lm.model.can_generate():
        return len(ids) - 1
    masks = [place for place, one in enumerate(ids) if one == lm.tokenizer.mask_token_id]
    if len(masks) != 1:
        raise BadOption(
            f"Which token? The text has {len(masks)} masks ({lm.tokenizer.mask_token}): give position, from 0 to "
            f"{len(ids) - 1}, special tokens counted."
        )
    return masks[0]


def _class(lm: LanguageModel, name: str) -> int:
    classes = {str(label): int(number) for label, number in (lm.model.config.label2id or {}).items()}
    if name not in classes:
        raise BadOption(f"target={name!r} is no class of {lm.name}. It has: {', '.join(classes)}.")
    return classes[name]


def _token(lm: LanguageModel, name: str) -> int:
    ids = lm.tokenizer(name, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise BadOption(
            f"target={name!r} is {len(ids)} tokens of {lm.name}, and one is needed. Mind the blank before a word: many "
            "models write ' cat' as one token. Or give the token's number."
        )
    return int(ids[0])
