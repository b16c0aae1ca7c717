"""The gate replayed over every fold in the warehouse, and what persons decided.

Belongs here: candidates, siblings' ICs and incumbents from rows, champions as rows. Not here: the
comparison itself (`learning/gate.py`), registering anybody (`assets/models.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from bondsig_assets.calendar import FIRST_DAY, cutoff, offset
from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.folds import fold_of
from bondsig_assets.learning.gate import Candidate, Verdict, decide
from bondsig_assets.learning.labels import span
from bondsig_assets.learning.scoring import scorer_of
from bondsig_assets.learning.settings import GateSettings, WalkForwardSettings
from bondsig_assets.learning.training import daily_ics, judged_rows
from bondsig_assets.warehouse import Warehouse

Models = dict[str, dict[str, Any]]


def replay_gate(lake: Warehouse, settings: GateSettings) -> list[dict[str, Any]]:
    """Rows of `champions` without registry versions: the gate over all folds, and what persons
    decided, in order of validity.
    """
    models: Models = {
        row["model_version"]: row
        for row in lake.read_table("models", columns=MODEL_FIELDS).to_dicts()
    }
    by_fold: dict[date, list[Candidate]] = {}
    for row in models.values():
        if row["is_eligible"]:
            by_fold.setdefault(row["fold"], []).append(_candidate(row))
    persons = {
        row["valid_from_date"]: row
        for row in lake.read_table("champions", where="decision = 'person'").to_dicts()
        if row["model_version"] in models
    }
    incumbent_ics = _incumbent_ics(lake, models)
    rows: list[dict[str, Any]] = []
    incumbent: Candidate | None = None
    beginnings: dict[date, date | None] = {
        **dict.fromkeys(persons),
        **{fold_of(fold).first_day: fold for fold in by_fold},
    }
    for day, fold in sorted(beginnings.items()):
        if fold is not None:
            verdict = decide(
                fold,
                by_fold[fold],
                _siblings(lake, models, fold),
                incumbent,
                incumbent_ics,
                _horizon(models, fold),
                settings,
            )
            rows.append(_row(verdict, models))
            incumbent = verdict.champion
        if day in persons:
            rows = [row for row in rows if row["valid_from_date"] != day] + [persons[day]]
            incumbent = _candidate(models[persons[day]["model_version"]])
    ends = [offset(after["valid_from_date"], -1) for after in rows[1:]] + [None]
    return [{**row, "valid_to_date": end} for row, end in zip(rows, ends, strict=False)]


MODEL_FIELDS = [
    "fold",
    "model_name",
    "model_version",
    "specification_hash",
    "feature_hash",
    "is_eligible",
    "data_hash",
    "mlflow_run_id",
    "mlflow_model_uri",
    "horizon_days",
    "calibration_start_date",
    "calibration_end_date",
]


def _horizon(models: Models, fold: date) -> int:
    """Horizon of the labels of a fold's models."""
    return next(row["horizon_days"] for row in models.values() if row["fold"] == fold)


def _siblings(lake: Warehouse, models: Models, fold: date) -> pl.DataFrame:
    """Daily ICs of the siblings of `fold` and those before it: of days that two folds share, the
    newer fold's.
    """
    known = pl.DataFrame(
        [
            {name: row[name] for name in ("fold", "model_name", "specification_hash")}
            for row in models.values()
        ]
    )
    ics = (
        lake.read_table("holdout_ics", between=(FIRST_DAY, fold))
        .join(known, on=["fold", "model_name"])
        .sort("fold", "trade_date")
    )
    return ics.unique(["specification_hash", "trade_date"], keep="last", maintain_order=True)


def _candidate(row: dict[str, Any]) -> Candidate:
    return Candidate(
        row["fold"], fold_of(row["fold"]).first_day, row["model_name"], row["specification_hash"]
    )


def _incumbent_ics(lake: Warehouse, models: Models) -> Callable[[Candidate, date], pl.DataFrame]:
    """Daily ICs of an earlier fold's model over a later fold's calibration span, from the model
    itself.
    """

    def ics(incumbent: Candidate, fold: date) -> pl.DataFrame:
        of_fold = next(row for row in models.values() if row["fold"] == fold)
        stored = lake.read_table(
            "models",
            between=(incumbent.fold, incumbent.fold),
            where=f"model_version = '{incumbent.version}'",
        ).to_dicts()[0]
        scorer = scorer_of(stored)
        data = holdout_dataset(
            lake, of_fold["calibration_start_date"], of_fold["calibration_end_date"], stored
        )
        rows = judged_rows(data, of_fold["calibration_start_date"], of_fold["calibration_end_date"])
        return daily_ics(data, rows, scorer.model.predict(data.inputs(rows, scorer.specification)))

    return ics


def holdout_dataset(lake: Warehouse, start: date, end: date, model: dict[str, Any]) -> Dataset:
    """The days `start` … `end` with the labels of `model`'s kind and horizon, and the history a
    sequence model looks back on.
    """
    settings = WalkForwardSettings(horizon_days=model["horizon_days"], label=model["label"])
    issuer_days = lake.read_table(
        "issuer_days", between=(offset(start, 1 - model["history_days"]), end)
    )
    labels = lake.read_table(
        "labels",
        between=(start, offset(end, span(settings.horizon_days))),
        where=f"horizon_days = {settings.horizon_days}",
    )
    return make_dataset(issuer_days, labels, settings)


def _row(verdict: Verdict, models: Models) -> dict[str, Any]:
    chosen = models[verdict.champion.version]
    return {
        "valid_from_date": verdict.valid_from,
        "model_version": verdict.champion.version,
        "model_name": verdict.champion.name,
        "trained_fold": verdict.champion.fold,
        "specification_hash": chosen["specification_hash"],
        "feature_hash": chosen["feature_hash"],
        "data_hash": chosen["data_hash"],
        "decision": verdict.decision,
        "incumbent_version": verdict.incumbent.version if verdict.incumbent else None,
        "challenger_version": verdict.challenger.version if verdict.challenger else None,
        "n_holdout_days": verdict.n_days,
        "ic_difference": verdict.difference,
        "standard_error": verdict.error,
        "threshold": verdict.threshold,
        "reason": verdict.reason,
        "known_at": cutoff(offset(verdict.valid_from, -1)),
    }
