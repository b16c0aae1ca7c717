"""Stocks of the simulated market as exchanges and lenders tell of them: prices of a day, dividends,
splits, volumes, and what it costs to borrow.

Belongs here: everything made of a path of total returns. Not here: the returns (`paths.py`).

The day's total return is what the path says. A dividend and a split only change how it is paid:
split × (close + dividend) = the close before × (1 + total return). Open, high and low are those of
a random walk that opens after the night and ends at the close.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.calendar.knowledge import end_of_day
from bondsig_assets.sources.simulated.entities import SECTORS
from bondsig_assets.sources.simulated.paths import Market
from bondsig_assets.sources.simulated.reference import has_stock, tickers

_FIRST_ETF_USD = 60.0
_DIVIDEND_EVERY = 63
#: Chance of a split on a day, where the price asks for one: above the first, or below the second.
_SPLIT_CHANCE, _SPLIT_ABOVE_USD, _SPLIT_BELOW_USD = 1 / (252 * 12), 80.0, 4.0
_SPLIT_RATIOS, _REVERSE_RATIO = np.array([2.0, 2.0, 3.0, 1.5]), 0.1
#: Splits that happen in every world: parent, trading day, ratio.
_PLANNED_SPLITS = ((3, 150, 2.0), (4, 210, 0.1))
#: Share of a day's move that comes overnight, and the deviations of night and session in those of a
#: day.
_OVERNIGHT_SHARE, _NIGHT, _SESSION = 0.3, 0.35, 0.7
_ETF_VOLATILITY = 0.011
_STREAM, _LENDING = 6, 12


@dataclass(frozen=True)
class Bars:
    """Prices in dollars [day, name] of stocks or ETFs, as they were on the day; `split` is new
    shares for one old share from that day's open on, `dividend` what a share of that day gets.
    """

    close: Floats
    open: Floats
    high: Floats
    low: Floats
    dividend: Floats
    split: Floats
    index: Floats


@dataclass(frozen=True)
class Stocks:
    """Bars of parents' stocks and of sector ETFs; volume and shares [day, parent]."""

    parents: Bars
    etfs: Bars
    volume: Floats
    shares: Floats


def make_stocks(market: Market) -> Stocks:
    """All stocks of a market, day by day from their own streams."""
    world, parents = market.world, market.parents
    n_days, n = market.stock_return.shape
    price = np.exp(world.rng(_STREAM).normal(4.0, 0.5, n))
    first_shares = np.round(parents.market_cap / price, -3)
    first = parents.market_cap / first_shares
    close, dividend, split = _paid_out(market, first)
    volatility = np.sqrt(parents.sigma**2 + (0.009 * parents.beta_market) ** 2 + 0.006**2)
    bars = _bars(world.rng(_STREAM, 2), first, close, dividend, split, volatility)
    shares = np.round(first_shares * np.cumprod(split, axis=0))
    busy = world.rng(_STREAM, 1).normal(0, 0.4, close.shape) + 12 * np.abs(market.stock_return)
    whole = np.ones((n_days, len(SECTORS)))
    start = np.full(len(SECTORS), _FIRST_ETF_USD)
    etf_close = start * np.exp(np.cumsum(market.etf_return, axis=0))
    etfs = _bars(
        world.rng(_STREAM, 3),
        start,
        etf_close,
        0 * whole,
        whole,
        np.full(len(SECTORS), _ETF_VOLATILITY),
    )
    index = first * np.exp(np.cumsum(market.stock_return, axis=0))
    return Stocks(
        Bars(close, *bars, dividend, split, index),
        Bars(etf_close, *etfs, 0 * whole, whole, etf_close),
        np.round(shares * 0.006 * np.exp(busy)),
        shares,
    )


def _paid_out(market: Market, first: Floats) -> tuple[Floats, Floats, Floats]:
    """Close, dividend and split [day, parent] such that the total return is the path's."""
    world, parents = market.world, market.parents
    n_days, n = market.stock_return.shape
    pays = world.rng(_STREAM, 4).random(n) < np.where(parents.is_high_yield, 0.3, 0.8)
    quarterly = np.where(pays, world.rng(_STREAM, 5).uniform(0.01, 0.04, n) / 4, 0.0)
    offset = world.rng(_STREAM, 6).integers(0, _DIVIDEND_EVERY, n)
    asked = world.rng(_STREAM, 7).random((n_days, n)) < _SPLIT_CHANCE
    ratio = world.rng(_STREAM, 8).choice(_SPLIT_RATIOS, (n_days, n))
    planned = np.ones((n_days, n))
    for parent, day, of_plan in _PLANNED_SPLITS:
        planned[day : day + 1, parent : parent + 1] = of_plan
    close, dividend, split = np.empty((n_days, n)), np.zeros((n_days, n)), np.ones((n_days, n))
    before = first
    for t in range(n_days):
        if t:
            by_price = np.where(
                before > _SPLIT_ABOVE_USD,
                ratio[t],
                np.where(before < _SPLIT_BELOW_USD, _REVERSE_RATIO, 1.0),
            )
            split[t] = np.where(planned[t] != 1, planned[t], np.where(asked[t], by_price, 1.0))
            is_ex_date = (t + offset) % _DIVIDEND_EVERY == 0
            dividend[t] = np.where(is_ex_date, np.round(quarterly * before / split[t], 2), 0.0)
        close[t] = before * np.exp(market.stock_return[t]) / split[t] - dividend[t]
        before = close[t]
    return close, dividend, split


