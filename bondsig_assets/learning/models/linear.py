"""Linear models on z-scores: ridge regression and elastic net. A missing feature counts as the
day's median (0).

Belongs here: models that are one weight a feature. Not here: trees and sequences.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field

from bondsig_assets.errors import SettingsError
from bondsig_assets.learning.models.interface import ModelSettings, Sample, Tunable
from bondsig_assets.validation import checked


@checked(SettingsError)
class RidgeSettings(ModelSettings):
    """Settings of the ridge regression."""

    penalty: Annotated[float, Tunable(1e-3, 1.0)] = Field(
        default=0.02, gt=0.0, description="L2 penalty relative to features of unit variance"
    )


@checked(SettingsError)
class ElasticNetSettings(ModelSettings):
    """Settings of the elastic net."""

    penalty: Annotated[float, Tunable(5e-4, 0.03)] = Field(
        default=0.004, gt=0.0, description="Penalty on the weights, of a label of unit variance"
    )
    l1_share: Annotated[float, Tunable(0.1, 1.0)] = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="Part of the penalty on absolute weights, not squares",
    )


class LinearModel(ABC):
    """A weighted sum of features around their training means."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.rounds = 0
        self.intercept = 0.0
        self.weights: np.ndarray = np.empty(0)
        self.means: np.ndarray = np.empty(0)

    def fit(self, sample: Sample, stop: Sample | None = None) -> Self:
        """Weighted least squares with this model's penalty, on columns centred by the sample's
        means.
        """
        from bondsig_assets.learning.models.linear_kernel import moments_of

        x = np.nan_to_num(sample.features).astype(float)
        share = sample.weight / sample.weight.sum()
        self.means = (x * share[:, None]).sum(axis=0)
        self.intercept = float((sample.label * share).sum())
        moments = moments_of(
            np.column_stack([x - self.means, sample.label - self.intercept]), share
        )
        self.weights = self._solve(moments[:-1, :-1], moments[:-1, -1])
        return self

    @abstractmethod
    def _solve(self, gram: np.ndarray, product: np.ndarray) -> np.ndarray:
        """Weights from the weighted second moments."""

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Exact SHAP of a linear model with independent features: w (x - mean)."""
        parts = (np.nan_to_num(features) - self.means) * self.weights
        return np.column_stack([parts, np.full(len(parts), self.intercept)])

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [row], added up feature by feature: a matrix product differs from its own
        rows.
        """
        parts = self.contributions(features)
        out = parts[:, -1].copy()
        for column in range(parts.shape[1] - 1):
            out += parts[:, column]
        return out

    def to_text(self) -> str:
        """Weights and means as JSON."""
        return json.dumps(
            {
                "intercept": self.intercept,
                "weights": self.weights.tolist(),
                "means": self.means.tolist(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A model from `to_text`."""
        read, model = json.loads(text), cls(None)
        model.intercept = read["intercept"]
        model.weights = np.array(read["weights"])
        model.means = np.array(read["means"])
        return model


class RidgeModel(LinearModel):
    """(X'WX + penalty I) w = X'Wy (Hoerl-Kennard 1970)."""

    def _solve(self, gram: np.ndarray, product: np.ndarray) -> np.ndarray:
        return np.linalg.solve(gram + self.settings.penalty * np.eye(len(product)), product)


class ElasticNetModel(LinearModel):
    """½ |y - Xw|² + penalty (l1_share |w|₁ + ½ (1 - l1_share) |w|²) by coordinate descent
    (Zou-Hastie 2005).
    """

    def _solve(self, gram: np.ndarray, product: np.ndarray) -> np.ndarray:
        lasso = self.settings.penalty * self.settings.l1_share
        squares = self.settings.penalty * (1 - self.settings.l1_share)
        weights, residual = np.zeros(len(product)), product.copy()
        diagonal = np.diag(gram)
        for _ in range(1000):
            largest = 0.0
            for j in range(len(product)):
                if diagonal[j] <= 0:
                    continue
                old, partial = weights[j], residual[j] + diagonal[j] * weights[j]
                weights[j] = (
                    np.sign(partial) * max(abs(partial) - lasso, 0.0) / (diagonal[j] + squares)
                )
                if weights[j] != old:
                    residual -= gram[:, j] * (weights[j] - old)
                    largest = max(largest, abs(weights[j] - old))
            if largest < 1e-10:
                break
        return weights
