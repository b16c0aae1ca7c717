"""What champions' published scores were worth, written to the MLflow runs they were trained in.

Belongs here: which quarters are judged whole, and logging each of them once. Not here: the IC of a
day (`learning/evaluation.py`), and every other judgement, which stands in the lake.
"""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import polars as pl

from bondsig_assets.calendar import at_or_before, next_quarter, quarter_of
from bondsig_assets.learning.evaluation import daily_ic
from bondsig_assets.resources.tracking import TrackingResource, model_id

_NAME, _MARK = "judged_ic", "bondsig.judged_through"


def judged_quarters(scores: pl.DataFrame, labels: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """`model_version, quarter, judged_ic, n_days` of each champion and quarter in which all labels
    are known: mean over the days of the rank IC of its published scores.

    `scores` as the table has them, `labels` as `known_labels` gives them.
    """
    published = scores.with_columns(model_name=pl.lit("champion"))
    of_horizon = labels.filter(pl.col("horizon_days") == horizon)
    newest = of_horizon["trade_date"].max()
    champions = scores.select("trade_date", "model_version").unique("trade_date")
    days = (
        daily_ic(published, of_horizon)
        .filter(pl.col("model_name") == "champion")
        .join(champions, on="trade_date")
        .with_columns(
            quarter=pl.col("trade_date").map_elements(quarter_of, return_dtype=pl.Date),
            value=pl.col("information_coefficient"),
        )
    )
    whole = [
        quarter
        for quarter in days["quarter"].unique().sort()
        if isinstance(newest, date) and _last_day(quarter) <= newest
    ]
    return (
        days.filter(pl.col("quarter").is_in(whole))
        .sort("trade_date")
        .group_by("model_version", "quarter", maintain_order=True)
        .agg(judged_ic=pl.col("value").mean(), n_days=pl.len())
    )


def log_judged(
    tracking: TrackingResource, study: str, judged: pl.DataFrame, models: pl.DataFrame
) -> int:
    """Log rows of `judged_quarters` that are not logged yet; how many.

    They are the metric `judged_ic_<model>` of the fold's run and of the logged model, a step a
    quarter (20241: the first of 2024). A tag of the run says through which quarter: what changes
    later, by late labels, stands in the lake alone. `models`: model_version, model_name,
    mlflow_run_id, mlflow_model_uri. Raises TrackingError.
    """
    rows = judged.join(models, on="model_version").filter(
        pl.col("mlflow_run_id").is_not_null(), pl.col("judged_ic").is_finite()
    )
    if rows.is_empty():
        return 0
    mlflow = tracking.connect(study)
    with tracking.answers():
        client = mlflow.MlflowClient()
        done = {name: _through(client, study, name) for name in rows["model_name"].unique()}
        n_logged = 0
        for row in rows.sort("quarter").iter_rows(named=True):
            run_id, name, quarter = row["mlflow_run_id"], row["model_name"], row["quarter"]
            if quarter.isoformat() > done[name].get(run_id, ""):
                _log(mlflow, client, row)
                client.set_tag(run_id, f"{_MARK}.{name}", quarter.isoformat())
                n_logged += 1
    return n_logged


def _log(mlflow: Any, client: Any, row: dict[str, Any]) -> None:
    """The same row gives the same bytes: a second time MLflow keeps one."""
    quarter: date = row["quarter"]
    metric = mlflow.entities.Metric(
        f"{_NAME}_{row['model_name']}",
        row["judged_ic"],
        math.floor(_seconds(_last_day(quarter)) * 1000),
        quarter.year * 10 + (quarter.month + 2) // 3,
        model_id=model_id(row["mlflow_model_uri"]) if row["mlflow_model_uri"] else None,
    )
    client.log_batch(row["mlflow_run_id"], metrics=[metric])


def _through(client: Any, study: str, name: str) -> dict[str, str]:
    """Run → newest quarter that is logged of a model, in one question."""
    experiment = client.get_experiment_by_name(study)
    tag = f"{_MARK}.{name}"
    found = client.search_runs(
        [experiment.experiment_id], f"tags.`{tag}` LIKE '%'", max_results=10_000
    )
    return {run.info.run_id: run.data.tags[tag] for run in found}


def _last_day(quarter: date) -> date:
    return at_or_before(next_quarter(quarter) - timedelta(days=1))


def _seconds(day: date) -> float:
    return (day - date(1970, 1, 1)).total_seconds()
