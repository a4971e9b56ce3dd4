"""bloom-mini: BLOOM's architecture in miniature, one raw language model for nine languages, trained from nothing.

What is BLOOM's (Le Scao and others 2022, arXiv 2211.05100, section 3.2): positions are not embedded; each head
subtracts from its scores a penalty that grows with distance (ALiBi, Press and others 2022, arXiv 2108.12409), and a
normalization follows the embeddings. One byte-level BPE serves all languages (section 3.2.3 there).

Six of the languages have enough text here. Portuguese, Afrikaans and Swahili have little: what such a language gains
from its relatives (Spanish, Dutch) is a reason to train one model for many languages.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from transformers import BloomConfig, BloomForCausalLM, PreTrainedTokenizerFast

from llm_course.minis.batches import Chunks
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.recipes.gpt_mini import cross_entropy, token_stream
from llm_course.minis.vocabulary import byte_level_bpe

LANGUAGES = {
    "en": "English", "fr": "French", "de": "German", "es": "Spanish", "nl": "Dutch", "vi": "Vietnamese",
    "pt": "Portuguese", "af": "Afrikaans", "sw": "Swahili",
}  # fmt: skip
PAIRS = tuple(f"tatoeba-en-{other}" for other in ("fr", "de", "es", "nl", "vi"))
CORPORA = ["storybooks", *PAIRS]
# At most so many bytes of a language, of which so many of storybooks. A language's share of the training tokens goes
# with its bytes to this power, so that the small ones are read more often.
MOST, MOST_STORIES, POWER = 1_000_000, 500_000, 0.7
VOCABULARY, LENGTH, BATCH = 2048, 128, 32
HELD_BACK = 60  # every so manieth text is not trained on, so that the log shows how the model does on new ones
PLAN = Plan(steps=3500, lr=3e-3, muon=6e-3, warmup=200, weight_decay=0.1, betas=(0.9, 0.95))
END = "<|endoftext|>"
# ALiBi has no longest text; measured is up to four times the length of the training pieces.
CARD = {"starts_with_bos": True, "window": 4 * LENGTH}


def texts(data: Path, language: str, split: str = "train") -> Iterator[str]:
    """The texts of one language, storybooks first: for training as many as :data:`MOST` allows, else all."""
    sizes = (MOST_STORIES, MOST) if split == "train" else (10**12, 10**12)
    used = 0
    for own, most in zip((_stories, _sentences), sizes, strict=True):
        for text in own(data, language, split):
            used += len(text.encode("utf-8"))
            if used > most:
                break
            yield text


def _stories(data: Path, language: str, split: str) -> Iterator[str]:
    yield from _storybooks(data, split).get(language, [])


@lru_cache(2)
def _storybooks(data: Path, split: str) -> dict[str, list[str]]:
    """Storybooks by language; kept, since each of nine languages would unpack the whole file."""
    found: dict[str, list[str]] = {}
    for row in rows(data, "storybooks", split):
        if row["lang"] in LANGUAGES:
            found.setdefault(row["lang"], []).append("\n".join(page.strip() for page in row["pages"]))
    return found


def _sentences(data: Path, language: str, split: str) -> Iterator[str]:
    """Sentences that belong together in no way; in the files they are sorted by length, so take some everywhere."""
    pairs = [pair for pair in PAIRS if language in ("en", pair[-2:])]
    found = list(dict.fromkeys(row[language] for pair in pairs[:2] for row in rows(data, pair, split)))
    order = np.random.default_rng(0).permutation(len(found))
    yield from (found[i] for i in order)


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 2,048 pieces, learned on about as much text of every language."""
    own = {language: list(texts(data, language)) for language in LANGUAGES}
    sizes = {language: sum(len(text.encode("utf-8")) for text in some) for language, some in own.items()}
    enough = 600_000
    picked = []
    for language, some in own.items():
        if sizes[language] > enough:
            some = some[:: -(-sizes[language] // enough)]
        picked += some * max(1, enough // max(1, sizes[language]))
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_level_bpe(picked, VOCABULARY, [END]),
        bos_token=END,
        eos_token=END,
        model_max_length=4 * LENGTH,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> BloomForCausalLM:
    """4 layers, width 128, 8 heads: 1.1 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = BloomConfig(
        vocab_size=len(tokenizer), hidden_size=128, n_layer=4, n_head=8, hidden_dropout=0.0, attention_dropout=0.0,
        initializer_range=0.05, bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return BloomForCausalLM(config)


class Task:
    """All languages as chunks of token ids, the loss of any batch of them, and that of texts held back."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        self.streams, self.new = {}, {}
        for language in LANGUAGES:
            own = list(texts(data, language))
            new = token_stream(own[::HELD_BACK], tokenizer)
            del own[::HELD_BACK]
            self.streams[language] = token_stream(own, tokenizer)
            self.new[language] = [new[i : i + LENGTH + 1] for i in range(0, len(new) - LENGTH, LENGTH)][:BATCH]
        shares = [len(stream) ** POWER for stream in self.streams.values()]
        self.batches = Chunks(list(self.streams.values()), shares, LENGTH, BATCH, PLAN.seed)

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token, in nats."""
        return cross_entropy(model, self.batches[number])

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """Cross-entropy of the next token in texts held back, in nats, for each language."""
        return {
            language: round(cross_entropy(model, np.stack(chunks).astype(np.int64)).item(), 3)
            for language, chunks in self.new.items()
            if chunks
        }
