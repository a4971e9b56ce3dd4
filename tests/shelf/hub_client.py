"""What the tests of the Hub share: a model on the server, a client with an empty cache, and the questions to the log.

Knows nothing about what is proved.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

import tiny_models
from shelf.hub_server import Hub, Repo, running

NAME = "course/tiny-gpt2"
LIMIT = 200.0  # seconds in which every failure has to end, on a busy machine too


def model_files() -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in tiny_models.folder("gpt2").iterdir()}


@contextmanager
def soon(limit: float = LIMIT) -> Iterator[None]:
    start = time.monotonic()
    yield
    assert time.monotonic() - start < limit


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
        for name in ("HF_TOKEN", "HF_HUB_ETAG_TIMEOUT", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.lower(), raising=False)
        huggingface_hub.close_session()
        yield server
    huggingface_hub.close_session()


def commit(hub: Hub, branch: str = "main") -> str:
    return hub.repos[NAME].commit(branch)


def weights_sent(hub: Hub) -> int:
    return sum(r.sent for r in hub.requests("/storage/"))


def process(hub: Hub, home: Path, name: str = NAME, **more: str) -> subprocess.Popen[str]:
    """Fetch in a process of its own, with its settings given as a person gives them."""
    code = "from llm_course.shelf.hub import fetch; import sys; print(fetch(sys.argv[1]))"
    # The suite itself runs with HF_HUB_OFFLINE=1.
    environment = os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"} | more
    return subprocess.Popen(
        [sys.executable, "-c", code, name], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(running: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, standard output, standard error of a process that has to end."""
    output, errors = running.communicate(timeout=120)
    return running.returncode, output.strip(), errors
