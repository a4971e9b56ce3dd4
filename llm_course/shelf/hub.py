"""From a Hub id to a local folder with a model's config, tokenizer and safetensors weights, and nothing else.

Knows nothing about PyTorch or what a model can do. ``huggingface_hub`` finds, transfers, locks and stores; this file
chooses the files, asks for none that are in the cache, and says in the course's words what went wrong.

What that library does not do, and 300 lines of our own once did:

- go on where a killed or failed download stopped (its issue 4196). Files that came whole are kept, a cut is healed
  within the call, and ``hf cache prune`` removes what a killed process leaves;
- compare each file with the Hub's SHA-256 (``hf cache verify`` does, when asked; here its header and length are);
- give up within 5 s once files have begun to come: it tries again, for up to a minute where nothing answers;
- bound the look-up of a name, and an answer that trickles.

In exchange a download takes the Hub's faster protocol, Xet, and stays right when the Hub changes, without work of ours.
"""

from __future__ import annotations

import errno
import fnmatch
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llm_course.errors import AccessDenied, LLMCourseError, NoNetwork, NotOnHub, WeightsDamaged, WeightsMissing

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo, RepoSibling

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = "pytorch_model*.bin"
SHARDS = "model-*-of-*.safetensors"
VOCABULARIES = ("tokenizer.json", "vocab*", "*.model", "*.spm")  # files that tokenizers are saved in
# Beside the weights: what the tokenizers of GPT-2, BERT, T5, Marian and their kin are read from. Each name is
# given in full or nearly so, since a repository may hold the same weights in six formats.
COMPANIONS = (
    "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
    "chat_template.json", "vocab.txt", "vocab.json", "*_vocab.json", "vocab-*.json", "merges.txt", "source.spm",
    "target.spm", "spm.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model", INDEX,
)  # fmt: skip
# The Hub's bot offers a conversion of pickled weights as a pull request with this title. Which commit of it stands in
# for a revision is kept in the cache as a reference below this name, which no branch has.
BOT, TITLE, CONVERTED = "SFconvertbot", "Adding `safetensors` variant of this model", "safetensors-of"

PATIENCE = 5.0  # seconds that the Hub has to answer the first question


def fetch(repo_id: str, revision: str | None = None) -> Path:
    """Find a model's files in the cache, or bring them from the Hub.

    What the cache has whole is taken without any request, a branch too: ``hf cache rm model/owner/name`` makes the
    next call ask for a newer one. A download tells its size and shows a bar, on standard error. Without network it
    fails within 5 s (HF_HUB_ETAG_TIMEOUT sets other seconds), with HF_HUB_OFFLINE=1 at once.

    Args:
        repo_id: ``"owner/name"``; a bare name is refused by ``load``, which takes names of the shelf.
        revision: branch, tag or full commit; ``None`` for the main branch.

    Returns:
        The snapshot folder: config, tokenizer files, safetensors weights.

    Raises:
        NotOnHub: no such model or revision.
        AccessDenied: it is private, or its license was not accepted.
        NoNetwork: the Hub cannot be reached and the cache does not have it.
        WeightsMissing: there are weights, but not as safetensors.
        WeightsDamaged: a file is cut or is no safetensors; it is named.
        LLMCourseError: the cache folder is full or cannot be written.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    revision = revision or "main"
    try:
        if not isinstance(repo_id, str):
            raise HFValidationError
        validate_repo_id(repo_id)
        folder = _cached(repo_id, revision)
        if not folder and constants.HF_HUB_OFFLINE:
            raise NoNetwork(
                f"{repo_id} is not in the cache ({constants.HF_HUB_CACHE}), and HF_HUB_OFFLINE=1 forbids to download "
                "it. Unset that variable and start Python again, or use a mini, which is in the package."
            )
        return _checked(folder or _download(repo_id, revision))
    except LLMCourseError:
        raise
    except HFValidationError:
        raise NotOnHub(
            f"{repo_id!r} cannot be a Hub id. One looks like 'openai-community/gpt2': an owner, a slash, a name, of "
            "letters, digits, '-', '_' and '.'. lc.models() lists the models that have a name of their own."
        ) from None
    except Exception as error:
        raise _explained(repo_id, revision, error) from None


def _cached(repo_id: str, revision: str) -> Path | None:
    """The snapshot of a revision, or of its conversion, if config, a tokenizer's file and all weights are there.

    Weights are fetched after the rest, so that a download which was killed is never taken for whole.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    for reference in (revision, f"{CONVERTED}/{revision}"):
        try:
            folder = Path(snapshot_download(repo_id, revision=reference, local_files_only=True, allow_patterns=[]))
        except LocalEntryNotFoundError:
            continue
        vocabulary = any(path.is_file() for pattern in VOCABULARIES for path in folder.glob(pattern))
        if vocabulary and (folder / "config.json").is_file() and all(path.is_file() for path in _weights(folder)):
            return folder
    return None


