"""Judging of assignment 1: pairs and merges, perplexity, bits per byte, a bigram model, losses from scores.

Trusted: never released, never in the sandbox. Knows nothing about notebooks; all cases are small tables and texts.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from llm_course.checks.compare import close, exact
from llm_course.grading.tasks import Arguments, Cases, Mistake, Task

Rng = np.random.Generator
WORDS = [
    "banana",
    "bandana",
    "sing",
    "singing",
    "song",
    "ding",
    "ananas",
    "rattattat",
    "papaya",
    "mississippi",
    "tomtom",
    "hahaha",
    "lullaby",
    "aaaa",
    "baobab",
    "cocoa",
]


# Task 1: the most frequent pair


def most_frequent_pair(words: list[list[str]]) -> list[str]:
    """The pair of neighbors that stands most often in the words; of several, the first in the alphabet."""
    counts = Counter((a, b) for word in words for a, b in zip(word, word[1:], strict=False))
    return list(min(counts, key=lambda pair: (-counts[pair], pair)))


def _pair_by_max(words: list[list[str]]) -> tuple[str, str]:
    counts: dict[tuple[str, str], int] = {}
    for word in words:
        for i in range(len(word) - 1):
            counts[word[i], word[i + 1]] = counts.get((word[i], word[i + 1]), 0) + 1
    most = max(counts.values())
    return sorted(pair for pair, count in counts.items() if count == most)[0]


def _pair_over_borders(words: list[list[str]]) -> list[str]:
    return most_frequent_pair([[letter for word in words for letter in word]])


def _pair_once_a_word(words: list[list[str]]) -> list[str]:
    counts = Counter(pair for word in words for pair in set(zip(word, word[1:], strict=False)))
    return list(min(counts, key=lambda pair: (-counts[pair], pair)))


def _pair_first_seen(words: list[list[str]]) -> list[str]:
    counts = Counter((a, b) for word in words for a, b in zip(word, word[1:], strict=False))
    return list(counts.most_common(1)[0][0])


def _pair_last_of_equals(words: list[list[str]]) -> list[str]:
    counts = Counter((a, b) for word in words for a, b in zip(word, word[1:], strict=False))
    return list(max(counts, key=lambda pair: (counts[pair], pair)))


def _pairs_hidden(rng: Rng) -> Cases:
    cases: Cases = [
        ([list("xba"), list("xdc"), list("yab"), list("wcd"), list("zba"), list("zdc")],),  # a tie, the later one first
        ([list("tomtom"), list("tot"), list("mot"), list("mom")],),
        ([["et", "sun"], ["et", "sun"], ["et", "x"], ["a", "sun"], ["et", "y"]],),  # sun+et: three times over borders
        ([list("dcdcdcdc"), list("ab"), list("ab"), list("ab")],),  # four times, but all in one word
    ]
    for _ in range(6):
        cases.append(([list(WORDS[k]) for k in rng.integers(len(WORDS), size=6)],))
    return cases


# Task 2: a tokenizer's merges at work


def apply_merges(word: str, merges: list[list[str]]) -> list[str]:
    """Cut a word into pieces: from letters, each merge in its order, from left to right."""
    pieces = list(word)
    for a, b in merges:
        joined: list[str] = []
        i = 0
        while i < len(pieces):
            if pieces[i : i + 2] == [a, b]:
                joined.append(a + b)
                i += 2
            else:
                joined.append(pieces[i])
                i += 1
        pieces = joined
    return pieces


def _merges_in_place(word: str, merges: list[list[str]]) -> tuple[str, ...]:
    pieces = list(word)
    for a, b in merges:
        i = 0
        while i < len(pieces) - 1:
            if (pieces[i], pieces[i + 1]) == (a, b):
                pieces[i : i + 2] = [a + b]
            i += 1
    return tuple(pieces)


def _merges_first_only(word: str, merges: list[list[str]]) -> list[str]:
    pieces = list(word)
    for a, b in merges:
        for i in range(len(pieces) - 1):
            if pieces[i : i + 2] == [a, b]:
                pieces[i : i + 2] = [a + b]
                break
    return pieces


def _merges_longest_first(word: str, merges: list[list[str]]) -> list[str]:
    known, pieces, i = {a + b for a, b in merges}, [], 0
    while i < len(word):
        size = max(n for n in range(1, len(word) - i + 1) if n == 1 or word[i : i + n] in known)
        pieces.append(word[i : i + size])
        i += size
    return pieces


def _merges_overlapping(word: str, merges: list[list[str]]) -> list[str]:
    pieces = list(word)
    for a, b in merges:
        out = []
        for i, piece in enumerate(pieces):
            if piece == a and pieces[i + 1 : i + 2] == [b]:
                out.append(a + b)
            elif not (piece == b and pieces[max(0, i - 1) : i] == [a]):
                out.append(piece)
        pieces = out
    return pieces


def _learn(words: list[str], rounds: int) -> list[list[str]]:
    merges: list[list[str]] = []
    for _ in range(rounds):
        pieces = [apply_merges(word, merges) for word in words]
        if all(len(word) < 2 for word in pieces):
            break
        merges.append(most_frequent_pair(pieces))
    return merges


def _merges_hidden(rng: Rng) -> Cases:
    cases: Cases = [
        ("aaaaaaa", [["a", "a"], ["aa", "aa"]]),
        ("hahaha", [["a", "h"], ["h", "a"]]),
        ("singing", [["i", "n"], ["in", "g"], ["s", "ing"], ["ing", "ing"]]),
        ("abcabc", [["b", "c"], ["a", "b"], ["a", "bc"]]),
        ("xaaay", [["a", "a"], ["x", "aa"]]),
        ("bookkeeper", [["k", "e"], ["k", "k"], ["e", "p"]]),
        ("tom", []),
    ]
    for _ in range(6):
        chosen = [WORDS[k] for k in rng.permutation(len(WORDS))[:8]]
        cases.append((chosen[0], _learn(chosen, int(rng.integers(3, 8)))))
    return cases


# Task 3: perplexity


def perplexity(logprobs: np.ndarray) -> float:
    """e to the power of the mean surprise in nats."""
    return float(np.exp(-np.mean(logprobs)))


def _perplexity_by_product(logprobs: np.ndarray) -> float:
    return math.prod(math.exp(p) for p in logprobs) ** (-1 / len(logprobs))


def _logprobs(rng: Rng, n: int) -> np.ndarray:
    return np.log(rng.uniform(0.05, 0.95, size=n))


# Task 4: bits per byte of a collection


def bits_per_byte(logprobs: list[np.ndarray], texts: list[str]) -> float:
    """All surprise of all texts in bits, over all their bytes."""
    bits = -sum(float(np.sum(own)) for own in logprobs) / math.log(2)
    return bits / sum(len(text.encode("utf-8")) for text in texts)


def _bpb_flat(logprobs: list[np.ndarray], texts: list[str]) -> np.float64:
    return -np.log2(np.e) * np.concatenate(logprobs).sum() / len("".join(texts).encode())


def _bpb_mean_of_texts(logprobs: list[np.ndarray], texts: list[str]) -> float:
    return float(np.mean([bits_per_byte([own], [text]) for own, text in zip(logprobs, texts, strict=True)]))


def _bpb_letters(logprobs: list[np.ndarray], texts: list[str]) -> float:
    return -sum(float(np.sum(own)) for own in logprobs) / math.log(2) / sum(map(len, texts))


def _bpb_nats(logprobs: list[np.ndarray], texts: list[str]) -> float:
    return bits_per_byte(logprobs, texts) * math.log(2)


def _bpb_mean_token(logprobs: list[np.ndarray], texts: list[str]) -> float:
    return bits_per_byte(logprobs, texts) / sum(map(len, logprobs))


TEXTS = [
    "Le garçon a préparé le thé.",
    "Où est la clé ?",
    "The cat slept.",
    "Ça va très bien, merci.",
    "No.",
    "A letter came for the old captain at the harbor.",
    "Noël à la forêt",
    "été",
    "Das Mädchen trägt grüne Schuhe.",
]


def _bpb_case(rng: Rng) -> Arguments:
    texts = [TEXTS[k] for k in rng.permutation(len(TEXTS))[: rng.integers(2, 5)]] + ["Noël à la forêt"]
    return [_logprobs(rng, int(rng.integers(2, 12))) for _ in texts], texts


# Task 5: a bigram model


def bigram(ids: list[int], size: int, k: float) -> np.ndarray:
    """Table of probabilities: row = token before, column = token that follows; k is added to every count."""
    counts = np.full((size, size), float(k))
    for before, after in zip(ids, ids[1:], strict=False):
        counts[before, after] += 1
    return counts / counts.sum(axis=1, keepdims=True)


def _bigram_add_at(ids: list[int], size: int, k: float) -> list[list[float]]:
    counts = np.zeros((size, size))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return ((counts + k) / (counts.sum(1)[:, None] + k * size)).tolist()


def _bigram_columns(ids: list[int], size: int, k: float) -> np.ndarray:
    counts = np.full((size, size), float(k))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts / counts.sum(axis=0, keepdims=True)


def _bigram_turned(ids: list[int], size: int, k: float) -> np.ndarray:
    return bigram(ids[::-1], size, k)


def _bigram_k_above_only(ids: list[int], size: int, k: float) -> np.ndarray:
    counts = np.zeros((size, size))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    with np.errstate(all="ignore"):
        return (counts + k) / counts.sum(axis=1, keepdims=True)


def _bigram_no_keepdims(ids: list[int], size: int, k: float) -> np.ndarray:
    counts = np.full((size, size), float(k))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return counts / counts.sum(axis=1)


def _bigram_k_below_once(ids: list[int], size: int, k: float) -> np.ndarray:
    counts = np.zeros((size, size))
    np.add.at(counts, (ids[:-1], ids[1:]), 1)
    return (counts + k) / (counts.sum(axis=1, keepdims=True) + k)


def _bigram_once(ids: list[int], size: int, k: float) -> np.ndarray:
    counts = np.full((size, size), float(k))
    counts[ids[:-1], ids[1:]] += 1
    return counts / counts.sum(axis=1, keepdims=True)


# Task 6: losses from scores


def token_losses(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    """Surprise in nats of token 1, 2, ...; row i of the scores is the prediction made after token i."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    logprobs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -logprobs[np.arange(len(ids) - 1), ids[1:]]


