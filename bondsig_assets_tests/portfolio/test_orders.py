"""Orders lead from what is held to the target, within volume; what is not sent says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio.orders import Wishes, orders, wishes_of
from bondsig_assets.portfolio.settings import (
    SCHEDULES,
    BoundSettings,
    CostSettings,
    PortfolioSettings,
    TradingSettings,
)
from bondsig_assets.tables.trading import ORDER_SLICES, ORDERS

DAY, NEXT = date(2024, 3, 8), date(2024, 3, 11)
FREE = PortfolioSettings(
    trading=TradingSettings(minimum_notional_usd=0.0), bounds=BoundSettings(name_pct=100.0)
)


def wishes(held, target, price=50.0, volatility=0.02, volume=50e6) -> Wishes:
    n = len(held)
    return Wishes(
        "optimised",
        DAY,
        [f"P{k:02}" for k in range(n)],
        [f"T{k:02}" for k in range(n)],
        np.array(held, dtype=np.int64),
        np.array(target, dtype=np.int64),
        *(np.broadcast_to(np.asarray(x, float), n).copy() for x in (price, volatility, volume)),
    )


def sent(held, target, chosen=FREE, **known):
    """`(side, state, wished, shares)` of the orders of one name."""
    found = orders(wishes([held], [target], **known), chosen).orders
    return found.sort("order_id").select("side", "state", "wished_shares", "shares").rows()


@pytest.mark.parametrize(
    ("held", "target", "found"),
    [
        (0, 100, [("buy", "sent", 100, 100)]),
        (0, -100, [("sell_short", "sent", 100, 100)]),
        (100, 30, [("sell", "sent", 70, 70)]),
        (-100, -30, [("buy_to_cover", "sent", 70, 70)]),
        (100, 150, [("buy", "sent", 50, 50)]),
        (100, 100, []),
        (100, -50, [("sell", "sent", 100, 100), ("sell_short", "sent", 50, 50)]),
        (-100, 50, [("buy", "sent", 50, 50), ("buy_to_cover", "sent", 100, 100)]),
    ],
)
def test_sides_by_hand(held, target, found):
    assert sent(held, target) == found


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000)), min_size=1, max_size=8),
    st.floats(1e4, 1e8),
    st.sampled_from(SCHEDULES),
    st.sampled_from([1, 10, 100]),
    st.sampled_from([0.0, 500.0, 20_000.0]),
    st.floats(1.0, 20.0),
    st.floats(1.0, 20.0),
)
def test_whatever_is_wished(pairs, volume, schedule, lot, least, part, bucket):
    held, target = zip(*pairs, strict=True)
    chosen = PortfolioSettings(
        bounds=BoundSettings(participation_pct=part),
        trading=TradingSettings(
            schedule=schedule,
            lot_shares=lot,
            minimum_notional_usd=least,
            bucket_participation_pct=bucket,
            fill_participation_pct=20.0,
        ),
    )
    made = orders(wishes(held, target, volume=volume), chosen)
    rows = made.orders
    ORDERS.conform(rows), ORDER_SLICES.conform(made.slices)
    assert rows["order_id"].is_unique().all()
    # Slices add up to the order, and nothing that is not sent has any.
    by = dict(made.slices.group_by("order_id").agg(pl.col("shares").sum()).iter_rows())
    for order_id, state, shares in rows.select("order_id", "state", "shares").iter_rows():
        assert by.get(order_id, 0) == shares and (shares > 0) == (state == "sent")
    for k, (have, want) in enumerate(pairs):
        mine = rows.filter(pl.col("parent_id") == f"P{k:02}")
        # All that is wished has a row; all orders of a name together stay within the cap.
        sign = mine["side"].is_in(["buy", "buy_to_cover"]).cast(pl.Int64) * 2 - 1
        assert int((sign * mine["wished_shares"]).sum()) == want - have
        assert mine["shares"].sum() <= part / 100 * volume / 50 + 1e-6
        assert (mine["shares"] <= mine["wished_shares"]).all()
        # Nobody sells short while something is left to sell.
        shorted = mine.filter((pl.col("side") == "sell_short") & (pl.col("shares") > 0)).height
        whole = mine.filter(pl.col("side") == "sell")
        if shorted and whole.height:
            assert whole["shares"][0] == whole["wished_shares"][0] == have


def test_two_orders_of_a_name_share_its_volume():
    """nautilus_trader#2564: a cap for each order would trade a name's volume twice."""
    found = sent(600, -900, volume=1e6)  # 5 % of 20,000 shares
    assert found == [("sell", "sent", 600, 600), ("sell_short", "sent", 900, 400)]
    assert sent(1500, -900, volume=1e6) == [
        ("sell", "sent", 1500, 1000),
        ("sell_short", "cap", 900, 0),
    ]


