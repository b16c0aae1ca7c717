"""The days of a range that share their models and champion, and their scores as rows.

Belongs here: reading issuer days with the history a champion looks back on, and the tables of
scores. Not here: applying a model (`learning/scoring.py`), loading one from MLflow
(`resources/tracking.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import polars as pl

from bondsig_assets.calendar import cutoff, offset, trading_days
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.rows import ChampionRow, ModelRow, rows_from
from bondsig_assets.learning.scoring import Scorer, predict, score, scorer_of
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse, of_one_snapshot


@dataclass(frozen=True)
class ScoringRange:
    """Trading days `first` … `last` that share their newest fold and their champion; both are None
    before there were any.
    """

    first: date
    last: date
    fold: date | None
    champion: ChampionRow | None


def scoring_ranges(warehouse: Warehouse, start: date, end: date) -> Iterator[ScoringRange]:
    """What covers the trading days `start` … `end`, in order."""
    folds = warehouse.read("SELECT DISTINCT fold FROM models ORDER BY fold")["fold"].to_list()
    champions = rows_from(ChampionRow, warehouse.read_table("champions"))

    def models_of(day: date) -> tuple[date | None, ChampionRow | None]:
        return (
            next((fold for fold in reversed(folds) if fold <= day), None),
            next((one for one in reversed(champions) if one.valid_from_date <= day), None),
        )

    for (fold, champion), together in groupby(trading_days(start, end), models_of):
        days = list(together)
        yield ScoringRange(days[0], days[-1], fold, champion)


@of_one_snapshot
def score_range(
    warehouse: Warehouse, load: Callable[[ChampionRow], Scorer], days: ScoringRange
) -> dict[str, pl.DataFrame]:
    """Rows of every table of scores for `days`, by the champion that `load` gives."""
    first, last, fold, champion = days.first, days.last, days.fold, days.champion
    if fold is None or champion is None:
        return _nothing(
            first,
            last,
            "no_model_yet",
            "no fold has been trained for this day: a fold needs 189 trading days before its"
            " quarter",
        )
    found = load(champion)
    scorers = [
        scorer_of(row)
        for row in rows_from(ModelRow, warehouse.read_table("models", between=(fold, fold)))
    ]
    history = max(one.specification.history_days for one in (found, *scorers))
    issuer_days = warehouse.read_table("issuer_days", between=(offset(first, 1 - history), last))
    credit_news = warehouse.read_table("credit_news", between=(offset(first, 1 - history), last))
    data = make_dataset(issuer_days, TABLES["labels"].empty(), WalkForwardSettings(), credit_news)
    rows = data.between(first, last)
    rows = rows[data.scorable[rows]]
    if not rows.size:
        return _nothing(
            first,
            last,
            "nobody_to_score",
            "no issuer has a bond trade within ten days or a CDS quote",
        )
    scored, explained = score(
        data,
        rows,
        found,
        champion.registry_version,
        issuer_days.sort("trade_date", "parent_id")[rows],
    )
    empty = sorted(set(trading_days(first, last)) - set(scored["trade_date"].unique()))
    return {
        "predictions": TABLES["predictions"].conform(predict(data, rows, scorers)),
        "scores": TABLES["scores"].conform(scored),
        "explanations": TABLES["explanations"].conform(explained),
        "unscored_days": marks(
            empty, "nobody_to_score", "no issuer has a bond trade within ten days or a CDS quote"
        ),
    }


def _nothing(first: date, last: date, reason: str, explanation: str) -> dict[str, pl.DataFrame]:
    return {
        **{name: TABLES[name].empty() for name in OUTPUT},
        "unscored_days": marks(trading_days(first, last), reason, explanation),
    }


def marks(days: list[date], reason: str, explanation: str) -> pl.DataFrame:
    """Rows of `unscored_days`."""
    rows = [
        {"trade_date": day, "reason": reason, "explanation": explanation, "known_at": cutoff(day)}
        for day in days
    ]
    return pl.DataFrame(rows, schema=TABLES["unscored_days"].polars_schema, orient="row")


OUTPUT = ("predictions", "scores", "explanations", "unscored_days")
