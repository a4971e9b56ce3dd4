"""Every task: what is right passes, every known mistake fails and is named. Tasks that ask a model take one seed."""

import numpy as np
import pytest
from assignment_cases import NAMES, TASKS, crossed, right, seeds

from llm_course.grading.student_check import verdict

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # some mistakes are overflows

each_task = pytest.mark.parametrize(("one", "task"), TASKS, ids=NAMES)


@each_task
def test_the_reference_and_other_right_answers_pass_the_visible_check(one, task, released):
    for function in (task.reference, *task.right):
        said = verdict(task.name, function, released(one.name)).text
        assert said.startswith("Right:"), (function.__name__, said)


@each_task
def test_the_reference_and_other_right_answers_pass_the_hidden_cases(one, task):
    assert task.right, "a task needs another right answer, written in another way"
    for function in (task.reference, *task.right):
        for seed in seeds(task):
            assert all(right(task, function, seed)), (function.__name__, seed)


@each_task
def test_each_known_mistake_fails_a_hidden_case_with_every_seed(one, task):
    assert len(task.mistakes) >= 2
    for mistake in task.mistakes:
        for seed in seeds(task):
            assert not all(right(task, mistake.function, seed)), (mistake.name, seed)


@each_task
def test_each_known_mistake_gets_its_own_hint_in_the_visible_check(one, task, released):
    assert len({mistake.hint for mistake in task.mistakes}) == len(task.mistakes)
    for mistake in task.mistakes:
        said = verdict(task.name, mistake.function, released(one.name)).text
        if said.startswith("Right:"):  # what a model says need not tell the two apart on the few visible cases
            assert task.seconds > 60, mistake.name
        else:
            # where a model answers, two mistakes may give the same answer on the visible cases
            assert mistake.hint in said or (task.seconds > 60 and "Hint:" in said), (mistake.name, said)


@each_task
def test_hidden_cases_come_from_the_seed_and_cross_the_boundary(one, task):
    first, again = task.hidden_cases(5), task.hidden_cases(5)
    assert len(first) >= 2
    assert all(task.compare(a, b) for a, b in zip(crossed(first), crossed(again), strict=True))


@each_task
def test_answers_to_the_visible_cases_by_heart_earn_no_hidden_points(one, task):
    """A function that knows the visible answers and gives the nearest one otherwise."""
    known = [(repr(arguments), task.expected(arguments)) for arguments in task.visible]

    def by_heart(*arguments):
        return next((answer for question, answer in known if question == repr(arguments)), known[0][1])

    assert not all(right(task, by_heart, 1))


@each_task
def test_the_reference_leaves_its_arguments_alone(one, task):
    for arguments in task.visible:
        before = repr(arguments)
        task.reference(*arguments)
        assert repr(arguments) == before


def test_other_seeds_give_other_cases():
    fixed = []
    for _, task in TASKS:
        with np.printoptions(threshold=10_000):
            if repr(task.hidden_cases(1)) == repr(task.hidden_cases(2)):
                fixed.append(task.name)
    assert fixed == ["language"]  # its hidden cases are chosen texts
