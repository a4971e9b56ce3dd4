"""gpt-mini: a raw language model of GPT-2's architecture, trained from nothing on children's stories.

Normalization before each block, learned positions, byte-level BPE (Radford and others 2019). Every story
begins after the token ``<|endoftext|>`` and ends with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis.batches import Chunks
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.positions import sinusoids
from llm_course.minis.vocabulary import byte_level_bpe

# Corpus -> its share of the training tokens. Easy books are those of short sentences.
MIXTURE = {"tinystories": 0.70, "fables": 0.12, "storybooks": 0.05, "childrens-books": 0.13}
CORPORA = list(MIXTURE)
VOCABULARY, LENGTH, BATCH = 4096, 256, 16
EASY = 14.0  # mean words in a sentence
# Dropout, since the small stories are read about six times over. HELD_BACK: every so manieth of them is not
# trained on, so that the log shows how the model does on new ones.
DROPOUT, HELD_BACK = 0.1, 50
PLAN = Plan(steps=4000, lr=2e-3, muon=4e-3, warmup=150, weight_decay=0.1, betas=(0.9, 0.95))
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
    """A byte-level BPE of 4,096 pieces, learned on stories; books would fill it with old words."""
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
        vocab_size=len(tokenizer), n_positions=LENGTH, n_embd=256, n_layer=6, n_head=4, resid_pdrop=DROPOUT,
        embd_pdrop=DROPOUT, attn_pdrop=0.0,
        activation_function="gelu_pytorch_tanh",  # GPT-2's function, computed in one step
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    model = GPT2LMHeadModel(config)
    # Learned positions start as sinusoids, in which "the token before" is the same rotation at every place.
    # Not compared with a random start.
    model.transformer.wpe.weight.data.copy_(sinusoids(LENGTH, 256) * 0.02)
    return model


def token_stream(stories: Iterable[str], tokenizer: PreTrainedTokenizerFast) -> np.ndarray:
    """Texts as one row of token ids, each text between two end tokens."""
    end = tokenizer.eos_token_id
    ids = [end]
    for encoding in tokenizer.backend_tokenizer.encode_batch([t.strip() for t in stories]):
        ids += [*encoding.ids, end]
    return np.array(ids, dtype=np.int32)


class Task:
    """The mixture as chunks of token ids, the loss of any batch of them, and that of stories held back."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        read = {name: list(texts(data, name)) for name in MIXTURE}
        held_back = read["tinystories"][::HELD_BACK]
        del read["tinystories"][::HELD_BACK]
        streams = [token_stream(stories, tokenizer) for stories in read.values()]
        self.sizes = {name: len(stream) for name, stream in zip(MIXTURE, streams, strict=True)}
        self.batches = Chunks(streams, list(MIXTURE.values()), LENGTH, BATCH, PLAN.seed)
        new = token_stream(held_back, tokenizer)
        self.new = [new[i : i + LENGTH + 1] for i in range(0, max(1, len(new) - LENGTH), LENGTH)]

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token, in nats."""
        return cross_entropy(model, self.batches[number])

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """Cross-entropy of the next token in the stories held back, in nats."""
        parts = [np.stack(self.new[i : i + BATCH]).astype(np.int64) for i in range(0, len(self.new), BATCH)]
        total = sum(cross_entropy(model, part).item() * len(part) for part in parts)
        return {"held_back": round(total / len(self.new), 4)}


def cross_entropy(model: torch.nn.Module, chunk: np.ndarray) -> torch.Tensor:
    """Mean over all tokens of a chunk, an array ``(batch, length + 1)``, but the first."""
    ids = torch.from_numpy(chunk).to(next(model.parameters()).device)
    logits = model(input_ids=ids[:, :-1], use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
