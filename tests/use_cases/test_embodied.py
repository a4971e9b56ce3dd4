"""Acting: observations where their placeholders are, batched as single, the closed loop, and errors in words."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
import torch

import llm_course as lc
from llm_course.errors import BadInput, BadOption, WrongTask
from llm_course.minis import palm_e_mini as recipe
from llm_course.minis.palm_e_mini import oracle, words_only
from llm_course.shelf.architectures import does
from llm_course.shelf.loading import LanguageModel
from llm_course.use_cases import embodied
from llm_course.use_cases.embodied import RobotPlan
from llm_course.worlds import tabletop_view
from llm_course.worlds.tabletop import Table
from rounding import SHARE, agree

WISH = "put the red block on the blue one"


@pytest.fixture(scope="module")
def tiny() -> LanguageModel:
    tokenizer = recipe.make_tokenizer()
    model = recipe.make_model(tokenizer, layers=(1, 2), width=32).eval().requires_grad_(False)
    return LanguageModel("tiny", model, tokenizer, {}, torch.device("cpu"))


def table(seed: int = 0, **more: Any) -> Table:
    return Table([["red", "green"], ["blue"]], seed=seed, **more)


# --- the mechanism --------------------------------------------------------------------------------------------


def test_observations_stand_where_the_placeholders_were(tiny: LanguageModel) -> None:
    ids = torch.tensor([embodied.words_of(tiny, WISH)])
    names = tiny.tokenizer.convert_ids_to_tokens(ids[0])
    assert names[:2] == ["given", "<state>"] and names[2:50] == ["<image>"] * 48
    assert " ".join(names[50:]) == f", {WISH} . plan :"
    own = table()
    image, state = torch.from_numpy(own.image())[None], torch.from_numpy(own.state())[None]
    vectors = tiny.model.embed(ids, image, state)[0]
    words = tiny.model.text.get_input_embeddings()(ids)[0]
    # what stands for words is copied from the table; the observations are computed twice
    assert torch.equal(vectors[0], words[0]) and torch.equal(vectors[50:], words[50:])
    assert agree(vectors[1].detach(), tiny.model.encode_state(state)[0].detach())
    assert agree(vectors[2:50].detach(), tiny.model.encode_image(image)[0].detach())
    assert tiny.model.patches == 48 and not torch.equal(vectors[2:50], words[2:50])


def test_two_tables_keep_their_own_observations(tiny: LanguageModel) -> None:
    one, two = table(), Table([["purple"]], held="red", seed=4)
    ids = torch.tensor([embodied.words_of(tiny, WISH)] * 2)
    image = torch.from_numpy(np.stack([one.image(), two.image()]))
    state = torch.from_numpy(np.stack([one.state(), two.state()]))
    both = tiny.model.embed(ids, image, state)
    for row in range(2):
        alone = tiny.model.embed(ids[:1], image[row : row + 1], state[row : row + 1])
        assert torch.allclose(both[row], alone[0], atol=SHARE)


def test_a_missing_observation_is_an_error(tiny: LanguageModel) -> None:
    ids = torch.tensor([embodied.words_of(tiny, WISH)])
    image, state = torch.from_numpy(table().image())[None], torch.from_numpy(table().state())[None]
    for given in ((None, state), (image, None), (image.repeat(2, 1, 1, 1), state)):
        with pytest.raises(ValueError, match="places for observations"):
            tiny.model.embed(ids, *given)


def test_the_model_has_no_more_parameters_than_agreed() -> None:
    model = recipe.make_model(recipe.make_tokenizer())
    assert sum(p.numel() for p in model.parameters()) <= 750_000


# --- the call -------------------------------------------------------------------------------------------------


def test_batched_equals_single(tiny: LanguageModel) -> None:
    wishes = [WISH, "clear the blue block", "put down what you hold", "put red in a tray"]
    tables = [table(), Table([["blue"]], held="red"), Table([], held="red", seed=3), Table([["red"]], trays=(2, 0))]
    together = lc.act(wishes, tables, model=tiny)
    alone = [lc.act(wish, own, model=tiny) for wish, own in zip(wishes, tables, strict=True)]
    assert together == alone and [plan.instruction for plan in alone] == wishes
    assert lc.act([WISH] * 2, table(), model=tiny) == [lc.act(WISH, table(), model=tiny)] * 2
    assert lc.act(WISH.upper() + ".", table(), model=tiny).text == alone[0].text


def test_bad_input_is_told(tiny: LanguageModel) -> None:
    for wish, says in [
        ("put the white block on the blue one", "does not know the word 'white'"),
        ("put the rad block on blue", "Did you mean 'red'"),
        ("put <image> on blue", "does not know the word '<'"),
        ("put red on blue " * 5, "reads up to 16"),
        ("!!!", "has no word"),
        (" . ", "has no word"),
        ("", "empty"),
        ("  ", "blank"),
        (3, "must be a str"),
        ([], "empty"),
    ]:
        with pytest.raises(BadInput, match=says):
            lc.act(wish, table(), model=tiny)
    with pytest.raises(BadInput, match="needs a table"):
        lc.act(WISH, "table", model=tiny)
    for wrong in (None, "table", 5, [table()]):
        with pytest.raises(BadInput, match=r"carry_out\(\) needs a table"):
            lc.carry_out(WISH, wrong, model=tiny)  # type: ignore[arg-type]
    for wish in ("", None, [WISH]):
        with pytest.raises(BadInput):
            lc.carry_out(wish, table(), model=tiny)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="2 instructions and 1 tables"):
        lc.act([WISH] * 2, [table()], model=tiny)
    with pytest.raises(WrongTask, match="does not do 'act'"):
        lc.act(WISH, table(), model="gpt-mini")
    with pytest.raises(WrongTask):
        lc.generate("red", model=tiny)
    with pytest.raises(BadOption, match="asks=0"):
        lc.carry_out(WISH, table(), model=tiny, asks=0)
    assert does("PalmEMini", tiny.model.config, "act") and not does("PalmEMini", tiny.model.config, "chat")


def test_an_episode_is_plain_data_and_shows_in_a_notebook(tiny: LanguageModel) -> None:
    episode = lc.carry_out(WISH, table(), model=tiny, asks=1)
    assert json.loads(json.dumps(episode.to_dict()))["instruction"] == WISH
    assert WISH in episode._repr_html_() and str(episode).splitlines()[0] == WISH


def test_steps_of_a_text() -> None:
    assert embodied.steps_of("pick red ; place on blue") == ("pick red", "place on blue")
    assert embodied.steps_of("already done") == embodied.steps_of("no red block") == embodied.steps_of("") == ()
    plan = RobotPlan("pick red ; place on blue", ("pick red", "place on blue"), WISH, "tiny")
    assert str(plan) == plan.text and json.loads(json.dumps(plan.to_dict())) == plan.to_dict()
    assert repr(plan).startswith("RobotPlan('pick red") and plan._repr_html_().count("<li>") == 2
    assert "&lt;b" in RobotPlan("<b>", (), "<b>", "x")._repr_html_()


# --- the closed loop ------------------------------------------------------------------------------------------


def all_of(planner: Any) -> Any:
    return lambda said, tables: [planner(one, own) for one, own in zip(said, tables, strict=True)]


def test_the_loop_asks_again_after_a_slip_and_shows_the_truth() -> None:
    own = table(slip=0.4, seed=3)
    episode = lc.carry_out(WISH, own, model=all_of(oracle), asks=20)
    slipped = [move for move in episode.moves if move.problem]
    assert slipped and len(episode.plans) == len(slipped) + 1 and episode.success
    assert episode.end == own.layout and episode.start == table().layout
    assert own.layout.below("red") == "blue"
    assert str(episode).count("new plan: ") == len(slipped) and str(episode).endswith("\nfulfilled")
    assert "it slipped" in str(episode) and repr(episode).startswith("Episode('put the red")


def test_a_plan_that_looks_at_nothing_fails_where_a_block_is_covered() -> None:
    blind = all_of(lambda said, own: words_only(said))
    episode = lc.carry_out(WISH, table(), model=blind, asks=3)
    assert not episode.success and len(episode.plans) == 3
    assert "green lies on red" in episode.moves[0].problem
    assert lc.carry_out(WISH, Table([["red"], ["blue"]]), model=blind).success
    said = lc.carry_out("put red on the table", Table([["red"]]), model=all_of(oracle))
    assert said.plans[0].text == "already done" and said.moves == () and said.success
    assert lc.carry_out("hold red", Table([["red"]]), model=all_of(_nothing)).success is None


def _nothing(said: str, own: Any) -> RobotPlan:
    return RobotPlan("not possible", (), said, "nothing")


# --- on screen ------------------------------------------------------------------------------------------------


def test_frames_strip_and_animation(tmp_path: Any) -> None:
    episode = lc.carry_out(WISH, table(), model=all_of(oracle))
    frames = tabletop_view.frames_of(episode)
    assert [layout for layout, _ in frames] == [episode.start, *(move.after for move in episode.moves)]
    figure = tabletop_view.strip(episode, columns=3)
    assert len(figure.axes) == 6 and sum(axes.get_title() != "" for axes in figure.axes) == 5
    figure.savefig(io.BytesIO(), dpi=40)
    with pytest.raises(BadOption):
        tabletop_view.strip(episode, columns=0)
    tabletop_view.senses(table()).savefig(io.BytesIO(), dpi=40)


def test_the_picture_for_people_shows_every_block_and_says_it_in_words() -> None:
    own = Table([["red", "green"], ["blue"]], held="purple", trays=(1, 2))
    boxes = tabletop_view.blocks_of(own.layout)
    assert sorted(color for color, _, _ in boxes) == ["blue", "gray", "gray", "gray", "green", "purple", "red"]
    html = own._repr_html_()
    assert [html.count(f">{letter}</text>") for letter in "RGBPY"] == [
        1,
        1,
        1,
        1,
        0,
    ] and "green/red, blue; gripper purple; trays 1 and 2 of 2" in html
    assert html == Table([["red", "green"], ["blue"]], held="purple", trays=(1, 2), seed=9)._repr_html_()
