"""Sentiment without a neural network: weighted words with logistic regression, and a word list with rules.

Knows nothing about corpora or the minis: it is handed texts and labels. Both give the course's three labels.
TF-IDF with logistic regression learns from the same training rows as a mini; VADER (Hutto and Gilbert,
ICWSM 2014) learns nothing, it looks words up and applies rules for negation and emphasis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

LABELS = ("positive", "neutral", "negative")
# VADER's authors call a text positive from +0.05 on and negative from -0.05 on (README, About the scoring).
NEUTRAL_WITHIN = 0.05


class BagOfWords:
    """TF-IDF of words and pairs of words, then logistic regression with balanced classes.

    Args:
        strength: inverse of the regularization, ``C`` of scikit-learn.
    """

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength
        self._steps: Any = None

    def fit(self, texts: Sequence[str], labels: Sequence[str]) -> BagOfWords:
        """Learn from texts and their labels; returns itself. A rare class counts as much as a frequent one."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        # One-letter words and marks such as "!" are kept: they carry feeling.
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, token_pattern=r"\w+(?:'\w+)?|[!?]")
        self._steps = make_pipeline(
            words, LogisticRegression(C=self.strength, class_weight="balanced", max_iter=300, random_state=0)
        )
        self._steps.fit(list(texts), list(labels))
        return self

    def shares(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Probability of each label, for each text."""
        names = [str(name) for name in self._steps.classes_]
        rows = self._steps.predict_proba(list(texts))
        return [dict(zip(names, map(float, row), strict=True)) for row in rows]

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The most probable label of each text."""
        return [max(own, key=lambda name: own[name]) for own in self.shares(texts)]


def valences(texts: Sequence[str]) -> list[float]:
    """VADER's compound score of each text, in [-1, 1]; 0 where it knows no word of feeling."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    judge = SentimentIntensityAnalyzer()
    return [judge.polarity_scores(text)["compound"] for text in texts]


def vader(texts: Sequence[str]) -> list[str]:
    """VADER's label of each text, from its compound score."""
    return [
        "positive" if score >= NEUTRAL_WITHIN else "negative" if score <= -NEUTRAL_WITHIN else "neutral"
        for score in valences(texts)
    ]
