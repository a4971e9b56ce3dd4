"""The simulated table: its laws by hand-computed cases, what the robot senses, and an oracle that never fails."""

from __future__ import annotations

import numpy as np
import pytest

from llm_course.errors import BadInput, BadOption
from llm_course.worlds import tabletop as world
from llm_course.worlds import tabletop_goals as goals
from llm_course.worlds.tabletop import Layout, StepFailed, Table, after


def layout(*stacks: str, held: str | None = None, trays: tuple[int, int] = (0, 0)) -> Layout:
    """``"blue red"`` is a stack with red on blue."""
    return Table([stack.split() for stack in stacks], held, trays).layout


# --- the laws -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "step", "expected"),
    [
        (layout("blue red", "green"), "pick red", layout("blue", "green", held="red")),
        (layout("blue", held="red"), "place on blue", layout("blue red")),
        (layout("blue", "", "green", held="red"), "place on table", layout("blue", "red", "green")),
        (layout("", "blue", held="red"), "place on table", layout("red", "blue")),
        (layout("blue green", held="red"), "place on green", layout("blue green red")),
    ],
)
def test_a_step_moves_one_block(before: Layout, step: str, expected: Layout) -> None:
    assert after(before, step) == expected


def test_trays_take_two_blocks() -> None:
    one = after(layout("blue", held="red", trays=(1, 2)), "place in left tray")
    assert one.trays == (("gray", "red"), ("gray", "gray")) and one.held is None
    with pytest.raises(StepFailed, match="right tray is full"):
        after(layout("blue", held="red", trays=(1, 2)), "place in right tray")


def test_slips() -> None:
    start = layout("blue red", "green")
    assert after(start, "pick red", slips=True) == start
    assert after(layout("blue", "", held="red"), "place on blue", slips=True) == layout("blue", "red")
    fallen = after(layout("blue", held="red"), "place in left tray", slips=True)
    assert fallen == layout("blue", "red") and fallen.trays == ((), ())


@pytest.mark.parametrize(
    ("before", "step", "why"),
    [
        (layout("blue red"), "pick blue", "red lies on blue"),
        (layout("blue red green"), "pick blue", "red lies on blue"),
        (layout("blue", held="red"), "pick blue", "already holds red"),
        (layout("blue"), "pick red", "no red block"),
        (layout("blue"), "place on blue", "holds nothing"),
        (layout("blue"), "place in left tray", "holds nothing"),
        (layout("blue", held="red"), "place on red", "no red block"),
        (layout("blue green", held="red"), "place on blue", "green lies on blue"),
        (layout("blue"), "dance", "no step"),
        (layout("blue"), "pick white", "no step"),
        (layout("blue"), "", "no step"),
        (layout("blue", held="red"), "place in middle tray", "no step"),
    ],
)
def test_impossible_steps_say_why(before: Layout, step: str, why: str) -> None:
    with pytest.raises(StepFailed, match=why):
        after(before, step)
    table = Table.of(before)
    move = table.do(step)
    assert why in move.problem and table.layout == before == move.after


def test_a_plan_stops_at_the_first_step_that_fails() -> None:
    table = Table([["blue", "red"], ["green"]])
    moves = table.run("pick red ; place on blue ; pick green ; pick blue ; place on green")
    assert [bool(move.problem) for move in moves] == [False, False, False, True]
    assert table.layout.held == "green" and table.moves == moves
    assert str(moves[0]) == "pick red: done" and "already holds green" in str(moves[3])


def test_slipping_is_drawn_by_the_seed() -> None:
    def problems(seed: int, slip: float) -> list[str]:
        table = Table([["red"]], slip=slip, seed=seed)
        return [table.do(step).problem for _ in range(20) for step in ("pick red", "place on table")]

    assert problems(1, 0.3) == problems(1, 0.3) != problems(2, 0.3)
    assert set(problems(1, 0)) == {""}
    assert problems(1, 1)[0] == "it slipped"


def test_what_is_no_table() -> None:
    for wrong in (
        lambda: Table([["white"]]),
        lambda: Table([["red"], ["red"]]),
        lambda: Table([["red"]], held="red"),
        lambda: Table([[]] * 7),
        lambda: Table(["red"]),
        lambda: Table("red"),
        lambda: Table([], trays=(3, 0)),
        lambda: Table([], trays=(0, 0, 0)),
        lambda: Table([], held="gray"),
        lambda: Table([]).run(3),
        lambda: Table(5),
        lambda: Table([["red"]], trays=None),
        lambda: Table([[["red"]]]),
        lambda: Table([None]),  # type: ignore
        lambda: Table([], held=["red"]),
        lambda: Table([], trays=("a", [])),  # type: ignore
    ):
        with pytest.raises(BadInput):
            wrong()
    for options in ({"slip": 2}, {"slip": float("nan")}, {"seed": -1}, {"seed": "x"}):
        with pytest.raises(BadOption):
            Table([], **options)  # type: ignore[arg-type]


# --- the senses -----------------------------------------------------------------------------------------------


def nearest(pixel: np.ndarray) -> str:
    shades = {**world.COLORS, "table": world.TABLE_COLOR}
    return min(shades, key=lambda name: float(np.abs(pixel.astype(float) - shades[name]).sum()))


def test_the_image_shows_every_block_where_it_lies() -> None:
    table = Table([["blue", "red", "green"], [], ["yellow"]], seed=3)
    image = table.image()
    assert image.shape == (48, 64, 3) and image.dtype == np.uint8
    found = world.boxes(table.layout, table.looks)
    assert [color for color, _, _ in found] == ["blue", "red", "green", "yellow"]
    for color, left, top in found:
        assert nearest(image[top + 4, left + 4]) == color
    assert found[0][2] - found[1][2] == found[1][2] - found[2][2] == world.BLOCK_HEIGHT  # higher is nearer the top
    assert nearest(image[2, 2]) == "table"


