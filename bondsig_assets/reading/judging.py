"""What predictions are judged on, and every table of the judgement but what MLflow has to answer.

Belongs here: reading labels, attributes and predictions, handing them to `learning/evaluation.py`
and its neighbours. Not here: statistics, trials (`resources/trials.py`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import polars as pl

from bondsig_assets.learning.evaluation import attributes, daily_ic_and_evaluations
from bondsig_assets.learning.event_study import news_events
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.probability import brier, reliability
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.learning.tails import tails, with_champion
from bondsig_assets.learning.thresholds import thresholds
from bondsig_assets.machine import cores
from bondsig_assets.tables.news_features import NEWS_AGES
from bondsig_assets.warehouse import Warehouse, of_one_snapshot


def trained_label(warehouse: Warehouse) -> tuple[int, str]:
    """Horizon and kind of the label of the newest fold's models: what predictions are judged on.
    The settings' own before there is a fold.
    """
    usual = WalkForwardSettings()
    found = warehouse.read(
        "SELECT horizon_days, label FROM models ORDER BY fold DESC LIMIT 1"
    ).rows()
    return found[0] if found else (usual.horizon_days, usual.label)


@of_one_snapshot
def judged(
    warehouse: Warehouse, predictions: pl.DataFrame, labels: pl.DataFrame, horizon: int
) -> dict[str, pl.DataFrame]:
    """Rows of every table of the judgement but `overfitting`."""
    issuers = warehouse.read_table("issuer_days", columns=_ATTRIBUTES)
    known = attributes(
        issuers, warehouse.read_table("fundamentals", columns=["parent_id", "known_at"])
    )
    versions = warehouse.read_table("models", columns=["model_version", "base_rate"])
    scores, signals = warehouse.read_table("scores"), warehouse.read_table("signals")
    news = warehouse.read_table("credit_news", columns=_NEWS)
    whole = with_champion(predictions, scores, versions)
    # Sorting whole columns, each of them leaves Python to others for most of its time.
    with ThreadPoolExecutor(cores()) as pool:
        by_day = pool.submit(daily_ic_and_evaluations, predictions, labels, known, horizon, CONTROL)
        others = {
            "probability_evaluations": pool.submit(brier, predictions, labels, versions, horizon),
            "reliability_bins": pool.submit(reliability, predictions, labels, horizon),
            "probability_tails": pool.submit(tails, whole, labels, horizon),
            "news_events": pool.submit(news_events, news, issuers),
            "thresholds": pool.submit(thresholds, scores, labels, signals, horizon=horizon),
        }
    ics, evaluations = by_day.result()
    return {"information_coefficients": ics, "evaluations": evaluations} | {
        name: made.result() for name, made in others.items()
    }


_ATTRIBUTES = ["parent_id", "trade_date", "sector", "rating_number", "log_market_cap"]
_NEWS = [
    "parent_id",
    "trade_date",
    "daily_volatility_pct",
    "stock_return_0",
    *(f"credit_news_{k}" for k in NEWS_AGES),
    *(f"credit_news_probability_{k}" for k in NEWS_AGES),
]
