"""Every kind of model there is: its class, its settings, how it is made and read back.

Belongs here: names to classes. Not here: the classes, and which models a study runs
(`learning/settings.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from bondsig_assets.errors import ModelError
from bondsig_assets.learning.inputs import ALL_INPUTS, EQUITY_INPUTS
from bondsig_assets.learning.models.bayes_ridge import (
    BayesRidgeModel,
    BayesRidgeSettings,
    RecentRidgeSettings,
    ResidualTreesModel,
    ResidualTreesSettings,
)
from bondsig_assets.learning.models.interface import Model, ModelSettings
from bondsig_assets.learning.models.linear import (
    ElasticNetModel,
    ElasticNetSettings,
    RidgeModel,
    RidgeSettings,
)
from bondsig_assets.learning.models.sequence import LSTM_FEATURES, LSTMModel, LSTMSettings
from bondsig_assets.learning.models.trees import (
    ForestModel,
    ForestSettings,
    LightGBMModel,
    LightGBMSettings,
    XGBoostModel,
    XGBoostSettings,
)
from bondsig_assets.tables.issuer_features import FEATURES
from bondsig_assets.tables.news_features import NEWS_FEATURES

#: Name of the control: boosted trees on what stock prices and filings alone say.
CONTROL = "equity_only"
#: Name of the mean of the other models' predictions.
ENSEMBLE = "ensemble"
#: What a model is fitted to: the day's normal scores, or own volatilities (`inputs.py`).
NORMAL_SCORE, OWN_VOLATILITY = "normal_score", "own_volatility"
#: The family of models that XGBoost grows, on the same binned inputs.
XGBOOST = "xgboost"


@dataclass(frozen=True)
class Kind:
    """A class of model with its settings, inputs and the days of each it sees."""

    model: type[Model]
    settings: ModelSettings
    features: tuple[str, ...] = ALL_INPUTS
    #: Whether every score can be explained exactly and at once, as a champion's must be.
    may_be_champion: bool = True
    #: What it is fitted to.
    label: str = NORMAL_SCORE
    #: Kinds of one family with the same inputs share what they make of these alone, so they are
    #: fitted one after the other.
    family: str = ""


KINDS: dict[str, Kind] = {
    "ridge": Kind(RidgeModel, RidgeSettings()),
    "elastic_net": Kind(ElasticNetModel, ElasticNetSettings()),
    "xgboost": Kind(XGBoostModel, XGBoostSettings(), family=XGBOOST),
    "lightgbm": Kind(LightGBMModel, LightGBMSettings()),
    "random_forest": Kind(ForestModel, ForestSettings(), family=XGBOOST),
    "lstm": Kind(
        LSTMModel, LSTMSettings(), LSTM_FEATURES, may_be_champion=False, label=OWN_VOLATILITY
    ),
    "bayes_ridge": Kind(BayesRidgeModel, BayesRidgeSettings(), label=OWN_VOLATILITY),
    "expected_reaction": Kind(
        BayesRidgeModel, BayesRidgeSettings(), ("expected_reaction",), label=OWN_VOLATILITY
    ),
    "recent_ridge": Kind(BayesRidgeModel, RecentRidgeSettings(), label=OWN_VOLATILITY),
    "residual_trees": Kind(
        ResidualTreesModel, ResidualTreesSettings(), label=OWN_VOLATILITY, family=XGBOOST
    ),
    CONTROL: Kind(
        XGBoostModel, XGBoostSettings(), EQUITY_INPUTS, may_be_champion=False, family=XGBOOST
    ),
}


@dataclass(frozen=True)
class Specification:
    """One model of a study: its kind, the settings it starts from, its inputs.

    `hash` names it: refits of one specification share it. `context` is what else makes it another
    one (label, window, tuning).
    """

    name: str
    settings: ModelSettings
    features: tuple[str, ...]
    context: str = ""
    tuned: Mapping[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        """Its class of model."""
        return KINDS[self.name]

    @property
    def history_days(self) -> int:
        """Days of each input the model sees."""
        return self.settings.history_days

    @property
    def window_days(self) -> int:
        """Newest trading days that the model learns from; 0: all of the fold's."""
        return self.settings.window_days

    @property
    def stops_early(self) -> bool:
        """Whether the sibling chooses how many rounds the model is fitted."""
        return self.settings.early_stopping

    @property
    def hash(self) -> str:
        """Fingerprint of kind, declared settings, inputs and context; tuned values do not count."""
        return fingerprint([self.name, asdict(self.settings), self.features, self.context])

    def make(self, rounds: int = 0) -> Model:
        """An unfitted model; with `rounds` it fits exactly that many, without early stopping."""
        settings = replace(self.settings, **self.tuned)
        if rounds:
            settings = settings.with_rounds(rounds)
        return self.kind.model(settings)


def specification(
    name: str, overrides: Mapping[str, Any] | None = None, context: str = ""
) -> Specification:
    """The model `name` with settings other than the defaults. Raises ModelError naming what
    exists.
    """
    if name not in KINDS:
        raise ModelError(f"unknown model '{name}'; models are: {', '.join(KINDS)}")
    kind = KINDS[name]
    names = {f.name for f in fields(kind.settings)}
    if unknown := sorted(set(overrides or {}) - names):
        raise ModelError(
            f"model {name} has no setting {', '.join(unknown)}; it has: {', '.join(sorted(names))}"
        )
    return Specification(name, replace(kind.settings, **(overrides or {})), kind.features, context)


def load_model(name: str, text: str) -> Model:
    """The fitted model `name` from its text. Raises ModelError for an unknown name."""
    if name not in KINDS:
        raise ModelError(f"unknown model '{name}'; models are: {', '.join(KINDS)}")
    return KINDS[name].model.from_text(text)


def feature_hash(features: tuple[str, ...] | list[str]) -> str:
    """Fingerprint of an ordered list of inputs and of how each is declared: a changed formula is
    another input.
    """
    declared = {feature.name: feature for feature in (*FEATURES, *NEWS_FEATURES)}
    return fingerprint(
        [
            (
                [name, declared[name].formula, declared[name].window, declared[name].minimum]
                if name in declared
                else [name]
            )
            for name in features
        ]
    )


def fingerprint(value: Any) -> str:
    """Twelve hexadecimal digits that change with `value` (anything JSON can hold)."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=list).encode()).hexdigest()[:12]
