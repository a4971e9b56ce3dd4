"""Rebuilt weights are the ones the model's plain attention has: every family, alone, padded and in a batch."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import transformers

import tiny_models
from llm_course.attention.recording import Maps, record
from llm_course.shelf.loading import load

FAMILIES = (
    "gpt2",
    "gpt-neox",
    "llama",
    "qwen2",
    "qwen3",
    "bloom",
    "bert",
    "distilbert",
    "roberta",
    "modernbert",
    "t5",
    "t5-untied",
    "bart",
    "marian",
    "mbart",
    "pegasus",
)
TEXTS = ["The cat sat on the mat. A dog runs in the park, and the children laugh!", "A dog.", "I love it, my sister"]
TARGETS = ["Hello, how are you?", "the cat sat on the mat in the park", "no"]
SIZES = dict(
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=2,
    vocab_size=60,
    bos_token_id=0,
    eos_token_id=1,
    pad_token_id=2,
)


def _strong(model: Any) -> Any:
    """Random weights scaled up, so that attention is far from even."""
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() == 2 and "position" not in name:
                weight.normal_(0, 0.2)
    return model.eval()


def _grouped() -> Any:
    """Three groups of two heads: a head that took another group's keys would be seen."""
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(**{**SIZES, "hidden_size": 48}, num_attention_heads=6, num_key_value_heads=3)
    )


def _window() -> Any:
    return transformers.MistralForCausalLM(
        transformers.MistralConfig(**SIZES, num_attention_heads=2, num_key_value_heads=1, sliding_window=5)
    )


def _scaled_by_layer() -> Any:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=60,
            n_layer=3,
            n_embd=32,
            n_head=2,
            n_positions=64,
            scale_attn_by_inverse_layer_idx=True,
            reorder_and_upcast_attn=True,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def _albert() -> Any:
    """One layer's weights used three times."""
    return transformers.AlbertModel(
        transformers.AlbertConfig(
            vocab_size=60,
            embedding_size=16,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=64,
        )
    )


def _bloom_of_three_heads() -> Any:
    """Not a power of two: ALiBi's slopes are then no powers of two either."""
    return transformers.BloomForCausalLM(
        transformers.BloomConfig(vocab_size=60, hidden_size=48, n_layer=2, n_head=3, bos_token_id=0, eos_token_id=1)
    )


MORE = {
    "llama of three groups": _grouped,
    "mistral's window": _window,
    "gpt2 scaled by layer": _scaled_by_layer,
    "albert": _albert,
    "bloom of three heads": _bloom_of_three_heads,
}


