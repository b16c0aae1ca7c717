"""The price of cheating: the same reports and seeds judged honestly, and with one bias each.

Belongs here: the biases, most of them look-ahead. Not here: honest studies. Each changes one thing
of the honest walk-forward and is named after what people do; nothing of this module is used by the
graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.bonds.analytics import analyze
from bondsig_assets.bonds.known_terms import Reference
from bondsig_assets.calendar import CUTOFF, day_number
from bondsig_assets.features.issuer_days import issuer_days as compute_issuer_days
from bondsig_assets.features.news.credit_news import credit_news as compute_credit_news
from bondsig_assets.features.panels import Panels
from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.evaluation import daily_ic
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.labels import known_labels
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.reading.panels import load_panels
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets.warehouse import Warehouse
from studies.chain_studies import CHAINS, home_of, run
from studies.forward import forward, honest_rows, judged, predicted
from studies.units import Unit

MODELS = ("ridge", "xgboost")
_RANDOM_FOLDS, _SEED = 5, 0
Frames = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]


def cheating_units(chains: dict[str, list[str]] = CHAINS) -> list[Unit]:
    """Every bias in every market; the homes must have been made (`chain_studies.py`)."""
    return [
        Unit("cheating", f"{home}: {bias}", cheat, {"home": home, "options": options, "bias": bias})
        for home, options in chains.items()
        for bias in BIASES
    ]


def cheat(folder: Path, home: str, options: list[str], bias: str) -> dict[str, Any]:
    """What ridge and XGBoost seem to know in a home under that `bias`, and XGBoost's IC of
    each day (`daily_ics`).
    """
    return BIASES[bias](folder, home, options)


def _honest(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    return _judge(*_tables(home_of(folder, home)))


def _same_close(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    """Filled at the close of the very day whose reports, some of them later than that close, made
    the features.
    """
    issuer_days, labels, news = _tables(home_of(folder, home))
    warehouse = Warehouse(home_of(folder, home))
    panels = load_panels(warehouse, *_date_range(warehouse), with_bonds=False)
    return _judge(issuer_days, same_close_labels(panels, labels), news)


def same_close_labels(panels: Panels, labels: pl.DataFrame) -> pl.DataFrame:
    """Labels of horizon 5 that begin at the close of their own day: the sum over t+1 … t+5 of stock
    minus ETF.
    """
    excess = np.zeros_like(panels.stock_return)
    for step in range(1, 6):
        ahead = np.full_like(excess, np.nan)
        ahead[:-step] = np.log1p(panels.stock_return)[step:]
        excess += ahead - np.log1p(panels.etf_return_ahead(step))
    day, parent = np.nonzero(np.isfinite(excess))
    cheated = pl.DataFrame(
        {
            "trade_date": panels.days[day],
            "parent_id": panels.parents[parent],
            "cheated": 100 * excess[day, parent],
        }
    )
    joined = labels.filter(pl.col("horizon_days") == 5).join(
        cheated, on=["trade_date", "parent_id"]
    )
    return joined.with_columns(excess_return_pct=pl.col("cheated")).drop("cheated")


def _hindsight(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    """Features of the usual research sample: trades that stand in the end, prices judged with later
    ones in view.
    """
    path = home_of(folder, home)
    run(path, ["--select", "key:ex_post_trades+"])
    warehouse = Warehouse(path)
    date_range = _date_range(warehouse)
    panels = load_panels(warehouse, *date_range)
    cheated = replace(panels, revisions=_ex_post_revisions(warehouse, panels))
    made = {
        "issuer_days": compute_issuer_days(cheated, *date_range)[0],
        "credit_news": compute_credit_news(cheated, *date_range)[0],
    }
    features, news = (TABLES[name].conform(frame) for name, frame in made.items())
    return _judge(features, warehouse.read_table("labels"), news)


def _ex_post_revisions(warehouse: Warehouse, panels: Panels) -> pl.DataFrame:
    """Ex-post bond days as if each had been known on its own day, with their analytics."""
    days = pl.Series(panels.days)
    final = (
        warehouse.read_table("ex_post_bond_days")
        .drop("cusip_group")
        .filter(pl.col("trade_date").is_in(days.to_list()))
        .with_columns(
            known_date=pl.col("trade_date"),
            known_at=pl.col("trade_date").dt.combine(CUTOFF),
            source=pl.lit("trades"),
        )
    )
    analytics = analyze(
        final, Reference(*(warehouse.read_table(name) for name in Reference._fields))
    )
    keep = [
        "cusip",
        "trade_date",
        "known_date",
        *(
            name
            for name in panels.revisions.columns
            if name in analytics.columns and name not in final.columns
        ),
    ]
    return final.join(
        analytics.select(keep),
        on=["cusip", "trade_date", "known_date"],
        how="left",
        maintain_order="left",
    ).drop("known_at")


def _uncapped(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    """Features of the regulatory view as if it had been seen on the day: uncapped par and reports
    that were never disseminated.
    """
    path = home_of(folder, f"{home} regulatory")
    selected = "+key:issuer_days or +key:credit_news"
    run(path, [*options, "--view", "regulatory", "--select", selected])
    seen = Warehouse(path)
    return _judge(
        seen.read_table("issuer_days"),
        _tables(home_of(folder, home))[1],
        seen.read_table("credit_news"),
    )


def _overlapping(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    """Cross-validation over rows drawn at random: neighbours that share four of a label's five days
    train the model judged on it.
    """
    return _judge(*_tables(home_of(folder, home)), predictions=_by_random_rows)


def _by_random_rows(data: Dataset, settings: LearningSettings) -> pl.DataFrame:
    rows = np.flatnonzero(np.isfinite(data.label) & data.scorable)
    part = np.random.default_rng(_SEED).integers(0, _RANDOM_FOLDS, rows.size)
    tested = _tested_days(data, settings)
    made = []
    for one in settings.specifications():
        for k in range(_RANDOM_FOLDS):
            model = one.make().fit(data.sample(rows[part != k], one, False))
            test = rows[(part == k) & tested[rows]]
            made.append(predicted(data, test, one, model))
    return pl.concat(made)


def _full_sample_scaling(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    """Features scaled by their mean and standard deviation over all days, later ones included,
    instead of within each day.
    """
    issuer_days, labels, news = _tables(home_of(folder, home))
    data = make_dataset(issuer_days, labels, LearningSettings().walk_forward, news)
    values = (
        issuer_days.sort("trade_date", "parent_id")
        .select(pl.col(list(ALL_FEATURES)).cast(pl.Float64).fill_null(np.nan))
        .to_numpy()
    )
    z = (values - np.nanmean(values, axis=0)) / np.maximum(np.nanstd(values, axis=0), 1e-9)
    # Credit news has a unit and is never scaled.
    scaled = np.column_stack([np.clip(z, -8, 8), data.z[:, len(ALL_FEATURES) :]])
    return _judge(issuer_days, labels, news, data=replace(data, z=scaled))


def _own_years(folder: Path, home: str, options: list[str]) -> dict[str, Any]:
    """Today's champion scores the years it was trained on."""
    return _judge(
        *_tables(home_of(folder, home)),
        rows=lambda data, fold: np.flatnonzero(np.isfinite(data.label)),
    )


