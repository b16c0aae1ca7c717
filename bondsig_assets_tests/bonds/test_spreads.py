"""Spread duration, asset swaps and CDS equivalents against QuantLib, by hand, and on impossible
inputs.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.conventions import Bonds, terms
from bondsig_assets.bonds.curves import KNOTS, ZeroCurves
from bondsig_assets.bonds.spreads import (
    par_asset_swap_spread,
    par_equivalent_cds_spread,
    spread_duration,
)
from bondsig_assets_tests.bonds.quantlib_bonds import (
    EPOCH,
    quantlib_bond,
    quantlib_date,
    random_bonds,
    smooth_curve,
)

SETTLEMENT = date(2019, 3, 14)
TODAY = (SETTLEMENT - EPOCH).days
CURVES = ZeroCurves(
    KNOTS, np.array([np.linspace(0.02, 0.05, len(KNOTS)), np.full(len(KNOTS), np.nan)])
)
FLAT = ZeroCurves(KNOTS, np.full((1, len(KNOTS)), 0.03))


@pytest.fixture(scope="module")
def market():
    """Random bonds of one day, priced at z-spreads from -50 to 900 bps on QuantLib's curve."""
    bonds, _ = random_bonds(2000, seed=11, settlement=SETTLEMENT)
    handle, curves = smooth_curve(SETTLEMENT)
    z_spread = np.random.default_rng(3).uniform(-50.0, 900.0, 2000)
    return (
        bonds,
        handle,
        curves,
        z_spread,
        kernels.price_from_z_spread(bonds, curves, 0, z_spread)[0],
    )


