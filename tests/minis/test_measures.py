"""The measures themselves, on cases whose value is known by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import made_up_data
from llm_course.minis import bert_mini_sentiment as sentiment
from llm_course.minis import marian_mini as translation
from llm_course.minis.measures import figures, summaries
from rounding import FOUR_PLACES


def test_calibration_error_by_hand() -> None:
    # Two bins: up to 0.5 and above. Low: 0.3, wrong. High: 0.9 right, 0.9 wrong, 0.6 right.
    # |0.3 - 0| + |2.4 - 2| = 0.7 over four rows.
    error = sentiment.calibration_error([0.9, 0.9, 0.6, 0.3], [True, False, True, False], bins=2)
    assert error == pytest.approx(0.7 / 4)
    # 0.5 belongs to the lower bin: apart from 0.6, the gaps do not cancel.
    assert sentiment.calibration_error([0.5, 0.6], [True, False], bins=2) == pytest.approx((0.5 + 0.6) / 2)
    assert sentiment.calibration_error([1.0, 1.0], [True, True]) == 0
    assert sentiment.calibration_error([0.75] * 4, [True, True, True, False]) == pytest.approx(0)


def test_macro_f1_by_hand() -> None:
    truth = ["positive", "positive", "neutral", "negative", "negative"]
    found = ["positive", "neutral", "neutral", "negative", "positive"]
    scores = sentiment.scores_of(truth, found)
    # positive: 1 hit of 2 true and 2 found; neutral: 1 of 1 and 2; negative: 1 of 2 and 1.
    assert scores["f1"] == {"positive": 0.5, "neutral": pytest.approx(2 / 3, abs=FOUR_PLACES), "negative": 0.6667}
    assert scores["macro_f1"] == pytest.approx((0.5 + 2 / 3 + 2 / 3) / 3, abs=FOUR_PLACES)
    assert scores["accuracy"] == 0.6
    assert scores["confusion"]["negative"] == {"positive": 1, "neutral": 0, "negative": 1}


def test_macro_f1_agrees_with_scikit_learn() -> None:
    import numpy as np
    from sklearn.metrics import f1_score

    random = np.random.default_rng(0)
    truth, found = random.choice(sentiment.LABELS, (2, 200)).tolist()
    assert sentiment.scores_of(truth, found)["macro_f1"] == pytest.approx(
        f1_score(truth, found, average="macro"), abs=FOUR_PLACES
    )


WRITTEN = ["a dog ran in the big park today", "we sat down quietly"]
FRENCH = [["a dog ran in the park today", "the dog ran in the big park"], ["we sat down quietly"]]


def test_bleu_with_ragged_references_by_hand() -> None:
    # Of 12, 10, 8 and 6 n-grams, 12, 10, 7 and 5 stand in a reference; the nearest references are not longer.
    scores = translation.scores_of(WRITTEN, FRENCH)
    assert scores["bleu"] == pytest.approx(100 * (7 / 8 * 5 / 6) ** 0.25, abs=0.01)
    assert "nrefs:var" in scores["bleu_signature"] and "nrefs:var" in scores["chrf_signature"]
    turned = [list(reversed(own)) for own in FRENCH]
    assert translation.scores_of(WRITTEN, turned)["bleu"] == scores["bleu"]
    fewer = translation.scores_of(WRITTEN, [own[:1] for own in FRENCH])
    assert fewer["bleu"] < scores["bleu"]
    other = translation.scores_of(WRITTEN, [own[-1:] for own in FRENCH])
    assert scores["chrf"] == max(fewer["chrf"], other["chrf"]) > min(fewer["chrf"], other["chrf"])  # the best one
    assert "nrefs:1" in fewer["bleu_signature"]


def test_a_translation_equal_to_its_second_reference_is_perfect() -> None:
    scores = translation.scores_of(["nous allons au grand parc"], [["on y va", "nous allons au grand parc"]])
    assert scores["bleu"] == 100 and scores["chrf"] == 100


def test_variants_are_grouped_by_english_sentence() -> None:
    pairs = [{"en": "Go.", "fr": "Va !"}, {"en": "Hi.", "fr": "Salut."}, {"en": "Go.", "fr": "Allez !"}]
    assert translation.grouped([*pairs, pairs[0]]) == {"Go.": ["Va !", "Allez !"], "Hi.": ["Salut."]}


def test_lengths_are_counted_in_english_words() -> None:
    english = ["one two", "one two three four five", "one two three four five six", "w " * 30]
    found = translation.by_length(english, ["a b c d"] * 4, [["a b c d"]] * 4)
    assert {name: own["sentences"] for name, own in found.items()} == {
        "1 to 5 words": 2,
        "6 to 10 words": 1,
        "16 words or more": 1,
    }


def test_rouge_takes_the_reference_that_fits_best() -> None:
    scores = summaries.scores_of(["the cat sat", "x"], [["a dog", "the cat"], ["x y"]])
    # First: ROUGE-1 2 * 2 / (3 + 2), ROUGE-2 2 * 1 / (2 + 1), ROUGE-L as ROUGE-1. Second: 2/3, 0, 2/3.
    assert scores["rouge1"] == pytest.approx((0.8 + 2 / 3) / 2, abs=FOUR_PLACES)
    assert scores["rouge2"] == pytest.approx((2 / 3 + 0) / 2, abs=FOUR_PLACES)
    assert scores["rougeL"] == scores["rouge1"]
    one, two = (0.8 + 2 / 3 + 0.8) / 3, (2 / 3 + 0 + 2 / 3) / 3
    assert scores["mean"] == pytest.approx((one + two) / 2, abs=FOUR_PLACES)
    assert scores["standard_error"] == pytest.approx(abs(one - two) / 2, abs=FOUR_PLACES)
    assert scores["words"] == 2.0


def test_a_tie_beats_nobody() -> None:
    def own(mini: float, lead: float, rank: float) -> dict[str, object]:
        systems = {"mini": mini, summaries.LEAD: lead, summaries.RANK: rank}
        return {"systems": {name: {"mean": value} for name, value in systems.items()}}

    sets = {"a": own(0.3, 0.2, 0.2), "b": own(0.3, 0.3, 0.3), "c": own(0.3, 0.2, 0.4)}
    assert summaries.beats(sets, "mini") == ["a"]


def test_held_out_rows_are_test_rows_and_morals(tmp_path: Path) -> None:
    made_up_data.write(tmp_path)
    stories = summaries.held_out(tmp_path, "story-summaries")
    assert len(stories) == 6  # of twelve test rows, every other one is a title
    assert all("test" in refs[0] and len(refs) == 1 for _, refs in stories)
    abstracts = summaries.held_out(tmp_path, "scitldr", 5)
    assert len(abstracts) == 5 and all(len(refs) == 2 for _, refs in abstracts)


def test_plain_sentences_are_sixty_and_balanced() -> None:
    plain = sentiment.plain_sentences()
    assert len(plain) == len({one["text"] for one in plain}) == 60
    assert {label: sum(one["label"] == label for one in plain) for label in sentiment.LABELS} == dict.fromkeys(
        sentiment.LABELS, 20
    )
    known = {one["text"]: one["label"] for one in plain}
    assert known["The food was not good."] == "negative" and known["The meeting starts at noon."] == "neutral"
    assert any("not bad at all" in text and label == "positive" for text, label in known.items())
    assert sum(one["kind"] == "negation" for one in plain) >= 12


def test_goal_table_and_record() -> None:
    goals = [figures.goal("BLEU", 45, 45.0), figures.goal("chrF", 63, 62.99)]
    assert [own["reached"] for own in goals] == [True, False]
    table = figures.goals_table("marian-mini", {"goals": goals})
    assert table.rows == (("BLEU", "45", "45", "yes"), ("chrF", "63", "62.99", "no"))
    lines = table.text().splitlines()
    assert lines[1].index("wanted") == lines[3].index("45")  # columns stand under their head
    assert "| BLEU | 45 | 45 | yes |" in table.markdown()
    assert figures.Table("t", ("a|b",), (("c|d",),)).markdown().count("\\|") == 2
    stamp = figures.stamp("gpt-mini")
    assert stamp["command"] == "llm-course evaluate gpt-mini --data DIR"
    assert stamp["machine"]["cores"] >= 1 and stamp["machine"]["cpu"] and stamp["date"].startswith("20")
    json.dumps(stamp)
