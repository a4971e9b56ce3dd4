"""bart-mini: a small encoder-decoder that writes summaries, trained from nothing.

BART's architecture (Lewis and others 2020) with the gap-sentence task of PEGASUS (Zhang and others 2020,
arXiv 1912.08777): the sentence of a passage that shares most words with the rest is cut out, and the model
has to write it. Real summaries are mixed in from the start, since it has no time to forget what it learned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedTokenizerFast

from llm_course.minis.batches import LengthBatches, pad
from llm_course.minis.corpora import rows
from llm_course.minis.gpt_mini import texts
from llm_course.minis.loop import Plan
from llm_course.minis.measures import summaries
from llm_course.minis.mini import Mini
from llm_course.minis.vocabulary import byte_fallback_bpe
from llm_course.text import split_sentences

STORIES = ["tinystories", "fables"]
SUMMARIES = ["scitldr", "legal", "story-summaries"]
VOCABULARY, LONGEST, BATCH_TOKENS, REPEATS = 5000, 400, 4096, 3
PLAN = Plan(steps=2000, lr=1.2e-3, muon=3e-3, warmup=150, weight_decay=0.02)


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A BPE of 5,000 pieces with byte fallback."""
    stories = (text for name in STORIES for text in texts(data, name))
    summaries = (row[field] for name in SUMMARIES for row in rows(data, name) for field in ("text", "summary"))
    backend = byte_fallback_bpe(
        (t for source in (stories, summaries) for t in source),
        VOCABULARY,
        ["<pad>", "</s>", "<unk>", "<gap>"],
        end="</s>",
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=LONGEST
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> BartForConditionalGeneration:
    """2 + 2 layers, width 128, 4 heads: 1.7 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=128,
        encoder_layers=2,
        decoder_layers=2,
        encoder_ffn_dim=512,
        decoder_ffn_dim=512,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        dropout=0.1,
        max_position_embeddings=LONGEST,
        scale_embedding=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=None,
        decoder_start_token_id=tokenizer.eos_token_id,
    )
    config._attn_implementation = "eager"
    return BartForConditionalGeneration(config)


def gap_pair(text: str) -> tuple[str, str] | None:
    """The passage with its most central sentence replaced by ``<gap>``, and that sentence."""
    sentences = split_sentences(" ".join(text.split()))[:14]
    if len(sentences) < 4:
        return None
    words = [set(re.findall(r"\w{3,}", s.lower())) for s in sentences]
    others = [set().union(*(w for j, w in enumerate(words) if j != i)) for i in range(len(words))]
    share = [len(w & o) / (len(w) + 3) for w, o in zip(words, others, strict=True)]
    best = int(np.argmax(share))
    return " ".join([*sentences[:best], "<gap>", *sentences[best + 1 :]]), sentences[best]


def pairs(data: Path) -> Iterator[tuple[str, str]]:
    """What the encoder reads and what the decoder has to write."""
    for name in STORIES:
        for text in texts(data, name):
            if pair := gap_pair(text):
                yield pair
    for name in SUMMARIES:
        for row in rows(data, name):
            for _ in range(REPEATS):
                yield row["text"], row["summary"]


class Task:
    """Passages and what is to be written, as token ids, and the loss of any batch of them."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        found = list(pairs(data))
        encode = tokenizer.backend_tokenizer.encode_batch
        end = tokenizer.eos_token_id

        def fit(ids: list[int], most: int) -> list[int]:
            return ids if len(ids) <= most else [*ids[: most - 1], end]

        self.source = [fit(e.ids, LONGEST) for e in encode([s for s, _ in found])]
        self.target = [fit(e.ids, 96) for e in encode([t for _, t in found])]
        lengths = np.array([(len(s), len(t)) for s, t in zip(self.source, self.target, strict=True)])
        self.batches = LengthBatches(lengths, BATCH_TOKENS, PLAN.seed)
        self.pad, self.end = tokenizer.pad_token_id, end

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token of the summary, in nats, with label smoothing."""
        batch = self.batches[number]
        device = next(model.parameters()).device
        source = torch.from_numpy(pad([self.source[i] for i in batch], self.pad)).to(device)
        target = torch.from_numpy(pad([self.target[i] for i in batch], self.pad)).to(device)
        shifted = torch.cat([torch.full_like(target[:, :1], self.end), target[:, :-1]], dim=1)
        logits = model(
            input_ids=source, attention_mask=(source != self.pad).long(), decoder_input_ids=shifted, use_cache=False
        ).logits
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), target.flatten(), ignore_index=self.pad, label_smoothing=0.1
        )


MINI = Mini(
    name="bart-mini",
    kind="encoder-decoder",
    tasks=("summarize",),
    about="Reads a text and writes a summary in its own words.",
    data="stories, abstracts with summaries",
    example=("article = open('article.txt').read()\nprint(lc.summarize(article, method=\"abstractive\"))"),
    limits=(
        "It may write what the text does not say: check every name and number.",
        "It is far too small to be trusted with a real text; the course keeps it to show how such models work.",
    ),
    hub_task="summarization",
    tags=("bart", "abstractive"),
    corpora=(*STORIES, *SUMMARIES),
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=summaries.measure,
    headline=partial(summaries.headline, name="bart-mini"),
    tables=summaries.tables,
)
