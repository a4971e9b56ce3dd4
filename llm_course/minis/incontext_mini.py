"""incontext-mini: a very small model that learns a task from the examples in its prompt, and in no other way.

Every training sequence is a code of its own: words stand for code words, drawn anew each time. So the weights can
hold no code; all that helps is to look up what the prompt has said before. Two kinds of code:

- a dictionary: each word has its code word ("cat bap, shirt dof, cat" goes on with "bap");
- by kind: all words of a kind share one ("cat bap, shirt dof, horse" goes on with "bap", since a horse is an animal).

The words of a sequence come again and again, few at a time: such bursts are what makes a Transformer learn from its
prompt (Chan and others 2022, arXiv 2205.05055). Two layers are the fewest with which it can look up what
followed an earlier copy of a word (Elhage and others 2021; Olsson and others 2022, arXiv 2209.11895). The architecture
is Llama's (RMSNorm, rotary positions, gated feed-forward).

Measured by accuracy against the number of examples, and by what is left of it without its heads. These are ranked by
two measures of the attention package, on rows of one code: how much goes to the token after an earlier copy
("induction"), and how much to the previous token, which is what induction is built on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llm_course.attention import ablate, attend
from llm_course.attention import measure as measure_heads
from llm_course.minis.loop import Plan
from llm_course.minis.measures.figures import Figures, Table, goal, stamp
from llm_course.minis.mini import Line, Mini
from llm_course.shelf.loading import ModelLike, load
from llm_course.use_cases.in_context import CODE, WORDS, accuracy_curve, draw_problem, make_prompt
from llm_course.worlds.codes import KINDS, RULES, never_together

START, UNKNOWN, COMMA = "<s>", "<unk>", ","
PAIRS, BATCH = 24, 128
# Of the words (or kinds) that a code uses, from so many to so many; a share of the codes goes by kind.
WORDS_USED, KINDS_USED, BY_KIND = (2, 8), (2, 6), 0.4
# In the first EASY of the steps all is easier: half as many pairs, twice as many rows, dictionaries of a few words.
EASY, EASY_WORDS = 0.4, (2, 4)
OTHERS = 0.1  # weight in the loss of all tokens but code words: which word comes next cannot be known
PLAN = Plan(steps=1800, lr=4e-3, muon=8e-3, warmup=50, weight_decay=0.01, betas=(0.9, 0.98))


def make_tokenizer(data: Path | None = None) -> PreTrainedTokenizerFast:
    """One token a word: the words, the code words, the comma, a start token, and one for all other words."""
    listed = [START, UNKNOWN, COMMA, *CODE, *WORDS]
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(listed)}, unk_token=UNKNOWN))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=START,
        unk_token=UNKNOWN,
        model_max_length=3 * PAIRS + 1,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """2 layers, width 64, 4 heads: 0.09 million parameters, randomly initialized."""
    torch.manual_seed(PLAN.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=3 * PAIRS + 1,
        tie_word_embeddings=True,
        # With biases in query and key, rotary positions let a head look "one token back" whatever the token is
        # (so do Qwen's models). Slow rotations are of no use in texts this short.
        attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
        initializer_range=64**-0.5,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=None,
    )
    return LlamaForCausalLM(config)


def draw(rows: int, pairs: int, random: np.random.Generator, *, easy: bool = False) -> np.ndarray:
    """Rows of codes at work: token ids ``(rows, 3 * pairs + 1)``: start, then word, code word, comma, and so on."""
    kinds, each = len(KINDS), len(WORDS) // len(KINDS)
    kind_of = np.arange(len(WORDS)) // each
    allowed = ~never_together()  # (kinds, code words)
    # A code word for every word, or for every kind: the highest of random numbers among those allowed.
    by_kind = random.random((rows, 1)) < (0 if easy else BY_KIND)
    for_word = np.where(allowed[kind_of], random.random((rows, len(WORDS), len(CODE))), -1).argmax(-1)
    for_kind = np.where(allowed, random.random((rows, kinds, len(CODE))), -1).argmax(-1)
    code = np.where(by_kind, for_kind[:, kind_of], for_word)
    # Which words come: a few, or any word of a few kinds.
    few = random.random((rows, len(WORDS))).argsort(1)
    some = random.random((rows, kinds)).argsort(1)
    count = np.where(
        by_kind,
        random.integers(*KINDS_USED, (rows, 1), endpoint=True),
        random.integers(*(EASY_WORDS if easy else WORDS_USED), (rows, 1), endpoint=True),
    )
    which = (random.random((rows, pairs)) * count).astype(int)
    one_of = random.integers(0, each, (rows, pairs))
    kind = np.take_along_axis(some, np.minimum(which, kinds - 1), 1)
    words = np.where(by_kind, kind * each + one_of, np.take_along_axis(few, which, 1))
    ids = np.empty((rows, 3 * pairs + 1), dtype=np.int64)
    ids[:, 0], ids[:, 3::3] = 0, 2
    ids[:, 1::3] = 3 + len(CODE) + words
    ids[:, 2::3] = 3 + np.take_along_axis(code, words, 1)
    return ids


class Task:
    """Codes drawn anew for every batch, their loss, and how many code words are right near the end of a row."""

    def __init__(self, data: Path | None, tokenizer: PreTrainedTokenizerFast) -> None:
        self.steps = PLAN.steps
        self.new = draw(256, PAIRS, np.random.default_rng(10**6))

    def loss(self, model: torch.nn.Module, number: int) -> torch.Tensor:
        """Cross-entropy of the next token in nats; code words count in full, all others little."""
        random = np.random.default_rng([PLAN.seed, number])
        if number < EASY * self.steps:
            drawn = draw(2 * BATCH, PAIRS // 2, random, easy=True)
        else:
            drawn = draw(BATCH, PAIRS, random)
        ids = torch.from_numpy(drawn).to(next(model.parameters()).device)
        logits = model(input_ids=ids[:, :-1], use_cache=False).logits
        each = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), reduction="none")
        each = each.view(len(ids), -1)
        return each[:, 1::3].mean() + OTHERS * (each[:, 0::3].mean() + each[:, 2::3].mean())

    def watch(self, step: int, model: torch.nn.Module) -> dict[str, float]:
        """The share of right code words among the last eight of each row."""
        ids = torch.from_numpy(self.new).to(next(model.parameters()).device)
        said = model(input_ids=ids[:, :-1], use_cache=False).logits.argmax(-1)
        right = (said == ids[:, 1:])[:, 1::3]
        return {"right": round(right[:, -8:].float().mean().item(), 4)}


# --- how it is measured --------------------------------------------------------------------------------------------

SHOTS, PROBLEMS, WANTED = (0, 1, 2, 4, 8, 12, 16, 20), 1000, 0.9
TEXTS, OFF = 20, 3
HOW = (
    "Each problem draws a code anew: four words (or four kinds of words), four of the 16 code words, examples of them "
    "at random, and a question about one of them; the answer is the most probable code word. 1,000 problems for each "
    "number of examples. A question whose answer no example shows can only be guessed, so the best learner is not at 1 "
    "either."
)


def measure(data: str | Path | None, limit: int | None = None, *, model: ModelLike = "incontext-mini") -> Figures:
    """Measure accuracy by the number of examples, and what is left of it without the induction heads.

    Args:
        data: not read: the problems are drawn.
        limit: at most so many problems for each number of examples.
        model: what ``lc.load`` takes.
    """
    lm = load(model, task="generate")
    problems = min(limit or PROBLEMS, PROBLEMS)
    curves: dict[str, Figures] = {}
    for name, options in (
        ("dictionary", {}),
        ("dictionary, pairs never met in training", {"unmet": True}),
        ("by kind, the word itself not shown", {"rule": "by kind"}),
    ):
        curve = accuracy_curve(SHOTS, model=lm, form="comma", problems=problems, **options)  # type: ignore[arg-type]
        curves[name] = {
            "accuracy": [round(value, 4) for value in curve.accuracy],
            "best_learner": [round(value, 4) for value in curve.ceiling],
            "chance": round(curve.chance, 4),
        }
    heads, previous = ranked(induction(lm)), ranked(induction(lm, "previous token"))
    most = SHOTS[-1]
    off: dict[str, Figures] = {}
    for name, chosen in (
        ("none", []),
        *((f"highest induction, {count}", heads[:count]) for count in range(1, OFF + 1)),
        ("highest previous token, 1", previous[:1]),
        ("lowest induction, 1", heads[-1:]),
    ):
        with ablate(lm, [(i, j) for _, i, j in chosen]) as broken:
            off[name] = {
                "heads": [[i, j] for _, i, j in chosen],
                **{
                    rule: round(
                        accuracy_curve([most], model=broken, form="comma", rule=rule, problems=problems).accuracy[0], 4
                    )
                    for rule in RULES
                },
            }
    reached = curves["dictionary"]["accuracy"][-1]
    return {
        "how": HOW,
        "shots": list(SHOTS),
        "problems": problems,
        "curves": curves,
        "induction": [{"layer": i, "head": j, "share": round(value, 4)} for value, i, j in heads],
        "previous_token": [{"layer": i, "head": j, "share": round(value, 4)} for value, i, j in previous],
        "without_heads": off,
        "goals": [
            goal(f"accuracy with {most} examples, dictionary", WANTED, reached),
            goal(
                f"of it lost without the {OFF} heads of highest induction",
                0.5,
                reached - off[f"highest induction, {OFF}"]["dictionary"],
            ),
        ],
        **stamp("incontext-mini", lm.device.type),
    }


def ranked(scores: np.ndarray) -> list[tuple[float, int, int]]:
    """Value, layer and head of every head, the highest value first."""
    return sorted(((float(scores[i, j]), i, j) for i, j in np.ndindex(*scores.shape)), reverse=True)


def induction(lm: ModelLike, name: str = "induction") -> np.ndarray:
    """How much of its attention each head gives to what followed an earlier copy of the token: ``(layers, heads)``.

    The mean over :data:`TEXTS` rows of dictionaries. ``name`` can be another measure of the attention package.
    """
    random = np.random.default_rng(0)
    found = []
    for _ in range(TEXTS):
        problem = draw_problem(16, random)
        text = make_prompt(problem.examples, problem.query)
        found.append(measure_heads(attend(text, model=lm), name))
    return np.mean(found, axis=0)


def headline(measured: Figures) -> list[Line]:
    """Accuracy with the most examples, beside chance, the best learner, and the model without its induction heads."""
    curve = measured["curves"]["dictionary"]
    beside = f"without an example {curve['accuracy'][0]:.3f}; a blind guess {curve['chance']:.3f}"
    without = measured["without_heads"]
    off = without[f"highest induction, {OFF}"]["dictionary"]
    return [
        (f"accuracy with {measured['shots'][-1]} examples in the prompt", f"{curve['accuracy'][-1]:.3f}", beside),
        (
            f"the same without the {OFF} heads of highest induction",
            f"{off:.3f}",
            f"without one of them {without['highest induction, 1']['dictionary']:.3f}",
        ),
    ]


def tables(measured: Figures) -> list[Table]:
    """Accuracy by the number of examples; the heads by induction; what is left without some of them."""
    shots = tuple(map(str, measured["shots"]))
    lines = []
    for name, curve in measured["curves"].items():
        lines.append((name, *(f"{value:.3f}" for value in curve["accuracy"])))
        lines.append((f"{name}: the best learner", *(f"{value:.3f}" for value in curve["best_learner"])))
    title = f"Accuracy by the number of examples in the prompt ({measured['problems']} problems each)"
    found = [Table(title, ("codes", *shots), tuple(lines))]
    before = {(one["layer"], one["head"]): one["share"] for one in measured["previous_token"]}
    heads = tuple(
        (f"{one['layer']}, {one['head']}", f"{one['share']:.2f}", f"{before[one['layer'], one['head']]:.2f}")
        for one in measured["induction"]
    )
    found.append(
        Table(
            "Share of attention", ("layer, head from 0", "to the token after an earlier copy", "to the previous"), heads
        )
    )
    off = tuple(
        (name, ", ".join(f"({i}, {j})" for i, j in one["heads"]) or "none", *(f"{one[rule]:.3f}" for rule in RULES))
        for name, one in measured["without_heads"].items()
    )
    found.append(Table(f"Accuracy with {shots[-1]} examples and some heads off", ("which heads", "off", *RULES), off))
    return found


MINI = Mini(
    name="incontext-mini",
    kind="raw",
    tasks=("generate",),
    about=(
        "Learns a code from the examples in its prompt: words stand for code words, by a rule that no weight holds."
    ),
    data="codes drawn at random",
    example='print(lc.generate("cat bap, hat dof, cat", model="incontext-mini"))',
    limits=(
        "It knows 60 words, 16 code words and the comma; it has no language.",
        "It reads at most 73 tokens: 23 examples and a question.",
        "It learns one kind of task from its prompt. What GPT-3 learned from prompts is far wider.",
    ),
    hub_task="text-generation",
    tags=("llama", "in-context-learning"),
    starts_with_bos=True,
    plan=PLAN,
    make_tokenizer=make_tokenizer,
    make_model=make_model,
    task=Task,
    measure=measure,
    headline=headline,
    tables=tables,
)
