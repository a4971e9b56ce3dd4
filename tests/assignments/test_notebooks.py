"""The notebooks: built from their sources, fit for nbgrader, their solutions right, and nothing secret in a release."""

import base64
import importlib.util
import json
import re
import shutil

import nbformat
import numpy as np
import pytest
from assignment_cases import ALL, answers, of, seeds, solutions

import assignments as tool
from llm_course.errors import BadCourse
from llm_course.grading.tasks import load_tasks
from llm_course.lessons import fill

each = pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)


def _read(one):
    return nbformat.reads(one.notebook.read_text(encoding="utf-8"), as_version=4)


def _marks(notebook):
    return {
        cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader
        for cell in notebook.cells
        if "nbgrader" in cell.metadata
    }


def _released(one):
    """The notebook as nbgrader releases it, by the course's own settings."""
    preprocessors = pytest.importorskip("nbgrader.preprocessors")
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(tool.COURSE)).load_config()
    notebook = _read(one)
    for kind in ("LockCells", "ClearSolutions", "ClearOutput", "ClearHiddenTests", "ClearMarkScheme"):
        notebook, _ = getattr(preprocessors, kind)(config=config).preprocess(notebook, {})
    return notebook


def _text(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_the_seven_are_there_and_each_has_four_to_six_tasks():
    assert {one.name for one in ALL} >= {
        "1_tokens",
        "2_attention",
        "3_heads",
        "4_finetuning",
        "5_decoding",
        "6_evaluation",
        "7_capstone",
    }
    assert all(4 <= len(load_tasks(one.judging)) <= 6 for one in ALL)


@each
def test_the_notebook_is_what_its_source_gives(one):
    assert tool.problems(one) == []


def test_nothing_is_left_over():
    assert tool.orphans() == []


@pytest.fixture
def copy(tmp_path):
    course = tmp_path / "course"
    for folder in ("src", "source"):
        shutil.copytree(tool.COURSE / folder, course / folder)
    return tool.assignments(["1"], course)[0]


def test_a_changed_source_is_noticed(copy):
    copy.source.write_text(
        copy.source.read_text("utf-8").replace("you will learn to notice", "you may notice"), "utf-8"
    )
    assert "first in cell 1:" in tool.problems(copy)[0]


def test_a_changed_notebook_is_noticed(copy):
    copy.notebook.write_text(copy.notebook.read_text("utf-8").replace('"points": 1.0', '"points": 9.0', 1), "utf-8")
    assert "python tools/assignments.py build 1_tokens" in tool.problems(copy)[0]
    tool.build(copy)
    assert tool.problems(copy) == []


def test_an_assignment_is_added_in_a_course_of_ones_own(copy, capsys):
    course = copy.source.parents[2]
    shutil.copytree(copy.source.parent, course / "src" / "99_more")
    assert tool.main(["check", "--course", str(course)]) == 1
    assert "99_more.ipynb is missing" in capsys.readouterr().err
    assert tool.main(["build", "99", "--course", str(course)]) == 0
    assert tool.main(["check", "--course", str(course)]) == 0
    assert not (tool.COURSE / "source" / "99_more").exists()
    with pytest.raises(SystemExit, match="is no course"):
        tool.main(["check", "--course", str(course / "src")])


def test_a_task_without_an_answer_cell_is_refused(copy):
    copy.source.write_text(copy.source.read_text("utf-8").replace('"answer:bigram"', '"other:bigram"'), "utf-8")
    assert "bigram" in tool.problems(copy)[0]


def test_a_tag_for_no_task_is_refused():
    text = of("1").source.read_text("utf-8").replace("answer:bigram", "answer:trigram")
    with pytest.raises(BadCourse, match="trigram"):
        tool.make(text, load_tasks(of("1").judging))


def test_numbers_that_do_not_exist_are_refused():
    text = of("1").source.read_text("utf-8").replace("{{points pair}}", "{{points pear}}")
    with pytest.raises(BadCourse, match="points pear"):
        tool.make(text, load_tasks(of("1").judging))


def test_leftovers_are_named(copy):
    course = copy.source.parents[2]
    copy.source.unlink()
    assert tool.orphans(course) == [
        "source/1_tokens has no text: src/1_tokens/assignment.md",
        "src/1_tokens has no text: src/1_tokens/assignment.md",
    ]


@each
def test_metadata_is_valid_for_nbgrader(one):
    notebook = _read(one)
    nbformat.validate(notebook)
    found = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert all(mark.schema_version == 3 for mark in found)
    assert len({mark.grade_id for mark in found}) == len(found)
    pytest.importorskip("nbgrader.nbgraderformat").MetadataValidator().validate_nb(notebook)


@each
def test_points_add_up(one):
    notebook, tasks = _read(one), load_tasks(one.judging)
    marks = _marks(notebook)
    for task in tasks:
        assert (marks[f"{task.name}-visible"].points, marks[f"{task.name}-hidden"].points) == task.points
        assert marks[f"{task.name}-answer"].solution and not marks[f"{task.name}-answer"].grade
        for part in ("visible", "hidden"):
            assert marks[f"{task.name}-{part}"].locked and marks[f"{task.name}-{part}"].grade
    by_hand = [mark for mark in marks.values() if mark.grade and mark.solution]
    assert len(by_hand) == 1 and by_hand[0].points >= 3
    total = sum(mark.points for mark in marks.values() if mark.grade)
    assert total == sum(sum(task.points) for task in tasks) + by_hand[0].points
    opening = notebook.cells[0].source
    assert f"**Points:** {total:g}." in opening
    assert sum(int(row) for row in re.findall(r"\| (\d+) \|$", opening, re.MULTILINE)) == total
    rubric = next(
        cell.source
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == by_hand[0].grade_id
    )
    assert sum(int(points) for points in re.findall(r"^- (\d): ", rubric, re.MULTILINE)) == by_hand[0].points


@each
def test_each_opens_as_a_lesson_does(one):
    text = fill(one.source.read_text("utf-8"))
    opening = text.split("## Task 1", 1)[0]
    goals = re.findall(r"^- \*\*(\w+)", opening, re.MULTILINE)
    assert 3 <= len(goals) <= 5
    assert "**Before you start:** lesson" in opening and re.search(r"\*\*Time:\*\* about \d+ minutes", opening)
    minutes = [int(found) for found in re.findall(r"\| ★+ \| (\d+) \|", opening)]
    assert abs(sum(minutes) - int(re.search(r"about (\d+) minutes", opening)[1])) <= 20


@each
def test_stars_in_the_table_are_those_of_the_headings(one):
    text = one.source.read_text("utf-8")
    table = re.findall(r"^\| (\d) .*? \| (★+) \|", text, re.MULTILINE)
    headings = re.findall(r"^## Task (\d): .*? (★+)$", text, re.MULTILINE)
    assert table == headings and len(table) == len(load_tasks(one.judging)) + 1


@each
def test_the_solutions_in_the_notebook_pass(one):
    space = {}
    for cell in _read(one).cells:
        mark = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and not mark.get("grade"):
            exec(compile(cell.source, f"{one.name}: {mark.get('grade_id')}", "exec"), space)
    for task in load_tasks(one.judging):
        cases = [*task.visible, *(case for seed in seeds(task)[:2] for case in task.hidden_cases(seed))]
        found = answers(space[task.calls], cases)
        for arguments, answer in zip(cases, found, strict=True):
            assert task.is_right(answer, task.expected(arguments)), (task.name, arguments, answer)


@each
def test_a_release_holds_no_solution_and_no_rubric(one):
    source, release = _read(one), _released(one)
    text = _text(release)
    secret = solutions(source)
    assert len(secret) > 20
    lines = {line.strip() for line in text.splitlines()}
    kept = [line for line in secret if len(line) > 12 and line in lines]
    assert kept == []
    for word in ("SOLUTION", "MARK SCHEME", "HIDDEN TESTS", "Rubric", "A good answer"):
        assert word not in text
    for task in load_tasks(one.judging):
        answer = next(
            c for c in release.cells if c.metadata.get("nbgrader", {}).get("grade_id") == f"{task.name}-answer"
        )
        assert "raise NotImplementedError()" in answer.source and f"def {task.calls}(" in answer.source


def _strings(value):
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return {found for pair in value.items() for part in pair for found in _strings(part)}
    if isinstance(value, list | tuple):
        return {found for part in value for found in _strings(part)}
    return set()


def _arrays(value):
    if isinstance(value, np.ndarray):
        return {base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()}
    return {found for part in value for found in _arrays(part)} if isinstance(value, list | tuple) else set()


@each
def test_a_release_holds_no_hidden_case_and_no_code_of_the_judge(one, released):
    release = _text(_released(one))
    checks = (released(one.name) / "checks.json").read_text("utf-8")
    listed = json.loads(checks)["tasks"]
    told = release + checks + json.dumps(listed, ensure_ascii=False)
    tasks = load_tasks(one.judging)
    shown = _strings([task.visible for task in tasks])  # tasks of one assignment share mails and sentences
    for task in tasks:
        assert len(listed[task.name]["cases"]) == len(task.visible)
        for seed in (1, 2, 3):
            hidden = task.hidden_cases(seed)
            secret = {text for text in _strings(hidden) if len(text) > 15 and not any(text in known for known in shown)}
            assert not [text for text in secret if text in told]
            assert not [array for array in _arrays(hidden) if len(array) > 40 and array in checks]
    judge = one.judging.read_text("utf-8")
    assert not [name for name in re.findall(r"^def (_\w+)", judge, re.MULTILINE) if name in told]


def test_the_shop_of_assignment_7_is_the_same_for_student_and_judge():
    spec = importlib.util.spec_from_file_location("shop", of("7").judging)
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    setup = next(c for c in _read(of("7")).cells if c.metadata.get("nbgrader", {}).get("grade_id") == "setup")
    space = {}
    exec(setup.source, space)
    for name in ("ENGLISH", "FRENCH", "TU", "REPLIES", "QUEUES"):
        assert space[name] == getattr(judge, name)
    assert space["words"]("L'été, s'il te plaît: 3 cafés") == judge.words("L'été, s'il te plaît: 3 cafés")


@each
def test_every_text_cell_can_be_restored(one):
    texts = [cell for cell in _read(one).cells if cell.cell_type == "markdown"]
    marks = [cell.metadata.nbgrader for cell in texts]
    assert len({mark.grade_id for mark in marks}) == len(texts) > 5
    assert [mark.solution for mark in marks].count(True) == len([mark for mark in marks if not mark.locked]) > 0
