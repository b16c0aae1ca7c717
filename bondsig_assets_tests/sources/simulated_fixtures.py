"""Simulated markets for the tests, made once a process, and what several tests look up in them."""

from __future__ import annotations

from functools import lru_cache

import polars as pl

from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.worlds import world

#: What a cancel, correction or reversal repeats of the report it ends.
TERMS = ["cusip", "execution_date", "executed_at", "price", "par_usd", "side", "contra"]
#: Identifies a report within one market, whatever the view.
REPORT = ["report_date", "message_number", "status", "cusip", "execution_date"]


def fresh(
    view: str = "live", name: str = "tiny", seed: int = 1, lead_strength: float = 0.2
) -> SimulatedSource:
    """A source nobody has asked anything yet."""
    return SimulatedSource(world(name, seed, lead_strength), view)


@lru_cache(maxsize=8)
def shared(view: str = "live", name: str = "tiny", seed: int = 1) -> SimulatedSource:
    """A source shared by the tests of a process."""
    return fresh(view, name, seed)


@lru_cache(maxsize=8)
def all_reports(view: str = "regulatory", seed: int = 1) -> pl.DataFrame:
    """Every report of the tiny world with its truth and `day` and `execution_day`, positions on its
    calendar.
    """
    source = shared(view, seed=seed)
    delivery = source.daily("trace_reports", *source.date_range())
    calendar = (
        pl.DataFrame({"date": source.world.days()})
        .with_row_index("day")
        .with_columns(pl.col("day").cast(pl.Int64))
    )
    return (
        delivery.rows.join(
            delivery.truth["report_truths"], on=["delivery_date", "record_number"], validate="1:1"
        )
        .join(calendar.rename({"date": "delivery_date"}), on="delivery_date")
        .join(
            calendar.rename({"date": "execution_date", "day": "execution_day"}), on="execution_date"
        )
        .sort("delivery_date", "record_number")
    )


def endings(reports: pl.DataFrame) -> pl.DataFrame:
    """Each X, C and Y beside the T or R that it points to by report date and number (`…_ended`
    columns).
    """
    number = (
        pl.when(pl.col("status") == "Y").then("original_message_number").otherwise("message_number")
    )
    ending = reports.filter(pl.col("status").is_in(["X", "C", "Y"])).with_columns(points_to=number)
    ended = reports.filter(pl.col("status").is_in(["T", "R"]))
    return ending.join(
        ended,
        left_on=["prior_report_date", "points_to"],
        right_on=["report_date", "message_number"],
        suffix="_ended",
        how="left",
        validate="1:1",
        coalesce=False,
    )
