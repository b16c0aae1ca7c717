"""The probability map: finds size and landing that are there, and claims nothing where nothing
leads.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, ndtr, ndtri

from bondsig_assets.learning.calibration import (
    CERTAINTY_MEAN,
    Calibration,
    ProbabilityMap,
    believed,
    calibrate,
)

PER_DAY = 90


def drawn(
    slope: float = 1.0, certainty: float = 0.8, scale: float = 0.5, n_days: int = 400, seed: int = 0
) -> tuple[np.ndarray, ...]:
    """Sparse predictions, labels that land with the given certainty, days and CDS flags."""
    rng = np.random.default_rng(seed)
    n = n_days * PER_DAY
    z = scale * rng.standard_t(3, n) * (rng.random(n) < 0.3)
    lands = rng.random(n) < certainty
    y = np.where(lands, slope * z, 0.0) + rng.standard_normal(n)
    day = np.repeat(np.arange(n_days), PER_DAY)
    return z, 2.0 * y, y, day, np.tile(np.arange(PER_DAY) % 2 == 0, n_days)


def test_size_that_means_something_is_believed_and_recovered():
    found = calibrate(*drawn(), horizon=1)
    assert found.prior_slope > 0.95
    for one in (found.with_cds, found.without_cds):
        z = np.array([-2.0, -0.5, 0.5, 2.0])
        truth = 0.5 * 0.2 + 0.8 * ndtr(-z)
        np.testing.assert_allclose(one.probability(z), truth, atol=0.03)


def test_it_is_the_mode_of_likelihood_and_priors():
    z, raw, own, day, cds = drawn(n_days=40)
    found = calibrate(z, raw, own, day, cds)
    for has, one in ((True, found.with_cds), (False, found.without_cds)):
        mine, under = z[cds == has], raw[cds == has] < 0
        shift = float(one.probability(np.zeros(1))[0]) - 0.5

        def value(slope: float, odds: float, mine=mine, under=under, shift=shift) -> float:
            c = expit(odds)
            p = 0.5 * (1 - c) + c * ndtr(ndtri(0.5 + shift / c) - slope * mine)
            prior = ((slope - found.prior_slope) / 0.3) ** 2 + (odds - 1.5) ** 2
            return float(np.log(np.where(under, p, 1 - p)).sum() / 5 - prior / 2)

        odds = float(np.log(one.certainty / (1 - one.certainty)))
        best = value(-one.slope, odds)
        for d in np.eye(2) * 0.05:
            assert best > value(-one.slope + d[0], odds + d[1])
            assert best > value(-one.slope - d[0], odds - d[1])


def test_without_news_a_cds_changes_nothing():
    z, _, _, day, cds = drawn(n_days=84)
    noise = np.random.default_rng(3).standard_normal(z.size) + np.where(cds, 0.3, -0.3)
    silent = calibrate(np.zeros(z.size), noise, noise, day, cds)
    assert silent.with_cds == silent.without_cds
    found = calibrate(z, noise + z, noise + z, day, cds)
    p = found.probability(np.zeros(2), np.array([True, False]))
    assert p[0] == pytest.approx(p[1], abs=1e-12)


def test_issuers_with_a_cds_have_a_map_of_their_own():
    z, raw, own, day, cds = drawn(n_days=300)
    noise = np.random.default_rng(9).standard_normal(z.size)
    raw = np.where(cds, 2 * noise, raw)
    found = calibrate(z, raw, np.where(cds, noise, own), day, cds, 1)
    assert -found.with_cds.slope * found.with_cds.certainty < 0.3
    assert -found.without_cds.slope * found.without_cds.certainty > 0.6
    p = found.probability(np.array([1.0, 1.0]), np.array([True, False]))
    assert p[0] == found.with_cds.probability(np.array([1.0]))[0] and p[1] < p[0]
    few = calibrate(z, raw, own, day, np.zeros_like(cds), 1)
    assert few.with_cds == calibrate(z, raw, own, day, np.arange(cds.size) < 100, 1).with_cds


@pytest.mark.slow
def test_where_nothing_leads_nothing_is_claimed():
    z, *_ = drawn()
    spans = []
    for seed in range(20):
        _, raw, own, day, cds = drawn(slope=0.0, n_days=84, seed=seed)
        found = calibrate(z[: own.size], raw, own, day, cds)
        spans.append(
            np.abs(found.probability(np.full(2, 1.5), np.array([True, False])) - 0.5).max()
        )
    assert np.mean(spans) < 0.10 and believed(z, -z, np.repeat(np.arange(400), PER_DAY), 5) == 0.0


def test_belief_is_one_minus_one_over_t_squared():
    z, _, own, day, _ = drawn(slope=0.1, n_days=60)
    gap = own.reshape(60, PER_DAY)
    daily = (z.reshape(60, PER_DAY) * (gap - gap.mean(axis=1)[:, None])).sum(axis=1)
    lags, d = 6, daily - daily.mean()
    variance = d @ d / 60
    for k in range(1, lags + 1):
        variance += 2 * (1 - k / (lags + 1)) * (d[k:] @ d[:-k]) / 60
    t = daily.mean() / np.sqrt(variance / 60)
    assert t > 1 and believed(z, own, day, 5) == pytest.approx(1 - 1 / t**2, rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0])
def test_predictions_that_are_all_equal_say_nothing(value):
    _, raw, own, day, cds = drawn(n_days=30)
    found = calibrate(np.full(raw.size, value), raw, own, day, cds)
    assert not found.is_informed(np.array([True, False])).any()
    p = found.probability(np.array([-1.0, 0.0, 1.0]), np.zeros(3, dtype=bool))
    assert np.ptp(p) == 0 and abs(p[0] - 0.5) < 0.03


def test_no_rows_have_the_prior():
    nothing = np.empty(0)
    found = calibrate(nothing, nothing, nothing, nothing.astype(int), nothing.astype(bool))
    assert found.base_rate == 0.5 and found.with_cds.slope == 0.0
    assert found.with_cds.certainty == pytest.approx(expit(CERTAINTY_MEAN), abs=1e-4)


def test_a_map_of_an_older_version_is_logistic():
    old = ProbabilityMap(0.2, -3.0)
    z = np.array([-1.0, 0.0, 2.0])
    np.testing.assert_allclose(old.probability(z), expit(0.2 - 3.0 * z), rtol=1e-15)
    both = Calibration(old, old, 0.5)
    assert both.is_informed(np.array([True, False])).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(16, 600), st.floats(-2, 2))
def test_never_a_rising_map_and_always_a_probability(seed, n, lean):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal(n)
    y = lean * z + rng.standard_normal(n)
    found = calibrate(z, y, y, np.arange(n) // 16, rng.random(n) < 0.5)
    p = found.without_cds.probability(np.sort(z))
    assert (np.diff(p) <= 0).all() and (p > 0).all() and (p < 1).all()
