"""Bounds that a process cannot keep by itself: memory, number and processor time of all its descendants together.

Knows nothing about students. A thread looks at the process tree from outside, ten times a second, and kills the whole
tree when it is over its bounds; a kernel's own limits (``runner.py`` sets them) catch what happens between two looks.
A look adds up what the kernel tells: private and shared memory, what is swapped out, page tables, and for the sandbox
as a whole its files in memory and the most that its sockets can hold. Some of the kernel's own memory (file locks,
lists of mappings) is in none of these; a control group (``control_group.py``) counts that, too.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from pathlib import Path

import psutil

INTERVAL = 0.1  # seconds between two looks
INODE = 2000  # bytes that the kernel holds for one file in memory beside its content, at most
_PROC = Path("/proc")


class Watcher:
    """Kill a process tree that takes too much; ``reason`` then says what it was.

    Args:
        pid: the root of the tree.
        memory: bytes of all processes together; files that they only read do not count.
        processes: processes and threads.
        cpu: seconds of processor time of all processes together, those that have ended included.
    """

    def __init__(self, pid: int, memory: int, processes: int, cpu: float) -> None:
        self.reason = ""
        self.peak = 0  # bytes, the most that was seen
        self._pid, self._memory, self._processes, self._cpu = pid, memory, processes, cpu
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
        try:
            self._look_until_over()
        except Exception as error:  # nothing runs unwatched
            self.reason = f"it could not be watched ({type(error).__name__})"
            kill_tree(self._pid)

    def _look_until_over(self) -> None:
        while True:  # the first look comes at once: work that is done before the second has a peak, too
            tree = descendants(self._pid)
            memory, threads, cpu = _shared(tree), 0, 0.0
            for pid in tree:
                used, count = _taken(pid)
                memory, threads, cpu = memory + used, threads + count, cpu + _worked(pid)
            self.peak = max(self.peak, memory)
            if memory > self._memory:
                self.reason = f"it took more than {self._memory / 1e6:.0f} MB of memory"
            elif threads > self._processes + 8:  # the sandbox's own few processes are in the tree, too
                self.reason = f"it started more than {self._processes} processes or threads"
            elif cpu > self._cpu:
                self.reason = f"it took more than {self._cpu:.0f} s of processor time"
            if self.reason:
                kill_tree(self._pid)
                return
            if self._over.wait(INTERVAL):
                return


def descendants(pid: int) -> list[int]:
    """The process and all below it. Orphans in a sandbox go to its own process 1, so the tree stays whole.

    psutil would read every process of the machine for this, ten times a second; the kernel has a list of children.
    """
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
        tree = descendants(pid)
        for one in tree:
            try:
                os.kill(one, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                pass
        if len(tree) <= 1:
            return


def _taken(pid: int) -> tuple[int, int]:
    """Bytes (private and shared memory, without files; page tables), and the number of threads."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0, 0
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    counted = ("RssAnon", "RssShmem", "VmSwap", "VmPTE", "HugetlbPages")
    memory = sum(int(fields.get(name, "0 kB").split()[0]) for name in counted)
    return memory * 1024, int(fields.get("Threads", "1"))


def _worked(pid: int) -> float:
    """Seconds of processor time of a process and of its children that have ended."""
    try:
        return float(sum(psutil.Process(pid).cpu_times()[:4]))  # user and system, its own and its children's
    except psutil.Error:
        return 0.0


def _shared(tree: list[int]) -> int:
    """Bytes that no process has by itself, read by way of one process within the sandbox.

    0 where that process shares its files or its network with the judge: they would be counted for others.
    """
    for pid in reversed(tree[-8:]):  # the last ones found are the innermost; one may have ended meanwhile
        try:
            files = 0
            for folder in ("/tmp", "/dev/shm"):
                inside = f"/proc/{pid}/root{folder}"
                if os.stat(inside).st_dev != _device(folder):
                    found = os.statvfs(inside)
                    files += found.f_files - found.f_ffree
            sockets = 0
            if os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"):
                text = Path(f"/proc/{pid}/net/sockstat").read_text(encoding="ascii")
                sockets = int(text.split("sockets: used", 1)[1].split()[0])
            return files * INODE + sockets * _socket()
        except (OSError, LookupError, ValueError):
            continue
    return 0


def _device(folder: str) -> int:
    try:
        return os.stat(folder).st_dev
    except OSError:
        return -1


@functools.cache
def _socket() -> int:
    """Bytes that one socket can hold for its reader: its buffer, and what may go over it once."""
    try:
        return int(Path("/proc/sys/net/core/wmem_default").read_text(encoding="ascii")) + 40_000
    except (OSError, ValueError):
        return 250_000
