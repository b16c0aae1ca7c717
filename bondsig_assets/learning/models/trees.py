"""Models made of trees: boosted by XGBoost and LightGBM, and a random forest.

Belongs here: tree models by their makers' libraries. Not here: linear ones and sequences.
Each fits on one thread: the sums then have one order, and folds run beside each other instead.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Annotated, Any, Self

import numpy as np
from pydantic import Field

from bondsig_assets.errors import SettingsError
from bondsig_assets.learning.models.interface import ModelSettings, Sample, Tunable
from bondsig_assets.tables.news_features import NEWS_AGES
from bondsig_assets.validation import checked

#: Inputs of which more is never worse: good news, and the return it lets expect. Trees may not
#: learn from noise that it is.
RISING = frozenset({"expected_reaction", *(f"credit_news_{k}" for k in NEWS_AGES)})
#: Values a feature is cut into before splits are sought: z-scores of some ninety issuers a day tell
#: no more, and fits are a quarter faster.
BINS = 64
#: Rows, evenly spread, whose quantiles are the bins' edges: sorting all of them costs as much as
#: the trees do and moves an edge by less than a hundredth of the rows.
BINNED_ROWS = 8192
#: Rounds without a better loss on the stopping span before boosting gives up.
PATIENCE = 30


@checked(SettingsError)
class XGBoostSettings(ModelSettings):
    """Settings of XGBoost: shallow, slow and heavily averaged, for a signal this weak."""

    n_trees: int = Field(
        default=125, gt=0, description="Number of boosted trees, the largest with early stopping"
    )
    max_depth: Annotated[int, Tunable(2, 5)] = Field(
        default=3, gt=0, description="Depth of a tree; the signal is weak, keep it shallow"
    )
    learning_rate: Annotated[float, Tunable(0.01, 0.1)] = Field(
        default=0.06, gt=0.0, description="Shrinkage of each tree"
    )
    min_child_weight: Annotated[float, Tunable(50.0, 1000.0)] = Field(
        default=200.0, ge=0.0, description="Smallest weight of rows in a leaf"
    )
    subsample: float = Field(
        default=0.6, gt=0.0, le=1.0, description="Share of rows each tree sees"
    )
    column_share: float = Field(
        default=0.5, gt=0.0, le=1.0, description="Share of features each tree sees"
    )
    l2_penalty: Annotated[float, Tunable(1.0, 200.0)] = Field(
        default=20.0, ge=0.0, description="L2 penalty on leaf values"
    )
    early_stopping: bool = Field(
        default=False,
        description="Choose the number of trees on a span of its own before the calibration span",
    )
    seed: int = Field(default=0, ge=0, description="Seed of row and column sampling")

    def with_rounds(self, rounds: int) -> XGBoostSettings:
        """The same with exactly so many trees."""
        return replace(self, n_trees=rounds, early_stopping=False)


@checked(SettingsError)
class LightGBMSettings(ModelSettings):
    """Settings of LightGBM."""

    n_trees: int = Field(
        default=100, gt=0, description="Number of boosted trees, the largest with early stopping"
    )
    n_leaves: Annotated[int, Tunable(4, 24)] = Field(
        default=8, gt=1, description="Leaves of a tree"
    )
    learning_rate: Annotated[float, Tunable(0.01, 0.1)] = Field(
        default=0.06, gt=0.0, description="Shrinkage of each tree"
    )
    min_rows_in_leaf: Annotated[int, Tunable(100, 2000)] = Field(
        default=400, gt=0, description="Smallest number of rows in a leaf"
    )
    subsample: float = Field(
        default=0.6, gt=0.0, le=1.0, description="Share of rows each tree sees"
    )
    column_share: float = Field(
        default=0.5, gt=0.0, le=1.0, description="Share of features each tree sees"
    )
    l2_penalty: Annotated[float, Tunable(1.0, 200.0)] = Field(
        default=20.0, ge=0.0, description="L2 penalty on leaf values"
    )
    early_stopping: bool = Field(
        default=False,
        description="Choose the number of trees on a span of its own before the calibration span",
    )
    seed: int = Field(default=0, ge=0, description="Seed of row and column sampling")

    def with_rounds(self, rounds: int) -> LightGBMSettings:
        """The same with exactly so many trees."""
        return replace(self, n_trees=rounds, early_stopping=False)


@checked(SettingsError)
class ForestSettings(ModelSettings):
    """Settings of the random forest."""

    n_trees: int = Field(default=50, gt=0, description="Number of trees")
    max_depth: Annotated[int, Tunable(3, 8)] = Field(default=6, gt=0, description="Depth of a tree")
    min_rows_in_leaf: Annotated[float, Tunable(50.0, 1000.0)] = Field(
        default=200.0, gt=0.0, description="Smallest weight of rows in a leaf"
    )
    subsample: float = Field(
        default=0.63,
        gt=0.0,
        le=1.0,
        description="Share of rows each tree sees, drawn without replacement",
    )
    column_share: Annotated[float, Tunable(0.1, 0.6)] = Field(
        default=0.33, gt=0.0, le=1.0, description="Share of features each split chooses from"
    )
    seed: int = Field(default=0, ge=0, description="Seed of row and column sampling")

    def with_rounds(self, rounds: int) -> ForestSettings:
        """The same with exactly so many trees."""
        return replace(self, n_trees=rounds)


_BINS = "bins of XGBoost"


def rising(names: tuple[str, ...]) -> list[int]:
    """1 for each input that may only raise a prediction, 0 for the others."""
    return [int(name in RISING) for name in names]


class XGBoostModel:
    """Gradient-boosted trees (Chen-Guestrin 2016), histogram method."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.rounds = 0
        self.booster: Any = None

    def fit(self, sample: Sample, stop: Sample | None = None) -> Self:
        """Squared error from zero, one seed; with `stop` as many trees as do best there."""
        import xgboost as xgb

        data = _binned(sample)
        options: dict[str, Any] = {}
        if stop is not None and self.settings.early_stopping:
            held = _binned(stop, data)
            options = {
                "evals": [(held, "stop")],
                "early_stopping_rounds": PATIENCE,
                "verbose_eval": False,
            }
            if worth := stop.worth:
                options |= {
                    "custom_metric": lambda given, _: ("worth", worth(given.astype(float))),
                    "maximize": True,
                }
        parameters = self._parameters()
        if any(rising(sample.names)):
            parameters["monotone_constraints"] = tuple(rising(sample.names))
        if "custom_metric" in options:
            parameters["disable_default_eval_metric"] = True
        self.booster = xgb.train(parameters, data, self._boosting_rounds(), **options)
        self.rounds = self.booster.best_iteration + 1 if options else self.settings.n_trees
        if options:
            self.booster = self.booster[: self.rounds]
        return self

    def _boosting_rounds(self) -> int:
        n_trees: int = self.settings.n_trees
        return n_trees

    def _parameters(self) -> dict[str, Any]:
        s = self.settings
        return {
            "max_depth": s.max_depth,
            "eta": s.learning_rate,
            "min_child_weight": s.min_child_weight,
            "subsample": s.subsample,
            "colsample_bytree": s.column_share,
            "lambda": s.l2_penalty,
            "seed": s.seed,
            "nthread": 1,
            "tree_method": "hist",
            "max_bin": BINS,
            "objective": "reg:squarederror",
            "base_score": 0.0,
        }

    def _predict(self, features: np.ndarray, **kind: bool) -> np.ndarray:
        import xgboost as xgb

        if not len(features):
            return self._predict(np.zeros((1, self.booster.num_features())), **kind)[:0]
        return np.asarray(
            self.booster.predict(xgb.DMatrix(features, nthread=1), **kind), dtype=float
        )

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [row]."""
        return self._predict(features)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Exact TreeSHAP by the library itself (Lundberg 2020)."""
        return self._predict(features, pred_contribs=True)

    def interactions(self, features: np.ndarray) -> np.ndarray:
        """SHAP interaction values [row, feature + 1, feature + 1] (Lundberg 2020)."""
        return self._predict(features, pred_interactions=True)

    def to_text(self) -> str:
        """The booster's own JSON."""
        return bytes(self.booster.save_raw("json")).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A model from `to_text`."""
        import xgboost as xgb

        model = cls(None)
        model.booster = xgb.Booster({"nthread": 1})
        model.booster.load_model(bytearray(text.encode()))
        model.rounds = int(
            json.loads(text)["learner"]["gradient_booster"]["model"]["gbtree_model_param"][
                "num_trees"
            ]
        )
        return model


def _binned(sample: Sample, edges: Any = None) -> Any:
    """XGBoost's matrix of a sample, cut into the bins of the matrix `edges`, or of BINNED_ROWS of
    its own; those are kept with the sample, since bins do not depend on labels.
    """
    import xgboost as xgb

    def matrix(rows: Any, edges: Any) -> Any:
        return xgb.QuantileDMatrix(
            sample.features[rows],
            sample.label[rows],
            weight=sample.weight[rows],
            nthread=1,
            max_bin=BINS,
            ref=edges,
        )

    if edges is not None:
        return matrix(slice(None), edges)
    if kept := sample.made.get(_BINS):
        kept.set_label(sample.label)
        return kept
    if len(sample.label) > BINNED_ROWS:
        edges = matrix(np.linspace(0, len(sample.label) - 1, BINNED_ROWS).astype(int), None)
    sample.made[_BINS] = matrix(slice(None), edges)
    return sample.made[_BINS]


class ForestModel(XGBoostModel):
    """Random forest (Breiman 2001) grown by XGBoost: trees side by side in one round, a share of
    columns for each split.
    """

    def _boosting_rounds(self) -> int:
        return 1

    def _parameters(self) -> dict[str, Any]:
        s = self.settings
        return {
            "max_depth": s.max_depth,
            "eta": 1.0,
            "num_parallel_tree": s.n_trees,
            "min_child_weight": s.min_rows_in_leaf,
            "subsample": s.subsample,
            "colsample_bynode": s.column_share,
            "lambda": 0.0,
            "seed": s.seed,
            "nthread": 1,
            "tree_method": "hist",
            "max_bin": BINS,
            "objective": "reg:squarederror",
            "base_score": 0.0,
        }


class LightGBMModel:
    """Gradient-boosted trees grown leaf by leaf (Ke et al. 2017)."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings
        self.rounds = 0
        self.booster: Any = None

    def fit(self, sample: Sample, stop: Sample | None = None) -> Self:
        """Squared error from zero, deterministic; with `stop` as many trees as do best there."""
        import lightgbm as lgb

        s = self.settings
        quiet = {
            "verbosity": -1,
            "num_threads": 1,
            "max_bin": BINS,
            "bin_construct_sample_cnt": BINNED_ROWS,
        }
        parameters: dict[str, Any] = {
            "objective": "regression",
            "boost_from_average": False,
            "num_leaves": s.n_leaves,
            "learning_rate": s.learning_rate,
            "min_data_in_leaf": s.min_rows_in_leaf,
            "bagging_fraction": s.subsample,
            "bagging_freq": 1,
            "feature_fraction": s.column_share,
            "lambda_l2": s.l2_penalty,
            "seed": s.seed,
            "deterministic": True,
            "force_col_wise": True,
            **quiet,
        }
        data = lgb.Dataset(sample.features, sample.label, weight=sample.weight, params=quiet)
        options: dict[str, Any] = {}
        if stop is not None and s.early_stopping:
            held = lgb.Dataset(
                stop.features, stop.label, weight=stop.weight, reference=data, params=quiet
            )
            options = {
                "valid_sets": [held],
                "callbacks": [lgb.early_stopping(PATIENCE, verbose=False)],
            }
            if worth := stop.worth:
                parameters["metric"] = "None"
                options["feval"] = lambda given, _: ("worth", worth(np.asarray(given)), True)
        if any(rising(sample.names)):
            parameters["monotone_constraints"] = rising(sample.names)
        booster = lgb.train(parameters, data, s.n_trees, **options)
        self.booster = lgb.Booster(
            model_str=booster.model_to_string(
                num_iteration=booster.best_iteration if options else s.n_trees
            )
        )
        self.rounds = (
            self.booster.num_trees()
        )  # fewer than asked for where nothing was left to split
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Predictions [row]."""
        return (
            np.asarray(self.booster.predict(features, num_threads=1), dtype=float)
            if len(features)
            else np.empty(0)
        )

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """Exact TreeSHAP by the library itself."""
        if not len(features):
            return np.empty((0, self.booster.num_feature() + 1))
        return np.asarray(
            self.booster.predict(features, pred_contrib=True, num_threads=1), dtype=float
        )

    def to_text(self) -> str:
        """The booster's own text."""
        text: str = self.booster.model_to_string()
        return text

    @classmethod
    def from_text(cls, text: str) -> Self:
        """A model from `to_text`."""
        import lightgbm as lgb

        model = cls(None)
        model.booster = lgb.Booster(model_str=text)
        model.rounds = model.booster.num_trees()
        return model
