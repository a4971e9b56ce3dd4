"""A control group for one sandbox: the kernel itself bounds memory and processes of all in it together.

Knows nothing about sandboxes. It counts what no look from outside finds: page tables, buffers of sockets and pipes,
files in memory, locks. It needs version 2 with the controllers "memory" and "pids", and somebody's leave to use it:
root makes a group of its own; for others their systemd does, if it runs. Where neither works there is none, and
``watcher`` alone looks after memory. What works is tried out once for each process, and looked at, since systemd takes
a bound that it cannot set without a word.
"""

from __future__ import annotations

import functools
import os
import secrets
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PREFIX = "llm-course-"
_MINE = f"{PREFIX}{os.getpid()}-"
# Joins the group before it starts what follows, so that nothing of it was ever outside.
_JOIN = ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"')


@dataclass
class Group:
    """Bounds for what one command starts.

    Args:
        memory: bytes, in all: of processes, files in memory, and what the kernel holds for them.
        processes: processes and threads.
        kind: "root", "systemd" or "", as :func:`kind` says.
    """

    memory: int
    processes: int
    kind: str
    _folder: Path | None = field(default=None, init=False)

    def wrap(self, command: list[str], environment: dict[str, str] | None) -> list[str]:
        """The command that runs ``command`` within the group; it gets only ``environment``."""
        if self.kind == "root":
            self._folder = ROOT / f"{_MINE}{secrets.token_hex(8)}"
            self._folder.mkdir()
            for name, value in self._bounds().items():
                (self._folder / name).write_text(value, encoding="ascii")
            return [*_JOIN, str(self._folder), *command]
        if self.kind == "systemd":
            variables = [f"{name}={value}" for name, value in (environment or {}).items()]
            bounds = (f"MemoryMax={self.memory}", "MemorySwapMax=0", f"TasksMax={self.processes}")
            properties = [word for bound in bounds for word in ("-p", bound)]
            return ["systemd-run", "--user", "--scope", "-q", *properties, "--", "env", "-i", *variables, *command]
        return command

    def environment(self, given: dict[str, str] | None) -> dict[str, str] | None:
        """What the wrapped command needs in its environment; ``systemd-run`` needs to find the user's systemd."""
        if self.kind != "systemd" or given is None:
            return given
        needed = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
        return given | {name: os.environ[name] for name in needed if name in os.environ}

    def end(self) -> None:
        """Kill whatever is left in the group and remove it. systemd does so by itself when a scope is empty."""
        if self._folder is None:
            return
        for _ in range(100):
            try:
                self._folder.rmdir()
                break
            except FileNotFoundError:
                break
            except OSError:  # something in it still runs, or has yet to be collected
                _write(self._folder / "cgroup.kill", "1")
                time.sleep(0.05)

    def _bounds(self) -> dict[str, str]:
        bounds = {"memory.max": str(self.memory), "pids.max": str(self.processes)}
        assert self._folder is not None
        for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            if (self._folder / name).exists():  # a kernel without swap has no bound for it
                bounds[name] = value
        return bounds


@functools.cache
def kind() -> str:
    """How a group can be had here: "root" makes it, "systemd" does, or it cannot: ""."""
    try:
        if not {"memory", "pids"} <= set((ROOT / "cgroup.controllers").read_text(encoding="ascii").split()):
            return ""
    except OSError:
        return ""  # another version, or another system
    wanted = 50_000_000
    for one in ("root", "systemd"):
        if one == "root" and os.geteuid() != 0 or one == "systemd" and not shutil.which("systemd-run"):
            continue
        if one == "root":
            _sweep()
        group = Group(wanted, 20, one)
        # The bound that holds where it runs, and a pipe: bubblewrap needs those that it is given.
        look = 'cat "/proc/self/fd/$1" "$0$(cut -d: -f3- /proc/self/cgroup | tail -n 1)/memory.max"'
        reading, writing = os.pipe()
        try:
            os.write(writing, b"pipe ")
            os.close(writing)
            variables = {"PATH": os.environ.get("PATH", os.defpath)}
            command = group.wrap(["sh", "-c", look, str(ROOT), str(reading)], variables)
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=30,
                stdin=subprocess.DEVNULL,
                pass_fds=[reading],
                env=group.environment(variables),
            )
            word, _, found = done.stdout.partition(" ")
            works = word == "pipe" and 0 < int(found) <= wanted  # the kernel rounds down to whole pages
        except (OSError, ValueError, subprocess.SubprocessError):
            works = False
        finally:
            os.close(reading)
            group.end()
        if works:
            return one
    return ""


def _sweep() -> None:
    """Remove empty groups that a killed judge has left."""
    for folder in ROOT.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            try:
                folder.rmdir()
            except OSError:
                pass


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="ascii")
    except OSError:
        pass
