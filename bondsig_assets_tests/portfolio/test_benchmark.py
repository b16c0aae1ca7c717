"""The benchmark by hand: whose names, in which weights, on which day.

Belongs here: `portfolio/benchmark.py`. Not here: long-only targets.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.portfolio.benchmark import benchmark_returns
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.figures import figures
from bondsig_assets_tests.portfolio.books import DAYS, Fill, World, keep

UNIVERSE = pl.DataFrame(
    {
        "trade_date": [DAYS[0]] * 3 + [DAYS[1]] * 3,
        "parent_id": ["A", "B", "C"] * 2,
        "is_in": [True, True, False, True, True, True],
    }
)
RETURNS = pl.DataFrame(
    {
        "trade_date": [DAYS[2]] * 3 + [DAYS[3]] * 3,
        "parent_id": ["A", "B", "C"] * 2,
        "simple_return": [0.02, -0.01, 0.5, 0.03, None, 0.01],
    }
)


def test_names_in_equal_weights_as_they_were_in_when_the_book_was_decided():
    found = benchmark_returns(UNIVERSE, RETURNS, DAYS[1:5])
    assert found["trade_date"].to_list() == DAYS[1:5]
    assert found["benchmark_return"].round(12).to_list() == [None, 0.005, 0.02, None]
    assert found["n_names"].to_list() == [0, 2, 3, 0]
    assert found["n_without"].to_list() == [0, 0, 1, 0]
    shuffled = benchmark_returns(
        UNIVERSE.sample(fraction=1.0, shuffle=True, seed=1),
        RETURNS.sample(fraction=1.0, shuffle=True, seed=2),
        DAYS[1:5],
    )
    assert shuffled.equals(found)


def test_an_equal_weighted_book_has_nothing_beyond_its_own_benchmark():
    """The trap: such a book against an index by market value, in which a giant fell. Against its
    own universe nothing is left that would be skill.
    """
    rng = np.random.default_rng(61)
    n = 60
    closes = {
        one: np.round(50 * np.exp(np.cumsum(0.01 * rng.standard_normal(n))), 2).tolist()
        for one in ("A", "B", "C", "D")
    }
    fills, shares = [], dict.fromkeys(closes, 0)
    for k in range(n):
        # A quarter of the money in each, mended every evening.
        for one, prices in closes.items():
            want = round(250_000 / prices[k])
            if want != shares[one]:
                fills.append(Fill(k, one, want - shares[one], prices[k]))
            shares[one] = want
    book = book_returns(keep(World(closes, tuple(fills))).days)
    days = DAYS[:n]
    moved = pl.DataFrame(
        [
            (days[k], one, prices[k] / prices[k - 1] - 1)
            for one, prices in closes.items()
            for k in range(1, n)
        ],
        schema={"trade_date": pl.Date, "parent_id": pl.String, "simple_return": pl.Float64},
        orient="row",
    )
    universe = moved.with_columns(is_in=pl.lit(value=True)).drop("simple_return")
    equal = benchmark_returns(universe, moved, days)["benchmark_return"].to_numpy()
    giant = moved.filter(parent_id="A").sort("trade_date")["simple_return"].to_numpy()
    of_giant = np.concatenate([[np.nan], giant])

    def beyond(benchmark: np.ndarray) -> float:
        rows = figures(book, benchmark_returns=benchmark)
        return rows.filter(part="active", figure="volatility_pct")["value"].item()

    assert beyond(equal) < 0.5
    assert beyond(of_giant) > 10


def test_without_a_universe_there_is_no_benchmark():
    found = benchmark_returns(UNIVERSE.clear(), RETURNS, DAYS[:3])
    assert found["benchmark_return"].null_count() == 3 and found["n_names"].sum() == 0
