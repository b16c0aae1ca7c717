"""A walk-forward in memory whose champion is chosen by the gate, as the graph does it in pieces.

Belongs here: fitted folds through the gate, and what the champion of each quarter said. Not here:
worlds, and what the champion is judged by (`news_judging.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.gate import Candidate, Verdict, decide
from bondsig_assets.learning.models.catalogue import CONTROL, ENSEMBLE
from bondsig_assets.learning.scoring import Scorer
from bondsig_assets.learning.settings import LearningSettings
from bondsig_assets.learning.training import FoldModel, daily_ics, judged_rows
from bondsig_assets.learning.walk_forward import predict_quarter, walk_forward
from bondsig_assets.reading.model_rows import holdout_rows

#: Name under which the champion's predictions stand beside the models'.
CHAMPION = "champion"


@dataclass(frozen=True)
class Walk:
    """Rows of `predictions` with the `base_rate` of their model, those of the champion of the day
    once more as CHAMPION; and the gate's verdict on each fold.
    """

    predictions: pl.DataFrame
    verdicts: list[Verdict]


@dataclass(frozen=True)
class Fitted:
    """Folds in their order with the models of each and the gate's verdict on them, and rows of
    `predictions` of every model in its own quarter.
    """

    data: Dataset
    folds: list[tuple[Fold, list[FoldModel]]]
    verdicts: list[Verdict]
    predictions: pl.DataFrame

    def said_by_champion(self, of_fold: int, first: date, last: date) -> pl.DataFrame:
        """Rows of `predictions`, as CHAMPION, of who won the fold of this number, from `first` to
        `last`: within its quarter or past it.
        """
        versions = {one.version: one for _, every in self.folds for one in every}
        fold = replace(self.folds[of_fold][0], first_day=first, last_day=last)
        model = versions[self.verdicts[of_fold].champion.version]
        said = predict_quarter(self.data, fold, [model], self.data.keys["trade_date"][-1])
        return said.with_columns(model_name=pl.lit(CHAMPION))

    def with_base_rates(self, predictions: pl.DataFrame) -> pl.DataFrame:
        """`predictions` with the `base_rate` of their model."""
        rates = pl.DataFrame(
            [(one.version, one.calibration.base_rate) for _, every in self.folds for one in every],
            schema={"model_version": pl.String, "base_rate": pl.Float64},
            orient="row",
        )
        return predictions.join(rates, on="model_version", how="left", maintain_order="left")


def fitted_with_gate(data: Dataset, settings: LearningSettings, workers: int = 1) -> Fitted:
    """Every model of `settings` walked forward over `data`, and who wins each quarter.

    Raises FoldError where not one fold can be trained.
    """
    folds: list[tuple[Fold, list[FoldModel]]] = []
    predictions = walk_forward(
        data, settings, workers=workers, finished=lambda fold, models: folds.append((fold, models))
    )
    return Fitted(data, folds, gate_over(data, folds, settings), predictions)


def walk_with_gate(data: Dataset, settings: LearningSettings, workers: int = 1) -> Walk:
    """Every model of `settings` walked forward over `data`, and the champion of each quarter.

    Raises FoldError where not one fold can be trained.
    """
    fitted = fitted_with_gate(data, settings, workers)
    chosen = [
        fitted.said_by_champion(number, fold.first_day, fold.last_day)
        for number, (fold, _) in enumerate(fitted.folds)
    ]
    every = pl.concat([fitted.predictions, *chosen])
    return Walk(fitted.with_base_rates(every), fitted.verdicts)


def _scorer(one: FoldModel) -> Scorer:
    return Scorer(one.name, one.version, one.model, one.specification, one.calibration)


def gate_over(
    data: Dataset, folds: Sequence[tuple[Fold, list[FoldModel]]], settings: LearningSettings
) -> list[Verdict]:
    """The gate's verdict on each of `folds`, in their order: who scores that quarter."""
    models = {(fold.quarter, one.name): one for fold, every in folds for one in every}
    spans = {fold.quarter: fold for fold, _ in folds}

    def incumbent_ics(incumbent: Candidate, quarter: date) -> pl.DataFrame:
        fold = spans[quarter]
        rows = judged_rows(data, fold.calibration_start, fold.train_end)
        own, control = (
            _scorer(models[incumbent.fold, name]).fitted.predict(
                data.inputs(rows, models[incumbent.fold, name].specification)
            )
            for name in (incumbent.name, CONTROL)
        )
        return daily_ics(data, rows, own, control)

    verdicts: list[Verdict] = []
    siblings: list[pl.DataFrame] = []
    for fold, every in folds:
        hashes = {one.name: one.specification.hash for one in every}
        siblings.append(
            holdout_rows(data, every).with_columns(
                specification_hash=pl.col("model_name").replace_strict(hashes)
            )
        )
        known = pl.concat(siblings).unique(
            ["specification_hash", "trade_date"], keep="last", maintain_order=True
        )
        candidates = [
            Candidate(fold.quarter, fold.first_day, one.name, one.specification.hash)
            for one in every
            if one.name != ENSEMBLE and one.specification.kind.may_be_champion
        ]
        verdicts.append(
            decide(
                fold.quarter,
                candidates,
                known,
                verdicts[-1].champion if verdicts else None,
                incumbent_ics,
                data.horizon,
                settings.gate,
            )
        )
    return verdicts
