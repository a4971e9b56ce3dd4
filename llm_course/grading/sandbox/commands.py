"""What a sandbox holds: the commands of bubblewrap and of container engines, and the environment of student code.

Knows nothing about processes: it makes lists of words. Inside there are Python, its packages and the course's package,
all read-only, the release files of one assignment, an empty home and a small private ``/tmp``. There is no network, no
environment, no other process, and no way to gain rights.
"""

from __future__ import annotations

import functools
import os
import site
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_course.errors import NoSandbox
from llm_course.grading.sandbox import seccomp

NOBODY = "65534"
PACKAGE = Path(__file__).resolve().parents[2]  # the folder llm_course
SHARED = 16_000_000  # bytes of /dev/shm
AT = "/opt/llm-course"  # where the package lies inside


@dataclass(frozen=True)
class Limits:
    """What one student's code may use. Bytes and seconds.

    Args:
        memory: of all processes together, without the read-only files that they share, and what the kernel holds for
            them as far as it tells.
        data: private memory of one process, enforced by the kernel (``RLIMIT_DATA``).
        disk: of ``/tmp``, which is the home, too. It is memory, as are the 16 MB of ``/dev/shm`` beside it.
        file: one file.
        files: open files of one process.
        processes: processes and threads.
        cpu: processor time of all processes together.
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


def variables(package: str, home: str) -> dict[str, str]:
    """The whole environment of student code: nothing of the instructor's."""
    if site.ENABLE_USER_SITE:
        package = os.pathsep.join((package, site.getusersitepackages()))
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": home,
        "USER": "student",
        "LOGNAME": "student",
        "LANG": "C.UTF-8",
        "TMPDIR": home,
        "PYTHONPATH": package,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "LLM_COURSE_HOME": f"{home}/llm-course",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{home}/matplotlib",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": f"{home}/huggingface",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "NBGRADER_EXECUTION": "autograde",
    }


def sources() -> list[Path]:
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


def _words(*groups: Sequence[str]) -> list[str]:
    """The words of a command, written in groups that belong together."""
    return [word for group in groups for word in group]


def bubblewrap(
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
    for folder in sources():
        packages += ["--ro-bind", str(folder), str(folder)]
    fonts = _fonts()
    root = os.geteuid() == 0
    outer: list[str] = []
    if root:  # lay everything out where user 65534 can reach it
        # Its own process namespace, too: root without capabilities, which bubblewrap's outer process is, may not signal
        # user 65534, but when process 1 of a namespace ends, the kernel ends all others.
        parents = dict.fromkeys(
            str(parent)
            for folder in [*sources(), Path(AT) / "llm_course", Path("/etc/x")]
            for parent in reversed(folder.parents)
        )
        open_ = [part for parent in parents if parent != "/" for part in ("--perms", "0755", "--dir", parent)]
        outer = _words(
            ("bwrap", "--die-with-parent", "--unshare-pid"),
            open_,
            ("--perms", "0755", "--dir", "/tmp"),
            system,
            packages,
            ("--ro-bind", str(PACKAGE), "/package"),
            ("--ro-bind", str(release), "/release"),
            ("--ro-bind", str(fonts), "/fonts") if fonts else (),
            ("--bind", "/proc", "/proc"),
            ("--dev-bind", "/dev", "/dev"),
            ("--", "setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--pdeathsig", "KILL"),
        )
    inner = _words(
        ("bwrap", "--die-with-parent", "--new-session", "--unshare-all", "--unshare-user"),
        _no_nesting(),
        ("--uid", NOBODY, "--gid", NOBODY, "--hostname", "sandbox", "--cap-drop", "ALL"),
        ("--size", str(limits.disk), "--perms", "0700", "--tmpfs", "/tmp"),  # first: packages may lie below /tmp
        system,
        packages,
        ("--ro-bind", "/package" if root else str(PACKAGE), f"{AT}/llm_course"),
    )
    for folder in hide:
        folder = folder.resolve()
        if any(folder.is_relative_to(shown) for shown in (Path("/usr"), *sources())):
            inner += ["--size", "4096", "--tmpfs", str(folder), "--remount-ro", str(folder)]
    inner += _words(
        ("--ro-bind", "/release" if root else str(release), "/release"),
        ("--ro-bind-data", "{passwd}", "/etc/passwd"),
        ("--ro-bind-data", "{group}", "/etc/group"),
        ("--proc", "/proc"),
        ("--dev", "/dev"),
        ("--size", str(SHARED), "--perms", "0700", "--tmpfs", "/dev/shm"),
        # memory that is mapped from /dev/zero and terminals of its own hold more than any look finds
        ("--dev-bind", "/dev/null", "/dev/zero"),
        ("--size", "4096", "--tmpfs", "/dev/pts", "--remount-ro", "/dev/pts"),
        ("--remount-ro", "/dev"),
        ("--ro-bind", "/fonts" if root else str(fonts), f"/tmp/matplotlib/{fonts.name}") if fonts else (),
        ("--remount-ro", "/", "--chdir", "/tmp", "--clearenv"),
    )
    for name, value in variables(AT, "/tmp").items():
        inner += ["--setenv", name, value]
    data = {"passwd": b"student:x:65534:65534:student:/tmp:/bin/sh\n", "group": b"student:x:65534:\n"}
    if filter_ := seccomp.program():
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
    """Forbid user namespaces inside, where this bubblewrap can (0.8 and later); so does the filter of system calls."""
    help_ = subprocess.run(["bwrap", "--help"], capture_output=True, text=True, timeout=60).stdout
    return ("--disable-userns",) if "--disable-userns" in help_ else ()


def container(how: str, name: str, release: Path, limits: Limits) -> list[str]:
    """The command of a container engine, up to its Python."""
    command = _words(
        (how, "run", "--rm", "--interactive", "--name", name),
        ("--network", "none", "--read-only", "--ipc", "private"),
        ("--user", f"{NOBODY}:{NOBODY}", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        ("--pids-limit", str(limits.processes)),
        ("--memory", str(limits.memory), "--memory-swap", str(limits.memory)),
        ("--tmpfs", f"/tmp:rw,nosuid,nodev,size={limits.disk},mode=1777", "--workdir", "/tmp"),
        ("--volume", f"{PACKAGE}:{AT}/llm_course:ro", "--volume", f"{release.resolve()}:/release:ro"),
    )
    for variable, value in variables(AT, "/tmp").items():
        if variable != "PATH":  # the image knows where its Python is
            command += ["--env", f"{variable}={value}"]
    return [*command, os.environ["LLM_COURSE_SANDBOX_IMAGE"], "python"]
