"""Translation without a model: the translation of the most similar sentence of the training text.

Knows nothing about corpora or the minis. A translation memory shows how far remembering alone goes: a model
that does no better has learned sentences, not translation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


class TranslationMemory:
    """Finds the known source sentence whose words are most similar (TF-IDF, cosine).

    Args:
        sources: known sentences.
        targets: their translations, in the same order.
    """

    def __init__(self, sources: Sequence[str], targets: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        if len(sources) != len(targets) or not sources:
            raise ValueError(f"{len(sources)} sentences and {len(targets)} translations: give as many, at least one.")
        self.targets = list(targets)
        self._words: Any = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
        self._known: Any = self._words.fit_transform(list(sources))

    def __call__(self, sentences: Sequence[str]) -> list[str]:
        """The remembered translation for each sentence."""
        found: list[str] = []
        for start in range(0, len(sentences), 64):
            wanted = self._words.transform(list(sentences[start : start + 64]))
            likeness = (wanted @ self._known.T).toarray()
            found += [self.targets[int(best)] for best in np.argmax(likeness, axis=1)]
        return found
