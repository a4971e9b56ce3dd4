"""bert-mini-sentiment: bert-mini, fine-tuned to tell positive, neutral and negative apart.

A new layer reads the first token ``[CLS]`` (Devlin and others 2019, section 3.2). All of bert-mini is trained
on. (With its table of word embeddings frozen, macro-F1 on the validation rows stayed one to two points lower.)
What the package stores is the difference to bert-mini, cut to a low rank: less than half the room, and macro-F1
on the validation rows fell from 0.720 to 0.719. Training low-rank differences from the start failed in the one
run that was tried (rank 32, Muon at 8e-3): the model named one class for all. One token in ten is hidden, another
way at each reading, so that it cannot learn its examples by heart; in one run each, that made no clear difference.

The rated corpora are reviews, tweets and comments; they hold few plain facts. So everyday sentences are
added that nobody rated: two weak judges, a word list with rules and a bag of words, label them, and they
count for less (weak supervision: Ratner and others 2017, arXiv 1711.10160).

Measured beside TF-IDF with logistic regression and VADER, all scored in one run on the rows with split=test, and on 60
plain sentences.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from transformers import BertForSequenceClassification, PreTrainedTokenizerFast

from llm_course.minis.baselines import bag_of_words
from llm_course.minis.baselines.bag_of_words import BagOfWords, vader, valences
from llm_course.minis.batches import LengthBatches, pad
from llm_course.minis.bert_mini import SENTIMENT
from llm_course.minis.bert_mini import texts as texts_of
from llm_course.minis.corpora import rows
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, first, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.shelf.loading import ModelLike, load
from llm_course.shelf.stored import folder_of
from llm_course.use_cases.sentiment import sentiment

BASE = "bert-mini"
EVERYDAY = "tatoeba-en-fr"
LABELS = ["negative", "neutral", "positive"]
LONGEST, BATCH_TOKENS, SMOOTHING, HIDDEN = 128, 2048, 0.05, 0.1
PLAN = Plan(steps=2200, lr=4e-4, muon=1.5e-3, warmup=200, weight_decay=0.05)
# Everyday sentences: how many of each class, how much one counts, and how sure the word list has to be of a feeling.
WEAK_ROWS, WEAK_WEIGHT, SURE = {"negative": 8000, "neutral": 14000, "positive": 8000}, 0.5, 0.35
NEGATION = re.compile(r"\b(?:not|no|never|nothing|nobody|cannot|hardly)\b|n't\b", re.I)


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """bert-mini's."""
    return PreTrainedTokenizerFast.from_pretrained(folder_of(BASE))


def make_model(tokenizer: PreTrainedTokenizerFast) -> BertForSequenceClassification:
    """bert-mini with a new, random layer on top."""
    torch.manual_seed(PLAN.seed)
    return BertForSequenceClassification.from_pretrained(
        folder_of(BASE),
        dtype=torch.float32,
        attn_implementation="eager",
        num_labels=3,
        classifier_dropout=0.1,
        hidden_dropout_prob=0.1,
        id2label=dict(enumerate(LABELS)),
        label2id={n: i for i, n in enumerate(LABELS)},
    )


def weakly_labeled(data: Path) -> list[tuple[str, str, float]]:
    """Everyday sentences with the label on which two judges agree, and their weight.

    The word list (VADER) has to find no feeling at all, or a clear one. The bag of words, trained on the rated
    rows, has to say the same, unless the sentence is negated: there it is the one that errs.
    """
    rated = [(row["text"], row["label"]) for name in SENTIMENT for row in rows(data, name)]
    bag = BagOfWords(2.0).fit([t for t, _ in rated], [label for _, label in rated])
    sentences = list(texts_of(data, EVERYDAY))
    np.random.default_rng(PLAN.seed).shuffle(sentences)
    found: dict[str, list[str]] = {label: [] for label in LABELS}
    for text, valence, guess in zip(sentences, valences(sentences), bag.predict(sentences), strict=True):
        if valence != 0 and abs(valence) < SURE:
            continue
        label = "neutral" if valence == 0 else "positive" if valence > 0 else "negative"
        if guess == label or (valence != 0 and NEGATION.search(text)):
            found[label].append(text)
    return [(text, label, WEAK_WEIGHT) for label, own in found.items() for text in own[: WEAK_ROWS[label]]]


