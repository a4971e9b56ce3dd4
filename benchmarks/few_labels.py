"""How many labeled examples pre-training saves: bert-mini fine-tuned beside the same architecture from nothing.

For 50 to 5,000 labeled sentences (positive or negative; films, products, restaurants), two draws of the examples
each, one from 1,500 on. Each start gets the better of two learning rates, chosen by the one half of the held-out
sentences; the figures are from the other half. A bag of words with logistic regression stands beside them.

    python benchmarks/few_labels.py --data DIR    # about 6 minutes on one core
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch

from llm_course.lessons.pretrain_finetune import experiment as few_labels
from llm_course.minis.baselines.bag_of_words import BagOfWords
from llm_course.minis.corpora import rows
from llm_course.shelf.loading import load

# The lesson pretrain_finetune reads it, so it lies in its folder.
RESULT = Path(few_labels.__file__).parent / "few_labels.json"
SIZES = {50: 40, 500: 90, 1500: 200, 5000: 400}  # examples: steps
RATES = (3e-4, 1e-3)


def pool(data: Path, split: str) -> list[few_labels.Row]:
    """Positive and negative sentences of 4 to 22 words on films, products and restaurants, in a fixed random order."""
    found = []
    for name in ("uci", "vader"):
        for row in rows(data, name, split):
            on_topic = any(word in row["source"] for word in ("uci", "movie", "amazon"))
            clear = on_topic and abs(row.get("score", 1)) >= 1
            if row["label"] in few_labels.CLASSES and clear and 4 <= len(row["text"].split()) <= 22:
                found.append((row["text"], few_labels.CLASSES.index(row["label"])))
    return [found[i] for i in np.random.default_rng(0).permutation(len(found))]


def measure(data: Path, sizes: dict[int, int]) -> list[dict[str, object]]:
    """One record per size: the share right of both starts and of the bag of words, on the second half."""
    tokenizer = load(few_labels.BASE, "cpu").tokenizer
    train, held = pool(data, "train"), pool(data, "validation")
    choose, test = held[::2], held[1::2]
    found = []
    for size, steps in sizes.items():
        record: dict[str, object] = {"examples": size, "steps": steps}
        draws = range(2 if size < 1000 else 1)
        for name, pretrained in (("pre-trained", True), ("from nothing", False)):
            tries = []
            for lr in RATES:
                pairs = []
                for draw in draws:
                    some = [train[i] for i in np.random.default_rng(draw + 1).permutation(len(train))[:size]]
                    model = few_labels.new_classifier(pretrained, draw)
                    few_labels.fine_tune(model, tokenizer, some, steps, lr, 16 if size < 1000 else 32, draw)
                    pairs.append([few_labels.share_right(model, tokenizer, half) for half in (choose, test)])
                tries.append((np.mean([a for a, _ in pairs]), lr, [b for _, b in pairs]))
            _, lr, shares = max(tries)
            each = [round(share, 4) for share in shares]
            record[name] = {"rate": lr, "right": round(float(np.mean(shares)), 4), "each": each}
        bags = []
        for draw in draws:
            some = [train[i] for i in np.random.default_rng(draw + 1).permutation(len(train))[:size]]
            said = (
                BagOfWords()
                .fit([t for t, _ in some], [few_labels.CLASSES[c] for _, c in some])
                .predict([t for t, _ in test])
            )
            bags.append(float(np.mean([s == few_labels.CLASSES[c] for s, (_, c) in zip(said, test, strict=True)])))
        record["bag of words"] = {"right": round(float(np.mean(bags)), 4), "each": [round(b, 4) for b in bags]}
        found.append(record)
        print(json.dumps(record), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES), help="only these numbers of examples")
    options = parser.parse_args()
    began = time.monotonic()
    found = measure(options.data, {size: SIZES[size] for size in options.sizes})
    result = {
        "how": " ".join((__doc__ or "").split("\n\n")[1].split()),
        "held_out": len(pool(options.data, "validation")[1::2]),
        "results": found,
        "date": time.strftime("%Y-%m-%d"),
        "seconds": round(time.monotonic() - began),
        "machine": f"{torch.get_num_threads()} threads, {platform.machine()}",
        "torch": torch.__version__,
        "command": "python benchmarks/few_labels.py --data DIR",
    }
    if set(options.sizes) == set(SIZES):
        RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
