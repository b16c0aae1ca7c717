"""A fold: who sees which days, what is refused, and that nothing of the future leaves a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from bondsig_assets.calendar import day_number, offset
from bondsig_assets.errors import FoldError
from bondsig_assets.learning import training
from bondsig_assets.learning.calibration import Calibration, calibrate
from bondsig_assets.learning.dataset import Dataset, make_dataset
from bondsig_assets.learning.folds import fold_of
from bondsig_assets.learning.inputs import ALL_INPUTS, EQUITY_INPUTS
from bondsig_assets.learning.models.catalogue import (
    CONTROL,
    ENSEMBLE,
    KINDS,
    Kind,
    Specification,
    specification,
)
from bondsig_assets.learning.models.interface import ModelSettings, Sample
from bondsig_assets.learning.settings import LearningSettings, WalkForwardSettings
from bondsig_assets.learning.training import (
    EXPLAINED_ROWS,
    FoldModel,
    check_fold,
    daily_ics,
    ensemble_hash,
    judged_rows,
    train_fold,
    train_folds,
    train_model,
    training_hash,
)
from bondsig_assets.learning.weights import average_uniqueness
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets_tests.learning.days import (
    CREDIT,
    EQUITY,
    FOLD,
    FOLDS,
    SETTINGS,
    dataset,
    history,
    issuer_days,
    labels_of,
    long_dataset,
    long_history,
    trained,
)


@dataclass(frozen=True)
class SpySettings(ModelSettings):
    """Settings of a model that only looks."""

    sign: float = 1.0
    early_stopping: bool = False
    n_rounds: int = 0

    def with_rounds(self, rounds: int) -> SpySettings:
        """The same with so many rounds."""
        return replace(self, n_rounds=rounds, early_stopping=False)


class Spy:
    """Remembers what it was fitted on, and predicts a multiple of CREDIT."""

    def __init__(self, given: SpySettings) -> None:
        self.settings, self.rounds = given, 7
        self.sample: Sample | None = None
        self.stop: Sample | None = None

    def fit(self, sample: Sample, stop: Sample | None = None) -> Spy:
        self.sample, self.stop = sample, stop
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        return self.settings.sign * np.nan_to_num(features[:, ALL_FEATURES.index(CREDIT)])

    def contributions(self, features: np.ndarray) -> np.ndarray:
        return np.zeros((len(features), features.shape[1] + 1))


@pytest.fixture
def spied(monkeypatch) -> Callable[..., list[Spy]]:
    """Trains a spy in place of ridge and returns the sibling and the model."""

    def train(
        data: Dataset,
        given: SpySettings = SpySettings(),
        fold=FOLD,
        study: LearningSettings = SETTINGS,
    ) -> tuple[FoldModel, list[Spy]]:
        made: list[Spy] = []

        def make(of: SpySettings) -> Spy:
            made.append(Spy(of))
            return made[-1]

        monkeypatch.setitem(KINDS, "ridge", Kind(make, given))
        return train_model(data, fold, Specification("ridge", given, ALL_INPUTS), study), made

    return train


def rows_of_days(data: Dataset, first: date | None, last: date) -> np.ndarray:
    """Rows with a label of these days, found the slow way."""
    days = data.keys["trade_date"].to_list()
    return np.array(
        [
            row
            for row, day in enumerate(days)
            if (first is None or day >= first) and day <= last and np.isfinite(data.label[row])
        ],
        dtype=int,
    )


def holds(sample: Sample | None, data: Dataset, rows: np.ndarray) -> bool:
    """Whether a sample is exactly these rows."""
    return (
        sample is not None
        and sample.features.tobytes() == data.z[rows].tobytes()
        and sample.label.tobytes() == data.label[rows].tobytes()
    )


@pytest.mark.parametrize("window", ["expanding", "rolling"])
@pytest.mark.parametrize("horizon", [1, 5, 10])
@pytest.mark.parametrize("stops", [True, False])
def test_the_sibling_sees_early_days_and_the_model_every_training_day(
    spied, stops, horizon, window
):
    windows = replace(SETTINGS.walk_forward, horizon_days=horizon, window=window, rolling_days=240)
    fold = fold_of(FOLD.quarter, windows)
    days = issuer_days(offset(FOLD.train_end, -300), FOLD.last_day, n=16)
    data = make_dataset(days, labels_of(days, horizon=horizon), windows)
    _, (sibling, model) = spied(
        data, SpySettings(early_stopping=stops), fold, replace(SETTINGS, walk_forward=windows)
    )
    assert holds(
        sibling.sample,
        data,
        rows_of_days(data, fold.train_start, fold.early_end if stops else fold.sibling_end),
    )
    assert holds(model.sample, data, rows_of_days(data, fold.train_start, fold.train_end))
    assert model.stop is None and data.day.max() > day_number(pl.Series([fold.first_day]))[0], (
        "there was more to see"
    )
    if stops:
        assert holds(sibling.stop, data, rows_of_days(data, fold.stop_start, fold.sibling_end))
    else:
        assert sibling.stop is None


def test_the_model_fits_the_rounds_its_sibling_stopped_at(spied):
    _, (sibling, model) = spied(dataset(), SpySettings(early_stopping=True))
    assert (
        sibling.settings.early_stopping,
        model.settings.early_stopping,
        model.settings.n_rounds,
    ) == (True, False, 7)
    _, (_, model) = spied(dataset(), SpySettings())
    assert model.settings == SpySettings()


def test_weights_are_those_of_the_rows_that_are_seen(spied):
    data = dataset()
    _, (sibling, model) = spied(data, SpySettings(early_stopping=True))
    for sample, rows in [
        (sibling.sample, data.labelled(None, FOLD.early_end)),
        (sibling.stop, data.labelled(FOLD.stop_start, FOLD.sibling_end)),
        (model.sample, data.labelled(None, FOLD.train_end)),
    ]:
        uniqueness = average_uniqueness(data.parent[rows], data.day[rows], 5)
        np.testing.assert_allclose(sample.weight, uniqueness / uniqueness.mean(), rtol=1e-14)
    plain = replace(SETTINGS, walk_forward=replace(SETTINGS.walk_forward, uniqueness_weights=False))
    _, made = spied(data, SpySettings(early_stopping=True), study=plain)
    assert all(
        (sample.weight == 1).all() for sample in (made[0].sample, made[0].stop, made[1].sample)
    )


def by_hand(data: Dataset, rows: np.ndarray, prediction: np.ndarray) -> Calibration:
    """The probability map of predictions of these rows."""
    return calibrate(
        prediction,
        data.excess[rows],
        data.own_label[rows],
        data.day[rows],
        data.has_cds[rows],
        data.horizon,
    )


def test_calibration_and_ic_come_from_the_unseen_span(spied):
    data = dataset()
    found, _ = spied(data, SpySettings(sign=-1.0))
    labelled = rows_of_days(data, FOLD.calibration_start, FOLD.train_end)
    late = labelled[data.scorable[labelled]]
    assert 0 < late.size < labelled.size, (
        "the helper's last issuer is stale: it would not have been scored"
    )
    prediction = -np.nan_to_num(data.z[late, ALL_FEATURES.index(CREDIT)])
    np.testing.assert_array_equal(found.holdout_rows, late)
    assert found.holdout_prediction.tobytes() == prediction.tobytes()
    assert (
        found.calibration == by_hand(data, late, prediction)
        and found.calibration.without_cds.slope < 0
    )
    assert found.calibration.base_rate == np.mean(data.excess[late] < 0)
    daily = [
        spearmanr(
            prediction[data.day[late] == day], data.excess[late][data.day[late] == day]
        ).statistic
        for day in np.unique(data.day[late])
    ]
    assert len(daily) == 84 and found.calibration_ic == pytest.approx(np.mean(daily), rel=1e-12)
    every = rows_of_days(data, None, FOLD.train_end)
    assert (
        (found.n_rows, found.n_days) == (every.size, 261)
        and set(found.explained_rows) <= set(every)
        and found.explained_rows.size == EXPLAINED_ROWS
    )


def test_rows_that_would_not_have_been_scored_judge_nobody(spied):
    data = dataset()
    stale = data.labelled(FOLD.calibration_start, FOLD.train_end)
    stale = stale[~data.scorable[stale]]
    excess = data.excess.copy()
    excess[stale] = 1e6
    (found, made), (changed, made_of_changed) = spied(data), spied(replace(data, excess=excess))
    assert stale.size and not set(stale) & set(found.holdout_rows)
    for name in ("calibration", "calibration_ic"):
        assert getattr(found, name) == getattr(changed, name)
    assert (
        set(stale) <= set(data.labelled(None, FOLD.train_end))
        and made[1].sample.label.tobytes() == made_of_changed[1].sample.label.tobytes()
    ), "they are learned from"


def test_judged_rows_are_the_fresh_ones_of_the_labelled_and_all_where_none_is_fresh():
    data, first, last = dataset(), FOLD.calibration_start, offset(FOLD.calibration_start, 2)
    labelled = rows_of_days(data, first, last)
    fresh = np.isin(data.keys["parent_id"].gather(labelled).to_numpy(), ["P19"], invert=True)
    assert (
        judged_rows(data, first, last).tolist() == labelled[fresh].tolist()
        and labelled.size - fresh.sum() == 3
    )
    unlabelled = replace(
        data, label=np.where(np.arange(data.day.size) == labelled[0], np.nan, data.label)
    )
    assert judged_rows(unlabelled, first, last).tolist() == labelled[fresh][1:].tolist()
    for scorable, wanted in [
        (np.zeros_like(data.scorable), labelled),
        (np.arange(data.day.size) == labelled[-1], labelled[-1:]),
    ]:
        assert (
            judged_rows(replace(data, scorable=scorable), first, last).tolist() == wanted.tolist()
        )
    assert judged_rows(data, offset(FOLD.train_end, 1), offset(FOLD.train_end, 9)).size == 0


@pytest.mark.parametrize("stops", [True, False])
def test_the_control_stops_early_when_xgboost_does(stops):
    trees = replace(SETTINGS.kinds["xgboost"], n_trees=60, early_stopping=stops)
    study, data = replace(SETTINGS, kinds={**SETTINGS.kinds, "xgboost": trees}), dataset()
    chosen = study.specifications()[-1]
    found = train_model(data, FOLD, chosen, study)
    early = data.labelled(None, FOLD.early_end if stops else FOLD.sibling_end)
    stop = (
        data.sample(data.labelled(FOLD.stop_start, FOLD.sibling_end), chosen, True)
        if stops
        else None
    )
    sibling = chosen.make().fit(data.sample(early, chosen, True), stop)
    assert (chosen.name, chosen.settings) == (CONTROL, trees)
    assert (
        found.holdout_prediction.tobytes()
        == sibling.predict(data.inputs(found.holdout_rows, chosen)).tobytes()
    )
    assert found.model.rounds == sibling.rounds and (sibling.rounds < 60) == stops


def test_daily_ics_are_spearmans_with_ties_and_nothing_to_rank_is_zero():
    data = dataset()
    rows = data.labelled(FOLD.calibration_start, offset(FOLD.calibration_start, 2))
    prediction = np.round(np.random.default_rng(0).standard_normal(rows.size))
    prediction[data.day[rows] == data.day[rows][0]] = 3.0
    found = daily_ics(data, rows, prediction)
    wanted = [
        spearmanr(
            prediction[data.day[rows] == day], data.excess[rows][data.day[rows] == day]
        ).statistic
        for day in np.unique(data.day[rows])[1:]
    ]
    assert found["trade_date"].is_sorted() and found["information_coefficient"][0] == 0.0
    np.testing.assert_allclose(found["information_coefficient"][1:], wanted, rtol=1e-12)


def with_label_ends(data: Dataset, day: date, end: date) -> Dataset:
    """The dataset with the labels of `day` complete on `end`."""
    ends = data.label_end.copy()
    ends[data.between(day, day)] = day_number(pl.Series([end]))[0]
    return replace(data, label_end=ends)


@pytest.mark.parametrize(
    ("last", "judged"),
    [("train_end", "first_day"), ("sibling_end", "calibration_start"), ("early_end", "stop_start")],
)
@pytest.mark.parametrize("late", [0, 1, 5])
def test_a_label_that_ends_where_it_is_judged_is_refused(last, judged, late):
    end = getattr(FOLD, judged)
    check_fold(with_label_ends(dataset(), getattr(FOLD, last), offset(end, -1)), FOLD, SETTINGS)
    with pytest.raises(
        FoldError,
        match=(
            f"fold 2023-07-01: a training label ends on or after {end}, the first day it is"
            " judged on"
        ),
    ):
        train_fold(
            with_label_ends(dataset(), getattr(FOLD, last), offset(end, late)),
            FOLD,
            SETTINGS.specifications(),
            SETTINGS,
        )


@pytest.mark.parametrize(
    ("last", "judged"), [("train_end", "first_day"), ("sibling_end", "calibration_start")]
)
def test_real_labels_are_refused_with_a_day_of_purge_less(last, judged):
    days = issuer_days(offset(FOLD.train_end, -260), FOLD.first_day)
    data = make_dataset(days, labels_of(days), SETTINGS.walk_forward)
    check_fold(data, FOLD, SETTINGS)
    with pytest.raises(FoldError, match=f"ends on or after {getattr(FOLD, judged)}"):
        check_fold(data, replace(FOLD, **{last: offset(getattr(FOLD, last), 1)}), SETTINGS)


def cut(first: date, last: date = FOLD.train_end) -> Dataset:
    """The dataset with the labels of these days alone."""
    days, labels = history()
    return make_dataset(
        days, labels.filter(pl.col("trade_date").is_between(first, last)), SETTINGS.walk_forward
    )


def test_a_history_shorter_than_the_study_asks_for_is_a_fold_error():
    asked = replace(
        SETTINGS, walk_forward=replace(SETTINGS.walk_forward, minimum_train_days=100_000)
    )
    with pytest.raises(
        FoldError,
        match=(
            "fold 2023-07-01: days begin on .*; minimum_train_days asks for 100000 up to"
            f" {FOLD.train_end}"
        ),
    ):
        training.check_fold(dataset(), FOLD, asked)


def test_too_few_days_are_a_fold_error_with_the_numbers():
    check_fold(cut(offset(FOLD.sibling_end, -41)), FOLD, SETTINGS)
    with pytest.raises(
        FoldError,
        match=(
            f"fold 2023-07-01: 41 days up to {FOLD.sibling_end} and 84 of the calibration span have"
            " 15 labelled issuers; 42 and 21 are needed"
        ),
    ):
        check_fold(cut(offset(FOLD.sibling_end, -40)), FOLD, SETTINGS)
    early = offset(FOLD.sibling_end, -100)
    check_fold(cut(early, offset(FOLD.calibration_start, 20)), FOLD, SETTINGS)
    with pytest.raises(
        FoldError, match=f"101 days up to {FOLD.sibling_end} and 20 of the calibration span"
    ):
        train_fold(
            cut(early, offset(FOLD.calibration_start, 19)),
            FOLD,
            SETTINGS.specifications(),
            SETTINGS,
        )


@pytest.mark.parametrize(
    ("first", "n_early"), [(offset(FOLD.early_end, -40), 41), (FOLD.stop_start, 0)]
)
def test_a_model_that_stops_early_needs_days_before_those_it_stops_on(first, n_early):
    data = cut(first)
    stopping = replace(
        SETTINGS,
        kinds={
            **SETTINGS.kinds,
            "xgboost": replace(SETTINGS.kinds["xgboost"], early_stopping=True),
        },
    )
    assert train_fold(data, FOLD, SETTINGS.specifications()[:1], SETTINGS), "enough for others"
    with pytest.raises(
        FoldError,
        match=(
            f"fold 2023-07-01: {n_early} days up to {FOLD.early_end} and 42 of the stopping span"
            " have 15 labelled issuers; xgboost stops early and needs 42 and 10"
        ),
    ):
        train_fold(data, FOLD, stopping.specifications(), stopping)


def bits(model: FoldModel) -> tuple:
    """Everything of a fitted model, to the last bit."""
    return (
        model.version,
        model.model.to_text(),
        model.specification.hash,
        model.calibration,
        model.calibration_ic,
        model.holdout_rows.tobytes(),
        model.holdout_prediction.tobytes(),
        model.contributions.tobytes(),
        model.explained_rows.tobytes(),
        model.data_hash,
        model.n_rows,
        model.n_days,
    )


STOPPING = replace(
    SETTINGS,
    models=("ridge", "xgboost", "lightgbm"),
    kinds={
        **SETTINGS.kinds,
        "lightgbm": replace(SETTINGS.kinds["lightgbm"], early_stopping=True),
    },
)


@pytest.mark.slow
def test_the_number_of_workers_changes_no_bit():
    alone = {
        workers: [
            (fold, [bits(model) for model in models])
            for fold, models in train_folds(
                long_dataset(), FOLDS[:2], STOPPING.specifications(), STOPPING, workers
            )
        ]
        for workers in (1, 4)
    }
    assert alone[1] == alone[4] and [fold for fold, _ in alone[1]] == FOLDS[:2]
    assert [
        bits(model)
        for model in train_fold(long_dataset(), FOLD, STOPPING.specifications(), STOPPING)
    ] == alone[1][0][1]
    reversed_order = train_fold(long_dataset(), FOLD, STOPPING.specifications()[::-1], STOPPING)
    assert {bits(model) for model in reversed_order[:-1]} == set(alone[1][0][1][:-1]), (
        "nor does the order of the models"
    )


@pytest.mark.parametrize("poison", [1e6, float("nan"), None])
def test_poisoned_future_days_leave_earlier_folds_as_they_were(poison):
    days, labels = long_history()
    later = pl.col("trade_date") > FOLD.train_end
    poisoned = make_dataset(
        days.with_columns(
            pl.when(later).then(poison).otherwise(pl.col(list(ALL_FEATURES))).name.keep()
        ),
        labels.with_columns(
            pl.when(later)
            .then(poison)
            .otherwise(pl.col("excess_return_pct", "beta_adjusted_return_pct"))
            .name.keep()
        ),
        SETTINGS.walk_forward,
    )
    wanted = [bits(model) for model in trained()]
    assert [
        bits(model) for model in train_fold(poisoned, FOLD, SETTINGS.specifications(), SETTINGS)
    ] == wanted


def test_the_last_training_day_does_leave_a_trace():
    wanted = [bits(model) for model in trained()]
    seen = replace(
        long_dataset(),
        z=np.where(
            (long_dataset().keys["trade_date"] == FOLD.train_end).to_numpy()[:, None],
            0.0,
            long_dataset().z,
        ),
    )
    assert not {
        bits(model) for model in train_fold(seen, FOLD, SETTINGS.specifications(), SETTINGS)
    } & set(wanted)


def test_a_fold_that_cannot_be_trained_does_not_stop_the_others():
    early = fold_of(date(2022, 10, 1))
    (first, error), (second, models), (third, more) = train_folds(
        long_dataset(), [early, *FOLDS[:2]], SETTINGS.specifications(), SETTINGS, 2
    )
    assert (first, second, third) == (early, *FOLDS[:2])
    assert isinstance(error, FoldError) and "fold 2022-10-01" in str(error)
    assert [bits(model) for model in models] == [bits(model) for model in trained()] and [
        model.fold for model in more
    ] == [FOLDS[1]] * 4


def test_an_error_while_fitting_is_of_its_fold_alone():
    def tune(data, fold, chosen, study):
        if fold == FOLDS[0]:
            raise FoldError("too few days for the search")
        return chosen

    searching = replace(SETTINGS, tuning=replace(SETTINGS.tuning, trials=1))
    (_, error), (_, models) = train_folds(
        *(long_dataset(), FOLDS[:2], searching.specifications(), searching, 2),
        lambda _tried: tune,
    )
    assert str(error) == "too few days for the search" and len(models) == 4


def test_a_fault_of_the_program_is_not_taken_for_a_fold_without_days():
    def tune(*_):
        raise ZeroDivisionError

    searching = replace(SETTINGS, tuning=replace(SETTINGS.tuning, trials=1))
    asked = (long_dataset(), FOLDS[:2], searching.specifications(), searching, 2)
    with pytest.raises(ZeroDivisionError):
        list(train_folds(*asked, lambda _tried: tune))


@pytest.mark.slow
def test_a_search_is_asked_only_where_there_are_trials():
    asked = []

    def tune(data, fold, chosen, study):
        asked.append(chosen.name)
        return replace(chosen, tuned={"penalty": 0.5}) if chosen.name == "ridge" else chosen

    searching = replace(SETTINGS, tuning=replace(SETTINGS.tuning, trials=1))
    found = train_fold(dataset(), FOLD, SETTINGS.specifications(), SETTINGS, tune=tune)
    assert not asked and [bits(model) for model in found] == [bits(model) for model in trained()]
    tuned = train_fold(dataset(), FOLD, searching.specifications(), searching, tune=tune)
    assert asked == ["ridge", "xgboost", CONTROL]
    by_hand = train_model(dataset(), FOLD, specification("ridge", {"penalty": 0.5}), SETTINGS)
    assert tuned[0].model.to_text() == by_hand.model.to_text() != found[0].model.to_text()
    assert tuned[0].specification.hash == searching.specifications()[0].hash


def test_the_ensemble_is_the_mean_of_the_members_predictions_without_the_control():
    ridge, trees, control, both = trained()
    assert (both.name, both.model.members, control.name) == (
        ENSEMBLE,
        ("ridge", "xgboost"),
        CONTROL,
    )
    data, late = dataset(), ridge.holdout_rows
    wanted = (ridge.holdout_prediction + trees.holdout_prediction) / 2
    np.testing.assert_allclose(both.holdout_prediction, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(both.holdout_rows, late)
    assert both.calibration == by_hand(data, late, both.holdout_prediction)
    assert (
        both.data_hash
        == ensemble_hash([ridge.data_hash, trees.data_hash])
        != ensemble_hash([trees.data_hash, ridge.data_hash])
    )
    assert both.contributions.size == 0


def test_a_single_model_has_no_ensemble():
    alone = replace(SETTINGS, models=("ridge",))
    assert [model.name for model in train_fold(dataset(), FOLD, alone.specifications(), alone)] == [
        "ridge",
        CONTROL,
    ]


@pytest.mark.parametrize("name", ["ridge", "xgboost", CONTROL])
def test_contributions_are_those_of_the_model_and_add_up(name):
    found = next(model for model in trained() if model.name == name)
    inputs = dataset().inputs(found.explained_rows, found.specification)
    np.testing.assert_allclose(
        found.contributions.sum(axis=1), found.model.predict(inputs), atol=1e-5
    )
    assert found.contributions.shape == (
        EXPLAINED_ROWS,
        len(EQUITY_INPUTS if name == CONTROL else ALL_INPUTS) + 1,
    )


def test_a_planted_credit_signal_is_found_and_the_control_finds_none():
    models = {model.name: model for model in trained()}
    assert all(
        models[name].calibration_ic > 0.4 and models[name].calibration.without_cds.slope < 0
        for name in ("ridge", "xgboost", ENSEMBLE)
    )
    assert abs(models[CONTROL].calibration_ic) < 0.1


def test_a_planted_equity_signal_is_found_by_the_control():
    days, _ = history()
    data = make_dataset(days, labels_of(days, 1.0, EQUITY), SETTINGS.walk_forward)
    assert train_model(data, FOLD, SETTINGS.specifications()[-1], SETTINGS).calibration_ic > 0.4


ROWS = dataset().labelled(None, FOLD.train_end)
RIDGE, LSTM = specification("ridge"), specification("lstm", {"history_days": 4})


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["z", "label", "own_label", "excess"]),
    st.integers(0, ROWS.size - 1),
    st.sampled_from(range(len(ALL_INPUTS))),
    st.sampled_from([RIDGE, specification(CONTROL), LSTM]),
)
def test_the_hash_changes_with_any_value_that_is_learned_from(name, place, column, chosen):
    data = dataset()
    values = getattr(data, name).copy()
    at = (ROWS[place], column) if name == "z" else ROWS[place]
    values[at] = np.nextafter(values[at], 9) if np.isfinite(values[at]) else 0.0
    is_seen = name != "z" or ALL_INPUTS[column] in chosen.features
    assert (
        training_hash(replace(data, **{name: values}), ROWS, chosen)
        != training_hash(data, ROWS, chosen)
    ) == is_seen


@settings(max_examples=10, deadline=None)
@given(st.integers(0, ROWS.size - 1))
def test_the_hash_changes_with_the_rows_themselves(place):
    data = dataset()
    assert training_hash(data, np.delete(ROWS, place), RIDGE) != training_hash(data, ROWS, RIDGE)
    keys = (
        data.keys.with_row_index()
        .with_columns(
            parent_id=pl.when(pl.col("index") == ROWS[place])
            .then(pl.lit("P99"))
            .otherwise("parent_id")
        )
        .drop("index")
    )
    assert training_hash(replace(data, keys=keys), ROWS, RIDGE) != training_hash(
        data, ROWS, RIDGE
    ), "whose label it is, is the weights' business"


def test_the_hash_changes_with_settings_inputs_context_and_version(monkeypatch):
    chosen = [
        RIDGE,
        specification("ridge", {"penalty": 0.5}),
        replace(RIDGE, features=ALL_FEATURES[::-1]),
        replace(RIDGE, context="rolling"),
        specification("elastic_net"),
        *replace(
            SETTINGS, walk_forward=WalkForwardSettings(uniqueness_weights=False)
        ).specifications()[:1],
        *SETTINGS.specifications(),
    ]
    found = [training_hash(dataset(), ROWS, one) for one in chosen]
    assert len(set(found)) == len(chosen)
    assert training_hash(dataset(), ROWS, replace(RIDGE, tuned={"penalty": 0.3})) == found[0], (
        "a search on the same data finds the same"
    )
    monkeypatch.setattr(training, "LEARNING_VERSION", training.LEARNING_VERSION + 1)
    assert training_hash(dataset(), ROWS, RIDGE) not in found


def test_the_hash_of_a_sequence_covers_the_days_without_a_label_that_it_looks_back_on():
    data, rows = dataset(), ROWS[2000:]
    back = rows[0] - 20  # the same issuer a day earlier, not among the rows
    changed = replace(data, z=np.where(np.arange(data.day.size)[:, None] == back, 0.0, data.z))
    assert data.inputs(rows, LSTM).tobytes() != changed.inputs(rows, LSTM).tobytes()
    assert training_hash(data, rows, LSTM) != training_hash(changed, rows, LSTM)
    assert training_hash(data, rows, RIDGE) == training_hash(changed, rows, RIDGE)
    unseen = replace(
        data, z=np.where(np.arange(data.day.size)[:, None] == rows[0] - 4 * 20 - 1, 0.0, data.z)
    )
    assert training_hash(data, rows, LSTM) == training_hash(unseen, rows, LSTM)


@pytest.mark.parametrize("chosen", [RIDGE, LSTM], ids=["ridge", "lstm"])
def test_the_hash_does_not_change_with_later_rows_or_other_parents(chosen):
    days, labels = history()
    later = issuer_days(offset(FOLD.train_end, 1), FOLD.last_day, n=40)
    renamed = later.with_columns(parent_id=pl.format("A{}", pl.col("parent_id")))
    wanted = training_hash(dataset(), ROWS, chosen)
    for more in (later, renamed):
        data = make_dataset(
            pl.concat([days, more]),
            pl.concat([labels, labels_of(more, 5.0)]),
            SETTINGS.walk_forward,
        )
        rows = data.labelled(None, FOLD.train_end)
        assert rows.size == ROWS.size and training_hash(data, rows, chosen) == wanted
    assert data.parent.max() > dataset().parent.max(), "the codes of the parents are others"
