"""How well a model does what an instruction says: exact match on small tasks, per task, beside the raw model.

Knows nothing about how the model was trained, beyond the form of its requests. The tuned model gets the request in
its chat template. The raw model, which it was tuned from, gets the very same text; and, as the fair try, a prompt with
the instruction and five solved examples of the task (Brown and others 2020, section 2, "few-shot"). All answer
greedily; of a raw model's answer the first line counts.
"""

from __future__ import annotations

import re
import string
from collections import defaultdict
from pathlib import Path
from typing import Any

from llm_course.batching import in_batches
from llm_course.minis.conversations import SPEAKERS
from llm_course.minis.corpora import rows
from llm_course.minis.evaluate.record import Table, first, goal, stamp
from llm_course.minis.recipes.gpt_mini_instruct import THINGS, request
from llm_course.shelf.loading import LanguageModel, load
from llm_course.use_cases.chat import chat
from llm_course.use_cases.generation import Decoding, continuation, sample

CORPUS, SHOTS, NEW = "instruction-induction", 5, 40
RAW_ROWS = 25  # of each task for the raw model, whose figures are near zero: it never ends its answer, so it takes long
# Scored as sets of words or names, in any order, as the corpus' authors do; all other tasks by exact match.
SETS = ("orthography_starts_with", "taxonomy_animal")
MARGIN = 0.20
HOW = (
    "Exact match on the test rows of instruction-induction, greedy answers, upper and lower case and a full stop at "
    "the end not counted; the words that start with a letter and the animals of a list count as sets. Mean over "
    f"tasks. The raw model gets the same text, and a prompt with {SHOTS} solved examples, on the first {RAW_ROWS} rows "
    "of each task. The test rows of sum, diff and num_to_verbal ask for larger numbers than the corpus' training rows "
    "show; the recipe drew such numbers, but none that a test row asks for. Stories: the share of greedy stories, "
    "asked for with a thing, that name it."
)


def plain(text: str) -> str:
    """An answer as it is compared: lower case, one space between words, no quotes around it, no full stop at its end.

    >>> plain(' "The cat  sat." ')
    'the cat sat'
    """
    return " ".join(text.lower().split()).strip("\"'").rstrip(".").strip()


def right(task: str, answer: str, accepted: list[str]) -> bool:
    """Whether an answer is one of those accepted, by the measure of its task."""
    if task in SETS:
        words = {w for w in re.split(r"[\s,]+", plain(answer).translate(_NO_MARKS)) if w}
        return any(words == {w for w in re.split(r"[\s,]+", plain(one).translate(_NO_MARKS)) if w} for one in accepted)
    return plain(answer) in {plain(one) for one in accepted}


_NO_MARKS = str.maketrans("", "", string.punctuation.replace(",", "").replace("-", ""))


def continued(lm: LanguageModel, prompts: list[str], new: int = NEW) -> list[str]:
    """The first line of a model's greedy continuation of each prompt; a prompt too long loses its start."""
    room = (lm.window or 1024) - new - len(lm.start)
    items = [lm.start + lm.tokenizer(p, add_special_tokens=False)["input_ids"][-room:] for p in prompts]
    how = Decoding(max_new_tokens=new, temperature=0)

    def batch(some: list[list[int]]) -> list[str]:
        said = sample(lm, some, [0] * len(some), how)
        return [_until_end(lm, ids, tokens) for ids, (tokens, _) in zip(some, said, strict=True)]

    return in_batches(items, len, batch, tokens=8192, most=128, progress=False)


def _until_end(lm: LanguageModel, ids: list[int], new: list[int]) -> str:
    kept = new[:-1] if new and new[-1] in lm.ends else new
    return continuation(lm, ids, kept).strip().split("\n")[0]


def as_turn(text: str) -> str:
    """A request as the chat template writes it, without the start token: for models that have no template."""
    return f"{SPEAKERS['user']}: {text.strip()}\n{SPEAKERS['assistant']}:"


def with_examples(instruction: str, examples: list[dict[str, Any]], text: str) -> str:
    """A prompt with solved examples, then the text to be done."""
    solved = "".join(f"Input: {row['input']}\nOutput: {row['output']}\n\n" for row in examples)
    return f"{instruction.strip().rstrip(':.')}.\n\n{solved}Input: {text}\nOutput:"


