"""Who wrote alike: pairs of submissions with much code in common beyond the starter code.

Knows nothing about points or notebooks; a reason to look, never a proof.
"""

from __future__ import annotations

import re
from itertools import combinations

SHINGLE = 5  # tokens
ALIKE = 0.8
COMPARED = 200_000  # characters of one submission
FEWEST = 30  # shingles that a submission needs to be compared


def shingles(texts: list[str]) -> frozenset[tuple[str, ...]]:
    """Runs of ``SHINGLE`` tokens in code, comments and white space left out."""
    found: set[tuple[str, ...]] = set()
    left = COMPARED
    for text in texts:
        text, left = text[:left], max(0, left - len(text))
        tokens = re.findall(r"\w+|[^\w\s]", re.sub(r"#[^\n]*", "", text))
        found |= {tuple(tokens[start : start + SHINGLE]) for start in range(len(tokens) - SHINGLE + 1)}
    return frozenset(found)


def alike(written: dict[str, list[str]], starter: list[str]) -> list[tuple[str, str, float]]:
    """Pairs of students whose code is alike beyond the starter code: (student, student, share), most alike first.

    The share is the Jaccard index of the two sets of token runs (Broder, 1997), those of the starter code left out. It
    says that two texts are alike, not why: short tasks have few solutions.
    """
    given = shingles(starter)
    sets = {student: shingles(texts) - given for student, texts in written.items()}
    pairs = []
    for one, other in combinations(sorted(name for name, found in sets.items() if len(found) >= FEWEST), 2):
        both = len(sets[one] & sets[other])
        share = both / (len(sets[one]) + len(sets[other]) - both)
        if share >= ALIKE:
            pairs.append((one, other, share))
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
