"""Shut student code in: how a sandbox is chosen, started, and ended.

Knows nothing about tasks, points or notebooks: it starts ``runner.py`` with pipes and keeps it within bounds; what the
sandbox holds is said in ``commands.py``.

Bubblewrap makes it (Linux). A judge that runs as root uses it twice: once to lay out files that others could not
reach, then, as user 65534, for the sandbox itself, so that student code has no link to root at all. Elsewhere a
container engine can be named: ``LLM_COURSE_SANDBOX=podman`` (or ``docker``) and ``LLM_COURSE_SANDBOX_IMAGE``, an image
that has the course installed. Without either, student code is not run, unless the instructor says unsafe.
"""

from __future__ import annotations

import functools
import os
import platform
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from llm_course.errors import BadOption, NoSandbox
from llm_course.grading.sandbox import control_group, watcher
from llm_course.grading.sandbox.commands import AT, PACKAGE, SHARED, Limits, bubblewrap, container, variables

ENGINES = ("bubblewrap", "docker", "podman")
OWN_MEMORY = 500_000_000  # bytes in a control group beside a student's: the files that Python and its packages map
OWN_PROCESSES = 16


def engine(unsafe: bool = False) -> str:
    """What will shut student code in: "bubblewrap", "docker", "podman", or "unsafe".

    Raises:
        NoSandbox: nothing here can, or what can does not work; the message says what to do.
        BadOption: ``LLM_COURSE_SANDBOX`` names something else.
    """
    if unsafe:
        return "unsafe"
    wanted = os.environ.get("LLM_COURSE_SANDBOX", "bubblewrap")
    if wanted not in ENGINES:
        raise BadOption(f"LLM_COURSE_SANDBOX is {wanted!r}; it can be {', '.join(ENGINES)}.")
    if wanted == "bubblewrap":
        _try_bubblewrap()
    else:
        if not shutil.which(wanted):
            raise NoSandbox(f"LLM_COURSE_SANDBOX asks for {wanted}, which is not installed here.")
        if not os.environ.get("LLM_COURSE_SANDBOX_IMAGE"):
            raise NoSandbox(
                f"{wanted} needs an image that has the course installed: set LLM_COURSE_SANDBOX_IMAGE to its name."
            )
    return wanted


@functools.cache
def _try_bubblewrap() -> None:
    """Once per process: does bubblewrap start a sandbox here?"""
    choices = (
        "Student code was not run. Choose one: install bubblewrap (Debian, Ubuntu: apt install bubblewrap); name a "
        "container engine with LLM_COURSE_SANDBOX=podman and LLM_COURSE_SANDBOX_IMAGE; or, only if you trust every "
        "student's code with your files and the gradebook, say --unsafe."
    )
    if sys.platform != "linux":
        raise NoSandbox(f"Bubblewrap works on Linux only, and this is {sys.platform}. {choices}")
    if not shutil.which("bwrap"):
        raise NoSandbox(f"The program bwrap (bubblewrap) is not here. {choices}")
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        raise NoSandbox(f"As root, the program setpriv (package util-linux) is needed too. {choices}")
    with tempfile.TemporaryDirectory(prefix="llm-course-") as empty:
        command, data = bubblewrap(Path(empty), ())
        with _Descriptors(data) as numbers:
            probe = [numbers.get(part, part) for part in command] + [
                sys.executable,
                "-I",
                "-S",
                "-c",
                "print('inside')",
            ]
            pass_fds = [int(number) for number in numbers.values()]
            done = subprocess.run(probe, capture_output=True, text=True, timeout=120, pass_fds=pass_fds)
    if done.stdout.strip() != "inside":
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise NoSandbox(
            f"Bubblewrap cannot make a sandbox here ({reason[0]}). If the kernel forbids user namespaces, an "
            "administrator allows them with: sysctl kernel.unprivileged_userns_clone=1 (Debian), or "
            f"kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu). {choices}"
        )


