"""Features and labels as a model sees them: standardised across the issuers of each day.

Belongs here: the transforms between `issuer_days` and a model. Not here: models. Each
transform uses one day's cross-section only, so nothing is learned from other days.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import ndtri

from bondsig_assets.arrays import Floats

#: Robust z-scores are cut here: a feature cannot shout louder than eight deviations.
CLIP = 8.0


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
    some = present.any(axis=0)
    filled = np.where(some, values, 0.0)
    center = np.where(some, np.nanmedian(filled, axis=0), 0.0)
    deviation = np.nanmedian(np.abs(filled - center), axis=0)
    # A feature that is equal for most issuers has no MAD; its plain deviation still ranks it.
    spread = np.where(deviation > 0, 1.4826 * deviation, np.nanstd(filled, axis=0))
    spread = np.maximum(spread, 1e-9 + 1e-3 * np.abs(center))
    return np.where(present, np.clip((values - center) / spread, -CLIP, CLIP), np.nan)


def normal_scores(days: pl.Series, values: pl.Series) -> Floats:
    """Rank of each value within its day turned into a normal score: Φ⁻¹((rank - ½)/n)."""
    frame = pl.DataFrame({"day": days, "value": values})
    share = frame.select(((pl.col("value").rank() - 0.5) / pl.len()).over("day"))[
        "value"
    ].to_numpy()
    scores: Floats = ndtri(share)
    return scores