#: Name of a bias → what it finds. The first is none.
BIASES: dict[str, Callable[[Path, str, list[str]], dict[str, Any]]] = {
    "honest": _honest,
    "same-close fill": _same_close,
    "hindsight cleaning": _hindsight,
    "uncapped volumes": _uncapped,
    "overlapping labels": _overlapping,
    "full-sample scaling": _full_sample_scaling,
    "champion scoring its own training years": _own_years,
}


def _tables(home: Path) -> Frames:
    warehouse = Warehouse(home)
    issuer_days, labels, news = (
        warehouse.read_table(name) for name in ("issuer_days", "labels", "credit_news")
    )
    return issuer_days, labels, news


def _date_range(warehouse: Warehouse) -> tuple[date, date]:
    row = warehouse.read(
        "SELECT min(trade_date) AS first, max(trade_date) AS last FROM equity_prices"
    ).to_dicts()[0]
    return row["first"], row["last"]


def _judge(
    issuer_days: pl.DataFrame,
    labels: pl.DataFrame,
    credit_news: pl.DataFrame,
    *,
    data: Dataset | None = None,
    rows: Callable[[Dataset, Fold], np.ndarray] = honest_rows,
    predictions: Callable[[Dataset, LearningSettings], pl.DataFrame] | None = None,
) -> dict[str, Any]:
    settings = replace(LearningSettings(), models=MODELS)
    data = data or make_dataset(issuer_days, labels, settings.walk_forward, credit_news)
    made = (
        predictions(data, settings)
        if predictions
        else forward(data, settings.specifications(), settings, rows)
    )
    daily = daily_ic(
        made.filter(pl.col("model_name") == "xgboost"),
        known_labels(labels.filter(pl.col("horizon_days") == 5)),
    ).sort("trade_date")
    return {
        "models": judged(made, labels),
        "daily_ics": {
            "trade_date": [day.isoformat() for day in daily["trade_date"]],
            "size_weighted_ic": daily["size_weighted_ic"].to_list(),
        },
    }


def _tested_days(data: Dataset, settings: LearningSettings) -> np.ndarray:
    """Whether each row lies in a quarter that an honest walk-forward is judged on."""
    from bondsig_assets.learning.folds import folds_between

    folds = folds_between(
        data.keys["trade_date"][0], data.keys["trade_date"][-1], settings.walk_forward
    )
    first = int(day_number(pl.Series([folds[0].first_day]))[0])
    return data.day >= first
