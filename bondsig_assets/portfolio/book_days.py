"""A book from day to day: what the session did, what to hold, what to order for the next one.

Belongs here: going from one day to the next; rows of every table of targets and trading. Not here:
a session's bookings (`trading_day.py`), a day's targets (`target_days.py`), orders (`orders.py`),
reading tables (`reading/portfolio.py`).

The backtest and the morning run are this function. On the evening of a day the book has the fills
of that session, targets are made of what it holds and is worth then, and orders go out for the next
session: nothing is filled at a price of the day that decided.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF, cutoff
from bondsig_assets.portfolio.books import Books, with_orders
from bondsig_assets.portfolio.broker import Broker
from bondsig_assets.portfolio.ledger import UNITS
from bondsig_assets.portfolio.orders import Orders, Wishes, orders
from bondsig_assets.portfolio.risk_rows import RISK_TABLES, market_betas
from bondsig_assets.portfolio.sessions import COLUMNS, Session, session_of
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.target_days import (
    HELD,
    DayTargets,
    TargetDays,
    TargetInputs,
    by_day,
)
from bondsig_assets.portfolio.trading_day import trade_day
from bondsig_assets.tables.portfolio import (
    ALPHAS,
    BREACHES,
    EXPOSURES,
    SOLUTIONS,
    TARGET_POSITIONS,
)
from bondsig_assets.tables.trading import (
    AWAITED_ORDERS,
    FILLS,
    LEDGER_ENTRIES,
    ORDER_SLICES,
    ORDERS,
    PORTFOLIO_DAYS,
    POSITIONS,
)

#: Tables of what a book does, in the order in which a day has them, and of what it wants.
TRADING = (
    FILLS,
    LEDGER_ENTRIES,
    POSITIONS,
    PORTFOLIO_DAYS,
    AWAITED_ORDERS,
    ORDERS,
    ORDER_SLICES,
)
TARGETS = (ALPHAS, TARGET_POSITIONS, SOLUTIONS, EXPOSURES, BREACHES)
TABLES = (*TRADING, *TARGETS)


@dataclass(frozen=True)
class BookInputs:
    """Rows that a book's days are made of beside those of its targets.

    `prices`: rows of `equity_prices` of those days. `delistings`: the believed ones, with
    `known_until` where a price took them back. `cash_rates`: `trade_date, annual_rate_pct` as known
    at each cutoff, where any is.
    """

    targets: TargetInputs
    prices: pl.DataFrame
    delistings: pl.DataFrame
    cash_rates: pl.DataFrame


@dataclass(frozen=True)
class BookDays:
    """Rows of each table by name, and the book after the last day."""

    rows: dict[str, pl.DataFrame]
    books: Books


def book_days(
    inputs: BookInputs,
    days: Sequence[date],
    books: Books,
    settings: PortfolioSettings,
    broker: Broker,
    tell: Callable[[float], None] = lambda share: None,
) -> BookDays:
    """The consecutive trading `days` of a book that is `books` on the evening before; a new one
    begins with `settings.nav_usd`. `tell` hears what part of the days is done. Rows are of TABLES.

    Raises LedgerError where the first day is not the one after the book's.
    """
    sessions, targets = _Sessions(inputs), TargetDays(inputs.targets, days, settings)
    wanted: dict[str, list[pl.DataFrame]] = {table.name: [table.empty()] for table in TARGETS}

    def session_on(day: date, book: Books) -> Session:
        return sessions.of(day, targets.universe.get(day), book)

    def decide(book: Books, session: Session) -> Orders:
        day = session.trade_date
        made = targets.of(day, _held(book), book.nav_usd)
        for name, frame in _rows(made).items():
            wanted[name].append(frame)
        return _evening(made, day, settings)

    traded = walk(books, days, session_on, decide, broker, settings, tell)
    return BookDays(
        traded.rows | {name: pl.concat(frames) for name, frames in wanted.items()}, traded.books
    )


def walk(
    books: Books,
    days: Sequence[date],
    session_on: Callable[[date, Books], Session],
    decide: Callable[[Books, Session], Orders],
    broker: Broker,
    settings: PortfolioSettings,
    tell: Callable[[float], None] = lambda share: None,
) -> BookDays:
    """Sessions in order and each evening's orders, whatever decides them; rows are of TRADING.

    `session_on` gives the facts of a day for the names a book may trade or holds, `decide` the
    orders for the next session, by what the book holds and what was known at the session's cutoff;
    a stopped book decides nothing. Nothing goes from one day to the next but the book.
    """
    kept: dict[str, list[pl.DataFrame]] = {table.name: [table.empty()] for table in TRADING}
    for k, day in enumerate(days):
        flow = settings.nav_usd if books.trade_date is None else 0.0
        session = session_on(day, books)
        done = trade_day(books, session, broker, settings, flow)
        books, rows = done.books, [done.fills, done.entries, done.positions, done.day, done.awaited]
        if books.state != "stopped":
            evening = decide(books, session)
            broker.send(evening.orders, evening.slices)
            books = with_orders(books, evening.orders)
            rows += [evening.orders, evening.slices]
        for table, frame in zip(TRADING, rows, strict=False):
            kept[table.name].append(frame)
        tell((k + 1) / len(days))
    return BookDays({name: pl.concat(frames) for name, frames in kept.items()}, books)


def _rows(made: DayTargets) -> dict[str, pl.DataFrame]:
    return {
        "alphas": made.alphas,
        "target_positions": made.targets.positions,
        "solutions": made.targets.solution,
        "exposures": made.targets.exposures,
        "breaches": made.targets.breaches,
    }


def _held(books: Books) -> pl.DataFrame:
    """HELD of a book: what never had a price has none."""
    price = np.where(books.price_e4 > 0, books.price_e4 / UNITS, np.nan)
    priced = books.held().with_columns(price_usd=pl.Series(price, dtype=pl.Float64))
    return priced.with_columns(pl.col("price_usd").fill_nan(None)).select(*HELD)


def _evening(made: DayTargets, day: date, settings: PortfolioSettings) -> Orders:
    """Orders from what is held to what is wanted."""
    today = made.day
    wishes = Wishes(
        settings.policy,
        day,
        list(today.parents),
        list(today.tickers),
        today.held_shares,
        made.targets.positions["shares"].to_numpy(),
        np.where(today.is_priced, today.price_usd, np.nan),
        np.sqrt(today.risk.variance),
        today.dollar_volume_usd,
    )
    return orders(wishes, settings)


class _Sessions:
    """The session of any of some days, for the names that a book may trade or holds."""

    def __init__(self, inputs: BookInputs) -> None:
        """Cut rows into days once."""
        known = inputs.prices.filter(pl.col("known_at") <= pl.col("trade_date").dt.combine(CUTOFF))
        self._prices = by_day(known)
        self._nothing = known.clear()
        self._delistings = inputs.delistings
        self._risk = {name: by_day(frame) for name, frame in inputs.targets.risk.items()}
        self._no_risk = {name: frame.clear() for name, frame in inputs.targets.risk.items()}
        self._rates = dict(inputs.cash_rates.select("trade_date", "annual_rate_pct").iter_rows())

    def of(self, day: date, universe: pl.DataFrame | None, books: Books) -> Session:
        """The facts of `day` known at its cutoff."""
        held = books.held().select("parent_id", "ticker")
        waiting = books.past.names().join(held, on="parent_id", how="anti", maintain_order="left")
        own = pl.concat([held, waiting])
        names, rates = own, None
        if universe is not None:
            told = universe.select("parent_id", "ticker")
            names = pl.concat([told, own.join(told, on="parent_id", how="anti")])
            rates = universe.select("parent_id", "borrow_rate_pct")
        columns = [name for name in COLUMNS if name in self._nothing.columns]
        prices = self._prices.get(day, self._nothing).select("ticker", *columns)
        rows = names.join(prices, on="ticker", how="left", maintain_order="left")
        if rates is not None:
            rows = rows.join(rates, on="parent_id", how="left", maintain_order="left")
        betas, usual_beta = self._betas(day)
        rows = rows.join(betas, on="parent_id", how="left", maintain_order="left")
        moment, gone = cutoff(day), self._delistings
        heard = gone.filter(
            (pl.col("known_at") <= moment)
            & (pl.col("known_until").is_null() | (pl.col("known_until") > moment))
        )
        return session_of(
            rows,
            day,
            heard,
            has_borrow_rates=rates is not None
            and rates["borrow_rate_pct"].null_count() < rates.height,
            cash_rate_pct=self._rates.get(day, float("nan")),
            usual_beta=usual_beta,
        )

    def _betas(self, day: date) -> tuple[pl.DataFrame, float]:
        """Betas of the day's risk model."""
        return market_betas(
            {name: self._risk[name].get(day, self._no_risk[name]) for name in RISK_TABLES}
        )
