"""The probability map: finds a slope that is there, falls back to the base rate where there is
none.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from bondsig_assets.learning.calibration import Calibration, calibrate


def drawn(
    intercept: float, slope: float, scale: float = 1.0, n: int = 40_000
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions, and returns whose sign follows the logistic law."""
    rng = np.random.default_rng(0)
    prediction = scale * rng.standard_normal(n)
    under = rng.random(n) < expit(intercept + slope * prediction)
    return prediction, np.where(under, -1.0, 1.0) * rng.uniform(0.1, 3.0, n)


@pytest.mark.parametrize(
    ("intercept", "slope", "scale"), [(0.1, -1.0, 1.0), (-0.3, -20.0, 0.02), (0.0, -0.2, 1.0)]
)
def test_a_known_slope_is_recovered(intercept, slope, scale):
    found = calibrate(*drawn(intercept, slope, scale))
    assert found.slope * scale == pytest.approx(slope * scale, abs=0.04)
    assert found.intercept == pytest.approx(intercept, abs=0.04)


@pytest.mark.parametrize("scale", [1.0, 0.01, 1e-4])
def test_predictions_far_from_zero_are_no_harder(scale):
    prediction, returns = drawn(0.1, -1.0 / scale, scale)
    plain, moved = calibrate(prediction, returns), calibrate(prediction + 2.0, returns)
    assert moved.slope == pytest.approx(plain.slope, rel=1e-2)
    np.testing.assert_allclose(
        moved.probability(prediction + 2.0), plain.probability(prediction), atol=2e-3
    )


def test_it_is_the_maximum_of_the_likelihood():
    prediction, returns = drawn(0.1, -0.7, n=3000)
    under = returns < 0
    found = calibrate(prediction, returns)

    def likelihood(intercept: float, slope: float) -> float:
        p = Calibration(intercept, slope, 0.5).probability(prediction)
        return float(np.log(np.where(under, p, 1 - p)).sum())

    best = likelihood(found.intercept, found.slope)
    assert all(
        best > likelihood(found.intercept + a, found.slope + b)
        for a, b in [(0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01), (0.01, -0.01)]
    )


def test_a_wrong_sign_falls_back_to_the_base_rate():
    prediction, returns = drawn(0.4, 1.0)
    found = calibrate(prediction, returns)
    assert found.slope == 0.0
    np.testing.assert_allclose(
        found.probability(np.array([-5.0, 0.0, 5.0])), np.mean(returns < 0), rtol=1e-12
    )


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e-9])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.6])
def test_predictions_that_are_all_equal_say_nothing(value, share):
    found = calibrate(np.full(1000, value), np.where(np.arange(1000) < 1000 * share, -1.0, 1.0))
    assert found.slope == 0.0
    np.testing.assert_allclose(found.probability(np.array([-1.0, 1.0])), share, rtol=1e-9)


@pytest.mark.parametrize("returns", [np.full(100, -1.0), np.full(100, 1.0)])
def test_one_sided_returns_give_a_probability_all_the_same(returns):
    p = calibrate(np.random.default_rng(0).standard_normal(100), returns).probability(np.zeros(1))[
        0
    ]
    assert 0 <= p <= 1 and (p > 0.5) == (returns[0] < 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(10, 300), st.floats(-2, 2))
def test_never_a_rising_map_and_always_a_probability(seed, n, lean):
    rng = np.random.default_rng(seed)
    prediction = rng.standard_normal(n)
    found = calibrate(prediction, lean * prediction + rng.standard_normal(n))
    assert found.slope <= 0
    p = found.probability(np.sort(prediction))
    assert (np.diff(p) <= 0).all() and (p >= 0).all() and (p <= 1).all()