class Task:
    """Sentences with their class, the loss of any batch of them, and the score on the validation rows."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        self.tokenizer = tokenizer
        rated = [(row["text"], row["label"], weight_of(n, row)) for n in SENTIMENT for row in rows(data, n)]
        found = rated + weakly_labeled(data)
        self.ids = self.encode([text for text, _, _ in found])
        self.labels = np.array([LABELS.index(label) for _, label, _ in found])
        # Rare classes weigh more, so that none is neglected.
        share = np.bincount(self.labels[: len(rated)], minlength=3) / len(rated)
        self.weights = (np.array([w for _, _, w in found]) / share[self.labels] ** 0.5).astype(np.float32)
        self.weights /= self.weights.mean()
        self.batches = LengthBatches([[len(i)] for i in self.ids], BATCH_TOKENS, PLAN.seed)
        self.held = [(row["text"], row["label"]) for n in SENTIMENT for row in rows(data, n, "validation")]

    def encode(self, sentences: list[str]) -> list[list[int]]:
        """Token ids of each sentence, cut to LONGEST with the end token kept."""
        end = self.tokenizer.sep_token_id
        encodings = self.tokenizer.backend_tokenizer.encode_batch(sentences)
        return [e.ids if len(e.ids) <= LONGEST else [*e.ids[: LONGEST - 1], end] for e in encodings]

    def hide(self, ids: list[int], random: np.random.Generator) -> list[int]:
        """The sentence with about one token in ten replaced by ``[MASK]``; its frame is kept."""
        hidden = random.random(len(ids)) < HIDDEN
        hidden[[0, -1]] = False
        return np.where(hidden, self.tokenizer.mask_token_id, ids).tolist()

    def scores(self, model: torch.nn.Module, sentences: list[list[int]]) -> torch.Tensor:
        """Scores of the three classes, ``(sentences, 3)``, float32."""
        device, fill = next(model.parameters()).device, self.tokenizer.pad_token_id
        ids = torch.from_numpy(pad(sentences, fill)).to(device)
        return model(input_ids=ids, attention_mask=(ids != fill).long()).logits.float()

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Weighted cross-entropy of the class, in nats, with label smoothing."""
        batch = self.batches[number]
        random = np.random.default_rng([PLAN.seed + 1, number])
        logits = self.scores(model, [self.hide(self.ids[i], random) for i in batch])
        labels = torch.from_numpy(self.labels[batch]).to(logits.device)
        weights = torch.from_numpy(self.weights[batch]).to(logits.device)
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none", label_smoothing=SMOOTHING)
        return (losses * weights).mean()

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """Macro-F1 on the validation rows."""
        from sklearn.metrics import f1_score

        if not self.held:
            return {}
        ids = self.encode([text for text, _ in self.held])
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        found = np.zeros(len(ids), dtype=int)
        for start in range(0, len(order), 64):
            some = order[start : start + 64]
            found[some] = self.scores(model, [ids[i] for i in some]).argmax(1).cpu().numpy()
        truth = np.array([LABELS.index(label) for _, label in self.held])
        return {"validation_macro_f1": round(f1_score(truth, found, average="macro", zero_division=0.0), 4)}


def weight_of(name: str, row: dict[str, str]) -> float:
    """How much a row counts: "neutral" product reviews are only those without an annotated opinion."""
    return 0.3 if name.startswith("product-reviews") and row["label"] == "neutral" else 1.0


# --- how it is measured --------------------------------------------------------------------------------------------

PLAIN = Path(__file__).parent / "plain_sentences.json"
STRENGTHS, BINS, MARGIN, PLAIN_WANTED = (0.5, 1.0, 2.0, 4.0), 15, 0.03, 0.85
TFIDF, RULES = "TF-IDF and logistic regression", "VADER"
HOW = (
    "All rows with split=test of the sentiment corpora. Macro-F1 is the mean of the three classes' F1. Calibration "
    "error: 15 equal bins of the probability of the chosen class, mean distance of probability and accuracy weighted "
    "by rows (Guo and others 2017, arXiv 1706.04599). TF-IDF with logistic regression is trained on split=train, its "
    "strength chosen on split=validation."
)


def measure(data: str | Path, limit: int | None = None, *, model: ModelLike = "bert-mini-sentiment") -> Figures:
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

    systems: dict[str, Figures] = {}
    places = {corpus: np.array([c == corpus for c in corpora]) for corpus in dict.fromkeys(corpora)}
    for name, labels in found.items():
        right = np.array(truth) == np.array(labels)
        systems[name] = scores_of(truth, labels) | {
            "by_corpus": {corpus: round(float(right[own_rows].mean()), 4) for corpus, own_rows in places.items()},
            "plain_accuracy": round(_accuracy(plain_truth, found_plain[name]), 4),
        }
    for name, shares in ((lm.name, own), (TFIDF, bag_shares)):
        hits = [t == f for t, f in zip(truth, found[name], strict=True)]
        systems[name]["calibration_error"] = round(calibration_error([max(s.values()) for s in shares], hits), 4)
    f1 = {name: systems[name]["macro_f1"] for name in systems}
    return {
        "how": HOW,
        "rows": len(test),
        "systems": systems,
        "tfidf_strength": bag.strength,
        "plain_missed": [
            {"text": text, "label": t, "found": f}
            for text, t, f in zip(plain_texts, plain_truth, own_plain, strict=True)
            if t != f
        ],
        "goals": [
            goal("macro-F1 above TF-IDF and logistic regression by", MARGIN, f1[lm.name] - f1[TFIDF]),
            goal("macro-F1 above VADER by", MARGIN, f1[lm.name] - f1[RULES]),
            goal("share of the 60 plain sentences", PLAIN_WANTED, systems[lm.name]["plain_accuracy"]),
        ],
        **stamp(lm.name, lm.device.type),
    }


