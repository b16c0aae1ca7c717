"""Macro factors of the risk model as known at each cutoff: market, rates, volatility, credit, oil.

Belongs here: changes of series by day, and since when each was known. Not here: exposures to them
(`risk_model.py`), where the series come from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.learning.statistics import medians

FACTORS = ("market", "rates", "volatility", "credit", "oil")
#: Days of the cross-section's dispersion where no index of volatility is delivered.
_DISPERSION_DAYS = 21
#: Fewer names than this make no market, no dispersion and no median of spreads. A choice of ours.
_MINIMUM_NAMES = 5


@dataclass(frozen=True)
class MacroFactors:
    """Changes of each factor in FACTORS, [day, factor], NaN where there is none, and the first day
    at whose cutoff each was known (the number of days where at none); `dispersion` [day]: change of
    the names' dispersion, for days without an index of volatility.
    """

    changes: Floats
    known_on: Ints
    dispersion: Floats

    def as_of(self, day: int, n_days: int) -> Floats:
        """The last `n_days` changes up to `day`, NaN for those not known at its cutoff."""
        rows = slice(max(day + 1 - n_days, 0), day + 1)
        changes: Floats = np.where(self.known_on[rows] <= day, self.changes[rows], np.nan)
        # Whether an index is delivered is asked of these days alone: later ones must not tell.
        volatility = FACTORS.index("volatility")
        if not np.isfinite(changes[:, volatility]).any():
            changes[:, volatility] = self.dispersion[rows]
        return changes


def macro_factors(
    cutoffs: np.ndarray,
    returns: Floats,
    etf_returns: Floats,
    energy_etf: int | None,
    spreads_bps: Floats,
    volatility_index: pl.DataFrame,
    treasury_10y: pl.DataFrame,
) -> MacroFactors:
    """The factors of all days.

    `cutoffs` [day] datetime64, ascending. `returns` [day, name] and `etf_returns` [day, ETF]:
    simple daily returns as shares, NaN where there is none, known at the day's cutoff;
    `energy_etf`: which ETF is that of energy. `spreads_bps` [day, issuer]: known at the cutoff.
    `volatility_index` and `treasury_10y`: `trade_date, value, known_at`, without rows where nothing
    is delivered.

    Market: mean of the sector ETFs, of all names where there are none. Rates: change of the
    ten-year yield. Volatility: log change of the index, else of 21 days' dispersion of the names.
    Credit: median log change of issuers' spreads. Oil: the energy ETF less the market.
    """
    n_days = cutoffs.size
    market = _mean(etf_returns, 1)
    market = np.where(np.isfinite(market), market, _mean(returns, _MINIMUM_NAMES))
    energy = np.full(n_days, np.nan) if energy_etf is None else etf_returns[:, energy_etf]
    rates, rates_on = _told(treasury_10y, cutoffs, is_log=False)
    volatility, volatility_on = _told(volatility_index, cutoffs, is_log=True)
    at_once = np.arange(n_days)
    columns = (market, rates, volatility, _credit(spreads_bps), energy - market)
    known = (at_once, rates_on, volatility_on, at_once, at_once)
    dispersion = _change(_dispersion(returns))
    return MacroFactors(np.column_stack(columns), np.column_stack(known), dispersion)


def _told(frame: pl.DataFrame, cutoffs: np.ndarray, *, is_log: bool) -> tuple[Floats, Ints]:
    """Change of a delivered series from its previous value to that of each day, and since when it
    is known: both values have to be. A level that is not above 0 has no logarithm.
    """
    days = cutoffs.astype("datetime64[D]")
    rows = frame.filter(pl.col("value").is_finite()).sort("trade_date")
    if is_log:
        rows = rows.filter(pl.col("value") > 0)
    changes, known = np.full(days.size, np.nan), np.full(days.size, days.size)
    dates = rows["trade_date"].to_numpy().astype("datetime64[D]")
    value = rows["value"].to_numpy()
    on = np.searchsorted(cutoffs, rows["known_at"].to_numpy().astype(cutoffs.dtype))
    if dates.size < 2:
        return changes, known
    step = np.diff(np.log(value) if is_log else value)
    both = np.maximum(on[1:], on[:-1])
    place = np.searchsorted(days, dates[1:])
    here = (place < days.size) & (days[np.minimum(place, days.size - 1)] == dates[1:])
    changes[place[here]], known[place[here]] = step[here], both[here]
    return changes, known


def _dispersion(returns: Floats) -> Floats:
    """Log of the mean over 21 days of the names' median absolute deviation, NaN where there is
    none.
    """
    enough = np.isfinite(returns).sum(axis=1) >= _MINIMUM_NAMES
    daily = np.full(returns.shape[0], np.nan)
    if enough.any():
        some = np.where(np.isfinite(returns), returns, np.nan)[enough].T
        daily[enough] = medians(np.abs(some - medians(some)))
    total = np.full(daily.size, np.nan)
    if daily.size >= _DISPERSION_DAYS:
        windows = np.lib.stride_tricks.sliding_window_view(daily, _DISPERSION_DAYS)
        total[_DISPERSION_DAYS - 1 :] = np.ascontiguousarray(windows).mean(axis=1)
    logs: Floats = np.log(np.where(total > 0, total, np.nan))
    return logs


def _credit(spreads_bps: Floats) -> Floats:
    """Median over issuers of the change of the log spread, NaN for fewer than five."""
    logs = np.log(np.where(spreads_bps > 0, spreads_bps, np.nan))
    change = _change(logs)
    enough = np.isfinite(change).sum(axis=1) >= _MINIMUM_NAMES
    median = np.full(change.shape[0], np.nan)
    if enough.any():
        median[enough] = medians(change[enough].T)
    return median


def _change(values: Floats) -> Floats:
    """Difference to the day before, NaN on the first."""
    change = np.full(values.shape, np.nan)
    change[1:] = values[1:] - values[:-1]
    return change


def _mean(values: Floats, minimum: int) -> Floats:
    """Mean of each day's finite values, NaN for fewer than `minimum`."""
    there = np.isfinite(values)
    count = there.sum(axis=1)
    total = np.where(there, values, 0.0).sum(axis=1)
    mean: Floats = np.divide(
        total, count, out=np.full(count.size, np.nan), where=count >= max(minimum, 1)
    )
    return mean


def ten_year_yield(yields: pl.DataFrame) -> pl.DataFrame:
    """`trade_date, value, known_at` of the ten-year tenor of `treasury_yields`, zeros (a tenor that
    was not quoted, in some files) left out.
    """
    return yields.filter(pl.col("tenor_years") == 10, pl.col("par_yield_pct") != 0).select(
        "trade_date", value="par_yield_pct", known_at="known_at"
    )


def series_named(macro_series: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """`trade_date, value, known_at` of the first of `names` that `macro_series` has."""
    for name in names:
        found = macro_series.filter(pl.col("series") == name)
        if found.height:
            break
    else:
        found = macro_series.clear()
    return found.select("trade_date", "value", "known_at")
