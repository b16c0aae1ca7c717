"""A walk-forward: each quarter by its own fold's models, for issuers with something fresh to
say.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.errors import FoldError
from bondsig_assets.learning.dataset import make_dataset
from bondsig_assets.learning.folds import fold_of
from bondsig_assets.learning.scoring import Scorer, predict
from bondsig_assets.learning.settings import TuningSettings
from bondsig_assets.learning.training import train_fold
from bondsig_assets.learning.tuning import ranges
from bondsig_assets.learning.walk_forward import predict_quarter, walk_forward
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.issuer_features import ALL_FEATURES
from bondsig_assets_tests.learning.days import (
    FOLD,
    FOLDS,
    SETTINGS,
    long_dataset,
    long_history,
    trained,
)

#: A quarter before the others has enough days behind it as well.
WALKED = [fold_of(date(2023, 4, 1)), *FOLDS]
NAMES = {"ridge", "xgboost", "equity_only", "ensemble"}


@cache
def walked() -> tuple[pl.DataFrame, tuple]:
    """Predictions of the walk, and the folds and models it reported."""
    seen: list = []
    return walk_forward(long_dataset(), SETTINGS, finished=lambda *made: seen.append(made)), tuple(
        seen
    )


@pytest.mark.slow
def test_each_quarter_is_predicted_by_its_own_fold():
    found, seen = walked()
    assert [fold for fold, _ in seen] == WALKED
    for fold in WALKED:
        part = found.filter(pl.col("trade_date").is_between(fold.first_day, fold.last_day))
        assert set(part["model_version"]) == {f"{name} {fold.quarter}" for name in NAMES}
        assert part["trade_date"].unique().sort().to_list() == trading_days(
            fold.first_day, fold.last_day
        )
    assert (
        found["trade_date"].min() == WALKED[0].first_day
        and found["trade_date"].max() == FOLDS[-1].last_day
    )


def test_predictions_are_for_the_fresh_issuers_of_the_quarters_and_nobody_else():
    found, _ = walked()
    keys = long_dataset().keys.filter(
        pl.Series(long_dataset().scorable) & (pl.col("trade_date") >= WALKED[0].first_day)
    )
    for name in NAMES:
        mine = found.filter(model_name=name).sort("trade_date", "parent_id")
        assert mine.select("trade_date", "parent_id", "ticker", "known_at").equals(
            keys.select("trade_date", "parent_id", "ticker", "known_at")
        )
    assert "P19" not in set(found["parent_id"]), "the helper's stale issuer"
    assert TABLES["predictions"].conform(found).height == 4 * keys.height


def test_a_quarter_is_what_its_fold_alone_would_say():
    found, _ = walked()
    alone = predict_quarter(long_dataset(), FOLD, trained(), FOLD.last_day)
    assert found.filter(pl.col("trade_date").is_between(FOLD.first_day, FOLD.last_day)).equals(
        alone
    )
    rows = long_dataset().between(FOLD.first_day, FOLD.last_day)
    scorers = [
        Scorer(m.name, m.version, m.model, m.specification, m.calibration) for m in trained()
    ]
    assert alone.equals(predict(long_dataset(), rows[long_dataset().scorable[rows]], scorers))


@pytest.mark.parametrize("poison", [1e6, float("nan")])
def test_the_future_changes_no_prediction_of_the_past(poison):
    days, labels = long_history()
    found, _ = walked()
    second = FOLDS[1]
    later = pl.col("trade_date") > second.train_end
    # Features up to the day that is predicted, labels up to the training end: all the rest is
    # poison.
    poisoned = make_dataset(
        days.with_columns(
            pl.when(pl.col("trade_date") > second.first_day)
            .then(poison)
            .otherwise(pl.col(list(ALL_FEATURES)))
            .name.keep()
        ),
        labels.with_columns(
            pl.when(later).then(poison).otherwise(pl.col("excess_return_pct")).name.keep()
        ),
        SETTINGS.walk_forward,
    )
    models = train_fold(poisoned, second, SETTINGS.specifications(), SETTINGS)
    assert predict_quarter(poisoned, second, models, second.first_day).equals(
        found.filter(trade_date=second.first_day)
    )


def test_a_walk_that_ends_earlier_is_the_beginning_of_a_longer_one():
    days, labels = long_history()
    last = offset(FOLD.first_day, 3)
    cut = make_dataset(
        days.filter(pl.col("trade_date") <= last),
        labels.filter(pl.col("trade_date") <= FOLD.train_end),
        SETTINGS.walk_forward,
    )
    assert walk_forward(cut, SETTINGS, workers=1).equals(
        walked()[0].filter(pl.col("trade_date") <= last)
    )


def test_days_beyond_the_last_asked_for_are_not_predicted():
    last = offset(FOLD.first_day, 4)
    found = predict_quarter(long_dataset(), FOLD, trained(), last)
    assert found["trade_date"].unique().sort().to_list() == trading_days(FOLD.first_day, last)


@pytest.mark.filterwarnings("error")
def test_a_quarter_of_stale_issuers_has_no_predictions():
    data = long_dataset()
    stale = replace(data, scorable=np.zeros(data.day.size, dtype=bool))
    assert (
        TABLES["predictions"]
        .conform(predict_quarter(stale, FOLD, trained(), FOLD.last_day))
        .is_empty()
    )


def test_the_specifications_asked_for_are_walked():
    ridge = SETTINGS.specifications()[:1]
    found = walk_forward(long_dataset(), SETTINGS, ridge)
    assert set(found["model_name"]) == {"ridge"} and found.equals(
        walked()[0].filter(model_name="ridge")
    )


def test_a_study_with_a_search_is_searched():
    searching = replace(SETTINGS, models=("ridge",), tuning=TuningSettings(trials=2))
    seen: list = []
    walk_forward(
        long_dataset(),
        searching,
        finished=lambda _, models: seen.append(
            {model.name: model.specification.tuned for model in models}
        ),
    )
    wanted = {one.name: set(ranges(one)) for one in searching.specifications()}
    assert len(seen) == 4 and all(
        {name: set(tuned) for name, tuned in one.items()} == wanted for one in seen
    ), "the control like the others"
    assert wanted["ridge"] == {"penalty"} and len(wanted["equity_only"]) > 1


def test_a_fold_without_labels_is_left_out():
    days, labels = long_history()
    # No label of the second fold's calibration span but of the first's: the second and the third
    # fold cannot be calibrated.
    few = labels.filter(
        (pl.col("trade_date") <= FOLD.train_end)
        | (pl.col("trade_date") > FOLDS[2].calibration_start)
    )
    few = few.filter(
        (pl.col("trade_date") < FOLDS[1].calibration_start)
        | (pl.col("trade_date") > FOLDS[1].train_end)
    )
    seen: list = []
    found = walk_forward(
        make_dataset(days, few, SETTINGS.walk_forward),
        SETTINGS,
        SETTINGS.specifications()[:1],
        finished=lambda fold, _: seen.append(fold),
    )
    assert FOLDS[1] not in seen and FOLDS[2] in seen
    assert not found.filter(
        pl.col("trade_date").is_between(FOLDS[1].first_day, FOLDS[1].last_day)
    ).height


def test_it_says_why_no_fold_can_be_trained():
    days, labels = long_history()
    with pytest.raises(FoldError, match="there are no issuer days"):
        walk_forward(make_dataset(days[:0], labels, SETTINGS.walk_forward), SETTINGS)
    first = days["trade_date"].min()
    short = days.filter(pl.col("trade_date") < date(2023, 3, 1))
    with pytest.raises(
        FoldError, match=f"no quarter has 189 trading days before it within {first} … 2023-02-28"
    ):
        walk_forward(make_dataset(short, labels, SETTINGS.walk_forward), SETTINGS)
    with pytest.raises(FoldError, match="fold 2023-04-01: 0 days up to"):
        walk_forward(make_dataset(days, labels[:0], SETTINGS.walk_forward), SETTINGS)
