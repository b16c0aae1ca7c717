"""Floaters and fixed-to-floating bonds against QuantLib's schedules, forward rates and discount
factors, put together by hand: it has no single call for them.
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import QuantLib as ql
from scipy.optimize import brentq

from bondsig_assets.bonds import floating, kernels
from bondsig_assets.bonds.conventions import terms
from bondsig_assets.bonds.floating import Leg
from bondsig_assets_tests.bonds.quantlib_bonds import EPOCH, quantlib_date, smooth_curve

TODAY = date(2024, 3, 14)
SETTLES = (TODAY - EPOCH).days


def forwards(handle, schedule, margin_pct):
    """(years, amount) of a floating leg on the curve, period by period."""
    day_count, flows = ql.Actual360(), []
    for k in range(len(schedule) - 1):
        begin, end = schedule[k], schedule[k + 1]
        rate = handle.forwardRate(begin, end, day_count, ql.Simple).rate() + margin_pct / 100.0
        flows.append((end, 100.0 * rate * day_count.yearFraction(begin, end)))
    return flows


def spread_of(handle, flows, dirty):
    today, counter = quantlib_date(SETTLES), ql.Actual365Fixed()
    years = np.array([counter.yearFraction(today, day) for day, _ in flows])
    present = np.array([amount * handle.discount(day) for day, amount in flows])
    return 1e4 * brentq(lambda s: present @ np.exp(-s * years) - dirty, -0.3, 3.0, xtol=1e-14)


def quarterly(begin, end, frequency=4):
    return ql.Schedule(
        quantlib_date(begin),
        quantlib_date(end),
        ql.Period(12 // frequency, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
    )


def test_fixed_to_floating_bonds_are_quantlibs():
    handle, curves = smooth_curve(TODAY)
    generator = np.random.default_rng(3)
    n = 200
    fixed_end = SETTLES + generator.integers(40, 4000, n)
    matures = fixed_end + generator.choice([365, 365, 1826, 7305], n)
    coupon, margin = generator.uniform(2, 8, n).round(3), generator.uniform(0.3, 4, n).round(3)
    payments, price = generator.choice([2, 4], n), generator.uniform(80, 108, n)
    day = np.array([quantlib_date(one).dayOfMonth() for one in fixed_end])
    day_m = np.array([quantlib_date(one).dayOfMonth() for one in matures])
    usual = (day <= 28) & (day_m <= 28)
    fixed = terms(SETTLES, fixed_end, coupon, 2, 0)
    found, status, _ = floating.fixed_to_floating_spread(
        fixed, Leg(matures, margin, payments), curves, 0, price
    )
    assert usual.sum() > 100 and (status == kernels.OK).all()
    for i in np.flatnonzero(usual):
        begin = quantlib_date(fixed_end[i]) - ql.Period(30, ql.Years)
        schedule = quarterly((begin.to_date() - EPOCH).days, fixed_end[i], 2)
        bond = ql.FixedRateBond(
            0, 100.0, schedule, [coupon[i] / 100], ql.Thirty360(ql.Thirty360.BondBasis)
        )
        coupons = [
            (one.date(), one.amount())
            for one in bond.cashflows()
            if quantlib_date(SETTLES) < one.date() and ql.as_coupon(one) is not None
        ]
        leg = forwards(handle, quarterly(fixed_end[i], matures[i], int(payments[i])), margin[i])
        flows = [*coupons, *leg, (quantlib_date(matures[i]), 100.0)]
        dirty = price[i] + bond.accruedAmount(quantlib_date(SETTLES))
        assert found[i] == pytest.approx(spread_of(handle, flows, dirty), abs=1e-6)


def test_a_margin_that_is_the_spread_makes_it_a_bond_called_at_par():
    _, curves = smooth_curve(TODAY)
    fixed = terms(SETTLES, SETTLES + 1500, 5.7)
    called, _ = kernels.z_spread(fixed, curves, 0, 101.0)
    simple = 100 * 360 / 365 * 4 * (np.exp(called / 1e4 / 4) - 1)
    leg = Leg(np.array([SETTLES + 1500 + 3 * 365]), simple / 1.0, np.array([4]))
    found, _, _ = floating.fixed_to_floating_spread(fixed, leg, curves, 0, 101.0)
    assert found[0] == pytest.approx(called[0], abs=1.5)


def test_a_floater_at_par_on_its_coupon_date_yields_its_margin():
    _, curves = smooth_curve(TODAY)
    settles = (date(2024, 6, 15) - EPOCH).days
    leg = Leg(np.array([(date(2030, 6, 15) - EPOCH).days]), np.array([1.5]), np.array([4]))
    found, status = floating.discount_margin(settles, leg, curves, 0, 100.0)
    assert status[0] == kernels.OK
    # 1.5 % by ACT/360 paid quarterly, compounded continuously beside rates of 3 to 4 %.
    assert found[0] == pytest.approx(151, abs=1.5)
    cheaper, _ = floating.discount_margin(settles, leg, curves, 0, 97.0)
    assert cheaper[0] == pytest.approx(found[0] + 300 / 5.3, abs=6)


def test_between_coupons_a_floater_at_par_still_yields_about_its_margin():
    _, curves = smooth_curve(TODAY)
    leg = Leg(np.array([SETTLES + 1501]), np.array([2.0]), np.array([4]))
    for later in range(0, 90, 10):
        found, _ = floating.discount_margin(SETTLES + later, leg, curves, 0, 100.0)
        assert found[0] == pytest.approx(201, abs=4)


def test_what_has_no_price_or_curve_has_no_margin():
    _, curves = smooth_curve(TODAY)
    leg = Leg(np.full(3, SETTLES + 900), np.full(3, 2.0), np.full(3, 4))
    found, status = floating.discount_margin(
        np.array([SETTLES, SETTLES, SETTLES + 901]), leg, curves, [0, -1, 0], [np.nan, 99.0, 99.0]
    )
    assert np.isnan(found).all()
    assert status.tolist() == [kernels.BAD_PRICE, kernels.NO_CURVE, kernels.MATURED]
