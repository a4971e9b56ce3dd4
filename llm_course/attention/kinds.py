"""The kinds of attention of a model: an encoder-decoder model has three, others one, here called ``"self"``.

Knows nothing about weights: it checks a kind that was asked for, and sorts what was found by kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

from llm_course.errors import BadOption

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

KINDS = ("encoder", "decoder", "cross")
Found = TypeVar("Found")


def kind_of(model: PreTrainedModel, kind: str | None) -> str:
    """The kind of attention that was asked for; ``None`` takes ``"cross"``, or the one kind of other models.

    Raises:
        BadOption: it is no kind of this model.
    """
    both = model.config.is_encoder_decoder
    if kind is not None and (not isinstance(kind, str) or kind not in KINDS or not both):
        raise BadOption(
            f"kind={kind!r} is not allowed: encoder-decoder models have {', '.join(KINDS)}; others one kind."
        )
    return kind or ("cross" if both else "self")


def by_kind(model: PreTrainedModel, found: Iterable[tuple[torch.nn.Module, Found]]) -> dict[str, list[Found]]:
    """Sort what was found at attention modules by the kind of their attention.

    Args:
        model: whose modules they are.
        found: pairs (attention module, what was found there), in the order in which the modules run.
    """
    found = list(found)
    if not model.config.is_encoder_decoder:
        return {"self": [part for _, part in found]}
    inside = set(model.get_encoder().modules())
    decoder = [part for module, part in found if module not in inside]
    # Each layer of a decoder looks at what is written, then at what the encoder read.
    return {
        "encoder": [part for module, part in found if module in inside],
        "decoder": decoder[::2],
        "cross": decoder[1::2],
    }
