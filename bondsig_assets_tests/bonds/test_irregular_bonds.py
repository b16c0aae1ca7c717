"""Bonds with irregular first and last periods, at month ends, with steps: against QuantLib's own
schedules, and by hand.
"""

# A test's name says what it shows.
# ruff: noqa: D103

from __future__ import annotations

import os
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import pytest
import QuantLib as ql

from bondsig_assets.bonds import conventions, kernels
from bondsig_assets.bonds.conventions import NO_DATE, terms
from bondsig_assets_tests.bonds.quantlib_bonds import (
    DAY_COUNTERS,
    EPOCH,
    quantlib_date,
    quantlib_yield,
)

#: 24,000 of them were compared once: BONDSIG_MANY_BONDS=24000.
N_BONDS = int(os.environ.get("BONDSIG_MANY_BONDS", "3000"))


class Terms(NamedTuple):
    settles: int
    matures: int
    coupon: float
    frequency: int
    day_count: int
    begins: int
    first: int
    last: int
    month_end: bool
    steps: tuple[tuple[int, float], ...]


def days(day: date) -> int:
    return (day - EPOCH).days


def back(day: date, months: int, month_end: bool) -> date:
    moved = quantlib_date(days(day)) - ql.Period(months, ql.Months)
    return (ql.Date.endOfMonth(moved) if month_end else moved).to_date()


def random_terms(generator: np.random.Generator) -> Terms | None:
    """A bond whose first and last periods are short, long or regular; None for what QuantLib does
    by another convention (see `quantlib_bonds.random_bonds`). Under ACT/ACT its regular periods
    count back from the first coupon (the 29th of February, say) and not from maturity, and a long
    last period pays one coupon at most: the tests after ISDA's memorandum
    have these.
    """
    frequency, day_count = int(generator.choice([1, 2, 2, 2, 4, 12])), int(generator.integers(0, 4))
    step, month_end = 12 // frequency, bool(generator.random() < 0.2)
    anchor = date(2008, 1, 1) + timedelta(days=int(generator.integers(0, 9000)))
    if month_end:
        anchor = back(anchor, 0, True)
    if day_count < 2 and (anchor.day > 28 or (day_count == 0 and month_end)):
        return None
    periods = int(generator.integers(1, 12 * frequency))
    first = back(anchor, step * periods, month_end)
    regular = days(first) - days(back(anchor, step * (periods + 1), month_end))
    length = float(
        generator.choice([1.0, generator.uniform(0.1, 0.95), generator.uniform(1.1, 1.9)])
    )
    begins = days(first) - max(int(regular * length), 1)
    matures, last = days(anchor), NO_DATE
    if generator.random() < 0.4 and day_count != 1:
        last = matures
        matures += max(int(regular * generator.uniform(0.1, 1.8)), 1)
    settles = int(generator.integers(begins, matures))
    if generator.random() < 0.4:
        settles = int(generator.integers(begins, days(first)))
    if last != NO_DATE and generator.random() < 0.4:
        settles = int(generator.integers(last, matures))
    on_31st = {EPOCH + timedelta(days=one) for one in (settles, begins, matures)}
    if day_count == 0 and any(one.day in (29, 30, 31) or one.month == 2 for one in on_31st):
        return None
    if settles == matures or settles in (last, days(first)):
        return None
    coupon = float(np.round(generator.uniform(0.5, 12.0), 3))
    grid = [back(anchor, step * k, month_end) for k in range(periods, -1, -1)]
    steps: tuple[tuple[int, float], ...] = ()
    if generator.random() < 0.2 and len(grid) > 3:
        at = sorted(generator.choice(len(grid) - 1, size=2, replace=False))
        steps = tuple((days(grid[k]), coupon + 0.5 * (n + 1)) for n, k in enumerate(at))
    return Terms(
        settles, matures, coupon, frequency, day_count, begins, days(first), last, month_end, steps
    )


