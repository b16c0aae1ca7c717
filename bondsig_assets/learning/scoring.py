"""From issuer days and fold models to predictions and scores.

Belongs here: applying models. Not here: fitting them (`training.py`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.features.declared import ALL_FEATURES, EQUITY_FEATURES
from bondsig_assets.learning.calibration import Calibration
from bondsig_assets.learning.inputs import standardised
from bondsig_assets.learning.models import load_model
from bondsig_assets.trading_calendar import CUTOFF

#: An issuer whose bonds have been silent for longer, and that has no CDS quote, gets no score.
MAXIMUM_STALENESS_DAYS = 10
TOP_FEATURES = 5


def is_scorable() -> pl.Expr:
    """Whether credit says something fresh: a bond trade within ten days, or a CDS quote."""
    return (pl.col("staleness_days") <= MAXIMUM_STALENESS_DAYS).fill_null(False) | pl.col("cds_spread_bps").is_not_null()


def score_days(issuer_days: pl.DataFrame, models: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `predictions` and of `scores` for whole days of one fold.

    `models`: the fold's rows of `models`. Features are standardised across all issuers of the day;
    only those with fresh credit information are scored.
    """
    days = issuer_days.sort("trade_date", "parent_id")
    z = standardised(days, ALL_FEATURES)
    keep = np.flatnonzero(days.select(keep=is_scorable())["keep"].to_numpy())
    rows, z = days[keep], z[keep]
    equity = [ALL_FEATURES.index(name) for name in EQUITY_FEATURES]
    predictions, scores = [], []
    for model in models.sort("model_name").iter_rows(named=True):
        inputs = z[:, equity] if model["model_name"] == "equity_only" else z
        fitted = load_model(model["model_name"], model["model_text"])
        values = fitted.predict(inputs) if rows.height else np.empty(0)
        predictions.append(_predictions(rows, model, values))
        if model["is_champion"]:
            parts = fitted.contributions(inputs)[:, :-1] if rows.height else np.empty((0, len(ALL_FEATURES)))
            scores.append(_scores(rows, model, values, parts))
    return pl.concat(predictions).sort("trade_date", "parent_id", "model_name"), pl.concat(scores).sort("trade_date", "ticker")


def _predictions(rows: pl.DataFrame, model: dict, values: np.ndarray) -> pl.DataFrame:
    return rows.select("parent_id", "ticker", "trade_date").with_columns(
        model_name=pl.lit(model["model_name"]), model_version=pl.lit(model["model_version"]), prediction=pl.Series(values),
        known_at=pl.col("trade_date").dt.combine(CUTOFF),
    )


def _scores(rows: pl.DataFrame, model: dict, values: np.ndarray, parts: np.ndarray) -> pl.DataFrame:
    calibration = Calibration(model["calibration_intercept"], model["calibration_slope"])
    under = calibration.probability(values)
    top = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :TOP_FEATURES]
    raw = rows.select(pl.col(list(ALL_FEATURES)).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    names = np.array(ALL_FEATURES)
    frame = rows.select("ticker", "trade_date", "parent_id").with_columns(
        score=pl.Series(1 - 2 * under), probability_underperform=pl.Series(under), prediction=pl.Series(values),
        model_version=pl.lit(model["model_version"]),
        top_features=_lists(names[top], pl.String), top_contributions=_lists(np.take_along_axis(parts, top, axis=1), pl.Float64),
        top_values=_lists(np.take_along_axis(raw, top, axis=1), pl.Float64).list.eval(pl.element().fill_nan(None)),
        known_at=pl.col("trade_date").dt.combine(CUTOFF),
    )
    rank = (pl.col("prediction").rank() - 0.5) / pl.len() * 2 - 1
    return frame.with_columns(score_rank=rank.over("trade_date"))


def _lists(values: np.ndarray, dtype: type[pl.DataType]) -> pl.Series:
    """A [row, k] array as a column of lists."""
    return pl.Series(values.tolist(), dtype=pl.List(dtype))
