"""Shut student code in: what the sandbox holds, how it is started, and how it is ended.

Knows nothing about tasks, points or notebooks: it starts ``inside.py`` with pipes and keeps it within bounds. Inside
there are Python, its packages and the course's package, all read-only, the release files of one assignment, an empty
home and a small private ``/tmp``. There is no network, no environment, no other process, and no way to gain rights.

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
import site
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llm_course.errors import BadOption, NoSandbox
from llm_course.grading import watch

NOBODY = "65534"
PACKAGE = Path(__file__).resolve().parents[1]  # the folder llm_course
AT = "/opt/llm-course"  # where the package lies inside
ENGINES = ("bubblewrap", "docker", "podman")


@dataclass(frozen=True)
class Limits:
    """What one student's code may use. Bytes and seconds.

    Args:
        memory: of all processes together, without the read-only files that they share.
        data: private memory of one process, enforced by the kernel (``RLIMIT_DATA``).
        disk: of ``/tmp`` and the home together; it is memory, too.
        file: one file.
        files: open files of one process.
        processes: processes and threads.
        cpu: processor time of one process.
        cell: wall clock of one notebook cell.
        total: wall clock of one student, all restarts included.
        output: bytes that the sandbox may send to the judge.
        printed: characters kept of what one cell prints.
    """

    memory: int = 1_600_000_000
    data: int = 3_000_000_000
    disk: int = 128_000_000
    file: int = 64_000_000
    files: int = 256
    processes: int = 64
    cpu: int = 600
    cell: float = 90
    total: float = 300
    output: int = 24_000_000
    printed: int = 10_000


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
        command, data = _bubblewrap(Path(empty), ())
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
    """

    def __init__(self, release: Path, limits: Limits, how: str, hide: tuple[Path, ...] = ()) -> None:
        self.limits = limits
        self._folder: str | None = None
        self._name = f"llm-course-{secrets.token_hex(8)}"
        self._how = how
        inside, files, work = f"{AT}/llm_course/grading/inside.py", "/release", "/tmp/work"
        data: dict[str, bytes] = {}
        environment = None
        if how == "bubblewrap":
            command, data = _bubblewrap(release, hide, limits)
            command.append(sys.executable)
            environment = {"PATH": os.environ.get("PATH", os.defpath)}  # /proc/1/environ shows it inside
        elif how == "unsafe":
            self._folder = tempfile.mkdtemp(prefix="llm-course-unsafe-")
            command, work = [sys.executable], f"{self._folder}/work"
            inside, files = str(PACKAGE / "grading" / "inside.py"), str(release.resolve())
            environment = variables(str(PACKAGE.parent), self._folder)
        else:
            command = container(how, self._name, release, limits)
        bounds = asdict(limits) | ({} if how == "bubblewrap" and _counts_by_namespace() else {"processes": 0})
        with _Descriptors(data) as numbers:
            self.process = subprocess.Popen(
                [*(numbers.get(part, part) for part in command), "-s", "-B", inside, _words(bounds), files, work],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
                env=environment, pass_fds=[int(number) for number in numbers.values()], start_new_session=True,
            )  # fmt: skip
        self.watcher = watch.Watcher(self.process.pid, limits.memory, limits.processes)

    def __enter__(self) -> Sandbox:
        _LIVE.add(self)
        self.watcher.start()
        return self

    def __exit__(self, *_: Any) -> None:
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
        watch.kill_tree(self.process.pid)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            pass

    def start_errors(self) -> str:
        """The last line that the start of the sandbox wrote: why it failed. ``inside.py`` lets go of this pipe."""
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


def variables(package: str, home: str) -> dict[str, str]:
    """The whole environment of student code: nothing of the instructor's."""
    if site.ENABLE_USER_SITE:
        package = os.pathsep.join((package, site.getusersitepackages()))
    return {
        "PATH": "/usr/bin:/bin", "HOME": home, "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8",
        "TMPDIR": home, "PYTHONPATH": package, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
        "LLM_COURSE_HOME": f"{home}/llm-course", "MPLBACKEND": "agg", "MPLCONFIGDIR": f"{home}/matplotlib",
        "HF_HUB_OFFLINE": "1", "HF_HOME": f"{home}/huggingface", "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "",
        "NBGRADER_EXECUTION": "autograde",
    }  # fmt: skip


def _words(limits: dict[str, Any]) -> str:
    return ",".join(f"{name}={value}" for name, value in limits.items())


def _counts_by_namespace() -> bool:
    """Whether the kernel's limit of processes counts those of one sandbox alone (Linux 5.14 and later)."""
    version = platform.release().split(".")
    return (int(version[0]), int(version[1].split("-")[0])) >= (5, 14)


def _sources() -> list[Path]:
    """Folders that Python needs, beside the system's: its own, the environment's, the user's packages."""
    wanted = [Path(folder) for folder in (sys.base_prefix, sys.prefix, sys.base_exec_prefix)]
    wanted += [Path(sys.executable).resolve().parents[1]]
    wanted += [Path(folder) for folder in site.getsitepackages()]
    if site.ENABLE_USER_SITE and Path(site.getusersitepackages()).is_dir():
        wanted.append(Path(site.getusersitepackages()))
    system = (Path("/usr"), Path("/lib"), Path("/lib64"), Path("/bin"))
    found: list[Path] = []
    for folder in sorted({folder for folder in wanted if folder.is_dir()}, key=lambda folder: len(folder.parts)):
        if folder == Path("/") or folder == Path.home():
            raise NoSandbox(f"Python is installed right in {folder}, which would show all of it to student code.")
        if not any(folder.is_relative_to(other) for other in (*system, *found)):
            found.append(folder)
    return found