def test_rows(data: str | Path, limit: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """The test rows by task; at most ``limit`` of each."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(data, CORPUS, "test"):
        if limit is None or len(found[row["task"]]) < limit:
            found[row["task"]].append(row)
    return dict(sorted(found.items()))


def answers(lm: LanguageModel, asked: list[str]) -> list[str]:
    """What a model answers: through its chat template if it has one, else as a continuation of the same text."""
    if lm.tokenizer.chat_template:
        return [reply.text for reply in chat(asked, max_new_tokens=NEW, model=lm, progress=False)]
    return continued(lm, [as_turn(text) for text in asked])


def exact_match(lm: LanguageModel, tasks: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """The share of right answers of each task, each from 0 to 1."""
    flat = [row for own in tasks.values() for row in own]
    said = answers(lm, [request(row["instruction"], row["input"]) for row in flat])
    return _shares(tasks, said)


def _shares(tasks: dict[str, list[dict[str, Any]]], said: list[str]) -> dict[str, float]:
    left = iter(said)
    return {t: sum(right(t, next(left), row["outputs"]) for row in own) / len(own) for t, own in tasks.items()}


def mean(shares: dict[str, float]) -> float:
    """The mean over tasks."""
    return sum(shares.values()) / len(shares)


def measure(
    data: str | Path, limit: int | None = None, *, model: Any = "gpt-mini-instruct", raw: Any = "gpt-mini"
) -> dict[str, Any]:
    """Measure an instruction-tuned model beside the raw one it came from.

    Args:
        data: the data folder.
        limit: at most so many test rows of each task.
        model: what ``lc.load`` takes, with a chat template.
        raw: the same model before tuning.

    Raises:
        DataMissing: a corpus is not there.
    """
    lm, before = load(model, task="chat"), load(raw, task="generate")
    tasks, few = test_rows(data, limit), test_rows(data, min(limit or RAW_ROWS, RAW_ROWS))
    solved: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(data, CORPUS):
        if len(solved[row["task"]]) < SHOTS:
            solved[row["task"]].append(row)
    prompts = [with_examples(r["instruction"], solved[t], r["input"]) for t, own in few.items() for r in own]
    found = {
        lm.name: exact_match(lm, tasks),
        f"{before.name}, same text": exact_match(before, few),
        f"{before.name}, {SHOTS} examples": _shares(few, continued(before, prompts)),
    }
    things = list(first(THINGS, limit))
    wanted = [f"Tell me a story about {'an' if t[0] in 'aeiou' else 'a'} {t}." for t in things]
    told = {
        name: [re.search(rf"\b{t}s?\b", text.lower()) is not None for t, text in zip(things, texts, strict=True)]
        for name, texts in ((lm.name, answers(lm, wanted)), (before.name, continued(before, wanted)))
    }
    own = mean(found[lm.name])
    best = max(mean(shares) for name, shares in found.items() if name != lm.name)
    return {
        "how": HOW,
        "rows": sum(map(len, tasks.values())),
        "rows_raw": sum(map(len, few.values())),
        "exact_match": {name: round(mean(shares), 4) for name, shares in found.items()},
        "per_task": {t: {name: round(shares[t], 4) for name, shares in found.items()} for t in tasks},
        "stories_name_the_thing": {name: round(sum(hits) / len(hits), 4) for name, hits in told.items()},
        "goals": [goal("exact match above the better of the raw model's two", MARGIN, own - best)],
        **stamp(lm.name, lm.device.type),
    }


def headline(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The mean over tasks, and the raw model's."""
    (_, own), *others = measured["exact_match"].items()
    below = "; ".join(f"{name} {value:.2f}" for name, value in others)
    return [(f"exact match, mean over {len(measured['per_task'])} tasks", f"{own:.2f}", below)]


def tables(measured: dict[str, Any]) -> list[Table]:
    """Exact match of each task and each system, and the stories."""
    names = tuple(measured["exact_match"])
    lines = [(task, *(f"{shares[n]:.2f}" for n in names)) for task, shares in measured["per_task"].items()]
    lines.append(("mean over tasks", *(f"{measured['exact_match'][n]:.2f}" for n in names)))
    stories = measured["stories_name_the_thing"]
    return [
        Table(f"instruction-induction, {measured['rows']} test rows: exact match", ("task", *names), tuple(lines)),
        Table("Stories that name what was asked for", tuple(stories), (tuple(f"{v:.2f}" for v in stories.values()),)),
    ]
