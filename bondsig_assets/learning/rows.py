"""Rows of the learning tables as types: what a model, a champion, a score and a label are made of.

Belongs here: a class for each row that code looks into, and from frames to rows and back. Not here:
what the columns mean (`tables/learning.py`, which a test holds these equal to), reading and writing
the warehouse (`reading/`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, TypeVar

import polars as pl

from bondsig_assets.tables import TABLES

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """A row of `models` without the fitted model itself, which is long and seldom wanted."""

    fold: date
    model_name: str
    model_version: str
    kind: str
    specification_hash: str
    feature_hash: str
    features: list[str]
    history_days: int
    settings: str
    horizon_days: int
    label: str
    train_start_date: date
    train_end_date: date
    n_train_rows: int
    n_train_days: int
    stop_start_date: date | None
    stop_end_date: date | None
    rounds: int
    calibration_start_date: date
    calibration_end_date: date
    calibration_ic: float
    calibration_size_weighted_ic: float | None
    calibration_intercept: float
    calibration_slope: float
    calibration_certainty: float | None
    calibration_intercept_cds: float | None
    calibration_slope_cds: float | None
    calibration_certainty_cds: float | None
    calibration_prior_slope: float | None
    base_rate: float
    is_eligible: bool
    snapshot_id: int
    data_hash: str
    mlflow_run_id: str | None
    mlflow_model_uri: str | None
    known_at: datetime

    @property
    def is_flat(self) -> bool:
        """Whether it gives every issuer one score: neither map's probability depends on the
        prediction.
        """
        return not (self.calibration_slope < 0 or (self.calibration_slope_cds or 0.0) < 0)


@dataclass(frozen=True, kw_only=True)
class ModelRow(ModelSummary):
    """A row of `models`."""

    model_text: str


@dataclass(frozen=True, kw_only=True)
class RegisteredModelRow:
    """The columns of `models` that MLflow's registry keeps: what scoring needs, and what says which
    model it is.

    Models registered by an older version are read with this class: a field added later needs a
    default.
    """

    model_name: str
    model_version: str
    kind: str
    specification_hash: str
    feature_hash: str
    features: list[str]
    history_days: int
    horizon_days: int
    settings: str
    calibration_intercept: float
    calibration_slope: float
    base_rate: float
    data_hash: str
    snapshot_id: int
    model_text: str
    calibration_certainty: float | None = None
    calibration_intercept_cds: float | None = None
    calibration_slope_cds: float | None = None
    calibration_certainty_cds: float | None = None
    calibration_prior_slope: float | None = None


@dataclass(frozen=True, kw_only=True)
class ChampionRow:
    """A row of `champions`; `registry_version` is empty until it is registered."""

    valid_from_date: date
    valid_to_date: date | None = None
    model_version: str
    model_name: str
    trained_fold: date
    specification_hash: str
    feature_hash: str
    data_hash: str
    registry_version: str = ""
    decision: str
    incumbent_version: str | None
    challenger_version: str | None = None
    n_holdout_days: int | None = None
    ic_difference: float | None = None
    standard_error: float | None = None
    threshold: float | None = None
    reason: str
    is_flat: bool | None = None
    known_at: datetime


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """A row of `scores`."""

    ticker: str
    trade_date: date
    parent_id: str
    score: float
    probability_underperform: float
    base_rate: float
    is_informed: bool | None
    score_rank: float
    prediction: float
    model_version: str
    registry_version: str
    top_features: list[str]
    top_contributions: list[float]
    top_values: list[float | None]
    known_at: datetime


@dataclass(frozen=True, kw_only=True)
class ExplanationRow:
    """A row of `explanations`."""

    parent_id: str
    ticker: str
    trade_date: date
    model_version: str
    base_value: float
    contributions: list[float]
    inputs: list[float | None]
    known_at: datetime


@dataclass(frozen=True, kw_only=True)
class LabelRow:
    """A row of `labels`."""

    parent_id: str
    trade_date: date
    horizon_days: int
    ticker: str
    sector_etf: str
    label_end_date: date
    stock_return_pct: float
    sector_return_pct: float
    excess_return_pct: float
    beta: float | None
    beta_adjusted_return_pct: float | None
    is_delisted: bool
    known_at: datetime


def columns_of_row(kind: type) -> list[str]:
    """Columns of the table that a class of rows holds."""
    return [field.name for field in fields(kind)]


def rows_from(kind: type[Row], frame: pl.DataFrame) -> list[Row]:
    """The rows of `frame`, which has the columns of `kind`; others are left out."""
    return [kind(**row) for row in frame.select(columns_of_row(kind)).iter_rows(named=True)]


def frame_of(table: str, rows: Sequence[Any]) -> pl.DataFrame:
    """Rows of a class that holds every column of `table` as a frame. Raises SchemaError."""
    declared = TABLES[table]
    columns = [[getattr(row, name) for name in declared.column_names] for row in rows]
    return declared.conform(pl.DataFrame(columns, schema=declared.polars_schema, orient="row"))
