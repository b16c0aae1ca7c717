"""Tails and discoveries against scipy, baselines against a plain loop, planted spikes found, and no
bit from too far back or from ahead.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import false_discovery_control, nbinom

from bondsig_assets.features import detection as d

FEW = settings(max_examples=20, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def market(
    seed: int,
    days: int = 200,
    names: int = 4,
    mean: float = 8.0,
    r: float = 3.0,
    friday: float = 1.0,
) -> dict[str, Any]:
    """Counts of trades from Mondays to Fridays, some days unknown, and the customers' imbalance."""
    rng = np.random.default_rng(seed)
    weekday = np.arange(days) % 5
    mu = mean * np.where(weekday == 4, friday, 1.0)[:, None] * np.ones(names)
    counts = rng.negative_binomial(r, r / (r + mu)).astype(float)
    counts[rng.random(counts.shape) < 0.05] = np.nan
    return {"counts": counts, "weekday": weekday, "imbalance": rng.normal(size=counts.shape)}


def everything(found: d.VolumeSpikes) -> np.ndarray:
    return np.stack([getattr(found, field.name) for field in fields(found)], axis=1).astype(float)


# Tail probabilities


@FEW
@given(st.integers(0, 3000), st.floats(0.1, 500), st.floats(0.5, 1e6))
def test_tail_probabilities_are_scipys(count, mean, r):
    found = d.tail_probability(np.array([float(count)]), np.array([mean]), np.array([r]))[0]
    # scipy wants r / (r + mean), and near 1 its complement has few digits, which a large count
    # multiplies.
    assert found == pytest.approx(nbinom.sf(count - 1, r, r / (r + mean)), rel=1e-5, abs=1e-300)


def test_a_tail_by_hand():
    # r = 1 is geometric: P(N >= n) = (mu / (1 + mu))^n.
    np.testing.assert_allclose(
        d.tail_probability(np.array([0.0, 1, 2, np.nan]), np.full(4, 4.0), np.ones(4)),
        [1, 0.8, 0.64, np.nan],
        rtol=1e-13,
    )
    assert np.isnan(d.tail_probability(np.array([0.0, 3.0]), np.full(2, np.nan), np.ones(2))).all()


# Benjamini-Hochberg

P_VALUES = hnp.arrays(
    float,
    st.tuples(st.integers(1, 4), st.integers(1, 12)),
    elements=st.one_of(st.floats(0, 1), st.floats(0, 0.02), st.just(float("nan"))),
)


@FEW
@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.3]))
def test_discoveries_are_those_of_the_definition(p, q):
    found = d.benjamini_hochberg(p, q)
    assert found.dtype == bool
    assert found.shape == p.shape
    for day in range(p.shape[0]):
        present = np.sort(p[day, np.isfinite(p[day])])
        passing = [value for k, value in enumerate(present, 1) if value <= q * k / present.size]
        np.testing.assert_array_equal(found[day], p[day] <= (max(passing) if passing else -1))


def test_discoveries_are_scipys():
    p = np.random.default_rng(1).random((200, 50)) ** 3
    found = d.benjamini_hochberg(p, 0.1)
    np.testing.assert_array_equal(found, false_discovery_control(p, axis=1) <= 0.1)
    assert 0 < found.sum() < found.size
    assert (found.sum(axis=1) != (p <= 0.1).sum(axis=1)).any()


def test_a_missing_test_is_no_test():
    p = np.array(
        [[0.012, 0.9, 0.9, 0.9], [0.012, 0.9, 0.9, np.nan], [np.nan, np.nan, np.nan, np.nan]]
    )
    np.testing.assert_array_equal(
        d.benjamini_hochberg(p, 0.047), [[False] * 4, [True, False, False, False], [False] * 4]
    )
    assert d.benjamini_hochberg(np.empty((2, 0))).shape == (2, 0)


# Baselines


def baseline(counts: np.ndarray, weekday: np.ndarray, day: int, name: int) -> tuple[float, float]:
    """Expected count and dispersion of one cell, from the definition."""
    past = range(max(day - 126, 0), day)
    known = [k for k in past if np.isfinite(counts[k]).any()]
    means = [
        (
            np.mean([np.nansum(counts[k]) for k in known if weekday[k] == w])
            if sum(weekday[k] == w for k in known) >= 8
            else np.nan
        )
        for w in range(5)
    ]
    factor = (
        means / np.mean(means) if np.isfinite(means).all() and np.min(means) > 0 else np.ones(5)
    )
    use = [k for k in past if np.isfinite(counts[k, name])]
    if len(use) < 40:
        return np.nan, np.nan
    weight = np.array([0.5 ** ((day - 1 - k) / 21) for k in use])
    x = np.array([counts[k, name] / factor[weekday[k]] for k in use])
    mean = np.sum(weight * x) / weight.sum()
    variance = np.sum(weight * (x - mean) ** 2) / (weight.sum() - np.sum(weight**2) / weight.sum())
    r = (
        np.clip(mean**2 / (variance - mean), 0.5, 1e6)
        if variance > mean + mean**2 / 1e6
        else (1e6 if mean > 0 else 0.5)
    )
    return max(factor[weekday[day]] * mean, 0.1), r


