"""Calendar quarters, by which models are trained and replaced.

Belongs here: where a quarter begins. Not here: which days of it train or are scored
(`learning/folds.py`).
"""

from __future__ import annotations

from datetime import date


def quarter_of(day: date) -> date:
    """First calendar day of the quarter of `day`."""
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def quarters_between(first: date, last: date) -> list[date]:
    """Quarters (their first calendar days) that a day of `first` … `last` lies in."""
    found = []
    quarter = quarter_of(first)
    while quarter <= last:
        found.append(quarter)
        quarter = next_quarter(quarter)
    return found


def next_quarter(quarter: date) -> date:
    """First calendar day of the quarter after the one that begins on `quarter`."""
    return date(quarter.year + (quarter.month + 2) // 12, (quarter.month + 2) % 12 + 1, 1)
