"""How fetching from the Hub fails: each cause with its own error, which says what to do.

Works against the same small Hub on loopback as ``test_hub.py``, with its faults switched on.
"""
# ruff: noqa: F401, F811  a fixture is imported by its name

from __future__ import annotations

import errno
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
from huggingface_hub import constants, file_download

from llm_course import errors
from llm_course.shelf import hub as hub_module
from llm_course.shelf.hub import fetch
from shelf.hub_client import NAME, commit, finished, hub, model_files, process, soon, weights_sent
from shelf.hub_server import Hub

# --- login --------------------------------------------------------------------------------------------------


def test_token_goes_to_the_hub_and_nowhere_else(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.repos[NAME].token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(NAME)
    to_hub = [r for r in hub.log if r.host == "127.0.0.1"]
    to_storage = hub.requests("/storage/")
    assert to_hub and all(r.headers["authorization"] == "Bearer hf_secret" for r in to_hub)
    assert to_storage and all(r.host == "localhost" and "authorization" not in r.headers for r in to_storage)
    assert "hf_secret" not in capsys.readouterr().err


def test_private_model_without_login(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos[NAME].token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_expired")
    with pytest.raises(errors.AccessDenied) as caught, soon():
        fetch(NAME)
    assert "hf auth login" in str(caught.value) and f"{hub.endpoint}/{NAME}" in str(caught.value)
    assert "hf_expired" not in str(caught.value)
    assert len(hub.log) == 1


def test_gated_model(hub: Hub) -> None:
    hub.repos[NAME].gated = True
    with pytest.raises(errors.AccessDenied, match="accept it at") as caught, soon():
        fetch(NAME)
    assert "gated" in str(caught.value) and "hf auth login" in str(caught.value)
    assert hub.requests("/storage/") == []


def test_model_that_was_taken_off_the_hub_stays_in_the_cache(hub: Hub) -> None:
    folder = fetch(NAME)
    del hub.repos[NAME]
    assert fetch(NAME) == folder


# --- what is not there --------------------------------------------------------------------------------------


def test_unknown_model(hub: Hub) -> None:
    with pytest.raises(errors.NotOnHub, match=r"no model 'course/nothing' on the Hub \(404\)"), soon():
        fetch("course/nothing")
    assert len(hub.log) == 1


def test_unknown_revision(hub: Hub) -> None:
    with pytest.raises(errors.NotOnHub, match="has no revision 'draft'"), soon():
        fetch(NAME, "draft")


@pytest.mark.parametrize("name", ["a/b/c", "", "../up", "a b", "a--b", "x" * 200, None, 3, "ü/ä", "https://x.org/a"])
def test_name_that_cannot_be_one(hub: Hub, name: object) -> None:
    with pytest.raises(errors.NotOnHub, match="cannot be a Hub id"):
        fetch(name)  # type: ignore[arg-type]
    assert hub.log == []


# --- interruption and damage --------------------------------------------------------------------------------


def test_connection_cut_in_the_middle_of_a_file_is_taken_up_again(hub: Hub) -> None:
    hub.cuts = [1000]
    assert {p.name: p.read_bytes() for p in fetch(NAME).iterdir()} == model_files()
    assert [request.sent for request in hub.requests("/storage/")][0] == 1000


def test_connection_that_is_cut_each_time(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_download, "time", SimpleNamespace(sleep=lambda seconds: None))
    hub.cuts = [1000] + [0] * 50
    with pytest.raises(errors.NoNetwork, match="Check the connection and call again"), soon():
        fetch(NAME)
    hub.cuts.clear()
    assert {p.name: p.read_bytes() for p in fetch(NAME).iterdir()} == model_files()


def test_killed_process_leaves_no_model_that_looks_whole(hub: Hub, tmp_path: Path) -> None:
    hub.cuts, hub.stalls = [1000], True
    first = process(hub, tmp_path / "home")
    while not any(request.sent for request in hub.requests("/storage/")):
        assert first.poll() is None, finished(first)
        time.sleep(0.05)
    first.kill()
    finished(first)
    assert not list((tmp_path / "home").rglob("model.safetensors"))
    hub.stalls = False
    code, folder, said = finished(process(hub, tmp_path / "home"))
    assert code == 0, said
    assert {p.name: p.read_bytes() for p in Path(folder).iterdir()} == model_files()


@pytest.mark.parametrize("revision", [None, "commit"])
@pytest.mark.parametrize("fault", ["header", "truncated", "emptied"])
def test_file_that_was_damaged_in_the_cache(hub: Hub, fault: str, revision: str | None) -> None:
    revision = commit(hub) if revision else None
    folder = fetch(NAME, revision)
    path = (folder / "model.safetensors").resolve()
    data = path.read_bytes()
    path.write_bytes({"header": b"\xff" * 8 + data[8:], "truncated": data[:-10], "emptied": b""}[fault])
    with pytest.raises(errors.WeightsDamaged, match=r"model\.safetensors is damaged") as caught, soon():
        fetch(NAME, revision)
    assert isinstance(caught.value, OSError)
    assert f"Delete {path}" in str(caught.value)
    path.unlink()  # as the message says
    sent = weights_sent(hub)
    assert (fetch(NAME, revision) / "model.safetensors").read_bytes() == data
    assert weights_sent(hub) == sent + len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"1234",
        b"\xff" * 100,
        (20).to_bytes(8, "little") + b"{ this is no JSON   }",
        (2).to_bytes(8, "little") + b"{}x",
    ],
)
def test_file_that_is_no_safetensors_on_the_hub(hub: Hub, data: bytes) -> None:
    hub.repos[NAME].revisions["main"]["model.safetensors"] = data
    with pytest.raises(errors.WeightsDamaged, match=r"model\.safetensors is damaged.*another model or revision"):
        fetch(NAME)


