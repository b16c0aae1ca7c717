"""Option-adjusted spreads against QuantLib, against bullets, and against impossible schedules."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.bonds import kernels, tree_kernel
from bondsig_assets.bonds.callable_bonds import (
    CallSchedules,
    HullWhite,
    call_schedules,
    option_adjusted_spread,
    price_from_oas,
    yearly_calls,
)
from bondsig_assets.bonds.conventions import Bonds, terms
from bondsig_assets.bonds.curves import KNOTS, ZeroCurves
from bondsig_assets_tests.bonds.quantlib_bonds import (
    EPOCH,
    quantlib_callable,
    quantlib_date,
    random_bonds,
    random_callables,
    smooth_curve,
)

SETTLEMENT = date(2019, 3, 14)
SETTLES = (SETTLEMENT - EPOCH).days
CURVES = ZeroCurves(
    KNOTS,
    np.array(
        [
            np.linspace(0.02, 0.05, len(KNOTS)),
            np.full(len(KNOTS), np.nan),
            np.linspace(0.06, 0.01, len(KNOTS)),
        ]
    ),
)
#: Ten years of 6 %, callable from the fourth year on.
BOND = terms(SETTLES, SETTLES + 3653, 6.0)
CALLS = call_schedules([0, 2], [SETTLES + 1300, SETTLES + 2000], [103.0, 101.0])
NO_CALLS = call_schedules([0, 0], [], [])


def days(*dates):
    """Day numbers of dates as text."""
    return np.array(dates, dtype="datetime64[D]").astype(int)


def priced(n, seed, longest_years=10.0):
    """Random callables with clean prices as the market has them: near the call price at most."""
    bonds, schedules = random_callables(n, seed, SETTLEMENT, longest_years)
    _, curves = smooth_curve(SETTLEMENT)
    price, _ = kernels.price_from_z_spread(
        bonds, curves, 0, np.random.default_rng(seed).uniform(50.0, 400.0, n)
    )
    return bonds, schedules, curves, np.clip(price, 70.0, 103.0)


def part(bonds, schedules, picked):
    """Bonds and schedules at the positions `picked`."""
    rows = [np.arange(schedules.offsets[i], schedules.offsets[i + 1]) for i in picked]
    at = np.concatenate(rows).astype(int)
    offsets = np.cumsum([0, *map(len, rows)])
    chosen = CallSchedules(
        offsets, schedules.dates[at], schedules.prices[at], schedules.is_continuous[picked]
    )
    return Bonds(*(field[picked] for field in bonds)), chosen


def error_bps(price, expected, duration):
    """What a difference of prices is as a difference of spreads."""
    return 1e4 * (price - expected) / (expected * duration)


@pytest.mark.slow
def test_oas_is_quantlibs_on_fine_trees():
    """250 bonds: QuantLib's price at our OAS is our price, to 0.1 bp of spread (measured: 0.04)."""
    bonds, schedules, curves, price = priced(250, seed=5)
    handle, _ = smooth_curve(SETTLEMENT)
    model = ql.HullWhite(handle, 0.03, 0.01)
    found = option_adjusted_spread(bonds, schedules, curves, 0, price, steps_per_year=50)
    assert (found.status == kernels.OK).all() and (found.option_cost_bps > 5.0).mean() > 0.4
    again = np.empty(len(price))
    for i in range(len(price)):
        bond = quantlib_callable(bonds, schedules, i)
        bond.setPricingEngine(
            ql.TreeCallableFixedRateBondEngine(model, int(50 * (bonds.maturity[i] - SETTLES) / 365))
        )
        again[i] = bond.cleanPriceOAS(
            found.oas_bps[i] / 1e4,
            handle,
            ql.Actual365Fixed(),
            ql.Continuous,
            ql.Annual,
            quantlib_date(SETTLES),
        )
    assert np.abs(error_bps(again, price, found.oas_duration_years)).max() < 0.1


