"""Fetching from the Hub, proved against a small Hub on loopback: which files come, and that none comes twice.

Each test looks at the server's log, since a result alone does not show that nothing was asked for.
"""
# ruff: noqa: F401, F811  a fixture is imported by its name

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants

import tiny_models
from llm_course import errors
from llm_course.shelf import hub as hub_module
from llm_course.shelf.hub import fetch
from shelf.hub_client import NAME, commit, finished, hub, model_files, process, weights_sent
from shelf.hub_server import Hub, Repo

# --- download and cache -------------------------------------------------------------------------------------


def test_brings_config_tokenizer_and_safetensors_only(hub: Hub) -> None:
    folder = fetch(NAME)
    expected = model_files()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == expected
    assert folder.name == commit(hub)
    asked = [r.path.rsplit("/", 1)[1] for r in hub.requests("/resolve/")]
    assert set(asked) == set(expected)
    assert weights_sent(hub) == len(expected["model.safetensors"])
    weights = asked.index("model.safetensors")
    assert set(asked[weights:]) == {"model.safetensors"}, "weights come last, so that they tell what is whole"


def test_size_is_told_and_a_bar_shown_on_standard_error(
    hub: Hub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TQDM_POSITION", "-1")  # the library's bar, although this is no terminal
    fetch(NAME)
    output = capsys.readouterr()
    total = sum(map(len, model_files().values()))
    assert output.out == ""
    assert output.err.startswith(f"{NAME}: {total:,} bytes to download from the Hub (kept in {constants.HF_HUB_CACHE})")
    assert "100%" in output.err
    assert [hub_module._size(n) for n in (548_105_171, 1_222_317_369)] == ["548 MB", "1.2 GB"]
    fetch(NAME)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("pinned", [True, False])
def test_what_is_in_the_cache_needs_no_request(hub: Hub, pinned: bool) -> None:
    revision = commit(hub) if pinned else None
    folder = fetch(NAME, revision)
    hub.log.clear()
    assert fetch(NAME, revision) == folder
    assert hub.log == []
    hub.stop()
    assert fetch(NAME, revision) == folder


def test_a_pinned_commit_is_taken_though_main_is_another(hub: Hub) -> None:
    repo = hub.repos[NAME]
    repo.revisions["later"] = repo.revisions["main"]
    repo.revisions["main"] = repo.revisions["main"] | {"config.json": b"{}"}
    folder = fetch(NAME, commit(hub, "later"))
    assert folder.name == commit(hub, "later")
    assert (folder / "config.json").read_bytes() == model_files()["config.json"]


def test_new_commit_brings_only_what_changed(hub: Hub) -> None:
    old = fetch(NAME)
    hub.repos[NAME].revisions["main"]["config.json"] += b"\n"
    sent = weights_sent(hub)
    new = fetch(NAME, commit(hub))
    assert new != old and (new / "config.json").read_bytes().endswith(b"\n")
    assert weights_sent(hub) == sent
    assert {p.name for p in new.iterdir()} == {p.name for p in old.iterdir()}


def test_cache_is_the_one_other_tools_use(hub: Hub) -> None:
    """Both ways: the library finds what we fetched, and we use what it downloaded."""
    folder = fetch(NAME)
    hub.stop()
    assert huggingface_hub.try_to_load_from_cache(NAME, "model.safetensors") == str(folder / "model.safetensors")
    found = huggingface_hub.snapshot_download(NAME, local_files_only=True, allow_patterns=["model.safetensors"])
    assert Path(found) == folder
    report = huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE)
    assert [r.repo_id for r in report.repos] == [NAME] and report.warnings == []


def test_what_the_library_downloaded_is_not_downloaded_again(hub: Hub) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        huggingface_hub.hf_hub_download(NAME, name)
    hub.stop()
    folder = fetch(NAME)
    assert folder.name == commit(hub)
    assert (folder / "model.safetensors").read_bytes() == model_files()["model.safetensors"]


@pytest.mark.parametrize("lacking", ["config.json", "model.safetensors", "tokenizer.json"])
def test_what_another_program_left_incomplete_is_completed(hub: Hub, lacking: str) -> None:
    for name in {"config.json", "model.safetensors", "tokenizer.json"} - {lacking}:
        huggingface_hub.hf_hub_download(NAME, name)
    folder = fetch(NAME)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == model_files()
    assert weights_sent(hub) == len(model_files()["model.safetensors"])


def test_model_runs_from_the_folder(hub: Hub) -> None:
    import torch
    import transformers

    folder = fetch(NAME)
    served, fetched = (
        transformers.AutoModelForCausalLM.from_pretrained(f) for f in (tiny_models.folder("gpt2"), folder)
    )
    ids = transformers.AutoTokenizer.from_pretrained(folder)("The cat sat on", return_tensors="pt")["input_ids"]
    assert ids.shape[1] >= 4
    torch.testing.assert_close(served(ids).logits, fetched(ids).logits)


def test_load_takes_a_hub_id(hub: Hub) -> None:
    from llm_course.shelf.loading import load

    model = load(NAME, device="cpu", task="generate")
    assert type(model.model).__name__ == "GPT2LMHeadModel"
    assert hub.requests("/storage/")


def test_two_threads_at_once_download_once(hub: Hub) -> None:
    with ThreadPoolExecutor(4) as pool:
        (folder,) = set(pool.map(lambda _: fetch(NAME), range(4)))
    assert weights_sent(hub) == len(model_files()["model.safetensors"])
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == model_files()


