"""Loading: the right model or an error that names what is wrong, and no code from a model's folder ever runs."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import tiny_models
from llm_course import device
from llm_course.errors import (
    BadOption,
    LLMCourseError,
    NoDevice,
    NoMemory,
    UnknownModel,
    WeightsDamaged,
    WeightsMissing,
    WrongTask,
)
from llm_course.shelf import catalogue, loading
from llm_course.shelf.loading import load
from llm_course.shelf.stored import seal


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    loading.forget()
    yield
    loading.forget()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of a tiny GPT-2 that a test may damage."""
    return Path(shutil.copytree(tiny_models.folder("gpt2"), tmp_path / "model"))


CARD = {
    "kind": "raw",
    "tasks": ["generate"],
    "default_for": ["generate"],
    "architecture": {"class": "GPT2LMHeadModel"},
    "parameters": 40448,
    "licence": "Apache-2.0",
    "languages": ["en"],
    "data": "nothing",
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A shelf with one mini on it, ``tiny-mini``; returns the mini's folder."""
    folder = tmp_path / "weights" / "tiny-mini"
    shutil.copytree(tiny_models.folder("gpt2"), folder)
    (folder / "card.json").write_text(json.dumps(CARD), encoding="utf-8")
    seal(folder)
    monkeypatch.setattr(catalogue, "WEIGHTS", folder.parent)
    catalogue.catalogue.cache_clear()
    yield folder
    catalogue.catalogue.cache_clear()


# --- minis --------------------------------------------------------------------------------------------------


def test_a_mini_loads_in_float32_with_its_card(shelf: Path) -> None:
    lm = load("tiny-mini", task="generate")
    assert lm.name == "tiny-mini" and lm.model.dtype is torch.float32 and not lm.model.training
    assert lm.parameters == 40448 == lm.card["parameters"] and not any(p.requires_grad for p in lm.model.parameters())


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json", "card.json"])
def test_a_flipped_bit_is_found_and_the_file_is_named(shelf: Path, file: str) -> None:
    content = bytearray((shelf / file).read_bytes())
    content[len(content) // 2] ^= 1
    (shelf / file).write_bytes(content)
    with pytest.raises(WeightsDamaged, match=str(shelf / file)) as caught:
        load("tiny-mini")
    assert "git restore" in str(caught.value)


@pytest.mark.parametrize("file", ["tokenizer.json", "card.json"])
def test_a_missing_file_of_a_mini_is_named(shelf: Path, file: str) -> None:
    (shelf / file).unlink()
    catalogue.catalogue.cache_clear()
    with pytest.raises(WeightsMissing, match=str(shelf / file)):
        load("tiny-mini")


@pytest.mark.parametrize("content", ["{", "[]", '{"parameters": 1}'])
def test_a_card_that_was_damaged_is_found_and_hurts_no_other_mini(shelf: Path, content: str) -> None:
    whole = Path(shutil.copytree(shelf, shelf.parent / "whole-mini"))
    (whole / "card.json").write_text(json.dumps(CARD | {"default_for": []}), encoding="utf-8")
    seal(whole)
    (shelf / "card.json").write_text(content, encoding="utf-8")
    catalogue.catalogue.cache_clear()
    assert "tiny-mini" in repr(catalogue.models())
    for _ in ("its checksum is wrong", "its checksum is right, and it is no card"):
        for name, task in (("tiny-mini", None), ("tiny-mini", "generate"), (None, "generate")):
            with pytest.raises(WeightsDamaged, match=str(shelf / "card.json")):
                load(name, task=task)
        seal(shelf)
    assert load("whole-mini", task="generate").parameters == 40448


def test_a_card_tells_a_smaller_window(shelf: Path) -> None:
    (shelf / "card.json").write_text(json.dumps(CARD | {"window": 5}), encoding="utf-8")
    with pytest.raises(WeightsDamaged, match=str(shelf / "card.json")):
        load("tiny-mini")
    seal(shelf)
    assert load("tiny-mini").window == 5


def test_a_folder_says_in_its_card_what_no_config_can(copy: Path) -> None:
    (copy / "card.json").write_text('{"window": 40, "starts_with_bos": true}', encoding="utf-8")
    lm = load(copy)
    assert lm.window == 40 and lm.start == [lm.tokenizer.bos_token_id]


@pytest.mark.parametrize(("content", "error"), [(None, WeightsMissing), ("{", WeightsDamaged), ("{}", WeightsDamaged)])
def test_a_mini_without_its_checksums_is_not_trusted(shelf: Path, content: str | None, error: type) -> None:
    path = shelf.parent / "checksums.json"
    path.unlink() if content is None else path.write_text(content, encoding="utf-8")
    with pytest.raises(error, match="checksums"):
        load("tiny-mini")


def test_any_body_that_reads_text_embeds(shelf: Path) -> None:
    assert load("tiny-mini", task="embed") is load("tiny-mini", task="generate")


def test_a_mini_does_only_its_tasks(shelf: Path) -> None:
    with pytest.raises(WrongTask, match="These do: .*opus-mt-en-fr"):
        load("tiny-mini", task="translate")
    with pytest.raises(WrongTask, match="These do: .*opus-mt-en-fr"):
        load(load("tiny-mini"), task="translate")


# --- folders ------------------------------------------------------------------------------------------------


def test_the_same_model_is_loaded_once(copy: Path) -> None:
    first = load(copy, task="generate")
    assert load(str(copy), task="generate") is first and load(first, task="generate") is first
    assert first.model.dtype is torch.float32 and first.entry is None and first.card == {}


def test_threads_get_the_same_model_and_the_library_its_messages_back(copy: Path) -> None:
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    folders = [copy, tiny_models.folder("bert"), tiny_models.folder("t5")] * 4
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(load, folders))
    assert len({id(lm) for lm in found}) == 3
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (level, bars)


def test_tasks_of_the_same_class_share_a_model(copy: Path) -> None:
    assert load(copy, task="generate") is load(copy, task="chat") is not load(copy, task="embed")


def test_a_loaded_model_stays_on_its_device(copy: Path) -> None:
    lm = load(copy, device="cpu")
    assert load(lm, device="cpu") is load(lm) is lm
    with pytest.raises(BadOption, match="loaded on meta"):
        load(replace(lm, device=torch.device("meta")), device="cpu")


@pytest.mark.parametrize("place", ["from_pretrained", "to"])
def test_a_model_that_does_not_fit_the_memory_says_so(copy: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("transformers.GPT2LMHeadModel." + place, full)
    with pytest.raises(NoMemory, match="device='cpu'"):
        load(copy, task="generate")


def test_a_tokenizer_that_needs_another_package_names_it(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def needs(*_: object, **__: object) -> None:
        raise ImportError("`tiktoken` is required")

    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", needs)
    with pytest.raises(LLMCourseError, match="not installed here: `tiktoken`") as caught:
        load(copy, task="generate")
    assert not isinstance(caught.value, WeightsDamaged)


def test_a_folder_saved_again_is_another_model(copy: Path) -> None:
    first = load(copy, task="generate")
    first.model.transformer.ln_f.bias.data.fill_(3)
    first.model.save_pretrained(copy)
    again = load(copy, task="generate")
    assert again is not first and again.model.transformer.ln_f.bias[0] == 3


def test_the_cache_forgets_the_model_unused_longest(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "CACHED", 2)
    first, second = load(copy, task="generate"), load(tiny_models.folder("bert"), task="sentiment")
    assert load(copy, task="generate") is first
    load(tiny_models.folder("t5"), task="translate")
    assert load(copy, task="generate") is first
    assert load(tiny_models.folder("bert"), task="sentiment") is not second


@pytest.mark.parametrize("name", ["gpt2-bf16", "bert-bf16", "bart-bf16"])
def test_weights_saved_in_bfloat16_run_in_float32(name: str) -> None:
    assert load(tiny_models.folder(name)).model.dtype is torch.float32


@pytest.mark.parametrize(
    ("name", "task", "type_that_fits"),
    [
        ("bert", "generate", "gpt2"),
        ("bert-masked", "generate", "llama"),
        ("bart", "generate", "gpt2"),
        ("t5", "generate", "gpt2"),
        ("gpt2", "sentiment", "roberta"),
        ("gpt2", "translate", "marian"),
        ("bert-masked", "sentiment", "bert"),
        ("marian", "sentiment", "distilbert"),
        ("bert", "summarize", "bart"),
        ("gpt2", "fill_mask", "bert"),
    ],
)
def test_a_folder_of_the_wrong_architecture_says_which_types_fit(name: str, task: str, type_that_fits: str) -> None:
    with pytest.raises(WrongTask) as caught:
        load(tiny_models.folder(name), task=task)
    assert task in str(caught.value) and type_that_fits in str(caught.value).split("Types that can")[1]


def test_a_model_without_the_head_for_the_task_is_refused_not_made_random(tmp_path: Path) -> None:
    lm = load(tiny_models.folder("llama"))
    lm.model.model.save_pretrained(tmp_path)  # the body alone: no lm_head, and it is not tied
    lm.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(WrongTask, match="lm_head.weight"):
        load(tmp_path, task="generate")


def test_a_body_whose_head_is_tied_to_its_embedding_generates(tmp_path: Path) -> None:
    lm = load(tiny_models.folder("gpt2"))
    lm.model.transformer.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    assert torch.equal(load(tmp_path, task="generate").model.lm_head.weight, lm.model.lm_head.weight)


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="no config.json"):
        load(tmp_path)


def test_a_folder_without_safetensors_is_not_loaded(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(WeightsMissing, match="no .safetensors"):
        load(copy)


@pytest.mark.parametrize("damage", ["cut", "header", "tensor missing"])
def test_a_damaged_weights_file_of_a_folder_is_an_error(copy: Path, damage: str) -> None:
    file = copy / "model.safetensors"
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "header":
        file.write_bytes(b"\xff" * 16 + content[16:])
    else:
        from safetensors.torch import load_file, save_file

        tensors = load_file(file)
        del tensors["transformer.h.1.mlp.c_fc.weight"]
        save_file(tensors, file, metadata={"format": "pt"})
    error = WrongTask if damage == "tensor missing" else WeightsDamaged
    with pytest.raises(error, match="mlp.c_fc" if damage == "tensor missing" else str(copy)):
        load(copy, task="generate")


@pytest.mark.parametrize(
    ("config", "error"),
    [("{", WeightsDamaged), ('{"model_type": "no-such-type"}', WrongTask), ("[]", WrongTask), ("{}", WrongTask)],
)
def test_a_strange_config_is_an_error(copy: Path, config: str, error: type) -> None:
    (copy / "config.json").write_text(config, encoding="utf-8")
    with pytest.raises(error):
        load(copy, task="generate")


def test_a_folder_without_a_tokenizer_is_an_error(copy: Path) -> None:
    for file in copy.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(WeightsMissing, match="no tokenizer"):
        load(copy)


# --- no code of others runs ---------------------------------------------------------------------------------


class Bomb:
    """Unpickling it writes a file."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> object:
        return (open, (str(self.where), "w"))


@pytest.mark.parametrize("beside_safetensors", [True, False])
def test_pickled_weights_are_never_opened(copy: Path, tmp_path: Path, beside_safetensors: bool) -> None:
    mark = tmp_path / "the pickle ran"
    (copy / "pytorch_model.bin").write_bytes(pickle.dumps({"w": Bomb(mark)}))
    torch.save({"w": Bomb(mark)}, copy / "model.bin")
    if beside_safetensors:
        load(copy, task="generate")
    else:
        (copy / "model.safetensors").unlink()
        with pytest.raises(WeightsMissing, match="pickled weights can run code"):
            load(copy, task="generate")
    assert not mark.exists()
    with open(copy / "pytorch_model.bin", "rb") as file:
        pickle.load(file)["w"].close()
    assert mark.exists(), "the bomb of this test must work where it is opened"


@pytest.mark.parametrize("known", [True, False], ids=["known type", "type of its own"])
def test_code_in_the_folder_of_a_model_never_runs(copy: Path, tmp_path: Path, known: bool) -> None:
    mark = tmp_path / "the code ran"
    code = f"open({str(mark)!r}, 'w')\nfrom transformers import GPT2Config as Own, GPT2LMHeadModel as Model\n"
    (copy / "own.py").write_text(code, encoding="utf-8")
    config = json.loads((copy / "config.json").read_text(encoding="utf-8"))
    config["auto_map"] = {"AutoConfig": "own.Own", "AutoModelForCausalLM": "own.Model"}
    if not known:
        config |= {"model_type": "own", "architectures": ["OwnModel"]}
    (copy / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = json.loads((copy / "tokenizer_config.json").read_text(encoding="utf-8"))
    tokenizer["auto_map"] = {"AutoTokenizer": ["own.Own", None]}
    (copy / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    if known:
        assert load(copy, task="generate").parameters == 40448
    else:
        with pytest.raises(WrongTask):
            load(copy, task="generate")
    assert not mark.exists()


# --- names, options, devices --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "  ", 3, [], {"a": 1}, b"gpt2", 1.5, "x" * 5000, "a\0b", "\ud800", "/no/such/folder"]
)
def test_a_name_that_is_none_is_an_error(name: object) -> None:
    with pytest.raises(UnknownModel):
        load(name)  # type: ignore[arg-type]


def test_a_path_that_is_no_folder_is_never_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel):
        load(tmp_path / "nothing" / "here")
    with pytest.raises(UnknownModel):
        load(Path("no-such/folder"))


def test_load_without_a_name_needs_a_task() -> None:
    with pytest.raises(BadOption, match="needs a name"):
        load()
    with pytest.raises(BadOption, match="one of generate, sentiment"):
        load("gpt2", task="dance")


def test_use_switches_the_family(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_family", [""])
    monkeypatch.delenv("LLM_COURSE_MODELS", raising=False)
    assert loading.use() == "mini"
    monkeypatch.setenv("LLM_COURSE_MODELS", "full")
    assert loading.use() == "full"
    assert loading.use("mini") == "mini" == loading.use(), "the call wins over the environment"
    for wrong in ("huge", 3, [], ""):
        with pytest.raises(BadOption, match="'mini' .* 'full'"):
            loading.use(wrong)  # type: ignore[arg-type]
    monkeypatch.setattr(loading, "_family", [""])
    monkeypatch.setenv("LLM_COURSE_MODELS", "huge")
    with pytest.raises(BadOption, match="LLM_COURSE_MODELS='huge'"):
        loading.use()


@pytest.mark.parametrize("wrong", ["tpu", "", "cuda:", "cuda:x", "cuda:²", "cpu:1", "auto:0", None, 3, ["cpu"]])
def test_a_device_that_is_none_says_which_are(wrong: object) -> None:
    with pytest.raises(NoDevice, match="'auto', 'cpu', 'cuda', 'mps'"):
        load(tiny_models.folder("gpt2"), device=wrong)  # type: ignore[arg-type]


def test_a_device_that_is_not_in_this_machine_says_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(NoDevice, match=r"Here: .*'cpu'"):
        device.resolve("cuda")
    assert device.resolve("cpu") == torch.device("cpu") and device.available()[-1] == "cpu"


def test_the_fastest_device_is_taken_and_its_number_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device.resolve() == torch.device("cuda") and device.resolve("cuda:1") == torch.device("cuda:1")
    with pytest.raises(NoDevice, match="cuda:2"):
        device.resolve("cuda:2")


def test_only_large_models_on_a_gpu_run_in_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert device.number_format(gpu, 200_000_000) is torch.bfloat16
    assert device.number_format(gpu, 5_000_000) is torch.float32 is device.number_format(cpu, 200_000_000)


@pytest.mark.gpu
def test_a_model_goes_to_the_gpu() -> None:
    lm = load(tiny_models.folder("gpt2"), device="cuda", task="generate")
    assert lm.device.type == "cuda" and all(p.is_cuda for p in lm.model.parameters())


# --- windows and frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("gpt2", 128),
        ("roberta", 64),
        ("mpnet", 64),
        ("bert", 64),
        ("distilbert", 64),
        ("modernbert", 64),
        ("marian", 96),
        ("t5", 512),
        ("bloom", 2048),
    ],
)
def test_the_window_is_what_the_model_can_read(name: str, window: int) -> None:
    lm = load(tiny_models.folder(name))
    assert lm.window == window
    if lm.model.config.is_encoder_decoder or name == "bloom":
        return
    ids = torch.full((1, window), 5)
    lm.model(input_ids=ids)  # every position has its embedding


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("gpt2", 0, 0),
        ("llama", 1, 0),
        ("bert", 1, 1),
        ("roberta", 1, 1),
        ("t5", 0, 1),
        ("marian", 0, 1),
        ("mbart", 0, 2),
    ],
)
def test_the_frame_is_what_the_tokenizer_adds(name: str, before: int, after: int) -> None:
    lm = load(tiny_models.folder(name))
    assert tuple(map(len, lm.frame)) == (before, after)
    inside = lm.tokenizer("The cat sat", add_special_tokens=False)["input_ids"]
    assert [*lm.frame[0], *inside, *lm.frame[1]] == lm.tokenizer("The cat sat")["input_ids"]
