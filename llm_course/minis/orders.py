"""What a customer of a coffee bar has ordered, found by word lists, and how it is read back.

Knows nothing about models. The lists cover the drinks, milks and extras of the Taskmaster-4 dialogues. They are
used twice: to write read-backs into the training dialogues, and to count which items a model's reply names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

# What an item is called when it is read back -> how customers write it.
DRINKS = {
    "chai latte": r"chai(?: tea)? lattes?|chai", "matcha latte": r"matcha(?: tea)? lattes?|matcha",
    "latte": r"lattes?|latte's", "mocha": r"mochas?|mocca", "cortado": r"cort?ados?|cordados?|cortadas?",
    "cappuccino": r"capp?uc{1,2}ino'?s?", "macchiato": r"mac{1,2}hiat{1,2}o'?s?", "americano": r"americano'?s?",
    "cold brew": r"cold brews?", "steamer": r"steamers?", "espresso": r"e[sx]presso'?s?",
    "peppermint rose tea": r"peppermint rose(?: tea)?", "jin xuan tea": r"jin xuan(?: \w+)?(?: tea)?",
    "lavender earl grey tea": r"lavender earl gr[ea]y(?: tea)?", "cloud and mist tea": r"cloud and mist(?: tea)?",
    "english breakfast tea": r"english breakfast(?: black)?(?: tea)?",
    "ginger green tea": r"ginger(?: green)?[\w ]* tea",
    "wild strawberry tea": r"wild strawberry(?: tea)?",
    "iced coffee": r"iced? coffees?", "tea": r"teas?",
}  # fmt: skip
MILKS = {
    "oat": r"oat\W?milk|oat", "almond": r"almond", "whole": r"whole(?= milk)", "2%": r"2\s?%|two percent",
    "non-fat": r"non\W?fat|nonfat|fat\W?free|skim", "lactose-free": r"lactose\W?free", "soy": r"soy",
}  # fmt: skip
EXTRAS = {
    "sugar-free vanilla": r"sugar\W?free vanilla", "vanilla": r"vanilla", "caramel": r"caramel(?: sauce)?",
    "chocolate": r"chocolate(?: sauce)?", "hazelnut": r"hazel\W?nut", "honey": r"honey",
    "decaf": r"decaf\w*|half\W?caf\w*", "iced": r"iced|over ice",
    "extra foam": r"extra foam", "single": r"single", "double": r"double", "triple": r"triple",
    "quadruple": r"quadruple|quad", "to go": r"to[ -]go|take\W?away|take out",
}  # fmt: skip
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


def parse(text: str) -> Order | None:
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
        more = parse(text)
        if more is None:
            return None
        order = replace(order, count=more.count) if more.drink and more.count > 1 else order
        order = order.with_more(more)
    return order
