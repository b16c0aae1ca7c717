"""The state of a book between two days: what is held, owed and ordered; and from its tables again.

Belongs here: the book after a day, an empty one, one rebuilt from rows. Not here: what a day does
to it (`trading_day.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.errors import LedgerError
from bondsig_assets.portfolio.awaited import (
    Awaited,
    after_session,
    awaited_of,
    joined,
    nothing_awaited,
)
from bondsig_assets.portfolio.broker import OpenOrders, no_orders, open_orders
from bondsig_assets.portfolio.ledger import units, value

#: Kinds of entries that are still to be paid until their settle date.
_DIVIDENDS = ("dividend", "dividend_on_short")


@dataclass(frozen=True)
class Dues:
    """Dividends that went ex and are not paid yet, arrays [due]: units, below 0 where owed."""

    parents: list[str]
    tickers: list[str]
    amount_e4: Ints
    settle_dates: np.ndarray

    @property
    def receivable_e4(self) -> int:
        """What is to come."""
        return int(np.maximum(self.amount_e4, 0).sum())

    @property
    def payable_e4(self) -> int:
        """What is owed, not below 0."""
        return int(np.maximum(-self.amount_e4, 0).sum())

    def take(self, which: Bools) -> Dues:
        """Those of them."""
        at = np.flatnonzero(which)
        return Dues(
            [self.parents[k] for k in at],
            [self.tickers[k] for k in at],
            self.amount_e4[at],
            self.settle_dates[at],
        )


@dataclass(frozen=True)
class Ended:
    """Positions that a delisting ended, so that a return told later corrects it: value at the last
    mark and what was paid, in units; the return as a share.
    """

    parent_id: str
    ticker: str
    last_trade_date: date
    value_e4: int
    paid_e4: int
    rate: float
    is_assumed: bool

    @property
    def key(self) -> tuple[str, str, date]:
        """What tells it from others."""
        return self.parent_id, self.ticker, self.last_trade_date


@dataclass(frozen=True)
class Books:
    """A book after `trade_date`; arrays [position], in order of parents, none of 0 shares.

    `price_e4`: marks in units, 0 where there never was a price; `price_dates`: their days, `growth`
    product of 1 + total return since. `orders` are good for the next session; `past` are those of
    the session of `trade_date` and older ones that are still waited for; `seen`: order and report
    of each fill booked on `trade_date` or for one of `past`. `state`: new (nothing yet), open or
    stopped.
    """

    policy: str
    trade_date: date | None
    state: str
    parents: list[str]
    tickers: list[str]
    shares: Ints
    price_e4: Ints
    price_dates: np.ndarray
    growth: Floats
    shares_outstanding: Floats
    is_quarantined: Bools
    borrow_rate_pct: Floats
    is_borrow_assumed: Bools
    cash_e4: int
    dues: Dues
    ended: tuple[Ended, ...]
    orders: OpenOrders
    past: Awaited
    seen: frozenset[tuple[str, str]]

    @property
    def stock_e4(self) -> int:
        """Value of all positions at their marks, in units."""
        return int(value(self.shares, self.price_e4).sum())

    @property
    def nav_e4(self) -> int:
        """Net asset value in units."""
        return self.cash_e4 + self.stock_e4 + self.dues.receivable_e4 - self.dues.payable_e4

    @property
    def nav_usd(self) -> float:
        """Net asset value in dollars."""
        return self.nav_e4 / 10_000

    def held(self) -> pl.DataFrame:
        """`parent_id, ticker, shares` of the positions, as targets and orders ask for them."""
        return pl.DataFrame(
            {"parent_id": self.parents, "ticker": self.tickers, "shares": self.shares},
            schema={"parent_id": pl.String, "ticker": pl.String, "shares": pl.Int64},
        )


def new_books(policy: str) -> Books:
    """A book without anything: its first day needs a deposit."""
    ints, floats, truths = np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool)
    days = np.zeros(0, dtype="datetime64[D]")
    return Books(
        policy,
        None,
        "new",
        [],
        [],
        ints,
        ints,
        days,
        floats,
        floats,
        truths,
        floats,
        truths,
        0,
        Dues([], [], ints, days),
        (),
        no_orders(),
        nothing_awaited(),
        frozenset(),
    )


def with_orders(books: Books, orders: pl.DataFrame) -> Books:
    """The book with the evening's rows of `orders` open for the next session; none of a stopped
    book.
    """
    return books if books.state == "stopped" else replace(books, orders=open_orders(orders))


def stopped(books: Books) -> Books:
    """The book that nothing is booked in any more: without orders, and dividends that are still to
    be paid as two sums that no day pays.
    """
    sums = np.array([books.dues.receivable_e4, -books.dues.payable_e4], dtype=np.int64)
    sums = sums[sums != 0]
    never = np.full(sums.size, np.datetime64("NaT", "D"))
    none = [""] * sums.size
    return replace(
        books,
        state="stopped",
        dues=Dues(none, none, sums, never),
        orders=no_orders(),
        past=nothing_awaited(),
        seen=frozenset(),
    )


def books_of(
    policy: str,
    day: pl.DataFrame,
    positions: pl.DataFrame,
    unpaid: pl.DataFrame,
    delistings: pl.DataFrame,
    orders: pl.DataFrame,
    last_orders: pl.DataFrame,
    fills: pl.DataFrame,
    awaited: pl.DataFrame,
) -> Books:
    """The book after a day from rows alone, to the last bit the one that the day left.

    `day`: the row of `portfolio_days`; `positions`: rows of that day; `unpaid`: `ledger_entries` of
    dividends up to that day with a later settle date; `delistings`: `ledger_entries` of that kind
    up to that day; `orders`: rows decided on that day; `last_orders`: those decided for that day;
    `fills`: rows booked on it, and earlier ones of orders of `awaited`, the rows of
    `awaited_orders` of that day. All of `policy`. Raises LedgerError where rows do not fit
    together.
    """
    if day.height != 1:
        raise LedgerError(
            f"portfolio_days has {day.height} rows of {policy} on a day: run that day again"
        )
    row = day.row(0, named=True)
    held = positions.filter(pl.col("shares") != 0).sort("parent_id")
    dues = unpaid.filter(pl.col("kind").is_in(_DIVIDENDS)).sort("trade_date", "parent_id")
    sign = np.where(dues["debit"].to_numpy() == "receivable", 1, -1)
    is_stopped = row["state"] == "stopped"
    owed = units(np.array([row["receivables_usd"], -row["payables_usd"]]))
    found = Books(
        policy,
        row["trade_date"],
        "open",
        held["parent_id"].to_list(),
        held["ticker"].to_list(),
        held["shares"].to_numpy().astype(np.int64),
        units(np.nan_to_num(held["price_usd"].to_numpy().astype(np.float64))),
        held["price_date"].to_numpy().astype("datetime64[D]"),
        held["growth"].to_numpy().astype(np.float64),
        held["shares_outstanding"].to_numpy().astype(np.float64),
        (held["state"] == "quarantined").to_numpy(),
        held["borrow_rate_pct"].to_numpy().astype(np.float64),
        held["is_borrow_assumed"].to_numpy().astype(bool),
        units(row["cash_usd"]),
        Dues(
            dues["parent_id"].to_list(),
            dues["ticker"].to_list(),
            sign * dues["amount_e4"].to_numpy().astype(np.int64),
            dues["settle_date"].to_numpy().astype("datetime64[D]"),
        ),
        _ended(delistings),
        no_orders() if is_stopped else open_orders(orders),
        nothing_awaited()
        if is_stopped
        else _past(row["trade_date"], open_orders(last_orders), fills, awaited_of(awaited)),
        frozenset(fills.filter(pl.col("shares") > 0).select("order_id", "fill_id").rows()),
    )
    if is_stopped:
        two = Dues(["", ""], ["", ""], owed, np.full(2, np.datetime64("NaT", "D")))
        found = stopped(replace(found, dues=two))
    if found.nav_e4 != units(row["nav_usd"]):
        raise LedgerError(
            f"{policy} on {row['trade_date']}: positions, cash and dividends make"
            f" {found.nav_usd:.4f} dollars, portfolio_days says {row['nav_usd']:.4f}: run that day"
            " again"
        )
    return found


def _ended(entries: pl.DataFrame) -> tuple[Ended, ...]:
    """Delistings booked so far, from their entries: the shares and their value, then what was got
    beyond it, perhaps corrected.
    """
    rows = entries.filter(pl.col("kind") == "delisting").sort("trade_date", "entry_number")
    found: dict[tuple[str, str, date], Ended] = {}
    for row in rows.iter_rows(named=True):
        key = (row["parent_id"], row["ticker"], row["event_date"])
        into_cash = row["amount_e4"] if row["debit"] == "cash" else -row["amount_e4"]
        if "stock" in (row["debit"], row["credit"]):
            found[key] = Ended(*key, into_cash, into_cash, 0.0, row["is_assumed"])
        else:
            one = found[key]
            found[key] = replace(
                one,
                paid_e4=one.paid_e4 + into_cash,
                rate=row["rate"],
                is_assumed=row["is_assumed"],
            )
    return tuple(found[key] for key in sorted(found))


def _past(day: date, orders: OpenOrders, fills: pl.DataFrame, waiting: Awaited) -> Awaited:
    """Orders of the session of `day`, those that are waited for as `waiting` has them, and before
    them the older ones.
    """
    is_older = np.array([one < day for one in waiting.orders.session_dates], dtype=bool)
    where = {one: at for at, one in enumerate(waiting.orders.order_ids)}
    of_day = _after_session(orders, fills)
    at = np.array([where.get(one, -1) for one in of_day.order_ids], dtype=np.int64)
    is_ended = at < 0
    if is_ended.all():
        return joined(waiting.take(is_older), after_session(of_day, is_ended))
    told = after_session(of_day, is_ended, waiting.session_price_usd[at], waiting.stock.take(at))
    return joined(waiting.take(is_older), told)


def _after_session(orders: OpenOrders, fills: pl.DataFrame) -> OpenOrders:
    """Orders of a session as its fills left them: shares after its split, and what is filled."""
    rows = (
        fills.filter(pl.col("order_id").is_in(orders.order_ids))
        .group_by("order_id")
        .agg(
            pl.col("order_shares").last(),
            pl.col("shares").sum(),
            pl.col("decision_price_usd").last(),
        )
        .sort("order_id")
    )
    if rows["order_id"].to_list() != orders.order_ids:
        raise LedgerError(
            f"fills of {orders.session_dates[0]} do not name each order of that session: run that"
            " day again"
        )
    return replace(
        orders,
        shares=rows["order_shares"].to_numpy().astype(np.int64),
        filled=rows["shares"].to_numpy().astype(np.int64),
        decision_price_usd=rows["decision_price_usd"].to_numpy().astype(np.float64),
    )
