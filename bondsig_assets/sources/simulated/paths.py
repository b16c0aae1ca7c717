"""The latent market: factors, returns, credit news, spreads, curves and ratings, whole from the
seed.

Belongs here: everything that is a path over days. Not here: trades on a day
(`trading.py`) and the tables made of all this (`market.py`).

The planted effect: credit news moves bonds and CDS on its day and reaches the stock ONCE,
on one random day of the next five. Everything else that moves a stock is symmetric and
independent from day to day, so that with `lead_strength` 0 every name's 5-day excess
return has conditional median zero whatever was seen before.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.sources.simulated.entities import (
    SECTORS,
    Bonds,
    Issuers,
    Parents,
    make_bonds,
    make_issuers,
    make_parents,
)
from bondsig_assets.sources.simulated.worlds import World

TREASURY_TENORS = np.array([1 / 12, 0.25, 0.5, 1, 2, 3, 5, 7, 10, 20, 30])
CDS_TENORS = np.array([1.0, 3, 5, 7, 10])
#: Chance that news of yesterday reaches the stock 1, 2 … 5 trading days later.
LANDING = 0.6 ** np.arange(1, 6) / (0.6 ** np.arange(1, 6)).sum()
NEWS_PER_DAY = 0.04
#: Shape of the gamma that gives bad news half as much variance again at the same mean: (k + 1)/k =
#: 1.5 pi/2.
_BAD_SHAPE = 1 / (0.75 * np.pi - 1)
EARNINGS_EVERY = 63
#: Share of a public move that bonds take one, two and three days to follow.
BOND_LAG = np.array([0.70, 0.15, 0.10, 0.05])
#: Relative spread change for a log value change of -1, alike across ratings
#: (elasticities of Schaefer-Strebulaev 2008 divided by duration and spread level).
SPREAD_ELASTICITY = 0.8
NEWS_ELASTICITY = 1.6
_STREAM = 2


@dataclass(frozen=True)
class Market:
    """A world with its paths. Arrays are [day, parent], [day, sector] or [day, factor]."""

    world: World
    parents: Parents
    issuers: Issuers
    bonds: Bonds
    days: np.ndarray
    stock_return: np.ndarray
    etf_return: np.ndarray
    news: np.ndarray
    news_delay: np.ndarray
    log_spread: Floats
    curve_factors: Floats
    rating: np.ndarray
    rating_actions: list[tuple[int, int, int]]

    @cached_property
    def day_numbers(self) -> np.ndarray:
        """Days since 1970-01-01 of each trading day."""
        return self.days.astype(int)

    def owner(self, day: int) -> np.ndarray:
        """Position of the parent whose credit stands behind each parent's bonds on a day: itself,
        or its acquirer.
        """
        owner = np.arange(self.world.n_parents)
        if day >= self.parents.takeover_day:
            owner[self.parents.target] = self.parents.acquirer
        return owner

    def par_yields_pct(self) -> np.ndarray:
        """Treasury par yields [day, tenor], semi-annual, from the zero curve of each day."""
        return _par_yields(self.curve_factors)

    def spread_bps(self, tenors: Floats) -> Floats:
        """Issuer spreads [day, parent, tenor]; upward curves for good names, inverted for the
        weakest.
        """
        slope = term_slope(self.rating)
        return (
            np.exp(self.log_spread)[:, :, None]
            * (np.maximum(tenors, 0.25) / 5.0) ** slope[:, :, None]
        )


def make_market(world: World) -> Market:
    """All paths of `world`; the same seed gives the same bits."""
    parents = make_parents(world)
    issuers = make_issuers(world, parents)
    days = np.array(world.days(), dtype="datetime64[D]")
    n_days, n = days.size, world.n_parents
    market, sector = _factors(world, n_days)
    news, delay = _credit_news(world, parents, n_days)
    public = _public_news(world, parents, n_days)
    common = parents.beta_market * market[:, None] + parents.beta_sector * sector[:, parents.sector]
    bounce = world.rng(_STREAM, 5).normal(0, 1, (n_days + 1, n)) * 0.15 * parents.sigma
    stock = common + public + _landed(news, delay) + np.diff(bounce, axis=0)
    etf_noise = world.rng(_STREAM, 6).normal(0, 0.0005, (n_days, len(SECTORS)))
    log_spread = _log_spreads(world, parents, common + public, news, sector)
    _follow_acquirer(log_spread, parents)
    factors = _curve_factors(world, n_days)
    rating, actions = _ratings(world, parents, log_spread)
    initial = np.interp([3, 5, 7, 10, 30], TREASURY_TENORS, _par_yields(factors[:1])[0])
    return Market(
        world,
        parents,
        issuers,
        make_bonds(world, parents, issuers, initial),
        days,
        stock,
        market[:, None] + sector + etf_noise,
        news,
        delay,
        log_spread,
        factors,
        rating,
        actions,
    )


def term_slope(rating: np.ndarray) -> Floats:
    """Exponent of maturity in the spread curve: rising for investment grade, falling for CCC."""
    slope: Floats = np.interp(rating, [1, 8, 11, 15, 18], [0.35, 0.28, 0.15, 0.0, -0.12])
    return slope


def nelson_siegel_zero(factors: Floats, years: Floats) -> Floats:
    """Continuously compounded zero rates [day, years] for level, slope, curvature (Nelson-Siegel
    1987, decay 0.5).
    """
    x = 0.5 * np.maximum(years, 1e-6)
    loading = (1 - np.exp(-x)) / x
    return factors[:, :1] + factors[:, 1:2] * loading + factors[:, 2:3] * (loading - np.exp(-x))


def _par_yields(factors: Floats) -> Floats:
    grid = np.arange(0.5, 30.5, 0.5)
    discount = np.exp(-nelson_siegel_zero(factors, grid) * grid)
    annuity = np.cumsum(discount, axis=1) / 2
    columns = []
    for tenor in TREASURY_TENORS:
        if tenor < 0.5:
            short = np.exp(-nelson_siegel_zero(factors, np.array([tenor]))[:, 0] * tenor)
            columns.append((1 / short - 1) / tenor)
        else:
            k = int(round(tenor * 2)) - 1
            columns.append((1 - discount[:, k]) / annuity[:, k])
    return 100 * np.stack(columns, axis=1)


def _student(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Student t with 5 degrees of freedom, scaled to unit variance."""
    drawn: Floats = rng.standard_t(5, shape) / np.sqrt(5 / 3)
    return drawn


