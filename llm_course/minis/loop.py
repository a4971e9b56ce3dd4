"""The training loop: one loop for every mini, on CPU, on a GPU, or on several processes.

Knows nothing about corpora, tokenizers or architectures: it is handed a model and a function that gives
the loss of batch number ``n``. It adds what every run needs: AdamW with warm-up and decay, gradient
clipping, bfloat16 autocast, a progress bar, and checkpoints. A run that is killed at any moment goes on
from its last checkpoint, at most ``save_every`` seconds back, with the same batches in the same order.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm.auto import tqdm


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train. ``lr`` rises over ``warmup`` steps, then falls to zero.

    Decay is ``"linear"`` or ``"cosine"``. ``save_every`` is in seconds. ``muon`` is the learning rate of the
    hidden matrices under Muon (Jordan and others 2024; scaled as in arXiv 2502.16982, so that rates are
    comparable with AdamW's); at 0 everything goes to AdamW.
    """

    steps: int
    lr: float
    warmup: int = 500
    decay: str = "linear"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    muon: float = 0.0
    seed: int = 0
    save_every: float = 180.0

    def share(self, step: int) -> float:
        """The share of the full learning rate at a step (counted from 0)."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return 1 - done if self.decay == "linear" else 0.5 * (1 + math.cos(math.pi * done))


@dataclass(frozen=True)
class Run:
    """What a training took: seconds over all its sessions, and the mean loss of its last 100 steps."""

    steps: int
    seconds: int
    loss: float
    device: str
    processes: int
    machine: str


def keep_memory() -> None:
    """Tell glibc to keep freed memory instead of handing it back after every step.

    Large temporary tensors are otherwise mapped and unmapped by the kernel thousands of times; which
    can cost as much as the step itself. Does nothing where the C library has no ``mallopt``.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    trim_threshold, top_pad, mmap_max = -1, -2, -4  # names of mallopt(3)
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 64 * 2**20)


def optimizers_for(model: torch.nn.Module, plan: Plan) -> list[torch.optim.Optimizer]:
    """AdamW for all parameters, or Muon for the hidden matrices and AdamW for the rest.

    Embeddings and the vectors (biases, normalization) always belong to AdamW; vectors do not decay.
    """
    names = {id(p): n for n, p in model.named_parameters() if p.requires_grad}
    parameters = [p for p in model.parameters() if p.requires_grad]
    tables = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
    hidden = [p for p in parameters if p.ndim == 2 and id(p) not in tables and "head" not in names[id(p)]]
    taken = {id(p) for p in hidden} if plan.muon else set()
    matrices = [p for p in parameters if p.ndim >= 2 and id(p) not in taken]
    vectors = [p for p in parameters if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=plan.lr, betas=plan.betas, fused=True)]
    if plan.muon:
        optimizers.append(
            torch.optim.Muon(hidden, lr=plan.muon, weight_decay=plan.weight_decay, adjust_lr_fn="match_rms_adamw")
        )
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["full_lr"] = group["lr"]
    return optimizers


def fit(
    model: torch.nn.Module,
    loss_of: Callable[[torch.nn.Module, int], torch.Tensor],
    plan: Plan,
    folder: Path | None = None,
    *,
    watch: Callable[[int, torch.nn.Module], dict[str, float]] | None = None,
    watch_every: int = 1000,
    progress: bool = True,
) -> Run:
    """Train ``model`` in place.

    Args:
        model: any module; it is moved to the accelerator's device.
        loss_of: ``loss_of(model, n)`` gives the scalar loss of batch ``n``, tensors on the model's device.
        plan: steps, learning rate and so on.
        folder: where ``checkpoint.pt`` and ``log.jsonl`` go; ``None`` keeps nothing.
        watch: called every ``watch_every`` steps with the step and the model; its numbers are logged.
        progress: show a progress bar.

    With several processes (``accelerate launch``), process ``r`` of ``w`` takes batch ``step * w + r``: a step uses
    ``w`` batches, and their gradients are averaged.
    """
    from accelerate import Accelerator  # here: lessons use what a recipe knows of its data, and train nothing with it
    from accelerate.utils import broadcast

    keep_memory()
    accelerator = Accelerator()
    torch.manual_seed(plan.seed + accelerator.process_index)
    model.to(accelerator.device).train()
    # The model is not wrapped: a loss may use its parts, whose gradients a wrapper would then not average.
    optimizers = [accelerator.prepare(optimizer) for optimizer in optimizers_for(model, plan)]
    for tensor in model.state_dict().values():
        broadcast(tensor)

    step, seconds, losses = 0, 0.0, []
    checkpoint = folder / "checkpoint.pt" if folder else None
    if checkpoint and checkpoint.is_file():
        state = torch.load(checkpoint, map_location=accelerator.device, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved_state in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved_state)
        torch.set_rng_state(state["random"].cpu())
        step, seconds, losses = state["step"], state["seconds"], state["losses"]
    if folder and accelerator.is_main_process:
        folder.mkdir(parents=True, exist_ok=True)

    def save(now: float) -> None:
        if checkpoint is None or not accelerator.is_main_process:
            return
        state = {
            "model": model.state_dict(),
            "optimizers": [o.state_dict() for o in optimizers],
            "step": step,
            "seconds": seconds + now - began,
            "losses": losses[-100:],
            "random": torch.get_rng_state(),
        }
        torch.save(state, checkpoint.with_suffix(".new"))
        os.replace(checkpoint.with_suffix(".new"), checkpoint)  # whole or not at all

    began = saved = time.monotonic()
    bar = tqdm(total=plan.steps, initial=step, disable=not (progress and accelerator.is_main_process), unit="step")
    while step < plan.steps:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * plan.share(step)
        batch = step * accelerator.num_processes + accelerator.process_index
        with torch.autocast(accelerator.device.type, torch.bfloat16):
            loss = loss_of(model, batch)
        accelerator.backward(loss)
        for parameter in model.parameters() if accelerator.num_processes > 1 else ():
            if parameter.grad is not None:
                parameter.grad = accelerator.reduce(parameter.grad, "mean")
        accelerator.clip_grad_norm_(model.parameters(), plan.clip)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"The loss became {losses[-1]} at step {step}: lower the learning rate.")
        step += 1
        bar.update()
        now = time.monotonic()
        if step % 50 == 0:
            recent = sum(losses[-50:]) / len(losses[-50:])
            bar.set_postfix(loss=f"{recent:.3f}")
            if folder and accelerator.is_main_process and step % 200 == 0:
                note = {"step": step, "loss": round(recent, 4), "seconds": round(seconds + now - began)}
                with open(folder / "log.jsonl", "a", encoding="utf-8") as log:
                    log.write(json.dumps(note) + "\n")
        if watch and (step % watch_every == 0 or step == plan.steps) and accelerator.is_main_process:
            model.eval()
            with torch.no_grad():
                note = {"step": step, **watch(step, model)}
            model.train()
            bar.write(json.dumps(note))
            if folder:
                with open(folder / "log.jsonl", "a", encoding="utf-8") as log:
                    log.write(json.dumps(note) + "\n")
        if now - saved > plan.save_every or step == plan.steps:
            save(now)
            saved = now
    bar.close()
    model.eval()
    return Run(
        steps=plan.steps,
        seconds=round(seconds + time.monotonic() - began),
        loss=sum(losses[-100:]) / max(1, len(losses[-100:])),
        device=accelerator.device.type,
        processes=accelerator.num_processes,
        machine=f"{torch.get_num_threads()} threads, {platform.machine()}",
    )
