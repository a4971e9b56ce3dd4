"""An n-gram language model: the next token guessed by counting what followed the last n - 1 tokens.

Knows nothing about neural networks or tokenizers: a token is any value that can be a dictionary key. Its
probabilities are interpolated with those of shorter contexts by the rule of Witten and Bell (1991), which has no
number to tune: the more different tokens a context has had after it, the less its own counts are trusted.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

from llm_course.errors import BadOption

STORIES = Path(__file__).parent / "stories.txt"
HELD_OUT = 2


def stories() -> tuple[list[str], list[str]]:
    """The very short stories of the lesson: those to count, and the held-out ones that no n-gram model may count."""
    blocks = STORIES.read_text(encoding="utf-8").split("\n\n")
    found = [block.strip() for block in blocks if not block.startswith("#")]
    return found[:-HELD_OUT], found[-HELD_OUT:]


class NGram:
    """A table of counts: how often each token followed each context of 0 to n - 1 tokens.

    Args:
        n: 1 ignores the context, 2 looks at one token before (bigram), 3 at two (trigram), and so on.
        vocabulary: every token there is. Below the shortest context all of them are equally probable, so that
            no token ever gets probability 0.

    Raises:
        BadOption: ``n`` is below 1, or the vocabulary is empty.
    """

    def __init__(self, n: int, vocabulary: Iterable[Hashable]) -> None:
        self.n = n
        self.vocabulary = list(dict.fromkeys(vocabulary))
        if n < 1 or not self.vocabulary:
            raise BadOption(
                f"NGram(n={n}) with {len(self.vocabulary)} tokens: n is 1 or more, and so is the vocabulary."
            )
        self._known = set(self.vocabulary)
        self.counts: defaultdict[tuple[Any, ...], Counter[Any]] = defaultdict(Counter)

    def learn(self, tokens: Sequence[Hashable]) -> NGram:
        """Count one text; returns the model itself. Contexts do not reach from one text into the next.

        Raises:
            BadOption: a token is not in the vocabulary.
        """
        for place, token in enumerate(tokens):
            if token not in self._known:
                raise BadOption(f"The token {token!r} is not in the vocabulary of {len(self.vocabulary)} tokens.")
            for length in range(min(self.n - 1, place) + 1):
                self.counts[tuple(tokens[place - length : place])][token] += 1
        return self

    def probability(self, token: Hashable, context: Sequence[Hashable] = ()) -> float:
        """How probable ``token`` is after ``context``; only the last n - 1 tokens of it matter.

        Raises:
            BadOption: the token is not in the vocabulary.
        """
        if token not in self._known:
            raise BadOption(f"The token {token!r} is not in the vocabulary of {len(self.vocabulary)} tokens.")
        context = self._seen(context)
        followers = self.counts.get(context)
        if not followers:  # nothing was learned at all
            return 1 / len(self.vocabulary)
        shorter = self.probability(token, context[1:]) if context else 1 / len(self.vocabulary)
        kinds = len(followers)
        return (followers[token] + kinds * shorter) / (followers.total() + kinds)

    def logprobs(self, tokens: Sequence[Hashable]) -> list[float]:
        """Natural log-probability of each token of a text, given those before it."""
        return [math.log(self.probability(token, tokens[:place])) for place, token in enumerate(tokens)]

    def next_tokens(self, context: Sequence[Hashable], k: int = 10) -> list[tuple[Any, float]]:
        """The ``k`` most probable tokens after a context, the most probable first."""
        ranked = [(token, self.probability(token, context)) for token in self.vocabulary]
        return sorted(ranked, key=lambda pair: -pair[1])[:k]

    def write(self, context: Sequence[Any], new: int, seed: int = 0, end: Hashable = None) -> list[Any]:
        """Draw up to ``new`` tokens to follow a context, each with its own probability; stops before ``end``."""
        rng = random.Random(seed)
        tokens = list(context)
        for _ in range(new):
            token = self._draw(self._seen(tokens), rng)
            if end is not None and token == end:
                break
            tokens.append(token)
        return tokens[len(context) :]

    def _seen(self, context: Sequence[Any]) -> tuple[Any, ...]:
        """The longest end of a context, at most n - 1 tokens, that was followed by something while learning."""
        known = tuple(context[max(0, len(context) - self.n + 1) :])
        while known and known not in self.counts:
            known = known[1:]
        return known

    def _draw(self, context: tuple[Any, ...], rng: random.Random) -> Any:
        """One token. The rule of ``probability`` as lots: a lot for each count, and a lot to shorten for each kind."""
        followers = self.counts.get(context, Counter())
        if rng.random() * (followers.total() + len(followers)) < followers.total():
            return rng.choices(list(followers), list(followers.values()))[0]
        return self._draw(self._seen(context[1:]), rng) if context else rng.choice(self.vocabulary)