def test_dust_is_not_sent_and_counted_and_a_full_exit_is_no_dust():
    chosen = replace(FREE, trading=TradingSettings(minimum_notional_usd=500.0))
    assert sent(100, 109, chosen) == [("buy", "dust", 9, 0)]
    assert sent(100, 110, chosen) == [("buy", "sent", 10, 10)]
    assert sent(9, 0, chosen) == [("sell", "sent", 9, 9)]
    assert sent(-9, 0, chosen) == [("buy_to_cover", "sent", 9, 9)]
    assert sent(19, 10, chosen) == [("sell", "dust", 9, 0)]


def test_lots_cut_orders_but_not_a_full_exit():
    chosen = replace(FREE, trading=TradingSettings(lot_shares=100, minimum_notional_usd=0.0))
    assert sent(0, 250, chosen) == [("buy", "sent", 250, 200)]
    assert sent(0, 99, chosen) == [("buy", "dust", 99, 0)]
    assert sent(250, 0, chosen) == [("sell", "sent", 250, 250)]
    assert sent(250, 30, chosen) == [("sell", "sent", 220, 200)]


@pytest.mark.parametrize(
    "known",
    [
        {"price": np.nan},
        {"price": -1.0},
        {"price": 0.0},
        {"price": 1e9},
        {"volume": np.nan},
        {"volume": 0.0},
        {"volume": -5.0},
        {"volatility": np.nan},
    ],
)
def test_what_nobody_can_price_is_not_sent(known):
    assert sent(0, 100, **known) == [("buy", "unpriced", 100, 0)]


def test_too_little_volume_and_a_stopped_book_send_nothing():
    assert sent(0, 100, volume=500.0) == [("buy", "cap", 100, 0)]
    made = orders(wishes([10], [0]), FREE, is_stopped=True)
    assert made.orders.select("state", "shares").rows() == [("stopped", 0)]
    assert made.slices.is_empty()


def test_expected_costs_by_hand():
    """20,000 shares at 50 of a million a day, volatility 2 %: half-spread 1 + 0.6 x 2 bp at 50 M$ a
    day; impact two thirds of 2 % x √0.02; 0.0035 a share; 0.2 bp where sold.
    """
    made = orders(wishes([20_000], [0]), FREE).orders.row(0, named=True)
    notional = 20_000 * 50.0
    assert made["expected_spread_usd"] == pytest.approx(notional * 2.2e-4, abs=1e-4)
    assert made["expected_impact_usd"] == pytest.approx(
        notional * 2 / 3 * 0.02 * np.sqrt(0.02), rel=2e-4
    )
    assert made["expected_commission_usd"] == 70.0
    assert made["expected_fee_usd"] == pytest.approx(20.0)
    assert made["participation_pct"] == pytest.approx(2.0)
    assert made["expected_risk_usd"] > 0
    assert (made["decision_date"], made["session_date"]) == (DAY, NEXT)
    free = replace(FREE, costs=CostSettings(impact=0.0, commission_usd=0.0))
    bought = orders(wishes([0], [20_000]), free).orders.row(0, named=True)
    assert bought["expected_impact_usd"] == bought["expected_commission_usd"] == 0.0
    assert bought["expected_fee_usd"] == 0.0


def test_a_small_order_pays_the_least_commission():
    made = orders(wishes([0], [10]), FREE).orders.row(0, named=True)
    assert made["expected_commission_usd"] == 0.35


def test_names_in_another_order_give_the_same_rows():
    day = wishes([0, 10, -5, 7], [5, 0, 5, 7], price=[50.0, 20.0, 30.0, 40.0])
    back = list(range(4))[::-1]
    turned = Wishes(
        day.policy,
        day.decision_date,
        [day.parents[k] for k in back],
        [day.tickers[k] for k in back],
        *(
            getattr(day, name)[back]
            for name in (
                "held_shares",
                "target_shares",
                "price_usd",
                "volatility",
                "dollar_volume_usd",
            )
        ),
    )
    one, other = orders(day, FREE), orders(turned, FREE)
    assert one.orders.equals(other.orders) and one.slices.equals(other.slices)


def test_what_is_held_and_has_no_target_is_left_alone():
    held = pl.DataFrame({"parent_id": ["A", "B"], "ticker": ["AA", "BB"], "shares": [5, 6]})
    targets = pl.DataFrame(
        {
            "parent_id": ["C", "B"],
            "ticker": ["CC", "BB"],
            "shares": [1, 0],
            "price_usd": [10.0, None],
            "volatility_pct": [2.0, 3.0],
            "dollar_volume_usd": [1e6, 2e6],
        }
    )
    found = wishes_of(held, targets, "tranches", DAY)
    assert found.parents == ["B", "C"] and found.held_shares.tolist() == [6, 0]
    assert found.target_shares.tolist() == [0, 1] and np.isnan(found.price_usd[0])
    assert found.volatility.tolist() == [0.03, 0.02]


def test_an_evening_without_wishes_has_no_orders():
    made = orders(wishes([], []), FREE)
    assert made.orders.is_empty() and made.slices.is_empty()
    ORDERS.conform(made.orders), ORDER_SLICES.conform(made.slices)
