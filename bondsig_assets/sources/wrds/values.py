"""Rows of WRDS with the same types whatever a batch holds, and the alarm when a time column is
lost.

Belongs here: what is done to values as they arrive. Not here: what they mean (`trace/layouts/`),
and the casts that the server makes (`queries.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from bondsig_assets.errors import SourceError
from bondsig_assets.sources.wrds.queries import Found, Kind, WrdsTable

if TYPE_CHECKING:
    import pyarrow as pa

_TYPES: dict[Kind, pl.DataType] = {"text": pl.String(), "number": pl.Float64(), "date": pl.Date()}
#: So many reports without a single time have lost the column; a lone late report has not.
_ENOUGH = 20


def schema_of(found: Found) -> dict[str, pl.DataType]:
    """Column → type of every frame of a table. A time is a time where the server says so, else the
    text it came as.
    """
    return {
        name: (
            (pl.Time() if found.is_clock(name) else pl.String()) if kind == "time" else _TYPES[kind]
        )
        for name, kind in found.table.columns.items()
    }


def pinned(batch: pa.RecordBatch, found: Found) -> pl.DataFrame:
    """A batch with exactly the types of `schema_of`, wholly null columns too.

    Texts lose blanks around them, an empty one is null. A number or a date that cannot be read is
    null; a time that cannot be read stays as it came, for its layout to set aside.
    """
    frame = pl.DataFrame(pl.from_arrow(batch))
    return frame.select(
        _pinned(name, frame.schema[name], wanted).alias(name)
        for name, wanted in schema_of(found).items()
    )


def stacked(frames: list[pl.DataFrame], table: WrdsTable) -> pl.DataFrame:
    """The frames one after the other; times become text when the server changed their type between
    them.
    """
    if len({tuple(frame.schema[name] for name in table.times) for frame in frames}) < 2:
        return pl.concat(frames)
    as_text = [pl.col(name) for name in table.times]
    return pl.concat(
        [
            frame.with_columns(
                column.dt.to_string("%H:%M:%S%.f")
                for column in as_text
                if frame.schema[column.meta.output_name()] == pl.Time
            )
            for frame in frames
        ]
    )


def refuse_lost_times(frame: pl.DataFrame, table: WrdsTable) -> None:
    """Raises SourceError when a time column is null throughout `frame`, or throughout one of its
    report days.

    A published pipeline lost both time columns in a conversion and cleaned on without them: the
    order of trades, and what was known when, were gone.
    """
    day = pl.col(table.days[0])
    counts = (
        frame.lazy()
        .group_by(day.alias("day"))
        .agg(pl.len().alias("n"), pl.col(table.times).null_count())
        .collect()
        .sort("day")
    )
    refuse_lost_counts(counts, table)


def refuse_lost_counts(counts: pl.DataFrame, table: WrdsTable) -> None:
    """As `refuse_lost_times`, from `day, n` and the number of nulls under the name of each time
    column.
    """
    for name in table.times:
        lost = counts.filter((pl.col(name) == pl.col("n")) & (pl.col("n") >= _ENOUGH))
        if (
            not lost.height
            and counts["n"].sum() >= _ENOUGH
            and counts[name].sum() == counts["n"].sum()
        ):
            lost = counts.filter(pl.col("n") > 0)
        if days := lost["day"].to_list():
            raise SourceError(
                f"{table.qualified_name}: {name} is null in every report of {len(days)} day(s) from"
                f" {days[0]} to {days[-1]}: the times are lost, not missing, and nothing of it is"
                " kept; --allow-missing-times goes on, with such reports known at the end of their"
                " report date"
            )


def _pinned(name: str, found: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    value = pl.col(name)
    if found != pl.String:
        return value.cast(wanted)
    text = value.str.strip_chars()
    if wanted == pl.Float64:
        return text.cast(pl.Float64, strict=False)
    if wanted == pl.Date:
        return pl.coalesce(
            text.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False),
            text.str.to_date("%Y%m%d", strict=False),
        )
    return pl.when(text != "").then(text)