def test_oas_and_its_duration_are_quantlibs_own():
    bonds, schedules, curves, price = priced(8, seed=6, longest_years=6.0)
    handle, _ = smooth_curve(SETTLEMENT)
    for model in (HullWhite(), HullWhite(0.1, 0.015)):
        found = option_adjusted_spread(bonds, schedules, curves, 0, price, model, steps_per_year=50)
        for i in range(len(price)):
            bond = quantlib_callable(bonds, schedules, i)
            steps = int(50 * (bonds.maturity[i] - SETTLES) / 365)
            bond.setPricingEngine(
                ql.TreeCallableFixedRateBondEngine(ql.HullWhite(handle, *model), steps)
            )
            shared = (handle, ql.Actual365Fixed(), ql.Continuous, ql.Annual)
            oas = bond.OAS(float(price[i]), *shared, quantlib_date(SETTLES))
            assert 1e4 * oas == pytest.approx(found.oas_bps[i], abs=0.1)
            assert bond.effectiveDuration(oas, *shared, 0.005) == pytest.approx(
                found.oas_duration_years[i], abs=0.02
            )
            assert bond.effectiveConvexity(oas, *shared, 0.005) == pytest.approx(
                found.oas_convexity[i], abs=2.0, rel=0.15
            )


@pytest.mark.parametrize("is_continuous", [False, True])
def test_monthly_steps_are_near_daily_ones(is_continuous):
    """Measured on 600 market-like bonds: mean 0.06 to 0.08 bp, 99th percentile 0.46, largest 1.7
    (months before a call, near its price).
    """
    bonds, schedules, curves, price = priced(60, seed=8)
    schedules = schedules._replace(is_continuous=np.full(60, is_continuous))
    monthly, daily = (
        option_adjusted_spread(bonds, schedules, curves, 0, price, steps_per_year=steps)
        for steps in (12, 365)
    )
    error = np.abs(monthly.oas_bps - daily.oas_bps)
    assert np.median(error) < 0.1 and error.mean() < 0.2 and error.max() < 2.0
    assert np.abs(monthly.oas_duration_years - daily.oas_duration_years).max() < 0.05


def test_without_calls_it_is_the_z_spread():
    bonds, _ = random_bonds(300, seed=12, settlement=SETTLEMENT)
    spread = np.random.default_rng(0).uniform(-100.0, 900.0, 300)
    none = call_schedules(np.zeros(301), [], [])
    far = call_schedules(np.arange(301), bonds.settlement + 1, np.full(300, 1e6))
    expected, status = kernels.price_from_z_spread(bonds, CURVES, 2, spread)
    for schedules in (none, far):
        price, _ = price_from_oas(bonds, schedules, CURVES, 2, spread)
        np.testing.assert_allclose(price, expected, rtol=1e-11)
        found = option_adjusted_spread(bonds, schedules, CURVES, 2, price)
        assert (found.status == kernels.OK).all() and (status == kernels.OK).all()
        assert (
            np.abs(found.oas_bps - spread).max() < 1e-3
            and np.abs(found.option_cost_bps).max() < 1e-3
        )


def test_without_volatility_the_cheapest_date_decides():
    """On a flat curve, an issuer who knows the future calls on the date that makes the bond worth
    least.
    """
    flat = ZeroCurves(KNOTS, np.full((1, len(KNOTS)), 0.03))
    dates = days("2021-05-20", "2023-09-14", "2025-03-14")
    bond, schedule = (
        terms(days("2019-03-14"), days("2029-03-14"), 6.0),
        call_schedules([0, 3], dates, [104.0, 102.0, 101.0], False),
    )
    price, status = price_from_oas(bond, schedule, flat, 0, 80.0, HullWhite(0.03, 0.0))
    to_each = terms(
        bond.settlement,
        bond.maturity,
        6.0,
        2,
        0,
        np.append(dates, bond.maturity),
        [104.0, 102.0, 101.0, 100.0],
    )
    values, _ = kernels.price_from_z_spread(to_each, flat, 0, 80.0)
    assert status[0] == kernels.OK and price[0] == pytest.approx(values.min(), abs=1e-9)
    continuous, _ = price_from_oas(
        bond, schedule._replace(is_continuous=np.array([True])), flat, 0, 80.0, HullWhite(0.03, 0.0)
    )
    assert continuous[0] <= price[0]


