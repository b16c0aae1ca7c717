"""Fitted folds as rows of the warehouse.

Belongs here: rows of `models`, `holdout_ics` and `feature_importances`. Not here: fitting.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime

import numpy as np
import polars as pl

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.models.catalogue import (
    CONTROL,
    ENSEMBLE,
    Specification,
    feature_hash,
)
from bondsig_assets.learning.rows import ModelRow
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.training import FoldModel, daily_ics


def model_rows(
    data: Dataset,
    models: Sequence[FoldModel],
    settings: LearningSettings,
    snapshot: int,
    run_id: str,
) -> list[ModelRow]:
    """Rows of `models` of one fold."""
    means = holdout_rows(data, models).group_by("model_name").agg(pl.col("size_weighted_ic").mean())
    sized = dict(means.rows())
    return [
        _row(data, model, settings, snapshot, run_id, sized.get(model.name)) for model in models
    ]


def _row(
    data: Dataset,
    one: FoldModel,
    settings: LearningSettings,
    snapshot: int,
    run_id: str,
    size_weighted: float | None,
) -> ModelRow:
    chosen, fold = one.specification, one.fold
    without, own = one.calibration.without_cds, one.calibration.with_cds
    stops = chosen.stops_early
    return ModelRow(
        fold=fold.quarter,
        model_name=one.name,
        model_version=one.version,
        kind=type(one.model).__name__,
        specification_hash=chosen.hash,
        feature_hash=feature_hash(chosen.features),
        features=list(chosen.features),
        history_days=chosen.history_days,
        settings=json.dumps({**asdict(chosen.settings), **chosen.tuned}),
        horizon_days=settings.walk_forward.horizon_days,
        label=settings.walk_forward.label,
        train_start_date=first_labelled(data, fold, chosen),
        train_end_date=fold.train_end,
        n_train_rows=one.n_rows,
        n_train_days=one.n_days,
        stop_start_date=fold.stop_start if stops else None,
        stop_end_date=fold.sibling_end if stops else None,
        rounds=one.model.rounds,
        calibration_start_date=fold.calibration_start,
        calibration_end_date=fold.train_end,
        calibration_ic=one.calibration_ic,
        calibration_size_weighted_ic=size_weighted,
        calibration_intercept=without.intercept,
        calibration_slope=without.slope,
        calibration_certainty=without.certainty,
        calibration_intercept_cds=own.intercept,
        calibration_slope_cds=own.slope,
        calibration_certainty_cds=own.certainty,
        calibration_prior_slope=one.calibration.prior_slope,
        base_rate=one.calibration.base_rate,
        is_eligible=one.name != ENSEMBLE and chosen.kind.may_be_champion,
        snapshot_id=snapshot,
        data_hash=one.data_hash,
        mlflow_run_id=run_id,
        mlflow_model_uri=None,
        model_text=one.model.to_text(),
        known_at=_known(fold),
    )


def first_labelled(data: Dataset, fold: Fold, chosen: Specification) -> date:
    """First day of the fold that `chosen` learns from."""
    rows = data.recent(data.labelled(fold.train_start, fold.train_end), chosen)
    day: date = data.keys["trade_date"][int(rows[0])]
    return day


def holdout_rows(data: Dataset, models: Sequence[FoldModel]) -> pl.DataFrame:
    """Rows of `holdout_ics` of one fold; what a sibling adds is over the control's sibling."""
    control = next((one.holdout_prediction for one in models if one.name == CONTROL), None)
    return pl.concat(
        [
            daily_ics(
                data,
                one.holdout_rows,
                one.holdout_prediction,
                None if one.name == CONTROL else control,
            ).with_columns(**_of(one))
            for one in models
        ]
    )


def importance_rows(models: Sequence[FoldModel]) -> pl.DataFrame:
    """Rows of `feature_importances` of one fold; the ensemble has none of its own."""
    frames = []
    for one in models:
        if not one.contributions.size:
            continue
        parts = one.contributions[:, :-1]
        size = np.abs(parts).mean(axis=0)
        order = np.argsort(-size, kind="stable")
        rank = np.empty(size.size, dtype=np.int64)
        rank[order] = np.arange(1, size.size + 1)
        frames.append(
            pl.DataFrame(
                {
                    "feature": list(one.specification.features),
                    "mean_abs_contribution": size,
                    "mean_contribution": parts.mean(axis=0),
                    "share": size / size.sum() if size.sum() > 0 else np.zeros(size.size),
                    "importance_rank": rank,
                }
            ).with_columns(n_rows=pl.lit(parts.shape[0], dtype=pl.Int64), **_of(one))
        )
    return pl.concat(frames)


def _of(one: FoldModel) -> dict[str, pl.Expr]:
    """Fold, name and knowledge time of a model as columns."""
    return {
        "fold": pl.lit(one.fold.quarter),
        "model_name": pl.lit(one.name),
        "known_at": pl.lit(_known(one.fold)),
    }


def _known(fold: Fold) -> datetime:
    return cutoff(offset(fold.first_day, -1))
