"""Yields and spreads of many bonds at once: the compiled loops.

Belongs here: everything compiled that reads a bond's terms or a curve, in one file, because
numba's cache does not notice a change in another. What other compiled files need of it
(`tree_kernel.py`, `spreads.py`), they get as arrays from `cash_flows` and
`discount_factors`. Not here: what the conventions are (`conventions.py`), tables, or the choice
of a curve (`analytics.py`, `curves.py`).

Each function takes `Bonds` of shape (n,) and arrays or scalars that broadcast to it, and
returns arrays of shape (n,) with an int64 status last. Nothing raises for an unsolvable bond:
its result is NaN and the status says why. A bond's result depends on that bond alone, to the
last bit; hence no fastmath and no threads.
"""

from __future__ import annotations

from functools import wraps
from inspect import signature
from typing import NamedTuple

import numpy as np
from numba import njit

#: As in `conventions.py`; a test holds them equal.
STREET, TREASURY, COMPOUNDED, CONTINUOUS = range(4)
NO_DATE = int(np.iinfo(np.int64).min)
OK, MATURED, BAD_PRICE, NO_CURVE, NO_ROOT, BAD_TERMS = range(6)
#: Only callable bonds have these: a schedule out of order, and an option too deep in the money to
#: value.
BAD_CALLS, DEEP_CALL = 6, 7
#: Yields and spreads are sought between these, as fractions a year.
LOWEST, HIGHEST = -0.5, 10.0
#: Lives beyond this are taken for errors; it bounds the cash flows of one bond.
_LONGEST_YEARS = 120
#: More periods than any life has: every coupon date is a regular one.
_ENDLESS = 1_000_000
#: First day of each month, as days since 1970-01-01; dates outside 1901 to 2299 are bad terms.
_MONTHS = (
    np.arange("1900-01", "2301-01", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
)
_FIRST_DAY, _LAST_DAY = int(_MONTHS[12]), int(_MONTHS[-13])


class CashFlows(NamedTuple):
    """Cash flows after settlement of n bonds; those of bond i are rows offsets[i] to offsets[i +
    1].

    A bond without a price (status other than OK) has no rows.
    """

    offsets: np.ndarray  # (n + 1,), int64
    amounts: np.ndarray  # float64, % of par, the last with the redemption
    years: np.ndarray  # float64, from settlement by ACT/365: whole days / 365, ascending
    accrued: np.ndarray  # (n,), accrued interest at settlement, % of par
    status: np.ndarray  # (n,), int64


class _Packed(NamedTuple):
    """`Bonds` in as few arrays as can be: each array that is handed to a compiled function is
    counted in and out, and 14 of them cost more than the coupons of a bond.
    """

    settlement: np.ndarray
    maturity: np.ndarray
    coupon_pct: np.ndarray
    frequency: np.ndarray
    day_count: np.ndarray
    redemption_date: np.ndarray
    redemption: np.ndarray
    #: (n, 5 + 2 m): accrual_start, first_coupon, last_coupon, is_month_end, ex_coupon_days, then
    #: the dates of m steps and their coupons, NO_DATE for none; (n, 0) where no bond has any.
    irregular: np.ndarray


def _packed(bonds) -> _Packed:
    n = len(bonds.settlement)
    undated = (bonds.accrual_start, bonds.first_coupon, bonds.last_coupon)
    is_plain = (
        not bonds.step_dates.size
        and all((dates == NO_DATE).all() for dates in undated)
        and not (bonds.is_month_end.any() or bonds.ex_coupon_days.any())
    )
    irregular = np.empty((n, 0))
    if not is_plain:
        further = (*undated, bonds.is_month_end, bonds.ex_coupon_days)
        irregular = np.column_stack([*further, bonds.step_dates, bonds.step_coupons_pct])
        irregular = np.ascontiguousarray(irregular, np.float64)
    return _Packed(*(*bonds[:7], irregular))


class _Regular(NamedTuple):
    """The terms every bond has, of one bond."""

    settlement: int
    maturity: int
    coupon_pct: float
    frequency: int
    day_count: int
    redemption_date: int
    redemption: float


def _over_bonds(function):
    """Compile `function` and give it arrays of its bonds' length, of one type per argument.

    A read-only or strided array, or another type, would make numba compile once more.
    """
    compiled = njit(cache=True, nogil=True, error_model="numpy")(function)
    kinds = [
        np.int64 if name == "curve_index" else np.float64 for name in signature(function).parameters
    ]

    @wraps(compiled)
    def call(bonds, *values):
        n = len(bonds.settlement)
        arrays = (
            v if isinstance(v, tuple) else np.array(np.broadcast_to(v, n), k)
            for v, k in zip(values, kinds[1:], strict=True)
        )
        return compiled(_packed(bonds), *arrays)

    return call


_inner = njit(cache=True, nogil=True, error_model="numpy")


@_inner
def _month_and_day(day):
    """Month, as a position in _MONTHS, and day of the month of a day number."""
    month = int((day - _MONTHS[0]) / 31.0)  # never too far, and at most a few months short
    month += int((day - _MONTHS[month]) / 31.0)
    while _MONTHS[month + 1] <= day:
        month += 1
    return month, day - _MONTHS[month] + 1


@_inner
def _day_number(month, day):
    """Day number of a day in a month, or of the month's last day when it is shorter."""
    return min(_MONTHS[month] + day, _MONTHS[month + 1]) - 1


@_inner
def _elapsed(day, last_month, coupon_day, step, day_count):
    """Coupon date on or before `day`, as periods before the last regular one, and the periods
    elapsed since.
    """
    month, day_of_month = _month_and_day(day)
    periods = (last_month - month) // step
    if _day_number(last_month - periods * step, coupon_day) > day:
        periods += 1
    since = last_month - periods * step
    start = _day_number(since, coupon_day)
    if day_count == 1:
        return periods, (day - start) / (_day_number(since + step, coupon_day) - start)
    if day_count == 0:
        # The nominal coupon day, not the last of February, so that a period has 30 x months days.
        first = min(coupon_day, 30)
        last = 30 if day_of_month == 31 and first == 30 else day_of_month
        return periods, max(30 * (month - since) + last - first, 0) / (30.0 * step)
    return periods, 12.0 / step * (day - start) / (360.0 if day_count == 2 else 365.0)


@_inner
def _in_periods(begin, day, last_month, coupon_day, step, day_count):
    """Interest from `begin` to `day`, neither a regular coupon date, in regular periods' worth."""
    if day_count == 0:
        month_1, day_1 = _month_and_day(begin)
        month_2, day_2 = _month_and_day(day)
        day_1 = min(day_1, 30)
        day_2 = 30 if day_2 == 31 and day_1 == 30 else day_2
        return (30 * (month_2 - month_1) + day_2 - day_1) / (30.0 * step)
    if day_count == 1:
        before, part = _elapsed(begin, last_month, coupon_day, step, day_count)
        after, of_day = _elapsed(day, last_month, coupon_day, step, day_count)
        return before - after + of_day - part
    return 12.0 / step * (day - begin) / (360.0 if day_count == 2 else 365.0)


@_inner
def _coupon(usual, irregular, i, begin):
    """The coupon of bond i in a period that begins on `begin`, % a year."""
    coupon, n = usual, (irregular.shape[1] - 5) // 2
    for k in range(5, 5 + n):
        if irregular[i, k] > _FIRST_DAY and irregular[i, k] <= begin:
            coupon = irregular[i, n + k]
    return coupon


@_inner
def _fits(day, maturity, first_coupon):
    """Whether a date of a bond's terms is missing or lies in its life."""
    # The only payment is also the first.
    is_only = day == maturity and first_coupon == day
    return day == NO_DATE or is_only or _FIRST_DAY <= day < maturity


@_inner
def _opening(begin, first, last_month, coupon_day, step):
    """First day of interest and the first coupon, as periods before the last regular coupon date;
    (NO_DATE, -1) where they fit no coupon date.
    """
    if first == NO_DATE:
        opening, _ = _elapsed(begin, last_month, coupon_day, step, 1)
        return begin, opening - 1
    opening, part = _elapsed(first, last_month, coupon_day, step, 1)
    if part != 0.0:
        return NO_DATE, -1
    if begin == NO_DATE:
        begin = _day_number(last_month - (opening + 1) * step, coupon_day)
    return (begin, opening) if begin < first else (NO_DATE, -1)


@_inner
def _regular(bonds, i):
    return _Regular(
        bonds.settlement[i],
        bonds.maturity[i],
        bonds.coupon_pct[i],
        bonds.frequency[i],
        bonds.day_count[i],
        bonds.redemption_date[i],
        bonds.redemption[i],
    )


@_inner
def _flows(regular, irregular, i, room):
    """Fill `room` with the cash flows of bond i after settlement, a row each for amount, time in
    coupon periods and in years.

    Returns status, number of flows, accrued interest and compounding frequency. Takes the terms
    that every bond has as numbers, see `_Packed`.
    """
    settlement, maturity, coupon, frequency, day_count, end, redemption = regular
    if min(settlement, end, maturity) < _FIRST_DAY or max(settlement, end, maturity) >= _LAST_DAY:
        return BAD_TERMS, 0, np.nan, 1.0
    if settlement >= end:
        return MATURED, 0, np.nan, 1.0
    sound = 0.0 <= coupon < np.inf and 0.0 < redemption < np.inf and frequency in (0, 1, 2, 4, 12)
    if not (sound and 0 <= day_count <= 3 and end <= maturity <= settlement + 365 * _LONGEST_YEARS):
        return BAD_TERMS, 0, np.nan, 1.0
    bears = frequency > 0
    if not bears:
        coupon, frequency = 0.0, 2
    step = 12 // frequency
    begin, anchor, opening, n_steps = NO_DATE, maturity, _ENDLESS, 0
    is_plain = irregular.shape[1] == 0
    if is_plain:
        last_month, coupon_day = _month_and_day(maturity)
    else:
        begin, first_coupon = int(irregular[i, 0]), int(irregular[i, 1])
        last_coupon, n_steps = int(irregular[i, 2]), (irregular.shape[1] - 5) // 2
        for day in (begin, first_coupon, last_coupon):
            if not _fits(day, maturity, first_coupon):
                return BAD_TERMS, 0, np.nan, 1.0
        for k in range(5, 5 + n_steps):
            known = irregular[i, k] > _FIRST_DAY
            if known and not 0.0 <= irregular[i, n_steps + k] < np.inf:
                return BAD_TERMS, 0, np.nan, 1.0
        if last_coupon != NO_DATE and bears:
            anchor = last_coupon
        last_month, coupon_day = _month_and_day(anchor)
        if irregular[i, 3]:
            coupon_day = 31
        if bears and not (begin == NO_DATE and first_coupon == NO_DATE):
            begin, opening = _opening(begin, first_coupon, last_month, coupon_day, step)
            if opening < 0:
                return BAD_TERMS, 0, np.nan, 1.0
    first, elapsed = _elapsed(settlement, last_month, coupon_day, step, day_count)
    final, final_elapsed = _elapsed(end, last_month, coupon_day, step, day_count)
    scale, actual = frequency / (360.0 if day_count == 2 else 365.0), day_count >= 2
    paid = coupon / frequency
    before = _day_number(last_month - first * step, coupon_day)
    n, accrued = 0, paid * elapsed
    if first <= opening and final <= opening and anchor == maturity and n_steps == 0:
        for period in range(first - 1, final - 1, -1):
            date = _day_number(last_month - period * step, coupon_day)
            room[0, n] = paid * scale * (date - before) if actual else paid
            room[1, n] = scale * (date - settlement) if actual else first - period - elapsed
            room[2, n] = (date - settlement) / 365.0
            before = date
            n += 1
        if n == 0 or before != end:  # called between two coupons
            room[0, n] = paid * final_elapsed
            room[1, n] = (
                scale * (end - settlement) if actual else first - final + final_elapsed - elapsed
            )
            room[2, n] = (end - settlement) / 365.0
            n += 1
    else:
        grid = last_month, coupon_day, step, day_count
        ends = first, elapsed, final, final_elapsed, opening
        dates = begin, settlement, end, anchor, maturity
        n, accrued = _irregular(grid, ends, dates, coupon, irregular, i, room)
    if not is_plain and coupon > 0.0 and np.round(365.0 * room[2, 0]) <= irregular[i, 4]:
        accrued -= room[0, 0]
        room[0, 0] = 0.0
    room[0, n - 1] += redemption
    return OK, n, accrued, float(frequency)


@_inner
def _irregular(grid, ends, dates, usual, irregular, i, room):
    """Fill the coupons of a bond that is in its first period, has an irregular last one or steps;
    the number of flows and the accrued interest. Arguments as `_flows` names them.
    """
    last_month, coupon_day, step, day_count = grid
    first, elapsed, final, final_elapsed, opening = ends
    begin, settlement, end, anchor, maturity = dates
    frequency = 12 // step
    scale, actual = frequency / (360.0 if day_count == 2 else 365.0), day_count >= 2
    # The coupon running at settlement, and what of it has accrued.
    since = _day_number(last_month - first * step, coupon_day)
    part = elapsed
    if first > opening:
        since = begin
        part = _in_periods(since, settlement, last_month, coupon_day, step, day_count)
    elif anchor < maturity and first <= 0:
        since = anchor
        part = _in_periods(since, settlement, last_month, coupon_day, step, day_count)
    coupon = _coupon(usual, irregular, i, since)
    accrued = coupon / frequency * part if settlement > since else 0.0
    before, n = since, 0
    for period in range(min(first - 1, opening), max(final, 0) - 1, -1):
        date = _day_number(last_month - period * step, coupon_day)
        if period == opening:
            before = begin
            part = _in_periods(begin, date, last_month, coupon_day, step, day_count)
            regular = begin == _day_number(last_month - (period + 1) * step, coupon_day)
            part = 1.0 if regular and not actual else part
        else:
            part = scale * (date - before) if actual else 1.0
        room[0, n] = _coupon(usual, irregular, i, before) / frequency * part
        room[1, n] = scale * (date - settlement) if actual else first - period - elapsed
        room[2, n] = (date - settlement) / 365.0
        before = date
        n += 1
    if n == 0 or before != end:  # called between two coupons, or an irregular last period
        part = final_elapsed
        if final > opening:
            before = begin
            part = _in_periods(begin, end, last_month, coupon_day, step, day_count)
        elif end > anchor:
            before = anchor
            part = _in_periods(anchor, end, last_month, coupon_day, step, day_count)
        room[0, n] = _coupon(usual, irregular, i, before) / frequency * part
        room[1, n] = (
            scale * (end - settlement) if actual else first - final + final_elapsed - elapsed
        )
        room[2, n] = (end - settlement) / 365.0
        n += 1
    return n, accrued


@_inner
def _solve(amounts, times, n, target, low, high):
    """The rate r in [low, high] with sum(amounts * exp(-times * r)) = target, or NaN.

    Newton on the logarithm of the price, which is convex and falling in r: a step never
    overshoots the root from the left and at most once from the right, so no bracket is needed,
    and an iterate held at an end of the range shows that the root lies beyond it. Once the
    price is right to 1e-4, a step of second order leaves about 1e-12 of it.
    """
    goal, rate = np.log(target), 0.0
    for _ in range(60):
        value = first = second = 0.0
        for k in range(n):
            # At the start, r = 0, every discount factor is 1.
            present = amounts[k] * np.exp(-times[k] * rate) if rate != 0.0 else amounts[k]
            weighted = times[k] * present
            value += present
            first += weighted
            second += times[k] * weighted
        if not (value > 0.0 and first > 0.0):
            return np.nan
        mean = first / value
        error = np.log(value) - goal
        move = error / mean
        curvature = 0.5 * (second / value - mean * mean) * move * move / mean
        if abs(error) < 1e-4:
            rate += move + curvature
            return rate if low <= rate <= high else np.nan
        moved = min(max(rate + move + (curvature if rate == 0.0 else 0.0), low), high)
        if moved == rate:
            return np.nan
        rate = moved
    return np.nan


@_inner
def _zero_rate(curves, curve, years, knot):
    """Zero rate at `years`, linear between knots, flat beyond; and the knot to resume from."""
    knots, rates, last = curves.knots, curves.rates, len(curves.knots) - 1
    while knot < last and knots[knot + 1] < years:
        knot += 1
    if knot == last or years <= knots[knot]:
        return rates[curve, knot], knot
    share = (years - knots[knot]) / (knots[knot + 1] - knots[knot])
    return rates[curve, knot] + share * (rates[curve, knot + 1] - rates[curve, knot]), knot


@_inner
def _outputs(bonds):
    """Results, all NaN; statuses; and room for the amounts, periods and years of one bond's
    flows.
    """
    result = np.full(len(bonds.settlement), np.nan)
    return result, np.zeros(len(result), np.int64), np.empty((3, 12 * _LONGEST_YEARS + 3))


@_inner
def _has_curve(curves, curve):
    return 0 <= curve < curves.rates.shape[0] and np.isfinite(curves.rates[curve, 0])


@_over_bonds
def accrued_interest(bonds):
    """Accrued interest at settlement, % of par: (accrued, status)."""
    result, status, room = _outputs(bonds)
    irregular = bonds.irregular
    for i in range(len(result)):
        status[i], _, result[i], _ = _flows(_regular(bonds, i), irregular, i, room)
    return result, status


@_inner
def _is_simple(frequency, flows, first_period, convention):
    """Whether a bond is quoted at simple interest: within its last coupon period."""
    return flows == 1 and (frequency > 0 or first_period <= 1.0) and convention <= TREASURY


@_inner
def _compounded(amounts, periods, flows, rate):
    """Value of flows at a continuous rate a coupon period, and its first two derivatives in the
    yield a period of that rate, exp(rate) - 1.
    """
    value = first = second = 0.0
    for k in range(flows):
        present = amounts[k] * np.exp(-periods[k] * rate)
        value += present
        first += periods[k] * present
        second += periods[k] * (periods[k] + 1.0) * present
    growth = np.exp(rate)
    return value, -first / growth, second / (growth * growth)


@_inner
def _at_simple_interest(amount, period, per_period):
    """Value of one flow at a yield a period, and its first two derivatives in it."""
    growth = 1.0 + per_period * period
    value = amount / growth if growth > 0.0 else np.nan
    share = period / growth
    return value, -value * share, 2.0 * value * share * share


@_inner
def _continuous(amounts, periods, flows, per_period):
    """As `_compounded`, at a yield that compounds continuously."""
    value = first = second = 0.0
    for k in range(flows):
        present = amounts[k] * np.exp(-periods[k] * per_period)
        value += present
        first -= periods[k] * present
        second += periods[k] * periods[k] * present
    return value, first, second


@_inner
def _by_treasury(amounts, periods, flows, per_period):
    """As `_compounded`, with simple interest to the next coupon date."""
    rate, stub = np.log1p(per_period), periods[0]
    value, first, second = _compounded(amounts, periods, flows, rate)
    growth = 1.0 + per_period * stub
    if not growth > 0.0:
        return np.nan, np.nan, np.nan
    factor = np.exp(stub * rate) / growth
    slope = stub / (1.0 + per_period) - stub / growth
    bend = (stub / growth) ** 2 - stub / (1.0 + per_period) ** 2 + slope * slope
    second = factor * (second + 2.0 * slope * first + bend * value)
    first = factor * (first + slope * value)
    return factor * value, first, second


@_inner
def _priced(amounts, periods, flows, per_period, convention):
    """Dirty price of several flows at a yield a period, and its first two derivatives in that
    yield; NaN where no discount factor is positive.
    """
    if convention == CONTINUOUS:
        return _continuous(amounts, periods, flows, per_period)
    if not per_period > -1.0:
        return np.nan, np.nan, np.nan
    if convention == TREASURY and periods[0] < 1.0:
        return _by_treasury(amounts, periods, flows, per_period)
    return _compounded(amounts, periods, flows, np.log1p(per_period))


@_inner
def _treasury_yield(amounts, periods, flows, start, dirty, low, high):
    """Yield a period at which flows have a dirty price by the US Treasury's convention, or NaN."""
    found = start
    for _ in range(60):
        value, first, _ = _by_treasury(amounts, periods, flows, found)
        if not (value > 0.0 and first < 0.0):
            return np.nan
        move = np.log(value / dirty) * value / -first
        moved = min(max(found + move, low), high)
        if abs(moved - found) <= 1e-15 + 1e-15 * abs(found):
            return moved if low < moved < high else np.nan
        found = moved
    return found


def price_from_yield(bonds, yield_pct, convention=STREET) -> tuple[np.ndarray, np.ndarray]:
    """Clean price at a yield, % of par: (price, status).

    By STREET, dirty = sum CF_k (1 + y/f)^(-x_k), x_k in coupon periods, and CF (1 + x y/f)^(-1)
    within the last period. `conventions.py` has the others; `convention` broadcasts to (n,).
    """
    found: tuple[np.ndarray, np.ndarray] = _price_from_yield(bonds, yield_pct, convention)
    return found


@_over_bonds
def _price_from_yield(bonds, yield_pct, convention):
    result, status, room = _outputs(bonds)
    irregular, frequencies = bonds.irregular, bonds.frequency
    amounts, periods, years = room
    for i in range(len(result)):
        status[i], flows, accrued, frequency = _flows(_regular(bonds, i), irregular, i, room)
        if status[i] == OK and not LOWEST <= yield_pct[i] / 100.0 <= HIGHEST:
            status[i] = NO_ROOT
        if status[i] != OK:
            continue
        per_period = yield_pct[i] / 100.0 / frequency
        if _is_simple(frequencies[i], flows, periods[0], convention[i]):
            value, _, _ = _at_simple_interest(amounts[0], periods[0], per_period)
        elif convention[i] == STREET:
            rate, value = np.log1p(per_period), 0.0
            for k in range(flows):
                value += amounts[k] * np.exp(-periods[k] * rate)
        else:
            value, _, _ = _priced(amounts, periods, flows, per_period, convention[i])
        if np.isnan(value):
            status[i] = NO_ROOT
        result[i] = value - accrued
    return result, status


def yield_duration_convexity(bonds, price, convention=STREET) -> tuple[np.ndarray, ...]:
    """Yield to the redemption date, modified duration and convexity at a clean price.

    Returns (yield_pct, duration_years, convexity_years2, status): D = -dP/dy / P and
    C = d2P/dy2 / P with P the dirty price of `price_from_yield`.
    """
    found: tuple[np.ndarray, ...] = _yield_duration_convexity(bonds, price, convention)
    return found


@_over_bonds
def _yield_duration_convexity(bonds, price, convention):
    result, status, room = _outputs(bonds)
    irregular, frequencies = bonds.irregular, bonds.frequency
    amounts, periods, years = room
    duration, convexity = result.copy(), result.copy()
    for i in range(len(result)):
        status[i], flows, accrued, frequency = _flows(_regular(bonds, i), irregular, i, room)
        dirty = price[i] + accrued
        if status[i] == OK and not (0.0 < price[i] < np.inf and dirty > 0.0):
            status[i] = BAD_PRICE
        if status[i] != OK:
            continue
        low, high = LOWEST / frequency, HIGHEST / frequency
        if _is_simple(frequencies[i], flows, periods[0], convention[i]):
            found = (amounts[0] / dirty - 1.0) / periods[0]
            found = found if low <= found <= high else np.nan
            value, first, second = _at_simple_interest(amounts[0], periods[0], found)
        elif convention[i] == CONTINUOUS:
            found = _solve(amounts, periods, flows, dirty, low, high)
            value, first, second = _continuous(amounts, periods, flows, found)
        else:
            rate = _solve(amounts, periods, flows, dirty, np.log1p(low), np.log1p(high))
            found = np.expm1(rate)
            value, first, second = _compounded(amounts, periods, flows, rate)
            if convention[i] == TREASURY and periods[0] < 1.0:
                found = _treasury_yield(amounts, periods, flows, found, dirty, low, high)
                value, first, second = _by_treasury(amounts, periods, flows, found)
        if np.isnan(found):
            status[i] = NO_ROOT
            continue
        result[i] = 100.0 * frequency * found
        duration[i] = -first / (value * frequency)
        convexity[i] = second / (value * frequency * frequency)
    return result, duration, convexity, status


@_over_bonds
def price_from_z_spread(bonds, curves, curve_index, spread_bps):
    """Clean price at a spread over zero rates, % of par: (price, status).

    Dirty = sum CF_k exp(-(z(t_k) + s) t_k), s continuously compounded.
    `curves` is a `ZeroCurves`, `curve_index` the row of each bond's curve, -1 for none.
    """
    result, status, room = _outputs(bonds)
    irregular = bonds.irregular
    amounts, periods, years = room
    for i in range(len(result)):
        status[i], flows, accrued, _ = _flows(_regular(bonds, i), irregular, i, room)
        spread = spread_bps[i] / 1e4
        if status[i] == OK and not _has_curve(curves, curve_index[i]):
            status[i] = NO_CURVE
        elif status[i] == OK and not LOWEST <= spread <= HIGHEST:
            status[i] = NO_ROOT
        if status[i] != OK:
            continue
        value, knot = 0.0, 0
        for k in range(flows):
            zero, knot = _zero_rate(curves, curve_index[i], years[k], knot)
            value += amounts[k] * np.exp(-(zero + spread) * years[k])
        result[i] = value - accrued
    return result, status


@_over_bonds
def z_spread(bonds, curves, curve_index, price):
    """Z-spread of a clean price in bps, continuously compounded: (spread_bps, status).

    The inverse of `price_from_z_spread`, sought between -50 % and 1000 %.
    """
    result, status, room = _outputs(bonds)
    irregular = bonds.irregular
    amounts, periods, years = room
    for i in range(len(result)):
        status[i], flows, accrued, _ = _flows(_regular(bonds, i), irregular, i, room)
        if status[i] == OK and not _has_curve(curves, curve_index[i]):
            status[i] = NO_CURVE
        elif status[i] == OK and not 0.0 < price[i] < np.inf:
            status[i] = BAD_PRICE
        if status[i] != OK:
            continue
        knot = 0
        for k in range(flows):
            zero, knot = _zero_rate(curves, curve_index[i], years[k], knot)
            amounts[k] *= np.exp(-zero * years[k])
        result[i] = 1e4 * _solve(amounts, years, flows, price[i] + accrued, LOWEST, HIGHEST)
        if np.isnan(result[i]):
            status[i] = NO_ROOT
    return result, status


def cash_flows(bonds) -> CashFlows:
    """Amounts and times of every cash flow, for arithmetic that is compiled elsewhere."""
    return CashFlows(*_cash_flows(bonds))


@_over_bonds
def _cash_flows(bonds):
    accrued, status, room = _outputs(bonds)
    irregular = bonds.irregular
    offsets = np.zeros(len(accrued) + 1, np.int64)
    for i in range(len(accrued)):
        status[i], flows, accrued[i], _ = _flows(_regular(bonds, i), irregular, i, room)
        offsets[i + 1] = offsets[i] + flows
    amounts, years = np.empty(offsets[-1]), np.empty(offsets[-1])
    for i in range(len(accrued)):
        _, flows, _, _ = _flows(_regular(bonds, i), irregular, i, room)
        amounts[offsets[i] : offsets[i + 1]] = room[0, :flows]
        years[offsets[i] : offsets[i + 1]] = room[2, :flows]
    return offsets, amounts, years, accrued, status


def z_spread_of_flows(flows, curves, curve_index, dirty) -> tuple[np.ndarray, np.ndarray]:
    """Z-spread in bps of flows that are given, at dirty prices: (spread_bps, status); see
    `z_spread`. `curve_index` and `dirty` broadcast to (n,).
    """
    n = len(flows.status)
    index = np.array(np.broadcast_to(curve_index, n), np.int64)
    wanted = np.array(np.broadcast_to(dirty, n), np.float64)
    found: tuple[np.ndarray, np.ndarray] = _z_spread_of_flows(tuple(flows), curves, index, wanted)
    return found


@_inner
def _z_spread_of_flows(flows, curves, curve_index, dirty):
    offsets, amounts, years, _, sound = flows
    result, status = np.full(len(dirty), np.nan), sound.copy()
    for i in range(len(dirty)):
        if status[i] == OK and not _has_curve(curves, curve_index[i]):
            status[i] = NO_CURVE
        elif status[i] == OK and not 0.0 < dirty[i] < np.inf:
            status[i] = BAD_PRICE
        if status[i] != OK:
            continue
        rows, knot = slice(offsets[i], offsets[i + 1]), 0
        present, times = amounts[rows].copy(), years[rows]
        for k in range(len(present)):
            zero, knot = _zero_rate(curves, curve_index[i], times[k], knot)
            present[k] *= np.exp(-zero * times[k])
        result[i] = 1e4 * _solve(present, times, len(present), dirty[i], LOWEST, HIGHEST)
        if np.isnan(result[i]):
            status[i] = NO_ROOT
    return result, status


def discount_factors(curves, curve_index, offsets, years) -> np.ndarray:
    """exp(-z(t) t) at `years` (ascending within each bond's rows) on each bond's curve; NaN without
    one.

    `offsets` (n + 1,) as in `CashFlows`; `curve_index` scalar or (n,).
    """
    index = np.array(np.broadcast_to(curve_index, len(offsets) - 1), np.int64)
    factors: np.ndarray = _discount_factors(curves, index, offsets, years)
    return factors


@_inner
def _discount_factors(curves, curve_index, offsets, years):
    result = np.full(len(years), np.nan)
    for i in range(len(curve_index)):
        if not _has_curve(curves, curve_index[i]):
            continue
        knot = 0
        for k in range(offsets[i], offsets[i + 1]):
            zero, knot = _zero_rate(curves, curve_index[i], years[k], knot)
            result[k] = np.exp(-zero * years[k])
    return result
