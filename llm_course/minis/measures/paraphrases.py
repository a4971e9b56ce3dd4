"""How well a model's vectors find a sentence that says the same in other words, beside counting words.

Knows nothing about how the model was trained. Two English sentences count as saying the same if Tatoeba has the same
German translation for both. Sentences that bert-mini read in its training are left out, and so are pairs that share
more than half of their words. For the first sentence of each pair the second ones of all pairs are ranked.

Compared are the hidden layers, the vector at ``[CLS]``, and three ways to make the vectors spread: the common mean
subtracted; besides, the strongest direction taken out ("all but the top", Mu and Viswanath 2018, arXiv 1702.01417);
all directions scaled alike (whitening).
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np

from llm_course.minis.corpora import rows
from llm_course.minis.measures.figures import Figures, Table
from llm_course.shelf.loading import LanguageModel, ModelLike, load
from llm_course.use_cases.embeddings import unit, vectors

PAIRS, SHARED, CORPUS, READ = 400, 0.5, "tatoeba-en-de", "tatoeba-en-fr"
TFIDF = "TF-IDF of words"
HOW = (
    "Pairs of English sentences with the same German translation on Tatoeba, of at least four words, at most half of "
    "them shared, none read by bert-mini in training; given one sentence of a pair, the other is searched among those "
    "of all pairs. The figure is the share of pairs in which it is ranked first; beside it for the half of the pairs "
    "that share fewest words."
)
WORD = re.compile(r"[\w']+")


def words(text: str) -> set[str]:
    """The different words of a text, in small letters."""
    return set(WORD.findall(text.lower()))


def overlap(one: str, two: str) -> float:
    """Shared words over all words of two texts, from 0 to 1 (Jaccard)."""
    return len(words(one) & words(two)) / max(1, len(words(one) | words(two)))


def paraphrases(data: str | Path, limit: int | None = None) -> list[tuple[str, str]]:
    """Pairs of English sentences that share a translation; of each translation the two least alike.

    Raises:
        DataMissing: a corpus is not there.
    """
    read = {row["en"] for row in rows(data, READ)}
    by_translation: dict[str, dict[str, None]] = defaultdict(dict)
    for row in rows(data, CORPUS):  # the split is by English sentence, so other splits have next to no pairs
        if row["en"] not in read and len(words(row["en"])) >= 4:
            by_translation[row["de"]][row["en"]] = None
    found: list[tuple[str, str]] = []
    used: set[str] = set()
    for same in by_translation.values():
        own = [one for one in same if one not in used]
        pairs = [(overlap(a, b), a, b) for i, a in enumerate(own) for b in own[i + 1 :]]
        if pairs and min(pairs)[0] <= SHARED:
            _, one, two = min(pairs)
            found.append((one, two))
            used.update(found[-1])
    order = np.random.default_rng(0).permutation(len(found))
    return [found[i] for i in order[: limit or PAIRS]]


def ranked_first(first: np.ndarray, second: np.ndarray, few: np.ndarray) -> dict[str, float]:
    """How often row i of ``second`` is the nearest to row i of ``first`` (a tie is a miss), for all and for few."""
    close = unit(first) @ unit(second).T
    own = np.diag(close).copy()
    np.fill_diagonal(close, -np.inf)
    hits = own > close.max(axis=1)
    return {"all": round(float(hits.mean()), 4), "few shared words": round(float(hits[few].mean()), 4)}


def spreads(rows_: np.ndarray) -> dict[str, np.ndarray]:
    """Vectors as they are, and made to spread in three ways, each fitted on these very vectors."""
    centered = rows_ - rows_.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centered, full_matrices=False)
    kept = sizes > 1e-5 * sizes[0]
    return {
        "": rows_,
        ", centered": centered,
        ", all but the top": centered - (centered @ directions[:1].T) @ directions[:1],
        ", whitened": centered @ directions[kept].T / sizes[kept],
    }


def measure(data: str | Path, limit: int | None = None, *, model: ModelLike = "bert-mini") -> Figures:
    """Search paraphrases with every layer of a model; ``limit`` is the most pairs (else 400).

    Raises:
        DataMissing: a corpus is not there.
        ValueError: fewer than two pairs are found.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    lm = load(model, task="embed")
    pairs = paraphrases(data, limit)
    if len(pairs) < 2:
        raise ValueError(f"{CORPUS} has fewer than two pairs of sentences that share a translation.")
    shared = np.array([overlap(*pair) for pair in pairs])
    few = shared <= np.median(shared)
    texts = [one for one, _ in pairs] + [two for _, two in pairs]
    half = len(pairs)
    found: dict[str, dict[str, float]] = {}
    for layer in range(lm.model.config.num_hidden_layers + 1):
        for name, table in spreads(vectors(lm, texts, False, layer).astype(np.float64)).items():
            found[f"{lm.name}, layer {layer}{name}"] = ranked_first(table[:half], table[half:], few)
    if lm.tokenizer.cls_token_id is not None:
        table = _first_states(lm, texts)
        found[f"{lm.name}, [CLS]"] = ranked_first(table[:half], table[half:], few)
    counts = TfidfVectorizer(token_pattern=WORD.pattern, sublinear_tf=True).fit_transform(texts).toarray()
    found[TFIDF] = ranked_first(counts[:half], counts[half:], few)
    return {"how": HOW, "pairs": len(pairs), "found_first": found}


def _first_states(lm: LanguageModel, texts: list[str]) -> np.ndarray:
    """The last hidden state of each text's first token, ``(texts, width)``."""
    import torch

    with torch.inference_mode():
        each = [lm.tokenizer(text, return_tensors="pt")["input_ids"][:, : lm.window].to(lm.device) for text in texts]
        return np.stack([lm.model.base_model(ids).last_hidden_state[0, 0].float().cpu().numpy() for ids in each])


def as_embedded(measured: Figures) -> dict[str, float]:
    """The figures of the vectors that ``lc.embed`` gives: the last layer, as it is.

    The best of all ways would be chosen on the very pairs that it is measured on.
    """
    layers = {
        int(found[1]): value
        for name, value in measured["found_first"].items()
        if (found := re.search(r", layer (\d+)$", name))
    }
    shares: dict[str, float] = layers[max(layers)]
    return shares


def tables(measured: Figures) -> list[Table]:
    """The share of paraphrases ranked first, for every way."""
    lines = tuple(
        (name, f"{v['all']:.3f}", f"{v['few shared words']:.3f}")
        for name, v in sorted(measured["found_first"].items(), key=lambda pair: -pair[1]["all"])
    )
    title = f"The same in other words, ranked first of {measured['pairs']} sentences"
    return [Table(title, ("vectors", "all pairs", "few shared words"), lines)]
