"""Whatever is handed over, a use case answers or raises an error of the course: never one from inside a library."""

from __future__ import annotations

import inspect
import math
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import llm_course as lc
import tiny_models
from llm_course.errors import BadInput, InputTooLong, LLMCourseError
from llm_course.results import Result

some = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def with_gap(value: Any) -> Any:
    """A text with a gap at its end; anything else as it is."""
    return value + " [MASK]" if isinstance(value, str) and value.strip() else value


# What makes a call quick: a tiny model, few tokens. A use case that is not named here is called as it comes.
QUICK: dict[str, dict[str, Any]] = {
    "generate": {"model": "gpt2", "max_new_tokens": 3},
    "stream": {"model": "gpt2", "max_new_tokens": 3},
    "next_tokens": {"model": "bloom"},
    "perplexity": {"model": "gpt2"},
    "tokenize": {"model": "qwen2"},
    "sentiment": {"model": "bert"},
    "summarize": {"model": "bert-extract"},
    "translate": {"model": "marian", "num_beams": 1},
    "fill_mask": {"model": "bert-masked"},
    "embed": {"model": "bert-masked"},
}
# Every function at the face that takes a text, found there: a new use case is in here by itself.
FOUND: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    name: (function, QUICK.get(name, {}))
    for name, function in ((name, getattr(lc, name)) for name in lc.__all__)
    if getattr(function, "__module__", "").startswith("llm_course.use_cases.")
    and next(iter(inspect.signature(function).parameters)) in ("text", "prompt")
}
CALLS = FOUND | {
    "generate (llama)": (lc.generate, {"model": "llama", "max_new_tokens": 3}),
    "sentiment (roberta)": (lc.sentiment, {"model": "roberta"}),
    "summarize (abstractive)": (lc.summarize, {"model": "pegasus"}),
    "translate (t5)": (lc.translate, {"model": "t5", "num_beams": 1}),
    "fill_mask (roberta)": (lambda text, **o: lc.fill_mask(with_gap(text), **o), {"model": "roberta-masked"}),
    "embed (t5)": (lc.embed, {"model": "t5"}),
    "attend": (lc.attend, {"model": "bert"}),
    "attend (marian)": (lc.attend, {"model": "marian"}),
}


def test_the_use_cases_are_found() -> None:
    assert set(FOUND) >= set(QUICK)


each = pytest.mark.parametrize("name", CALLS)

NAUGHTY = [
    "",
    " ",
    "\n\t\r\n",
    "\u00a0\u2003",
    "\u200b",
    "\ufeff",
    "\x00",
    "a\x00b",
    "\x1b[31mred\x07",
    "\ud800",
    "a\udfffb",
    "😀👩\u200d👩\u200d👧\ufe0f\u200d🌈",
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
    "\u202eright to left\u202c",
    "\u0645\u0631\u062d\u0628\u0627\u060c \u0643\u064a\u0641 \u062d\u0627\u0644\u0643\u061f",
    "猫が好き。犬も。",
    "e\u0301" * 20,
    "\u0301",
    "Z\u0324\u0354\u0359a\u0317l\u032ag\u0316o\u0324",
    "<script>alert(1)</script>",
    "</s>",
    "<pad><pad>",
    "[CLS] [SEP] [MASK]",
    "<|endoftext|>",
    ">>fr<<",
    ".",
    "...",
    "?!",
    "。",
    "a",
    "0",
    "-1e999",
    "NaN",
    "\\",
    "%s {0}",
    "\u2028\u2029",
    "\x85",
    "one\r\ntwo\rthree\n\n",
]
NO_TEXTS = [
    None,
    3,
    2.5,
    math.nan,
    True,
    b"bytes",
    bytearray(b"x"),
    [],
    (),
    {},
    {"a"},
    object(),
    [None],
    ["a", 3],
    [b"a"],
    [["a"]],
    ["fine", ""],
    [[]],
    lambda: "a",
    range(3),
    "a".join,
]


def answer(name: str, *args: Any, **options: Any) -> Any:
    """The answer of a use case, or the error of the course it raised; any other error fails the test."""
    function, own = CALLS[name]
    tiny = {"model": tiny_models.folder(own["model"])} if "model" in own else {}
    try:
        found = function(*args, **{**own, **tiny, **options})
        found = list(found) if isinstance(found, Iterator) else found
    except LLMCourseError as error:
        assert len(str(error)) > 20 and str(error)[0].isprintable()
        return error
    for one in found if isinstance(found, list) else [found]:
        assert isinstance(one, (Result, str, tuple, lc.attention.capture.Attention))
        if isinstance(one, Result):
            assert isinstance(str(one), str) and repr(one) and one._repr_html_() and one.to_dict()
    return found