def test_a_price_holds_until_the_next():
    """Callable every day at 103, then 101: the same as a schedule of every such day, on a tree of
    days.
    """
    bond = BOND._replace(
        day_count=np.array([1])
    )  # accrued interest rises by the day, as it does in the tree
    dates = np.arange(CALLS.dates[0], bond.maturity[0])
    every = call_schedules(
        [0, len(dates)], dates, np.where(dates < CALLS.dates[1], 103.0, 101.0), False
    )
    listed, continuous = (
        price_from_oas(bond, calls, CURVES, 0, 100.0, steps_per_year=365)[0][0]
        for calls in (every, CALLS)
    )
    assert listed == pytest.approx(continuous, abs=1e-9)
    assert price_from_oas(bond, CALLS, CURVES, 0, 100.0)[0][0] == pytest.approx(
        continuous, abs=0.01
    )
    # Under 30/360 the line between coupons is wrong by a day or two.
    listed, continuous = (
        price_from_oas(BOND, calls, CURVES, 0, 100.0, steps_per_year=365)[0][0]
        for calls in (every, CALLS)
    )
    assert listed == pytest.approx(continuous, abs=0.003)
    begun = call_schedules([0, 2], [SETTLES - 900, SETTLES + 2000], [103.0, 101.0])
    from_tomorrow = call_schedules([0, 2], [SETTLES + 1, SETTLES + 2000], [103.0, 101.0])
    prices = [
        price_from_oas(BOND, calls, CURVES, 0, 300.0, steps_per_year=365)[0][0]
        for calls in (begun, from_tomorrow)
    ]
    assert prices[0] == pytest.approx(prices[1], abs=1e-3)


def test_a_call_in_the_past_is_no_call_unless_it_holds():
    past = call_schedules([0, 1], [SETTLES - 100], [90.0], False)
    assert price_from_oas(BOND, past, CURVES, 0, 100.0)[0] == pytest.approx(
        kernels.price_from_z_spread(BOND, CURVES, 0, 100.0)[0], rel=1e-12
    )
    assert (
        price_from_oas(BOND, past._replace(is_continuous=np.array([True])), CURVES, 0, 100.0)[0]
        < 91.0
    )


@pytest.mark.parametrize(
    ("dates", "prices", "price", "status"),
    [
        ([1300, 1300], [103.0, 102.0], 99.0, kernels.BAD_CALLS),
        ([1300, 1200], [103.0, 102.0], 99.0, kernels.BAD_CALLS),
        ([1300, 3654], [103.0, 100.0], 99.0, kernels.BAD_CALLS),
        ([1300, 2000], [103.0, 0.0], 99.0, kernels.BAD_CALLS),
        ([1300, 2000], [103.0, -5.0], 99.0, kernels.BAD_CALLS),
        ([1300, 2000], [np.nan, 100.0], 99.0, kernels.BAD_CALLS),
        ([1300, 2000], [103.0, np.inf], 99.0, kernels.BAD_CALLS),
        ([-300, -200], [101.0, 100.0], 104.0, kernels.DEEP_CALL),
        ([-300, -200], [101.0, 100.0], 130.0, kernels.DEEP_CALL),
        ([20, 30], [100.0, 100.0], 101.5, kernels.DEEP_CALL),
        ([1300, 2000], [103.0, 101.0], 1e6, kernels.NO_ROOT),
        ([1300, 2000], [103.0, 101.0], 0.0, kernels.BAD_PRICE),
        ([1300, 2000], [103.0, 101.0], np.nan, kernels.BAD_PRICE),
        ([1300, 3653], [103.0, 100.0], 99.0, kernels.OK),
        ([-(2**62), 2000], [103.0, 100.0], 99.0, kernels.OK),
        ([20, 30], [100.0, 100.0], 100.2, kernels.OK),
    ],
)
def test_statuses(dates, prices, price, status):
    found = option_adjusted_spread(
        BOND, call_schedules([0, 2], SETTLES + np.array(dates), prices), CURVES, 0, price
    )
    assert found.status[0] == status
    for values in found[:4]:
        assert np.isnan(values[0]) == (status != kernels.OK)


def test_a_missing_call_date_is_a_bad_schedule():
    missing = call_schedules([0, 1], np.array(["NaT"], dtype="datetime64[D]"), [100.0])
    for settlement in (-900, SETTLES):
        bond = terms(settlement, settlement + 3000, 5.0)
        assert option_adjusted_spread(bond, missing, CURVES, 0, 99.0).status[0] == kernels.BAD_CALLS


