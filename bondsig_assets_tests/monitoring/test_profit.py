"""Series of a policy's days by hand, and what is noticed in them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from bondsig_assets.monitoring.profit import bias, profit
from bondsig_assets.monitoring.settings import MeanSettings
from bondsig_assets.monitoring.watch import SERIES, watch
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
