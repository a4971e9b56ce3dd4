"""Summaries without learning: the first sentences, and TextRank.

Knows nothing about corpora or the minis. Both pick whole sentences of the text, cut by the same rule as the
minis' (:func:`llm_course.text.split_sentences`), so that only the choice differs. TextRank (Mihalcea and
Tarau, EMNLP 2004) is sumy's; it is given the course's sentences and needs no data of NLTK's.
"""

from __future__ import annotations

import re
from typing import Any

from llm_course.text import split_sentences


def lead(text: str, sentences: int = 1) -> str:
    """The first sentences of a text."""
    return " ".join(split_sentences(text)[:sentences])


class _Words:
    """What sumy asks of a tokenizer: sentences and words of a text."""

    def to_sentences(self, text: str) -> tuple[str, ...]:
        return tuple(split_sentences(text))

    def to_words(self, text: str) -> tuple[str, ...]:
        return tuple(re.findall(r"\w+(?:'\w+)?", text.lower()))


class TextRank:
    """The sentences that share most words with the others, as PageRank finds them."""

    def __init__(self) -> None:
        from sumy.nlp.stemmers import Stemmer
        from sumy.summarizers.text_rank import TextRankSummarizer
        from sumy.utils import get_stop_words

        self._rank: Any = TextRankSummarizer(Stemmer("english"))
        self._rank.stop_words = get_stop_words("english")
        self._words = _Words()

    def __call__(self, text: str, sentences: int = 1) -> str:
        """The best sentences in the order in which they stand in the text."""
        from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence

        # Built by hand: sumy's own reader takes a line of capitals for a heading and drops it.
        own = [Sentence(sentence, self._words) for sentence in split_sentences(text)]
        document = ObjectDocumentModel([Paragraph(own)])
        return " ".join(str(sentence) for sentence in self._rank(document, sentences))
