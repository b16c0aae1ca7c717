"""What a study runs: models and their settings, windows, gate, tuning; from one TOML file.

Belongs here: typed settings with their meaning, reading and writing them as TOML. Not here:
Dagster's launchpad (`assets/learning_config.py`, made from these).
"""

from __future__ import annotations

import json
import math
import operator
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bondsig_assets.errors import ModelError, SettingsError
from bondsig_assets.learning.models.catalogue import CONTROL, KINDS, Specification, specification

DEFAULT_MODELS = ("ridge", "elastic_net", "xgboost", "lightgbm", "random_forest")


@dataclass(frozen=True)
class WalkForwardSettings:
    """Which days train, stop, calibrate and test."""

    window: str = field(
        default="expanding",
        metadata={
            "description": "expanding (all days there are) or rolling (the last rolling_days)",
            "choices": ("expanding", "rolling"),
        },
    )
    rolling_days: int = field(
        default=756, metadata={"description": "Trading days of a rolling window", "above": 0}
    )
    minimum_train_days: int = field(
        default=189,
        metadata={
            "description": "A fold is trained when this many trading days lie before it",
            "least": 126,
        },
    )
    calibration_days: int = field(
        default=84,
        metadata={
            "description": (
                "Last days of the training span: probabilities are calibrated on a sibling's"
                " predictions for them"
            ),
            "least": 21,
        },
    )
    stop_days: int = field(
        default=42,
        metadata={
            "description": (
                "Days before the calibration span that models with early stopping stop on"
            ),
            "least": 10,
        },
    )
    horizon_days: int = field(
        default=5, metadata={"description": "Horizon of the label", "choices": (1, 5, 10, 21)}
    )
    label: str = field(
        default="excess",
        metadata={
            "description": (
                "excess (stock minus sector ETF) or beta_adjusted (stock minus beta x ETF)"
            ),
            "choices": ("excess", "beta_adjusted"),
        },
    )
    uniqueness_weights: bool = field(
        default=True,
        metadata={
            "description": (
                "Weigh a row by the average uniqueness of its label, which overlaps its neighbours'"
            )
        },
    )


@dataclass(frozen=True)
class GateSettings:
    """Who becomes champion."""

    first_champion: str = field(
        default="ridge",
        metadata={
            "description": (
                "Model that scores until another beats it, chosen beforehand and never by result;"
                " the first by name where it is not trained"
            ),
            "choices": tuple(n for n, k in KINDS.items() if k.may_be_champion),
        },
    )
    refit_tolerance: float = field(
        default=2.0,
        metadata={
            "description": (
                "A refit is refused when it is worse by more than this many standard errors of the"
                " difference"
            ),
            "least": 0.0,
        },
    )
    new_specification_margin: float = field(
        default=2.75,
        metadata={
            "description": (
                "Another specification must be better by this many standard errors of the"
                " difference"
            ),
            "least": 0.0,
        },
    )
    new_specification_days: int = field(
        default=126,
        metadata={
            "description": (
                "Days that another specification must have been compared on, sibling against"
                " sibling"
            ),
            "least": 20,
        },
    )
    minimum_holdout_days: int = field(
        default=20,
        metadata={
            "description": (
                "With fewer days to compare on, or fewer than four times the lags of the standard"
                " error, a refit goes through"
            ),
            "least": 10,
        },
    )


@dataclass(frozen=True)
class SignalSettings:
    """Which scores are worth acting on.

    A score passes in the outer `quantile` of its day, with a probability at least `margin` from its
    champion's base rate, on the side taken not below `minimum_probability`, at least
    `minimum_trades_21d` bond trades and none older than `maximum_staleness_days`.

    A fixed probability of 0.70 would never fire with a calibrated model at realistic strength; the
    table `thresholds` says how often each level has.
    """

    quantile: float = field(
        default=0.10,
        metadata={
            "description": "Outer share of each day's scores, on both sides",
            "above": 0.0,
            "most": 0.5,
        },
    )
    margin: float = field(
        default=0.01,
        metadata={
            "description": "Least distance of the probability from its champion's base rate",
            "least": 0.0,
            "most": 0.5,
        },
    )
    minimum_probability: float = field(
        default=0.0,
        metadata={
            "description": (
                "Fixed level that the probability of the side taken must reach, 0.70 say; 0 asks"
                " for none. The table thresholds tells how often a level fires"
            ),
            "least": 0.0,
            "most": 1.0,
        },
    )
    minimum_trades_21d: int = field(
        default=10, metadata={"description": "Least number of bond trades in 21 days", "least": 0}
    )
    maximum_staleness_days: int = field(
        default=3,
        metadata={"description": "Most trading days since the bonds last traded", "least": 0},
    )


@dataclass(frozen=True)
class TuningSettings:
    """The search for hyper-parameters, inside the training days alone."""

    trials: int = field(
        default=0,
        metadata={
            "description": "Trials for each model and fold; 0 takes the settings as they are",
            "least": 0,
        },
    )
    splits: int = field(
        default=3,
        metadata={
            "description": (
                "Purged walk-forward splits inside the training days that a trial is judged on"
            ),
            "above": 0,
        },
    )
    seed: int = field(default=0, metadata={"description": "Seed of the search", "least": 0})


