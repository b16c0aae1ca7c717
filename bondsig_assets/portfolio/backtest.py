"""A range of days of a book: sessions in order, and each evening's orders.

Belongs here: the loop that a backtest and a backfill are. Not here: what a day does
(`trading_day.py`), which targets an evening has, reading and writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from bondsig_assets.portfolio.books import Books, with_orders
from bondsig_assets.portfolio.broker import NO_FAULTS, Broker
from bondsig_assets.portfolio.orders import Orders
from bondsig_assets.portfolio.sessions import Session
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.trading_day import trade_day
from bondsig_assets.tables.trading import (
    FILLS,
    LEDGER_ENTRIES,
    ORDER_SLICES,
    ORDERS,
    PORTFOLIO_DAYS,
    POSITIONS,
)


@dataclass(frozen=True)
class Walk:
    """Rows of all days, by table; reports that could not be booked; and the book after the last
    evening.
    """

    rows: dict[str, pl.DataFrame]
    refused: pl.DataFrame
    books: Books


def walk(
    books: Books,
    sessions: Iterable[Session],
    decide: Callable[[Books, Session], Orders],
    broker: Broker,
    settings: PortfolioSettings,
) -> Walk:
    """The days of `sessions`, which follow on `books` without a gap; a new book gets
    `settings.nav_usd` on the first.

    `decide` gives the evening's orders for the next session, by what the book holds and what was
    known at the session's cutoff; the broker is sent them. A range gives the bits of its days:
    nothing goes from one to the next but the book. Raises BondsigError as `trade_day` and
    `Broker.send` do, and what `decide` raises.
    """
    tables = (FILLS, LEDGER_ENTRIES, POSITIONS, PORTFOLIO_DAYS, ORDERS, ORDER_SLICES)
    kept: dict[str, list[pl.DataFrame]] = {table.name: [table.empty()] for table in tables}
    refused = []
    for session in sessions:
        flow = settings.nav_usd if books.trade_date is None else 0.0
        done = trade_day(books, session, broker, settings, flow)
        books = done.books
        refused.append(done.refused)
        evening = decide(books, session)
        broker.send(evening.orders, evening.slices)
        books = with_orders(books, evening.orders)
        made = (done.fills, done.entries, done.positions, done.day, evening.orders, evening.slices)
        for table, frame in zip(tables, made, strict=True):
            kept[table.name].append(frame)
    return Walk(
        {name: pl.concat(frames) for name, frames in kept.items()},
        pl.concat([NO_FAULTS, *refused]),
        books,
    )
