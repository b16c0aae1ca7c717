"""Formulas against published values, other libraries, and themselves written out.

Belongs here: `learning/statistics.py`. Not here: judgements made of them.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from bondsig_assets.learning.statistics import (
    MINIMUM_OFFSET_DAYS,
    hit_rate,
    lags_of,
    newey_west,
    offsets_t_statistic,
    outer_weights,
    ranked,
    wilson,
)
from bondsig_assets_tests.learning.by_hand import autocovariances, shares


@pytest.mark.parametrize("lags", [0, 1, 8])
def test_newey_west_is_the_sum_of_weighted_autocovariances(lags):
    rng = np.random.default_rng(0)
    values = np.convolve(rng.standard_normal(300), np.ones(5) / 5, mode="valid") + 0.1
    mean, error = newey_west(values, lags)
    assert mean == pytest.approx(values.mean(), rel=1e-14)
    assert error == pytest.approx(autocovariances(values.tolist(), lags), rel=1e-12)


def test_newey_west_by_hand():
    # Gaps -1.5 -0.5 0.5 1.5: covariances 1.25 and 0.3125, long-run variance 1.25 + 2 x 1/2 x 0.3125
    # = 1.5625, over 4 its root.
    assert newey_west(np.array([1.0, 2.0, 3.0, 4.0]), 1) == pytest.approx((2.5, 0.625), rel=1e-14)


def test_newey_west_of_too_few_or_equal_values():
    assert np.isnan(newey_west(np.arange(9.0), 8)[1])
    assert np.isfinite(newey_west(np.arange(10.0), 8)[1])
    assert np.isnan(newey_west(np.empty(0), 0)).all()
    assert newey_west(np.full(30, 0.1), 6) == (0.1, 0.0)


@given(
    st.lists(st.floats(-1, 1), min_size=10, max_size=60),
    st.integers(0, 8),
    st.floats(-2, 2),
    st.floats(0.1, 10),
)
def test_newey_west_moves_and_scales_with_its_values(values, lags, shift, factor):
    mean, error = newey_west(np.array(values), lags)
    moved, scaled = newey_west(factor * np.array(values) + shift, lags)
    assert moved == pytest.approx(factor * mean + shift, abs=1e-9)
    assert scaled == pytest.approx(factor * error, rel=1e-4, abs=1e-6)


def test_overlapping_labels_of_no_skill_are_rarely_significant_with_the_lags_of_their_horizon():
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        values = np.convolve(rng.standard_normal(504), np.ones(5), mode="valid")
        mean, error = newey_west(values, lags_of(5, values.size))
        found.append(
            (abs(mean / error) > 1.96, abs(mean) / (values.std() / values.size**0.5) > 1.96)
        )
    honest, plain = np.mean(found, axis=0)
    assert honest < 0.11
    assert plain > 0.3


@pytest.mark.parametrize(
    ("horizon", "n_days", "lags"),
    [(5, 100, 6), (1, 100, 4), (1, 50, 3), (21, 100, 22), (5, 1258, 7), (5, 3000, 8), (1, 1, 2)],
)
def test_lags_cover_the_overlap_and_grow_with_the_sample(horizon, n_days, lags):
    assert lags_of(horizon, n_days) == lags


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (8, 10, 0.490162, 0.943318),
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
        (50, 100, 0.403832, 0.596168),
    ],
)
def test_wilsons_interval_is_the_published_one(hits, n, low, high):
    assert wilson(hits, n) == (
        hits / n,
        pytest.approx(low, abs=1e-6),
        pytest.approx(high, abs=1e-6),
    )


@given(st.integers(1, 10**7), st.data())
def test_wilsons_interval_holds_the_share_and_solves_its_equation(n, data):
    hits = data.draw(st.integers(0, n))
    share, low, high = wilson(hits, n)
    assert 0 <= low <= share == hits / n <= high <= 1
    for bound in (low, high):
        # A bound is a true share that is 1.96 of its own standard errors away from what was seen.
        assert abs(share - bound) == pytest.approx(
            1.959963984540054 * (bound * (1 - bound) / n) ** 0.5, rel=1e-5, abs=1e-9
        )


def test_wilson_of_nothing_is_nothing():
    assert wilson(0, 0) == (None, None, None)


@given(st.integers(1, 10**6), st.integers(1, 21), st.data())
def test_the_interval_of_labels_that_overlap_is_that_of_fewer(n, horizon, data):
    hits = data.draw(st.integers(0, n))
    share, low, high = hit_rate(hits, n, horizon)
    assert share == hits / n and 0 <= low <= share <= high <= 1
    assert (low, high) == pytest.approx(
        wilson(hits / horizon, n / horizon)[1:], rel=1e-12, abs=1e-12
    )
    assert low <= wilson(hits, n)[1] + 1e-12 and high >= wilson(hits, n)[2] - 1e-12
    assert hit_rate(0, 0, horizon) == (None, None, None)


def test_the_offsets_t_is_the_mean_of_plain_ts():
    rng = np.random.default_rng(1)
    numbers = np.flatnonzero(rng.random(200) < 0.8) + 5_003
    values = rng.standard_normal(numbers.size) + 0.3
    wanted = np.mean([ttest_1samp(values[numbers % 5 == k], 0).statistic for k in range(5)])
    assert offsets_t_statistic(values, numbers, 5) == pytest.approx(wanted, rel=1e-12)
    assert offsets_t_statistic(values, numbers, 1) == pytest.approx(
        ttest_1samp(values, 0).statistic, rel=1e-12
    )


def test_an_offset_with_too_few_or_equal_values_gives_no_t():
    numbers = np.arange(5 * MINIMUM_OFFSET_DAYS)
    values = np.random.default_rng(0).standard_normal(numbers.size)
    assert offsets_t_statistic(values, numbers, 5) is not None
    assert offsets_t_statistic(values[1:], numbers[1:], 5) is None
    assert offsets_t_statistic(np.where(numbers % 5 == 2, 0.1, values), numbers, 5) is None
    assert offsets_t_statistic(np.empty(0), np.empty(0, dtype=np.int64), 5) is None


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.sampled_from([0.1, 0.2, 0.5]))
def test_outer_weights_fill_the_places_and_are_shared_by_ties(values, share):
    column, group = np.array(values, dtype=float)[:, None], np.zeros(len(values), dtype=np.int64)
    places = max(int(share * len(values) + 1e-9), 1)
    bottom, top = outer_weights(
        *ranked(column, group), np.full((len(values), 1), len(values)), share
    )
    np.testing.assert_allclose(top[:, 0], shares(column[:, 0], places), atol=1e-12)
    np.testing.assert_allclose(bottom[:, 0], shares(-column[:, 0], places), atol=1e-12)


def test_three_tenths_of_ten_are_three_places():
    lowest, highest = ranked(np.arange(10.0)[:, None], np.zeros(10, dtype=np.int64))
    assert outer_weights(lowest, highest, np.full((10, 1), 10), 0.3)[1].sum() == 3
