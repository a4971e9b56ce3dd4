"""gpt-mini-chat: gpt-mini, tuned to hold a dialogue: it takes orders in a coffee bar.

It reads whole dialogues in a chat template and learns the assistant's tokens only, every turn with all turns before
it. Trained by LoRA: what the package stores is a low-rank difference to gpt-mini. Over half of the dialogues have a
system message that the answers obey, so that the same weights can be steered (coffee_bar.py says how both are made).

Measured on test dialogues. Wherever a reply is judged, the turns before it are those of the dialogue (teacher-forced),
and the reply is greedy.

- Carried: a reply that confirms an order names every item the customer has asked for so far (drink, milk, extras;
  found by word lists) and none that was not asked for. Test dialogues, and orders made up by a fixed rule.
- Ends its turn: the share of replies that the model ends itself within 60 tokens.
- Steered: how often a reply does what the system message says, and how often it does so with no such message. The
  names of persons and shops are ones that no training dialogue has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.minis import gpt_mini_instruct, lora
from llm_course.minis.batches import LengthBatches
from llm_course.minis.coffee_bar import (
    KINDS,
    SOLD_OUT,
    YES,
    Dialogue,
    Messages,
    Steering,
    Turn,
    examples,
    growing,
    items_in,
    parse_dialogue,
    parse_order,
    spoken,
    steering,
    unsteered,
)
from llm_course.minis.conversations import SPEAKERS, answer_loss, encode_all, pack
from llm_course.minis.corpora import rows
from llm_course.minis.gpt_mini_instruct import BASE, RANK, continued, make_tokenizer
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, first, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.shelf.loading import LanguageModel, ModelLike, load
from llm_course.use_cases.chat import chat

CORPUS = "coffee-dialogues"
LONGEST, BATCH_TOKENS, COPIES, DROPOUT = 250, 2048, 20, 0.05
PLAN = Plan(steps=1500, lr=4e-3, warmup=50, weight_decay=0.0, betas=(0.9, 0.98))


def make_model(tokenizer: PreTrainedTokenizerFast) -> GPT2LMHeadModel:
    """gpt-mini with low-rank differences that are zero at first, as for gpt-mini-instruct."""
    return gpt_mini_instruct.make_model(tokenizer, DROPOUT)


def dialogues(data: Path, split: str = "train") -> list[Dialogue]:
    """The dialogues of a split whose orders can be read."""
    return [found for row in rows(data, CORPUS, split) if (found := parse_dialogue(row["turns"]))]


class Task:
    """Dialogues in several forms each, the loss of any batch of them, and that of the validation dialogues."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        made = examples(dialogues(data), np.random.default_rng(PLAN.seed), COPIES)
        self.examples = [one for one in encode_all(list(made), tokenizer) if len(one[0]) <= LONGEST]
        self.fill = tokenizer.eos_token_id
        self.batches = LengthBatches([[len(ids)] for ids, _ in self.examples], BATCH_TOKENS, PLAN.seed)
        new = encode_all([spoken(one, unsteered) for one in dialogues(data, "validation")], tokenizer)
        self.new = sorted((one for one in new if len(one[0]) <= LONGEST), key=lambda one: len(one[0]))

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the assistant's tokens, in nats."""
        return answer_loss(model, *pack([self.examples[i] for i in self.batches[number]], self.fill))

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """Cross-entropy of the assistant's tokens in the validation dialogues, in nats."""
        parts = [self.new[i : i + 16] for i in range(0, len(self.new), 16)]
        total = sum(answer_loss(model, *pack(part, self.fill), "sum").item() for part in parts)
        return {"validation": round(total / max(1, sum(sum(said) for _, said in self.new)), 4)}


# --- how it is measured --------------------------------------------------------------------------------------------

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
    say = system.say if system else unsteered
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
        order = parse_order(text)
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


def _share(hits: Iterable[bool]) -> float:
    found = list(hits)
    return round(sum(found) / max(1, len(found)), 4)


def measure(
    data: str | Path, limit: int | None = None, *, model: ModelLike = "gpt-mini-chat", raw: ModelLike = "gpt-mini"
) -> Figures:
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
        for row in first(rows(data, CORPUS, "test"), limit)
    ]
    turns, made = order_turns(found), order_turns(scripted(limit or SCRIPTED))
    every = [before(dialogue, number) for dialogue in found for number in range(len(dialogue.answers))]
    words = [spoken(dialogue, unsteered) for dialogue in found]
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


def headline(measured: Figures) -> list[Line]:
    """Orders carried, and perplexity."""
    (_, own), (raw, old) = measured["carried"].items()
    (_, low), (_, high) = measured["perplexity"].items()
    return [
        ("order turns with all items and no other", f"{own['right']:.2f}", f"{raw} {old['right']:.2f}"),
        ("perplexity of the assistant's turns (lower is better)", f"{low:.2f}", f"{raw} {high:.2f}"),
    ]


def tables(measured: Figures) -> list[Table]:
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


MINI = Mini(
    name="gpt-mini-chat",
    kind="dialogue-tuned",
    tasks=("chat", "generate"),
    default_for=("chat",),
    about=(
        "A dialogue-tuned language model: it takes orders in a coffee bar, and a system message steers it. Tuned "
        "from gpt-mini."
    ),
    data="dialogues at a coffee bar, on top of gpt-mini's stories",
    example='print(lc.chat("Hi, can I get a latte with oat milk?"))',
    limits=(
        "It talks about orders in a coffee bar and about nothing else; to other questions it says something anyway.",
        "It holds one kind of drink at a time. What its menu has, it makes up.",
        (
            "It obeys four kinds of system message, and hardly any other. What is sold out it often overlooks, and "
            "at times it refuses what is there."
        ),
        "Whoever writes into the conversation can steer it: it cannot tell an order from an attack.",
    ),
    hub_task="text-generation",
    tags=("gpt2", "dialogue-tuned", "lora"),
    corpora=(CORPUS,),
    base=BASE,
    rank=RANK,
    starts_with_bos=True,
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    finish=lora.merge,
    measure=measure,
    headline=headline,
    tables=tables,
)
