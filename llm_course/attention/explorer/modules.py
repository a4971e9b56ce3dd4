"""ES modules joined into the text of one, which a page or a widget carries: no build step, and nothing to load.

Knows nothing about the explorer. The modules import each other by name, ``import { one, two } from "./other.js";``, and
their declarations begin at the start of a line. As all of them become one scope, no two may declare the same name at
their top level. Indentation and comments that fill whole lines stay behind: they are for readers of the modules, and a
page that carries them would be a tenth larger.
"""

from __future__ import annotations

import re
from pathlib import Path

from llm_course.errors import BadModule

IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]+)";\n', re.MULTILINE)
DECLARATION = re.compile(r"^(export )?(?:async )?(?:function\*?|class|const|let|var) ([^\s(=;]+)", re.MULTILINE)
STATEMENT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(?:/\*\*(?:(?!\*/).)*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
BLANK = re.compile(r"\n\s+")  # indentation and empty lines
DEFAULT = "export default "


def join(entry: Path) -> str:
    """One module text of a module and all that it imports, each after those that it needs.

    Args:
        entry: the module that is asked for; what it exports by default is what the text exports.

    Raises:
        BadModule: a module is missing, imports itself in a circle, imports what another does not export, is written in
            another way than this joins, or declares a name that another declares, too.
    """
    ordered: dict[Path, str] = {}
    _visit(entry.resolve(), (), ordered)
    owners: dict[str, Path] = {}
    texts = []
    for path, source in ordered.items():
        for _, name in DECLARATION.findall(source):
            if name in owners:
                raise BadModule(
                    f"{owners[name].name} and {path.name} both declare {name!r}, and joined they are one scope. "
                    "Rename one of them."
                )
            owners[name] = path
        texts.append(_bare(path, source, may_export=path == entry.resolve()))
    return "".join(texts)


def _visit(path: Path, importers: tuple[Path, ...], ordered: dict[Path, str]) -> None:
    """Put a module after all that it imports."""
    if path in importers:
        circle = " -> ".join(one.name for one in (*importers[importers.index(path) :], path))
        raise BadModule(f"These modules import each other in a circle: {circle}. Move what both need into a third one.")
    if path in ordered:
        return
    try:
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        who = f", which {importers[-1].name} imports" if importers else ""
        raise BadModule(f"There is no module {path}{who}. Check the name.") from None
    for names, where in IMPORT.findall(source):
        imported = (path.parent / where).resolve()
        _visit(imported, (*importers, path), ordered)
        exported = {name for export, name in DECLARATION.findall(ordered[imported]) if export}
        for name in filter(None, (name.strip() for name in names.split(","))):
            if name not in exported:
                some = ", ".join(sorted(exported))
                raise BadModule(f"{path.name} imports {name!r} from {imported.name}, which exports: {some}.")
    ordered[path] = source


def _bare(path: Path, source: str, may_export: bool) -> str:
    """A module without its imports, the word ``export``, whole lines of comment and indentation."""
    text = IMPORT.sub("", COMMENT.sub("", source))
    text = DECLARATION.sub(lambda found: found[0].removeprefix("export "), text)
    left = [one for one in STATEMENT.findall(text) if not (may_export and one.startswith(DEFAULT))]
    left += [name for _, name in DECLARATION.findall(text) if name[0] in "[{"]
    left += [line.strip() for line in text.splitlines() if line.count("`") % 2]
    if left:
        raise BadModule(
            f"{path.name} has {left[0]!r}, which cannot be joined. Import by `import {{ name }} from "
            '"./module.js";`, export where a name is declared, declare each name by itself, and end a template literal '
            "on the line where it begins."
        )
    return BLANK.sub("\n", text).strip() + "\n"
