"""incontext-mini: a very small model that learns a task from the examples in its prompt, and in no other way.

Every training sequence is a code of its own: words stand for code words, drawn anew each time. So the weights can
hold no code; all that helps is to look up what the prompt has said before. Two kinds of code:

- a dictionary: each word has its code word ("cat bap, shirt dof, cat" goes on with "bap");
- by kind: all words of a kind share one ("cat bap, shirt dof, horse" goes on with "bap", since a horse is an animal).

The words of a sequence come again and again, few at a time: such bursts are what makes a Transformer learn from its
prompt (Chan and others 2022, arXiv 2205.05055). Two layers are the fewest with which it can look up what
followed an earlier copy of a word (Elhage and others 2021; Olsson and others 2022, arXiv 2209.11895). The architecture
is Llama's (RMSNorm, rotary positions, gated feed-forward).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llm_course.minis.loop import Plan
from llm_course.worlds.codes import CODE, KINDS, WORDS, never_together

CORPORA: list[str] = []  # it draws its text itself
START, UNKNOWN, COMMA = "<s>", "<unk>", ","
PAIRS, BATCH = 24, 128
# Of the words (or kinds) that a code uses, from so many to so many; a share of the codes goes by kind.
WORDS_USED, KINDS_USED, BY_KIND = (2, 8), (2, 6), 0.4
# In the first EASY of the steps all is easier: half as many pairs, twice as many rows, dictionaries of a few words.
EASY, EASY_WORDS = 0.4, (2, 4)
OTHERS = 0.1  # weight in the loss of all tokens but code words: which word comes next cannot be known
PLAN = Plan(steps=1800, lr=4e-3, muon=8e-3, warmup=50, weight_decay=0.01, betas=(0.9, 0.98))
CARD = {"starts_with_bos": True}


def make_tokenizer(data: Path | None = None) -> PreTrainedTokenizerFast:
    """One token a word: the words, the code words, the comma, a start token, and one for all other words."""
    listed = [START, UNKNOWN, COMMA, *CODE, *WORDS]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(listed)}, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=START, unk_token=UNKNOWN, model_max_length=3 * PAIRS + 1,
        clean_up_tokenization_spaces=False, model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """2 layers, width 64, 4 heads: 0.09 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, max_position_embeddings=3 * PAIRS + 1, tie_word_embeddings=True,
        # With biases in query and key, rotary positions let a head look "one token back" whatever the token is
        # (so do Qwen's models). Slow rotations are of no use in texts this short.
        attention_bias=True, rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
        initializer_range=64**-0.5, bos_token_id=tokenizer.bos_token_id, eos_token_id=None,
    )  # fmt: skip
    return LlamaForCausalLM(config)


def draw(rows: int, pairs: int, random: np.random.Generator, *, easy: bool = False) -> np.ndarray:
    """Rows of codes at work: token ids ``(rows, 3 * pairs + 1)``: start, then word, code word, comma, and so on."""
    kinds, each = len(KINDS), len(WORDS) // len(KINDS)
    kind_of = np.arange(len(WORDS)) // each
    allowed = ~never_together()  # (kinds, code words)
    # A code word for every word, or for every kind: the highest of random numbers among those allowed.
    by_kind = random.random((rows, 1)) < (0 if easy else BY_KIND)
    for_word = np.where(allowed[kind_of], random.random((rows, len(WORDS), len(CODE))), -1).argmax(-1)
    for_kind = np.where(allowed, random.random((rows, kinds, len(CODE))), -1).argmax(-1)
    code = np.where(by_kind, for_kind[:, kind_of], for_word)
    # Which words come: a few, or any word of a few kinds.
    few = random.random((rows, len(WORDS))).argsort(1)
    some = random.random((rows, kinds)).argsort(1)
    count = np.where(by_kind, random.integers(*KINDS_USED, (rows, 1), endpoint=True),
                     random.integers(*(EASY_WORDS if easy else WORDS_USED), (rows, 1), endpoint=True))  # fmt: skip
    which = (random.random((rows, pairs)) * count).astype(int)
    one_of = random.integers(0, each, (rows, pairs))
    kind = np.take_along_axis(some, np.minimum(which, kinds - 1), 1)
    words = np.where(by_kind, kind * each + one_of, np.take_along_axis(few, which, 1))
    ids = np.empty((rows, 3 * pairs + 1), dtype=np.int64)
    ids[:, 0], ids[:, 3::3] = 0, 2
    ids[:, 1::3] = 3 + len(CODE) + words
    ids[:, 2::3] = 3 + np.take_along_axis(code, words, 1)
    return ids


class Task:
    """Codes drawn anew for every batch, their loss, and how many code words are right near the end of a row."""

    def __init__(self, data: Path | None, tokenizer: PreTrainedTokenizerFast) -> None:
        self.steps = PLAN.steps
        self.new = draw(256, PAIRS, np.random.default_rng(10**6))

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token in nats; code words count in full, all others little."""
        random = np.random.default_rng([PLAN.seed, number])
        if number < EASY * self.steps:
            drawn = draw(2 * BATCH, PAIRS // 2, random, easy=True)
        else:
            drawn = draw(BATCH, PAIRS, random)
        ids = torch.from_numpy(drawn).to(next(model.parameters()).device)
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        each = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none")
        each = each.view(len(ids), -1)
        return each[:, 1::3].mean() + OTHERS * (each[:, 0::3].mean() + each[:, 2::3].mean())

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """The share of right code words among the last eight of each row."""
        ids = torch.from_numpy(self.new).to(next(model.parameters()).device)
        said = model(input_ids=ids[:, :-1], use_cache=False).logits.argmax(-1)
        right = (said == ids[:, 1:])[:, 1::3]
        return {"right": round(right[:, -8:].float().mean().item(), 4)}
