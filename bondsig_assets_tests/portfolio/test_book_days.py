"""A book from day to day: nothing fills on the day that decided, a range is its days, and what
comes later changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import polars as pl
import pytest

from bondsig_assets.errors import LedgerError
from bondsig_assets.portfolio.book_days import TABLES, BookInputs, book_days
from bondsig_assets.portfolio.books import books_of, new_books
from bondsig_assets.portfolio.broker import PaperBroker
from bondsig_assets.portfolio.settings import POLICIES
from bondsig_assets.securities.delisted import standing_delistings
from bondsig_assets.tables.trading import CHANGES
from bondsig_assets_tests.features.markets import DAYS, closing, price
from bondsig_assets_tests.portfolio.test_target_days import FIRST, LAST, NAV, SETTINGS, SPAN, N
from bondsig_assets_tests.portfolio.test_target_days import inputs as target_inputs
from bondsig_assets_tests.rows_of import rows_of

NAMES = tuple(table.name for table in TABLES)
OPEN_TO_CLOSE = ("open_usd", "high_usd", "low_usd", "close_usd")


@cache
def inputs(strength: float = 0.4) -> BookInputs:
    """The ten days of the targets' tests, with prices that move and a dividend."""
    draw = np.random.default_rng(11)
    tickers = [f"T{k:02}" for k in range(N)] + ["XLE", "XLF"]
    rows = []
    for k, ticker in enumerate(tickers):
        close = float(40 + k)
        for day in range(FIRST, LAST + 1):
            move, dividend = float(draw.normal(0, 0.015)), 0.4 * (day == FIRST + 5)
            gain = 100 * (move + dividend / close)
            close *= 1 + move
            rows.append(
                price(
                    ticker,
                    day,
                    gain,
                    open_usd=close / (1 + move / 2),
                    high_usd=close * 1.02,
                    low_usd=close * 0.97,
                    close_usd=close,
                    volume_shares=1e6,
                    dividend_usd=dividend,
                    split_ratio=1.0,
                )
            )
    prices = rows_of("equity_prices", *rows)
    closes = prices.select("ticker", "trade_date", now="close_usd")
    targets = target_inputs(strength)
    universe = (
        targets.universe.join(
            closes, on=["ticker", "trade_date"], how="left", maintain_order="left"
        )
        .with_columns(price_usd=pl.coalesce("now", "price_usd"))
        .drop("now")
    )
    gone = standing_delistings(rows_of("delistings"), prices)
    rates = pl.DataFrame({"trade_date": SPAN, "annual_rate_pct": [4.5] * len(SPAN)})
    return BookInputs(replace(targets, universe=universe), prices, gone, rates)


def made(days=SPAN, books=None, given=None, settings=SETTINGS):
    books = new_books(settings.policy) if books is None else books
    return book_days(given or inputs(), days, books, settings, PaperBroker(settings))


def again(rows: dict[str, pl.DataFrame], day):
    """The book after `day` from its tables alone."""

    def on(name: str, at) -> pl.DataFrame:
        column = (
            "decision_date"
            if name == "orders"
            else ("booked_date" if name == "fills" else "trade_date")
        )
        return rows[name].filter(pl.col(column) == at)

    entries = rows["ledger_entries"].filter(pl.col("trade_date") <= day)
    before = DAYS[DAYS.index(day) - 1]
    return books_of(
        rows["portfolio_days"]["policy"][0],
        on("portfolio_days", day),
        on("positions", day),
        entries.filter(pl.col("settle_date") > day),
        entries.filter(kind="delisting"),
        on("orders", day),
        on("orders", before),
        on("fills", day),
        on("awaited_orders", day),
    )


