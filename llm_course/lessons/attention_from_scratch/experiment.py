"""A recall task over distance, and three small models of equal size that learn it while you wait.

Knows nothing about text: a fact is a pair of numbers (who, what). A model reads a row of facts, then is asked "what has
this one?". The facts come one a step, so a fact lies far back if it was told early. Between a fact and the question
there can be other facts, or silence: that tells distance apart from the amount to be kept in mind.

    python -m llm_course.lessons.attention_from_scratch.experiment  # accuracy over three seeds, as the lesson quotes it

The recurrent models are those of Elman (Finding Structure in Time, 1990) and of Cho and others (2014, arXiv 1406.1078,
section 2.3); the third is one head of attention (Vaswani and others 2017, section 3.2.1) without positions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NAMES, THINGS = 32, 8  # 0 is silence in both
STEPS = 16  # facts in a row at most, in training
PARAMETERS = 8_000  # of each model, as nearly as its width allows
BATCH, BATCHES = 32, 600
# Tried with one seed: 0.003 and 0.01 for attention, as many for the GRU, 0.001 to 0.01 for the plain RNN.
RATES = {"attention": 0.01, "gru": 0.01, "rnn": 0.003}


def draw(rows: int, steps: int, told: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw rows of facts: names and things, both ``(rows, steps)``, 0 where nothing is said.

    Args:
        rows: how many rows.
        steps: their length, at most ``NAMES``; no name comes twice in a row.
        told: ``(rows,)``: how many facts each row holds, at places drawn at random.
        random: where the draws come from.
    """
    names = torch.rand(rows, NAMES, generator=random).argsort(1)[:, :steps] + 1
    things = torch.randint(1, THINGS + 1, (rows, steps), generator=random)
    places = torch.rand(rows, steps, generator=random).argsort(1).argsort(1)
    said = places < told[:, None]
    return names * said, things * said


class Recall(nn.Module):
    """What the three models share: a vector for each name and each thing, and scores for the things at the end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.name = nn.Embedding(NAMES + 1, width)
        self.thing = nn.Embedding(THINGS + 1, width)
        self.answer = nn.Linear(width, THINGS)

    def vectors(self, names: Tensor, things: Tensor) -> Tensor:
        """One vector a step, ``(rows, steps, width)``: that of the name plus that of the thing."""
        return self.name(names) + self.thing(things)

    def look_up(self, facts: Tensor, questions: Tensor) -> Tensor:
        """From facts and questions, both ``(rows, steps, width)``, a vector for each question."""
        raise NotImplementedError

    def forward(self, names: Tensor, things: Tensor) -> Tensor:
        """Asked for every name of the row once all is read: scores ``(rows, steps, THINGS)``."""
        return self.answer(self.look_up(self.vectors(names, things), self.name(names)))


class Attention(Recall):
    """One head: a question looks at all facts at once. It has no positions, so order does not reach it."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def look_up(self, facts: Tensor, questions: Tensor) -> Tensor:
        """See :meth:`Recall.look_up`."""
        return F.scaled_dot_product_attention(self.query(questions), self.key(facts), self.value(facts))


class Recurrent(Recall):
    """A network that reads one step after the other into a state of fixed size, then reads the question."""

    def __init__(self, width: int, gated: bool) -> None:
        super().__init__(width)
        self.reader = (nn.GRU if gated else nn.RNN)(width, width, batch_first=True)

    def look_up(self, facts: Tensor, questions: Tensor) -> Tensor:
        """See :meth:`Recall.look_up`. Each question starts from the same state: none hears another's."""
        rows, steps, width = questions.shape
        _, state = self.reader(facts)
        each = state.repeat_interleave(steps, 1)
        heard, _ = self.reader(questions.reshape(rows * steps, 1, width), each)
        return heard.view(rows, steps, width)


KINDS: dict[str, Callable[[int], Recall]] = {
    "attention": Attention,
    "gru": lambda width: Recurrent(width, gated=True),
    "rnn": lambda width: Recurrent(width, gated=False),
}


def size(model: nn.Module) -> int:
    """How many parameters a model has."""
    return sum(parameter.numel() for parameter in model.parameters())


