"""Record BLOOM, which computes attention by itself and not through the library's table of functions.

Knows nothing about how weights are rebuilt. BLOOM's attention module gets the ALiBi offsets as an argument and makes
queries, keys and values in one linear layer: two hooks read both while the model runs as it always does.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def hooks_on_bloom(model: Any, recorder: Any) -> Iterator[bool]:
    """Have every attention module of BLOOM tell the recorder what goes in; the hooks are gone afterwards.

    Gives whether the model has such modules.
    """
    with ExitStack() as stack:
        modules = [part for part in model.modules() if type(part).__name__ == "BloomAttention"]
        # Shared by all layers, as the model shares offsets and mask among them: they are shortened once.
        given: dict[str, Any] = {}
        for module in modules:
            hook = module.register_forward_pre_hook(_before(given), with_kwargs=True)
            stack.callback(hook.remove)
            hook = module.query_key_value.register_forward_hook(_after(module, given, recorder))
            stack.callback(hook.remove)
        yield bool(modules)


def _before(given: dict[str, Any]) -> Any:
    def hook(module: Any, args: tuple[Any, ...], options: dict[str, Any]) -> None:
        bound = inspect.signature(module.forward).bind(*args, **options).arguments
        if given.get("alibi") is not bound["alibi"]:
            batch = bound["hidden_states"].shape[0]
            given["alibi"] = bound["alibi"]  # (batch * heads, 1, columns)
            given["offset"] = bound["alibi"].view(batch, module.num_heads, 1, -1)
        given["mask"] = bound.get("attention_mask")

    return hook


def _after(module: Any, given: dict[str, Any], recorder: Any) -> Any:
    def hook(linear: Any, args: tuple[Any, ...], fused: Any) -> None:
        batch, length, _ = fused.shape
        # The layer writes query, key and value of a head side by side.
        query, key, value = fused.view(batch, length, module.num_heads, 3, module.head_dim).permute(3, 0, 2, 1, 4)
        recorder.add(
            module, query, key, value, given["mask"], scale=module.inv_norm_factor, offset=given["offset"],
            causal=given["mask"] is None,
        )  # fmt: skip

    return hook
