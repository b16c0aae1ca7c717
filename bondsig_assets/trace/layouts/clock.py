"""Times of day, as microseconds since midnight, of every type and text clients deliver them in.

Belongs here: reading a time of day and joining it to its date. Not here: other values
(`values.py`).
"""

from __future__ import annotations

from functools import partial

import polars as pl

from bondsig_assets.formats import read_times
from bondsig_assets.trace.layouts.steps import Steps
from bondsig_assets.trace.layouts.values import Source

_DAY = 86_400_000_000
_SECOND = 1_000_000_000


def time_of_day(source: Source) -> pl.Expr:
    """Microseconds since midnight (Int64) of a time, a moment, a duration, nanoseconds, HHMMSS,
    H:MM:SS or what was recognised in the column; null when it is none.
    """
    if isinstance(source.dtype, pl.Time):
        return source.let(source.column.cast(pl.Int64) // 1000)
    if isinstance(source.dtype, pl.Datetime):
        return source.let(source.column.dt.replace_time_zone(None).dt.time().cast(pl.Int64) // 1000)
    if isinstance(source.dtype, pl.Duration):
        return _within_day(source.steps, source.column.dt.total_microseconds())
    if source.forms.time is not None:
        read = partial(read_times, form=source.forms.time)
        return source.let(
            source.column.map_batches(read, return_dtype=pl.Int64(), is_elementwise=True)
        )
    if source.dtype.is_numeric():
        return _of_digits(source.steps, source.column.cast(pl.Float64, strict=False))
    if not source.is_text:
        return pl.lit(None, pl.Int64)
    return source.let(
        source.stripped.map_batches(_times_of_text, return_dtype=pl.Int64(), is_elementwise=True)
    )


def _times_of_text(text: pl.Series) -> pl.Series:
    """One batch; most are HH:MM:SS throughout, and the general way costs several times as much."""
    quick = text.str.strptime(pl.Time, "%H:%M:%S", strict=False)
    if quick.null_count() == text.null_count():
        return quick.cast(pl.Int64) // 1000
    # A date before the time is cut off; HH:MM lacks its seconds.
    bare = text.str.replace(r"^.*[ T]", "")
    columns = {
        "number": bare.str.replace_all(":", "", literal=True).cast(pl.Float64, strict=False),
        "colons": bare.str.count_matches(":", literal=True),
    }
    number = (
        pl.when(pl.col("colons") == 1)
        .then(pl.col("number") * 100)
        .when(pl.col("colons").is_in([0, 2]))
        .then("number")
    )
    steps = Steps()
    found = _of_digits(steps, number)
    return steps.run(pl.LazyFrame(columns)).select(found).collect().to_series()


def _of_digits(steps: Steps, number: pl.Expr) -> pl.Expr:
    """HHMMSS without its leading zeros or, from one second up, nanoseconds since midnight."""
    whole = steps.let(number.floor().cast(pl.Int64, strict=False))
    hours, minutes, seconds = (
        steps.let(whole // 10_000),
        steps.let(whole // 100 % 100),
        steps.let(whole % 100),
    )
    clock = pl.when((minutes < 60) & (seconds < 60) & (whole >= 0)).then(
        (hours * 3600 + minutes * 60 + seconds) * 1_000_000
    )
    return _within_day(
        steps, pl.when(whole < 1_000_000).then(clock).when(whole >= _SECOND).then(whole // 1000)
    )


def _within_day(steps: Steps, microseconds: pl.Expr) -> pl.Expr:
    found = steps.let(microseconds)
    return steps.let(pl.when((found >= 0) & (found < _DAY)).then(found))


def moment(date_of: pl.Expr, microseconds: pl.Expr) -> pl.Expr:
    """Date and time of day as one moment; null when either is."""
    return (date_of.cast(pl.Datetime("us")).cast(pl.Int64) + microseconds).cast(pl.Datetime("us"))