def quarters(maturity):
    """QuantLib's quarterly dates from today to a day number, the first period short."""
    return ql.Schedule(
        quantlib_date(TODAY),
        quantlib_date(maturity),
        ql.Period(3, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
    )


def test_spread_duration_is_the_derivative_of_the_price(market):
    bonds, _, curves, z_spread, price = market
    duration, per_bp, status = spread_duration(bonds, curves, 0, z_spread)
    up, down = (
        kernels.price_from_z_spread(bonds, curves, 0, z_spread + move)[0] for move in (0.5, -0.5)
    )
    dirty = price + kernels.accrued_interest(bonds)[0]
    assert (status == kernels.OK).all()
    np.testing.assert_allclose(per_bp, down - up, rtol=1e-6)
    np.testing.assert_allclose(duration, 1e4 * per_bp / dirty, rtol=1e-12)
    # A zero's is its time to maturity.
    zeros = bonds.frequency == 0
    np.testing.assert_allclose(duration[zeros], (bonds.maturity - TODAY)[zeros] / 365.0, rtol=1e-14)


def test_asset_swap_is_quantlibs(market):
    """Measured: 1e-10 bp, all day counts and frequencies."""
    bonds, handle, curves, _, price = market
    found, status = par_asset_swap_spread(bonds, curves, 0, price)
    index = ql.IborIndex(
        "curve",
        ql.Period(3, ql.Months),
        0,
        ql.USDCurrency(),
        ql.NullCalendar(),
        ql.Unadjusted,
        False,
        ql.Actual360(),
        handle,
    )
    assert (status == kernels.OK).all()
    for i in range(1000):
        swap = ql.AssetSwap(
            True,
            quantlib_bond(bonds, i),
            float(price[i]),
            index,
            0.0,
            quarters(bonds.maturity[i]),
            ql.Actual360(),
            True,
        )
        # The upfront payment is due today, which QuantLib leaves out unless told.
        swap.setPricingEngine(ql.DiscountingSwapEngine(handle, True))
        assert 1e4 * swap.fairSpread() == pytest.approx(found[i], abs=1e-6)


def test_asset_swap_by_hand():
    """Two years at 6 % annually, priced 100 on a coupon date, flat 3 %: (106.05... - 100) / A."""
    bond = terms(np.datetime64("2021-03-15"), np.datetime64("2023-03-15"), 6.0, 1)
    one, two = np.exp(-0.03), np.exp(-0.06)
    worth = 6 * one + 106 * two
    found, _ = par_asset_swap_spread(bond, FLAT, 0, 100.0, 1)
    assert found[0] == pytest.approx(
        1e4 * (worth - 100) / (100 * 365 / 360 * (one + two)), abs=1e-9
    )
    quarterly, _ = par_asset_swap_spread(bond, FLAT, 0, 100.0)
    days = np.array([92, 184, 275, 365, 457, 549, 640, 730])
    annuity = (np.diff(days, prepend=0) / 360 * np.exp(-0.03 * days / 365)).sum()
    assert quarterly[0] == pytest.approx(1e4 * (worth - 100) / (100 * annuity), abs=1e-9)


def test_par_equivalent_cds_is_quantlibs(market):
    """The price at our hazard rate and the fair CDS spread there.

    QuantLib lets bonds default in the middle of a coupon period (ours: of a quarter) and puts
    middles on whole days. Measured: 0.0006 of par for quarterly bonds, 0.04 for annual ones at 4000
    bps; CDS spreads 2e-4 of themselves, 2e-3 at 15,000 bps.
    """
    bonds, handle, curves, _, price = market
    spread, hazard, status = par_equivalent_cds_spread(bonds, curves, 0, price)
    solved = np.flatnonzero((status == kernels.OK) & (spread < 15_000))[:1000]
    assert len(solved) == 1000
    for i in solved:
        rate = ql.QuoteHandle(ql.SimpleQuote(float(hazard[i])))
        default = ql.DefaultProbabilityTermStructureHandle(
            ql.FlatHazardRate(quantlib_date(TODAY), rate, ql.Actual365Fixed())
        )
        cds = ql.CreditDefaultSwap(
            ql.Protection.Buyer,
            1.0,
            0.01,
            quarters(bonds.maturity[i]),
            ql.Unadjusted,
            ql.Actual360(),
            True,
            True,
            quantlib_date(TODAY),
        )
        cds.setPricingEngine(ql.MidPointCdsEngine(default, 0.4, handle))
        assert 1e4 * cds.fairSpread() == pytest.approx(
            spread[i], rel=3e-4 if spread[i] < 2000 else 3e-3, abs=0.01
        )
        if bonds.frequency[i] > 0:  # QuantLib's zeros recover nothing
            bond = quantlib_bond(bonds, i)
            bond.setPricingEngine(ql.RiskyBondEngine(default, 0.4, handle))
            tolerance = {4: 0.002, 12: 0.01}.get(int(bonds.frequency[i]), 0.1)
            assert bond.NPV() - bond.accruedAmount(quantlib_date(TODAY)) == pytest.approx(
                price[i], abs=tolerance
            )


def test_par_equivalent_cds_by_hand():
    """One quarter left: everything in closed form."""
    bond = terms(np.datetime64("2021-03-15"), np.datetime64("2021-06-15"), 8.0, 4)
    t, hazard, recovery = 92 / 365, 0.05, 0.4
    alive, end, middle = np.exp(-hazard * t), np.exp(-0.03 * t), np.exp(-0.03 * t / 2)
    price = 102 * end * alive + 100 * recovery * middle * (1 - alive)
    expected = 0.6 * middle * (1 - alive) / (92 / 360 * (end * alive + middle * (1 - alive) / 2))
    found, rate, status = par_equivalent_cds_spread(bond, FLAT, 0, price)
    assert (
        status[0] == kernels.OK
        and rate[0] == pytest.approx(hazard, abs=1e-12)
        and found[0] == pytest.approx(1e4 * expected, abs=1e-8)
    )


def test_par_equivalent_cds_and_the_textbook_sum(market):
    """Without accrued premium and with default at the quarter's end it is another (h - r) / 8 of
    itself.
    """
    bonds, _, curves, z_spread, price = market
    spread, hazard, status = par_equivalent_cds_spread(bonds, curves, 0, price)
    whole = np.flatnonzero(
        (status == kernels.OK) & (hazard > 0.01) & (hazard < 0.2) & (bonds.maturity > TODAY + 1000)
    )[:200]
    assert len(whole) == 200
    for i in whole:
        leg = kernels.cash_flows(terms(TODAY, bonds.maturity[i], 0.0, 4))
        factors = kernels.discount_factors(curves, 0, leg.offsets, leg.years)
        alive = np.exp(-hazard[i] * np.append(0.0, leg.years))
        textbook = (
            1e4
            * 0.6
            * (factors @ -np.diff(alive))
            / (np.diff(leg.years, prepend=0.0) * 365 / 360 * factors @ alive[1:])
        )
        assert textbook / spread[i] - 1 == pytest.approx((hazard[i] - 0.03) / 8, abs=0.003)
    # A credit triangle: a bond near par has about the z-spread.
    near = (
        (status == kernels.OK)
        & (np.abs(price - 100) < 3)
        & (bonds.maturity - TODAY > 730)
        & (bonds.redemption == 100)
    )
    assert (
        near.sum() > 30
        and np.abs(spread[near] / z_spread[near] - 1)[np.abs(z_spread[near]) > 50].max() < 0.15
    )


def test_more_recovery_more_hazard():
    bond = terms(TODAY, TODAY + 1826, 5.0)
    rates = [
        par_equivalent_cds_spread(bond, FLAT, 0, 95.0, recovery)[1][0]
        for recovery in (0.0, 0.2, 0.4, 0.6)
    ]
    assert (np.diff(rates) > 0).all()
    for recovery in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError):
            par_equivalent_cds_spread(bond, FLAT, 0, 95.0, recovery)


