"""Issuer days and labels with a planted signal, for the tests of training and scoring.

Belongs here: what the tests of this folder share. Not here: tests.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.folds import fold_of
from bondsig_assets.learning.labels import days_to_label_end
from bondsig_assets.learning.models.linear import ElasticNetSettings, RidgeSettings
from bondsig_assets.learning.models.trees import ForestSettings, LightGBMSettings, XGBoostSettings
from bondsig_assets.learning.rows import frame_of
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.training import FoldModel, train_fold
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.reading.model_rows import model_rows as rows_of_models
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets_tests.rows_of import rows_of

FOLD = fold_of(date(2023, 7, 1))
#: That fold and the two after it.
FOLDS = [fold_of(day) for day in (date(2023, 7, 1), date(2023, 10, 1), date(2024, 1, 1))]
#: Small models, so that a fold takes a fraction of a second.
SETTINGS = replace(
    LearningSettings(),
    models=("ridge", "xgboost"),
    kinds={
        "ridge": RidgeSettings(),
        "elastic_net": ElasticNetSettings(),
        "random_forest": ForestSettings(n_trees=10, max_depth=3, min_rows_in_leaf=10.0),
        "xgboost": XGBoostSettings(
            n_trees=12, max_depth=2, learning_rate=0.3, min_child_weight=4.0, l2_penalty=1.0
        ),
        "lightgbm": LightGBMSettings(
            n_trees=12, n_leaves=4, learning_rate=0.3, min_rows_in_leaf=20, l2_penalty=1.0
        ),
    },
)
CREDIT, EQUITY = "oas_5d_change_zscore", "equity_return_5d_pct"


def issuer_days(first: date, last: date, n: int = 20, seed: int = 0) -> pl.DataFrame:
    """Standard normal features for `n` issuers a day, one in twenty missing; the last issuer is
    stale and has no CDS.
    """
    days = trading_days(first, last)
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((len(days) * n, len(ALL_FEATURES)))
    values[rng.random(values.shape) < 0.05] = np.nan
    frame = (
        pl.DataFrame(values, schema=list(ALL_FEATURES))
        .fill_nan(None)
        .with_columns(
            trade_date=pl.Series(np.repeat(np.array(days, dtype="datetime64[D]"), n)),
            number=pl.Series(np.tile(np.arange(n), len(days))),
        )
    )
    is_last = pl.col("number") == n - 1
    frame = frame.with_columns(
        parent_id=pl.format("P{}", pl.col("number").cast(pl.String).str.zfill(2)),
        ticker=pl.format("T{}", (99 - pl.col("number")).cast(pl.String)),
        staleness_days=pl.when(is_last).then(20.0).otherwise(1.0),
        cds_spread_bps=pl.when(is_last).then(None).otherwise("cds_spread_bps"),
    )
    empty = rows_of("issuer_days", {}).drop("parent_id", "ticker", "trade_date", *ALL_FEATURES)
    return frame.drop("number").join(empty, how="cross").select(rows_of("issuer_days").columns)


def labels_of(
    days: pl.DataFrame,
    strength: float = -1.0,
    feature: str = CREDIT,
    seed: int = 1,
    horizon: int = HORIZON,
) -> pl.DataFrame:
    """Labels that are `strength` times a feature plus noise."""
    rng = np.random.default_rng(seed)
    dates = days["trade_date"].unique().sort()
    ends = pl.DataFrame(
        {
            "trade_date": dates,
            "label_end_date": [offset(day, days_to_label_end(horizon)) for day in dates],
        }
    )
    noisy = strength * days[feature].fill_null(0.0).to_numpy() + rng.standard_normal(days.height)
    rows = days.select("parent_id", "trade_date", "ticker").with_columns(
        horizon_days=pl.lit(horizon, dtype=pl.Int64),
        excess_return_pct=pl.Series(noisy),
        beta_adjusted_return_pct=pl.Series(-noisy),
        is_delisted=pl.lit(False),
    )
    return rows.join(ends, on="trade_date", maintain_order="left")


@cache
def history() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Issuer days and labels up to the fold's training end, credit leading."""
    days = issuer_days(offset(FOLD.train_end, -260), FOLD.train_end)
    return days, labels_of(days)


@cache
def dataset() -> Dataset:
    """The history as arrays."""
    return make_dataset(*history(), SETTINGS.walk_forward)


@cache
def long_history() -> tuple[pl.DataFrame, pl.DataFrame]:
    """The history and what came after, to the end of the second quarter after the fold's."""
    later = issuer_days(offset(FOLD.train_end, 1), FOLDS[-1].last_day, seed=2)
    days, labels = history()
    return pl.concat([days, later]), pl.concat([labels, labels_of(later, seed=3)])


@cache
def long_dataset() -> Dataset:
    """The long history as arrays."""
    return make_dataset(*long_history(), SETTINGS.walk_forward)


@cache
def trained() -> list[FoldModel]:
    """The fold's models, the ensemble last."""
    return train_fold(dataset(), FOLD, SETTINGS.specifications(), SETTINGS)


def model_rows(
    models: list[FoldModel], data: Dataset | None = None, settings: LearningSettings = SETTINGS
) -> pl.DataFrame:
    """Rows of table `models`."""
    return frame_of("models", rows_of_models(data or dataset(), models, settings, 1, "run"))
