"""Keep this Python process on this machine: a connection or a name look-up that leaves it raises ``OffMachine``.

Knows nothing about tests. Python imports a module of this name by itself when its folder is on PYTHONPATH, so every
subprocess and every notebook kernel a test starts is guarded too. An audit hook sees what no patch of ``socket`` would:
each connection of the interpreter, whoever opens it. What it stops is also written to the file that the variable
LLM_COURSE_OFFLINE_LOG names, since the caller may swallow the error.
"""

import os
import platform
import sys
from typing import Any

LOG = "LLM_COURSE_OFFLINE_LOG"


class OffMachine(RuntimeError):
    """A test tried to reach another machine. Not an OSError: code that copes with a missing network must not cope."""


def _is_local(host: Any) -> bool:
    if isinstance(host, bytes):
        host = host.decode("utf-8", "replace")
    if host is None or host in ("", "localhost", "::1", "0.0.0.0", "::", platform.node()):
        return True
    return isinstance(host, str) and host.startswith("127.") and host.replace(".", "").isdigit()


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    if not event.startswith("socket."):
        return
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return  # a socket in the file system, or an address given before
        host = address[0]
    else:
        return
    if _is_local(host):
        return
    message = f"{event} to {host!r}: tests stay on this machine"
    if os.environ.get(LOG):
        with open(os.environ[LOG], "a", encoding="utf-8") as log:
            log.write(f"{message} ({' '.join(sys.orig_argv[:4])!r})\n")
    raise OffMachine(message)


if not getattr(sys, "_llm_course_guarded", False):
    sys._llm_course_guarded = True  # type: ignore[attr-defined]  # a hook cannot be removed: add it only once
    sys.addaudithook(_guard)
