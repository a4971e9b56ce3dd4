"""Bounds that a process cannot keep by itself: memory and number of all its descendants, and the calls it may make.

Knows nothing about students. A thread looks at the process tree from outside, ten times a second, and kills the whole
tree when it is over its bounds; a kernel's own limits (``inside.py`` sets them) catch what happens between two looks.
"""

from __future__ import annotations

import os
import platform
import signal
import struct
import threading
from pathlib import Path

INTERVAL = 0.1  # seconds between two looks
_PROC = Path("/proc")


class Watcher:
    """Kill a process tree that takes too much; ``reason`` then says what it was.

    Args:
        pid: the root of the tree.
        memory: bytes of all processes together; files that they only read do not count.
        processes: processes and threads.
    """

    def __init__(self, pid: int, memory: int, processes: int) -> None:
        self.reason = ""
        self.peak = 0  # bytes, the most that was seen
        self._pid, self._memory, self._processes = pid, memory, processes
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        if _PROC.is_dir():
            self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _look(self) -> None:
        while not self._over.wait(INTERVAL):
            tree = descendants(self._pid)
            memory = threads = 0
            for pid in tree:
                used, count = _taken(pid)
                memory, threads = memory + used, threads + count
            self.peak = max(self.peak, memory)
            if memory > self._memory:
                self.reason = f"it took more than {self._memory / 1e6:.0f} MB of memory"
            elif threads > self._processes + 8:  # the sandbox's own few processes are in the tree, too
                self.reason = f"it started more than {self._processes} processes or threads"
            if self.reason:
                kill_tree(self._pid)
                return


def descendants(pid: int) -> list[int]:
    """The process and all below it. Orphans in a sandbox go to its own process 1, so the tree stays whole."""
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        found.append(current)
        try:
            for task in os.listdir(f"/proc/{current}/task"):
                with open(f"/proc/{current}/task/{task}/children", encoding="ascii") as listed:
                    todo += [int(child) for child in listed.read().split()]
        except OSError:
            continue  # it has ended meanwhile
    return found


def kill_tree(pid: int) -> None:
    """SIGKILL to the process and all below it, until none is left or three rounds are over."""
    for _ in range(3):
        tree = descendants(pid) if _PROC.is_dir() else [pid]
        for one in tree:
            try:
                os.kill(one, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if len(tree) <= 1:
            return


def _taken(pid: int) -> tuple[int, int]:
    """Bytes (private and shared memory, without files), and the number of threads."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    memory = sum(int(fields.get(name, "0 kB").split()[0]) for name in ("RssAnon", "RssShmem"))
    return memory * 1024, int(fields.get("Threads", "1"))


# Calls that student code has no use for: hidden memory that no look finds (memfd, System V), more namespaces and
# mounts, other processes' memory, keys, kernel programs. They fail with EPERM. Numbers from the kernel's tables.
_FORBIDDEN = {
    "x86_64": (0xC000003E, (29, 64, 68, 101, 155, 161, 165, 166, 175, 246, 248, 249, 250, 272, 298, 303, 304, 308,
                            310, 311, 313, 319, 320, 321, 323, 425, 426, 427, 428, 429, 430, 442, 447)),
    "aarch64": (0xC00000B7, (39, 40, 41, 51, 97, 104, 105, 117, 186, 190, 194, 217, 218, 219, 241, 264, 265, 268, 270,
                             271, 273, 279, 280, 282, 294, 425, 426, 427, 428, 429, 430, 442, 447)),
}  # fmt: skip


def seccomp_filter() -> bytes:
    """A program for the kernel's system-call filter (classic BPF) of this machine; empty where none is known."""
    if platform.machine() not in _FORBIDDEN:
        return b""
    architecture, numbers = _FORBIDDEN[platform.machine()]
    load, equal, at_least, give = 0x20, 0x15, 0x35, 0x06
    kill, deny, allow = 0x80000000, 0x00050001, 0x7FFF0000
    program = [
        (load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, kill),
        (load, 0, 0, 0), (at_least, len(numbers) + 1, 0, 0x40000000),  # the other numbering of x86_64
    ]  # fmt: skip
    for index, number in enumerate(numbers):
        program.append((equal, len(numbers) - index, 0, number))
    program += [(give, 0, 0, allow), (give, 0, 0, deny)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
