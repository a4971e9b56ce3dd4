"""bert-mini-sentiment: bert-mini, fine-tuned to tell positive, neutral and negative apart.

A new layer reads the first token ``[CLS]`` (Devlin and others 2019, section 3.2). The table of word
embeddings stays as bert-mini left it, so the package stores it once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from llm_course.shelf.catalogue import WEIGHTS
from llm_course.training.batches import LengthBatches, pad
from llm_course.training.corpora import rows
from llm_course.training.loop import Plan
from llm_course.training.recipes.bert_mini import SENTIMENT

BASE = "bert-mini"
CORPORA = list(SENTIMENT)
LABELS = ["negative", "neutral", "positive"]
LONGEST, BATCH_TOKENS, SMOOTHING = 128, 2048, 0.05
PLAN = Plan(steps=3200, lr=5e-4, warmup=300, weight_decay=0.05, betas=(0.9, 0.98))
# It has learnt positions up to LONGEST only: longer texts are read in windows of that size.
CARD = {"base": BASE, "window": LONGEST}


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """bert-mini's."""
    return PreTrainedTokenizerFast.from_pretrained(WEIGHTS / BASE)


def make_model(tokenizer: PreTrainedTokenizerFast) -> BertForSequenceClassification:
    """bert-mini with a new, random layer on top; its table of word embeddings is frozen."""
    torch.manual_seed(PLAN.seed)
    model = BertForSequenceClassification.from_pretrained(
        WEIGHTS / BASE, dtype=torch.float32, attn_implementation="eager", num_labels=3, classifier_dropout=0.05,
        hidden_dropout_prob=0.05, id2label=dict(enumerate(LABELS)), label2id={n: i for i, n in enumerate(LABELS)},
    )  # fmt: skip
    model.bert.embeddings.word_embeddings.requires_grad_(False)
    return model


class Task:
    """Sentences with their class, and the loss of any batch of them."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast, split: str = "train") -> None:
        found = [
            (row["text"], row["label"], weight_of(name, row)) for name in SENTIMENT for row in rows(data, name, split)
        ]
        encodings = tokenizer.backend_tokenizer.encode_batch([text for text, _, _ in found])
        end = tokenizer.sep_token_id
        self.ids = [e.ids if len(e.ids) <= LONGEST else [*e.ids[: LONGEST - 1], end] for e in encodings]
        self.labels = np.array([LABELS.index(label) for _, label, _ in found])
        # Rare classes weigh more, so that none is neglected.
        share = np.bincount(self.labels, minlength=3) / len(self.labels)
        self.weights = (np.array([w for _, _, w in found]) / share[self.labels] ** 0.5).astype(np.float32)
        self.weights /= self.weights.mean()
        self.batches = LengthBatches([[len(i)] for i in self.ids], BATCH_TOKENS, PLAN.seed)
        self.pad = tokenizer.pad_token_id

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Weighted cross-entropy of the class, in nats, with label smoothing."""
        batch = self.batches[number]
        device = next(model.parameters()).device
        ids = torch.from_numpy(pad([self.ids[i] for i in batch], self.pad)).to(device)
        logits = model(input_ids=ids, attention_mask=(ids != self.pad).long()).logits.float()
        labels = torch.from_numpy(self.labels[batch]).to(device)
        weights = torch.from_numpy(self.weights[batch]).to(device)
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none", label_smoothing=SMOOTHING)
        return (losses * weights).mean()


def weight_of(name: str, row: dict[str, str]) -> float:
    """How much a row counts: "neutral" product reviews are only those without an annotated opinion."""
    return 0.3 if name.startswith("product-reviews") and row["label"] == "neutral" else 1.0
