"""The launchpad's classes are the settings classes: same parameters, bounds, meanings, defaults."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from bondsig_assets.assets.learning_config import (
    gate_config,
    settings_of,
    signal_config,
    training_config,
)
from bondsig_assets.errors import SettingsError
from bondsig_assets.learning.settings import LearningSettings, make_settings
from bondsig_assets.validation import choices_of, declared_fields

HOME = make_settings(
    {
        "models": ["ridge", "lstm"],
        "walk_forward": {"horizon_days": 10},
        "gate": {"first_champion": "xgboost"},
        "signals": {"quantile": 0.2},
        "xgboost": {"n_trees": 77},
    }
)
TRAINING = training_config(HOME)
GROUPS = [
    *((TRAINING.model_fields[name].annotation, group) for name, group in HOME.kinds.items()),
    (TRAINING.model_fields["walk_forward"].annotation, HOME.walk_forward),
    (TRAINING.model_fields["tuning"].annotation, HOME.tuning),
    (gate_config(HOME), HOME.gate),
    (signal_config(HOME), HOME.signals),
]


@pytest.mark.parametrize(("config", "group"), GROUPS)
def test_every_parameter_keeps_its_type_bounds_meaning_and_default(config, group):
    declared = declared_fields(type(group))
    assert list(config.model_fields) == list(declared)
    for name, shown in config.model_fields.items():
        one, value = declared[name], getattr(group, name)
        assert shown.default == value and type(shown.default) is type(value), name
        assert shown.description.startswith(one.description), name
        bounds = [bound for bound in one.metadata if hasattr(bound, "ge") or hasattr(bound, "gt")]
        assert set(map(repr, bounds)) <= set(map(repr, shown.metadata)), name
        if isinstance(value, str):
            assert get_args(shown.annotation) == choices_of(one), name
        else:
            assert shown.annotation is one.annotation, name
            assert all(str(choice) in shown.description for choice in choices_of(one)), name


def test_what_the_launchpad_does_not_change_is_the_home():
    assert settings_of(TRAINING(), HOME) == HOME
    asked = settings_of(TRAINING(models=["ridge"], ridge={"penalty": 2}), HOME)
    assert asked.models == ("ridge",) and asked.kinds["ridge"].penalty == 2.0
    assert asked.gate == HOME.gate and asked.walk_forward == HOME.walk_forward


def test_what_dagster_does_not_refuse_the_settings_do():
    with pytest.raises(ValidationError):
        TRAINING(ridge={"penalty": -1})
    with pytest.raises(SettingsError, match="^walk_forward.horizon_days = 6 is none of 1, 5"):
        settings_of(TRAINING(walk_forward={"horizon_days": 6}), HOME)
    with pytest.raises(SettingsError, match="^unknown model 'forest'; models are: ridge"):
        settings_of(TRAINING(models=["forest"]), LearningSettings())
