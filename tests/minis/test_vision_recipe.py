"""The recipe of vision-mini: what is asked, who may look at whom, and what each patch shows."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from llm_course.minis import vision_mini as recipe
from llm_course.use_cases.pictures import normalized
from llm_course.worlds.scene_questions import KINDS, caption, questions, words
from llm_course.worlds.scenes import draw, random_scene, scene
from rounding import LOGS


@pytest.fixture(scope="module")
def tokenizer():
    return recipe.make_tokenizer()


@pytest.fixture(scope="module")
def task(tokenizer):
    return recipe.Task(None, tokenizer)


@pytest.fixture(scope="module")
def model(tokenizer):
    return recipe.make_model(tokenizer).eval()


def test_it_is_small_enough_and_every_word_is_known(model, tokenizer):
    assert sum(p.numel() for p in model.parameters()) <= 1_100_000
    assert tokenizer.unk_token_id not in tokenizer(" ".join(words()))["input_ids"]
    assert len(tokenizer) == len(words()) + 4


def test_words_become_the_numbers_that_the_tokenizer_gives(task, tokenizer):
    source = random.Random(1)
    for _ in range(50):
        drawn = random_scene(source)
        for text in [caption(drawn), *(q.text for q in questions(drawn, source))]:
            assert task.encode(text) == tokenizer(text)["input_ids"]


def test_held_out_pairs_are_never_drawn_nor_asked_for(task):
    seen = set()
    for number in range(4):
        scenes, source = task.scenes(number)
        for drawn in scenes:
            seen |= {(t.color, t.shape) for t in drawn.things}
            texts = [caption(drawn)] + [
                f"{q.text} {q.answer}" for q in questions(drawn, source, KINDS, avoid=recipe.HELD_OUT)
            ]
            for color, shape in recipe.HELD_OUT:
                assert not any(f"{color} {shape}" in text for text in texts)
    assert not seen & recipe.HELD_OUT and len(seen) == 7 * 6 - 6


def test_each_question_of_a_row_is_answered_as_if_it_stood_alone(task, model):
    scenes, source = task.scenes(0)
    drawn = max(scenes, key=lambda s: len(s.things))
    ids, blocks, answers = (torch.tensor([part]) for part in task.row(drawn, source))
    picture = normalized([draw(drawn)])
    mask, places = recipe.layout(blocks)
    together = model(input_ids=ids, pixel_values=picture, attention_mask=mask, position_ids=places).logits
    assert blocks.max() >= 6
    for block in range(1, int(blocks.max()) + 1):
        own = blocks[0] == block
        alone = torch.cat([ids[0][blocks[0] == 0], ids[0][own]])[None]
        logits = model(input_ids=alone, pixel_values=picture).logits
        assert torch.allclose(together[0, own], logits[0, recipe.IMAGE_TOKENS :], atol=LOGS)
    assert not answers[0][blocks[0] == 0].any()


def test_padding_changes_nothing(task, model):
    blocks = torch.tensor([[0] * recipe.IMAGE_TOKENS + [1, 1, 2, -1, -1]])
    mask, places = recipe.layout(blocks)
    assert places[0, recipe.IMAGE_TOKENS :].tolist()[:3] == [37, 38, 37]
    sees = mask[0, 0] == 0
    assert sees[39, 36] and sees[39, 39] and not sees[39, 38] and not sees[39, 40] and sees[38, 37]
    assert sees.any(-1).all()  # no row without anything to look at


def test_patches_show_what_covers_them():
    # A big red square around (15, 15) of 60 pixels: half-width 0.85 * 10.8 = 9.2 pixels, so from 5.8 to 24.2.
    found = recipe.shown(scene(("square", "red", "big", 0.25, 0.25))).reshape(4, 6, 6)
    assert (found[0, :3, :3] == 1).all() and found[0].sum() == 9  # red is the first color
    assert (found[1, :3, :3] == 2).all() and (found[2, :3, :3] == 2).all()
    assert found[3].sum() == 1 and found[3, 1, 1] == 1
    # The one in front counts where it hides the other.
    both = scene(("square", "red", "big", 0.25, 0.25), ("square", "blue", "small", 0.25, 0.25))
    assert recipe.shown(both).reshape(4, 6, 6)[0, 1, 1] == 5


def test_the_loss_falls_and_the_same_number_gives_the_same_batch(task, tokenizer, monkeypatch):
    monkeypatch.setattr(recipe, "BATCH", 8)
    assert task.scenes(3)[0] == task.scenes(3)[0] != task.scenes(4)[0]
    fresh = recipe.make_model(tokenizer)
    optimizer = torch.optim.AdamW(fresh.parameters(), lr=3e-3)
    losses = []
    for _ in range(8):
        loss = task.loss(fresh, 0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    assert np.isfinite(losses).all()
    # The second loss is dropped after half of the steps.
    monkeypatch.setattr(task, "steps", 10)
    monkeypatch.setattr(task, "patch_loss", lambda *_: 1 / 0)
    with torch.no_grad():
        assert task.loss(fresh, 5).item() > 0
        with pytest.raises(ZeroDivisionError):
            task.loss(fresh, 4)
