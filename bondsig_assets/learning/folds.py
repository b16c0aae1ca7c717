"""Walk-forward folds by calendar quarter, purged so that no training label meets a day it is judged
on.

Belongs here: which days train, stop, calibrate and are scored. Not here: models. Fold dates come
from the calendar alone, never from the range that happens to be asked for.

    … train early | purge | stop | purge | calibrate | purge | score …      with early stopping
    … train sibling              | purge | calibrate | purge | score …      without
    … train the model that scores                    | purge | score …
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bondsig_assets.calendar import (
    at_or_after,
    at_or_before,
    next_quarter,
    offset,
    quarter_of,
    trading_days,
)
from bondsig_assets.learning.labels import SKIP
from bondsig_assets.learning.settings import WalkForwardSettings

_DEFAULTS = WalkForwardSettings()


@dataclass(frozen=True)
class Fold:
    """One quarter, scored from `first_day` to `last_day` by a model trained on `train_start` …
    `train_end`.

    A sibling that saw no more than `sibling_end` predicts `calibration_start` … `train_end`; one
    that stops early sees no more than `early_end` and stops on `stop_start` … `sibling_end`.
    `train_start` is None where the window reaches back to the first day there is.
    """

    quarter: date
    first_day: date
    last_day: date
    train_start: date | None
    train_end: date
    calibration_start: date
    sibling_end: date
    stop_start: date
    early_end: date


def purge_days(horizon: int) -> int:
    """Trading days from the last training day to the first day it is judged on: horizon + skip +
    1.
    """
    return horizon + SKIP + 1


def fold_of(quarter: date, settings: WalkForwardSettings = _DEFAULTS) -> Fold:
    """The fold that scores `quarter` (its first calendar day)."""
    purge = purge_days(settings.horizon_days)
    first, last = at_or_after(quarter), offset(at_or_after(next_quarter(quarter)), -1)
    train_end = offset(first, -purge)
    calibration_start = offset(train_end, 1 - settings.calibration_days)
    sibling_end = offset(calibration_start, -purge)
    stop_start = offset(sibling_end, 1 - settings.stop_days)
    start = offset(train_end, 1 - settings.rolling_days) if settings.window == "rolling" else None
    return Fold(
        quarter,
        first,
        last,
        start,
        train_end,
        calibration_start,
        sibling_end,
        stop_start,
        offset(stop_start, -purge),
    )


def folds_between(
    data_start: date, end: date, settings: WalkForwardSettings = _DEFAULTS
) -> list[Fold]:
    """Folds that have enough history since `data_start` and begin by `end`."""
    folds, quarter = [], quarter_of(data_start)
    while at_or_after(quarter) <= at_or_before(end):
        if has_enough_history(quarter, data_start, settings):
            folds.append(fold_of(quarter, settings))
        quarter = next_quarter(quarter)
    return folds


def has_enough_history(
    quarter: date, data_start: date, settings: WalkForwardSettings = _DEFAULTS
) -> bool:
    """Whether `minimum_train_days` trading days lie between `data_start` and the last training day
    of the fold of `quarter`.
    """
    train_end = offset(at_or_after(quarter), -purge_days(settings.horizon_days))
    return len(trading_days(data_start, train_end)) >= settings.minimum_train_days
