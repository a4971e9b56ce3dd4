"""Secret codes: words with made-up code words that no model can know, drawn anew each time.

Knows nothing about models or prompts. ``cat`` is ``bap`` in one code and ``zat`` in the next, so a model that answers
right can only have read the examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_course.arguments import number_in
from llm_course.errors import BadOption

KINDS = {
    "animal": ("cat", "dog", "horse", "sheep", "rabbit", "tiger", "bear", "goat", "mouse", "wolf"),
    "fruit": ("apple", "pear", "plum", "grape", "lemon", "peach", "cherry", "melon", "mango", "banana"),
    "clothes": ("shirt", "coat", "hat", "shoe", "sock", "dress", "scarf", "glove", "belt", "skirt"),
    "tool": ("hammer", "saw", "drill", "axe", "rake", "shovel", "knife", "pliers", "wrench", "chisel"),
    "vehicle": ("car", "bus", "train", "boat", "truck", "plane", "tram", "van", "bicycle", "ship"),
    "weather": ("rain", "snow", "wind", "storm", "fog", "hail", "sun", "cloud", "thunder", "frost"),
}
WORDS = tuple(word for words in KINDS.values() for word in words)
# Each begins with another letter, so that they differ in their first token for any tokenizer.
CODE = ("bap", "dof", "gim", "hul", "jep", "kof", "lun", "mif", "nop", "puv", "ruz", "sib", "tov", "vek", "wim", "zat")
RULES = ("dictionary", "by kind")


def never_together() -> np.ndarray:
    """Kinds and code words that incontext-mini never met together in training: bool ``(kinds, code words)``."""
    kind, code = np.arange(len(KINDS))[:, None], np.arange(len(CODE))
    return np.asarray((code + 3 * kind) % 8 == 0)


@dataclass(frozen=True)
class Problem:
    """Examples of one code, and a word to be put into it.

    Attributes:
        examples: pairs (word, code word).
        query: the word asked for.
        answer: its code word.
        shown: whether the examples say what the answer is: the word itself, or one of its kind, is among them.
    """

    examples: tuple[tuple[str, str], ...]
    query: str
    answer: str
    shown: bool


def draw_problem(
    shots: int,
    random: np.random.Generator,
    *,
    rule: str = "dictionary",
    count: int = 4,
    unmet: bool = False,
    code: Sequence[str] = CODE,
) -> Problem:
    """Draw a code, examples of it, and a question.

    Args:
        shots: number of examples.
        random: where the draws come from.
        rule: ``"dictionary"``: each of ``count`` words has its code word, and examples and question are drawn from
            these words. ``"by kind"``: each of ``count`` kinds has one, examples are drawn from all words of these
            kinds, and the word asked for is not among the examples.
        count: how many words (up to 60, with ``unmet`` up to 6) or kinds (up to 6); at most as many as code words.
        unmet: take only code words that incontext-mini never met with words of this kind.
        code: the code words.

    Raises:
        BadOption: an option is outside its range.
    """
    number_in("shots", shots, 0, 10_000, int)
    if rule not in RULES:
        raise BadOption(f"rule={rule!r} is not allowed: it is one of {', '.join(map(repr, RULES))}.")
    number_in("count", count, 1, min(len(code), len(KINDS) if unmet or rule == "by kind" else len(WORDS)), int)
    if unmet and tuple(code) != CODE:
        raise BadOption("unmet=True goes with the course's own code words: leave out code=.")
    groups = [list(words) for words in KINDS.values()]
    if unmet or rule == "by kind":
        kinds = random.permutation(len(KINDS))[:count]
        groups = [groups[kind] for kind in kinds]
    else:
        groups = [[WORDS[i]] for i in random.permutation(len(WORDS))[:count]]
    if rule == "dictionary":
        groups = [[words[random.integers(len(words))]] for words in groups]
    if unmet:
        never = never_together()
        codes = [code[random.choice(np.flatnonzero(never[kind]))] for kind in kinds]
    else:
        codes = [code[i] for i in random.permutation(len(code))[:count]]
    asked = int(random.integers(count))
    query = groups[asked][random.integers(len(groups[asked]))]
    if rule == "by kind":
        groups[asked] = [word for word in groups[asked] if word != query]
    which = random.integers(count, size=shots)
    examples = tuple((groups[i][random.integers(len(groups[i]))], codes[i]) for i in which)
    return Problem(examples, query, codes[asked], bool((which == asked).any()))
