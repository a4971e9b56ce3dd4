"""Values across the border: what goes out comes back, and hostile text is refused before it does harm."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from llm_course.errors import NotPlain
from llm_course.grading import wire


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -(2**70),
        1.5,
        "",
        "é\u2028\"'</script>",
        [],
        [1, [2.5, "x"]],
        (1, (2,)),
        {},
        {"a": (1, [None]), "tuple": 1, "array": ["int8"]},
        [{"b": []}],
    ],
)
def test_plain_values_come_back(value: Any) -> None:
    back = wire.loads(wire.dumps(value))
    assert back == value and repr(back) == repr(value)


@pytest.mark.parametrize("dtype", wire.DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (1, 2, 2)])
def test_arrays_come_back(dtype: str, shape: tuple[int, ...]) -> None:
    value = (np.arange(math.prod(shape)) % 2).reshape(shape).astype(dtype)
    back = wire.loads(wire.dumps(value))
    assert back.dtype == value.dtype and back.shape == value.shape and (back == value).all()
    assert back.flags.writeable and back.dtype.isnative


def test_byte_order_strides_and_odd_floats_do_not_matter() -> None:
    big = np.array([1, 256], dtype=">i4")
    assert wire.loads(wire.dumps(big)).tolist() == [1, 256]
    turned = np.arange(6).reshape(2, 3).T
    assert wire.loads(wire.dumps(turned)).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert wire.dumps([math.inf, -math.inf]) == '[{"float":"inf"},{"float":"-inf"}]'
    assert math.isnan(wire.loads(wire.dumps(math.nan)))
    assert wire.loads(wire.dumps(np.float32(0.5))) == 0.5 and wire.loads(wire.dumps(np.bool_(True))) is True


def test_tensors_become_arrays() -> None:
    import torch

    value = torch.tensor([[1.5, 2.0]], requires_grad=True)
    assert wire.loads(wire.dumps(value)).tolist() == [[1.5, 2.0]]
    assert wire.loads(wire.dumps(torch.ones(2, dtype=torch.bfloat16))).dtype == np.float32


def test_other_sequences_become_lists() -> None:
    values = (np.array([["a", "b"]]), range(3), {"a": 1}.keys(), {"a": (1,)}.values(), {"a": 1}.items(), np.str_("a"))
    given = [wire.loads(wire.dumps(value)) for value in values]
    assert given == [[["a", "b"]], [0, 1, 2], ["a"], [(1,)], [("a", 1)], "a"]


def test_what_to_do_with_a_longdouble_is_said() -> None:
    with pytest.raises(NotPlain, match=r"Convert it first: float\(...\)"):
        wire.encode([np.longdouble(1)])


def test_files_may_hold_odd_numbers_and_many_values() -> None:
    text = '{"a": [NaN, Infinity, -Infinity, ' + "1" * 5000 + ", 1e999, 1]}"
    assert wire.parse(text, lenient=True) == {"a": [None, None, None, None, math.inf, 1]}
    with pytest.raises(NotPlain, match="A message holds NaN"):
        wire.parse("[NaN]")
    crowded = "[" + "0," * wire.PARTS + "0]"
    with pytest.raises(NotPlain, match="The file holds too many values"):
        wire.parse(crowded, what="The file")
    assert len(wire.parse(crowded, parts=10**6)) == wire.PARTS + 1


def test_subclasses_arrive_as_what_they_extend() -> None:
    class Sly(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

    assert type(wire.loads(wire.dumps([Sly(3)]))[0]) is int


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        b"x",
        1j,
        {1: 2},
        [object()],
        nested(100),
        10**400,
        "\ud800",
        np.array(["a"], dtype=object),
        np.zeros(2, dtype="complex64"),
        np.zeros(wire.LIMIT + 1, dtype="int8"),
        print,
        "x" * wire.LIMIT,
        np.longdouble(1),
        np.zeros(2, "longdouble"),
        range(10**9),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused(value: Any) -> None:
    with pytest.raises(NotPlain):
        wire.dumps(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "nul",
        "NaN",
        "[Infinity]",
        "1e999",
        "1" * 5000,
        "[" * 100_000,
        "[" * 900 + "]" * 900,
        '{"array":["object",[1],"AAAA"]}',
        '{"array":["float64",[2],"AAAAAAAA8D8="]}',
        '{"array":["int8",[-1],""]}',
        '{"array":["int8",[99999999999999],""]}',
        '{"array":["int8",[0,7999999,7999999],""]}',
        '{"array":["int8",[true],"AA=="]}',
        '{"array":["int8",[1],"!!!!"]}',
        '{"array":["int8",[1],"\u00e9"]}',
        '{"array":["bool",[1],"Ag=="]}',
        '{"array":"x"}',
        '{"array":[["int8"],[1],"AA=="]}',
        '{"float":"1"}',
        '{"float":1}',
        '{"tuple":1}',
        '{"dict":[[1,2]]}',
        '{"dict":{}}',
        '{"dict":[["a",1],["a",2]]}',
        '{"py/object":"os.system"}',
        '{"a":1,"b":2}',
        "{}",
        "[" + "0," * wire.PARTS + "0]",
        b"\xff",
        " " * (wire.LIMIT + 1),
    ],
    ids=lambda text: repr(text[:24]),
)
def test_hostile_text_is_refused(text: Any) -> None:
    with pytest.raises(NotPlain):
        wire.loads(text)


def test_pickles_are_text_like_any_other() -> None:
    assert wire.loads(json.dumps("gASVDAAAAAAAAACMAm9zlC4=")) == "gASVDAAAAAAAAACMAm9zlC4="
