"""Detectors: by hand, causal, restarted, and their rates and delays against theory and §6.2's
table (measured elsewhere: h, mean delay of a fall to zero, of a flip).
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from bondsig_assets.monitoring.long_run import overlap_inflation
from bondsig_assets.monitoring.sequential import (
    KINDS,
    cusum_threshold,
    detect,
    evidence,
    expected_delay,
    false_alarm_days,
    simulated_run_lengths,
    simulated_threshold,
)

KEPT = 0.6
#: IC, its daily deviation, years between false alarms; threshold in the IC's unit, mean days to the
#: alarm when the IC falls to 0, and when it turns round.
TABLE = [
    (0.02, 0.09, 2, 1.86, 110, 50),
    (0.02, 0.09, 5, 2.62, 167, 71),
    (0.02, 0.09, 10, 3.16, 214, 86),
    (0.01, 0.09, 5, 3.35, 314, 155),
    (0.013, 0.17, 5, 7.05, 438, 237),
    (0.02, 0.045, 5, 0.89, 68, 27),
    (0.01, 0.045, 5, 1.30, 162, 68),
]


def signal_of(ic: float, deviation: float) -> tuple[float, float]:
    """The IC in long-run deviations, and that deviation."""
    long = deviation * overlap_inflation(KEPT) ** 0.5
    return ic / long, long


def test_evidence_is_the_log_likelihood_ratio():
    x = np.array([[-0.1], [0.0], [0.3]])
    found = evidence(x, np.array([0.02]), np.array([0.0]), np.array([0.15]))
    wanted = norm.logpdf(x, 0.0, 0.15) - norm.logpdf(x, 0.02, 0.15)
    assert found == pytest.approx(wanted, abs=1e-12)
    for before, after, sd in ((0.02, 0.02, 0.1), (0.02, 0.0, 0.0), (np.nan, 0, 1), (0.02, 0, -1)):
        assert np.isnan(evidence(x, np.array([before]), np.array([after]), np.array([sd]))).all()


def test_both_by_hand():
    steps = np.array([[0.5], [-2.0], [1.0], [np.nan], [1.0], [1.0]])
    cusum = detect(steps, 1.5, "cusum")
    assert cusum.statistic[:, 0] == pytest.approx([0.5, 0, 1, 1, 2, 1])
    assert cusum.is_alarm[:, 0].tolist() == [False, False, False, False, True, False]
    # The change began after the fall to 0; the day without a value changed nothing and counts not.
    assert cusum.since[:, 0].tolist() == [0, 0, 2, 2, 2, 5]
    assert cusum.n_days[:, 0].tolist() == [1, 2, 3, 3, 4, 1]
    r, by_hand = 0.0, []
    for step in steps[:, 0]:
        r = r if np.isnan(step) else (1 + r) * np.exp(step)
        by_hand.append(r)
        r = 0.0 if r >= 10 else r
    roberts = detect(steps, 10.0)
    assert np.exp(roberts.statistic[:, 0]) == pytest.approx(by_hand)
    assert roberts.is_alarm[:, 0].tolist() == [False, False, False, False, True, False]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS), st.integers(1, 59))
def test_a_day_knows_only_its_past_and_a_monitor_only_itself(seed, kind, cut):
    draw = np.random.default_rng(seed)
    steps = draw.normal(0.1, 0.5, (60, 3))
    steps[draw.random(steps.shape) < 0.1] = np.nan
    edges = np.array([3.0, 8.0, 20.0])
    whole = detect(steps, edges, kind)
    poisoned = np.vstack([steps[:cut], np.full((60 - cut, 3), 99.0)])
    for name in ("statistic", "is_alarm", "since", "n_days"):
        at_once = getattr(whole, name)
        assert np.array_equal(
            at_once[:cut], getattr(detect(poisoned, edges, kind), name)[:cut], equal_nan=True
        )
        alone = getattr(detect(steps[:, 1:2], edges[1:2], kind), name)
        assert np.array_equal(at_once[:, 1:2], alone, equal_nan=True)


@pytest.mark.parametrize("kind", KINDS)
def test_after_an_alarm_it_begins_anew(kind):
    steps = np.random.default_rng(4).normal(0.3, 0.5, (400, 1))
    path = detect(steps, 8.0, kind)
    first = int(path.is_alarm[:, 0].argmax())
    assert path.is_alarm.sum() > 3
    rest = detect(steps[first + 1 :], 8.0, kind)
    assert np.array_equal(rest.statistic, path.statistic[first + 1 :])
    assert np.array_equal(rest.is_alarm, path.is_alarm[first + 1 :])
    assert np.array_equal(rest.since + first + 1, path.since[first + 1 :])


def test_the_change_is_dated_where_it_came():
    steps = np.random.default_rng(5).normal(-0.125, 0.5, (600, 400))
    steps[300:] += 0.25
    path = detect(steps, 1e5)
    day = np.where(path.is_alarm.any(axis=0), path.is_alarm.argmax(axis=0), -1)
    rung = day >= 300
    begun = path.since[day[rung], np.flatnonzero(rung)]
    assert rung.mean() > 0.95 and abs(np.median(begun) - 300) < 10


def test_a_cusum_of_a_mean_that_turns_round_is_the_drawdown():
    z = np.random.default_rng(6).normal(0.05, 1.2, (500, 1))
    mean = np.array([0.05])
    path = detect(evidence(z, mean, -mean, np.array([1.2])), np.inf, "cusum")
    wealth = np.concatenate([[0.0], np.cumsum(z[:, 0])])
    depth = np.maximum.accumulate(wealth) - wealth
    assert path.statistic[:, 0] * 1.2**2 / (2 * 0.05) == pytest.approx(depth[1:], abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_in_nothing_out(kind):
    empty = detect(np.empty((0, 3)), 5.0, kind)
    assert empty.statistic.shape == (0, 3) and not empty.is_alarm.any()
    silent = detect(np.full((30, 2), np.nan), 5.0, kind)
    assert not silent.is_alarm.any() and (silent.since == -1).all() and not silent.n_days.any()
    # Evidence without end neither overflows nor hides the alarm.
    loud = detect(np.full((5, 1), 800.0), 1e300, kind if kind == "cusum" else "shiryaev_roberts")
    assert loud.is_alarm.any() == (kind == "shiryaev_roberts")


def test_the_threshold_of_brownian_motion_solves_its_equation():
    for signal, days in ((0.1374, 1260), (0.05, 504), (0.4, 5040)):
        u = cusum_threshold(signal, days)
        assert np.exp(u) - u - 1 == pytest.approx(signal**2 / 2 * days, rel=1e-9)
        assert false_alarm_days("cusum", signal, u) == pytest.approx(days, rel=1e-9)
    assert np.isnan(cusum_threshold(0.0, 1260)) and np.isnan(cusum_threshold(0.1, np.nan))


@pytest.mark.parametrize(("ic", "sd", "years", "h", "falls", "flips"), TABLE)
def test_thresholds_and_delays_are_those_of_the_table(ic, sd, years, h, falls, flips):
    signal, long = signal_of(ic, sd)
    u = simulated_threshold("cusum", signal, 252 * years, KEPT)
    assert u * long / signal == pytest.approx(h, rel=0.07)
    for shift, wanted in ((1.0, falls), (2.0, flips)):
        days = simulated_run_lengths(
            "cusum", signal, u, KEPT, shift=shift, quiet_days=252, n_paths=600, n_days=3_000
        )
        assert days.mean() == pytest.approx(wanted, rel=0.12)
    assert expected_delay("cusum", signal, u) == pytest.approx(falls, rel=0.15)


def rate(kind, signal, threshold, run_length, kept=KEPT) -> float:
    """Measured mean days to a false alarm over those asked for."""
    horizon = 4 * run_length
    days = simulated_run_lengths(kind, signal, threshold, kept, n_paths=400, n_days=horizon, seed=7)
    return float(np.minimum(days, horizon).sum() / np.isfinite(days).sum() / run_length)


@pytest.mark.slow
@pytest.mark.parametrize("row", [TABLE[0], TABLE[3], TABLE[5]], ids=str)
def test_false_alarms_come_no_oftener_than_promised(row):
    """Shiryaev-Roberts and Brownian CUSUM keep their promise with overlap; simulated thresholds
    spend it all; days taken for independent break it.
    """
    (signal, _), run_length = signal_of(*row[:2]), 252 * row[2]
    assert 0.95 < rate("shiryaev_roberts", signal, run_length, run_length) < 1.6
    assert 1.1 < rate("cusum", signal, cusum_threshold(signal, run_length), run_length) < 2.0
    for kind in KINDS:
        exact = simulated_threshold(kind, signal, run_length, KEPT)
        assert 0.85 < rate(kind, signal, exact, run_length) < 1.15
    # The same noise, its deviation read off as if no day shared anything with the next.
    inflation = overlap_inflation(KEPT)
    naive = cusum_threshold(signal * inflation**0.5, run_length) / inflation
    assert rate("cusum", signal, naive, run_length) < 0.4


def test_independent_days_keep_the_theorem():
    for signal in (0.05, 0.2, 0.5):
        assert rate("shiryaev_roberts", signal, 504, 504, kept=0.0) > 0.93


@pytest.mark.parametrize(("ic", "sd", "years"), [row[:3] for row in TABLE[1:6:2]])
def test_shiryaev_roberts_takes_as_long_as_theory_says(ic, sd, years):
    signal, _ = signal_of(ic, sd)
    days = simulated_run_lengths(
        "shiryaev_roberts",
        signal,
        252 * years,
        KEPT,
        shift=1.0,
        quiet_days=504,
        n_paths=500,
        n_days=3_000,
    )
    said = expected_delay("shiryaev_roberts", signal, 252 * years)
    assert days.mean() == pytest.approx(said, rel=0.2)
    from_floor = simulated_run_lengths(
        "shiryaev_roberts", signal, 252 * years, KEPT, shift=1.0, n_paths=500, n_days=3_000
    )
    longest = expected_delay("shiryaev_roberts", signal, 252 * years, from_floor=True)
    assert from_floor.mean() == pytest.approx(longest, rel=0.12)
    assert longest > said


def test_delays_without_a_signal_or_beyond_all_bounds():
    for kind in KINDS:
        assert np.isnan(expected_delay(kind, 0.0, 500.0))
        assert np.isnan(expected_delay(kind, 0.1, np.nan))
    # So faint a signal that the threshold is reached by the days alone.
    assert expected_delay("shiryaev_roberts", 1e-4, 500.0, from_floor=True) == pytest.approx(
        500, rel=0.01
    )
    assert np.isnan(simulated_threshold("cusum", 0.0, 500, KEPT))


def test_a_simulated_threshold_is_the_same_every_time():
    first = simulated_threshold("cusum", 0.14, 504, KEPT)
    assert simulated_threshold("cusum", 0.14, 504, KEPT) == first
