"""Long-run deviations: the overlap by hand, and estimates against noise that has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondsig_assets.monitoring.long_run import (
    autocorrelations,
    long_run,
    noise_weights,
    overlap_inflation,
    overlapping_noise,
)


def test_overlap_by_hand():
    assert autocorrelations(0.5, 5) == pytest.approx([1, 0.4, 0.15, 0.05, 0.0125])
    assert overlap_inflation(0.5, 5) == pytest.approx(2.225)
    # Labels that share nothing a day on, and scores that stay for five days.
    assert overlap_inflation(0.0) == overlap_inflation(0.7, 1) == 1.0
    assert overlap_inflation(1.0, 5) == pytest.approx(5.0)


@given(st.floats(0, 1), st.integers(1, 10))
def test_the_moving_average_has_the_declared_autocorrelations(persistence, horizon):
    weights = noise_weights(persistence, horizon)
    found = [weights[: horizon - k] @ weights[k:] for k in range(horizon)]
    assert found == pytest.approx(autocorrelations(persistence, horizon), abs=2e-3)


def test_labels_of_five_days_and_a_score_with_memory_make_that_noise():
    """The product itself, not the formula: scores that decay, labels that add up five days."""
    draw, n, kept = np.random.default_rng(0), 400_000, 0.6
    score = np.empty(n)
    score[0] = draw.normal()
    for day in range(1, n):
        score[day] = kept * score[day - 1] + draw.normal() * (1 - kept**2) ** 0.5
    daily = draw.normal(size=n + 4)
    label = sum(daily[k : n + k] for k in range(5)) / 5**0.5
    x = score * label
    found = [float(np.corrcoef(x[: n - k], x[k:])[0, 1]) for k in range(1, 7)]
    assert found == pytest.approx([*autocorrelations(kept)[1:], 0, 0], abs=0.012)


@pytest.mark.parametrize("persistence", [0.0, 0.6, 1.0])
def test_the_measured_deviation_is_that_of_the_noise(persistence):
    noise = overlapping_noise(np.random.default_rng(1), (504, 300), persistence)
    found = [long_run(0.09 * noise[:, k]) for k in range(noise.shape[1])]
    true = 0.09 * overlap_inflation(persistence) ** 0.5
    ratios = np.array([one.deviation for one in found]) / true
    assert 0.97 < ratios.mean() < 1.05 and ratios.std() < 0.1
    assert np.mean([one.daily_deviation for one in found]) == pytest.approx(0.09, rel=0.03)
    # What the formula with one label of lags, as for a t, makes of the days of a score that stays.
    errors = np.array([one.mean / one.error for one in found])
    assert 0.9 < errors.std() < 1.15


def test_days_without_a_value_and_too_few_days():
    values = overlapping_noise(np.random.default_rng(2), (100, 1), 0.6)[:, 0]
    holed = np.insert(values, [3, 50], [np.nan, np.inf])
    assert long_run(holed) == long_run(values)
    assert long_run(values).inflation > 1
    for few in (np.empty(0), np.full(40, np.nan), values[:16], np.full(60, 0.02)):
        assert np.isnan(long_run(few).deviation) and np.isnan(long_run(few).error)
    assert long_run(values[:17]).n_days == 17 and np.isfinite(long_run(values[:17]).deviation)
