"""gpt-mini-instruct: gpt-mini, tuned to do what an instruction says (Ouyang and others 2022, arXiv 2203.02155, step 1).

It reads an instruction in a chat template and learns the answer's tokens only. Trained by LoRA: what the package
stores is a low-rank difference to gpt-mini. Most examples are the training rows of 22 small tasks, each with several
wordings; of the tasks whose answers follow a rule more are drawn (word_tasks.py). Short stories about a named thing
keep it a teller of stories.

Test rows are read for their inputs only, so that none of them is drawn by the makers.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis import lora
from llm_course.minis.batches import LengthBatches
from llm_course.minis.conversations import TEMPLATE, answer_loss, encode_all, pack
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.word_tasks import draw, forbidden
from llm_course.shelf.stored import folder_of

BASE = "gpt-mini"
CORPORA = ["instruction-induction", "small-instructions", "tinystories"]
# Rank of the difference for the hidden matrices and the table of embeddings, which is the output layer too: with all
# biases and normalizations 397 thousand numbers.
RANK, TARGETS = 13, ("c_attn", "c_proj", "c_fc", "wte")
LONGEST, BATCH_TOKENS = 200, 2048
PLAN = Plan(steps=2600, lr=4e-3, warmup=50, weight_decay=0.0, betas=(0.9, 0.98))
# How often each row is seen. These tasks take long texts, or knowledge that no story gives: once.
PASSES, ONCE = 2, ("sentence_similarity", "word_in_context", "translation_en-de", "translation_en-es", "sentiment")
MADE = {"first_word_letter": 1200, "second_word_letter": 2000, "letters_list": 2500, "sum": 4000, "diff": 4000,
        "num_to_verbal": 2000, "orthography_starts_with": 1500}  # fmt: skip
STORIES, STORY_TOKENS = 1000, 150
THINGS = (
    "dog cat bird fish rabbit bear frog duck tree flower ball car toy boat doll kite cake apple hat box book truck "
    "park garden house mom friend girl boy butterfly train plane monkey lion mouse pig horse cow bee ant moon star"
).split()
CARD = {"base": BASE, "rank": RANK, "starts_with_bos": True}


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """gpt-mini's, with the chat template."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder_of(BASE))
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast, dropout: float = 0.0) -> GPT2LMHeadModel:
    """gpt-mini with low-rank differences that are zero at first."""
    torch.manual_seed(PLAN.seed)
    model = GPT2LMHeadModel.from_pretrained(
        folder_of(BASE), dtype=torch.float32, resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=0.0
    )
    lora.attach(model, TARGETS, RANK)
    return model


def finish(model: GPT2LMHeadModel) -> GPT2LMHeadModel:
    """The differences written into the weights."""
    lora.merge(model)
    return model


def request(instruction: str, text: str = "") -> str:
    """What the user says: the instruction, a colon, the text. ``"Write the plural form of the word: dog"``."""
    instruction = instruction.strip().rstrip(".:").strip()
    instruction = instruction[:1].upper() + instruction[1:]
    return f"{instruction}: {text.strip()}" if text.strip() else instruction


def answer_of(row: dict[str, Any]) -> str:
    """The answer of a row; lists of animals in the order of the input, which is the only order one can guess."""
    if row["task"] != "taxonomy_animal":
        return row["output"]
    animals = set(row["output"].split(", "))
    return ", ".join(word for word in row["input"].split(", ") if word in animals)


def instructed(data: Path, random: np.random.Generator) -> list[tuple[str, str]]:
    """Pairs of request and answer from the training rows, and more of the tasks that follow a rule."""
    by_task: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(data, "instruction-induction"):
        by_task[row["task"]].append(row)
    asked: dict[str, list[str]] = defaultdict(list)
    for row in rows(data, "instruction-induction", "test"):
        asked[row["task"]].append(row["input"])
    words, sentences = story_words(data)
    found = []
    for task, own in by_task.items():
        wordings = sorted({row["instruction"] for row in own})
        pairs = [(row["input"], answer_of(row)) for row in own] * (1 if task in ONCE else PASSES)
        pairs += draw(task, MADE.get(task, 0), random, words, sentences, forbidden(task, asked[task]))
        found += [(request(wordings[int(random.integers(len(wordings)))], i), o) for i, o in pairs]
    return found


def story_words(data: Path) -> tuple[list[str], list[str]]:
    """Words that occur in the stories at least three times, with two letters or more; and short sentences."""
    counts: Counter[str] = Counter()
    sentences = []
    for number, row in enumerate(rows(data, "tinystories")):
        counts.update(re.findall(r"\b[a-z]{2,}\b", row["text"]))
        if number < 1500:
            sentences += [s for s in re.findall(r"[A-Z][^.!?\"\n]+[.!?]", row["text"]) if len(s.split()) < 11]
    return sorted(word for word, count in counts.items() if count > 2), sentences


def told(data: Path) -> list[tuple[str, str]]:
    """Short stories with a request that names the thing each is about: the one of THINGS it names most often."""
    found: list[tuple[str, str]] = []
    for row in rows(data, "tinystories"):
        text = row["text"].strip()
        if len(text) > 4 * STORY_TOKENS or len(found) >= STORIES:
            continue
        counts = Counter(word for word in re.findall(r"[a-z]+", text.lower()) if word in THINGS)
        if counts and counts.most_common(1)[0][1] > 2:
            thing = counts.most_common(1)[0][0]
            found.append((f"Tell me a story about {'an' if thing[0] in 'aeiou' else 'a'} {thing}.", text))
    return found


class Task:
    """All pairs in an order that the seed decides, and the loss of any batch of them."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        random = np.random.default_rng(PLAN.seed)
        pairs = instructed(data, random) + told(data)
        short = [(request(r["instruction"], r["input"]), r["output"]) for r in rows(data, "small-instructions")]
        pairs += [pair for pair in short if len(pair[0]) + len(pair[1]) < 300] * 2
        messages = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in pairs]
        self.examples = [one for one in encode_all(messages, tokenizer) if len(one[0]) <= LONGEST]
        self.fill = tokenizer.eos_token_id
        self.batches = LengthBatches([[len(ids)] for ids, _ in self.examples], BATCH_TOKENS, PLAN.seed)

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the answers' tokens, in nats."""
        return answer_loss(model, *pack([self.examples[i] for i in self.batches[number]], self.fill))
