"""From a dataset and fitted models to predictions, scores and explanations.

Belongs here: applying models. Not here: fitting them (`training.py`), choosing the champion
(`gate.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.errors import MismatchError
from bondsig_assets.learning.calibration import Calibration, ProbabilityMap
from bondsig_assets.learning.dataset import Dataset
from bondsig_assets.learning.ensemble import Ensemble, mean_prediction
from bondsig_assets.learning.inputs import ALL_INPUTS, IN_UNITS
from bondsig_assets.learning.models.catalogue import (
    ENSEMBLE,
    Specification,
    feature_hash,
    load_model,
)
from bondsig_assets.learning.models.interface import Model, ModelSettings
from bondsig_assets.learning.rows import ModelRow, ModelSummary, RegisteredModelRow
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets.tables.news_features import NEWS_INPUTS

TOP_FEATURES = 5
#: Table → inputs it holds.
_HELD = {"issuer_days": frozenset(ALL_FEATURES), "credit_news": frozenset(NEWS_INPUTS)}


@dataclass(frozen=True)
class Scorer:
    """A fitted model ready to score."""

    name: str
    version: str
    model: Model | Ensemble
    specification: Specification
    calibration: Calibration

    @property
    def fitted(self) -> Model:
        """The model. Raises TypeError for the ensemble, which needs its members' predictions."""
        if isinstance(self.model, Ensemble):
            raise TypeError(f"{self.version} fits nothing of its own")
        return self.model


def scorer_of(row: ModelRow | RegisteredModelRow) -> Scorer:
    """The scorer of a row of `models`; the ensemble's model is the list of its members."""
    model: Model | Ensemble
    settings: ModelSettings
    if row.model_name == ENSEMBLE:
        model = settings = Ensemble(tuple(json.loads(row.model_text)))
    else:
        model = load_model(row.model_name, row.model_text)
        settings = _History(row.history_days)
    return Scorer(
        row.model_name,
        row.model_version,
        model,
        Specification(row.model_name, settings, tuple(row.features)),
        calibration_of(row),
    )


def calibration_of(row: ModelSummary | RegisteredModelRow) -> Calibration:
    """The probability map of a row of `models`; one of an older version knows no CDS."""
    without = ProbabilityMap(
        row.calibration_intercept, row.calibration_slope, row.calibration_certainty
    )
    intercept, slope = row.calibration_intercept_cds, row.calibration_slope_cds
    certainty = row.calibration_certainty_cds
    own = without
    if intercept is not None and slope is not None and certainty is not None:
        own = ProbabilityMap(intercept, slope, certainty)
    centre = row.calibration_prior_slope
    return Calibration(without, own, row.base_rate, 1.0 if centre is None else centre)


@dataclass(frozen=True)
class _History(ModelSettings):
    """What scoring needs of the settings."""

    history_days: int


