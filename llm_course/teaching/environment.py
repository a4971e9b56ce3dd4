"""Check the environment: Python, packages, the models at work, memory, disk, GPU, Chromium, the Hub.

Each line is OK or says what to do. Nothing touches the network unless asked, and a
check that cannot be made says so instead of failing.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from html import escape
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llm_course.lessons import contents

PACKAGE = "llm-course"
EXTRAS = ("lab",)  # what a learner needs; the others are for those who train or test
PYTHON = (3, 11)
LESSON_MEMORY = 1.5e9  # bytes; the most that one lesson's kernel may take
FREE_DISK = 1e9
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@dataclass(frozen=True)
class Check:
    """One line: what was checked, ``"ok"``, ``"note"`` (something optional) or ``"problem"``, what was found, what to
    do (empty if nothing)."""

    name: str
    status: str
    found: str
    advice: str = ""


_WORDS = {"ok": "OK", "note": "Note", "problem": "To do"}


@dataclass(frozen=True)
class Report:
    """All checks. ``ok`` is true without a problem; shows as a table in a terminal and in a notebook."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.status != "problem" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return {"ok": self.ok, "checks": [asdict(check) for check in self.checks]}

    def _verdict(self) -> str:
        count = sum(check.status == "problem" for check in self.checks)
        return "Everything a lesson needs is here." if count == 0 else f"{count} of {len(self.checks)} checks need you."

    def __str__(self) -> str:
        name = max((len(check.name) for check in self.checks), default=0)
        lines = []
        for check in self.checks:
            line = f"{_WORDS[check.status]:5}  {check.name.ljust(name)}  {check.found}"
            lines.append(line if not check.advice else f"{line}\n{' ' * (name + 9)}{check.advice}")
        return "\n".join([*lines, self._verdict()])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="text-align:left"><b>{_WORDS[check.status]}</b></td>'
            f'<th scope="row" style="text-align:left">{escape(check.name)}</th>'
            f'<td style="text-align:left">{escape(check.found)}{"<br>" + escape(check.advice) if check.advice else ""}'
            "</td></tr>"
            for check in self.checks
        )
        head = "".join(f'<th scope="col" style="text-align:left">{h}</th>' for h in ("Result", "Check", "Found"))
        return (
            f'<table><caption style="text-align:left">Environment check: {escape(self._verdict())}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )


def doctor(online: bool = False) -> Report:
    """Check the environment.

    Args:
        online: ask the Hugging Face Hub whether it answers (at most five seconds); otherwise nothing is sent.
    """
    steps: list[Callable[[], Iterator[Check]]] = [
        python,
        packages,
        lessons,
        minis,
        memory,
        disk,
        gpu,
        chromium,
        lambda: hub(online),
    ]
    return Report(tuple(check for step in steps for check in step()))


def python(version: tuple[int, ...] | None = None) -> Iterator[Check]:
    """The interpreter against the oldest that the course runs on."""
    version = version or tuple(sys.version_info[:3])
    found = ".".join(map(str, version))
    if version[:2] >= PYTHON:
        yield Check("Python", "ok", found)
    else:
        yield Check("Python", "problem", found, f"Install Python {PYTHON[0]}.{PYTHON[1]} or later, then: make lab")


def requirements() -> list[str]:
    """Requirements as the package states them: of the package itself and of the notebooks.

    Taken from the installed package, or from the ``pyproject.toml`` beside it when it runs from a plain folder.
    """
    try:
        stated = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        import tomllib

        file = Path(__file__).resolve().parents[2] / "pyproject.toml"
        if not file.is_file():
            return []
        project = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {})
        return [*project.get("dependencies", []), *(line for extra in EXTRAS for line in extras.get(extra, []))]
    from packaging.requirements import Requirement

    wanted = []
    for line in stated:
        marker = Requirement(line).marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *EXTRAS)):
            wanted.append(line)
    return wanted


