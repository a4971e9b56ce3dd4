"""From a Hub id to a local folder with a model's config, tokenizer and safetensors weights, and nothing else.

Knows nothing about PyTorch or what a model can do. The address, the login and the cache folder are those of
``huggingface_hub``. The transfer is our own, because that library (2.4) deletes what it has when a connection
is cut, and waits without a limit for the answers to some of its questions.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from llm_course.errors import AccessDenied, LLMCourseError, NoNetwork, NotOnHub, WeightsDamaged, WeightsMissing
from llm_course.shelf.hub_cache import INDEX, WEIGHTS, File, Listing, Store, checked
from llm_course.shelf.transfer import digest, download, within

SHARD = "model-*-of-*.safetensors"
# Beside the weights: what the tokenizers of GPT-2, BERT, T5, Marian and their kin are read from. Each name is
# given in full or nearly so, since a repository may hold the same weights in six formats.
COMPANIONS = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "chat_template.json", "vocab.txt", "vocab.json", "*_vocab.json", "vocab-*.json", "merges.txt", "source.spm",
    "target.spm", "spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model",
)  # fmt: skip
# The Hub's bot offers a conversion of pickled weights as a pull request with this title.
BOT, TITLE = "SFconvertbot", "Adding `safetensors` variant of this model"

PATIENCE = 4.0  # seconds of silence after which the network counts as away

T = TypeVar("T")


def fetch(repo_id: str, revision: str | None = None, *, progress: bool = True,
          announce: Callable[[str], None] | None = None) -> Path:  # fmt: skip
    """Bring a model's files from the Hub, or find them in the cache.

    A revision that is a commit is looked up in the cache first, without any request. A branch, or none, is
    asked for on the Hub; when that fails, the copy in the cache is taken. Every failure ends within 5 s of
    silence (more if the variable HF_HUB_DOWNLOAD_TIMEOUT allows more).

    Args:
        repo_id: ``"owner/name"``; a bare name is refused by ``load``, which takes names of the shelf.
        revision: branch, tag or commit; ``None`` for the newest.
        progress: show a bar while files come.
        announce: takes the sentence that tells the size before a download; standard error if ``None``.

    Returns:
        The snapshot folder: config, tokenizer files, safetensors weights.

    Raises:
        NotOnHub: no such model or revision.
        AccessDenied: it is private, or its license was not accepted.
        NoNetwork: the Hub cannot be reached and the cache does not have it.
        WeightsMissing: there are weights, but not as safetensors.
        WeightsDamaged: a file is not what the Hub lists; it is named.
        LLMCourseError: the cache folder is full or cannot be written.
    """
    _check_names(repo_id, revision)
    from huggingface_hub import constants

    tell = announce or (lambda message: print(message, file=sys.stderr, flush=True))
    wanted = revision or "main"
    store = Store(repo_id)
    listing = store.remembered(wanted)
    cached = store.snapshot(listing.commit) if listing else store.foreign(wanted)
    if listing and re.fullmatch("[0-9a-f]{7,40}", wanted):
        return checked(repo_id, store.snapshot(listing.commit), listing.files)
    if constants.HF_HUB_OFFLINE:
        if not cached:
            raise NoNetwork(
                f"{repo_id} is not in the cache ({_short(store.cache)}), and HF_HUB_OFFLINE=1 forbids to download it. "
                "Unset that variable and start Python again, or use a mini, which is in the package."
            )
        return checked(repo_id, cached, listing.files if listing else ())
    patience = float(os.environ.get("HF_HUB_DOWNLOAD_TIMEOUT") or PATIENCE)
    try:
        new = _ask(repo_id, revision, patience / 2 if cached else patience, tell)
    except LLMCourseError as error:
        if not cached:
            raise
        tell(f"{error} Meanwhile the copy in the cache is used.")
        return checked(repo_id, cached, listing.files if listing else ())
    came = _bring(repo_id, store, new, patience, progress, tell)
    folder = checked(repo_id, store.snapshot(new.commit), new.files, came)
    with suppress(OSError):  # a cache that others fill and we may only read: the next call asks again
        store.remember(wanted, new)
    return folder


def _check_names(repo_id: str, revision: str | None) -> None:
    """Both become parts of addresses and of paths."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        if not isinstance(repo_id, str):
            raise HFValidationError(f"it is a {type(repo_id).__name__}")
        validate_repo_id(repo_id)
    except HFValidationError:
        raise NotOnHub(
            f"{repo_id!r} cannot be a Hub id. One looks like 'openai-community/gpt2': an owner, a slash, a name, of "
            "letters, digits, '-', '_' and '.'. lc.models() lists the models that have a name of their own."
        ) from None
    if revision is not None and not (
        isinstance(revision, str) and re.fullmatch(r"\w[\w.+/-]{0,200}", revision) and ".." not in revision
    ):
        raise NotOnHub(f"revision={revision!r} cannot be one: give a branch, a tag, a commit, or None for the newest.")


