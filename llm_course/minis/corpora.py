"""The corpora that the minis are trained on: where they lie, what may be read, whose they are.

Knows nothing about models or tokenizers. A corpus is a file of JSON lines (plain or ``.xz``) below a
data folder that the user names; nothing is downloaded from here. Rows carry the field ``split``; this
module is the only reader of the files, so a test split can only be read by asking for it by name.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_course.errors import DataMissing

Row = dict[str, Any]  # one line of a corpus; the corpora have different fields


@dataclass(frozen=True)
class Corpus:
    """One training corpus: its file below the data folder, its licence, its authors, its public home."""

    file: str
    licence: str
    attribution: str
    home: str


TATOEBA = (
    "CC BY 2.0 FR",
    "Tatoeba contributors (tatoeba.org), pairs by manythings.org/anki",
    "https://www.manythings.org/anki/",
)
TATOEBA_XZ = ("fr", "de", "es", "nl")  # the other languages of the packed files
CORPORA: dict[str, Corpus] = {
    "tinystories": Corpus(
        "stories/tinystories.train.jsonl.xz",
        "CDLA-Sharing-1.0",
        "Eldan and Li, TinyStories (arXiv 2305.07759), written by GPT-3.5 and GPT-4; a sample of 9,621 stories",
        "https://huggingface.co/datasets/roneneldan/TinyStories",
    ),
    "tinystories-validation": Corpus(
        "stories/tinystories.validation.jsonl",
        "CDLA-Sharing-1.0",
        "Eldan and Li, TinyStories (arXiv 2305.07759), written by GPT-3.5 and GPT-4; the start of its validation file",
        "https://huggingface.co/datasets/roneneldan/TinyStories",
    ),
    "fables": Corpus(
        "stories/tinyfabulist-permissive.jsonl.xz",
        "MIT",
        "klusai, TinyFabulist; written by Mistral-7B, SmolLM2, Qwen2.5-7B, Phi-3 and EuroLLM",
        "https://github.com/klusai/tinyfabulist",
    ),
    "storybooks": Corpus(
        "stories/african-storybook-pratham.jsonl.xz",
        "CC BY (stated per story)",
        "African Storybook and Pratham Books StoryWeaver, through the Global Storybooks projects",
        "https://github.com/global-asp",
    ),
    "childrens-books": Corpus(
        "stories/childrens-books.jsonl.xz",
        "public domain in the USA",
        "children's books of the 19th and early 20th century, from Project Gutenberg",
        "https://www.gutenberg.org",
    ),
    **{f"tatoeba-en-{other}": Corpus(f"translation/tatoeba-en-{other}.jsonl.xz", *TATOEBA) for other in TATOEBA_XZ},
    "tatoeba-en-vi": Corpus("translation/tatoeba-en-vi.jsonl", *TATOEBA),
    "vader": Corpus(
        "sentiment/vader.jsonl.xz",
        "MIT",
        "Hutto and Gilbert, VADER (ICWSM 2014): the rated tweets, reviews and editorials",
        "https://github.com/cjhutto/vaderSentiment",
    ),
    "goemotions": Corpus(
        "sentiment/goemotions.jsonl.xz",
        "CC BY 4.0",
        "Demszky and others, GoEmotions (arXiv 2005.00547)",
        "https://github.com/google-research/google-research/tree/master/goemotions",
    ),
    "product-reviews-1": Corpus(
        "sentiment/nltk-product_reviews_1.jsonl",
        "CC BY 4.0",
        "Hu and Liu, customer reviews (KDD 2004), as packed by NLTK",
        "https://www.nltk.org/nltk_data/",
    ),
    "product-reviews-2": Corpus(
        "sentiment/nltk-product_reviews_2.jsonl",
        "CC BY 4.0",
        "Ding, Liu and Yu, customer reviews (WSDM 2008), as packed by NLTK",
        "https://www.nltk.org/nltk_data/",
    ),
    "pros-cons": Corpus(
        "sentiment/nltk-pros_cons.jsonl.xz",
        "CC BY 4.0",
        "Ganapathibhotla and Liu, pros and cons (COLING 2008), as packed by NLTK",
        "https://www.nltk.org/nltk_data/",
    ),
    "poem-sentiment": Corpus(
        "sentiment/poem-sentiment.jsonl",
        "CC BY 4.0",
        "Sheng and Uthus, poem sentiment (arXiv 2011.02686)",
        "https://github.com/google-research-datasets/poem-sentiment",
    ),
    "uci": Corpus(
        "sentiment/uci.jsonl",
        "CC BY 4.0",
        "Kotzias and others, Sentiment Labelled Sentences (KDD 2015)",
        "https://archive.ics.uci.edu/dataset/331/sentiment+labelled+sentences",
    ),
    "scitldr": Corpus(
        "summarization/scitldr-a.jsonl.xz",
        "Apache-2.0",
        "Cachola and others, SciTLDR (arXiv 2004.15011)",
        "https://github.com/allenai/scitldr",
    ),
    "legal": Corpus(
        "summarization/legal-plain-english.jsonl",
        "Apache-2.0 (texts by TL;DRLegal and TOS;DR, CC BY-SA 3.0)",
        "Manor and Li, plain English summaries of contracts (NLLP 2019)",
        "https://github.com/lauramanor/legal_summarization",
    ),
    "story-summaries": Corpus(
        "summarization/derived-open.jsonl.xz",
        "MIT, CC BY, Apache-2.0 (per source)",
        "derived from TinyFabulist, African Storybook, Pratham Books and CamRest676",
        "https://github.com/klusai/tinyfabulist",
    ),
    "topical-chat": Corpus(
        "dialogue/topical-chat.jsonl.xz",
        "CDLA-Sharing-1.0",
        "Gopalakrishnan and others, Topical-Chat (Interspeech 2019)",
        "https://github.com/alexa/Topical-Chat",
    ),
    "persona-chat": Corpus(
        "dialogue/synthetic-persona-chat.jsonl.xz",
        "CC BY 4.0",
        "Jandaghi and others, Synthetic-Persona-Chat (arXiv 2312.10007)",
        "https://github.com/google-research-datasets/Synthetic-Persona-Chat",
    ),
    "fairytaleqa": Corpus(
        "qa/fairytaleqa.jsonl.xz",
        "Apache-2.0",
        "Xu and others, FairytaleQA (arXiv 2203.13947)",
        "https://github.com/uci-soe/FairytaleQAData",
    ),
    "instruction-induction": Corpus(
        "instructions/instruction-induction.jsonl.xz",
        "Apache-2.0",
        "Honovich and others, Instruction Induction (arXiv 2205.10782)",
        "https://github.com/orhonovich/instruction-induction",
    ),
    "small-instructions": Corpus(
        "instructions/llms-from-scratch-1100.jsonl",
        "Apache-2.0",
        "Raschka, the 1,100 instructions of Build a Large Language Model From Scratch, chapter 7",
        "https://github.com/rasbt/LLMs-from-scratch",
    ),
    "coffee-dialogues": Corpus(
        "dialogue/taskmaster4-coffee.jsonl",
        "CC BY 4.0",
        "Google Research, Taskmaster-4 (TM-4-2024): customers order in a coffee bar",
        "https://github.com/google-research-datasets/Taskmaster",
    ),
}


def rows(data: str | Path, name: str, split: str = "train") -> Iterator[Row]:
    """Yield the rows of one corpus that belong to one split, in file order.

    Args:
        data: the data folder.
        name: a key of :data:`CORPORA`.
        split: ``"train"``, ``"validation"`` or ``"test"``; rows of other splits are skipped.

    Raises:
        DataMissing: the folder or the file is not there; the message names the public dataset.
    """
    corpus = CORPORA[name]
    path = Path(data) / corpus.file
    if not path.is_file():
        raise DataMissing(
            f"The corpus {name!r} should be at {path}, and is not. It is public: {corpus.home} "
            f"({corpus.licence}). Get it, write one JSON object a line with a field 'split', and pass "
            f"the folder that holds {corpus.file} with --data."
        )
    opener = lzma.open if path.suffix == ".xz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row.get("split") == split:
                yield row


def where_to_get(names: Iterable[str]) -> str:
    """The public homes of corpora, a few lines each, for people who have the network."""
    found = [CORPORA[name] for name in names]
    return "\n".join(f"  {c.file}\n    {c.attribution}\n    {c.home} ({c.licence})" for c in found)
