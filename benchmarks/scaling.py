"""Loss against parameters and against text: seven small models trained in one run, for the lesson advantages.

Each reads bytes of children's stories (no tokenizer, so the vocabulary costs nothing) with GPT-2's architecture; all
take the same number of steps with batches of the same size. Four differ in size and hardly meet a byte twice. Three
more have the third size and read a small part of the text again and again; of these the best held-out loss counts,
as if training had been stopped there. Nothing else differs, and each is trained once: the spread over seeds is not
measured.

    python benchmarks/scaling.py --data DIR       # DIR holds the corpora; 12 minutes on one slow thread

It prints a table and writes llm_course/lessons/advantages/scaling.json, which the lesson reads.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from llm_course.minis.batches import Chunks  # noqa: E402
from llm_course.minis.corpora import rows  # noqa: E402
from llm_course.minis.gpt_mini import cross_entropy  # noqa: E402
from llm_course.minis.loop import Plan, fit  # noqa: E402
from llm_course.minis.measures.figures import stamp  # noqa: E402

RESULT = ROOT / "llm_course" / "lessons" / "advantages" / "scaling.json"
SIZES = ((2, 24, 2), (2, 48, 4), (3, 80, 4), (4, 128, 8))  # layers, width, heads: each about four times the last
PARTS = (32_000, 128_000, 512_000)  # bytes of text that the third size reads again and again
LENGTH, BATCH, END = 128, 32, 0
PLAN = Plan(steps=300, lr=4e-3, muon=8e-3, warmup=30, weight_decay=0.05, betas=(0.9, 0.95))
LOOK, PIECES = 50, 256  # steps between two looks at the held-out loss; held-out pieces


def stream(data: Path, name: str, split: str, most: int) -> np.ndarray:
    """The bytes of stories, each story after a zero byte, up to ``most``."""
    parts, size = [], 0
    for row in rows(data, name, split):
        parts.append(bytes([END]) + row["text"].strip().encode("utf-8"))
        size += len(parts[-1])
        if size >= most:
            break
    return np.frombuffer(b"".join(parts)[:most], dtype=np.uint8)


def make(layers: int, width: int, heads: int) -> GPT2LMHeadModel:
    """An untrained model over 256 bytes."""
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=256,
        n_positions=LENGTH,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        activation_function="gelu_pytorch_tanh",
        initializer_range=0.05,
        bos_token_id=END,
        eos_token_id=END,
    )
    return GPT2LMHeadModel(config)


def hidden(model: torch.nn.Module) -> int:
    """Parameters without the embeddings, as Kaplan and others 2020 (arXiv 2001.08361, section 2.1) count them."""
    return sum(p.numel() for name, p in model.named_parameters() if "wte" not in name and "wpe" not in name)


def train(size: tuple[int, int, int], text: np.ndarray, new: list[np.ndarray], plan: Plan) -> dict[str, Any]:
    """Train one model on a text; its parameters, the bytes it read, and its held-out loss in bits per byte."""
    model = make(*size)
    chunks = Chunks([text.astype(np.int64)], [1.0], LENGTH, BATCH, plan.seed)
    looks: list[float] = []

    def look(step: int, model: torch.nn.Module) -> dict[str, float]:
        loss = sum(cross_entropy(model, np.stack(new[i : i + 64])).item() for i in range(0, len(new), 64))
        looks.append(loss / math.ceil(len(new) / 64) / math.log(2))
        return {"bits": round(looks[-1], 4)}

    run = fit(model, lambda m, n: cross_entropy(m, chunks[n]), plan, watch=look, watch_every=LOOK, progress=False)
    return {
        "layers": size[0],
        "width": size[1],
        "parameters": hidden(model),
        "text_bytes": len(text),
        "read_bytes": plan.steps * BATCH * LENGTH,
        "bits": round(looks[-1], 4),
        "best_bits": round(min(looks), 4),
        "seconds": run.seconds,
    }


def measure(data: Path, plan: Plan = PLAN, pieces: int = PIECES) -> dict[str, Any]:
    """Train all models.

    Args:
        data: the data folder.
        plan: the same for all.
        pieces: how many pieces of 128 bytes the held-out loss is taken over.
    """
    most = 10**9  # all: 8 MB, of which a run reads 1.2 MB in pieces drawn at random, so that few bytes come twice
    text = stream(data, "tinystories", "train", most)
    held_out = stream(data, "tinystories-validation", "validation", pieces * (LENGTH + 1)).astype(np.int64)
    new = [held_out[i : i + LENGTH + 1] for i in range(0, len(held_out) - LENGTH, LENGTH + 1)]
    by_size, by_text = [], []
    for size in SIZES:
        by_size.append(train(size, text, new, plan))
        print(by_size[-1], flush=True)
    for part in PARTS:
        by_text.append(train(SIZES[2], text[:part], new, plan))
        print(by_text[-1], flush=True)
    by_text.append(by_size[2])
    kept = stamp("scaling") | {"command": "python benchmarks/scaling.py --data DIR"}
    return {
        "plan": {"steps": plan.steps, "batch": BATCH, "length": LENGTH},
        "by_size": by_size,
        "by_text": by_text,
    } | kept


def main() -> None:
    """Train, print a table, write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="the data folder")
    parser.add_argument("--steps", type=int, help="a quick look with fewer steps; writes nothing")
    chosen = parser.parse_args()
    began = time.monotonic()
    found = measure(chosen.data, PLAN if chosen.steps is None else replace(PLAN, steps=chosen.steps))
    for name in ("by_size", "by_text"):
        print(f"\n{name}")
        for one in found[name]:
            print(f"{one['parameters']:>9,} parameters, {one['text_bytes']:>10,} bytes of text: {one['best_bits']:.3f}")
    print(f"{time.monotonic() - began:.0f} s")
    if chosen.steps is None:
        RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
