"""Makes up a data folder in the form of the real one: a few short rows of each split in every corpus.

Knows nothing about models. Words decide about the labels, so that what learns from words can learn them.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np

from llm_course.training.corpora import CORPORA

WORDS = "the cat dog house park car book sun small big red old runs sits reads holds and in on one".split()
FEELING = {"positive": "love", "neutral": "plain", "negative": "hate"}
SENTIMENT = ("vader", "goemotions", "product-reviews-1", "product-reviews-2", "pros-cons", "poem-sentiment", "uci")


def write(folder: Path, rows_per_split: int = 12) -> Path:
    """Write every corpus below ``folder``; a test row is never the same as a training row."""
    for name, corpus in CORPORA.items():
        random = np.random.default_rng(sum(map(ord, name)))
        path = folder / corpus.file
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = []
        for split in ("train", "validation", "test"):
            for number in range(rows_per_split):
                lines.append(json.dumps({**_row(name, split, number, random), "split": split}, ensure_ascii=False))
        text = "\n".join(lines) + "\n"
        if path.suffix == ".xz":
            path.write_bytes(lzma.compress(text.encode("utf-8"), preset=0))
        else:
            path.write_text(text, encoding="utf-8")
    return folder


def _row(name: str, split: str, number: int, random: np.random.Generator) -> dict[str, Any]:
    sentence = " ".join(random.choice(WORDS, 6)).capitalize() + f" {split} {number}."
    story = " ".join(" ".join(random.choice(WORDS, 5)).capitalize() + "." for _ in range(5))
    if name in SENTIMENT:
        label = ("positive", "neutral", "negative")[number % 3]
        return {"text": f"{FEELING[label]} {sentence}", "label": label}
    if name == "tatoeba-en-fr":
        # Two rows for each English sentence: its two French variants.
        return {"en": f"We go {split} {number // 2}.", "fr": f"Nous allons {split} {number // 2} {'ab'[number % 2]}."}
    if name.startswith("tatoeba-en-"):
        return {"en": f"We go {split} {number}.", name[-2:]: f"{name[-2:]} {sentence}"}
    if name == "scitldr":
        return {"text": story, "summary": sentence, "all_summaries": [sentence, story.split(".")[2]]}
    if name == "legal":
        return {"text": story, "summary": sentence, "title": "Title"}
    if name == "story-summaries":
        return {"text": story, "summary": sentence, "task": ("moral", "title")[number % 2]}
    if name == "storybooks":
        return {"lang": ("en", "sw", "en", "pt", "en", "af")[number % 6], "pages": [story, sentence]}
    if name in ("topical-chat", "persona-chat"):
        return {"turns": [{"role": "user", "text": sentence}, {"role": "assistant", "text": story}]}
    if name == "childrens-books":
        return {"text": story, "mean_sentence_words": 9.0}
    return {"text": f"{story} {sentence}"}
