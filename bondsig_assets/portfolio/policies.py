"""What a policy wishes beside the optimiser.

Belongs here: tranches of the last scores. Not here: how a wish becomes targets (`targets.py`),
fills and cash.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from bondsig_assets.calendar.days import day_number, offset
from bondsig_assets.market_rules import HORIZON

#: Part of a day's names that a tranche is long, and as many short.
OUTER_SHARE = 0.2


def books(scores: pl.DataFrame, gross: float, is_long_only: bool = False) -> pl.DataFrame:
    """`trade_date, parent_id, weight`: each day's names with the outer fifths of `prediction`, long
    the upper and short the lower one, in equal weights that add up to `gross`.

    `scores`: `trade_date, parent_id, prediction`. Names that tie at the edge of a fifth share what
    is left of it, so that no order of names decides; a day on which all tie has no book.
    """
    known = scores.filter(pl.col("prediction").is_finite())
    by_day = pl.len().over("trade_date")
    side = OUTER_SHARE * by_day

    def part(column: pl.Expr) -> pl.Expr:
        """How much of a name lies in the outer fifth counted from the small end of `column`."""
        first = column.rank("min").over("trade_date") - 1
        alike = pl.len().over("trade_date", column)
        return ((side - first) / alike).clip(0.0, 1.0)

    rows = known.with_columns(
        up=part(-pl.col("prediction")),
        down=part(pl.col("prediction")),
    ).with_columns(book=pl.col("up") if is_long_only else pl.col("up") - pl.col("down"))
    total = pl.col("book").abs().sum().over("trade_date")
    return (
        rows.with_columns(
            weight=pl.when(total > 1e-9).then(gross * pl.col("book") / total).otherwise(0.0)
        )
        .select("trade_date", "parent_id", "weight")
        .sort("trade_date", "parent_id")
    )


def tranches(
    scores: pl.DataFrame, start: date, end: date, gross: float, days: int = HORIZON
) -> pl.DataFrame:
    """`trade_date, parent_id, weight` of the trading days `start` … `end`: a fifth of the book of
    each of the last five days' scores (Jegadeesh and Titman 1993, Journal of Finance 48).

    Without costs its gross P&L is exactly the sum of labels times a fifth of the books' weights. A
    day without scores holds no book for its fifth. `scores` must reach back four trading days
    before `start`.
    """
    made = books(scores, gross)
    made = made.with_columns(number=day_number(made["trade_date"]))
    held = pl.concat(
        [made.with_columns(number=pl.col("number") + age, age=pl.lit(age)) for age in range(days)]
    ).sort("number", "parent_id", "age")
    added = held.group_by("number", "parent_id", maintain_order=True).agg(
        weight=pl.col("weight").sum() / days
    )
    first, last = (int(day_number(pl.Series([day]))[0]) for day in (start, end))
    within = added.filter(pl.col("number").is_between(first, last))
    dates = pl.DataFrame(
        {
            "number": range(first, last + 1),
            "trade_date": [offset(start, k) for k in range(last + 1 - first)],
        }
    )
    return within.join(dates, on="number", how="inner", maintain_order="left").select(
        "trade_date", "parent_id", "weight"
    )
