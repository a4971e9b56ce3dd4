"""Who wrote alike: pairs of submissions, the starter code and comments left out."""

from __future__ import annotations

from llm_course.grading.likeness import alike


def test_likeness_beyond_the_starter_code() -> None:
    starter = ["import numpy as np\ndef f(x):\n    raise NotImplementedError()"] * 20
    long = "\n".join(f"a{n} = b{n} + c{n} * {n}" for n in range(20))
    other = "\n".join(f"for d{n} in e{n}: print(d{n} - {n})" for n in range(20))
    pairs = alike(
        {
            "ann": [starter[0], long],
            "bob": [starter[0], long.replace("\n", "  # mine\n")],
            "cy": [starter[0], other],
            "dan": starter[:1],
            "eve": starter[:1],
        },
        starter,
    )
    assert [(one, two) for one, two, _ in pairs] == [("ann", "bob")] and pairs[0][2] > 0.9