def packages(wanted: list[str] | None = None) -> Iterator[Check]:
    """Each package the course needs against its range; ``wanted`` stands in for the package's own list."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        yield Check("Packages", "problem", "the package 'packaging' is missing", "Set up again: make lab")
        return
    lines = requirements() if wanted is None else wanted
    if not lines:
        yield Check("Packages", "note", "no list of requirements found", "Install the course: pip install -e '.[lab]'")
    for line in lines:
        try:
            need = Requirement(line)
        except InvalidRequirement:
            yield Check("Packages", "problem", f"{line!r} cannot be read", "Install the course again.")
            continue
        repair = f"pip install '{need.name}{need.specifier}'"
        try:
            version = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            yield Check(need.name, "problem", f"not installed, needed: {need.specifier}", repair)
            continue
        if need.specifier.contains(version, prereleases=True):
            yield Check(need.name, "ok", f"{version} ({need.specifier})")
        else:
            yield Check(need.name, "problem", f"{version}, needed: {need.specifier}", repair)


def lessons() -> Iterator[Check]:
    """Whether each lesson finds what its cells import: a range that is met does not say that a lesson runs."""
    found = contents()
    missing = {one.number: names for one in found if (names := missing_imports(one.source.read_text(encoding="utf-8")))}
    if not missing:
        yield Check("Lessons", "ok", f"all {len(found)} find what they import")
        return
    told = "; ".join(f"lesson {number} lacks {', '.join(names)}" for number, names in missing.items())
    yield Check("Lessons", "problem", told, "Set up again: make lab, or pip install 'llm-course[lab]'")


def missing_imports(text: str) -> list[str]:
    """The modules that the code cells of a lesson's source import and that are not here.

    Modules of the course are loaded, since they may need what is missing; others only have to be there.
    """
    names = set()
    for cell in re.findall(r"^```\{code-cell\}.*?$(.*?)^```$", text, re.M | re.S):
        names |= set(re.findall(r"^\s*(?:from|import) +([\w.]+)", cell, re.M))
    missing = []
    for name in sorted(names):
        try:
            if name.partition(".")[0] == "llm_course":
                import_module(name)
            elif find_spec(name.partition(".")[0]) is None:
                missing.append(name)
        except ModuleNotFoundError as error:
            missing.append(str(error.name))
    return missing


def minis() -> Iterator[Check]:
    """Whether every mini is whole, and whether one of them continues a text by three tokens.

    Versions in range say only that a package is there. That it works together with the course, a model must show.
    """
    from llm_course.errors import LLMCourseError
    from llm_course.shelf.catalogue import models
    from llm_course.shelf.stored import verify

    there = models("mini")
    try:
        for entry in there:
            assert entry.folder is not None
            verify(entry.folder)
    except LLMCourseError as error:
        yield Check("Minis", "problem", *_first_sentence(str(error)))
        return
    try:
        from llm_course.use_cases.generation import generate

        found = generate("Once upon a time", max_new_tokens=3, temperature=0)
    except Exception as error:  # a package that has changed can fail in any way
        said = " ".join(str(error).split())[:200]
        advice = "A package does not work with the course. Install the tested versions: constraints.txt lists them."
        yield Check("Minis", "problem", f"gpt-mini does not write: {type(error).__name__}: {said}", advice)
        return
    if len(found.tokens) == 3:
        yield Check("Minis", "ok", f"{len(there)} whole; gpt-mini continues 'Once upon a time' with {str(found)!r}")
    else:
        yield Check(
            "Minis", "problem", f"gpt-mini was asked for 3 tokens and gave {found.tokens}", "Set up again: make lab"
        )


def _first_sentence(text: str) -> tuple[str, str]:
    """What happened, and the rest, which says what to do."""
    first, _, rest = text.partition(". ")
    return first + "." if rest else first, rest


def memory() -> Iterator[Check]:
    """Memory this process can still get, against the most that a lesson takes."""
    need = f"a lesson takes up to {_size(LESSON_MEMORY)}"
    try:
        free, total = free_memory(), total_memory()
    except ImportError:  # this report is for broken environments, too
        yield Check("Memory", "note", "unknown: the package 'psutil' is missing", f"Good to know: {need}.")
        return
    if free >= LESSON_MEMORY:
        yield Check("Memory", "ok", f"{_size(free)} free of {_size(total)} ({need})")
    else:
        advice = "Close other notebooks (Kernel, Shut Down All Kernels) or other programs."
        yield Check("Memory", "problem", f"{_size(free)} free, {need}", advice)


def total_memory() -> float:
    """Bytes of memory of the machine, or of the container this runs in."""
    import psutil

    return min(float(psutil.virtual_memory().total), _container_limit() or float("inf"))


def free_memory() -> float:
    """Bytes that a new process could take without swapping."""
    import psutil

    free = float(psutil.virtual_memory().available)
    limit, used = _container_limit(), _read("/sys/fs/cgroup/memory.current")
    if limit and used:  # psutil knows the machine only
        # Cached files count as used, but are given up when memory is short.
        cached = _field(_read("/sys/fs/cgroup/memory.stat") or "", "inactive_file") or "0"
        free = min(free, max(0.0, limit - float(used) + float(cached)))
    return free


def _container_limit() -> float | None:
    text = (_read("/sys/fs/cgroup/memory.max") or "").strip()
    return float(text) if text.isdigit() else None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _field(text: str, name: str) -> str | None:
    """The first number after ``name`` at the start of a line."""
    return next((line.split()[1] for line in text.splitlines() if line.split()[:1] == [name]), None)


def disk(folder: Path | None = None) -> Iterator[Check]:
    """Free space where full-size models would be kept, the folder named by ``HF_HOME`` or the home folder."""
    place = folder or Path(os.environ.get("HF_HOME") or Path.home())
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        yield Check("Disk", "note", f"free space unknown ({error.strerror or error})")
        return
    if free >= FREE_DISK:
        yield Check("Disk", "ok", f"{_size(free)} free")
    else:
        advice = "The lessons run. Full-size models need one to three gigabytes: free some space before lc.use('full')."
        yield Check("Disk", "note", f"{_size(free)} free", advice)


def gpu() -> Iterator[Check]:
    """Whether PyTorch loads, and which accelerator it finds; none is needed."""
    try:
        import torch
    except Exception as error:  # a broken installation fails with OSError, ImportError or worse
        said = " ".join(str(error).split())[:120]
        yield Check("PyTorch", "problem", f"does not load: {type(error).__name__}: {said}", "Set up again: make lab")
        return
    if torch.cuda.is_available():
        yield Check("GPU", "ok", ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())))
    elif torch.backends.mps.is_available():
        yield Check("GPU", "ok", "Apple GPU (mps)")
    else:
        yield Check("GPU", "ok", "none found, and none needed: the miniature models run on the CPU")


def chromium() -> Iterator[Check]:
    """The browser that only the tests of the course use."""
    named = os.environ.get("LLM_COURSE_CHROMIUM")
    found = next((path for name in filter(None, (named, *BROWSERS)) if (path := shutil.which(name))), None)
    if found:
        yield Check("Chromium", "ok", Path(found).name)
    else:
        advice = "Only the course's own browser test uses it: make browser"
        yield Check("Chromium", "note", "not found, and no lesson needs it", advice)


def hub(online: bool) -> Iterator[Check]:
    """The Hugging Face Hub: switched off, not asked, or asked whether it answers."""
    off = next((name for name in OFFLINE if os.environ.get(name, "").upper() in ("1", "TRUE", "YES", "ON")), None)
    if off:
        advice = f"Full-size models that are not here yet need it: unset {off}."
        yield Check("Hub", "ok" if not online else "note", f"switched off by {off}", advice if online else "")
    elif not online:
        yield Check("Hub", "ok", "not asked, and not needed for the miniature models (llm-course doctor --online asks)")
    else:
        yield _ask_hub()


def _ask_hub() -> Check:
    import urllib.error
    import urllib.request

    address = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    try:
        request = urllib.request.Request(address, method="HEAD", headers={"User-Agent": PACKAGE})
        with urllib.request.urlopen(request, timeout=5):
            pass
    except urllib.error.HTTPError:
        pass  # an error page is an answer, too
    except (OSError, ValueError) as error:
        said = str(getattr(error, "reason", error))[:100]
        advice = (
            "The lessons run without it. For full-size models check the network, a proxy (HTTPS_PROXY) or HF_ENDPOINT."
        )
        return Check("Hub", "note", f"{address} does not answer: {said}", advice)
    return Check("Hub", "ok", f"{address} answers")


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
