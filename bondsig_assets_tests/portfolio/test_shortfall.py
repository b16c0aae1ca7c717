"""Implementation shortfall by hand, and that its parts are paper less reality whatever happened.

Belongs here: `portfolio/shortfall.py`. Not here: what brokers fill.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.portfolio.shortfall import shortfalls
from bondsig_assets_tests.portfolio.books import DAYS, Fill, World, e4, keep

#: Decided at 100, arrived at 100.50, 600 of 1,000 bought at 100.80, closed at 102.
BUY = Fill(
    1,
    "A",
    600,
    100.8,
    spread=12.0,
    impact=18.0,
    commission=3.0,
    fee=0.0,
    ordered=1_000,
    decision=100.0,
    arrival=100.5,
)
WORLD = World({"A": [100.0, 102.0]}, (BUY,))
PARTS = ("delay_usd", "execution_usd", "opportunity_usd", "fees_usd")


def of(world: World) -> pl.DataFrame:
    book = keep(world)
    return shortfalls(book.fills, book.orders)


def test_a_buy_by_hand():
    row = of(WORLD).row(0, named=True)
    assert row["paper_usd"] == 1_000 * 2.0
    assert row["real_usd"] == 600 * 1.2 - 33.0
    assert row["shortfall_usd"] == 2_000 - 687
    assert row["delay_usd"] == 600 * 0.5
    assert row["execution_usd"] == pytest.approx(600 * 0.3 + 30.0)
    assert row["opportunity_usd"] == 400 * 2.0
    assert row["fees_usd"] == 3.0
    assert (row["spread_usd"], row["impact_usd"], row["expected_usd"]) == (12.0, 18.0, 3.75)
    assert row["decided_usd"] == 100_000.0
    assert row["shortfall_bps"] == pytest.approx(131.3)
    assert (row["order_shares"], row["filled_shares"], row["state"]) == (1_000, 600, "judged")


def test_a_sale_is_its_mirror():
    """The same prices turned round 100: what a sale falls short of is the same."""
    sale = Fill(
        1,
        "A",
        -600,
        99.2,
        spread=12.0,
        impact=18.0,
        commission=3.0,
        ordered=-1_000,
        decision=100.0,
        arrival=99.5,
    )
    sold, bought = of(World({"A": [100.0, 98.0]}, (sale,))), of(WORLD)
    for part in ("shortfall_usd", "paper_usd", "real_usd", *PARTS):
        assert sold[part].item() == pytest.approx(bought[part].item()), part
    assert (sold["order_shares"].item(), sold["filled_shares"].item()) == (-1_000, -600)


def test_what_never_traded_is_opportunity_alone():
    unfilled = Fill(1, "A", 0, 0.0, ordered=1_000, decision=100.0, arrival=100.5)
    row = of(World({"A": [100.0, 97.0]}, (unfilled,))).row(0, named=True)
    assert row["opportunity_usd"] == row["shortfall_usd"] == -3_000.0
    assert [row[part] for part in ("delay_usd", "execution_usd", "fees_usd", "real_usd")] == [0] * 4


def test_a_fill_at_the_decision_price_without_costs_falls_short_of_nothing():
    exact = Fill(1, "A", 1_000, 100.0, decision=100.0, arrival=100.0)
    assert of(World({"A": [100.0, 105.0]}, (exact,)))["shortfall_usd"].item() == 0.0


def test_a_fill_that_arrives_twice_counts_once_and_one_that_is_late_counts():
    book = keep(WORLD)
    late = book.fills.with_columns(
        booked_date=pl.lit(DAYS[2]), known_at=pl.col("known_at") + timedelta(days=1)
    )
    twice = pl.concat([book.fills, late])
    assert shortfalls(twice, book.orders).equals(shortfalls(book.fills, book.orders))
    none = book.fills.with_columns(
        fill_id=pl.lit("none"),
        outcome=pl.lit("none"),
        reason=pl.lit("broker_down"),
        shares=pl.lit(0, dtype=pl.Int64),
        price_usd=pl.lit(None, dtype=pl.Float64),
        spread_usd=pl.lit(0.0),
        impact_usd=pl.lit(0.0),
        commission_usd=pl.lit(0.0),
    )
    arrived = shortfalls(pl.concat([none, late]), book.orders)
    known = "known_at"
    assert arrived.drop(known).equals(shortfalls(book.fills, book.orders).drop(known))
    assert arrived[known].item() == late[known].item()


@pytest.mark.parametrize("lacking", ["close_usd", "decision_price_usd", "price_usd"])
def test_an_order_without_a_price_is_unpriced_and_says_no_amount(lacking):
    book = keep(WORLD)
    holed = book.fills.with_columns(pl.lit(None, dtype=pl.Float64).alias(lacking))
    row = shortfalls(holed, book.orders).row(0, named=True)
    assert row["state"] == "unpriced"
    assert all(row[part] is None for part in (*PARTS, "shortfall_usd", "paper_usd", "real_usd"))


def test_without_an_arrival_price_there_is_no_delay():
    book = keep(WORLD)
    holed = book.fills.with_columns(arrival_price_usd=pl.lit(None, dtype=pl.Float64))
    row = shortfalls(holed, book.orders).row(0, named=True)
    assert row["delay_usd"] == 0.0
    assert row["shortfall_usd"] == 2_000 - 687


def test_no_fills_are_no_rows():
    book = keep(WORLD)
    assert shortfalls(book.fills.clear(), book.orders).is_empty()


price = st.floats(0.01, 5_000.0)
cost = st.floats(0.0, 1_000.0).map(lambda usd: round(usd, 4))


@st.composite
def fills(draw: st.DrawFn) -> tuple[Fill, ...]:
    """Up to six orders either way, filled in part or whole, at prices with any number of digits."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        size = draw(st.integers(1, 10**6))
        sign = draw(st.sampled_from([-1, 1]))
        found.append(
            Fill(
                1,
                draw(st.sampled_from(["A", "B"])),
                sign * draw(st.integers(0, size)),
                draw(price),
                *(draw(cost) for _ in range(4)),
                ordered=sign * size,
                decision=draw(price),
                arrival=draw(price),
            )
        )
    return tuple(found)


@settings(max_examples=150)
@given(fills(), price, price)
def test_parts_are_paper_less_reality_exactly(orders, one, other):
    """In integers of 1e-4 dollars; and both are the shares times the prices."""
    book = keep(World({"A": [one, one], "B": [other, other]}, orders, {0: 1e12}))
    found = shortfalls(book.fills, book.orders)
    assert found.height == len(orders)
    in_e4 = found.select(
        (pl.col(name) * 1e4).round().cast(pl.Int64)
        for name in ("paper_usd", "real_usd", "shortfall_usd", *PARTS)
    )
    for paper, real, shortfall, *parts in in_e4.rows():
        assert shortfall == paper - real == sum(parts)
    for row in found.to_dicts():
        order = orders[int(row["order_id"][1:])]
        close = one if order.parent == "A" else other
        size = order.ordered
        rounding = 2e-4 * abs(size)
        assert row["paper_usd"] == pytest.approx(size * (close - order.decision), abs=rounding)
        costs = order.spread + order.impact + order.commission + order.fee
        gain = order.shares * (close - order.price)
        assert row["real_usd"] == pytest.approx(gain - costs, abs=rounding + 1e-4)
        # To the last unit what a ledger books of it, which rounds prices.
        units = order.shares * (e4(close) - e4(order.price))
        paid = sum(e4(one) for one in (order.spread, order.impact, order.commission, order.fee))
        assert round(1e4 * row["real_usd"]) == units - paid