@pytest.mark.parametrize("name", POLICIES)
def test_a_range_is_its_days_each_begun_from_tables_alone(name):
    settings = replace(SETTINGS, policy=name)
    whole = made(settings=settings).rows
    books, alone = new_books(name), {one: [] for one in NAMES}
    for day in SPAN:
        one = made([day], books, settings=settings)
        for table in NAMES:
            alone[table].append(one.rows[table])
        books = again({table: pl.concat(frames) for table, frames in alone.items()}, day)
    for table in NAMES:
        assert whole[table].equals(pl.concat(alone[table])), table
    assert whole["fills"].height > 50


def test_nothing_fills_on_the_day_that_decided():
    rows = made().rows
    fills = rows["fills"].join(rows["orders"].select("order_id", "decision_date"), on="order_id")
    assert fills.height and (fills["fill_date"] > fills["decision_date"]).all()
    first = rows["portfolio_days"].row(0, named=True)
    assert (first["state"], first["nav_usd"], first["traded_usd"]) == ("opened", NAV, 0.0)


def test_targets_are_of_what_is_held_and_worth_that_evening():
    rows = made().rows
    nav = rows["portfolio_days"].select("trade_date", "nav_usd")
    solved = rows["solutions"].join(nav, on="trade_date", suffix="_book")
    assert solved["nav_usd"].to_list() == solved["nav_usd_book"].to_list()
    held = (
        rows["positions"].filter(pl.col("shares") != 0).select("trade_date", "parent_id", "shares")
    )
    wanted = (
        rows["target_positions"]
        .filter(pl.col("held_shares") != 0)
        .join(held, on=["trade_date", "parent_id"], how="left")
    )
    assert wanted["held_shares"].to_list() == wanted["shares_right"].to_list()
    assert wanted.height == held.height


def test_the_change_of_the_net_asset_value_is_its_parts():
    days = made().rows["portfolio_days"]
    parts = days.select(pl.sum_horizontal(*(f"{name}_usd" for name in CHANGES))).to_series()
    gap = days["nav_usd"] - days["nav_before_usd"] - parts
    assert gap.abs().max() < 1e-6
    assert days["dividends_usd"].abs().sum() > 0 and (days["interest_usd"][1:] > 0).all()


def test_turnover_gross_net_and_beta_are_those_of_fills_and_positions():
    """Identity 9 from tables alone: betas are the exposures of the day's own risk model in units
    of the market, and a name that it has not counts with their median.
    """
    before, whole = made(SPAN[:4]), inputs().targets.risk
    held_before = before.rows["positions"].filter(trade_date=SPAN[3]).sort(pl.col("weight").abs())
    lost = held_before["parent_id"][-1]
    is_there = (pl.col("parent_id") != lost) | (pl.col("trade_date") <= SPAN[3])
    less = {name: whole[name].filter(is_there) for name in ("factor_exposures", "specific_risks")}
    risk, exposures = whole | less, less["factor_exposures"]
    given = replace(inputs(), targets=replace(inputs().targets, risk=risk))
    after = made(SPAN[4:], before.books, given).rows
    rows = {name: pl.concat([before.rows[name], after[name]]) for name in NAMES}
    units = risk["factor_returns"].filter(factor="market").select("trade_date", "unit_change")
    betas = exposures.join(units, on="trade_date").select(
        "trade_date", "parent_id", own=pl.col("market_beta") / pl.col("unit_change")
    )
    usual = betas.group_by("trade_date").agg(usual=pl.col("own").median())
    held = (
        rows["positions"]
        .join(betas, on=["trade_date", "parent_id"], how="left")
        .join(usual, on="trade_date")
    )
    assert held.filter(pl.col("own").is_null(), pl.col("shares") != 0)[
        "parent_id"
    ].unique().to_list() == [lost]
    value, beta = pl.col("value_usd"), pl.coalesce("own", "usual")
    sums = held.group_by("trade_date").agg(
        gross=value.abs().sum(), net=value.sum(), beta=(value * beta).sum()
    )
    traded = (
        rows["fills"]
        .filter(pl.col("shares") > 0)
        .group_by(trade_date="booked_date")
        .agg(traded=(pl.col("shares") * pl.col("price_usd")).sum())
    )
    days = rows["portfolio_days"]
    again = (
        days.select("trade_date", "nav_usd", "nav_before_usd")
        .join(sums, on="trade_date", how="left", maintain_order="left")
        .join(traded, on="trade_date", how="left", maintain_order="left")
        .fill_null(0.0)
        .with_columns(pl.col("gross", "net", "beta") / pl.col("nav_usd"))
    )
    for name in ("gross", "net", "beta"):
        assert days[name].to_numpy() == pytest.approx(again[name].to_numpy(), abs=1e-12), name
    turnover = (again["traded"] / again["nav_before_usd"])[1:].to_numpy()
    assert days["turnover"][1:].to_numpy() == pytest.approx(turnover, rel=1e-12)
    assert days["beta"].abs().max() > 1e-3 and turnover.max() > 0.01


