"""The training loop: it learns, it goes on after a kill exactly where it was, and it refuses to go astray."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from llm_course.minis.loop import Plan, fit, optimizers_for
from rounding import TRAINED, agree

PLAN = Plan(steps=60, lr=0.02, warmup=5, save_every=0.0)


def data(number):
    random = torch.Generator().manual_seed(number)
    x = torch.randn(32, 6, generator=random)
    return x, (x[:, :1] * 2 - x[:, 1:2]).float()


def loss_of(model, number):
    x, y = data(number)
    return ((model(x).float() - y) ** 2).mean()


def network():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(16, 1))


def test_it_learns():
    model = network()
    before = loss_of(model.eval(), 999).item()
    record = fit(model, loss_of, PLAN, progress=False)
    assert loss_of(model, 999).item() < before / 4
    assert record.steps == 60 and record.device in ("cpu", "cuda")


def test_the_rate_rises_and_falls():
    plan = Plan(steps=100, lr=1.0, warmup=10)
    shares = [plan.share(s) for s in range(100)]
    assert shares[0] == pytest.approx(0.1) and max(shares) == shares[9] == pytest.approx(1.0)
    assert shares[55] == pytest.approx(0.5) and 0 < shares[99] < 0.02


def test_a_stopped_run_ends_like_one_that_was_not(tmp_path):
    whole, halves = network(), network()
    fit(whole, loss_of, PLAN, tmp_path / "whole", progress=False)

    class Stop(Exception):
        pass

    def stops(model, number):
        if number == 37:
            raise Stop
        return loss_of(model, number)

    with pytest.raises(Stop):
        fit(halves, stops, PLAN, tmp_path / "halves", progress=False)
    fresh = network()
    seen = []
    fit(fresh, lambda m, n: (seen.append(n), loss_of(m, n))[1], PLAN, tmp_path / "halves", progress=False)
    assert seen == list(range(37, 60))
    for one, other in zip(whole.parameters(), fresh.parameters(), strict=True):
        assert agree(one.detach(), other.detach(), TRAINED)  # dropout included: the state of the random numbers is kept


SCRIPT = """
import sys, time
from pathlib import Path
sys.path[:0] = {here!r}
from test_loop import network, loss_of
from llm_course.minis.loop import Plan, fit
def slow(model, number):
    time.sleep(0.01)
    return loss_of(model, number)
fit(network(), slow, Plan(steps=100_000, lr=0.02, warmup=5, save_every=0.05), Path({folder!r}), progress=False)
"""


def test_a_killed_process_leaves_a_checkpoint_that_loads(tmp_path):
    script = SCRIPT.format(here=[str(folder) for folder in Path(__file__).parents[:2]], folder=str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "OMP_NUM_THREADS": "1"})
    checkpoint = tmp_path / "checkpoint.pt"
    deadline = time.monotonic() + 300
    while not checkpoint.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = torch.load(checkpoint, weights_only=True)["step"]
    assert 0 < step < 100_000
    first = []
    plan = Plan(steps=step + 3, lr=0.02, warmup=5)
    fit(network(), lambda m, n: (first.append(n), loss_of(m, n))[1], plan, tmp_path, progress=False)
    assert first == [step, step + 1, step + 2]


def test_a_loss_that_is_no_number_stops_the_run():
    with pytest.raises(FloatingPointError, match="step 3.*lower the learning rate"):
        fit(network(), lambda m, n: loss_of(m, n) * (float("nan") if n == 3 else 1), PLAN, progress=False)


def test_muon_takes_hidden_matrices_only():
    model = torch.nn.ModuleDict(
        {"words": torch.nn.Embedding(9, 4), "hidden": torch.nn.Linear(4, 4), "lm_head": torch.nn.Linear(4, 9)}
    )
    adamw, muon = optimizers_for(model, Plan(steps=1, lr=1e-3, muon=1e-2))
    assert [tuple(p.shape) for g in muon.param_groups for p in g["params"]] == [(4, 4)]
    assert sum(p.numel() for g in adamw.param_groups for p in g["params"]) == 36 + 4 + 36 + 9
    assert len(optimizers_for(model, Plan(steps=1, lr=1e-3))) == 1
