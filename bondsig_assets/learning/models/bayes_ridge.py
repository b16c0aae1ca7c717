"""Ridge regression with a prior for each block of inputs, whose variances the data say, and trees
on what it leaves.

Belongs here: models that believe an input as far as its block has earned it. Not here: linear ones
with one penalty for all (`linear.py`), trees alone (`trees.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field

from bondsig_assets.arrays import Floats
from bondsig_assets.errors import SettingsError
from bondsig_assets.learning.models.interface import ModelSettings, Sample, Tunable
from bondsig_assets.learning.models.trees import XGBoostModel, XGBoostSettings
from bondsig_assets.tables.issuer_features import FEATURES
from bondsig_assets.validation import checked

#: Beginnings of names of `credit_news` → block; what fits none of them is in its feature's block.
_NEWS_BLOCKS = {
    "expected_reaction": "reaction",
    "credit_news_probability": "probability",
    "credit_news_missing": "probability",
    "credit_news": "news",
    "credit_quiet": "quiet",
    "news_unanswered": "unanswered",
    "stock_return": "stock",
}
_BLOCK = {f.name: f.block for f in FEATURES}
#: A block whose prior variance of one weight falls below this part of the label's says nothing.
_NOTHING = 1e-12


@checked(SettingsError)
class BayesRidgeSettings(ModelSettings):
    """Settings of the empirical-Bayes ridge: one prior variance a block, by marginal likelihood."""

    iterations: int = Field(
        default=200, gt=0, description="Most steps of the fixed point of the prior variances"
    )
    effective_share: Annotated[float, Tunable(0.05, 1.0)] = Field(
        default=0.3,
        gt=0.0,
        description=(
            "Part of the labels that do not overlap which counts as evidence: the names of one day"
            " share news"
        ),
    )


@checked(SettingsError)
class RecentRidgeSettings(BayesRidgeSettings):
    """Settings of the empirical-Bayes ridge that forgets."""

    window_days: int = Field(
        default=504, ge=126, description="Newest trading days that it learns from"
    )


def block_of(name: str) -> str:
    """The block of an input, whose weights share a prior variance: reaction, news, probability,
    quiet, unanswered, stock, or credit and equity of `issuer_days`.
    """
    for beginning, block in _NEWS_BLOCKS.items():
        if name.startswith(beginning):
            return block
    return _BLOCK.get(name, "all")


class BayesRidgeModel:
    """y = x'w + e without an intercept, w of block g ~ N(0, v_g), e ~ N(0, v_e); v by marginal
    likelihood (MacKay 1992, Neural Computation 4, "Bayesian Interpolation").

    A missing input is 0: the day's median of a z-score, no news. Overlapping labels count as
    `Sample.effective_rows`.
    """

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.rounds = 0
        self.weights: np.ndarray = np.empty(0)
        self.prior_variances: dict[str, float] = {}
        self.noise = 0.0

    def fit(self, sample: Sample, stop: Sample | None = None) -> Self:
        """The posterior mean of the weights at the prior variances that make the labels
        likeliest.
        """
        from bondsig_assets.learning.models.linear_kernel import moments_of

        x = np.nan_to_num(sample.features).astype(float)
        names = sample.names or ("",) * x.shape[1]
        share = sample.weight / sample.weight.sum()
        rows = sample.effective_rows or float(sample.weight.sum())
        moments = (
            rows
            * self.settings.effective_share
            * moments_of(np.column_stack([x, sample.label]), share)
        )
        blocks = [block_of(name) for name in names]
        kinds = list(dict.fromkeys(blocks))
        found = _evidence(
            moments,
            rows * self.settings.effective_share,
            np.array([kinds.index(block) for block in blocks]),
            self.settings.iterations,
        )
        self.weights, self.noise = found.weights, found.noise
        self.prior_variances = dict(zip(kinds, found.prior.tolist(), strict=True))
        return self

    def contributions(self, features: np.ndarray) -> Floats:
        """Weight times input: exactly what each adds; the base value is 0."""
        parts = np.nan_to_num(features) * self.weights
        return np.column_stack([parts, np.zeros(len(parts))])

    def predict(self, features: np.ndarray) -> Floats:
        """Predictions [row], added up input by input: a matrix product differs from its own
        rows.
        """
        parts = np.nan_to_num(features) * self.weights
        out: Floats = np.zeros(len(parts))
        for column in range(parts.shape[1]):
            out += parts[:, column]
        return out

    def to_text(self) -> str:
        """Weights, prior variances of the blocks and the noise's variance as JSON."""
        return json.dumps(
            {
                "weights": self.weights.tolist(),
                "prior_variances": self.prior_variances,
                "noise": self.noise,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A model from `to_text`."""
        read, model = json.loads(text), cls(None)
        model.weights = np.array(read["weights"])
        model.prior_variances, model.noise = read["prior_variances"], read["noise"]
        return model


@dataclass(frozen=True)
class _Evidence:
    """Posterior mean of the weights, prior variance of each block, variance of the noise."""

    weights: Floats
    prior: Floats
    noise: float


def _evidence(moments: Floats, rows: float, block: np.ndarray, iterations: int) -> _Evidence:
    """MacKay's fixed point: v_g = |w_g|² / γ_g with γ_g the weights of the block that the data
    determine, v_e = squares left / (rows - Σγ).

    `moments`: second moments of inputs and label (last) times `rows`; `block` [input] from 0.
    """
    from bondsig_assets.learning.models.linear_kernel import posterior_of

    gram, product, total = moments[:-1, :-1], moments[:-1, -1], float(moments[-1, -1])
    size = np.bincount(block)
    scale = max(total / rows, 1e-300)
    spread = np.bincount(block, np.diag(gram)) / rows
    # To begin with, each block may explain a hundredth of the label's variance.
    prior = np.divide(0.01 * scale, spread, out=np.zeros(size.size), where=spread > 0)
    noise, weights = scale, np.zeros(block.size)
    for _ in range(iterations):
        alive = (prior[block] > _NOTHING * scale) & (np.diag(gram) > 0)
        at = np.flatnonzero(alive)
        weights = np.zeros(block.size)
        variance = np.zeros(block.size)
        if at.size:
            precision = gram[np.ix_(at, at)] / noise + np.diag(1 / prior[block[at]])
            weights[at], variance[at] = posterior_of(precision, product[at] / noise)
        known = np.bincount(block[at], 1 - variance[at] / prior[block[at]], minlength=size.size)
        squares = np.bincount(block, weights**2)
        new = np.where(known > 1e-9, squares / np.maximum(known, 1e-9), 0.0)
        left = total - 2 * _dot(weights, product) + _dot(weights, _times(gram, weights))
        noise_now = max(left, 1e-12 * total, 1e-300) / max(rows - float(known.sum()), 1.0)
        moved = np.abs(new - prior) > 1e-4 * prior
        still = not moved.any() and abs(noise_now - noise) <= 1e-6 * noise
        prior, noise = new, noise_now
        if still:
            break
    return _Evidence(weights, prior, noise)


def _times(matrix: Floats, vector: Floats) -> Floats:
    """A matrix product without BLAS, whose sums depend on the number of cores."""
    product: Floats = (matrix * vector).sum(axis=1)
    return product


def _dot(one: Floats, other: Floats) -> float:
    return float((one * other).sum())


@checked(SettingsError)
class ResidualTreesSettings(ModelSettings):
    """Settings of the trees on what the empirical-Bayes ridge leaves."""

    n_trees: int = Field(
        default=40, gt=0, description="Number of boosted trees, the largest with early stopping"
    )
    max_depth: Annotated[int, Tunable(2, 4)] = Field(
        default=2, gt=0, description="Depth of a tree; what the ridge leaves is weak"
    )
    learning_rate: Annotated[float, Tunable(0.01, 0.1)] = Field(
        default=0.06, gt=0.0, description="Shrinkage of each tree"
    )
    min_child_weight: Annotated[float, Tunable(200.0, 3000.0)] = Field(
        default=800.0, ge=0.0, description="Smallest weight of rows in a leaf"
    )
    subsample: float = Field(
        default=0.6, gt=0.0, le=1.0, description="Share of rows each tree sees"
    )
    column_share: float = Field(
        default=0.5, gt=0.0, le=1.0, description="Share of features each tree sees"
    )
    l2_penalty: Annotated[float, Tunable(10.0, 2000.0)] = Field(
        default=200.0, ge=0.0, description="L2 penalty on leaf values"
    )
    early_stopping: bool = Field(
        default=False,
        description="Choose the number of trees on a span of its own before the calibration span",
    )
    seed: int = Field(default=0, ge=0, description="Seed of row and column sampling")

    def with_rounds(self, rounds: int) -> ResidualTreesSettings:
        """The same with exactly so many trees."""
        return replace(self, n_trees=rounds, early_stopping=False)


class ResidualTreesModel:
    """An empirical-Bayes ridge and XGBoost on what it leaves: prediction and contributions are the
    sums of both, and so exact.
    """

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.rounds = 0
        self.ridge = BayesRidgeModel(BayesRidgeSettings())
        self.trees = XGBoostModel(None)

    def fit(self, sample: Sample, stop: Sample | None = None) -> Self:
        """The ridge on the label, trees on the label less the ridge's prediction; with `stop` as
        many trees as do best there on top of the ridge.
        """
        s = self.settings
        self.ridge.fit(sample)
        self.trees = XGBoostModel(
            XGBoostSettings(
                n_trees=s.n_trees,
                max_depth=s.max_depth,
                learning_rate=s.learning_rate,
                min_child_weight=s.min_child_weight,
                subsample=s.subsample,
                column_share=s.column_share,
                l2_penalty=s.l2_penalty,
                early_stopping=s.early_stopping,
                seed=s.seed,
            )
        ).fit(self._left(sample), None if stop is None else self._left(stop))
        self.rounds = self.trees.rounds
        return self

    def _left(self, sample: Sample) -> Sample:
        """The sample with what the ridge leaves as its label."""
        linear, worth = self.ridge.predict(sample.features), sample.worth
        return replace(
            sample,
            label=sample.label - linear,
            worth=None if worth is None else lambda prediction: worth(linear + prediction),
        )

    def predict(self, features: np.ndarray) -> Floats:
        """Predictions [row]."""
        both: Floats = self.ridge.predict(features) + self.trees.predict(features)
        return both

    def contributions(self, features: np.ndarray) -> Floats:
        """Weight times input plus TreeSHAP, column by column."""
        both: Floats = self.ridge.contributions(features) + self.trees.contributions(features)
        return both

    def to_text(self) -> str:
        """Both models' texts as JSON."""
        return json.dumps({"ridge": self.ridge.to_text(), "trees": self.trees.to_text()})

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A model from `to_text`."""
        read, model = json.loads(text), cls(None)
        model.ridge = BayesRidgeModel.from_text(read["ridge"])
        model.trees = XGBoostModel.from_text(read["trees"])
        model.rounds = model.trees.rounds
        return model
