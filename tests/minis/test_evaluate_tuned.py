"""How the tuned minis are measured, on a made-up corpus, with models whose answers are known."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import made_up_data
import tiny_models
from llm_course.minis import gpt_mini_chat as dialogue
from llm_course.minis import gpt_mini_instruct as instructions
from llm_course.minis.coffee_bar import parse_dialogue, spoken, unsteered
from llm_course.minis.conversations import encode_all
from llm_course.shelf.loading import load


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_up_data.write(tmp_path_factory.mktemp("data"))


def test_exact_match_is_the_share_of_right_answers_of_each_task(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = instructions.test_rows(data)
    assert [len(own) for own in tasks.values()] == [3, 3, 3, 3] and instructions.test_rows(data, 2)["sum"][1:]
    known = {instructions.request(r["instruction"], r["input"]): r["output"] for own in tasks.values() for r in own}
    assert "Do sum: 41 3" in known
    asked: list[str] = []

    def answer(lm: Any, texts: list[str]) -> list[str]:
        asked.extend(texts)
        return [known[text] if "sum" in text or "plural" in text else "nothing" for text in texts]

    monkeypatch.setattr(instructions, "answers", answer)
    shares = instructions.exact_match(SimpleNamespace(), tasks)  # type: ignore[arg-type]
    assert shares == {"first_word_letter": 0, "singular_to_plural": 1, "sum": 1, "taxonomy_animal": 0}
    assert instructions.mean(shares) == 0.5 and sorted(asked) == sorted(known)


def test_instructions_are_measured_beside_the_raw_model(data: Path) -> None:
    found = instructions.measure(data, 2, model=tiny_models.folder("gpt2-chat"), raw=tiny_models.folder("gpt2"))
    assert (
        found["rows"] == 8
        and len(found["exact_match"]) == 3
        and set(found["per_task"]) == set(instructions.test_rows(data))
    )
    assert found["goals"][0]["reached"] is False, "a random model is no better than a random model"
    tables = instructions.tables(found)
    assert tables[0].rows[-1][0] == "mean over tasks" and len(tables[0].rows) == 5
    assert instructions.headline(found)[0][1] in tables[0].text()


def test_a_raw_model_gets_five_examples_and_its_first_line_counts() -> None:
    prompt = instructions.with_examples("Add.", [{"input": "1 2", "output": "3"}], "4 5")
    assert prompt == "Add.\n\nInput: 1 2\nOutput: 3\n\nInput: 4 5\nOutput:"
    lm = load(tiny_models.folder("gpt2"))
    long = "The cat sat on the mat. " * 40
    said = instructions.continued(lm, ["Hello", long], new=8)
    assert len(said) == 2 and not any("\n" in text for text in said), "a prompt that is too long loses its start"


LATTE = parse_dialogue(
    [
        {"role": "user", "text": "A latte with oat milk, please."},
        {"role": "assistant", "text": "Is it correct?"},
        {"role": "user", "text": "Make it decaf, please."},
        {"role": "assistant", "text": "Is it correct now?"},
        {"role": "user", "text": "Yes."},
        {"role": "assistant", "text": "Ok, soon."},
    ]
)


def test_carried_counts_all_items_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LATTE is not None
    turns = dialogue.order_turns([LATTE])
    assert [items for _, items in turns] == [{"latte", "oat"}, {"latte", "oat", "decaf"}]
    assert [len(messages) for messages, _ in turns] == [1, 3] and turns[1][0][1][
        "content"
    ] == "One latte with oat milk. Is it correct?"

    def says(*texts: str) -> dict[str, float]:
        monkeypatch.setattr(dialogue, "replies", lambda lm, conversations: [(text, True) for text in texts])
        return dialogue.carried(SimpleNamespace(), turns)  # type: ignore[arg-type]

    right, first = "One decaf latte with oat milk.", "One latte with oat milk."
    assert says(first, right) == {"turns": 2, "right": 1, "all_items": 1, "nothing_else": 1}
    assert says(first, first)["right"] == 0.5, "the change was not carried"
    more = says(first + " And a mocha?", right)
    assert (more["right"], more["all_items"], more["nothing_else"]) == (0.5, 1, 0.5)


def test_perplexity_is_that_of_the_assistants_words_alone() -> None:
    assert LATTE is not None
    lm = load(tiny_models.folder("gpt2-chat"))
    talk = spoken(LATTE, unsteered)
    ((ids, said),) = encode_all([talk], lm.tokenizer)
    with torch.inference_mode():
        logprobs = lm.model(input_ids=torch.tensor([ids])).logits[0, :-1].float().log_softmax(-1)
    own = [-logprobs[i - 1, ids[i]].item() for i in range(1, len(ids)) if said[i]]
    assert dialogue.perplexity(lm, [talk]) == pytest.approx(math.exp(sum(own) / len(own)), rel=1e-4)


def test_made_up_orders_are_the_same_each_time_and_half_of_them_grow() -> None:
    found = dialogue.scripted(20)
    assert found == dialogue.scripted(20)
    assert sum(len(one.said) > 2 for one in found) == 10
    assert all(len(items) >= 2 for _, items in dialogue.order_turns(found[::2]))


def test_steering_is_judged_with_and_without_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LATTE is not None

    def obedient(lm: Any, conversations: list[Any]) -> list[tuple[str, bool]]:
        """Shouts when told to; else reads the order back."""
        texts = []
        for messages in conversations:
            loud = messages[0]["content"] == "Answer in capital letters."
            texts.append("ONE LATTE." if loud else "One latte. Sorry? No.")
        return [(text, True) for text in texts]

    monkeypatch.setattr(dialogue, "replies", obedient)
    found = dialogue.steered(SimpleNamespace(), [LATTE] * 4)  # type: ignore[arg-type]
    assert found["capitals"] == {"dialogues": 4, "with": 1, "without": 0}
    assert found["name"]["with"] == found["shop"]["with"] == found["sold out"]["with"] == 0
    assert found["sold out, not ordered"] == {"dialogues": 4, "with": 0}, "it says sorry to everybody"


def test_dialogues_are_measured_beside_the_raw_model(data: Path) -> None:
    found = dialogue.measure(data, 4, model=tiny_models.folder("gpt2-chat"), raw=tiny_models.folder("gpt2"))
    assert found["dialogues"] == 4 and len(found["perplexity"]) == 2
    assert all(own["right"] == 0 for own in found["carried"].values()), "random models read no order back"
    assert 0 <= found["ended"] <= 1 and found["goals"][0]["reached"] is False
    assert len(dialogue.headline(found)) == 2 and "capitals" in dialogue.tables(found)[1].text()
