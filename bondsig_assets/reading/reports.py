"""Trade reports, and their state before, for cleaning a range of deliveries.

Belongs here: which earlier reports a delivery can be about, and which events and quotes a bond day
rests on.
Not here: the rules (`trace/`).
"""

from __future__ import annotations

from collections.abc import Sequence
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

_BOND_DAY = ("cusip", "execution_date")
#: Columns of `trade_events` that `lifetimes` reads.
LIFETIME_COLUMNS = (
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
)


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
    executed, reported = touched_by(reports)
    delivered = f"delivery_date < DATE '{start}'"
    named = _rows_among(warehouse, "trace_reports", reported, delivered, _BOND_DAY)
    wanted = pl.concat([executed, doubted.select(_BOND_DAY), named.select(_BOND_DAY)]).unique()
    touched = _rows_among(warehouse, "trace_reports", wanted, delivered)
    events = _rows_among(warehouse, "trade_events", wanted, before, PRIOR_EVENT_COLUMNS)
    return prior_reports(touched, events, prints)


def _rows_among(
    warehouse: Warehouse,
    table: str,
    among: pl.DataFrame,
    where: str,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Rows of a table that are about bonds and days in `among`: columns `cusip` and a date."""
    days = _dates_sql(among[among.columns[1]].unique().sort().to_list())
    # Days in the question itself let whole files be left unread.
    listed = f"{where} AND {among.columns[1]} IN ({days})"
    return warehouse.read_table(table, where=listed, among=among, columns=columns)


def lifetimes_of_days(warehouse: Warehouse, changed: pl.DataFrame, end: date) -> pl.DataFrame:
    """When each report of the execution dates in `changed` counted or was quarantined, as `revise`
    wants it.
    """
    wanted = changed.select("cusip", execution_date="trade_date").unique()
    events = _rows_among(
        warehouse, "trade_events", wanted, f"known_date <= DATE '{end}'", LIFETIME_COLUMNS
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
