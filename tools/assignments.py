"""Build the assignments' notebooks, with solutions, from their folders in assignments/src/, and check that both agree.

    python tools/assignments.py build [NAME ...]    # src/NAME/ -> source/NAME/NAME.ipynb
    python tools/assignments.py check [NAME ...]    # fails when a notebook is not what its source gives
    python tools/assignments.py build NAME --course DIR    # in a course of your own, a copy of assignments/

The notebooks are an nbgrader course's own: nbgrader reads them, and so does `llm-course assign`. Which tasks there are,
and their points, come from judging.py beside the text. Knows nothing about grading. Cells are marked by tags:

    answer:TASK            the student's function; between BEGIN SOLUTION and END SOLUTION what the release drops.
                           The visible and the hidden grade cell of the task are put behind it.
    locked:ID              a cell that students may read and run, and that the judge restores
    written:ID, points:N   an answer in words, graded by hand; the rubric stands in its solution region

All other text becomes locked, too: what the students read is what the course wrote.

In the text `{{points TASK}}`, `{{written ID}}` and `{{total}}` become numbers, and `{{lesson SLUG}}` that of a lesson.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from llm_course.errors import BadCourse
from llm_course.grading.tasks import Task, checks, load_tasks
from llm_course.lessons import fill
from nb_source import ROOT, parse

COURSE = ROOT / "assignments"


@dataclass(frozen=True)
class Assignment:
    """One assignment: its name, its text, its judging file, and the notebook with solutions made from them."""

    name: str
    source: Path
    judging: Path
    notebook: Path


def assignments(names: list[str] | None = None, course: Path = COURSE) -> list[Assignment]:
    """The assignments of a course, by name; ``names`` picks some, each by its whole name or its number ("2").

    Raises ``SystemExit`` for a name that fits none.
    """
    found = []
    for folder in sorted(path for path in (course / "src").glob("*") if (path / "assignment.md").is_file()):
        notebook = course / "source" / folder.name / f"{folder.name}.ipynb"
        found.append(Assignment(folder.name, folder / "assignment.md", folder / "judging.py", notebook))
    if not names:
        return found
    chosen = []
    for name in names:
        fitting = [one for one in found if name in (one.name, one.name.split("_")[0])]
        if not fitting:
            raise SystemExit(f"no assignment {name!r}. There are: {', '.join(one.name for one in found) or 'none'}.")
        chosen += fitting
    return chosen


def make(text: str, tasks: tuple[Task, ...]) -> NotebookNode:
    """The notebook with solutions that a source describes, with nbgrader's metadata (schema version 3).

    Raises ``BadCourse`` when source and judging file do not name the same tasks, or a tag is not one of those above.
    """
    notebook = parse(fill(text))
    by_name = {task.name: task for task in tasks}
    written: dict[str, float] = {}
    answered: list[str] = []
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        tags = dict(tag.split(":", 1) for tag in cell.metadata.pop("tags", []) if ":" in tag)
        cells.append(cell)
        if name := tags.get("answer"):
            if name not in by_name:
                raise BadCourse(f"The source answers a task {name!r}. The judging file has: {', '.join(by_name)}.")
            answered.append(name)
            _mark(cell, f"{name}-answer", solution=True)
            cells += _grade_cells(by_name[name])
        elif name := tags.get("written"):
            written[name] = float(tags.get("points", 0))
            _mark(cell, name, solution=True, grade=True, points=written[name])
        elif name := tags.get("locked"):
            _mark(cell, name, locked=True)
        elif cell.cell_type == "markdown":  # what a student reads is restored, too
            _mark(cell, f"text-{len(cells)}", locked=True)
    if answered != list(by_name):
        raise BadCourse(f"The source answers {', '.join(answered)}; the judging file has {', '.join(by_name)}.")
    if not written or not all(written.values()):
        raise BadCourse("An assignment has a written question: a cell with the tags written:ID and points:N.")
    numbers = {f"points {task.name}": sum(task.points) for task in tasks}
    numbers |= {f"written {name}": points for name, points in written.items()}
    numbers["total"] = sum(numbers.values())
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\{\{(.+?)\}\}", lambda found: _number(numbers, found[1].strip()), cell.source)
    notebook.cells = cells
    return notebook


def _number(numbers: dict[str, float], name: str) -> str:
    if name not in numbers:
        raise BadCourse(f"The source has {{{{{name}}}}}. It can have: {', '.join(numbers)}.")
    return f"{numbers[name]:g}"


def _mark(
    cell: NotebookNode,
    name: str,
    *,
    solution: bool = False,
    grade: bool = False,
    locked: bool = False,
    points: float | None = None,
) -> None:
    fields: dict[str, str | float | bool] = {
        "schema_version": 3,
        "grade_id": name,
        "solution": solution,
        "grade": grade,
        "locked": locked,
        "task": False,
    }
    if points is not None:
        fields["points"] = points
    if grade:
        fields["cell_type"] = cell.cell_type
    cell.metadata["nbgrader"] = fields


def _grade_cells(task: Task) -> list[NotebookNode]:
    """The visible check, which students run, and the hidden one, whose cases never leave the judge."""
    visible = nbformat.v4.new_code_cell(
        f'from llm_course.grading.student_check import check\n\ncheck("{task.name}", {task.calls})',
        id=f"{task.name}-visible",
    )
    hidden = nbformat.v4.new_code_cell(
        f"# Hidden tests of {task.calls}: {task.points[1]:g} points. Other inputs of the same kind, when it is graded.",
        id=f"{task.name}-hidden",
    )
    for cell, points in ((visible, task.points[0]), (hidden, task.points[1])):
        _mark(cell, cell.id, grade=True, locked=True, points=float(points))
    return [visible, hidden]


def built(one: Assignment) -> str:
    """The text of the notebook file that the source of one assignment gives."""
    notebook = make(one.source.read_text(encoding="utf-8"), load_tasks(one.judging))
    nbformat.validate(notebook)
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def problems(one: Assignment) -> list[str]:
    """How the stored notebook departs from its source; empty when they agree."""
    try:
        wanted = built(one)
    except BadCourse as error:
        return [str(error)]
    if not one.notebook.exists():
        return [f"{one.notebook.name} is missing: python tools/assignments.py build {one.name}"]
    if one.notebook.read_text(encoding="utf-8") == wanted:
        return []
    stored = nbformat.reads(one.notebook.read_text(encoding="utf-8"), as_version=4).cells
    fresh = json.loads(wanted)["cells"]
    pairs = enumerate(zip(stored, fresh, strict=False), 1)
    place = next((number for number, (a, b) in pairs if a.source != "".join(b["source"])), None)
    where = f", first in cell {place}" if place else ""
    return [f"the notebook is not what its source gives{where}: python tools/assignments.py build {one.name}"]


def orphans(course: Path = COURSE) -> list[str]:
    """Folders that are no whole assignment: notebooks without a text in src/, and folders there without one."""
    names = {one.name for one in assignments(course=course)}
    folders = [path for step in ("source", "src") for path in sorted((course / step).glob("*")) if path.is_dir()]
    left = [path for path in folders if path.name not in names]
    return [f"{path.relative_to(course)} has no text: src/{path.name}/assignment.md" for path in left]


def build(one: Assignment, visible: bool = False) -> str:
    """Write the notebook of one assignment, and with ``visible`` its checks.json; the line that reports it."""
    text = built(one)
    one.notebook.parent.mkdir(parents=True, exist_ok=True)
    one.notebook.write_text(text, encoding="utf-8")
    if visible:  # what models say goes into it, so it is made where it is used and not stored
        (one.notebook.parent / "checks.json").write_text(checks(load_tasks(one.judging)), encoding="utf-8")
    return f"{one.name}: {len(json.loads(text)['cells'])} cells"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, or 1 when something failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("build", "check"))
    parser.add_argument("name", nargs="*", help="whole name or number; all assignments if none is given")
    parser.add_argument("--course", type=Path, default=COURSE, help="a copy of assignments/; by default that folder")
    parser.add_argument("--checks", action="store_true", help="also write checks.json, for nbgrader's own commands")
    options = parser.parse_args(arguments)

    if not (options.course / "src").is_dir():
        raise SystemExit(f"{options.course} is no course: it has no folder src. Copy assignments/ whole.")
    chosen = assignments(options.name, options.course)
    if options.command == "build":
        try:
            for one in chosen:
                print(build(one, options.checks))
        except BadCourse as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    found = {one.name: problems(one) for one in chosen}
    if not options.name:
        found["assignments"] = orphans(options.course)
    for name, some in found.items():
        for problem in some:
            print(f"{name}: {problem}", file=sys.stderr)
    count = sum(map(len, found.values()))
    print(f"{count} problems" if count else f"{len(chosen)} assignments agree with their sources")
    return bool(count)


if __name__ == "__main__":
    sys.exit(main())
