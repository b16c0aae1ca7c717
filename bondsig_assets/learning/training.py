"""One fold: fit the models, calibrate them, choose the champion.

Belongs here: what is fitted on which days of a fold. Not here: the tracking of runs and the
warehouse (`assets/models.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.features.declared import ALL_FEATURES, EQUITY_FEATURES
from bondsig_assets.learning.calibration import Calibration, calibrate
from bondsig_assets.learning.evaluation import MINIMUM_NAMES
from bondsig_assets.learning.folds import Fold
from bondsig_assets.learning.inputs import normal_scores, standardised
from bondsig_assets.learning.models import Model, RidgeModel, XGBoostModel, XGBoostSettings


@dataclass(frozen=True)
class Candidate:
    """A kind of model: its name, its inputs, whether it may become champion."""

    name: str
    features: tuple[str, ...]
    make: Callable[[], Model]
    may_be_champion: bool


@dataclass(frozen=True)
class TrainedModel:
    """A fitted candidate with its calibration and the span it was calibrated on."""

    candidate: Candidate
    model: Model
    calibration: Calibration
    calibration_ic: float
    is_champion: bool


@dataclass(frozen=True)
class TrainingSet:
    """Labelled issuer days in order of (trade_date, parent_id)."""

    days: pl.Series
    frame: pl.DataFrame
    label: np.ndarray
    excess_return: np.ndarray

    def rows(self, first: date | None, last: date | None) -> np.ndarray:
        """Positions of the rows dated `first` … `last`; either may be None."""
        keep = np.ones(self.frame.height, dtype=bool)
        if first is not None:
            keep &= (self.days >= first).to_numpy()
        if last is not None:
            keep &= (self.days <= last).to_numpy()
        return np.flatnonzero(keep)


def candidates(settings: XGBoostSettings, ridge_penalty: float) -> list[Candidate]:
    """The models of every fold: two that may become champion and the equity-only control."""
    return [
        Candidate("xgboost", ALL_FEATURES, lambda: XGBoostModel(settings), True),
        Candidate("ridge", ALL_FEATURES, lambda: RidgeModel(ridge_penalty), True),
        Candidate("equity_only", EQUITY_FEATURES, lambda: XGBoostModel(settings), False),
    ]


def training_set(issuer_days: pl.DataFrame, labels: pl.DataFrame, fold: Fold) -> TrainingSet:
    """Issuer days of whole days up to the fold's last training day that have a label.

    Features are standardised across every issuer of the day, labelled or not. Raises ValueError if
    a label was not complete before the fold's first day.
    """
    known = labels.filter(pl.col("trade_date") <= fold.train_end)
    if (known["label_end_date"] >= fold.first_day).any():
        raise ValueError(f"fold {fold.quarter}: a training label ends on or after its first day {fold.first_day}")
    days = issuer_days.filter(pl.col("trade_date") <= fold.train_end).sort("trade_date", "parent_id")
    z = standardised(days, ALL_FEATURES)
    keyed = days.select("trade_date", "parent_id").with_columns(pl.DataFrame(z, schema=list(ALL_FEATURES)))
    joined = keyed.join(known.select("trade_date", "parent_id", "excess_return_5d_pct"), on=["trade_date", "parent_id"], how="inner", maintain_order="left")
    joined = joined.filter(pl.len().over("trade_date") >= MINIMUM_NAMES)
    label = normal_scores(joined["trade_date"], joined["excess_return_5d_pct"])
    return TrainingSet(joined["trade_date"], joined, label, joined["excess_return_5d_pct"].to_numpy())


def train_fold(data: TrainingSet, fold: Fold, kinds: list[Candidate]) -> list[TrainedModel]:
    """Every candidate fitted on all of the fold's training days, calibrated by a sibling.

    The sibling sees only days up to `fold.sibling_end` and predicts the calibration span; its
    predictions give the probability map and the IC by which the champion is chosen (the higher
    one; a tie goes to the first). Nothing of the fold's own quarter is used.
    """
    early = data.rows(None, fold.sibling_end)
    late = data.rows(fold.calibration_start, fold.train_end)
    trained = []
    for kind in kinds:
        features = data.frame.select(kind.features).to_numpy()
        sibling = kind.make().fit(features[early], data.label[early])
        prediction = sibling.predict(features[late])
        ic = _mean_ic(data.days.gather(late), prediction, data.excess_return[late])
        trained.append((kind, kind.make().fit(features, data.label), calibrate(prediction, data.excess_return[late]), ic))
    champion = max((t for t in trained if t[0].may_be_champion), key=lambda t: t[3])[0].name
    return [TrainedModel(kind, model, calibration, ic, kind.name == champion) for kind, model, calibration, ic in trained]


def _mean_ic(days: pl.Series, prediction: np.ndarray, excess_return: np.ndarray) -> float:
    """Mean daily rank correlation, 0 where no day has enough issuers or predictions are all equal."""
    frame = pl.DataFrame({"day": days, "p": prediction, "y": excess_return})
    daily = frame.group_by("day", maintain_order=True).agg(ic=pl.corr(pl.col("p").rank(), pl.col("y").rank()))
    known = daily["ic"].fill_nan(None).drop_nulls().to_numpy()
    return float(known.mean()) if known.size else 0.0
