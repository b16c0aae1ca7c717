"""Columns of dates, whatever a program wrote them as: recognised over the whole column, then read.

Belongs here: the forms of dates and the evidence for each. Not here: times of day (`clock.py`),
what a date is for (whoever asks says which dates are plausible), files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl

from bondsig_assets.errors import FormatError
from bondsig_assets.formats.counted import counted, numbers_of, texts_of, total

#: Dates outside are none, whatever the column.
FIRST_DATE, LAST_DATE = date(1900, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True)
class Expected:
    """Which dates a column may hold: from `first` to `last`, and whether nearly all of them are
    working days (executions, settlements, offerings), which tells apart counts that start ten years
    from each other.
    """

    first: date = FIRST_DATE
    last: date = LAST_DATE
    on_weekdays: bool = False


@dataclass(frozen=True)
class DayForm:
    """How a column writes dates. `number`: what a number in it counts, a key of NUMBERS;
    `day_first`: whether 04/05/2024 is the 4th of May; `said`: words for the user, empty where
    it is one of the usual ways (a date, YYYY-MM-DD, YYYYMMDD, M/D/YYYY).
    """

    number: str = "yyyymmdd"
    day_first: bool = False
    said: str = ""


@dataclass(frozen=True)
class _Count:
    """A number of dates: `per_day` units from `start` on (days from 1970 to there)."""

    words: str
    per_day: float = 1.0
    start: int = 0


_SAS, _EXCEL = -3653, -25569
#: What numbers may count. SAS and Stata start at 1960, Excel's day 60 is one that never was.
NUMBERS: dict[str, _Count] = {
    "yyyymmdd": _Count("YYYYMMDD"),
    "yyyymmddhhmmss": _Count("YYYYMMDDHHMMSS"),
    "sas": _Count("days since 1960-01-01, as SAS and Stata count", start=_SAS),
    "epoch": _Count("days since 1970-01-01"),
    "excel": _Count("serial days, as Excel counts", start=_EXCEL),
    "excel-1904": _Count("serial days since 1904-01-01, as Excel on a Mac counted", start=-24107),
    "matlab": _Count("serial days, as MATLAB counts", start=-719529),
    "sas-seconds": _Count("seconds since 1960-01-01, as SAS counts", 86_400.0, _SAS),
    "epoch-seconds": _Count("seconds since 1970-01-01", 86_400.0),
    "stata-milliseconds": _Count("milliseconds since 1960-01-01, as Stata counts", 8.64e7, _SAS),
    "epoch-milliseconds": _Count("milliseconds since 1970-01-01", 8.64e7),
    "epoch-microseconds": _Count("microseconds since 1970-01-01", 8.64e10),
    "epoch-nanoseconds": _Count("nanoseconds since 1970-01-01", 8.64e13),
}
#: A reading that fits fewer of the numbers is none.
_LEAST_FIT = 0.5
#: Readings whose fits are no further apart fit alike.
_ALIKE = 0.02
#: A reading with as many more weekend days than another one is the wrong one of the two.
_WEEKENDS = 0.10

#: What hardly any program writes as plain numbers gives way to what many do.
_RARE = ("excel-1904", "stata-milliseconds")

_TIME = r"(?:[T: ]+\d{1,2}:\d\d.*)?$"
_YEAR = r"(\d{4}|\d{2})"
_ISO = rf"^(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}"
_SLASHED = rf"^(\d{{1,2}})[-/.](\d{{1,2}})[-/.]{_YEAR}{_TIME}"
_NAMED = rf"^(\d{{1,2}})[-/ ]?([A-Za-z]{{3}})[A-Za-z]*\.?[-/, ]*{_YEAR}{_TIME}"
_NAMED_FIRST = rf"^([A-Za-z]{{3}})[A-Za-z]*\.? ?(\d{{1,2}}),? {_YEAR}{_TIME}"
_MONTHS = dict(
    zip(
        ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
        map(str, range(1, 13)),
        strict=True,
    )
)
#: Two digits from here on are a year of the last century.
_PIVOT = 70


def recognise_days(
    columns: Mapping[str, tuple[pl.Series | pl.DataFrame, Expected]], hint: str | None = None
) -> dict[str, DayForm]:
    """How each of the columns of one file writes its dates: name → (values, or their counts by
    `counted`; what is expected of them).

    Numbers are read as what puts most of them into the expected range; of readings that do so
    alike, those that fall on weekends give way where working days are expected, then those that
    no other column of the file is written in (one program wrote all of them). Where M/D/Y and D/M/Y
    are both possible throughout, it is M/D/Y. `hint`: the reading, a key of NUMBERS, that is meant
    where several are left. Raises FormatError, a sentence that names the column
    and both readings, where two are left.

    Examples:
        >>> from datetime import date
        >>> import polars as pl
        >>> from bondsig_assets.formats import Expected, read_days, recognise_days
        >>> days = pl.Series([23467, 23468, 23471])
        >>> form = recognise_days({"day": (days, Expected(date(2002, 7, 1), date(2026, 1, 1)))})
        >>> form["day"].said
        'days since 1960-01-01, as SAS and Stata count (23467 is 2024-04-01)'
        >>> read_days(days, form["day"]).to_list()[0]
        datetime.date(2024, 4, 1)
    """
    found = {name: _Seen.of(values, expected) for name, (values, expected) in columns.items()}
    decided = {seen.readings[0] for seen in found.values() if len(seen.readings) == 1}
    decided |= {hint} if hint else set()
    day_first = {seen.day_first for seen in found.values() if seen.day_first is not None}
    return {name: seen.decided(name, decided, day_first == {True}) for name, seen in found.items()}


def read_days(column: pl.Series, form: DayForm) -> pl.Series:
    """Dates of a column in the form recognised; null where there is none or it cannot be read."""
    if column.dtype == pl.Date:
        return column
    if isinstance(column.dtype, pl.Datetime):
        return column.dt.replace_time_zone(None).dt.date()
    values = column.unique()
    numbers = numbers_of(values)
    of_number = _days_of_numbers(numbers, form.number)
    of_text = _days_of_texts(texts_of(values), form.day_first)
    days = (
        of_number.to_frame("number")
        .with_columns(text=of_text)
        .select(pl.coalesce("number", "text"))
    )
    known = pl.DataFrame({"value": values, "day": days.to_series()})
    return (
        column.to_frame("value")
        .join(known, on="value", how="left", maintain_order="left", nulls_equal=True)["day"]
        .alias(column.name)
    )


@dataclass(frozen=True)
class _Seen:
    """What one column shows: the readings of its numbers that are left, and of D/M/Y whether it
    must be (None: nothing decides).
    """

    readings: list[str] = field(default_factory=list)
    day_first: bool | None = None
    example: float | None = None
    style: str = ""

    @staticmethod
    def of(values: pl.Series | pl.DataFrame, expected: Expected) -> _Seen:
        seen = values if isinstance(values, pl.DataFrame) else counted(values)
        if seen["value"].dtype.is_temporal():
            return _Seen()
        numbers = numbers_of(seen["value"])
        # Zero stands for nothing in files of numbers.
        given = seen.with_columns(number=numbers).filter(
            pl.col("number").is_not_null() & (pl.col("number") != 0)
        )
        texts = seen.with_columns(text=texts_of(seen["value"])).filter(
            pl.col("text").is_not_null() & numbers.is_null()
        )
        # A few numbers among texts are faults of their rows.
        readings = _readings(given, expected) if total(given) > total(texts) else []
        return _Seen(
            readings,
            _day_first(texts, expected) if texts.height else None,
            given["number"][0] if given.height else None,
            _style(texts) if texts.height else "",
        )

    def decided(self, name: str, others: set[str], others_day_first: bool) -> DayForm:
        """The form, given what the other columns of the file are written in."""
        left = self.readings
        if len(left) > 1:
            left = [reading for reading in left if reading in others] or left
        if len(left) > 1:
            raise FormatError(
                f"the numbers of {name} may be {' or '.join(map(self._with_example, left))}:"
                f" nothing in the file tells which; say {' or '.join(left)}, or write dates as"
                " YYYY-MM-DD"
            )
        day_first = others_day_first if self.day_first is None else self.day_first
        number = left[0] if left else "yyyymmdd"
        said = [] if number == "yyyymmdd" else [self._with_example(number)]
        said += [f"dates such as {self.style}"] if self.style else []
        said += ["day before month"] if day_first and self.day_first is not None else []
        return DayForm(number, day_first, ", ".join(said))

    def _with_example(self, reading: str) -> str:
        assert self.example is not None
        day = _days_of_numbers(pl.Series([self.example]), reading)[0]
        return f"{NUMBERS[reading].words} ({self.example:.15g} is {day})"


def _readings(given: pl.DataFrame, expected: Expected) -> list[str]:
    """The readings that fit the numbers best, alike."""
    first, last = (max(expected.first, FIRST_DATE), min(expected.last, LAST_DATE))
    fits, weekends = {}, {}
    n = total(given)
    for name in NUMBERS:
        day = _days_of_numbers(given["number"], name)
        inside = given.with_columns(day=day).filter(pl.col("day").is_between(first, last))
        fits[name] = total(inside) / n
        on_weekend = total(inside.filter(pl.col("day").dt.weekday() > 5))
        weekends[name] = on_weekend / max(total(inside), 1)
    best = max(fits.values())
    if best < _LEAST_FIT:
        return []
    left = [name for name, fit in fits.items() if fit >= best - _ALIKE]
    if "yyyymmdd" in left:
        return ["yyyymmdd"]
    if expected.on_weekdays and len(left) > 1:
        fewest = min(weekends[name] for name in left)
        left = [name for name in left if weekends[name] < fewest + _WEEKENDS]
    return [name for name in left if name not in _RARE] or left


def _days_of_numbers(numbers: pl.Series, name: str) -> pl.Series:
    """Dates of floats under one reading; null outside FIRST_DATE to LAST_DATE."""
    if name == "yyyymmddhhmmss":
        return _days_of_numbers((numbers / 1_000_000).floor(), "yyyymmdd")
    if name == "yyyymmdd":
        whole = pl.DataFrame({"n": numbers}).select(
            pl.when((pl.col("n") == pl.col("n").floor()) & pl.col("n").is_between(1e7, 1e8))
            .then("n")
            .cast(pl.Int64)
            .cast(pl.String)
        )
        return _possible(whole.to_series().str.to_date("%Y%m%d", strict=False))
    count = NUMBERS[name]
    days = (numbers / count.per_day).floor()
    if count.per_day > 1:
        # Small numbers are counts of days, not of seconds just after midnight of the first one.
        days = days.set(days.abs() < 366, None)
    days = (days + count.start).set((days.abs() > 1e6), None)
    return _possible(days.cast(pl.Int32, strict=False).cast(pl.Date))


def _possible(days: pl.Series) -> pl.Series:
    return days.set(~days.is_between(FIRST_DATE, LAST_DATE), None)


def _days_of_texts(text: pl.Series, day_first: bool) -> pl.Series:
    """Dates of texts that are no numbers."""
    frame = pl.DataFrame({"text": text})
    column = pl.col("text")

    def parts(pattern: str, year: int, month: int, day: int) -> pl.Expr:
        named = column.str.extract(pattern, month).str.to_uppercase()
        number = named.replace_strict(_MONTHS, default=named, return_dtype=pl.String)
        digits = column.str.extract(pattern, year)
        two = digits.cast(pl.Int32, strict=False)
        whole = (
            pl.when(digits.str.len_chars() == 2)
            .then(pl.when(two >= _PIVOT).then(two + 1900).otherwise(two + 2000).cast(pl.String))
            .otherwise(digits)
        )
        written = pl.concat_str(
            whole, number.str.zfill(2), column.str.extract(pattern, day).str.zfill(2), separator="-"
        )
        return written.str.to_date("%Y-%m-%d", strict=False)

    return frame.select(
        pl.coalesce(
            parts(_ISO, 1, 2, 3),
            parts(_SLASHED, 3, 2, 1) if day_first else parts(_SLASHED, 3, 1, 2),
            parts(_NAMED, 3, 2, 1),
            parts(_NAMED_FIRST, 3, 1, 2),
        )
    ).to_series()


def _day_first(texts: pl.DataFrame, expected: Expected) -> bool | None:
    """Whether 04/05/2024 is the 4th of May here, None where nothing tells."""
    slashed = texts.filter(pl.col("text").str.contains(_SLASHED))
    if not slashed.height:
        return None
    n, fits, weekends = total(slashed), {}, {}
    for day_first in (False, True):
        day = _days_of_texts(slashed["text"], day_first)
        inside = slashed.with_columns(day=day).filter(
            pl.col("day").is_between(expected.first, expected.last)
        )
        fits[day_first] = total(inside) / n
        on_weekend = total(inside.filter(pl.col("day").dt.weekday() > 5))
        weekends[day_first] = on_weekend / max(total(inside), 1)
    if abs(fits[True] - fits[False]) > _ALIKE:
        return fits[True] > fits[False]
    if expected.on_weekdays and abs(weekends[True] - weekends[False]) > _WEEKENDS:
        return weekends[True] < weekends[False]
    return None


def _style(texts: pl.DataFrame) -> str:
    """An example of texts with names of months or two digits of the year, if there are any."""
    for pattern in (_NAMED, _NAMED_FIRST, r"^\d{1,2}[-/.]\d{1,2}[-/.]\d{2}(?:$|[T: ])"):
        such = texts.filter(pl.col("text").str.contains(pattern))
        if such.height:
            return str(such["text"][0])
    return ""
