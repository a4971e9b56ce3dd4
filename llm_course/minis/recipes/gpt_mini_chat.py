"""gpt-mini-chat: gpt-mini, tuned to hold a dialogue: it takes orders in a coffee bar.

It reads whole dialogues in a chat template and learns the assistant's tokens only, every turn with all turns before
it. Trained by LoRA: what the package stores is a low-rank difference to gpt-mini. Over half of the dialogues have a
system message that the answers obey, so that the same weights can be steered (coffee.py says how both are made).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis.batches import LengthBatches
from llm_course.minis.coffee import Dialogue, examples, plain, read, spoken
from llm_course.minis.conversations import answer_loss, encode_all, pack
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.recipes import gpt_mini_instruct
from llm_course.minis.recipes.gpt_mini_instruct import CARD, finish, make_tokenizer

__all__ = ["CARD", "CORPORA", "PLAN", "Task", "finish", "make_model", "make_tokenizer"]

CORPORA = ["coffee-dialogues"]
LONGEST, BATCH_TOKENS, COPIES, DROPOUT = 250, 2048, 20, 0.05
PLAN = Plan(steps=1500, lr=4e-3, warmup=50, weight_decay=0.0, betas=(0.9, 0.98))


def make_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """gpt-mini with low-rank differences that are zero at first, as for gpt-mini-instruct."""
    return gpt_mini_instruct.make_model(tokenizer, DROPOUT)


def dialogues(data: Path, split: str = "train") -> list[Dialogue]:
    """The dialogues of a split whose orders can be read."""
    return [found for row in rows(data, CORPORA[0], split) if (found := read(row["turns"]))]


class Task:
    """Dialogues in several forms each, the loss of any batch of them, and that of the validation dialogues."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        made = examples(dialogues(data), np.random.default_rng(PLAN.seed), COPIES)
        self.examples = [one for one in encode_all(list(made), tokenizer) if len(one[0]) <= LONGEST]
        self.fill = tokenizer.eos_token_id
        self.batches = LengthBatches([[len(ids)] for ids, _ in self.examples], BATCH_TOKENS, PLAN.seed)
        new = encode_all([spoken(one, plain) for one in dialogues(data, "validation")], tokenizer)
        self.new = sorted((one for one in new if len(one[0]) <= LONGEST), key=lambda one: len(one[0]))

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the assistant's tokens, in nats."""
        return answer_loss(model, *pack([self.examples[i] for i in self.batches[number]], self.fill))

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """Cross-entropy of the assistant's tokens in the validation dialogues, in nats."""
        parts = [self.new[i : i + 16] for i in range(0, len(self.new), 16)]
        total = sum(answer_loss(model, *pack(part, self.fill), "sum").item() for part in parts)
        return {"validation": round(total / max(1, sum(sum(said) for _, said in self.new)), 4)}
