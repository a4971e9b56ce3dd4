"""Who can do what: six abilities, every mini, one number a cell, one script.

    python benchmarks/abilities.py --data DIR

writes ``llm_course/lessons/five_types/abilities.json``, which that lesson shows. Knows nothing about how the minis were
trained. Each ability is one function of a model; it gives ``None`` where the architecture cannot do it. The sets are
parts of the test splits, the first rows of each, so that all minis take a few minutes; the full figures are on the
cards.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import llm_course
from llm_course.minis import gpt_mini_chat, gpt_mini_instruct, vision_mini
from llm_course.minis.corpora import rows
from llm_course.minis.measures.figures import first, stamp
from llm_course.shelf.catalogue import WEIGHTS, catalogue
from llm_course.shelf.loading import LanguageModel, load

RECORD = Path(llm_course.__file__).parent / "lessons" / "five_types" / "abilities.json"
STORIES, PER_TASK, DIALOGUES, GAPS, PICTURES = 60, 12, 40, 200, 200
WINDOW = 14  # words of context on each side of a gap: bert-mini learned on pieces of 40 tokens
Texts = Sequence[str]

# Published figures of full-size models on tests of their own: other tests than ours, so they set the scale, no more.
FULL = {
    "continue a story": ("GPT-2 117M", "perplexity 35.1 on LAMBADA", "Radford and others 2019, table 3"),
    "follow an instruction": ("SmolLM2-135M-Instruct", "29.9% on IFEval", "its model card"),
    "hold a turn": ("SmolLM2-135M-Instruct", "not measured", ""),
    "fill a gap": ("BERT base", "not measured", ""),
    "find similar texts": (
        "SBERT-NLI-base",
        "rank correlation 0.77, STS benchmark",
        "Reimers and Gurevych 2019, table 1",
    ),
    "answer about a picture": ("SmolVLM-256M", "not measured", ""),
}


def writes(lm: LanguageModel) -> bool:
    """Whether a model continues text from left to right: a decoder with an output layer, for text alone."""
    return type(lm.model).__name__.endswith(("LMHeadModel", "ForCausalLM")) and not lm.model.config.is_encoder_decoder


def story(lm: LanguageModel, data: Path) -> float | None:
    """Bits per byte of new stories, each alone after the start token; lower is better."""
    from llm_course.use_cases.generation import token_logprobs

    if not writes(lm):
        return None
    texts = [row["text"].strip() for row in first(rows(data, "tinystories-validation", "validation"), STORIES)]
    start = lm.tokenizer.bos_token_id
    ids = token_rows(lm, texts)
    nats = -sum(sum(token_logprobs(lm, [start, *one])) for one in ids)
    return nats / np.log(2) / sum(len(text.encode("utf-8")) for text in texts)


def token_rows(lm: LanguageModel, texts: Texts) -> list[list[int]]:
    """Each text as token ids with the end token, if the model has one, and nothing before it."""
    end = [] if lm.tokenizer.eos_token_id is None else [lm.tokenizer.eos_token_id]
    return [[*lm.tokenizer(t, add_special_tokens=False)["input_ids"], *end] for t in texts]


def instruction(lm: LanguageModel, data: Path) -> float | None:
    """Exact match on the small tasks, mean over tasks."""
    if not writes(lm):
        return None
    return gpt_mini_instruct.mean(gpt_mini_instruct.exact_match(lm, gpt_mini_instruct.test_rows(data, PER_TASK)))


def turn(lm: LanguageModel, data: Path) -> float | None:
    """The share of order turns at the coffee bar whose reply names all items and no other."""
    if not writes(lm):
        return None
    found = list(first(gpt_mini_chat.dialogues(data, "test"), DIALOGUES))
    return gpt_mini_chat.carried(lm, gpt_mini_chat.order_turns(found))["right"]


def gaps(data: Path, count: int = GAPS) -> Iterator[tuple[str, str, str]]:
    """Words hidden in new stories: what stands before, the word, what stands after. One word a story, by a seed."""
    random = np.random.default_rng(0)
    found = 0
    for row in rows(data, "tinystories-validation", "validation"):
        words = row["text"].split()
        places = [i for i, w in enumerate(words) if i > 4 and re.fullmatch(r"[a-z]{2,}", w)]
        if places and found < count:
            found += 1
            i = int(random.choice(places))
            yield " ".join(words[max(0, i - WINDOW) : i]), words[i], " ".join(words[i + 1 : i + 1 + WINDOW])


def gap(lm: LanguageModel, data: Path) -> float | None:
    """The share of hidden words that a model names first. An encoder sees both sides, a decoder the left one only."""
    hidden = list(gaps(data))
    if lm.tokenizer.mask_token and type(lm.model).__name__.endswith("ForMaskedLM"):
        from llm_course.use_cases.fill_mask import fill_mask

        texts = [f"{left} {lm.tokenizer.mask_token} {right}" for left, _, right in hidden]
        said = [one.candidates[0][0].token.strip() for one in fill_mask(texts, top=1, model=lm, progress=False)]
    elif writes(lm):
        said = [_first_word(text) for text in gpt_mini_instruct.continued(lm, [left for left, _, _ in hidden], 6)]
    else:
        return None
    return float(np.mean([own.lower() == word for own, (_, word, _) in zip(said, hidden, strict=True)]))


def _first_word(text: str) -> str:
    found = re.match(r"[A-Za-z]+", text.strip())
    return found.group() if found else ""


def similar(lm: LanguageModel, data: Path) -> float | None:
    """Spearman's rank correlation between cosine similarity and how alike people found pairs of sentences."""
    from scipy.stats import spearmanr

    from llm_course.use_cases.embeddings import vectors

    if getattr(lm.model.config, "vision_config", None) is not None:
        return None
    pairs, people = [], []
    for row in rows(data, "instruction-induction", "test"):
        match = re.match(r"Sentence 1: (.*) Sentence 2: (.*)", row["input"], re.S)
        if row["task"] == "sentence_similarity" and match:
            pairs.append(match.groups())
            people.append(int(row["output"][0]))
    both = np.asarray(vectors(lm, [text for pair in pairs for text in pair], False), dtype=np.float64)
    both -= both.mean(axis=0)  # vectors that were not trained for comparing share one direction
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    return float(spearmanr((both[0::2] * both[1::2]).sum(axis=1), people).statistic)


