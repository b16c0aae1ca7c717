"""Dates and times of a file as its program wrote them, brought to the forms that `values.py` reads.

Belongs here: which columns hold dates and times, what is expected of them, and words for what was
recognised. Not here: the forms and the evidence for them (`formats/`), columns whose `format` is
given (`values.py`).
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from bondsig_assets.calendar import FIRST_DAY
from bondsig_assets.errors import FormatError, SourceError
from bondsig_assets.formats import (
    DayForm,
    Expected,
    TimeForm,
    read_days,
    read_times,
    recognise_days,
    recognise_times,
)
from bondsig_assets.formats.counted import numbers_of
from bondsig_assets.sources.files.complaints import as_list
from bondsig_assets.sources.files.config import ColumnRule, Feed
from bondsig_assets.sources.files.values import read_value, text
from bondsig_assets.tables.schema import Column, Table

#: Share of a column that the usual reader must fail on before other forms are thought of.
_MOSTLY = 0.5
#: Columns that fall on working days, nearly all.
_WORKING = ("settlement_date", "offering_date", "rating_date", "last_trade_date")
#: Columns about days since TRACE or the Treasury's curve began.
_MARKET = ("trade_date", "report_date", "execution_date", "reported_at", "executed_at")
#: Numbers that count seconds or less, and how many of them are a day: the time of day is in them.
_A_DAY = {
    "seconds": 86_400,
    "milliseconds": 8.64e7,
    "microseconds": 8.64e10,
    "nanoseconds": 8.64e13,
}


def recognised(
    path: Path, table: Table, feed: Feed, raw: pl.DataFrame, told: list[str]
) -> pl.DataFrame:
    """`raw` with its dates as YYYY-MM-DD and its times as HH:MM:SS where the file writes them
    otherwise and all of the column says how; `told` gets a sentence for each such column.

    Values that do not fit the form stay as they are. Raises SourceError where a column may be two
    things and nothing tells which.
    """
    dates, times = _dated(table, feed, raw), _timed(feed, raw)
    columns = {column.name: column for column in table.columns}
    try:
        strange = {
            name: (_values(feed, rule, raw), _expected(columns[target]))
            for name, (target, rule) in dates.items()
            if _fails(rule, columns[target], feed, raw)
        }
        days = recognise_days(strange) if strange else {}
        clocks = recognise_times({name: raw[name] for name in times}) if times else {}
    except FormatError as error:
        raise SourceError(f"{path}: {error}") from None
    new = []
    for name, form in days.items():
        if form.said:
            told.append(f"{path.name}: the column {name} holds {form.said}")
        is_moment = columns[dates[name][0]].type == "TIMESTAMP" and dates[name][1].time is None
        new.append(_written(raw, name, form, is_moment))
    for name, clock in clocks.items():
        if clock.said and name not in days:
            told.append(f"{path.name}: the column {name} holds {clock.said}")
            new.append(_clock(raw, name, clock))
    return raw.with_columns(new) if new else raw


def _dated(table: Table, feed: Feed, raw: pl.DataFrame) -> dict[str, tuple[str, ColumnRule]]:
    """Column of the file → the declared column it feeds, and the rule, of dates and moments without
    a form of their own.
    """
    found: dict[str, tuple[str, ColumnRule]] = {}
    for column in table.columns:
        rule = feed.columns.get(column.name)
        if rule is None and feed.layout and column.name in raw.columns:
            rule = ColumnRule(column=column.name)
        if (
            column.type in ("DATE", "TIMESTAMP")
            and rule is not None
            and rule.column in raw.columns
            and rule.format is None
            and rule.map is None
            and not raw.schema[rule.name].is_temporal()
        ):
            # Of two that one column feeds (offering_date and known_at, say) the first says more.
            found.setdefault(rule.name, (column.name, rule))
    return found


def _timed(feed: Feed, raw: pl.DataFrame) -> list[str]:
    """Columns of the file that hold times of day of their own."""
    names = {rule.time for rule in feed.columns.values() if rule.time in raw.columns}
    return sorted(name for name in names if name and not raw.schema[name].is_temporal())


def _fails(rule: ColumnRule, column: Column, feed: Feed, raw: pl.DataFrame) -> bool:
    """Whether the usual reader of dates fails on most of the column."""
    as_day = Column(column.name, "DATE", "")
    alone = ColumnRule(column=rule.column, null=rule.null)
    value, is_given = read_value(alone, as_day, raw.schema, feed.null)
    seen = raw.select(value=value, given=is_given)
    n_given = int(seen["given"].sum())
    n_failed = seen.filter(pl.col("given") & pl.col("value").is_null()).height
    return n_given > 0 and n_failed > _MOSTLY * n_given


def _values(feed: Feed, rule: ColumnRule, raw: pl.DataFrame) -> pl.Series:
    """The column without what means missing."""
    nulls = feed.null + as_list(rule.null or [])
    given = text(rule.name, raw.schema, nulls).is_not_null()
    return raw.select(pl.when(given).then(pl.col(rule.name)).alias(rule.name)).to_series()


def _expected(column: Column) -> Expected:
    today = date.today()
    if column.name in _MARKET:
        first = FIRST_DAY if column.name != "trade_date" else date(1990, 1, 1)
        return Expected(first, today + timedelta(1), on_weekdays=True)
    if column.name in _WORKING:
        return Expected(date(1975, 1, 1), today + timedelta(800), on_weekdays=True)
    if column.name == "maturity_date":
        return Expected(date(1990, 1, 1), date(2130, 12, 31))
    return Expected(date(1960, 1, 2), date(2130, 12, 31))


def _written(raw: pl.DataFrame, name: str, form: DayForm, is_moment: bool) -> pl.Series:
    """The column as YYYY-MM-DD, of a moment with HH:MM:SS; what cannot be read stays."""
    column = raw[name]
    days = read_days(column, form)
    written = days.dt.to_string("%Y-%m-%d")
    if is_moment:
        times = read_times(*_clock_in(column, form))
        clock = (times * 1000).cast(pl.Time).dt.to_string("%H:%M:%S")
        both = pl.DataFrame({"day": written, "clock": clock}).select(
            pl.when(pl.col("clock").is_not_null())
            .then(pl.concat_str("day", pl.lit(" "), "clock"))
            .otherwise("day")
        )
        written = both.to_series()
    as_text = raw.select(text(name, raw.schema, [])).to_series()
    return written.fill_null(as_text).alias(name)


def _clock_in(column: pl.Series, form: DayForm) -> tuple[pl.Series, TimeForm]:
    """The time of day in a column of dates of that form, and how it stands there."""
    if form.number in ("excel", "excel-1904"):
        return column, TimeForm("excel")
    unit = form.number.rpartition("-")[2]
    if unit in _A_DAY:
        return numbers_of(column) % _A_DAY[unit], TimeForm(unit)
    return column, TimeForm()


def _clock(raw: pl.DataFrame, name: str, form: TimeForm) -> pl.Series:
    """The column as HH:MM:SS; what cannot be read stays."""
    times = (read_times(raw[name], form) * 1000).cast(pl.Time).dt.to_string("%H:%M:%S")
    as_text = raw.select(text(name, raw.schema, [])).to_series()
    return times.fill_null(as_text).alias(name)
