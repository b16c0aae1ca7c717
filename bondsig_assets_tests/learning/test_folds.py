"""Fold dates: purged, from the calendar alone, and quarter arithmetic over thirty years."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bondsig_assets.learning.folds import CALIBRATION_DAYS, MINIMUM_TRAIN_DAYS, fold_of, folds_between, has_enough_history, next_quarter, quarter_of
from bondsig_assets.trading_calendar import offset, trading_days

QUARTERS = [date(year, month, 1) for year in range(2003, 2031) for month in (1, 4, 7, 10)]
#: Last trading day that a label of a feature day reads: close t+6.
LABEL_DAYS = 6


def test_quarter_arithmetic():
    for quarter, following in zip(QUARTERS, QUARTERS[1:], strict=False):
        assert next_quarter(quarter) == following
        for day in (quarter, quarter + timedelta(days=45), following - timedelta(days=1)):
            assert quarter_of(day) == quarter


@pytest.mark.parametrize("quarter", QUARTERS)
def test_a_fold_scores_its_quarter_and_nothing_else(quarter):
    fold = fold_of(quarter)
    assert trading_days(fold.first_day, fold.last_day) == trading_days(quarter, next_quarter(quarter) - timedelta(days=1))


@pytest.mark.parametrize("quarter", QUARTERS)
def test_no_label_reaches_over_a_boundary(quarter):
    fold = fold_of(quarter)
    # The last training label is complete before the fold; a day later it would not be.
    assert offset(fold.train_end, LABEL_DAYS) < fold.first_day <= offset(fold.train_end, LABEL_DAYS + 1)
    assert offset(fold.sibling_end, LABEL_DAYS) < fold.calibration_start <= offset(fold.sibling_end, LABEL_DAYS + 1)
    assert len(trading_days(fold.calibration_start, fold.train_end)) == CALIBRATION_DAYS
    assert fold.sibling_end < fold.calibration_start < fold.train_end < fold.first_day <= fold.last_day


@given(st.sampled_from(QUARTERS[4:]), st.integers(0, 400), st.integers(0, 400))
def test_any_training_label_misses_every_scored_day(quarter, back, ahead):
    fold = fold_of(quarter)
    last_read = offset(offset(fold.train_end, -back), LABEL_DAYS)
    scored = trading_days(fold.first_day, fold.last_day)
    assert last_read < scored[ahead % len(scored)]


@given(st.dates(date(2003, 1, 1), date(2020, 1, 1)), st.integers(0, 2500), st.integers(0, 700))
def test_fold_dates_do_not_depend_on_the_range(start, length, later):
    end = start + timedelta(days=length)
    folds = folds_between(start, end)
    assert folds == [fold_of(fold.quarter) for fold in folds]
    assert [fold.quarter for fold in folds] == sorted({fold.quarter for fold in folds})
    assert folds_between(start, end + timedelta(days=later))[: len(folds)] == folds
    shorter = folds_between(start + timedelta(days=later), end)
    assert shorter == folds[len(folds) - len(shorter) :]
    for fold in folds:
        assert len(trading_days(start, fold.train_end)) >= MINIMUM_TRAIN_DAYS
        assert fold.first_day <= end


def test_the_first_fold_is_the_first_with_enough_days():
    folds = folds_between(date(2021, 1, 4), date(2022, 12, 31))
    assert [fold.quarter for fold in folds] == [date(2022, month, 1) for month in (1, 4, 7, 10)]
    # Nine months before 2021-10-01 are 189 days, less the seven of the purge.
    assert len(trading_days(date(2021, 1, 4), fold_of(date(2021, 10, 1)).train_end)) == 189 - 7
    start = offset(folds[0].train_end, 1 - MINIMUM_TRAIN_DAYS)
    assert has_enough_history(folds[0], start)
    assert not has_enough_history(folds[0], offset(start, 1))


def test_a_fold_begins_when_its_quarter_has_begun():
    # 2023-01-01 is a Sunday, 2023-01-02 a holiday: nothing to score before the third.
    assert folds_between(date(2021, 1, 4), date(2023, 1, 2))[-1].quarter == date(2022, 10, 1)
    assert folds_between(date(2021, 1, 4), date(2023, 1, 3))[-1].quarter == date(2023, 1, 1)
