"""Search for paraphrases: pairs by shared translation, ranks by hand, and all ways of a tiny model."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest

import made_up_data
import tiny_models
from llm_course.minis.measures import paraphrases
from llm_course.shelf.loading import load


def test_pairs_share_a_translation_are_least_alike_and_were_not_read(tmp_path: Path) -> None:
    (tmp_path / "translation").mkdir()
    read = [{"en": "We read this one before.", "fr": "x", "split": "train"}]
    same = [
        ("A big dog sleeps here.", "H"),
        ("A big dog sleeps now.", "H"),
        ("Some large hound is asleep.", "H"),
        ("We read this one before.", "G"),
        ("They know that text already.", "G"),
        ("So short.", "K"),
        ("Just as short, though.", "K"),
    ]
    rows = [{"en": en, "de": de, "split": "train"} for en, de in same]
    for name, own in (("tatoeba-en-fr", read), ("tatoeba-en-de", rows)):
        lines = "".join(json.dumps(row) + "\n" for row in own)
        (tmp_path / "translation" / f"{name}.jsonl.xz").write_bytes(lzma.compress(lines.encode()))
    (pair,) = paraphrases.paraphrases(tmp_path)
    assert "Some large hound is asleep." in pair and pair[0] != pair[1]
    with pytest.raises(ValueError, match="fewer than two"):
        paraphrases.measure(tmp_path, model=tiny_models.folder("bert-masked"))


def test_overlap_is_shared_words_over_all_words() -> None:
    assert paraphrases.overlap("The cat sat.", "the cat ran") == pytest.approx(2 / 4)
    assert paraphrases.overlap("a b", "c d") == 0 and paraphrases.overlap("It's so", "so it's") == 1


def test_ranks_by_hand() -> None:
    first = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    second = np.array([[2.0, 0.1], [1.0, 0.2], [3.0, 3.1]])  # the second one is nearer to the first than to its own
    found = paraphrases.ranked_first(first, second, np.array([True, True, False]))
    assert found == {"all": round(2 / 3, 4), "few shared words": 0.5}
    assert paraphrases.ranked_first(first[:2], np.ones((2, 2)), np.array([True, True]))["all"] == 0, "a tie is a miss"


def test_ways_to_spread() -> None:
    rows = np.random.default_rng(0).normal(size=(50, 4)) * [5, 1, 1, 0.5] + [9, 0, 0, 0]
    found = paraphrases.spreads(rows)
    assert found[", centered"].mean(0) == pytest.approx(np.zeros(4), abs=1e-9)
    white = found[", whitened"]
    assert white.T @ white == pytest.approx(np.eye(4), abs=1e-9)
    top = np.linalg.svd(found[", centered"])[2][0]
    assert found[", all but the top"] @ top == pytest.approx(np.zeros(50), abs=1e-9)
    assert np.linalg.matrix_rank(found[", all but the top"]) == 3


def test_every_layer_and_the_baseline_of_a_tiny_model(tmp_path: Path) -> None:
    data = made_up_data.write(tmp_path)
    lm = load(tiny_models.folder("bert-masked"), task="fill_mask")
    found = paraphrases.measure(data, model=lm)
    assert found["pairs"] == 6 and len(found["found_first"]) == 3 * 4 + 2
    assert all(0 <= share <= 1 for own in found["found_first"].values() for share in own.values())
    assert paraphrases.as_embedded(found) == found["found_first"][f"{lm.name}, layer 2"]
    (table,) = paraphrases.tables(found)
    assert len(table.rows) == 14 and "6 sentences" in table.title
