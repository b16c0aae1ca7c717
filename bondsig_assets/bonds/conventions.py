"""Market conventions of US corporate bonds: settlement, day counts, and terms as arrays.

Belongs here: what a market participant would look up in a rule book, and the holder the
kernels read terms from. Not here: arithmetic on cash flows (`kernels.py`).

Coupon dates run backward from maturity in whole months, unadjusted, on the day of maturity or
the last of a shorter month; a first period of another length counts as a regular one. 30/360
(US bond basis, MSRB Rule G-33) and ACT/ACT (ICMA) pay coupon / frequency and measure time in
coupon periods; ACT/360 and ACT/365 pay and measure actual days. Yields compound at the coupon
frequency in every period, the last one included (QuantLib's `Compounded`), annually when
there are no coupons. Time on a curve is ACT/365 from settlement.
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


class Bonds(NamedTuple):
    """Terms and settlement of n bonds, one array of shape (n,) each; build it with `terms`.

    Coupon dates run backward from `maturity`. Cash flows end on `redemption_date`: the
    maturity itself, or a call date, on which `redemption` and the coupon accrued are paid.
    """

    settlement: np.ndarray  # int64, days since 1970-01-01
    maturity: np.ndarray  # int64, days since 1970-01-01
    coupon_pct: np.ndarray  # float64, annual
    frequency: (
        np.ndarray
    )  # int64, coupons a year: 0 (none; yields then compound annually), 1, 2, 4, 12
    day_count: np.ndarray  # int64, a code of DAY_COUNTS
    redemption_date: np.ndarray  # int64, days since 1970-01-01
    redemption: np.ndarray  # float64, % of par


def terms(
    settlement: ArrayLike,
    maturity: ArrayLike,
    coupon_pct: ArrayLike,
    frequency: ArrayLike = 2,
    day_count: ArrayLike = 0,
    redemption_date: ArrayLike | None = None,
    redemption: ArrayLike = 100.0,
) -> Bonds:
    """`Bonds` from scalars and arrays that broadcast to one shape (n,).

    Dates are days since 1970-01-01 or datetime64. Nothing is validated: kernels answer
    impossible terms with NaN and a status. Raises ValueError when shapes do not broadcast.
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
    )
    kinds = (np.int64, np.int64, np.float64, np.int64, np.int64, np.int64, np.float64)
    aligned = np.broadcast_arrays(*map(np.atleast_1d, fields))
    return Bonds(*(np.array(field, dtype=kind) for field, kind in zip(aligned, kinds, strict=True)))


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
