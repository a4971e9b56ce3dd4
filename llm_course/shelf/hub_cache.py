"""The part of the Hub's cache that one model has: which files are there, and whether they are whole.

Knows nothing about the network. The layout is that of ``huggingface_hub``, so that other tools find what is
fetched here and the reverse; the folder ``llm_course`` in it keeps what the Hub listed, so that a complete
copy is known to be complete without asking.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from llm_course.errors import WeightsDamaged, WeightsMissing
from llm_course.shelf.transfer import digest

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
HASHED_AGAIN = 1_500_000_000  # bytes: cached weights up to here are hashed at each fetch, a second or two


@dataclass(frozen=True)
class File:
    """A file of a repository: its size in bytes and its SHA-256, or for a small one its git SHA-1."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True)
class Listing:
    """What a revision holds that we need. ``asked`` is its commit; ``commit`` differs where a conversion is taken."""

    asked: str
    commit: str
    files: tuple[File, ...]

    def __post_init__(self) -> None:
        """They become parts of paths, and came from elsewhere."""
        digests = [self.asked, self.commit, *(file.digest for file in self.files)]
        if not all(re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", text) for text in digests):
            raise ValueError("a commit or a checksum in the listing is none")


class Store:
    """One repository's part of the cache: ``blobs`` by digest, ``snapshots`` by commit, ``refs`` by branch."""

    def __init__(self, repo_id: str) -> None:
        from huggingface_hub import constants

        self.cache = Path(constants.HF_HUB_CACHE).expanduser().resolve()
        self.folder = self.cache / f"models--{repo_id.replace('/', '--')}"

    def snapshot(self, commit: str) -> Path:
        return self.folder / "snapshots" / commit

    def blob(self, file: File) -> Path:
        return self.folder / "blobs" / file.digest

    def part(self, file: File) -> Path:
        return self.folder / "blobs" / f"{file.digest}.incomplete"

    def _notes(self, revision: str) -> Path:
        return self.folder / "llm_course" / f"{quote(revision, safe='')}.json"

    def remembered(self, revision: str) -> Listing | None:
        """The listing that the last fetch of this revision got, if all its files are still here."""
        try:
            data = json.loads(self._notes(revision).read_text(encoding="utf-8"))
            listing = Listing(data["asked"], data["commit"], tuple(File(**file) for file in data["files"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None if self.missing(listing) else listing

    def remember(self, revision: str, listing: Listing) -> None:
        _write(self._notes(revision), json.dumps(asdict(listing), indent=1))
        if listing.asked == listing.commit != revision:
            _write(self.folder / "refs" / revision, listing.commit)

    def missing(self, listing: Listing) -> list[File]:
        return [file for file in listing.files if not (self.snapshot(listing.commit) / file.name).is_file()]

    def foreign(self, revision: str) -> Path | None:
        """A snapshot that another program brought, if it has a config, a tokenizer's file and all weights."""
        try:
            commit = (self.folder / "refs" / revision).read_text(encoding="utf-8").strip()
        except OSError:
            commit = revision
        folder = self.snapshot(commit)
        names = {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()
        tokenizer = any("vocab" in n or n.startswith(("tokenizer", "spiece", "sentencepiece")) for n in names)
        return folder if "config.json" in names and tokenizer and shards(folder) <= names else None

    def link(self, file: File, commit: str) -> None:
        """Show a blob under its own name in the snapshot."""
        pointer = self.snapshot(commit) / file.name
        pointer.parent.mkdir(parents=True, exist_ok=True)
        new = pointer.with_name(f".{file.name}.{uuid.uuid4().hex}")
        try:
            new.symlink_to(Path("..", "..", "blobs", file.digest))
            os.replace(new, pointer)  # whatever is there: a link that another process made, or one to nothing
        except OSError:  # Windows without the right to make links
            os.replace(self.blob(file), pointer)


def checked(repo_id: str, folder: Path, files: Iterable[File], trusted: Iterable[str] = ()) -> Path:
    """The folder, if its files are whole: sizes and headers always, checksums unless they are too large for that.

    Raises:
        WeightsDamaged, WeightsMissing: the file is named.
    """
    hashed = sum(file.size for file in files) <= HASHED_AGAIN
    for file in files:
        path = folder / file.name
        if path.stat().st_size != file.size:
            raise _damaged(repo_id, path, f"it has {path.stat().st_size:,} bytes instead of {file.size:,}")
        if hashed and file.name not in trusted and digest(path, len(file.digest)) != file.digest:
            raise _damaged(repo_id, path, "its checksum is not the one that the Hub listed")
    for name in sorted(shards(folder)):
        if not (folder / name).is_file():
            raise WeightsMissing(f"{repo_id}: its index names {name}, which the repository lacks. Take another model.")
        if name.endswith(".safetensors") and (fault := _header_fault(folder / name)):
            raise _damaged(repo_id, folder / name, fault)
    return folder


def _damaged(repo_id: str, path: Path, fault: str) -> WeightsDamaged:
    return WeightsDamaged(
        f"{repo_id}: the file {path.name} is damaged: {fault}. Delete {path.resolve()} and call again: that file alone "
        "is downloaded anew. If it is damaged then, too, it is so on the Hub: take another model or revision."
    )


def shards(folder: Path) -> set[str]:
    """The files that a folder's weights lie in: one, or an index and those it names."""
    if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
        return {WEIGHTS}
    try:
        names = json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()
        return {INDEX, *(str(name) for name in names)}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {INDEX}


def _header_fault(path: Path) -> str:
    """What is wrong with a safetensors file, as far as its header and its length tell; empty if nothing is."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= size - 8:
            return "it does not begin with a safetensors header"
        try:
            header = json.loads(file.read(length))
            end = max((e["data_offsets"][1] for name, e in header.items() if name != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            return "its safetensors header cannot be read"
    return "" if 8 + length + end == size else f"it has {size:,} bytes instead of {8 + length + end:,}"


def _write(path: Path, text: str) -> None:
    """All of it or nothing, also when another process reads or writes it now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
