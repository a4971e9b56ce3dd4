"""How fetching from the Hub fails: each cause with its own error, which says what to do, within 5 seconds.

Works against the same small Hub on loopback as ``test_hub.py``, with its faults switched on.
"""
# ruff: noqa: F401, F811  a fixture is imported by its name

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants

from llm_course import errors
from llm_course.shelf import hub as hub_module
from llm_course.shelf import hub_cache, transfer
from shelf.hub_client import LIMIT, NAME, at_once, commit, get, hub, model_files, soon, weights_sent
from shelf.hub_server import Hub

# --- login --------------------------------------------------------------------------------------------------


def test_token_goes_to_the_hub_and_nowhere_else(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos[NAME].token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    said: list[str] = []
    get(said)
    to_hub = [r for r in hub.log if r.host == "127.0.0.1"]
    to_storage = hub.requests("/storage/")
    assert to_hub and all(r.headers["authorization"] == "Bearer hf_secret" for r in to_hub)
    assert to_storage and all(r.host == "localhost" and "authorization" not in r.headers for r in to_storage)
    assert "hf_secret" not in "".join(said)


def test_private_model_without_login(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos[NAME].token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(errors.AccessDenied) as caught, soon():
        get()
    assert "hf auth login" in str(caught.value) and f"{hub.endpoint}/{NAME}" in str(caught.value)
    assert "hf_expired" not in str(caught.value)
    assert len(hub.log) == 1


def test_gated_model(hub: Hub) -> None:
    hub.repos[NAME].gated = True
    with pytest.raises(errors.AccessDenied, match="accept it at") as caught, soon():
        get()
    assert "gated" in str(caught.value) and "hf auth login" in str(caught.value)
    assert hub.requests("/storage/") == []


def test_model_that_was_taken_off_the_hub_stays_in_the_cache(hub: Hub) -> None:
    folder = get()
    del hub.repos[NAME]
    said: list[str] = []
    assert get(said) == folder
    assert "no model" in said[0] and "cache is used" in said[0]


# --- what is not there --------------------------------------------------------------------------------------


def test_unknown_model(hub: Hub) -> None:
    with pytest.raises(errors.NotOnHub, match=r"no model 'course/nothing' on the Hub \(404\)"), soon():
        get(name="course/nothing")
    assert len(hub.log) == 1


def test_unknown_revision(hub: Hub) -> None:
    with pytest.raises(errors.NotOnHub, match="has no revision 'draft'"), soon():
        get(revision="draft")


@pytest.mark.parametrize("name", ["a/b/c", "", "../up", "a b", "a--b", "x" * 200, None, 3, "ü/ä", "https://x.org/a"])
def test_name_that_cannot_be_one(hub: Hub, name: object) -> None:
    with pytest.raises(errors.NotOnHub, match="cannot be a Hub id"):
        get(name=name)  # type: ignore[arg-type]
    assert hub.log == []


@pytest.mark.parametrize("revision", ["../../etc", "", "/root", "a\\b", "a b", 7, "x\n"])
def test_revision_that_cannot_be_one(hub: Hub, revision: object) -> None:
    with pytest.raises(errors.NotOnHub, match="cannot be one"):
        get(revision=revision)  # type: ignore[arg-type]
    assert hub.log == []


def test_listing_cannot_name_files_outside_the_cache(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError):
        hub_cache.Listing("a" * 40, "../" * 13 + "a", ())
    files = {
        name: hub_cache.File(name, 1, "a" * 40) for name in ("../config.json", "x/vocab.json", "model.safetensors")
    }
    assert [f.name for f in hub_module._choose(files)] == ["model.safetensors"]


# --- damage -------------------------------------------------------------------------------------------------


def test_file_that_comes_with_other_bytes(hub: Hub) -> None:
    weights = model_files()["model.safetensors"]
    hub.altered["model.safetensors"] = weights[:-1] + bytes([weights[-1] ^ 1])
    with pytest.raises(errors.WeightsDamaged, match=r"model\.safetensors came damaged.*was removed") as caught, soon():
        get()
    assert isinstance(caught.value, OSError)
    blobs = hub_cache.Store(NAME).folder / "blobs"
    assert hashlib.sha256(weights).hexdigest() not in " ".join(p.name for p in blobs.iterdir())
    hub.altered.clear()
    assert (get() / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize("revision", [None, "commit"])
@pytest.mark.parametrize("fault", ["one bit", "truncated", "emptied"])
def test_file_that_was_damaged_in_the_cache(hub: Hub, fault: str, revision: str | None) -> None:
    revision = commit(hub) if revision else None
    folder = get(revision=revision)
    path = (folder / "model.safetensors").resolve()
    data = path.read_bytes()
    bad = {"one bit": data[:-1] + bytes([data[-1] ^ 1]), "truncated": data[:-10], "emptied": b""}[fault]
    path.write_bytes(bad)
    with pytest.raises(errors.WeightsDamaged, match=r"model\.safetensors is damaged") as caught, soon():
        get(revision=revision)
    assert f"Delete {path}" in str(caught.value)
    path.unlink()  # as the message says
    sent = weights_sent(hub)
    assert (get(revision=revision) / "model.safetensors").read_bytes() == data
    assert weights_sent(hub) == sent + len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"1234",
        b"\xff" * 100,
        (20).to_bytes(8, "little") + b"{ this is no JSON   }",
        (2).to_bytes(8, "little") + b"{}x",
    ],
)
def test_file_that_is_no_safetensors_on_the_hub(hub: Hub, data: bytes) -> None:
    """Its checksum is right: the repository itself is broken."""
    hub.repos[NAME].revisions["main"]["model.safetensors"] = data
    with (
        pytest.raises(errors.WeightsDamaged, match=r"model\.safetensors is damaged.*another model or revision"),
        soon(),
    ):
        get()


def test_header_alone_shows_damage_when_weights_are_too_large_to_hash(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = get()
    monkeypatch.setattr(hub_cache, "HASHED_AGAIN", 10)
    path = (folder / "model.safetensors").resolve()
    data = path.read_bytes()
    path.write_bytes(b"\xff" * 8 + data[8:])
    with pytest.raises(errors.WeightsDamaged, match="header"):
        get()


# --- no network ---------------------------------------------------------------------------------------------


def test_refused_connection(hub: Hub) -> None:
    hub.stop()
    with pytest.raises(errors.NoNetwork, match="Check the connection") as caught, at_once():
        get()
    assert hub.endpoint in str(caught.value) and "minis" in str(caught.value)


def test_server_that_never_answers(hub: Hub) -> None:
    hub.silent = "/api/"
    with pytest.raises(errors.NoNetwork, match="no answer came"), soon():
        get()


def test_patience_is_the_one_the_library_takes(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.silent = "/api/"
    monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "1")
    with pytest.raises(errors.NoNetwork), at_once():
        get()


def test_server_whose_answer_never_ends(hub: Hub) -> None:
    """Each byte is in time for the HTTP client, the whole is not."""
    hub.trickle = "/api/"
    with pytest.raises(errors.NoNetwork, match="no answer came"), soon():
        get()


def test_storage_that_never_answers(hub: Hub) -> None:
    hub.silent = "/storage/"
    with pytest.raises(errors.NoNetwork, match="no answer came"), soon():
        get()
    assert hub.requests("/storage/")


def test_server_that_goes_away_during_the_download(hub: Hub, tmp_path: Path) -> None:
    hub.cuts = [1000]
    stopped = []

    def gone(count: int) -> None:
        if not stopped:
            stopped.append(count)
            hub.stop()

    data = model_files()["model.safetensors"]
    part = tmp_path / "part"
    url = f"{hub.endpoint}/{NAME}/resolve/main/model.safetensors"
    with pytest.raises(Exception) as caught, soon():
        transfer.download(url, {}, part, len(data), 4.0, gone)
    assert transfer.is_cut(caught.value)
    assert part.read_bytes() == data[:1000], "what came is kept"


def test_name_that_cannot_be_looked_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    with pytest.raises(errors.NoNetwork, match=r"hub\.invalid"), at_once():
        get()


def test_look_up_that_takes_forever(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2 * LIMIT))
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    with pytest.raises(errors.NoNetwork, match="no answer came"), soon():
        get()


def test_proxy_that_refuses(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden@127.0.0.1:{hub.port}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    huggingface_hub.close_session()
    with pytest.raises(errors.NoNetwork, match="proxy refuses.*403") as caught, soon():
        get()
    assert [r.path for r in hub.log] == ["hub.invalid:443"]
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "text"), [(403, "firewall"), (407, "firewall"), (500, "500"), (503, "503"), (429, "429")]
)
def test_status_that_is_not_about_the_model(hub: Hub, status: int, text: str) -> None:
    hub.status["/api/"] = status
    with pytest.raises(errors.NoNetwork, match=text), at_once():
        get()


