"""Chat: every family through its template equals the library, lists equal single conversations, and errors say why."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

import llm_course as lc
import tiny_models
from llm_course.errors import BadInput, BadOption, InputTooLong, WrongTask
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases.chat import conversations_of, encode, render

# A template with its own marks, one that puts the system message into the user's turn, and one that refuses it.
MARKS = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "[{{ m['role'] }}] {{ m['content'] }} {% endfor %}"
)
FAMILIES = ("gpt2", "llama", "gpt-neox", "qwen2")
families = pytest.mark.parametrize("name", FAMILIES)
TALK = [
    {"role": "user", "content": "Hello, how are you?"},
    {"role": "assistant", "content": "I love this product."},
    {"role": "user", "content": "The cat sat."},
]


def model(name: str, template: str | None = MARKS) -> LanguageModel:
    lm = load(tiny_models.folder(name), task="chat")
    tokenizer = copy.deepcopy(lm.tokenizer)
    tokenizer.chat_template = template
    return replace(lm, tokenizer=tokenizer)


@families
def test_greedy_equals_the_library(name: str) -> None:
    lm = model(name)
    text = "<user>Hello, how are you?</><assistant>I love this product.</><user>The cat sat.</><assistant>"
    assert render(lm, TALK) == text
    ids = lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    tensor = torch.tensor([ids])
    out = lm.model.generate(
        input_ids=tensor, attention_mask=torch.ones_like(tensor), do_sample=False, max_new_tokens=8, pad_token_id=0
    )[0, len(ids) :].tolist()
    end = lm.tokenizer.eos_token_id
    kept = out[: out.index(end)] if end in out else out
    found = lc.chat(TALK, max_new_tokens=8, model=lm)
    assert found.text == lm.tokenizer.decode(kept, clean_up_tokenization_spaces=False).strip()
    assert found.ended == (end in out) and found.tokens == len(kept) + found.ended
    assert found.messages == (*TALK, {"role": "assistant", "content": found.text})


@families
def test_a_list_says_the_same_as_each_alone(name: str) -> None:
    lm = model(name)
    several = [
        "Hello",
        TALK,
        [{"role": "system", "content": "The children laugh!"}, {"role": "user", "content": "A dog"}],
    ]
    together = lc.chat(several, max_new_tokens=6, temperature=1.0, seed=3, model=lm)
    assert together == [lc.chat(one, max_new_tokens=6, temperature=1.0, seed=3, model=lm) for one in several]
    assert lc.chat(several[:1], max_new_tokens=6, model=lm)[0] == lc.chat("Hello", max_new_tokens=6, model=lm)


def test_a_reply_goes_on_as_a_conversation() -> None:
    lm = model("gpt2")
    first = lc.chat("Hello", system="The cat", max_new_tokens=3, model=lm)
    assert [m["role"] for m in first.messages] == ["system", "user", "assistant"]
    second = lc.chat([*first.messages, {"role": "user", "content": "A dog"}], max_new_tokens=3, model=lm)
    assert second.messages[:3] == first.messages and len(second.messages) == 5
    assert first.to_dict()["messages"] == list(first.messages) and str(first) == first.text
    assert "System:" in first._repr_html_() and "<script>" not in replace(first, text="<script>")._repr_html_()


def test_the_system_message_reaches_the_model_and_is_given_once() -> None:
    lm = model("gpt2")
    own = conversations_of("Hello", "Be brief.")[0][0]
    assert render(lm, own) == "<system>Be brief.</><user>Hello</><assistant>"
    with pytest.raises(BadInput, match="system= gives another"):
        lc.chat(own, system="Be loud.", model=lm)


def test_too_long_a_conversation_names_both_lengths() -> None:
    lm = model("gpt2")
    talk = [{"role": "user", "content": "The cat sat on the mat. " * 40}]
    length = len(lm.tokenizer(render(lm, talk))["input_ids"])
    with pytest.raises(InputTooLong, match=rf"{length} tokens .* together {length + 60}, and .* reads at most 128"):
        lc.chat(talk, model=lm)
    room = 128 - len(encode(lm, TALK, 1))
    assert lc.chat(TALK, max_new_tokens=room, model=lm).tokens <= room
    with pytest.raises(InputTooLong, match="together 129"):
        lc.chat(TALK, max_new_tokens=room + 1, model=lm)


def test_models_without_a_template_or_with_one_that_refuses() -> None:
    with pytest.raises(WrongTask, match="no chat template"):
        lc.chat("Hello", model=model("gpt2", None))
    strict = model("gpt2", NO_SYSTEM)
    assert lc.chat("Hello", max_new_tokens=2, model=strict).tokens <= 2
    with pytest.raises(WrongTask, match="System role not supported"):
        lc.chat("Hello", system="Be brief.", model=strict)
    with pytest.raises(WrongTask):
        lc.chat("Hello", model=tiny_models.folder("bert-masked"))


USER, ASSISTANT, SYSTEM = ({"role": role, "content": "Hi"} for role in ("user", "assistant", "system"))


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        (None, "list of messages"),
        (7, "not int"),
        (b"Hi", "not bytes"),
        ({"role": "user", "content": "Hi"}, "not dict"),
        ([], "empty"),
        ("", "empty"),
        ("  \n", "blank"),
        ([USER, "Hi"], "messages and other things"),
        ([[]], "conversation 0"),
        (["Hi", 3], "conversation 1"),
        ([ASSISTANT], "the user first"),
        ([USER, ASSISTANT], "the user first and last"),
        ([USER, USER], "take turns"),
        ([SYSTEM], "none"),
        ([USER, ASSISTANT, SYSTEM, USER], "stands first"),
        ([{"role": "robot", "content": "Hi"}], "'robot'.*system, user, assistant"),
        ([{"content": "Hi"}], "'role' and 'content'"),
        ([{"role": "user", "content": "Hi", "name": "Tom"}], "'name'"),
        ([{"role": "user", "content": None}], "not NoneType"),
        ([{"role": "user", "content": ""}], "content of message 0 is empty"),
        ([{"role": "user", "content": "Hi \ud800"}], "surrogate"),
    ],
)
def test_bad_messages(messages: Any, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        lc.chat(messages, model=model("gpt2"))


@pytest.mark.parametrize(
    "options", [{"max_new_tokens": 0}, {"temperature": -1}, {"seed": 1.5}, {"top_p": 0}, {"seed": [1, 2]}]
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(BadOption):
        lc.chat("Hi", model=model("gpt2"), **options)


def test_a_silent_assistant_may_stand_in_the_history() -> None:
    talk = [USER, {"role": "assistant", "content": ""}, USER]
    assert lc.chat(talk, max_new_tokens=2, model=model("gpt2")).messages[1]["content"] == ""
