"""Series of a policy's days by hand, and what is noticed in them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bondsig_assets.errors import UserError
from bondsig_assets.monitoring.profit import bias, book_days, profit
from bondsig_assets.monitoring.settings import MeanSettings
from bondsig_assets.monitoring.watch import SERIES, watch
from bondsig_assets.tables.performance import SHORTFALLS
from bondsig_assets.tables.portfolio import SOLUTIONS
from bondsig_assets.tables.trading import PORTFOLIO_DAYS
from bondsig_assets_tests.monitoring.series import days


def book(returns: np.ndarray, risk, traded=1e6, cost=200.0, expected=100.0) -> pl.DataFrame:
    n = len(returns)
    return pl.DataFrame(
        {
            "trade_date": days(n),
            "known_date": days(n),
            "net_return": np.asarray(returns, dtype=float),
            "forecast_risk": np.broadcast_to(np.asarray(risk, dtype=float), n),
            "traded_usd": np.broadcast_to(np.asarray(traded, dtype=float), n),
            "cost_usd": np.broadcast_to(np.asarray(cost, dtype=float), n),
            "expected_cost_usd": np.broadcast_to(np.asarray(expected, dtype=float), n),
        }
    )


def values(series: pl.DataFrame, monitor: str, column: str = "value") -> list:
    return series.filter(pl.col("monitor") == monitor)[column].to_list()


def test_by_hand():
    found = profit(book([0.01, -0.12], [0.005, 0.02], traded=[1e6, 0.0]))
    assert found.schema == pl.Schema(SERIES)
    assert values(found, "profit") == values(found, "drawdown") == pytest.approx([2.0, -6.0])
    assert values(found, "risk") == pytest.approx([2.0, 4.0])
    # Twice the expected bp on a million; the day without a trade cost nothing.
    assert values(found, "cost") == pytest.approx([1.0])
    assert values(found, "cost", "shift") == pytest.approx([1.0])
    # A cost counts up to three times what was expected; where nothing was, nothing is compared.
    dear = profit(book([0.01, 0.01], 0.01, cost=[5_000.0, 50.0], expected=[100.0, 0.0]))
    assert values(dear, "cost") == pytest.approx([2.0])
    blind = profit(book([0.01], 0.0))
    assert set(blind["monitor"]) == {"cost"}
    assert profit(book([], 0.01)).is_empty()


def test_costs_and_risks_that_double_ring_and_those_that_stay_do_not():
    n, draw = 1_000, np.random.default_rng(0)
    usual = 100 * np.exp(0.5 * draw.normal(size=n)) / np.exp(0.125)
    twice = np.where(np.arange(n) < 600, 1.0, 2.0)
    z = draw.normal(size=n)
    lengths = dict.fromkeys(("risk", "cost"), 2_520.0)
    for times, rung in ((np.ones(n), set()), (twice, {"risk", "cost"})):
        rows = watch(
            profit(book(0.01 * z * times, 0.01, cost=usual * times)),
            days(n),
            lengths,
            MeanSettings(),
        )
        found = rows.filter(pl.col("state") == "alarm")
        assert set(found["monitor"]) == rung
        if rung:
            first = found.group_by("monitor").agg(pl.col("trade_date").min())
            assert all(days(1, 600)[0] < day < days(1, 700)[0] for day in first["trade_date"])
    # Less risk than forecast is a wrong forecast too.
    calm = watch(profit(book(0.003 * z, 0.01)), days(n), {"risk": 2_520.0}, MeanSettings())
    assert "alarm" in set(calm["state"])


def test_the_bias_statistic_by_hand_and_its_band():
    draw = np.random.default_rng(1)
    frame = book(0.01 * draw.normal(size=400), 0.01)
    found = bias(frame)
    z = frame["net_return"].to_numpy() / 0.01
    assert found["bias"][100] == pytest.approx(z[38:101].std(ddof=1))
    assert found["bias"][:31].null_count() == 31 and found["bias"][31] is not None
    # A standard deviation of 63 normal days has an error of 1/√(2 x 63), half the band.
    inside = found.drop_nulls().select(pl.col("bias").is_between("low", "high").mean()).item()
    assert inside > 0.9
    assert found["high"][0] == pytest.approx(1 + (2 / 63) ** 0.5)


def ledger(n: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A book that gains 1 % of a million and then nothing, beside one of another policy."""
    nav = [1_000_000.0] + [1_010_000.0] * (n - 1)
    book_rows = pl.DataFrame(
        {
            "trade_date": days(n) * 2,
            "policy": ["optimised"] * n + ["tranches"] * n,
            "state": ["open"] * 2 * n,
            "nav_usd": nav + [5.0] * n,
            "nav_before_usd": [1_000_000.0, *nav[:-1]] + [5.0] * n,
            "capital_usd": [0.0] * 2 * n,
            **{
                f"{name}_usd": [0.0] * 2 * n
                for name in ("commissions", "fees", "spread", "impact", "borrow", "long", "short")
            },
            "traded_usd": [0.0, 50_000.0, *[0.0] * (2 * n - 2)],
        }
    )
    solutions = pl.DataFrame(
        {
            "trade_date": days(n),
            "policy": ["optimised"] * n,
            "forecast_risk_pct": [0.5 + k for k in range(n)],
        }
    )
    shortfalls = pl.DataFrame(
        {
            "order_id": ["a", "b", "c", "d"],
            "policy": ["optimised"] * 3 + ["tranches"],
            "state": ["judged"] * 4,
            "fill_date": days(1, 1) * 4,
            "order_shares": [100, -40, 50, 10],
            "filled_shares": [50, -40, 0, 10],
            "fees_usd": [1.0, 1.0, 0.0, 9.0],
            "spread_usd": [4.0, None, 0.0, 9.0],
            "impact_usd": [2.0, None, 0.0, 9.0],
            "execution_usd": [30.0, 8.0, 0.0, 9.0],
            "expected_usd": [10.0, 5.0, 7.0, 9.0],
        }
    )
    return book_rows, solutions, shortfalls


def test_a_book_of_the_ledger_by_hand():
    book_rows, solutions, shortfalls = ledger(4)
    for frame, table in (
        (book_rows, PORTFOLIO_DAYS),
        (solutions, SOLUTIONS),
        (shortfalls, SHORTFALLS),
    ):
        assert set(frame.columns) <= set(table.column_names)
    found = book_days(book_rows, solutions, shortfalls, "optimised")
    assert found["net_return"].to_list() == pytest.approx([0.0, 0.01, 0.0, 0.0])
    # The target of an evening earns from the second day on.
    assert found["forecast_risk"].to_list() == [None, None, 0.005, 0.015]
    # Half of one order, all of another by what it paid beyond arrival, and one that did not fill.
    assert found["cost_usd"].to_list() == [None, 1 + 4 + 2 + 1 + 8, None, None]
    assert found["expected_cost_usd"].to_list() == [None, 5 + 5, None, None]
    series = profit(found)
    assert values(series, "cost") == pytest.approx([1e4 * (16 - 10) / 50_000])
    assert values(series, "profit") == [0.0, 0.0]
    with pytest.raises(UserError, match="lacks 1 trading days"):
        book_days(
            book_rows.filter(pl.col("trade_date") != days(1, 2)[0]),
            solutions,
            shortfalls,
            "optimised",
        )
    assert book_days(book_rows, solutions, shortfalls, "long_only").is_empty()
