"""bloom-mini-learned: bloom-mini's twin with learned positions, for one comparison; its weights do not ship.

Same text, same tokenizer, same number of layers, heads and width. The architecture is GPT-2's, whose table has a vector
for each of 512 positions; trained on pieces of 128 tokens, it never learns the later ones. How both do past the 128th
token is measured as bloom-mini is, and recorded beside bloom-mini's card.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis import bloom_mini
from llm_course.minis.bloom_mini import LEARNED, LENGTH, by_position
from llm_course.shelf import catalogue


def make_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """4 layers, width 128, 8 heads, 512 learned positions: 1.1 million parameters, randomly initialized."""
    torch.manual_seed(bloom_mini.PLAN.seed)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=4 * LENGTH,
        n_embd=128,
        n_layer=4,
        n_head=8,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        activation_function="gelu_pytorch_tanh",
        initializer_range=0.05,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    return GPT2LMHeadModel(config)


def install(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerFast, run: Mapping[str, object], data: Path) -> Path:
    """Instead of weights, put on the shelf what was measured: the loss by position, up to 512 tokens."""
    found = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "loss": by_position(model.float().eval(), tokenizer, data),
        "training": run,
    }
    path = catalogue.WEIGHTS / bloom_mini.MINI.name / LEARNED
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return path


MINI = replace(
    bloom_mini.MINI,
    name="bloom-mini-learned",
    about="bloom-mini's twin with learned positions, trained for one comparison.",
    plan=replace(bloom_mini.PLAN, steps=1000),  # what it cannot do past its trained length shows early
    make_model=make_model,
    install=install,
)
