"""Walk-forward training, one partition a quarter, tracked in MLflow, and who becomes champion.

Belongs here: the assets of the group models. Not here: fitting (`learning/training.py`), the
comparison (`learning/gate.py`), what MLflow keeps of a fold (`resources/training_log.py`).
"""

from datetime import date
from typing import Any

import dagster as dg

from bondsig_assets.assets.common import Result, table_asset, whole_result
from bondsig_assets.assets.learning_config import gate_config, settings_of, training_config
from bondsig_assets.errors import FoldError
from bondsig_assets.learning.dataset import Dataset, without_information
from bondsig_assets.learning.folds import Fold, fold_of
from bondsig_assets.learning.rows import frame_of
from bondsig_assets.learning.settings import GateSettings, LearningSettings
from bondsig_assets.learning.training import train_folds
from bondsig_assets.learning.tuning import tuner
from bondsig_assets.machine import cores
from bondsig_assets.orchestration import progress
from bondsig_assets.orchestration.partitions import rests_on_days_before
from bondsig_assets.orchestration.stages import TRAINING
from bondsig_assets.reading.gate import replay_gate
from bondsig_assets.reading.model_rows import holdout_rows, importance_rows, model_rows
from bondsig_assets.reading.training import is_fitted, training_data
from bondsig_assets.resources.champion import register_champions
from bondsig_assets.resources.tracking import TRAINING_PAGES, TrackingResource
from bondsig_assets.resources.training_log import log_fold, log_study
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, Write

#: Quarters that could not be trained, and why.
Refused = dict[date, FoldError]


def models_asset(folds: dg.PartitionsDefinition, settings: LearningSettings) -> dg.AssetsDefinition:
    """The asset of fold models; `settings` are the launchpad's defaults."""
    config_class: Any = training_config(settings)

    @table_asset(
        "models",
        kinds={"xgboost", "lightgbm", "mlflow"},
        partitions=folds,
        deps=[rests_on_days_before(name) for name in ("issuer_days", "credit_news", "labels")],
        also=["holdout_ics", "feature_importances"],
        stage=TRAINING,
        doing="training walk-forward models",
        seconds=226,
    )
    def models(
        context: dg.AssetExecutionContext,
        config: config_class,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
    ) -> Result:
        """The models of each quarter, trained on what was known before it began.

        Every model of the study, their mean rank and an equity-only control on the same days, each
        calibrated on days that a sibling had not seen. Folds are written as they are finished: a
        run that is stopped goes on with the next one, and what was fitted on the same data is not
        fitted again.
        """
        asked, opened = settings_of(config, settings), warehouse.open()
        wanted = [
            fold_of(date.fromisoformat(key), asked.walk_forward)
            for key in sorted(context.partition_keys)
        ]
        snapshot = opened.snapshot_id()
        data = training_data(opened, wanted[-1], asked, snapshot)
        missing = (
            wanted
            if config.refit
            else [fold for fold in wanted if not is_fitted(opened, data, fold, asked)]
        )
        tags = {
            "dagster.run_id": context.run_id,
            "dagster.asset_key": "models",
            "bondsig.kind": "training",
        }
        refused: Refused = {}
        run_id = ""
        if missing:
            with tracking.training(
                asked.study, f"training {missing[0].quarter} … {missing[-1].quarter}", tags
            ) as mlflow:
                run_id = mlflow.active_run().info.run_id
                refused = _train(opened, data, missing, asked, snapshot, mlflow, tracking)
        _drop(opened, refused)
        progress.update("models", 1.0)
        trained = opened.read_table(
            "models", between=(wanted[0].quarter, wanted[-1].quarter), columns=_SHOWN
        )
        empty = without_information(data, data.between(None, wanted[-1].train_end))
        return whole_result(
            trained,
            mlflow_run_id=run_id,
            mlflow_run=_link(tracking, run_id),
            snapshot_id=snapshot,
            n_folds_fitted=len(missing) - len(refused),
            n_folds_as_before=len(wanted) - len(missing),
            not_trained=dg.MetadataValue.md(
                "\n".join(f"- {error}" for error in refused.values()) or "none"
            ),
            features_without_information=dg.MetadataValue.md(
                "\n".join(f"- {name}: {why}" for name, why in empty.items()) or "none"
            ),
        )

    return models


_SHOWN = [
    "fold",
    "model_name",
    "n_train_rows",
    "n_train_days",
    "rounds",
    "calibration_ic",
    "calibration_slope",
    "data_hash",
]