class Sandbox:
    """One running sandbox; a context manager that ends all of it.

    Args:
        release: the folder of the assignment's release files.
        limits: what the student's code may use.
        how: what :func:`engine` gave.
        hide: folders that must not be seen even where a shared folder holds them: the course.
        core: the processor that all of it runs on, so that it takes none from others; any if ``None``.
    """

    def __init__(
        self, release: Path, limits: Limits, how: str, hide: tuple[Path, ...] = (), core: int | None = None
    ) -> None:
        self.limits = limits
        self._folder: str | None = None
        self._name = f"llm-course-{secrets.token_hex(8)}"
        self._how = how
        runner, files, work = f"{AT}/llm_course/grading/sandbox/runner.py", "/release", "/tmp/work"
        data: dict[str, bytes] = {}
        environment = None
        if how == "bubblewrap":
            command, data = bubblewrap(release, hide, limits)
            command.append(sys.executable)
            environment = {"PATH": os.environ.get("PATH", os.defpath)}  # /proc/1/environ shows it inside
        elif how == "unsafe":
            self._folder = tempfile.mkdtemp(prefix="llm-course-unsafe-")
            command, work = [sys.executable], f"{self._folder}/work"
            runner, files = str(PACKAGE / "grading" / "sandbox" / "runner.py"), str(release.resolve())
            environment = variables(str(PACKAGE.parent), self._folder)
        else:
            command = container(how, self._name, release, limits)
        bounds = asdict(limits) | ({} if how == "bubblewrap" and _counts_by_namespace() else {"processes": 0})
        most = limits.memory + limits.disk + SHARED + OWN_MEMORY
        self._group = control_group.Group(
            most, limits.processes + OWN_PROCESSES, control_group.kind() if how == "bubblewrap" else ""
        )
        with _Descriptors(data) as numbers, _on(core):
            command = [*(numbers.get(part, part) for part in command), "-s", "-B", runner, _words(bounds), files, work]
            try:
                self.process = subprocess.Popen(
                    self._group.wrap(command, environment),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    env=self._group.environment(environment),
                    start_new_session=True,
                    pass_fds=[int(number) for number in numbers.values()],
                )
            except OSError as error:
                self._group.end()
                raise NoSandbox(f"The sandbox did not start: {error}") from None
        self.watcher = watcher.Watcher(self.process.pid, limits.memory, limits.processes, limits.cpu)

    def __enter__(self) -> Sandbox:
        _LIVE.add(self)
        self.watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        _LIVE.discard(self)
        self.watcher.stop()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    pass
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End every process of the sandbox, whatever signals they ignore."""
        if self._how in ("docker", "podman"):
            subprocess.run([self._how, "kill", self._name], capture_output=True, timeout=60)
        watcher.kill_tree(self.process.pid)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            pass
        self._group.end()

    def start_errors(self) -> str:
        """The last line that the start of the sandbox wrote: why it failed. ``runner.py`` lets go of this pipe."""
        assert self.process.stderr
        os.set_blocking(self.process.stderr.fileno(), False)
        try:
            text = os.read(self.process.stderr.fileno(), 4000).decode("utf-8", "replace")
        except OSError:
            return ""
        return (text.strip().splitlines() or [""])[-1]


_LIVE: set[Sandbox] = set()


def end_all() -> None:
    """End every sandbox of this process."""
    for box in list(_LIVE):
        box.kill()


def cores() -> list[int]:
    """The processors that this process may use; empty where the system does not tell."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def _on(core: int | None) -> Iterator[None]:
    """Bind this thread to a processor: what it starts meanwhile inherits that, and the filter keeps it from going back.

    Of a container engine only Podman is bound so; Docker's containers are started by its own service.
    """
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)  # 0 is the calling thread
    try:
        os.sched_setaffinity(0, {core})
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _words(limits: dict[str, float]) -> str:
    return ",".join(f"{name}={value}" for name, value in limits.items())


def _counts_by_namespace() -> bool:
    """Whether the kernel's limit of processes counts those of one sandbox alone (Linux 5.14 and later)."""
    version = platform.release().split(".")
    return (int(version[0]), int(version[1].split("-")[0])) >= (5, 14)


class _Descriptors:
    """Pipes that hold small data for bubblewrap; a context manager that gives the number for each {name}, as text."""

    def __init__(self, data: dict[str, bytes]) -> None:
        self._data = data
        self._open: list[int] = []

    def __enter__(self) -> dict[str, str]:
        numbers = {}
        for name, content in self._data.items():
            read, write = os.pipe()
            os.write(write, content)  # far less than a pipe holds
            os.close(write)
            self._open.append(read)
            numbers[f"{{{name}}}"] = str(read)
        return numbers

    def __exit__(self, *_: object) -> None:
        for number in self._open:
            os.close(number)
