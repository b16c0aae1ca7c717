"""The learning settings as Dagster's launchpad shows them.

Belongs here: config classes made from the settings classes of `learning/settings.py`, with their
declarations and a home's values as defaults. Not here: what the settings mean and may be.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import dagster as dg
from pydantic import BeforeValidator, Field, create_model
from pydantic.fields import FieldInfo

from bondsig_assets.learning.settings import LearningSettings, make_settings
from bondsig_assets.validation import OneOf, choices_of, declared_fields, is_checked

#: Settings that the gate and the signals have launchpads of their own for.
_ELSEWHERE = ("gate", "signals", "kinds")


def training_config(settings: LearningSettings) -> type[dg.Config]:
    """A config class whose defaults are `settings`, those of the home's learning.toml."""
    refit = Field(
        default=False,
        description="Fit again also what was fitted on the same data with the same settings",
    )
    return create_model(
        "TrainingConfig",
        __base__=dg.Config,
        __doc__=(
            "Models, windows and tuning of a training; the defaults are those of learning.toml in"
            " the home."
        ),
        refit=(bool, refit),
        **_fields(settings),
        **{name: _nested(name, kind) for name, kind in settings.kinds.items()},
    )


def gate_config(settings: LearningSettings) -> type[dg.Config]:
    """A config class of the gate."""
    return _group("gate", settings.gate)


def signal_config(settings: LearningSettings) -> type[dg.Config]:
    """A config class of the first filter of signals."""
    return _group("signal", settings.signals)


def settings_of(config: dg.Config, settings: LearningSettings) -> LearningSettings:
    """What the launchpad of a training asks for; what it does not ask stands in `settings`. Raises
    SettingsError.
    """
    values: Mapping[str, Any] = config.model_dump()
    asked = make_settings({name: value for name, value in values.items() if name != "refit"})
    return replace(asked, gate=settings.gate, signals=settings.signals)


def _group(name: str, group: Any) -> type[dg.Config]:
    """The settings class of `group` as one of Dagster's, which takes no other, nested or not."""
    return create_model(
        f"{name.title().replace('_', '')}Config", __base__=dg.Config, **_fields(group)
    )


def _fields(group: Any) -> dict[str, Any]:
    return {
        name: (
            _nested(name, getattr(group, name))
            if is_checked(declared.annotation)
            else _field(declared, getattr(group, name))
        )
        for name, declared in declared_fields(type(group)).items()
        if name not in _ELSEWHERE
    }


def _nested(name: str, group: Any) -> Any:
    kind = _group(name, group)
    description = (type(group).__doc__ or "").splitlines()[0]
    return (kind, Field(default=kind(), description=description))


def _field(declared: FieldInfo, value: Any) -> Any:
    """The declaration with another default, in types that Dagster's launchpad knows."""
    choices, description = choices_of(declared), declared.description
    kind: Any = declared.annotation
    if isinstance(value, tuple):
        kind, value = list[str], list(value)
    elif choices and isinstance(value, str):
        kind = Literal[choices]
    elif choices:
        description = f"{description} ({', '.join(map(str, choices))})"
    # What is more than a bound is left to the settings: they say what is wrong in plain words.
    bounds = [one for one in declared.metadata if not isinstance(one, (OneOf, BeforeValidator))]
    return (Annotated[(kind, *bounds)] if bounds else kind, Field(value, description=description))
