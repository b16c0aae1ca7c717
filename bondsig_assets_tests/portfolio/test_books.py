"""A book from its rows is the book; what holds of every day of every market."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import offset
from bondsig_assets.errors import LedgerError
from bondsig_assets.portfolio.awaited import Awaited, Stock
from bondsig_assets.portfolio.books import Books, Dues, books_of, new_books, with_orders
from bondsig_assets.portfolio.broker import OpenOrders
from bondsig_assets.portfolio.ledger import balances, held_shares, net_asset_value, units
from bondsig_assets.portfolio.sessions import COLUMNS, session_of
from bondsig_assets.portfolio.settings import TradingSettings
from bondsig_assets.portfolio.trading_day import trade_day
from bondsig_assets.tables.trading import (
    CHANGES,
    FILLS,
    LEDGER_ENTRIES,
    ORDERS,
    PORTFOLIO_DAYS,
    POSITIONS,
)
from bondsig_assets.validation import declared_fields
from bondsig_assets_tests.portfolio.books_by_hand import (
    DEAR,
    FIRST,
    FREE,
    USUAL_BETA,
    Market,
    charging,
    prices,
    random_market,
    run,
)

SEEDS = st.integers(0, 10**6)


def same(one, other) -> bool:
    """Equal to the last bit, unknown equal to unknown."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(
            one, other, equal_nan=one.dtype.kind == "f"
        ) | (one.dtype.kind == "M" and one.astype(int).tolist() == other.astype(int).tolist())
    if isinstance(one, (Awaited, Books, OpenOrders, Dues, Stock)):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))
    return one == other


