"""How well a model holds its turn at a coffee bar: perplexity, orders carried over turns, system messages obeyed.

Knows nothing about how the model was trained, beyond the form of its dialogues. Wherever a reply is judged, the turns
before it are those of the test dialogue (teacher-forced), and the reply is greedy.

- Carried: a reply that confirms an order names every item the customer has asked for so far (drink, milk, extras;
  found by word lists) and none that was not asked for. Test dialogues, and orders made up by a fixed rule.
- Ends its turn: the share of replies that the model ends itself within 60 tokens.
- Steered: how often a reply does what the system message says, and how often it does so with no such message. The
  names of persons and shops are ones that no training dialogue has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from llm_course.minis.coffee import (
    KINDS,
    SOLD_OUT,
    YES,
    Dialogue,
    Messages,
    Steering,
    Turn,
    growing,
    plain,
    spoken,
    steering,
)  # fmt: skip
from llm_course.minis.conversations import SPEAKERS, answer_loss, encode_all, pack
from llm_course.minis.corpora import rows
from llm_course.minis.evaluate.instructions import continued
from llm_course.minis.evaluate.record import Table, first, goal, stamp
from llm_course.minis.orders import items_in, parse
from llm_course.minis.recipes.gpt_mini_chat import CORPORA, dialogues
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases.chat import chat

SCRIPTED, SEED, NEW = 60, 1, 60
CARRIED = 0.80
HOW = (
    "Test dialogues of Taskmaster-4 (coffee) whose orders can be read, with the order in words where the assistant "
    "confirms it. Perplexity per token of what the assistant says, all turns before given, of each dialogue as much "
    "as the window holds. Carried: a greedy reply to an order names all items asked for so far and no other. Steered: "
    "the share of replies that do what the system message says, beside the share with no system message; names of "
    "persons and shops are new."
)


def perplexity(lm: LanguageModel, conversations: Sequence[Messages]) -> float:
    """Perplexity per token of what the assistant says, in gpt-mini's chat template.

    Of a conversation longer than the model's window only the beginning counts.
    """
    import torch

    window = lm.window or 1024
    found = [(ids[:window], said[:window]) for ids, said in encode_all(conversations, lm.tokenizer)]
    found.sort(key=lambda one: len(one[0]))
    parts = [found[i : i + 16] for i in range(0, len(found), 16)]
    fill = lm.tokenizer.eos_token_id
    with torch.inference_mode():
        total = sum(answer_loss(lm.model, *pack(part, fill), "sum").item() for part in parts)
    return math.exp(total / sum(sum(said) for _, said in found))


def replies(lm: LanguageModel, conversations: Sequence[Messages]) -> list[tuple[str, bool]]:
    """The greedy reply to each conversation, and whether the model ended it. A raw model reads the same text."""
    if not conversations:
        return []
    if lm.tokenizer.chat_template:
        found = chat(list(conversations), max_new_tokens=NEW, model=lm, progress=False)
        return [(reply.text, reply.ended) for reply in found]
    texts = ["".join(f"{SPEAKERS[m['role']]}: {m['content']}\n" for m in one) + "Assistant:" for one in conversations]
    said = continued(lm, texts, NEW)
    return [(text, False) for text in said]


def before(dialogue: Dialogue, number: int, system: Steering | None = None) -> Messages:
    """The conversation up to the user's turn ``number``, as the assistant's answers have it."""
    say = system.say if system else plain
    whole = spoken(dialogue, say, system.message if system else None)
    return whole[: 2 * number + 1 + (1 if system else 0)]


def order_turns(found: Sequence[Dialogue]) -> list[tuple[Messages, frozenset[str]]]:
    """Every turn that confirms an order: the conversation before it, and the items it has to name."""
    return [
        (before(dialogue, number), turn.order.items)
        for dialogue in found
        for number, turn in enumerate(dialogue.answers)
        if turn.order
    ]


def carried(lm: LanguageModel, turns: Sequence[tuple[Messages, frozenset[str]]]) -> dict[str, float]:
    """Shares of replies that name all items and no other (``right``), all of them, and none that was not ordered."""
    said = [items_in(text) for text, _ in replies(lm, [messages for messages, _ in turns])]
    both = list(zip(said, (items for _, items in turns), strict=True))
    count = max(1, len(both))
    return {
        "turns": len(both),
        "right": round(sum(named == items for named, items in both) / count, 4),
        "all_items": round(sum(named >= items for named, items in both) / count, 4),
        "nothing_else": round(sum(named <= items for named, items in both) / count, 4),
    }


def scripted(count: int = SCRIPTED) -> list[Dialogue]:
    """Orders made up by a fixed rule: drink, milk and extra drawn at random, half of them given piece by piece."""
    random = np.random.default_rng(SEED)
    drinks, milks = ("latte", "mocha", "cortado", "cappuccino", "macchiato", "americano"), ("oat", "almond", "non-fat")
    extras = ("vanilla", "caramel", "hazelnut", "chocolate", "decaf", "iced", "to go")
    found: list[Dialogue] = []
    while len(found) < count:
        drink, milk, extra = (str(random.choice(x)) for x in (drinks, milks, extras))
        front = f"{extra} " if extra in ("decaf", "iced") else ""
        behind = "" if front else " to go" if extra == "to go" else f" and {extra}"
        text = f"Good morning, I would like one {front}{drink} with {milk} milk{behind}, please."
        order = parse(text)
        assert order is not None and order.items == {drink, milk, extra}, text
        whole = Dialogue((text, YES[0]), (Turn(order, "Is that correct?"), Turn(None, "Ok.")))
        grown = growing(whole, random) if len(found) % 2 else None
        found.append(grown or whole)
    return found


def steered(lm: LanguageModel, found: Sequence[Dialogue]) -> dict[str, dict[str, float]]:
    """For each kind of system message: how often a reply obeys, with the message and without one.

    Judged on the reply to the first order; ``brief`` on the reply after the order was confirmed. ``sold out, not
    ordered`` is the share of orders that are not refused when something else is sold out.
    """
    random = np.random.default_rng(SEED)
    shares: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        cases: list[tuple[Steering, Dialogue, int]] = []
        for dialogue in found:
            one = steering(kind, dialogue, random, new=True)
            if not one.fits(dialogue) or (kind == "sold out" and one.item not in _first_order(dialogue)):
                continue
            number = next(i for i, turn in enumerate(dialogue.answers) if turn.order)
            if kind == "shop" and number:
                continue
            number += kind == "brief"
            if number < len(dialogue.answers):
                cases.append((one, dialogue, number))
        shares[kind] = {
            "dialogues": len(cases),
            "with": _share(
                one.obeyed(text)
                for (one, *_), (text, _) in zip(cases, replies(lm, [before(d, n, s) for s, d, n in cases]), strict=True)
            ),
            "without": _share(
                one.obeyed(text)
                for (one, *_), (text, _) in zip(cases, replies(lm, [before(d, n) for _, d, n in cases]), strict=True)
            ),
        }
    other = []
    for dialogue in found:
        absent = [i for i in SOLD_OUT if i.removesuffix(" milk") not in _first_order(dialogue)]
        if _first_order(dialogue) and dialogue.answers[0].order:
            other.append((Steering("sold out", str(random.choice(absent))), dialogue))
    said = replies(lm, [before(dialogue, 0, one) for one, dialogue in other])
    kept = _share("sorry" not in text.lower() for text, _ in said)
    shares["sold out, not ordered"] = {"dialogues": len(other), "with": kept}
    return shares


def _first_order(dialogue: Dialogue) -> frozenset[str]:
    return next((turn.order.items for turn in dialogue.answers if turn.order), frozenset())


def _share(hits: Any) -> float:
    found = list(hits)
    return round(sum(found) / max(1, len(found)), 4)


def measure(
    data: str | Path, limit: int | None = None, *, model: Any = "gpt-mini-chat", raw: Any = "gpt-mini"
) -> dict[str, Any]:
    """Measure a dialogue-tuned model beside the raw one it came from.

    Args:
        data: the data folder.
        limit: at most so many test dialogues.
        model: what ``lc.load`` takes, with a chat template.
        raw: the same model before tuning.

    Raises:
        DataMissing: a corpus is not there.
    """
    lm, old = load(model, task="chat"), load(raw, task="generate")
    found = list(first(dialogues(Path(data), "test"), limit))
    unchanged = [
        [{"role": turn["role"], "content": turn["text"]} for turn in row["turns"]]
        for row in first(rows(data, CORPORA[0], "test"), limit)
    ]
    turns, made = order_turns(found), order_turns(scripted(limit or SCRIPTED))
    every = [before(dialogue, number) for dialogue in found for number in range(len(dialogue.answers))]
    words = [spoken(dialogue, plain) for dialogue in found]
    own = carried(lm, turns)
    return {
        "how": HOW,
        "dialogues": len(found),
        "perplexity": {one.name: round(perplexity(one, words), 2) for one in (lm, old)},
        "perplexity_unchanged": {one.name: round(perplexity(one, unchanged), 2) for one in (lm, old)},
        "carried": {lm.name: own, old.name: carried(old, turns)},
        "carried_scripted": {lm.name: carried(lm, made), old.name: carried(old, made)},
        "ended": _share(ended for _, ended in replies(lm, every)),
        "steered": steered(lm, found),
        "goals": [goal("share of order turns whose items are carried correctly", CARRIED, own["right"])],
        **stamp(lm.name, lm.device.type),
    }


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Orders carried, and perplexity."""
    (_, own), (raw, old) = measured["carried"].items()
    (_, low), (_, high) = measured["perplexity"].items()
    return [
        ("order turns with all items and no other", f"{own['right']:.2f}", f"{raw} {old['right']:.2f}"),
        ("perplexity of the assistant's turns (lower is better)", f"{low:.2f}", f"{raw} {high:.2f}"),
    ]


