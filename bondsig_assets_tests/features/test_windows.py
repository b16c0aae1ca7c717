"""Each window against a plain loop, on arrays with holes; and the same bits however much history is
loaded.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bondsig_assets.features import windows as w

FEW = settings(max_examples=60, deadline=None)
VALUES = st.one_of(st.floats(-1e3, 1e3), st.just(float("nan")), st.sampled_from([0.0, -0.0, 1.0]))
ARRAYS = hnp.arrays(
    float, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12), elements=VALUES
)


def rolled(values: np.ndarray, window: int, statistic) -> np.ndarray:
    """`statistic` of the values present in each window, one cell at a time."""
    out = np.full(values.shape, np.nan)
    for day, name in np.ndindex(values.shape):
        recent = values[max(day - window + 1, 0) : day + 1, name]
        out[day, name] = statistic(recent[np.isfinite(recent)])
    return out


def at_least(minimum: int, statistic):
    """NaN below the minimum."""
    return lambda present: statistic(present) if present.size >= minimum else np.nan


@FEW
@given(ARRAYS, st.integers(1, 15), st.integers(1, 4))
def test_counts_sums_means_and_medians(values, window, minimum):
    np.testing.assert_array_equal(w.count(values, window), rolled(values, window, len))
    np.testing.assert_allclose(
        w.total(values, window, minimum),
        rolled(values, window, at_least(minimum, np.sum)),
        rtol=1e-12,
        atol=1e-9,
    )
    np.testing.assert_allclose(
        w.mean(values, window, minimum),
        rolled(values, window, at_least(minimum, np.mean)),
        rtol=1e-12,
        atol=1e-9,
    )
    np.testing.assert_array_equal(
        w.median(values, window, minimum), rolled(values, window, at_least(minimum, np.median))
    )


@FEW
@given(ARRAYS, st.integers(1, 15), st.integers(1, 4))
def test_deviations(values, window, minimum):
    naive = rolled(
        values, window, at_least(max(minimum, 2), lambda present: np.std(present, ddof=1))
    )
    np.testing.assert_allclose(w.deviation(values, window, minimum), naive, rtol=1e-9, atol=1e-9)


def test_a_deviation_of_large_numbers_is_not_lost():
    values = np.array([[1e8], [1e8 + 1], [1e8 + 2]])
    assert w.deviation(values, 3, 3)[2, 0] == pytest.approx(1.0, rel=1e-12)


@FEW
@given(ARRAYS, st.integers(0, 15))
def test_lag(values, days):
    shifted = w.lag(values, days)
    for day, name in np.ndindex(values.shape):
        np.testing.assert_array_equal(
            shifted[day, name], values[day - days, name] if day >= days else np.nan
        )


@FEW
@given(ARRAYS, st.integers(1, 15))
def test_latest(values, window):
    value, age = w.latest(values, window)
    for day, name in np.ndindex(values.shape):
        known = [
            (back, values[day - back, name])
            for back in range(min(window, day + 1))
            if np.isfinite(values[day - back, name])
        ]
        np.testing.assert_array_equal(
            (age[day, name], value[day, name]), known[0] if known else (np.nan, np.nan)
        )


@FEW
@given(ARRAYS, st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_median_of_others(values, minimum, seed):
    group = np.random.default_rng(seed).integers(-1, 2, values.shape)
    naive = np.full(values.shape, np.nan)
    for day, name in np.ndindex(values.shape):
        others = [
            values[day, k]
            for k in range(values.shape[1])
            if k != name and group[day, k] == group[day, name] and np.isfinite(values[day, k])
        ]
        if group[day, name] >= 0 and len(others) >= minimum:
            naive[day, name] = np.median(others)
    np.testing.assert_array_equal(w.median_of_others(values, group, minimum), naive)


WINDOWED = {
    "count": lambda v: w.count(v, 5),
    "total": lambda v: w.total(v, 5, 2),
    "mean": lambda v: w.mean(v, 5, 2),
    "deviation": lambda v: w.deviation(v, 5, 2),
    "median": lambda v: w.median(v, 5, 2),
    "latest": lambda v: w.latest(v, 5)[0],
    "lag": lambda v: w.lag(v, 4),
    "median_of_others": lambda v: w.median_of_others(v, np.zeros(v.shape, dtype=int), 2),
}


@pytest.mark.parametrize("name", WINDOWED)
@FEW
@given(values=hnp.arrays(float, (14, 3), elements=VALUES), start=st.integers(0, 9))
def test_more_history_changes_no_bit(name, values, start):
    whole, part = WINDOWED[name](values)[start + 4 :], WINDOWED[name](values[start:])[4:]
    assert whole.tobytes() == part.tobytes()


@pytest.mark.parametrize("name", WINDOWED)
@FEW
@given(values=hnp.arrays(float, (10, 3), elements=VALUES), day=st.integers(0, 9))
def test_the_future_changes_no_bit(name, values, day):
    poisoned = values.copy()
    poisoned[day + 1 :] = 1e9
    assert (
        WINDOWED[name](values)[: day + 1].tobytes() == WINDOWED[name](poisoned)[: day + 1].tobytes()
    )
