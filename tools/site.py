"""The course as a website, from the executed notebooks: plain files for any web server, readable without a network.

    python tools/site.py                    write build/site/index.html and a page for every lesson
    python tools/site.py --to DIR sentiment     these lessons only, elsewhere

Pages show the stored outputs: pictures, and the attention explorer as its self-contained page. To run cells a
reader needs JupyterLab or Binder; the site says so. It needs the extra ``site`` (Sphinx, MyST-NB, Furo).
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from nb_source import NOTEBOOKS, ROOT, lessons, notebook_of

SETTINGS = ROOT / "docs" / "site"
INDEX = """# llm-course

Large language models, taught by running them. These pages show each lesson with its outputs; to run the cells, open
the notebook of the same name in JupyterLab (`make lab`) or on Binder.

```{{toctree}}
:maxdepth: 1

{pages}
notebooks/glossary
```
"""


def build(target: Path, numbers: list[str]) -> int:
    """Build the pages of some lessons (none named: all) into a folder; gives Sphinx's exit status.

    A warning of Sphinx is an error: a broken link between lessons must not reach a reader. Only when some lessons
    are left out can links lead nowhere, and then they may.
    """
    chosen = lessons(numbers)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        (source / "notebooks").mkdir()
        for path in [*map(notebook_of, chosen), NOTEBOOKS / "glossary.md"]:
            shutil.copy(path, source / "notebooks")
        # lessons point to the files of the package that they are about; the site hands them out
        shutil.copytree(ROOT / "llm_course", source / "llm_course", ignore=shutil.ignore_patterns("weights", "*.pyc"))
        pages = "\n".join(f"notebooks/{lesson.name}" for lesson in chosen)
        (source / "index.md").write_text(INDEX.format(pages=pages), encoding="utf-8")
        strict = [] if numbers else ["--fail-on-warning", "--keep-going"]
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "sphinx",
                "-q",
                "-b",
                "html",
                *strict,
                "-c",
                str(SETTINGS),
                str(source),
                str(target),
            ],
            check=False,
        ).returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("numbers", nargs="*", metavar="LESSON", help="lessons, by name or number; none: all")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "site", help="folder of the pages")
    args = parser.parse_args()
    if status := build(args.to, args.numbers):
        raise SystemExit(status)
    print(f"Open {args.to / 'index.html'}, or put the folder on a web server.")


if __name__ == "__main__":
    main()