def _ask(repo_id: str, revision: str | None, patience: float, tell: Callable[[str], None]) -> Listing:
    """One question to the Hub, three where weights are pickled and its own conversion is looked for."""
    from huggingface_hub import HfApi, constants

    api = HfApi(endpoint=constants.ENDPOINT)

    def ask(call: Callable[[], T]) -> T:
        try:
            return within(patience, call)
        except Exception as error:
            raise _explained(repo_id, revision, error) from None

    def info(of: str | None) -> tuple[str, dict[str, File]]:
        answer = api.model_info(repo_id, revision=of, files_metadata=True, timeout=patience)
        files = (
            File(s.rfilename, s.size or 0, s.lfs.sha256 if s.lfs else str(s.blob_id)) for s in answer.siblings or ()
        )
        return str(answer.sha), {file.name: file for file in files}

    commit, files = ask(lambda: info(revision))
    if chosen := _choose(files):
        return ask(lambda: Listing(commit, commit, chosen))
    pickled = fnmatch.filter(files, "pytorch_model*.bin")
    if pickled:
        try:
            pulls = ask(
                lambda: list(
                    api.get_repo_discussions(
                        repo_id, author=BOT, discussion_type="pull_request", discussion_status="open"
                    )
                )
            )
        except (AccessDenied, NotOnHub):  # its owner has switched discussions off
            pulls = []
        for pull in pulls:
            if pull.title != TITLE or pull.author != BOT or not pull.is_pull_request or pull.status != "open":
                continue
            reference = f"refs/pr/{pull.num}"
            converted, others = ask(lambda reference=reference: info(reference))  # type: ignore[misc]
            chosen = _choose(others)
            # Of the same weights: the pickled files beside the conversion are those of the revision asked for.
            if chosen and all(others.get(name) == files[name] for name in pickled):
                tell(f"{repo_id} has pickled weights only: taking the Hub's own conversion of them ({reference}).")
                return ask(lambda: Listing(commit, converted, chosen))  # noqa: B023  # called at once
    found = sorted(n for n in files if n.endswith((".bin", ".pt", ".h5", ".msgpack", ".ot", ".gguf", ".safetensors")))
    raise WeightsMissing(
        f"{repo_id} has no {WEIGHTS} on the Hub (weights there: {', '.join(found[:4]) or 'none'}). The course loads "
        "only safetensors, since other formats can run code while they load. Take a model whose page shows the tag "
        f"Safetensors, or ask for a conversion at {constants.ENDPOINT}/spaces/safetensors/convert and call again."
    )


def _choose(files: dict[str, File]) -> tuple[File, ...]:
    """The files to fetch, weights last; none if there are no weights. Names with a folder never match."""
    if WEIGHTS in files:
        weights = [WEIGHTS]
    elif INDEX in files and fnmatch.filter(files, SHARD):
        weights = [INDEX, *sorted(n for n in fnmatch.filter(files, SHARD) if "/" not in n)]
    else:
        return ()
    beside = sorted(n for n in files if "/" not in n and any(fnmatch.fnmatchcase(n, c) for c in COMPANIONS))
    return tuple(files[name] for name in beside + weights)


