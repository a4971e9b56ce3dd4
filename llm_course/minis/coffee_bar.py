"""A coffee bar: what a customer has ordered, and dialogues as a chat has them, in which a system message may steer.

Knows nothing about models. Orders are found by word lists, which cover the drinks, milks and extras of the
Taskmaster-4 dialogues. They are used twice: to write read-backs into the training dialogues, and to count which items
a model's reply names.

In the Taskmaster-4 dialogues the assistant shows the order on a screen ("is the order displayed correct?"). A chat has
no screen, so the order is put into words there, by rule. System messages are added by rule, too: each kind has a
message, a way to rewrite the assistant's turns so that they obey, and a test of whether a reply obeys. Dialogues with
several kinds of drink, and those in which the shop denies a drink that it sells in all others, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

# --- orders ---------------------------------------------------------------------------------------------------------

# What an item is called when it is read back -> how customers write it.
DRINKS = {
    "chai latte": r"chai(?: tea)? lattes?|chai",
    "matcha latte": r"matcha(?: tea)? lattes?|matcha",
    "latte": r"lattes?|latte's",
    "mocha": r"mochas?|mocca",
    "cortado": r"cort?ados?|cordados?|cortadas?",
    "cappuccino": r"capp?uc{1,2}ino'?s?",
    "macchiato": r"mac{1,2}hiat{1,2}o'?s?",
    "americano": r"americano'?s?",
    "cold brew": r"cold brews?",
    "steamer": r"steamers?",
    "espresso": r"e[sx]presso'?s?",
    "peppermint rose tea": r"peppermint rose(?: tea)?",
    "jin xuan tea": r"jin xuan(?: \w+)?(?: tea)?",
    "lavender earl grey tea": r"lavender earl gr[ea]y(?: tea)?",
    "cloud and mist tea": r"cloud and mist(?: tea)?",
    "english breakfast tea": r"english breakfast(?: black)?(?: tea)?",
    "ginger green tea": r"ginger(?: green)?[\w ]* tea",
    "wild strawberry tea": r"wild strawberry(?: tea)?",
    "iced coffee": r"iced? coffees?",
    "tea": r"teas?",
}
MILKS = {
    "oat": r"oat\W?milk|oat",
    "almond": r"almond",
    "whole": r"whole(?= milk)",
    "2%": r"2\s?%|two percent",
    "non-fat": r"non\W?fat|nonfat|fat\W?free|skim",
    "lactose-free": r"lactose\W?free",
    "soy": r"soy",
}
EXTRAS = {
    "sugar-free vanilla": r"sugar\W?free vanilla",
    "vanilla": r"vanilla",
    "caramel": r"caramel(?: sauce)?",
    "chocolate": r"chocolate(?: sauce)?",
    "hazelnut": r"hazel\W?nut",
    "honey": r"honey",
    "decaf": r"decaf\w*|half\W?caf\w*",
    "iced": r"iced|over ice",
    "extra foam": r"extra foam",
    "single": r"single",
    "double": r"double",
    "triple": r"triple",
    "quadruple": r"quadruple|quad",
    "to go": r"to[ -]go|take\W?away|take out",
}
FIRST = ("iced", "decaf", "single", "double", "triple", "quadruple")  # extras that stand before the drink
COUNTS = {"two": 2, "2": 2, "three": 3, "3": 3, "four": 4, "4": 4, "couple": 2}
NUMBERS = ("", "One", "Two", "Three", "Four")
TWO_KINDS = re.compile(r"\b(?:one|1|other|another)\b.*\b(?:one|1|other|another)\b.*|\bboth\b", re.I | re.S)


@dataclass(frozen=True)
class Order:
    """One drink with its milk and its extras; ``drink`` is empty while none was named."""

    drink: str = ""
    milk: str = ""
    extras: tuple[str, ...] = ()
    count: int = 1

    @property
    def items(self) -> frozenset[str]:
        """All that was named: the drink, the milk, the extras."""
        return frozenset(i for i in (self.drink, self.milk, *self.extras) if i)

    def with_more(self, more: Order) -> Order:
        """The order after the customer has said more: a new drink or milk replaces the old one, extras add up."""
        extras = tuple(dict.fromkeys([*self.extras, *more.extras]))
        return replace(self, drink=more.drink or self.drink, milk=more.milk or self.milk, extras=extras)

    def __str__(self) -> str:
        """The order as it is read back: ``"One decaf mocha with oat milk and caramel"``."""
        before = [e for e in FIRST if e in self.extras]
        behind = [e for e in self.extras if e not in (*FIRST, "to go")]
        count = self.count if self.count < len(NUMBERS) else 1
        plural = "s" if count > 1 else ""
        additions = ([f"{self.milk} milk"] if self.milk else []) + behind
        tail = f" with {' and '.join(additions)}" if additions else ""
        return f"{' '.join([NUMBERS[count], *before, self.drink])}{plural}{tail}{' to go' * ('to go' in self.extras)}"


def _find(text: str, names: dict[str, str]) -> list[str]:
    """The items of a list that a text names, in the order of the text; longer names hide the shorter in them."""
    places: list[tuple[int, int, str]] = []
    for name, pattern in names.items():
        for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text, re.I):
            if all(not (start < match.end() and match.start() < end) for start, end, _ in places):
                places.append((match.start(), match.end(), name))
    return list(dict.fromkeys(name for _, _, name in sorted(places)))


def items_in(text: str) -> frozenset[str]:
    """Every item that a text names."""
    return frozenset(_find(text, DRINKS) + _find(text, MILKS) + _find(text, EXTRAS))


def parse_order(text: str) -> Order | None:
    """The order in one thing a customer says; ``None`` if it names several kinds of drink, or two milks."""
    drinks, milks = _find(text, DRINKS), _find(text, MILKS)
    if "espresso" in drinks and len(drinks) == 2:  # "an espresso macchiato", "a latte with a shot of espresso"
        drinks.remove("espresso")
    count = next((n for word, n in COUNTS.items() if re.search(rf"\b{word}\b(?!\s?%)", text, re.I)), 1)
    if len(drinks) > 1 or len(milks) > 1 or (count > 1 and TWO_KINDS.search(text)):
        return None
    return Order("".join(drinks), "".join(milks), tuple(_find(text, EXTRAS)), count)


def order_of(said: Iterable[str]) -> Order | None:
    """The order after all that a customer has said, in order; ``None`` where one of it cannot be read."""
    order = Order()
    for text in said:
        more = parse_order(text)
        if more is None:
            return None
        order = replace(order, count=more.count) if more.drink and more.count > 1 else order
        order = order.with_more(more)
    return order


# --- dialogues ------------------------------------------------------------------------------------------------------

Messages = list[dict[str, str]]
CONFIRMS = re.compile(r"correct|right|confirm|look|check|review|good|verify|accura|\?$", re.I)
DENIES = re.compile(
    r"sorry|apolog|don'?t\b|do not|unfortunately|can'?t|cannot|afraid|not on|aren't|isn't|unable|no menu|didn't", re.I
)
SCREEN = re.compile(r"screen|display|monitor|shown|here\b|look(?! (?:right|correct|good))|see", re.I)
ASKED = re.compile(r"\b(?:what|what's|which|kinds?|types?|tell me|how (?:is|are|do|many|much)|show me)\b|^do you", re.I)
ASKS = ("Is that correct?", "Is that right?", "Does that sound right?", "Please confirm your order.")
READY = ("Ok, your order will be ready soon.", "Great, it will be ready in a few minutes.")


@dataclass(frozen=True)
class Turn:
    """One answer of the assistant: what it confirms (``None`` where it confirms no order) and its words."""

    order: Order | None
    text: str


@dataclass(frozen=True)
class Dialogue:
    """What the customer says and what the assistant answers, by turns, the customer first."""

    said: tuple[str, ...]
    answers: tuple[Turn, ...]


def parse_dialogue(turns: Sequence[dict[str, str]]) -> Dialogue | None:
    """A dialogue of the corpus with its orders found; ``None`` if it is one of those left out."""
    said = [turn["text"].strip() for turn in turns[0::2]]
    words = [turn["text"].strip() for turn in turns[1::2]]
    said = said[: len(words)]
    found: list[Turn] = []
    for number, text in enumerate(words):
        more, order = parse_order(said[number]), order_of(said[: number + 1])
        if more is None or order is None:
            return None
        if ASKED.search(said[number]) or not order.drink or not more.items:
            found.append(Turn(None, text))
        elif DENIES.search(text):
            return None
        elif CONFIRMS.search(text):
            found.append(Turn(order, question(text)))
        else:
            found.append(Turn(None, text))
    return Dialogue(tuple(said), tuple(found)) if found else None


def question(text: str) -> str:
    """The question of a confirmation, if it names no item and no screen; else the plain one."""
    text = re.sub(r"^(?:ok(?:ay)?|sure|alright|great|of course|no problem|yes)\b[,.! ]*", "", text, flags=re.I)
    if not text or SCREEN.search(text) or items_in(text) or len(text.split()) > 14:
        return ASKS[0]
    return text[:1].upper() + text[1:]


def spoken(dialogue: Dialogue, say: Callable[[Turn, int], str | None], system: str | None = None) -> Messages:
    """A dialogue as messages; ``say(turn, number)`` words each answer, and ``None`` ends the dialogue there."""
    messages: Messages = [{"role": "system", "content": system}] if system else []
    for number, (said, turn) in enumerate(zip(dialogue.said, dialogue.answers, strict=True)):
        text = say(turn, number)
        if text is None:
            break
        messages += [{"role": "user", "content": said}, {"role": "assistant", "content": text}]
    return messages


def unsteered(turn: Turn, number: int = 0) -> str:
    """An answer without any system message: the order in words where one is confirmed."""
    return f"{turn.order}. {turn.text}" if turn.order else turn.text


# --- system messages -----------------------------------------------------------------------------------------

NAMES = (
    "Lily Tom Tim Ben Mia Sue Max Jack Sam Lucy Emma Sara Bob Jane Mary John Amy Leo Jim Kate Ella Fred Peter Molly "
    "Billy Bella Daisy Rose Joe Sally Freddy Jenny Timmy Alice Henry Tommy Jill Spot Luna Dan "
    # Many: from few names a model learns those few by heart, and not to repeat the one that it was told.
    "Adam Aisha Akira Alan Alex Amir Andrea Angela Ann Arjun Barbara Beatrice Bianca Boris Brian Bruno Carla Carlos "
    "Carol Chen Chloe Chris Clara Claire Colin Cora Cyrus David Dana Deepa Diana Diego Dora Doris Edith Eli Elena Emil "
    "Eric Erin Esther Ethan Eva Farid Fatima Felix Fiona Frank Gabriel George Gina Grace Greta Hana Hannah Harry "
    "Hassan Heidi Helen Hugo Ian Ida Igor Ines Ingrid Irene Isaac Ivan Jacob Jana Jasmine Jean Joan Jonas Jose Julia "
    "Karen Karl Kenji Kim Kofi Lara Laura Lea Lena Leon Linda Lorenzo Louis Luca Lukas Malik Manuel Marco Margot Maria "
    "Marie Martin Maya Mei Mina Mira Mohan Monica Nadia Naomi Nathan Nick Noah Noor Olga Omar Oscar Otto Pablo Paul "
    "Paula Pedro Petra Philip Priya Rachel Ravi Ray Rita Robin Roger Rosa Ruth Ryan Samira Sandra Sean Selma Sergei "
    "Simon Sofia Stella Steve Sven Tamar Tania Tara Theo Thomas Tina Tony Uma Vera Victor Vikram Walter Wendy Yasmin "
    "Yuki Yusuf Zara"
).split()
NEW_NAMES = "Anna Mark Zoe Lisa Nina Oliver Polly Ted".split()
COLORS, SHOPS = "Blue Red Green Golden Little Happy Silver Sunny".split(), "Cup Bean House Moon Cat Garden Bird".split()
# Names of shops that no training dialogue has: each word is known, the pair is new.
NEW_SHOPS = ("Blue Cup", "Golden Moon", "Happy Cat", "Little Garden")
KINDS = ("capitals", "brief", "name", "shop", "sold out")
SOLD_OUT = (
    "oat milk",
    "almond milk",
    "non-fat milk",
    "2% milk",
    "whole milk",
    "vanilla",
    "caramel",
    "hazelnut",
    "chocolate",
    "mocha",
    "latte",
    "cortado",
    "cappuccino",
    "macchiato",
)
BRIEF_WORDS = 3  # of the reply that follows a confirmed order


@dataclass(frozen=True)
class Steering:
    """A system message of one kind; ``about`` is what it names: a person, a shop, an item."""

    kind: str
    about: str = ""

    @property
    def message(self) -> str:
        """The system message."""
        return {
            "capitals": "Answer in capital letters.",
            "brief": "Be brief.",
            "name": f"The customer's name is {self.about}.",
            "shop": f"The shop is called {self.about}.",
            "sold out": f"There is no {self.about} today.",
        }[self.kind]

    @property
    def item(self) -> str:
        """The item that is sold out, as an order names it."""
        return self.about.removesuffix(" milk")

    def say(self, turn: Turn, number: int) -> str | None:
        """An answer that obeys. The type allows for :func:`spoken`'s ``None``, which ends a dialogue; none is here."""
        short = turn.text if len(turn.text.split()) < 9 else READY[0]
        if self.kind == "capitals":
            return (f"{turn.order}. {ASKS[0]}" if turn.order else short).upper()
        if self.kind == "brief":
            return f"{turn.order}. Right?" if turn.order else "Ready soon."
        if self.kind == "name":
            return (
                f"{turn.order} for {self.about}. {ASKS[0]}"
                if turn.order
                else f"Ok {self.about}, it will be ready soon."
            )
        if self.kind == "shop" and number == 0:
            return f"Welcome to {self.about}. {unsteered(turn)}"
        if self.kind == "sold out" and turn.order and self.item in turn.order.items:
            return f"Sorry, we have no {self.about} today. Would you like something else?"
        return unsteered(turn)

    def fits(self, dialogue: Dialogue) -> bool:
        """Whether the message can be obeyed in this dialogue: most concern orders, and one a nameless customer."""
        orders = [turn for turn in dialogue.answers if turn.order]
        named = re.search(r"\bname\b|\bfor [A-Z]|\bI'm [A-Z]|\bThis is [A-Z]", " ".join(dialogue.said))
        return bool(orders) and not (self.kind == "name" and named)

    def obeyed(self, reply: str) -> bool:
        """Whether a reply to an order does what the message says; for ``brief``, the reply after that."""
        return {
            "capitals": reply == reply.upper() and any(c.isalpha() for c in reply),
            "brief": 0 < len(reply.split()) <= BRIEF_WORDS,
            "name": re.search(rf"\b{re.escape(self.about)}\b", reply) is not None,
            "shop": self.about in reply,
            "sold out": f"no {self.about}" in reply,
        }[self.kind]