def _download(repo_id: str, revision: str) -> Path:
    from huggingface_hub import constants, snapshot_download

    reference, info = _ask(repo_id, revision)
    files = _chosen(info)
    store = Path(constants.HF_HUB_CACHE).expanduser() / f"models--{repo_id.replace('/', '--')}"
    blobs = store / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    size = sum(f.size or 0 for f in files if not (blobs / (f.lfs.sha256 if f.lfs else str(f.blob_id))).exists())
    if size > (free := shutil.disk_usage(store).free):
        raise OSError(errno.ENOSPC, f"{_size(size)} are needed, {_size(free)} are free")
    if size:
        _tell(f"{repo_id}: {_size(size)} to download from the Hub (kept in {store.parent})")
    names = [file.rfilename for file in files]
    for part in ([name for name in names if not name.endswith(".safetensors")], names):  # weights last: see _cached
        folder = Path(snapshot_download(repo_id, revision=info.sha, allow_patterns=part))
    if missing := [path.name for path in _weights(folder) if not path.is_file()]:
        raise WeightsMissing(
            f"{repo_id}: its index names {missing[0]}, which the repository lacks. Take another model."
        )
    if reference != info.sha:
        path = store / "refs" / reference
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(info.sha), encoding="utf-8")
    return folder


def _ask(repo_id: str, revision: str) -> tuple[str, ModelInfo]:
    """What a revision holds, and by which reference to find it again; in place of pickled weights the Hub's conversion.

    One question, three where a conversion is looked for. None of them is repeated when it fails.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    patience = float(os.environ.get("HF_HUB_ETAG_TIMEOUT") or PATIENCE)
    asked = api.model_info(repo_id, revision=revision, files_metadata=True, timeout=patience)
    if _chosen(asked):
        return revision, asked
    names = sorted(file.rfilename for file in asked.siblings or ())
    pickled = {f.rfilename: f.blob_id for f in asked.siblings or () if fnmatch.fnmatch(f.rfilename, PICKLED)}
    try:
        pulls = list(
            api.get_repo_discussions(repo_id, author=BOT, discussion_type="pull_request", discussion_status="open")
        )
    except HfHubHTTPError as error:
        if error.response.status_code not in (401, 403, 404):  # these say that the owner has switched discussions off
            raise
        pulls = []
    for pull in pulls if pickled else ():
        if (pull.title, pull.author, pull.status) == (TITLE, BOT, "open"):
            request = f"refs/pr/{pull.num}"
            offer = api.model_info(repo_id, revision=request, files_metadata=True, timeout=patience)
            # Of the same weights: the pickled files beside the conversion are those of the revision asked for.
            if _chosen(offer) and pickled.items() <= {f.rfilename: f.blob_id for f in offer.siblings or ()}.items():
                _tell(f"{repo_id} has pickled weights only: taking the Hub's own conversion of them ({request}).")
                return f"{CONVERTED}/{revision}", offer
    found = [n for n in names if n.endswith((".bin", ".pt", ".h5", ".msgpack", ".ot", ".gguf", ".safetensors"))]
    raise WeightsMissing(
        f"{repo_id} has no {WEIGHTS} on the Hub (weights there: {', '.join(found[:4]) or 'none'}). The course loads "
        "only safetensors, since other formats can run code while they load. Take a model whose page shows the tag "
        f"Safetensors, or ask for a conversion at {constants.ENDPOINT}/spaces/safetensors/convert and call again."
    )


def _chosen(info: ModelInfo) -> list[RepoSibling]:
    """The files to fetch, weights last; none if there are no weights. Names with a folder never match."""
    files = {file.rfilename: file for file in info.siblings or () if "/" not in file.rfilename}
    weights = [WEIGHTS] if WEIGHTS in files else sorted(fnmatch.filter(files, SHARDS)) if INDEX in files else []
    names = [name for name in sorted(files) if any(fnmatch.fnmatchcase(name, pattern) for pattern in COMPANIONS)]
    return [files[name] for name in names + weights] if weights else []


def _weights(folder: Path) -> list[Path]:
    """Where a snapshot's weights have to lie: in one file, or in those that its index names."""
    index = folder / INDEX
    if (folder / WEIGHTS).is_file() or not index.is_file():
        return [folder / WEIGHTS]
    try:
        return sorted({folder / name for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(index, "it is no index of weights") from None


def _checked(folder: Path) -> Path:
    """The folder, if each file of weights has a header and the length that its header says."""
    from safetensors import SafetensorError, safe_open

    for path in _weights(folder):
        try:
            with safe_open(path, framework="numpy"):
                pass
        except (SafetensorError, OSError) as error:
            raise _damaged(path, str(error)) from None
    return folder


def _damaged(path: Path, fault: str) -> WeightsDamaged:
    return WeightsDamaged(
        f"The file {path.name} is damaged ({fault}). Delete {path.resolve()} and call again: that file alone is "
        "downloaded anew. If it is damaged then, too, it is so on the Hub: take another model or revision."
    )


def _explained(repo_id: str, revision: str, error: BaseException) -> LLMCourseError:
    """The course's own error for whatever the library, its HTTP client or the disk raised."""
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RevisionNotFoundError

    page = f"{constants.ENDPOINT}/{repo_id}"
    if isinstance(error, LocalEntryNotFoundError) and error.__cause__:
        error = error.__cause__  # the library says that the file is not in the cache either, which is known here
    kinds = {kind.__name__ for kind in type(error).__mro__}  # by name: the library has changed its HTTP client twice
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
    elif "ProxyError" in kinds:
        reason = f"the proxy refuses ({error}); see the variable HTTPS_PROXY"
    elif "TimeoutException" in kinds:
        reason = "no answer came; for a slow connection set HF_HUB_ETAG_TIMEOUT=30 (seconds)"
    elif isinstance(error, OSError) and error.errno is None:  # of the library's own: too few bytes, a header missing
        reason = str(error).partition("\n")[0]
    elif isinstance(error, OSError):
        return LLMCourseError(
            f"{repo_id} cannot be stored in {constants.HF_HUB_CACHE}: {error.strerror or error}. Free some space, or "
            "set the variable HF_HOME to a folder that has it and that you may write to, and start Python again."
        )
    elif isinstance(error, (ValueError, TypeError, KeyError, AttributeError)):
        reason = "what answers is not the Hub; a network that asks you to log in first does that"
    else:  # of the HTTP client or of Xet
        reason = str(error) or type(error).__name__
    return NoNetwork(
        f"The Hub ({constants.ENDPOINT}) cannot be used: {reason}. Check the connection and call again; files that "
        "came whole are kept. Without network the minis work: they are in the package."
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB" if count >= 1e6 else f"{count:,} bytes"


def _tell(message: str) -> None:
    print(message, file=sys.stderr, flush=True)
