"""A small Hub on loopback: the requests a model's download makes, answered as huggingface.co answers them.

Knows nothing about the course. Weights are large files: they are redirected to another host name, as the Hub
redirects to its storage, with a digest that is their SHA-256. Each request is logged with what was sent, and
faults can be switched on: a cut connection, silence, a status.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", ".bin", ".h5", ".msgpack", ".ot", ".onnx")


@dataclass
class Repo:
    """One model repository. ``revisions`` maps a branch to the files of its commit."""

    revisions: dict[str, dict[str, bytes]]
    token: str | None = None  # who may see it at all; anyone if None
    gated: bool = False
    pulls: list[dict[str, Any]] = field(default_factory=list)

    def commit(self, branch: str) -> str:
        files = self.revisions[branch]
        text = branch + "".join(f"{n}:{hashlib.sha256(files[n]).hexdigest()};" for n in sorted(files))
        return hashlib.sha1(text.encode()).hexdigest()

    def resolve(self, revision: str) -> str | None:
        """A branch or a commit, in full or shortened, as a branch."""
        if revision in self.revisions:
            return revision
        return next((b for b in self.revisions if len(revision) >= 7 and self.commit(b).startswith(revision)), None)


@dataclass
class Request:
    """One line of the log."""

    method: str
    path: str
    host: str
    headers: dict[str, str]
    status: int = 0
    sent: int = 0  # bytes of the body


class Hub:
    """The server's contents, its faults and its log."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.log: list[Request] = []
        self.cuts: list[int] = []  # each: a large file's answer is cut after so many bytes, once
        self.silent = ""  # paths that contain this never get an answer
        self.status: dict[str, int] = {}  # paths that contain the key get that status, as from a broken server
        self.stalls = False  # where a large file's answer is cut, the connection stays open
        self.server: ThreadingHTTPServer | None = None
        self.port = 0
        self.over = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        handler = type("Bound", (_Handler,), {"hub": self})
        self.over.clear()
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """From now on the port refuses connections."""
        if self.server:
            self.over.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def requests(self, text: str = "") -> list[Request]:
        return [r for r in self.log if text in r.path]


