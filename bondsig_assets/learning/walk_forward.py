"""A whole walk-forward in memory: train each fold, predict its quarter.

Belongs here: the loop that studies, benchmarks and notebooks use. Not here: the warehouse and
MLflow; the graph's assets do the same in pieces.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date

import polars as pl

from bondsig_assets.errors import FoldError
from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.folds import Fold, folds_between
from bondsig_assets.learning.models.catalogue import Specification
from bondsig_assets.learning.scoring import Scorer, predict
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.training import FoldModel, train_folds
from bondsig_assets.learning.tuning import tuner


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def walk_forward(
    data: Dataset,
    settings: LearningSettings,
    specifications: Sequence[Specification] | None = None,
    workers: int | None = None,
    finished: Callable[[Fold, list[FoldModel]], None] | None = None,
) -> pl.DataFrame:
    """Rows of `predictions` of every fold that has enough history, each quarter by models trained
    before it.

    `finished` is called with each fold's models. Raises FoldError when not one fold can be trained.
    """
    if not data.keys.height:
        raise FoldError("there are no issuer days")
    first, last = data.keys["trade_date"][0], data.keys["trade_date"][-1]
    folds = folds_between(first, last, settings.walk_forward)
    made, errors = [], []
    for fold, models in train_folds(
        data,
        folds,
        specifications or settings.specifications(),
        settings,
        workers or cores(),
        tuner(),
    ):
        if isinstance(models, FoldError):
            errors.append(models)
            continue
        if finished is not None:
            finished(fold, models)
        made.append(predict_quarter(data, fold, models, last))
    if not made:
        raise (
            errors[0]
            if errors
            else FoldError(
                f"no quarter has {settings.walk_forward.minimum_train_days} trading days before it"
                f" within {first} … {last}"
            )
        )
    return pl.concat(made)


def predict_quarter(
    data: Dataset, fold: Fold, models: Sequence[FoldModel], last: date
) -> pl.DataFrame:
    """Rows of `predictions` of the fold's quarter, up to `last`, for issuers fresh enough for a
    score.
    """
    rows = data.between(fold.first_day, min(fold.last_day, last))
    scorers = [Scorer(m.name, m.version, m.model, m.specification, m.calibration) for m in models]
    return predict(data, rows[data.scorable[rows]], scorers)
