"""Orders of earlier sessions that a fill may still be told of, and what became of their shares.

Belongs here: which orders those are, splits and dividends since their sessions, from and to rows.
Not here: what is booked (`trading_day.py`), which reports are believed (`broker.py`).

An order is awaited until it is filled whole or its broker has said that nothing more comes of it,
however long that takes. One that was ended is asked about once more, the day after its session.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import cutoff
from bondsig_assets.portfolio.broker import OpenOrders, no_orders
from bondsig_assets.portfolio.ledger import UNITS, repeated, units
from bondsig_assets.tables.trading import AWAITED_ORDERS


@dataclass(frozen=True)
class Stock:
    """What is last known of the stock of each order, arrays [order], as `Books` has it of what is
    held: a split or dividend of a name that is not held is found by it too.
    """

    tickers: list[str]
    price_e4: Ints
    price_dates: np.ndarray
    growth: Floats
    shares_outstanding: Floats
    is_quarantined: Bools

    def take(self, at: Ints) -> Stock:
        """Those of the orders at these places."""
        return Stock(
            [self.tickers[k] for k in at.tolist()],
            self.price_e4[at],
            self.price_dates[at],
            self.growth[at],
            self.shares_outstanding[at],
            self.is_quarantined[at],
        )


@dataclass(frozen=True)
class Awaited:
    """Orders whose session is over, arrays [order], in order of sessions.

    `orders` are in shares and prices of their sessions. `is_ended`: filled whole, or the broker has
    said that nothing more comes. `share_ratio`: shares of now for one of the session's, by splits
    since. `dividends_usd`: went ex since, for a share of the session. `session_price_usd`: what a
    price of the session is judged by, NaN where the book's mark has to do.
    """

    orders: OpenOrders
    is_ended: Bools
    share_ratio: Floats
    dividends_usd: Floats
    session_price_usd: Floats
    stock: Stock

    @property
    def is_open(self) -> Bools:
        """Orders that are waited for: neither ended nor filled whole."""
        still: Bools = ~self.is_ended & (self.orders.shares > self.orders.filled)
        return still

    def take(self, which: Bools) -> Awaited:
        """Those of them."""
        return self.take_at(np.flatnonzero(which))

    def take_at(self, at: Ints) -> Awaited:
        """Those at these places."""
        return Awaited(
            self.orders.take(at),
            self.is_ended[at],
            self.share_ratio[at],
            self.dividends_usd[at],
            self.session_price_usd[at],
            self.stock.take(at),
        )

    def names(self) -> dict[str, str]:
        """Tickers of the open ones by parent."""
        which = self.take(self.is_open)
        return dict(zip(which.orders.parents, which.stock.tickers, strict=True))

    def told(self, order: Ints, shares: Ints, ended: list[int]) -> Awaited:
        """After fills of `shares` of the orders at the places `order`, [fill], and the word that
        nothing more comes of those at the places `ended`.
        """
        filled, is_ended = self.orders.filled.copy(), self.is_ended.copy()
        np.add.at(filled, order, shares)
        is_ended[ended] = True
        return replace(self, orders=replace(self.orders, filled=filled), is_ended=is_ended)

    def after(self, split_ratio: Floats, dividend_usd: Floats) -> Awaited:
        """After a day's splits and its dividends for a share after them, [order]."""
        ratio = self.share_ratio * split_ratio
        return replace(
            self, share_ratio=ratio, dividends_usd=self.dividends_usd + dividend_usd * ratio
        )


def nothing_awaited() -> Awaited:
    """Without any order."""
    return after_session(no_orders(), np.zeros(0, bool))


