"""Market conventions of US corporate bonds: settlement, day counts, and terms as arrays.

Belongs here: what a market participant would look up in a rule book, and the holder the
kernels read terms from. Not here: arithmetic on cash flows (`kernels.py`), and what to take where
a source leaves a term out (`coupon_dates.py`).

Coupon dates run backward from maturity, or from the last coupon date of a bond whose last period is
irregular, in whole months, unadjusted, on the day they start from or the last of a shorter month.
Interest begins on `accrual_start`; a first period of another length than the others pays what it
accrued. 30/360 (US bond basis, MSRB Rule G-33) and ACT/ACT (ICMA) pay coupon / frequency and
measure time in coupon periods, an irregular one in parts of regular ones; ACT/360 and ACT/365 pay
and measure actual days. Time on a curve is ACT/365 from settlement.

Yields follow the street convention (STREET): compounding at the coupon frequency, semi-annual where
there are no coupons, and simple interest within the last coupon period (MSRB Rule G-33; Securities
Industry Association, Standard Securities Calculation Methods). The US Treasury's own (TREASURY) is
simple interest to the next coupon date and compounding from there (31 CFR 356, appendix B).
COMPOUNDED compounds in the last period too, CONTINUOUS compounds continuously.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from bondsig_assets.calendar import settlement_days
from bondsig_assets.market_rules import SETTLEMENT_CYCLES

#: Codes by which kernels know the day counts of table `bonds`.
DAY_COUNTS: dict[str, int] = {"30/360": 0, "ACT/ACT": 1, "ACT/360": 2, "ACT/365": 3}
#: Codes by which kernels know how a yield discounts.
STREET, TREASURY, COMPOUNDED, CONTINUOUS = range(4)
#: The date that is not there, as numpy writes NaT.
NO_DATE = int(np.iinfo(np.int64).min)


class Bonds(NamedTuple):
    """Terms and settlement of n bonds, one array of shape (n,) each; build it with `terms`.

    Cash flows end on `redemption_date`: the maturity itself, or a call date, on which `redemption`
    and the coupon accrued are paid. Dates are int64, days since 1970-01-01.
    """

    settlement: np.ndarray
    maturity: np.ndarray
    coupon_pct: np.ndarray  # float64, annual
    frequency: (
        np.ndarray
    )  # int64, coupons a year: 0 (none; yields are then semi-annual), 1, 2, 4, 12
    day_count: np.ndarray  # int64, a code of DAY_COUNTS
    redemption_date: np.ndarray
    redemption: np.ndarray  # float64, % of par
    accrual_start: np.ndarray  # NO_DATE: a regular period before first_coupon
    first_coupon: np.ndarray  # NO_DATE: the first regular date after accrual_start
    last_coupon: np.ndarray  # before maturity; NO_DATE: the last period is regular
    is_month_end: np.ndarray  # int64, 1: coupons fall on the last day of their months
    ex_coupon_days: np.ndarray  # int64: who buys this near before a coupon does not get it
    step_dates: np.ndarray  # (n, m): dates from which the coupon is another, NO_DATE for fewer
    step_coupons_pct: np.ndarray  # (n, m), float64, annual


def terms(
    settlement: ArrayLike,
    maturity: ArrayLike,
    coupon_pct: ArrayLike,
    frequency: ArrayLike = 2,
    day_count: ArrayLike = 0,
    redemption_date: ArrayLike | None = None,
    redemption: ArrayLike = 100.0,
    *,
    accrual_start: ArrayLike = NO_DATE,
    first_coupon: ArrayLike = NO_DATE,
    last_coupon: ArrayLike = NO_DATE,
    is_month_end: ArrayLike = False,
    ex_coupon_days: ArrayLike = 0,
    step_dates: ArrayLike | None = None,
    step_coupons_pct: ArrayLike | None = None,
) -> Bonds:
    """`Bonds` from scalars and arrays that broadcast to one shape (n,).

    Dates are days since 1970-01-01 or datetime64; `step_dates` and `step_coupons_pct` have the
    shape (n, m). Nothing is validated: kernels answer impossible terms with NaN and a status.
    Raises ValueError when shapes do not broadcast.
    """
    if redemption_date is None:
        redemption_date = maturity
    fields = (
        _days(settlement),
        _days(maturity),
        coupon_pct,
        frequency,
        day_count,
        _days(redemption_date),
        redemption,
        _days(accrual_start),
        _days(first_coupon),
        _days(last_coupon),
        is_month_end,
        ex_coupon_days,
    )
    aligned = np.broadcast_arrays(*map(np.atleast_1d, fields))
    n = len(aligned[0])
    dates = np.empty((n, 0)) if step_dates is None else _days(step_dates)
    coupons = np.empty((n, 0)) if step_coupons_pct is None else np.asarray(step_coupons_pct)
    if dates.shape != coupons.shape or dates.shape[:1] != (n,) or dates.ndim != 2:
        raise ValueError(
            f"steps of coupons need one shape (n, m) with n = {n}, not {dates.shape} and"
            f" {coupons.shape}"
        )
    kinds = [np.float64 if name in _FLOATS else np.int64 for name in Bonds._fields]
    return Bonds(
        *(
            np.array(field, dtype=kind)
            for field, kind in zip([*aligned, dates, coupons], kinds, strict=True)
        )
    )


_FLOATS = ("coupon_pct", "redemption", "step_coupons_pct")


def settlement_dates(trade_dates: pl.Series) -> pl.Series:
    """Regular settlement of each trade date: T+3, T+2 from 2017-09-05, T+1 from 2024-05-28.

    Counted in days on which corporate bonds settle, strictly after the trade date: neither on
    Columbus and Veterans Day nor on any Good Friday. Null where the date is null or the calendar
    (2002-07 to 2035) does not reach.
    """
    calendar = settlement_days()
    starts = np.array([start for start, _ in SETTLEMENT_CYCLES], dtype="datetime64[D]")
    cycles = np.array([days for _, days in SETTLEMENT_CYCLES])
    traded = trade_dates.cast(pl.Date).to_numpy().astype("datetime64[D]")
    cycle = cycles[np.clip(np.searchsorted(starts, traded, side="right") - 1, 0, None)]
    # NaT sorts last, so a null date falls off the calendar like one beyond its end.
    found = np.searchsorted(calendar, traded, side="right") + cycle - 1
    reached = (traded >= calendar[0]) & (found < len(calendar))
    settled = np.where(
        reached, calendar[np.minimum(found, len(calendar) - 1)], np.datetime64("NaT")
    )
    return pl.Series(trade_dates.name, settled, dtype=pl.Date)


def _days(dates: ArrayLike) -> np.ndarray:
    """Days since 1970-01-01 of datetime64 or integer dates."""
    array = np.asarray(dates)
    return array.astype("datetime64[D]").astype(np.int64) if array.dtype.kind == "M" else array
