"""The same random bonds twice: as arrays for our kernels and as QuantLib objects.

Belongs here: what the golden tests and the benchmark share. Not here: the tests.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import QuantLib as ql

from bondsig_assets.bonds.callable_bonds import CallSchedules, call_schedules
from bondsig_assets.bonds.conventions import Bonds, terms
from bondsig_assets.bonds.curves import ZeroCurves

DAY_COUNTERS = (
    ql.Thirty360(ql.Thirty360.BondBasis),
    ql.ActualActual(ql.ActualActual.ISMA),
    ql.Actual360(),
    ql.Actual365Fixed(),
)
FREQUENCIES = {0: ql.Semiannual, 1: ql.Annual, 2: ql.Semiannual, 4: ql.Quarterly, 12: ql.Monthly}
EPOCH = date(1970, 1, 1)


def random_bonds(n: int, seed: int, settlement: date | None = None) -> tuple[Bonds, np.ndarray]:
    """Terms of n random bonds and clean prices from 40 to 150.

    Left out is what QuantLib does by another convention than the rule book: under 30/360 it
    counts from the last of February where coupons fall on the 29th to 31st (its periods are
    then not of equal length).
    """
    generator = np.random.default_rng(seed)
    first = date(2005, 1, 3)
    rows = []
    while len(rows) < n:
        settles = settlement or first + timedelta(days=int(generator.integers(0, 7300)))
        matures = settles + timedelta(days=int(generator.integers(3, 365 * 31)))
        frequency, day_count = (
            int(generator.choice([0, 1, 2, 2, 2, 4, 12])),
            int(generator.integers(0, 4)),
        )
        if day_count == 0 and matures.day > 28:
            continue
        coupon = 0.0 if frequency == 0 else float(np.round(generator.uniform(0.0, 12.0), 3))
        redemption = float(generator.choice([100.0, 100.0, 103.5]))
        rows.append(
            (
                (settles - EPOCH).days,
                (matures - EPOCH).days,
                coupon,
                frequency,
                day_count,
                redemption,
            )
        )
    settles, matures, coupon, frequency, day_count, redemption = (
        np.array(column) for column in zip(*rows, strict=True)
    )
    return terms(
        settles, matures, coupon, frequency, day_count, redemption=redemption
    ), generator.uniform(40.0, 150.0, n)


def quantlib_date(days: int) -> ql.Date:
    """A day number as QuantLib date."""
    return ql.Date.from_date(EPOCH + timedelta(days=int(days)))


def quantlib_bond(bonds: Bonds, i: int) -> ql.Bond:
    """Bond i, its schedule run back from maturity to a coupon date before settlement; one without
    coupons as a semi-annual bond that pays nothing.
    """
    settles, matures = quantlib_date(bonds.settlement[i]), quantlib_date(bonds.maturity[i])
    frequency, redemption = int(bonds.frequency[i]) or 2, float(bonds.redemption[i])
    schedule, counter = _schedule(settles, matures, frequency, int(bonds.day_count[i]))
    return ql.FixedRateBond(
        0, 100.0, schedule, [float(bonds.coupon_pct[i]) / 100.0], counter, ql.Unadjusted, redemption
    )


def _schedule(
    settles: ql.Date, matures: ql.Date, frequency: int, day_count: int
) -> tuple[ql.Schedule, ql.DayCounter]:
    """Coupon dates from one before settlement to maturity, and the day counter that knows them."""
    step = 12 // frequency
    periods = (matures.year() - settles.year() + 1) * frequency + 1
    begins = matures - ql.Period(periods * step, ql.Months)
    schedule = ql.Schedule(
        begins,
        matures,
        ql.Period(step, ql.Months),
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
    )
    return schedule, ql.ActualActual(
        ql.ActualActual.ISMA, schedule
    ) if day_count == 1 else DAY_COUNTERS[day_count]


def quantlib_yield(bonds: Bonds, i: int, bond: ql.Bond, price: float) -> tuple[float, float, float]:
    """Yield in pct by the street convention, modified duration and convexity of bond i by
    QuantLib: simple interest within the last coupon period.
    """
    settles, frequency = quantlib_date(bonds.settlement[i]), FREQUENCIES[int(bonds.frequency[i])]
    counter = DAY_COUNTERS[bonds.day_count[i]]
    is_last = ql.BondFunctions.nextCashFlowDate(bond, settles) == bond.maturityDate()
    compounding = ql.Simple if is_last else ql.Compounded
    found = ql.BondFunctions.bondYield(
        bond,
        ql.BondPrice(price, ql.BondPrice.Clean),
        counter,
        compounding,
        frequency,
        settles,
        1e-14,
        1000,
        0.05,
    )
    rate = ql.InterestRate(found, counter, compounding, frequency)
    return (
        100.0 * found,
        ql.BondFunctions.duration(bond, rate, ql.Duration.Modified, settles),
        ql.BondFunctions.convexity(bond, rate, settles),
    )


def smooth_curve(settlement: date) -> tuple[ql.YieldTermStructureHandle, ZeroCurves]:
    """One zero curve from `settlement` for QuantLib and for us; sets QuantLib's evaluation date."""
    today = quantlib_date((settlement - EPOCH).days)
    ql.Settings.instance().evaluationDate = today
    days = np.concatenate(([0, 30, 91], np.arange(1, 64) * 182))
    rates = 0.01 + 0.03 * (1 - np.exp(-days / 1500)) + 0.002 * np.sin(days / 400)
    curve = ql.ZeroCurve(
        [today + int(day) for day in days],
        rates.tolist(),
        ql.Actual365Fixed(),
        ql.NullCalendar(),
        ql.Linear(),
        ql.Continuous,
    )
    return ql.YieldTermStructureHandle(curve), ZeroCurves(days / 365.0, rates[None, :])


