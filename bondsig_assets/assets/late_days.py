"""Days delivered out of order: what a late day changes in the days after it.

Belongs here: writing a range, and rewriting those later days that come out differently for it. Not
here: how a day is computed (`clean.py`).

Days in order never have a later one, and a range done again alike changes nothing: both cost one
query.
"""

from collections.abc import Callable
from datetime import date, timedelta

import dagster as dg
import polars as pl

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.tables import TABLES
from bondsig_assets.trace.prices import LOOK_BACK_DAYS
from bondsig_assets.warehouse import Warehouse, Write

Build = Callable[[date, date], pl.DataFrame]
_BOND_DAYS = "bond_day_revisions"


def replace_range(
    warehouse: Warehouse,
    table: str,
    start: date,
    end: date,
    rows: pl.DataFrame,
    build: Build,
    context: dg.AssetExecutionContext,
) -> tuple[pl.DataFrame, list[date]]:
    """Writes `rows`, which are `build(start, end)`, and every later day of `table` that is another
    one for it.

    Returns what was written for the range, and the later days that were rewritten, which it also
    tells Dagster, day by day and with the reason.
    """
    declared = TABLES[table]
    later = _days_after(warehouse, table, end)
    before = warehouse.read_table(table, between=(start, end)) if later else None
    rows = declared.conform(rows)
    warehouse.replace(Write(table, rows, (start, end)))
    if before is None:
        return rows, []
    changed = set(_differences(before, rows)[declared.event_time].to_list())
    quoted = _quoted_later(warehouse, start, end) if table == _BOND_DAYS else set()
    return rows, _ripple(warehouse, table, changed, quoted, end, build, context)


def days_listed(days: list[date]) -> str:
    """Days in a line, for metadata."""
    return ", ".join(str(day) for day in sorted(set(days))) or "none"


def _days_after(warehouse: Warehouse, table: str, end: date) -> list[date]:
    """Days of deliveries after `end` up to the table's last; one that has no row in it yet may get
    its first.
    """
    last = f"(SELECT max({TABLES[table].partition}) FROM {table})"
    days = "SELECT known_date AS day FROM trade_events"
    if table == _BOND_DAYS:
        days += " UNION ALL SELECT trade_date FROM bond_day_quotes UNION ALL SELECT known_date"
        days += f" FROM {table}"
    return warehouse.read(
        f"SELECT DISTINCT day FROM ({days}) WHERE day > DATE '{end}' AND day <= {last} ORDER BY 1"
    )["day"].to_list()


def _quoted_later(warehouse: Warehouse, start: date, end: date) -> set[date]:
    """Days of `start` … `end` of which a quote became known after `end`."""
    return set(
        warehouse.read(
            "SELECT DISTINCT trade_date AS day FROM bond_day_quotes WHERE trade_date BETWEEN"
            f" DATE '{start}' AND DATE '{end}' AND known_at > TIMESTAMP '{cutoff(end)}'"
        )["day"].to_list()
    )


def _differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Rows of either that the other does not have alike."""
    both = pl.concat([before, after])
    return both.filter(both.is_unique())


def _ripple(
    warehouse: Warehouse,
    table: str,
    changed: set[date],
    quoted: set[date],
    end: date,
    build: Build,
    context: dg.AssetExecutionContext,
) -> list[date]:
    """Recomputes the later days that rows about `changed` days may matter to, and those on which a
    quote of a `quoted` day became known, in order, and writes those that differ.
    """
    declared = TABLES[table]
    event_time = declared.event_time
    rewritten: list[date] = []
    days = changed | quoted
    horizon = end + timedelta(LOOK_BACK_DAYS) if changed else end
    if not days:
        return rewritten
    for day in _days_after(warehouse, table, end):
        if day > horizon and not _is_about(warehouse, table, day, days):
            continue
        before = warehouse.read_table(table, between=(day, day))
        after = declared.conform(build(day, day))
        if before.sort(declared.key).equals(after.sort(declared.key)):
            continue
        warehouse.replace(Write(table, after, (day, day)))
        rewritten.append(day)
        days |= set(_differences(before, after)[event_time].to_list())
        horizon = max(horizon, day + timedelta(LOOK_BACK_DAYS))
        why = f"written anew, because {end} came after it"
        context.log.info(f"{table}: {day} {why}")
        rows = {"dagster/partition_row_count": after.height}
        context.log_event(
            dg.AssetMaterialization(
                context.asset_key, partition=day.isoformat(), description=why, metadata=rows
            )
        )
    return rewritten


def _is_about(warehouse: Warehouse, table: str, day: date, days: set[date]) -> bool:
    """Whether what became known on `day`, reports or for bond days quotes, is about any of some
    days.
    """
    listed = ", ".join(f"DATE '{one}'" for one in sorted(days))
    about = (
        f"SELECT count(*) AS n FROM trace_reports WHERE delivery_date = DATE '{day}'"
        f" AND execution_date IN ({listed})"
    )
    if table == _BOND_DAYS:
        about += (
            f" UNION ALL SELECT count(*) FROM bond_day_quotes WHERE trade_date IN ({listed}) AND"
            f" known_at > TIMESTAMP '{cutoff(offset(day, -1))}' AND"
            f" known_at <= TIMESTAMP '{cutoff(day)}'"
        )
    return bool(warehouse.read(f"SELECT sum(n)::BIGINT AS n FROM ({about})")["n"][0])