def from_rows(market: Market, at: int) -> Books:
    """The book after day `at` from what its tables hold."""
    days = market.days
    entries = pl.concat([day.entries for day in days[: at + 1]])
    today = days[at].day["trade_date"][0]
    evenings = market.evenings
    return books_of(
        "optimised",
        days[at].day,
        days[at].positions,
        entries.filter(pl.col("settle_date") > today),
        entries.filter(pl.col("kind") == "delisting"),
        evenings[at] if at < len(evenings) else ORDERS.empty(),
        evenings[at - 1] if at else ORDERS.empty(),
        pl.concat([day.fills for day in days[: at + 1]]).filter(
            (pl.col("booked_date") == today)
            | pl.col("order_id").is_in(days[at].awaited["order_id"].implode())
        ),
        days[at].awaited,
    )


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@example(11970)  # stops
@given(SEEDS)
def test_a_book_from_its_rows_is_the_book_and_goes_on_as_it_would(seed):
    """Backtest and daily run: each day begins from tables alone and gives the same bits."""
    market = run(seed)
    frames, _, ended = random_market(seed)
    for at in range(len(market.days) - 1):
        rebuilt = from_rows(market, at)
        known = with_orders(market.days[at].books, market.evenings[at])
        assert same(rebuilt, known)
        session = session_of(
            frames[at + 1],
            market.sessions[at + 1].trade_date,
            ended[at + 1],
            has_borrow_rates=seed % 2 == 0,
            cash_rate_pct=float(seed % 5),
            usual_beta=USUAL_BETA,
        )
        again = trade_day(rebuilt, session, market.broker, market.settings)
        assert again.awaited.is_empty(), "the paper broker tells all on the same evening"
        for table in ("fills", "entries", "positions", "day", "refused"):
            assert getattr(again, table).equals(getattr(market.days[at + 1], table)), table


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_what_there_is_and_why_it_changed(seed):
    """Identities 1, 2, 4 and 9, each day, to the unit."""
    market, (frames, _, _) = run(seed), random_market(seed)
    entries, before = pl.concat([day.entries for day in market.days]), 0
    for at, done in enumerate(market.days):
        row = done.day.row(0, named=True)
        so_far = pl.concat([day.entries for day in market.days[: at + 1]])
        sums = balances(so_far)
        nav = units(row["nav_usd"])
        # 1: what entries add up to is what positions are worth, with cash and dividends.
        stock = sum(
            units(p["price_usd"]) * p["shares"]
            for p in done.positions.iter_rows(named=True)
            if p["shares"]
        )
        assert sums["stock"] == stock == units(row["long_usd"]) + units(row["short_usd"])
        assert (sums["cash"], sums["receivable"], -sums["payable"]) == tuple(
            units(row[f"{name}_usd"]) for name in ("cash", "receivables", "payables")
        )
        assert nav == net_asset_value(sums)
        held = dict(
            done.positions.filter(pl.col("shares") != 0).select("parent_id", "shares").iter_rows()
        )
        assert held == held_shares(so_far)
        # 2: the parts add up, and are what the day's entries say.
        assert units(row["nav_before_usd"]) == before
        assert nav - before == sum(units(row[f"{name}_usd"]) for name in CHANGES)
        today = balances(done.entries)
        assert all(units(row[f"{name}_usd"]) == -today[name] for name in CHANGES)
        of_names = sum(units(x) for x in done.positions["pnl_usd"])
        assert of_names == nav - before - units(row["capital_usd"]) - units(row["interest_usd"])
        # 4: no order is overfilled, nothing fills on the day that decided.
        fills = done.fills
        assert (fills["fill_date"] == row["trade_date"]).all()
        if at:
            sent = market.evenings[at - 1].filter(pl.col("state") == "sent")
            assert set(sent["order_id"]) == set(fills["order_id"])
            assert (sent["decision_date"] < row["trade_date"]).all()
        assert (fills["shares"] + fills["unfilled_shares"] == fills["order_shares"]).all()
        assert (fills["unfilled_shares"] >= 0).all()
        # 9: figures recomputed from fills and positions.
        traded = sum(
            units(f["price_usd"]) * f["shares"] for f in fills.iter_rows(named=True) if f["shares"]
        )
        assert units(row["traded_usd"]) == traded
        if before > 0:
            assert row["turnover"] == traded / before
        if nav > 0:
            weights = done.positions["weight"]
            assert row["gross"] == pytest.approx(weights.abs().sum(), abs=1e-12)
            assert row["net"] == pytest.approx(weights.sum(), abs=1e-12)
            told = dict(
                frames[at].drop_nulls("market_beta").select("parent_id", "market_beta").iter_rows()
            )
            betas = [told.get(name, USUAL_BETA) for name in done.positions["parent_id"]]
            assert row["beta"] == pytest.approx(float(weights.to_numpy() @ betas), abs=1e-12)
        else:
            assert row["gross"] is row["net"] is row["beta"] is None
        before = nav
    assert entries.select("trade_date", "entry_number").is_unique().all()


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_change_of_a_day_from_prices_and_fills_alone(seed):
    """Identity 2 without the ledger: the shares of the morning at the split's ratio and dividend,
    fills to the close, costs; fractions at the opening price, for names that trade and are known.
    """
    market = run(seed, charging(costs={"commission_usd": 0.01}), has_rates=False)
    frames, _, _ = random_market(seed)
    for at in range(1, len(market.days)):
        done, held = market.days[at], market.days[at - 1].positions
        if market.days[at - 1].day["state"][0] == "stopped":
            break
        facts = {row["parent_id"]: row for row in frames[at].iter_rows(named=True)}
        ended = set(done.entries.filter(pl.col("kind") == "delisting")["parent_id"])
        quarantined = set(
            done.positions.filter(pl.col("state") == "quarantined")["parent_id"]
        ) | set(held.filter(pl.col("state") == "quarantined")["parent_id"])
        pnl = dict(done.positions.select("parent_id", "pnl_usd").iter_rows())
        for name, got in pnl.items():
            if name not in facts or name in ended or name in quarantined:
                continue
            day = facts[name]
            mine = held.filter(pl.col("parent_id") == name)
            shares = mine["shares"][0] if mine.height else 0
            start = mine["price_usd"][0] if shares else 0.0
            exact = abs(shares) * day["split_ratio"]
            whole = np.floor(exact + 1e-9)
            rest = exact - whole if exact - whole > 1e-9 else 0.0
            opened = day["open_usd"] or (start / day["split_ratio"])
            sign = np.sign(shares)
            expected = sign * (
                whole * (day["close_usd"] + day["dividend_usd"])
                + rest * opened
                - abs(shares) * start
            )
            for fill in done.fills.filter(
                (pl.col("parent_id") == name) & (pl.col("shares") > 0)
            ).iter_rows(named=True):
                buys = 1 if fill["side"].startswith("buy") else -1
                expected += buys * fill["shares"] * (day["close_usd"] - fill["price_usd"])
                expected -= fill["commission_usd"]
            assert got == pytest.approx(expected, abs=2e-4 + 1e-9 * abs(expected))


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_without_costs_net_is_gross(seed):
    """Identity 8: every part that is a cost is nothing."""
    market = run(seed, FREE, has_rates=False)
    parts = pl.concat([day.day for day in market.days])
    for name in ("commissions", "fees", "spread", "impact", "borrow"):
        assert (parts[f"{name}_usd"] == 0).all()


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(SEEDS, st.sampled_from([2.0, 3.0, 0.5, 0.1]))
def test_a_split_a_rename_and_another_tickers_end_change_no_value(seed, ratio):
    """Identity 5: the same market with a split of every name on a day, prices to match, tickers
    that change and belong to others; holdings are multiples, so nothing is paid out.
    """
    draw = np.random.default_rng(seed)
    path = np.round(100 * np.exp(draw.normal(0, 0.03, (6, 3)).cumsum(axis=0)), 1)
    shares = draw.integers(-50, 50, 3) * 10
    found = []
    for is_changed in (False, True):
        market = Market(FREE, nav_usd=1e6)
        for day in range(6):
            split = ratio if is_changed and day >= 3 else 1.0
            frame = prices(
                **{
                    name: {
                        "close_usd": float(path[day, k]) / split,
                        "split_ratio": ratio if is_changed and day == 3 else 1.0,
                        "ticker": "abc"[(k + is_changed * (day >= 2)) % 3],
                    }
                    for k, name in enumerate(("A", "B", "C"))
                }
            )
            # Delistings of tickers long ago are of their owners then.
            old = pl.DataFrame(
                {
                    "ticker": ["a", "b"],
                    "last_trade_date": [offset(FIRST, -1)] * 2,
                    "delisting_return_pct": [-100.0] * 2,
                    "reason": ["dropped"] * 2,
                }
            )
            market.session(frame, delistings=old if is_changed else None)
            market.evening(**{name: int(n * split) for name, n in zip("ABC", shares, strict=True)})
        found.append([day.day["nav_usd"][0] for day in market.days])
    # Prices are whole units: half of one a share, three names of 5,000 shares at the most.
    assert found[1] == pytest.approx(found[0], abs=0.75)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(SEEDS, st.integers(2, 7))
