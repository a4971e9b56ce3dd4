"""Fine-tuning on few labels, at the smallest settings: it learns, both starts differ, and gaps are scored by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import tiny_models
from llm_course.lessons.pretrain_finetune import experiment as few_labels
from llm_course.shelf.loading import load
from rounding import FOUR_PLACES, LOGS

ROWS = [("I love this product!", 1), ("the food was cold", 0), ("I love it", 1), ("it was cold, cold", 0)] * 4


def tiny(task: str):
    name = "bert-masked" if task == "fill_mask" else "bert-topics"
    return load(tiny_models.folder(name), "cpu", task=task)


def test_training_lowers_the_loss_and_finds_the_classes() -> None:
    lm = tiny("sentiment")
    torch.manual_seed(0)
    model = type(lm.model)(lm.model.config)  # its own weights, not those that other tests share
    losses = few_labels.fine_tune(model, lm.tokenizer, ROWS, steps=40, lr=1e-2, batch=8)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5]) and not model.training
    assert few_labels.share_right(model, lm.tokenizer, ROWS) == 1
    wrong = [(text, 1 - label) for text, label in ROWS]
    assert few_labels.share_right(model, lm.tokenizer, wrong) == 0


def test_both_starts_have_one_architecture_and_only_one_has_the_weights() -> None:
    known, blank = few_labels.new_classifier(True), few_labels.new_classifier(False)
    own = load("bert-mini", "cpu").model.bert.embeddings.word_embeddings.weight
    assert torch.equal(known.bert.embeddings.word_embeddings.weight, own)
    assert not torch.allclose(blank.bert.embeddings.word_embeddings.weight, own, atol=1e-2)
    assert [p.shape for p in known.parameters()] == [p.shape for p in blank.parameters()]
    assert known.classifier.out_features == 2 and known.dtype == torch.float32


def test_the_loss_at_gaps_is_that_of_a_plain_pass() -> None:
    lm = tiny("fill_mask")
    texts = ["The cat sat on the mat. A dog runs in the park.", "I love this product."]
    found = few_labels.masked_loss(lm.model, lm.tokenizer, texts, seed=3)
    ids = lm.tokenizer(texts, padding=True, return_tensors="pt")["input_ids"]
    chosen = torch.from_numpy(np.random.default_rng(3).random(tuple(ids.shape)) < 0.15)
    chosen &= ~torch.isin(ids, torch.tensor(lm.tokenizer.all_special_ids))
    total, count = 0.0, 0
    for row, places in zip(ids, chosen, strict=True):  # one text at a time, nothing padded
        size = int((row != lm.tokenizer.pad_token_id).sum())
        seen = row[:size].masked_fill(places[:size], lm.tokenizer.mask_token_id)[None]
        logs = lm.model(input_ids=seen).logits[0].float().log_softmax(-1)
        for place in places[:size].nonzero()[:, 0].tolist():
            total, count = total - float(logs[place, row[place]]), count + 1
    assert count > 0 and found == pytest.approx(total / count, abs=LOGS)


def test_labels_are_read_off_a_curve() -> None:
    sizes, curve = [10, 100, 1000], [0.5, 0.6, 0.8]
    assert few_labels.labels_for(0.4, sizes, curve) == 10 and few_labels.labels_for(0.5, sizes, curve) == 10
    assert few_labels.labels_for(0.6, sizes, curve) == 100
    assert few_labels.labels_for(0.7, sizes, curve) == round(100 * 10**0.5), "half way on the logarithm"
    assert few_labels.labels_for(0.81, sizes, curve) is None


def test_a_classifiers_encoder_goes_back_under_the_layer_for_gaps() -> None:
    classifier = few_labels.new_classifier(True)
    base = load("bert-mini", "cpu").model
    same = few_labels.back_to_gaps(base, classifier)
    ids = torch.tensor([[2, 50, 60, 3]])
    assert torch.allclose(same(input_ids=ids).logits, base(input_ids=ids).logits, atol=LOGS)
    with torch.no_grad():
        classifier.bert.embeddings.word_embeddings.weight.mul_(0.5)
    other = few_labels.back_to_gaps(base, classifier)
    assert not torch.allclose(other(input_ids=ids).logits, base(input_ids=ids).logits, atol=1e-2)
    assert torch.allclose(same(input_ids=ids).logits, base(input_ids=ids).logits, atol=LOGS), "the original stays"


def test_the_record_that_the_lesson_reads_is_whole() -> None:
    import json

    path = Path(few_labels.__file__).parent / "few_labels.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    assert [one["examples"] for one in record["results"]] == [50, 500, 1500, 5000]
    for one in record["results"]:
        for name in ("pre-trained", "from nothing", "bag of words"):
            assert 0.4 < one[name]["right"] < 1 and one[name]["right"] == pytest.approx(
                np.mean(one[name]["each"]), abs=FOUR_PLACES
            )
    assert record["date"] and record["machine"] and record["held_out"] > 100 and record["seconds"] > 0


def test_long_sentences_keep_their_end_token() -> None:
    tokenizer = tiny("fill_mask").tokenizer
    (ids,) = few_labels.encode(tokenizer, ["cat " * 200])
    assert len(ids) == few_labels.LONGEST and ids[-1] == tokenizer.sep_token_id
