"""New York Stock Exchange trading days, from holidays shipped as data, and the bond market's own
days.

Belongs here: which days are trading days, arithmetic on them, and the daily cutoff.
Not here: Dagster's partitions (`orchestration/partitions.py`). `data/nyse_holidays.csv` lists
the weekday closures from 2002-07-01, when TRACE began. `data/nyse_early_closes.csv` was generated
once from pandas-market-calendars 5.5.0 (MIT), calendar NYSE.

`data/sifma_days.csv` is a table of announcements: what SIFMA, before 2006-11 the Bond Market
Association, recommended for US dollar corporate and government bonds, a row a day, `full` or
`early`, with its source in `data/sifma_sources.csv`. `open` is a day on which a rule would have the
market close and an announcement has it trade. Where no announcement was found the day is as in the
years around it and its source says `rule`, or `policy-2009`: SIFMA's statement of 2009-04-03 that
there had been twelve early closes a year and would be five. Early closes before Independence Day
came back by 2013.

Closing and settling differ: on days of mourning and of storm the market was closed and corporate
bonds settled, and on a Good Friday with a payroll report it opens until noon and nothing settles.
Column `settles` has what was announced.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date, datetime, time
from functools import lru_cache
from importlib import resources
from typing import Literal

import numpy as np
import polars as pl

FIRST_DAY = date(2002, 7, 1)
LAST_DAY = date(2035, 12, 31)
#: What is reported to TRACE by 18:30 belongs to the day.
CUTOFF = time(18, 30)


_EARLY_CLOSES = {"nyse": "nyse_early_closes.csv", "sifma": "sifma_days.csv"}


def _table(name: str) -> list[dict[str, str]]:
    """The rows of a csv shipped in `data/`."""
    text = resources.files("bondsig_assets").joinpath(f"data/{name}").read_text()
    return list(csv.DictReader(text.splitlines()))


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


@lru_cache(maxsize=1)
def sifma_days() -> np.ndarray:
    """Every day from FIRST_DAY to LAST_DAY on which the bond market opens, datetime64[D],
    ascending.
    """
    return _weekdays_without(
        row["date"] for row in _table("sifma_days.csv") if row["kind"] == "full"
    )


@lru_cache(maxsize=1)
def settlement_days() -> np.ndarray:
    """Every day from FIRST_DAY to LAST_DAY on which corporate bonds settle, datetime64[D],
    ascending.
    """
    return _weekdays_without(
        row["date"] for row in _table("sifma_days.csv") if row["settles"] == "no"
    )


def _weekdays_without(closed: Iterable[str]) -> np.ndarray:
    days = np.arange(np.datetime64(FIRST_DAY), np.datetime64(LAST_DAY) + 1)
    return days[np.is_busday(days, holidays=np.array(list(closed), dtype="datetime64[D]"))]


def open_days(calendar: Literal["nyse", "sifma"]) -> np.ndarray:
    """Open days of the stock exchange (`nyse`) or of the bond market (`sifma`), datetime64[D],
    ascending.

    Raises ValueError for any other name.
    """
    if calendar not in _EARLY_CLOSES:
        raise ValueError(f"no calendar {calendar!r}: it is one of {', '.join(_EARLY_CLOSES)}")
    return all_trading_days() if calendar == "nyse" else sifma_days()


@lru_cache(maxsize=2)
def early_closes(calendar: str) -> dict[date, time]:
    """Open days that end early → when they close, New York wall clock; `calendar` as in
    `open_days`.
    """
    if calendar not in _EARLY_CLOSES:
        raise ValueError(f"no calendar {calendar!r}: it is one of {', '.join(_EARLY_CLOSES)}")
    rows = _table(_EARLY_CLOSES[calendar])
    return {
        date.fromisoformat(row["date"]): time.fromisoformat(row["closes_at"])
        for row in rows
        if row["closes_at"]
    }


def trading_days(start: date, end: date) -> list[date]:
    """Trading days from `start` to `end`, both included."""
    days = all_trading_days()
    found: list[date] = days[(days >= np.datetime64(start)) & (days <= np.datetime64(end))].tolist()
    return found


def is_trading_day(day: date) -> bool:
    """Whether the exchange opens on `day`."""
    return bool(trading_days(day, day))


def at_or_after(day: date) -> date:
    """`day` itself or the next trading day."""
    days = all_trading_days()
    found: date = days[np.searchsorted(days, np.datetime64(day), side="left")].item()
    return found


def at_or_before(day: date) -> date:
    """`day` itself or the trading day before. Raises ValueError before the first one."""
    days = all_trading_days()
    if np.datetime64(day) < days[0]:
        raise ValueError(f"no trading day at or before {day}: the calendar begins on {FIRST_DAY}")
    found: date = days[np.searchsorted(days, np.datetime64(day), side="right") - 1].item()
    return found


def offset(day: date, count: int) -> date:
    """The trading day `count` steps from trading day `day`; never before FIRST_DAY."""
    days = all_trading_days()
    found: date = days[max(int(np.searchsorted(days, np.datetime64(day))) + count, 0)].item()
    return found


def day_number(days: pl.Series) -> pl.Series:
    """Position of each date on the calendar; a day that is no trading day counts as the next
    one.
    """
    found = np.searchsorted(
        all_trading_days(), days.to_numpy().astype("datetime64[D]"), side="left"
    )
    return pl.Series(days.name, found, dtype=pl.Int64)


def next_trading_days(days: pl.Series) -> pl.Series:
    """The trading day strictly after each of `days`."""
    calendar = all_trading_days()
    found = np.searchsorted(calendar, days.to_numpy().astype("datetime64[D]"), side="right")
    return pl.Series(days.name, calendar[found], dtype=pl.Date)


def cutoff(day: date) -> datetime:
    """The moment up to which reports count as known on `day`, New York wall clock."""
    return datetime.combine(day, CUTOFF)