def test_a_bond_does_not_depend_on_its_batch(market):
    bonds, _, curves, z_spread, price = market

    def answers(picked):
        some = Bonds(*(field[picked] for field in bonds))
        return (
            *spread_duration(some, curves, 0, z_spread[picked]),
            *par_asset_swap_spread(some, curves, 0, price[picked], bonds.frequency[picked]),
            *par_equivalent_cds_spread(some, curves, 0, price[picked]),
        )

    together = answers(np.arange(2000))
    for picked in (np.array([17]), np.arange(1999, -1, -1), np.arange(3, 2000, 7)):
        for left, right in zip(together, answers(picked), strict=True):
            assert left[picked].tobytes() == right.tobytes()


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 40 * 365),
    st.floats(0.0, 15.0),
    st.sampled_from([0, 1, 2, 4, 12]),
    st.integers(0, 3),
    st.floats(-0.05, 2.0),
    st.floats(0.0, 0.8),
)
def test_hazard_to_price_and_back(life, coupon, frequency, day_count, hazard, recovery):
    bond = terms(TODAY, TODAY + life, coupon, frequency, day_count)
    flows = kernels.cash_flows(bond)
    leg = kernels.cash_flows(terms(TODAY, TODAY + life, 0.0, 4))
    before = np.append(0.0, leg.years[:-1])
    dies = np.exp(-hazard * before) - np.exp(-hazard * leg.years)
    dirty = (
        flows.amounts @ np.exp(-(0.03 + hazard) * flows.years)
        + 100 * recovery * np.exp(-0.03 * (before + leg.years) / 2) @ dies
    )
    found, rate, status = par_equivalent_cds_spread(bond, FLAT, 0, dirty - flows.accrued, recovery)
    if dirty - flows.accrued[0] <= 0.0:
        assert status[0] == kernels.BAD_PRICE
    elif dirty > 100 * recovery + 1.0:
        # A zero worth less than recovery without default is worth the same at two hazard rates.
        again = flows.amounts @ np.exp(-(0.03 + rate[0]) * flows.years)
        dies = np.exp(-rate[0] * before) - np.exp(-rate[0] * leg.years)
        again += 100 * recovery * np.exp(-0.03 * (before + leg.years) / 2) @ dies
        assert status[0] == kernels.OK and again == pytest.approx(dirty, rel=1e-9)
        assert abs(rate[0]) < 1e-12 or (found[0] > 0) == (rate[0] > 0)


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(
        st.integers(-(2**63), 2**63 - 1) | st.integers(-100, 40000),
        st.integers(-(2**63), 2**63 - 1) | st.integers(-100, 40000),
        st.floats(),
        st.integers(-1, 13),
        st.integers(-1, 5),
        st.integers(-(2**63), 2**63 - 1) | st.integers(-100, 40000),
        st.floats(),
    ),
    st.floats(),
    st.integers(-2, 4),
    st.integers(-1, 13),
)
def test_any_input_gives_a_number_or_a_status(fields, value, curve, payments):
    bonds = terms(*fields)
    answers = (
        spread_duration(bonds, CURVES, curve, value),
        par_asset_swap_spread(bonds, CURVES, curve, value, payments),
        par_equivalent_cds_spread(bonds, CURVES, curve, value),
    )
    for *results, status in answers:
        for result in results:
            assert np.isnan(result[0]) == (status[0] != kernels.OK)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"settlement": TODAY + 1826}, kernels.MATURED),
        ({"coupon_pct": -1.0}, kernels.BAD_TERMS),
        ({"price": 0.0}, kernels.BAD_PRICE),
        ({"price": np.inf}, kernels.BAD_PRICE),
        ({"price": 39.0}, kernels.NO_ROOT),
        ({"curve": 1}, kernels.NO_CURVE),
        ({"curve": -1}, kernels.NO_CURVE),
    ],
)
def test_unsolvable_bonds_are_nan_with_the_reason(change, status):
    fields = {"settlement": TODAY, "maturity": TODAY + 1826, "coupon_pct": 5.0} | change
    price, curve = fields.pop("price", 95.0), fields.pop("curve", 0)
    bonds = terms(**fields)
    assert par_equivalent_cds_spread(bonds, CURVES, curve, price)[2][0] == status
    if status != kernels.NO_ROOT:
        spread, found = par_asset_swap_spread(bonds, CURVES, curve, price)
        assert np.isnan(spread[0]) and found[0] == status
