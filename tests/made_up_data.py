"""Makes up a data folder in the form of the real one: a few short rows of each split in every corpus.

Knows nothing about models. Words decide about the labels, so that what learns from words can learn them.
"""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np

from llm_course.minis.corpora import CORPORA

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
        # Two English sentences for each translation, with few words in common.
        words = (f"They walk {split} {number // 2}.", f"On foot some people came {split} {number // 2}.")[number % 2]
        return {"en": words, name[-2:]: f"Satz {split} {number // 2}."}
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
    if name == "instruction-induction":
        return _instruction(number, split)
    if name == "small-instructions":
        return {"instruction": "Repeat the sentence.", "input": sentence, "output": sentence}
    if name == "coffee-dialogues":
        return {"turns": _coffee(number)}
    return {"text": f"{story} {sentence}"}


def _instruction(number: int, split: str) -> dict[str, Any]:
    """A row of one of four small tasks; test rows ask for numbers and words that training rows do not."""
    start = {"train": 0, "validation": 20, "test": 40}[split]
    word = ("cat", "dog", "house", "park", "book", "sun")[(number + start) % 6] + "abc"[start // 20]
    task, text, output = (
        ("first_word_letter", word, word[0]),
        ("sum", f"{number + start} 3", str(number + start + 3)),
        ("taxonomy_animal", f"book, {word}, cow", "cow, " + word),
        ("singular_to_plural", word, word + "s"),
    )[number % 4]
    return {"task": task, "instruction": f"do {task}:", "input": text, "output": output, "outputs": [output]}


def _coffee(number: int) -> list[dict[str, str]]:
    """Two turns of each side, or a question and an answer."""
    milk, drink = ("oat", "almond", "whole")[number % 3], ("latte", "mocha", "cortado", "steamer")[number % 4]
    said = [
        ("user", f"Hi, can I get a {drink} with {milk} milk, please?"), ("assistant", "Is this order correct?"),
        ("user", "Yes, it is."), ("assistant", "Ok, it will be ready soon."),
    ]  # fmt: skip
    if number % 5 == 0:
        said = [("user", "What kinds of tea do you have?"), ("assistant", "We have green tea.")]
    return [{"role": role, "text": text} for role, text in said]
