"""Texts in parts: sentences by a rule, and windows of tokens that a model can read at once.

Knows nothing about models or tokenizers.
"""

from __future__ import annotations

import re

ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st jr sr vs etc e.g i.e fig eq no vol al inc ltd co corp dept approx cf u.s u.k".split()
)
# A run of marks is looked at once, from its first mark and never in part: else long ones would take quadratic time.
_END = re.compile(r"((?<![.!?…])[.!?…]++[\"'”’)\]]*+|[。！？])(\s+|$)|\n{2,}|(?<=[。！？])")


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences, keeping every word; a blank line also ends one.

    A rule, not a model: full stops after common abbreviations and single initials do not end a sentence,
    nor does one that is followed by a small letter, unless the whole text has small letters only.
    """
    sentences, start = [], 0
    capitals = any(c.isupper() for c in text)
    for match in _END.finditer(text):
        end = match.end(1) if match.group(1) else match.start()
        after = text[match.end() : match.end() + 1]
        if match.group(1) and match.group(1).startswith(".") and after:
            # Only the last few characters: a text without a sentence's end would else be copied at every full stop.
            word = re.split(r"[\s(\[\"']", text[max(start, end - 40) : end])[-1].rstrip("\"'”’)].").lower()
            initial = len(word) == 1 and word.isalpha() and word != "i"
            if initial or word in ABBREVIATIONS or (after.islower() and capitals):
                continue
        if before := text[start:end].strip():
            sentences.append(before)
            start = match.end()
    rest = text[start:].strip()
    return sentences + [rest] if rest else sentences


def windows(length: int, size: int, overlap: int) -> list[tuple[int, int]]:
    """Cover ``length`` tokens by windows ``(start, end)`` of at most ``size``, each ``overlap`` over the last.

    All windows but a lone first one have exactly ``size`` tokens: the last one starts earlier instead of
    being short, so that no window lacks context.
    """
    if length <= size:
        return [(0, length)]
    step = size - overlap
    starts = list(range(0, length - size, step)) + [length - size]
    return [(start, start + size) for start in starts]
