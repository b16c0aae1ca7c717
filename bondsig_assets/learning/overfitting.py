"""How much of the best result is luck of the search: deflated Sharpe ratio and probability of
backtest overfitting.

Belongs here: returns of trials and what selection among them explains. Not here: counting the
trials (MLflow does), costs and positions (`portfolio/`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from scipy.special import ndtr, ndtri

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar import day_number
from bondsig_assets.learning.evaluation import FIFTH
from bondsig_assets.learning.statistics import outer_weights, ranked
from bondsig_assets.market_rules import MINIMUM_NAMES, TRADING_DAYS_PER_YEAR
from bondsig_assets.tables.learning import OVERFITTING

#: Fewer periods in a block make its part of a Sharpe ratio arbitrary.
MINIMUM_BLOCK_PERIODS = 2
#: Fewer periods have no kurtosis.
MINIMUM_PERIODS = 4
_EULER = 0.5772156649015329


def long_short(
    predictions: pl.DataFrame, labels: pl.DataFrame, horizon: int = 5, share: float = FIFTH
) -> pl.DataFrame:
    """Rows model_name, trade_date, return_pct: the top `share` of each model less its bottom
    `share`, equal weights, before costs.

    `labels` as `known_labels` gives them. A period is `horizon` days long and begins on every day,
    so that those of every `horizon`-th day do not overlap: see `sharpes`. Needs MINIMUM_NAMES
    issuers. Issuers with equal predictions share their places: predictions that are all equal earn
    exactly 0.
    """
    known = labels.filter(pl.col("horizon_days") == horizon, pl.col("label_pct").is_finite())
    given = predictions.filter(pl.col("prediction").is_finite()).select(
        "parent_id", "trade_date", "model_name", "prediction"
    )
    rows = given.join(
        known.select("parent_id", "trade_date", "label_pct"), on=["parent_id", "trade_date"]
    )
    rows = rows.filter(pl.len().over("model_name", "trade_date") >= MINIMUM_NAMES).sort(
        "model_name", "trade_date", "parent_id"
    )
    group = rows.select(pl.struct("model_name", "trade_date").rle_id()).to_series().to_numpy()
    lowest, highest = ranked(rows.select("prediction").to_numpy(), group)
    bottom, top = outer_weights(lowest, highest, np.bincount(group)[group, None], share)
    weighted = rows.with_columns(bottom=pl.Series(bottom[:, 0]), top=pl.Series(top[:, 0]))
    legs = [
        (pl.col(leg) * pl.col("label_pct")).sum() / pl.col(leg).sum() for leg in ("top", "bottom")
    ]
    return weighted.group_by("model_name", "trade_date", maintain_order=True).agg(
        return_pct=legs[0] - legs[1]
    )


def sharpe(returns: np.ndarray, periods_per_year: float = 1.0) -> float:
    """Mean over standard deviation of the returns of periods, times the root of `periods_per_year`;
    0 where they never move.
    """
    spread = float(np.std(returns, ddof=1)) if returns.size > 1 else 0.0
    return (
        float(np.mean(returns)) / spread * float(np.sqrt(periods_per_year))
        if spread > 1e-12
        else 0.0
    )


def sharpes(returns: pl.DataFrame, horizon: int) -> np.ndarray:
    """Annualised Sharpe ratio of each of the `horizon` offsets of one model's `long_short` rows:
    [offset], those without a period left out.

    An offset is every `horizon`-th trading day of the calendar: its periods do not overlap, and
    which one is taken is chance. The mean over them says most, their range how much chance there
    is.
    """
    values = returns["return_pct"].to_numpy()
    return np.array(
        [
            sharpe(values[rows], TRADING_DAYS_PER_YEAR / horizon)
            for rows in _offsets(returns["trade_date"], horizon)
        ]
    )


def _offsets(days: pl.Series, horizon: int) -> list[np.ndarray]:
    """Rows of each offset that has any."""
    offset = day_number(days).to_numpy() % horizon
    return [rows for rows in (np.flatnonzero(offset == k) for k in range(horizon)) if rows.size]


def expected_largest_sharpe(trial_sharpes: np.ndarray, n_trials: float) -> float:
    """What the best of `n_trials` idle trials would show by luck (Bailey and Lopez de Prado 2014,
    equation 1); 0 for one trial.

    `trial_sharpes`: Sharpe ratios per period, whose spread is that of the search. The formula is
    for many trials: below about one and a half effective ones it turns negative, and 0 is taken.
    """
    if n_trials <= 1 or trial_sharpes.size < 2:
        return 0.0
    quantiles = ndtri([1 - 1 / n_trials, 1 - 1 / (n_trials * math.e)])
    return float(
        np.std(trial_sharpes, ddof=1)
        * max((1 - _EULER) * quantiles[0] + _EULER * quantiles[1], 0.0)
    )


def deflated_sharpe(
    returns: np.ndarray, trial_sharpes: np.ndarray, n_trials: float
) -> float | None:
    """Probability that the true Sharpe ratio is above what luck alone would show (Bailey and Lopez
    de Prado 2014).

    `returns` and `trial_sharpes` per period, not annualised; kurtosis is raw, 3 for a normal. None
    with fewer than MINIMUM_PERIODS returns or returns that never move.
    """
    if returns.size < MINIMUM_PERIODS or np.std(returns) <= 1e-12:
        return None
    from scipy.stats import kurtosis, skew

    ratio, hurdle = sharpe(returns), expected_largest_sharpe(trial_sharpes, n_trials)
    variance = (
        1
        - float(skew(returns)) * ratio
        + (float(kurtosis(returns, fisher=False)) - 1) / 4 * ratio**2
    )
    return (
        float(ndtr((ratio - hurdle) * np.sqrt(returns.size - 1) / np.sqrt(variance)))
        if variance > 0
        else None
    )


def effective_trials(returns: np.ndarray, n_trials: int) -> float:
    """Trials that move together count as fewer: rho + (1 - rho) n, rho the mean correlation of the
    columns of `returns` [period, trial].
    """
    if min(returns.shape) < 2 or n_trials < 2:
        return float(n_trials)
    moving = returns[:, np.std(returns, axis=0) > 1e-12]
    if moving.shape[1] < 2:
        return float(n_trials)
    correlation = np.corrcoef(moving, rowvar=False)
    rho = float(np.clip(correlation[np.triu_indices_from(correlation, 1)].mean(), 0.0, 1.0))
    return rho + (1 - rho) * n_trials


def overfitting_probability(returns: np.ndarray, blocks: int = 16) -> float | None:
    """PBO by combinatorially symmetric cross-validation (Bailey, Borwein, Lopez de Prado and Zhu
    2017).

    `returns` [period, trial]. In every choice of half the blocks the trial with the highest Sharpe
    ratio is ranked among all in the other half: the share of choices in which it comes out at or
    below the median. None with fewer than two trials or fewer than MINIMUM_BLOCK_PERIODS periods a
    block.
    """
    n_periods, n_trials = returns.shape
    if n_trials < 2 or n_periods < blocks * MINIMUM_BLOCK_PERIODS:
        return None
    parts = np.array_split(np.arange(n_periods), blocks)
    # About the mean, or the variance of returns that never move would be what rounding leaves of a
    # difference, and be divided by.
    mean = returns.mean(axis=0)
    gap = returns - mean
    sums = np.array([[gap[part].sum(axis=0), (gap[part] ** 2).sum(axis=0)] for part in parts])
    sizes = np.array([part.size for part in parts])
    picks = list(combinations(range(blocks), blocks // 2))
    chosen = np.zeros((len(picks), blocks))
    chosen[np.repeat(np.arange(len(picks)), blocks // 2), np.array(picks).ravel()] = 1
    inside, outside = (_sharpes(half, sums, sizes, mean) for half in (chosen, 1 - chosen))
    best = inside.argmax(axis=1)
    of_best = outside[np.arange(len(picks)), best]
    # A tie counts half, so that trials which are all alike come out in the middle.
    place = (
        (outside < of_best[:, None]).sum(axis=1)
        + 0.5 * ((outside == of_best[:, None]).sum(axis=1) - 1)
        + 1
    )
    share = place / (n_trials + 1)
    return float((share <= 0.5).mean())


def _sharpes(half: Floats, sums: Floats, sizes: Floats, mean: Floats) -> Floats:
    """Sharpe ratio per period [choice, trial] over the blocks each row of `half` marks with 1;
    `sums` are of returns and squares about `mean`.
    """
    n = (half @ sizes)[:, None]
    total, squares = half @ sums[:, 0], half @ sums[:, 1]
    variance = np.maximum(squares - total**2 / n, 0.0) / (n - 1)
    return np.divide(
        mean + total / n, np.sqrt(variance), out=np.zeros_like(total), where=variance > 1e-24
    )


def overfitting(returns: pl.DataFrame, n_trials: int, study: str, horizon: int = 5) -> pl.DataFrame:
    """Rows of `overfitting`: one per trial of `returns` (model_name, trade_date, return_pct of
    periods of `horizon` days that begin on any day).

    `n_trials`: all trials of the study, those without returns (failed, or of a search) included.
    Each figure is computed on every one of the `horizon` offsets, whose periods do not overlap, and
    is the mean of them.
    """
    if returns.is_empty():
        return OVERFITTING.empty()
    known = returns.with_columns(pl.col("return_pct").fill_nan(None))
    wide = (
        known.pivot("model_name", index="trade_date", values="return_pct", sort_columns=True)
        .sort("trade_date")
        .drop_nulls()
    )
    names = [name for name in wide.columns if name != "trade_date"]
    matrix, count = wide.select(names).to_numpy(), max(n_trials, len(names))
    parts = [
        _luck(matrix[rows], count, TRADING_DAYS_PER_YEAR / horizon)
        for rows in _offsets(wide["trade_date"], horizon)
    ] or [_luck(matrix, count, 1.0)]
    rows = [
        {
            "study": study,
            "model_name": name,
            "sharpe_ratio": float(np.mean([part.sharpes[k] for part in parts])),
            "lowest_sharpe_ratio": float(min(part.sharpes[k] for part in parts)),
            "highest_sharpe_ratio": float(max(part.sharpes[k] for part in parts)),
            "n_periods": min(part.n_periods for part in parts),
            "n_trials": count,
            "effective_trials": _mean([part.effective for part in parts]),
            "deflated_sharpe_probability": _mean([part.deflated[k] for part in parts]),
            "overfitting_probability": _mean([part.pbo for part in parts]),
        }
        for k, name in enumerate(names)
    ]
    return pl.DataFrame(rows, schema=OVERFITTING.polars_schema, orient="row").sort(OVERFITTING.key)


@dataclass(frozen=True)
class _Luck:
    """What one offset says of every trial."""

    n_periods: int
    effective: float
    pbo: float | None
    sharpes: list[float]
    deflated: list[float | None]


def _luck(matrix: np.ndarray, n_trials: int, periods_per_year: float) -> _Luck:
    """The figures of periods that do not overlap, [period, trial]."""
    columns, effective = (
        [matrix[:, k] for k in range(matrix.shape[1])],
        effective_trials(matrix, n_trials),
    )
    per_period = np.array([sharpe(one) for one in columns])
    return _Luck(
        matrix.shape[0],
        effective,
        overfitting_probability(matrix),
        [sharpe(one, periods_per_year) for one in columns],
        [deflated_sharpe(one, per_period, effective) for one in columns],
    )


def _mean(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are there, None without one."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None
