"""TRACE messages of both regimes by hand, and what a recipe makes of them.

Belongs here: what the tests of this folder share. Not here: tests.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl

from bondsig_assets.trace.recipes import RECIPES
from bondsig_assets.trace.reports import REPORT_SCHEMA, as_reports

CUSIP = "037833AK6"
OLD, NEW = date(2010, 6, 1), date(2016, 6, 1)
BUY, SELL = {"side": "B", "contra": "D"}, {"side": "S", "contra": "D"}


def message(
    number: str,
    status: str = "T",
    *,
    day: date = NEW,
    reported: date | None = None,
    at: time = time(10),
    **changes: Any,
) -> dict[str, Any]:
    """A customer's trade of 100,000 at 100 on `day`; `changes` by canonical name."""
    report_date = reported or day
    return {
        "cusip": CUSIP,
        "bond_symbol": "AAPL.GA",
        "feed": "enhanced",
        "status": status,
        "message_number": number,
        "execution_date": day,
        "executed_at": datetime.combine(day, at),
        "report_date": report_date,
        "reported_at": datetime.combine(report_date, time(17)),
        "price": 100.0,
        "par_usd": 100_000.0,
        "side": "S",
        "contra": "C",
        "is_when_issued": False,
    } | changes


def old(number: str, status: str = "T", **changes: Any) -> dict[str, Any]:
    """A message of before the cut; `points` is the number it points at."""
    points = {"original_message_number": changes.pop("points")} if "points" in changes else {}
    return message(number, status, **({"day": OLD} | changes)) | points


def again(
    trade: dict[str, Any], status: str, number: str | None = None, **changes: Any
) -> dict[str, Any]:
    """The message that ends `trade` by repeating its terms; a Y has its own number and points
    back.
    """
    pointer = {"original_message_number": trade["message_number"]} if status == "Y" else {}
    return (
        trade
        | {"status": status, "message_number": number or trade["message_number"]}
        | pointer
        | changes
    )


def prices(
    *values: float, start: date = date(2016, 6, 1), cusip: str = CUSIP, **changes: Any
) -> list[dict[str, Any]]:
    """One trade a day at each of `values`, on consecutive trading days."""
    days, day = [], start
    while len(days) < len(values):
        if day.weekday() < 5 and day != date(2016, 7, 4):
            days.append(day)
        day += timedelta(days=1)
    return [
        message(str(n), day=on, price=value, cusip=cusip, **changes)
        for n, (on, value) in enumerate(zip(days, values, strict=True))
    ]


def frame(*messages: dict[str, Any]) -> pl.DataFrame:
    """Messages as canonical reports, `row` in the order given."""
    rows = [dict.fromkeys(REPORT_SCHEMA) | dict(row=row) | m for row, m in enumerate(messages)]
    return as_reports(pl.DataFrame(rows, schema=REPORT_SCHEMA)).collect()


def reasons(
    recipe: str, *messages: dict[str, Any], bonds: pl.DataFrame | None = None
) -> list[str | None]:
    """Why `recipe` drops each message (null: it keeps it)."""
    answer = RECIPES[recipe](frame(*messages), bonds)
    assert answer.columns == ["row", "reason", "price"] and answer["row"].to_list() == list(
        range(len(messages))
    )
    return answer["reason"].to_list()
