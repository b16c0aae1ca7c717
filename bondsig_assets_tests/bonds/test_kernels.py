"""Kernels against QuantLib, against themselves, and against impossible inputs."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.conventions import Bonds, terms
from bondsig_assets.bonds.curves import KNOTS, ZeroCurves
from bondsig_assets_tests.bonds.quantlib_bonds import (
    EPOCH,
    quantlib_bond,
    quantlib_date,
    quantlib_yield,
    random_bonds,
    smooth_curve,
)

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
BOND = {"settlement": 18000, "maturity": 18000 + 3650, "coupon_pct": 5.0}


@pytest.fixture(scope="module")
def golden():
    """4000 random bonds with what QuantLib finds of each; NaN where it finds no yield."""
    bonds, price = random_bonds(4000, seed=7)
    rows = []
    for i in range(len(price)):
        bond = quantlib_bond(bonds, i)
        try:
            found = quantlib_yield(bonds, i, bond, price[i])
        except RuntimeError:
            found = (np.nan, np.nan, np.nan)
        rows.append((*found, bond.accruedAmount(quantlib_date(bonds.settlement[i]))))
    return bonds, price, np.array(rows).T


def fewest_of_a_kind(bonds, picked):
    """The number of bonds, among those picked, of the rarest pair of day count and frequency."""
    kinds = [(day_count, frequency) for day_count in range(4) for frequency in (0, 1, 2, 4, 12)]
    return min(
        (picked & (bonds.day_count == day_count) & (bonds.frequency == frequency)).sum()
        for day_count, frequency in kinds
    )


def test_accrued_interest_is_quantlibs(golden):
    bonds, _, (_, _, _, accrued) = golden
    found, status = kernels.accrued_interest(bonds)
    assert (status == kernels.OK).all()
    np.testing.assert_allclose(found, accrued, rtol=0, atol=1e-11)


def test_yield_duration_convexity_are_quantlibs(golden):
    bonds, price, (yields, duration, convexity, _) = golden
    found_yield, found_duration, found_convexity, status = kernels.yield_duration_convexity(
        bonds, price
    )
    both = (status == kernels.OK) & np.isfinite(yields)
    assert both.sum() >= 3950 and fewest_of_a_kind(bonds, both) >= 100
    np.testing.assert_allclose(found_yield[both], yields[both], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found_duration[both], duration[both], rtol=1e-10)
    np.testing.assert_allclose(found_convexity[both], convexity[both], rtol=1e-10)
    # Where only one of the two has an answer, it lies beyond the range that is sought.
    alone = np.isfinite(yields) & (status != kernels.OK)
    assert ((yields[alone] > 1000.0) | (yields[alone] < -50.0)).all()


def test_z_spread_is_quantlibs():
    settlement = EPOCH.replace(year=2019, month=3, day=14)
    bonds, price = random_bonds(4000, seed=11, settlement=settlement)
    price = np.maximum(price, 60.0)
    handle, curves = smooth_curve(settlement)
    today = quantlib_date((settlement - EPOCH).days)
    expected = [
        1e4
        * ql.BondFunctions.zSpread(
            quantlib_bond(bonds, i),
            ql.BondPrice(price[i], ql.BondPrice.Clean),
            handle.currentLink(),
            ql.Actual365Fixed(),
            ql.Continuous,
            ql.Annual,
            today,
            1e-14,
            1000,
            0.02,
        )
        for i in range(len(price))
    ]
    found, status = kernels.z_spread(bonds, curves, 0, price)
    solved = status == kernels.OK
    assert solved.sum() >= 3950 and fewest_of_a_kind(bonds, solved) >= 100
    np.testing.assert_allclose(found[solved], np.array(expected)[solved], rtol=0, atol=1e-7)


def random_terms() -> st.SearchStrategy[Bonds]:
    """Any bond the kernels accept, called between coupons included."""

    def build(settlement, life, called_share, coupon, frequency, day_count, redemption):
        end = settlement + max(1, int(life * called_share))
        return terms(settlement, settlement + life, coupon, frequency, day_count, end, redemption)

    return st.builds(
        build,
        st.integers(11000, 24000),
        st.integers(1, 40 * 365),
        st.just(1.0) | st.floats(0.01, 1.0),
        st.floats(0.0, 15.0),
        st.sampled_from([0, 1, 2, 4, 12]),
        st.integers(0, 3),
        st.floats(80.0, 120.0),
    )


def test_accrual_through_a_leap_february_by_every_day_count():
    days = np.arange("2019-12-01", "2020-06-01", dtype="datetime64[D]")
    for maturity in ("2029-08-31", "2029-08-30", "2029-08-29", "2028-02-29"):
        for day_count in range(4):
            accrued, status = kernels.accrued_interest(
                terms(days, np.datetime64(maturity), 6.0, 2, day_count)
            )
            paid = np.diff(accrued) < 0
            assert (status == kernels.OK).all() and accrued.min() == 0.0 and paid.sum() == 1
            assert days[1:][paid][0] == np.datetime64("2020-02-29")
            assert accrued.max() <= 3.0 * (366 / 360 if day_count >= 2 else 1.0)


@settings(max_examples=300, deadline=None)
@given(random_terms(), st.floats(-20.0, 60.0))
def test_yield_to_price_and_back(bonds, yield_pct):
    price, status = kernels.price_from_yield(bonds, yield_pct)
    found, _, _, back = kernels.yield_duration_convexity(bonds, price)
    if status[0] == back[0] == kernels.OK:
        again, _ = kernels.price_from_yield(bonds, found)
        assert again[0] == pytest.approx(price[0], rel=1e-9, abs=1e-9)
    else:
        # A price below zero, or, under 30/360, no days left to earn a yield in.
        assert price[0] <= 0.0 or bonds.redemption_date[0] - bonds.settlement[0] <= 3


@settings(max_examples=300, deadline=None)
@given(random_terms(), st.floats(-1000.0, 4000.0), st.sampled_from([0, 2]))
def test_z_spread_to_price_and_back(bonds, spread_bps, curve):
    price, status = kernels.price_from_z_spread(bonds, CURVES, curve, spread_bps)
    assert status[0] == kernels.OK
    found, status = kernels.z_spread(bonds, CURVES, curve, price)
    if price[0] > 0.0:
        assert status[0] == kernels.OK
        assert found[0] == pytest.approx(spread_bps, abs=1e-5)
    else:
        assert status[0] == kernels.BAD_PRICE


@settings(max_examples=200, deadline=None)
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
)
def test_any_input_gives_a_number_or_a_status(fields, value, curve):
    bonds = terms(*fields)
    answers = [
        kernels.accrued_interest(bonds),
        kernels.price_from_yield(bonds, value),
        kernels.yield_duration_convexity(bonds, value),
        kernels.price_from_z_spread(bonds, CURVES, curve, value),
        kernels.z_spread(bonds, CURVES, curve, value),
    ]
    for *results, status in answers:
        for result in results:
            assert np.isnan(result[0]) == (status[0] != kernels.OK)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"settlement": 21650}, kernels.MATURED),
        ({"settlement": 22000}, kernels.MATURED),
        ({"redemption_date": 17999}, kernels.MATURED),
        ({"redemption_date": 22000}, kernels.BAD_TERMS),
        ({"maturity": 18000 + 130 * 365}, kernels.BAD_TERMS),
        ({"settlement": np.datetime64("NaT")}, kernels.BAD_TERMS),
        ({"coupon_pct": -1.0}, kernels.BAD_TERMS),
        ({"coupon_pct": np.nan}, kernels.BAD_TERMS),
        ({"frequency": 3}, kernels.BAD_TERMS),
        ({"day_count": -1}, kernels.BAD_TERMS),
        ({"redemption": 0.0}, kernels.BAD_TERMS),
        ({"price": 0.0}, kernels.BAD_PRICE),
        ({"price": np.nan}, kernels.BAD_PRICE),
        ({"price": np.inf}, kernels.BAD_PRICE),
        ({"price": 1e-60, "coupon_pct": 0.0}, kernels.NO_ROOT),
        ({"price": 1e9}, kernels.NO_ROOT),
        ({"curve": 1}, kernels.NO_CURVE),
        ({"curve": -1}, kernels.NO_CURVE),
        ({"curve": 3}, kernels.NO_CURVE),
    ],
)
def test_unsolvable_bonds_are_nan_with_the_reason(change, status):
    fields = {**BOND, **change}
    price, curve = fields.pop("price", 95.0), fields.pop("curve", 0)
    bonds = terms(**fields)
    spread, found = kernels.z_spread(bonds, CURVES, curve, price)
    assert np.isnan(spread[0]) and found[0] == status
    if status != kernels.NO_CURVE:
        *results, found = kernels.yield_duration_convexity(bonds, price)
        assert np.isnan(results).all() and found[0] == status


def test_yields_at_the_ends_of_the_range_are_found():
    for yield_pct in (-49.99, 999.0):
        price, _ = kernels.price_from_yield(terms(**BOND), yield_pct)
        assert kernels.yield_duration_convexity(terms(**BOND), price)[0][0] == pytest.approx(
            yield_pct, rel=1e-9
        )


def test_call_between_coupons_pays_the_coupon_accrued():
    # 6 % semi-annual on the 15th of May and November, settled on a coupon date, called 30/360 days
    # later.
    bonds = terms(
        np.datetime64("2020-05-15"),
        np.datetime64("2030-05-15"),
        6.0,
        2,
        0,
        np.datetime64("2020-08-15"),
        102.0,
    )
    price, _ = kernels.price_from_yield(bonds, 4.0)
    assert price[0] == pytest.approx((102.0 + 1.5) / (1.0 + 0.5 * 0.02), abs=1e-12)
    compounded, _ = kernels.price_from_yield(bonds, 4.0, kernels.COMPOUNDED)
    assert compounded[0] == pytest.approx((102.0 + 1.5) / 1.02**0.5, abs=1e-12)


def test_a_bond_does_not_depend_on_its_batch():
    bonds, price = random_bonds(400, seed=3)
    curve = np.arange(400) % 2 * 2
    together = (
        *kernels.yield_duration_convexity(bonds, price),
        *kernels.z_spread(bonds, CURVES, curve, price),
    )
    for picked in (np.array([17]), np.arange(399, -1, -1), np.arange(3, 400, 7)):
        some = Bonds(*(field[picked] for field in bonds))
        apart = (
            *kernels.yield_duration_convexity(some, price[picked]),
            *kernels.z_spread(some, CURVES, curve[picked], price[picked]),
        )
        for left, right in zip(together, apart, strict=True):
            assert left[picked].tobytes() == right.tobytes()


def test_cash_flows_and_discount_factors_give_the_price():
    bonds, _ = random_bonds(300, seed=23)
    bonds.coupon_pct[7], bonds.frequency[11] = np.nan, 3
    price, status = kernels.price_from_z_spread(bonds, CURVES, 2, 0.0)
    flows = kernels.cash_flows(bonds)
    factors = kernels.discount_factors(CURVES, 2, flows.offsets, flows.years)
    assert (flows.status == status).all() and (np.diff(flows.offsets)[[7, 11]] == 0).all()
    assert (np.diff(flows.offsets)[status == kernels.OK] > 0).all()
    for i in np.flatnonzero(status == kernels.OK):
        rows = slice(flows.offsets[i], flows.offsets[i + 1])
        assert (
            flows.years[rows][-1] == (bonds.redemption_date[i] - bonds.settlement[i]) / 365.0
            and (np.diff(flows.years[rows]) > 0).all()
        )
        assert flows.amounts[rows] @ factors[rows] - flows.accrued[i] == pytest.approx(
            price[i], rel=1e-13
        )
    assert np.isnan(kernels.discount_factors(CURVES, 1, flows.offsets, flows.years)).all()
    assert np.isnan(kernels.discount_factors(CURVES, -1, flows.offsets, flows.years)).all()
