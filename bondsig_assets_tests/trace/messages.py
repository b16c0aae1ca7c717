"""TRACE messages and bonds by hand, and a memory that feeds `learn` as the warehouse does.

Belongs here: what the tests of this folder share. Not here: tests. Days are numbered: DAYS[0] is
the first delivery of a story, and an execution day is a number on the same scale.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Any

import polars as pl

from bondsig_assets.tables import TABLES
from bondsig_assets.trace.bond_days import revise, touched
from bondsig_assets.trace.events import learn
from bondsig_assets.trace.screens import ANCHOR_DAYS, daily_medians
from bondsig_assets.trading_calendar import offset, trading_days
from bondsig_assets_tests.rows_of import rows_of

DAYS = trading_days(date(2024, 3, 1), date(2024, 7, 31))
CUSIP = "037833AK6"
ID = ["delivery_date", "record_number"]


def message(day: int, number: str, status: str = "T", *, on: int | None = None, at: time = time(10), **changes: Any) -> dict[str, Any]:
    """One message delivered on DAYS[day] about an execution on DAYS[on] (the same day when not given)."""
    executed = datetime.combine(DAYS[day if on is None else on], at)
    reported = datetime.combine(DAYS[day], time(17))
    return {
        "delivery_date": DAYS[day], "report_date": DAYS[day], "reported_at": reported, "known_at": reported, "delivered_at": reported,
        "execution_date": executed.date(), "executed_at": executed, "message_number": number, "status": status,
        "cusip": CUSIP, "price": 100.0, "par_usd": 100_000.0, "side": "S", "contra": "C", "is_disseminated": True,
    } | changes


def ending(status: str, day: int, trade: dict[str, Any], number: str = "", **changes: Any) -> dict[str, Any]:
    """The X, C or Y delivered on DAYS[day] that repeats the terms of `trade`."""
    told = message(day, number or trade["message_number"], status)
    terms = {name: trade[name] for name in ("cusip", "execution_date", "executed_at", "price", "par_usd", "side", "contra")}
    pointer = {"original_message_number": trade["message_number"]} if status == "Y" else {}
    return told | terms | pointer | changes


def delivered(*messages: dict[str, Any]) -> pl.DataFrame:
    """Messages as `trace_reports`, numbered within each delivery in the order given."""
    counters: dict[date, count] = {}
    numbered = [m | {"record_number": next(counters.setdefault(m["delivery_date"], count(1)))} for m in messages]
    return rows_of("trace_reports", *numbered, view="regulatory")


def bond(cusip: str = CUSIP, **changes: Any) -> pl.DataFrame:
    """Terms of a plain bond known long ago."""
    terms = {
        "cusip": cusip, "offering_date": date(2020, 1, 2), "maturity_date": date(2030, 1, 15), "offering_amount_usd": 5e8,
        "known_at": datetime(2020, 1, 2, 16),
    }
    return rows_of("bonds", terms | changes)


class Memory:
    """`trade_events` and `bond_day_revisions` of the deliveries so far, in memory.

    `earlier_trades`, `earlier_medians` and `trades_of_days` give what the functions of the same names in
    `assets/clean.py` read from the warehouse; a test holds the two together.
    """

    def __init__(self, bonds: pl.DataFrame):
        self.bonds = bonds
        self.events = TABLES["trade_events"].empty()
        self.revisions = TABLES["bond_day_revisions"].empty()

    def earlier_trades(self, reports: pl.DataFrame, start: date) -> pl.DataFrame:
        is_trade = pl.col("status").is_in(["T", "R"])
        days = reports.filter(~is_trade | (pl.col("contra") == "D"))["execution_date"].unique()
        before = self.events.filter((pl.col("delivery_date") < start) & pl.col("execution_date").is_in(days.implode()))
        ended = before.filter(pl.col("status").is_in(["X", "C", "Y"]) & pl.col("closes_record_number").is_not_null()).select(
            delivery_date="closes_delivery_date", record_number="closes_record_number", is_ended=pl.lit(True)
        ).unique()
        return before.filter(is_trade).join(ended, on=ID, how="left").with_columns(pl.col("is_ended").fill_null(False))

    def earlier_medians(self, start: date) -> pl.DataFrame:
        prints = self.events.filter(
            pl.col("delivery_date").is_between(offset(start, -ANCHOR_DAYS), offset(start, -1)) & pl.col("status").is_in(["T", "R"])
        )
        return daily_medians(prints.with_columns(price_as_reported=pl.coalesce("price_as_reported", "price")))

    def trades_of_days(self, changed: pl.DataFrame, end: date) -> pl.DataFrame:
        told = self.events.filter((pl.col("delivery_date") <= end) & pl.col("execution_date").is_in(changed["trade_date"].unique().implode()))
        ended = told.filter(pl.col("closes_record_number").is_not_null()).group_by(
            delivery_date="closes_delivery_date", record_number="closes_record_number"
        ).agg(ended_date=pl.col("delivery_date").min())
        return told.filter(pl.col("reason").is_null()).join(ended, on=ID, how="left")

    def take(self, reports: pl.DataFrame, start: date, end: date) -> None:
        """One run over the deliveries from `start` to `end`."""
        part = reports.filter(pl.col("delivery_date").is_between(start, end))
        events = TABLES["trade_events"].conform(learn(part, self.earlier_trades(part, start), self.earlier_medians(start), self.bonds))
        self.events = pl.concat([self.events, events])
        changed = touched(events)
        revisions = TABLES["bond_day_revisions"].conform(revise(changed, self.trades_of_days(changed, end)))
        self.revisions = pl.concat([self.revisions, revisions]).sort("known_date", "cusip", "trade_date")


def remembered(reports: pl.DataFrame, *ends: int, bonds: pl.DataFrame | None = None) -> Memory:
    """A memory that took `reports` in runs that end on DAYS[ends]; without ends, in one run."""
    memory, start = Memory(bond() if bonds is None else bonds), DAYS[0]
    for end in ends or (len(DAYS) - 1,):
        memory.take(reports, start, DAYS[end])
        start = DAYS[end] + timedelta(days=1)
    return memory


def daily(reports: pl.DataFrame, bonds: pl.DataFrame | None = None) -> Memory:
    """A memory that took `reports` in one run for each day that delivered something."""
    return remembered(reports, *sorted(DAYS.index(day) for day in reports["delivery_date"].unique()), bonds=bonds)


def told(*messages: dict[str, Any], bonds: pl.DataFrame | None = None) -> list[tuple[str | None, str | None]]:
    """For each message its reason and the number of the message it ends; runs day by day and at once must agree."""
    reports = delivered(*messages)
    events = daily(reports, bonds).events
    assert events.equals(remembered(reports, bonds=bonds).events)
    keys = reports.select(ID).rows()
    numbers = dict(zip(keys, (m["message_number"] for m in messages), strict=True))
    found = {(row["delivery_date"], row["record_number"]): row for row in events.iter_rows(named=True)}
    return [(found[key]["reason"], numbers.get((found[key]["closes_delivery_date"], found[key]["closes_record_number"]))) for key in keys]
