"""Judging of assignment 6: confusion matrix, accuracy and macro-F1, calibration, BLEU by hand, bias by pairs.

Trusted: never released, never in the sandbox. Knows nothing about notebooks. All tasks but the last work on made-up
answers; the last asks bert-mini-sentiment, and what is right is computed from it when the judging is done.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from typing import Any

import numpy as np

from llm_course.checks.compare import close, exact
from llm_course.grading.tasks import Arguments, Cases, Mistake, Task

Rng = np.random.Generator
Table = np.ndarray
CLASSES = ["positive", "neutral", "negative"]
MODEL = "bert-mini-sentiment"


# Task 1: confusion matrix


def confusion(truth: list[str], said: list[str], classes: list[str]) -> Table:
    """Row = true class, column = what the model said; both in the order of ``classes``."""
    table = np.zeros((len(classes), len(classes)), dtype=int)
    for right, answer in zip(truth, said, strict=True):
        table[classes.index(right), classes.index(answer)] += 1
    return table


def _confusion_counts(truth: list[str], said: list[str], classes: list[str]) -> list[list[int]]:
    counts = Counter(zip(truth, said, strict=True))
    return [[counts[right, answer] for answer in classes] for right in classes]


def _confusion_sklearn(truth: list[str], said: list[str], classes: list[str]) -> Any:
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(truth, said, labels=classes)


def _confusion_turned(truth: list[str], said: list[str], classes: list[str]) -> Table:
    return confusion(said, truth, classes)


def _confusion_alphabet(truth: list[str], said: list[str], classes: list[str]) -> Table:
    return confusion(truth, said, sorted(classes))


def _confusion_seen_only(truth: list[str], said: list[str], classes: list[str]) -> Table:
    return confusion(truth, said, [one for one in classes if one in truth or one in said])


def _confusion_shares(truth: list[str], said: list[str], classes: list[str]) -> Table:
    table = confusion(truth, said, classes).astype(float)
    return table / np.maximum(1, table.sum(axis=1, keepdims=True))


def _labels(rng: Rng, n: int, classes: list[str]) -> Arguments:
    truth = [str(one) for one in rng.choice(classes, size=n, p=[0.5, 0.3, 0.2])]
    said = [one if rng.uniform() < 0.6 else str(rng.choice(classes)) for one in truth]
    return [*truth, classes[0], classes[2]], [*said, classes[2], classes[1]], classes


def _confusion_hidden(rng: Rng) -> Cases:
    return [
        _labels(rng, 20, CLASSES),
        _labels(rng, 12, ["spam", "ham", "eggs"]),
        (["b", "a"], ["a", "b"], ["c", "b", "a"]),
    ]


# Task 2: accuracy and macro-F1


def scores(table: Table) -> dict[str, float]:
    """Accuracy, and the plain mean of the classes' F1 (0 for a class that is never right)."""
    hits, true, said = np.diag(table), table.sum(axis=1), table.sum(axis=0)
    return {
        "accuracy": float(hits.sum() / table.sum()),
        "macro_f1": float(np.mean(2 * hits / np.maximum(1, true + said))),
    }


def _scores_long(table: Table) -> dict[str, float]:
    each = []
    for k in range(len(table)):
        hit = table[k, k]
        recall = hit / table[k].sum() if table[k].sum() else 0.0
        precision = hit / table[:, k].sum() if table[:, k].sum() else 0.0
        each.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return {"macro_f1": sum(each) / len(each), "accuracy": np.trace(table) / np.sum(table)}


def _parts(table: Table) -> tuple[Table, Table]:
    return np.diag(table) / np.maximum(1, table.sum(1)), np.diag(table) / np.maximum(1, table.sum(0))


def _f1_of_means(table: Table) -> dict[str, float]:
    recall, precision = (part.mean() for part in _parts(table))
    return scores(table) | {"macro_f1": float(2 * precision * recall / (precision + recall))}


def _f1_micro(table: Table) -> dict[str, float]:
    return scores(table) | {"macro_f1": scores(table)["accuracy"]}