def _autoregression(shocks: Floats, persistence: float) -> Floats:
    """x_t = persistence x_t-1 + shock_t along the first axis, starting at the stationary scale."""
    path = np.empty_like(shocks)
    path[0] = shocks[0] / np.sqrt(1 - persistence**2)
    for t in range(1, shocks.shape[0]):
        path[t] = persistence * path[t - 1] + shocks[t]
    return path


def _factors(world: World, n_days: int) -> tuple[np.ndarray, np.ndarray]:
    rng = world.rng(_STREAM, 1)
    log_volatility = _autoregression(rng.normal(0, 0.10, n_days), 0.97)
    market = 0.009 * np.exp(log_volatility) * _student(rng, (n_days,))
    sector = 0.006 * np.exp(0.5 * log_volatility)[:, None] * _student(rng, (n_days, len(SECTORS)))
    return market, sector


def news_share(world: World, parents: Parents) -> np.ndarray:
    """Share of each name's idiosyncratic variance that is credit news: lead strength, twice that
    for high yield.
    """
    return np.minimum(world.lead_strength * np.where(parents.is_high_yield, 2.0, 1.0), 0.6)


def _earnings(world: World, n_days: int) -> Bools:
    offset = world.rng(_STREAM, 9).integers(0, EARNINGS_EVERY, world.n_parents)
    is_day: Bools = (np.arange(n_days)[:, None] + offset) % EARNINGS_EVERY == 0
    return is_day


def _credit_news(world: World, parents: Parents, n_days: int) -> tuple[np.ndarray, np.ndarray]:
    rng = world.rng(_STREAM, 2)
    shape = (n_days, world.n_parents)
    quiet = NEWS_PER_DAY * EARNINGS_EVERY / (EARNINGS_EVERY + 4)
    happens = rng.random(shape) < np.where(_earnings(world, n_days), 5 * quiet, quiet)
    bad = rng.random(shape) < 0.5
    # Bad news carries 60 % of the variance through its heavier tail; it is as frequent as good
    # news and as large on average. More frequent bad news would tilt every median, and then a
    # name's risk alone would predict its label.
    mean = np.sqrt(2 / np.pi)
    heavy = rng.gamma(_BAD_SHAPE, mean / _BAD_SHAPE, shape)
    size = np.where(bad, -heavy, np.abs(rng.normal(0, 1, shape))) / np.sqrt(1.25)
    happens[parents.takeover_day :, parents.target] = False
    scale = parents.sigma * np.sqrt(news_share(world, parents) / NEWS_PER_DAY)
    delay = rng.choice(np.arange(1, 6), shape, p=LANDING)
    return np.where(happens, size * scale, 0.0), delay


