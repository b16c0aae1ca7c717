"""Reports by hand and what cleaning makes of them, in a line each.

Belongs here: what the tests of this folder share. Not here: tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from bondsig_assets.tables import TABLES
from bondsig_assets.trace import Screens, clean
from bondsig_assets.trace.options import screens_named
from bondsig_assets.trace.order import order_of_knowledge, with_known_at
from bondsig_assets.trace.reports import REPORT_SCHEMA
from bondsig_assets_tests.trace.messages import ID, TablesInMemory, newest

CUSIP = "037833AK6"
OLD, NEW = date(2010, 3, 1), date(2014, 3, 3)


def report(
    day: date,
    number: str | None,
    status: str = "T",
    *,
    on: date | None = None,
    at: str = "10:00:00",
    reported: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A report of `day`, made a minute after its execution `at` (or at `reported`), of an execution
    `on` that day or another.
    """
    executed = datetime.combine(on or day, time.fromisoformat(at))
    reported = (
        datetime.combine(day, time.fromisoformat(reported))
        if reported
        else datetime.combine(day, executed.time()) + timedelta(minutes=1)
    )
    return {
        "feed": "enhanced",
        "report_date": day,
        "reported_at": reported,
        "execution_date": executed.date(),
        "executed_at": executed,
        "message_number": number,
        "status": status,
        "cusip": CUSIP,
        "price": 100.0,
        "par_usd": 100_000.0,
        "side": "S",
        "contra": "C",
    } | changes


def again(
    trade: dict[str, Any],
    status: str,
    number: str | None,
    *,
    day: date | None = None,
    reported: str = "16:00:00",
    points: bool = True,
    **changes: Any,
) -> dict[str, Any]:
    """A message about `trade` that repeats its terms, under its own number; it points back unless
    asked not to.
    """
    day = day or trade["report_date"]
    pointer = {"original_message_number": trade["message_number"]} if points else {}
    return (
        trade
        | {
            "report_date": day,
            "reported_at": datetime.combine(day, time.fromisoformat(reported)),
            "message_number": number,
            "status": status,
        }
        | pointer
        | changes
    )


def frame(*reports: dict[str, Any]) -> pl.DataFrame:
    """The reports as a frame of REPORT_SCHEMA; `row` is their place in the story."""
    schema = {name: dtype for name, dtype in REPORT_SCHEMA.items() if name != "row"}
    return (
        pl.DataFrame(
            [{name: story.get(name) for name in schema} for story in reports], schema=schema
        )
        .with_row_index("row")
        .cast({"row": pl.Int64})
    )


def outcomes(
    *reports: dict[str, Any], screens: str | Screens = "none", **options: Any
) -> list[str]:
    """What became of each report: "trade", or "reason" or "reason < n", n being the report that
    caused it.
    """
    result = clean(frame(*reports), screens=screens, **options)
    became = dict.fromkeys(result.trades["row"], "trade")
    for row, reason, cause in result.rejected.select("row", "reason", "cause_row").iter_rows():
        became[row] = reason if cause is None else f"{reason} < {cause}"
    assert sorted(became) == list(range(len(reports)))
    in_order = [became[row] for row in range(len(reports))]
    # The warehouse has no reports without a number.
    if not options and all(story["message_number"] for story in reports):
        assert _from_deliveries(reports, screens_named(screens)) == in_order
    return in_order


def _from_deliveries(reports: Sequence[dict[str, Any]], screens: Screens) -> list[str]:
    """The same from the warehouse's table of events, one run for each report date."""
    numbered = frame(*reports).with_columns(delivery_date="report_date")
    numbered = with_known_at(numbered)[order_of_knowledge(with_known_at(numbered))].with_columns(
        record_number=pl.int_range(1, pl.len() + 1).over("delivery_date")
    )
    lacking = [
        pl.lit(None, dtype).alias(name)
        for name, dtype in TABLES["trace_reports"].polars_schema.items()
        if name not in numbered.columns
    ]
    deliveries = numbered.with_columns(lacking).select(TABLES["trace_reports"].column_names)
    tables = TablesInMemory(TABLES["bonds"].empty(), screens)
    for day in numbered["delivery_date"].unique().sort():
        tables.take(deliveries, day, day)
    places = dict(zip(numbered.select(ID).rows(), numbered["row"], strict=True))
    outcomes = {}
    for row in newest(tables.events).iter_rows(named=True):
        cause = places.get((row["cause_delivery_date"], row["cause_record_number"]))
        outcomes[places[row["delivery_date"], row["record_number"]]] = (
            row["reason"] or "trade"
        ) + ("" if cause is None else f" < {cause}")
    return [outcomes[row] for row in range(len(reports))]