def _bubblewrap(
    release: Path, hide: tuple[Path, ...], limits: Limits | None = None
) -> tuple[list[str], dict[str, bytes]]:
    """The command before the program, with {names} where file descriptors go, and what these hold."""
    limits = limits or Limits()
    release = release.resolve()
    system: list[str] = ["--ro-bind", "/usr", "/usr"]
    for name in ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"):
        path = Path(name)
        if path.is_symlink():
            system += ["--symlink", os.readlink(path), name]
        elif path.is_dir():
            system += ["--ro-bind", name, name]
    for name in ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"):
        system += ["--ro-bind-try", name, name]
    packages = []
    for folder in _sources():
        packages += ["--ro-bind", str(folder), str(folder)]
    fonts = _fonts()
    root = os.geteuid() == 0
    outer: list[str] = []
    if root:  # lay everything out where user 65534 can reach it
        # Its own process namespace, too: root without capabilities, which bubblewrap's outer process is, may not signal
        # user 65534, but when process 1 of a namespace ends, the kernel ends all others.
        parents = dict.fromkeys(
            str(parent)
            for folder in [*_sources(), Path(AT) / "llm_course", Path("/etc/x")]
            for parent in reversed(folder.parents)
        )
        open_ = [part for parent in parents if parent != "/" for part in ("--perms", "0755", "--dir", parent)]
        outer = [
            "bwrap", "--die-with-parent", "--unshare-pid",
            *open_, "--perms", "0755", "--dir", "/tmp", *system, *packages,
            "--ro-bind", str(PACKAGE), "/package", "--ro-bind", str(release), "/release",
            *(("--ro-bind", str(fonts), "/fonts") if fonts else ()),
            "--bind", "/proc", "/proc", "--dev-bind", "/dev", "/dev", "--",
            "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--pdeathsig", "KILL",
        ]  # fmt: skip
    inner = [
        "bwrap", "--die-with-parent", "--new-session", "--unshare-all", "--unshare-user", *_no_nesting(),
        "--uid", NOBODY, "--gid", NOBODY, "--hostname", "sandbox", "--cap-drop", "ALL",
        "--size", str(limits.disk), "--perms", "0700", "--tmpfs", "/tmp",  # first: packages may lie below /tmp
        *system, *packages,
        "--ro-bind", "/package" if root else str(PACKAGE), f"{AT}/llm_course",
    ]  # fmt: skip
    for folder in hide:
        folder = folder.resolve()
        if any(folder.is_relative_to(shown) for shown in (Path("/usr"), *_sources())):
            inner += ["--size", "4096", "--tmpfs", str(folder), "--remount-ro", str(folder)]
    inner += [
        "--ro-bind", "/release" if root else str(release), "/release",
        "--ro-bind-data", "{passwd}", "/etc/passwd", "--ro-bind-data", "{group}", "/etc/group",
        "--proc", "/proc", "--dev", "/dev", "--size", "16000000", "--perms", "0700", "--tmpfs", "/dev/shm",
        "--remount-ro", "/dev",
        *(("--ro-bind", "/fonts" if root else str(fonts), f"/tmp/matplotlib/{fonts.name}") if fonts else ()),
        "--remount-ro", "/", "--chdir", "/tmp", "--clearenv",
    ]  # fmt: skip
    for name, value in variables(AT, "/tmp").items():
        inner += ["--setenv", name, value]
    data = {
        "passwd": b"student:x:65534:65534:student:/tmp:/bin/sh\n", "group": b"student:x:65534:\n",
    }  # fmt: skip
    if filter_ := watch.seccomp_filter():
        inner += ["--seccomp", "{seccomp}"]
        data["seccomp"] = filter_
    return [*outer, *inner, "--"], data


def _fonts() -> Path | None:
    """matplotlib's list of the system's fonts, if one has been made here; making it takes a second or more."""
    folders = (os.environ.get("MPLCONFIGDIR"), Path.home() / ".cache" / "matplotlib")
    found = [path for folder in folders if folder for path in Path(folder).glob("fontlist-v*.json")]
    return max(found, key=lambda path: path.stat().st_mtime) if found else None


@functools.cache
def _no_nesting() -> tuple[str, ...]:
    """Forbid user namespaces inside, where this bubblewrap can (0.8 and later); the system-call filter does as well."""
    help_ = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, timeout=60).stdout
    return ("--disable-userns",) if "--disable-userns" in help_ else ()


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

    def __exit__(self, *_: Any) -> None:
        for number in self._open:
            os.close(number)


def container(how: str, name: str, release: Path, limits: Limits) -> list[str]:
    """The command of a container engine, up to its Python."""
    command = [
        how, "run", "--rm", "--interactive", "--name", name, "--network", "none", "--read-only", "--ipc", "private",
        "--user", f"{NOBODY}:{NOBODY}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
        "--pids-limit", str(limits.processes), "--memory", str(limits.memory), "--memory-swap", str(limits.memory),
        "--tmpfs", f"/tmp:rw,nosuid,nodev,size={limits.disk},mode=1777", "--workdir", "/tmp",
        "--volume", f"{PACKAGE}:{AT}/llm_course:ro", "--volume", f"{release.resolve()}:/release:ro",
    ]  # fmt: skip
    for variable, value in variables(AT, "/tmp").items():
        if variable != "PATH":  # the image knows where its Python is
            command += ["--env", f"{variable}={value}"]
    return [*command, os.environ["LLM_COURSE_SANDBOX_IMAGE"], "python"]