@contextmanager
def running() -> Iterator[Hub]:
    hub = Hub()
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def do_CONNECT(self) -> None:
        """As a proxy that lets nobody out."""
        self.hub.log.append(Request("CONNECT", self.path, "", dict(self.headers), 403))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        host = (self.headers.get("Host") or "").split(":")[0]
        self.entry = Request(self.command, path, host, {k.lower(): v for k, v in self.headers.items()})
        self.hub.log.append(self.entry)
        if self.hub.over.is_set():  # a connection that was kept open
            self.close_connection = True
            return
        if self.hub.silent and self.hub.silent in path:
            self.hub.over.wait(600)
            self.close_connection = True
            return
        for part, status in self.hub.status.items():
            if part in path:
                return self._answer(status, b"broken", {})
        if path.startswith("/storage/"):
            return self._storage(path)
        for name, repo in self.hub.repos.items():
            if path == f"/api/models/{name}" or path.startswith(f"/api/models/{name}/"):
                return self._api(name, repo, path.removeprefix(f"/api/models/{name}").strip("/"))
            if path.startswith(f"/{name}/resolve/"):
                return self._resolve(name, repo, path.removeprefix(f"/{name}/resolve/"))
        self._error(404, "RepoNotFound", "Repository not found")

    # --- what the Hub answers ---

    def _allowed(self, repo: Repo) -> bool:
        if repo.token is None or self.entry.headers.get("authorization") == f"Bearer {repo.token}":
            return True
        self._error(401, "RepoNotFound", "Invalid username or password.")
        return False

    def _api(self, name: str, repo: Repo, rest: str) -> None:
        if not self._allowed(repo):
            return
        if rest == "discussions":
            pulls = [
                {"title": p["title"], "num": p["num"], "author": {"name": p["author"]}, "status": p["status"],
                 "createdAt": "2024-01-01T00:00:00.000Z", "repo": {"name": name, "type": "model"},
                 "isPullRequest": True}
                for p in repo.pulls
            ]  # fmt: skip
            return self._json({"discussions": pulls, "count": len(pulls), "start": 0})
        branch = repo.resolve(rest.removeprefix("revision/").removeprefix("tree/") or "main")
        if branch is None:
            return self._error(404, "RevisionNotFound", "Invalid rev id")
        if rest.startswith("tree/"):
            return self._json([self._leaf(n, data) for n, data in sorted(repo.revisions[branch].items())])
        self._json(
            {
                "id": name,
                "sha": repo.commit(branch),
                "private": repo.token is not None,
                "gated": "manual" if repo.gated else False,
                "siblings": [self._sibling(n, data) for n, data in sorted(repo.revisions[branch].items())],
            }
        )

    def _sibling(self, name: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"rfilename": name}
        if "blobs" in self.path:
            entry |= {"size": len(data), "blobId": _git(data)}
            if name.endswith(LARGE):
                sha256 = hashlib.sha256(data).hexdigest()
                entry |= {
                    "blobId": _git(sha256.encode()),
                    "lfs": {"sha256": sha256, "size": len(data), "pointerSize": 135},
                }
        return entry

    def _leaf(self, name: str, data: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": "file", "path": name, "size": len(data), "oid": _git(data)}
        if name.endswith(LARGE):
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 135}
        return entry

    def _resolve(self, name: str, repo: Repo, rest: str) -> None:
        if not self._allowed(repo):
            return
        revision, _, file = rest.partition("/")
        branch = repo.resolve(revision)
        if branch is None:
            return self._error(404, "RevisionNotFound", "Invalid rev id")
        if repo.gated:
            return self._error(403, "GatedRepo", f"Access to model {name} is restricted.")
        data = repo.revisions[branch].get(file)
        if data is None:
            return self._error(404, "EntryNotFound", "Entry not found")
        headers = {"X-Repo-Commit": repo.commit(branch), "Accept-Ranges": "bytes"}
        if not file.endswith(LARGE):
            return self._body(data, headers | {"ETag": f'"{_git(data)}"'})
        sha256 = hashlib.sha256(data).hexdigest()
        headers |= {
            "Location": f"http://localhost:{self.hub.port}/storage/{name}/{repo.commit(branch)}/{file}",
            "X-Linked-ETag": f'"{sha256}"',
            "X-Linked-Size": str(len(data)),
        }
        self._answer(302, b"", headers)

    def _storage(self, path: str) -> None:
        name, commit, file = path.removeprefix("/storage/").rsplit("/", 2)
        repo = self.hub.repos[name]
        data = repo.revisions[repo.resolve(commit) or ""][file]
        self._body(data, {}, self.hub.cuts.pop(0) if self.hub.cuts else None)

    # --- how it is sent ---

    def _body(self, data: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        wanted = self.entry.headers.get("range", "")
        if wanted:
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            if start >= len(data):
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            more = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            return self._answer(206, data[start:], headers | more, cut)
        self._answer(200, data, headers, cut)

    def _json(self, value: Any) -> None:
        self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", "X-Request-Id": "r1"})

    def _error(self, status: int, code: str, message: str) -> None:
        body = json.dumps({"error": message}).encode()
        self._answer(
            status, body, {"X-Error-Code": code, "X-Error-Message": message, "Content-Type": "application/json"}
        )

    def _answer(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.entry.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        part = body if cut is None else body[:cut]
        self.entry.sent = len(part)
        try:
            self.wfile.write(part)
            self.wfile.flush()
        except OSError:
            self.close_connection = True
        if cut is not None:
            if self.hub.stalls:
                self.hub.over.wait(60)
            self.close_connection = True  # fewer bytes than announced, then the end


def _git(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