def eager(model: Any, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The weights as the library's plain attention hands them out, ``(layers, batch, heads, rows, columns)``."""
    plain = copy.deepcopy(model)
    if plain.config._attn_implementation != "eager":
        plain.set_attn_implementation("eager")
    with torch.no_grad():
        out = plain(**inputs, output_attentions=True)
    if model.config.is_encoder_decoder:
        maps = {"encoder": out.encoder_attentions, "decoder": out.decoder_attentions, "cross": out.cross_attentions}
    else:
        maps = {"self": out.attentions}
    return {kind: torch.stack(some).float().cpu() for kind, some in maps.items()}


def rebuilt(maps: Maps) -> torch.Tensor:
    """All weights of one text and kind, ``(layers, heads, rows, columns)``."""
    return torch.stack([torch.stack([layer.weights(h) for h in range(layer.heads)]) for layer in maps.layers])


def difference(model: Any, inputs: dict[str, Any]) -> float:
    """The largest difference between rebuilt and eager weights, over all kinds, texts, layers and heads.

    Rows of padding are left out: no result depends on them.
    """
    found, expected = record(model, inputs), eager(model, inputs)
    worst = 0.0
    for b, kinds in enumerate(found):
        assert set(kinds) == set(expected)
        for kind, maps in kinds.items():
            assert maps.weights is None and maps.layers, "recorded"
            own = rebuilt(maps)
            assert own.shape == expected[kind][:, b].shape
            assert (own.sum(-1) - 1).abs().max() < 1e-5
            mask = inputs.get("decoder_attention_mask" if kind in ("decoder", "cross") else "attention_mask")
            rows = slice(None) if mask is None else mask[b].bool().cpu()
            worst = max(worst, (own - expected[kind][:, b])[:, :, rows].abs().max().item())
    return worst


def inputs_of(name: str, texts: list[str], targets: list[str] | None = None) -> dict[str, Any]:
    lm = load(tiny_models.folder(name))
    if lm.tokenizer.pad_token_id is None:  # masked anyway
        lm.tokenizer.pad_token = lm.tokenizer.eos_token
    made = lm.tokenizer(texts, return_tensors="pt", padding=True, return_token_type_ids=False)
    found = {"input_ids": made["input_ids"], "attention_mask": made["attention_mask"]}
    if lm.model.config.is_encoder_decoder:
        wrote = lm.tokenizer(text_target=targets or TARGETS[: len(texts)], return_tensors="pt", padding=True)
        found |= {"decoder_input_ids": wrote["input_ids"], "decoder_attention_mask": wrote["attention_mask"]}
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_rebuilt_weights_equal_eager_ones(name: str) -> None:
    model = load(tiny_models.folder(name)).model
    for text, target in zip(TEXTS, TARGETS, strict=True):
        assert difference(model, inputs_of(name, [text], [target])) < 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_padded_and_batched_texts_equal_eager_ones(name: str) -> None:
    model, inputs = load(tiny_models.folder(name)).model, inputs_of(name, TEXTS)
    assert inputs["attention_mask"].min() == 0, "there is padding"
    assert difference(model, inputs) < 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_padding_is_kept_as_a_vector(name: str) -> None:
    for kinds in record(load(tiny_models.folder(name)).model, inputs_of(name, TEXTS)):
        for maps in kinds.values():
            for layer in maps.layers:
                assert layer.mask.matrix is None
                assert layer.offset is None or layer.offset.matrix is None


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("padded", [False, True])
def test_other_ways_of_attention_equal_eager_ones(name: str, padded: bool) -> None:
    torch.manual_seed(1)
    model = _strong(MORE[name]())
    ids = torch.randint(3, 60, (3, 17), generator=torch.Generator().manual_seed(5))
    mask = torch.ones_like(ids)
    if padded:
        mask[1, :6] = 0
        mask[2, :1] = 0
    inputs = {"input_ids": ids, "attention_mask": mask}
    assert difference(model, inputs) < 1e-5
    for kinds in record(model, inputs):
        for layer in kinds["self"].layers:
            assert layer.mask.matrix is None and (layer.offset is None or layer.offset.matrix is None)


def test_each_form_of_bias_is_stored_as_what_it_is() -> None:
    ids = {"input_ids": torch.arange(3, 23)[None], "attention_mask": torch.ones(1, 20, dtype=torch.long)}

    def first(model: Any, kind: str = "self", **more: Any) -> Any:
        return record(model, {**ids, **more})[0][kind].layers

    window = first(_strong(_window()))[0]
    assert (window.mask.below, window.mask.above, window.mask.columns) == (4, 0, None) and window.offset is None
    assert window.key.shape[0] == 1 and window.heads == 2, "grouped keys are stored once"
    bloom = first(_strong(_bloom_of_three_heads()))
    assert bloom[0].mask.kind == "causal" and bloom[0].offset is bloom[1].offset, "shared by layers"
    assert bloom[0].offset.slopes.shape == (3, 1) and bloom[0].offset.places.tolist() == list(range(20))
    gpt2 = first(load(tiny_models.folder("gpt2")).model)
    assert gpt2[0].mask.kind == gpt2[1].mask.kind == "causal" and not gpt2[0].mask.tensors()
    bert = first(load(tiny_models.folder("bert")).model)
    assert bert[0].mask.kind == "none"
    t5 = load(tiny_models.folder("t5")).model
    encoder = first(t5, "encoder", decoder_input_ids=torch.arange(3, 10)[None])
    assert encoder[0].offset.distances.shape == (2, 39) and encoder[1].offset is encoder[0].offset
    decoder = first(t5, "decoder", decoder_input_ids=torch.arange(3, 10)[None])
    assert decoder[0].offset.distances.shape == (2, 13) and decoder[0].mask.kind == "causal"
    cross = first(t5, "cross", decoder_input_ids=torch.arange(3, 10)[None])
    assert cross[0].offset is None and cross[0].scale == 1.0
    modern = first(load(tiny_models.folder("modernbert")).model)
    assert {(one.mask.below, one.mask.above) for one in modern} == {(None, None), (8, 8)}


def _bfloat16(name: str, device: str) -> float:
    model = copy.deepcopy(load(tiny_models.folder(name), "cpu").model)
    if name.startswith("t5"):
        # Fast and plain attention round differently, so after one layer their queries and keys differ. T5 does not
        # scale its scores down, and the tiny one's weights are scaled up: here they are what a new T5 has.
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.data /= 1.5
    model = model.to(device, torch.bfloat16)
    return difference(model, {key: part.to(device) for key, part in inputs_of(name, TEXTS).items()})


@pytest.mark.gpu
@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_on_a_gpu(name: str) -> None:
    assert _bfloat16(name, "cuda") < 2e-2


@pytest.mark.parametrize("name", FAMILIES)
def test_bfloat16_on_a_cpu(name: str) -> None:
    assert _bfloat16(name, "cpu") < 2e-2


@pytest.mark.gpu
@pytest.mark.parametrize("name", FAMILIES)
def test_float32_on_a_gpu(name: str) -> None:
    model = copy.deepcopy(load(tiny_models.folder(name), "cpu").model).to("cuda")
    assert difference(model, {key: part.to("cuda") for key, part in inputs_of(name, TEXTS).items()}) < 1e-4


def test_numbers_are_float32_whatever_the_model_computes_in() -> None:
    (kinds,) = record(load(tiny_models.folder("bert-bf16")).model.to(torch.bfloat16), inputs_of("bert", TEXTS[:1]))
    assert kinds["self"].layers[0].query.dtype == torch.bfloat16, "kept as small as they are"
    weights = rebuilt(kinds["self"]).numpy()
    assert weights.dtype == np.float32 and np.abs(weights.sum(-1) - 1).max() < 1e-5
