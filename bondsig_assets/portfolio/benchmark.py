"""What a long-only book is held against: its own universe in equal weights.

Belongs here: daily returns of that benchmark. Not here: the benchmark as a bound of the optimiser
(`targets.py`), figures of what a book earned beyond it (`figures.py`).

An index by market value would call it skill that small names rose: the benchmark is weighted as the
book is allowed to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from bondsig_assets.calendar.days import day_number
from bondsig_assets.portfolio.attribution_days import DECISION_LAG


def benchmark_returns(
    universe: pl.DataFrame, returns: pl.DataFrame, days: Sequence[date]
) -> pl.DataFrame:
    """`trade_date, benchmark_return, n_names, n_without` of each of `days`, in order: the mean of
    simple returns over names that were in the universe two trading days before, when a book that
    earns on the day was decided; null where none has a return. Before costs.

    `universe`: `trade_date, parent_id, is_in`; `returns`: `trade_date, parent_id, simple_return`
    as shares, delisting returns included. `n_without`: names of the universe without a return.
    """
    inside = universe.filter("is_in").select(
        "parent_id", number=day_number(universe.filter("is_in")["trade_date"]) + DECISION_LAG
    )
    earned = returns.select("parent_id", "simple_return", number=day_number(returns["trade_date"]))
    by_day = (
        inside.join(earned, on=["parent_id", "number"], how="left")
        .sort("number", "parent_id")
        .group_by("number", maintain_order=True)
        .agg(
            benchmark_return=pl.col("simple_return").filter(pl.col("simple_return").is_finite()),
            n_names=pl.len().cast(pl.Int64),
        )
        .with_columns(
            benchmark_return=pl.col("benchmark_return").list.mean(),
            n_without=pl.col("n_names") - pl.col("benchmark_return").list.len().cast(pl.Int64),
        )
    )
    wanted = pl.DataFrame({"trade_date": pl.Series(list(days), dtype=pl.Date)})
    return (
        wanted.with_columns(number=day_number(wanted["trade_date"]))
        .join(by_day, on="number", how="left", maintain_order="left")
        .select(
            "trade_date",
            "benchmark_return",
            pl.col("n_names").fill_null(0),
            pl.col("n_without").fill_null(0),
        )
    )
