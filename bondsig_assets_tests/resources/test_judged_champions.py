"""What champions were worth, by the quarter, in the MLflow runs they came from: once."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy import stats

from bondsig_assets.calendar import trading_days
from bondsig_assets.resources.judged_champions import judged_quarters, log_judged
from bondsig_assets.resources.tracking import TrackingResource

DAYS = trading_days(date(2023, 11, 1), date(2024, 5, 10))
NAMES = [f"P{k:02d}" for k in range(20)]


def scored(days: list[date]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Scores of two champions, one a quarter, and labels that follow them loosely."""
    noise = np.random.default_rng(7)
    rows = [(day, name, noise.normal(), noise.normal()) for day in days for name in NAMES]
    frame = pl.DataFrame(rows, ["trade_date", "parent_id", "prediction", "noise"], orient="row")
    scores = frame.select(
        "trade_date",
        "parent_id",
        "prediction",
        model_version=pl.when(pl.col("trade_date") < date(2024, 1, 1))
        .then(pl.lit("ridge 2023-10-01"))
        .otherwise(pl.lit("ridge 2024-01-01")),
    )
    labels = frame.select(
        "trade_date",
        "parent_id",
        horizon_days=pl.lit(5, pl.Int64),
        label_pct=pl.col("prediction") + 2 * pl.col("noise"),
        simple_excess_pct=pl.lit(0.0),
    )
    return scores, labels


def test_a_quarter_is_judged_once_all_its_labels_are_known():
    scores, labels = scored(DAYS)
    judged = judged_quarters(scores, labels, 5)
    # The second of 2024 has begun and is not over.
    assert judged.select("model_version", "quarter", "n_days").rows() == [
        ("ridge 2023-10-01", date(2023, 10, 1), 41),
        ("ridge 2024-01-01", date(2024, 1, 1), 61),
    ]
    both = scores.join(labels, on=["trade_date", "parent_id"])
    of_each = [
        stats.spearmanr(day["prediction"], day["label_pct"]).statistic
        for (when,), day in both.group_by("trade_date")
        if when < date(2024, 1, 1)
    ]
    assert judged["judged_ic"][0] == pytest.approx(np.mean(of_each), abs=1e-12)
    late = labels.filter(pl.col("trade_date") < date(2024, 3, 28))
    assert judged_quarters(scores, late, 5)["quarter"].to_list() == [date(2023, 10, 1)]


def test_before_any_score_there_is_nothing_to_judge():
    scores, labels = scored(DAYS)
    assert judged_quarters(scores.clear(), labels, 5).is_empty()
    assert judged_quarters(scores, labels.clear(), 5).is_empty()


@pytest.mark.slow
def test_each_quarter_is_logged_once_to_the_run_of_its_champion(tmp_path):
    scores, labels = scored(DAYS)
    judged = judged_quarters(scores, labels, 5)
    tracking = TrackingResource(home=str(tmp_path))
    (tmp_path / "mlflow").mkdir()
    mlflow = tracking.connect("study")
    runs = []
    for name in ("2023", "2024"):
        with mlflow.start_run(run_name=name) as run:
            runs.append(run.info.run_id)
    models = pl.DataFrame(
        {
            "model_version": judged["model_version"],
            "model_name": ["ridge", "ridge"],
            "mlflow_run_id": runs,
            "mlflow_model_uri": pl.Series([None, None], dtype=pl.String),
        }
    )
    assert log_judged(tracking, "study", judged[:1], models) == 1
    assert log_judged(tracking, "study", judged, models) == 1
    assert log_judged(tracking, "study", judged, models) == 0
    client = mlflow.MlflowClient()
    told = [client.get_metric_history(run_id, "judged_ic_ridge") for run_id in runs]
    assert [[one.step for one in history] for history in told] == [[20234], [20241]]
    assert [history[0].value for history in told] == pytest.approx(judged["judged_ic"].to_list())
