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

from bondsig_assets.tables import TABLES
from bondsig_assets.trace.prices import LOOK_BACK_DAYS
from bondsig_assets.warehouse import Warehouse, Write

Build = Callable[[date, date], pl.DataFrame]


def replace_range(
    warehouse: Warehouse,
    table: str,
    start: date,
    end: date,
    build: Build,
    context: dg.AssetExecutionContext,
) -> tuple[pl.DataFrame, list[date]]:
    """Writes `build(start, end)` and every later day of `table` that is another one for it.

    Returns what was written for the range, and the later days that were rewritten, which it also
    tells Dagster, day by day and with the reason.
    """
    declared = TABLES[table]
    later = _days_after(warehouse, table, end)
    before = warehouse.read_table(table, between=(start, end)) if later else None
    rows = declared.conform(build(start, end))
    warehouse.replace(Write(table, rows, (start, end)))
    if before is None:
        return rows, []
    changed = _differences(before, rows)
    return rows, _ripple(warehouse, table, changed, end, build, context)


def days_listed(days: list[date]) -> str:
    """Days in a line, for metadata."""
    return ", ".join(str(day) for day in sorted(set(days))) or "none"


def _days_after(warehouse: Warehouse, table: str, end: date) -> list[date]:
    """Days of deliveries after `end` up to the table's last; one that has no row in it yet may get
    its first.
    """
    last = f"(SELECT max({TABLES[table].partition}) FROM {table})"
    return warehouse.read(
        f"SELECT DISTINCT known_date AS day FROM trade_events WHERE known_date > DATE '{end}' AND"
        f" known_date <= {last} ORDER BY 1"
    )["day"].to_list()


def _differences(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Rows of either that the other does not have alike."""
    both = pl.concat([before, after])
    return both.filter(both.is_unique())


def _ripple(
    warehouse: Warehouse,
    table: str,
    changed: pl.DataFrame,
    end: date,
    build: Build,
    context: dg.AssetExecutionContext,
) -> list[date]:
    """Recomputes the later days that `changed` rows may matter to, in order, and writes those that
    differ.
    """
    declared = TABLES[table]
    event_time = declared.event_time
    rewritten: list[date] = []
    days = set(changed[event_time].to_list())
    horizon = end + timedelta(LOOK_BACK_DAYS)
    if not days:
        return rewritten
    for day in _days_after(warehouse, table, end):
        if day > horizon and not _is_about(warehouse, day, days):
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


def _is_about(warehouse: Warehouse, day: date, days: set[date]) -> bool:
    """Whether a delivery has reports about any of some execution dates."""
    listed = ", ".join(f"DATE '{one}'" for one in sorted(days))
    return bool(
        warehouse.read(
            f"SELECT count(*)::BIGINT AS n FROM trace_reports WHERE delivery_date = DATE '{day}'"
            f" AND execution_date IN ({listed})"
        )["n"][0]
    )
