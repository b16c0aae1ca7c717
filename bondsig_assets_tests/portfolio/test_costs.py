"""Costs by hand, and what they do where something is unknown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondsig_assets.portfolio.costs import (
    borrow_a_day,
    costs,
    half_spread,
    impact,
    multiplier,
)
from bondsig_assets.portfolio.settings import CostSettings

SETTINGS = CostSettings()


def one(value: float) -> np.ndarray:
    return np.array([value])


@pytest.mark.parametrize(
    ("price", "volume", "volatility", "bps"),
    [
        (100.0, 50e6, 0.01, 1.6),  # 1 bp and 0.6 for 1 % of volatility at 50 million a day
        (100.0, 50e6, 0.02, 2.2),
        (100.0, 50e6 / 2 ** (1 / 0.3), 0.01, 2.2),  # the slope doubles
        (5.0, 50e6, 0.01, 10.0),  # half a cent of five dollars
        (100.0, 1.0, 0.05, 50.0),  # no more than this
    ],
)
def test_half_spreads_by_hand(price, volume, volatility, bps):
    found = half_spread(one(price), one(volume), one(volatility), SETTINGS)
    assert found[0] == pytest.approx(bps / 1e4, rel=1e-12)


def test_impact_is_two_thirds_of_the_peak():
    """A tenth of a day's volume moves a stock of 2 % by 2 % x root 0.1; the average is two
    thirds of it, paid on what is traded.
    """
    nav, volume, traded = 10e6, 5e6, 0.05
    k = impact(one(volume), one(0.02), nav, 1.0)[0]
    assert k * traded**1.5 == pytest.approx(2 / 3 * 0.02 * 0.1**0.5 * traded, rel=1e-12)


def test_borrow_runs_on_calendar_days_over_360():
    """Seven days of 36 % a year are 0.7 %; a week has five trading days."""
    week = 5 * borrow_a_day(one(36.0), 1, SETTINGS)[0]
    assert week == pytest.approx(0.007, rel=1e-12)


def test_who_has_no_rate_pays_general_collateral_or_the_dear_rate():
    nobody = borrow_a_day(None, 2, SETTINGS)
    some = borrow_a_day(np.array([0.5, np.nan]), 2, SETTINGS)
    per_bp = 1e-4 * 7 / 5 / 360
    assert nobody == pytest.approx([30 * per_bp] * 2)
    assert some == pytest.approx([50 * per_bp, 300 * per_bp])


def test_commission_is_paid_on_the_price():
    found = costs(one(20.0), one(50e6), one(0.01), None, 1e6, SETTINGS)
    # Half a tick is 2.5 bp of 20 dollars, more than the 1.6 of its volatility.
    assert found.linear[0] == pytest.approx(2.5e-4 + 0.0035 / 20, rel=1e-12)


@pytest.mark.parametrize("bad", [np.nan, 0.0, -1.0, np.inf])
def test_what_has_no_price_or_volume_has_no_cost(bad):
    with np.errstate(all="raise"):
        no_volume = costs(one(20.0), one(bad), one(0.01), None, 1e6, SETTINGS)
        no_price = half_spread(one(bad), one(1e6), one(0.01), SETTINGS)
    assert np.isnan(no_volume.linear[0]) and np.isnan(no_volume.power[0])
    assert np.isnan(no_price[0])
    assert np.isnan(impact(one(1e6), one(np.nan), 1e6, 1.0)[0])


@given(st.floats(1e3, 1e12), st.floats(1e3, 1e12), st.floats(1.0, 100.0))
def test_twice_the_money_in_twice_the_volume_costs_the_same(nav, volume, times):
    k = [impact(one(volume * m), one(0.02), nav * m, 1.0)[0] for m in (1.0, times)]
    assert k[0] == pytest.approx(k[1], rel=1e-12)


@pytest.mark.parametrize(
    ("setting", "persistence", "times"),
    [(2.0, 0.9, 2.0), (3.0, np.nan, 3.0), (0.0, 1.0, 1.0), (0.0, 0.25, 1.75), (0.0, -0.5, 2.0)]
    + [(0.0, np.nan, 2.0), (0.0, 7.0, 1.0)],
)
def test_the_round_trip_counts_as_often_as_said_or_as_scores_last(setting, persistence, times):
    assert multiplier(CostSettings(multiplier=setting), persistence) == times
