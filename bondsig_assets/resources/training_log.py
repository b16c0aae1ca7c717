"""What MLflow keeps of a training and of each fold: parameters, metrics, features, and each model
with signature and example.

Belongs here: the content of the parent run and of a nested one. Not here: connecting to MLflow
(`resources/tracking.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.models.catalogue import ENSEMBLE
from bondsig_assets.learning.settings import LearningSettings, as_toml
from bondsig_assets.learning.training import FoldModel
from bondsig_assets.reporting.learning_pictures import draw_contributions
from bondsig_assets.resources.tracking import TrackingResource

_METRICS = ("calibration_ic", "calibration_slope", "base_rate", "rounds")
_DESCRIBED = ("features", "feature_hash", "specification_hash", "data_hash", "settings")
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
    rows: list[dict[str, Any]],
    data: Dataset,
    settings: LearningSettings,
) -> list[dict[str, Any]]:
    """Log one fold to the active nested run; returns `rows` with the URI of each model."""
    spans = {name: value for name, value in asdict(fold).items() if value is not None}
    mlflow.log_params(
        {
            **spans,
            **asdict(settings.walk_forward),
            "n_train_rows": models[0].n_rows,
            "n_train_days": models[0].n_days,
            "snapshot_id": rows[0]["snapshot_id"],
            "models": ", ".join(one.name for one in models),
        }
    )
    mlflow.log_metrics(
        {f"{name}_{row['model_name']}": row[name] for row in rows for name in _METRICS}
    )
    mlflow.log_dict(
        {row["model_name"]: {name: row[name] for name in _DESCRIBED} for row in rows}, "models.json"
    )
    best = max(
        (one for one in models if one.contributions.size), key=lambda one: one.calibration_ic
    )
    inputs = data.inputs(best.explained_rows, best.specification)
    seen = inputs if inputs.ndim == 2 else inputs[:, -1]
    mlflow.log_figure(
        draw_contributions(
            seen, best.contributions[:, :-1], best.specification.features, best.version
        ),
        "contributions.png",
    )
    return [
        _logged(mlflow, tracking, one, row, data) for one, row in zip(models, rows, strict=True)
    ]


def _logged(
    mlflow: Any, tracking: TrackingResource, one: FoldModel, row: dict[str, Any], data: Dataset
) -> dict[str, Any]:
    if one.name == ENSEMBLE:
        return row
    inputs = data.inputs(one.explained_rows[-_EXAMPLE:], one.specification)
    example: Any = inputs.astype(np.float32)
    if inputs.ndim == 2:
        import pandas as pd

        example = pd.DataFrame(inputs, columns=list(one.specification.features))
    return {**row, "mlflow_model_uri": tracking.log_model(mlflow, row, example)}
