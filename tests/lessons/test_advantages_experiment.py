"""Power laws whose exponent is known, and points that allow none."""

import math

import numpy as np
import pytest

from llm_course.errors import BadInput
from llm_course.lessons.advantages.experiment import fit


def test_an_exact_law_is_found_without_doubt():
    law = fit([1, 10, 100, 1000], [8.0, 4.0, 2.0, 1.0])  # ten times as much: half
    assert law.exponent == pytest.approx(math.log10(2))
    assert law.low == pytest.approx(law.high) == pytest.approx(law.exponent)
    assert law.factor == pytest.approx(8) and law.at(10_000) == pytest.approx(0.5)
    assert str(law) == "exponent 0.301 (95% interval 0.301 to 0.301)"


def test_a_noisy_one_and_its_interval():
    random = np.random.default_rng(0)
    x = np.array([1e4, 4e4, 2e5, 8e5])
    y = 3 * x**-0.1 * np.exp(random.normal(0, 0.02, 4))
    law = fit(list(x), list(y))
    (slope, height), covariance = np.polyfit(np.log(x), np.log(y), 1, cov=True)
    assert law.exponent == pytest.approx(-slope) and law.factor == pytest.approx(np.exp(height))
    for end in (law.high - law.exponent, law.exponent - law.low):  # Student's t of two degrees of freedom: 4.303
        assert end == pytest.approx(4.303 * np.sqrt(covariance[0, 0]), rel=1e-3)


@pytest.mark.parametrize(
    ("x", "y"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([0, 1, 2], [1, 1, 1]), ([2, 2, 2], [1, 2, 3])]
)
def test_what_allows_no_fit(x, y):
    with pytest.raises(BadInput, match="needs"):
        fit(x, y)