@FEW
@given(SEEDS, st.floats(0.3, 2.0))
def test_baselines_are_those_of_the_definition(seed, friday):
    m = market(seed, 180, 3, 6.0, 2.0, friday)
    m["counts"][:150, 2] = np.nan
    m["counts"][:, 1] *= np.random.default_rng(seed).random(180) < 0.1
    mean, r = d.expected_counts(m["counts"], m["weekday"])
    for day in (5, 39, 42, 60, 127, 128, 179):
        for name in range(3):
            np.testing.assert_allclose(
                (mean[day, name], r[day, name]),
                baseline(m["counts"], m["weekday"], day, name),
                rtol=1e-9,
            )


def test_a_day_is_no_part_of_its_own_baseline():
    m = market(2)
    spiked = m["counts"].copy()
    spiked[-1] = 1e6
    for one, other in zip(
        d.expected_counts(m["counts"], m["weekday"]),
        d.expected_counts(spiked, m["weekday"]),
        strict=True,
    ):
        assert one.tobytes() == other.tobytes()


def test_quiet_fridays_are_expected_to_be_quiet():
    m = market(3, 300, 40, 20.0, 5.0, friday=0.5)
    factor = d.weekday_factors(m["counts"], m["weekday"])
    np.testing.assert_allclose(factor[-1], np.array([1, 1, 1, 1, 0.5]) / 0.9, rtol=0.08)
    np.testing.assert_array_equal(factor[:40], 1.0)
    assert (factor[40] != 1).all()  # each weekday has been seen eight times
    mean, _ = d.expected_counts(m["counts"], m["weekday"])
    last = mean[-5:].mean(axis=1)
    assert last[4] / last[:4].mean() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("r", [1.0, 4.0])
def test_a_planted_dispersion_is_found(r):
    m = market(4, 400, 60, 15.0, r)
    _, found = d.expected_counts(m["counts"], m["weekday"])
    assert np.median(found[130:]) == pytest.approx(r, rel=0.2)


def test_a_silent_issuer_expects_a_trade_in_ten_days():
    mean, r = d.expected_counts(np.zeros((60, 1)), np.arange(60) % 5)
    np.testing.assert_array_equal(mean[:40], np.nan)
    np.testing.assert_array_equal(mean[40:], 0.1)
    np.testing.assert_array_equal(r[40:], 0.5)


# Spikes


@FEW
@given(seed=SEEDS, start=st.integers(0, 40))
def test_more_history_changes_no_bit(seed, start):
    m = market(seed)
    whole = everything(d.volume_spikes(**m))
    part = everything(d.volume_spikes(**{key: table[start:] for key, table in m.items()}))
    assert whole[start + d.BASELINE_DAYS :].tobytes() == part[d.BASELINE_DAYS :].tobytes()


@FEW
@given(seed=SEEDS, day=st.integers(0, 98))
def test_the_future_changes_no_bit(seed, day):
    m, poisoned = market(seed, 100), market(seed, 100)
    poisoned["counts"][day + 1 :] *= np.random.default_rng(seed).choice(
        [100.0, 0.0, -1.0, np.nan], poisoned["counts"][day + 1 :].shape
    )
    poisoned["imbalance"][day + 1 :] *= -1
    assert (
        everything(d.volume_spikes(**m))[: day + 1].tobytes()
        == everything(d.volume_spikes(**poisoned))[: day + 1].tobytes()
    )


def test_planted_spikes_are_found_with_their_direction():
    m = market(5, 200, 50)
    m["counts"][180, :3], m["imbalance"][180, :3] = 120.0, [2e6, -3e6, np.nan]
    found = d.volume_spikes(**m)
    np.testing.assert_array_equal(found.is_spike[180], np.arange(50) < 3)
    np.testing.assert_array_equal(found.direction[180, :3], [1.0, -1.0, np.nan])
    assert np.isnan(found.direction[~found.is_spike]).all()
    np.testing.assert_array_equal(
        found.p_value, d.tail_probability(m["counts"], found.expected, found.dispersion)
    )
    np.testing.assert_allclose(
        found.zscore,
        (m["counts"] - found.expected)
        / np.sqrt(found.expected + found.expected**2 / found.dispersion),
        rtol=1e-12,
    )


@pytest.mark.parametrize("limit", [dict(p_below=1e-300), dict(z_above=1e9), dict(q=1e-300)])
def test_each_of_the_three_conditions_can_refuse(limit):
    m = market(5, 200, 50)
    m["counts"][180, :3] = 120.0
    assert d.volume_spikes(**m).is_spike[180].sum() == 3
    assert not d.volume_spikes(**m, **limit).is_spike[180].any()


def test_chance_makes_few_spikes():
    found = d.volume_spikes(**market(6, 500, 100))
    tested = np.isfinite(found.p_value)
    assert (found.p_value[tested] < 1e-3).mean() < 0.003
    assert (
        found.is_spike[130:].any(axis=1).mean() < 0.12
    )  # 5 % if mean and dispersion were known, not estimated
    assert (found.p_value[tested] < 0.05).mean() == pytest.approx(0.05, abs=0.015)


def test_little_history_is_unknown_and_late_cancels_are_quiet_days():
    m = market(7, 60, 2)
    m["counts"][:30, 1] = np.nan
    m["counts"][59, 0] = -4.0
    found = d.volume_spikes(**m)
    assert np.isnan(found.p_value[:, 1]).all()
    assert not found.is_spike[:, 1].any()
    assert found.p_value[59, 0] == 1.0
    assert found.zscore[59, 0] == pytest.approx(
        -found.expected[59, 0]
        / np.sqrt(found.expected[59, 0] + found.expected[59, 0] ** 2 / found.dispersion[59, 0])
    )
