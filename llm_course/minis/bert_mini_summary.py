"""bert-mini-summary: the lower half of bert-mini, fine-tuned to score the sentences of a text.

After BERTSUM (Liu and Lapata 2019, arXiv 1908.08345): a ``[CLS]`` stands before every sentence, and the
output there becomes the sentence's score. A sentence is worth as much as its ROUGE overlap with the
reference summary; the scores learn that order. Two of bert-mini's four layers are enough for this.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rouge_score.rouge_scorer import RougeScorer
from transformers import BertForTokenClassification, PreTrainedTokenizerFast

from llm_course.minis import lora
from llm_course.minis.batches import LengthBatches, pad
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.measures import summaries
from llm_course.minis.mini import Mini
from llm_course.shelf.stored import folder_of
from llm_course.text import split_sentences
from llm_course.use_cases.summarization import parts_of

BASE = "bert-mini"
CORPORA = ("scitldr", "legal", "story-summaries")
BATCH_TOKENS, SHARPNESS = 4096, 12.0
PLAN = Plan(steps=400, lr=2e-3, warmup=60, weight_decay=0.0, betas=(0.9, 0.98))
RANK, TARGETS = 32, ("query", "key", "value", "output.dense", "intermediate.dense")


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """bert-mini's."""
    return PreTrainedTokenizerFast.from_pretrained(folder_of(BASE))


def make_model(tokenizer: PreTrainedTokenizerFast) -> BertForTokenClassification:
    """Two layers of bert-mini, tuned by low-rank differences, with a new, random score on top."""
    torch.manual_seed(PLAN.seed)
    model = BertForTokenClassification.from_pretrained(
        folder_of(BASE),
        dtype=torch.float32,
        attn_implementation="eager",
        num_labels=1,
        num_hidden_layers=2,
        hidden_dropout_prob=0.1,
        classifier_dropout=0.1,
    )
    lora.attach(model, TARGETS, RANK)
    model.classifier.requires_grad_(True)
    return model


def pairs(data: Path, name: str, split: str) -> Iterator[tuple[str, list[str]]]:
    """Texts with their reference summaries (one or several)."""
    for row in rows(data, name, split):
        if name == "story-summaries" and row["task"] != "moral":
            continue
        yield row["text"], row.get("all_summaries") or [row["summary"]]


def worth(sentences: list[str], summaries: list[str], scorer: RougeScorer) -> np.ndarray:
    """What each sentence is worth: mean of ROUGE-1 and ROUGE-2 (F1) with the reference it fits best."""

    def overlap(summary: str, sentence: str) -> float:
        found = scorer.score(summary, sentence)
        return (found["rouge1"].fmeasure + found["rouge2"].fmeasure) / 2

    return np.array([max(overlap(summary, sentence) for summary in summaries) for sentence in sentences])


class Task:
    """Texts as the model reads them, with the worth of their sentences, and the loss of any batch."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast, split: str = "train") -> None:
        scorer = RougeScorer(["rouge1", "rouge2"], use_stemmer=True)
        self.ids: list[list[int]] = []
        self.marks: list[list[int]] = []
        self.worth: list[np.ndarray] = []
        for name in CORPORA:
            for text, references in pairs(data, name, split):
                sentences = split_sentences(text)
                value = worth(sentences, references, scorer)
                for start, ids, marks in parts_of(tokenizer, 512, sentences):
                    if len(marks) > 1 and value[start : start + len(marks)].max() > 0:
                        self.ids.append(ids)
                        self.marks.append(marks)
                        self.worth.append(value[start : start + len(marks)])
        self.batches = LengthBatches([[len(i)] for i in self.ids], BATCH_TOKENS, PLAN.seed)
        self.pad = tokenizer.pad_token_id

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy, in nats, between the scores and the sentences' worth, both as shares of a text."""
        batch = self.batches[number]
        device = next(model.parameters()).device
        ids = torch.from_numpy(pad([self.ids[i] for i in batch], self.pad)).to(device)
        scores = model(input_ids=ids, attention_mask=(ids != self.pad).long()).logits[:, :, 0].float()
        losses = []
        for row, i in enumerate(batch):
            target = torch.from_numpy(self.worth[i]).float().to(device) * SHARPNESS
            own = scores[row, self.marks[i][: len(target)]]
            losses.append(-(target.softmax(0) * own.log_softmax(0)).sum())
        return torch.stack(losses).mean()


MINI = Mini(
    name="bert-mini-summary",
    kind="representation, fine-tuned",
    tasks=("summarize",),
    default_for=("summarize",),
    about="Scores the sentences of a text; the best ones are its summary, unchanged. Fine-tuned from bert-mini.",
    data="abstracts, contracts and stories with summaries",
    example=("article = open('article.txt').read()\nprint(lc.summarize(article, method=\"extractive\"))"),
    limits=(
        "It only picks sentences: it cannot shorten or join them, and a picked 'she' may have lost its name.",
        "It learned from abstracts, contracts and stories in English; on other texts its choice may be poor.",
    ),
    hub_task="token-classification",
    tags=("bert", "summarization", "extractive"),
    corpora=CORPORA,
    base=BASE,
    rank=RANK,
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    finish=lora.merge,
    measure=summaries.measure,
    headline=partial(summaries.headline, name="bert-mini-summary"),
    tables=summaries.tables,
)