def plain_sentences() -> list[dict[str, str]]:
    """The 60 plain sentences: ``text``, ``label`` (20 of each), and ``kind`` (negation, fact, ...)."""
    return json.loads(PLAIN.read_text(encoding="utf-8"))


def scores_of(truth: Sequence[str], found: Sequence[str]) -> Figures:
    """Macro-F1, accuracy, F1 of each class, and the confusion matrix: ``confusion[true][found]`` in rows.

    A class that is neither in the truth nor found has F1 0, as it was never told.
    """
    from sklearn.metrics import classification_report, confusion_matrix

    names = list(bag_of_words.LABELS)
    told = classification_report(truth, found, labels=names, output_dict=True, zero_division=0.0)
    table = confusion_matrix(truth, found, labels=names).tolist()
    return {
        "macro_f1": round(told["macro avg"]["f1-score"], 4),
        "accuracy": round(_accuracy(truth, found), 4),
        "f1": {label: round(told[label]["f1-score"], 4) for label in names},
        "confusion": {label: dict(zip(names, row, strict=True)) for label, row in zip(names, table, strict=True)},
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


def _rows(data: str | Path, split: str, limit: int | None) -> list[Line]:
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


def _accuracy(truth: Sequence[str], found: Sequence[str]) -> float:
    """The share of labels that are right."""
    return float(np.mean([t == f for t, f in zip(truth, found, strict=True)]))


def headline(measured: Figures) -> list[Line]:
    """What was measured, the model's figure, and the baselines'."""
    (_, own), *others = measured["systems"].items()

    def line(what: str, key: str) -> tuple[str, str, str]:
        return what, f"{own[key]:.3f}", "; ".join(f"{name} {s[key]:.3f}" for name, s in others if key in s)

    return [
        line("macro-F1, test rows", "macro_f1"),
        line("accuracy, test rows", "accuracy"),
        line("calibration error (lower is better)", "calibration_error"),
        line("accuracy, 60 plain sentences", "plain_accuracy"),
    ]


def tables(measured: Figures) -> list[Table]:
    """The systems side by side, and the confusion matrix of the first."""
    systems = measured["systems"]
    lines = tuple(
        (
            name,
            f"{s['macro_f1']:.3f}",
            f"{s['accuracy']:.3f}",
            f"{s['calibration_error']:.3f}" if "calibration_error" in s else "-",
            f"{s['plain_accuracy']:.3f}",
        )
        for name, s in systems.items()
    )
    name, own = next(iter(systems.items()))
    confusion = tuple(
        (f"truly {t}", *(str(own["confusion"][t][f]) for f in bag_of_words.LABELS)) for t in bag_of_words.LABELS
    )
    corpora = tuple((c, *(f"{s['by_corpus'][c]:.3f}" for s in systems.values())) for c in own["by_corpus"])
    return [
        Table(
            f"Sentiment, {measured['rows']:,} test rows",
            ("system", "macro-F1", "accuracy", "calibration error", "60 plain sentences"),
            lines,
        ),
        Table(f"Confusion of {name}, rows", ("", *(f"found {label}" for label in bag_of_words.LABELS)), confusion),
        Table("Accuracy by corpus", ("corpus", *systems), corpora),
    ]


def remarks(measured: Figures) -> list[str]:
    """The plain sentences it gets wrong."""
    missed = [f"- {m['text']} (is {m['label']}, found {m['found']})" for m in measured["plain_missed"]]
    return ["**Plain sentences it gets wrong**", "\n".join(missed) or "None."]


MINI = Mini(
    name="bert-mini-sentiment",
    kind="representation, fine-tuned",
    tasks=("sentiment",),
    default_for=("sentiment",),
    about="Tells whether a text is positive, neutral or negative. Fine-tuned from bert-mini.",
    data="rated sentences in three classes",
    example='print(lc.sentiment("I love this product!"))',
    limits=(
        "It learned single English sentences; a long text is read in windows whose probabilities are averaged.",
        "Sarcasm, quotations and mixed feelings may mislead it.",
        "Its corpora were rated by different people under different rules, and 'neutral' is the least certain class.",
        "It must not be used to decide about people.",
    ),
    hub_task="text-classification",
    tags=("bert", "sentiment"),
    corpora=(*SENTIMENT, EVERYDAY),
    base=BASE,
    rank=96,
    table_rank=16,
    window=LONGEST,  # it has learned positions up to that: longer texts are read in windows of that size
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
    remarks=remarks,
)
