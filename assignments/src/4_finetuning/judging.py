"""Judging of assignment 4: loss, its gradient, a training loop, few labels, early stopping, a low-rank update.

Trusted: never released, never in the sandbox. Knows nothing about notebooks or models: a classifier here is one table
of weights W, and what it reads are rows of numbers.
"""

from __future__ import annotations

import numpy as np

from llm_course.checks.compare import close, exact
from llm_course.grading.tasks import Arguments, Cases, Mistake, Task

Rng = np.random.Generator
Table = np.ndarray


def _shares(scores: Table, axis: int = -1) -> Table:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


# Task 1: the loss


def cross_entropy(scores: Table, labels: list[int]) -> float:
    """Mean surprise, in nats, at the right class; scores (texts, classes)."""
    top = scores.max(axis=1, keepdims=True)
    logs = scores - top - np.log(np.exp(scores - top).sum(axis=1, keepdims=True))
    return float(-logs[np.arange(len(labels)), labels].mean())


def _loss_torch(scores: Table, labels: list[int]) -> object:
    import torch

    return torch.nn.functional.cross_entropy(torch.tensor(scores), torch.tensor(labels))


def _loss_logaddexp(scores: Table, labels: list[int]) -> np.float64:
    return np.mean([np.logaddexp.reduce(row) - row[label] for row, label in zip(scores, labels, strict=True)])


def _loss_columns(scores: Table, labels: list[int]) -> float:
    return float(-np.log(_shares(scores, 0)[np.arange(len(labels)), labels]).mean())


def _loss_unsafe(scores: Table, labels: list[int]) -> float:
    with np.errstate(all="ignore"):
        shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return float(-np.log(shares[np.arange(len(labels)), labels]).mean())


def _loss_log_of_mean(scores: Table, labels: list[int]) -> float:
    return float(-np.log(_shares(scores)[np.arange(len(labels)), labels].mean()))


def _loss_all_classes(scores: Table, labels: list[int]) -> float:
    return cross_entropy(scores, labels) / scores.shape[1]


def _loss_sum(scores: Table, labels: list[int]) -> float:
    return cross_entropy(scores, labels) * len(labels)


def _loss_negative(scores: Table, labels: list[int]) -> float:
    return -cross_entropy(scores, labels)


def _loss_of_scores(scores: Table, labels: list[int]) -> float:
    return float(-scores[np.arange(len(labels)), labels].mean())


def _loss_every_label(scores: Table, labels: list[int]) -> float:
    with np.errstate(all="ignore"):
        return float(-np.log(_shares(scores)[:, labels]).mean())


def _labelled(rng: Rng, n: int, width: int, classes: int) -> tuple[Table, list[int]]:
    """Made-up texts: rows of numbers that lean towards their class. Every class occurs."""
    labels = np.concatenate([np.arange(classes), rng.integers(classes, size=n - classes)])
    rng.shuffle(labels)
    middles = rng.normal(size=(classes, width))
    return (middles[labels] + rng.normal(size=(n, width))).round(3), [int(label) for label in labels]


# Task 2: the gradient


def gradient(X: Table, labels: list[int], W: Table) -> Table:
    """Of the mean loss with respect to W: (width, classes), like W."""
    shares = _shares(X @ W)
    shares[np.arange(len(labels)), labels] -= 1
    return X.T @ shares / len(labels)


def _gradient_torch(X: Table, labels: list[int], W: Table) -> object:
    import torch

    table = torch.tensor(W, requires_grad=True)
    torch.nn.functional.cross_entropy(torch.tensor(X) @ table, torch.tensor(labels)).backward()
    return table.grad


def _gradient_loop(X: Table, labels: list[int], W: Table) -> Table:
    one_hot = np.eye(W.shape[1])
    return np.mean([np.outer(x, _shares(x @ W) - one_hot[k]) for x, k in zip(X, labels, strict=True)], axis=0)


def _gradient_sum(X: Table, labels: list[int], W: Table) -> Table:
    return gradient(X, labels, W) * len(labels)


def _gradient_turned(X: Table, labels: list[int], W: Table) -> Table:
    return gradient(X, labels, W).T


def _gradient_negative(X: Table, labels: list[int], W: Table) -> Table:
    return -gradient(X, labels, W)


def _gradient_no_labels(X: Table, labels: list[int], W: Table) -> Table:
    return X.T @ _shares(X @ W) / len(labels)