def _landed(news: np.ndarray, delay: np.ndarray) -> np.ndarray:
    """News on the day it reaches the stock, each item once."""
    landed = np.zeros_like(news)
    for days in range(1, 6):
        landed[days:] += np.where(delay[:-days] == days, news[:-days], 0.0)
    return landed


def _public_news(world: World, parents: Parents, n_days: int) -> Floats:
    rng = world.rng(_STREAM, 3)
    shape = (n_days, world.n_parents)
    log_volatility = _autoregression(rng.normal(0, 0.08, shape), 0.95)
    scale = parents.sigma * np.sqrt(1 - news_share(world, parents))
    shocks = _student(rng, shape) * np.exp(log_volatility - log_volatility.var() / 2)
    news: Floats = scale * shocks * np.where(_earnings(world, n_days), 2.5, 1.0)
    return news


def _log_spreads(
    world: World, parents: Parents, public: Floats, news: Floats, sector: np.ndarray
) -> Floats:
    rng = world.rng(_STREAM, 4)
    n_days, n = public.shape
    followed = np.zeros_like(public)
    for lag, share in enumerate(BOND_LAG):
        followed[lag:] += share * public[: n_days - lag]
    credit_market = rng.normal(0, 0.007, (n_days, 1))
    credit_sector = rng.normal(0, 0.006, (n_days, len(SECTORS)))[:, parents.sector]
    own = rng.normal(0, 0.008, (n_days, n))
    shocks = (
        -SPREAD_ELASTICITY * followed - NEWS_ELASTICITY * news + credit_market + credit_sector + own
    )
    deviation = np.zeros(n)
    path = np.empty_like(shocks)
    for t in range(n_days):
        deviation = 0.997 * deviation + np.clip(shocks[t], -0.35, 0.35)
        path[t] = deviation
    log_spread: Floats = np.log(parents.base_spread) + path
    return log_spread


def _follow_acquirer(log_spread: np.ndarray, parents: Parents) -> None:
    """From the takeover on, the target's credit moves with its acquirer's, without a jump in
    level.
    """
    day, target, acquirer = parents.takeover_day, parents.target, parents.acquirer
    log_spread[day:, target] = (
        log_spread[day - 1, target] + log_spread[day:, acquirer] - log_spread[day - 1, acquirer]
    )


def _curve_factors(world: World, n_days: int) -> Floats:
    rng = world.rng(_STREAM, 7)
    center = np.array([0.040, -0.010, -0.008])
    shocks = rng.normal(0, 1, (n_days, 3)) * np.array([0.00055, 0.0006, 0.0008])
    return center + _autoregression(shocks, 0.995)


def _ratings(
    world: World, parents: Parents, log_spread: np.ndarray
) -> tuple[np.ndarray, list[tuple[int, int, int]]]:
    """Ratings [day, parent] and the actions (day, parent, new rating): a lasting move of the
    spread by 40 % is followed by one notch 20 to 90 trading days later."""
    rng = world.rng(_STREAM, 8)
    n_days, n = log_spread.shape
    rating = np.tile(parents.rating.astype(np.int64), (n_days, 1))
    actions: list[tuple[int, int, int]] = []
    anchor = log_spread[0].copy()
    free_from = np.zeros(n, dtype=int)
    for day in range(21, n_days, 5):
        move = log_spread[day - 4 : day + 1].mean(axis=0) - anchor
        for parent in np.flatnonzero((np.abs(move) > 0.40) & (free_from <= day)):
            effective = day + int(rng.integers(20, 91))
            anchor[parent] = log_spread[day, parent]
            free_from[parent] = effective + 20
            if effective < n_days:
                new = int(np.clip(rating[effective, parent] + np.sign(move[parent]), 1, 20))
                rating[effective:, parent] = new
                actions.append((effective, int(parent), new))
    return rating, actions