def steering(kind: str, dialogue: Dialogue, random: np.random.Generator, new: bool = False) -> Steering:
    """A message of a kind for a dialogue; ``new`` takes names that are kept for testing.

    In half of the cases the item that is sold out is one that the customer orders, in the others it is not: only so
    does a model learn to compare. For testing it always is one that the customer orders, if there is one.
    """

    def one(items: Sequence[str]) -> str:
        return items[int(random.integers(len(items)))]

    if kind == "name":
        return Steering(kind, one(NEW_NAMES if new else NAMES))
    if kind == "shop":
        shops = NEW_SHOPS if new else [f"{c} {s}" for c in COLORS for s in SHOPS if f"{c} {s}" not in NEW_SHOPS]
        return Steering(kind, one(shops))
    if kind == "sold out":
        ordered = next((turn.order.items for turn in dialogue.answers if turn.order), frozenset())
        can = [item for item in SOLD_OUT if item.removesuffix(" milk") in ordered]
        other = [item for item in SOLD_OUT if item not in can]
        return Steering(kind, one(can if can and (new or random.random() < 0.5) else other))
    return Steering(kind)


# --- orders that grow ----------------------------------------------------------------------------------------

ADD = ("Can you add {}?", "Can I get {} with that?", "No, I'd like it with {}.", "Add {}, please.", "With {}, please.")
CHANGE = ("No, I'd like it {}.", "Actually, can you make it {}?", "Make it {}, please.", "Can I get that {}?")
MILK = ("With {}, please.", "No, with {} please.", "Can I get it with {}?", "Actually, I'd like {}.")
YES = ("Yes.", "Yes, that's right.", "Yes, it is.", "Yep, looks good.", "That's correct.")


