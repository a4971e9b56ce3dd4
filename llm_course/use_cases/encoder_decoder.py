"""What the use cases that write with an encoder-decoder share: beam search over a batch, and what became of each text.

Knows nothing about tasks. The search is the library's. It makes a cache of its own, and after every token moves the
keys and values of a beam to the place that the beam has now. That has to be so for what was written, and is work for
nothing for what was read: all beams of a text read the same source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_course.batching import padded
from llm_course.shelf.kv_cache import NAMES, cache_argument
from llm_course.shelf.loading import LanguageModel

if TYPE_CHECKING:
    import torch
    from transformers.cache_utils import EncoderDecoderCache


@dataclass(frozen=True)
class Written:
    """A text that the decoder wrote, and whether it ended it itself rather than being broken off at its longest."""

    text: str
    ended: bool


def write_batch(
    lm: LanguageModel, rows: Sequence[Sequence[int]], longest: Sequence[int], num_beams: int, **options: object
) -> list[Written]:
    """What the model writes for each row of token ids, by beam search (``num_beams=1`` is greedy).

    Args:
        lm: an encoder-decoder.
        rows: the token ids of each source, its special tokens included.
        longest: most tokens that may be written for each row.
        num_beams: texts kept alive while decoding.
        options: what else the library's ``generate()`` shall be told.
    """
    import torch

    end = lm.tokenizer.eos_token_id
    # Without a padding token the end token fills up: it is masked in the source and dropped from what was written.
    fill = next((i for i in (lm.tokenizer.pad_token_id, end) if i is not None), 0)
    ids, mask = padded(rows, fill, lm.device)
    with torch.inference_mode():
        out = lm.model.generate(
            input_ids=ids,
            attention_mask=mask,
            num_beams=num_beams,
            do_sample=False,
            early_stopping=num_beams > 1,
            max_new_tokens=max(longest),
            max_length=None,
            pad_token_id=fill,
            **_empty_cache(lm),
            **options,
        )
    return [
        # A row begins with the decoder's start token, which is the end token in some models, and some models are forced
        # to write the end at the last place.
        Written(lm.tokenizer.decode(row, skip_special_tokens=True).strip(), end in row.tolist()[1:limit])
        for row, limit in zip(out, longest, strict=True)
    ]


def _empty_cache(lm: LanguageModel) -> dict[str, EncoderDecoderCache]:
    """A cache for one call of ``generate()`` that leaves the source's keys and values where they are, as its argument.

    What is written is the same (tests/use_cases compare it with the library's own), and less is copied.
    """
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    class OneSource(EncoderDecoderCache):
        def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
            self.self_attention_cache.reorder_cache(beam_idx)

    config = lm.model.config.get_text_config(decoder=True)
    return {cache_argument(lm.model) or NAMES[0]: OneSource(DynamicCache(config=config), DynamicCache(config=config))}
