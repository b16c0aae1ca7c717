"""The filter against exact conditioning of Gaussians, planted parameters found again, and no bit
from too far back or from ahead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.features import filtering as f

FEW = settings(max_examples=25, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def market(
    seed: int, days: int, names: int = 3, quiet: float = 0.4, step: float = 4.0
) -> dict[str, Any]:
    """Spreads that follow their sector with a beta and wander by `step`, seen with noise on some
    days.
    """
    rng = np.random.default_rng(seed)
    sector, beta = (
        rng.normal(0, 3, (days, names)),
        np.broadcast_to(rng.uniform(0.5, 1.5, names), (days, names)).copy(),
    )
    true = 200 + np.cumsum(beta * sector + rng.normal(0, step, (days, names)), axis=0)
    variance = rng.uniform(1, 60, (days, names))
    observed = true + rng.normal(0, 1, true.shape) * np.sqrt(variance)
    observed[rng.random(true.shape) < quiet] = np.nan
    return {
        "observed": observed,
        "variance": variance,
        "sector_change": sector,
        "beta": beta,
        "true": true,
    }


def filtered(m: dict[str, Any], **options) -> f.Filtered:
    return f.local_level(m["observed"], m["variance"], m["sector_change"], m["beta"], **options)


def stacked(m: dict[str, Any], **options) -> np.ndarray:
    found = filtered(m, **options)
    return np.stack([found.mean, found.sd, found.innovation, found.step_variance], axis=1)


@FEW
@given(seed=SEEDS, start=st.integers(0, 20))
def test_more_history_changes_no_bit(seed, start):
    m = market(seed, 60)
    whole = stacked(m, window=20, minimum=3)
    part = stacked({key: table[start:] for key, table in m.items()}, window=20, minimum=3)
    assert np.isfinite(whole).any()
    assert whole[start + 19 :].tobytes() == part[19:].tobytes()


@FEW
@given(seed=SEEDS, day=st.integers(0, 38))
def test_the_future_changes_no_bit(seed, day):
    m, poisoned = market(seed, 40), market(seed, 40)
    for table in poisoned.values():
        table[day + 1 :] *= np.random.default_rng(seed).choice(
            [1e6, -1.0, np.nan], table[day + 1 :].shape
        )
    assert (
        stacked(m, window=20, minimum=3)[: day + 1].tobytes()
        == stacked(poisoned, window=20, minimum=3)[: day + 1].tobytes()
    )


def test_the_default_window_is_enough_history():
    m = market(3, 200)
    part = {key: table[-f.WINDOW :] for key, table in m.items()}
    assert np.isfinite(stacked(m)[-1]).any()
    assert stacked(m)[-1].tobytes() == stacked(part)[-1].tobytes()


def conditioned(
    y: np.ndarray, noise: np.ndarray, drift: np.ndarray, step: float
) -> tuple[float, float]:
    """Mean and sd of the last state given all observations, by inverting the joint precision of
    every state; the first is free.
    """
    n = y.size
    precision, shift = np.zeros((n, n)), np.zeros(n)
    for k in range(1, n):
        move = np.zeros(n)
        move[k], move[k - 1] = 1.0, -1.0
        precision += np.outer(move, move) / step
        shift += move * drift[k] / step
    for seen in np.flatnonzero(np.isfinite(y)):
        precision[seen, seen] += 1 / noise[seen]
        shift[seen] += y[seen] / noise[seen]
    covariance = np.linalg.inv(precision)
    return float((covariance @ shift)[-1]), float(np.sqrt(covariance[-1, -1]))


@FEW
@given(SEEDS, st.sampled_from([0.0, 0.5, 0.8]), st.sampled_from([8, 30]))
def test_the_posterior_is_the_conditional_distribution(seed, quiet, window):
    m = market(seed, 45, 2, quiet)
    found = filtered(m, window=window, minimum=2)
    for day, name in np.argwhere(np.isfinite(found.mean))[::7]:
        days = slice(max(day - window + 1, 0), day + 1)
        drift = m["beta"][day, name] * m["sector_change"][days, name]
        mean, sd = conditioned(
            m["observed"][days, name],
            m["variance"][days, name],
            drift,
            found.step_variance[day, name],
        )
        assert found.mean[day, name] == pytest.approx(mean, abs=1e-7)
        assert found.sd[day, name] == pytest.approx(sd, rel=1e-7)


@FEW
@given(SEEDS)
def test_the_innovation_is_the_surprise_over_its_deviation(seed):
    m = market(seed, 40, 1)
    found = filtered(m, window=30, minimum=2)
    for day in np.flatnonzero(np.isfinite(found.innovation[:, 0])):
        days = slice(max(day - 29, 0), day + 1)
        blind, drift = (
            m["observed"][days, 0].copy(),
            m["beta"][day, 0] * m["sector_change"][days, 0],
        )
        blind[-1] = np.nan
        mean, sd = conditioned(blind, m["variance"][days, 0], drift, found.step_variance[day, 0])
        expected = (m["observed"][day, 0] - mean) / np.hypot(sd, np.sqrt(m["variance"][day, 0]))
        assert found.innovation[day, 0] == pytest.approx(expected, abs=1e-7)


def test_a_day_without_an_observation_is_only_predicted():
    m = market(6, 140, 1, quiet=0.0)
    m["observed"][-2:], m["beta"][:], m["sector_change"][-1] = np.nan, 1.0, 7.0
    found = filtered(m, window=100)
    assert np.isnan(found.innovation[-2:]).all()
    # A day later the window starts a day later too and the steps' variance is that of other days:
    # near, not equal.
    assert found.mean[-1, 0] - found.mean[-2, 0] == pytest.approx(7.0, abs=0.1)
    assert found.sd[-1, 0] ** 2 == pytest.approx(
        found.sd[-2, 0] ** 2 + found.step_variance[-1, 0], rel=0.01
    )
    m["observed"][:-2] = m["variance"][:-2] = np.nan
    assert np.isnan(stacked(m)).all()


@pytest.mark.parametrize(("step", "forgotten"), [(16.0, 1e-9), (1.0, 1e-3)])
def test_what_the_restart_forgets_is_small(step, forgotten):
    from bondsig_assets.features.filtering_kernel import _filter

    m = market(8, 400, 1, quiet=0.5)
    y, noise, drift = (
        m["observed"][:, 0],
        m["variance"][:, 0],
        m["beta"][0, 0] * m["sector_change"][:, 0],
    )
    long, short = (
        _filter(y[-n:], noise[-n:], drift[-n:], np.isfinite(y[-n:]), step) for n in (400, f.WINDOW)
    )
    assert abs(long[0] - short[0]) < forgotten * np.sqrt(long[1])
    assert short[1] == pytest.approx(long[1], rel=forgotten)


def test_a_planted_step_variance_is_found_and_innovations_are_standard():
    m = market(9, 400, 60, quiet=0.3, step=4.0)
    found = filtered(m)
    assert np.median(found.step_variance[150:]) == pytest.approx(16.0, rel=0.1)
    assert np.nanstd(found.innovation[150:]) == pytest.approx(1.0, abs=0.06)
    error, raw = (found.mean - m["true"])[150:], (m["observed"] - m["true"])[150:]
    assert np.std(error / found.sd[150:]) == pytest.approx(1.0, abs=0.08)
    seen = np.isfinite(raw)
    assert np.mean(error[seen] ** 2) < 0.65 * np.mean(raw[seen] ** 2)


def test_the_step_variance_by_hand():
    # Net of the sector: 10 over six days from day 0, -2 over five from day 2; noise of 1 on both
    # ends; today's jump has no say.
    nan = np.nan
    observed = np.array([100.0, nan, 140.0, nan, nan, nan, 113.0, 140.0, 999.0])[:, None]
    move = np.array([50.0, 1, 0, 1, 1, 0, 0, 0, 0])[:, None]
    ones = np.ones((9, 1))
    found = f.local_level(observed, ones, move, ones, minimum=2)
    assert found.step_variance[8, 0] == pytest.approx((100 - 2 + 4 - 2) / 11, rel=1e-12)
    assert np.isnan(
        found.step_variance[:8]
    ).all()  # the second change is known on day 7, and in the baseline of day 8
    assert np.isnan(f.local_level(observed, ones, move, ones, minimum=3).mean).all()


def test_quiet_spreads_have_the_floor():
    flat = np.full((30, 2), 120.0)
    found = f.local_level(flat, np.full((30, 2), 4.0), np.zeros((30, 1)), np.ones((30, 2)))
    np.testing.assert_array_equal(found.step_variance[15:], 0.25)
    np.testing.assert_array_equal(found.mean[15:], 120.0)
    assert np.isnan(found.mean[:15]).all()  # days 5 to 14 end the first ten changes over five days


def test_missing_betas_are_one_and_missing_sector_moves_are_none():
    m = market(10, 60)
    one, none = m["beta"] * 0 + 1, m["beta"] * np.nan
    assert stacked(m | {"beta": none}).tobytes() == stacked(m | {"beta": one}).tobytes()
    gap = m["sector_change"].copy()
    gap[::3] = np.nan
    assert (
        stacked(m | {"sector_change": gap}).tobytes()
        == stacked(m | {"sector_change": np.nan_to_num(gap)}).tobytes()
    )


def test_an_observation_without_a_variance_is_none():
    m = market(11, 60)
    lost = np.random.default_rng(1).random(m["variance"].shape) < 0.3
    blind = m | {"observed": np.where(lost, np.nan, m["observed"])}
    for bad in (np.nan, -1.0, np.inf):
        assert (
            stacked(m | {"variance": np.where(lost, bad, m["variance"])}).tobytes()
            == stacked(blind).tobytes()
        )


@FEW
@given(SEEDS)
def test_spreads_have_no_unit(seed):
    m = market(seed, 40)
    one = filtered(m, minimum=3)
    two = f.local_level(
        m["observed"] * 2,
        m["variance"] * 4,
        m["sector_change"] * 2,
        m["beta"],
        minimum=3,
        floor=1.0,
    )
    np.testing.assert_array_equal(two.mean, one.mean * 2)
    np.testing.assert_array_equal(two.sd, one.sd * 2)
    np.testing.assert_array_equal(two.innovation, one.innovation)


def test_the_variance_of_a_days_spread():
    # Half a percent over a duration of five is 10 bps; four trades halve the deviation.
    found = f.observation_variance(
        np.array([0.5, 0.5, 0.5, 0.5, np.nan]),
        np.array([5.0, 5.0, 0.0, np.nan, 5.0]),
        np.array([4.0, 0.0, 4.0, 4.0, 4.0]),
    )
    np.testing.assert_allclose(found, [25.0, np.nan, np.nan, np.nan, np.nan], rtol=1e-12)