def build(kind: str, parameters: int = PARAMETERS) -> Recall:
    """An untrained model, as wide as brings it nearest to so many parameters.

    Raises:
        ValueError: ``kind`` is not ``"attention"``, ``"gru"`` or ``"rnn"``.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r} is not one of {', '.join(KINDS)}.")
    with torch.device("meta"):  # only counted, so nothing is filled in
        width = min(range(4, 256), key=lambda w: abs(size(KINDS[kind](w)) - parameters))
    return KINDS[kind](width)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Networks this small run fastest on one thread, and then any number of cores gives the same result."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    kind: str,
    *,
    seed: int = 0,
    steps: int = STEPS,
    batches: int = BATCHES,
    parameters: int = PARAMETERS,
    rate: float | None = None,
) -> Recall:
    """Train one model on rows of ``steps`` steps that hold from one to ``steps`` facts, all numbers alike.

    Args:
        kind: ``"attention"``, ``"gru"`` or ``"rnn"``.
        seed: of the first parameters and of the facts. PyTorch's own random numbers are left as they were.
        batches: how many times it learns from ``BATCH`` rows; 0 leaves the model as it starts.
        rate: learning rate of Adam at its height; ``None`` takes the kind's own.

    Raises:
        ValueError: there is no such kind.
    """
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(seed)
        model = build(kind, parameters)
        random = torch.Generator().manual_seed(seed)
        adam = torch.optim.Adam(model.parameters(), lr=RATES[kind] if rate is None else rate)
        plan = torch.optim.lr_scheduler.LambdaLR(adam, lambda n: min(1, (n + 1) / 50) * (1 - n / max(1, batches)))
        for _ in range(batches):
            told = torch.randint(1, steps + 1, (BATCH,), generator=random)
            names, things = draw(BATCH, steps, told, random)
            scores = model(names, things).flatten(0, 1)
            loss = F.cross_entropy(scores, things.flatten() - 1, ignore_index=-1)  # silence is not asked for
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
            plan.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: Recall, distance: int, *, facts: bool, rows: int = 500, steps: int = STEPS) -> float:
    """The share of right answers about a fact that was told ``distance`` steps before the question.

    Args:
        model: a trained model.
        distance: 1 is the last step before the question. Before the fact there is silence.
        facts: whether the steps after the fact hold facts about others (``True``) or silence.
        rows: how many rows are drawn; the same ones for every model.
        steps: length of the rows, at least ``distance`` and at most ``NAMES``.

    Raises:
        ValueError: the distance does not fit.
    """
    if not 1 <= distance <= steps <= NAMES:
        raise ValueError(f"distance={distance} and steps={steps}: 1 <= distance <= steps <= {NAMES} is allowed.")
    random = torch.Generator().manual_seed(distance)
    names, things = draw(rows, steps, torch.full((rows,), steps), random)
    place = steps - distance
    quiet = torch.arange(steps) < place if facts else torch.arange(steps) != place
    names, things = names.masked_fill(quiet, 0), things.masked_fill(quiet, 0)
    with _one_thread():
        said = model(names, things)[:, place].argmax(-1) + 1
    return float((said == things[:, place]).float().mean())


def influence(read: Callable[[Tensor], Tensor], vectors: Tensor, directions: int = 16) -> Tensor:
    """How much each input vector bears on what is there at the end: a gradient norm for each step back.

    The norm is that of the Jacobian of the last state with respect to one input (Frobenius), estimated from random
    directions of the state. If it is near zero, a change of that input would hardly change the state: whatever stood
    there is forgotten. Bengio, Simard and Frasconi (1994) study how it shrinks in recurrent networks.

    Args:
        read: gives the last state ``(rows, width)`` for input vectors ``(rows, steps, width)``.
        vectors: the input vectors.
        directions: how many random directions are averaged; more is more exact and slower.

    Returns:
        ``(steps,)``, the mean over rows; entry 0 is the last input, entry 1 the one before, and so on.
    """
    inputs = vectors.detach().clone().requires_grad_(True)
    with torch.enable_grad(), _one_thread():
        state = read(inputs)
        random = torch.Generator().manual_seed(0)
        squares = torch.zeros(inputs.shape[:2])
        for _ in range(directions):
            towards = torch.randn(state.shape, generator=random)
            (slope,) = torch.autograd.grad(state, inputs, towards, retain_graph=True)
            squares += slope.square().sum(-1)
    return (squares / directions).sqrt().mean(0).flip(0)


def reach(model: Recall, *, steps: int = STEPS, rows: int = 100, directions: int = 8) -> tuple[Tensor, Tensor]:
    """In rows full of facts: how much a fact bears on the answer to the question about it, by distance.

    Args:
        model: any of the three kinds, trained or not.
        steps: length of the rows.
        rows, directions: how many rows and random directions the mean is taken over (see :func:`influence`).

    Returns:
        Two tensors ``(steps,)``; entry 0 belongs to the last fact. First, the fact's influence on its own answer,
        relative to the last fact's: it falls if memory fades. Second, that influence as a share of what all facts of
        the row have on this answer: near 1 if the answer hears only the fact it is about, ``1 / steps`` if all alike.
    """
    random = torch.Generator().manual_seed(0)
    names, things = draw(rows, steps, torch.full((rows,), steps), random)
    with torch.no_grad():
        facts, questions = model.vectors(names, things), model.name(names)
    own, share = torch.empty(steps), torch.empty(steps)
    for back in range(steps):
        asked = questions[:, [steps - 1 - back]]

        def answer(x: Tensor, asked: Tensor = asked) -> Tensor:
            return model.look_up(x, asked)[:, 0]

        found = influence(answer, facts, directions)
        own[back], share[back] = found[back], found[back] / found.sum()
    return own / own[0], share


def table(seeds: Sequence[int] = (0, 1, 2), distances: Sequence[int] = (1, 2, 4, 8, 16)) -> Iterator[str]:
    """Train every kind with every seed; lines with the mean accuracy and its range over the seeds."""
    for kind in KINDS:
        before = time.process_time()
        models = [train(kind, seed=seed) for seed in seeds]
        seconds = (time.process_time() - before) / len(models)
        yield f"{kind}: {size(models[0])} parameters, {seconds:.1f} processor seconds to train"
        for facts in (True, False):
            cells = []
            for distance in distances:
                found = [accuracy(model, distance, facts=facts) for model in models]
                cells.append(f"{distance}: {sum(found) / len(found):.2f} ({min(found):.2f} to {max(found):.2f})")
            yield f"  {'facts' if facts else 'silence'} between; accuracy by distance  " + "  ".join(cells)


if __name__ == "__main__":
    for line in table():
        print(line, flush=True)