def random_callables(
    n: int, seed: int, settlement: date, longest_years: float = 10.0
) -> tuple[Bonds, CallSchedules]:
    """n bonds callable at falling prices on coupon dates, or 45 days after each.

    Two months at least after settlement, and never within eight days of a coupon elsewhere:
    QuantLib moves such a call to the coupon date.
    """
    generator = np.random.default_rng(seed)
    settles, rows, dates, prices, offsets = (settlement - EPOCH).days, [], [], [], [0]
    while len(rows) < n:
        matures = settles + int(generator.integers(600, 365 * longest_years))
        frequency, day_count = int(generator.choice([1, 2, 2, 2, 4])), int(generator.integers(0, 4))
        end, step = quantlib_date(matures), 12 // frequency
        if end.dayOfMonth() > 28:
            continue
        coupons = [end - ql.Period(step * k, ql.Months) for k in range(1, 41 * frequency)]
        late = 45 if generator.random() < 0.4 else 0
        called = [(coupon.to_date() - EPOCH).days + late for coupon in coupons[::-1]]
        called = [day for day in called if day > settles + 60]
        called = called[int(len(called) * generator.uniform(0.0, 0.6)) :]
        rows.append(
            (
                settles,
                matures,
                float(np.round(generator.uniform(2.0, 9.0), 3)),
                frequency,
                day_count,
            )
        )
        dates += called
        prices += [
            max(100.0, 104.0 - k * float(generator.uniform(0.0, 1.0))) for k in range(len(called))
        ]
        offsets.append(len(dates))
    return terms(*(np.array(column) for column in zip(*rows, strict=True))), call_schedules(
        offsets, np.array(dates, dtype=np.int64), prices, False
    )


def quantlib_callable(bonds: Bonds, schedules: CallSchedules, i: int) -> ql.CallableFixedRateBond:
    """Callable bond i, without an engine."""
    settles, matures = quantlib_date(bonds.settlement[i]), quantlib_date(bonds.maturity[i])
    schedule, counter = _schedule(
        settles, matures, int(bonds.frequency[i]), int(bonds.day_count[i])
    )
    calls = ql.CallabilitySchedule()
    for k in range(schedules.offsets[i], schedules.offsets[i + 1]):
        price = ql.BondPrice(float(schedules.prices[k]), ql.BondPrice.Clean)
        calls.append(ql.Callability(price, ql.Callability.Call, quantlib_date(schedules.dates[k])))
    coupon = [float(bonds.coupon_pct[i]) / 100.0]
    return ql.CallableFixedRateBond(
        0,
        100.0,
        schedule,
        coupon,
        counter,
        ql.Unadjusted,
        float(bonds.redemption[i]),
        schedule[0],
        calls,
    )
