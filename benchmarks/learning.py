"""Where the time of a walk-forward goes: a demo-sized market of four years, folds by quarter, given
parameters.

    .venv/bin/python -m benchmarks.learning          # five tabular models
    .venv/bin/python -m benchmarks.learning lstm     # and the LSTM

Belongs here: what the README's figures on learning come from. Not here: correctness. The market is
made at bond-day level (`studies/panel_worlds.py`); the last line scores one day of the home that
BONDSIG_HOME names, if it has champions: loading from the registry, predicting with every model,
explaining, without writing.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from time import perf_counter

import polars as pl

from bondsig_assets.home import current_home
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.folds import folds_between
from bondsig_assets.learning.settings import DEFAULT_MODELS, LearningSettings
from bondsig_assets.learning.training import train_model
from bondsig_assets.learning.walk_forward import cores, walk_forward
from studies.panel_studies import LARGE
from studies.panel_worlds import panel_world, tables_of


def main(more: tuple[str, ...]) -> None:
    """Print seconds of each step."""
    began = perf_counter()
    tables = tables_of(panel_world(replace(LARGE, seed=1, lead_strength=0.20)).panels)
    _line("market, features and labels", began, f"{tables.issuer_days.height:,} issuer days")
    settings = replace(LearningSettings(), models=(*DEFAULT_MODELS, *more))
    began = perf_counter()
    data = make_dataset(
        tables.issuer_days, tables.labels, settings.walk_forward, tables.credit_news
    )
    _line("dataset: z-scores, normal scores", began)
    fold = folds_between(
        data.keys["trade_date"][0], data.keys["trade_date"][-1], settings.walk_forward
    )[-1]
    for one in settings.specifications():
        began = perf_counter()
        model = train_model(data, fold, one, settings)
        _line(
            f"last fold, {one.name}",
            began,
            f"sibling, model, contributions of 2,000 rows; {model.n_rows:,} rows, one thread",
        )
    for models in (DEFAULT_MODELS,) if not more else (DEFAULT_MODELS, more):
        began = perf_counter()
        only = replace(settings, models=models)
        predictions = walk_forward(data, only)
        folds = predictions.filter(pl.col("model_name") == models[0])["model_version"].n_unique()
        _line(
            f"walk-forward, {', '.join(models)} and the control",
            began,
            f"{folds} folds on {cores()} cores",
        )
    _score_one_day()


def _score_one_day() -> None:
    from bondsig_assets.reading.scoring import score_range, scoring_ranges
    from bondsig_assets.resources.champion import load_champion
    from bondsig_assets.resources.tracking import TrackingResource
    from bondsig_assets.warehouse import Warehouse

    home = current_home()
    if home.market() is None:
        return
    warehouse, tracking = Warehouse(home.path), TrackingResource(home=str(home.path))
    newest = warehouse.read("SELECT max(trade_date) AS day FROM scores")["day"][0]
    if newest is None:
        return
    for what in ("first, MLflow imported on the way", "again"):
        began = perf_counter()
        (days,) = scoring_ranges(warehouse, newest, newest)
        made = score_range(warehouse, partial(load_champion, tracking), days)
        _line(f"scoring {newest}, {what}", began, f"{made['scores'].height} issuers")


def _line(what: str, began: float, note: str = "") -> None:
    print(
        f"{perf_counter() - began:8.1f} s  {what}{'  (' + note + ')' if note else ''}", flush=True
    )


if __name__ == "__main__":
    main(tuple(sys.argv[1:]))
