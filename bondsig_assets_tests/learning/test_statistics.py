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
    book_weights,
    clustered_mean,
    clustered_share,
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


def test_a_mean_of_clusters_by_hand():
    # Mean 6/4; gaps of sums from mean x n: 1 - 1.5, 5 - 4.5, so 2/1 x (0.25 + 0.25) = 1, root 1,
    # over 4.
    assert clustered_mean(np.array([1.0, 5.0]), np.array([1.0, 3.0])) == pytest.approx((1.5, 0.25))
    assert np.isnan(clustered_mean(np.empty(0), np.empty(0))).all()
    mean, error = clustered_mean(np.array([2.0]), np.array([4.0]))
    assert mean == 0.5 and np.isnan(error)


def test_clusters_of_one_have_the_plain_error_of_a_mean():
    values = np.random.default_rng(0).standard_normal(40)
    mean, error = clustered_mean(values, np.ones(40))
    plain = ttest_1samp(values, 0.0)
    assert mean / error == pytest.approx(float(plain.statistic), rel=1e-12)


def test_a_share_of_clusters_of_one_has_wilsons_interval():
    hits = np.array([1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0])
    found = clustered_share(hits, np.ones(8))
    # The variance over C - 1 makes the design 8/7 instead of 1.
    assert found == pytest.approx(wilson(6 * 7 / 8, 7.0))
    assert clustered_share(np.empty(0), np.empty(0)) == (None, None, None)
    assert clustered_share(np.array([3.0]), np.array([4.0])) == pytest.approx(wilson(0.75, 1.0))


def test_where_all_hit_a_cluster_counts_as_one_trial():
    share, low, high = clustered_share(np.full(5, 4.0), np.full(5, 4.0))
    few = (2.0930240544 / 2.7764451052) ** 2  # Student's 97.5 % points of 19 and 4 degrees
    assert (share, low, high) == pytest.approx(wilson(5 * few, 5 * few), rel=1e-9)


def test_the_interval_of_a_share_keeps_its_promise_where_trials_of_a_cluster_agree():
    rng, covered, naive = np.random.default_rng(1), 0, 0
    for _ in range(400):
        n = rng.integers(1, 8, 60).astype(float)
        share = rng.random(60) < 0.7
        # Trials of a piece of news nearly always end alike.
        hits = np.where(share, n, 0.0)
        _, low, high = clustered_share(hits, n)
        assert low is not None and high is not None
        covered += low <= 0.7 <= high
        _, low, high = wilson(float(hits.sum()), float(n.sum()))
        assert low is not None and high is not None
        naive += low <= 0.7 <= high
    assert 0.92 < covered / 400 < 0.98
    assert naive / 400 < 0.75, "name-days counted one by one promise far too much"


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.floats(0.1, 9.0), st.floats(-50, 50))
def test_a_book_is_neutral_a_dollar_a_side_and_knows_no_unit(scores, factor, shift):
    values = np.array(scores)[:, None]
    group = np.zeros(len(scores), dtype=np.int64)
    weights = book_weights(values, group)
    assert abs(weights.sum()) < 1e-9
    if np.ptp(values) > 1e-3:
        assert np.abs(weights).sum() == pytest.approx(2.0)
        np.testing.assert_allclose(book_weights(factor * values + shift, group), weights, atol=1e-6)


def test_equal_scores_are_no_book():
    scores = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0], [7.0, 0.0], [7.0, 0.0]])
    found = book_weights(scores, np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(found[:, 0], 0.0, atol=0)
    np.testing.assert_allclose(found[:, 1], [-1.0, 0.0, 1.0, 0.0, 0.0], atol=1e-15)
