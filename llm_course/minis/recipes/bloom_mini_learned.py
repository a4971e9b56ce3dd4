"""bloom-mini-learned: bloom-mini's twin with learned positions, for one comparison; its weights do not ship.

Same text, same tokenizer, same number of layers, heads and width. The architecture is GPT-2's, whose table has a vector
for each of 512 positions; trained on pieces of 128 tokens, it never learns the later ones. How both do past the 128th
token is measured by ``evaluate/multilingual.py`` and recorded beside bloom-mini's card.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis.recipes import bloom_mini
from llm_course.minis.recipes.bloom_mini import CORPORA, LENGTH, Task, make_tokenizer
from llm_course.shelf.catalogue import WEIGHTS

__all__ = ["CORPORA", "PLAN", "Task", "install", "make_model", "make_tokenizer"]

# What it cannot do past its trained length shows early, so it gets fewer steps than bloom-mini.
PLAN = replace(bloom_mini.PLAN, steps=1000)
RECORD = Path("bloom-mini") / "learned_positions.json"


def make_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """4 layers, width 128, 8 heads, 512 learned positions: 1.1 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=4 * LENGTH, n_embd=128, n_layer=4, n_head=8, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, activation_function="gelu_pytorch_tanh", initializer_range=0.05,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    return GPT2LMHeadModel(config)


def install(model: Any, tokenizer: Any, record: dict[str, Any], data: Path) -> Path:
    """Instead of weights, put on the shelf what was measured: the loss by position, up to 512 tokens."""
    from llm_course.minis.evaluate.multilingual import by_position

    found = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "loss": by_position(model.float().eval(), tokenizer, data),
        "training": record,
    }
    path = WEIGHTS / RECORD
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return path
