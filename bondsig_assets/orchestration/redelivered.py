"""Days of which the source brings other rows than the warehouse holds: what came late.

Belongs here: comparing both, day by day. Not here: what rests on those days (`outdated.py`), and
when somebody looks (`commands/catch_up.py`).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.calendar import trading_days
from bondsig_assets.sources.base import Source
from bondsig_assets.tables import RAW_DAILY, TABLES
from bondsig_assets.warehouse import Warehouse

#: Trading days compared at once; bounds memory.
_AT_ONCE = 63


def redelivered_days(
    source: Source, warehouse: Warehouse, first: date, last: date
) -> dict[str, set[str]]:
    """Daily raw table → trading days of `first` … `last` whose rows, in whatever order, differ from
    those that the source brings now; tables of which none does are left out.
    """
    days, found = trading_days(first, last), {}
    for table in RAW_DAILY:
        changed: set[str] = set()
        for place in range(0, len(days), _AT_ONCE):
            piece = days[place : place + _AT_ONCE]
            between = (piece[0], piece[-1])
            changed |= _differing(
                table,
                source.daily(table, *between).rows,
                warehouse.read_table(table, between=between),
            )
        if changed:
            found[table] = changed
    return found


def _differing(table: str, brought: pl.DataFrame, held: pl.DataFrame) -> set[str]:
    """Days whose rows are not the same in both frames."""
    one, other = _by_day(table, brought), _by_day(table, held)
    differ = one.join(other, on=one.columns, how="anti", nulls_equal=True)
    gone = other.join(one, on=one.columns, how="anti", nulls_equal=True)
    return {day.isoformat() for day in pl.concat([differ, gone])["day"].unique()}


def _by_day(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Number of rows of each day and a sum over their hashes, which no order changes."""
    declared = TABLES[table]
    rows = declared.conform(rows)
    return (
        rows.select(day=pl.col(declared.partition))
        .with_columns(hash=rows.hash_rows(seed=0))
        .group_by("day")
        .agg(n=pl.len(), total=pl.col("hash").sum())
    )