def test_what_comes_later_changes_no_earlier_day(seed, at):
    """Identity 7 for fills and books: poisoned sessions from a day on leave all before alone."""
    clean, poisoned = Market(DEAR), Market(DEAR)
    frames, targets, ended = random_market(seed)
    for day, (frame, wanted, known) in enumerate(zip(frames, targets, ended, strict=True)):
        bad = frame.with_columns(pl.col("close_usd") * 7, split_ratio=3.0) if day >= at else frame
        clean.session(frame, delistings=known)
        poisoned.session(bad, delistings=known)
        for market in (clean, poisoned):
            market.evening(**wanted)
    for day in range(at):
        for table in ("fills", "entries", "positions", "day"):
            assert getattr(clean.days[day], table).equals(getattr(poisoned.days[day], table))
        assert clean.evenings[day].equals(poisoned.evenings[day])


ABSURD = (float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e-12, 1e9, 1e300, None)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(0.02, 0.5))
@example(2254, 0.375)
def test_absurd_input_leaves_books_that_balance(seed, share):
    """Any cell of any session may be nonsense: no day fails, no amount is lost, rows fit."""
    draw = np.random.default_rng(seed)
    market = Market(DEAR)
    for frame, targets, ended in zip(*random_market(seed), strict=True):
        columns = {
            name: [
                ABSURD[draw.integers(len(ABSURD))] if draw.random() < share else one
                for one in frame[name].to_list()
            ]
            for name in COLUMNS
        }
        bad = frame.with_columns(
            **{name: pl.Series(cells, dtype=pl.Float64) for name, cells in columns.items()}
        )
        with np.errstate(all="raise", under="ignore"):
            done = market.session(bad, delistings=ended, cash_rate_pct=ABSURD[draw.integers(5)])
        market.evening(**targets)
        row = done.day.row(0, named=True)
        sums = balances(market.entries())
        assert units(row["nav_usd"]) == net_asset_value(sums)
        assert np.isfinite(row["nav_usd"]) and sum(sums.values()) == 0
        for table, rows in (
            (FILLS, done.fills),
            (LEDGER_ENTRIES, done.entries),
            (POSITIONS, done.positions),
            (PORTFOLIO_DAYS, done.day),
        ):
            table.conform(rows)
        known = done.fills.filter(pl.col("shares") > 0)["price_usd"]
        assert known.is_finite().all() and (known > 0).all()
    for at in range(3, len(market.days)):
        assert same(from_rows(market, at), with_orders(market.days[at].books, market.evenings[at]))


