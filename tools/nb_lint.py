"""The rules every lesson keeps, read off its folder: what it opens and closes with, cell sizes, figures, links, quiz.

Knows nothing about outputs or about running. Each rule is a function from a ``Page`` to the sentences that say what is
wrong; the rules themselves are explained in CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from llm_course.errors import LLMCourseError
from llm_course.lessons import Lesson, contents, fill
from llm_course.teaching import content
from nb_source import parse

CELLS, LINES, LONGEST, SHARE = 60, 12, 25, 0.9
ALT = 20  # characters: shorter than this describes nothing

# No list of verbs is complete; these are the openings by which goals that are not actions give themselves away.
NOT_VERBS = frozenset(
    "a an the this that these those some all any each every no how what why when where which who whether if to of in "
    "on for with by from about and or but you your we our it its i they their be is are was were can will should "
    "learning understanding knowledge familiarity awareness introduction overview basics".split()
)


@dataclass
class Page:
    """A lesson as the rules see it: its source, cells with references filled in, prose without code, parsed code.

    ``folder`` is where its links lead from, ``among`` are the lessons of the course.
    """

    lesson: Lesson
    source: str
    glossary: str = ""
    folder: Path | None = None
    among: Sequence[Lesson] = field(default_factory=contents)
    broken: str = field(init=False, default="")
    notebook: NotebookNode = field(init=False)
    prose: str = field(init=False)
    trees: list[tuple[int, ast.Module]] = field(init=False)

    def __post_init__(self) -> None:
        try:
            text = fill(self.source, self.lesson, self.among)
        except LLMCourseError as error:
            text, self.broken = self.source, str(error)
        self.notebook = parse(text)
        cells = self.notebook.cells
        self.prose = "\n\n".join(_unfenced(cell.source) for cell in cells if cell.cell_type == "markdown")
        self.trees = []
        for number, cell in enumerate(cells, 1):
            if cell.cell_type == "code" and (tree := parse_code(cell.source)) is not None:
                self.trees.append((number, tree))

    def calls(self, *names: str) -> Iterator[tuple[int, ast.Call]]:
        """Each call of a function or method with one of these last names, with the number of its cell."""
        for number, tree in self.trees:
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and last_name(node) in names:
                    yield number, node


def parse_code(source: str) -> ast.Module | None:
    """The syntax tree of a cell, its magics left out; None when it cannot be parsed."""
    kept = ["" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()]
    try:
        return ast.parse("\n".join(kept))
    except SyntaxError:
        return None


def last_name(call: ast.Call) -> str:
    """``f`` for a call of ``f(...)`` or ``a.b.f(...)``; empty for anything else."""
    return getattr(call.func, "attr", None) or getattr(call.func, "id", "")


def _unfenced(markdown: str) -> str:
    return re.sub(r"^(```|~~~).*?^\1\s*$", "", markdown, flags=re.MULTILINE | re.DOTALL)


def _text(node: ast.AST | None) -> str | None:
    """The characters of a string or f-string literal; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) or "x" for part in node.values)
    return None


def anchors(markdown: str) -> set[str]:
    """Every target that a link ``file.md#target`` can have: headings as GitHub slugs, and explicit ids."""
    headings = re.findall(r"^#{1,6} +(.*?)\s*#*$", _unfenced(markdown), flags=re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r"""<a\s+(?:id|name)=["']([^"']+)""", markdown))


def title(page: Page) -> Iterator[str]:
    titles = re.findall(r"^# +\S.*$", page.prose, flags=re.MULTILINE)
    if len(titles) != 1:
        yield f"has {len(titles)} titles (# ...); it needs one"
    first = page.notebook.cells[0] if page.notebook.cells else None
    if first is None or first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "does not begin with its title"
    if not re.search(r"^# \{\{title\}\}$", page.source, flags=re.MULTILINE):
        yield "writes its own title; it stands in contents.toml: # {{title}}"


