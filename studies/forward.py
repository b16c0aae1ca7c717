"""A walk-forward for studies: every quarter by models fitted before it, without the siblings that
only calibrate.

Belongs here: predictions and what they are judged by, for honest studies and for ones that cheat on
purpose (`cheating.py`). Not here: worlds. A test holds the predictions equal to those of
`learning/walk_forward.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.evaluation import daily_ic
from bondsig_assets.learning.folds import Fold, folds_between
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.models.catalogue import Specification
from bondsig_assets.learning.overfitting import long_short, sharpes
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.statistics import lags_of, newey_west

#: Rows of the dataset that a model of a fold is fitted on.
TrainingRows = Callable[[Dataset, Fold], np.ndarray]


def honest_rows(data: Dataset, fold: Fold) -> np.ndarray:
    """What `learning/training.py` fits on: labelled rows up to the purged end."""
    return data.labelled(fold.train_start, fold.train_end)


def forward(
    data: Dataset,
    specifications: Sequence[Specification],
    settings: LearningSettings,
    training_rows: TrainingRows = honest_rows,
) -> pl.DataFrame:
    """parent_id, ticker, trade_date, model_name, prediction of every scorable issuer of every
    quarter with enough history.
    """
    first, last = data.keys["trade_date"][0], data.keys["trade_date"][-1]
    parts = []
    for fold in folds_between(first, last, settings.walk_forward):
        train = training_rows(data, fold)
        test = data.between(fold.first_day, min(fold.last_day, last))
        test = test[data.scorable[test]]
        for one in specifications:
            model = one.make().fit(
                data.sample(train, one, settings.walk_forward.uniqueness_weights)
            )
            parts.append(predicted(data, test, one, model))
    return pl.concat(parts)


def predicted(
    data: Dataset, rows: np.ndarray, specification: Specification, model: Any
) -> pl.DataFrame:
    """What a fitted model says of `rows`."""
    values = pl.Series(model.predict(data.inputs(rows, specification)), dtype=pl.Float64)
    return data.keys[rows].select(
        "parent_id",
        "ticker",
        "trade_date",
        model_name=pl.lit(specification.name),
        prediction=values,
    )


def judged(
    predictions: pl.DataFrame, labels: pl.DataFrame, horizon: int = 5
) -> dict[str, dict[str, Any]]:
    """Per model and `<model>_over_equity`: mean daily size-weighted IC, its Newey-West standard
    error and t, days; for models also the Sharpe ratio before costs.
    """
    known = known_labels(labels.filter(pl.col("horizon_days") == horizon))
    ics = daily_ic(predictions, known)
    found: dict[str, dict[str, Any]] = {}
    for (name,), rows in ics.sort("trade_date").group_by("model_name", maintain_order=True):
        values = rows["size_weighted_ic"].to_numpy()
        mean, error = newey_west(values, lags_of(horizon, values.size))
        found[str(name)] = {
            "mean_ic": mean,
            "standard_error": error,
            "t": mean / error if error > 0 else 0.0,
            "n_days": int(values.size),
        }
    for (name,), rows in long_short(predictions, known, horizon).group_by(
        "model_name", maintain_order=True
    ):
        if str(name) in found:
            found[str(name)]["sharpe"] = float(sharpes(rows, horizon).mean())
    return found
