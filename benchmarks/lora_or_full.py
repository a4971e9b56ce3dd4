"""Fine-tuning by LoRA beside fine-tuning every parameter: gpt-mini-instruct and gpt-mini-chat, the same batches.

Both start from gpt-mini and see the same batches for the same number of steps. LoRA trains what the recipes train, at
the recipes' learning rate; full fine-tuning gets the better of two rates, chosen on the very figure that is reported,
so that the comparison leans towards it. The models are measured as their model cards are.

    python benchmarks/lora_or_full.py --data DIR                # about 25 minutes on two cores
    python benchmarks/lora_or_full.py --data DIR --steps 100    # fewer steps; keeps no result

It prints a Markdown table and writes what the lesson pretrain_finetune reads.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from transformers import GPT2LMHeadModel

import llm_course
from llm_course.minis import gpt_mini_chat, gpt_mini_instruct
from llm_course.minis.coffee_bar import spoken, unsteered
from llm_course.minis.loop import fit
from llm_course.minis.mini import Mini
from llm_course.shelf.loading import LanguageModel, load
from llm_course.shelf.stored import folder_of

# The lesson pretrain_finetune reads it, so it lies in its folder.
RESULT = Path(llm_course.__file__).parent / "lessons" / "pretrain_finetune" / "lora_or_full.json"
STEPS, RATES, ROWS = 400, (3e-4, 1e-3), 40  # ROWS: test rows of each of the 22 tasks


def exact_match(lm: LanguageModel, data: Path) -> dict[str, float]:
    """The mean share of right answers over the tasks of instruction-induction."""
    shares = gpt_mini_instruct.exact_match(lm, gpt_mini_instruct.test_rows(data, ROWS))
    return {"exact match": round(gpt_mini_instruct.mean(shares), 4)}


def order_taking(lm: LanguageModel, data: Path) -> dict[str, float]:
    """The share of order turns done right, and perplexity, on the test dialogues."""
    found = gpt_mini_chat.dialogues(data, "test")
    words = [spoken(one, unsteered) for one in found]
    return {
        "orders carried": gpt_mini_chat.carried(lm, gpt_mini_chat.order_turns(found))["right"],
        "perplexity": round(gpt_mini_chat.perplexity(lm, words), 3),
    }


CASES: tuple[tuple[Mini, Callable[[LanguageModel, Path], dict[str, float]], str], ...] = (
    (gpt_mini_instruct.MINI, exact_match, "exact match"),
    (gpt_mini_chat.MINI, order_taking, "orders carried"),
)


def tuned(own: Mini, data: Path, steps: int, rate: float | None, folder: Path) -> LanguageModel:
    """gpt-mini after ``steps`` of a mini's recipe: by its LoRA, or every parameter at a learning rate."""
    tokenizer = own.make_tokenizer(data)
    model = own.make_model(tokenizer)  # also seeds the dropout
    if rate is not None:
        held = model.config
        model = GPT2LMHeadModel.from_pretrained(
            folder_of(own.base or own.name),
            dtype=torch.float32,
            resid_pdrop=held.resid_pdrop,
            embd_pdrop=held.embd_pdrop,
            attn_pdrop=held.attn_pdrop,
        )
    numbers = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    plan = replace(own.plan, steps=steps, lr=rate or own.plan.lr)
    run = fit(model, own.task(data, tokenizer).loss, plan)
    if rate is None and own.finish:
        model = own.finish(model)
    model.to("cpu").save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    card: dict[str, Any] = {"name": own.name, "starts_with_bos": own.starts_with_bos}
    card |= {"trained": numbers, "rate": plan.lr, "loss": round(run.loss, 4), "seconds": run.seconds}
    (folder / "card.json").write_text(json.dumps(card), encoding="utf-8")
    return load(str(folder), task="chat")


def compared(data: Path, steps: int) -> list[dict[str, Any]]:
    """One record for each model and way of tuning it."""
    found: list[dict[str, Any]] = []
    for own, figures, chosen_by in CASES:
        tries: list[dict[str, Any]] = []  # LoRA, then full at each rate
        for rate in (None, *RATES):
            with tempfile.TemporaryDirectory() as folder:
                lm = tuned(own, data, steps, rate, Path(folder))
                kept = {key: lm.card[key] for key in ("trained", "rate", "loss", "seconds")}
                tries.append({"model": own.name, "way": "full" if rate else "LoRA", **kept, **figures(lm, data)})
            print(json.dumps(tries[-1]), flush=True)
        found += [tries[0], max(tries[1:], key=lambda one: one[chosen_by])]
    return found


def table(found: list[dict[str, Any]]) -> str:
    """The records as Markdown."""
    columns = ("model", "way", "trained", "rate", "loss", "exact match", "orders carried", "perplexity", "seconds")
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(str(one.get(key, "")) for key in columns) + " |" for one in found]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of every run")
    options = parser.parse_args()
    began = time.monotonic()
    found = compared(options.data, options.steps)
    print(table(found))
    if options.steps == STEPS:
        result = {
            "how": " ".join((__doc__ or "").split("\n\n")[1].split()),
            "steps": STEPS,
            "rows_of_a_task": ROWS,
            "results": found,
            "date": time.strftime("%Y-%m-%d"),
            "seconds": round(time.monotonic() - began),
            "machine": f"{torch.get_num_threads()} threads, {platform.machine()}",
            "torch": torch.__version__,
            "command": "python benchmarks/lora_or_full.py --data DIR",
        }
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