def test_the_tree_seeks_where_the_kernels_do():
    """Constants are kept twice because numba freezes those of another file in its cache."""
    assert (tree_kernel.LOWEST, tree_kernel.HIGHEST) == (kernels.LOWEST, kernels.HIGHEST)


def test_statuses_of_the_bond_come_first():
    schedule = call_schedules([0, 1], [SETTLES - 5], [-1.0])
    for bond, curve, status in (
        (terms(SETTLES, SETTLES, 5.0), 0, kernels.MATURED),
        (terms(SETTLES, SETTLES + 900, -5.0), 0, kernels.BAD_TERMS),
        (terms(SETTLES, SETTLES + 900, 5.0), 1, kernels.NO_CURVE),
        (terms(SETTLES, SETTLES + 900, 5.0), 7, kernels.NO_CURVE),
        (terms(SETTLES, SETTLES + 900, 5.0), 0, kernels.BAD_CALLS),
    ):
        assert option_adjusted_spread(bond, schedule, CURVES, curve, 99.0).status[0] == status
        price, found = price_from_oas(bond, schedule, CURVES, curve, 99.0)
        assert found[0] == status and np.isnan(price[0])


def test_impossible_arguments_raise():
    for changes in (
        {"model": HullWhite(-0.1)},
        {"model": HullWhite(0.03, np.nan)},
        {"model": HullWhite(0.03, 0.5)},
        {"steps_per_year": 0},
        {"steps_per_year": 1000},
        {"threads": 0},
        {"schedules": call_schedules([0, 0, 0], [], [])},
    ):
        with pytest.raises(ValueError):
            option_adjusted_spread(
                **{
                    "bonds": BOND,
                    "schedules": CALLS,
                    "curves": CURVES,
                    "curve_index": 0,
                    "price": 99.0,
                }
                | changes
            )
    for offsets, dates, prices in (
        ([0, 1], [], []),
        ([0, 2, 1], [1], [1.0]),
        ([], [], []),
        ([1, 1], [5], [1.0]),
        ([0, 1], [5], []),
    ):
        with pytest.raises(ValueError):
            call_schedules(offsets, np.array(dates, dtype=int), prices)


def test_a_bond_does_not_depend_on_its_batch_or_threads():
    bonds, schedules, _, price = priced(200, seed=3)
    schedules.prices[schedules.offsets[17]] = -1.0
    curve = np.arange(200) % 2 * 2
    together = option_adjusted_spread(bonds, schedules, CURVES, curve, price)
    back = price_from_oas(bonds, schedules, CURVES, curve, 150.0)[0]
    assert (
        together.status[17] == kernels.BAD_CALLS
        and (np.delete(together.status, 17) == kernels.OK).all()
    )
    for picked, threads in (
        (np.arange(200), 1),
        (np.arange(200), 5),
        (np.array([31]), 2),
        (np.arange(199, -1, -1), 2),
        (np.arange(3, 200, 7), 1),
    ):
        some, calls = part(bonds, schedules, picked)
        apart = option_adjusted_spread(
            some, calls, CURVES, curve[picked], price[picked], threads=threads
        )
        for left, right in zip(together, apart, strict=True):
            assert left[picked].tobytes() == right.tobytes()
        assert (
            back[picked].tobytes()
            == price_from_oas(some, calls, CURVES, curve[picked], 150.0, threads=threads)[
                0
            ].tobytes()
        )


@st.composite
def callables(draw):
    """One callable bond, sane or barely so, with a schedule that is sound."""
    life = draw(st.integers(200, 30 * 365))
    bond = terms(
        SETTLES,
        SETTLES + life,
        draw(st.floats(0.0, 12.0)),
        draw(st.sampled_from([0, 1, 2, 4, 12])),
        draw(st.integers(0, 3)),
    )
    called = sorted(draw(st.sets(st.integers(-200, life), max_size=6)))
    prices = draw(st.lists(st.floats(90.0, 115.0), min_size=len(called), max_size=len(called)))
    return bond, call_schedules(
        [0, len(called)], SETTLES + np.array(called, dtype=int), prices, draw(st.booleans())
    )


