"""Small frames of declared tables for the warehouse tests, and the processes that write them.

Belongs here: what more than one test module of this folder needs. Not here: tests.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from bondsig_assets.warehouse import Warehouse, Write

FIRST = date(2024, 1, 1)
KNOWN = datetime(2024, 1, 2, 18, 30, 0, 123456)


def day(number: int) -> date:
    """The day `number` days after FIRST."""
    return FIRST + timedelta(days=number)


def predictions(first: int, last: int, value: float = 0.0, issuers: int = 3) -> pl.DataFrame:
    """One prediction an issuer for each day from `first` to `last`."""
    rows = [
        (f"P{issuer}", f"T{issuer}", day(number))
        for number in range(first, last + 1)
        for issuer in range(issuers)
    ]
    frame = pl.DataFrame(
        rows,
        schema={"parent_id": pl.String, "ticker": pl.String, "trade_date": pl.Date},
        orient="row",
    )
    return frame.with_columns(
        model_name=pl.lit("ridge"),
        model_version=pl.lit("ridge-1"),
        prediction=pl.lit(value),
        probability_underperform=pl.lit(0.5),
        is_informed=pl.lit(True),
        known_at=pl.lit(KNOWN),
    )


def coefficients(days: int, value: float = 0.0) -> pl.DataFrame:
    """Rows of a table that is replaced whole."""
    return pl.DataFrame(
        {
            "trade_date": [day(number) for number in range(days)],
            "model_name": "ridge",
            "horizon_days": 5,
            "information_coefficient": value,
            "n_issuers": 3,
            "size_weighted_ic": value,
            "tied_rank_ic": value,
        },
        schema_overrides={"n_issuers": pl.Int64, "horizon_days": pl.Int64},
    )


def quarantined(table: str, numbers: list[int], days: list[date | None]) -> pl.DataFrame:
    """Rows set aside from `table`."""
    return pl.DataFrame(
        {
            "table_name": table,
            "partition_date": days,
            "source_name": "s",
            "row_number": numbers,
            "reason": "bad",
            "row_text": "{}",
        },
        schema_overrides={"partition_date": pl.Date, "table_name": pl.String},
    )


def span(first: int, last: int) -> tuple[date, date]:
    """The closed range of days."""
    return day(first), day(last)


def write_predictions(warehouse: Warehouse, first: int, last: int, value: float = 0.0) -> int:
    """Replace those days of predictions; the snapshot that made."""
    warehouse.replace(Write("predictions", predictions(first, last, value), span(first, last)))
    return warehouse.snapshot_id()


def values_by_day(warehouse: Warehouse, **more) -> dict[date, float]:
    """The value of each day of predictions, which must be the same for all issuers."""
    days = (
        warehouse.read_table("predictions", **more)
        .group_by("trade_date")
        .agg(pl.col("prediction").unique())
    )
    return {when: values[0] for when, values in days.iter_rows() if len(values) == 1}


def write_versions_for_ever(home: Path, ready) -> None:
    """Replace two tables together, over and over, each time with the next value; `ready` from the
    first commit on.
    """
    warehouse = Warehouse(home)
    version = warehouse.read("SELECT max(prediction) AS version FROM predictions")["version"][0]
    while True:
        version += 1.0
        warehouse.replace(
            Write("predictions", predictions(0, 9, version, issuers=200), span(0, 9)),
            Write("information_coefficients", coefficients(10, version)),
        )
        ready.set()


def write_days(home: Path, numbers: list[int]) -> None:
    """Write the given days one by one, each day's value its number."""
    warehouse = Warehouse(home)
    for number in numbers:
        warehouse.replace(
            Write("predictions", predictions(number, number, float(number)), span(number, number))
        )


def hold_a_read_open(home: Path, ready, done) -> None:
    """Read twice in one transaction, once before and once after `done`, and fail when the answers
    differ.
    """
    with Warehouse(home)._lake.reading() as warehouse:
        warehouse.execute("BEGIN")
        before = warehouse.execute("SELECT count(*) FROM predictions").fetchall()
        ready.set()
        done.wait(60)
        assert warehouse.execute("SELECT count(*) FROM predictions").fetchall() == before


def hold_the_lock(home: Path, ready, done) -> None:
    """Stand in the middle of a write until `done`."""
    with Warehouse(home)._lake.writing("could not write") as warehouse:
        warehouse.execute("BEGIN")
        warehouse.execute("DELETE FROM predictions")
        ready.set()
        done.wait(60)


def read_in_a_child(home: Path, answers) -> None:
    """Count the predictions, in a forked child."""
    answers.put(Warehouse(home).read("SELECT count(*) AS n FROM predictions")["n"][0])
