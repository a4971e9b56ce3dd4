"""A use case is its file, a line at the face and its command: the one that CONTRIBUTING.md shows, built from the page.

It is added to a copy of the package and tried there: one text and a list, the command, and the tests of bad input.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).resolve().parents[2]
NEEDED = (
    "llm_course",
    "tools",
    "pyproject.toml",
    "tests/conftest.py",
    "tests/guard",
    "tests/tiny_models.py",
    "tests/use_cases/test_bad_input.py",
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with ``lc.spell`` in it; only its file is new, and two files have one line more."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = page.split("## Add a use case\n")[1].split("\n## ")[0]
    file, face, command = (dedent(code) for code in re.findall(r"```python\n(.*?) *```", section, re.S))
    home = tmp_path_factory.mktemp("house")
    for name in NEEDED:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, home / name)
    package = home / "llm_course"
    assert not (package / "use_cases" / "spell.py").exists()
    (package / "use_cases" / "spell.py").write_text(file, encoding="utf-8")
    _add(package / "__init__.pyi", "from llm_course.use_cases.summarization ", face)
    _add(package / "cli.py", '    use_case("sentiment"', f"    {command}")
    return home


def _add(file: Path, before: str, line: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1 and line.count("\n") == 1
    file.write_text(text.replace(before, line + before), encoding="utf-8")


def python(house: Path, *arguments: str) -> str:
    """What Python says in the copy; it must not fail."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=house,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_one_text_and_a_list(house: Path) -> None:
    code = """
        import json, llm_course as lc
        lm = lc.load("gpt-mini")
        texts = ["Once upon a time", "The cat", "She was so happy that she"]
        together, alone = lc.spell(texts), [lc.spell(text, model=lm) for text in texts]
        assert together == alone and isinstance(together, list)
        for text, one in zip(texts, alone):
            assert one.then == lc.next_tokens(text, 1)[0][0] and one.pieces.replace("|", "") == text
            assert str(one) in one._repr_html_().replace("&gt;", ">") and one.to_dict()["model"] == "gpt-mini"
        print(json.dumps({"here": lc.__file__, "all": "spell" in lc.__all__, "says": str(alone[0])}))
    """
    said = json.loads(python(house, "-c", dedent(code)))
    assert Path(said["here"]).is_relative_to(house) and said["all"]
    assert said["says"].startswith("Once| upon")


def test_the_command(house: Path) -> None:
    help = python(house, "-m", "llm_course.cli", "--help")
    assert re.search(r"^ +spell +a text as the model sees it$", help, re.M)
    assert python(house, "-m", "llm_course.cli", "spell", "Once", "upon", "a", "time").startswith("Once| upon")


def test_it_stands_the_tests_of_bad_input(house: Path) -> None:
    said = python(house, "-m", "pytest", "-q", "-n", "0", "-k", "spell", "tests/use_cases/test_bad_input.py")
    passed = re.search(r"(\d+) passed", said)
    assert passed and int(passed[1]) > 70, said


def test_it_keeps_the_rules(house: Path) -> None:
    files = [f"llm_course/{name}" for name in ("use_cases/spell.py", "__init__.pyi", "cli.py")]
    python(house, "-m", "ruff", "check", *files)
    python(house, "-m", "ruff", "format", "--check", *files)