@each
@pytest.mark.parametrize("text", NAUGHTY, ids=ascii)
def test_strange_texts(name: str, text: str) -> None:
    found = answer(name, text)
    if not text.strip() or any("\ud800" <= c <= "\udfff" for c in text):
        assert isinstance(found, BadInput)


@each
@pytest.mark.parametrize("value", NO_TEXTS, ids=lambda v: type(v).__name__)
def test_what_is_no_text_is_bad_input(name: str, value: Any) -> None:
    assert isinstance(answer(name, value), BadInput)


SIMPLE = st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
ANYTHING = st.recursive(SIMPLE, st.lists, max_leaves=6)


@each
@some
@given(text=st.text(max_size=40))
def test_any_text(name: str, text: str) -> None:
    answer(name, text)


@each
@some
@given(value=ANYTHING)
def test_any_value(name: str, value: Any) -> None:
    answer(name, value)


LONG = {
    "one word": "a" * 100_000,
    "words": "the cat sat on the mat " * 4_400,
    "sentences": "The cat sat. A dog runs! " * 4_000,
    "abbreviations": "e.g. " * 20_000,
    "full stops": "." * 100_000,
    "emoji": "😀" * 100_000,
    "lines": "\n".join(["a cat"] * 16_000),
    "spaces": "a" + " " * 100_000 + "b",
}


SENTENCES = ("sentences", "lines")


@each
@pytest.mark.parametrize("kind", LONG)
def test_a_hundred_thousand_characters_are_read_or_refused_with_both_lengths(name: str, kind: str) -> None:
    slow = name == "summarize (abstractive)" or (name.startswith("translate") and kind in SENTENCES)
    if slow and kind != "full stops":
        pytest.skip("to write so much takes minutes; test_summarization and test_translation see that all is read")
    found = answer(name, LONG[kind])
    if isinstance(found, InputTooLong):
        numbers = [int(number) for number in re.findall(r"\d+", str(found))]
        assert max(numbers) > 1000 and any(10 < number < 3000 for number in numbers), "both lengths are named"
    elif isinstance(found, Result):
        own = found.to_dict().values()
        assert LONG[kind] in own or with_gap(LONG[kind]) in own, "the result is about the whole text"


WRONG = [
    None,
    -1,
    0,
    1.5,
    math.nan,
    math.inf,
    -math.inf,
    10**30,
    "x",
    "",
    b"x",
    [],
    [1],
    {},
    True,
    object(),
    1j,
    "en",
    "\ud800",
]
DECODING = ("temperature", "top_p", "top_k", "repetition_penalty", "num_beams", "max_new_tokens", "no_such_option")


def _options() -> list[tuple[str, str]]:
    found = []
    for name in (*FOUND, "summarize (abstractive)", "attend (marian)"):
        names = [n for n in list(inspect.signature(CALLS[name][0]).parameters)[1:] if n not in ("options", "progress")]
        found += [(name, option) for option in [*names, *(DECODING if name in ("generate", "stream") else ())]]
    return found


@pytest.mark.parametrize(("name", "option"), _options())
def test_options_of_every_wrong_kind(name: str, option: str) -> None:
    for value in WRONG:
        if (option, value) == ("model", None):
            continue  # the default model, which this copy of the package may lack
        answer(name, "The cat sat.", **{option: value})


def test_options_at_random_all_together() -> None:
    chance = random.Random(7)
    for _ in range(150):
        options = {
            o: chance.choice([*WRONG, 1, 2, 0.5])
            for o in ("temperature", "top_p", "top_k", "seed", "num_beams", "repetition_penalty", "max_new_tokens")
            if chance.random() < 0.4
        }
        answer("generate", chance.choice(["The cat", ["a b", "c"], "", "😀"]), **options)


NO_MODELS = [None, "no such model", 3, [], "", "/no/such/folder", b"x", object()]


# not ids=str: the address of object() would differ between the two processes that run the tests
@pytest.mark.parametrize("model", NO_MODELS, ids=lambda m: m if isinstance(m, str) else type(m).__name__)
@pytest.mark.parametrize("name", [*FOUND, "attend"])
def test_models_that_are_none(name: str, model: Any) -> None:
    found = answer(name, "The cat sat.", model=model)
    assert isinstance(found, LLMCourseError) or model is None
