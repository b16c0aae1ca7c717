"""Fold dates: purged at every seam, from the calendar alone, no other than purgedcv's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from purgedcv import WalkForwardSplit, purge

from bondsig_assets.calendar import day_number, next_quarter, offset, quarter_of, trading_days
from bondsig_assets.learning.folds import (
    Fold,
    fold_of,
    folds_between,
    has_enough_history,
    purge_days,
)
from bondsig_assets.learning.settings import WalkForwardSettings
from bondsig_assets.market_rules import HORIZONS

QUARTERS = [date(year, month, 1) for year in range(2003, 2031) for month in (1, 4, 7, 10)]
#: From here on every span lies within the calendar, however long.
LATE = [quarter for quarter in QUARTERS if quarter.year >= 2008]
WINDOWS = st.builds(
    WalkForwardSettings,
    window=st.sampled_from(["expanding", "rolling"]),
    rolling_days=st.integers(400, 800),
    calibration_days=st.integers(21, 250),
    stop_days=st.integers(10, 120),
    horizon_days=st.sampled_from(HORIZONS),
)


def position(*days: date) -> list[int]:
    """Positions of days on the calendar."""
    return day_number(pl.Series(list(days))).to_list()


def spans(fold: Fold) -> dict[str, range]:
    """Each span of a fold as positions on the calendar; what trains begins 60 days before it
    ends.
    """
    early, stop, sibling, calibration, train, first, last = position(
        fold.early_end,
        fold.stop_start,
        fold.sibling_end,
        fold.calibration_start,
        fold.train_end,
        fold.first_day,
        fold.last_day,
    )
    return {
        "early": range(early - 60, early + 1),
        "stop": range(stop, sibling + 1),
        "sibling": range(sibling - 60, sibling + 1),
        "calibration": range(calibration, train + 1),
        "train": range(train - 60, train + 1),
        "test": range(first, last + 1),
    }


def label_days(day: int, horizon: int) -> range:
    """What the label of a day reads: returns of t+2 … t+1+h."""
    return range(day + 2, day + 2 + horizon)


def meet(one: range, other: range) -> bool:
    """Whether two stretches of days share one."""
    return max(one.start, other.start) < min(one.stop, other.stop)


JUDGED = [
    ("early", "stop"),
    ("early", "calibration"),
    ("early", "test"),
    ("stop", "calibration"),
    ("sibling", "calibration"),
    ("sibling", "test"),
    ("calibration", "test"),
    ("train", "test"),
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LATE), WINDOWS)
def test_no_training_label_meets_a_day_it_is_judged_on_nor_that_days_label(quarter, windows):
    found = spans(fold_of(quarter, windows))
    for learned, judged in JUDGED:
        assert found[learned].stop <= found[judged].start, "in order, and no day in both"
        seen = range(found[judged].start, found[judged].stop + windows.horizon_days + 1)
        assert not any(
            meet(label_days(day, windows.horizon_days), seen) for day in found[learned]
        ), (learned, judged)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LATE), WINDOWS)
def test_each_gap_is_the_horizon_and_two_days_and_no_longer(quarter, windows):
    found = spans(fold_of(quarter, windows))
    for learned, judged in [("early", "stop"), ("sibling", "calibration"), ("train", "test")]:
        last, first = found[learned][-1], found[judged][0]
        assert first - last == windows.horizon_days + 2 == purge_days(windows.horizon_days)
        # A day later would be one too many: its label is complete on the first day that is judged.
        assert (
            label_days(last, windows.horizon_days)[-1]
            < first
            <= label_days(last + 1, windows.horizon_days)[-1]
        )


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(LATE), WINDOWS)
def test_spans_are_as_long_as_the_settings_say(quarter, windows):
    fold = fold_of(quarter, windows)
    found = spans(fold)
    assert (len(found["stop"]), len(found["calibration"])) == (
        windows.stop_days,
        windows.calibration_days,
    )
    assert trading_days(fold.first_day, fold.last_day) == trading_days(
        quarter, next_quarter(quarter) - timedelta(days=1)
    )
    if windows.window == "expanding":
        assert fold.train_start is None
    else:
        assert len(trading_days(fold.train_start, fold.train_end)) == windows.rolling_days


def test_quarter_arithmetic_over_thirty_years():
    for quarter, following in zip(QUARTERS, QUARTERS[1:], strict=False):
        assert next_quarter(quarter) == following
        for day in (quarter, quarter + timedelta(days=45), following - timedelta(days=1)):
            assert quarter_of(day) == quarter


@settings(max_examples=40, deadline=None)
@given(
    st.dates(date(2003, 1, 1), date(2020, 1, 1)), st.integers(0, 2500), st.integers(0, 700), WINDOWS
)
def test_fold_dates_come_from_the_calendar_and_not_from_the_range_asked_for(
    start, length, later, windows
):
    end = start + timedelta(days=length)
    folds = folds_between(start, end, windows)
    assert folds == [fold_of(fold.quarter, windows) for fold in folds]
    assert [fold.quarter for fold in folds] == sorted({fold.quarter for fold in folds})
    assert folds_between(start, end + timedelta(days=later), windows)[: len(folds)] == folds
    shorter = folds_between(start + timedelta(days=later), end, windows)
    assert shorter == folds[len(folds) - len(shorter) :]
    for fold in folds:
        assert len(trading_days(start, fold.train_end)) >= windows.minimum_train_days
        assert fold.first_day <= end


def test_quarters_follow_each_other_without_a_day_between():
    folds = folds_between(date(2003, 1, 2), date(2030, 12, 31))
    assert len(folds) > 100
    assert all(
        offset(one.last_day, 1) == two.first_day for one, two in zip(folds, folds[1:], strict=False)
    )


def test_the_first_fold_is_the_first_with_enough_days():
    folds = folds_between(date(2021, 1, 4), date(2022, 12, 31))
    assert [fold.quarter for fold in folds] == [date(2022, month, 1) for month in (1, 4, 7, 10)]
    # Nine months before 2021-10-01 are 189 days, less the seven of the purge.
    assert len(trading_days(date(2021, 1, 4), fold_of(date(2021, 10, 1)).train_end)) == 189 - 7
    assert folds_between(
        date(2021, 1, 4), date(2022, 12, 31), WalkForwardSettings(minimum_train_days=182)
    )[0].quarter == date(2021, 10, 1)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_enough_history_is_counted_to_the_last_training_day(horizon):
    windows = WalkForwardSettings(horizon_days=horizon)
    start = offset(fold_of(date(2022, 1, 1), windows).train_end, 1 - windows.minimum_train_days)
    assert has_enough_history(date(2022, 1, 1), start, windows)
    assert not has_enough_history(date(2022, 1, 1), offset(start, 1), windows)


def test_a_fold_begins_when_its_quarter_has_begun():
    # 2023-01-01 is a Sunday, 2023-01-02 a holiday: nothing to score before the third.
    assert folds_between(date(2021, 1, 4), date(2023, 1, 2))[-1].quarter == date(2022, 10, 1)
    assert folds_between(date(2021, 1, 4), date(2023, 1, 3))[-1].quarter == date(2023, 1, 1)


def times(positions: np.ndarray) -> pd.Series:
    """Positions on the calendar as moments, a day apart, so that trading days are what is
    counted.
    """
    return pd.Series(pd.Timestamp(2000, 1, 1) + pd.to_timedelta(positions, unit="D"))


NAMES = 3


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LATE), st.sampled_from(HORIZONS), st.sampled_from([21, 84]))
def test_purgedcv_keeps_the_same_training_rows(quarter, horizon, calibration_days):
    fold = fold_of(
        quarter, WalkForwardSettings(horizon_days=horizon, calibration_days=calibration_days)
    )
    found = spans(fold)
    rows = np.repeat(np.arange(found["test"][0] - 300, found["test"][-1] + 1), NAMES)
    ours = rows[rows <= found["train"][-1]]

    def theirs(end: int) -> np.ndarray:
        splitter = WalkForwardSplit(
            1,
            NAMES * len(found["test"]),
            prediction_times=times(rows),
            evaluation_times=times(rows + end),
        )
        train, test = next(iter(splitter.split(np.zeros((rows.size, 1)))))
        np.testing.assert_array_equal(rows[test], np.repeat(found["test"], NAMES))
        return rows[train]

    # Their intervals are open at the end. With the day after the label's last as their end, every
    # day of a label counts.
    np.testing.assert_array_equal(theirs(horizon + 2), ours)
    # With the last day as their end, they would also take the label that is complete on the first
    # scored day itself: our gap is a day longer.
    more = theirs(horizon + 1)
    assert set(ours) < set(more)
    assert {label_days(day, horizon)[-1] for day in set(more) - set(ours)} == {found["test"][0]}


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(LATE), WINDOWS)
def test_purgedcv_finds_nothing_to_purge_between_the_spans_of_a_fold(quarter, windows):
    found = spans(fold_of(quarter, windows))
    for learned, judged in JUDGED:
        rows = np.concatenate([found[learned], found[judged]])
        train, test = np.arange(len(found[learned])), np.arange(len(found[learned]), rows.size)
        assert (
            purge(train, test, times(rows), times(rows + windows.horizon_days + 2)).size
            == train.size
        ), (learned, judged)


def test_the_comparison_with_purgedcv_sees_a_day_too_many():
    fold = fold_of(date(2020, 4, 1))
    wrong = spans(replace(fold, train_end=offset(fold.train_end, 1)))
    rows = np.concatenate([wrong["train"], wrong["test"]])
    kept = purge(np.arange(61), np.arange(61, rows.size), times(rows), times(rows + 7))
    assert kept.size == 60
