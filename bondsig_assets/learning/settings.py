"""What a study runs: models and their settings, windows, gate, tuning; from one TOML file.

Belongs here: typed settings with their meaning, reading and writing them as TOML. Not here:
Dagster's launchpad (`assets/learning_config.py`, made from these).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from bondsig_assets.errors import ModelError, SettingsError
from bondsig_assets.formats.settings_files import as_group, group_lines, read_settings, toml_value
from bondsig_assets.learning.models.catalogue import CONTROL, KINDS, Specification, specification
from bondsig_assets.validation import OneOf, Says, checked, declared_fields, validated

DEFAULT_MODELS = (
    "ridge",
    "elastic_net",
    "xgboost",
    "lightgbm",
    "random_forest",
    "bayes_ridge",
    "expected_reaction",
    "residual_trees",
)
_NAMES = [name for name in KINDS if name != CONTROL]
_CHAMPIONS = tuple(name for name, kind in KINDS.items() if kind.may_be_champion)


@checked(SettingsError)
class WalkForwardSettings:
    """Which days train, stop, calibrate and test."""

    window: Annotated[str, OneOf(("expanding", "rolling"))] = Field(
        default="expanding",
        description="expanding (all days there are) or rolling (the last rolling_days)",
    )
    rolling_days: int = Field(default=756, gt=0, description="Trading days of a rolling window")
    minimum_train_days: int = Field(
        default=189,
        ge=126,
        description="A fold is trained when this many trading days lie before it",
    )
    calibration_days: int = Field(
        default=84,
        ge=21,
        description=(
            "Last days of the training span: probabilities are calibrated on a sibling's"
            " predictions for them"
        ),
    )
    stop_days: int = Field(
        default=42,
        ge=10,
        description="Days before the calibration span that models with early stopping stop on",
    )
    horizon_days: Annotated[int, OneOf((1, 5, 10, 21))] = Field(
        default=5, description="Horizon of the label"
    )
    label: Annotated[str, OneOf(("excess", "beta_adjusted"))] = Field(
        default="excess",
        description="excess (stock minus sector ETF) or beta_adjusted (stock minus beta x ETF)",
    )
    uniqueness_weights: bool = Field(
        default=True,
        description=(
            "Weigh a row by the average uniqueness of its label, which overlaps its neighbours'"
        ),
    )


@checked(SettingsError)
class GateSettings:
    """Who becomes champion."""

    first_champion: Annotated[str, OneOf(_CHAMPIONS)] = Field(
        default="bayes_ridge",
        description=(
            "Model that scores until another beats it, chosen beforehand and never by result;"
            " the first by name where it is not trained"
        ),
    )
    refit_tolerance: float = Field(
        default=2.0,
        ge=0.0,
        description=(
            "A refit is refused when it is worse by more than this many standard errors of the"
            " difference"
        ),
    )
    new_specification_margin: float = Field(
        default=3.5,
        ge=0.0,
        description=(
            "Another specification must be better by this many standard errors of the difference"
        ),
    )
    new_specification_days: int = Field(
        default=126,
        ge=20,
        description=(
            "Days that another specification must have been compared on, sibling against sibling"
        ),
    )
    minimum_holdout_days: int = Field(
        default=20,
        ge=10,
        description=(
            "With fewer days to compare on, or fewer than four times the lags of the standard"
            " error, a refit goes through"
        ),
    )


@checked(SettingsError)
class SignalSettings:
    """Which scores are worth acting on.

    A score passes in the outer `quantile` of its day, with a probability at least `margin` from its
    champion's base rate, on the side taken not below `minimum_probability`, at least
    `minimum_trades_21d` bond trades and none older than `maximum_staleness_days`.

    Probabilities keep the size of news, so 0.70 is reached, on few days and names, and never where
    nothing leads; the tables `probability_tails` and `thresholds` say what came of each level.
    """

    quantile: float = Field(
        default=0.10, gt=0.0, le=0.5, description="Outer share of each day's scores, on both sides"
    )
    margin: float = Field(
        default=0.01,
        ge=0.0,
        le=0.5,
        description="Least distance of the probability from its champion's base rate",
    )
    minimum_probability: float = Field(
        default=0.70,
        ge=0.0,
        le=1.0,
        description=(
            "Level that the probability of the side taken must reach; 0 asks for none. The table"
            " probability_tails tells what came of each level"
        ),
    )
    minimum_trades_21d: int = Field(
        default=10, ge=0, description="Least number of bond trades in 21 days"
    )
    maximum_staleness_days: int = Field(
        default=3, ge=0, description="Most trading days since the bonds last traded"
    )


@checked(SettingsError)
class TuningSettings:
    """The search for hyper-parameters, inside the training days alone."""

    trials: int = Field(
        default=0,
        ge=0,
        description="Trials for each model and fold; 0 takes the settings as they are",
    )
    splits: int = Field(
        default=3,
        gt=0,
        description="Purged walk-forward splits inside the training days that a trial is judged on",
    )
    seed: int = Field(default=0, ge=0, description="Seed of the search")


def _models(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"models = {value!r} is not a list; models are: {', '.join(_NAMES)}")
    if wrong := [name for name in value if name not in _NAMES]:
        raise ValueError(f"unknown model {wrong[0]!r}; models are: {', '.join(_NAMES)}")
    if not value or len(set(value)) < len(value):
        raise ValueError(f"models: name at least one of {', '.join(_NAMES)}, each once")
    if not set(value) & set(_CHAMPIONS):
        raise ValueError(
            f"models = {list(value)}: none of them may become champion and score; add one of"
            f" {', '.join(_CHAMPIONS)}"
        )
    return tuple(value)


@checked(SettingsError)
class LearningSettings:
    """Everything a study depends on but the data.

    `study` names it (its MLflow experiment), `models` are the names of those trained, `kinds` holds
    the settings of each kind of model; the groups `walk_forward`, `gate`, `tuning` and `signals`
    have a meaning, a unit and bounds for every setting, which `bondsig settings` prints. Made in
    Python nothing is checked; `learning.settings.make_settings` (nested tables) and `load_settings`
    (a TOML file) check, and raise SettingsError with what is wrong and what is allowed.

    Examples:
        >>> from bondsig_assets import LearningSettings
        >>> from bondsig_assets.learning.settings import make_settings
        >>> [chosen.name for chosen in LearningSettings(models=("ridge",)).specifications()]
        ['ridge', 'equity_only']
        >>> make_settings({"walk_forward": {"horizon_days": 7}})
        Traceback (most recent call last):
        ...
        bondsig_assets.errors.SettingsError: walk_forward.horizon_days = 7 is none of 1, 5, 10, 21
    """

    study: Annotated[str, Says("is not a text of a character or more")] = Field(
        default="bondsig",
        min_length=1,
        description=(
            "Name of the study: its MLflow experiment. Trials of one study are counted together."
        ),
    )
    models: Annotated[tuple[str, ...], BeforeValidator(_models)] = Field(
        default=DEFAULT_MODELS, description=f"Models to train: any of {', '.join(_NAMES)}"
    )
    walk_forward: WalkForwardSettings = WalkForwardSettings()
    gate: GateSettings = GateSettings()
    tuning: TuningSettings = TuningSettings()
    signals: SignalSettings = SignalSettings()
    kinds: Mapping[str, Any] = Field(
        default_factory=lambda: {name: KINDS[name].settings for name in _NAMES}
    )

    def specifications(self) -> list[Specification]:
        """The study's models and, last, the equity-only control, which has XGBoost's settings."""
        chosen = [
            specification(name, asdict(self.kinds[name]), self._context()) for name in self.models
        ]
        return [*chosen, self.control()]

    def _context(self) -> str:
        """What makes the same kind and settings another specification."""
        return json.dumps(
            [asdict(self.walk_forward), asdict(self.tuning) if self.tuning.trials else None]
        )

    def control(self) -> Specification:
        """The equity-only control, which has XGBoost's settings."""
        return specification(CONTROL, asdict(self.kinds["xgboost"]), self._context())


