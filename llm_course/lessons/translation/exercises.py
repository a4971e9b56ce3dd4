"""Exercises: one step of beam search, and the whole search.

Knows nothing about models: the tables are toy languages whose answers can be worked out on paper. A table maps the
words written so far (a tuple) to the probabilities of the next word.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import called

Table = dict[tuple[str, ...], dict[str, float]]
Beam = tuple[tuple[str, ...], float]

# Greedy decoding takes "Le" and ends at 0.24; two beams find "La voiture" at 0.36.
TOY: Table = {
    (): {"Le": 0.6, "La": 0.4},
    ("Le",): {"chat": 0.4, "chien": 0.3, "vélo": 0.3},
    ("La",): {"voiture": 0.9, "maison": 0.1},
}
# Adding the probabilities prefers "q z" (0.3 + 1.0), multiplying them "p x" (0.7 x 0.5).
SUMS: Table = {(): {"p": 0.7, "q": 0.3}, ("p",): {"x": 0.5, "y": 0.5}, ("q",): {"z": 1.0}}
# Three steps: one beam ends with "a x m", two with "b x m", three with "c x m".
LONGER: Table = {
    (): {"a": 0.5, "b": 0.3, "c": 0.2},
    ("a",): {"x": 0.38, "y": 0.36, "z": 0.26},
    ("b",): {"x": 0.7, "y": 0.3},
    ("c",): {"x": 1.0},
    ("a", "x"): {"m": 0.5, "n": 0.3, "o": 0.2},
    ("a", "y"): {"m": 0.4, "n": 0.3, "o": 0.3},
    ("a", "z"): {"m": 0.4, "n": 0.3, "o": 0.3},
    ("b", "x"): {"m": 0.6, "n": 0.2, "o": 0.2},
    ("b", "y"): {"m": 0.5, "n": 0.5},
    ("c", "x"): {"m": 0.95, "n": 0.05},
}


def _step(beams: list[Beam], table: Table, k: int) -> list[Beam]:
    longer = [((*words, word), p * q) for words, p in beams for word, q in table[words].items()]
    return sorted(longer, key=lambda beam: -beam[1])[:k]


def _search(table: Table, k: int, steps: int) -> tuple[str, ...]:
    beams: list[Beam] = [((), 1.0)]
    for _ in range(steps):
        beams = _step(beams, table, k)
    return beams[0][0]


def _close(one: Any, other: float) -> bool:
    try:
        return abs(float(one) - other) < 1e-9
    except (TypeError, ValueError):
        return False


@exercise(
    "beam_step",
    hint="Gap 1: the probability of a text is the product of its steps, so p times q. Gap 2: `sorted(candidates, "
    "key=lambda beam: beam[1], reverse=True)` puts the most probable first; then keep the first k.",
    solution="""\
def beam_step(beams, table, k):
    candidates = []
    for words, p in beams:
        for word, q in table[words].items():
            probability = p * q
            candidates.append(((*words, word), probability))
    return sorted(candidates, key=lambda beam: beam[1], reverse=True)[:k]
