"""Treasury curves: from par yields, as known at a moment, to zero rates.

Belongs here: bootstrapping, interpolation, and which curve was known when. Not here: spreads
over a curve (`kernels.py`). Every operation is elementwise over days, so that a day's curve is
the same to the last bit whatever other days are in the call.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from bondsig_assets.arrays import Floats

#: Years at which zero rates are kept: months up to half a year, then every half year to 30.
KNOTS = np.concatenate(([1 / 12, 2 / 12, 3 / 12, 4 / 12], np.arange(1, 61) / 2))
_FIRST_COUPON = 4  # position of the half-year knot


class ParCurves(NamedTuple):
    """Semi-annual par yields of many days: a row a day, NaN where a tenor is missing."""

    tenors: np.ndarray  # (m,), years, ascending
    yields_pct: np.ndarray  # (days, m)


class ZeroCurves(NamedTuple):
    """Zero rates of many days: a row a day, linear between knots and flat beyond; NaN for no
    curve.
    """

    knots: Floats  # (k,), years, ascending
    rates: Floats  # (days, k), continuously compounded, as fractions


def zero_curve(tenors: ArrayLike, par_yields_pct: ArrayLike) -> Floats:
    """Zero rates at KNOTS (shape (64,), fractions, continuous) from one day's par yields (shape
    (m,)).
    """
    par = ParCurves(
        np.asarray(tenors, dtype=float), np.atleast_2d(np.asarray(par_yields_pct, dtype=float))
    )
    rates: Floats = zero_curves(par).rates[0]
    return rates


def zero_curves(par: ParCurves) -> ZeroCurves:
    """Bootstrap semi-annual par yields to zero rates on KNOTS.

    Par yields are interpolated linearly at the knots and flat beyond the tenors. Up to half a
    year P(t) = 1 / (1 + y t); at half-year n, P_n = (1 - y_n/2 sum_{i<n} P_i) / (1 + y_n/2).
    A day with fewer than two tenors, or with yields no discount factors fit, has NaN throughout.
    """
    days = len(par.yields_pct)
    factors = np.empty((days, len(KNOTS)))
    annuity = np.zeros(days)
    for position, years in enumerate(KNOTS):
        rate = par_yields(par, np.arange(days), np.full(days, years)) / 100.0
        if position < _FIRST_COUPON:
            factors[:, position] = 1.0 / (1.0 + rate * years)
        else:
            factors[:, position] = (1.0 - rate / 2.0 * annuity) / (1.0 + rate / 2.0)
            annuity = annuity + factors[:, position]
    enough = np.isfinite(par.yields_pct).sum(axis=1) >= 2
    sound = enough & (factors > 0.0).all(axis=1) & np.isfinite(factors).all(axis=1)
    factors[~sound] = np.nan
    return ZeroCurves(KNOTS, -np.log(factors) / KNOTS)


def par_yields(par: ParCurves, curve_index: np.ndarray, years: np.ndarray) -> np.ndarray:
    """Par yields in pct at `years` on the curves `curve_index` (both (n,)), linear between the
    tenors a day has.

    Flat beyond them; NaN for a curve without tenors and for an index outside the curves.
    """
    result = np.full(len(years), np.nan)
    if par.yields_pct.size == 0:
        return result
    has = np.isfinite(par.yields_pct)
    places = np.arange(len(par.tenors))
    # For each day and tenor, the nearest tenor that has a yield at or below it, and at or above it.
    below = np.maximum.accumulate(np.where(has, places, -1), axis=1)
    above = np.minimum.accumulate(np.where(has, places, len(places))[:, ::-1], axis=1)[:, ::-1]
    asked = (curve_index >= 0) & (curve_index < len(has)) & np.isfinite(years)
    asked[asked] = has.any(axis=1)[curve_index[asked]]
    day, at = curve_index[asked], years[asked]
    floor = np.searchsorted(par.tenors, at, side="right") - 1
    left = np.where(floor >= 0, below[day, np.maximum(floor, 0)], -1)
    right = np.where(
        floor + 1 < len(places), above[day, np.minimum(floor + 1, len(places) - 1)], len(places)
    )
    left, right = np.where(left < 0, right, left), np.where(right == len(places), left, right)
    span = par.tenors[right] - par.tenors[left]
    share = np.where(span > 0.0, (at - par.tenors[left]) / np.where(span > 0.0, span, 1.0), 0.0)
    low, high = par.yields_pct[day, left], par.yields_pct[day, right]
    result[asked] = low + share * (high - low)
    return result


def discount_factors(curves: ZeroCurves, curve_index: int, years: ArrayLike) -> Floats:
    """Discount factors of one curve at `years`: exp(-z(t) t), z linear between knots, flat
    beyond.
    """
    years = np.asarray(years, dtype=float)
    rates: Floats = np.interp(years, curves.knots, curves.rates[curve_index])
    factors: Floats = np.exp(-rates * years)
    return factors


def known_curves(yields: pl.DataFrame) -> tuple[pl.DataFrame, ParCurves]:
    """The newest curve at every moment, from rows of `treasury_yields`.

    Returns a frame (known_at, curve_date, curve_index), ascending in known_at: from known_at on,
    until the next row, the newest day of which two tenors were known is curve_date, and its
    yields as known then are row curve_index of the ParCurves. A tenor that arrives late adds a
    version; it never changes the version that was known before.
    """
    rows = yields.filter(pl.col("par_yield_pct").is_finite()).sort(
        "known_at", "trade_date", "tenor_years"
    )
    versions = (
        rows.select(curve_date="trade_date", known_at="known_at")
        .unique()
        .join(
            rows.select(
                curve_date="trade_date", row_known_at="known_at", tenor_years="tenor_years"
            ),
            on="curve_date",
        )
        .filter(pl.col("row_known_at") <= pl.col("known_at"))
        .group_by("known_at", "curve_date")
        .agg(tenors=pl.col("tenor_years").n_unique())
        .filter(pl.col("tenors") >= 2)
        .sort("known_at", "curve_date")
        .filter(pl.col("curve_date") == pl.col("curve_date").cum_max())
        .unique("known_at", keep="last", maintain_order=True)
        .select("known_at", "curve_date", curve_index=pl.int_range(pl.len(), dtype=pl.Int64))
    )
    tenors = rows["tenor_years"].unique().sort()
    matrix = np.full((versions.height, len(tenors)), np.nan)
    cells = (
        rows.rename({"known_at": "row_known_at"})
        .join(versions, left_on="trade_date", right_on="curve_date", maintain_order="left")
        .filter(pl.col("row_known_at") <= pl.col("known_at"))
        .sort(
            "row_known_at", maintain_order=True
        )  # of two yields for a tenor, the later known is written last
    )
    matrix[
        cells["curve_index"].to_numpy(),
        np.searchsorted(tenors.to_numpy(), cells["tenor_years"].to_numpy()),
    ] = cells["par_yield_pct"].to_numpy()
    return versions, ParCurves(tenors.to_numpy(), matrix)
