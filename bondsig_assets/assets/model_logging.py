"""What MLflow keeps of a fold: parameters, metrics, features, the champion with signature, a SHAP picture.

Belongs here: the content of one nested run. Not here: connecting to MLflow (`resources/tracking.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.models import RidgeModel
from bondsig_assets.learning.training import TrainedModel, TrainingSet
from bondsig_assets.reporting.shap_summary import shap_summary
from bondsig_assets.resources.tracking import REGISTERED_MODEL

#: Rows that the SHAP picture shows.
_SHAP_ROWS = 2000


def log_fold(mlflow: Any, fold: Fold, trained: list[TrainedModel], data: TrainingSet, parameters: dict, snapshot: int) -> None:
    """Log one fold to the active nested run and register its champion."""
    champion = next(model for model in trained if model.is_champion)
    mlflow.log_params({
        **parameters, "fold": fold.quarter, "first_day": fold.first_day, "last_day": fold.last_day, "train_end": fold.train_end,
        "calibration_start": fold.calibration_start, "snapshot_id": snapshot, "champion": champion.candidate.name,
        "n_train_rows": data.frame.height, "n_features": len(champion.candidate.features),
    })
    mlflow.log_metrics({
        f"{name}_{model.candidate.name}": value
        for model in trained
        for name, value in (("calibration_ic", model.calibration_ic), ("calibration_slope", model.calibration.slope))
    })
    mlflow.log_dict({model.candidate.name: list(model.candidate.features) for model in trained}, "features.json")
    names = list(champion.candidate.features)
    recent = np.arange(max(data.frame.height - _SHAP_ROWS, 0), data.frame.height)
    inputs = data.frame.select(names)[recent].to_numpy()
    figure = shap_summary(champion.model.contributions(inputs)[:, :-1], inputs, names, f"{champion.candidate.name}, fold {fold.quarter}")
    mlflow.log_figure(figure, "shap_summary.png")
    _log_champion(mlflow, champion, data.frame.select(names)[recent[:50]])


def _log_champion(mlflow: Any, champion: TrainedModel, example: pl.DataFrame) -> None:
    """The champion as an MLflow model with signature; requirements are named because inferring them takes seconds."""
    frame = example.to_pandas()
    signature = mlflow.models.infer_signature(frame, champion.model.predict(example.to_numpy()))
    options = {"name": "model", "signature": signature}
    model: Any = champion.model
    if isinstance(model, RidgeModel):
        import sklearn
        from sklearn.linear_model import Ridge

        ridge = Ridge(alpha=model.penalty)
        ridge.coef_ = np.array(model.weights)
        ridge.intercept_ = model.intercept - float(np.dot(model.weights, model.means))
        ridge.n_features_in_ = len(model.weights)
        logged = mlflow.sklearn.log_model(ridge, pip_requirements=[f"scikit-learn=={sklearn.__version__}"], **options)
    else:
        import xgboost

        logged = mlflow.xgboost.log_model(model.booster, pip_requirements=[f"xgboost=={xgboost.__version__}"], **options)
    # Registering through log_model prints two lines a fold.
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{REGISTERED_MODEL}'"):
        client.create_registered_model(REGISTERED_MODEL)
    client.create_model_version(REGISTERED_MODEL, logged.model_uri, mlflow.active_run().info.run_id)