@settings(max_examples=150, deadline=None)
@given(
    callables(),
    st.floats(-100.0, 1500.0),
    st.sampled_from([0, 2]),
    st.sampled_from([2, 12, 40]),
    st.sampled_from([0.0, 0.03, 0.5]),
    st.floats(0.0, 0.03),
)
def test_price_to_oas_and_back(pair, oas_bps, curve, steps_per_year, mean_reversion, volatility):
    bond, calls = pair
    model = HullWhite(mean_reversion, volatility)
    price, status = price_from_oas(bond, calls, CURVES, curve, oas_bps, model, steps_per_year)
    assert status[0] == kernels.OK
    bullet, _ = kernels.price_from_z_spread(bond, CURVES, curve, oas_bps)
    assert price[0] <= bullet[0] * (1 + 1e-11)  # an option of the issuer costs the holder
    found = option_adjusted_spread(bond, calls, CURVES, curve, price, model, steps_per_year)
    if price[0] <= 0.0:
        assert found.status[0] == kernels.BAD_PRICE
    elif found.status[0] == kernels.OK:
        again, _ = price_from_oas(bond, calls, CURVES, curve, found.oas_bps, model, steps_per_year)
        assert again[0] == pytest.approx(price[0], rel=1e-10)
        assert found.option_cost_bps[0] > -1e-3
    else:
        assert found.status[0] == kernels.DEEP_CALL


@settings(max_examples=60, deadline=None)
@given(callables(), st.floats(0.0, 600.0))
def test_price_falls_in_spread_and_volatility_and_rises_in_call_price(pair, oas_bps):
    bond, calls = pair
    base = price_from_oas(bond, calls, CURVES, 0, oas_bps)[0][0]
    assert price_from_oas(bond, calls, CURVES, 0, oas_bps + 10.0)[0][0] < base
    assert (
        price_from_oas(bond, calls._replace(prices=calls.prices + 1.0), CURVES, 0, oas_bps)[0][0]
        >= base - 1e-10
    )
    # The option is worth more when rates move more; a coarse tree blurs that by its own error.
    assert (
        price_from_oas(bond, calls, CURVES, 0, oas_bps, HullWhite(0.03, 0.02))[0][0] <= base + 0.02
    )


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1) | st.integers(17000, 18500),
        st.integers(-(2**63), 2**63 - 1) | st.integers(17000, 60000),
        st.floats(),
        st.integers(-1, 13),
        st.integers(-1, 5),
        st.integers(-(2**63), 2**63 - 1) | st.integers(17000, 60000),
        st.floats(),
    ),
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1) | st.integers(17000, 30000),
            st.floats() | st.floats(50.0, 150.0),
        ),
        max_size=4,
    ),
    st.floats() | st.floats(50.0, 150.0),
    st.integers(-2, 4),
    st.booleans(),
)
def test_any_input_gives_a_number_or_a_status(fields, calls, price, curve, is_continuous):
    schedule = call_schedules(
        [0, len(calls)],
        np.array([day for day, _ in calls], dtype=np.int64),
        [value for _, value in calls],
        is_continuous,
    )
    found = option_adjusted_spread(terms(*fields), schedule, CURVES, curve, price, steps_per_year=4)
    for values in found[:4]:
        assert np.isnan(values[0]) == (found.status[0] != kernels.OK)


def test_yearly_calls_step_down_to_par():
    firsts = np.array(["2021-06-15", "NaT", "2031-01-01", "2024-06-14"], dtype="datetime64[D]")
    found = yearly_calls(firsts, [104.0, 101.0, 101.0, np.nan], np.datetime64("2024-06-15"))
    assert found.offsets.tolist() == [0, 4, 4, 4, 5] and found.is_continuous.all()
    first = date(2021, 6, 15)
    assert found.dates[:4].tolist() == [
        (first + timedelta(days=365 * k) - EPOCH).days for k in range(4)
    ]
    np.testing.assert_allclose(
        found.prices,
        [104.0, 104 - 4 * 365 / 1096, 104 - 8 * 365 / 1096, 104 - 12 * 365 / 1096, 100.0],
        rtol=1e-14,
    )
    assert (
        len(
            yearly_calls(
                np.array([], dtype="datetime64[D]"), [], np.array([], dtype="datetime64[D]")
            ).dates
        )
        == 0
    )


def test_no_bonds():
    empty = terms(*(np.array([], dtype=int),) * 3)
    found = option_adjusted_spread(empty, call_schedules([0], [], []), CURVES, 0, 99.0)
    assert [len(values) for values in found] == [0] * 5
