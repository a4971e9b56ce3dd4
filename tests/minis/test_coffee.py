"""Orders, dialogues and word tasks: what is read out of a text, and what is made of it. No model takes part."""

from __future__ import annotations

import numpy as np
import pytest

from llm_course.minis.coffee_bar import (
    KINDS,
    Order,
    Steering,
    examples,
    growing,
    items_in,
    order_of,
    parse_dialogue,
    parse_order,
    spoken,
    steering,
    unsteered,
)
from llm_course.minis.gpt_mini_instruct import right
from llm_course.minis.word_tasks import MAKERS, draw, forbidden, in_words, words_with


@pytest.mark.parametrize(
    ("said", "read_back"),
    [
        ("Hi, can I get a latte?", "One latte"),
        ("I'd like an iced, caramel Mocha with non-fat milk.", "One iced mocha with non-fat milk and caramel"),
        ("double almond milk Espresso, please!", "One double espresso with almond milk"),
        ("I need two Chai Lattes to go", "Two chai lattes to go"),
        ("a decaf Cappuccino with sugar-free vanilla", "One decaf cappuccino with sugar-free vanilla"),
        ("Can I get a 2% Cortado with some vanilla?", "One cortado with 2% milk and vanilla"),
    ],
)
def test_an_order_is_read_and_read_back(said: str, read_back: str) -> None:
    order = parse_order(said)
    assert order is not None and str(order) == read_back
    assert items_in(read_back) == order.items, "what is read back names the same items"


@pytest.mark.parametrize(
    "said", ["a latte and a mocha", "two lattes, one with oat and one with almond milk", "oat milk, or almond milk?"]
)
def test_several_kinds_are_not_read(said: str) -> None:
    assert parse_order(said) is None


def test_an_order_grows_and_is_changed() -> None:
    said = ["Can I get a mocha?", "With oat milk, please.", "No, with almond milk. And vanilla.", "Yes."]
    assert order_of(said) == Order("mocha", "almond", ("vanilla",))
    assert order_of([*said, "And a latte with oat and almond milk"]) is None


def turns(*said: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "text": text} for i, text in enumerate(said)]


def test_a_confirmation_gets_the_order_in_words() -> None:
    found = parse_dialogue(
        turns("A latte with oat milk, please.", "Is the order on the screen correct?", "Yes.", "Ok, soon.")
    )
    assert found is not None
    assert spoken(found, unsteered)[1]["content"] == "One latte with oat milk. Is that correct?", "a chat has no screen"
    assert spoken(found, unsteered)[3]["content"] == "Ok, soon."
    assert found.answers[0].order == Order("latte", "oat") and found.answers[1].order is None


def test_dialogues_that_are_left_out_and_questions_that_stay() -> None:
    assert parse_dialogue(turns("Can I get a mocha?", "Sorry, we don't have that.")) is None, (
        "the shop sells it in all others"
    )
    assert parse_dialogue(turns("A latte and a mocha.", "Is that right?")) is None
    asked = parse_dialogue(turns("What is in a mocha?", "Espresso, milk and chocolate."))
    assert asked is not None and asked.answers[0].order is None


LATTE = parse_dialogue(
    turns("A latte with oat milk, please.", "Does this look right?", "Yes.", "Ok, it will be ready soon.")
)


@pytest.mark.parametrize(
    ("system", "first", "last"),
    [
        (Steering("capitals"), "ONE LATTE WITH OAT MILK. IS THAT CORRECT?", "OK, IT WILL BE READY SOON."),
        (Steering("brief"), "One latte with oat milk. Right?", "Ready soon."),
        (
            Steering("name", "Zoe"),
            "One latte with oat milk for Zoe. Is that correct?",
            "Ok Zoe, it will be ready soon.",
        ),
        (Steering("shop", "Blue Cup"), "Welcome to Blue Cup. One latte with oat milk. Does this look right?", None),
        (Steering("sold out", "oat milk"), "Sorry, we have no oat milk today. Would you like something else?", None),
        (Steering("sold out", "vanilla"), "One latte with oat milk. Does this look right?", None),
    ],
)
def test_answers_obey_their_system_message(system: Steering, first: str, last: str | None) -> None:
    assert LATTE is not None
    assert system.say(LATTE.answers[0], 0) == first
    assert last is None or system.say(LATTE.answers[1], 1) == last
    judged = last if system.kind == "brief" else first
    assert system.obeyed(judged or "") == (system.about != "vanilla")
    assert not system.obeyed("One latte with oat milk. Is that correct?"), "without the message it is not obeyed"


