"""Features and labels as a model sees them: those of `issuer_days` standardised across the issuers
of each day, those of `credit_news` in their own unit.

Belongs here: which inputs there are, the transforms between tables and a model. Not here: models.
Each transform uses one day's cross-section only, so nothing is learned from other days.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import ndtri

from bondsig_assets.arrays import Floats
from bondsig_assets.learning.statistics import medians
from bondsig_assets.tables.issuer_features import ALL_FEATURES, EQUITY_FEATURES
from bondsig_assets.tables.news_features import EQUITY_NEWS_INPUTS, MISSING_FLAG, NEWS_INPUTS

#: Robust z-scores are cut here: a feature cannot shout louder than eight deviations.
CLIP = 8.0
#: A label in own volatilities is cut here: one collapse must not set every weight.
LABEL_CLIP = 5.0
#: Every input a model may see, in the order of `Dataset.z`; those that speak of stock and filings
#: alone; those in a unit of their own, which no day standardises.
ALL_INPUTS: tuple[str, ...] = ALL_FEATURES + NEWS_INPUTS
EQUITY_INPUTS: tuple[str, ...] = EQUITY_FEATURES + EQUITY_NEWS_INPUTS
IN_UNITS: tuple[str, ...] = NEWS_INPUTS


def standardised(issuer_days: pl.DataFrame, features: tuple[str, ...]) -> np.ndarray:
    """Robust z-score of each feature across the issuers of its day, [row, feature], NaN where
    missing.

    z = (x - median) / (1.4826 MAD), MAD at least a thousandth of the median's size, cut at CLIP.
    `issuer_days` holds whole days; rows keep their order.
    """
    day = issuer_days["trade_date"].to_physical().to_numpy()
    values = issuer_days.select(
        pl.col(list(features)).cast(pl.Float64).fill_null(np.nan)
    ).to_numpy()
    out = np.full(values.shape, np.nan)
    order = np.argsort(day, kind="stable")
    bounds = np.flatnonzero(np.diff(day[order])) + 1
    for rows in np.split(order, bounds):
        if rows.size:
            out[rows] = _robust_z(values[rows])
    return out


def _robust_z(values: np.ndarray) -> np.ndarray:
    present = np.isfinite(values)
    values = np.where(present, values, np.nan)
    center = medians(values)
    deviation = medians(np.abs(values - center))
    spread = 1.4826 * deviation
    if (alike := deviation == 0).any():
        # Equal for most issuers, a feature has no MAD; its plain deviation still ranks it.
        present_or_0 = np.where(present.any(axis=0), values, 0.0)
        spread = np.where(alike, np.nanstd(present_or_0, axis=0), spread)
    spread = np.maximum(spread, 1e-9 + 1e-3 * np.abs(center))
    return np.where(present, np.clip((values - center) / spread, -CLIP, CLIP), np.nan)


def in_units(keys: pl.DataFrame, credit_news: pl.DataFrame | None) -> tuple[Floats, Floats]:
    """News features of `keys` (trade_date, parent_id) in own volatilities [row, IN_UNITS], and the
    daily volatility [row] in percent, NaN where unknown.

    Nothing is missing: a value that is not there is 0, and a row of which neither a bond nor a CDS
    spoke, or that `credit_news` does not have, bears the flag. None: no row has any.
    """
    values, sigma = np.zeros((keys.height, len(IN_UNITS))), np.full(keys.height, np.nan)
    flag = IN_UNITS.index(MISSING_FLAG)
    if credit_news is None or credit_news.is_empty():
        values[:, flag] = 1.0
        return values, sigma
    joined = keys.select("trade_date", "parent_id").join(
        credit_news.select("trade_date", "parent_id", "daily_volatility_pct", *IN_UNITS),
        on=["trade_date", "parent_id"],
        how="left",
        maintain_order="left",
    )
    found = joined.select(pl.col(list(IN_UNITS)).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    values = np.where(np.isfinite(found), found, 0.0)
    values[:, flag] = np.where(np.isfinite(found[:, flag]), found[:, flag], 1.0)
    sigma = joined["daily_volatility_pct"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values, np.where(np.isfinite(sigma) & (sigma > 0), sigma, np.nan)


def in_volatilities(
    days: pl.Series, returns: pl.Series, sigma: np.ndarray, normal: np.ndarray, horizon: int
) -> Floats:
    """Each return less the median of its day, divided by own volatility over `horizon` days, cut at
    LABEL_CLIP; the normal score, about as large, where the volatility is unknown.

    `returns` and `sigma` (a day's) in percent, `normal` the normal scores; all [row].
    """
    frame = pl.DataFrame({"day": days, "value": returns})
    gap = frame.select(pl.col("value") - pl.col("value").median().over("day"))["value"].to_numpy()
    with np.errstate(invalid="ignore"):
        units = np.clip(gap / (sigma * np.sqrt(horizon)), -LABEL_CLIP, LABEL_CLIP)
    return np.where(np.isfinite(units), units, normal)


def normal_scores(days: pl.Series, values: pl.Series) -> Floats:
    """Rank of each value within its day turned into a normal score: Φ⁻¹((rank - ½)/n)."""
    frame = pl.DataFrame({"day": days, "value": values})
    share = frame.select(((pl.col("value").rank() - 0.5) / pl.len()).over("day"))[
        "value"
    ].to_numpy()
    scores: Floats = ndtri(share)
    return scores
