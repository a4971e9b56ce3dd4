"""gpt-mini: a raw language model of GPT-2's architecture, trained from nothing on children's stories.

Normalization before each block, learned positions, byte-level BPE (Radford and others 2019). Every story
begins after the token ``<|endoftext|>`` and ends with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.training.batches import Chunks
from llm_course.training.corpora import rows
from llm_course.training.loop import Plan
from llm_course.training.positions import sinusoids
from llm_course.training.vocabulary import byte_level_bpe

# Corpus -> its share of the training tokens. Easy books are those of short sentences.
MIXTURE = {"tinystories": 0.76, "fables": 0.09, "storybooks": 0.05, "childrens-books": 0.10}
CORPORA = list(MIXTURE)
VOCABULARY, LENGTH, BATCH = 4096, 256, 16
EASY = 14.0  # mean words in a sentence
PLAN = Plan(steps=900, lr=2e-3, muon=4e-3, warmup=150, weight_decay=0.1, betas=(0.9, 0.95))
END = "<|endoftext|>"
CARD = {"starts_with_bos": True}


def texts(data: Path, name: str, split: str = "train") -> Iterator[str]:
    """The English texts of one corpus."""
    for row in rows(data, name, split):
        if name == "storybooks":
            if row["lang"] == "en":
                yield "\n".join(row["pages"])
        elif name == "childrens-books":
            if row["mean_sentence_words"] < EASY:
                yield row["text"]
        else:
            yield row["text"]


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """A byte-level BPE of 4,096 pieces, learnt on stories; books would fill it with old words."""
    stories = (text for name in ("tinystories", "fables", "storybooks") for text in texts(data, name))
    backend = byte_level_bpe(stories, VOCABULARY, [END])
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=END,
        eos_token=END,
        model_max_length=LENGTH,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """6 layers, width 256, 4 heads: 5.9 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=LENGTH, n_embd=256, n_layer=6, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0,
        attn_pdrop=0.0, activation_function="gelu_pytorch_tanh",  # GPT-2's function, computed in one step
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    # Learned positions start as sinusoids, in which "the token before" is the same rotation at every place.
    # Not compared with a random start.
    model.transformer.wpe.weight.data.copy_(sinusoids(LENGTH, 256) * 0.02)
    return model


def token_stream(data: Path, tokenizer: PreTrainedTokenizerFast, name: str, split: str = "train") -> np.ndarray:
    """All texts of a corpus as one row of token ids, each text between two end tokens."""
    end = tokenizer.eos_token_id
    ids = [end]
    for encoding in tokenizer.backend_tokenizer.encode_batch([t.strip() for t in texts(data, name, split)]):
        ids += [*encoding.ids, end]
    return np.array(ids, dtype=np.int32)


class Task:
    """The mixture as chunks of token ids, and the loss of any batch of them."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        streams = [token_stream(data, tokenizer, name) for name in MIXTURE]
        self.sizes = {name: len(stream) for name, stream in zip(MIXTURE, streams, strict=True)}
        self.batches = Chunks(streams, list(MIXTURE.values()), LENGTH, BATCH, PLAN.seed)

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token, in nats."""
        chunk = torch.from_numpy(self.batches[number]).to(next(model.parameters()).device)
        logits = model(input_ids=chunk[:, :-1], use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), chunk[:, 1:].flatten())
