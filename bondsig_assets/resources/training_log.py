"""What MLflow keeps of a training and of each fold: parameters, metrics, features, and each model
with signature and example.

Belongs here: the content of the parent run and of a nested one. Not here: connecting to MLflow
(`resources/tracking.py`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.models.catalogue import ENSEMBLE
from bondsig_assets.learning.rows import ModelRow
from bondsig_assets.learning.settings import LearningSettings, as_toml
from bondsig_assets.learning.training import FoldModel
from bondsig_assets.resources.tracking import TrackingResource, model_id

#: Rows of the input example.
_EXAMPLE = 5


def log_study(
    mlflow: Any, folds: Sequence[Fold], settings: LearningSettings, snapshot: int
) -> None:
    """Log to the active parent run what was asked: `learning.toml` there runs the same study
    again.
    """
    mlflow.log_params(
        {
            **asdict(settings.walk_forward),
            "models": ", ".join(settings.models),
            "first_fold": folds[0].quarter,
            "last_fold": folds[-1].quarter,
            "n_folds": len(folds),
            "snapshot_id": snapshot,
        }
    )
    mlflow.log_text(as_toml(settings), "learning.toml")


def log_fold(
    mlflow: Any,
    tracking: TrackingResource,
    fold: Fold,
    models: Sequence[FoldModel],
    rows: Sequence[ModelRow],
    data: Dataset,
    settings: LearningSettings,
) -> list[ModelRow]:
    """Log one fold to the active nested run; returns `rows` with the URI of each model."""
    dates = {name: value for name, value in asdict(fold).items() if value is not None}
    mlflow.log_params(
        {
            **dates,
            **asdict(settings.walk_forward),
            "n_train_rows": models[0].n_rows,
            "n_train_days": models[0].n_days,
            "snapshot_id": rows[0].snapshot_id,
            "models": ", ".join(one.name for one in models),
        }
    )
    mlflow.log_dict({row.model_name: _description(row) for row in rows}, "models.json")
    best = max(
        (one for one in models if one.contributions.size), key=lambda one: one.calibration_ic
    )
    inputs = data.inputs(best.explained_rows, best.specification)
    seen = inputs if inputs.ndim == 2 else inputs[:, -1]
    from bondsig_assets.reporting.learning_pictures import draw_contributions

    mlflow.log_figure(
        draw_contributions(
            seen, best.contributions[:, :-1], best.specification.features, best.version
        ),
        "contributions.png",
    )
    logged = [
        _logged(mlflow, tracking, one, row, data) for one, row in zip(models, rows, strict=True)
    ]
    _log_metrics(mlflow, logged)
    return logged


def _log_metrics(mlflow: Any, rows: Sequence[ModelRow]) -> None:
    """Log what each model reached to the active run and to that model. After the models: MLflow
    links to a model that is logged whatever the run holds by then, and reads each of it back.
    """
    now = int(time.time() * 1000)
    metrics = [
        mlflow.entities.Metric(
            f"{name}_{row.model_name}",
            value,
            now,
            0,
            model_id=model_id(row.mlflow_model_uri) if row.mlflow_model_uri else None,
        )
        for row in rows
        for name, value in _metrics(row).items()
    ]
    mlflow.MlflowClient().log_batch(mlflow.active_run().info.run_id, metrics=metrics)


def _metrics(row: ModelRow) -> dict[str, float]:
    return {
        "calibration_ic": row.calibration_ic,
        "calibration_slope": row.calibration_slope,
        **(
            {}
            if row.calibration_size_weighted_ic is None
            else {"calibration_size_weighted_ic": row.calibration_size_weighted_ic}
        ),
        "base_rate": row.base_rate,
        "rounds": row.rounds,
    }


def _description(row: ModelRow) -> dict[str, str | list[str]]:
    return {
        "features": row.features,
        "feature_hash": row.feature_hash,
        "specification_hash": row.specification_hash,
        "data_hash": row.data_hash,
        "settings": row.settings,
    }


def _logged(
    mlflow: Any, tracking: TrackingResource, one: FoldModel, row: ModelRow, data: Dataset
) -> ModelRow:
    if one.name == ENSEMBLE:
        return row
    inputs = data.inputs(one.explained_rows[-_EXAMPLE:], one.specification)
    example: Any = inputs.astype(np.float32)
    if inputs.ndim == 2:
        import pandas as pd

        example = pd.DataFrame(inputs, columns=list(one.specification.features))
    return replace(row, mlflow_model_uri=tracking.log_model(mlflow, row, example))
