"""How far a few labeled examples go: fine-tuning a small encoder, from pre-trained weights or from nothing.

Knows nothing about notebooks. The lesson runs these functions on fifty and five hundred sentences,
``benchmarks/few_labels.py`` on up to five thousand. The task is the plainest there is: is a sentence positive (1) or
negative (0)? Both starts have the same architecture, the same examples, the same steps.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import torch

from llm_course.minis.batches import pad
from llm_course.shelf.loading import quiet
from llm_course.shelf.stored import folder_of

BASE, LONGEST = "bert-mini", 48
CLASSES = ("negative", "positive")
Row = tuple[str, int]


def labeled_sentences(use: str) -> list[Row]:
    """The sentences that ship with the course, as ``(text, class)``; ``use`` is ``"train"`` or ``"held-out"``.

    500 and 365 sentences on films, cameras and restaurants, half of each class; ``labeled.jsonl`` says from where.
    """
    lines = (
        (files("llm_course.lessons") / "pretrain_finetune" / "labeled.jsonl").read_text(encoding="utf-8").splitlines()
    )
    rows = [json.loads(line) for line in lines[1:]]  # the first line names sources and licenses
    return [(row["text"], CLASSES.index(row["label"])) for row in rows if row["use"] == use]


def new_classifier(pretrained: bool, seed: int = 0) -> Any:
    """bert-mini's architecture with a new layer for two classes: with its weights, or all of it random."""
    import transformers

    torch.manual_seed(seed)
    config = transformers.BertConfig.from_pretrained(
        folder_of(BASE), num_labels=2, attn_implementation="eager", classifier_dropout=0.1, hidden_dropout_prob=0.1
    )
    if not pretrained:
        return transformers.BertForSequenceClassification(config)
    with quiet():  # it would report that the new layer is new
        return transformers.BertForSequenceClassification.from_pretrained(
            folder_of(BASE), config=config, dtype=torch.float32
        )


def encode(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, cut to LONGEST with the end token kept."""
    end = tokenizer.sep_token_id
    found = [e.ids for e in tokenizer.backend_tokenizer.encode_batch(list(texts))]
    return [ids if len(ids) <= LONGEST else [*ids[: LONGEST - 1], end] for ids in found]


def scores(model: Any, tokenizer: Any, texts: Sequence[str]) -> torch.Tensor:
    """Scores of the two classes, float32 ``(texts, 2)``."""
    fill = tokenizer.pad_token_id
    ids = torch.from_numpy(pad(encode(tokenizer, texts), fill))
    return model(input_ids=ids, attention_mask=(ids != fill).long()).logits.float()


def fine_tune(
    model: Any, tokenizer: Any, rows: Sequence[Row], steps: int, lr: float = 5e-4, batch: int = 16, seed: int = 0
) -> list[float]:
    """Train all parameters that want a gradient, in place; the loss of every step, in nats.

    AdamW, one tenth of the steps warm-up, then linear to zero (Devlin and others 2019, appendix A.3, with more
    passes over the few examples). Batches are drawn without repetition until all examples have been seen.
    """
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=lr, weight_decay=0.01, fused=True
    )
    warm = max(1, steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    )
    waiting: list[int] = []
    losses = []
    model.train()
    for _ in range(steps):
        if len(waiting) < batch:
            waiting += random.permutation(len(rows)).tolist()
        some, waiting = [rows[i] for i in waiting[:batch]], waiting[batch:]
        found = scores(model, tokenizer, [text for text, _ in some])
        loss = torch.nn.functional.cross_entropy(found, torch.tensor([label for _, label in some]))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    return losses


def share_right(model: Any, tokenizer: Any, rows: Sequence[Row]) -> float:
    """The share of sentences whose class the model finds."""
    model.eval()
    order = sorted(rows, key=lambda row: len(row[0]))
    hits = 0
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            found = scores(model, tokenizer, [text for text, _ in some]).argmax(1)
            hits += int((found == torch.tensor([label for _, label in some])).sum())
    return hits / len(rows)


def masked_loss(model: Any, tokenizer: Any, texts: Sequence[str], seed: int = 0) -> float:
    """Mean loss in nats of a masked language model on 15% of the tokens of texts, all replaced by ``[MASK]``."""
    random = np.random.default_rng(seed)
    ids = torch.from_numpy(pad(encode(tokenizer, texts), tokenizer.pad_token_id))
    words = ~torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    chosen = words & torch.from_numpy(random.random(tuple(ids.shape)) < 0.15)
    model.eval()
    with torch.inference_mode():
        seen = ids.masked_fill(chosen, tokenizer.mask_token_id)
        logits = model(input_ids=seen, attention_mask=(ids != tokenizer.pad_token_id).long()).logits
        return torch.nn.functional.cross_entropy(logits[chosen].float(), ids[chosen]).item()


def labels_for(share: float, sizes: Sequence[int], curve: Sequence[float]) -> int | None:
    """How many labels a curve needs to reach a share right: straight lines over the logarithm of the size.

    ``None`` where it does not get there within the sizes; the smallest size where it is there from the start.
    """
    for i, value in enumerate(curve):
        if value >= share:
            if i == 0:
                return sizes[0]
            part = (share - curve[i - 1]) / (value - curve[i - 1])
            return round(sizes[i - 1] * (sizes[i] / sizes[i - 1]) ** part)
    return None


def back_to_gaps(filler: Any, classifier: Any) -> Any:
    """A copy of a masked language model with the encoder of a classifier that was fine-tuned from it."""
    twin = copy.deepcopy(filler)
    twin.bert.load_state_dict(classifier.bert.state_dict(), strict=False)  # a filler has no pooler
    return twin
