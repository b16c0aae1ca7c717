"""The models behind one small interface: fit, predict, explain, save as text.

Belongs here: estimators and their hyper-parameters. Not here: which days they see (`folds.py`).
Predictions of a row never depend on the other rows of the call, to the last bit.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Protocol

import numpy as np


class Model(Protocol):
    """A regression of the day-standardised label on day-standardised features (NaN = missing)."""

    def fit(self, features: np.ndarray, label: np.ndarray) -> Model:
        """Fit on [row, feature] and [row]; returns self."""
        ...

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [row]."""
        ...

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """SHAP contributions [row, feature + 1]; the last column is the base value, rows add up to the prediction."""
        ...

    def to_text(self) -> str:
        """The fitted model as JSON."""
        ...


@dataclass(frozen=True)
class XGBoostSettings:
    """Hyper-parameters of the boosted trees: shallow, slow and heavily averaged, for a signal this weak."""

    n_trees: int = 250
    max_depth: int = 3
    learning_rate: float = 0.03
    min_child_weight: float = 200.0
    subsample: float = 0.6
    colsample: float = 0.5
    reg_lambda: float = 20.0
    seed: int = 0
    threads: int = 2


@dataclass
class XGBoostModel:
    """Gradient-boosted trees (xgboost, histogram method)."""

    settings: XGBoostSettings = field(default_factory=XGBoostSettings)
    booster: object = None

    def fit(self, features: np.ndarray, label: np.ndarray) -> XGBoostModel:
        """Fit with a fixed seed and thread count, so that the same data give the same trees."""
        import xgboost as xgb

        s = self.settings
        parameters = {
            "max_depth": s.max_depth, "eta": s.learning_rate, "min_child_weight": s.min_child_weight, "subsample": s.subsample,
            "colsample_bytree": s.colsample, "lambda": s.reg_lambda, "seed": s.seed, "nthread": s.threads, "tree_method": "hist",
            "objective": "reg:squarederror", "base_score": 0.0,
        }
        self.booster = xgb.train(parameters, xgb.DMatrix(features, label), s.n_trees)
        return self

    def _predict(self, features: np.ndarray, **kind: bool) -> np.ndarray:
        import xgboost as xgb

        return np.asarray(self.booster.predict(xgb.DMatrix(features), **kind), dtype=float)  # type: ignore[attr-defined]

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [row]."""
        return self._predict(features)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Exact TreeSHAP by the library itself (Lundberg 2020)."""
        return self._predict(features, pred_contribs=True)

    def to_text(self) -> str:
        """The booster's own JSON."""
        return bytes(self.booster.save_raw("json")).decode()  # type: ignore[attr-defined]

    @classmethod
    def from_text(cls, text: str) -> XGBoostModel:
        """A model from `to_text`."""
        import xgboost as xgb

        booster = xgb.Booster({"nthread": XGBoostSettings().threads})
        booster.load_model(bytearray(text.encode()))
        return cls(booster=booster)


@dataclass
class RidgeModel:
    """Linear baseline: ridge regression on z-scores, a missing feature counts as the day's median (0)."""

    penalty: float = 0.02
    intercept: float = 0.0
    weights: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)

    def fit(self, features: np.ndarray, label: np.ndarray) -> RidgeModel:
        """Solve (X'X/n + penalty I) w = X'y/n on centred columns."""
        x = np.nan_to_num(features)
        means = x.mean(axis=0)
        centred, target = x - means, label - label.mean()
        gram = centred.T @ centred / len(label) + self.penalty * np.eye(x.shape[1])
        self.weights = np.linalg.solve(gram, centred.T @ target / len(label)).tolist()
        self.means = means.tolist()
        self.intercept = float(label.mean())
        return self

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Exact SHAP of a linear model with independent features: w (x - mean)."""
        x = np.nan_to_num(features)
        parts = (x - np.array(self.means)) * np.array(self.weights)
        return np.column_stack([parts, np.full(len(x), self.intercept)])

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [row], added up feature by feature: a matrix product differs from its own rows."""
        parts = self.contributions(features)
        out = parts[:, -1].copy()
        for column in range(parts.shape[1] - 1):
            out += parts[:, column]
        return out

    def to_text(self) -> str:
        """Weights and means as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> RidgeModel:
        """A model from `to_text`."""
        return cls(**json.loads(text))


def load_model(name: str, text: str) -> Model:
    """The fitted model `name` from its text."""
    return RidgeModel.from_text(text) if name == "ridge" else XGBoostModel.from_text(text)
