"""The days of a range that share their models and champion, and their scores as rows.

Belongs here: reading issuer days with the history a champion looks back on, and the tables of
scores. Not here: applying a model (`learning/scoring.py`), loading one from MLflow
(`resources/tracking.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import polars as pl

from bondsig_assets.calendar import cutoff, offset, trading_days
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.scoring import Scorer, predict, score, scorer_of
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.tables import TABLES
from bondsig_assets.warehouse import Warehouse


def spans(
    lake: Warehouse, start: date, end: date
) -> Iterator[tuple[date, date, date | None, dict[str, Any] | None]]:
    """(first, last, fold, champion) that cover the trading days `start` … `end`: each day's newest
    fold and its champion, None before the first.
    """
    folds = lake.read("SELECT DISTINCT fold FROM models ORDER BY fold")["fold"].to_list()
    champions = lake.read_table("champions").to_dicts()
    held: list[Any] = []
    for day in trading_days(start, end):
        fold = next((one for one in reversed(folds) if one <= day), None)
        champion = next((one for one in reversed(champions) if one["valid_from_date"] <= day), None)
        if held and held[2:] == [fold, champion]:
            held[1] = day
        else:
            if held:
                yield tuple(held)
            held = [day, day, fold, champion]
    if held:
        yield tuple(held)


def score_span(
    lake: Warehouse,
    load: Callable[[dict[str, Any]], Scorer],
    first: date,
    last: date,
    fold: date | None,
    champion: dict[str, Any] | None,
) -> dict[str, pl.DataFrame]:
    """Rows of every table of scores for days that share their models and champion, which `load`
    gives for a row of `champions`.
    """
    if fold is None or champion is None:
        return _nothing(
            first,
            last,
            "no_model_yet",
            "no fold has been trained for this day: a fold needs 189 trading days before its"
            " quarter",
        )
    found = load(champion)
    scorers = [scorer_of(row) for row in lake.read_table("models", between=(fold, fold)).to_dicts()]
    history = max(one.specification.history_days for one in (found, *scorers))
    issuer_days = lake.read_table("issuer_days", between=(offset(first, 1 - history), last))
    data = make_dataset(issuer_days, TABLES["labels"].empty(), WalkForwardSettings())
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
        champion["registry_version"],
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
