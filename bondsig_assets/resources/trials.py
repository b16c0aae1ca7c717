"""The trials of a study as MLflow holds them: every specification that was ever walked forward,
failed ideas included.

Belongs here: writing a trial's returns, reading all of them back, counting. Not here: what is
computed from them (`learning/overfitting.py`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from bondsig_assets.errors import TrackingError
from bondsig_assets.learning.models.catalogue import fingerprint
from bondsig_assets.resources.tracking import TrackingResource
from bondsig_assets.warehouse import Warehouse

_KIND, _TRIAL, _HORIZON = "bondsig.kind", "bondsig.trial", "bondsig.horizon_days"


def log_trials(
    tracking: TrackingResource,
    study: str,
    warehouse: Warehouse,
    returns: pl.DataFrame,
    horizon: int,
) -> None:
    """Log each model's returns (`long_short` rows of periods of `horizon` days) and newest settings
    as a trial of the study.

    A trial is a specification (all of them, where folds differ): judged again on other days it
    stays the same trial, and keeps the days it was judged on before.
    """
    mlflow = tracking.connect(study)
    fitted = warehouse.read(
        "SELECT DISTINCT model_name, specification_hash, label, settings FROM models ORDER BY ALL"
    )
    known = {run.data.tags.get(_TRIAL): run.info.run_id for run in _runs(mlflow, study, "trial")}
    for (name,), rows in returns.sort("trade_date").group_by("model_name", maintain_order=True):
        specifications = fitted.filter(model_name=name).drop("model_name")
        trial = fingerprint(
            [str(name), " ".join(specifications["specification_hash"].unique().sort())]
        )
        tags = {_KIND: "trial", _TRIAL: trial, _HORIZON: str(horizon), "model_name": str(name)}
        started = (
            {"run_id": known[trial]}
            if trial in known
            else {"run_name": f"{name}, walked forward", "tags": tags}
        )
        with mlflow.start_run(**started):
            mlflow.log_dict(
                {"horizon_days": horizon, "fitted_with": specifications.to_dicts()},
                "specification.json",
            )
            earlier = (
                _returns(tracking, mlflow, known[trial]).join(rows, on="trade_date", how="anti")
                if trial in known
                else rows.clear()
            )
            _log(
                mlflow,
                pl.concat(
                    [
                        earlier.select("trade_date", "return_pct"),
                        rows.select("trade_date", "return_pct"),
                    ]
                ).sort("trade_date"),
            )


def _log(mlflow: Any, rows: pl.DataFrame) -> None:
    mlflow.log_metrics(
        {"mean_return_pct": float(rows["return_pct"].to_numpy().mean()), "n_periods": rows.height}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "returns.csv"
        rows.write_csv(path)
        mlflow.log_artifact(str(path))


def _returns(tracking: TrackingResource, mlflow: Any, run_id: str) -> pl.DataFrame:
    """trade_date, return_pct of a trial. Raises TrackingError."""
    try:
        path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="returns.csv")
    except (OSError, mlflow.exceptions.MlflowException) as error:
        raise TrackingError(
            f"MLflow at {tracking.place}: run {run_id} has no returns.csv"
            f" ({str(error).splitlines()[0]})"
        ) from error
    return pl.read_csv(path, schema={"trade_date": pl.Date, "return_pct": pl.Float64})


def read_trials(tracking: TrackingResource, study: str, horizon: int) -> tuple[pl.DataFrame, int]:
    """Returns of each trial of periods of `horizon` days (model_name, trade_date, return_pct) and
    how many trials the study has logged.

    Counted are walked-forward specifications of any horizon, trials of a search, and trainings that
    failed. Of several specifications of one model the newest carries its name, the others their
    run.
    """
    mlflow = tracking.connect(study)
    runs = _runs(mlflow, study, "trial")
    frames, seen = [], set()
    comparable = [run for run in runs if run.data.tags.get(_HORIZON) == str(horizon)]
    for run in sorted(comparable, key=lambda run: run.info.start_time, reverse=True):
        name = run.data.tags.get("model_name", "")
        label = name if name not in seen else f"{name} ({run.info.run_id[:6]})"
        seen.add(name)
        frames.append(
            _returns(tracking, mlflow, run.info.run_id).with_columns(model_name=pl.lit(label))
        )
    failed = [
        run for run in _runs(mlflow, study, "training") if run.info.status in ("FAILED", "KILLED")
    ]
    schema = {"model_name": pl.String, "trade_date": pl.Date, "return_pct": pl.Float64}
    found = (
        pl.concat([frame.select(list(schema)) for frame in frames])
        if frames
        else pl.DataFrame(schema=schema)
    )
    return found, len(runs) + len(_runs(mlflow, study, "search_trial")) + len(failed)


def _runs(mlflow: Any, study: str, kind: str) -> list[Any]:
    experiment = mlflow.get_experiment_by_name(study)
    if experiment is None:
        return []
    return list(
        mlflow.MlflowClient().search_runs(
            [experiment.experiment_id], f"tags.`{_KIND}` = '{kind}'", max_results=10_000
        )
    )
