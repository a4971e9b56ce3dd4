"""What the tests of the Hub share: a model on the server, a client with an empty cache, and the questions to the log.

Knows nothing about what is proved.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

import llm_course.shelf.hub as hub_module
import tiny_models
from llm_course.shelf.hub import fetch
from shelf.hub_server import Hub, Repo, running

NAME = "course/tiny-gpt2"
LIMIT = 40.0  # seconds in which every failure has to end: ten times the silence that counts as "away"


def model_files() -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in tiny_models.folder("gpt2").iterdir()}


@contextmanager
def soon() -> Iterator[None]:
    """It ends in time, though it may have waited for an answer."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < LIMIT


@contextmanager
def at_once() -> Iterator[None]:
    """It waits for no answer: had it waited, it would not have ended in time."""
    with pytest.MonkeyPatch.context() as patch, soon():
        patch.setattr(hub_module, "PATIENCE", 10 * LIMIT)
        yield


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The server with one model among formats the course must not fetch, and a client with an empty cache."""
    with running() as server:
        files = model_files() | {
            "pytorch_model.bin": b"pickle" * 1000,
            "tf_model.h5": b"h5" * 1000,
            "flax_model.msgpack": b"flax" * 1000,
            "rust_model.ot": b"ot" * 1000,
            "onnx/model.onnx": b"onnx" * 1000,
            "onnx/model.safetensors": b"not at the top",
            "modeling_tiny.py": b"raise SystemExit('code of a repository ran')",
            "README.md": b"# Tiny",
        }
        server.repos[NAME] = Repo({"main": files})
        monkeypatch.setattr(constants, "ENDPOINT", server.endpoint)
        template = server.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        for name in ("HF_TOKEN", "HF_HUB_DOWNLOAD_TIMEOUT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        huggingface_hub.close_session()
        yield server
    huggingface_hub.close_session()


def get(said: list[str] | None = None, name: str = NAME, revision: str | None = None) -> Path:
    return fetch(name, revision, progress=False, announce=(said if said is not None else []).append)


def commit(hub: Hub, branch: str = "main") -> str:
    return hub.repos[NAME].commit(branch)


def weights_sent(hub: Hub) -> int:
    return sum(r.sent for r in hub.requests("/storage/"))
