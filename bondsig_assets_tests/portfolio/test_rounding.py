"""Whole shares: toward what is held, bounds kept, nothing dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio.optimizer import Exposure, solve
from bondsig_assets.portfolio.rounding import whole_shares
from bondsig_assets_tests.portfolio.problems import prices_of, problem_of


def held_in_shares(problem, price, nav):
    """The same day with whole shares held, and these."""
    shares = np.round(problem.held * nav / price).astype(np.int64)
    held = shares * price / nav
    low, high = np.minimum(problem.low, held), np.maximum(problem.high, held)
    return replace(problem, held=held, low=low, high=high), shares


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10**6), st.sampled_from([3e6, 1e7, 1e9]))
@example(30, 84068, 1e9)
@example(33, 34, 1e7)
def test_bounds_hold_after_rounding(n, seed, nav):
    price = prices_of(n, seed)
    problem, shares = held_in_shares(problem_of(n, seed, nav), price, nav)
    found = solve(problem)
    rounded = whole_shares(problem, found.weights, shares, price, nav)
    before = {one.name for one in found.bounds if one.is_breached}
    assert {one.name for one in rounded.bounds if one.is_breached} <= before
    assert (rounded.weights >= problem.low - 1e-12).all()
    assert (rounded.weights <= problem.high + 1e-12).all()
    assert rounded.weights == pytest.approx(rounded.shares * price / nav, abs=1e-12)
    # Within a share of what was wished, but for the few that keep a bound.
    beyond = np.abs(rounded.weights - found.weights) > price / nav * (1 + 1e-6)
    assert beyond.sum() <= rounded.n_repaired


@pytest.mark.parametrize(
    ("held", "wish", "shares"),
    [(0, 10.9, 10), (0, -10.9, -10), (10, 4.2, 5), (10, 10.0, 10), (10, 9.99999999, 10)]
    + [(-10, -4.2, -5), (10, -0.5, 0), (10, 0.0, 0), (-3, 0.0, 0), (0, 0.9, 0), (5, 6.0, 6)],
)
def test_trades_are_cut_toward_what_is_held(held, wish, shares):
    price, nav = np.array([100.0]), 1e6
    unit = price / nav
    one = problem_of(1, held=held * unit, low=-np.ones(1), high=np.ones(1), exposures=())
    found = whole_shares(one, wish * unit, np.array([held]), price, nav)
    assert found.shares[0] == shares and found.n_repaired == 0
    assert found.weights[0] == pytest.approx(shares * unit[0], abs=1e-15)


def test_cutting_leaves_the_net_and_a_share_is_added_for_it():
    """Long 1.9 and short 1.0 shares: cut to 1 and 1, the net stays; with 1.9 long and 2.9 short of
    a name twice as dear it would not.
    """
    nav, price = 1e6, np.array([100.0, 200.0])
    unit = price / nav
    net = (Exposure("net", "net", np.ones(2), 1.2e-4),)
    day = problem_of(2, held=np.zeros(2), low=-np.ones(2), high=np.ones(2), exposures=net)
    cut = whole_shares(day, np.array([1.9, -1.0]) * unit, np.zeros(2, int), price, nav)
    assert cut.shares.tolist() == [1, -1] and cut.n_repaired == 0
    kept = whole_shares(day, np.array([3.9, -2.0]) * unit, np.zeros(2, int), price, nav)
    assert kept.shares.tolist() == [3, -2] and kept.n_repaired == 0
    tight = replace(day, exposures=(Exposure("net", "net", np.ones(2), 2e-5),))
    mended = whole_shares(tight, np.array([3.9, -2.0]) * unit, np.zeros(2, int), price, nav)
    assert mended.shares.tolist() == [4, -2] and mended.n_repaired == 1
    assert not any(one.is_breached for one in mended.bounds)


def test_a_bound_no_share_can_keep_is_breached_and_says_so():
    nav, price = 1e4, np.array([1000.0, 700.0])
    net = (Exposure("net", "net", np.ones(2), 1e-3),)
    day = problem_of(2, held=np.zeros(2), low=-np.ones(2), high=np.ones(2), exposures=net)
    day = replace(day, turnover=2.0)
    found = whole_shares(day, np.array([0.25, -0.25]), np.zeros(2, int), price, nav)
    (net_value,) = [one for one in found.bounds if one.is_breached]
    assert net_value.name == "net" and net_value.slack > 0


def test_a_name_without_a_price_keeps_its_shares():
    price = np.array([100.0, np.nan])
    day = problem_of(2, held=np.array([0.01, 0.02]), low=-np.ones(2), high=np.ones(2))
    day = replace(day, exposures=())
    found = whole_shares(day, np.array([0.0, 0.02]), np.array([100, 7]), price, 1e6)
    assert found.shares.tolist() == [0, 7] and found.weights.tolist() == [0.0, 0.02]


def test_what_drifted_over_its_cap_goes_back_below_it():
    """404 shares are 4.04 %, 400 are the cap: whatever is wished, it ends there or below."""
    price, nav = np.array([100.0]), 1e6
    for wish, shares in ((400.0, 400), (399.4, 400), (396.5, 397)):
        one = problem_of(1, held=404 * price / nav, low=-np.ones(1), high=np.full(1, 0.04))
        one = replace(one, exposures=())
        found = whole_shares(one, wish * price / nav, np.array([404]), price, nav)
        assert found.shares[0] == shares
