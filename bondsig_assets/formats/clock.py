"""Columns of times of day, whatever a program wrote them as: recognised over the whole column, then
read as microseconds since midnight.

Belongs here: the forms of times and the evidence for each. Not here: dates (`days.py`), joining
the two, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.errors import FormatError
from bondsig_assets.formats.counted import counted, numbers_of, texts_of, total

_DAY = 86_400_000_000


@dataclass(frozen=True)
class TimeForm:
    """How a column writes times. `number`: what a number in it counts, a key of NUMBERS; `said`:
    words for the user, empty where it is one of the usual ways (a time, H:MM:SS, HHMMSS).
    """

    number: str = "hhmmss"
    said: str = ""


#: What numbers may be, beside HHMMSS (93015 is 09:30:15), and how many microseconds one of them is.
_UNITS = {
    "seconds": 1e6,
    "milliseconds": 1e3,
    "microseconds": 1.0,
    "nanoseconds": 1e-3,
    "day-fraction": float(_DAY),
}
NUMBERS: dict[str, str] = {
    "hhmmss": "HHMMSS",
    "yyyymmddhhmmss": "YYYYMMDDHHMMSS",
    "hhmm": "HHMM",
    "hhmmssmmm": "HHMMSS with milliseconds",
    "seconds": "seconds since midnight, as SAS counts",
    "milliseconds": "milliseconds since midnight",
    "microseconds": "microseconds since midnight",
    "nanoseconds": "nanoseconds since midnight",
    "day-fraction": "fractions of a day, as Excel counts",
    "excel": "serial days with the time behind the point, as Excel counts",
}
#: Hours in which TRACE is open, in seconds since midnight: of two readings that are both possible
#: the one in these hours is meant.
_OPEN, _CLOSE = 8 * 3600, 18 * 3600 + 1800
#: A reading that fits fewer of the numbers does not fit.
_FITS = 0.98
#: As many different seconds since midnight never all look like HHMMSS (each does with 0.36).
_MANY = 8
#: With as few different values nothing is concluded from the hours.
_FEW = 3
_TEXT = r"(?:^|[T: ])(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)? ?(?:([AaPp])\.?[Mm]\.?)?$"


def recognise_times(
    columns: Mapping[str, pl.Series | pl.DataFrame], hint: str | None = None
) -> dict[str, TimeForm]:
    """How each of the columns of one file writes its times: name → values, or their counts by
    `counted`.

    The magnitude of most numbers says whether they are fractions of a day, HHMMSS or seconds,
    milliseconds, microseconds or nanoseconds. HHMMSS never has minutes or seconds of 60 and more
    and ends with 235959, seconds end with 86399; where both are possible throughout, eight
    different values decide for HHMMSS, fewer by the hours in which TRACE is open, or as another
    column of the file does, or as `hint`, a key of NUMBERS, says. Raises FormatError, a sentence
    that names the column, where nothing decides.

    Examples:
        >>> import polars as pl
        >>> from bondsig_assets.formats import read_times, recognise_times
        >>> times = pl.Series([34200, 36061, 57599])
        >>> form = recognise_times({"time": times})["time"]
        >>> form.said
        'seconds since midnight, as SAS counts (34200 is 09:30:00)'
        >>> read_times(times, form)[1]
        36061000000
    """
    seen = {name: _readings(values) for name, values in columns.items()}
    decided = {readings[0] for readings, *_ in seen.values() if len(readings) == 1}
    decided |= {hint} if hint else set()
    return {name: _decided(name, *of, decided) for name, of in seen.items()}


def read_times(column: pl.Series, form: TimeForm) -> pl.Series:
    """Microseconds since midnight (Int64) of a column in the form recognised; null where there is
    no time or it cannot be read.
    """
    dtype = column.dtype
    if dtype == pl.Time:
        return column.cast(pl.Int64) // 1000
    if isinstance(dtype, pl.Datetime):
        return column.dt.replace_time_zone(None).dt.time().cast(pl.Int64) // 1000
    if isinstance(dtype, pl.Duration):
        return _within_day(column.dt.total_microseconds())
    values = column.unique()
    times = _of_numbers(numbers_of(values), form.number)
    if not dtype.is_numeric():
        times = times.zip_with(times.is_not_null(), _of_texts(texts_of(values)))
    known = pl.DataFrame({"value": values, "time": times})
    return (
        column.alias("value")
        .to_frame()
        .join(known, on="value", how="left", maintain_order="left", nulls_equal=True)["time"]
        .alias(column.name)
    )


def _readings(values: pl.Series | pl.DataFrame) -> tuple[list[str], float | None, bool]:
    """The readings that are left, an example, and whether texts need more than the usual reader."""
    seen = values if isinstance(values, pl.DataFrame) else counted(values)
    if seen["value"].dtype.is_temporal():
        return [], None, False
    number = numbers_of(seen["value"])
    given = seen.with_columns(number=number).filter(pl.col("number").is_not_null())
    texts = seen.with_columns(text=texts_of(seen["value"])).filter(
        pl.col("text").is_not_null() & number.is_null()
    )
    with_words = texts.filter(pl.col("text").str.contains(r"[AaPp]\.?[Mm]\.?$|[A-Za-z]{3}\d{2,4}:"))
    is_worded = with_words.height > 0
    if total(given) <= total(texts) or not (given["number"] != 0).any():
        return [], None, is_worded
    padded = seen["value"].dtype == pl.String and bool(
        given["value"].str.strip_chars().str.contains(r"^0\d{5}$").any()
    )
    v, n = given["number"].to_numpy(), given["n"].to_numpy()
    largest = float(v[np.argmax(n * (v > 0))])
    return _of_magnitude(v, n.astype(float), padded), largest, is_worded


def _of_magnitude(v: np.ndarray, n: np.ndarray, padded: bool) -> list[str]:
    """Readings of numbers by the magnitude of most."""
    weight = np.where(v == 0, 0.0, n)

    def most(low: float, high: float) -> bool:
        return bool(weight[(v >= low) & (v < high)].sum() > 0.5 * weight.sum())

    if most(1.9e13, 2.2e13) and _share(n, _is_dated(v)) >= _FITS:
        return ["yyyymmddhhmmss"]
    if most(1e-9, 1):
        return ["day-fraction"]
    if most(1e11, 8.64e13):
        return ["nanoseconds"]
    with_milliseconds = _share(n, _is_clock(np.floor(v / 1000))) >= _FITS
    if with_milliseconds and (most(8.64e7, 2.4e8) or v.size >= _MANY and most(1e7, 2.4e8)):
        return ["hhmmssmmm"]
    if most(1e8, 8.64e10):
        # Nanoseconds of the first minute and a half after midnight are microseconds of a day.
        return ["microseconds"]
    if most(1e7, 8.64e7):
        return ["milliseconds"]
    return _clock_or_seconds(v, n, padded) if most(1, 1e6) else []


def _clock_or_seconds(v: np.ndarray, n: np.ndarray, padded: bool) -> list[str]:
    """HHMMSS, HHMM, seconds, Excel's days with times, or both of the two that cannot be told
    apart.
    """
    serial = (v >= 20_000) & (v < 80_000) & (v != np.floor(v))
    in_seconds = v * 86_400
    if _share(n, serial & (np.abs(in_seconds - np.round(in_seconds)) < 0.05)) >= 0.9:
        return ["excel"]
    clock, seconds = _share(n, _is_clock(v)), _share(n, v < 86_400)
    as_clock = v // 10_000 * 3600 + v // 100 % 100 * 60 + v % 100
    in_hours = [_share(n, (x >= _OPEN) & (x <= _CLOSE)) for x in (as_clock, v)]
    if padded or clock < _FITS or seconds < _FITS:
        is_odd = v.size < _FEW and in_hours[1] == 0
        return ["hhmmss" if padded or clock >= seconds or is_odd else "seconds"]
    if v.size >= _MANY:
        is_short = _share(n, (v <= 2359) & (v % 100 < 60)) >= _FITS and v.max() > 100
        return ["hhmm" if is_short else "hhmmss"]
    if in_hours[0] >= in_hours[1]:
        return ["hhmmss"]
    return ["seconds"] if v.size >= _FEW else ["hhmmss", "seconds"]


def _is_clock(v: np.ndarray) -> np.ndarray:
    found: np.ndarray = (v < 240_000) & (np.floor(v) % 100 < 60) & (np.floor(v / 100) % 100 < 60)
    return found


def _is_dated(v: np.ndarray) -> np.ndarray:
    month, day = np.floor(v / 1e8) % 100, np.floor(v / 1e6) % 100
    found: np.ndarray = _is_clock(v % 1e6) & (month % 13 >= 1) & (day >= 1) & (day <= 31)
    return found


def _share(n: np.ndarray, holds: np.ndarray) -> float:
    return float(n[holds].sum() / n.sum())


def _decided(
    name: str, readings: list[str], example: float | None, is_worded: bool, others: set[str]
) -> TimeForm:
    left = readings
    if len(left) > 1:
        left = [reading for reading in left if reading in others] or left
    told = [_told(reading, example) for reading in left]
    if len(left) > 1:
        raise FormatError(
            f"the numbers of {name} may be {' or '.join(told)}: nothing in the file tells which;"
            f" say {' or '.join(left)}, or write times as HH:MM:SS"
        )
    number = left[0] if left else "hhmmss"
    said = [] if number == "hhmmss" else told
    return TimeForm(number, ", ".join([*said, *(["times with words"] if is_worded else [])]))


def _told(reading: str, example: float | None) -> str:
    time = _of_numbers(pl.Series([example], dtype=pl.Float64), reading)
    clock = (time * 1000).cast(pl.Time).dt.to_string("%H:%M:%S")[0]
    return f"{NUMBERS[reading]} ({example:.15g} is {clock})"


def _of_numbers(numbers: pl.Series, name: str) -> pl.Series:
    """Microseconds since midnight of floats under one reading; null outside a day."""
    frame = pl.DataFrame({"v": numbers})
    v = pl.col("v")
    found: pl.Expr
    if name in ("hhmmss", "hhmm", "hhmmssmmm", "yyyymmddhhmmss"):
        scaled = {"hhmm": v * 100, "hhmmssmmm": v / 1000, "yyyymmddhhmmss": v % 1_000_000}.get(
            name, v
        )
        whole = scaled.floor()
        minutes, seconds = (whole / 100).floor() % 100, whole % 100
        time = (whole / 10_000).floor() * 3600 + minutes * 60 + seconds + (scaled - whole)
        found = pl.when((minutes < 60) & (seconds < 60)).then(time * 1e6)
    elif name == "excel":
        # Excel keeps fifteen digits: times are exact to the millisecond.
        found = ((v - v.floor()) * 8.64e7).round() * 1e3
    elif name == "day-fraction":
        found = (v * 8.64e7).round() * 1e3
    else:
        found = v * _UNITS[name]
    return _within_day(frame.select(found.round().cast(pl.Int64, strict=False)).to_series())


def _of_texts(text: pl.Series) -> pl.Series:
    """Microseconds since midnight of H:MM, H:MM:SS and so on, alone or after a date."""
    part = [pl.col("t").str.extract(_TEXT, k) for k in range(1, 6)]
    hours, minutes, seconds = (one.cast(pl.Int64, strict=False) for one in part[:3])
    half = part[4].str.to_uppercase()
    whole = (
        pl.when(half.is_null())
        .then(hours)
        .when(hours.is_between(1, 12))
        .then(hours % 12 + pl.when(half == "P").then(12).otherwise(0))
    )
    micro = part[3].str.pad_end(9, "0").str.slice(0, 6).cast(pl.Int64, strict=False).fill_null(0)
    seconds = seconds.fill_null(0)
    found = pl.when((whole < 24) & (minutes < 60) & (seconds < 60)).then(
        (whole * 3600 + minutes * 60 + seconds) * 1_000_000 + micro
    )
    return pl.DataFrame({"t": text}).select(found).to_series()


def _within_day(microseconds: pl.Series) -> pl.Series:
    return microseconds.set(~microseconds.is_between(0, _DAY - 1), None)
