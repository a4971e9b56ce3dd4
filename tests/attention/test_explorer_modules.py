"""JavaScript modules are joined into one that does the same, and what cannot be joined is named.

Knows nothing about the explorer, except that its own modules join.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from llm_course.attention.explorer import modules, page
from llm_course.attention.explorer.modules import join
from llm_course.errors import BadModule

MODULES = {
    "index.js": """/** What comes of it all. */

import { area } from "./shapes/area.js";
import {
  SIDE,
  Named,
} from "./names.js";

// told to whoever imports this module
export default `${new Named("square").name} ${area(SIDE)} ${"// no comment"}`;
""",
    "names.js": """export const SIDE = 3;

export class Named {
  /**
   * @param {string} name
   */
  constructor(name) {
    this.name = name; // as it is
  }
}
""",
    "shapes/area.js": """import { SIDE } from "../names.js";

const twice = (n) => n * n;

export function area(side) {
  return side === SIDE ? twice(side) : NaN;
}
""",
}


def written(folder: Path, **changed: str) -> Path:
    """The modules in a folder, some of them changed; gives back the one that is asked for."""
    for name, text in {**MODULES, **{f"{name}.js": text for name, text in changed.items()}}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "index.js"


def run(folder: Path, entry: Path) -> str:
    """What a module exports by default, as Node.js sees it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node.js here")
    script = folder / "run.mjs"
    script.write_text(f"import found from {entry.as_uri()!r}; console.log(found);", encoding="utf-8")
    return subprocess.run([node, str(script)], capture_output=True, text=True, check=True, timeout=120).stdout


def test_the_joined_module_does_what_the_modules_do(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    entry = written(tmp_path)
    joined = tmp_path / "alone" / "joined.mjs"
    joined.parent.mkdir()
    joined.write_text(join(entry), encoding="utf-8")
    assert run(tmp_path, entry) == run(tmp_path, joined) == "square 9 // no comment\n"


def test_each_module_comes_once_after_those_that_it_needs(tmp_path: Path) -> None:
    text = join(written(tmp_path))
    places = [text.index(part) for part in ("const SIDE", "function area", "export default")]
    assert places == sorted(places) and text.count("const SIDE") == 1
    assert "import" not in text and text.count("export") == 1
    assert "@param" not in text and "told to whoever" not in text, "comments are for readers of the modules"
    assert "this.name = name; // as it is\n" in text


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"names": "export const SIDE = 3, twice = 2;\nconst area = 1;\nexport class Named {}\n"}, "'area'"),
        ({"names": "export const SIDE = 3;\nclass Named {}\n"}, "imports 'Named' from names.js, which exports: SIDE"),
        ({"names": 'import { area } from "./shapes/area.js";\nexport const SIDE = 3;\n'}, "circle: .*names.js -> "),
        ({"names": 'import { gone } from "./gone.js";\n'}, "no module .*gone.js, which names.js imports"),
        ({"names": 'import d3 from "d3";\nexport const SIDE = 3;\nexport class Named {}\n'}, 'import d3 from "d3"'),
        ({"names": "export const SIDE = 3;\nexport class Named {}\nexport default SIDE;\n"}, "export default"),
        ({"names": "export const SIDE = 3;\nexport class Named {}\nexport { SIDE as S };\n"}, "SIDE as S"),
        ({"names": "export const SIDE = 3;\nexport class Named {}\nconst [a, b] = [1, 2];\n"}, r"\[a"),
        ({"names": "export const SIDE = 3;\nexport class Named {}\nconst text = `a\n// b\n`;\n"}, "const text"),
    ],
)
def test_what_cannot_be_joined_is_named(tmp_path: Path, changed: dict[str, str], says: str) -> None:
    with pytest.raises(BadModule, match=says):
        join(written(tmp_path, **changed))


def test_the_explorer_s_modules_join_into_one_that_asks_for_nothing() -> None:
    text = page.script()
    assert not modules.IMPORT.search(text) and text.rstrip().endswith("export default { render, startPage };")


def test_no_line_of_the_modules_is_too_long() -> None:
    folder = Path(page.__file__).parent
    found = [*folder.rglob("*.js"), *folder.rglob("*.ts")]
    assert len(found) > 20
    assert [
        f"{path.name}:{n}"
        for path in found
        for n, line in enumerate(path.read_text("utf-8").split("\n"), 1)
        if len(line) > 120
    ] == []