def test_rows_that_do_not_fit_together_are_refused_in_one_line():
    market = run(3)
    done = market.days[4]
    empty = ORDERS.empty()
    awaited = done.awaited
    rest = (done.entries.head(0), done.entries.head(0), empty, market.evenings[3], done.fills)
    rest = (*rest, awaited)
    with pytest.raises(LedgerError, match="portfolio_days has 0 rows of optimised on a day"):
        books_of("optimised", done.day.head(0), done.positions, *rest)
    short = done.positions.filter(pl.col("shares") != 0).head(1)
    with pytest.raises(LedgerError, match="portfolio_days says .* run that day again"):
        books_of("optimised", done.day, short, *rest)
    if done.fills.height:
        with pytest.raises(LedgerError, match="do not name each order of that session"):
            books_of("optimised", done.day, done.positions, *rest[:4], done.fills.head(0), awaited)


def test_a_new_book_holds_nothing_and_a_stopped_one_takes_no_orders():
    new = new_books("optimised")
    assert (new.nav_usd, new.held().height) == (0.0, 0)
    stopped = replace(new, state="stopped")
    assert with_orders(stopped, run(3).evenings[0]) is stopped


#: Another value of each setting, and what has to be so that it is asked for.
OTHERS = {
    "fill": "vwap",
    "fill_participation_pct": 20.0,
    "schedule": "twap",
    "schedule_risk_aversion": 50.0,
    "bucket_participation_pct": 2.0,
    "rest": "close",
    "lot_shares": 10,
    "minimum_notional_usd": 2_000.0,
    "commission_minimum_usd": 1.0,
    "sell_fee_bps": 5.0,
    "dividend_pay_days": 1,
    "cash_rate_pct": 3.0,
    "cash_spread_bps": 10.0,
    "proceeds_spread_bps": 10.0,
    "debit_spread_bps": 200.0,
    "delisting_unknown_pct": -50.0,
    "halt_days": 1,
}
#: Settings that count only beside others.
BESIDE = {
    "schedule_risk_aversion": {"schedule": "almgren_chriss"},
    "rest": {"bucket_participation_pct": 1.0},
}


def test_every_setting_has_another_value_here():
    assert set(OTHERS) == set(declared_fields(TradingSettings))


def rows_of_all(market: Market) -> list[pl.DataFrame]:
    """All that a book's days and evenings left."""
    days = [
        getattr(day, table)
        for day in market.days
        for table in ("fills", "entries", "positions", "day")
    ]
    return [*days, *market.evenings, *market.slices]


@pytest.mark.parametrize("name", OTHERS)
def test_every_setting_of_trading_changes_a_result(name):
    """qlib#2276: a setting that nothing asks for."""
    base = replace(DEAR, trading=replace(DEAR.trading, **BESIDE.get(name, {})))
    other = replace(base, trading=replace(base.trading, **{name: OTHERS[name]}))
    # Without a rate of its own a day asks the setting; with one the spreads.
    rate = float("nan") if name == "cash_rate_pct" else 4.0

    def is_changed(seed: int) -> bool:
        one, another = (
            rows_of_all(run(seed, chosen, cash_rate_pct=rate, dollar_volume_usd=2e6))
            for chosen in (base, other)
        )
        return not all(rows.equals(told) for rows, told in zip(one, another, strict=True))

    assert any(is_changed(seed) for seed in range(6))
