"""Fetching from the Hub, proved against a small Hub on loopback: what is asked for, byte by byte.

Each test looks at the server's log, since a result alone does not show that nothing was downloaded twice.
"""
# ruff: noqa: F401, F811  a fixture is imported by its name

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

import tiny_models
from llm_course import errors
from llm_course.shelf import hub as hub_module
from llm_course.shelf import hub_cache
from llm_course.shelf.hub import fetch
from rounding import agree
from shelf.hub_client import NAME, at_once, commit, get, hub, model_files, soon, weights_sent
from shelf.hub_server import Hub, Repo

# --- download and cache -------------------------------------------------------------------------------------


def test_brings_config_tokenizer_and_safetensors_only(hub: Hub) -> None:
    folder = get()
    expected = model_files()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == expected
    assert folder.name == commit(hub)
    asked = {r.path.rsplit("/", 1)[1] for r in hub.requests("/resolve/")}
    assert asked == set(expected)
    assert weights_sent(hub) == len(expected["model.safetensors"])
    resolved = [r.path for r in hub.requests("/resolve/")]
    assert resolved[-1].endswith("/model.safetensors"), "weights come last, so that a refusal costs no download"


def test_size_is_announced_before_the_download(hub: Hub) -> None:
    total = sum(map(len, model_files().values()))
    seen: list[tuple[str, int]] = []
    fetch(NAME, progress=False, announce=lambda message: seen.append((message, len(hub.requests("/resolve/")))))
    message, downloads_before = seen[0]
    assert len(seen) == 1 and downloads_before == 0
    assert message.startswith(f"{NAME}: {total:,} bytes to download from the Hub (kept in ")
    assert str(constants.HF_HUB_CACHE) in message
    assert [hub_module._size(n) for n in (548_105_171, 1_222_317_369)] == ["548 MB", "1.2 GB"]


def test_progress_and_announcement_go_to_standard_error(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    fetch(NAME)
    output = capsys.readouterr()
    assert output.out == ""
    assert "to download from the Hub" in output.err and "100%" in output.err


@pytest.mark.parametrize("length", [40, 7])
def test_pinned_commit_in_the_cache_needs_no_request(hub: Hub, length: int) -> None:
    revision = commit(hub)[:length]
    folder = get(revision=revision)
    asked = len(hub.log)
    assert get(revision=revision) == folder
    assert len(hub.log) == asked
    hub.stop()
    said: list[str] = []
    assert get(said, revision=revision) == folder and said == []


def test_branch_in_the_cache_costs_one_question_and_no_download(hub: Hub) -> None:
    folder = get()
    hub.log.clear()
    assert get() == folder
    assert [r.path for r in hub.log] == [f"/api/models/{NAME}"]


def test_branch_falls_back_to_the_cache_when_the_server_is_away(hub: Hub) -> None:
    folder = get()
    hub.stop()
    said: list[str] = []
    with at_once():
        assert get(said) == folder
    assert len(said) == 1 and "cache is used" in said[0]


def test_branch_falls_back_to_the_cache_when_the_server_is_silent(hub: Hub) -> None:
    folder = get()
    hub.silent = "/api/"
    with soon():
        assert get() == folder


def test_new_commit_brings_only_what_changed(hub: Hub) -> None:
    old = get()
    hub.repos[NAME].revisions["main"]["config.json"] += b"\n"
    hub.log.clear()
    new = get()
    assert new != old and (new / "config.json").read_bytes().endswith(b"\n")
    assert [r.path.rsplit("/", 1)[1] for r in hub.requests("/resolve/")] == ["config.json"]
    assert (old / "config.json").is_file()


def test_cache_is_the_one_other_tools_use(hub: Hub) -> None:
    """Both ways: the library finds what we fetched, and we use what it downloaded."""
    folder = get()
    hub.stop()
    assert huggingface_hub.try_to_load_from_cache(NAME, "model.safetensors") == str(folder / "model.safetensors")
    found = huggingface_hub.snapshot_download(NAME, local_files_only=True, allow_patterns=["*.safetensors"])
    assert Path(found) == folder
    report = huggingface_hub.scan_cache_dir(constants.HF_HUB_CACHE)
    assert [r.repo_id for r in report.repos] == [NAME] and report.warnings == []


def test_what_the_library_downloaded_is_not_downloaded_again(hub: Hub) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        huggingface_hub.hf_hub_download(NAME, name)
    sent = weights_sent(hub)
    assert sent == len(model_files()["model.safetensors"])
    hub.stop()
    offline = get()
    assert offline.name == commit(hub)
    hub.start()
    assert get() == offline
    assert weights_sent(hub) == sent
    assert {p.name for p in offline.iterdir()} == set(model_files())


def test_model_runs_from_the_folder(hub: Hub) -> None:
    import torch
    import transformers

    folder = get()
    served, fetched = (
        transformers.AutoModelForCausalLM.from_pretrained(f) for f in (tiny_models.folder("gpt2"), folder)
    )
    ids = transformers.AutoTokenizer.from_pretrained(folder)("The cat sat on", return_tensors="pt")["input_ids"]
    assert ids.shape[1] >= 4
    with torch.no_grad():
        assert agree(fetched(ids).logits, served(ids).logits)


def test_load_takes_a_hub_id(hub: Hub) -> None:
    from llm_course.shelf.loading import load

    model = load(NAME, device="cpu", task="generate")
    assert type(model.model).__name__ == "GPT2LMHeadModel"
    assert hub.requests("/storage/")


def test_two_at_once_download_once(hub: Hub) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: get(), range(4)))
    (folder,) = folders
    assert weights_sent(hub) == len(model_files()["model.safetensors"])
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == model_files()
    assert (folder / "model.safetensors").is_symlink()