def test_each_sense_tells_what_the_other_does_not() -> None:
    plain = Table([["blue"]], seed=5)
    holding, loaded = Table([["blue"]], held="red", seed=5), Table([["blue"]], trays=(1, 2), seed=5)
    moved = Table([[], ["blue"]], seed=5)
    assert (plain.image() == holding.image()).all() and (plain.image() == loaded.image()).all()
    assert (plain.state() == moved.state()).all() and (plain.image() != moved.image()).any()
    state = dict(zip(world.STATE, holding.state(), strict=True))
    assert state["finger red"] > 0.7 > 0.3 > state["finger blue"] and state["opening"] < 0.5 < plain.state()[2]
    assert np.allclose(loaded.state()[6:], [0.5, 1.0], atol=0.1) and loaded.state().shape == (8,)


def test_looking_twice_shows_the_same_and_every_corner_fits_the_image() -> None:
    for seed in range(40):
        tower = Table([[], [], [], [], [], list(world.COLORS)], seed=seed)
        assert (tower.image() == tower.image()).all() and (tower.state() == tower.state()).all()
        for _, left, top in world.boxes(tower.layout, tower.looks):
            assert 0 <= left <= world.WIDTH - world.BLOCK_WIDTH and 0 <= top <= world.HEIGHT - world.BLOCK_HEIGHT


# --- goals and the oracle -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "wish", "expected"),
    [
        (layout("red", "blue"), "put red on blue", "pick red ; place on blue"),
        (layout("red green", "blue"), "put red on blue", "pick green ; place on table ; pick red ; place on blue"),
        (layout("blue", held="red"), "put red on blue", "place on blue"),
        (
            layout("blue green", held="red"),
            "put red on blue",
            "place on table ; pick green ; place on table ; pick red ; place on blue",
        ),
        (
            layout("blue green red"),
            "put red on blue",
            "pick red ; place on table ; pick green ; place on table ; pick red ; place on blue",
        ),
        (layout("red blue"), "put red on blue", "pick blue ; place on table ; pick red ; place on blue"),
        (layout("red", held="blue"), "put red on blue", "place on table ; pick red ; place on blue"),
        (layout("blue red"), "put red on blue", "already done"),
        (layout("blue"), "put red on blue", "no red block"),
        (layout("red"), "put red on blue", "no blue block"),
        (layout("red"), "put red on red", "not possible"),
        (layout("red", trays=(1, 0)), "put red in a tray", "pick red ; place in right tray"),
        (layout("red", trays=(1, 1)), "put red in a tray", "pick red ; place in left tray"),
        (layout("red", trays=(2, 2)), "put red in a tray", "both trays are full"),
        (layout("red", trays=(2, 0)), "put red in the left tray", "left tray is full"),
        (layout("blue red"), "put red on the table", "pick red ; place on table"),
        (layout("red blue"), "put red on the table", "already done"),
        (layout("", held="red"), "put red on the table", "place on table"),
        (layout("red blue", held="green"), "clear the red block", "place on table ; pick blue ; place on table"),
        (layout("red"), "clear the red block", "already done"),
        (layout("red", held="blue"), "pick up the red block", "place on table ; pick red"),
        (layout("red", held="blue"), "put down what you hold", "place on table"),
        (layout("red"), "free the gripper", "already done"),
    ],
)
def test_the_oracle_by_hand(before: Layout, wish: str, expected: str) -> None:
    goal = goals.goal_of(wish)
    assert goal is not None
    steps = goals.plan(before, goal)
    assert " ; ".join(steps) == expected
    assert goals.answers(steps) == (not expected.startswith(("pick", "place")))


def test_the_oracle_always_succeeds() -> None:
    random = np.random.default_rng(0)
    longest = 0
    for _ in range(4000):
        start = goals.random_layout(random)
        goal = goals.random_goal(start, random)
        steps = goals.plan(start, goal)
        if goals.answers(steps):
            assert len(steps) == 1 and goal.holds(start) == (steps == [goals.DONE])
            continue
        end = start
        for step in steps:  # a step that fails raises
            end = after(end, step)
        assert goal.holds(end) and not goal.holds(start)
        blocks = sorted([c for s in start.stacks for c in s] + [start.held] * bool(start.held))  # type: ignore[list-item]
        left = [c for s in end.stacks for c in s] + [end.held] * bool(end.held) + [c for t in end.trays for c in t]  # type: ignore[list-item]
        assert sorted(c for c in left if c != "gray") == blocks  # nothing is lost
        longest = max(longest, len(" ; ".join(steps).split()))
    assert 30 < longest <= 53


def test_every_wording_is_understood_as_it_was_meant() -> None:
    random = np.random.default_rng(0)
    for _ in range(500):
        goal = goals.random_goal(goals.random_layout(random), random)
        assert goals.goal_of(goals.worded(goal, random).capitalize() + ".") == goal
    assert goals.goal_of("make me a sandwich") is None


def test_one_arrangement_in_ten_is_held_out_wherever_the_stacks_stand() -> None:
    random = np.random.default_rng(0)
    drawn = [goals.random_layout(random) for _ in range(3000)]
    assert 0.07 < sum(map(goals.held_out, drawn)) / 3000 < 0.13
    for one in drawn[:200]:
        moved = Layout(one.stacks[::-1], one.held, ((), ()))
        assert goals.held_out(one) == goals.held_out(moved)
        assert len(one.stacks) == world.PLACES and one.seen() <= set(world.COLORS)