def test_prices_to_come_change_nothing_before_them():
    cut = SPAN[5]
    poisoned = replace(
        inputs(),
        prices=inputs().prices.with_columns(
            pl.when(pl.col("trade_date") > cut).then(1e4).otherwise(name).alias(name)
            for name in OPEN_TO_CLOSE
        ),
    )
    plain, other = made().rows, made(given=poisoned).rows
    for table in NAMES:
        day = next(
            one
            for one in ("trade_date", "booked_date", "decision_date")
            if one in plain[table].columns
        )
        one, two = (rows[table].filter(pl.col(day) <= cut) for rows in (plain, other))
        assert one.equals(two), table
    assert not plain["portfolio_days"].equals(other["portfolio_days"])


def test_a_price_that_came_late_was_not_known():
    is_late = pl.col("trade_date") == SPAN[4]
    prices = inputs().prices.with_columns(
        known_at=pl.when(is_late).then(closing(LAST)).otherwise("known_at")
    )
    rows = made(given=replace(inputs(), prices=prices)).rows["positions"]
    assert rows.filter(pl.col("shares") != 0, trade_date=SPAN[4])["is_stale"].all()


def test_nothing_known_orders_nothing():
    rows = made(given=inputs(0.0)).rows
    assert rows["orders"].is_empty() and rows["fills"].is_empty()
    assert rows["portfolio_days"]["gross"].sum() == 0


def test_a_book_with_a_gap_is_refused_in_one_line():
    books = made(SPAN[:3]).books
    with pytest.raises(LedgerError, match=f"run from {SPAN[3]} on"):
        made(SPAN[5:], books)


def test_a_book_without_money_stops_and_trades_nothing():
    """What is short goes up sixty times overnight: on that evening nothing is worth above 0, and
    from then on nothing is decided.
    """
    held = made(SPAN[:4]).rows["positions"].filter(trade_date=SPAN[3])
    short = held.filter(pl.col("shares") < 0)["ticker"].implode()
    is_up = (pl.col("trade_date") > SPAN[3]) & pl.col("ticker").is_in(short)
    soaring = (
        inputs()
        .prices.with_columns(
            pl.when(is_up).then(60 * pl.col(name)).otherwise(name).alias(name)
            for name in OPEN_TO_CLOSE
        )
        .with_columns(
            total_return_pct=pl.when(is_up & (pl.col("trade_date") == SPAN[4]))
            .then(100 * (60 * (1 + pl.col("total_return_pct") / 100) - 1))
            .otherwise("total_return_pct")
        )
    )
    rows = made(given=replace(inputs(), prices=soaring)).rows
    days = rows["portfolio_days"]
    assert days.height == len(SPAN) and days["state"][4] == "stopped", days["nav_usd"]
    assert set(days["state"][4:]) == {"stopped"} and days["nav_usd"][4] <= 0
    assert rows["orders"].filter(pl.col("decision_date") > SPAN[3]).is_empty()
    assert rows["target_positions"].filter(pl.col("trade_date") > SPAN[3]).is_empty()
