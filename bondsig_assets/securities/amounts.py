"""Par outstanding and call schedules of bonds, as known.

Belongs here: offering amount and its dated history as rectangles, schedules of call prices, and the
reasons why rows of either are refused. Not here: what a call is worth (`bonds/`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from bondsig_assets.calendar import cutoff
from bondsig_assets.securities.master import replaced
from bondsig_assets.securities.rectangles import is_seen

#: Call prices outside this are read as errors of units, % of par.
CALL_PRICES = (50.0, 200.0)


@dataclass(frozen=True)
class Checked:
    """`rows` that can be used, and `faults`: the others as they came, with a `reason`."""

    rows: pl.DataFrame
    faults: pl.DataFrame


def amount_steps(bonds: pl.DataFrame, history: pl.DataFrame | None = None) -> Checked:
    """Par outstanding: `cusip, amount_usd, valid_from_date, valid_to_date, known_at, known_until`,
    one row seen on any day.

    `bonds`: `cusip, offering_date, maturity_date, offering_amount_usd, known_at`; `history`:
    `cusip, effective_date, amount_usd, known_at`, each the amount from that day on. The newest
    effective on or before a day counts, once known; of two with one effective date the one known
    later. Nothing is outstanding from maturity. Faults: 'no terms for this bond', 'no effective
    date', 'no knowledge time', 'amount missing or negative', 'effective at or after maturity', 'two
    amounts for one date and moment'.
    """
    offered = bonds.select(
        "cusip",
        pl.col("offering_amount_usd").alias("amount_usd"),
        pl.col("offering_date").alias("valid_from_date"),
        "maturity_date",
        "known_at",
    ).filter(pl.col("amount_usd") >= 0)
    if history is None:
        history = pl.DataFrame(
            schema={
                "cusip": pl.String,
                "effective_date": pl.Date,
                "amount_usd": pl.Float64,
                "known_at": pl.Datetime("us"),
            }
        )
    judged = history.join(
        bonds.select("cusip", "maturity_date", is_known=True),
        on="cusip",
        how="left",
        maintain_order="left",
    ).with_columns(
        reason=(
            pl.when(pl.col("is_known").is_null())
            .then(pl.lit("no terms for this bond"))
            .when(pl.col("effective_date").is_null())
            .then(pl.lit("no effective date"))
            .when(pl.col("known_at").is_null())
            .then(pl.lit("no knowledge time"))
            .when(~(pl.col("amount_usd") >= 0).fill_null(False))
            .then(pl.lit("amount missing or negative"))
            .when(pl.col("effective_date") >= pl.col("maturity_date"))
            .then(pl.lit("effective at or after maturity"))
            .when(
                pl.col("amount_usd")
                .drop_nulls()
                .n_unique()
                .over("cusip", "effective_date", "known_at")
                > 1
            )
            .then(pl.lit("two amounts for one date and moment"))
        )
    )
    good = judged.filter(pl.col("reason").is_null()).select(
        "cusip",
        pl.col("amount_usd").cast(pl.Float64),
        pl.col("effective_date").alias("valid_from_date"),
        "maturity_date",
        "known_at",
    )
    # A history row of the offering date says better what the terms say, so it takes their place;
    # known together, it stands alone.
    rows = pl.concat(
        [
            good,
            offered.join(good, on=["cusip", "valid_from_date", "known_at"], how="anti").select(
                good.columns
            ),
        ]
    ).unique(maintain_order=True)
    dated = rows.with_columns(
        valid_to_date=pl.col("maturity_date") - pl.duration(days=1),
        known_at=pl.col("known_at").cast(pl.Datetime("us")),
    )
    steps = replaced(dated, "cusip").select(
        "cusip", "amount_usd", "valid_from_date", "valid_to_date", "known_at", "known_until"
    )
    return Checked(
        steps, judged.filter(pl.col("reason").is_not_null()).select(*history.columns, "reason")
    )


def amounts_on(steps: pl.DataFrame, day: date, moment: datetime | None = None) -> pl.DataFrame:
    """`cusip, amount_usd` outstanding on `day` as known at `moment` (the day's cutoff when not
    given); `steps` of `amount_steps`.
    """
    return steps.filter(is_seen(day, moment)).select("cusip", "amount_usd").sort("cusip")


def call_schedules(calls: pl.DataFrame, bonds: pl.DataFrame) -> Checked:
    """Call prices that can be used: `cusip, call_date, call_price, known_at, known_until`.

    `calls`: `cusip, call_date, call_price (% of par), known_at`; a row known later replaces that of
    the same call date. `bonds`: `cusip, offering_date, maturity_date`. Faults: 'no terms for this
    bond', 'no call date', 'no knowledge time', 'price missing', 'price outside 50 to 200',
    'callable before it was offered', 'callable after maturity', 'two prices for one date and
    moment'.
    """
    low, high = CALL_PRICES
    terms = bonds.select("cusip", "offering_date", "maturity_date", is_known=True)
    judged = calls.join(terms, on="cusip", how="left", maintain_order="left").with_columns(
        reason=(
            pl.when(pl.col("is_known").is_null())
            .then(pl.lit("no terms for this bond"))
            .when(pl.col("call_date").is_null())
            .then(pl.lit("no call date"))
            .when(pl.col("known_at").is_null())
            .then(pl.lit("no knowledge time"))
            .when(pl.col("call_price").is_null() | pl.col("call_price").is_nan())
            .then(pl.lit("price missing"))
            .when(~pl.col("call_price").is_between(low, high))
            .then(pl.lit(f"price outside {low:g} to {high:g}"))
            .when(pl.col("call_date") < pl.col("offering_date"))
            .then(pl.lit("callable before it was offered"))
            .when(pl.col("call_date") > pl.col("maturity_date"))
            .then(pl.lit("callable after maturity"))
            .when(
                pl.col("call_price").drop_nulls().n_unique().over("cusip", "call_date", "known_at")
                > 1
            )
            .then(pl.lit("two prices for one date and moment"))
        )
    )
    good = (
        judged.filter(pl.col("reason").is_null())
        .select("cusip", "call_date", "call_price", "known_at")
        .unique(maintain_order=True)
    )
    ordered = good.sort("cusip", "call_date", "known_at")
    rows = ordered.with_columns(known_until=pl.col("known_at").shift(-1).over("cusip", "call_date"))
    return Checked(
        rows, judged.filter(pl.col("reason").is_not_null()).select(*calls.columns, "reason")
    )


def calls_on(schedules: pl.DataFrame, day: date, moment: datetime | None = None) -> pl.DataFrame:
    """`cusip, call_date, call_price` still to come on `day`, as known at `moment` (the day's cutoff
    when not given).
    """
    moment = cutoff(day) if moment is None else moment
    known = (pl.col("known_at") <= moment) & (
        pl.col("known_until").is_null() | (pl.col("known_until") > moment)
    )
    return (
        schedules.filter(known & (pl.col("call_date") >= day))
        .select("cusip", "call_date", "call_price")
        .sort("cusip", "call_date")
    )