def _train(
    warehouse: Warehouse,
    data: Dataset,
    folds: list[Fold],
    settings: LearningSettings,
    snapshot: int,
    mlflow: Any,
    tracking: TrackingResource,
) -> Refused:
    """Train, log and write fold by fold; returns the errors of the quarters that could not be
    trained.
    """
    refused: Refused = {}
    specifications = settings.specifications()
    parent = mlflow.active_run()
    log_study(mlflow, folds, settings, snapshot)
    trained = train_folds(
        *(data, folds, specifications, settings, cores()),
        *(tuner, lambda trial: _log_trial(mlflow, parent, trial)),
    )
    for done, (fold, models) in enumerate(trained):
        progress.update("models", done / len(folds))
        if isinstance(models, FoldError):
            refused[fold.quarter] = models
            continue
        between = (fold.quarter, fold.quarter)
        with mlflow.start_run(run_name=f"fold {fold.quarter}", nested=True) as run:
            rows = model_rows(data, models, settings, snapshot, run.info.run_id)
            rows = log_fold(mlflow, tracking, fold, models, rows, data, settings)
            frames = (
                frame_of("models", rows),
                holdout_rows(data, models),
                importance_rows(models),
            )
            warehouse.replace(
                *(
                    Write(name, TABLES[name].conform(frame), between)
                    for name, frame in zip(_TABLES, frames, strict=True)
                )
            )
        mlflow.log_metrics(
            {f"calibration_ic_{row.model_name}": row.calibration_ic for row in rows},
            step=done,
        )
    return refused


_TABLES = ("models", "holdout_ics", "feature_importances")


def _drop(warehouse: Warehouse, refused: Refused) -> None:
    """Take out the models of refused quarters. Raises Failure, and takes out nothing, where that
    would leave no model at all.
    """
    held = set(warehouse.read_table("models", columns=["fold"])["fold"])
    if held and held <= refused.keys():
        raise dg.Failure(
            f"nothing could be trained, models stay as they were: {next(iter(refused.values()))}"
        )
    for quarter in held & refused.keys():
        warehouse.replace(
            *(Write(name, TABLES[name].empty(), (quarter, quarter)) for name in _TABLES)
        )


def _log_trial(mlflow: Any, parent: Any, trial: Any) -> None:
    """One trial of a search as a run of its own below `parent`, so that it counts among the trials
    of the study.
    """
    client = mlflow.MlflowClient()
    run = client.create_run(
        parent.info.experiment_id,
        run_name=trial.name,
        tags={"mlflow.parentRunId": parent.info.run_id, "bondsig.kind": "search_trial"},
    )
    for name, value in trial.parameters.items():
        client.log_param(run.info.run_id, name, value)
    if trial.is_complete:
        client.log_metric(run.info.run_id, "inner_ic", trial.value)
    client.set_terminated(run.info.run_id, "FINISHED" if trial.is_complete else "FAILED")


def _link(tracking: TrackingResource, run_id: str) -> dg.MetadataValue:
    """The run in MLflow's pages: those of the server, or those `bondsig ui` opens."""
    if not run_id:
        return dg.MetadataValue.text("nothing was fitted")
    base = tracking.uri if tracking.uri.startswith("http") else "http://127.0.0.1:5000"
    import mlflow

    experiment = mlflow.get_run(run_id).info.experiment_id
    page = f"{base}/#/experiments/{experiment}/runs/{run_id}?{TRAINING_PAGES}"
    return dg.MetadataValue.url(page)


def champions_asset(settings: LearningSettings) -> dg.AssetsDefinition:
    """The asset of champions; `settings` are the launchpad's defaults."""
    config_class: Any = gate_config(settings)

    @table_asset(
        "champions",
        kinds={"mlflow", "polars"},
        deps=["models", "issuer_days", "credit_news", "labels"],
        stage=TRAINING,
        doing="replaying the gate",
        seconds=6,
    )
    def champions(
        config: config_class, warehouse: WarehouseResource, tracking: TrackingResource
    ) -> Result:
        """Who scores each day: the gate replayed over every fold in order, with its numbers.

        A refit of the champion's specification takes over unless it is clearly worse on days
        neither had seen; another specification has to be clearly better. Every champion is a
        version in MLflow's registry; the newest has the alias `champion`, the one before it
        `previous`. `bondsig champion` shows and changes it.
        """
        opened = warehouse.open()
        rows = replay_gate(opened, GateSettings(**config.model_dump()))
        if not rows:
            opened.replace(Write("champions", TABLES["champions"].empty()))
            return whole_result(
                TABLES["champions"].empty(), note="no fold has models yet: materialize models first"
            )
        registered = register_champions(opened, tracking, rows)
        newest = registered[-1]
        shown = [
            "valid_from_date",
            "model_version",
            "decision",
            "challenger_version",
            "n_holdout_days",
            "ic_difference",
            "standard_error",
            "threshold",
            "is_flat",
            "reason",
        ]
        return whole_result(
            frame_of("champions", registered).select(shown).reverse(),
            champion=newest.model_version,
            registry_version=newest.registry_version,
            decided=newest.reason,
        )

    return champions
