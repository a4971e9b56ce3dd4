"""gpt-mini-instruct: gpt-mini, tuned to do what an instruction says (Ouyang and others 2022, arXiv 2203.02155, step 1).

It reads an instruction in a chat template and learns the answer's tokens only. Trained by LoRA: what the package
stores is a low-rank difference to gpt-mini. Most examples are the training rows of 22 small tasks, each with several
wordings; of the tasks whose answers follow a rule more are drawn (word_tasks.py). Short stories about a named thing
keep it a teller of stories.

Test rows are read for their inputs only, so that none of them is drawn by the makers.

Measured by exact match, per task, beside the raw model, which gets the very same text; and, as the fair try, a prompt
with the instruction and five solved examples of the task (Brown and others 2020, section 2, "few-shot"). All answer
greedily; of a raw model's answer the first line counts.
"""

from __future__ import annotations

import re
import string
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

from llm_course.batching import in_batches
from llm_course.minis import lora
from llm_course.minis.batches import LengthBatches
from llm_course.minis.conversations import SPEAKERS, TEMPLATE, answer_loss, encode_all, pack
from llm_course.minis.corpora import Row, rows
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, first, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.minis.word_tasks import draw, forbidden
from llm_course.shelf.loading import LanguageModel, ModelLike, load
from llm_course.shelf.stored import folder_of
from llm_course.use_cases.chat import chat
from llm_course.use_cases.generation import Decoding, continuation, sample

BASE = "gpt-mini"
CORPUS = "instruction-induction"
# Rank of the difference for the hidden matrices and the table of embeddings, which is the output layer too: with all
# biases and normalizations 397 thousand numbers.
RANK, TARGETS = 13, ("c_attn", "c_proj", "c_fc", "wte")
LONGEST, BATCH_TOKENS = 200, 2048
PLAN = Plan(steps=2600, lr=4e-3, warmup=50, weight_decay=0.0, betas=(0.9, 0.98))
# How often each row is seen. These tasks take long texts, or knowledge that no story gives: once.
PASSES, ONCE = 2, ("sentence_similarity", "word_in_context", "translation_en-de", "translation_en-es", "sentiment")
MADE = {
    "first_word_letter": 1200,
    "second_word_letter": 2000,
    "letters_list": 2500,
    "sum": 4000,
    "diff": 4000,
    "num_to_verbal": 2000,
    "orthography_starts_with": 1500,
}
STORIES, STORY_TOKENS = 1000, 150
THINGS = (
    "dog cat bird fish rabbit bear frog duck tree flower ball car toy boat doll kite cake apple hat box book truck "
    "park garden house mom friend girl boy butterfly train plane monkey lion mouse pig horse cow bee ant moon star"
).split()


