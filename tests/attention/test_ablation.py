"""Ablation: a head that is off adds nothing, all else works as before, and the model comes back as it was."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import transformers

import llm_course as lc
import tiny_models
from llm_course.attention.ablation import ablate, effects
from llm_course.errors import BadOption, WrongTask
from llm_course.shelf.kv_cache import cached
from llm_course.shelf.loading import LanguageModel, load
from rounding import agree

TEXT = "The cat sat on the mat."
# Family, kind, and where the two output projections are.
PLACES = [
    ("gpt2", None, "transformer.h.{}.attn.c_proj"),
    ("gpt-neox", None, "gpt_neox.layers.{}.attention.dense"),
    ("llama", None, "model.layers.{}.self_attn.o_proj"),
    ("qwen3", None, "model.layers.{}.self_attn.o_proj"),
    ("bloom", None, "transformer.h.{}.self_attention.dense"),
    ("bert", None, "bert.encoder.layer.{}.attention.output.dense"),
    ("distilbert", None, "distilbert.transformer.layer.{}.attention.out_lin"),
    ("roberta", None, "roberta.encoder.layer.{}.attention.output.dense"),
    ("modernbert", None, "model.layers.{}.attn.Wo"),
    ("bart", "encoder", "model.encoder.layers.{}.self_attn.out_proj"),
    ("marian", "decoder", "model.decoder.layers.{}.self_attn.out_proj"),
    ("marian", None, "model.decoder.layers.{}.encoder_attn.out_proj"),
    ("mbart", "cross", "model.decoder.layers.{}.encoder_attn.out_proj"),
    ("pegasus", "encoder", "model.encoder.layers.{}.self_attn.out_proj"),
    ("t5", "encoder", "encoder.block.{}.layer.0.SelfAttention.o"),
    ("t5", "decoder", "decoder.block.{}.layer.0.SelfAttention.o"),
    ("t5", "cross", "decoder.block.{}.layer.1.EncDecAttention.o"),
]
each = pytest.mark.parametrize(("name", "kind", "path"), PLACES)


def tiny(name: str) -> LanguageModel:
    return load(tiny_models.folder(name))


def scores(lm: LanguageModel, model: torch.nn.Module | None = None) -> torch.Tensor:
    model = lm.model if model is None else model
    inputs = lm.tokenizer(TEXT, return_tensors="pt", return_token_type_ids=False)
    if lm.model.config.is_encoder_decoder:
        inputs["decoder_input_ids"] = inputs["input_ids"][:, :5]
    with torch.no_grad():
        return model(**inputs).logits


def hooks(model: torch.nn.Module) -> int:
    return sum(len(part._forward_pre_hooks) + len(part._forward_hooks) for part in model.modules())


@each
def test_one_head_off_is_a_projection_without_its_part(name: str, kind: str | None, path: str) -> None:
    lm = tiny(name)
    for layer, head in ((0, 1), (1, 0)):
        changed = copy.deepcopy(lm.model)
        weight = changed.get_submodule(path.format(layer)).weight
        mine = slice(16 * head, 16 * head + 16)
        with torch.no_grad():
            weight[mine if name == "gpt2" else (slice(None), mine)] = 0  # GPT-2 stores it the other way round
        with ablate(lm, [(layer, head)], kind=kind):
            found = scores(lm)
        assert agree(found, scores(lm, changed))
        assert (found - scores(lm)).abs().max() > 1e-4, "the head did something before"


@each
def test_all_heads_of_a_layer_off_is_a_projection_that_reads_zeros(name: str, kind: str | None, path: str) -> None:
    lm = tiny(name)
    changed = copy.deepcopy(lm.model)
    projection = changed.get_submodule(path.format(1))
    projection.register_forward_pre_hook(lambda module, args: (torch.zeros_like(args[0]),))
    with ablate(lm, [(1, 0), (1, 1)], kind=kind):
        found = scores(lm)
    assert agree(found, scores(lm, changed))
    assert not agree(found, scores(lm)), "the heads did something before"


@each
def test_no_head_off_changes_nothing(name: str, kind: str | None, path: str) -> None:
    lm = tiny(name)
    before = scores(lm)
    with ablate(lm, [], kind=kind):
        assert agree(scores(lm), before)


def test_by_hand() -> None:
    """Two heads of width 2: the projection adds 1 times the first head's two numbers and 10 times the second's."""

    class HandMadeAttention(torch.nn.Module):
        num_heads = 2

        def __init__(self) -> None:
            super().__init__()
            self.out_proj = torch.nn.Linear(4, 1)
            self.out_proj.weight.data = torch.tensor([[1.0, 1.0, 10.0, 10.0]])
            self.out_proj.bias.data = torch.tensor([0.5])

        def forward(self, mixed: torch.Tensor) -> torch.Tensor:
            return self.out_proj(mixed)

    model = torch.nn.Sequential(HandMadeAttention())
    model.config = transformers.PretrainedConfig()  # type: ignore[assignment]
    lm = LanguageModel("by hand", model, None, {}, torch.device("cpu"))
    mixed = torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    assert model(mixed).item() == 73.5  # 1 + 2 + 30 + 40 + 0.5
    with ablate(lm, [(0, 1)]):
        assert model(mixed).item() == 3.5
    with ablate(lm, [(0, 0)]):
        assert model(mixed).item() == 70.5
    with ablate(lm, [(0, 0), (0, 1)]):
        assert model(mixed).item() == 0.5, "the bias belongs to no head"
    assert mixed.tolist() == [[[1, 2, 3, 4]]], "what came in is not written over"


def test_the_model_is_left_as_it_was_also_after_an_exception() -> None:
    lm = tiny("gpt2")
    before, count = scores(lm), hooks(lm.model)
    with pytest.raises(ZeroDivisionError), ablate(lm, [(0, 0), (1, 1)]):
        assert hooks(lm.model) == count + 4
        raise ZeroDivisionError
    assert hooks(lm.model) == count and agree(scores(lm), before)
    with pytest.raises(BadOption), ablate(lm, [(0, 0), (9, 9)]):
        raise AssertionError("not reached: the second head is none")
    assert hooks(lm.model) == count


def test_blocks_nest_and_the_inner_one_ends_alone() -> None:
    lm = tiny("bert")
    with ablate(lm, [(0, 0), (0, 1)]):
        both = scores(lm)
    with ablate(lm, [(0, 0)]):
        first = scores(lm)
        with ablate(lm, [(0, 1)]):
            assert agree(scores(lm), both)
        assert agree(scores(lm), first)


def test_use_cases_find_the_heads_off_and_so_does_a_cache() -> None:
    folder = tiny_models.folder("gpt2")
    free = lc.perplexity(TEXT, model=load(folder)).loss
    with ablate(folder, [(0, 0), (0, 1), (1, 0)]) as lm:
        assert lm is load(folder)
        assert lc.perplexity(TEXT, model=lm).loss != pytest.approx(free, rel=1e-3)
        ids = lm.tokenizer(TEXT, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            whole = lm.model(ids).logits[:, -1]
            read = lm.model(ids[:, :-1], use_cache=True)
            step = lm.model(ids[:, -1:], **cached(read)).logits[:, -1]
    assert agree(step, whole)


def test_attention_can_be_recorded_while_heads_are_off() -> None:
    lm = tiny("llama")
    before = lc.attend(TEXT, model=lm).weights
    with ablate(lm, [(0, 0)]):
        off = lc.attend(TEXT, model=lm).weights
    assert agree(off[0], before[0]), "the layer of the head reads what it read before"
    assert np.abs(off[1] - before[1]).max() > 1e-3, "the next layer reads something else"


def test_gradients_flow_around_the_head() -> None:
    lm = tiny("gpt2")
    ids = lm.tokenizer(TEXT, return_tensors="pt")["input_ids"]
    states = lm.model.transformer.wte(ids).detach().requires_grad_(True)
    with ablate(lm, [(0, 0)]):
        lm.model(inputs_embeds=states).logits.sum().backward()
    assert states.grad is not None and states.grad.abs().max() > 0


def test_pairs_may_come_from_numpy_and_from_a_ranking() -> None:
    lm = tiny("gpt2")
    with ablate(lm, [(1, 0)]):
        wanted = scores(lm)
    for heads in (np.array([[1, 0]]), [(np.int64(1), np.int64(0))], [(1, 0, 0.93)], ((1, 0) for _ in range(2))):
        with ablate(lm, heads):
            assert agree(scores(lm), wanted)


@pytest.mark.parametrize("heads", [[(2, 0)], [(0, 2)], [(-1, 0)], [(0, True)], [(0, 0.0)], [3], ["01"], [(0,)]])
def test_heads_that_are_none(heads: list) -> None:
    with pytest.raises(BadOption), ablate(tiny("gpt2"), heads):
        raise AssertionError("not reached")


def test_kinds_that_are_none() -> None:
    for name, kind in (("gpt2", "decoder"), ("marian", "self"), ("bert", "cross")):
        with pytest.raises(BadOption, match="kind="), ablate(tiny(name), [(0, 0)], kind=kind):
            raise AssertionError("not reached")


def test_a_model_without_attention_is_told_so() -> None:
    config = transformers.MambaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, state_size=4)
    lm = LanguageModel("mamba", transformers.MambaForCausalLM(config), None, {}, torch.device("cpu"))
    with pytest.raises(WrongTask, match="no attention heads that can be switched off"), ablate(lm, [(0, 0)]):
        raise AssertionError("not reached")


def test_a_module_that_goes_around_its_projection_is_an_error_not_a_silent_nothing() -> None:
    class DetourAttention(torch.nn.Module):
        num_heads = 2

        def __init__(self) -> None:
            super().__init__()
            self.out_proj = torch.nn.Linear(4, 4)

        def forward(self, mixed: torch.Tensor) -> torch.Tensor:
            return mixed @ self.out_proj.weight.T

    model = torch.nn.Sequential(DetourAttention())
    model.config = transformers.PretrainedConfig()  # type: ignore[assignment]
    lm = LanguageModel("detour", model, None, {}, torch.device("cpu"))
    with pytest.raises(WrongTask, match="goes around"), ablate(lm, [(0, 0)]):
        model(torch.ones(1, 1, 4))
    assert hooks(model) == 0


@pytest.mark.parametrize(("name", "kind"), [("gpt2", None), ("marian", "encoder")])
def test_effects_switch_each_head_off_alone(name: str, kind: str | None) -> None:
    lm = load(tiny_models.folder(name))
    ids = lm.tokenizer("The cat sat on the mat.", return_tensors="pt")["input_ids"]
    more = {"decoder_input_ids": ids[:, :4]} if kind else {}

    @torch.inference_mode()
    def run() -> float:
        return lm.model(input_ids=ids, **more).logits.square().mean().item()

    found = effects(lm, run, kind=kind)
    assert found.shape == (2, 2)
    before = run()
    for layer, head in np.ndindex(2, 2):
        with ablate(lm, [(layer, head)], kind=kind):
            assert found[layer, head] == pytest.approx(run() - before, abs=1e-6)
    assert np.abs(found).min() > 1e-6 and run() == pytest.approx(before, abs=1e-6)
    with pytest.raises(BadOption):
        effects(lm, run, kind="self")
