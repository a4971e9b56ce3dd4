"""What the use cases that read with an encoder share: windows framed by special tokens, and padded batches.

Knows nothing about tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llm_course.batching import padded
from llm_course.shelf.loading import LanguageModel
from llm_course.text import windows

if TYPE_CHECKING:
    import torch


def room_of(lm: LanguageModel) -> int:
    """How many tokens of a text fit the model's window beside the special tokens."""
    return (lm.window or 512) - sum(map(len, lm.frame))


def framed_windows(lm: LanguageModel, ids: Sequence[int]) -> list[list[int]]:
    """A text's token ids, framed by the special tokens, in as many windows as it needs; they overlap by a quarter."""
    before, after = lm.frame
    room = room_of(lm)
    return [[*before, *ids[start:end], *after] for start, end in windows(len(ids), room, room // 4)]


def batch_of(lm: LanguageModel, rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids ``(rows, longest)``, filled up on the right, and their mask, on the model's device."""
    named = (lm.model.config.pad_token_id, lm.tokenizer.pad_token_id)
    return padded(rows, next((i for i in named if i is not None), 0), lm.device)
