"""What beam search on an encoder-decoder needs to remember.

Knows nothing about texts or tasks. ``generate()`` makes a cache of its own, and after every token moves the keys and
values of a beam to the place that the beam has now. That has to be so for what was written, and is work for nothing
for what was read: all beams of a text read the same source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_course.shelf.kv_cache import NAMES, cache_argument
from llm_course.shelf.loading import LanguageModel

if TYPE_CHECKING:
    import torch
    from transformers.cache_utils import EncoderDecoderCache


def empty_cache(lm: LanguageModel) -> dict[str, EncoderDecoderCache]:
    """A cache for one call of ``generate()`` that leaves the source's keys and values where they are, as its argument.

    What is written is the same (tests/use_cases compare it with the library's own), and less is copied.
    """
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    class OneSource(EncoderDecoderCache):
        def reorder_cache(self, beam_idx: torch.LongTensor) -> None:
            self.self_attention_cache.reorder_cache(beam_idx)

    config = lm.model.config.get_text_config(decoder=True)
    return {cache_argument(lm.model) or NAMES[0]: OneSource(DynamicCache(config=config), DynamicCache(config=config))}
