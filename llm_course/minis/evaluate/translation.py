"""How well English is translated to French: BLEU and chrF on Tatoeba's test split, every reference used.

Knows nothing about how the model was trained. The rows are grouped by their English sentence; all French
variants of a sentence are its references. Scores are sacrebleu's, with their signatures. Beside the model
stands a translation memory: the French of the most similar sentence of the training text.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llm_course.minis.baselines.translation_memory import TranslationMemory
from llm_course.minis.corpora import rows
from llm_course.minis.evaluate.record import Table, first, goal, stamp
from llm_course.minis.recipes.marian_mini import phrase_book
from llm_course.shelf.loading import load
from llm_course.use_cases.translation import translate

CORPUS, MEMORY = "tatoeba-en-fr", "translation memory"
BLEU_WANTED, CHRF_WANTED = 45.0, 63.0
LENGTHS = ((1, 5), (6, 10), (11, 15), (16, 10_000))  # words of the English sentence, both ends included
EVERYDAY = (
    "Hello, how are you?", "Good morning!", "Thank you very much.", "What is your name?", "I am hungry.",
    "Where is the train station?", "How much does it cost?", "I don't understand.", "My sister bought a new car.",
    "The children are playing in the garden.", "Can you help me, please?", "It is raining today.",
    "I would like a cup of coffee.", "See you tomorrow!", "We live in a small house.", "He is reading a book.",
    "What time is it?", "I have two brothers and a dog.", "She does not like fish.", "Happy birthday!",
)  # fmt: skip
HOW = (
    "Rows with split=test of Tatoeba English-French, grouped by English sentence, all French variants as references "
    "(sentences have different numbers of them; sacrebleu skips the missing ones). Beam search with four beams. "
    "BLEU and chrF by sacrebleu with its defaults; the signatures say which."
)


def measure(data: str | Path, limit: int | None = None, *, model: Any = "marian-mini") -> dict[str, Any]:
    """Measure a translation model beside a translation memory.

    Args:
        data: the data folder.
        limit: at most so many English sentences, and 20 times as many rows for the memory: a quick look.
        model: what ``lc.load`` takes.

    Raises:
        DataMissing: the corpus is not there.
    """
    lm = load(model, task="translate")
    references = grouped(rows(data, CORPUS, "test"))
    english = list(first(references, limit))
    french = [references[one] for one in english]
    train = [(row["en"], row["fr"]) for row in rows(data, CORPUS)]
    # the phrase book, too; how a sentence ends makes it no other one
    known = {en.strip(" .!?") for en, _ in [*train, *phrase_book(Path(data))]}
    train = list(first(train, limit and 20 * limit))
    memory = TranslationMemory([en for en, _ in train], [fr for _, fr in train])
    found = {
        lm.name: [one.text for one in translate(english, model=lm, progress=False)],
        MEMORY: memory(english),
    }
    systems = {name: scores_of(written, french) for name, written in found.items()}
    everyday = translate(list(EVERYDAY), model=lm, progress=False)
    own = systems[lm.name]
    return {
        "how": HOW,
        "sentences": len(english),
        "references": sum(map(len, french)),
        "systems": systems,
        "by_length": {name: by_length(english, written, french) for name, written in found.items()},
        "everyday": [
            {"en": one.original, "fr": one.text, "in_training_text": one.original.strip(" .!?") in known}
            for one in everyday
        ],
        "goals": [goal("BLEU", BLEU_WANTED, own["bleu"]), goal("chrF", CHRF_WANTED, own["chrf"])],
        **stamp(lm.name, lm.device.type),
    }


def grouped(pairs: Any) -> dict[str, list[str]]:
    """English sentence -> its different French variants, in file order."""
    found: dict[str, list[str]] = {}
    for row in pairs:
        own = found.setdefault(row["en"], [])
        if row["fr"] not in own:
            own.append(row["fr"])
    return found


def scores_of(written: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Corpus BLEU and chrF, in 0 to 100, with sacrebleu's signatures.

    Args:
        written: one translation per sentence.
        references: the references of each sentence, one or more.
    """
    from sacrebleu.metrics import BLEU, CHRF

    # sacrebleu takes references by column; a sentence with fewer than others has None there and is fine.
    most = max(map(len, references))
    columns: list[list[Any]] = [[own[i] if i < len(own) else None for own in references] for i in range(most)]
    bleu, chrf = BLEU(), CHRF()
    return {
        "bleu": round(bleu.corpus_score(list(written), columns).score, 2),
        "chrf": round(chrf.corpus_score(list(written), columns).score, 2),
        "bleu_signature": str(bleu.get_signature()),
        "chrf_signature": str(chrf.get_signature()),
    }


def by_length(
    english: Sequence[str], written: Sequence[str], references: Sequence[Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """BLEU and chrF for sentences of 1 to 5, 6 to 10, 11 to 15, and more English words; empty groups are left out."""
    found = {}
    for low, high in LENGTHS:
        own = [i for i, sentence in enumerate(english) if low <= len(sentence.split()) <= high]
        if own:
            name = f"{low} to {high} words" if high < 1000 else f"{low} words or more"
            scores = scores_of([written[i] for i in own], [references[i] for i in own])
            found[name] = {"sentences": len(own), "bleu": scores["bleu"], "chrf": scores["chrf"]}
    return found


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was measured, the model's figure, and the baseline's."""
    own, memory = measured["systems"].values()
    return [
        ("BLEU, Tatoeba test", f"{own['bleu']:.1f}", f"{MEMORY} {memory['bleu']:.1f}"),
        ("chrF, Tatoeba test", f"{own['chrf']:.1f}", f"{MEMORY} {memory['chrf']:.1f}"),
    ]


def tables(measured: dict[str, Any]) -> list[Table]:
    """The scores, the scores by length, and the everyday sentences."""
    systems = measured["systems"]
    lines = tuple((name, f"{s['bleu']:.1f}", f"{s['chrf']:.1f}") for name, s in systems.items())
    own = next(iter(measured["by_length"].values()))
    lengths = tuple((n, str(s["sentences"]), f"{s['bleu']:.1f}", f"{s['chrf']:.1f}") for n, s in own.items())
    everyday = tuple((e["en"], e["fr"], "yes" if e["in_training_text"] else "no") for e in measured["everyday"])
    title = f"English to French, {measured['sentences']:,} sentences, {measured['references']:,} references"
    return [
        Table(title, ("system", "BLEU", "chrF"), lines),
        Table(f"{next(iter(systems))} by length", ("English sentence", "sentences", "BLEU", "chrF"), lengths),
        Table("Everyday sentences", ("English", "French", "in the training text"), everyday),
    ]