def make_tokenizer(data: Path) -> PreTrainedTokenizerFast:
    """gpt-mini's, with the chat template."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder_of(BASE))
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast, dropout: float = 0.0) -> GPT2LMHeadModel:
    """gpt-mini with low-rank differences that are zero at first."""
    torch.manual_seed(PLAN.seed)
    model = GPT2LMHeadModel.from_pretrained(
        folder_of(BASE), dtype=torch.float32, resid_pdrop=dropout, embd_pdrop=dropout, attn_pdrop=0.0
    )
    lora.attach(model, TARGETS, RANK)
    return model


def request(instruction: str, text: str = "") -> str:
    """What the user says: the instruction, a colon, the text. ``"Write the plural form of the word: dog"``."""
    instruction = instruction.strip().rstrip(".:").strip()
    instruction = instruction[:1].upper() + instruction[1:]
    return f"{instruction}: {text.strip()}" if text.strip() else instruction


def answer_of(row: Row) -> str:
    """The answer of a row; lists of animals in the order of the input, which is the only order one can guess."""
    if row["task"] != "taxonomy_animal":
        return row["output"]
    animals = set(row["output"].split(", "))
    return ", ".join(word for word in row["input"].split(", ") if word in animals)


def instructed(data: Path, random: np.random.Generator) -> list[tuple[str, str]]:
    """Pairs of request and answer from the training rows, and more of the tasks that follow a rule."""
    by_task: dict[str, list[Row]] = defaultdict(list)
    for row in rows(data, CORPUS):
        by_task[row["task"]].append(row)
    asked: dict[str, list[str]] = defaultdict(list)
    for row in rows(data, CORPUS, "test"):
        asked[row["task"]].append(row["input"])
    words, sentences = story_words(data)
    found = []
    for task, own in by_task.items():
        wordings = sorted({row["instruction"] for row in own})
        pairs = [(row["input"], answer_of(row)) for row in own] * (1 if task in ONCE else PASSES)
        pairs += draw(task, MADE.get(task, 0), random, words, sentences, forbidden(task, asked[task]))
        found += [(request(wordings[int(random.integers(len(wordings)))], i), o) for i, o in pairs]
    return found


def story_words(data: Path) -> tuple[list[str], list[str]]:
    """Words that occur in the stories at least three times, with two letters or more; and short sentences."""
    counts: Counter[str] = Counter()
    sentences = []
    for number, row in enumerate(rows(data, "tinystories")):
        counts.update(re.findall(r"\b[a-z]{2,}\b", row["text"]))
        if number < 1500:
            sentences += [s for s in re.findall(r"[A-Z][^.!?\"\n]+[.!?]", row["text"]) if len(s.split()) < 11]
    return sorted(word for word, count in counts.items() if count > 2), sentences


def told(data: Path) -> list[tuple[str, str]]:
    """Short stories with a request that names the thing each is about: the one of THINGS it names most often."""
    found: list[tuple[str, str]] = []
    for row in rows(data, "tinystories"):
        text = row["text"].strip()
        if len(text) > 4 * STORY_TOKENS or len(found) >= STORIES:
            continue
        counts = Counter(word for word in re.findall(r"[a-z]+", text.lower()) if word in THINGS)
        if counts and counts.most_common(1)[0][1] > 2:
            thing = counts.most_common(1)[0][0]
            found.append((f"Tell me a story about {'an' if thing[0] in 'aeiou' else 'a'} {thing}.", text))
    return found


class Task:
    """All pairs in an order that the seed decides, and the loss of any batch of them."""

    def __init__(self, data: Path, tokenizer: PreTrainedTokenizerFast) -> None:
        random = np.random.default_rng(PLAN.seed)
        pairs = instructed(data, random) + told(data)
        short = [(request(r["instruction"], r["input"]), r["output"]) for r in rows(data, "small-instructions")]
        pairs += [pair for pair in short if len(pair[0]) + len(pair[1]) < 300] * 2
        messages = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in pairs]
        self.examples = [one for one in encode_all(messages, tokenizer) if len(one[0]) <= LONGEST]
        self.fill = tokenizer.eos_token_id
        self.batches = LengthBatches([[len(ids)] for ids, _ in self.examples], BATCH_TOKENS, PLAN.seed)

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the answers' tokens, in nats."""
        return answer_loss(model, *pack([self.examples[i] for i in self.batches[number]], self.fill))


# --- how it is measured --------------------------------------------------------------------------------------------

SHOTS, NEW = 5, 40
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


def normalized(text: str) -> str:
    """An answer as it is compared: lower case, one space between words, no quotes around it, no full stop at its end.

    >>> normalized(' "The cat  sat." ')
    'the cat sat'
    """
    return " ".join(text.lower().split()).strip("\"'").rstrip(".").strip()


def right(task: str, answer: str, accepted: list[str]) -> bool:
    """Whether an answer is one of those accepted, by the measure of its task."""
    if task in SETS:
        words = {w for w in re.split(r"[\s,]+", normalized(answer).translate(_NO_MARKS)) if w}
        return any(
            words == {w for w in re.split(r"[\s,]+", normalized(one).translate(_NO_MARKS)) if w} for one in accepted
        )
    return normalized(answer) in {normalized(one) for one in accepted}


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