def test_page_of_a_network_that_wants_a_login(hub: Hub) -> None:
    hub.status["/api/"] = 200
    with pytest.raises(errors.NoNetwork, match="not the Hub"), soon():
        get()


def test_offline_switch(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(errors.NoNetwork, match="HF_HUB_OFFLINE=1") as caught, at_once():
        get()
    assert hub.log == [] and "Unset" in str(caught.value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    folder = get()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.log.clear()
    assert get() == folder and hub.log == []


def test_variables_of_the_environment(hub: Hub, tmp_path: Path) -> None:
    """As a person sets them: address and cache folder at first, then no server and the offline switch."""
    code = "from llm_course.shelf.hub import fetch; import sys; print(fetch(sys.argv[1]))"
    # The suite itself runs with HF_HUB_OFFLINE=1.
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0"}

    def run(**more: str) -> SimpleNamespace:
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-c", code, NAME], env=environment | more, capture_output=True, text=True, timeout=300
        )
        return SimpleNamespace(
            code=done.returncode, out=done.stdout.strip(), err=done.stderr, s=time.monotonic() - start
        )

    first = run()
    assert first.code == 0 and "to download from the Hub" in first.err, first.err
    assert Path(first.out).is_relative_to(tmp_path / "home" / "hub")
    hub.stop()
    asked = len(hub.log)
    second = run(HF_HUB_OFFLINE="1")
    assert (second.code, second.out, second.err) == (0, first.out, "")
    third = run(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "empty"))
    assert third.code == 1 and "NoNetwork" in third.err and "HF_HUB_OFFLINE=1" in third.err
    assert "During handling" not in third.err and "The above exception" not in third.err
    assert len(hub.log) == asked