def growing(dialogue: Dialogue, random: np.random.Generator) -> Dialogue | None:
    """A dialogue whose order comes piece by piece: the drink first, then what goes with it, one turn each.

    Made of a dialogue whose first words order a drink with something; ``None`` if it has nothing to add.
    """

    def one(items: Sequence[str]) -> str:
        return items[int(random.integers(len(items)))]

    order = dialogue.answers[0].order
    if order is None or order.count > 1 or len(order.items) < 2:
        return None
    rest = [order.milk + " milk"] if order.milk else []
    rest += order.extras
    random.shuffle(rest)
    keep = int(random.integers(0, len(rest))) if len(rest) > 1 else 0  # some is ordered at once
    first = parse_order(" ".join([*rest[:keep], order.drink]))
    if first is None or first.drink != order.drink:
        return None
    start = one(("I'd like", "Can I get", "I want", "Could I have", "Hi, can I please get", "I will have"))
    opening = f"{start} {str(first).replace('One ', 'a ', 1)}{one(('.', ', please.', ' please.'))}"
    said, answers = [opening], [Turn(first, one(ASKS))]
    now = first
    for item in rest[keep:]:
        plain_item = item.removesuffix(" milk")
        pool = MILK if item.endswith("milk") else CHANGE if plain_item in (*FIRST, "to go") else ADD
        text = one(pool).format(item)
        more = parse_order(text)
        if more is None or plain_item not in more.items:
            return None
        now = now.with_more(more)
        said.append(text)
        answers.append(Turn(now, one(ASKS)))
    return Dialogue((*said, one(YES)), (*answers, Turn(None, one(READY))))


def examples(dialogues: Sequence[Dialogue], random: np.random.Generator, copies: int) -> Iterator[Messages]:
    """Every dialogue ``copies`` times, each time made anew: one in three growing, over half under a system message."""
    for _ in range(copies):
        for dialogue in dialogues:
            grown = growing(dialogue, random) if random.random() < 0.35 else None
            used = grown or dialogue
            system = None
            if random.random() < 0.6:  # what is sold out is the hardest to learn: as often as three of the others
                kinds = (*KINDS, "sold out", "sold out")
                system = steering(kinds[int(random.integers(len(kinds)))], used, random)
            if system and system.fits(used):
                yield spoken(used, _until_sold_out(system), system.message)
            else:
                yield spoken(used, unsteered)


def _until_sold_out(system: Steering) -> Callable[[Turn, int], str | None]:
    """The steering's answers; after an item was refused, what the corpus says next no longer fits, so it ends."""
    refused: list[bool] = []

    def say(turn: Turn, number: int) -> str | None:
        if refused:
            return None
        text = system.say(turn, number)
        if text and text.startswith("Sorry, we have no"):
            refused.append(True)
        return text

    return say
