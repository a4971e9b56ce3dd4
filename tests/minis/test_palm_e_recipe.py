"""palm-e-mini's recipe: what it teaches is what the simulator says, and it goes from nothing to the shelf."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import llm_course as lc
from llm_course.minis import cards
from llm_course.minis import palm_e_mini as recipe
from llm_course.minis.evaluate import evaluate_all
from llm_course.minis.training import train
from llm_course.shelf import catalogue, loading
from llm_course.worlds import tabletop as world
from llm_course.worlds import tabletop_goals as goals
from rounding import SHARE


@pytest.fixture(scope="module")
def task() -> Any:
    return recipe.Task(None, recipe.make_tokenizer(), tables=12)


@pytest.fixture(scope="module")
def tiny(task: Any) -> Any:
    return recipe.make_model(task.tokenizer, layers=(1, 2), width=16).eval()


def test_every_word_that_can_be_said_has_a_token() -> None:
    tokenizer = recipe.make_tokenizer()
    random = np.random.default_rng(1)
    for _ in range(300):
        layout = goals.random_layout(random)
        goal = goals.random_goal(layout, random)
        text = f"{goals.worded(goal, random)} {' ; '.join(goals.plan(layout, goal))}"
        assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer) < 70


def test_no_table_of_the_training_is_one_of_the_test(task: Any) -> None:
    assert not any(goals.held_out(layout) for layout in task.layouts[: task.tables])
    assert all(goals.held_out(task.layouts[i]) for i in task.held) and task.held
    assert all(goals.held_out(layout) for layout, _, _ in recipe.unseen(30))


def test_wishes_in_one_row_do_not_see_each_other(task: Any, tiny: Any) -> None:
    batch = task.batch([0, 1, 2], np.random.default_rng(0))
    with torch.no_grad():
        packed, _ = task.scores(tiny, batch)
        for table in range(3):
            place = len(task.head)
            for row, _ in task.rows[table]:
                ids = torch.tensor([task.head + row])
                alone = tiny(ids, batch["image"][table : table + 1], batch["state"][table : table + 1]).logits[0]
                assert torch.allclose(packed[table, place : place + len(row)], alone[len(task.head) :], atol=SHARE)
                place += len(row)


def test_only_plans_are_learned(task: Any) -> None:
    batch = task.batch([0], np.random.default_rng(0))
    told = [task.tokenizer.decode([i]) for i in batch["labels"][0].tolist() if i != -100]
    plans = [row[begins:] for row, begins in task.rows[0]]
    assert told == [task.tokenizer.decode([i]) for plan in plans for i in plan]


def test_what_the_patches_are_said_to_show() -> None:
    layout = world.Table([["blue", "red", "green"], ["yellow"]]).layout
    looks = world.Looks(((0, 0),) * 6, dict.fromkeys(world.COLORS, 0), 1.0, 0, (0.0,) * 8)
    said = recipe.reading([layout], [looks])[0].reshape(6, 8, 4)
    names = [*world.COLORS, "nothing", "no block"]
    # Column 0 holds pixels 0 to 7: most of the first stack, whose lowest block covers rows 39 to 45.
    assert [names[i] for i in said[5, 0]] == ["blue", "red", "nothing", "green"]
    assert [names[i] for i in said[4, 0]] == ["red", "green", "blue", "green"]
    assert [names[i] for i in said[5, 2]] == ["yellow", "nothing", "nothing", "nothing"]
    assert [names[i] for i in said[0, 0]] == ["no block"] * 4


def test_the_loss_falls() -> None:
    from llm_course.minis.loop import fit

    own = recipe.Task(None, recipe.make_tokenizer(), tables=12)
    model = recipe.make_model(own.tokenizer, layers=(1, 1), width=32)
    before = own.loss(model, 0).item()
    fit(model, own.loss, replace(recipe.PLAN, steps=16, warmup=2), progress=False)
    assert own.loss(model, 0).item() < 0.85 * before
    assert set(own.watch(0, model)) == {"held_plans", "held_loss"}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A shelf on which only a tiny palm-e-mini stands, trained for two steps."""
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path / "weights")
    tiny = replace(
        recipe.MINI,
        make_model=lambda tokenizer: recipe.make_model(tokenizer, (1, 1), 16),
        task=partial(recipe.Task, tables=12),
    )
    monkeypatch.setattr(recipe, "MINI", tiny)
    catalogue.catalogue.cache_clear()
    loading.forget()
    train("palm-e-mini", None, tmp_path / "runs", steps=2, install=True)
    catalogue.catalogue.cache_clear()
    yield tmp_path
    catalogue.catalogue.cache_clear()
    loading.forget()


def test_from_nothing_to_the_shelf_and_back(shelf: Path) -> None:
    lm = lc.load("palm-e-mini", device="cpu")
    saved = lc.load(shelf / "runs" / "palm-e-mini" / "final", device="cpu", task="act")
    for name, tensor in saved.model.state_dict().items():
        assert torch.allclose(lm.model.state_dict()[name], tensor, atol=1e-3), name  # float16 on the shelf
    table = lc.tabletop.Table([["red"], ["blue"]])
    assert lc.act("put red on blue", table, device="cpu").model == "palm-e-mini"
    copy = shutil.copytree(shelf / "weights" / "palm-e-mini", shelf / "copy")
    assert lc.act("put red on blue", table, model=copy, device="cpu").text == lc.act("put red on blue", table).text
    assert (shelf / "weights" / "palm-e-mini" / "model.safetensors").stat().st_size < 2 * 1.1 * lm.parameters + 9000


def test_measured_from_model_to_card(shelf: Path) -> None:
    limited = evaluate_all(None, ["palm-e-mini"], limit=20)
    own = limited.measured["palm-e-mini"]
    assert own["planners"]["oracle"]["success"] == 1 and own["planners"]["oracle"]["answers"] == 1
    assert own["planners"]["oracle"]["success, slipping"] > 0.9
    assert own["planners"]["palm-e-mini"]["success"] <= own["planners"]["words only"]["success"] < 0.8
    assert "words only" in str(limited) and limited.written == ()
    cards.write("palm-e-mini", own)
    page = (shelf / "weights" / "palm-e-mini" / "README.md").read_text(encoding="utf-8")
    assert "draws all of its examples itself" in page and "| oracle | 1.000" in page and "lc.tabletop.Table" in page
    card = json.loads((shelf / "weights" / "palm-e-mini" / "card.json").read_text(encoding="utf-8"))
    assert card["architecture"]["class"] == "PalmEMini" and card["architecture"]["width"] == 16