def with_examples(instruction: str, examples: list[Row], text: str) -> str:
    """A prompt with solved examples, then the text to be done."""
    solved = "".join(f"Input: {row['input']}\nOutput: {row['output']}\n\n" for row in examples)
    return f"{instruction.strip().rstrip(':.')}.\n\n{solved}Input: {text}\nOutput:"


def test_rows(data: str | Path, limit: int | None = None) -> dict[str, list[Row]]:
    """The test rows by task; at most ``limit`` of each."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows(data, CORPUS, "test"):
        if limit is None or len(found[row["task"]]) < limit:
            found[row["task"]].append(row)
    return dict(sorted(found.items()))


def answers(lm: LanguageModel, asked: list[str]) -> list[str]:
    """What a model answers: through its chat template if it has one, else as a continuation of the same text."""
    if lm.tokenizer.chat_template:
        return [reply.text for reply in chat(asked, max_new_tokens=NEW, model=lm, progress=False)]
    return continued(lm, [as_turn(text) for text in asked])


def exact_match(lm: LanguageModel, tasks: dict[str, list[Row]]) -> dict[str, float]:
    """The share of right answers of each task, each from 0 to 1."""
    flat = [row for own in tasks.values() for row in own]
    said = answers(lm, [request(row["instruction"], row["input"]) for row in flat])
    return _shares(tasks, said)


def _shares(tasks: dict[str, list[Row]], said: list[str]) -> dict[str, float]:
    left = iter(said)
    return {t: sum(right(t, next(left), row["outputs"]) for row in own) / len(own) for t, own in tasks.items()}


def mean(shares: dict[str, float]) -> float:
    """The mean over tasks."""
    return sum(shares.values()) / len(shares)


def measure(
    data: str | Path, limit: int | None = None, *, model: ModelLike = "gpt-mini-instruct", raw: ModelLike = "gpt-mini"
) -> Figures:
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
    solved: dict[str, list[Row]] = defaultdict(list)
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


def headline(measured: Figures) -> list[Line]:
    """The mean over tasks, and the raw model's."""
    (_, own), *others = measured["exact_match"].items()
    below = "; ".join(f"{name} {value:.2f}" for name, value in others)
    return [(f"exact match, mean over {len(measured['per_task'])} tasks", f"{own:.2f}", below)]


def tables(measured: Figures) -> list[Table]:
    """Exact match of each task and each system, and the stories."""
    names = tuple(measured["exact_match"])
    lines = [(task, *(f"{shares[n]:.2f}" for n in names)) for task, shares in measured["per_task"].items()]
    lines.append(("mean over tasks", *(f"{measured['exact_match'][n]:.2f}" for n in names)))
    stories = measured["stories_name_the_thing"]
    return [
        Table(f"instruction-induction, {measured['rows']} test rows: exact match", ("task", *names), tuple(lines)),
        Table("Stories that name what was asked for", tuple(stories), (tuple(f"{v:.2f}" for v in stories.values()),)),
    ]


MINI = Mini(
    name="gpt-mini-instruct",
    kind="instruction-tuned",
    tasks=("chat", "generate"),
    about=("An instruction-tuned language model: it does small tasks that an instruction names. Tuned from gpt-mini."),
    data="22 small tasks by instruction, on top of gpt-mini's stories",
    example='print(lc.chat("Write the plural form of the word: dog", model="gpt-mini-instruct"))',
    limits=(
        "It does the small tasks it was tuned on, in English, and follows hardly any other instruction.",
        "It knows no facts: of words it has not seen with their answer, it guesses synonyms and translations.",
        "It reads one instruction at a time and holds no dialogue.",
    ),
    hub_task="text-generation",
    tags=("gpt2", "instruction-tuned", "lora"),
    corpora=(CORPUS, "small-instructions", "tinystories"),
    base=BASE,
    rank=RANK,
    starts_with_bos=True,
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    finish=lora.merge,
    measure=measure,
    headline=headline,
    tables=tables,
)
