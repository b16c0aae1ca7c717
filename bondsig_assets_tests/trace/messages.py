"""TRACE messages and bonds by hand, and tables in memory that feed `events_of_deliveries` as the
warehouse does.

Belongs here: what the tests of this folder share. Not here: tests. Days are numbered: DAYS[0] is
the first delivery of a story, and an execution day is a number on the same scale.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

import polars as pl

from bondsig_assets.calendar import trading_days
from bondsig_assets.tables import TABLES
from bondsig_assets.trace import Screens
from bondsig_assets.trace.bond_days import lifetimes, revise, touched_days
from bondsig_assets.trace.events import (
    GRAPH,
    PRINT_COLUMNS,
    PRIOR_EVENT_COLUMNS,
    events_of_deliveries,
    look_back_start,
    may_be_confirmed_since,
    prior_reports,
    touched_by,
)
from bondsig_assets_tests.rows_of import rows_of

DAYS = trading_days(date(2024, 3, 1), date(2024, 7, 31))
CUSIP = "037833AK6"
ID = ["delivery_date", "record_number"]


def message(
    day: int,
    number: str,
    status: str = "T",
    *,
    on: int | None = None,
    at: time = time(10),
    **changes: Any,
) -> dict[str, Any]:
    """One message delivered on DAYS[day] about an execution on DAYS[on] (the same day when not
    given).
    """
    executed = datetime.combine(DAYS[day if on is None else on], at)
    reported = datetime.combine(DAYS[day], time(17))
    return {
        "delivery_date": DAYS[day],
        "report_date": DAYS[day],
        "reported_at": reported,
        "known_at": reported,
        "delivered_at": reported,
        "execution_date": executed.date(),
        "executed_at": executed,
        "message_number": number,
        "status": status,
        "cusip": CUSIP,
        "price": 100.0,
        "par_usd": 100_000.0,
        "side": "S",
        "contra": "C",
        "is_disseminated": True,
    } | changes


def ending(
    status: str, day: int, trade: dict[str, Any], number: str = "", **changes: Any
) -> dict[str, Any]:
    """The X, C or Y delivered on DAYS[day] that repeats the terms of `trade`."""
    message_of_end = message(day, number or trade["message_number"], status)
    terms = {
        name: trade[name]
        for name in ("cusip", "execution_date", "executed_at", "price", "par_usd", "side", "contra")
    }
    pointer = {"original_message_number": trade["message_number"]} if status == "Y" else {}
    return message_of_end | terms | pointer | changes


def delivered(*messages: dict[str, Any]) -> pl.DataFrame:
    """Messages as `trace_reports`, numbered within each delivery in the order given."""
    counters: dict[date, count] = {}
    numbered = [
        m | {"record_number": next(counters.setdefault(m["delivery_date"], count(1)))}
        for m in messages
    ]
    return rows_of("trace_reports", *numbered, view="regulatory")


def bond(cusip: str = CUSIP, **changes: Any) -> pl.DataFrame:
    """Terms of a plain bond known long ago."""
    terms = {
        "cusip": cusip,
        "offering_date": date(2020, 1, 2),
        "maturity_date": date(2030, 1, 15),
        "offering_amount_usd": 5e8,
        "known_at": datetime(2020, 1, 2, 16),
    }
    return rows_of("bonds", terms | changes)


class TablesInMemory:
    """`trace_reports`, `trade_events` and `bond_day_revisions` of the deliveries so far, in
    memory.

    `earlier_reports` and `lifetimes_of_days` give what the functions of the same names in
    `reading/reports.py` read from the warehouse; a test holds the two together.
    """

    def __init__(self, bonds: pl.DataFrame, screens: Screens = GRAPH):
        self.bonds, self.screens = bonds, screens
        self.reports = TABLES["trace_reports"].empty()
        self.events = TABLES["trade_events"].empty()
        self.revisions = TABLES["bond_day_revisions"].empty()

    def earlier_reports(self, reports: pl.DataFrame, start: date) -> pl.DataFrame:
        before = self.events.filter(pl.col("known_date") < start)
        prints = before.filter(
            (pl.col("revision") == 0)
            & pl.col("price_verdict").is_not_null()
            & (pl.col("known_date") >= look_back_start(start))
        )
        doubted = prints.filter(
            pl.col("price_verdict").is_in(["quarantined", "shifted"])
            & (pl.col("delivery_date") >= may_be_confirmed_since(start))
        )
        executed, reported = touched_by(reports)
        pair = ["cusip", "execution_date"]
        earlier = self.reports.filter(pl.col("delivery_date") < start)
        named = earlier.join(reported, on=["cusip", "report_date"], how="semi")
        wanted = pl.concat([executed, doubted.select(pair), named.select(pair)]).unique()
        return prior_reports(
            earlier.join(wanted, on=pair, how="semi", maintain_order="left"),
            before.join(wanted, on=pair, how="semi", maintain_order="left").select(
                PRIOR_EVENT_COLUMNS
            ),
            prints.select(PRINT_COLUMNS),
        )

    def lifetimes_of_days(self, changed: pl.DataFrame, end: date) -> pl.DataFrame:
        wanted = changed.select("cusip", execution_date="trade_date").unique()
        return lifetimes(
            self.events.filter(pl.col("known_date") <= end).join(
                wanted, on=["cusip", "execution_date"], how="semi", maintain_order="left"
            )
        )

    def take(self, reports: pl.DataFrame, start: date, end: date) -> None:
        """One run over the deliveries from `start` to `end`."""
        part = reports.filter(pl.col("delivery_date").is_between(start, end))
        events = TABLES["trade_events"].conform(
            events_of_deliveries(part, self.earlier_reports(part, start), self.bonds, self.screens)
        )
        self.reports, self.events = (
            pl.concat([self.reports, part]),
            pl.concat([self.events, events]),
        )
        changed = touched_days(events)
        revisions = TABLES["bond_day_revisions"].conform(
            revise(changed, self.lifetimes_of_days(changed, end))
        )
        self.revisions = pl.concat([self.revisions, revisions]).sort(
            "known_date", "cusip", "trade_date"
        )


def processed(
    reports: pl.DataFrame, *ends: int, bonds: pl.DataFrame | None = None, screens: Screens = GRAPH
) -> TablesInMemory:
    """Tables that took `reports` in runs that end on DAYS[ends]; without ends, in one run."""
    tables, start = TablesInMemory(bond() if bonds is None else bonds, screens), DAYS[0]
    for end in ends or (len(DAYS) - 1,):
        tables.take(reports, start, DAYS[end])
        start = DAYS[end] + timedelta(days=1)
    return tables


def daily(reports: pl.DataFrame, bonds: pl.DataFrame | None = None) -> TablesInMemory:
    """Tables that took `reports` in one run for each day that delivered something."""
    return processed(
        reports, *sorted(DAYS.index(day) for day in reports["delivery_date"].unique()), bonds=bonds
    )


def arrivals(events: pl.DataFrame) -> pl.DataFrame:
    """Each report as it was on arrival."""
    return events.filter(pl.col("revision") == 0).sort(ID)


def newest(events: pl.DataFrame) -> pl.DataFrame:
    """Each report as it is now."""
    return events.sort(*ID, "revision").group_by(ID, maintain_order=True).last()
