"""Results: text, plain data, one line, and HTML in which no text of the user is markup."""

from __future__ import annotations

import dataclasses
import json

import pytest

from llm_course.use_cases.generation import Generation, Perplexity, Tokens
from llm_course.use_cases.sentiment import Sentiment
from llm_course.use_cases.summarization import Summary
from llm_course.use_cases.translation import Translation

EVIL = '<script>alert("x")</script> & more'
RESULTS = [
    Generation(" upon a time", EVIL, (" upon", " a", " time"), (-0.1, -0.2, -0.3), "gpt-mini"),
    Sentiment("positive", 0.75, {"positive": 0.75, "negative": 0.25}, EVIL, "bert-mini-sentiment"),
    Summary(EVIL, "extractive", (EVIL,), EVIL + " And so on.", "bert-mini-summary", (0,)),
    Translation(EVIL, "en", "fr", EVIL, "marian-mini"),
    Tokens(EVIL, ("<script>", " a"), (4, 5), "gpt-mini"),
    Perplexity(12.34, 2.5128, 1.25, (" a", " b"), (-2.0, -3.0), EVIL, "gpt-mini"),
]
each = pytest.mark.parametrize("result", RESULTS, ids=lambda r: type(r).__name__)


@each
def test_to_dict_is_plain_data_that_json_gives_back(result: object) -> None:
    data = result.to_dict()  # type: ignore[attr-defined]
    assert json.loads(json.dumps(data)) == data
    assert set(data) == {field.name for field in dataclasses.fields(result)}  # type: ignore[arg-type]


@each
def test_html_escapes_the_text(result: object) -> None:
    html = result._repr_html_()  # type: ignore[attr-defined]
    assert "<script>" not in html and ("&lt;script&gt;" in html or type(result) is Perplexity)
    assert html.count("<div") == html.count("</div>") and html.count("<span") == html.count("</span>")


@each
def test_repr_is_one_short_line(result: object) -> None:
    assert "\n" not in repr(result) and len(repr(result)) < 160
    assert repr(result).startswith(type(result).__name__ + "(")


@each
def test_results_do_not_change(result: object) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.model = "another"  # type: ignore[attr-defined]


def test_str_is_the_text() -> None:
    generation, sentiment, summary, translation, _, perplexity = RESULTS
    assert str(generation) == EVIL + " upon a time" == generation.full  # type: ignore[attr-defined]
    assert generation.text == " upon a time"
    assert (str(sentiment), str(summary), str(translation)) == ("positive", EVIL, EVIL)
    assert str(perplexity) == "12.3"


def test_a_long_text_is_cut_in_the_repr_only() -> None:
    long = Translation("mot " * 500, "en", "fr", "word " * 500, "marian-mini")
    assert "…" in repr(long) and len(str(long)) == 2000 and "mot " * 500 in long._repr_html_()


def test_sentiment_shows_each_share_as_number_and_bar() -> None:
    html = RESULTS[1]._repr_html_()
    assert "0.75" in html and "0.25" in html and "width:150px" in html and "width:50px" in html
