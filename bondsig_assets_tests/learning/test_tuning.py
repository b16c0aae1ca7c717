"""The search: purged splits inside the training days, the same best twice, and nothing of what
comes later.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import offset
from bondsig_assets.errors import FoldError, ModelError
from bondsig_assets.learning import tuning
from bondsig_assets.learning.folds import purge_days
from bondsig_assets.learning.models.catalogue import CONTROL, KINDS, Specification, specification
from bondsig_assets.learning.models.interface import Tunable
from bondsig_assets.learning.settings import TuningSettings
from bondsig_assets.learning.training import daily_ics, train_fold
from bondsig_assets.learning.tuning import Trial, inner_splits, ranges, tuner
from bondsig_assets.market_rules import HORIZONS
from bondsig_assets.validation import declared_fields, marked
from bondsig_assets_tests.learning.days import FOLD, SETTINGS, dataset, long_dataset

SEARCHING = replace(SETTINGS, tuning=TuningSettings(trials=4))
RIDGE, TREES, CONTROLS = SEARCHING.specifications()


@settings(max_examples=200, deadline=None)
@given(st.sets(st.integers(0, 400), min_size=1), st.integers(1, 8), st.sampled_from(HORIZONS))
def test_inner_splits_are_purged_ordered_and_within_the_days(days, n_splits, horizon):
    positions = np.array(sorted(days))
    splits = inner_splits(positions, n_splits, purge_days(horizon))
    assert len(splits) <= n_splits
    judged = [day for _, test in splits for day in test]
    assert len(judged) == len(set(judged)) and judged == sorted(judged) and set(judged) <= days
    for train, test in splits:
        assert train.size and test.size and set(train) <= days
        # The last return that a training label reads is of the day before the first that is judged,
        # or sooner.
        assert train[-1] + 1 + horizon < test[0]
        np.testing.assert_array_equal(train, positions[positions <= test[0] - purge_days(horizon)])


def test_inner_splits_by_hand():
    first, second = inner_splits(np.arange(10, 40), 2, 7)
    assert (first[0].tolist(), first[1].tolist()) == (list(range(10, 14)), list(range(20, 30)))
    assert (second[0].tolist(), second[1].tolist()) == (list(range(10, 24)), list(range(30, 40)))
    assert inner_splits(np.arange(4), 3, 7) == [] == inner_splits(np.arange(0), 3, 7)


@cache
def searched(name: str, seed: int = 0) -> tuple[Specification, tuple[Trial, ...]]:
    """The best specification and the trials of a search."""
    trials: list[Trial] = []
    study = replace(SETTINGS, tuning=TuningSettings(trials=4, seed=seed))
    chosen = next(one for one in study.specifications() if one.name == name)
    return tuner(trials.append)(dataset(), FOLD, chosen, study), tuple(trials)


@pytest.mark.parametrize("name", ["ridge", "xgboost", CONTROL])
def test_a_tuned_specification_keeps_its_hash_and_takes_the_best_trial(name):
    found, trials = searched(name)
    before = next(one for one in SEARCHING.specifications() if one.name == name)
    assert found == replace(before, tuned=found.tuned) and found.hash == before.hash
    assert found.tuned == max(trials, key=lambda trial: trial.value).parameters
    # The first trial is what is declared.
    assert trials[0].parameters == {key: getattr(before.settings, key) for key in ranges(before)}
    for trial in trials:
        assert set(trial.parameters) == set(ranges(before))
        assert all(
            low <= trial.parameters[key] <= high and type(trial.parameters[key]) is type(low)
            for key, (low, high) in ranges(before).items()
        )
    assert json.loads(json.dumps(found.tuned)) == found.tuned, "the warehouse keeps them as JSON"


def test_every_trial_is_reported():
    _, trials = searched("ridge")
    assert [trial.name for trial in trials] == [f"ridge 2023-07-01 trial {k}" for k in range(4)]
    assert all(trial.is_complete and 0.3 < trial.value < 0.9 for trial in trials), (
        "the planted signal is there"
    )
    assert len({json.dumps(trial.parameters) for trial in trials}) == 4


@pytest.mark.parametrize("name", ["ridge", "xgboost", CONTROL])
def test_the_same_seed_finds_the_same_twice_and_another_seed_something_else(name):
    found, trials = searched(name)
    again: list[Trial] = []
    chosen = next(one for one in SEARCHING.specifications() if one.name == name)
    assert (
        tuner(again.append)(dataset(), FOLD, chosen, SEARCHING) == found and tuple(again) == trials
    )
    other = searched(name, seed=1)[1]
    assert other[0] == trials[0], "what is declared comes first, whatever the seed"
    assert all(
        mine.parameters != its.parameters for mine, its in zip(trials[1:], other[1:], strict=True)
    )


def test_a_trial_is_worth_what_it_adds_over_the_control_on_its_unseen_days():
    _, trials = searched("ridge")
    data, rows = dataset(), dataset().labelled(None, FOLD.early_end)
    for trial in trials[:2]:
        ics = []
        for train, test in inner_splits(np.unique(data.day[rows]), 3, 7):
            learned, judged = (rows[np.isin(data.day[rows], days)] for days in (train, test))
            model = (
                specification("ridge", trial.parameters)
                .make()
                .fit(data.sample(learned, RIDGE, True))
            )
            control = CONTROLS.make().fit(data.sample(learned, CONTROLS, True))
            ics += daily_ics(
                data,
                judged,
                model.predict(data.z[judged]),
                control.predict(data.inputs(judged, CONTROLS)),
            )["size_weighted_ic"].to_list()
        assert trial.value == pytest.approx(np.mean(ics), rel=1e-12)


def test_days_after_the_early_end_change_nothing():
    found, trials = searched("ridge")
    data = long_dataset()
    later = (data.keys["trade_date"] > FOLD.early_end).to_numpy()
    poisoned = replace(
        data,
        z=np.where(later[:, None], 1e6, data.z),
        label=np.where(later, -data.label, data.label),
        excess=np.where(later, -1e6, data.excess),
    )
    for changed in (data, poisoned):
        again: list[Trial] = []
        assert (
            tuner(again.append)(changed, FOLD, RIDGE, SEARCHING) == found and tuple(again) == trials
        )
    last = (data.keys["trade_date"] == FOLD.early_end).to_numpy()
    seen: list[Trial] = []
    tuner(seen.append)(
        replace(data, excess=np.where(last, -data.excess, data.excess)), FOLD, RIDGE, SEARCHING
    )
    assert tuple(seen) != trials, "the last of the early days counts"


def test_the_control_is_searched_for_like_any_model():
    trials: list[Trial] = []
    models = train_fold(
        dataset(), FOLD, SEARCHING.specifications(), SEARCHING, tune=tuner(trials.append)
    )
    assert [trial.name.split()[0] for trial in trials] == ["ridge"] * 4 + ["xgboost"] * 4 + [
        CONTROL
    ] * 4
    assert {model.name: bool(model.specification.tuned) for model in models} == {
        "ridge": True,
        "xgboost": True,
        CONTROL: True,
        "ensemble": False,
    }
    assert ranges(CONTROLS) == ranges(TREES) and trials[8].parameters == trials[4].parameters, (
        "it starts where xgboost does"
    )
    assert models[2].specification == searched(CONTROL)[0], (
        "a yardstick of its own: what it finds on its own inputs"
    )


def test_a_search_of_one_trial_is_what_is_declared():
    once = replace(SETTINGS, tuning=TuningSettings(trials=1))
    for before in once.specifications():
        found = tuner()(dataset(), FOLD, before, once)
        assert found.make().settings == before.make().settings and found.tuned


@pytest.mark.parametrize("best", range(4))
def test_a_search_never_ends_with_less_than_what_is_declared(monkeypatch, best):
    trials: list[Trial] = []
    monkeypatch.setattr(tuning, "_inner_worth", lambda *_: float(len(trials) == best))
    found = tuner(trials.append)(dataset(), FOLD, TREES, SEARCHING)
    assert found.tuned == trials[best].parameters
    assert (found.make().settings == TREES.settings) == (best == 0)


@dataclass(frozen=True)
class Settled:
    """Settings of which none may vary."""

    penalty: float = 0.02


def test_a_model_of_which_nothing_may_vary_is_left_as_it_is():
    settled = Specification("ridge", Settled(), RIDGE.features)
    assert (
        tuner(lambda trial: pytest.fail(trial.name))(dataset(), FOLD, settled, SEARCHING) is settled
    )


@pytest.mark.parametrize("name", list(KINDS))
def test_what_is_declared_lies_in_every_range(name):
    kind = KINDS[name].settings
    tunable = {
        key: found
        for key, declared in declared_fields(type(kind)).items()
        if (found := marked(declared, Tunable))
    }
    assert tunable and all(
        one.low <= getattr(kind, key) <= one.high for key, one in tunable.items()
    ), "a default that a search would not try is no default"
    assert ranges(specification(name)) == {k: (one.low, one.high) for k, one in tunable.items()}


def test_a_range_reaches_to_what_a_study_declares(recwarn):
    chosen = specification("xgboost", {"min_child_weight": 4.0, "max_depth": 7})
    found = ranges(chosen)
    assert found["min_child_weight"] == (4.0, 1000.0) and found["max_depth"] == (2, 7)
    assert ranges(specification("xgboost", {"l2_penalty": 0.0}))["l2_penalty"] == (1.0, 200.0)
    searched("xgboost", seed=7)
    assert not [one for one in recwarn if "out of the range" in str(one.message)]


@pytest.mark.parametrize("name", list(KINDS))
def test_every_range_can_be_searched(name):
    import optuna

    chosen, study = (
        specification(name),
        optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)),
    )
    for _ in range(5):
        trial = study.ask()
        tried = {
            key: tuning._suggest(trial, key, low, high)
            for key, (low, high) in ranges(chosen).items()
        }
        assert tried and all(
            low <= tried[key] <= high for key, (low, high) in ranges(chosen).items()
        )
        assert type(replace(chosen.settings, **tried)) is type(chosen.settings)


def test_too_few_days_for_the_splits_are_a_fold_error():
    short = replace(FOLD, train_start=offset(FOLD.early_end, -5))
    with pytest.raises(
        FoldError,
        match=(
            f"fold 2023-07-01: too few days up to {FOLD.early_end} for 3 inner splits; set"
            " tuning.trials to 0"
        ),
    ):
        tuner()(dataset(), short, RIDGE, SEARCHING)


def test_a_trial_that_cannot_be_fitted_is_reported_and_the_search_goes_on(monkeypatch):
    real, calls = tuning._inner_worth, []

    def sometimes(*given):
        calls.append(given)
        if len(calls) % 2:
            raise ModelError("training went astray")
        return real(*given)

    monkeypatch.setattr(tuning, "_inner_worth", sometimes)
    trials: list[Trial] = []
    found = tuner(trials.append)(dataset(), FOLD, RIDGE, SEARCHING)
    assert [trial.is_complete for trial in trials] == [False, True, False, True]
    assert all(np.isnan(trial.value) != trial.is_complete for trial in trials)
    assert found.tuned == max(trials[1::2], key=lambda trial: trial.value).parameters


def test_a_search_of_which_no_trial_can_be_fitted_is_a_fold_error(monkeypatch):
    def never(*_):
        raise ModelError("training went astray")

    monkeypatch.setattr(tuning, "_inner_worth", never)
    trials: list[Trial] = []
    with pytest.raises(
        FoldError, match="fold 2023-07-01: not one of the 4 trials of ridge could be fitted"
    ):
        tuner(trials.append)(dataset(), FOLD, RIDGE, SEARCHING)
    assert len(trials) == 4
