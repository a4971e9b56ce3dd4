"""Embeddings: means over a text's own tokens, in batches and over windows, and search by them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.errors import BadInput, BadOption
from llm_course.shelf.loading import LanguageModel, load
from llm_course.text import windows
from llm_course.use_cases.embeddings import Embedding, nearest, unit, vectors
from rounding import SHARE

families = pytest.mark.parametrize("name", tiny_models.EMBEDDING)
TEXTS = ["I love this product!", "no", "The food was cold, and the children laugh in the park.", "It is not bad."]
LONG = "I love it, but the food was cold. The cat sat on the mat. " * 12


def model(name: str) -> LanguageModel:
    return load(tiny_models.folder(name), task="embed")


def plain(lm: LanguageModel, ids: list[int], layer: int = -1) -> np.ndarray:
    """The mean of the hidden states of one text by one plain pass, nothing padded."""
    reader = lm.model.get_encoder() if lm.model.config.is_encoder_decoder else lm.model
    found = reader(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return (found.last_hidden_state if layer == -1 else found.hidden_states[layer])[0].float().mean(0).numpy()


@families
def test_a_vector_is_the_mean_of_the_last_states_at_length_one(name: str) -> None:
    lm = model(name)
    for text, found in zip(TEXTS, lc.embed(TEXTS, model=lm), strict=True):
        expected = plain(lm, lm.tokenizer(text)["input_ids"])
        assert found.vector == pytest.approx(expected / np.linalg.norm(expected), abs=SHARE)
        assert found.vector.dtype == np.float32 and np.linalg.norm(found.vector) == pytest.approx(1, abs=SHARE)
        assert found.text == str(found) == text


@families
def test_a_batch_says_what_each_text_says_alone(name: str) -> None:
    lm = model(name)
    texts = [*TEXTS, LONG, *TEXTS[::-1]]
    for text, found in zip(texts, lc.embed(texts, model=lm), strict=True):
        assert found.vector == pytest.approx(lc.embed(text, model=lm).vector, abs=SHARE)


@families
def test_a_long_text_is_the_mean_of_its_windows_weighted_by_tokens(name: str) -> None:
    lm = model(name)
    before, after = lm.frame
    ids = lm.tokenizer(LONG, add_special_tokens=False)["input_ids"]
    room = (lm.window or 512) - len(before) - len(after)
    total = np.zeros(32)
    for start, end in windows(len(ids), room, room // 4):
        part = [*before, *ids[start:end], *after]
        total += len(part) * plain(lm, part)
    assert lc.embed(LONG, model=lm).vector == pytest.approx(total / np.linalg.norm(total), abs=SHARE)


def test_other_layers() -> None:
    lm = model("bert-masked")
    for layer in (0, 1, 2):
        expected = plain(lm, lm.tokenizer(TEXTS[0])["input_ids"], layer)
        assert vectors(lm, TEXTS, layer=layer)[0] == pytest.approx(expected / np.linalg.norm(expected), abs=SHARE)
    assert vectors(lm, TEXTS, layer=2) == pytest.approx(vectors(lm, TEXTS), abs=SHARE), "two layers: 2 is the last"


def test_a_model_with_a_head_and_one_without_give_the_same() -> None:
    whole = load(tiny_models.folder("bert-masked"), task="fill_mask")  # loaded with its head
    bare = lc.embed(TEXTS[0], model=model("bert-masked"))
    assert lc.embed(TEXTS[0], model=whole).vector == pytest.approx(bare.vector)


def test_similarity_is_the_cosine() -> None:
    one, two = Embedding(np.array([1.0, 0.0]), "a", "m"), Embedding(np.array([0.6, 0.8]), "b", "m")
    assert one.similarity(one) == pytest.approx(1) and one.similarity(two) == pytest.approx(0.6)
    assert isinstance(one.similarity(two), float)
    with pytest.raises(BadOption, match="another Embedding"):
        one.similarity("b")  # type: ignore[arg-type]
    with pytest.raises(BadOption, match="two models"):
        one.similarity(Embedding(np.array([1.0, 0.0]), "a", "n"))
    with pytest.raises(BadOption, match="two models"):
        one.similarity(Embedding(np.array([1.0, 0.0, 0.0]), "a", "m"))


def test_the_result_as_data() -> None:
    found = lc.embed("a <b>", model=model("bert"))
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict() and len(found.to_dict()["vector"]) == 32
    assert "&lt;b&gt;" in found._repr_html_() and "32 numbers" in repr(found)


def test_unit_leaves_zeros() -> None:
    assert unit(np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(np.array([[0.6, 0.8], [0.0, 0.0]]))


def test_search_finds_the_text_itself_first_and_sorts_the_rest() -> None:
    lm = model("bert-masked")
    texts = [*TEXTS, "The cat sat on the mat.", "A dog runs in the park."]
    for center in (True, False):
        found = nearest(texts[4], texts, top=4, center=center, model=lm)
        assert (found[0].text, found[0].position) == (texts[4], 4) and found[0].similarity == pytest.approx(
            1, abs=SHARE
        )
        close = [one.similarity for one in found]
        assert close == sorted(close, reverse=True) and len(found) == 4
    rows = vectors(lm, texts)
    centered = unit(rows - rows.mean(axis=0))
    expected = (centered @ unit((rows[4] - rows.mean(axis=0))[None])[0]).max()
    assert nearest(texts[4], texts, top=1, model=lm)[0].similarity == pytest.approx(float(expected), abs=SHARE)
    assert len(nearest("cat", texts, top=100, model=lm)) == len(texts)
    assert nearest("cat", ["dog"], model=lm)[0].similarity != 0, "nothing is subtracted from a single text"


@pytest.mark.parametrize(
    ("query", "texts", "error"),
    [("", ["a"], BadInput), ("a", [], BadInput), ("a", ["", "b"], BadInput), (3, ["a"], BadInput), ("a", 3, BadInput)],
)
def test_search_refuses_what_is_no_text(query: object, texts: object, error: type[Exception]) -> None:
    with pytest.raises(error):
        nearest(query, texts, model=model("bert"))  # type: ignore[arg-type]
    with pytest.raises(BadOption):
        nearest("a", ["b"], top=0, model=model("bert"))


@pytest.mark.gpu
@families
def test_a_gpu_says_what_the_cpu_says(name: str) -> None:
    here, there = (load(tiny_models.folder(name), device=d, task="embed") for d in ("cpu", "cuda"))
    for one, two in zip(lc.embed([*TEXTS, LONG], model=here), lc.embed([*TEXTS, LONG], model=there), strict=True):
        assert one.vector == pytest.approx(two.vector, abs=1e-2)
