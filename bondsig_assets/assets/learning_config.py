"""The learning settings as Dagster's launchpad shows them.

Belongs here: config classes made from `learning/settings.py`, so that every parameter is typed,
bounded and described once. Not here: what the settings mean.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal

import dagster as dg
from pydantic import Field, create_model

from bondsig_assets.learning.settings import LearningSettings, make_settings

_BOUNDS = {"above": "gt", "least": "ge", "most": "le"}


def training_config(settings: LearningSettings) -> type[dg.Config]:
    """A config class whose defaults are `settings`, those of the home's learning.toml."""
    groups = {"walk_forward": settings.walk_forward, "tuning": settings.tuning, **settings.kinds}
    nested = {name: _group(name, group) for name, group in groups.items()}
    described: Any = {
        name: (
            kind,
            Field(default=kind(), description=(type(groups[name]).__doc__ or "").splitlines()[0]),
        )
        for name, kind in nested.items()
    }
    return create_model(
        "TrainingConfig",
        __base__=dg.Config,
        __doc__=(
            "Models, windows and tuning of a training; the defaults are those of learning.toml in"
            " the home."
        ),
        study=(
            str,
            Field(
                default=settings.study,
                description=(
                    "Name of the study: its MLflow experiment. Trials of one study are counted"
                    " together."
                ),
            ),
        ),
        models=(
            list[str],
            Field(
                default=list(settings.models),
                description=f"Models to train: any of {', '.join(settings.kinds)}",
            ),
        ),
        refit=(
            bool,
            Field(
                default=False,
                description=(
                    "Fit again also what was fitted on the same data with the same settings"
                ),
            ),
        ),
        **described,
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
    return create_model(
        f"{name.title().replace('_', '')}Config",
        __base__=dg.Config,
        **{f.name: _field(f, getattr(group, f.name)) for f in fields(group)},
    )


def _field(declared: Any, value: Any) -> Any:
    bounds = {_BOUNDS[name]: limit for name, limit in declared.metadata.items() if name in _BOUNDS}
    choices = declared.metadata.get("choices")
    description = declared.metadata["description"] + (
        f" ({', '.join(map(str, choices))})" if choices and isinstance(value, int) else ""
    )
    kind = Literal[tuple(choices)] if choices and isinstance(value, str) else type(value)
    return (kind, Field(default=value, description=description, **bounds))
