"""Several processes: they learn as one would from all their batches, and one of them writes."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from llm_course.minis.loop import Plan, fit
from rounding import agree

PLAN = Plan(steps=4, lr=0.02, warmup=2)


class Network(torch.nn.Module):
    """Its loss below uses a part of it, as those of the recipes do."""

    def __init__(self, seed=1):
        super().__init__()
        torch.manual_seed(seed)
        self.body = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))


def loss_of(model, number):
    x = torch.randn(32, 6, generator=torch.Generator().manual_seed(number))
    return ((model.body(x).float() - (2 * x[:, :1] - x[:, 1:2])) ** 2).mean()


def one_process(folder):
    """What each of the processes does: the toy, then a recipe. Only the first may write a model."""
    from transformers import PreTrainedModel

    from llm_course.minis import incontext_mini as own
    from llm_course.minis.training import train

    rank = int(os.environ["RANK"])
    network, seen = Network(seed=rank), []
    record = fit(network, lambda m, n: (seen.append(n), loss_of(m, n))[1], PLAN, progress=False)
    torch.save({"state": network.state_dict(), "seen": seen, "record": asdict(record)}, folder / f"toy-{rank}.pt")
    own.BATCH, steps, loss = 2, [], own.Task.loss
    own.Task.loss = lambda self, model, number: (steps.append(self.steps), loss(self, model, number))[1]
    if rank:
        PreTrainedModel.save_pretrained = lambda *_, **__: pytest.fail("the second process writes")
    train("incontext-mini", None, folder, steps=3)
    (folder / f"steps-{rank}.json").write_text(json.dumps(steps))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = f"import pathlib, test_processes; test_processes.one_process(pathlib.Path({str(made)!r}))"
    path = os.pathsep.join([*map(str, Path(__file__).parents[:2]), os.getcwd(), os.environ.get("PYTHONPATH", "")])
    shared = {
        **os.environ,
        "PYTHONPATH": path,
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "ACCELERATE_USE_CPU": "true",
        "OMP_NUM_THREADS": "1",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**shared, "RANK": rank, "LOCAL_RANK": rank},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        errors = [process.communicate(timeout=1200)[1] for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0], "\n".join(errors)
    return made


def test_the_gradients_of_all_processes_are_averaged(folder):
    first, second = (torch.load(folder / f"toy-{rank}.pt") for rank in (0, 1))
    assert first["record"]["processes"] == 2
    assert (first["seen"], second["seen"]) == ([0, 2, 4, 6], [1, 3, 5, 7])
    alone = Network(seed=0)
    fit(alone, lambda m, n: (loss_of(m, 2 * n) + loss_of(m, 2 * n + 1)) / 2, PLAN, progress=False)
    for name, weight in alone.state_dict().items():
        assert agree(first["state"][name], second["state"][name]), name
        assert torch.allclose(first["state"][name], weight, atol=2e-3), name


def test_a_recipe_counts_the_batches_of_all_processes_and_writes_once(folder):
    assert [json.loads((folder / f"steps-{rank}.json").read_text()) for rank in (0, 1)] == [[6] * 3] * 2
    assert json.loads((folder / "incontext-mini" / "run.json").read_text())["processes"] == 2
    assert (folder / "incontext-mini" / "final" / "model.safetensors").is_file()
