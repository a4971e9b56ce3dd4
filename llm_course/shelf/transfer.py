"""Brings one file over HTTP to disk, going on where an earlier try was cut off, and never waits long in silence.

Knows nothing about models or the layout of a cache. Nothing here changes a setting of ``huggingface_hub``: its
session (proxies, certificates, login) is used, and every limit on time is given with the single request.
"""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

PAUSE = 0.3  # seconds between two tries

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """The result of ``call()``, or ``TimeoutError`` after so many seconds.

    The limits of an HTTP client hold for each address and for each piece of an answer, and a name look-up has none;
    this one holds for all of it. A call that is late goes on in its thread, which does not keep the process alive.
    """
    results: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

    def work() -> None:
        try:
            results.put((call(), None))
        except BaseException as error:  # raised again below, where someone waits for it
            results.put((None, error))

    threading.Thread(target=work, daemon=True).start()
    try:
        value, error = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if error is not None:
        raise error
    return value  # type: ignore[return-value]


def is_cut(error: BaseException) -> bool:
    """Whether an error is one of the network's, such that the same request may work a moment later."""
    if isinstance(error, TimeoutError):
        return True
    kinds = {kind.__name__ for kind in type(error).__mro__}  # by name: the library has changed its HTTP client once
    if "HfHubHTTPError" in kinds:
        return getattr(error, "response").status_code in (408, 429, 500, 502, 503, 504)  # noqa: B009
    return bool(kinds & {"TimeoutException", "NetworkError", "RemoteProtocolError"})


def download(url: str, headers: dict[str, str], part: Path, size: int, patience: float,
             received: Callable[[int], Any]) -> None:  # fmt: skip
    """Fill the file ``part`` up to ``size`` bytes; what it already holds is not asked for again.

    Args:
        url: where the file is.
        headers: sent with each request; a login is dropped by the client when another host takes over.
        part: the unfinished file; it stays when the download fails, for the next call.
        size: bytes of the whole file.
        patience: seconds without a single new byte after which to give up.
        received: told how many bytes came, negative when a file begins again.

    Raises:
        Exception: what the last try ended with: an error of the HTTP client, or ``TimeoutError``.
    """
    part.touch()
    if part.stat().st_size > size:  # not a beginning of this file
        part.write_bytes(b"")
    most, last = part.stat().st_size, time.monotonic()
    while part.stat().st_size < size:
        failure: BaseException = TimeoutError("the connection was closed early")
        try:
            _pull(url, headers, part, max(patience - (time.monotonic() - last), PAUSE), received)
        except Exception as error:
            if not is_cut(error):
                raise
            failure = error
        have = part.stat().st_size
        # More than ever before, or the clock runs: a server that begins again each time cannot keep us here.
        if have > most:
            most, last = have, time.monotonic()
        elif time.monotonic() - last + PAUSE >= patience:
            raise failure
        if have < size:
            time.sleep(PAUSE)


def _pull(url: str, headers: dict[str, str], part: Path, limit: float, received: Callable[[int], Any]) -> None:
    """One request for what is missing."""
    from huggingface_hub import get_session
    from huggingface_hub.utils import hf_raise_for_status

    client, have = get_session(), part.stat().st_size
    # Packed text would have another length than the listing says, and could not be continued.
    headers = {**headers, "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    request = client.build_request("GET", url, headers=headers, timeout=limit)
    response = within(limit, lambda: client.send(request, stream=True, follow_redirects=True))
    try:
        begins_again = response.status_code == 416
        if not begins_again:
            hf_raise_for_status(response)
            begins_again = have > 0 and response.status_code != 206
        with open(part, "r+b" if begins_again else "ab") as file:
            if begins_again:
                file.truncate(0)
                received(-have)
            if response.status_code != 416:
                # As it arrives, not in large pieces: what came before a cut is kept to the last byte.
                for piece in response.iter_raw():
                    file.write(piece)
                    received(len(piece))
    finally:
        response.close()


def digest(path: Path, length: int) -> str:
    """A file's SHA-256 (64 digits, large files), or the SHA-1 that git gives it (40 digits), in hexadecimal."""
    with open(path, "rb") as file:
        if length == 64:
            return hashlib.file_digest(file, "sha256").hexdigest()
        head = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
        return hashlib.file_digest(file, lambda: head).hexdigest()  # type: ignore[arg-type]
