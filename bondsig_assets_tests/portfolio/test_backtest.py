"""A range is its days, and every setting of trading changes what comes of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import offset
from bondsig_assets.portfolio.backtest import walk
from bondsig_assets.portfolio.books import new_books
from bondsig_assets.portfolio.broker import PaperBroker
from bondsig_assets.portfolio.orders import orders, wishes_of
from bondsig_assets.portfolio.sessions import session_of
from bondsig_assets.portfolio.settings import TradingSettings
from bondsig_assets.tables.trading import ORDERS
from bondsig_assets.validation import declared_fields
from bondsig_assets_tests.portfolio.books_by_hand import (
    DEAR,
    FIRST,
    FREE,
    Market,
    prices,
    random_market,
)


def sessions_of(seed, **known):
    frames, targets, ended = random_market(seed)
    return [
        session_of(frame, offset(FIRST, at), gone, **known)
        for at, (frame, gone) in enumerate(zip(frames, ended, strict=True))
    ], targets


def deciding(targets, chosen):
    """Evenings that wish for given shares."""

    def decide(books, session):
        wanted = targets[int(np.busday_count(FIRST, session.trade_date))]
        facts = session.of(sorted(wanted))
        frame = pl.DataFrame(
            {
                "parent_id": facts.parents,
                "ticker": [ticker or "?" for ticker in facts.tickers],
                "shares": [wanted[name] for name in facts.parents],
                "price_usd": facts.close_usd,
                "volatility_pct": [2.0] * len(facts.parents),
                "dollar_volume_usd": [2e6] * len(facts.parents),
            }
        )
        wished = wishes_of(books.held(), frame, books.policy, session.trade_date)
        return orders(wished, chosen, books.state == "stopped")

    return decide


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7))
def test_a_range_is_its_days(seed, cut):
    """Identity 7: whole, in two parts and day by day, the same rows and the same book."""
    days, targets = sessions_of(seed)
    decide, broker = deciding(targets, DEAR), PaperBroker(DEAR)
    whole = walk(new_books("optimised"), days, decide, broker, DEAR)
    first = walk(new_books("optimised"), days[:cut], decide, broker, DEAR)
    second = walk(first.books, days[cut:], decide, broker, DEAR)
    for name, rows in whole.rows.items():
        assert rows.equals(pl.concat([first.rows[name], second.rows[name]])), name
    book, singles = new_books("optimised"), []
    for day in days:
        one = walk(book, [day], decide, broker, DEAR)
        book = one.books
        singles.append(one)
    for name, rows in whole.rows.items():
        assert rows.equals(pl.concat([one.rows[name] for one in singles])), name
    assert whole.books.nav_e4 == book.nav_e4 == second.books.nav_e4
    assert whole.refused.is_empty()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_five_tranches_earn_a_fifth_of_each_days_labels_to_the_unit(seed):
    """Identity 6: without costs and caps, decided at t, filled at the close of t + 1, held to that
    of t + 6: what a tranche is worth when it is bought times the simple return of its label.
    """
    draw = np.random.default_rng(seed)
    n_days, names = 12, ["A", "B", "C"]
    tranche = draw.integers(-40, 40, (n_days, 3))
    path = np.round(50 * np.exp(draw.normal(0, 0.02, (n_days + 7, 3)).cumsum(axis=0)), 2)
    market = Market(FREE, nav_usd=1e6)
    for day in range(n_days + 7):
        market.session(prices(**dict(zip(names, path[day].tolist(), strict=True))))
        young = tranche[max(day - 4, 0) : day + 1].sum(axis=0) if day < n_days + 4 else 0 * path[0]
        market.evening(**{name: int(q) for name, q in zip(names, young, strict=True)})
    bought = tranche * path[1 : n_days + 1]
    label = path[6 : n_days + 6] / path[1 : n_days + 1] - 1
    assert market.row["nav_usd"] - 1e6 == pytest.approx(float((bought * label).sum()), abs=1e-4)


def test_no_days_are_no_rows():
    made = walk(new_books("x"), [], lambda books, session: None, PaperBroker(DEAR), DEAR)
    assert all(rows.is_empty() for rows in made.rows.values()) and made.books.state == "new"
    assert made.rows["orders"].schema == ORDERS.polars_schema


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


@pytest.mark.parametrize("name", OTHERS)
def test_every_setting_of_trading_changes_a_result(name):
    """qlib#2276: a setting that nothing asks for."""

    base = replace(DEAR, trading=replace(DEAR.trading, **BESIDE.get(name, {})))
    other = replace(base, trading=replace(base.trading, **{name: OTHERS[name]}))
    # Without a rate of its own a day asks the setting; with one the spreads.
    rate = float("nan") if name == "cash_rate_pct" else 4.0

    def is_changed(seed):
        days, targets = sessions_of(seed, cash_rate_pct=rate)
        one, another = (
            walk(
                new_books("optimised"), days, deciding(targets, chosen), PaperBroker(chosen), chosen
            )
            for chosen in (base, other)
        )
        return any(not rows.equals(another.rows[table]) for table, rows in one.rows.items())

    assert any(is_changed(seed) for seed in range(6))
