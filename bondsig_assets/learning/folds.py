"""Walk-forward folds by calendar quarter, purged so that no training label meets a test day.

Belongs here: which days train, calibrate and are scored. Not here: models. Fold dates come
from the calendar alone, never from the range that happens to be asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bondsig_assets.learning.labels import SPAN
from bondsig_assets.trading_calendar import at_or_after, at_or_before, offset, trading_days

#: A fold is trained when at least this many labelled days lie before it.
MINIMUM_TRAIN_DAYS = 189
CALIBRATION_DAYS = 84
_PURGE = SPAN + 1


@dataclass(frozen=True)
class Fold:
    """One quarter: scored from `first_day` to `last_day` by a model trained up to `train_end`.

    The probability is calibrated on predictions for `calibration_start` … `train_end` by a
    sibling trained up to `sibling_end` only.
    """

    quarter: date
    first_day: date
    last_day: date
    train_end: date
    calibration_start: date
    sibling_end: date


def quarter_of(day: date) -> date:
    """First calendar day of the quarter of `day`."""
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def next_quarter(quarter: date) -> date:
    """First calendar day of the quarter after the one that begins on `quarter`."""
    return date(quarter.year + (quarter.month + 2) // 12, (quarter.month + 2) % 12 + 1, 1)


def fold_of(quarter: date) -> Fold:
    """The fold that scores `quarter` (its first calendar day).

    Purge: last training day ≤ first test day - (horizon + skip + 1) trading days, the same
    between the sibling's training and the calibration span.
    """
    first, last = at_or_after(quarter), offset(at_or_after(next_quarter(quarter)), -1)
    train_end = offset(first, -_PURGE)
    calibration_start = offset(train_end, 1 - CALIBRATION_DAYS)
    return Fold(quarter, first, last, train_end, calibration_start, offset(calibration_start, -_PURGE))


def folds_between(data_start: date, end: date) -> list[Fold]:
    """Folds that have enough history since `data_start` and begin by `end`."""
    folds, quarter = [], quarter_of(data_start)
    while at_or_after(quarter) <= at_or_before(end):
        fold = fold_of(quarter)
        if has_enough_history(fold, data_start):
            folds.append(fold)
        quarter = next_quarter(quarter)
    return folds


def has_enough_history(fold: Fold, data_start: date) -> bool:
    """Whether MINIMUM_TRAIN_DAYS trading days lie between `data_start` and the fold's last training day."""
    return len(trading_days(data_start, fold.train_end)) >= MINIMUM_TRAIN_DAYS
