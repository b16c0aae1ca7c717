"""What a policy wishes beside the optimiser, and the names of a day.

Belongs here: tranches of the last scores, names that a day's targets are about. Not here:
how a wish becomes targets (`targets.py`), fills and cash.
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


def names_of(universe: pl.DataFrame, held: pl.DataFrame, *, with_hedges: bool) -> pl.DataFrame:
    """`parent_id, ticker, is_in, is_shortable, is_hedge, held_shares, price_usd,
    dollar_volume_usd, borrow_rate_pct, is_priced` of a day, in order of parents: names of
    `universe` and whatever else is held.

    A name that is held and has no row in the universe is out: it gets a target of 0, not none, and
    its last price is the one it was `held` at. `held`: `parent_id, ticker, shares, price_usd`.
    Sector ETFs are names `with_hedges`, or where held.
    """
    own = held.filter(pl.col("shares") != 0)
    named = universe.filter(
        pl.lit(with_hedges) | ~pl.col("is_hedge") | pl.col("parent_id").is_in(own["parent_id"])
    ).select(*_OF_UNIVERSE)
    others = own.join(named, on="parent_id", how="anti").select(
        "parent_id",
        "ticker",
        is_in=pl.lit(value=False),
        is_shortable=pl.lit(value=False),
        is_hedge=pl.lit(value=False),
        borrow_rate_pct=pl.lit(None, pl.Float64),
        price_usd=pl.lit(None, pl.Float64),
        dollar_volume_usd=pl.lit(None, pl.Float64),
    )
    last = held.select("parent_id", held_shares="shares", last_usd="price_usd")
    return (
        pl.concat([named, others])
        .join(last, on="parent_id", how="left")
        .select(
            *_OF_UNIVERSE[:5],
            pl.col("held_shares").fill_null(0).cast(pl.Int64),
            pl.coalesce("price_usd", "last_usd"),
            "dollar_volume_usd",
            "borrow_rate_pct",
            is_priced=pl.col("price_usd").is_not_null(),
        )
        .sort("parent_id")
    )


_OF_UNIVERSE = (
    "parent_id",
    "ticker",
    "is_in",
    "is_shortable",
    "is_hedge",
    "borrow_rate_pct",
    "price_usd",
    "dollar_volume_usd",
)
