"""Daily returns of books by hand: the first day, flows, idle days, holes, ruin.

Belongs here: `portfolio/book_returns.py`. Not here: figures.
"""

from __future__ import annotations

import polars as pl
import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets_tests.portfolio.books import DAYS, Fill, World, keep

#: A buy on the first day at 50, a sale of half on the third at 55, nothing on the fourth.
WORLD = World(
    {"A": [50.0, 52.0, 55.0, 55.0]},
    (
        Fill(0, "A", 10_000, 49.9, spread=30.0, impact=20.0, commission=35.0),
        Fill(2, "A", -5_000, 55.0, spread=15.0, impact=5.0, commission=17.5, fee=7.5),
    ),
)


def test_returns_by_hand():
    found = book_returns(keep(WORLD).days)
    assert found["trade_date"].to_list() == DAYS[:4]
    # Bought 10 cents below the close, less costs of 85.
    assert found["pnl_usd"].to_list() == [1_000.0 - 85.0, 20_000.0, 30_000.0 - 45.0, 0.0]
    assert found["trading_cost_usd"].to_list() == [85.0, 0.0, 45.0, 0.0]
    assert found["gross_pnl_usd"].to_list() == [1_000.0, 20_000.0, 30_000.0, 0.0]
    base = [1_000_000.0, 1_000_915.0, 1_020_915.0, 1_050_870.0]
    assert found["base_usd"].to_list() == base
    assert found["net_return"].to_list() == pytest.approx(
        [915 / base[0], 20_000 / base[1], 29_955 / base[2], 0.0], rel=1e-14
    )
    assert found["turnover"].to_list() == pytest.approx(
        [499_000 / base[0], 0.0, 275_000 / base[2], 0.0], rel=1e-14
    )
    assert found["gross"].to_list() == pytest.approx(
        [500_000 / base[1], 520_000 / base[2], 275_000 / base[3], 275_000 / base[3]]
    )


def test_the_first_day_and_days_without_change_have_returns():
    """The traps: the first day's costs lost, idle days dropped."""
    found = book_returns(keep(WORLD).days)
    assert found["net_return"].null_count() == 0 and found.height == 4
    assert found["net_return"][0] != 0 and found["net_return"][3] == 0


def test_flows_are_no_gain():
    """A deposit of as much again on the second day, a withdrawal on the third: what is earned is
    what was earned without them, over the money that was there.
    """
    flows = {0: 1_000_000.0, 1: 1_000_000.0, 2: -500_000.0}
    plain = book_returns(keep(WORLD).days)
    moved = book_returns(keep(World(WORLD.closes, WORLD.fills, flows)).days)
    assert moved["pnl_usd"].to_list() == plain["pnl_usd"].to_list()
    assert moved["base_usd"][1] == plain["base_usd"][1] + 1_000_000
    assert moved["net_return"][2] == pytest.approx(29_955 / (2_020_915 - 500_000))


def test_costs_make_the_gap_between_gross_and_net():
    world = World(WORLD.closes, WORLD.fills, borrow={(1, "A"): 40.0}, interest={1: 12.0})
    found = book_returns(keep(world).days)
    assert found["borrow_cost_usd"].to_list() == [0.0, 40.0, 0.0, 0.0]
    assert found["pnl_usd"][1] == 20_000 - 40 + 12
    gap = found["gross_pnl_usd"] - found["pnl_usd"]
    assert gap.to_list() == pytest.approx([85.0, 40.0, 45.0, 0.0])
    free = World(WORLD.closes, tuple(Fill(f.day, f.parent, f.shares, f.price) for f in WORLD.fills))
    same = book_returns(keep(free).days)
    assert same["gross_return"].equals(same["net_return"].rename("gross_return"))


def test_a_hole_in_the_days_is_refused_by_name():
    days = keep(WORLD).days
    holed = days.filter(pl.col("trade_date") != DAYS[2])
    with pytest.raises(UserError, match=rf"optimised lacks 1 trading days up to {DAYS[2]}"):
        book_returns(holed)
    with pytest.raises(UserError, match="twice"):
        book_returns(pl.concat([days, days.tail(1)]))
    assert book_returns(days.clear()).is_empty()


def test_books_stand_beside_each_other():
    other = World(WORLD.closes, WORLD.fills, policy="equity_only")
    both = pl.concat([keep(WORLD).days, keep(other).days]).sample(fraction=1.0, shuffle=True)
    found = book_returns(both)
    alone = book_returns(keep(WORLD).days)
    assert found.filter(policy="optimised").equals(alone)
    assert found.height == 8


def test_a_book_that_has_lost_all_has_no_more_returns():
    """Short ten times the money, and the price doubles on the second day."""
    world = World({"A": [100.0, 200.0, 300.0]}, (Fill(0, "A", -100_000, 100.0),))
    found = book_returns(keep(world).days)
    assert found["net_return"].to_list() == [0.0, -10.0, None]
    assert found["gross"].to_list()[1:] == [None, None]
