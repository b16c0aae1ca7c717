"""The gate replayed over every fold in the warehouse, and what persons decided.

Belongs here: candidates, siblings' ICs and incumbents from rows, champions as rows. Not here: the
comparison itself (`learning/gate.py`), registering anybody (`assets/models.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import polars as pl

from bondsig_assets.calendar import FIRST_DAY, cutoff, offset
from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.folds import fold_of
from bondsig_assets.learning.gate import Candidate, Verdict, decide
from bondsig_assets.learning.labels import days_to_label_end
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.rows import (
    ChampionRow,
    ModelRow,
    ModelSummary,
    columns_of_row,
    rows_from,
)
from bondsig_assets.learning.scoring import Scorer, scorer_of
from bondsig_assets.learning.settings import GateSettings, WalkForwardSettings
from bondsig_assets.learning.training import daily_ics, judged_rows
from bondsig_assets.warehouse import Warehouse

#: Models by version.
Models = dict[str, ModelSummary]


def replay_gate(warehouse: Warehouse, settings: GateSettings) -> list[ChampionRow]:
    """Rows of `champions` without registry versions: the gate over all folds, and what persons
    decided, in order of validity.
    """
    models = model_summaries(warehouse)
    by_fold: dict[date, list[Candidate]] = {}
    for model in models.values():
        if model.is_eligible:
            by_fold.setdefault(model.fold, []).append(_candidate(model))
    persons = _decided_by_persons(warehouse, models)
    incumbent_ics = _incumbent_ics(warehouse, models)
    rows: list[ChampionRow] = []
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
                _siblings(warehouse, models, fold),
                incumbent,
                incumbent_ics,
                _horizon(models, fold),
                settings,
            )
            rows.append(_row(verdict, models))
            incumbent = verdict.champion
        if day in persons:
            chosen = models[persons[day].model_version]
            decided = replace(persons[day], is_flat=chosen.is_flat)
            rows = [row for row in rows if row.valid_from_date != day] + [decided]
            incumbent = _candidate(chosen)
    ends = [offset(after.valid_from_date, -1) for after in rows[1:]] + [None]
    return [replace(row, valid_to_date=end) for row, end in zip(rows, ends, strict=False)]


def model_summaries(warehouse: Warehouse) -> Models:
    """Every model of the warehouse."""
    frame = warehouse.read_table("models", columns=columns_of_row(ModelSummary))
    return {row.model_version: row for row in rows_from(ModelSummary, frame)}


def _decided_by_persons(warehouse: Warehouse, models: Models) -> dict[date, ChampionRow]:
    """Champions that persons chose, by their first day; not those that are trained no more."""
    frame = warehouse.read_table("champions", where="decision = 'person'")
    return {
        row.valid_from_date: row
        for row in rows_from(ChampionRow, frame)
        if row.model_version in models
    }


def _horizon(models: Models, fold: date) -> int:
    """Horizon of the labels of a fold's models."""
    return next(model.horizon_days for model in models.values() if model.fold == fold)


def _siblings(warehouse: Warehouse, models: Models, fold: date) -> pl.DataFrame:
    """Daily ICs of the siblings of `fold` and those before it: of days that two folds share, the
    newer fold's.
    """
    known = pl.DataFrame(
        [(one.fold, one.model_name, one.specification_hash) for one in models.values()],
        schema=["fold", "model_name", "specification_hash"],
        orient="row",
    )
    ics = (
        warehouse.read_table("holdout_ics", between=(FIRST_DAY, fold))
        .join(known, on=["fold", "model_name"])
        .sort("fold", "trade_date")
    )
    return ics.unique(["specification_hash", "trade_date"], keep="last", maintain_order=True)


def _candidate(model: ModelSummary) -> Candidate:
    return Candidate(
        model.fold, fold_of(model.fold).first_day, model.model_name, model.specification_hash
    )


def _incumbent_ics(
    warehouse: Warehouse, models: Models
) -> Callable[[Candidate, date], pl.DataFrame]:
    """Daily ICs of an earlier fold's model over a later fold's calibration span, from the model
    itself.
    """

    def ics(incumbent: Candidate, fold: date) -> pl.DataFrame:
        of_fold = next(model for model in models.values() if model.fold == fold)
        start, end = of_fold.calibration_start_date, of_fold.calibration_end_date
        frame = warehouse.read_table(
            "models",
            between=(incumbent.fold, incumbent.fold),
            where=f"model_version = '{incumbent.version}'",
        )
        stored = rows_from(ModelRow, frame)[0]
        data = holdout_dataset(warehouse, start, end, stored)
        rows = judged_rows(data, start, end)
        mine, control = (
            None if one is None else one.fitted.predict(data.inputs(rows, one.specification))
            for one in (scorer_of(stored), _control(warehouse, incumbent.fold))
        )
        assert mine is not None
        return daily_ics(data, rows, mine, control)

    return ics


def _control(warehouse: Warehouse, fold: date) -> Scorer | None:
    """The control of a fold, which knew as little of later days as the fold's other models."""
    frame = warehouse.read_table("models", between=(fold, fold), where=f"model_name = '{CONTROL}'")
    rows = rows_from(ModelRow, frame)
    return scorer_of(rows[0]) if rows else None


def holdout_dataset(warehouse: Warehouse, start: date, end: date, model: ModelSummary) -> Dataset:
    """The days `start` … `end` with the labels of `model`'s kind and horizon, and the history a
    sequence model looks back on.
    """
    settings = WalkForwardSettings(horizon_days=model.horizon_days, label=model.label)
    issuer_days = warehouse.read_table(
        "issuer_days", between=(offset(start, 1 - model.history_days), end)
    )
    labels = warehouse.read_table(
        "labels",
        between=(start, offset(end, days_to_label_end(settings.horizon_days))),
        where=f"horizon_days = {settings.horizon_days}",
    )
    credit_news = warehouse.read_table(
        "credit_news", between=(offset(start, 1 - model.history_days), end)
    )
    return make_dataset(issuer_days, labels, settings, credit_news)


def _row(verdict: Verdict, models: Models) -> ChampionRow:
    chosen = models[verdict.champion.version]
    return ChampionRow(
        valid_from_date=verdict.valid_from,
        model_version=verdict.champion.version,
        model_name=verdict.champion.name,
        trained_fold=verdict.champion.fold,
        specification_hash=chosen.specification_hash,
        feature_hash=chosen.feature_hash,
        data_hash=chosen.data_hash,
        decision=verdict.decision,
        incumbent_version=verdict.incumbent.version if verdict.incumbent else None,
        challenger_version=verdict.challenger.version if verdict.challenger else None,
        n_holdout_days=verdict.n_days,
        ic_difference=verdict.difference,
        standard_error=verdict.error,
        threshold=verdict.threshold,
        reason=verdict.reason,
        is_flat=chosen.is_flat,
        known_at=cutoff(offset(verdict.valid_from, -1)),
    )
