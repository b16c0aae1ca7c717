"""Settings of what is watched: what is written reads back, what contradicts is refused by name."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import SettingsError
from bondsig_assets.monitoring.catalogue import BY_NAME, FAMILIES, MONITORS
from bondsig_assets.monitoring.settings import (
    DETECTORS,
    BudgetSettings,
    DataSettings,
    DriftSettings,
    FreshnessSettings,
    MeanSettings,
    MonitoringSettings,
    RetrainingSettings,
    as_toml,
    load_settings,
    make_settings,
)
from bondsig_assets.validation import declared_fields

DEFAULTS = MonitoringSettings()
GROUPS = (
    BudgetSettings,
    MeanSettings,
    DataSettings,
    DriftSettings,
    FreshnessSettings,
    RetrainingSettings,
)


@settings(max_examples=50, deadline=None)
@given(
    years=st.floats(0.01, 1000.0),
    without=st.lists(st.sampled_from(sorted(BY_NAME)), unique=True),
    detector=st.sampled_from(DETECTORS),
    weight=st.floats(0, 10),
    cool=st.integers(0, 500),
)
def test_what_is_written_reads_back(years, without, detector, weight, cool):
    chosen = MonitoringSettings(
        years=years,
        without=tuple(without),
        means=MeanSettings(detector=detector),
        budget=BudgetSettings(data=weight),
        retraining=RetrainingSettings(cool_down_days=cool),
    )
    assert make_settings(tomllib.loads(as_toml(chosen))) == chosen


def test_the_defaults_are_what_a_missing_or_silent_file_means(tmp_path):
    path = tmp_path / "monitoring.toml"
    assert DEFAULTS == make_settings({}) == load_settings(None) == load_settings(path)
    path.write_text('years = 5\n[means]\ndetector = "cusum"\n')
    assert load_settings(path) == replace(DEFAULTS, years=5.0, means=MeanSettings(detector="cusum"))


@pytest.mark.parametrize("kind", GROUPS, ids=lambda kind: kind.__name__)
def test_every_setting_says_what_it_means_and_what_it_may_be(kind):
    for name, declared in declared_fields(kind).items():
        assert declared.description and "\n" not in declared.description, name
        default = getattr(kind(), name)
        assert isinstance(default, bool | tuple) or declared.metadata, f"{name} has no bounds"


def test_every_family_has_a_weight_and_a_monitor():
    assert tuple(DEFAULTS.budget.weights) == FAMILIES
    assert {one.family for one in MONITORS} == set(FAMILIES)
    assert len(BY_NAME) == len(MONITORS)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {
                "budget": {
                    "accuracy": 0,
                    "calibration": 0,
                    "profit": 0,
                    "before_labels": 0,
                    "data": 0,
                }
            },
            "budget.every weight is 0: one of accuracy, calibration, profit, before_labels, data"
            " has to be watched",
        ),
        (
            {"data": {"minimum_history_days": 600}},
            "data.minimum_history_days = 600 is more than history_days = 504: nothing would ever"
            " be watched",
        ),
        (
            {"drift": {"null_windows": 12}},
            "drift.warning_share = 0.05 is less than one in null_windows + 1 = 13: no window could"
            " warn",
        ),
        (
            {"retraining": {"families": ["luck"]}},
            "retraining.families names luck; there are: accuracy, calibration, profit,"
            " before_labels, data",
        ),
        (
            {"retraining": {"held_by": ["accuracy"]}},
            "retraining.families and held_by both name accuracy: strike one",
        ),
        ({"without": ["psi"]}, f"without names psi; there are: {', '.join(BY_NAME)}"),
        ({"without": "ic"}, "without = 'ic' is not a list of names, as ['ic', 'book']"),
        (
            {"means": {"detector": "kswin"}},
            "means.detector = 'kswin' is none of shiryaev_roberts, cusum",
        ),
        ({"years": 0.0}, "years = 0.0 must be above 0.0 and at most 1000.0"),
        (
            {"alarms": {}},
            "unknown table or key alarms; there are: years, without, budget, means, data, drift,"
            " freshness, retraining",
        ),
        ({"drift": 1}, "drift is not a table"),
    ],
)
def test_what_is_wrong_or_contradicts_is_one_line_that_names_it(values, line):
    with pytest.raises(SettingsError) as told:
        make_settings(values)
    assert str(told.value) == line


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    path = tmp_path / "monitoring.toml"
    path.write_text("years = ")
    with pytest.raises(SettingsError, match="`bondsig settings monitoring` prints a whole file"):
        load_settings(path)