def _f1_weighted(table: Table) -> dict[str, float]:
    each = 2 * np.diag(table) / np.maximum(1, table.sum(1) + table.sum(0))
    return scores(table) | {"macro_f1": float(np.average(each, weights=table.sum(axis=1)))}


def _f1_recall(table: Table) -> dict[str, float]:
    return scores(table) | {"macro_f1": float(_parts(table)[0].mean())}


def _f1_nan(table: Table) -> dict[str, float]:
    with np.errstate(all="ignore"):
        recall, precision = np.diag(table) / table.sum(1), np.diag(table) / table.sum(0)
        return scores(table) | {"macro_f1": float(np.mean(2 * precision * recall / (precision + recall)))}


def _f1_without_zeros(table: Table) -> dict[str, float]:
    each = 2 * np.diag(table) / np.maximum(1, table.sum(1) + table.sum(0))
    return scores(table) | {"macro_f1": float(each[each > 0].mean())}


def _tables_hidden(rng: Rng) -> Cases:
    cases: Cases = []
    for n in (3, 3, 4, 2):
        table = rng.integers(1, 9, size=(n, n)) + np.diag(rng.integers(3, 15, size=n))
        table[0] *= 4  # one class is frequent
        cases.append((table,))
    never = cases[0][0].copy()
    never[:, 2] = 0  # a class that the model never names
    return [*cases, (never,)]


# Task 3: calibration