# --- no network ---------------------------------------------------------------------------------------------


def test_refused_connection(hub: Hub) -> None:
    hub.stop()
    with pytest.raises(errors.NoNetwork, match="Check the connection") as caught, soon():
        fetch(NAME)
    assert hub.endpoint in str(caught.value) and "minis" in str(caught.value)


def test_server_that_never_answers(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hub_module.PATIENCE <= 5
    monkeypatch.setattr(hub_module, "PATIENCE", 600.0)
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    hub.silent = "/api/"
    with pytest.raises(errors.NoNetwork, match="no answer came.*HF_HUB_ETAG_TIMEOUT"), soon():
        fetch(NAME)
    assert len(hub.log) == 1, "it is asked once"


def test_name_that_cannot_be_looked_up(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    with pytest.raises(errors.NoNetwork, match=r"hub\.invalid"), soon():
        fetch(NAME)


def test_proxy_that_refuses(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden@127.0.0.1:{hub.port}")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    huggingface_hub.close_session()
    with pytest.raises(errors.NoNetwork, match="proxy refuses.*403") as caught, soon():
        fetch(NAME)
    assert [r.path for r in hub.log] == ["hub.invalid:443"]
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "text"), [(403, "firewall"), (407, "firewall"), (500, "500"), (503, "503"), (429, "429")]
)
def test_status_that_is_not_about_the_model(hub: Hub, status: int, text: str) -> None:
    hub.status["/api/"] = status
    with pytest.raises(errors.NoNetwork, match=text), soon():
        fetch(NAME)
    assert len(hub.log) == 1, "it is asked once"


def test_storage_that_fails(hub: Hub) -> None:
    hub.status["/storage/"] = 500
    with pytest.raises(errors.NoNetwork, match="500"), soon():
        fetch(NAME)
    hub.status.clear()
    assert {p.name: p.read_bytes() for p in fetch(NAME).iterdir()} == model_files()


def test_page_of_a_network_that_wants_a_login(hub: Hub) -> None:
    hub.status["/api/"] = 200
    with pytest.raises(errors.NoNetwork, match="not the Hub"), soon():
        fetch(NAME)


def test_offline_switch(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(errors.NoNetwork, match="HF_HUB_OFFLINE=1") as caught, soon():
        fetch(NAME)
    assert hub.log == [] and "Unset" in str(caught.value)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    folder = fetch(NAME)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.log.clear()
    assert fetch(NAME) == folder and hub.log == []


def test_variables_of_the_environment(hub: Hub, tmp_path: Path) -> None:
    """As a person sets them: address and cache folder at first, then no server and the offline switch."""
    home = tmp_path / "home"
    code, folder, said = finished(process(hub, home))
    assert code == 0 and "to download from the Hub" in said, said
    assert Path(folder).is_relative_to(home / "hub")
    hub.stop()
    assert finished(process(hub, home, HF_HUB_OFFLINE="1")) == (0, folder, "")
    code, _, said = finished(process(hub, tmp_path / "empty", HF_HUB_OFFLINE="1"))
    assert code == 1 and "NoNetwork" in said and "HF_HUB_OFFLINE=1" in said
    assert "During handling" not in said and "The above exception" not in said


# --- the disk -----------------------------------------------------------------------------------------------


def test_disk_too_small(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(errors.LLMCourseError, match="1,000 bytes are free.*HF_HOME"):
        fetch(NAME)
    assert hub.requests("/resolve/") == []


def test_disk_that_fills_up_during_the_download(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(url: str, file: object, **_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", full)
    with pytest.raises(errors.LLMCourseError, match="cannot be stored.*No space left.*HF_HOME"), soon():
        fetch(NAME)


def test_cache_folder_that_cannot_be_made(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("a file where the folder should be")
    with pytest.raises(errors.LLMCourseError, match="cannot be stored.*HF_HOME"):
        fetch(NAME)


def test_whole_model_in_a_cache_that_may_only_be_read(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in model_files():  # another program brought it
        huggingface_hub.hf_hub_download(NAME, name)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    monkeypatch.setattr(Path, "write_text", refuse)
    assert {path.name for path in fetch(NAME).iterdir()} == set(model_files())
