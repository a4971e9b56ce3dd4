"""The tuned minis from corpus to shelf, on a made-up corpus and a few steps; their dialogues, orders and word tasks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import made_up_data  # noqa: E402
from llm_course.minis import gpt_mini, gpt_mini_chat, gpt_mini_instruct  # noqa: E402
from llm_course.minis.conversations import IGNORED, TEMPLATE, answer_loss, encode, pack  # noqa: E402
from llm_course.minis.training import train  # noqa: E402
from llm_course.shelf import catalogue, loading  # noqa: E402
from llm_course.shelf.stored import DOWN, UP, weights_of  # noqa: E402

NAMES = ("gpt-mini", "gpt-mini-instruct", "gpt-mini-chat")
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi, a latte please."},
    {"role": "assistant", "content": "One latte. Right?"},
    {"role": "user", "content": "Yes."},
    {"role": "assistant", "content": "Ready soon."},
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_up_data.write(tmp_path_factory.mktemp("data"), rows_per_split=40)


@pytest.fixture(scope="module")
def shelf(data, tmp_path_factory):
    """A shelf of its own with gpt-mini and the two minis tuned from it, after a few steps each."""
    patch = pytest.MonkeyPatch()
    weights, runs = tmp_path_factory.mktemp("weights"), tmp_path_factory.mktemp("runs")
    patch.setattr(catalogue, "WEIGHTS", weights)
    patch.setattr(gpt_mini, "BATCH", 2)
    patch.setattr(gpt_mini_chat, "COPIES", 1)
    for module in (gpt_mini_chat, gpt_mini_instruct):
        patch.setattr(module, "BATCH_TOKENS", 300)
    patch.setattr(gpt_mini_instruct, "MADE", {"first_word_letter": 5, "sum": 5})
    catalogue.catalogue.cache_clear()
    loading.forget()
    for name in NAMES:
        train(name, data, runs, steps=4, install=True)
    catalogue.catalogue.cache_clear()
    yield weights, runs
    patch.undo()
    catalogue.catalogue.cache_clear()
    loading.forget()


@pytest.mark.parametrize("name", NAMES[1:])
def test_what_is_stored_is_a_small_difference_that_gives_back_what_was_trained(shelf, name):
    from safetensors.torch import load_file

    weights, runs = shelf
    own = load_file(weights / name / "model.safetensors")
    assert sum(tensor.numel() for tensor in own.values()) < 425_000  # 0.85 MB in float16
    assert (weights / name / "model.safetensors").stat().st_size <= 850_000
    trained, merged = load_file(runs / name / "final" / "model.safetensors"), weights_of(weights / name)
    base = load_file(weights / "gpt-mini" / "model.safetensors")
    assert set(merged) == set(trained)
    assert any(key.endswith(UP) for key in own) and {k.removesuffix(UP) for k in own if k.endswith(UP)} == {
        k.removesuffix(DOWN) for k in own if k.endswith(DOWN)
    }
    for key, tensor in trained.items():
        change = (tensor - base[key].float()).norm()
        assert (merged[key].float() - tensor).norm() <= 0.05 * change + 2e-3 * base[key].float().norm(), key
    changed = "transformer.h.0.attn.c_attn.weight"
    assert not torch.equal(trained[changed].half(), base[changed]), "tuning changes the hidden matrices"


def test_the_tuned_minis_answer_and_have_their_template(shelf):
    import llm_course as lc

    for name in NAMES[1:]:
        lm = lc.load(name, device="cpu")
        assert lm.tokenizer.chat_template == TEMPLATE
        reply = lc.chat("Hi, a latte please.", model=lm, max_new_tokens=5)
        assert reply.tokens <= 5 and reply.messages[-1] == {"role": "assistant", "content": reply.text}
        assert json.loads((shelf[0] / name / "card.json").read_text())["base"] == "gpt-mini"


def test_encoded_is_what_the_template_says(shelf):
    tokenizer = loading.load("gpt-mini-chat", device="cpu").tokenizer
    ids, said = encode(TALK, tokenizer)
    text = tokenizer.apply_chat_template(TALK, tokenize=False)
    assert ids + tokenizer("\n")["input_ids"] == tokenizer(text)["input_ids"], "the template ends each line"
    spoken = tokenizer.decode([i for i, own in zip(ids, said, strict=True) if own])
    assert spoken == " One latte. Right?<|endoftext|> Ready soon.<|endoftext|>"
    prompt = tokenizer.apply_chat_template(TALK[:4], tokenize=False, add_generation_prompt=True)
    assert ids[: len(tokenizer(prompt)["input_ids"])] == tokenizer(prompt)["input_ids"]


def test_only_answers_are_learned_and_padding_changes_nothing(shelf):
    lm = loading.load("gpt-mini-chat", device="cpu")
    one, other = encode(TALK, lm.tokenizer), encode(TALK[1:3], lm.tokenizer)
    batch, labels = pack([one, other], fill=0)
    assert ((labels == IGNORED) | (labels == batch)).all() and (labels != IGNORED).sum() == sum(one[1]) + sum(other[1])
    with torch.inference_mode():
        together = answer_loss(lm.model, batch, labels, "sum").item()
        apart = sum(answer_loss(lm.model, *pack([each], 0), "sum").item() for each in (one, other))
        ids = torch.tensor([one[0]])
        logprobs = lm.model(input_ids=ids).logits[0, :-1].log_softmax(-1)
    assert together == pytest.approx(apart, rel=1e-5)
    by_hand = -sum(logprobs[i - 1, one[0][i]].item() for i in range(1, len(one[0])) if one[1][i])
    assert answer_loss(lm.model, *pack([one], 0), "sum").item() == pytest.approx(by_hand, rel=1e-4)


def test_the_validation_loss_is_watched_and_every_batch_has_answers(shelf, data):
    tokenizer = loading.load("gpt-mini-chat", device="cpu").tokenizer
    task = gpt_mini_chat.Task(data, tokenizer)
    model = loading.load("gpt-mini-chat", device="cpu").model
    with torch.inference_mode():
        assert 1 < task.watch(0, model)["validation"] < 20
    assert all(any(said) for _, said in task.examples)


def test_no_test_row_is_asked_in_training(data):
    from llm_course.minis.corpora import rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gpt_mini_instruct, "MADE", {"sum": 300})
        pairs = gpt_mini_instruct.instructed(data, np.random.default_rng(0))
    asked = {text.split(": ", 1)[1] for text, _ in pairs if text.startswith("Do sum")}
    test = {row["input"] for row in rows(data, "instruction-induction", "test") if row["task"] == "sum"}
    turned = {" ".join(reversed(text.split())) for text in test}
    assert len(asked) > 200 and test and not asked & (test | turned)


def test_lora_is_compared_with_full_fine_tuning_on_the_same_batches(shelf, data, monkeypatch):
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    import lora_or_full

    seen = []

    def fit(model, loss, plan):  # the loss before any step is gpt-mini's, whatever is going to be trained
        with torch.inference_mode():
            seen.append([round(loss(model.eval(), number).item(), 4) for number in range(2)])
        return real(model, loss, plan)

    real = lora_or_full.fit
    monkeypatch.setattr(lora_or_full, "fit", fit)
    monkeypatch.setattr(lora_or_full, "ROWS", 1)
    found = lora_or_full.compared(data, 2)
    assert len(seen) == 6 and all(seen[i] == seen[0] for i in (1, 2)) and all(seen[i] == seen[3] for i in (4, 5))
    assert seen[0] != seen[3]
    assert [(one["model"], one["way"]) for one in found] == [(n, w) for n in NAMES[1:] for w in ("LoRA", "full")]
    for lora, full in (found[:2], found[2:]):
        assert lora["trained"] < 0.3 * full["trained"]
        assert lora["rate"] > full["rate"] in lora_or_full.RATES
    assert all(0 <= one["exact match"] <= 1 for one in found[:2]) and all(one["perplexity"] > 1 for one in found[2:])
    assert len(lora_or_full.table(found).splitlines()) == 6
