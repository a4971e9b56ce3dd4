"""Small instructions whose answers follow a rule: letters of words, sums, numbers in words, words by first letter.

Knows nothing about models. The corpus of instructions has 800 examples of each task, and its test rows ask for
larger numbers than its training rows show. These makers draw more, from the training part's own wordings of the
instruction; whatever a test row asks is never drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = "- - twenty thirty forty fifty sixty seventy eighty ninety".split()
Maker = Callable[[np.random.Generator, Sequence[str], Sequence[str]], tuple[str, str]]


def in_words(number: int) -> str:
    """A whole number from 0 to 9,999 in British English, as the corpus writes it.

    >>> in_words(3524)
    'three thousand, five hundred and twenty-four'
    >>> in_words(4093)
    'four thousand and ninety-three'
    """
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + (f"-{ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        more = f" and {in_words(number % 100)}" if number % 100 else ""
        return f"{ONES[number // 100]} hundred{more}"
    rest = number % 1000
    joint = "" if not rest else " and " if rest < 100 else ", "
    return f"{ONES[number // 1000]} thousand{joint}{in_words(rest) if rest else ''}"


def words_with(sentence: str, letter: str) -> list[str]:
    """The words of a sentence that begin with a letter, in its order, lower case."""
    return [w for w in re.findall(r"[a-z']+", sentence.lower()) if w.startswith(letter)]


def _one(random: np.random.Generator, items: Sequence[str]) -> str:
    return items[int(random.integers(len(items)))]


def _first(random: np.random.Generator, words: Sequence[str], sentences: Sequence[str]) -> tuple[str, str]:
    word = _one(random, words)
    return word, word[0]


def _second(random: np.random.Generator, words: Sequence[str], sentences: Sequence[str]) -> tuple[str, str]:
    word = _one(random, words)
    return word, word[1]


def _letters(random: np.random.Generator, words: Sequence[str], sentences: Sequence[str]) -> tuple[str, str]:
    word = _one(random, words)
    return word, " ".join(word)


def _sum(random: np.random.Generator, words: Sequence[str], sentences: Sequence[str]) -> tuple[str, str]:
    a, b = (int(i) for i in random.integers(0, 100, 2))
    return f"{a} {b}", str(a + b)


def _difference(random: np.random.Generator, words: Sequence[str], sentences: Sequence[str]) -> tuple[str, str]:
    b, over = (int(i) for i in random.integers(0, 100, 2))
    return f"{b + over} {b}", str(over)


def _number(random: np.random.Generator, words: Sequence[str], sentences: Sequence[str]) -> tuple[str, str]:
    number = int(random.integers(0, 10 ** int(random.integers(2, 5))))
    return str(number), in_words(number)


def _starting(random: np.random.Generator, words: Sequence[str], sentences: Sequence[str]) -> tuple[str, str]:
    sentence = _one(random, sentences)
    letter = _one(random, [w[0] for w in re.findall(r"[a-z']+", sentence.lower())])
    return f"{sentence} [{letter}]", " ".join(words_with(sentence, letter))


MAKERS: dict[str, Maker] = {
    "first_word_letter": _first,
    "second_word_letter": _second,
    "letters_list": _letters,
    "sum": _sum,
    "diff": _difference,
    "num_to_verbal": _number,
    "orthography_starts_with": _starting,
}


def forbidden(task: str, inputs: Sequence[str]) -> set[str]:
    """What must not be drawn for a task: the inputs of its test rows; of sums also the other way round."""
    turned = [" ".join(reversed(text.split())) for text in inputs] if task == "sum" else []
    return {text.lower() for text in [*inputs, *turned]}


def draw(
    task: str,
    count: int,
    random: np.random.Generator,
    words: Sequence[str],
    sentences: Sequence[str],
    not_these: set[str],
) -> list[tuple[str, str]]:
    """``count`` pairs of input and output of a task, none of whose inputs is in ``not_these`` (lower case)."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        pair = MAKERS[task](random, words, sentences)
        if pair[0].lower() not in not_these and pair[1]:
            found.append(pair)
    return found
