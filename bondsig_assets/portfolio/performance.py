"""How good a book's days were: Sharpe ratios with their errors, drawdowns, growth, costs.

Belongs here: figures of daily returns, one definition each, and how sure they are. Not here: what
the money came from (`attribution.py`), alpha beyond factors (`regression.py`), all figures as rows
(`figures.py`), the picture (`reporting/`), luck of the search (`learning/overfitting.py`).

A return is a day's gain over the net asset value of the evening before and the flows of the
morning: the first day counts, with the costs of the first trades, and so does a day on which
nothing changes. Figures a year are those of 252 trading days; CAGR alone goes by the calendar.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import offset
from bondsig_assets.learning.overfitting import deflated_sharpe, sharpe
from bondsig_assets.learning.statistics import lags_of, newey_west
from bondsig_assets.market_rules import HORIZON, TRADING_DAYS_PER_YEAR

#: Calendar days of a year of CAGR, and below how many a return is not annualised: the GIPS
#: standards forbid it for less than a year.
_YEAR_DAYS, _LEAST_DAYS = 365.25, 365
#: What is left of a mean of equal returns is rounding, no movement.
_STILL = 1e-12
#: Fewer days have no kurtosis.
MINIMUM_DAYS = 4


@dataclass(frozen=True)
class SharpeRatio:
    """A Sharpe ratio of `n_days` daily excess returns and how sure it is.

    `per_day`: mean over standard deviation (n - 1). `annual`: times √252, for days that know
    nothing of each other. `annual_lo`: times Lo's η(252) by the autocorrelations seen. Errors are
    those of `annual`: `iid_error` √((1 + S²/2)/T) (Lo 2002, Financial Analysts Journal 58(4)),
    `mertens_error` with skew and kurtosis (Mertens 2002), `hac_error` with autocorrelation as well
    (Lo 2002, by GMM; Newey-West over `lags`).
    """

    n_days: int
    lags: int
    per_day: float
    annual: float
    annual_lo: float | None
    iid_error: float
    mertens_error: float | None
    hac_error: float | None


def sharpe_ratio(excess: Floats, horizon: int = HORIZON) -> SharpeRatio | None:
    """The Sharpe ratio of daily excess returns [day]; None for fewer than MINIMUM_DAYS or returns
    that never move.

    `horizon`: trading days a position is meant to last, the least number of lags.
    """
    n = excess.size
    if n < MINIMUM_DAYS or float(np.std(excess)) <= _STILL:
        return None
    gap = excess - excess.mean()
    ratio, deviation, lags = sharpe(excess), float(np.std(excess)), lags_of(horizon, n)
    z = gap / deviation
    # By how much a day moves the ratio (its influence function); alone, its variance is Mertens'
    # 1 - γ₃S + (γ₄ - 1)S²/4.
    moved = z - ratio / 2 * (z * z - 1)
    skew, kurtosis = float((z**3).mean()), float((z**4).mean())
    variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    _, hac = newey_west(moved, lags)
    year = float(np.sqrt(TRADING_DAYS_PER_YEAR))
    factor = lo_factor(tapered_autocorrelations(excess, lags), TRADING_DAYS_PER_YEAR)
    return SharpeRatio(
        n,
        lags,
        ratio,
        ratio * year,
        None if factor is None else ratio * factor,
        float(np.sqrt((1 + ratio**2 / 2) / n)) * year,
        float(np.sqrt(variance / n)) * year if variance > 0 else None,
        hac * year if np.isfinite(hac) else None,
    )


def lo_factor(autocorrelations: Floats, periods: int) -> float | None:
    """η(q) = q / √(q + 2 Σ (q - k) ρ_k): by what a Sharpe ratio of one period becomes that of
    `periods` of them (Lo 2002). None where the root has nothing to be drawn of.

    `autocorrelations`: ρ_1, ρ_2, …; those beyond are 0.
    """
    rho = autocorrelations[: periods - 1]
    steps = np.arange(1, rho.size + 1)
    root = periods + 2 * float((periods - steps) @ rho)
    return periods / float(np.sqrt(root)) if root > 0 else None


def tapered_autocorrelations(values: Floats, lags: int) -> Floats:
    """Autocorrelations of `values` [day] at 1 … `lags`, with Bartlett weights.

    All 251 that a year asks for would be noise, and their sample sum is -1/2 whatever the series.
    With these weights η's root is never negative.
    """
    gap = values - values.mean()
    square = float(gap @ gap)
    found: Floats = np.array(
        [
            (1 - k / (lags + 1)) * float(gap[k:] @ gap[:-k]) / square if k < values.size else 0.0
            for k in range(1, lags + 1)
        ]
    )
    return found


@dataclass(frozen=True)
class Mean:
    """Mean of daily values, its Newey-West error and t; None where too few days say anything."""

    value: float
    error: float | None
    t_statistic: float | None


def mean_of(values: Floats, horizon: int = HORIZON) -> Mean | None:
    """The mean of `values` [day] with overlap of `horizon` days; None without a day."""
    if not values.size:
        return None
    mean, error = newey_west(values, lags_of(horizon, values.size))
    if not np.isfinite(error):
        return Mean(mean, None, None)
    return Mean(mean, error, mean / error if error > 0 else None)


def deflated_probability(
    excess: Floats, annual_trial_sharpes: Floats, n_trials: float
) -> float | None:
    """Probability that the true Sharpe ratio of `excess` [day] is above what the best of a study's
    idle trials would show by luck (Bailey and Lopez de Prado 2014).

    `annual_trial_sharpes`: those of the study's trials, as `overfitting` has them; `n_trials`: how
    many count (`effective_trials` there). None as `learning.overfitting.deflated_sharpe`.
    """
    per_day = annual_trial_sharpes / np.sqrt(TRADING_DAYS_PER_YEAR)
    return deflated_sharpe(excess, per_day, n_trials)


def sortino_ratio(excess: Floats) -> float | None:
    """Mean over downside deviation, √252 times. Days without a loss count in the deviation, as
    zeros (Sortino and Price 1994): the root of the mean of min(r, 0)² over *all* days. None where
    no day loses.
    """
    if not excess.size:
        return None
    downside = float(np.sqrt((np.minimum(excess, 0.0) ** 2).mean()))
    if downside <= _STILL:
        return None
    return float(excess.mean()) / downside * float(np.sqrt(TRADING_DAYS_PER_YEAR))


def volatility(returns: Floats) -> float | None:
    """Standard deviation (n - 1) of daily returns a year, a share; None for fewer than two days."""
    if returns.size < 2:
        return None
    return float(np.std(returns, ddof=1)) * float(np.sqrt(TRADING_DAYS_PER_YEAR))


def wealth(returns: Floats) -> Floats:
    """What a dollar became by the end of each day, [day]. A book that has lost all stays at 0 or
    below: nothing is compounded from there.
    """
    grown: Floats = np.cumprod(1 + returns, dtype=np.float64)
    lost = np.flatnonzero(1 + returns <= 0)
    if lost.size:
        grown[lost[0] :] = grown[lost[0]]
    return grown


def underwater(returns: Floats) -> Floats:
    """How far wealth is below its highest, [day], a share of that, 0 or less. The first peak is the
    dollar of the start: a book that only loses is in drawdown from its first day.
    """
    grown = wealth(returns)
    peak = np.maximum(np.maximum.accumulate(grown), 1.0) if grown.size else grown
    below: Floats = grown / peak - 1
    return below


@dataclass(frozen=True)
class Drawdown:
    """The deepest fall from a peak. `depth`: a share, 0 or less. `peak_date`: evening of the peak,
    which may be that before the first day; `recovered_date`: None where the peak was not seen
    again. `longest_days`: most trading days in a row below a peak.
    """

    depth: float
    peak_date: date | None
    bottom_date: date | None
    recovered_date: date | None
    longest_days: int


def worst_drawdown(days: Sequence[date], returns: Floats) -> Drawdown:
    """The deepest drawdown of daily returns; the first of several as deep."""
    below = underwater(returns)
    is_below = below < -_STILL
    if not is_below.any():
        return Drawdown(0.0, None, None, None, 0)
    bottom = int(below.argmin())
    at_peak = np.flatnonzero(~is_below)
    before = at_peak[at_peak < bottom]
    after = at_peak[at_peak > bottom]
    edges = np.flatnonzero(np.diff(is_below, prepend=False, append=False))
    return Drawdown(
        float(below[bottom]),
        days[before[-1]] if before.size else offset(days[0], -1),
        days[bottom],
        days[after[0]] if after.size else None,
        int((edges[1::2] - edges[::2]).max()),
    )


def cagr(days: Sequence[date], returns: Floats) -> float | None:
    """Compound growth a year, a share: the power of 365.25 over the calendar days from the evening
    before the first day to the last. None for less than a year, -1 where all is lost.
    """
    if not days:
        return None
    elapsed = (days[-1] - offset(days[0], -1)).days
    if elapsed < _LEAST_DAYS:
        return None
    end = float(wealth(returns)[-1])
    return float(end ** (_YEAR_DAYS / elapsed)) - 1 if end > 0 else -1.0


def monthly_returns(days: Sequence[date], returns: Floats) -> pl.DataFrame:
    """`year, month, return, n_days` with month null for the whole year; returns compounded, a
    share, a row for each month and year that has a day.
    """
    frame = pl.DataFrame(
        {"day": pl.Series(list(days), dtype=pl.Date), "growth": 1 + returns}
    ).with_columns(year=pl.col("day").dt.year(), month=pl.col("day").dt.month().cast(pl.Int32))
    grown = [
        (pl.col("growth").product() - 1).alias("return"),
        pl.len().cast(pl.Int64).alias("n_days"),
    ]
    months = frame.group_by("year", "month").agg(grown)
    years = frame.group_by("year").agg(grown)
    columns = ["year", "month", "return", "n_days"]
    return pl.concat(
        [
            months.select(columns),
            years.with_columns(month=pl.lit(None, dtype=pl.Int32)).select(columns),
        ]
    ).sort("year", "month", nulls_last=True)


def rolling_sharpe(excess: Floats, window: int) -> Floats:
    """Sharpe ratio of the last `window` days x √252, [day]; NaN before there are as many, and where
    they never move.
    """
    found = np.full(excess.size, np.nan)
    if window < 2 or excess.size < window:
        return found
    # Each window about its own mean: running sums of squares leave rounding that would be divided
    # by.
    seen = np.lib.stride_tricks.sliding_window_view(excess, window)
    deviation = seen.std(axis=1, ddof=1)
    found[window - 1 :] = np.divide(
        seen.mean(axis=1) * np.sqrt(TRADING_DAYS_PER_YEAR),
        deviation,
        out=np.full(deviation.size, np.nan),
        where=deviation > _STILL,
    )
    return found