def _bars(
    rng: np.random.Generator,
    first: Floats,
    close: Floats,
    dividend: Floats,
    split: Floats,
    volatility: Floats,
) -> tuple[Floats, Floats, Floats]:
    """Open, high and low [day, name]. The extremes of a session are those of a Brownian bridge from
    open to close, each drawn from its exact distribution.
    """
    before = np.vstack([first, close[:-1]]) / split - dividend
    # One draw after another for a day, so that a longer path begins with the shorter one.
    drawn = rng.random((close.shape[0], 3, close.shape[1]))
    night = np.sqrt(3) * (2 * drawn[:, 0] - 1) * _NIGHT * volatility
    opened = before * np.exp(_OVERNIGHT_SHARE * np.log(close / before) + night)
    move = np.log(close / opened)
    variance = (_SESSION * volatility) ** 2
    up = (move + np.sqrt(move**2 - 2 * variance * np.log1p(-drawn[:, 1]))) / 2
    down = (move - np.sqrt(move**2 - 2 * variance * np.log1p(-drawn[:, 2]))) / 2
    high = np.maximum(opened * np.exp(up), np.maximum(opened, close))
    low = np.minimum(opened * np.exp(down), np.minimum(opened, close))
    return opened, high, low


def equity_prices(market: Market, stocks: Stocks, low: int, high: int) -> pl.DataFrame:
    """`equity_prices` of stocks and sector ETFs for days `low` … `high - 1`."""
    t, i = np.nonzero(has_stock(market)[low:high])
    own = _prices(market, stocks.parents, np.expm1(market.stock_return), low + t, i).with_columns(
        ticker=tickers(market)[low:high][t, i],
        volume_shares=stocks.volume[low:high][t, i],
        shares_outstanding=stocks.shares[low:high][t, i],
        is_etf=pl.lit(False),
    )
    t, k = np.nonzero(np.ones((high - low, len(SECTORS)), dtype=bool))
    etfs = _prices(market, stocks.etfs, np.expm1(market.etf_return), low + t, k).with_columns(
        ticker=np.array([etf for _, etf in SECTORS])[k],
        volume_shares=pl.lit(1e7),
        shares_outstanding=pl.lit(None, pl.Float64),
        is_etf=pl.lit(True),
    )
    both = pl.concat([own, etfs]).sort("ticker", "trade_date")
    return both.with_columns(known_at=end_of_day(pl.col("trade_date")))


def _prices(
    market: Market, bars: Bars, simple: Floats, day: np.ndarray, name: np.ndarray
) -> pl.DataFrame:
    """What stocks and ETFs have alike, a row a `day` and `name`; the first day has no return."""
    at = (day, name)
    return pl.DataFrame(
        {
            "trade_date": market.days[day],
            "open_usd": bars.open[at],
            "high_usd": bars.high[at],
            "low_usd": bars.low[at],
            "close_usd": bars.close[at],
            "total_return_pct": np.where(day == 0, np.nan, 100 * simple[at]),
            "adjusted_close_usd": bars.index[at],
            "dividend_usd": bars.dividend[at],
            "split_ratio": bars.split[at],
        }
    ).with_columns(pl.col("total_return_pct").fill_nan(None))


def lending(market: Market) -> tuple[Floats, Bools]:
    """Annual borrow rate in percent and whether there is stock to borrow [day, parent].

    Most names are general collateral near a third of a percent; one in twenty-five of investment
    grade and one in seven of high yield is special. A rate moves by itself: it tells nothing of
    returns.
    """
    world, n = market.world, market.world.n_parents
    special = world.rng(_LENDING).random(n) < np.where(market.parents.is_high_yield, 0.15, 0.04)
    level = world.rng(_LENDING, 1).normal(0, 1, n)
    center = np.where(special, np.log(3.0) + 0.8 * level, np.log(0.33) + 0.15 * level)
    shape = market.stock_return.shape
    shocks = world.rng(_LENDING, 2).normal(0, 1, shape) * np.where(special, 0.10, 0.03)
    scarce = world.rng(_LENDING, 3).normal(0, 1, shape) * np.sqrt(1 - 0.95**2)
    rate, left = np.empty(shape), np.empty(shape)
    moved, wanted = np.zeros(n), np.zeros(n)
    for t in range(shape[0]):
        moved = 0.98 * moved + shocks[t]
        wanted = 0.95 * wanted + scarce[t]
        rate[t], left[t] = moved, np.where(special, 1.6, 3.5) - wanted
    return np.round(np.clip(np.exp(center + rate), 0.2, 100.0), 2), left > 0


def borrow_rates(market: Market, lent: tuple[Floats, Bools], low: int, high: int) -> pl.DataFrame:
    """`borrow_rates` of the stocks for days `low` … `high - 1`."""
    t, i = np.nonzero(has_stock(market)[low:high])
    rate, is_available = lent
    return (
        pl.DataFrame(
            {
                "ticker": tickers(market)[low:high][t, i],
                "trade_date": market.days[low:high][t],
                "annual_rate_pct": rate[low:high][t, i],
                "is_available": is_available[low:high][t, i],
            }
        )
        .with_columns(known_at=end_of_day(pl.col("trade_date")))
        .sort("ticker", "trade_date")
    )
