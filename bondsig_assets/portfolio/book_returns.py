"""Daily returns of books out of the ledger's days.

Belongs here: rows of `portfolio_days` as returns, costs and exposures. Not here: figures of them
(`performance.py`, `figures.py`), booking (`ledger_entries` are where all of it comes from).

A day's gain is the change of the net asset value less the morning's flow; its base is the net asset
value of the evening before and that flow. So the first day has a return, the costs of the first
trades over the money the book began with, and a deposit is no gain.
"""

from __future__ import annotations

import polars as pl

from bondsig_assets.calendar import offset
from bondsig_assets.calendar.days import day_number
from bondsig_assets.errors import UserError

#: What trading cost, among the changes of a day; borrow is what holding cost.
TRADING_COSTS = ("commissions", "fees", "spread", "impact")
#: Flows: not earned.
FLOW = "capital"
_KEY = ["policy", "trade_date"]


def e4(column: str) -> pl.Expr:
    """A column of dollars as the ledger's integer of 1e-4."""
    return (pl.col(column) * 1e4).round().cast(pl.Int64)


def book_returns(days: pl.DataFrame) -> pl.DataFrame:
    """A row a policy and trading day, in that order, from rows of `portfolio_days`:

    `base_usd, pnl_usd, gross_pnl_usd` (before trading costs and borrow), `trading_cost_usd,
    borrow_cost_usd` (above 0), `traded_usd`; `net_return, gross_return, turnover` over the base and
    `long, short, gross, net` over the net asset value, shares; null where what they are taken of is
    not above 0, as after a book has lost all.

    Raises UserError where a book lacks a trading day between its first and last: days on which
    nothing happened count, and a hole would be taken for none.
    """
    rows = days.sort(_KEY)
    _refuse_holes(rows)
    costs = -sum((e4(f"{name}_usd") for name in TRADING_COSTS), pl.lit(0, dtype=pl.Int64))
    base = e4("nav_before_usd") + e4(f"{FLOW}_usd")
    # Integers first: the difference of two large doubles is not the gain to 1e-4.
    found = rows.select(
        *_KEY,
        "state",
        base=base,
        pnl=e4("nav_usd") - base,
        trading=costs,
        borrow=-e4("borrow_usd"),
        traded=e4("traded_usd"),
        nav=e4("nav_usd"),
        up=e4("long_usd"),
        down=e4("short_usd"),
    )
    over, held = (pl.when(pl.col(one) > 0).then(pl.col(one)) for one in ("base", "nav"))
    return found.select(
        *_KEY,
        "state",
        base_usd=pl.col("base") / 1e4,
        pnl_usd=pl.col("pnl") / 1e4,
        gross_pnl_usd=pl.sum_horizontal("pnl", "trading", "borrow") / 1e4,
        trading_cost_usd=pl.col("trading") / 1e4,
        borrow_cost_usd=pl.col("borrow") / 1e4,
        traded_usd=pl.col("traded") / 1e4,
        net_return=pl.col("pnl") / over,
        gross_return=pl.sum_horizontal("pnl", "trading", "borrow") / over,
        turnover=pl.col("traded") / over,
        long=pl.col("up") / held,
        short=pl.col("down") / held,
        gross=(pl.col("up") - pl.col("down")) / held,
        net=(pl.col("up") + pl.col("down")) / held,
    )


def _refuse_holes(rows: pl.DataFrame) -> None:
    """Raises UserError for a book with a trading day missing, or twice."""
    if rows.is_empty():
        return
    step = rows.select(*_KEY, number=day_number(rows["trade_date"])).with_columns(
        gap=pl.col("number").diff().over("policy")
    )
    wrong = step.filter(pl.col("gap") != 1)
    if wrong.is_empty():
        return
    policy, day, gap = wrong.select("policy", "trade_date", "gap").row(0)
    if gap < 1:
        raise UserError(f"portfolio_days has {day} of {policy} twice, or a day without trading")
    missing = offset(day, -1)
    raise UserError(
        f"portfolio_days of {policy} lacks {gap - 1} trading days up to {missing}: run them, a hole"
        " would count as days without a return"
    )
