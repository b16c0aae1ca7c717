"""Trade reports, and their state before, for cleaning a range of deliveries.

Belongs here: which earlier reports a delivery can be about, and which events and quotes a bond day
rests on.
Not here: the rules (`trace/`).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.calendar import cutoff, offset
from bondsig_assets.trace.bond_days import lifetimes
from bondsig_assets.trace.events import (
    ID,
    PRINT_COLUMNS,
    PRIOR_EVENT_COLUMNS,
    look_back_start,
    may_be_confirmed_since,
    prior_reports,
    touched_by,
)
from bondsig_assets.warehouse import Warehouse


def _dates_sql(days: list[date]) -> str:
    return ", ".join(f"DATE '{day}'" for day in days) or "NULL"


def earlier_reports(warehouse: Warehouse, reports: pl.DataFrame, start: date) -> pl.DataFrame:
    """Reports of deliveries before `start` that `reports` could be about, and prints their prices
    are compared with.
    """
    before = f"known_date < DATE '{start}'"
    judged = (
        "revision = 0 AND price_verdict IS NOT NULL"
        f" AND known_date >= DATE '{look_back_start(start)}'"
    )
    prints = warehouse.read_table(
        "trade_events", where=f"{judged} AND {before}", columns=PRINT_COLUMNS
    )
    doubted = prints.filter(
        pl.col("price_verdict").is_in(["quarantined", "shifted"])
        & (pl.col("delivery_date") >= may_be_confirmed_since(start))
    )
    days, report_days = touched_by(reports)
    wanted = {*days, *doubted["execution_date"].to_list()}
    bonds = pl.concat([reports["cusip"], doubted["cusip"]]).unique()
    if report_days:
        named = _reports_before(
            warehouse, start, f"report_date IN ({_dates_sql(report_days)})", bonds
        )
        wanted |= set(named["execution_date"].to_list())
    of_days = f"execution_date IN ({_dates_sql(sorted(wanted))})"
    touched = _reports_before(warehouse, start, of_days, bonds)
    events = warehouse.read_table(
        "trade_events", where=f"{of_days} AND {before}", columns=PRIOR_EVENT_COLUMNS
    )
    return prior_reports(touched, events, prints)


def _reports_before(
    warehouse: Warehouse, start: date, where: str, bonds: pl.Series
) -> pl.DataFrame:
    """Reports of some bonds delivered before `start`."""
    return warehouse.read_table(
        "trace_reports", where=f"delivery_date < DATE '{start}' AND {where}"
    ).filter(pl.col("cusip").is_in(bonds.implode()))


def lifetimes_of_days(warehouse: Warehouse, changed: pl.DataFrame, end: date) -> pl.DataFrame:
    """When each report of the execution dates in `changed` counted or was quarantined, as `revise`
    wants it.
    """
    days = _dates_sql(sorted(changed["trade_date"].unique().to_list()))
    events = warehouse.read_table(
        "trade_events",
        where=f"known_date <= DATE '{end}' AND execution_date IN ({days})",
        columns=[
            *ID,
            "revision",
            "known_date",
            "cusip",
            "execution_date",
            "executed_at",
            "price",
            "par_usd",
            "is_par_capped",
            "side",
            "contra",
            "settlement_date",
            "reporting_party",
            "contra_party",
            "reason",
        ],
    )
    return lifetimes(events)


def quotes_of_days(
    warehouse: Warehouse, changed: pl.DataFrame, start: date, end: date
) -> pl.DataFrame:
    """Rows of `bond_day_quotes` that became known with the cutoffs of `start` … `end`, and those
    known by then about the trade dates in `changed`.
    """
    days = _dates_sql(sorted(changed["trade_date"].unique().to_list()))
    return warehouse.read_table(
        "bond_day_quotes",
        where=f"known_at <= TIMESTAMP '{cutoff(end)}' AND"
        f" (known_at > TIMESTAMP '{cutoff(offset(start, -1))}' OR trade_date IN ({days}))",
    )
