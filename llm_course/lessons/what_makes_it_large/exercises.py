"""Exercises: from probabilities to perplexity, and to bits per byte.

Knows nothing about notebooks or models. Each check calls the reader's function on cases whose answer is
known, and names the mistake that a wrong answer points to.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from llm_course.checks.exercises import Wrong, exercise
from llm_course.lessons.answers import number

HALVES = [0.5, 0.25, 0.125, 0.125]  # surprises of 1, 2, 3 and 3 bits


def _is(number: float, expected: float) -> bool:
    return math.isclose(number, expected, rel_tol=1e-6, abs_tol=1e-9)


@exercise(
    "perplexity_of",
    hint="Gap 1: the surprise of a token is minus the logarithm of its probability, and np.log takes a whole array. "
    "Gap 2: the loss is a logarithm, and np.exp undoes np.log.",
    solution="""def perplexity_of(probabilities):
    surprise = -np.log(probabilities)            # one number for each token, in nats
    loss = np.mean(surprise)
    return np.exp(loss)                          # back from the logarithm""",
)
def check_perplexity_of(answer: Callable[..., object]) -> str | None:
    """``answer(probabilities)``: e to the mean of ``-log p``."""
    import numpy as np

    halves = number(answer(np.array(HALVES)))
    eighth = number(answer(np.full(5, 0.125)))
    loss = math.log(2) * 2.25
    if _is(halves, loss):
        raise Wrong("That is the loss, in nats. Gap 2 undoes the logarithm, so that five times 1/8 gives 8.")
    if _is(halves, 2.25) or _is(halves, 2**loss):
        raise Wrong(
            "You mix two logarithms. np.log and np.exp belong together, and np.log2 goes with 2 to the power of."
        )
    if _is(halves, math.exp(-loss)):
        raise Wrong(
            f"For five times 1/8 you get {eighth:.3f}, and it should be 8. "
            "Perplexity is never below 1: is a minus sign missing?"
        )
    if _is(halves, sum(1 / p for p in HALVES) / 4):
        raise Wrong(
            "You take the mean of 1/p. Right where all tokens are alike, but the mean has to be taken of the "
            "logarithms: one token of probability 0.0001 must not count for all others."
        )
    if _is(halves, 4 / sum(HALVES)):
        raise Wrong("You take the mean of the probabilities. Take the mean of their logarithms.")
    if _is(halves, math.exp(loss * 4)):
        raise Wrong("A sum instead of a mean: your perplexity grows with the length of the text.")
    if not (_is(halves, math.exp(loss)) and _is(eighth, 8)):
        raise Wrong(
            f"For {HALVES} expected {math.exp(loss):.3f}, got {halves:.3f}; "
            f"for five times 1/8 expected 8, got {eighth:.3f}."
        )
    if not _is(number(answer(np.array([1.0, 1.0]))), 1):
        raise Wrong("A model that is always certain, and right, has perplexity 1. Yours gives something else.")
    return "five times 1/8 gives 8, and certainty gives 1."


@exercise(
    "bits_per_byte",
    hint="Three steps: add up all logprobs and take the minus sign; divide by math.log(2), which turns nats into bits; "
    "divide by the number of bytes, len(text.encode('utf-8')).",
    solution="""def bits_per_byte(logprobs, text):
    nats = -sum(logprobs)                        # the whole text, not the mean
    bits = nats / math.log(2)
    return bits / len(text.encode("utf-8"))""",
)
def check_bits_per_byte(answer: Callable[..., object]) -> str | None:
    """``answer(logprobs, text)``: the whole loss in bits over the bytes of the text."""
    text = "étés"  # 4 letters, 6 bytes
    logprobs = [math.log(p) for p in HALVES[:3]]  # 6 bits
    found = number(answer(logprobs, text))
    nats = 6 * math.log(2)
    known = {
        -1.0: "The sign is wrong: logarithms of probabilities are negative, and bits per byte are not.",
        6 / 4: "You divide by the letters. In 'étés' there are 4 letters but 6 bytes: é takes two. "
        "len(text.encode('utf-8')) counts bytes.",
        nats / 6: "These are nats per byte. One bit is log 2 = 0.693 nats: divide by math.log(2).",
        nats / 4: "These are nats per letter. Divide by math.log(2), and by the bytes: len(text.encode('utf-8')).",
        6 / 3: "You divide by the number of tokens: that is bits per token, and depends on the tokenizer.",
        6 / 3 / 6: "You take the mean over tokens and divide by the bytes as well. Take the sum, then divide once.",
        nats * math.log(2) / 6: "You multiply by log 2. From nats to bits the number grows: divide by math.log(2).",
        6.0: "That is the whole text in bits. One step is left: divide by its bytes.",
        nats: "That is the whole text in nats. Two steps are left: to bits, and per byte.",
    }
    for value, diagnosis in known.items():
        if _is(found, value):
            raise Wrong(diagnosis)
    if not _is(found, 1):
        raise Wrong(
            "Three tokens of probability 1/2, 1/4 and 1/8 carry 6 bits, and 'étés' has 6 bytes: "
            f"expected 1, got {found:.3f}."
        )
    twice = number(answer(logprobs * 2, text * 2))
    if not _is(twice, 1):
        raise Wrong(f"The same text twice should have as many bits per byte as once. Yours goes from 1 to {twice:.3f}.")
    return "6 bits for the 6 bytes of 'étés' are 1 bit per byte, and the text twice over has no more."