_GROUPS: dict[str, type] = {
    "walk_forward": WalkForwardSettings,
    "gate": GateSettings,
    "tuning": TuningSettings,
    "signals": SignalSettings,
}


def load_settings(path: Path | None) -> LearningSettings:
    """Settings from a TOML file, defaults where it is silent or there is none. Raises
    SettingsError.
    """
    if path is None or not path.exists():
        return LearningSettings()
    return read_settings(path, make_settings, "bondsig settings")


def make_settings(values: Mapping[str, Any]) -> LearningSettings:
    """Settings from nested tables as in the TOML file. Raises SettingsError naming what is wrong
    and what is allowed.
    """
    kinds = {name: type(KINDS[name].settings) for name in _NAMES}
    allowed = ["study", "models", *_GROUPS, *kinds]
    if unknown := sorted(set(values) - set(allowed)):
        raise SettingsError(
            f"unknown table or key {', '.join(unknown)}; there are: {', '.join(allowed)}"
        )
    return validated(
        LearningSettings,
        {name: values[name] for name in ("study", "models") if name in values}
        | {name: as_group(name, kind, values) for name, kind in _GROUPS.items()}
        | {"kinds": {name: as_group(name, kind, values) for name, kind in kinds.items()}},
    )


def as_toml(settings: LearningSettings) -> str:
    """The settings as a TOML file with every meaning as a comment."""
    return "\n".join(_lines(settings)) + "\n"


def _lines(settings: LearningSettings) -> Iterator[str]:
    yield f"# {declared_fields(LearningSettings)['study'].description}"
    yield f"study = {toml_value(settings.study)}"
    yield f"# Any of {', '.join(settings.kinds)}."
    yield f"models = {toml_value(list(settings.models))}"
    for name, group in {
        **{name: getattr(settings, name) for name in _GROUPS},
        **settings.kinds,
    }.items():
        yield from group_lines(name, group)


def specification_named(settings: LearningSettings, name: str) -> Specification:
    """The study's specification of the model `name`. Raises ModelError when the study has none."""
    for found in settings.specifications():
        if found.name == name:
            return found
    raise ModelError(f"model '{name}' is not in this study; it has: {', '.join(settings.models)}")