def after_session(
    orders: OpenOrders,
    is_ended: Bools,
    session_price_usd: Floats | None = None,
    stock: Stock | None = None,
) -> Awaited:
    """Orders on the evening of their session; without prices and stock where nobody waits."""
    count, nothing = orders.size, np.full(orders.size, np.nan)
    found = Awaited(
        # What was usual at the decision matters to the session alone.
        replace(orders, volatility=nothing, dollar_volume_usd=nothing, blocked=[""] * count),
        is_ended,
        np.ones(count),
        np.zeros(count),
        nothing,
        Stock(
            orders.tickers,
            np.zeros(count, np.int64),
            np.full(count, np.datetime64("NaT", "D")),
            np.ones(count),
            nothing,
            np.zeros(count, bool),
        ),
    )
    if session_price_usd is None or stock is None:
        return found
    still = found.is_open
    blank = found.stock
    return replace(
        found,
        session_price_usd=np.where(still, session_price_usd, np.nan),
        stock=Stock(
            [
                now if waits else then
                for waits, now, then in zip(still, stock.tickers, blank.tickers, strict=True)
            ],
            np.where(still, stock.price_e4, blank.price_e4),
            np.where(still, stock.price_dates, blank.price_dates),
            np.where(still, stock.growth, blank.growth),
            np.where(still, stock.shares_outstanding, blank.shares_outstanding),
            still & stock.is_quarantined,
        ),
    )


def joined(one: Awaited, other: Awaited) -> Awaited:
    """Both, those of the earlier sessions first."""

    def both(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.concatenate([first, second])

    return Awaited(
        one.orders.joined(other.orders),
        both(one.is_ended, other.is_ended),
        both(one.share_ratio, other.share_ratio),
        both(one.dividends_usd, other.dividends_usd),
        both(one.session_price_usd, other.session_price_usd),
        Stock(
            one.stock.tickers + other.stock.tickers,
            both(one.stock.price_e4, other.stock.price_e4),
            both(one.stock.price_dates, other.stock.price_dates),
            both(one.stock.growth, other.stock.growth),
            both(one.stock.shares_outstanding, other.stock.shares_outstanding),
            both(one.stock.is_quarantined, other.stock.is_quarantined),
        ),
    )


def awaited_rows(policy: str, day: date, awaited: Awaited) -> pl.DataFrame:
    """Rows of `awaited_orders` after a day: the open ones."""
    held = awaited.take(awaited.is_open)
    orders, stock, count = held.orders, held.stock, held.orders.size
    return pl.DataFrame(
        {
            "trade_date": repeated(day, count),
            "policy": repeated(policy, count),
            "order_id": orders.order_ids,
            "session_date": orders.session_dates,
            "parent_id": orders.parents,
            "ticker": orders.tickers,
            "current_ticker": stock.tickers,
            "side": orders.sides,
            "shares": orders.shares,
            "filled_shares": orders.filled,
            "decision_price_usd": orders.decision_price_usd,
            "session_price_usd": held.session_price_usd,
            "share_ratio": held.share_ratio,
            "dividends_usd": held.dividends_usd,
            "price_usd": np.where(stock.price_e4 > 0, stock.price_e4 / UNITS, np.nan),
            "price_date": stock.price_dates,
            "growth": stock.growth,
            "shares_outstanding": stock.shares_outstanding,
            "is_quarantined": stock.is_quarantined,
            "known_at": repeated(cutoff(day), count),
        },
        schema=AWAITED_ORDERS.polars_schema,
        nan_to_null=True,
    )


def awaited_of(rows: pl.DataFrame) -> Awaited:
    """The open orders again from rows of one day and policy, to the last bit."""
    ordered = rows.sort("session_date", "order_id")

    def numbers(name: str) -> Floats:
        return ordered[name].to_numpy().astype(np.float64)

    count, nothing = ordered.height, np.full(ordered.height, np.nan)
    orders = OpenOrders(
        ordered["session_date"].to_list(),
        ordered["order_id"].to_list(),
        ordered["parent_id"].to_list(),
        ordered["ticker"].to_list(),
        ordered["side"].to_list(),
        ordered["shares"].to_numpy().astype(np.int64),
        ordered["filled_shares"].to_numpy().astype(np.int64),
        numbers("decision_price_usd"),
        nothing,
        nothing,
        [""] * count,
    )
    return Awaited(
        orders,
        np.zeros(count, bool),
        numbers("share_ratio"),
        numbers("dividends_usd"),
        numbers("session_price_usd"),
        Stock(
            ordered["current_ticker"].to_list(),
            units(np.nan_to_num(numbers("price_usd"))),
            ordered["price_date"].to_numpy().astype("datetime64[D]"),
            numbers("growth"),
            numbers("shares_outstanding"),
            ordered["is_quarantined"].to_numpy().astype(bool),
        ),
    )
