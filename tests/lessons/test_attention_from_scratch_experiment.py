"""The recall task draws what it says, the models are of equal size, and the measures give known answers."""

from __future__ import annotations

import math

import pytest
import torch

from llm_course.lessons.attention_from_scratch import experiment as recall


def draws(rows=200, steps=12, told=5, seed=0):
    return recall.draw(rows, steps, torch.full((rows,), told), torch.Generator().manual_seed(seed))


def test_rows_hold_as_many_facts_as_asked_and_no_name_twice() -> None:
    names, things = draws()
    assert names.shape == things.shape == (200, 12)
    assert ((names > 0) == (things > 0)).all()
    assert ((names > 0).sum(1) == 5).all()
    for row in names.tolist():
        said = [name for name in row if name]
        assert len(set(said)) == len(said)
    assert names.max() == recall.NAMES and things.max() == recall.THINGS
    places = (names > 0).float().mean(0)
    assert (places - 5 / 12).abs().max() < 0.15  # anywhere in the row


@pytest.mark.parametrize("kind", recall.KINDS)
def test_models_are_of_equal_size(kind: str) -> None:
    assert abs(recall.size(recall.build(kind)) - recall.PARAMETERS) < 0.05 * recall.PARAMETERS


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(ValueError, match="'lstm' is not one of attention, gru, rnn"):
        recall.build("lstm")


@pytest.mark.parametrize("kind", recall.KINDS)
def test_a_question_hears_the_facts_and_no_other_question(kind: str) -> None:
    torch.manual_seed(0)
    model = recall.build(kind)
    facts, questions = torch.randn(1, 6, model.name.embedding_dim), torch.randn(1, 6, model.name.embedding_dim)
    before = model.look_up(facts, questions)
    assert before.shape == facts.shape
    other = questions.clone()
    other[0, 2] += 1
    changed = (model.look_up(facts, other) - before).abs().sum(-1)[0] > 1e-6
    assert changed.tolist() == [False, False, True, False, False, False]
    assert (model.look_up(facts + 1, questions) - before).abs().max() > 1e-3


def test_attention_does_not_hear_the_order_and_a_recurrent_network_does() -> None:
    torch.manual_seed(0)
    for kind, hears in (("attention", False), ("gru", True), ("rnn", True)):
        model = recall.build(kind)
        facts, question = torch.randn(1, 6, model.name.embedding_dim), torch.randn(1, 1, model.name.embedding_dim)
        difference = (model.look_up(facts.flip(1), question) - model.look_up(facts, question)).abs().max()
        assert (difference > 1e-4) == hears


class Knows(recall.Recall):
    """Answers right if the fact is among the last few steps, else with thing 1."""

    def __init__(self, last: int) -> None:
        super().__init__(4)
        self.last = last

    def forward(self, names, things):
        old = torch.arange(names.shape[1]) < names.shape[1] - self.last
        said = things.masked_fill(old, 1).clamp(min=1)
        return torch.nn.functional.one_hot(said - 1, recall.THINGS).float()


def test_accuracy_by_distance_on_a_model_whose_memory_is_known() -> None:
    model = Knows(last=4)
    for facts in (True, False):
        assert recall.accuracy(model, 4, facts=facts) == 1
        assert recall.accuracy(model, 5, facts=facts) == pytest.approx(1 / recall.THINGS, abs=0.06)


class Watches(Knows):
    def forward(self, names, things):
        self.seen = (names > 0).float().mean(0)
        return super().forward(names, things)


def test_between_the_fact_and_the_question_there_are_facts_or_silence() -> None:
    model = Watches(last=3)
    recall.accuracy(model, 3, facts=True, steps=6)
    assert model.seen.tolist() == [0, 0, 0, 1, 1, 1]
    recall.accuracy(model, 3, facts=False, steps=6)
    assert model.seen.tolist() == [0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize(("distance", "steps"), [(0, 16), (17, 16), (5, 33)])
def test_a_distance_that_does_not_fit(distance: int, steps: int) -> None:
    with pytest.raises(ValueError, match=f"distance={distance} and steps={steps}"):
        recall.accuracy(Knows(4), distance, facts=True, steps=steps)


def test_training_learns_repeats_itself_and_leaves_random_numbers_and_threads_alone() -> None:
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    first = recall.train("attention", seed=3, steps=4, batches=150)
    again = recall.train("attention", seed=3, steps=4, batches=150)
    other = recall.train("attention", seed=4, steps=4, batches=150)
    assert recall.accuracy(first, 4, facts=True, steps=4) > 0.9
    # Not the parameters: some have no effect (the bias of keys), and Adam moves those by the signs of rounding errors.
    rows = draws(rows=64)
    with torch.no_grad():
        shares = [model(*rows).softmax(-1) for model in (first, again, other)]
    assert (shares[0] - shares[1]).abs().mean() < 0.1 * (shares[0] - shares[2]).abs().mean(), "the seed decides"
    assert torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()


def test_a_gru_holds_one_fact() -> None:
    model = recall.train("gru", steps=4, batches=150)
    assert recall.accuracy(model, 4, facts=False, steps=4) > 0.9


def test_influence_by_hand() -> None:
    # state = x3 + x2 / 2 + x1 / 4 in a width of 3: the Jacobian for k steps back is I / 2^k, its norm sqrt(3) / 2^k.
    fading = torch.tensor([0.25, 0.5, 1.0])
    found = recall.influence(lambda x: (x * fading[:, None]).sum(1), torch.randn(2, 3, 3), directions=400)
    assert found.tolist() == pytest.approx([math.sqrt(3), math.sqrt(3) / 2, math.sqrt(3) / 4], rel=0.15)


def test_influence_runs_where_gradients_are_off() -> None:
    model = recall.build("gru")
    vectors = model.vectors(*draws(rows=2)).detach()
    with torch.no_grad():
        found = recall.influence(lambda x: model.reader(x)[1][0], vectors)
    assert found.shape == (12,) and (found > 0).all()


class Halves(recall.Recall):
    """Each step back counts half as much, whatever is asked."""

    def look_up(self, facts, questions):
        back = torch.arange(facts.shape[1]).flip(0)
        return (facts * 0.5 ** back[:, None]).sum(1, keepdim=True) + questions


def test_reach_on_a_model_whose_memory_is_known() -> None:
    own, share = recall.reach(Halves(4), steps=4, rows=2)
    assert own.tolist() == pytest.approx([1, 0.5, 0.25, 0.125], rel=0.3)
    assert share.tolist() == pytest.approx([8 / 15, 4 / 15, 2 / 15, 1 / 15], rel=0.3)


def test_an_untrained_gru_forgets() -> None:
    own, _ = recall.reach(recall.train("gru", batches=0), steps=8, rows=4)
    assert own[7] < 0.1 < own[1] < 1


def test_the_table_has_a_line_for_each_kind_and_filling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "BATCHES", 1)
    monkeypatch.setattr(recall.train, "__kwdefaults__", {**recall.train.__kwdefaults__, "batches": 1})
    lines = list(recall.table(seeds=(0, 1), distances=(1, 16)))
    assert [line.split(":")[0] for line in lines[::3]] == list(recall.KINDS)
    assert len(lines) == 9 and "16: " in lines[1] and " to " in lines[1]
