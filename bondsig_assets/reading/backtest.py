"""Another policy or size over the scores there are: what a backtest is made of, and its books.

Belongs here: reading the span, the universe of another size, books in memory, their parts. Not
here: a book's days (`portfolio/book_days.py`), which the daily run goes through too; figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.errors import UserError
from bondsig_assets.portfolio.attribution_days import DECISION_LAG, late_moves, parts_of_days
from bondsig_assets.portfolio.book_days import BookDays, BookInputs, book_days
from bondsig_assets.portfolio.book_judgement import BookRows, judged
from bondsig_assets.portfolio.books import new_books
from bondsig_assets.portfolio.broker import PaperBroker
from bondsig_assets.portfolio.macro_factors import ten_year_yield
from bondsig_assets.portfolio.market_days import FACTS_LOOKBACK_DAYS
from bondsig_assets.portfolio.settings import PortfolioSettings
from bondsig_assets.portfolio.universe import universe
from bondsig_assets.reading.books import cash_returns, model_rows
from bondsig_assets.reading.portfolio import book_inputs, market_days
from bondsig_assets.warehouse import Warehouse, of_one_snapshot


@dataclass(frozen=True)
class Backtest:
    """A book of other settings over `days`, with rows of `pnl_parts` beside its own."""

    settings: PortfolioSettings
    days: list[date]
    book: BookDays
    parts: pl.DataFrame


def span_of(warehouse: Warehouse, start: date | None, end: date | None) -> tuple[date, date]:
    """First and last trading day of a backtest: those asked for, within the days on which there are
    scores. Raises UserError where there are none.
    """
    first, last = warehouse.read(
        "SELECT min(trade_date), max(trade_date) FROM scores SEMI JOIN factor_exposures"
        " USING (trade_date)"
    ).row(0)
    if first is None:
        raise UserError(
            "there are no scores to backtest: `bondsig run` makes them (a first champion takes"
            " about a year of days)"
        )
    begin, finish = max(start or first, first), min(end or last, last)
    if begin > finish:
        raise UserError(
            f"{start or first} … {end or last} has no scores: there are {first} … {last}"
        )
    days = trading_days(begin, finish)
    return days[0], days[-1]


@of_one_snapshot
def run_backtest(
    warehouse: Warehouse,
    start: date,
    end: date,
    settings: PortfolioSettings,
    tell: Callable[[float], None] = lambda share: None,
) -> Backtest:
    """The book that `settings` would have had from `start` to `end`, begun with its money on
    `start`; by the functions of the daily run.
    """
    days = trading_days(start, end)
    inputs = book_inputs(warehouse, start, end, settings)
    market = market_days(warehouse, start, end, FACTS_LOOKBACK_DAYS)
    names = universe(market.facts(start, end), settings.universe, settings.bounds, settings.nav_usd)
    given = BookInputs(
        replace(inputs.targets, universe=names),
        inputs.prices,
        inputs.delistings,
        inputs.cash_rates,
    )
    book = book_days(given, days, new_books(settings.policy), settings, PaperBroker(settings), tell)
    model = model_rows(warehouse, offset(start, -DECISION_LAG), end)
    model = replace(model, alphas=book.rows["alphas"])
    parts = parts_of_days(book.rows["ledger_entries"], book.rows["positions"], model, days)
    return Backtest(settings, days, book, parts)


@of_one_snapshot
def judged_backtests(warehouse: Warehouse, tests: list[Backtest]) -> dict[str, pl.DataFrame]:
    """Rows of `performance`, `pnl_slices` and `credit_money` of backtests over the same days."""
    start, end = tests[0].days[0], tests[0].days[-1]
    yields = warehouse.read_table("treasury_yields")
    late = late_moves(ten_year_yield(yields), "rates", is_log=False)

    def together(name: str) -> pl.DataFrame:
        return pl.concat([one.book.rows[name] for one in tests])

    return judged(
        BookRows(
            together("portfolio_days"),
            together("positions"),
            together("ledger_entries"),
            pl.concat([one.parts for one in tests]),
            warehouse.read_table("universe", between=(start, end)),
            warehouse.read_table("overfitting"),
            model_rows(warehouse, start, end, late=late),
            together("alphas").select("trade_date", "policy", "parent_id", score="prediction"),
            warehouse.read_table("signals", columns=["trade_date", "parent_id", "score"]),
            warehouse.read_table(
                "issuer_days",
                between=(start, end),
                columns=["trade_date", "parent_id", "sector", "rating_number"],
            ),
            cash_returns(yields, trading_days(start, end)),
        )
    )
