"""`bondsig backtest`: another policy or size over the scores there are, by the functions of the
daily run.

Belongs here: what is asked for, progress, the text and the tear sheet. Not here: the book itself
(`reading/backtest.py`), figures (`portfolio/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.text import Text

from bondsig_assets.commands.books import check_picture
from bondsig_assets.commands.console import open_console
from bondsig_assets.commands.warehouse import open_warehouse
from bondsig_assets.errors import UserError
from bondsig_assets.home import Home
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.capacity import capacity
from bondsig_assets.portfolio.credit_money import summed
from bondsig_assets.portfolio.settings import PortfolioSettings, load_settings
from bondsig_assets.reading.backtest import Backtest, judged_backtests, run_backtest, span_of
from bondsig_assets.reading.books import cash_returns
from bondsig_assets.reporting.book_pictures import cash_of
from bondsig_assets.reporting.book_summary import print_book
from bondsig_assets.reporting.tear_sheet import TearSheet, draw_tear_sheet
from bondsig_assets.warehouse import Warehouse

#: Net asset values of a capacity curve.
SIZES_USD = (1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)


def print_backtest(
    home: Home,
    policy: str | None,
    nav_usd: float | None,
    start: date | None,
    end: date | None,
    picture: Path | None,
    *,
    with_credit: bool,
    with_capacity: bool,
) -> None:
    """Run the book of portfolio.toml, with another `policy` or `nav_usd` where given, from `start`
    to `end` and print what it earned; `with_credit` beside the same optimiser on the control,
    `with_capacity` at every size.
    """
    check_picture(picture)
    settings = load_settings(home.portfolio_file)
    settings = replace(
        settings,
        policy=policy or settings.policy,
        nav_usd=settings.nav_usd if nav_usd is None else nav_usd,
    )
    if with_credit and settings.policy != "optimised":
        raise UserError("--credit compares the policy optimised with equity_only: ask for it")
    warehouse, console = open_warehouse(home), open_console()
    first, last = span_of(warehouse, start, end)
    tests = [_run(console, warehouse, first, last, settings)]
    if with_credit:
        control = replace(settings, policy="equity_only")
        tests.append(_run(console, warehouse, first, last, control))
    found = judged_backtests(warehouse, tests)
    curve = _capacity(console, warehouse, tests[0]) if with_capacity else None
    mine = {
        name: found[name].filter(policy=settings.policy) for name in ("performance", "pnl_slices")
    }
    print_book(
        console,
        mine["performance"],
        is_simulated=bool(home.note),
        is_beyond_cash=True,
        parts=tests[0].parts,
        credit=summed(found["credit_money"]) if with_credit else None,
        capacity=curve,
    )
    if picture is not None:
        _draw(home, tests[0], mine, found["credit_money"] if with_credit else None, curve, picture)
        console.print(Text(f"drawn: {picture}"))


def _run(
    console: Console, warehouse: Warehouse, first: date, last: date, settings: PortfolioSettings
) -> Backtest:
    with _progress(console, f"{settings.policy}, ${settings.nav_usd:,.0f}") as tell:
        return run_backtest(warehouse, first, last, settings, tell)


@contextmanager
def _progress(console: Console, what: str) -> Iterator[Callable[[float], None]]:
    """A function that hears what part is done; told on a terminal."""
    with console.status(f"{what}: reading") as status:
        yield lambda share: status.update(f"{what}: {share:.0%}")


def _capacity(console: Console, warehouse: Warehouse, test: Backtest) -> pl.DataFrame:
    """Rows of `capacity` of the same policy at every size."""
    runs = {test.settings.nav_usd: book_returns(test.book.rows["portfolio_days"])}
    for nav in SIZES_USD:
        if nav not in runs:
            other = _run(
                console, warehouse, test.days[0], test.days[-1], replace(test.settings, nav_usd=nav)
            )
            runs[nav] = book_returns(other.book.rows["portfolio_days"])
    return capacity(dict(sorted(runs.items())))


def _draw(
    home: Home,
    test: Backtest,
    mine: dict[str, pl.DataFrame],
    credit: pl.DataFrame | None,
    curve: pl.DataFrame | None,
    picture: Path,
) -> None:
    market, book = home.market(), book_returns(test.book.rows["portfolio_days"])
    cash = cash_returns(open_warehouse(home).read_table("treasury_yields"), test.days)
    figure = draw_tear_sheet(
        TearSheet(
            book,
            mine["performance"],
            market=market.describe() if market is not None else "",
            is_simulated=bool(home.note),
            parts=test.parts,
            slices=mine["pnl_slices"],
            capacity=curve,
            credit_money=credit,
            cash_returns=cash_of(book["trade_date"], cash),
        )
    )
    if figure is None:
        raise UserError("nothing to draw: the book has no day that can be judged")
    try:
        picture.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(picture, dpi=110, bbox_inches="tight")
    except OSError as error:
        raise UserError(f"'{picture}' cannot be written: {error.strerror}") from error
