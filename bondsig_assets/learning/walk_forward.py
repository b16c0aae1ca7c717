"""A whole walk-forward in memory: train each fold, predict its quarter.

Belongs here: the loop that studies, benchmarks and notebooks use. Not here: the warehouse and
MLflow; the graph's assets do the same in pieces.
"""

from __future__ import annotations

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
from bondsig_assets.machine import cores


def walk_forward(
    data: Dataset,
    settings: LearningSettings,
    specifications: Sequence[Specification] | None = None,
    workers: int | None = None,
    finished: Callable[[Fold, list[FoldModel]], None] | None = None,
) -> pl.DataFrame:
    """Rows of `predictions` of every fold that has enough history, each quarter by models trained
    before it.

    - `data`: the days to walk over, from `make_dataset`.
    - `settings`: models, windows, gate; its `walk_forward` must be the one of the dataset.
    - `specifications`: what to train; None: the study's models and the equity-only control.
    - `workers`: processes; None: a process for each core. Their number changes no bit.
    - `finished`: called with each fold and its models, as soon as they are trained.

    Raises FoldError when not one fold can be trained: no issuer days, too few trading days before
    every quarter, or days without labels.

    Examples:
        Seven months of sixteen issuers whose spread tells the stock's return: the one quarter that
        has 126 trading days before it is predicted, for its first week.

        >>> from datetime import date
        >>> import polars as pl
        >>> from bondsig_assets import LearningSettings, make_dataset, walk_forward
        >>> from bondsig_assets.calendar import offset, trading_days
        >>> from bondsig_assets.learning.settings import WalkForwardSettings
        >>> from bondsig_assets.tables import TABLES
        >>> def rows(table, dicts):
        ...     return pl.DataFrame(dicts, schema=TABLES[table].polars_schema)
        >>> days = [
        ...     {
        ...         "trade_date": day,
        ...         "parent_id": f"P{n:02}",
        ...         "ticker": f"T{n:02}",
        ...         "spread_bps": float((7 * n + 3 * when) % 16),
        ...         "staleness_days": 1.0,
        ...     }
        ...     for when, day in enumerate(trading_days(date(2021, 12, 1), date(2022, 7, 8)))
        ...     for n in range(16)
        ... ]
        >>> labels = [
        ...     {
        ...         "trade_date": row["trade_date"],
        ...         "parent_id": row["parent_id"],
        ...         "horizon_days": 5,
        ...         "label_end_date": offset(row["trade_date"], 6),
        ...         "excess_return_pct": -0.1 * row["spread_bps"],
        ...     }
        ...     for row in days
        ... ]
        >>> settings = LearningSettings(
        ...     models=("ridge",),
        ...     walk_forward=WalkForwardSettings(
        ...         minimum_train_days=126, calibration_days=21, stop_days=10
        ...     ),
        ... )
        >>> data = make_dataset(
        ...     rows("issuer_days", days), rows("labels", labels), settings.walk_forward
        ... )
        >>> ridge = settings.specifications()[:1]
        >>> predictions = walk_forward(data, settings, ridge, workers=1)
        >>> predictions.group_by("model_name", "model_version").len().rows()
        [('ridge', 'ridge 2022-07-01', 80)]
        >>> judged = predictions.join(rows("labels", labels), on=["trade_date", "parent_id"])
        >>> ic = pl.corr("prediction", "excess_return_pct", method="spearman")
        >>> judged.select(ic.round(3)).item()
        1.0
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
        tuner,
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