def test_an_order_that_grows_is_the_same_order() -> None:
    assert LATTE is not None
    random = np.random.default_rng(0)
    for _ in range(20):
        grown = growing(LATTE, random)
        assert grown is not None and len(grown.said) >= 3
        assert grown.answers[-2].order == LATTE.answers[0].order
        assert order_of(grown.said) == LATTE.answers[0].order, "what is said adds up to it"


def test_examples_end_with_the_assistant_and_use_no_name_kept_for_testing() -> None:
    assert LATTE is not None
    made = list(examples([LATTE] * 100, np.random.default_rng(0), 2))
    assert len(made) == 200 and all(one[-1]["role"] == "assistant" for one in made)
    systems = {one[0]["content"] for one in made if one[0]["role"] == "system"}
    assert len(systems) > 20 and not any("Zoe" in s or "Golden Moon" in s for s in systems)
    refused = [one for one in made if one[-1]["content"].startswith("Sorry")]
    assert refused and all(one[0]["role"] == "system" for one in refused)
    new = {steering("name", LATTE, np.random.default_rng(i), new=True).about for i in range(30)}
    assert "Zoe" in new and "Lily" not in new
    assert all(Steering(kind, "x").message for kind in KINDS)


# --- word tasks ---------------------------------------------------------------------------------------------


def test_numbers_in_words() -> None:
    known = {
        0: "zero",
        17: "seventeen",
        40: "forty",
        94: "ninety-four",
        122: "one hundred and twenty-two",
        700: "seven hundred",
        4093: "four thousand and ninety-three",
        5000: "five thousand",
        5810: "five thousand, eight hundred and ten",
    }
    assert {n: in_words(n) for n in known} == known


def expected(task: str, text: str) -> str:
    """The answer of a made task, by another way than its maker's."""
    if task in ("sum", "diff"):
        first, second = map(int, text.split())
        return str(first + second if task == "sum" else first - second)
    if task == "orthography_starts_with":
        sentence, letter = text.rsplit(" ", 1)
        return " ".join(words_with(sentence, letter.strip("[]")))
    return {
        "first_word_letter": text[0],
        "second_word_letter": text[1:2],
        "letters_list": " ".join(text),
        "num_to_verbal": in_words(int(text)) if text.isdigit() else "",
    }[task]


def test_made_tasks_are_right_and_leave_out_what_is_asked_in_tests() -> None:
    random = np.random.default_rng(0)
    words, sentences = ["cat", "house", "tree"], ["The cat sat on a tree.", "A dog ran home."]
    for task in MAKERS:
        for text, answer in draw(task, 50, random, words, sentences, set()):
            assert answer == expected(task, text) and answer, (task, text)
    assert words_with("To the Tower, tom!", "t") == ["to", "the", "tower", "tom"]
    assert forbidden("sum", ["3 40"]) == {"3 40", "40 3"}
    assert {text for text, _ in draw("letters_list", 30, random, words, sentences, {"cat"})} == {"house", "tree"}


@pytest.mark.parametrize(
    ("task", "answer", "accepted", "expected"),
    [
        ("singular_to_plural", "Dogs.", ["dogs"], True),
        ("singular_to_plural", "dogs cats", ["dogs"], False),
        ("taxonomy_animal", "cow, dog", ["dog, cow"], True),
        ("taxonomy_animal", "cow, dog, bike", ["dog, cow"], False),
        ("orthography_starts_with", "to the", ["the to"], True),
        ("negation", "The cat  did not sit.", ["the cat did not sit"], True),
        ("sum", "", ["4"], False),
        ("rhymes", "big", ["pig", "big"], True),
    ],
)
def test_right_answers(task: str, answer: str, accepted: list[str], expected: bool) -> None:
    assert right(task, answer, accepted) is expected
