"""A real environment for each extra: the wheel, pip, nothing else, away from the checkout; then the same checks.

    python tools/environments.py                  base, lab, grade, train, site, with the versions of constraints.txt
    python tools/environments.py lab --newest     the newest versions that the ranges allow; one lesson of each part

The wheel is built once, from the files that Git tracks. Each environment is deleted before the next is made. The
variable TORCH names another requirement to install, for instance torch==2.13.0, where a newer PyTorch is too large.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKS = ROOT / "tools" / "environment_checks.py"
EXTRAS = ("base", "lab", "grade", "train", "site")
TOLD = (
    "torch",
    "transformers",
    "tokenizers",
    "huggingface-hub",
    "numpy",
    "jupyterlab",
    "ipywidgets",
    "anywidget",
    "accelerate",
    "nbgrader",
    "sphinx",
)


def build_wheel(folder: Path) -> Path:
    """The package as a wheel in a folder, from tracked files alone: old build outputs must not get in."""
    tree = folder / "tree"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in tracked.decode().split("\0"):
        if name and (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(folder), str(tree)], check=True)
    shutil.rmtree(tree)
    (wheel,) = folder.glob("*.whl")
    return wheel


def try_extra(extra: str, wheel: Path, folder: Path, lessons: str, newest: bool) -> bool:
    """Fill an environment with the wheel and one extra, run its checks; says what came of it and gives whether all
    went well."""
    start = time.perf_counter()
    print(f"== {extra}{', newest versions' if newest else ''}", flush=True)
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    pinned = [] if newest else ["-c", str(ROOT / "constraints.txt")]
    wanted = str(wheel) if extra == "base" else f"{wheel}[{extra}]"
    torch = os.environ.get("TORCH")
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if subprocess.run([*pip, "install", "-q", *pinned, wanted, *([torch] if torch else [])], check=False).returncode:
        print(f"{extra}: pip could not fill the environment", flush=True)
        return False
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
    listed = subprocess.run([*pip, "list", "--format=freeze"], check=True, capture_output=True, text=True).stdout
    told = " ".join(sorted(line for line in listed.splitlines() if line.split("==")[0].lower() in TOLD))
    print(f"{len(listed.splitlines())} packages, {size / 1e9:.1f} GB, in {time.perf_counter() - start:.0f} s: {told}")
    line = [str(python), "-P", str(CHECKS), *(["base"] if extra == "lab" else []), extra, "--lessons", lessons]
    done = subprocess.run(line, check=False, cwd=folder, env=clean)
    print(f"{extra}: {'passed' if done.returncode == 0 else 'FAILED'}", flush=True)
    return done.returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("extras", nargs="*", metavar="EXTRA", help=f"some of: {', '.join(EXTRAS)}; none: all")
    parser.add_argument("--newest", action="store_true", help="the newest versions, not those of constraints.txt")
    parser.add_argument("--lessons", choices=("first", "sample", "all"), help="which lessons [lab] runs")
    args = parser.parse_args()
    if unknown := set(args.extras) - set(EXTRAS):
        parser.error(f"no extra {', '.join(sorted(unknown))}; there are {', '.join(EXTRAS)}")
    lessons = args.lessons or ("sample" if args.newest else "all")
    failed = []
    with tempfile.TemporaryDirectory(prefix="llm-course-environments-") as name:
        wheel = build_wheel(Path(name))
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.0f} MB", flush=True)
        for extra in args.extras or EXTRAS:
            folder = Path(name) / extra
            if not try_extra(extra, wheel, folder, lessons, args.newest):
                failed.append(extra)
            shutil.rmtree(folder)
    if failed:
        raise SystemExit(f"FAILED: {', '.join(failed)}")


if __name__ == "__main__":
    main()
