"""New York Stock Exchange trading days, from holidays shipped as data.

Belongs here: which days are trading days, arithmetic on them, and the daily cutoff.
Not here: Dagster's partitions (`orchestration/partitions.py`). `data/nyse_holidays.csv` lists
the weekday closures from 2002-07-01, when TRACE began.
"""

from __future__ import annotations

from datetime import date, datetime, time
from functools import lru_cache
from importlib import resources

import numpy as np
import polars as pl

FIRST_DAY = date(2002, 7, 1)
LAST_DAY = date(2035, 12, 31)
#: What is reported to TRACE by 18:30 belongs to the day.
CUTOFF = time(18, 30)


@lru_cache(maxsize=1)
def holidays() -> frozenset[date]:
    """Weekdays on which the exchange was or will be closed."""
    text = resources.files("bondsig_assets").joinpath("data/nyse_holidays.csv").read_text()
    return frozenset(date.fromisoformat(line.split(",")[0]) for line in text.splitlines()[1:])


@lru_cache(maxsize=1)
def all_trading_days() -> np.ndarray:
    """Every trading day from FIRST_DAY to LAST_DAY, datetime64[D], ascending."""
    days = np.arange(np.datetime64(FIRST_DAY), np.datetime64(LAST_DAY) + 1)
    return days[np.is_busday(days, holidays=np.array(sorted(holidays()), dtype="datetime64[D]"))]


def trading_days(start: date, end: date) -> list[date]:
    """Trading days from `start` to `end`, both included."""
    days = all_trading_days()
    return days[(days >= np.datetime64(start)) & (days <= np.datetime64(end))].tolist()


def is_trading_day(day: date) -> bool:
    """Whether the exchange opens on `day`."""
    return bool(trading_days(day, day))


def at_or_after(day: date) -> date:
    """`day` itself or the next trading day."""
    days = all_trading_days()
    return days[np.searchsorted(days, np.datetime64(day), side="left")].item()


def at_or_before(day: date) -> date:
    """`day` itself or the trading day before. Raises ValueError before the first one."""
    days = all_trading_days()
    if np.datetime64(day) < days[0]:
        raise ValueError(f"no trading day at or before {day}: the calendar begins on {FIRST_DAY}")
    return days[np.searchsorted(days, np.datetime64(day), side="right") - 1].item()


def offset(day: date, count: int) -> date:
    """The trading day `count` steps from trading day `day`; never before FIRST_DAY."""
    days = all_trading_days()
    return days[max(int(np.searchsorted(days, np.datetime64(day))) + count, 0)].item()


def day_number(days: pl.Series) -> pl.Series:
    """Position of each date on the calendar; a day that is no trading day counts as the next one."""
    found = np.searchsorted(all_trading_days(), days.to_numpy().astype("datetime64[D]"), side="left")
    return pl.Series(days.name, found, dtype=pl.Int64)


def next_trading_days(days: pl.Series) -> pl.Series:
    """The trading day strictly after each of `days`."""
    calendar = all_trading_days()
    found = np.searchsorted(calendar, days.to_numpy().astype("datetime64[D]"), side="right")
    return pl.Series(days.name, calendar[found], dtype=pl.Date)


def cutoff(day: date) -> datetime:
    """The moment up to which reports count as known on `day`, New York wall clock."""
    return datetime.combine(day, CUTOFF)
