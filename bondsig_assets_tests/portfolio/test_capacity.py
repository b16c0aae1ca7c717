"""Capacity curves by hand and where the answer is known.

Belongs here: `portfolio/capacity.py`. Not here: costs.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.capacity import SIZES, capacity, capacity_of
from bondsig_assets_tests.portfolio.books import DAYS, Fill, World, keep

N = 250


def run(nav: float, alpha: float, impact: float, seed: int = 0) -> pl.DataFrame:
    """Rows of `book_returns` of a book that earns `alpha` x nav a day, trades a tenth of it and
    pays `impact` x (nav / 10 million)^1.5 for it.
    """
    noise = 0.002 * np.random.default_rng(seed).standard_normal(N)
    gross = nav * (alpha + noise)
    cost = np.full(N, impact * (nav / 1e7) ** 1.5)
    return pl.DataFrame(
        {
            "policy": ["optimised"] * N,
            "trade_date": DAYS[:N],
            "base_usd": [nav] * N,
            "pnl_usd": np.round(gross - cost, 4),
            "gross_pnl_usd": np.round(gross, 4),
            "trading_cost_usd": np.round(cost, 4),
            "traded_usd": [nav / 10] * N,
            "net_return": (gross - cost) / nav,
            "turnover": [0.1] * N,
        }
    )


def test_the_best_size_is_where_alpha_meets_impact():
    """a·V - c·V^1.5 is most at V = (2a/3c)²: with a = 4 bp and c of 1,200 dollars at 10 million
    that is 49 million; of the sizes tried 30 million earns most.
    """
    rows = capacity({nav: run(nav, 0.0004, 1_200.0) for nav in SIZES})
    a, c = 0.0004, 1_200 / 1e7**1.5
    assert (2 * a / 3 / c) ** 2 == pytest.approx(4.94e7, rel=0.01)
    assert rows["nav_usd"].to_list() == list(SIZES)
    assert capacity_of(rows) == 3e7
    assert rows.filter("is_capacity").height == 1
    curve = rows["net_usd"].to_list()
    assert curve[:4] == sorted(curve[:4]) and curve[4] < curve[3] and curve[6] < 0
    assert rows.filter("is_last")["nav_usd"].to_list() == [1e9]


def test_a_row_by_hand():
    book = run(1e7, 0.0004, 1_200.0)
    row = capacity({1e7: book}).row(0, named=True)
    pnl = book["pnl_usd"].to_numpy()
    assert row["net_usd"] == pytest.approx(252 * pnl.mean())
    assert row["gross_usd"] == pytest.approx(252 * (pnl.mean() + 1_200))
    assert row["net_return_pct"] == pytest.approx(25_200 * pnl.mean() / 1e7)
    assert row["sharpe_ratio"] == pytest.approx(pnl.mean() / pnl.std(ddof=1) * 252**0.5)
    assert row["cost_bps"] == pytest.approx(1e4 * 1_200 / 1e6)
    assert row["turnover"] == pytest.approx(0.1)
    assert (row["n_days"], row["t_below_best"]) == (N, None)
    assert row["is_capacity"] and row["is_last"]


def test_sizes_are_compared_day_by_day():
    """Noise that all sizes share does not blur what costs take: twice the money without impact is
    better than half by as many errors as the book itself is above nothing.
    """
    rows = capacity({1e7: run(1e7, 0.0004, 0.0), 2e7: run(2e7, 0.0004, 0.0)})
    small, large = rows.to_dicts()
    assert large["is_capacity"] and large["is_last"]
    assert small["t_below_best"] == pytest.approx(large["net_usd"] / large["error_usd"], rel=1e-6)
    # The same book twice as dear: dearer by the same each day, which is certain.
    dear = run(1e7, 0.0004, 1.0).with_columns(pl.col("pnl_usd") - 3.0)
    rows = capacity({1e7: run(1e7, 0.0004, 0.0), 1.1e7: dear})
    assert rows["t_below_best"][1] is None or rows["t_below_best"][1] > 1e3


def test_where_no_size_earns_anything_there_is_no_capacity():
    rows = capacity({nav: run(nav, -0.001, 100.0) for nav in SIZES})
    assert capacity_of(rows) is None and not rows["is_capacity"].any()
    assert rows["net_usd"].max() < 0


def test_of_sizes_that_never_trade_none_is_the_capacity():
    idle = book_returns(keep(World({"A": [10.0] * 30})).days)
    rows = capacity({1e6: idle, 3e6: idle})
    assert capacity_of(rows) is None
    assert rows["sharpe_ratio"].null_count() == 2 and rows["cost_bps"].null_count() == 2


def test_other_days_are_refused_and_empty_sizes_left_out():
    book = run(1e7, 0.0004, 0.0)
    with pytest.raises(UserError, match="30,000,000 dollars has other days"):
        capacity({1e7: book, 3e7: book.head(100)})
    assert capacity({1e7: book, 3e7: book.clear()})["nav_usd"].to_list() == [1e7]
    assert capacity({}).is_empty()


def test_a_size_that_is_ruined_stays_on_the_curve():
    lost = book_returns(
        keep(World({"A": [100.0, 200.0, 300.0]}, (Fill(0, "A", -100_000, 100.0),))).days
    )
    fine = book_returns(keep(World({"A": [100.0, 101.0, 102.0]}, (Fill(0, "A", 10, 100.0),))).days)
    rows = capacity({1e6: lost, 3e6: fine})
    assert capacity_of(rows) == 3e6
    assert rows["net_usd"][0] < 0 and rows["n_days"].to_list() == [3, 3]