def _losses_torch(scores: np.ndarray, ids: list[int]) -> object:
    import torch

    return torch.nn.functional.cross_entropy(torch.tensor(scores[:-1]), torch.tensor(ids[1:]), reduction="none")


def _losses_unshifted(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    return token_losses(np.vstack([scores, scores[:1]]), [0, *ids])


def _losses_row_of_its_own(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    return token_losses(scores, [0, *ids[:-1]])


def _shares_unsafe(scores: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def _losses_unsafe(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return -np.log(_shares_unsafe(scores)[np.arange(len(ids) - 1), ids[1:]])


def _losses_unsafe_logs(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    with np.errstate(all="ignore"):
        logprobs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return -logprobs[np.arange(len(ids) - 1), ids[1:]]


def _losses_one_maximum(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    return _losses_unsafe(scores - scores.max(), ids)


def _losses_shifted_back(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    return token_losses(np.roll(scores, -1, axis=0), ids)


def _losses_columns(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum(axis=0)
    with np.errstate(divide="ignore"):
        return -np.log(shares[np.arange(len(ids) - 1), ids[1:]])


def _losses_of_scores(scores: np.ndarray, ids: list[int]) -> np.ndarray:
    return -scores[np.arange(len(ids) - 1), ids[1:]]


def _losses_mean(scores: np.ndarray, ids: list[int]) -> float:
    return float(token_losses(scores, ids).mean())


def _large_scores_case(rng: Rng) -> Arguments:
    """Rows far above 0 beside rows far below it: e to their power is too large, or too small, for a float."""
    rows = np.array([[1000.0], [-1000.0], [900.0], [-900.0], [0.0]])[[*rng.permutation(4), 4]]
    return rows + rng.normal(size=(5, 4)) * 3, [int(i) for i in rng.integers(4, size=5)]


def _scores_case(rng: Rng, n: int, size: int) -> Arguments:
    return rng.normal(size=(n, size)) * 3, [int(i) for i in rng.integers(size, size=n)]


_show = np.random.default_rng(1)
FOUR = [list("sing"), list("song"), list("singing"), list("sung")]

TASKS = (
    Task(
        "pair",
        "most_frequent_pair",
        most_frequent_pair,
        visible=(
            (FOUR,),
            ([list("ab"), list("ba"), list("ba")],),
            ([list("hahaha"), list("no"), list("no")],),
            ([list("cd"), list("ab"), list("ef"), list("cd"), list("ab"), list("ef")],),
            ([["e", "x"], ["y", "e"], ["y", "e"], ["x", "e"], ["x", "y"]],),
        ),
        hidden=_pairs_hidden,
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake(
                "pairs across word borders",
                _pair_over_borders,
                "You count pairs that stand across the border of two words. Words do not touch: count in each word "
                "by itself.",
            ),
            Mistake(
                "each pair once a word",
                _pair_once_a_word,
                "A pair that stands three times in one word counts three times. Did you use a set?",
            ),
            Mistake(
                "the first of equals",
                _pair_first_seen,
                "Several pairs are equally frequent here. The task wants the first in the alphabet, and you give "
                "the one that came first in the text.",
            ),
            Mistake(
                "the last of equals",
                _pair_last_of_equals,
                "Several pairs are equally frequent here. The task wants the first in the alphabet, and you give "
                "the last: a maximum over (count, pair) prefers late letters, too.",
            ),
        ),
        right=(_pair_by_max,),
    ),
    Task(
        "merges",
        "apply_merges",
        apply_merges,
        visible=(
            ("singing", [["n", "g"], ["i", "ng"], ["s", "ing"]]),
            ("abc", [["b", "c"], ["a", "b"]]),
            ("banana", [["a", "n"], ["n", "a"], ["an", "a"]]),
            ("aaa", [["a", "a"]]),
        ),
        hidden=_merges_hidden,
        points=(1, 3),
        compare=exact(),
        mistakes=(
            Mistake(
                "only the first place",
                _merges_first_only,
                "You join the pair at its first place only. A merge joins it wherever it stands in the word.",
            ),
            Mistake(
                "longest piece first",
                _merges_longest_first,
                "You look for the longest known piece. A tokenizer of this kind replays its merges in the order in "
                "which they were learned, and an early merge can use up a letter that a later one would need.",
            ),
            Mistake(
                "a piece used twice",
                _merges_overlapping,
                "A piece is used twice, or lost. After a join, go on behind the two pieces: in 'aaa' the first two "
                "are joined and the third stays alone.",
            ),
        ),
        right=(_merges_in_place,),
    ),
    Task(
        "perplexity",
        "perplexity",
        perplexity,
        visible=((np.log([1 / 8] * 4),), (np.log([1 / 2, 1 / 4, 1 / 8, 1 / 8]),), (np.log([1.0, 1.0]),)),
        hidden=lambda rng: [(_logprobs(rng, int(rng.integers(3, 30))),) for _ in range(6)],
        points=(1, 2),
        mistakes=(
            Mistake(
                "sum instead of mean",
                lambda p: float(np.exp(-np.sum(p))),
                "This grows with the length of the text. Take the mean of the surprise, not its sum.",
            ),
            Mistake(
                "sign forgotten",
                lambda p: float(np.exp(np.mean(p))),
                "A perplexity below 1? Surprise is MINUS the log-probability.",
            ),
            Mistake(
                "2 to the power of nats",
                lambda p: float(2 ** -np.mean(p)),
                "You mix units: nats go with e, bits go with 2. These logarithms are natural ones.",
            ),
            Mistake(
                "mean of the perplexities",
                lambda p: float(np.mean(np.exp(-p))),
                "The wrong average: you undo the logarithm of each token first and average then. Average first.",
            ),
        ),
        right=(_perplexity_by_product, lambda p: np.float32(np.exp(sum(-x for x in p) / len(p)))),
    ),
    Task(
        "bits_per_byte",
        "bits_per_byte",
        bits_per_byte,
        visible=(
            ([np.log([1 / 2, 1 / 4])], ["no"]),
            ([np.log([1 / 2, 1 / 4]), np.log([1 / 8, 1 / 8, 1 / 4])], ["no", "perhaps"]),
            ([np.log([1 / 16, 1 / 2]), np.log([1 / 2])], ["été", "tea"]),
        ),
        hidden=lambda rng: [_bpb_case(rng) for _ in range(6)],
        points=(1, 3),
        mistakes=(
            Mistake(
                "mean of the texts' values",
                _bpb_mean_of_texts,
                "The wrong average: you compute a value for each text and take their mean, so a short text counts "
                "as much as a long one. Add up all bits, add up all bytes, divide once.",
            ),
            Mistake(
                "letters instead of bytes",
                _bpb_letters,
                "You divide by letters. é is one letter and two bytes: text.encode('utf-8') gives the bytes.",
            ),
            Mistake("nats instead of bits", _bpb_nats, "These are nats. Divide by the natural logarithm of 2."),
            Mistake(
                "mean over tokens",
                _bpb_mean_token,
                "You average over tokens as well. Tokens differ between models, and that is why they must not come "
                "in: all bits over all bytes.",
            ),
        ),
        right=(_bpb_flat,),
    ),
    Task(
        "bigram",
        "bigram",
        bigram,
        visible=(([0, 1, 0, 1, 0, 2], 3, 1.0), ([0, 1, 1, 2, 0, 1], 4, 0.5)),
        hidden=lambda rng: [
            ([int(i) for i in rng.integers(5, size=30)], 6, float(rng.uniform(0.1, 2))) for _ in range(5)
        ],
        points=(1, 3),
        mistakes=(
            Mistake(
                "columns sum to 1",
                _bigram_columns,
                "Your columns sum to 1. Each ROW is a distribution: what follows this token? Sum along axis 1.",
            ),
            Mistake(
                "rows and columns exchanged",
                _bigram_turned,
                "You count what came BEFORE. The row is the token before, the column the one that follows.",
            ),
            Mistake(
                "k above but not below",
                _bigram_k_above_only,
                "Your rows sum to more than 1: k was added to each count of the row, so it has to be in the sum "
                "below, too, once for each token of the vocabulary.",
            ),
            Mistake(
                "k below only once",
                _bigram_k_below_once,
                "Your rows sum to more than 1: k went into the sum below only once. It was added to each of the "
                "`size` counts above it.",
            ),
            Mistake(
                "sums without keepdims",
                _bigram_no_keepdims,
                "Each column is divided by the sum of the row of that number. Keep the axis of the sums "
                "(keepdims=True), so that each row is divided by its own.",
            ),
            Mistake(
                "repeated pairs counted once",
                _bigram_once,
                "A pair that stands twice counts once. counts[a, b] += 1 with whole lists a and b does not repeat: "
                "use a loop, or np.add.at.",
            ),
        ),
        right=(_bigram_add_at,),
    ),
    Task(
        "losses",
        "token_losses",
        token_losses,
        visible=(
            (np.log([[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.1, 0.1, 0.8]]), [0, 1, 2]),
            ((_show.normal(size=(4, 5)) * 2).round(1), [3, 0, 0, 4]),
            (np.array([[1000.0, 999.0], [0.0, 1.0], [5.0, 7.0]]), [0, 1, 0]),
        ),
        hidden=lambda rng: (
            [_scores_case(rng, int(rng.integers(3, 9)), int(rng.integers(4, 12))) for _ in range(5)]
            + [_large_scores_case(rng)]
        ),
        points=(1, 4),
        compare=close(1e-4),
        mistakes=(
            Mistake(
                "no shift",
                _losses_unshifted,
                "You compare row i with token i, which the model has read already. Row i predicts token i + 1.",
            ),
            Mistake(
                "no shift, the last row dropped",
                _losses_row_of_its_own,
                "You drop the last row, and the last token, too. Row i then stands beside token i, which it has "
                "read already. Leave out the LAST row and the FIRST token.",
            ),
            Mistake(
                "shift the wrong way",
                _losses_shifted_back,
                "Off by one in the other direction: you look up token i + 1 in row i + 1. Row i is the one that "
                "predicts it.",
            ),
            Mistake(
                "softmax down the columns",
                _losses_columns,
                "Softmax over the wrong axis: the probabilities of ONE row, over the vocabulary, sum to 1.",
            ),
            Mistake(
                "scores taken as log-probabilities",
                _losses_of_scores,
                "You took scores for log-probabilities. Scores have to pass through softmax first; a loss is never "
                "negative.",
            ),
            Mistake(
                "overflow",
                _losses_unsafe,
                "e to the 1000 is too large for a float, and infinity over infinity is no number. Take the largest "
                "score of each row off first; the losses stay the same.",
            ),
            Mistake(
                "overflow in the logarithm",
                _losses_unsafe_logs,
                "e to the 1000 is too large for a float, so the logarithm of the sum is infinite. Take the largest "
                "score of each row off first; the losses stay the same.",
            ),
            Mistake(
                "one maximum for all rows",
                _losses_one_maximum,
                "A loss is infinite: you take one largest score off all rows, so a row of small scores is rounded "
                "to 0. Take off each row's OWN largest (axis=1, keepdims=True).",
            ),
            Mistake("mean instead of each", _losses_mean, "One loss for each token is wanted, not their mean."),
        ),
        right=(_losses_torch,),
    ),
)