def picture(lm: LanguageModel, data: Path) -> float | None:
    """The share of questions about new scenes that are answered rightly."""
    if getattr(lm.model.config, "vision_config", None) is None or lm.entry is None or "describe" not in lm.entry.tasks:
        return None
    found = vision_mini.measure(data, PICTURES, model=lm)
    return float(next(iter(found["accuracy"].values()))["all"])


ABILITIES: dict[str, tuple[str, Callable[[LanguageModel, Path], float | None]]] = {
    "continue a story": ("bits per byte, lower is better", story),
    "follow an instruction": ("exact match", instruction),
    "hold a turn": ("orders carried rightly", turn),
    "fill a gap": ("hidden words named first", gap),
    "find similar texts": ("rank correlation", similar),
    "answer about a picture": ("right answers", picture),
}


def measure(data: str | Path, names: Sequence[str] | None = None) -> dict[str, Any]:
    """Every ability of every mini that is on the shelf (or of those named), with date and machine."""
    cells: dict[str, dict[str, float | None]] = {}
    kinds = {}
    for name, entry in catalogue().items():
        if entry.family != "mini" or (names is not None and name not in names):
            continue
        lm = load(name, device="cpu")
        found = {what: own(lm, Path(data)) for what, (_, own) in ABILITIES.items()}
        cells[name] = {what: None if value is None else round(value, 4) for what, value in found.items()}
        kinds[name] = entry.kind
    return {
        "measures": {what: how for what, (how, _) in ABILITIES.items()},
        "kinds": kinds,
        "cells": cells,
        "full": {what: dict(zip(("model", "figure", "source"), own, strict=True)) for what, own in FULL.items()},
        "weights": {name: _sha(name) for name in cells},
        **(stamp("") | {"command": "python benchmarks/abilities.py --data DIR"}),
    }


def _sha(name: str) -> str:
    from llm_course.shelf.stored import checksum

    return checksum(WEIGHTS / name / "model.safetensors")


def main() -> None:
    """Measure, or bring up to date the minis named, and write the record."""
    parser = argparse.ArgumentParser(description="Who can do what: six abilities of all minis.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="measure these minis and keep the others' figures")
    options = parser.parse_args()
    found = measure(options.data, options.only)
    if options.only and RECORD.is_file():
        old = json.loads(RECORD.read_text(encoding="utf-8"))
        for part in ("cells", "kinds", "weights"):
            found[part] = old[part] | found[part]
    RECORD.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(RECORD)


if __name__ == "__main__":
    main()
