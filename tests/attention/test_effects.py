"""Effects of switching each head off: compared with one ablation at a time, and drawn with every head in it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import tiny_models
from llm_course.attention.ablation import ablate
from llm_course.attention.effects import effect_chart, effects
from llm_course.errors import BadInput, BadOption
from llm_course.shelf.loading import load
from rounding import SHARE


@pytest.mark.parametrize(("name", "kind"), [("gpt2", None), ("marian", "encoder")])
def test_each_head_is_off_alone(name: str, kind: str | None) -> None:
    lm = load(tiny_models.folder(name))
    ids = lm.tokenizer("The cat sat on the mat.", return_tensors="pt")["input_ids"]
    more = {"decoder_input_ids": ids[:, :4]} if kind else {}

    @torch.inference_mode()
    def run() -> float:
        return lm.model(input_ids=ids, **more).logits.square().mean().item()

    found = effects(lm, run, kind=kind)
    assert found.shape == (2, 2)
    before = run()
    for layer, head in np.ndindex(2, 2):
        with ablate(lm, [(layer, head)], kind=kind):
            assert found[layer, head] == pytest.approx(run() - before, abs=SHARE)
    assert np.abs(found).min() > 100 * SHARE and run() == pytest.approx(before, abs=SHARE)
    with pytest.raises(BadOption):
        effects(lm, run, kind="self")


def test_the_chart_has_a_dot_for_every_head_and_says_what_it_shows() -> None:
    scores = np.array([[0.1, 0.9], [0.5, 0.2]])
    rise = {"one text": np.array([[0.0, 0.7], [-0.1, 0.2]]), "another $1 text": np.zeros((2, 2))}
    figure = effect_chart(scores, rise, "score (share)", "rise (nats)", named=1)
    for axes, (title, values) in zip(figure.axes, rise.items(), strict=True):
        dots = np.asarray(axes.collections[0].get_offsets())
        assert sorted(map(tuple, dots.tolist())) == sorted(zip(scores.ravel(), values.ravel(), strict=True))
        assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == (title, "score (share)", "rise (nats)")
        assert [text.get_text().strip() for text in axes.texts] == ["layer 0, head 1"]
    assert "layer 0 head 1: score 0.90, effect 0.70; all heads from -0.10 to 0.70" in figure.alt
    figure.canvas.draw()


def test_tables_that_do_not_fit() -> None:
    for scores, rise in (
        (np.ones((2, 2)), {"a": np.ones((2, 3))}),
        (np.ones((2, 2)), {}),
        (np.ones(4), {"a": np.ones(4)}),
    ):
        with pytest.raises(BadInput):
            effect_chart(scores, rise, "score", "rise")