def test_settings_of_the_library_stay(hub: Hub) -> None:
    before = {k: v for k, v in vars(constants).items() if k.isupper()}
    session = huggingface_hub.get_session()
    timeout, hooks = session.timeout, dict(session.event_hooks)
    variables = dict(os.environ)
    get()
    hub.stop()
    get()
    assert {k: v for k, v in vars(constants).items() if k.isupper()} == before
    assert huggingface_hub.get_session() is session
    assert (session.timeout, dict(session.event_hooks)) == (timeout, hooks)
    assert dict(os.environ) == variables


# --- the disk -----------------------------------------------------------------------------------------------


def test_disk_too_small(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(errors.LLMCourseError, match="1,000 bytes are free.*HF_HOME"):
        get()
    assert hub.requests("/resolve/") == []


def test_cache_that_cannot_be_written(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file where the folder should be")
    with pytest.raises(errors.LLMCourseError, match="cannot be stored.*HF_HOME"):
        get()


def test_whole_model_in_a_cache_that_may_only_be_read(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in model_files():  # another program brought it: there are no notes of ours
        huggingface_hub.hf_hub_download(NAME, name)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(hub_cache, "_write", refuse)
    said: list[str] = []
    folder = get(said)
    assert {path.name for path in folder.iterdir()} == set(model_files()) and said == []


def test_notes_that_are_damaged_cost_a_question_only(hub: Hub) -> None:
    revision = commit(hub)
    folder = get(revision=revision)
    (notes,) = (hub_cache.Store(NAME).folder / "llm_course").iterdir()
    assert {f["name"] for f in json.loads(notes.read_text())["files"]} == set(model_files())
    notes.write_text("{")
    sent = weights_sent(hub)
    assert get(revision=revision) == folder
    assert weights_sent(hub) == sent