def check_features(
    version: str, features: Sequence[str], hashed: str, available: Sequence[str]
) -> None:
    """Raise MismatchError when a model's inputs are not those declared now: `available`, of
    `issuer_days` and of `credit_news`.
    """
    if missing := [name for name in features if name not in available]:
        tables = [name for name, held in _HELD.items() if any(one in held for one in missing)]
        # What is declared no more was a feature of issuer_days, where most are.
        whose = " and ".join(tables or ["issuer_days"])
        raise MismatchError(
            f"model {version} needs {_some(missing)}, which {whose}"
            f" {'do' if len(tables) > 1 else 'does'} not have: train again"
            " (bondsig run --select key:models+ --again)"
        )
    if feature_hash(list(features)) != hashed:
        raise MismatchError(
            f"model {version} was trained on features declared otherwise (its fingerprint {hashed},"
            f" now {feature_hash(list(features))}): a formula or window changed since; train again"
            " (bondsig run --select key:models+ --again)"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def predict(data: Dataset, rows: np.ndarray, scorers: Sequence[Scorer]) -> pl.DataFrame:
    """Rows of `predictions` of every scorer for `rows` of the dataset, which hold whole days."""
    keys, has_cds = data.keys[rows], data.has_cds[rows]
    values = {
        one.name: _predictions(data, rows, one)
        for one in scorers
        if not isinstance(one.model, Ensemble)
    }
    parts = []
    for one in sorted(scorers, key=lambda s: s.name):
        if isinstance(one.model, Ensemble):
            values[ENSEMBLE] = mean_prediction([values[name] for name in one.model.members])
        parts.append(
            keys.select("parent_id", "ticker", "trade_date").with_columns(
                model_name=pl.lit(one.name),
                model_version=pl.lit(one.version),
                prediction=pl.Series(values[one.name], dtype=pl.Float64),
                probability_underperform=pl.Series(
                    one.calibration.probability(values[one.name], has_cds), dtype=pl.Float64
                ),
                is_informed=pl.Series(one.calibration.is_informed(has_cds), dtype=pl.Boolean),
                known_at=keys["known_at"],
            )
        )
    return pl.concat(parts).sort("trade_date", "parent_id", "model_name")


def score(
    data: Dataset, rows: np.ndarray, champion: Scorer, registry_version: str, raw: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `scores` and of `explanations` by the champion.

    `raw`: the `issuer_days` of `rows`, in their order, for the values shown beside the
    contributions.
    """
    names = np.array(champion.specification.features)
    inputs = data.inputs(rows, champion.specification)
    values = _predictions(data, rows, champion)
    parts = champion.fitted.contributions(inputs) if rows.size else np.empty((0, names.size + 1))
    under = champion.calibration.probability(values, data.has_cds[rows])
    top = np.argsort(-np.abs(parts[:, :-1]), axis=1, kind="stable")[:, :TOP_FEATURES]
    shown = _shown(data, rows, names, raw)
    keys = data.keys[rows]
    seen = inputs if inputs.ndim == 2 else inputs[:, -1]
    scores = keys.select("ticker", "trade_date", "parent_id").with_columns(
        score=pl.Series(1 - 2 * under, dtype=pl.Float64),
        probability_underperform=pl.Series(under, dtype=pl.Float64),
        base_rate=pl.lit(champion.calibration.base_rate, pl.Float64),
        is_informed=pl.Series(
            champion.calibration.is_informed(data.has_cds[rows]), dtype=pl.Boolean
        ),
        prediction=pl.Series(values, dtype=pl.Float64),
        model_version=pl.lit(champion.version),
        registry_version=pl.lit(registry_version),
        top_features=_lists(names[top], pl.String),
        top_contributions=_lists(np.take_along_axis(parts, top, axis=1), pl.Float64),
        top_values=_lists(np.take_along_axis(shown, top, axis=1), pl.Float64).list.eval(
            pl.element().fill_nan(None)
        ),
        known_at=keys["known_at"],
    )
    explanations = keys.select("parent_id", "ticker", "trade_date").with_columns(
        model_version=pl.lit(champion.version),
        base_value=pl.Series(parts[:, -1], dtype=pl.Float64),
        contributions=_lists(parts[:, :-1], pl.Float64),
        inputs=_lists(seen, pl.Float64).list.eval(pl.element().fill_nan(None)),
        known_at=keys["known_at"],
    )
    rank = (pl.col("prediction").rank() - 0.5) / pl.len() * 2 - 1
    return scores.with_columns(score_rank=rank.over("trade_date")).sort(
        "trade_date", "ticker"
    ), explanations.sort("trade_date", "parent_id")


def _shown(data: Dataset, rows: np.ndarray, names: np.ndarray, raw: pl.DataFrame) -> np.ndarray:
    """Values of `issuer_days` behind the inputs [row, name]; inputs that have a unit are such
    values themselves.
    """
    return np.column_stack(
        [
            (
                data.z[rows, ALL_INPUTS.index(name)]
                if name in IN_UNITS
                else raw[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            )
            for name in names.tolist()
        ]
    ).reshape(rows.size, names.size)


def _predictions(data: Dataset, rows: np.ndarray, one: Scorer) -> np.ndarray:
    """Predictions [row]; libraries complain of none to make."""
    return one.fitted.predict(data.inputs(rows, one.specification)) if rows.size else np.empty(0)


def _lists(values: np.ndarray, dtype: type[pl.DataType]) -> pl.Series:
    """A [row, k] array as a column of lists."""
    flat = pl.Series(values.ravel(), dtype=dtype, strict=False)
    return flat.reshape(values.shape).cast(pl.List(dtype))