@dataclass(frozen=True)
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

    study: str = "bondsig"
    models: tuple[str, ...] = DEFAULT_MODELS
    walk_forward: WalkForwardSettings = field(default_factory=WalkForwardSettings)
    gate: GateSettings = field(default_factory=GateSettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    signals: SignalSettings = field(default_factory=SignalSettings)
    kinds: Mapping[str, Any] = field(
        default_factory=lambda: {
            name: kind.settings for name, kind in KINDS.items() if name != CONTROL
        }
    )

    def specifications(self) -> list[Specification]:
        """The study's models and, last, the equity-only control, which has XGBoost's settings."""
        context = json.dumps(
            [asdict(self.walk_forward), asdict(self.tuning) if self.tuning.trials else None]
        )
        chosen = [specification(name, asdict(self.kinds[name]), context) for name in self.models]
        return [*chosen, specification(CONTROL, asdict(self.kinds["xgboost"]), context)]


_GROUPS: dict[str, Any] = {
    "walk_forward": WalkForwardSettings(),
    "gate": GateSettings(),
    "tuning": TuningSettings(),
    "signals": SignalSettings(),
}


def load_settings(path: Path | None) -> LearningSettings:
    """Settings from a TOML file, defaults where it is silent or there is none. Raises
    SettingsError.
    """
    if path is None or not path.exists():
        return LearningSettings()
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not readable as UTF-8: save it as UTF-8") from error
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path}: not readable as TOML: {error}; `bondsig settings` prints a whole file that is"
        ) from error
    try:
        return make_settings(read)
    except SettingsError as error:
        raise SettingsError(f"{path}: {error}") from error


def make_settings(values: Mapping[str, Any]) -> LearningSettings:
    """Settings from nested tables as in the TOML file. Raises SettingsError naming what is wrong
    and what is allowed.
    """
    kinds = LearningSettings().kinds
    allowed = ["study", "models", *_GROUPS, *kinds]
    if unknown := sorted(set(values) - set(allowed)):
        raise SettingsError(
            f"unknown table or key {', '.join(unknown)}; there are: {', '.join(allowed)}"
        )
    study, models = (
        values.get("study", LearningSettings.study),
        values.get("models", DEFAULT_MODELS),
    )
    if not isinstance(study, str) or not study:
        raise SettingsError(f"study = {study!r} is not a text of a character or more")
    if not isinstance(models, list | tuple):
        raise SettingsError(f"models = {models!r} is not a list; models are: {', '.join(kinds)}")
    if wrong := [name for name in models if not isinstance(name, str) or name not in kinds]:
        raise SettingsError(f"unknown model {wrong[0]!r}; models are: {', '.join(kinds)}")
    if not models or len(set(models)) < len(models):
        raise SettingsError(f"models: name at least one of {', '.join(kinds)}, each once")
    if not any(KINDS[name].may_be_champion for name in models):
        able = [name for name in kinds if KINDS[name].may_be_champion]
        raise SettingsError(
            f"models = {list(models)}: none of them may become champion and score; add one of"
            f" {', '.join(able)}"
        )
    groups = {
        name: checked(name, default, values.get(name, {})) for name, default in _GROUPS.items()
    }
    return LearningSettings(
        study=study,
        models=tuple(models),
        **groups,
        kinds={
            name: checked(name, default, values.get(name, {})) for name, default in kinds.items()
        },
    )


def checked(table: str, default: Any, values: Mapping[str, Any]) -> Any:
    """`default` with `values` in place, each of the declared type and within its bounds. Raises
    SettingsError.
    """
    if not isinstance(values, Mapping):
        raise SettingsError(f"{table} is not a table")
    known = {f.name: f for f in fields(default)}
    if unknown := sorted(set(values) - set(known)):
        raise SettingsError(
            f"{table} has no setting {', '.join(unknown)}; it has: {', '.join(known)}"
        )
    return replace(
        default,
        **{
            name: _value(f"{table}.{name}", known[name], getattr(default, name), value)
            for name, value in values.items()
        },
    )


def _value(where: str, declared: Any, default: Any, value: Any) -> Any:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default) or isinstance(value, float) and not math.isfinite(value):
        raise SettingsError(f"{where} = {value!r} is not {_ARTICLES[type(default)]}")
    bounds = declared.metadata
    if "choices" in bounds and value not in bounds["choices"]:
        raise SettingsError(
            f"{where} = {value!r} is none of {', '.join(map(str, bounds['choices']))}"
        )
    limits = {name: bounds[name] for name in _LIMITS if name in bounds}
    if not all(_LIMITS[name][1](value, limit) for name, limit in limits.items()):
        raise SettingsError(
            f"{where} = {value!r} must be"
            f" {' and '.join(f'{_LIMITS[name][0]} {limit}' for name, limit in limits.items())}"
        )
    return value


_LIMITS = {
    "above": ("above", operator.gt),
    "least": ("at least", operator.ge),
    "most": ("at most", operator.le),
}
_ARTICLES = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def as_toml(settings: LearningSettings) -> str:
    """The settings as a TOML file with every meaning as a comment."""
    return "\n".join(_lines(settings)) + "\n"


def _lines(settings: LearningSettings) -> Iterator[str]:
    yield "# Name of the study: its MLflow experiment. Trials of one study are counted together."
    yield f"study = {_toml(settings.study)}"
    yield f"# Any of {', '.join(settings.kinds)}."
    yield f"models = {_toml(list(settings.models))}"
    for name, group in {
        **{name: getattr(settings, name) for name in _GROUPS},
        **settings.kinds,
    }.items():
        yield ""
        yield f"# {(type(group).__doc__ or '').splitlines()[0]}"
        yield f"[{name}]"
        for setting in fields(group):
            yield (
                f"{setting.name} = {_toml(getattr(group, setting.name))}  #"
                f" {setting.metadata['description']}"
            )


def _toml(value: Any) -> str:
    """A text, number, truth or list of them as TOML, which knows no halves of characters and no
    bare delete.
    """
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def specification_named(settings: LearningSettings, name: str) -> Specification:
    """The study's specification of the model `name`. Raises ModelError when the study has none."""
    for found in settings.specifications():
        if found.name == name:
            return found
    raise ModelError(f"model '{name}' is not in this study; it has: {', '.join(settings.models)}")