""",
)
def check_beam_step(answer: Callable[..., object]) -> str | None:
    """``beam_step(beams, table, k)`` must lengthen every beam, multiply, and keep the k best, best first."""
    beams: list[Beam] = [(("Le",), 0.6), (("La",), 0.4)]
    got = called(answer, list(beams), TOY, 2)
    if got is None or got is ...:
        raise Wrong("Not written yet: it gives nothing back. Fill the two gaps marked with `...`.")
    try:
        pairs = [(tuple(words), p) for words, p in got]
    except (TypeError, ValueError):
        raise Wrong("The result must be a list of pairs (words, probability), as the beams that came in.") from None
    if any(p is ... for _, p in pairs):
        raise Wrong("Gap 1 is still open: each candidate needs a probability, and yours is `...`.")
    if len(pairs) > 2:
        raise Wrong(f"With k = 2 the result has {len(pairs)} beams. Keep only the first k after sorting.")
    if len(pairs) < 2:
        raise Wrong(f"With k = 2 the result has {len(pairs)} beam. Did you keep one where k beams were asked for?")
    shares = dict(pairs)
    sums = {("Le", "chat"): 1.0, ("La", "voiture"): 1.3, ("Le", "chien"): 0.9}
    if any(_close(shares.get(words), total) for words, total in sums.items()):
        raise Wrong("You added the two probabilities. Both steps must happen, one after the other: multiply them.")
    if _close(shares.get(("La", "voiture")), 0.9):
        raise Wrong("The probability is that of the last word alone. The words before it count, too: p times q.")
    if ("La", "maison") in shares:
        raise Wrong("You kept the least probable candidates. Sort with the largest probability first.")
    if any(words not in (("La", "voiture"), ("Le", "chat")) for words in shares):
        raise Wrong(
            f"Kept: {[' '.join(words) for words in shares]}. The two most probable of all five are 'La voiture' (0.36) "
            "and 'Le chat' (0.24). Did you sort all candidates together, by probability?"
        )
    if pairs[0][0] != ("La", "voiture"):
        raise Wrong("The right two beams, but not the best one first. Sort by probability, largest first.")
    if not (_close(pairs[0][1], 0.36) and _close(pairs[1][1], 0.24)):
        raise Wrong(f"'La voiture' has 0.4 x 0.9 = 0.36, and yours says {pairs[0][1]}.")
    for k in (1, 3, 10):
        if len(called(answer, list(beams), TOY, k)) != min(k, 5):
            raise Wrong(f"It is right for k = 2 but not for k = {k}. Is the 2 written into your function?")
    return "'La voiture' overtakes 'Le chat', because 'La' was still alive."


@exercise(
    "beam_search",
    hint="Start with `beams = [((), 1.0)]`. Repeat `beams = beam_step(beams, table, k)` as often as `steps` says. "
    "The first beam is the best one; return its words, not its probability.",
    solution="""\
def beam_search(table, k, steps):
    beams = [((), 1.0)]
    for _ in range(steps):
        beams = beam_step(beams, table, k)
    return beams[0][0]
""",
)
def check_beam_search(answer: Callable[..., object]) -> str | None:
    """``beam_search(table, k, steps)`` must return the words of the most probable beam as a tuple."""
    got = called(answer, TOY, 2, 2)
    if got is None or got is ...:
        raise Wrong("Not written yet: it gives nothing back. Replace the `...`, and end with a `return`.")
    if isinstance(got, list):
        raise Wrong("The result is a list. Return the words of the best beam alone, as a tuple: beams[0][0].")
    if isinstance(got, tuple) and len(got) == 2 and isinstance(got[0], tuple):
        raise Wrong("The result is a pair of words and probability. Only the words are asked for.")
    if isinstance(got, str):
        raise Wrong(f"The result is one string, {got!r}. Return a tuple with one entry a word.")
    if not isinstance(got, tuple):
        raise Wrong(f"The result is {type(got).__name__}; a tuple of words is asked for, such as ('La', 'voiture').")
    if len(got) != 2:
        raise Wrong(f"Two steps give two words, and yours gave {len(got)}. Count the rounds of your loop.")
    if got == ("Le", "chat"):
        one_beam = "with two beams 'La' survives the first step, and 'La voiture' wins in the second"
        raise Wrong(f"That is the greedy text: {one_beam}. Do you use k, and return the best beam of the last step?")
    if got in (("La", "maison"), ("Le", "chien"), ("Le", "vélo")):
        raise Wrong(f"{' '.join(got)!r} is not the most probable text. Which end of the sorted list do you return?")
    if got != ("La", "voiture"):
        raise Wrong(f"The most probable text is 'La voiture', yours is {' '.join(map(str, got))!r}.")
    if called(answer, TOY, 1, 2) != ("Le", "chat"):
        raise Wrong("With k = 1 it must be greedy and end with 'Le chat'. Do you cut to k beams in every step?")
    if called(answer, SUMS, 2, 2) == ("q", "z"):
        raise Wrong("You add probabilities along the way. All steps must happen, one after the other: multiply them.")
    for k in (1, 2, 3):
        wanted, found = _search(LONGER, k, 3), called(answer, LONGER, k, 3)
        if found != wanted:
            raise Wrong(
                f"Right on the toy, but on another table, with k = {k} and 3 steps, it gives {found} instead of "
                f"{wanted}. Do you repeat the step as often as `steps` says, and cut to k after each?"
            )
    return "One beam is greedy, two beams find the better text, and it works on a table you had not seen."