def test_system_without_links(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise OSError(1314, "A required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", forbidden)
    folder = get(revision=commit(hub))
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == model_files()
    hub.stop()
    assert get(revision=commit(hub)) == folder


# --- resume -------------------------------------------------------------------------------------------------


def test_cut_download_continues_within_the_call(hub: Hub) -> None:
    size = len(model_files()["model.safetensors"])
    hub.cuts = [size // 2]
    folder = get()
    first, second = hub.requests("/storage/")
    assert "range" not in first.headers and (first.status, first.sent) == (200, size // 2)
    assert second.headers["range"] == f"bytes={size // 2}-" and (second.status, second.sent) == (206, size - size // 2)
    assert (folder / "model.safetensors").read_bytes() == model_files()["model.safetensors"]


def test_cut_download_continues_in_the_next_call(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed process or a lost network left is not asked for again."""
    size = len(model_files()["model.safetensors"])
    half = size // 2
    hub.cuts = [half] + [0] * 50
    monkeypatch.setattr(hub_module, "PATIENCE", 1.0)
    with pytest.raises(errors.NoNetwork, match="goes on where it stopped"), soon():
        get()
    hub.cuts.clear()
    hub.log.clear()
    said: list[str] = []
    folder = get(said)
    assert said[0].startswith(f"{NAME}: {size - half:,} bytes to download") and f"{half:,} bytes are here" in said[0]
    (request,) = hub.requests("/storage/")
    assert request.headers["range"] == f"bytes={half}-" and request.sent == size - half
    assert (folder / "model.safetensors").read_bytes() == model_files()["model.safetensors"]


def test_server_that_cannot_continue_sends_it_all(hub: Hub) -> None:
    size = len(model_files()["model.safetensors"])
    hub.cuts, hub.ignores_range = [size // 2], True
    folder = get()
    assert [r.sent for r in hub.requests("/storage/")] == [size // 2, size]
    assert (folder / "model.safetensors").read_bytes() == model_files()["model.safetensors"]


def test_server_that_always_cuts_at_the_same_byte_ends(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.cuts, hub.ignores_range = [1000] * 100, True
    monkeypatch.setattr(hub_module, "PATIENCE", 1.0)
    with pytest.raises(errors.NoNetwork), soon():
        get()


def test_leftover_of_another_file_is_thrown_away(hub: Hub) -> None:
    """A beginning with other bytes shows in the checksum; the call after that starts clean."""
    weights = model_files()["model.safetensors"]
    part = hub_cache.Store(NAME).folder / "blobs" / f"{hashlib.sha256(weights).hexdigest()}.incomplete"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 500)
    with pytest.raises(errors.WeightsDamaged, match=r"model\.safetensors came damaged"):
        get()
    assert not part.exists()
    assert (get() / "model.safetensors").read_bytes() == weights


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
    folder = get()
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == sharded
    assert weights_sent(hub) == sum(len(sharded[n]) for n in shards)
    model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]


def test_shard_that_the_index_names_and_the_repository_lacks(hub: Hub, sharded: dict[str, bytes]) -> None:
    last = sorted(n for n in sharded if n.endswith(".safetensors"))[-1]
    del hub.repos[NAME].revisions["main"][last]
    with pytest.raises(errors.WeightsMissing, match=last):
        get()


def test_tokenizer_files_of_every_family_are_wanted() -> None:
    wanted = """config.json generation_config.json tokenizer.json tokenizer_config.json special_tokens_map.json
        added_tokens.json vocab.json merges.txt vocab.txt spiece.model source.spm target.spm sentencepiece.bpe.model
        tokenizer.model chat_template.jinja target_vocab.json""".split()
    refused = """pytorch_model.bin model.pt tf_model.h5 flax_model.msgpack rust_model.ot model.onnx training_args.bin
        optimizer.pt model.gguf modeling_x.py README.md adapter_model.safetensors model.fp16.safetensors
        consolidated.safetensors pytorch_model-00001-of-00002.bin coreml/config.json""".split()
    files = {n: hub_cache.File(n, 1, "a" * 40) for n in [*wanted, *refused, "model.safetensors"]}
    assert {f.name for f in hub_module._choose(files)} == {*wanted, "model.safetensors"}


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
    with pytest.raises(errors.WeightsMissing, match="loads only safetensors") as caught, soon():
        get()
    assert "pytorch_model.bin" in str(caught.value) and "/spaces/safetensors/convert" in str(caught.value)
    assert hub.requests("/resolve/") == []


def test_conversion_by_the_hub_is_taken(hub: Hub) -> None:
    """And the next call, without network, still knows that main means that pull request."""
    files = pickled_only(hub)
    repo = hub.repos[NAME]
    weights = model_files()["model.safetensors"]
    repo.revisions["refs/pr/1"] = files | {"pytorch_model.bin": b"older weights", "model.safetensors": b"of those"}
    repo.revisions["refs/pr/3"] = files | {"model.safetensors": weights}
    repo.pulls = [pull(1), pull(2, author="someone", status="open"), pull(3)]
    said: list[str] = []
    folder = get(said)
    assert folder.name == repo.commit("refs/pr/3")
    assert "refs/pr/3" in said[0] and "to download" in said[1]
    assert (folder / "model.safetensors").read_bytes() == weights
    assert not (folder / "pytorch_model.bin").exists()
    assert not (folder.parents[1] / "refs" / "main").exists(), "other tools must not take a pull request for main"
    hub.stop()
    assert get() == folder


@pytest.mark.parametrize("other", [{"author": "someone"}, {"title": "Better weights"}, {"status": "closed"}])
def test_conversion_by_anyone_else_is_refused(hub: Hub, other: dict[str, str]) -> None:
    files = pickled_only(hub)
    hub.repos[NAME].revisions["refs/pr/2"] = files | {"model.safetensors": b"anything"}
    hub.repos[NAME].pulls = [pull(2, **other)]
    with pytest.raises(errors.WeightsMissing):
        get()
    assert hub.requests("/resolve/") == []