def tables(measured: dict[str, Any]) -> list[Table]:
    """Perplexity, orders, ends of turns, and system messages."""
    names = tuple(measured["perplexity"])
    lines = [
        ("perplexity, order in words", *(f"{measured['perplexity'][n]:.2f}" for n in names)),
        ("perplexity, dialogues unchanged", *(f"{measured['perplexity_unchanged'][n]:.2f}" for n in names)),
    ]
    for where, key in (("test dialogues", "carried"), ("made-up orders", "carried_scripted")):
        turns = measured[key][names[0]]["turns"]
        for what, name in (("all items and no other", "right"), ("all items", "all_items")):
            lines.append((f"{what}, {turns} turns of {where}", *(f"{measured[key][n][name]:.2f}" for n in names)))
    lines.append(("ends its turn", f"{measured['ended']:.2f}", "-"))
    obeyed = tuple(
        (kind, str(own["dialogues"]), f"{own['with']:.2f}", f"{own['without']:.2f}" if "without" in own else "-")
        for kind, own in measured["steered"].items()
    )
    return [
        Table(f"Taskmaster-4 coffee, {measured['dialogues']} test dialogues", ("measure", *names), tuple(lines)),
        Table("System messages obeyed", ("kind", "dialogues", "with the message", "without"), obeyed),
    ]
