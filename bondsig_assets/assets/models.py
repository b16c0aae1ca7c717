"""Walk-forward training, one partition a quarter, tracked in MLflow.

Belongs here: the asset of the group models. Not here: fitting (`learning/training.py`).
"""

from datetime import date
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
from pydantic import Field

from bondsig_assets.assets.common import table_asset, whole_result
from bondsig_assets.assets.model_logging import log_fold
from bondsig_assets.learning.folds import Fold, fold_of
from bondsig_assets.learning.models import XGBoostSettings
from bondsig_assets.learning.training import TrainedModel, candidates, train_fold, training_set
from bondsig_assets.orchestration.progress import report
from bondsig_assets.resources.tracking import REGISTERED_MODEL, TrackingResource
from bondsig_assets.resources.warehouse import Write
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.trading_calendar import cutoff, offset

_DEFAULTS = XGBoostSettings()


class TrainingConfig(dg.Config):
    """Hyper-parameters of a training; the defaults are what `bondsig run` uses."""

    n_trees: int = Field(default=_DEFAULTS.n_trees, description="Number of boosted trees", gt=0)
    max_depth: int = Field(default=_DEFAULTS.max_depth, description="Depth of a tree; the signal is weak, keep it shallow", gt=0)
    learning_rate: float = Field(default=_DEFAULTS.learning_rate, description="Shrinkage of each tree", gt=0)
    min_child_weight: float = Field(default=_DEFAULTS.min_child_weight, description="Smallest number of rows in a leaf", gt=0)
    reg_lambda: float = Field(default=_DEFAULTS.reg_lambda, description="L2 penalty on leaf values", ge=0)
    ridge_penalty: float = Field(default=0.02, description="Penalty of the ridge baseline relative to unit-variance features", gt=0)

    def xgboost(self) -> XGBoostSettings:
        """The settings of the boosted trees."""
        return XGBoostSettings(self.n_trees, self.max_depth, self.learning_rate, self.min_child_weight, reg_lambda=self.reg_lambda)


def models_asset(folds: dg.PartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of fold models."""
    history = dg.AllPartitionMapping()

    @table_asset(
        "models", kinds={"xgboost", "mlflow"}, partitions=folds,
        deps=[dg.AssetDep("issuer_days", partition_mapping=history), dg.AssetDep("labels", partition_mapping=history)],
    )
    def models(context: dg.AssetExecutionContext, config: TrainingConfig, warehouse: WarehouseResource, tracking: TrackingResource) -> dg.MaterializeResult:
        """The models of each quarter, trained on what was known before it began.

        XGBoost, a ridge baseline and an equity-only control on the same days. `is_champion` marks the
        one that scores the quarter: the higher IC on the last 84 training days, predicted by a sibling
        that had not seen them. The newest champion carries the alias `champion` in MLflow.
        """
        lake, rows = warehouse.open(), []
        keys = sorted(context.partition_keys)
        snapshot = lake.snapshot_id()
        tags = {"dagster.run_id": context.run_id, "dagster.asset_key": "models", "partitions": f"{keys[0]} … {keys[-1]}"}
        with tracking.training(f"training {keys[0]} … {keys[-1]}", tags) as mlflow:
            for done, key in enumerate(keys):
                report("models", done / len(keys))
                fold = fold_of(date.fromisoformat(key))
                frame = _train(lake, fold, config, snapshot, mlflow)
                if frame.height:
                    _promote_if_newest(lake, mlflow, tracking, fold, frame)
                lake.replace(Write("models", frame, (fold.quarter, fold.quarter)))
                rows.append(frame)
            run_id = mlflow.active_run().info.run_id
        report("models", 1.0)
        trained = pl.concat(rows)
        return whole_result(
            trained.drop("model_text", "mlflow_run_id"), mlflow_run_id=run_id, snapshot_id=snapshot,
            mean_calibration_ic=float(np.mean(trained.filter("is_champion")["calibration_ic"].to_numpy())) if trained.height else 0.0,
        )

    return models


def _train(lake, fold: Fold, config: TrainingConfig, snapshot: int, mlflow: Any) -> pl.DataFrame:
    """Train one fold inside a nested run; an empty frame when its history is too short."""
    until = (date(2002, 7, 1), fold.train_end)
    issuer_days = lake.read_table("issuer_days", between=until, at_snapshot=snapshot)
    labels = lake.read_table("labels", between=(until[0], offset(fold.first_day, -1)), at_snapshot=snapshot)
    data = training_set(issuer_days, labels, fold)
    if not len(data.rows(None, fold.sibling_end)) or not len(data.rows(fold.calibration_start, fold.train_end)):
        return TABLES["models"].empty()
    trained = train_fold(data, fold, candidates(config.xgboost(), config.ridge_penalty))
    with mlflow.start_run(run_name=f"fold {fold.quarter}", nested=True) as run:
        log_fold(mlflow, fold, trained, data, config.model_dump(), snapshot)
        return TABLES["models"].conform(pl.DataFrame(
            [_row(fold, model, data, snapshot, run.info.run_id) for model in trained], schema=TABLES["models"].polars_schema, orient="row"
        ))


def _row(fold: Fold, model: TrainedModel, data, snapshot: int, run_id: str) -> dict:
    days = data.days
    return {
        "fold": fold.quarter, "model_name": model.candidate.name, "model_version": f"{model.candidate.name} {fold.quarter}",
        "train_start_date": days.min(), "train_end_date": days.max(), "n_train_rows": len(days), "n_train_days": days.n_unique(),
        "calibration_start_date": fold.calibration_start, "calibration_end_date": fold.train_end, "calibration_ic": model.calibration_ic,
        "calibration_intercept": model.calibration.intercept, "calibration_slope": model.calibration.slope, "is_champion": model.is_champion,
        "valid_from_date": fold.first_day, "snapshot_id": snapshot, "mlflow_run_id": run_id, "model_text": model.model.to_text(),
        "known_at": cutoff(offset(fold.first_day, -1)),
    }


def _promote_if_newest(lake, mlflow, tracking: TrackingResource, fold: Fold, frame: pl.DataFrame) -> None:
    """Give the alias `champion` to the newest fold only: retraining an old one changes nothing today."""
    newest = lake.read("SELECT max(fold) AS fold FROM models")["fold"][0]
    if newest is None or fold.quarter >= newest:
        run_id = frame.filter("is_champion")["mlflow_run_id"][0]
        versions = mlflow.MlflowClient().search_model_versions(f"name = '{REGISTERED_MODEL}' and run_id = '{run_id}'")
        tracking.promote(mlflow, versions[0].version)

