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
    FILLS,
    LEDGER_ENTRIES,
    ORDER_SLICES,
    ORDERS,
    PORTFOLIO_DAYS,
    POSITIONS,
)

#: Tables of a book, in the order of a day.
TABLES = (
    FILLS,
    LEDGER_ENTRIES,
    POSITIONS,
    PORTFOLIO_DAYS,
    ALPHAS,
    TARGET_POSITIONS,
    SOLUTIONS,
    EXPOSURES,
    BREACHES,
    ORDERS,
    ORDER_SLICES,
)


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
    """Rows of each of TABLES by name, and the book after the last day."""

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
    begins with `settings.nav_usd`. `tell` hears what part of the days is done.

    Raises LedgerError where the first day is not the one after the book's.
    """
    sessions = _Sessions(inputs)
    targets = TargetDays(inputs.targets, days, settings)
    made: dict[str, list[pl.DataFrame]] = {table.name: [table.empty()] for table in TABLES}
    for k, day in enumerate(days):
        session = sessions.of(day, targets.universe.get(day), books)
        flow = settings.nav_usd if books.trade_date is None else 0.0
        traded = trade_day(books, session, broker, settings, flow)
        books = traded.books
        rows = {
            "fills": traded.fills,
            "ledger_entries": traded.entries,
            "positions": traded.positions,
            "portfolio_days": traded.day,
        }
        if books.state != "stopped":
            wanted = targets.of(day, _held(books), books.nav_usd)
            sent = _evening(books, wanted, day, settings)
            broker.send(sent.orders, sent.slices)
            books = with_orders(books, sent.orders)
            rows |= _rows(wanted, sent)
        for name, frame in rows.items():
            made[name].append(frame)
        tell((k + 1) / len(days))
    return BookDays({name: pl.concat(frames) for name, frames in made.items()}, books)


def _rows(wanted: DayTargets, sent: Orders) -> dict[str, pl.DataFrame]:
    return {
        "alphas": wanted.alphas,
        "target_positions": wanted.targets.positions,
        "solutions": wanted.targets.solution,
        "exposures": wanted.targets.exposures,
        "breaches": wanted.targets.breaches,
        "orders": sent.orders,
        "order_slices": sent.slices,
    }


def _held(books: Books) -> pl.DataFrame:
    """HELD of a book: what never had a price has none."""
    price = np.where(books.price_e4 > 0, books.price_e4 / UNITS, np.nan)
    priced = books.held().with_columns(price_usd=pl.Series(price, dtype=pl.Float64))
    return priced.with_columns(pl.col("price_usd").fill_nan(None)).select(*HELD)


def _evening(books: Books, wanted: DayTargets, day: date, settings: PortfolioSettings) -> Orders:
    """Orders from what is held to what is wanted."""
    today = wanted.day
    wishes = Wishes(
        settings.policy,
        day,
        list(today.parents),
        list(today.tickers),
        today.held_shares,
        wanted.targets.positions["shares"].to_numpy(),
        np.where(today.is_priced, today.price_usd, np.nan),
        np.sqrt(today.risk.variance),
        today.dollar_volume_usd,
    )
    return orders(wishes, settings, books.state == "stopped")


class _Sessions:
    """The session of any of some days, for the names that a book may trade or holds."""

    def __init__(self, inputs: BookInputs) -> None:
        """Cut rows into days once."""
        known = inputs.prices.filter(pl.col("known_at") <= pl.col("trade_date").dt.combine(CUTOFF))
        self._prices = by_day(known)
        self._nothing = known.clear()
        self._delistings = inputs.delistings
        self._rates = dict(inputs.cash_rates.select("trade_date", "annual_rate_pct").iter_rows())

    def of(self, day: date, universe: pl.DataFrame | None, books: Books) -> Session:
        """The facts of `day` known at its cutoff."""
        own = books.held().select("parent_id", "ticker")
        names, rates = own, None
        if universe is not None:
            told = universe.select("parent_id", "ticker")
            names = pl.concat([told, own.join(told, on="parent_id", how="anti")])
            rates = universe.select("parent_id", "borrow_rate_pct")
        columns = [name for name in COLUMNS if name != "borrow_rate_pct"]
        prices = self._prices.get(day, self._nothing).select("ticker", *columns)
        rows = names.join(prices, on="ticker", how="left", maintain_order="left")
        if rates is not None:
            rows = rows.join(rates, on="parent_id", how="left", maintain_order="left")
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
        )