def test_two_processes_at_once_download_once(hub: Hub, tmp_path: Path) -> None:
    both = [process(hub, tmp_path / "home") for _ in range(2)]
    (code, folder, said), (code_2, folder_2, said_2) = (finished(one) for one in both)
    assert (code, code_2) == (0, 0), said + said_2
    assert folder == folder_2
    assert weights_sent(hub) == len(model_files()["model.safetensors"])
    assert {p.name: p.read_bytes() for p in Path(folder).iterdir()} == model_files()


# --- formats ------------------------------------------------------------------------------------------------


@pytest.fixture
def sharded(hub: Hub, tmp_path: Path) -> dict[str, bytes]:
    import transformers

    where = tmp_path / "sharded"
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_models.folder("gpt2"))
    model.save_pretrained(where, max_shard_size="50KB")
    files = {p.name: p.read_bytes() for p in where.iterdir()}
    files = model_files() | files
    del files["model.safetensors"]
    hub.repos[NAME] = Repo({"main": files | {"consolidated.safetensors": b"the same again" * 1000}})
    return files


def test_sharded_model(hub: Hub, sharded: dict[str, bytes]) -> None:
    import transformers

    shards = [n for n in sharded if n.endswith(".safetensors")]
    assert len(shards) >= 2
    folder = fetch(NAME)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == sharded
    assert weights_sent(hub) == sum(len(sharded[n]) for n in shards)
    model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    (folder / shards[0]).unlink()
    assert {p.name: p.read_bytes() for p in fetch(NAME).iterdir()} == sharded, "a cache without one shard is not whole"


def test_shard_that_the_index_names_and_the_repository_lacks(hub: Hub, sharded: dict[str, bytes]) -> None:
    last = sorted(n for n in sharded if n.endswith(".safetensors"))[-1]
    del hub.repos[NAME].revisions["main"][last]
    with pytest.raises(errors.WeightsMissing, match=last):
        fetch(NAME)


def test_index_that_is_none(hub: Hub, sharded: dict[str, bytes]) -> None:
    hub.repos[NAME].revisions["main"]["model.safetensors.index.json"] = b"[]"
    with pytest.raises(errors.WeightsDamaged, match=r"model\.safetensors\.index\.json is damaged"):
        fetch(NAME)


def test_tokenizer_files_of_every_family_are_wanted() -> None:
    wanted = """config.json generation_config.json tokenizer.json tokenizer_config.json special_tokens_map.json
        added_tokens.json vocab.json merges.txt vocab.txt spiece.model source.spm target.spm sentencepiece.bpe.model
        tokenizer.model chat_template.jinja target_vocab.json""".split()
    refused = """pytorch_model.bin model.pt tf_model.h5 flax_model.msgpack rust_model.ot model.onnx training_args.bin
        optimizer.pt model.gguf modeling_x.py README.md adapter_model.safetensors model.fp16.safetensors ../config.json
        consolidated.safetensors pytorch_model-00001-of-00002.bin coreml/config.json x/vocab.json""".split()
    files = [SimpleNamespace(rfilename=name) for name in [*wanted, *refused, "model.safetensors"]]
    chosen = [file.rfilename for file in hub_module._chosen(SimpleNamespace(siblings=files))]  # type: ignore[arg-type]
    assert set(chosen) == {*wanted, "model.safetensors"} and chosen[-1] == "model.safetensors"


def pickled_only(hub: Hub) -> dict[str, bytes]:
    files = model_files()
    del files["model.safetensors"]
    files["pytorch_model.bin"] = b"pickle" * 1000
    hub.repos[NAME] = Repo({"main": files})
    return files


def pull(num: int, **other: str) -> dict[str, object]:
    return {"num": num, "title": hub_module.TITLE, "author": hub_module.BOT, "status": "open"} | other


def test_no_safetensors(hub: Hub) -> None:
    pickled_only(hub)
    with pytest.raises(errors.WeightsMissing, match="loads only safetensors") as caught:
        fetch(NAME)
    assert "pytorch_model.bin" in str(caught.value) and "/spaces/safetensors/convert" in str(caught.value)
    assert hub.requests("/resolve/") == []


@pytest.mark.parametrize("pinned", [True, False])
def test_conversion_by_the_hub_is_taken(hub: Hub, capsys: pytest.CaptureFixture[str], pinned: bool) -> None:
    """And the next call, without network, still knows what stands in for the revision."""
    files = pickled_only(hub)
    repo = hub.repos[NAME]
    weights = model_files()["model.safetensors"]
    repo.revisions["refs/pr/1"] = files | {"pytorch_model.bin": b"older weights", "model.safetensors": b"of those"}
    repo.revisions["refs/pr/3"] = files | {"model.safetensors": weights}
    repo.pulls = [pull(1), pull(2, author="someone", status="open"), pull(3)]
    revision = commit(hub) if pinned else None
    folder = fetch(NAME, revision)
    assert folder.name == repo.commit("refs/pr/3")
    said = capsys.readouterr().err
    assert "refs/pr/3" in said and "to download" in said
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == model_files()
    assert not (folder.parents[1] / "refs" / "main").exists(), "other tools must not take a pull request for main"
    assert huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE).warnings == []
    hub.stop()
    assert fetch(NAME, revision) == folder


@pytest.mark.parametrize("other", [{"author": "someone"}, {"title": "Better weights"}, {"status": "closed"}])
def test_conversion_by_anyone_else_is_refused(hub: Hub, other: dict[str, str]) -> None:
    files = pickled_only(hub)
    hub.repos[NAME].revisions["refs/pr/2"] = files | {"model.safetensors": b"anything"}
    hub.repos[NAME].pulls = [pull(2, **other)]
    with pytest.raises(errors.WeightsMissing):
        fetch(NAME)
    assert hub.requests("/resolve/") == []