def _gradient_of_scores(X: Table, labels: list[int], W: Table) -> Table:
    return X.T @ (X @ W - np.eye(W.shape[1])[labels]) / len(labels)


def _gradient_columns(X: Table, labels: list[int], W: Table) -> Table:
    return X.T @ (_shares(X @ W, 0) - np.eye(W.shape[1])[labels]) / len(labels)


def _gradient_every_label(X: Table, labels: list[int], W: Table) -> Table:
    errors = _shares(X @ W)
    errors[:, labels] -= 1
    return X.T @ errors / len(labels)


def _gradient_case(rng: Rng, n: int, width: int, classes: int) -> Arguments:
    X, labels = _labelled(rng, n, width, classes)
    return X, labels, rng.normal(size=(width, classes)).round(3)


# Task 3: a training loop


def train(X: Table, labels: list[int], classes: int, steps: int, rate: float) -> tuple[Table, list[float]]:
    """Gradient descent from W = 0: the table after all steps, and the loss before each step."""
    W, losses = np.zeros((X.shape[1], classes)), []
    for _ in range(steps):
        losses.append(cross_entropy(X @ W, labels))
        W = W - rate * gradient(X, labels, W)
    return W, losses


def _train_torch(X: Table, labels: list[int], classes: int, steps: int, rate: float) -> object:
    import torch

    W = torch.zeros(X.shape[1], classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([W], lr=rate)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(torch.tensor(X) @ W, torch.tensor(labels))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [W, losses]


def _train_uphill(X: Table, labels: list[int], classes: int, steps: int, rate: float) -> tuple[Table, list[float]]:
    return train(X, labels, classes, steps, -rate)


def _train_loss_after(X: Table, labels: list[int], classes: int, steps: int, rate: float) -> tuple[Table, list[float]]:
    return train(X, labels, classes, steps, rate)[0], train(X, labels, classes, steps + 1, rate)[1][1:]


def _train_same_gradient(X: Table, labels: list[int], classes: int, steps: int, rate: float) -> object:
    W = np.zeros((X.shape[1], classes))
    fixed, losses = gradient(X, labels, W), []
    for _ in range(steps):
        losses.append(cross_entropy(X @ W, labels))
        W = W - rate * fixed
    return W, losses


def _train_accumulates(X: Table, labels: list[int], classes: int, steps: int, rate: float) -> object:
    W, total, losses = np.zeros((X.shape[1], classes)), np.zeros((X.shape[1], classes)), []
    for _ in range(steps):
        losses.append(cross_entropy(X @ W, labels))
        total = total + gradient(X, labels, W)
        W = W - rate * total
    return W, losses


def _train_one_too_few(X: Table, labels: list[int], classes: int, steps: int, rate: float) -> object:
    return train(X, labels, classes, steps - 1, rate)[0], train(X, labels, classes, steps, rate)[1]


def _train_case(rng: Rng, n: int, width: int, classes: int) -> Arguments:
    X, labels = _labelled(rng, n, width, classes)
    return X, labels, classes, int(rng.integers(3, 12)), float(rng.uniform(0.05, 0.4))


# Task 4: few labels


def few_per_class(labels: list[str], k: int) -> list[int]:
    """Places of the first k texts of every class, in the order of the texts."""
    seen: dict[str, int] = {}
    places = []
    for place, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        if seen[label] <= k:
            places.append(place)
    return places


def _few_numpy(labels: list[str], k: int) -> Table:
    array = np.array(labels)
    return np.sort(np.concatenate([np.flatnonzero(array == one)[:k] for one in set(labels)]))


def _few_first(labels: list[str], k: int) -> list[int]:
    return list(range(min(len(labels), k * len(set(labels)))))


def _few_in_all(labels: list[str], k: int) -> list[int]:
    return list(range(min(len(labels), k)))


def _few_by_class(labels: list[str], k: int) -> list[int]:
    return [place for one in sorted(set(labels)) for place in [i for i, x in enumerate(labels) if x == one][:k]]


def _few_one_more(labels: list[str], k: int) -> list[int]:
    return few_per_class(labels, k + 1)


def _few_case(rng: Rng, n: int, k: int) -> Arguments:
    names = ["positive", "neutral", "negative"]
    return ["positive"] * 3 + [names[i] for i in rng.choice(3, size=n, p=[0.5, 0.3, 0.2])] + ["negative", "neutral"], k


# Task 5: early stopping


def early_stopping(losses: list[float], patience: int) -> tuple[int, int]:
    """The epoch to keep, and the last epoch that is run; epochs count from 0."""
    best = 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1


def _stop_counter(losses: list[float], patience: int) -> list[int]:
    lowest, keep, bad, epoch = float("inf"), 0, 0, 0
    for epoch, loss in enumerate(losses):
        bad = 0 if loss < lowest else bad + 1
        if loss < lowest:
            lowest, keep = loss, epoch
        if bad == patience:
            break
    return [keep, epoch]


def _stop_keeps_last(losses: list[float], patience: int) -> tuple[int, int]:
    return early_stopping(losses, patience)[1], early_stopping(losses, patience)[1]


def _stop_total(losses: list[float], patience: int) -> tuple[int, int]:
    best, bad = 0, 0
    for epoch, loss in enumerate(losses):
        if loss < losses[best]:
            best = epoch
        elif epoch:
            bad += 1
            if bad == patience:
                return best, epoch
    return best, len(losses) - 1


def _stop_against_last(losses: list[float], patience: int) -> tuple[int, int]:
    bad = 0
    for epoch in range(1, len(losses)):
        bad = bad + 1 if losses[epoch] >= losses[epoch - 1] else 0
        if bad == patience:
            return int(np.argmin(losses[: epoch + 1])), epoch
    return int(np.argmin(losses)), len(losses) - 1


def _stop_best_of_all(losses: list[float], patience: int) -> tuple[int, int]:
    return int(np.argmin(losses)), early_stopping(losses, patience)[1]


def _stop_exchanged(losses: list[float], patience: int) -> tuple[int, int]:
    return early_stopping(losses, patience)[::-1]


def _stop_one_late(losses: list[float], patience: int) -> tuple[int, int]:
    return early_stopping(losses, patience + 1)


def _stop_hidden(rng: Rng) -> Cases:
    cases: Cases = [
        ([0.9, 0.7, 0.8, 0.6, 0.65, 0.5, 0.55, 0.52, 0.4, 0.45, 0.46, 0.47, 0.3], 3),  # bad epochs, but not in a row
        ([0.9, 0.5, 0.8, 0.7, 0.6, 0.55, 0.1], 3),  # falling again, but above the best
        ([0.5, 0.4, 0.3], 2),
        ([0.8, 0.6, 0.7, 0.75, 0.2], 2),
    ]
    for _ in range(4):
        fall = np.exp(-np.arange(14) / 4) + np.arange(14) * 0.02 + rng.normal(size=14) * 0.06
        cases.append(([round(float(loss), 4) for loss in fall], int(rng.integers(1, 4))))
    return cases


# Task 6: a low-rank update


def merge_lora(W: Table, A: Table, B: Table, alpha: float) -> Table:
    """W + alpha / r * B A: W (out, in), B (out, r), A (r, in), after Hu and others 2021, section 4.1."""
    return W + alpha / A.shape[0] * B @ A


def _lora_outer(W: Table, A: Table, B: Table, alpha: float) -> Table:
    merged = W.astype(float)
    for column, row in zip(B.T, A, strict=True):
        merged += np.outer(column, row) * alpha / len(A)
    return merged


def _lora_other_order(W: Table, A: Table, B: Table, alpha: float) -> Table:
    return W + alpha / A.shape[0] * (A.T @ B.T).reshape(W.shape)


def _lora_no_rank(W: Table, A: Table, B: Table, alpha: float) -> Table:
    return W + alpha * B @ A


def _lora_no_alpha(W: Table, A: Table, B: Table, alpha: float) -> Table:
    return W + B @ A


def _lora_over_width(W: Table, A: Table, B: Table, alpha: float) -> Table:
    return W + alpha / A.shape[1] * B @ A


def _lora_over_outputs(W: Table, A: Table, B: Table, alpha: float) -> Table:
    return W + alpha / B.shape[0] * B @ A


def _lora_update_only(W: Table, A: Table, B: Table, alpha: float) -> Table:
    return alpha / A.shape[0] * B @ A


def _lora_case(rng: Rng, out: int, width: int, r: int) -> Arguments:
    return (
        rng.normal(size=(out, width)),
        rng.normal(size=(r, width)),
        rng.normal(size=(out, r)),
        float(rng.uniform(3, 20)),
    )


_show = np.random.default_rng(4)
_X, _labels = _labelled(_show, 6, 3, 2)
_X = _X.round(1)

TASKS = (
    Task(
        "loss",
        "cross_entropy",
        cross_entropy,
        visible=(
            (np.log([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]]), [0, 2]),
            (np.array([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]]), [0, 0, 1]),
            (np.array([[1000.0, 0.0], [0.0, 1.0]]), [0, 1]),
        ),
        hidden=lambda rng: (
            [
                (rng.normal(size=(n, c)) * 3, [int(i) for i in rng.integers(c, size=n)])
                for n, c in ((4, 3), (7, 2), (5, 5))
            ]
            + [(rng.normal(size=(3, 3)) * 5 + 900, [0, 1, 2])]
        ),
        points=(1, 2),
        mistakes=(
            Mistake(
                "softmax down the columns",
                _loss_columns,
                "Softmax over the wrong axis: the classes of ONE text share out the 1, not the texts of one class.",
            ),
            Mistake(
                "logarithm of the mean",
                _loss_log_of_mean,
                "The wrong average: you average the probabilities and take the logarithm then. First the "
                "surprise of each text, then the mean.",
            ),
            Mistake(
                "divided by the classes, too",
                _loss_all_classes,
                "You average over texts AND classes. Only the right class counts: one number a text.",
            ),
            Mistake(
                "sum instead of mean",
                _loss_sum,
                "This grows with the number of texts. Take the mean of their losses, not the sum.",
            ),
            Mistake(
                "sign forgotten",
                _loss_negative,
                "Your loss is negative. Surprise is MINUS the logarithm of the probability.",
            ),
            Mistake(
                "raw scores",
                _loss_of_scores,
                "You took scores for log-probabilities. Softmax (or log-softmax) comes first.",
            ),
            Mistake(
                "every label in every row",
                _loss_every_label,
                "[:, labels] takes the columns of ALL labels from every row. One number a text is meant: "
                "[np.arange(len(labels)), labels].",
            ),
            Mistake(
                "overflow",
                _loss_unsafe,
                "e to the 1000 is too large for a float. Take the largest score of each row off first.",
            ),
        ),
        right=(_loss_torch, _loss_logaddexp),
    ),
    Task(
        "gradient",
        "gradient",
        gradient,
        visible=(
            (np.array([[1.0, 0.0], [0.0, 2.0]]), [0, 1], np.zeros((2, 2))),
            (_X, _labels, np.array([[0.5, -0.5], [1.0, 0.0], [0.0, 0.5]])),
        ),
        hidden=lambda rng: [_gradient_case(rng, n, w, c) for n, w, c in ((6, 4, 3), (9, 3, 2), (5, 4, 4))],
        points=(1, 4),
        mistakes=(
            Mistake(
                "sum instead of mean",
                _gradient_sum,
                "Too large by the number of texts. The loss is a mean, so its gradient is one, too.",
            ),
            Mistake(
                "transposed",
                _gradient_turned,
                "It is transposed: the gradient has the shape of W, (width, classes). X.T @ ..., not the reverse.",
            ),
            Mistake(
                "sign turned",
                _gradient_negative,
                "The sign is turned. The gradient points UPHILL; it is probabilities minus truth.",
            ),
            Mistake(
                "labels forgotten",
                _gradient_no_labels,
                "The labels do not come in. Take 1 off the probability of the right class of each text first.",
            ),
            Mistake(
                "softmax down the columns",
                _gradient_columns,
                "Softmax over the wrong axis: the probabilities of ONE text, over its classes, sum to 1.",
            ),
            Mistake(
                "every label in every row",
                _gradient_every_label,
                "errors[:, labels] takes the columns of ALL labels from every row. One entry a row is meant: "
                "errors[np.arange(len(labels)), labels].",
            ),
            Mistake(
                "scores instead of probabilities",
                _gradient_of_scores,
                "You subtract the truth from the scores. Softmax comes first: probabilities minus truth.",
            ),
        ),
        right=(_gradient_torch, _gradient_loop),
    ),
    Task(
        "train",
        "train",
        train,
        visible=((np.array([[1.0, 0.0], [0.0, 2.0]]), [0, 1], 2, 1, 0.5), (_X, _labels, 2, 4, 0.5)),
        hidden=lambda rng: [_train_case(rng, n, w, c) for n, w, c in ((8, 4, 3), (12, 3, 2), (10, 5, 4))],
        points=(1, 4),
        compare=close(1e-4),
        mistakes=(
            Mistake("uphill", _train_uphill, "Your loss rises: you walk uphill. Subtract the gradient."),
            Mistake(
                "loss noted after the step",
                _train_loss_after,
                "Off by one: note the loss BEFORE each step. The first is that of W = 0.",
            ),
            Mistake(
                "the same gradient again and again",
                _train_same_gradient,
                "Your gradient is always the first one. W has moved: compute it anew in every step.",
            ),
            Mistake(
                "gradients pile up",
                _train_accumulates,
                "Your gradients pile up from step to step. In PyTorch this is a forgotten zero_grad().",
            ),
            Mistake(
                "one step too few",
                _train_one_too_few,
                "The losses are right, and W is one step behind: the last step is missing.",
            ),
        ),
        right=(_train_torch,),
    ),
    Task(
        "few",
        "few_per_class",
        few_per_class,
        visible=((["b", "a", "a", "a", "b", "a", "c", "b"], 2), (["x", "y", "x", "y"], 1)),
        hidden=lambda rng: [_few_case(rng, 14, k) for k in (1, 2, 3, 5)],
        points=(1, 2),
        compare=exact(),
        mistakes=(
            Mistake("k in all", _few_in_all, "These are the first k texts of all. It should be k of EACH class."),
            Mistake(
                "the right number from the front",
                _few_first,
                "The number is right, the classes are not: you take from the front, and the front may hold one "
                "class only.",
            ),
            Mistake(
                "class by class",
                _few_by_class,
                "The right texts, but class by class. Give their places in the order of the texts.",
            ),
            Mistake("one more", _few_one_more, "One too many of a class. Count first, compare then: at most k."),
        ),
        right=(_few_numpy,),
    ),
    Task(
        "stopping",
        "early_stopping",
        early_stopping,
        visible=(
            ([0.9, 0.6, 0.5, 0.55, 0.6, 0.3], 2),
            ([0.9, 0.5, 0.7, 0.6, 0.4, 0.45, 0.3], 3),
            ([0.9, 0.5, 0.8, 0.7, 0.6, 0.55], 2),
        ),
        hidden=_stop_hidden,
        points=(1, 3),
        compare=exact(),
        mistakes=(
            Mistake(
                "exchanged",
                _stop_exchanged,
                "The two numbers are exchanged: first the epoch that is kept, then the last one that was run.",
            ),
            Mistake(
                "keeps the last",
                _stop_keeps_last,
                "You keep the last epoch. Patience means going on past the best one: the best is kept.",
            ),
            Mistake(
                "looks at losses never reached",
                _stop_best_of_all,
                "The epoch that you keep was never run: training had stopped before. No peeking ahead.",
            ),
            Mistake(
                "one epoch late",
                _stop_one_late,
                "Off by one: with patience 2, stop as soon as 2 epochs have passed without a new best.",
            ),
            Mistake(
                "bad epochs in all", _stop_total, "You count bad epochs in all. A new best starts the count again."
            ),
            Mistake(
                "against the epoch before",
                _stop_against_last,
                "You compare with the epoch before. Compare with the BEST so far: creeping down from a peak is no "
                "progress.",
            ),
        ),
        right=(_stop_counter,),
    ),
    Task(
        "lora",
        "merge_lora",
        merge_lora,
        visible=(
            (np.zeros((2, 3)), np.array([[1.0, 0.0, 2.0]]), np.array([[1.0], [3.0]]), 5.0),
            (np.eye(4), np.arange(8.0).reshape(2, 4), np.arange(8.0).reshape(4, 2), 8.0),
        ),
        hidden=lambda rng: [_lora_case(rng, o, w, r) for o, w, r in ((5, 4, 2), (4, 4, 3), (6, 6, 2))],
        points=(1, 2),
        mistakes=(
            Mistake(
                "not divided by the rank",
                _lora_no_rank,
                "The rank is missing: the factor is alpha / r, and r is the number of rows of A.",
            ),
            Mistake("no factor", _lora_no_alpha, "The factor alpha / r is missing."),
            Mistake(
                "divided by the width",
                _lora_over_width,
                "You divide by the width. r is the SHORT side: the number of rows of A.",
            ),
            Mistake(
                "divided by the outputs",
                _lora_over_outputs,
                "You divide by the number of rows of B, which is the width of what comes out. r is the number of "
                "COLUMNS of B, and of rows of A.",
            ),
            Mistake("the update alone", _lora_update_only, "This is the update alone. Add it to W."),
            Mistake("wrong order", _lora_other_order, "The product is the other way round: B @ A has the shape of W."),
        ),
        right=(_lora_outer,),
    ),
)
