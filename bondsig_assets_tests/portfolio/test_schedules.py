"""Slices add up to the order, whatever its size and urgency; formulas are those of the books."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio.schedules import (
    bucket_times,
    done_by,
    impact_of,
    kappa,
    remaining,
    risk_of,
    slices,
    volume_profile,
)
from bondsig_assets.portfolio.settings import SCHEDULES

PROFILE = volume_profile(13)
NO_CAP = np.array([1e12])


def cut(shares, schedule, urgency=5.0, cap=NO_CAP, crossed=False):
    done = done_by(schedule, PROFILE, np.array([urgency]))
    return slices(np.array([shares]), done, PROFILE, cap, crossed)[0]


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 10**7),
    st.sampled_from(SCHEDULES),
    st.one_of(st.floats(0, 50), st.sampled_from([1e-300, 1e-6, 9.9e-5, 1.1e-4, 700.0, 1e6])),
)
def test_slices_add_up_to_the_order_exactly(shares, schedule, urgency):
    found = cut(shares, schedule, urgency)
    assert found.sum() == shares and (found >= 0).all() and found.size == 13


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("shares", [1, 2, 3])
def test_fewer_shares_than_buckets(schedule, shares):
    """nautilus_trader#1442: a slice of nothing is no slice, and the first bucket has a share."""
    found = cut(shares, schedule)
    assert found.sum() == shares and found[0] >= 1


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 10**6),
    st.sampled_from(SCHEDULES),
    st.floats(0.0, 2e6),
    st.booleans(),
)
def test_no_bucket_passes_its_cap_but_the_last_where_the_rest_is_crossed(
    shares, schedule, cap, crossed
):
    found = cut(shares, schedule, 3.0, np.array([cap]), crossed)
    by = np.floor(cap * np.cumsum(PROFILE) + 1e-9)
    room = np.diff(by, prepend=0)
    assert (found[:-1] <= room[:-1]).all() and found.sum() <= shares
    if crossed:
        assert found.sum() == shares
    else:
        assert found[-1] <= room[-1]
        # Nothing is dropped that there is room for from the order's own pace on.
        if schedule == "pov":
            assert found.sum() == min(shares, int(by[-1]))


def test_twap_and_vwap_and_pov_by_hand():
    assert cut(1300, "twap").tolist() == [100] * 13
    assert np.abs(cut(10_000, "vwap") - 10_000 * PROFILE).max() < 1
    pov = cut(1000, "pov", cap=np.array([4000.0]))
    assert pov.tolist()[:3] == [480, 340, 180] and not pov[3:].any()


@pytest.mark.parametrize("k", [0.0, 1e-9, 1e-5, 9.999e-5, 1.0001e-4, 1e-3, 0.5, 3.0, 40.0, 300.0])
def test_the_trajectory_is_the_ratio_of_hyperbolic_sines(k):
    """Against the definition in extended precision; a κ of nothing is a straight line."""
    clock = np.linspace(0, 1, 14)
    wide = np.longdouble(k)
    left = 1 - clock.astype(np.longdouble)
    exact = np.sinh(wide * left) / np.sinh(wide) if k else left
    assert remaining(np.array(k), clock) == pytest.approx(exact.astype(float), rel=1e-12, abs=1e-15)


def test_a_large_urgency_overflows_nothing_and_trades_at_once():
    with np.errstate(all="raise", under="ignore"):
        found = remaining(np.array([[1e6], [800.0]]), np.linspace(0, 1, 14)[None, :])
    assert found[:, 0].tolist() == [1.0, 1.0] and not found[0, 1:].any()
    assert cut(500, "almgren_chriss", 1e6)[0] == 500


def test_the_trades_of_almgren_and_chriss_have_the_form_of_their_paper():
    """n_j = X 2 sinh(κτ/2) / sinh(κT) cosh(κ(T - t_{j-½})) where volume is even."""
    even, k, tau = np.full(13, 1 / 13), 2.5, 1 / 13
    done = done_by("almgren_chriss", even, np.array([k]))[0]
    mid = (np.arange(13) + 0.5) * tau
    formula = 2 * np.sinh(k * tau / 2) / np.sinh(k) * np.cosh(k * (1 - mid))
    assert np.diff(done, prepend=0.0) == pytest.approx(formula, abs=1e-12)


def test_urgency_solves_the_equation_of_the_discrete_problem():
    arguments = (np.array([50_000]), np.array([40.0]), np.array([0.02]), np.array([2e6]))
    k = kappa(*arguments, impact=1.0, risk_aversion=1.0, n_buckets=13)[0]
    eta = 2 / 3 * 0.02 * 40 * np.sqrt(50_000 / 2e6) / 50_000
    squared = 1e-6 * (0.02 * 40) ** 2 / eta
    assert 2 * (np.cosh(k / 13) - 1) * 13**2 == pytest.approx(squared, rel=1e-9)
    none = kappa(*arguments, impact=1.0, risk_aversion=0.0, n_buckets=13)
    free = kappa(*arguments, impact=0.0, risk_aversion=1.0, n_buckets=13)
    assert none[0] == 0.0 and np.isfinite(free[0]) and free[0] > 100


def test_an_even_pace_in_volume_pays_the_square_root_law_and_every_other_more():
    price, sigma, volume = np.array([50.0]), np.array([0.02]), np.array([1e6])
    cost = {}
    for schedule in SCHEDULES:
        parts = cut(100_000, schedule, 3.0, np.array([2e5]))[None, :]
        paid = impact_of(parts, PROFILE, price, sigma, volume, 1.0)
        cost[schedule] = float((paid * parts).sum())
    assert cost["vwap"] == pytest.approx(2 / 3 * 0.02 * 50 * np.sqrt(0.1) * 100_000, rel=1e-3)
    assert min(cost, key=cost.get) == "vwap" and cost["almgren_chriss"] > cost["vwap"] * 1.01


def test_who_hurries_bears_less_risk():
    price, sigma = np.array([50.0]), np.array([0.02])
    risk = [
        float(risk_of(cut(1000, "almgren_chriss", k)[None, :], PROFILE, price, sigma)[0])
        for k in (0.0, 2.0, 20.0)
    ]
    assert risk[0] > risk[1] > risk[2]


def test_buckets_are_half_hours_and_a_short_session_has_fewer():
    whole, short = bucket_times(date(2024, 7, 2)), bucket_times(date(2024, 7, 3))
    assert len(whole) == 13 and len(short) == 7
    assert whole[0][0] == datetime(2024, 7, 2, 9, 30) and whole[-1][1] == datetime(
        2024, 7, 2, 16, 0
    )
    assert short[-1][1] == datetime(2024, 7, 3, 13, 0)
    for n in (7, 13):
        assert volume_profile(n).size == n and volume_profile(n).sum() == pytest.approx(1.0)
        assert volume_profile(n)[-1] == volume_profile(n).max()