def _bring(repo_id: str, store: Store, listing: Listing, patience: float, progress: bool,
           tell: Callable[[str], None]) -> set[str]:  # fmt: skip
    """Download what is not here yet. Returns the names of the files that came, checked against the listing."""
    from huggingface_hub import constants
    from huggingface_hub.utils import WeakFileLock, build_hf_headers
    from tqdm.auto import tqdm

    wanted = [file for file in store.missing(listing) if not store.blob(file).is_file()]
    have = sum(store.part(file).stat().st_size for file in wanted if store.part(file).is_file())
    total = sum(file.size for file in wanted)
    came = set()
    try:
        locks = store.cache / ".locks" / store.folder.name
        if wanted:
            (store.folder / "blobs").mkdir(parents=True, exist_ok=True)
            locks.mkdir(parents=True, exist_ok=True)
            more = f", {_size(have)} are here already" if have else ""
            tell(f"{repo_id}: {_size(total - have)} to download from the Hub{more} (kept in {_short(store.cache)})")
            if total - have > (free := shutil.disk_usage(store.cache).free):
                raise OSError(errno.ENOSPC, f"{_size(total - have)} are needed, {_size(free)} are free")
        with tqdm(
            total=total, initial=have, unit="B", unit_scale=True, desc=repo_id, disable=not (progress and wanted)
        ) as bar:
            for file in wanted:
                with WeakFileLock(locks / f"{file.digest}.lock"):  # the same as other programs take
                    if store.blob(file).is_file():
                        continue
                    address = f"{constants.ENDPOINT}/{repo_id}/resolve/{listing.commit}/{quote(file.name)}"
                    download(address, build_hf_headers(), store.part(file), file.size, patience, bar.update)
                    if digest(store.part(file), len(file.digest)) != file.digest:
                        store.part(file).unlink()
                        raise WeightsDamaged(
                            f"{repo_id}: the file {file.name} came damaged (its checksum is not the one that the Hub "
                            "lists), so it was removed again. Call again; if it comes damaged once more, something "
                            "between here and the Hub changes it: try another network."
                        )
                    os.replace(store.part(file), store.blob(file))
                    came.add(file.name)
        for file in store.missing(listing):
            store.link(file, listing.commit)
    except LLMCourseError:
        raise
    except Exception as error:
        raise _explained(repo_id, listing.commit, error) from None
    return came


def _explained(repo_id: str, revision: str | None, error: Exception) -> LLMCourseError:
    """The course's own error for whatever the library, its HTTP client or the disk raised."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RevisionNotFoundError

    page = f"{constants.ENDPOINT}/{repo_id}"
    if isinstance(error, LLMCourseError):
        return error
    if isinstance(error, HfHubHTTPError):
        status, headers = error.response.status_code, error.response.headers
        from_hub = any(name in headers for name in ("x-error-code", "x-error-message", "x-request-id"))
        if isinstance(error, GatedRepoError):
            return AccessDenied(
                f"{repo_id} is gated: its license has to be accepted first. Read and accept it at {page}, log in with "
                "the command hf auth login, and call again."
            )
        if status == 401:
            return AccessDenied(
                f"The Hub shows no {repo_id} to you (401). Either the id is wrong: compare it with the one on the "
                "model's page; or the model is private or gated: log in with the command hf auth login, and open "
                f"{page} in a browser to see whether a license has to be accepted. To someone logged in this also "
                "means that the login has expired."
            )
        if status == 403 and from_hub:
            return AccessDenied(
                f"The Hub refuses {repo_id} to you (403: {error.server_message or 'no reason given'}). Log in with the "
                f"command hf auth login as someone who may read it, and accept its license, if it has one, at {page}."
            )
        if isinstance(error, RevisionNotFoundError):
            return NotOnHub(f"{repo_id} has no revision {revision!r}. Those it has are listed at {page}/commits/main.")
        if status == 404:
            return NotOnHub(
                f"There is no model {repo_id!r} on the Hub (404). Compare the id with the one on the model's page, "
                "letter by letter; lc.models() lists the models that the course knows."
            )
        reason = f"it was answered with {status}" + ("" if from_hub else ", not by the Hub but by a proxy or firewall")
    else:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if "ProxyError" in kinds:
            reason = f"the proxy refuses ({error}); see the variable HTTPS_PROXY"
        elif kinds & {"TimeoutError", "TimeoutException"}:
            reason = "no answer came; for a slow connection set HF_HUB_DOWNLOAD_TIMEOUT=30 (seconds)"
        elif "TransportError" in kinds or "InvalidURL" in kinds:
            reason = str(error) or type(error).__name__
        elif isinstance(error, OSError):
            cache = _short(Path(constants.HF_HUB_CACHE))
            return LLMCourseError(
                f"{repo_id} cannot be stored in {cache}: {error.strerror or error}. Free some space, or set the "
                "variable HF_HOME to a folder that has it and that you may write to, and start Python again."
            )
        elif isinstance(error, (ValueError, TypeError, KeyError, AttributeError)):
            reason = "what answers is not the Hub; a network that asks you to log in first does that"
        else:
            raise error
    return NoNetwork(
        f"The Hub ({constants.ENDPOINT}) cannot be used: {reason}. Check the connection and call again; a download "
        "goes on where it stopped. Without network the minis work: they are in the package."
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count:,} bytes"


def _short(path: Path) -> str:
    """A path with the home folder as ``~``."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)
