"""Learning from examples in the prompt: prompts that show a code which no model can know, and how many come right.

Knows nothing about training, nor how codes are drawn (:mod:`llm_course.worlds.codes`). The experiment is that of GPT-3
(Brown and others 2020, arXiv 2005.14165, section 1, figure 1.2: accuracy against the number of examples).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_course.arguments import number_in, texts_of
from llm_course.batching import in_batches, padded
from llm_course.errors import BadInput, BadOption, InputTooLong
from llm_course.results import Result
from llm_course.shelf.loading import LanguageModel, ModelLike, load
from llm_course.worlds.codes import CODE, WORDS, draw_problem

# How a pair is written: between word and code word, and after it. incontext-mini knows the first form only.
FORMS = {"comma": ("", " ", ", "), "arrow": (" ->", " ", "\n")}


@dataclass(frozen=True, repr=False)
class InContextCurve(Result):
    """Accuracy against the number of examples in the prompt.

    Attributes:
        model, rule: whose curve, and by which rule the codes went.
        shots: numbers of examples.
        accuracy: the share of right answers for each.
        ceiling: the share that the best learner would have right, who knows the rule and reads every example.
        chance: the share that a blind guess among the code words has right.
        problems: how many were asked for each number of examples.
    """

    model: str
    rule: str
    shots: tuple[int, ...]
    accuracy: tuple[float, ...]
    ceiling: tuple[float, ...]
    chance: float
    problems: int

    @property
    def text(self) -> str:  # type: ignore[override]
        """One line for each number of examples."""
        lines = [
            f"{shots:>8}  {own:>8.2f}  {best:>12.2f}"
            for shots, own, best in zip(self.shots, self.accuracy, self.ceiling, strict=True)
        ]
        return "\n".join(["examples  accuracy  best learner", *lines, f"A blind guess: {self.chance:.2f}."])

    def __repr__(self) -> str:
        last = f"{self.accuracy[-1]:.2f} with {self.shots[-1]} examples"
        return f"InContextCurve({self.model!r}, {self.rule!r}: {self.accuracy[0]:.2f} with {self.shots[0]}, {last})"


def make_prompt(examples: Sequence[tuple[str, str]], query: str, form: str = "comma") -> str:
    """Write examples and a question as one text, which a model shall go on with.

    >>> make_prompt([("cat", "bap"), ("shirt", "dof")], "cat")
    'cat bap, shirt dof, cat'

    Args:
        examples: pairs (word, answer); none is a question without examples.
        query: the word asked for.
        form: ``"comma"``, which incontext-mini has learned, or ``"arrow"``: ``word -> answer`` on a line of its own.

    Raises:
        BadInput: an example is no pair of texts, or a text is empty.
        BadOption: there is no such form.
    """
    if not isinstance(form, str) or form not in FORMS:
        raise BadOption(f"form={form!r} is not allowed: it is one of {', '.join(map(repr, FORMS))}.")
    mark, between, after = FORMS[form]
    if not isinstance(query, str):
        raise BadInput(f"The query must be a str, not {type(query).__name__}.")
    (word,), _ = texts_of(query, "query")
    if not isinstance(examples, (list, tuple)):
        raise BadInput(f"The examples must be a list of pairs (word, answer), not {examples!r}.")
    parts = []
    for pair in examples:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise BadInput(f"An example must be a pair (word, answer), not {pair!r}.")
        (x, y), _ = texts_of(list(pair), "example")
        parts.append(f"{x}{mark}{between}{y}{after}")
    return "".join(parts) + word + mark


def answers(
    prompts: Sequence[str],
    labels: Sequence[str] = CODE,
    *,
    model: ModelLike = "incontext-mini",
    device: str = "auto",
    progress: bool | None = None,
) -> list[str]:
    """For each prompt the label that the model finds most probable as what comes next.

    Labels are told apart by their first token, so one run of the model a prompt is enough.

    Args:
        prompts: texts, such as :func:`make_prompt` writes.
        labels: the answers to choose from.
        model: a shelf name, Hub id, folder or loaded model that generates.
        device: where to load it.
        progress: a bar always, never, or (``None``) when it is slow.

    Raises:
        BadInput: a prompt has a word that the model's vocabulary lacks.
        BadOption: fewer than two labels, or two of them begin with the same token.
        InputTooLong: a prompt does not fit the model's window.
    """
    texts, _ = texts_of(prompts if isinstance(prompts, (list, tuple, str)) else list(prompts), "prompt")
    lm = load(model, device, task="generate")
    first = first_tokens(lm, texts[0], labels)
    items = [_ids(lm, text) for text in texts]

    def run(some: list[list[int]]) -> list[int]:
        import torch

        ids, _ = padded(some, 0, lm.device)
        last = torch.tensor([len(one) - 1 for one in some], device=lm.device)
        with torch.inference_mode():  # what stands right of the last token is not seen, so it needs no mask
            scores = lm.model(input_ids=ids).logits[torch.arange(len(some)), last]
        return list(scores[:, first].argmax(-1).tolist())

    return [labels[i] for i in in_batches(items, len, run, tokens=16_384, most=256, progress=progress)]


def first_tokens(lm: LanguageModel, prompt: str, labels: Sequence[str]) -> list[int]:
    """The token with which each label begins, after a prompt.

    Raises:
        BadOption: fewer than two labels, or two of them begin with the same token.
    """
    if not isinstance(labels, (list, tuple)) or len(labels) < 2:
        raise BadOption(f"labels={labels!r} is not allowed: give a list of two or more answers to choose from.")
    texts_of(list(labels), "label")
    before = len(_ids(lm, prompt))
    first = [_ids(lm, f"{prompt} {label}")[before] for label in labels]
    for i, token in enumerate(first):
        if token in first[:i]:
            raise BadOption(
                f"{labels[first.index(token)]!r} and {labels[i]!r} begin with the same token for {lm.name}. "
                "Choose answers that begin with different letters."
            )
    return first


def _ids(lm: LanguageModel, text: str) -> list[int]:
    ids: list[int] = [*lm.start, *lm.tokenizer(text, add_special_tokens=False)["input_ids"]]
    if lm.tokenizer.unk_token_id is not None and lm.tokenizer.unk_token_id in ids:
        known = set(lm.tokenizer.get_vocab())
        strange = next((word for word in text.replace(",", " ").split() if word not in known), text)
        raise BadInput(
            f"{lm.name} has no word {strange!r}. It knows these: {', '.join(WORDS)}; and as answers: {', '.join(CODE)}."
        )
    if lm.window is not None and len(ids) > lm.window:
        raise InputTooLong(
            f"The prompt has {len(ids)} tokens, {lm.name} reads at most {lm.window}. Give fewer examples."
        )
    return ids


def accuracy_curve(
    shots: Sequence[int] = (0, 1, 2, 4, 8, 16),
    *,
    model: ModelLike = "incontext-mini",
    rule: str = "dictionary",
    count: int = 4,
    problems: int = 200,
    form: str | None = None,
    unmet: bool = False,
    code: Sequence[str] = CODE,
    seed: int = 0,
    device: str = "auto",
) -> InContextCurve:
    """How often a model is right, by the number of examples it sees: the curve of learning from the prompt.

    Args:
        shots: numbers of examples.
        model: any model that generates: a shelf name, such as ``"gpt2"``, Hub id, folder or loaded model.
        rule, count, unmet, code: what :func:`~llm_course.worlds.codes.draw_problem` takes.
        problems: how many for each number of examples, each with a code of its own.
        form: how the prompt is written (:func:`make_prompt`); ``None``: ``"comma"`` for incontext-mini, else
            ``"arrow"``.
        seed: decides the problems; the same ones for every model.
        device: where to load the model.

    Raises:
        BadOption, BadInput, InputTooLong: an option, a word or the length does not fit.
    """
    number_in("problems", problems, 1, 1_000_000, int)
    if not isinstance(shots, (list, tuple, range)) or not shots:
        raise BadOption(f"shots={shots!r} is not allowed: give a list of one number of examples or more.")
    shots = [number_in("shots", one, 0, 10_000, int) for one in shots]
    number_in("seed", seed, 0, 2**63 - 1, int)
    lm = load(model, device, task="generate")
    form = form or ("comma" if lm.name == "incontext-mini" else "arrow")
    accuracy, ceiling = [], []
    for one in shots:
        random = np.random.default_rng([seed, one])
        drawn = [draw_problem(one, random, rule=rule, count=count, unmet=unmet, code=code) for _ in range(problems)]
        prompts = [make_prompt(problem.examples, problem.query, form) for problem in drawn]
        said = answers(prompts, code, model=lm)
        accuracy.append(float(np.mean([a == p.answer for a, p in zip(said, drawn, strict=True)])))
        # What was not shown has to be guessed, among the code words that no example used.
        left = [len(code) - len({y for _, y in problem.examples}) for problem in drawn]
        ceiling.append(float(np.mean([1 if p.shown else 1 / n for p, n in zip(drawn, left, strict=True)])))
    name = lm.name
    return InContextCurve(name, rule, tuple(shots), tuple(accuracy), tuple(ceiling), 1 / len(code), problems)
