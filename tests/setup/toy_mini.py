"""toy-mini: counts in words, over and over.

The smallest whole mini: copy this file to ``llm_course/minis/NAME.py`` and change it. Its text is made here, so it
needs no corpus. A mini that reads corpora names them in ``corpora`` and reads them with
:func:`llm_course.minis.corpora.rows`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis.gpt_mini import cross_entropy
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.shelf.loading import ModelLike, load
from llm_course.use_cases.generation import generate

NUMBERS = "one two three four five six seven eight".split()
LENGTH, BATCH = 24, 16
PLAN = Plan(steps=100, lr=1e-2, warmup=10)


def make_tokenizer(data: Path | None = None) -> PreTrainedTokenizerFast:
    """One token a word."""
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(["<end>", *NUMBERS])}, unk_token="<end>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<end>", eos_token="<end>", unk_token="<end>", model_max_length=LENGTH
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """1 layer, width 32, 2 heads: 14 thousand parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=len(tokenizer), n_positions=LENGTH, n_embd=32, n_layer=1, n_head=2, **ends)
    )


class Task:
    """Rows of numbers that go on from a random one, and the loss of any batch of them."""

    def __init__(self, data: Path | None, tokenizer: PreTrainedTokenizerFast) -> None:
        self.ids = np.array(tokenizer.convert_tokens_to_ids(NUMBERS))

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next word, in nats."""
        starts = np.random.default_rng([PLAN.seed, number]).integers(len(NUMBERS), size=(BATCH, 1))
        return cross_entropy(model, self.ids[(starts + np.arange(LENGTH)) % len(NUMBERS)])


def measure(data: Path | None, limit: int | None = None, *, model: ModelLike = "toy-mini") -> Figures:
    """The share of numbers after which the model says the next one; ``data`` is not read."""
    lm = load(model, task="generate")
    said = generate(NUMBERS, max_new_tokens=1, temperature=0, model=lm, progress=False)
    right = [one.text.strip() == NUMBERS[(i + 1) % len(NUMBERS)] for i, one in enumerate(said)]
    share = sum(right) / len(right)
    return {
        "how": "After each number the most probable word is taken. The baseline guesses.",
        "numbers": len(right),
        "share": {lm.name: share, "a guess": 1 / len(NUMBERS)},
        "goals": [goal("numbers followed by the next one", 0.9, share)],
        **stamp(lm.name, lm.device.type),
    }


def headline(measured: Figures) -> list[Line]:
    """The share of right numbers beside that of a guess."""
    own, guess = measured["share"].values()
    return [("next numbers", f"{own:.2f}", f"a guess {guess:.2f}")]


def tables(measured: Figures) -> list[Table]:
    """The same as a table."""
    lines = tuple((name, f"{share:.2f}") for name, share in measured["share"].items())
    return [Table(f"Next numbers, {measured['numbers']} asked for", ("model", "share"), lines)]


MINI = Mini(
    name="toy-mini",
    kind="raw",
    tasks=("generate",),
    about="A raw language model that counts.",
    data="numbers in words",
    example='print(lc.generate("three four", model="toy-mini"))',
    limits=("It can count to eight.",),
    hub_task="text-generation",
    tags=("gpt2", "toy"),
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
)
