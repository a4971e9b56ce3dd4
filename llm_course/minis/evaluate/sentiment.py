"""How well sentiment is told: macro-F1, accuracy, confusion, calibration, and 60 plain sentences.

Knows nothing about how the model was trained. Only rows with split=test are scored. TF-IDF with logistic
regression learns from the rows with split=train, its strength chosen on split=validation; VADER learns
nothing. All three are scored in one run on the same rows.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llm_course.minis.baselines.bag_of_words import LABELS, BagOfWords, vader
from llm_course.minis.corpora import rows
from llm_course.minis.evaluate.record import Table, first, goal, stamp
from llm_course.minis.recipes.bert_mini import SENTIMENT
from llm_course.shelf.loading import load
from llm_course.use_cases.sentiment import sentiment

PLAIN = Path(__file__).parent.parent / "plain_sentences.json"
STRENGTHS, BINS, MARGIN, PLAIN_WANTED = (0.5, 1.0, 2.0, 4.0), 15, 0.03, 0.85
TFIDF, RULES = "TF-IDF and logistic regression", "VADER"
HOW = (
    "All rows with split=test of the sentiment corpora. Macro-F1 is the mean of the three classes' F1. Calibration "
    "error: 15 equal bins of the probability of the chosen class, mean distance of probability and accuracy weighted "
    "by rows (Guo and others 2017, arXiv 1706.04599). TF-IDF with logistic regression is trained on split=train, its "
    "strength chosen on split=validation."
)


def measure(data: str | Path, limit: int | None = None, *, model: Any = "bert-mini-sentiment") -> dict[str, Any]:
    """Measure a sentiment model beside both baselines.

    Args:
        data: the data folder.
        limit: at most so many test rows of each corpus, and 20 times as many to train the baseline: a quick
            look, no fair comparison.
        model: what ``lc.load`` takes; it must know three classes.

    Raises:
        DataMissing: a corpus is not there.
    """
    lm = load(model, task="sentiment")
    test = _rows(data, "test", limit)
    texts, truth, corpora = [t for t, _, _ in test], [label for _, label, _ in test], [c for _, _, c in test]
    plain = plain_sentences()
    plain_texts, plain_truth = [one["text"] for one in plain], [one["label"] for one in plain]

    own = [one.scores for one in sentiment(texts, model=lm, progress=False)]
    own_plain = [one.label for one in sentiment(plain_texts, model=lm, progress=False)]
    bag = _best_bag(_rows(data, "train", limit and 20 * limit), _rows(data, "validation", limit))
    bag_shares = bag.shares(texts)
    found = {lm.name: [_top(s) for s in own], TFIDF: [_top(s) for s in bag_shares], RULES: vader(texts)}
    found_plain = {lm.name: own_plain, TFIDF: bag.predict(plain_texts), RULES: vader(plain_texts)}

    systems: dict[str, dict[str, Any]] = {}
    for name, labels in found.items():
        systems[name] = scores_of(truth, labels) | {
            "by_corpus": {
                corpus: round(
                    _accuracy([t == f for t, f, c in zip(truth, labels, corpora, strict=True) if c == corpus]), 4
                )
                for corpus in dict.fromkeys(corpora)
            },
            "plain_accuracy": round(
                _accuracy([t == f for t, f in zip(plain_truth, found_plain[name], strict=True)]), 4
            ),
        }
    for name, shares in ((lm.name, own), (TFIDF, bag_shares)):
        right = [t == f for t, f in zip(truth, found[name], strict=True)]
        systems[name]["calibration_error"] = round(calibration_error([max(s.values()) for s in shares], right), 4)
    f1 = {name: systems[name]["macro_f1"] for name in systems}
    return {
        "how": HOW,
        "rows": len(test),
        "systems": systems,
        "tfidf_strength": bag.strength,
        "plain_missed": [
            {"text": text, "label": t, "found": f}
            for text, t, f in zip(plain_texts, plain_truth, own_plain, strict=True) if t != f
        ],
        "goals": [
            goal("macro-F1 above TF-IDF and logistic regression by", MARGIN, f1[lm.name] - f1[TFIDF]),
            goal("macro-F1 above VADER by", MARGIN, f1[lm.name] - f1[RULES]),
            goal("share of the 60 plain sentences", PLAIN_WANTED, systems[lm.name]["plain_accuracy"]),
        ],
        **stamp(lm.name, lm.device.type),
    }  # fmt: skip


def plain_sentences() -> list[dict[str, str]]:
    """The 60 plain sentences: ``text``, ``label`` (20 of each), and ``kind`` (negation, fact, ...)."""
    return json.loads(PLAIN.read_text(encoding="utf-8"))


def scores_of(truth: Sequence[str], found: Sequence[str]) -> dict[str, Any]:
    """Macro-F1, accuracy, F1 of each class, and the confusion matrix: ``confusion[true][found]`` in rows.

    A class that is neither in the truth nor found has F1 0, as it was never told.
    """
    confusion = {t: dict.fromkeys(LABELS, 0) for t in LABELS}
    for t, f in zip(truth, found, strict=True):
        confusion[t][f] += 1
    f1 = {}
    for label in LABELS:
        hit = confusion[label][label]
        total = sum(confusion[label].values()) + sum(confusion[t][label] for t in LABELS)
        f1[label] = 2 * hit / total if total else 0.0
    return {
        "macro_f1": round(sum(f1.values()) / len(LABELS), 4),
        "accuracy": round(_accuracy([t == f for t, f in zip(truth, found, strict=True)]), 4),
        "f1": {label: round(value, 4) for label, value in f1.items()},
        "confusion": confusion,
    }


def calibration_error(confidence: Sequence[float], right: Sequence[bool], bins: int = BINS) -> float:
    """Expected calibration error: how far probabilities are from the share that is right, in [0, 1].

    Bin ``k`` of ``n`` holds confidences above ``k / n`` and up to ``(k + 1) / n``.
    """
    groups: dict[int, list[tuple[float, bool]]] = {}
    for chance, hit in zip(confidence, right, strict=True):
        groups.setdefault(min(bins - 1, max(0, math.ceil(chance * bins) - 1)), []).append((chance, hit))
    gaps = (abs(sum(chance for chance, _ in own) - sum(hit for _, hit in own)) for own in groups.values())
    return sum(gaps) / len(confidence)


def _rows(data: str | Path, split: str, limit: int | None) -> list[tuple[str, str, str]]:
    return [(r["text"], r["label"], name) for name in SENTIMENT for r in first(rows(data, name, split), limit)]


def _best_bag(train: list[tuple[str, str, str]], validation: list[tuple[str, str, str]]) -> BagOfWords:
    """The baseline with the strength that does best on the validation rows."""
    texts, labels = [t for t, _, _ in train], [label for _, label, _ in train]
    bags = [BagOfWords(strength).fit(texts, labels) for strength in STRENGTHS]
    truth, held = [label for _, label, _ in validation], [t for t, _, _ in validation]
    if not held:
        return bags[STRENGTHS.index(1.0)]
    return max(bags, key=lambda bag: scores_of(truth, bag.predict(held))["macro_f1"])


def _top(shares: dict[str, float]) -> str:
    return max(shares, key=lambda label: shares[label])


def _accuracy(right: Sequence[bool]) -> float:
    return sum(right) / len(right) if right else 0.0


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was measured, the model's figure, and the baselines'."""
    (_, own), *others = measured["systems"].items()

    def line(what: str, key: str) -> tuple[str, str, str]:
        return what, f"{own[key]:.3f}", "; ".join(f"{name} {s[key]:.3f}" for name, s in others if key in s)

    return [
        line("macro-F1, test rows", "macro_f1"), line("accuracy, test rows", "accuracy"),
        line("calibration error (lower is better)", "calibration_error"),
        line("accuracy, 60 plain sentences", "plain_accuracy"),
    ]  # fmt: skip


def tables(measured: dict[str, Any]) -> list[Table]:
    """The systems side by side, and the confusion matrix of the first."""
    systems = measured["systems"]
    lines = tuple(
        (name, f"{s['macro_f1']:.3f}", f"{s['accuracy']:.3f}",
         f"{s['calibration_error']:.3f}" if "calibration_error" in s else "-", f"{s['plain_accuracy']:.3f}")
        for name, s in systems.items()
    )  # fmt: skip
    name, own = next(iter(systems.items()))
    confusion = tuple((f"truly {t}", *(str(own["confusion"][t][f]) for f in LABELS)) for t in LABELS)
    corpora = tuple((c, *(f"{s['by_corpus'][c]:.3f}" for s in systems.values())) for c in own["by_corpus"])
    return [
        Table(f"Sentiment, {measured['rows']:,} test rows", ("system", "macro-F1", "accuracy", "calibration error",
              "60 plain sentences"), lines),
        Table(f"Confusion of {name}, rows", ("", *(f"found {label}" for label in LABELS)), confusion),
        Table("Accuracy by corpus", ("corpus", *systems), corpora),
    ]  # fmt: skip
