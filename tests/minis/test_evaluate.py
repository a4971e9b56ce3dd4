"""Every mini measured from corpus to card, on a made-up corpus and tiny random models."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import made_up_data
import seeing_models
import tiny_models
from llm_course.errors import BadOption, DataMissing, UnknownModel
from llm_course.minis import bert_mini as masked_words
from llm_course.minis import bert_mini_sentiment as sentiment
from llm_course.minis import bloom_mini as multilingual
from llm_course.minis import cards
from llm_course.minis import gpt_mini as language_model
from llm_course.minis import incontext_mini as in_context
from llm_course.minis import marian_mini as translation
from llm_course.minis import vision_mini as vision
from llm_course.minis.corpora import CORPORA, rows
from llm_course.minis.evaluate import evaluate_all
from llm_course.minis.measures import summaries
from llm_course.minis.mini import mini
from llm_course.shelf import catalogue, loading, stored
from rounding import FOUR_PLACES

TINY = {
    "gpt-mini": "gpt2",
    "bert-mini": "bert-masked",
    "bert-mini-sentiment": "bert",
    "bert-mini-summary": "bert-extract",
    "bart-mini": "bart-long",
    "marian-mini": "marian",
    "gpt-mini-instruct": "gpt2-chat",
    "gpt-mini-chat": "gpt2-chat",
    "vision-mini": "mini",
}
TINY |= {"bloom-mini": "bloom", "incontext-mini": "words"}
RUN = {
    "steps": 1200,
    "seconds": 3600,
    "loss": 2.25,
    "device": "cpu",
    "processes": 1,
    "machine": "2 threads, x86_64",
    "date": "2026-11-23",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_data.write(tmp_path_factory.mktemp("data"))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Path]:
    """A shelf whose minis are tiny random models."""
    weights = tmp_path / "weights"
    for name, tiny in TINY.items():
        models = seeing_models if name == "vision-mini" else tiny_models
        shutil.copytree(models.folder(tiny), weights / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "WEIGHTS", weights)
        for name in TINY:
            news = {"shared": []} if mini(name).base else {}
            cards.write(name, parameters=12345, training=RUN, **news)
        patch.setattr(vision, "SCENES", 3)
        patch.setattr(in_context, "PROBLEMS", 4)
        catalogue.catalogue.cache_clear()
        loading.forget()
        yield weights
    catalogue.catalogue.cache_clear()
    loading.forget()


def edited(tiny: str, change: Any) -> loading.LanguageModel:
    """A tiny model whose every weight is 0, and then changed."""
    lm = loading.load(tiny_models.folder(tiny), device="cpu")
    model = copy.deepcopy(lm.model)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
        change(model)
    return replace(lm, model=model)


def test_bits_per_byte_of_a_model_that_knows_nothing(data: Path) -> None:
    lm = edited("gpt2", lambda model: None)  # all scores 0: every token has probability 1 / vocabulary
    own = [row["text"] for row in rows(data, "tinystories-validation", "validation")]
    found = language_model.measure(data, model=lm)
    tokens = sum(len(lm.tokenizer(text)["input_ids"]) + 1 for text in own)  # one end token each
    assert found["stories"] == len(own) == 12
    assert found["tokens"] == tokens
    assert found["bytes"] == sum(len(text.encode()) for text in own)
    assert max(len(lm.tokenizer(text)["input_ids"]) for text in own) > 64  # so that windows matter, see below
    bits = tokens * math.log2(len(lm.tokenizer)) / found["bytes"]
    assert found["bits_per_byte"][lm.name] == pytest.approx(bits, abs=1e-3)
    assert found["perplexity_per_token"] == pytest.approx(len(lm.tokenizer), rel=1e-3)
    baselines = [value for name, value in found["bits_per_byte"].items() if name != lm.name]
    assert len(baselines) == 4 and max(baselines) < bits  # counting helps where the model knows nothing
    assert found["below_best_baseline"] == pytest.approx(1 - bits / min(baselines), abs=1e-3)
    assert found["goals"][0]["reached"] is False


def test_stories_longer_than_the_window_count_each_token_once(data: Path) -> None:
    def narrow(model: Any) -> None:
        model.config.n_positions = 32

    lm = edited("gpt2", narrow)
    assert lm.window == 32
    whole = language_model.measure(data, model=edited("gpt2", lambda model: None))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language_model, "generate", lambda prompts, **options: prompts)  # 60 tokens do not fit
        assert language_model.measure(data, model=lm)["bits_per_byte"][lm.name] == pytest.approx(
            whole["bits_per_byte"][lm.name],
            abs=2e-4,  # both are rounded to four places
        )


def test_masked_words_of_a_model_that_always_says_the_same(data: Path) -> None:
    def say(token: str) -> loading.LanguageModel:
        number = loading.load(tiny_models.folder("bert-masked")).tokenizer.convert_tokens_to_ids(token)

        def change(model: Any) -> None:
            model.cls.predictions.bias[number] = 5.0

        return edited("bert-masked", change)

    found = masked_words.measure(data, model=say("."))
    own, base = found["accuracy"].values()
    assert found["hidden_tokens"] > 100
    assert 0 < own["first"] < 0.5 and own["first"] <= own["first five"]
    assert base["first five"] >= base["first"] > 0
    never_hidden = masked_words.measure(data, model=say("[SEP]"))["accuracy"]
    assert next(iter(never_hidden.values()))["first"] == 0


def test_sentiment_beside_both_baselines(data: Path) -> None:
    def neutral(model: Any) -> None:
        model.classifier.bias[1] = 2.0  # negative, neutral, positive

    lm = edited("bert", neutral)
    found = sentiment.measure(data, model=lm)
    own, tfidf, rules = found["systems"].values()
    assert list(found["systems"]) == [lm.name, sentiment.TFIDF, sentiment.RULES]
    assert found["rows"] == 7 * 12
    assert own["accuracy"] == pytest.approx(1 / 3, abs=FOUR_PLACES)  # a third of the rows is neutral
    assert own["macro_f1"] == pytest.approx(0.5 / 3, abs=FOUR_PLACES)
    chance = math.exp(2) / (math.exp(2) + 2)
    assert own["calibration_error"] == pytest.approx(chance - 1 / 3, abs=1e-3)
    assert own["plain_accuracy"] == pytest.approx(1 / 3, abs=FOUR_PLACES)
    assert len(found["plain_missed"]) == 40
    assert tfidf["accuracy"] == 1  # one word decides
    assert rules["accuracy"] == 1 and "calibration_error" not in rules
    assert [goal["reached"] for goal in found["goals"]] == [False, False, False]
    assert set(own["by_corpus"]) == set(made_up_data.SENTIMENT)


def test_the_memory_never_sees_a_test_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    class Spy(translation.TranslationMemory):
        def __init__(self, sources: list[str], targets: list[str]) -> None:
            seen.extend([*sources, *targets])
            super().__init__(sources, targets)

    monkeypatch.setattr(translation, "TranslationMemory", Spy)
    found = translation.measure(data, model=tiny_models.folder("marian"))
    assert len(seen) == 24 and not any("test" in text or "validation" in text for text in seen)
    assert found["sentences"] == 6 and found["references"] == 12
    memory = found["systems"][translation.MEMORY]
    assert 0 < memory["bleu"] < 60  # "Nous allons train 1 a." for "Nous allons test 1 a."
    marked = {one["en"] for one in found["everyday"] if one["in_training_text"]}
    by_heart = {"Hello, how are you?", "What is your name?", "How much does it cost?", "See you tomorrow!"}
    by_heart |= {"What time is it?", "Happy birthday!"}
    assert len(found["everyday"]) == 20 and marked == by_heart  # the phrase book's; the corpus has none of the rest
    assert all(len(one["en"].split()) <= 10 for one in found["everyday"])


def test_summaries_all_have_one_sentence(data: Path, shelf: Path) -> None:
    found = summaries.measure(data)
    assert list(found["sets"]) == ["abstracts", "contracts", "stories"]
    for own in found["sets"].values():
        assert list(own["systems"]) == ["bart-mini", "bert-mini-summary", summaries.LEAD, summaries.RANK]
        assert own["more_than_one_sentence"] == own["texts"]
        assert own["systems"][summaries.LEAD]["words"] == 5  # the made-up sentences have five words
        assert own["systems"]["bert-mini-summary"]["words"] == 5
    means = found["mean_over_sets"]
    assert found["highest"] == max(("bert-mini-summary", "bart-mini"), key=lambda name: means[name])
    assert found["goals"][0]["measured"] == len(found["beats_both_baselines_on"])


def test_a_summarizer_that_is_absent_is_left_out(data: Path, shelf: Path) -> None:
    shutil.rmtree(shelf / "bart-mini")
    catalogue.catalogue.cache_clear()
    found = summaries.measure(data, 4)
    assert list(found["sets"]["stories"]["systems"]) == ["bert-mini-summary", summaries.LEAD, summaries.RANK]
    shutil.rmtree(shelf / "bert-mini-summary")
    catalogue.catalogue.cache_clear()
    loading.forget()
    with pytest.raises(UnknownModel, match="llm-course train bert-mini-summary"):
        summaries.measure(data, 4)


def test_evaluate_all_prints_one_table_and_writes_cards(data: Path, shelf: Path) -> None:
    report = evaluate_all(data)
    assert set(report.measured) == set(TINY)  # palm-e-mini is measured in test_palm_e_recipe.py
    assert report.measured["bart-mini"] is report.measured["bert-mini-summary"]  # one run for both
    text = str(report)
    table = report.table()
    assert {line[0] for line in table.rows} == set(TINY)
    assert table.text() in text and table.markdown() in text
    assert "lead sentence" in text and "VADER" in text and "Kneser-Ney 5-gram" in text and "Hello, how are you?" in text
    assert len(report.written) == 2 * len(TINY)
    for name in TINY:
        card = json.loads((shelf / name / "card.json").read_text())
        assert card["name"] == name and card["parameters"] == 12345  # what was there is kept
        assert card["measured"]["weights_sha256"] == stored.checksum(shelf / name / "model.safetensors")
        assert card["measured"]["date"] and card["measured"]["machine"]["cores"] >= 1
        own = {k: v for k, v in card["measured"].items() if k != "weights_sha256"}
        assert own == json.loads(json.dumps(report.measured[name]))  # plain data, nothing lost
        check_page((shelf / name / "README.md").read_text(), name, card)
    sentiment_card = json.loads((shelf / "bert-mini-sentiment" / "card.json").read_text())
    assert sentiment_card["base"] == "bert-mini" and sentiment_card["shared"] == []


def check_page(page: str, name: str, card: dict[str, Any]) -> None:
    """The page of a card is what the Hub reads, and says what the card says."""
    _, front, body = page.split("---\n", 2)
    head = yaml.safe_load(front)
    assert head["license"] == "apache-2.0" and head["library_name"] == "transformers"
    languages = {"marian-mini": ["en", "fr"], "bloom-mini": [*multilingual.LANGUAGES]}
    assert head["language"] == languages.get(name, ["en"])
    assert head["pipeline_tag"] and "education" in head["tags"]
    assert body.lstrip().startswith(f"# {name}\n")
    for corpus in card["corpora"] + card.get("base_corpora", []):
        assert CORPORA[corpus["name"]].attribution in body and CORPORA[corpus["name"]].licence in body
    for limit in card["limits"]:
        assert limit in body
    for line in ("## Architecture", "1,200 steps, 60 minutes on cpu", card["measured"]["command"]):
        assert line in body
    assert ("Fine-tuned from" in body) == ("base" in card)
    assert f"Fine-tuned from {card.get('base', '')}" in body or "base" not in card
    if name == "vision-mini":
        assert (
            card["architecture"]["layers"] == "4 (vision, width 96) + 3" and "draws all of its examples itself" in body
        )
    else:
        assert card["architecture"]["layers"] in (2, "2 + 2") and card["architecture"]["width"] == 32


def test_a_quick_look_writes_no_card(data: Path, shelf: Path) -> None:
    before = {path: path.read_bytes() for path in shelf.rglob("*") if path.is_file()}
    report = evaluate_all(data, ["gpt-mini", "marian-mini", "bert-mini-sentiment"], limit=3)
    assert report.written == ()
    assert report.measured["gpt-mini"]["stories"] == 3
    assert report.measured["marian-mini"]["sentences"] == 3
    assert report.measured["bert-mini-sentiment"]["rows"] == 21
    assert before == {path: path.read_bytes() for path in shelf.rglob("*") if path.is_file()}


def test_figures_of_other_weights_are_dropped(data: Path, shelf: Path) -> None:
    evaluate_all(data, ["bert-mini"])
    assert "measured" in cards.card_of("bert-mini")
    (shelf / "bert-mini" / "model.safetensors").write_bytes(b"trained again")
    assert "measured" not in cards.card_of("bert-mini")
    cards.write("bert-mini")
    assert "## Measured" not in (shelf / "bert-mini" / "README.md").read_text()


def test_the_record_of_a_run_says_what_was_read(shelf: Path) -> None:
    card = cards.card_of("bart-mini", training=RUN | {"steps": 77, "corpora": ["legal"]})
    assert card["training"]["steps"] == 77
    assert [corpus["name"] for corpus in card["corpora"]] == ["legal"]


def test_errors_say_what_to_do(data: Path, shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(DataMissing, match="tatoeba.org"):
        evaluate_all(None, ["marian-mini"])
    with pytest.raises(BadOption, match="bert-mini, bert-mini-sentiment"):
        evaluate_all(data, ["gpt-maxi"])
    with pytest.raises(BadOption, match="limit=0"):
        evaluate_all(data, limit=0)
    with pytest.raises(DataMissing, match="tinystories"):
        evaluate_all(tmp_path / "nowhere", ["gpt-mini"])
    shutil.rmtree(shelf / "gpt-mini")
    catalogue.catalogue.cache_clear()
    with pytest.raises(UnknownModel, match="gpt-mini"):
        evaluate_all(data, ["gpt-mini"])


def test_answers_about_pictures_are_counted_by_kind(shelf: Path) -> None:
    found = vision.measure(None, model="vision-mini")
    own = found["accuracy"]
    assert set(own) == {vision.UNSEEN, vision.NEW_PAIRS, vision.FREQUENT, vision.BLANK}
    assert found["goals"][0]["measured"] == own[vision.UNSEEN]["all"] and not found["goals"][0]["reached"]
    drawn, pictures, asked = vision.test_set(vision.NEW_PAIRS, 30)
    assert all((s.things[0].color, s.things[0].shape) in vision.HELD_OUT for s in drawn)
    assert all(pictures[drawn.index(s)].tobytes() == p.tobytes() for s, p, _ in asked)
    drawn, _, asked = vision.test_set(vision.UNSEEN, 300)
    assert not any((t.color, t.shape) in vision.HELD_OUT for s in drawn for t in s.things)
    assert found["questions"][vision.UNSEEN] == len(vision.test_set(vision.UNSEEN, 3)[2])
    shares = vision._by_kind([("color", True), ("color", False), ("count", True)])
    assert shares == {"all": 0.6667, "color": 0.5, "count": 1.0}
    assert evaluate_all(None, ["vision-mini"]).measured["vision-mini"]["scenes"] == 3  # it needs no data


def test_a_multilingual_model_that_knows_nothing(data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lm = edited("bloom", lambda model: None)  # all scores 0: every token has probability 1 / vocabulary
    test = multilingual.test_texts(data, "en")
    tokens = sum(len(lm.tokenizer(text)["input_ids"]) + 1 for text in test)  # one end token each
    assert max(len(lm.tokenizer(text)["input_ids"]) for text in test) > multilingual.LENGTH / 2
    monkeypatch.setattr(multilingual, "LENGTH", 40)  # windows, in which each token still counts once
    assert multilingual.bits(lm, test) == pytest.approx(tokens * math.log2(len(lm.tokenizer)), rel=1e-4)
    monkeypatch.undo()
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path)
    (tmp_path / "bloom-mini").mkdir()
    twin = {"loss": [4.0] * 8, "parameters": 5, "training": {"steps": 7}}
    (tmp_path / "bloom-mini" / multilingual.LEARNED).write_text(json.dumps(twin))
    found = multilingual.measure(data, model=lm)
    assert set(found["languages"]) == set(multilingual.LANGUAGES)
    english = found["languages"]["en"]
    assert english["model"] > english["n-gram"] and english["below"] < 0 and english["bytes"] > 500
    # The same chance everywhere, so the same loss at every place.
    assert found["longer"]["ALiBi"] == pytest.approx([math.log(len(lm.tokenizer))] * 8, abs=1e-3)
    assert found["longer"]["twin"] == {"parameters": 5, "steps": 7}
    assert multilingual.headline(found)[1][2] == "learned positions 4.00"
    assert [row[0] for row in multilingual.tables(found)[1].rows] == ["ALiBi", "learned positions"]
