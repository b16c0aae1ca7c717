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
from bondsig_assets.portfolio.risk_days import by_day
from bondsig_assets.portfolio.risk_rows import market_betas
from bondsig_assets.portfolio.sessions import COLUMNS, Session, session_of
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.target_days import (
    DayTargets,
    TargetDays,
    TargetInputs,
    alpha_rows,
)
from bondsig_assets.portfolio.target_names import HELD
from bondsig_assets.portfolio.target_rows import target_rows
from bondsig_assets.portfolio.targets import Targets
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
    wanted: list[DayTargets] = []

    def session_on(day: date, book: Books) -> Session:
        return sessions.of(day, book)

    def decide(book: Books, session: Session) -> Orders:
        wanted.append(targets.of(session.trade_date, _held(book), book.nav_usd))
        return evening_orders(wanted[-1].targets)

    traded = walk(books, days, session_on, decide, broker, settings, tell)
    return BookDays(traded.rows | _rows(wanted), traded.books)


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


def _rows(made: Sequence[DayTargets]) -> dict[str, pl.DataFrame]:
    rows = target_rows([one.targets for one in made])
    return {
        "alphas": alpha_rows(made),
        "target_positions": rows.positions,
        "solutions": rows.solutions,
        "exposures": rows.exposures,
        "breaches": rows.breaches,
    }


def _held(books: Books) -> pl.DataFrame:
    """HELD of a book: what never had a price has none."""
    price = np.where(books.price_e4 > 0, books.price_e4 / UNITS, np.nan)
    return pl.DataFrame(
        {
            "parent_id": books.parents,
            "ticker": books.tickers,
            "shares": books.shares,
            "price_usd": price,
        },
        schema=HELD,
        nan_to_null=True,
    )


def evening_orders(made: Targets) -> Orders:
    """Orders from what is held to what is wanted."""
    today = made.day
    wishes = Wishes(
        made.settings.policy,
        today.trade_date,
        list(today.parents),
        list(today.tickers),
        today.held_shares,
        made.rounded.shares,
        np.where(today.is_priced, today.price_usd, np.nan),
        np.sqrt(today.risk.variance),
        today.dollar_volume_usd,
    )
    return orders(wishes, made.settings)


class _Sessions:
    """The session of any of some days, for the names that a book may trade or holds."""

    def __init__(self, inputs: BookInputs) -> None:
        """Join and cut rows into days once: a day's names are mostly those of its universe."""
        known = inputs.prices.filter(pl.col("known_at") <= pl.col("trade_date").dt.combine(CUTOFF))
        columns = [name for name in COLUMNS if name in known.columns]
        prices = known.select("trade_date", "ticker", *columns)
        betas = market_betas(inputs.targets.risk)
        usual = betas.select("trade_date", "usual_beta").unique()
        self._usual_beta = dict(usual.iter_rows())
        betas = betas.drop("usual_beta")
        told = inputs.targets.universe.select(
            "trade_date", "parent_id", "ticker", "borrow_rate_pct"
        )
        self._told = by_day(_with_facts(told, prices, betas))
        self._prices, self._betas = by_day(prices), by_day(betas)
        self._nothing = prices.clear(), betas.clear()
        self._delistings = inputs.delistings
        self._rates = dict(inputs.cash_rates.select("trade_date", "annual_rate_pct").iter_rows())

    def of(self, day: date, books: Books) -> Session:
        """The facts of `day` known at its cutoff."""
        told = self._told.get(day)
        own = books.past.names() | dict(zip(books.parents, books.tickers, strict=True))
        others = own.keys() - set(told["parent_id"] if told is not None else ())
        rows = [] if told is None else [told]
        if others or not rows:
            rows.append(self._of_others(day, {name: own[name] for name in sorted(others)}))
        moment, gone = cutoff(day), self._delistings
        heard = gone.filter(
            (pl.col("known_at") <= moment)
            & (pl.col("known_until").is_null() | (pl.col("known_until") > moment))
        )
        return session_of(
            pl.concat(rows),
            day,
            heard,
            has_borrow_rates=told is not None
            and told["borrow_rate_pct"].null_count() < told.height,
            cash_rate_pct=self._rates.get(day, float("nan")),
            usual_beta=self._usual_beta.get(day, float("nan")),
        )

    def _of_others(self, day: date, tickers: dict[str, str]) -> pl.DataFrame:
        """Facts of names that the day's universe has not."""
        names = pl.DataFrame(
            {"parent_id": list(tickers), "ticker": list(tickers.values())},
            schema={"parent_id": pl.String, "ticker": pl.String},
        ).select(
            pl.lit(day).alias("trade_date"),
            "parent_id",
            "ticker",
            pl.lit(None, pl.Float64).alias("borrow_rate_pct"),
        )
        prices, betas = self._nothing
        return _with_facts(names, self._prices.get(day, prices), self._betas.get(day, betas))


def _with_facts(names: pl.DataFrame, prices: pl.DataFrame, betas: pl.DataFrame) -> pl.DataFrame:
    """Rows of `names` with what is known of each on its day."""
    return names.join(prices, on=["trade_date", "ticker"], how="left", maintain_order="left").join(
        betas, on=["trade_date", "parent_id"], how="left", maintain_order="left"
    )
