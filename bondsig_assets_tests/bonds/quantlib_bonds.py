"""The same random bonds twice: as arrays for our kernels and as QuantLib objects.

Belongs here: what the golden tests and the benchmark share. Not here: the tests.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import QuantLib as ql

from bondsig_assets.bonds.conventions import Bonds, terms

DAY_COUNTERS = (
    ql.Thirty360(ql.Thirty360.BondBasis),
    ql.ActualActual(ql.ActualActual.ISMA),
    ql.Actual360(),
    ql.Actual365Fixed(),
)
FREQUENCIES = {0: ql.Annual, 1: ql.Annual, 2: ql.Semiannual, 4: ql.Quarterly, 12: ql.Monthly}
EPOCH = date(1970, 1, 1)


def random_bonds(n: int, seed: int, settlement: date | None = None) -> tuple[Bonds, np.ndarray]:
    """Terms of n random bonds and clean prices from 40 to 150.

    Left out is what QuantLib does by another convention than the rule book: under 30/360 it
    counts from the last of February where coupons fall on the 29th to 31st (its periods are
    then not of equal length), and it has no coupon periods for zeros that settle on a 31st.
    """
    generator = np.random.default_rng(seed)
    first = date(2005, 1, 3)
    rows = []
    while len(rows) < n:
        settles = settlement or first + timedelta(days=int(generator.integers(0, 7300)))
        matures = settles + timedelta(days=int(generator.integers(3, 365 * 31)))
        frequency, day_count = int(generator.choice([0, 1, 2, 2, 2, 4, 12])), int(generator.integers(0, 4))
        if day_count == 0 and (matures.day > 28 or (frequency == 0 and settles.day == 31)):
            continue
        if frequency == 0 and matures.day == 29:
            continue
        coupon = 0.0 if frequency == 0 else float(np.round(generator.uniform(0.0, 12.0), 3))
        redemption = float(generator.choice([100.0, 100.0, 103.5]))
        rows.append(((settles - EPOCH).days, (matures - EPOCH).days, coupon, frequency, day_count, redemption))
    settles, matures, coupon, frequency, day_count, redemption = (np.array(column) for column in zip(*rows, strict=True))
    return terms(settles, matures, coupon, frequency, day_count, redemption=redemption), generator.uniform(40.0, 150.0, n)


def quantlib_date(days: int) -> ql.Date:
    """A day number as QuantLib date."""
    return ql.Date.from_date(EPOCH + timedelta(days=int(days)))


def quantlib_bond(bonds: Bonds, i: int) -> ql.Bond:
    """Bond i, its schedule run back from maturity to a coupon date before settlement."""
    settles, matures = quantlib_date(bonds.settlement[i]), quantlib_date(bonds.maturity[i])
    frequency, redemption = int(bonds.frequency[i]), float(bonds.redemption[i])
    if frequency == 0:
        return ql.ZeroCouponBond(0, ql.NullCalendar(), 100.0, matures, ql.Unadjusted, redemption, ql.Date(1, 1, 1990))
    step = 12 // frequency
    periods = (matures.year() - settles.year() + 1) * frequency + 1
    begins = matures - ql.Period(periods * step, ql.Months)
    schedule = ql.Schedule(
        begins, matures, ql.Period(step, ql.Months), ql.NullCalendar(), ql.Unadjusted, ql.Unadjusted, ql.DateGeneration.Backward, False
    )
    counter = DAY_COUNTERS[bonds.day_count[i]]
    if bonds.day_count[i] == 1:
        counter = ql.ActualActual(ql.ActualActual.ISMA, schedule)
    return ql.FixedRateBond(0, 100.0, schedule, [float(bonds.coupon_pct[i]) / 100.0], counter, ql.Unadjusted, redemption)


def quantlib_yield(bonds: Bonds, i: int, bond: ql.Bond, price: float) -> tuple[float, float, float]:
    """Yield in pct, modified duration and convexity of bond i by QuantLib."""
    settles, frequency = quantlib_date(bonds.settlement[i]), FREQUENCIES[int(bonds.frequency[i])]
    counter = DAY_COUNTERS[bonds.day_count[i]]
    found = ql.BondFunctions.bondYield(
        bond, ql.BondPrice(price, ql.BondPrice.Clean), counter, ql.Compounded, frequency, settles, 1e-14, 1000, 0.05
    )
    rate = ql.InterestRate(found, counter, ql.Compounded, frequency)
    return (
        100.0 * found,
        ql.BondFunctions.duration(bond, rate, ql.Duration.Modified, settles),
        ql.BondFunctions.convexity(bond, rate, settles),
    )