def as_bonds(rows: list[Terms]) -> conventions.Bonds:
    width = max(len(one.steps) for one in rows)
    dates, coupons = np.full((len(rows), width), NO_DATE), np.full((len(rows), width), np.nan)
    for i, one in enumerate(rows):
        for k, (day, coupon) in enumerate(one.steps):
            dates[i, k], coupons[i, k] = day, coupon
    column = {name: np.array([getattr(one, name) for one in rows]) for name in Terms._fields[:-1]}
    return terms(
        column["settles"],
        column["matures"],
        column["coupon"],
        column["frequency"],
        column["day_count"],
        accrual_start=column["begins"],
        first_coupon=column["first"],
        last_coupon=column["last"],
        is_month_end=column["month_end"],
        step_dates=dates,
        step_coupons_pct=coupons,
    )


def in_quantlib(one: Terms) -> ql.Bond:
    anchor = one.matures if one.last == NO_DATE else one.last
    nothing_between = one.first >= anchor
    schedule = ql.Schedule(
        quantlib_date(one.begins),
        quantlib_date(one.matures),
        ql.Period(12 // one.frequency, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        one.month_end,
        quantlib_date(one.first),
        ql.Date() if one.last == NO_DATE or nothing_between else quantlib_date(one.last),
    )
    counter = (
        ql.ActualActual(ql.ActualActual.ISMA, schedule)
        if one.day_count == 1
        else DAY_COUNTERS[one.day_count]
    )
    rates = []
    for period in range(len(schedule) - 1):
        begin = days(schedule[period].to_date())
        rates.append([one.coupon, *(c for day, c in one.steps if day <= begin)][-1] / 100.0)
    return ql.FixedRateBond(0, 100.0, schedule, rates, counter, ql.Unadjusted, 100.0)


@pytest.fixture(scope="module")
def golden():
    generator, rows = np.random.default_rng(15), []
    while len(rows) < N_BONDS:
        one = random_terms(generator)
        if one is not None:
            rows.append(one)
    price, found = generator.uniform(60.0, 130.0, N_BONDS), np.full((4, N_BONDS), np.nan)
    bonds = as_bonds(rows)
    for i, one in enumerate(rows):
        bond = in_quantlib(one)
        found[3, i] = bond.accruedAmount(quantlib_date(one.settles))
        try:
            found[:3, i] = quantlib_yield(bonds, i, bond, price[i])
        except RuntimeError:
            continue
    return rows, bonds, price, found


def test_accrued_interest_is_quantlibs(golden):
    _, bonds, _, (_, _, _, accrued) = golden
    found, status = kernels.accrued_interest(bonds)
    assert (status == kernels.OK).all()
    np.testing.assert_allclose(found, accrued, rtol=0, atol=1e-9)


def test_yields_are_quantlibs(golden):
    rows, bonds, price, (yields, duration, _, _) = golden
    found, found_duration, _, status = kernels.yield_duration_convexity(bonds, price)
    both = (status == kernels.OK) & np.isfinite(yields) & (np.abs(yields) < 900)
    assert both.mean() > 0.9
    np.testing.assert_allclose(found[both], yields[both], rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(found_duration[both], duration[both], rtol=1e-8)
    kinds = {
        "inside the first period": [one.settles < one.first for one in rows],
        "inside an irregular last period": [one.settles > one.last != NO_DATE for one in rows],
        "month end": [one.month_end for one in rows],
        "steps": [bool(one.steps) for one in rows],
    }
    for name, of_kind in kinds.items():
        assert (both & np.array(of_kind)).sum() > 0.05 * len(rows), name


@pytest.mark.parametrize(
    ("begins", "pays", "regular", "frequency", "part"),
    [
        ("1999-02-01", "1999-07-01", "2000-07-01", 1, 150 / 365),
        ("2002-08-15", "2003-07-15", "2004-01-15", 2, 181 / 362 + 153 / 368),
        ("1999-07-30", "2000-01-30", "2000-06-30", 2, 1 / 2),
    ],
)
def test_first_periods_of_the_isda_memorandum(begins, pays, regular, frequency, part):
    # ISDA, EMU and market conventions: recent developments, 1998, on ACT/ACT by ISMA's rule.
    bonds = terms(
        np.datetime64(begins),
        np.datetime64(regular),
        10.0,
        frequency,
        1,
        accrual_start=np.datetime64(begins),
        first_coupon=np.datetime64(pays),
        last_coupon=NO_DATE if regular != "2000-06-30" else np.datetime64("2000-01-30"),
    )
    assert kernels.cash_flows(bonds).amounts[0] == pytest.approx(10.0 * part, abs=1e-12)


@pytest.mark.parametrize(
    ("begins", "matures", "frequency", "part"),
    [
        ("2000-01-30", "2000-06-30", 2, 152 / 364),
        ("1999-11-30", "2000-04-30", 4, 91 / 364 + 61 / 368),
    ],
)
def test_last_periods_of_the_isda_memorandum(begins, matures, frequency, part):
    bonds = terms(
        np.datetime64(begins),
        np.datetime64(matures),
        10.0,
        frequency,
        1,
        last_coupon=np.datetime64(begins),
        is_month_end=begins == "1999-11-30",
    )
    paid = kernels.cash_flows(bonds).amounts
    assert paid.tolist() == [pytest.approx(100.0 + 10.0 * part, abs=1e-12)]


def test_a_treasury_discounts_its_first_part_of_a_period_simply():
    # 31 CFR 356, appendix B: P (1 + (r/s) (i/2)) = (C/2) (r/s) + (C/2) a_n + 100 v^n - accrued...
    bonds = terms(np.datetime64("2024-03-05"), np.datetime64("2026-05-15"), 4.0, 2, 1)
    price, _ = kernels.price_from_yield(bonds, 4.5, kernels.TREASURY)
    part = 71 / 182  # 2024-03-05 to 2024-05-15, of 2023-11-15 to 2024-05-15
    accrued = 2.0 * 111 / 182
    later = sum(2.0 / 1.0225**k for k in range(5)) + 100.0 / 1.0225**4
    assert price[0] == pytest.approx(later / (1 + part * 0.0225) - accrued, abs=1e-11)
    back, _, _, _ = kernels.yield_duration_convexity(bonds, price, kernels.TREASURY)
    assert back[0] == pytest.approx(4.5, abs=1e-11)


@pytest.mark.parametrize("convention", range(4))
def test_duration_and_convexity_are_slopes_of_the_price(convention):
    bonds = terms(18000, [18100, 18000 + 3000, 18000 + 9000], [5.0, 4.0, 0.0], [2, 2, 0])
    price, _ = kernels.price_from_yield(bonds, 6.0, convention)
    dirty = price + kernels.accrued_interest(bonds)[0]
    _, duration, convexity, _ = kernels.yield_duration_convexity(bonds, price, convention)
    up, down = (kernels.price_from_yield(bonds, 6.0 + h, convention)[0] for h in (0.01, -0.01))
    np.testing.assert_allclose(duration, (down - up) / 2e-4 / dirty, rtol=1e-5)
    np.testing.assert_allclose(convexity, (down - 2 * price + up) / 1e-8 / dirty, rtol=1e-3)


def test_who_buys_ex_coupon_gets_back_the_days_until_it():
    day = np.array(["2024-05-07", "2024-05-08", "2024-05-14"], dtype="datetime64[D]")
    bonds = terms(day, np.datetime64("2030-05-15"), 6.0, 2, 0, ex_coupon_days=7)
    accrued, _ = kernels.accrued_interest(bonds)
    np.testing.assert_allclose(accrued, [172 / 60, 173 / 60 - 3, 179 / 60 - 3], atol=1e-12)
    flows = kernels.cash_flows(bonds)
    assert flows.amounts[flows.offsets[:-1]].tolist() == [3.0, 0.0, 0.0]


def test_conventions_and_kernels_agree_on_their_codes():
    for name in ("STREET", "TREASURY", "COMPOUNDED", "CONTINUOUS", "NO_DATE"):
        assert getattr(kernels, name) == getattr(conventions, name)


@pytest.mark.parametrize(
    "fields",
    [
        {"first_coupon": np.datetime64("2024-06-16")},
        {"accrual_start": np.datetime64("2024-12-15"), "first_coupon": np.datetime64("2024-06-15")},
        {"last_coupon": np.datetime64("2031-01-01")},
        {"step_dates": [[0]], "step_coupons_pct": [[np.nan]]},
    ],
)
def test_dates_that_fit_no_period_are_bad_terms(fields):
    bonds = terms(np.datetime64("2024-03-05"), np.datetime64("2030-06-15"), 5.0, **fields)
    accrued, status = kernels.accrued_interest(bonds)
    assert status[0] == kernels.BAD_TERMS and np.isnan(accrued[0])