def references(page: Page) -> Iterator[str]:
    """A number of a lesson stands nowhere but in what is shown: references are written by slug."""
    if page.broken:
        yield page.broken
    prose = _unfenced(page.source)
    for typed in re.findall(r"\b(?:lessons?|notebooks?) \d\d?\b|\b\d\d_\w+\.ipynb", prose, flags=re.IGNORECASE):
        yield f"names a lesson by number, {typed!r}; write " + "{{lesson SLUG}}, {{number SLUG}} or {{link SLUG}}"
    for left in re.findall(r"\{\{.*?\}\}", page.prose) if not page.broken else ():
        yield f"has braces that nothing fills: {left}"


def _sections(page: Page) -> list[tuple[str, str]]:
    parts = re.split(r"^## +(.*?)\s*$", page.prose, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def goals(page: Page) -> Iterator[str]:
    body = dict(_sections(page)).get("Goals")
    if body is None:
        yield 'has no "## Goals" section'
        return
    bullets = re.findall(r"^[-*] +(.*)$", body, flags=re.MULTILINE)
    if not 3 <= len(bullets) <= 5:
        yield f"has {len(bullets)} goals; 3 to 5 are asked for"
    for bullet in bullets:
        first = (re.findall(r"[A-Za-z']+", bullet) or [""])[0].lower()
        if not first or first in NOT_VERBS or first.endswith(("ing", "tion", "ness")):
            yield f"has a goal that does not begin with a verb: {bullet[:50]!r}"


def opening(page: Page) -> Iterator[str]:
    if not re.search(r"^(#+ |\*\*)?Before you start", page.prose, flags=re.MULTILINE):
        yield 'has no "Before you start" line'
    line = re.search(r"^\*\*Time:\*\*(.*)$", page.prose, flags=re.MULTILINE)
    if line is None:
        yield 'has no line "**Time:** ... **Memory:** ... **Downloads:** ..."'
        return
    if not re.search(r"^\*\*Time:\*\* \{\{minutes\}\} minutes", page.source, flags=re.MULTILINE):
        yield "does not take its minutes from contents.toml: **Time:** {{minutes}} minutes ..."
    if stated_memory(page.prose) is None:
        yield "names no size in MB or GB after **Memory:**"
    if not re.search(r"\*\*Downloads:\*\* *\w", line[1]):
        yield "says nothing after **Downloads:**"


def stated_memory(prose: str) -> int | None:
    """Peak memory in bytes as the lesson's own line states it, the largest if it gives a range; None if it does not."""
    line = re.search(r"\*\*Memory:\*\*(.*?)(?:\*\*|$)", prose, flags=re.MULTILINE)
    sizes = re.findall(r"(\d[\d.,]*)\s*(MB|GB)", line[1]) if line else []
    return max((int(float(n.replace(",", "")) * {"MB": 1e6, "GB": 1e9}[unit]) for n, unit in sizes), default=None)


def code_cells(page: Page) -> Iterator[str]:
    cells = page.notebook.cells
    if len(cells) > CELLS:
        yield f"has {len(cells)} cells; at most {CELLS}"
    lengths = [len(cell.source.splitlines()) for cell in cells if cell.cell_type == "code"]
    if not lengths:
        yield "has no code"
        return
    short = sum(length <= LINES for length in lengths) / len(lengths)
    if short < SHARE:
        yield f"keeps only {short:.0%} of its code cells to {LINES} lines; {SHARE:.0%} are asked for"
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "code":
            continue
        if len(cell.source.splitlines()) > LONGEST:
            yield f"cell {number}: {len(cell.source.splitlines())} lines, at most {LONGEST}; move code into the package"
        if number == 1 or cells[number - 2].cell_type != "markdown":
            yield f"cell {number}: code without prose before it"
        if not cell.source.strip():
            yield f"cell {number}: is empty"
        elif parse_code(cell.source) is None:
            yield f"cell {number}: is not valid Python"
        if re.search(r"^\s*[!%]\s*(pip|conda|apt)", cell.source, flags=re.MULTILINE):
            yield f"cell {number}: installs packages; the environment does that"


def figures(page: Page) -> Iterator[str]:
    cells = page.notebook.cells
    shown = {number for number, call in page.calls("show") if _is_course(call)}
    for number, call in page.calls("show"):
        if not _is_course(call):
            yield f"cell {number}: shows a figure by itself; use lc.show(figure, alt=...)"
            continue
        alt = next((keyword.value for keyword in call.keywords if keyword.arg == "alt"), None)
        words = _text(alt)
        if alt is None or (words is not None and len(words.strip()) < ALT):
            yield f"cell {number}: lc.show needs alt=, a description of at least {ALT} characters"
    for number in sorted({number for number, _ in page.calls("subplots", "figure", "Figure")}):
        if not shown & {number, *_next_code(cells, number)}:
            yield f"cell {number}: makes a figure that lc.show does not show"
        for what in ("title", "xlabel", "ylabel"):
            if what not in cells[number - 1].source:
                yield f"cell {number}: its figure has no {what}"


def _is_course(call: ast.Call) -> bool:
    return getattr(getattr(call.func, "value", None), "id", "") == "lc"


def _next_code(cells: list[NotebookNode], number: int) -> list[int]:
    return [later for later in range(number + 1, len(cells) + 1) if cells[later - 1].cell_type == "code"][:1]


def images(page: Page) -> Iterator[str]:
    for alt, target in re.findall(r"!\[(.*?)\]\((.*?)\)", page.prose):
        if not alt.strip():
            yield f"image {target} has no alt text"
    for tag in re.findall(r"<img\b[^>]*>", page.prose):
        if not re.search(r"""alt=["'][^"']+""", tag):
            yield f"image {tag[:60]} has no alt text"


def habits(page: Page) -> Iterator[str]:
    """Predictions answered, a Parsons block, a quiz, and one skill worked, with gaps and blank."""
    if page.lesson.kind == "reference":
        return
    keys = {}
    for name in ("predict", "reveal"):
        calls = [call for _, call in page.calls(name)]
        keys[name] = {_text(call.args[0]) for call in calls if call.args}
    pairs = keys["predict"] & keys["reveal"]
    if len(pairs) < 2:
        yield f"has {len(pairs)} predictions that are revealed; at least 2"
    for key in sorted(str(key) for key in keys["predict"] ^ keys["reveal"]):
        yield f"prediction {key!r} is not both asked and revealed"
    for name in ("parsons", "quiz"):
        given = [_text(call.args[0]) if call.args else None for _, call in page.calls(name)]
        if given != [page.lesson.slug]:
            yield f'calls {name} with {given}; once with "{page.lesson.slug}" is asked for'
        elif not (page.lesson.folder / f"{name}.json").is_file():
            yield f"has no {name}.json in its folder"
    if not any(page.calls("check")):
        yield "checks nothing the reader writes (lc.check)"
    for word in ("worked", "gaps", "blank"):
        if not re.search(rf"\b{word}\b", page.prose, flags=re.IGNORECASE):
            yield f'has no skill in three fades: the word "{word}" is missing'


def closing(page: Page) -> Iterator[str]:
    names = [name for name, _ in _sections(page)]
    if names[-2:] != ["What we saw", "Sources"]:
        yield f'ends with sections {names[-2:]}; the last two are "What we saw" and "Sources"'
    elif not re.search(r"^[-*\d]", dict(_sections(page))["Sources"], flags=re.MULTILINE):
        yield "lists no sources"


def links(page: Page) -> Iterator[str]:
    targets = re.findall(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)", page.prose)
    terms = [target.partition("#")[2] for target in targets if re.match(r"(\./)?glossary\.md#", target)]
    if not terms:
        yield "links to no term of glossary.md"
    for term in sorted(set(terms) - anchors(page.glossary)):
        yield f"links to glossary.md#{term}, which is not there"
    for file in sorted({target.partition("#")[0] for target in targets}):
        if page.folder and file and "://" not in file and not file.startswith("mailto:"):
            if not (page.folder / file).exists():
                yield f"links to {file}, which is not there (seen from notebooks/)"


def forms(page: Page) -> Iterator[str]:
    """Quiz and puzzle as their files hold them."""
    yield from content.problems(page.lesson, page.among)


RULES: tuple[Callable[[Page], Iterator[str]], ...] = (
    title,
    references,
    goals,
    opening,
    code_cells,
    figures,
    images,
    habits,
    closing,
    links,
    forms,
)


def lint(page: Page) -> list[str]:
    """Every rule the lesson breaks, one sentence each; empty when it keeps them all."""
    return [problem for rule in RULES for problem in rule(page)]
