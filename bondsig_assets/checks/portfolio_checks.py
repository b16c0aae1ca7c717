"""Checks of target positions: bounds that gave way, days without a certified solution, and risk
that was forecast against risk that came.

Belongs here: questions to the tables of the group portfolio that warn. Not here: the optimiser
(`portfolio/`), plausibility of rows (`suites.py`).
"""

# No `from __future__ import annotations`: Dagster reads the type of a check's arguments as it
# stands.

import dagster as dg
import numpy as np
import polars as pl

from bondsig_assets.calendar import offset
from bondsig_assets.checks.results import warning_of
from bondsig_assets.features.panels import price_arrays
from bondsig_assets.portfolio.risk_model import bias_statistic
from bondsig_assets.resources.warehouse_resource import WarehouseResource
from bondsig_assets.warehouse import Warehouse

#: Trading days that are looked at, and fewest that say anything of risk.
_DAYS, _ENOUGH = 252, 63
#: Standard errors of the bias statistic beyond which risk was wrong.
_ERRORS = 3.0


def build_portfolio_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of target positions."""
    return [_bounds(), _certified(), _risk()]


def _bounds() -> dg.AssetChecksDefinition:
    says = (
        "Every bound holds after rounding to whole shares, on the newest 252 days. If not: breaches"
        " says which gave way, by how much, and what one more percent would bring; too little"
        " volume, or bounds in portfolio.toml that contradict each other, are the usual causes."
    )

    @dg.asset_check(asset="target_positions", name="bounds_hold", description=says)
    def bounds_hold(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        found = (
            warehouse.open()
            .read(
                "SELECT bound, count(*) AS n, max(slack) AS slack, max(trade_date) AS newest FROM"
                f" breaches WHERE trade_date > {_first_day()} GROUP BY 1 ORDER BY n DESC, bound"
            )
            .to_dicts()
        )
        return warning_of(
            [
                f"{row['bound']} gave way on {row['n']} days, by {100 * row['slack']:.3f} % of the"
                f" net asset value at most, last on {row['newest']}"
                for row in found
            ],
            "every bound holds",
        )

    return bounds_hold


def _certified() -> dg.AssetChecksDefinition:
    says = (
        "Every solution of the newest 252 days is certified optimal. If not: the day is `held`, and"
        " nothing but forced exits is traded; look at status in solutions."
    )

    @dg.asset_check(asset="target_positions", name="solutions_certified", description=says)
    def solutions_certified(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        found = (
            warehouse.open()
            .read(
                "SELECT policy, status, count(*) AS n, max(trade_date) AS newest FROM solutions"
                f" WHERE state = 'held' AND trade_date > {_first_day()} GROUP BY ALL ORDER BY ALL"
            )
            .to_dicts()
        )
        return warning_of(
            [
                f"{row['n']} days of {row['policy']} are held ({row['status']}), the newest"
                f" {row['newest']}"
                for row in found
            ],
            "every solution is certified",
        )

    return solutions_certified


def _risk() -> dg.AssetChecksDefinition:
    says = (
        "What the books of the newest 252 days did on the day after came with the risk that was"
        " forecast: bias statistic within 3 standard errors of 1. If not: risk is larger (above 1)"
        " or smaller than portfolio.toml's bounds take it for; half_life_days is what to look at."
    )

    @dg.asset_check(asset="target_positions", name="risk_comes_as_forecast", description=says)
    def risk_comes_as_forecast(warehouse: WarehouseResource) -> dg.AssetCheckResult:
        opened = warehouse.open()
        with opened.on_snapshot():
            returns, forecast = book_returns(opened)
        if returns.size < _ENOUGH:
            return warning_of([], f"{returns.size} days with a book: {_ENOUGH} are needed")
        bias = bias_statistic(returns, forecast)
        error = float(np.sqrt(1 / (2 * returns.size)))
        said = f"bias statistic {bias:.2f} over {returns.size} days (1 is right, error {error:.2f})"
        found = [said] if abs(bias - 1) > _ERRORS * error else []
        return warning_of(found, said).with_metadata({"bias_statistic": bias, "error": error})

    return risk_comes_as_forecast


def book_returns(warehouse: Warehouse, days: int = _DAYS) -> tuple[np.ndarray, np.ndarray]:
    """What the books of the newest `days` with targets did from that close to the next, and the
    deviation forecast for it; both as shares. A question to the risk model, no profit: nobody could
    have traded at that close.
    """
    rows = warehouse.read(
        "SELECT trade_date, policy, ticker, weight FROM target_positions SEMI JOIN (SELECT policy,"
        " trade_date FROM solutions ORDER BY trade_date DESC, policy LIMIT 1) USING (policy)"
        f" WHERE weight <> 0 AND trade_date > {_first_day(days)} ORDER BY ALL"
    )
    forecast = warehouse.read(
        f"SELECT trade_date, policy, forecast_risk_pct FROM solutions WHERE trade_date >"
        f" {_first_day(days)} AND forecast_risk_pct > 0"
    )
    if rows.is_empty():
        return np.empty(0), np.empty(0)
    first, last = rows["trade_date"][0], offset(rows["trade_date"][-1], 1)
    prices = warehouse.read_table("equity_prices", between=(first, last))
    every = np.sort(prices["trade_date"].unique().to_numpy()).astype("datetime64[D]")
    arrays = price_arrays(prices, every)
    day = np.searchsorted(every, rows["trade_date"].to_numpy().astype("datetime64[D]"))
    column = np.searchsorted(arrays["tickers"], rows["ticker"].to_numpy().astype(str))
    ahead = np.vstack([arrays["simple_return"][1:], np.full((1, arrays["tickers"].size), np.nan)])
    # A name without a price next day (a halt) moves nothing.
    found = rows.with_columns(moved=pl.Series(np.nan_to_num(ahead[day, column]))).filter(
        pl.Series(day < every.size - 1)
    )
    daily = (
        found.group_by("trade_date", "policy")
        .agg(moved=(pl.col("weight") * pl.col("moved")).sum())
        .join(forecast, on=["trade_date", "policy"])
        .sort("trade_date")
    )
    return daily["moved"].to_numpy(), daily["forecast_risk_pct"].to_numpy() / 100


def _first_day(days: int = _DAYS) -> str:
    """SQL of the day before the newest `days` with solutions."""
    return (
        "coalesce((SELECT min(trade_date) FROM (SELECT DISTINCT trade_date FROM solutions ORDER BY"
        f" 1 DESC LIMIT {days})), DATE '1900-01-01') - 1"
    )
