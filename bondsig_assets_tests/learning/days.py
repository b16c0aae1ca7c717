"""Issuer days and labels with a planted signal, for the tests of training and scoring.

Belongs here: what the tests of this folder share. Not here: tests.
"""

from __future__ import annotations

from datetime import date
from functools import cache

import numpy as np
import polars as pl

from bondsig_assets.features.declared import ALL_FEATURES
from bondsig_assets.learning.folds import Fold, fold_of
from bondsig_assets.learning.labels import SPAN
from bondsig_assets.learning.models import XGBoostSettings
from bondsig_assets.learning.training import TrainedModel, candidates, train_fold, training_set
from bondsig_assets.trading_calendar import offset, trading_days
from bondsig_assets_tests.rows_of import rows_of

FOLD = fold_of(date(2023, 7, 1))
#: Small trees, so that a fold takes a fraction of a second.
SETTINGS = XGBoostSettings(n_trees=12, max_depth=2, learning_rate=0.3, min_child_weight=20.0, reg_lambda=1.0)
CREDIT, EQUITY = "oas_5d_change_zscore", "equity_return_5d_pct"


def issuer_days(first: date, last: date, n: int = 20, seed: int = 0) -> pl.DataFrame:
    """Standard normal features for `n` issuers a day, one in twenty missing; the last issuer is stale and has no CDS."""
    days = trading_days(first, last)
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((len(days) * n, len(ALL_FEATURES)))
    values[rng.random(values.shape) < 0.05] = np.nan
    frame = pl.DataFrame(values, schema=list(ALL_FEATURES)).fill_nan(None).with_columns(
        trade_date=pl.Series(np.repeat(np.array(days, dtype="datetime64[D]"), n)), number=pl.Series(np.tile(np.arange(n), len(days))),
    )
    is_last = pl.col("number") == n - 1
    frame = frame.with_columns(
        parent_id=pl.format("P{}", pl.col("number").cast(pl.String).str.zfill(2)), ticker=pl.format("T{}", (99 - pl.col("number")).cast(pl.String)),
        staleness_days=pl.when(is_last).then(20.0).otherwise(1.0), cds_spread_bps=pl.when(is_last).then(None).otherwise("cds_spread_bps"),
    )
    empty = rows_of("issuer_days", {}).drop("parent_id", "ticker", "trade_date", *ALL_FEATURES)
    return frame.drop("number").join(empty, how="cross").select(rows_of("issuer_days").columns)


def labels_of(days: pl.DataFrame, strength: float = -1.0, feature: str = CREDIT, seed: int = 1) -> pl.DataFrame:
    """Labels that are `strength` times a feature plus noise."""
    rng = np.random.default_rng(seed)
    dates = days["trade_date"].unique().sort()
    ends = pl.DataFrame({"trade_date": dates, "label_end_date": [offset(day, SPAN) for day in dates]})
    noisy = strength * days[feature].fill_null(0.0).to_numpy() + rng.standard_normal(days.height)
    return days.select("parent_id", "trade_date", "ticker").with_columns(excess_return_5d_pct=pl.Series(noisy)).join(ends, on="trade_date")


@cache
def history() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Issuer days and labels up to the fold's training end, credit leading."""
    days = issuer_days(offset(FOLD.train_end, -260), FOLD.train_end)
    return days, labels_of(days)


@cache
def trained() -> list[TrainedModel]:
    """The fold's models."""
    return train_fold(training_set(*history(), FOLD), FOLD, candidates(SETTINGS, 0.02))


def model_rows(models: list[TrainedModel], fold: Fold = FOLD) -> pl.DataFrame:
    """Rows of the table `models`."""
    return rows_of("models", *(
        {"fold": fold.quarter, "model_name": m.candidate.name, "model_version": f"{m.candidate.name} v", "is_champion": m.is_champion,
         "calibration_intercept": m.calibration.intercept, "calibration_slope": m.calibration.slope, "model_text": m.model.to_text()}
        for m in models
    ))