def calibration_error(confidence: Table, right: list[bool], bins: int) -> float:
    """Expected calibration error with equal bins from 0 to 1 (Guo and others 2017, section 2)."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    hits = np.array(right, dtype=float)
    return float(sum(abs(confidence[place == b].sum() - hits[place == b].sum()) for b in range(bins)) / len(hits))


def _calibration_loop(confidence: Table, right: list[bool], bins: int) -> float:
    error = 0.0
    for b in range(bins):
        mine = [i for i, c in enumerate(confidence) if b / bins <= c < (b + 1) / bins or (b == bins - 1 and c == 1)]
        if mine:
            gap = np.mean(confidence[mine]) - np.mean([right[i] for i in mine])
            error += len(mine) / len(right) * abs(gap)
    return error


def _bins(confidence: Table, right: list[bool], bins: int) -> list[tuple[float, float, int, int]]:
    """(mean confidence, share right, how many, number) of every bin that is not empty."""
    place, hits = np.minimum((confidence * bins).astype(int), bins - 1), np.array(right, dtype=float)
    return [
        (float(confidence[place == b].mean()), float(hits[place == b].mean()), int((place == b).sum()), b)
        for b in range(bins)
        if (place == b).any()
    ]


def _calibration_unweighted(confidence: Table, right: list[bool], bins: int) -> float:
    return float(np.mean([abs(c - r) for c, r, _, _ in _bins(confidence, right, bins)]))


def _calibration_signed(confidence: Table, right: list[bool], bins: int) -> float:
    return float(sum(n * (c - r) for c, r, n, _ in _bins(confidence, right, bins)) / len(right))


def _calibration_middles(confidence: Table, right: list[bool], bins: int) -> float:
    return float(sum(n * abs((b + 0.5) / bins - r) for _, r, n, b in _bins(confidence, right, bins)) / len(right))


def _calibration_one_bin(confidence: Table, right: list[bool], bins: int) -> float:
    return float(abs(confidence.mean() - np.mean(right)))


def _calibration_one_falls_out(confidence: Table, right: list[bool], bins: int) -> float:
    place, hits = (confidence * bins).astype(int), np.array(right, dtype=float)
    return float(sum(abs(confidence[place == b].sum() - hits[place == b].sum()) for b in range(bins)) / len(hits))


def _calibration_each(confidence: Table, right: list[bool], bins: int) -> float:
    return float(np.abs(confidence - np.array(right, dtype=float)).mean())


def _calibration_case(rng: Rng, n: int, bins: int) -> Arguments:
    place = rng.integers(bins, size=n)
    confidence = (place + rng.uniform(0.1, 0.9, size=n)) / bins  # never on the edge of a bin
    confidence[:2] = 1.0  # and these in the last
    return confidence, [False, *(bool(hit) for hit in rng.uniform(size=n - 1) < 0.3 + 0.4 * confidence[1:])], bins


# Task 4: clipped precision


def clipped_precision(written: str, references: list[str], n: int) -> tuple[int, int]:
    """Of how many n-grams of the translation how many count; each at most as often as one reference has it."""
    have = _grams(written, n)
    most: Counter[tuple[str, ...]] = Counter()
    for reference in references:
        most |= _grams(reference, n)
    return (have & most).total(), have.total()


def _grams(text: str, n: int) -> Counter[tuple[str, ...]]:
    words = text.split()
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _clipped_by_hand(written: str, references: list[str], n: int) -> list[int]:
    words = written.split()
    grams = [words[i : i + n] for i in range(len(words) - n + 1)]
    texts = [[one.split()[i : i + n] for i in range(len(one.split()))] for one in references]
    total = 0
    for i, gram in enumerate(grams):
        total += grams[:i].count(gram) < max(text.count(gram) for text in texts)
    return [int(total), len(grams)]


def _unclipped(written: str, references: list[str], n: int) -> tuple[int, int]:
    have, known = _grams(written, n), {gram for one in references for gram in _grams(one, n)}
    return sum(count for gram, count in have.items() if gram in known), have.total()


def _clipped_by_sum(written: str, references: list[str], n: int) -> tuple[int, int]:
    have, known = _grams(written, n), sum((_grams(one, n) for one in references), Counter())
    return (have & known).total(), have.total()


def _clipped_first(written: str, references: list[str], n: int) -> tuple[int, int]:
    return clipped_precision(written, references[:1], n)


def _clipped_best_single(written: str, references: list[str], n: int) -> tuple[int, int]:
    return max(clipped_precision(written, [one], n) for one in references)


def _clipped_recall(written: str, references: list[str], n: int) -> tuple[int, int]:
    return clipped_precision(written, references, n)[0], max(_grams(one, n).total() for one in references)


def _clipped_sets(written: str, references: list[str], n: int) -> tuple[int, int]:
    have, known = set(_grams(written, n)), {gram for one in references for gram in _grams(one, n)}
    return len(have & known), len(have)


FRENCH = [
    "le chat dort sur le tapis",
    "la voiture rouge est dans le garage",
    "nous avons mangé le pain et le fromage",
    "elle a ouvert la porte et la fenêtre",
    "il pleut depuis ce matin dans la ville",
    "les enfants jouent dans le jardin",
]


def _translation(rng: Rng, reference: str, swaps: int) -> str:
    """A translation that is partly right: its first four words stay, later ones may be doubled, lost or changed."""
    words = reference.split()
    for _ in range(swaps):
        place = int(rng.integers(4, len(words) + 1))
        kind = int(rng.integers(3))
        words[place : place + (kind != 0)] = (
            [] if kind == 1 else [str(rng.choice(["le", "la", "petit", "et", words[0]]))]
        )
    return " ".join(words)


def _clipped_hidden(rng: Rng) -> Cases:
    cases: Cases = [
        ("le le le le chat", ["le chat dort", "le chat et le chien"], 1),
        ("et la fenêtre et la porte", ["elle ouvre la porte et la fenêtre", "et la porte aussi et la fenêtre"], 2),
        ("le chat", ["un chat", "le chien"], 1),
    ]
    for n in (1, 2, 3, 1, 2):
        one, two = (FRENCH[int(k)] for k in rng.permutation(len(FRENCH))[:2])
        cases.append((_translation(rng, one, 3), [one, two], n))
    return cases


# Task 5: BLEU of a collection


def bleu(written: list[str], references: list[str]) -> float:
    """Corpus BLEU, 0 to 100, one reference a sentence, no smoothing (Papineni and others 2002, section 2.3)."""
    return _bleu(written, references)


def _bleu(
    written: list[str],
    references: list[str],
    penalty: str = "right",
    mean: str = "geometric",
    precisions: str = "totals",
) -> float:
    shares = []
    for n in range(1, 5):
        counts = [clipped_precision(text, [one], n) for text, one in zip(written, references, strict=True)]
        if precisions == "mean":
            shares.append(sum(hits / max(1, total) for hits, total in counts) / len(counts))
            continue
        shares.append(sum(hits for hits, _ in counts) / max(1, sum(total for _, total in counts)))
    if min(shares) == 0 and mean == "geometric":
        return 0.0
    ours, theirs = (sum(len(text.split()) for text in texts) for texts in (written, references))
    if penalty == "turned":
        ours, theirs = theirs, ours
    factor = 1.0 if penalty == "none" or ours >= theirs else math.exp(1 - theirs / ours)
    if penalty == "ratio":
        factor = min(1.0, ours / theirs)
    middle = math.prod(shares) ** 0.25 if mean == "geometric" else sum(shares) / 4
    return 100 * factor * middle


def _bleu_logs(written: list[str], references: list[str]) -> np.float64:
    logs = []
    for n in (1, 2, 3, 4):
        hits = sum((_grams(a, n) & _grams(b, n)).total() for a, b in zip(written, references, strict=True))
        total = sum(max(0, len(a.split()) - n + 1) for a in written)
        if not hits:
            return np.float64(0)
        logs.append(np.log(hits) - np.log(total))
    lengths = [len(" ".join(texts).split()) for texts in (written, references)]
    return 100 * np.exp(np.mean(logs) + min(0, 1 - lengths[1] / lengths[0]))


def _bleu_sacrebleu(written: list[str], references: list[str]) -> float:
    import sacrebleu

    return sacrebleu.corpus_bleu(written, [references], tokenize="none", smooth_method="none").score


def _bleu_mean(written: list[str], references: list[str]) -> float:
    return float(np.mean([_bleu([a], [b]) for a, b in zip(written, references, strict=True)]))


def _bleu_arithmetic(written: list[str], references: list[str]) -> float:
    return _bleu(written, references, mean="arithmetic")


def _bleu_no_penalty(written: list[str], references: list[str]) -> float:
    return _bleu(written, references, penalty="none")


def _bleu_turned(written: list[str], references: list[str]) -> float:
    return _bleu(written, references, penalty="turned")


def _bleu_ratio(written: list[str], references: list[str]) -> float:
    return _bleu(written, references, penalty="ratio")


def _bleu_share(written: list[str], references: list[str]) -> float:
    return _bleu(written, references) / 100


def _bleu_joined(written: list[str], references: list[str]) -> float:
    return _bleu([" ".join(written)], [" ".join(references)])


def _bleu_mean_precisions(written: list[str], references: list[str]) -> float:
    return _bleu(written, references, precisions="mean")


def _bleu_penalty_each(written: list[str], references: list[str]) -> float:
    lengths = [(len(a.split()), len(b.split())) for a, b in zip(written, references, strict=True)]
    factors = [1.0 if ours >= theirs else math.exp(1 - theirs / ours) for ours, theirs in lengths]
    return _bleu(written, references, penalty="none") * sum(factors) / len(factors)


def _bleu_hidden(rng: Rng) -> Cases:
    cases: Cases = []
    for short in (True, False, True):
        references = [FRENCH[int(k)] for k in rng.permutation(len(FRENCH))[:4]]
        written = [_translation(rng, one, 2) for one in references]
        if short:
            written = [" ".join(text.split()[:5]) for text in written]
        else:
            written[0] += " et le petit chat rouge et bleu"
            written[1] += " et la petite ville et le port"
        cases.append((written, references))
    return [*cases, (["un deux trois"], ["quatre cinq six sept"])]


# Task 6: bias by pairs


TEMPLATES = [
    "{} liked the film, but not the end.",
    "{} forgot the keys again.",
    "{} said that the food was cold.",
    "{} is kind, but always late.",
    "{} waited for an hour and smiled.",
    "{} did not expect to win.",
    "{} found the book too long, but read it twice.",
    "{} missed the bus and laughed about it.",
    "{} lost a glove and found a friend.",
    "{} worked hard and slept badly.",
    "{} is learning to cook and burned the soup.",
    "{} was not happy with the hotel.",
]
PAIRS = [
    ["My sister", "My brother"],
    ["My grandmother", "My grandfather"],
    ["The young teacher", "The old teacher"],
    ["The woman next door", "The man next door"],
    ["My aunt", "My uncle"],
    ["The girl", "The boy"],
    ["The student from the city", "The student from the village"],
]


def pair_gap(templates: list[str], pair: list[str], model: str) -> dict[str, float]:
    """Balance (p positive minus p negative) with the first filling minus that with the second: mean, and mean size."""
    gaps = np.subtract(*_balances(templates, pair, model))
    return {"mean": float(gaps.mean()), "size": float(np.abs(gaps).mean())}


def _balances(templates: list[str], pair: list[str], model: str) -> Table:
    import llm_course as lc

    found = lc.sentiment([template.format(one) for one in pair for template in templates], model=model, progress=False)
    return np.array([one.scores["positive"] - one.scores["negative"] for one in found]).reshape(2, -1)


def _gap_loop(templates: list[str], pair: list[str], model: str) -> dict[str, float]:
    import llm_course as lc

    gaps = []
    for template in templates:
        first, second = (lc.sentiment(template.replace("{}", one), model=model).scores for one in pair)
        gaps.append((first["positive"] - first["negative"]) - (second["positive"] - second["negative"]))
    return {"size": sum(map(abs, gaps)) / len(gaps), "mean": sum(gaps) / len(gaps)}


def _gap_cancels(templates: list[str], pair: list[str], model: str) -> dict[str, float]:
    mean = pair_gap(templates, pair, model)["mean"]
    return {"mean": mean, "size": abs(mean)}


def _gap_turned(templates: list[str], pair: list[str], model: str) -> dict[str, float]:
    return pair_gap(templates, pair[::-1], model)


def _gap_first(templates: list[str], pair: list[str], model: str) -> dict[str, float]:
    return pair_gap(templates[:1], pair, model)


def _gap_positive_only(templates: list[str], pair: list[str], model: str) -> dict[str, float]:
    import llm_course as lc

    p = [[lc.sentiment(t.format(one), model=model).scores["positive"] for t in templates] for one in pair]
    gaps = np.subtract(*np.array(p))
    return {"mean": float(gaps.mean()), "size": float(np.abs(gaps).mean())}


def _gap_sum(templates: list[str], pair: list[str], model: str) -> dict[str, float]:
    return {name: value * len(templates) for name, value in pair_gap(templates, pair, model).items()}


@cache
def _gaps() -> Table:
    """Gap of every pair at every template, (pairs, templates)."""
    return np.array([np.subtract(*_balances(TEMPLATES, pair, MODEL)) for pair in PAIRS])


def _gap_hidden(rng: Rng) -> Cases:
    """Three pairs with seven templates each, drawn so that gaps go both ways: only then does their size tell."""
    found = []
    for pair in rng.permutation(len(PAIRS)):
        for _ in range(8):
            chosen = rng.permutation(len(TEMPLATES))[:7]
            gaps = _gaps()[pair][chosen]
            found.append((float(np.abs(gaps).mean() - abs(gaps.mean())), int(pair), [int(k) for k in chosen]))
    best = [max(one for one in found if one[1] == pair) for pair in range(len(PAIRS))]
    return [([TEMPLATES[k] for k in chosen], PAIRS[pair], MODEL) for _, pair, chosen in sorted(best, reverse=True)[:3]]


_TRUTH = ["positive", "positive", "negative", "neutral", "positive"]
_SAID = ["positive", "neutral", "negative", "neutral", "negative"]

TASKS = (
    Task(
        "confusion",
        "confusion",
        confusion,
        visible=((_TRUTH, _SAID, CLASSES), (["a", "a"], ["b", "a"], ["b", "a", "c"])),
        hidden=_confusion_hidden,
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake("transposed", _confusion_turned, "It is transposed: the ROW is the true class."),
            Mistake(
                "in alphabetical order",
                _confusion_alphabet,
                "Your classes stand in alphabetical order. Keep the order of the list `classes`.",
            ),
            Mistake(
                "absent classes left out",
                _confusion_seen_only,
                "A class that does not occur still has a row and a column, of zeros.",
            ),
            Mistake("shares", _confusion_shares, "Counts are wanted, not shares."),
        ),
        right=(_confusion_counts, _confusion_sklearn),
    ),
    Task(
        "scores",
        "scores",
        scores,
        visible=(
            (np.array([[8, 2], [3, 1]]),),
            (np.array([[90, 5, 5], [4, 5, 1], [3, 0, 0]]),),
            (np.array([[5, 1, 0], [2, 4, 0], [1, 1, 0]]),),
        ),
        hidden=_tables_hidden,
        points=(1, 3),
        mistakes=(
            Mistake(
                "F1 of the mean precision and recall",
                _f1_of_means,
                "The wrong average: F1 of the means is not the mean of the F1s. Each class gets its F1 first.",
            ),
            Mistake(
                "micro",
                _f1_micro,
                "Your macro-F1 is the accuracy once more: you added up all classes before you divided.",
            ),
            Mistake(
                "weighted",
                _f1_weighted,
                "You weight the classes by size. In macro-F1 every class counts the same; that is its point.",
            ),
            Mistake("recall only", _f1_recall, "This is the mean recall. F1 needs the precision, too (columns)."),
            Mistake(
                "classes at 0 left out",
                _f1_without_zeros,
                "A class whose F1 is 0 is left out of your mean. It counts, as 0: divide by the number of all classes.",
            ),
            Mistake(
                "0 over 0",
                _f1_nan,
                "Not a number: a class that was never named (or never right) gives 0 / 0. Its F1 is 0.",
            ),
        ),
        right=(_scores_long,),
    ),
    Task(
        "calibration",
        "calibration_error",
        calibration_error,
        visible=(
            (np.array([0.95, 0.85, 0.92, 0.88, 0.62, 0.64]), [True, True, False, True, False, True], 5),
            (np.array([0.55, 0.58, 0.57, 0.95, 0.96]), [True, True, True, True, False], 10),
            (np.array([0.3, 0.35, 0.9, 1.0]), [False, True, True, False], 4),
        ),
        hidden=lambda rng: [_calibration_case(rng, n, bins) for n, bins in ((30, 5), (40, 10), (25, 4))],
        points=(1, 4),
        mistakes=(
            Mistake(
                "bins not weighted",
                _calibration_unweighted,
                "The wrong average: a bin with one text counts as much as a full one. Weigh by the share of texts.",
            ),
            Mistake(
                "gaps cancel",
                _calibration_signed,
                "Your gaps cancel each other: overconfident here, too modest there. Take absolute values.",
            ),
            Mistake(
                "middle of the bin",
                _calibration_middles,
                "You compare with the middle of the bin. Take the mean confidence of the texts that are in it.",
            ),
            Mistake("no bins", _calibration_one_bin, "You compare two overall means. Go bin by bin."),
            Mistake(
                "confidence 1 falls out",
                _calibration_one_falls_out,
                "An answer with confidence 1 lies in none of your bins. It belongs to the last one: limit the "
                "bin's number (np.minimum).",
            ),
            Mistake(
                "text by text",
                _calibration_each,
                "You compare each text with 0 or 1. One text is always right or wrong; a share needs a bin.",
            ),
        ),
        right=(_calibration_loop,),
    ),
    Task(
        "clipped",
        "clipped_precision",
        clipped_precision,
        visible=(
            ("le le le chat", ["le chat dort"], 1),
            ("le chat et le chien", ["le chat dort", "le chien et le chat"], 2),
            ("la la la", ["la porte", "la fenêtre"], 1),
            ("le chat dort", ["un chat dort", "le chien dort bien ici"], 1),
        ),
        hidden=_clipped_hidden,
        points=(1, 3),
        compare=exact(),
        mistakes=(
            Mistake(
                "not clipped",
                _unclipped,
                "A word counts however often it is repeated. Clip: at most as often as a reference has it.",
            ),
            Mistake(
                "clipped by the sum",
                _clipped_by_sum,
                "You add up the references. Clip by the ONE that has the n-gram most often.",
            ),
            Mistake(
                "the best single reference",
                _clipped_best_single,
                "You score against each reference and keep the best. For EACH n-gram take the reference that has "
                "it most often: two n-grams may owe their count to two references.",
            ),
            Mistake("the first reference alone", _clipped_first, "Only the first reference counts. Look at all."),
            Mistake(
                "divided by the reference",
                _clipped_recall,
                "You count the n-grams of the reference: this is recall. BLEU divides by those of the translation.",
            ),
            Mistake("sets", _clipped_sets, "You use sets, so repeated n-grams are lost. Count them (Counter)."),
        ),
        right=(_clipped_by_hand,),
    ),
    Task(
        "bleu",
        "bleu",
        bleu,
        visible=(
            (["le chat dort sur le tapis rouge"], ["le chat dort sur le tapis"]),
            (["le chat dort sur"], ["le chat dort sur le tapis"]),
            (
                ["le chat dort sur le tapis", "la voiture rouge est ici"],
                ["le chat dort sur le tapis", "la voiture rouge est dans le garage"],
            ),
        ),
        hidden=_bleu_hidden,
        points=(2, 4),
        compare=close(1e-4),
        mistakes=(
            Mistake(
                "mean of the sentences' scores",
                _bleu_mean,
                "The wrong average: you score each sentence and take the mean. Add up the counts of all sentences "
                "first, then compute one score.",
            ),
            Mistake(
                "mean of the sentences' precisions",
                _bleu_mean_precisions,
                "You compute a precision for each sentence and take their mean, so a short sentence counts as much "
                "as a long one. Add up over all sentences what counts, and all n-grams; then divide once.",
            ),
            Mistake(
                "texts joined",
                _bleu_joined,
                "You join the sentences into one text. Then n-grams reach across their borders, and a word of one "
                "sentence is found in the reference of another. Count in each sentence, and add up the counts.",
            ),
            Mistake(
                "a penalty for each sentence",
                _bleu_penalty_each,
                "You compute a brevity penalty for each sentence. There is one, from the length of all "
                "translations together: a sentence that is too short may be made up for by another.",
            ),
            Mistake(
                "arithmetic mean",
                _bleu_arithmetic,
                "You average the four precisions by adding. BLEU multiplies them and takes the fourth root.",
            ),
            Mistake(
                "no brevity penalty",
                _bleu_no_penalty,
                "The brevity penalty is missing: a translation that stops early must not win.",
            ),
            Mistake(
                "penalty for length",
                _bleu_turned,
                "Your penalty works the wrong way round: it is for translations that are SHORTER than the reference.",
            ),
            Mistake(
                "penalty is a ratio",
                _bleu_ratio,
                "Your penalty is the ratio of lengths. It is exp(1 - reference length / translation length).",
            ),
            Mistake("0 to 1", _bleu_share, "Right, but from 0 to 1. Scores are printed times 100."),
        ),
        right=(_bleu_logs, _bleu_sacrebleu),
    ),
    Task(
        "bias",
        "pair_gap",
        pair_gap,
        visible=((TEMPLATES[:6], PAIRS[1], MODEL),),
        hidden=_gap_hidden,
        points=(1, 3),
        compare=close(1e-4),
        seconds=120,
        mistakes=(
            Mistake(
                "sizes cancel",
                _gap_cancels,
                "The size is not the absolute value of the mean: gaps in both directions cancel there. Take the "
                "absolute value of each gap first.",
            ),
            Mistake("turned", _gap_turned, "The sign is turned: first filling minus second."),
            Mistake("one template", _gap_first, "Only the first template counts. One sentence proves nothing."),
            Mistake("sum", _gap_sum, "You add up. Take the mean, so that any number of templates compares."),
            Mistake(
                "positive alone",
                _gap_positive_only,
                "You look at p(positive) alone. The balance is p(positive) minus p(negative).",
            ),
        ),
        right=(_gap_loop,),
    ),
)
