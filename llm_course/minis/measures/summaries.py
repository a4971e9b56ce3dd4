"""How well summaries fit their references: ROUGE on three held-out sets, beside lead sentences and TextRank.

Knows nothing about how the models were trained. Every system gives the same number of sentences, one, as
most references are one sentence long. Where a text has several references, each ROUGE is that with the
reference it fits best.

Of the story summaries only those with task=moral are scored: the moral is a one-sentence gist that the story
was written from. Titles are two to four words and no sentence; dialogue goals are no stories.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from llm_course.errors import UnknownModel
from llm_course.minis.baselines.extractive import TextRank, lead
from llm_course.minis.corpora import rows
from llm_course.minis.measures.figures import Figures, Table, first, goal, stamp
from llm_course.minis.mini import Line
from llm_course.shelf.catalogue import catalogue
from llm_course.shelf.loading import ModelLike, load
from llm_course.text import split_sentences
from llm_course.use_cases.summarization import summarize

SETS = {"scitldr": "abstracts", "legal": "contracts", "story-summaries": "stories"}
ROUGE = ("rouge1", "rouge2", "rougeL")
SENTENCES, LEAD, RANK = 1, "lead sentence", "TextRank"
HOW = (
    "ROUGE F1 (rouge-score, with stemming) on split=test of SciTLDR (every reference, the best-fitting one counts), "
    "of the plain-English contract summaries, and of the story morals. Every system gives one sentence, cut by the "
    "same rule. 'mean' is the mean of ROUGE-1, ROUGE-2 and ROUGE-L; '+-' is its standard error over the texts. A "
    "system beats another on a set if its mean is higher."
)


def measure(
    data: str | Path,
    limit: int | None = None,
    *,
    model: ModelLike | None = None,
    models: Sequence[ModelLike] | None = None,
) -> Figures:
    """Measure summarizers beside lead sentences and TextRank, all in one run.

    Args:
        data: the data folder.
        limit: at most so many texts of each set: a quick look.
        model: put this one first: the one that the goals are about. Default: whichever scores highest.
        models: what ``lc.load`` takes, one each. Default: all minis of the shelf that summarize.

    Raises:
        DataMissing: a corpus is not there.
        UnknownModel: there is no mini that summarizes.
    """
    if models is None:
        models = [entry.name for entry in catalogue().values() if entry.family == "mini" and "summarize" in entry.tasks]
    if not models:
        raise UnknownModel("No mini that summarizes is on the shelf. Train one: llm-course train bert-mini-summary.")
    loaded = {lm.name: lm for lm in (load(one, task="summarize") for one in models)}
    rank = TextRank()
    sets: dict[str, Figures] = {}
    for corpus, name in SETS.items():
        own = held_out(data, corpus, limit)
        texts = [text for text, _ in own]
        written = {
            key: [s.text for s in summarize(texts, SENTENCES, model=lm, progress=False)] for key, lm in loaded.items()
        }
        written[LEAD] = [lead(text, SENTENCES) for text in texts]
        written[RANK] = [rank(text, SENTENCES) for text in texts]
        sets[name] = {
            "texts": len(texts),
            "more_than_one_sentence": sum(len(split_sentences(text)) > SENTENCES for text in texts),
            "systems": {key: scores_of(lines, [refs for _, refs in own]) for key, lines in written.items()},
        }
    means = {key: float(np.mean([s["systems"][key]["mean"] for s in sets.values()])) for key in (*loaded, LEAD, RANK)}
    best = max(loaded, key=lambda key: means[key])
    about = load(model, task="summarize").name if model is not None else best
    wins = beats(sets, about)
    return {
        "how": HOW,
        "sentences": SENTENCES,
        "sets": sets,
        "mean_over_sets": {key: round(value, 4) for key, value in means.items()},
        "highest": best,
        "beats_both_baselines_on": wins,
        "goals": [goal(f"sets of three on which {about} beats lead and TextRank", 2, len(wins))],
        **stamp(" ".join(loaded), next(iter(loaded.values())).device.type),
    }


def held_out(data: str | Path, corpus: str, limit: int | None = None) -> list[tuple[str, list[str]]]:
    """The test texts of one set with their reference summaries."""
    wanted = (r for r in rows(data, corpus, "test") if corpus != "story-summaries" or r["task"] == "moral")
    return [(r["text"], list(r.get("all_summaries") or [r["summary"]])) for r in first(wanted, limit)]


def scores_of(written: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Mean ROUGE-1, -2 and -L F1 in 0 to 1, their mean with its standard error, and words per summary."""
    from rouge_score.rouge_scorer import RougeScorer
    from scipy.stats import sem

    scorer = RougeScorer(list(ROUGE), use_stemmer=True)
    found = np.array(
        [
            [score.fmeasure for score in scorer.score_multi(list(refs), line).values()]
            for refs, line in zip(references, written, strict=True)
        ]
    )
    means = found.mean(axis=1)
    return {
        **{name: round(float(value), 4) for name, value in zip(ROUGE, found.mean(axis=0), strict=True)},
        "mean": round(float(means.mean()), 4),
        "standard_error": round(float(sem(means)), 4) if len(means) > 1 else 0.0,
        "words": round(float(np.mean([len(line.split()) for line in written])), 1),
    }


def beats(sets: dict[str, Figures], name: str) -> list[str]:
    """The sets on which a system's mean is above that of both baselines."""
    found = []
    for key, own in sets.items():
        means = {system: scores["mean"] for system, scores in own["systems"].items()}
        if means[name] > means[LEAD] and means[name] > means[RANK]:
            found.append(key)
    return found


def headline(measured: Figures, name: str) -> list[Line]:
    """What was measured, the figure of one model, and the baselines': ROUGE-1, -2 and -L."""

    def line(scores: dict[str, float]) -> str:
        return " / ".join(f"{scores[rouge]:.3f}" for rouge in ROUGE)

    return [
        (
            f"ROUGE-1 / 2 / L, {key}",
            line(own["systems"][name]),
            "; ".join(f"{base} {line(own['systems'][base])}" for base in (LEAD, RANK)),
        )
        for key, own in measured["sets"].items()
    ]


def tables(measured: Figures) -> list[Table]:
    """One table per set."""
    found = []
    for name, own in measured["sets"].items():
        lines = tuple(
            (
                key,
                *(f"{s[rouge]:.3f}" for rouge in ROUGE),
                f"{s['mean']:.3f} +- {s['standard_error']:.3f}",
                f"{s['words']:.0f}",
            )
            for key, s in own["systems"].items()
        )
        title = f"Summaries of {name}, {own['texts']} texts, {measured['sentences']} sentence each"
        found.append(Table(title, ("system", "ROUGE-1", "ROUGE-2", "ROUGE-L", "mean", "words"), lines))
    return found
