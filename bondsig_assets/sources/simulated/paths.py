"""The latent market: factors, returns, credit news, spreads, curves and ratings, whole from the
seed.

Belongs here: everything that is a path over days. Not here: trades on a day
(`trading.py`) and the tables made of all this (`market.py`).

The planted effect: credit news moves bonds and CDS on its day and reaches the stock later, in the
way of the world's lead shape (`leads.py`).

No stock drifts. Whatever moves one is a SIMPLE return of mean zero given all that was seen before:
shocks are symmetric around zero at a scale of their own, clipped symmetrically, and news has mean
zero by its sizes. So holding a name earns nothing on average, however volatile it is, and exactly
so: no moment has to exist but the first. `docs/decisions/0009-no-drift-in-simple-returns.md` has
the choice and the two remainders (bounce, clipped news).

Each path is drawn day by day from a stream of its own: a longer world begins with the shorter one.
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
from bondsig_assets.sources.simulated.leads import SHAPES, LeadShape, lead_path, shape
from bondsig_assets.sources.simulated.macro import (
    Exposures,
    answers,
    levels,
    make_exposures,
    oil_returns,
)
from bondsig_assets.sources.simulated.worlds import World

TREASURY_TENORS = np.array([1 / 12, 0.25, 0.5, 1, 2, 3, 5, 7, 10, 20, 30])
CDS_TENORS = np.array([1.0, 3, 5, 7, 10])
#: Chance that news reaches the stock 1, 2 … 5 trading days later in the world's usual shape.
LANDING = np.array(SHAPES["sparse"].first[1:])
#: News falls this much more often on earnings days, where it is rare enough for that.
_EARNINGS_NEWS = 5
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
#: Largest move of a log spread on one day.
_LARGEST_SPREAD_MOVE = 0.35
#: A standardised shock is cut here, and a day's simple return of one origin there.
_LARGEST_SHOCK, _LARGEST_RETURN = 10.0, 0.6
_LARGEST_NEWS = 0.8
_CURVE_CENTER = np.array([0.040, -0.010, -0.008])
_STREAM = 2


@dataclass(frozen=True)
class Market:
    """A world with its paths. Arrays are [day, parent], [day, sector] or [day, factor].

    `stock_return`, `etf_return`: log returns. `news`: the simple return that the news of a day
    brings to the stock, 0 without news; `credit_news`: the same in the direction in which credit
    takes it; `news_delay`: days until its first part lands; `landed`: what reaches the stock on a
    day. `surprises`: of the macro series that `exposures` are to [day, series];
    `market_volatility`: of the market's return of a day [day]. `log_spread`: what most prices are
    made with, in logs of bps; `informed_log_spread`: of those who know the news on its day.
    """

    world: World
    parents: Parents
    issuers: Issuers
    bonds: Bonds
    days: np.ndarray
    stock_return: np.ndarray
    etf_return: np.ndarray
    news: np.ndarray
    credit_news: np.ndarray
    news_delay: np.ndarray
    landed: np.ndarray
    log_spread: Floats
    informed_log_spread: Floats
    curve_factors: Floats
    rating: np.ndarray
    rating_actions: list[tuple[int, int, int]]
    exposures: Exposures
    surprises: Floats
    market_volatility: Floats

    @cached_property
    def day_numbers(self) -> np.ndarray:
        """Days since 1970-01-01 of each trading day."""
        return self.days.astype(int)

    @property
    def lead(self) -> LeadShape:
        """How news comes and lands in this world."""
        return shape(self.world.lead_shape)

    @property
    def cds_log_spread(self) -> Floats:
        """What CDS are quoted with [day, parent]."""
        return self.informed_log_spread if self.lead.known_to == "cds" else self.log_spread

    def macro_levels(self) -> dict[str, Floats]:
        """Macro series at the close of each day. The credit index is the mean 5-year CDS spread of
        the names that were investment grade on the first day.
        """
        index = np.exp(self.cds_log_spread[:, ~self.parents.is_high_yield]).mean(axis=1)
        rates = self.par_yields_pct()[:, np.searchsorted(TREASURY_TENORS, [2.0, 10.0])]
        return levels(self.market_volatility, self.surprises[:, 1], rates, index)

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

    def cds_spread_bps(self, tenors: Floats) -> Floats:
        """CDS spreads [day, parent, tenor] before noise and basis; upward curves for good names,
        inverted for the weakest.
        """
        slope = term_slope(self.rating)
        return (
            np.exp(self.cds_log_spread)[:, :, None]
            * (np.maximum(tenors, 0.25) / 5.0) ** slope[:, :, None]
        )


def make_market(world: World) -> Market:
    """All paths of `world`; the same seed gives the same bits."""
    parents = make_parents(world)
    issuers = make_issuers(world, parents)
    days = np.array(world.days(), dtype="datetime64[D]")
    n_days, n = days.size, world.n_parents
    lead = shape(world.lead_shape)
    strength = lead_path(world.lead_path, n_days)
    volatility_shocks = world.rng(_STREAM, 1).normal(0, 0.10, n_days)
    volatility = np.exp(_autoregression(volatility_shocks, 0.97))
    market, sector = _factors(world, volatility)
    curve_shocks = _curve_shocks(world, n_days)
    credit_market = world.rng(_STREAM, 4).normal(0, 0.007, n_days)
    exposures = make_exposures(world, parents)
    surprises = np.column_stack(
        [
            volatility_shocks,
            oil_returns(world, n_days),
            100 * nelson_siegel_zero(curve_shocks, np.array([10.0]))[:, 0],
            credit_market,
        ]
    )
    credit_news, delay = _credit_news(world, parents, lead, strength)
    news = np.where(strength < 0, -1.0, 1.0)[:, None] * credit_news
    landed = land(news, delay, lead.parts)
    public = _public_news(world, parents, strength)
    common = (
        parents.beta_market * market[:, None]
        + parents.beta_sector * sector[:, parents.sector]
        + answers(surprises, exposures.parents)
    )
    bounce = world.rng(_STREAM, 5).normal(0, 1, (n_days + 1, n)) * 0.15 * parents.sigma
    stock = np.log1p(common) + np.log1p(public) + np.log1p(landed) + np.diff(bounce, axis=0)
    etf_noise = world.rng(_STREAM, 6).normal(0, 0.0005, (n_days, len(SECTORS)))
    informed = _log_spreads(world, parents, common + public, credit_news, credit_market)
    known = informed
    if lead.known_to != "all":
        known = informed + _hidden(credit_news, delay)
    _follow_acquirer(informed, parents)
    if known is not informed:
        _follow_acquirer(known, parents)
    factors = _CURVE_CENTER + _autoregression(curve_shocks, 0.995)
    rating, actions = _ratings(world, parents, known)
    initial = np.interp([3, 5, 7, 10, 30], TREASURY_TENORS, _par_yields(factors[:1])[0])
    return Market(
        world,
        parents,
        issuers,
        make_bonds(world, parents, issuers, initial),
        days,
        stock,
        np.log1p(market[:, None] + sector + answers(surprises, exposures.etfs) + etf_noise),
        news,
        credit_news,
        delay,
        landed,
        known,
        informed,
        factors,
        rating,
        actions,
        exposures,
        surprises,
        0.009 * volatility,
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
    """Student t with 5 degrees of freedom, scaled to unit variance and cut at _LARGEST_SHOCK."""
    drawn: Floats = rng.standard_t(5, shape) / np.sqrt(5 / 3)
    return np.clip(drawn, -_LARGEST_SHOCK, _LARGEST_SHOCK)


def _simple(returns: Floats) -> Floats:
    """Simple returns that nothing loses more than it is worth by, still symmetric around zero."""
    return np.clip(returns, -_LARGEST_RETURN, _LARGEST_RETURN)


def _autoregression(shocks: Floats, persistence: float) -> Floats:
    """x_t = persistence x_t-1 + shock_t along the first axis, starting at the stationary scale."""
    path = np.empty_like(shocks)
    path[0] = shocks[0] / np.sqrt(1 - persistence**2)
    for t in range(1, shocks.shape[0]):
        path[t] = persistence * path[t - 1] + shocks[t]
    return path


def _factors(world: World, volatility: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Simple returns of the market [day] and of the sectors beyond it [day, sector]; `volatility`
    of each day in units of its usual one.
    """
    n_days = volatility.size
    market = 0.009 * volatility * _student(world.rng(_STREAM, 1, 1), (n_days,))
    shocks = _student(world.rng(_STREAM, 1, 2), (n_days, len(SECTORS)))
    sector = 0.006 * np.sqrt(volatility)[:, None] * shocks
    return np.clip(market, -0.25, 0.25), np.clip(sector, -0.2, 0.2)


def news_share(world: World, parents: Parents, strength: Floats) -> Floats:
    """Share of each name's idiosyncratic variance that is credit news [day, parent]: lead strength,
    twice that for high yield, times |`strength`| [day].
    """
    full = world.lead_strength * np.where(parents.is_high_yield, 2.0, 1.0)
    share: Floats = np.minimum(full * np.abs(strength)[:, None], 0.6)
    return share


def _earnings(world: World, n_days: int) -> Bools:
    offset = world.rng(_STREAM, 9).integers(0, EARNINGS_EVERY, world.n_parents)
    is_day: Bools = (np.arange(n_days)[:, None] + offset) % EARNINGS_EVERY == 0
    return is_day


def _credit_news(
    world: World, parents: Parents, lead: LeadShape, strength: Floats
) -> tuple[np.ndarray, np.ndarray]:
    """Credit news of each day and name as a simple return, and the days until it begins to land."""
    n_days = strength.size
    shape = (n_days, world.n_parents)
    quiet = lead.per_day * EARNINGS_EVERY / (EARNINGS_EVERY + _EARNINGS_NEWS - 1)
    chance = np.where(_earnings(world, n_days), _EARNINGS_NEWS * quiet, quiet)
    if _EARNINGS_NEWS * quiet > 1:
        chance = np.full(shape, lead.per_day)
    happens = world.rng(_STREAM, 2).random(shape) < chance
    bad = world.rng(_STREAM, 2, 1).random(shape) < 0.5
    # Bad news carries 60 % of the variance through its heavier tail; it is as frequent as good
    # news and as large on average. More frequent bad news would tilt every median, and then a
    # name's risk alone would predict its label.
    mean = np.sqrt(2 / np.pi)
    heavy = world.rng(_STREAM, 2, 2).gamma(_BAD_SHAPE, mean / _BAD_SHAPE, shape)
    good = np.abs(world.rng(_STREAM, 2, 3).normal(0, 1, shape))
    size = np.where(bad, -heavy, good) / np.sqrt(1.25)
    happens[parents.takeover_day :, parents.target] = False
    scale = parents.sigma * np.sqrt(news_share(world, parents, strength) / lead.per_day)
    news = np.where(happens, np.clip(size * scale, -_LARGEST_NEWS, _LARGEST_NEWS), 0.0)
    drawn = world.rng(_STREAM, 2, 4).random(shape)
    delay = np.searchsorted(np.cumsum(lead.first)[:-1], drawn, side="right")
    return news, np.where(news > 0, 0, delay) if lead.bad_only else delay


def land(news: np.ndarray, delay: np.ndarray, parts: tuple[float, ...] = (1.0,)) -> np.ndarray:
    """What reaches the stock on each day [day, parent]: news `delay` days after its own, in
    `parts` from there on, one a day.
    """
    landed = np.zeros_like(news)
    n_days = news.shape[0]
    for days in range(min(int(delay.max()) + 1, n_days)):
        due = np.where(delay == days, news, 0.0)
        for later, part in enumerate(parts[: n_days - days], start=days):
            landed[later:] += part * due[: n_days - later]
    return landed


def _hidden(news: np.ndarray, delay: np.ndarray) -> Floats:
    """How much lower the log spread of those is who do not know the news before it lands."""
    effect = np.clip(NEWS_ELASTICITY * news, -_LARGEST_SPREAD_MOVE, _LARGEST_SPREAD_MOVE)
    hidden = np.zeros_like(news)
    n_days = news.shape[0]
    for age in range(min(int(delay.max()), n_days)):
        hidden[age:] += np.where(delay > age, effect, 0.0)[: n_days - age]
    return hidden


def _public_news(world: World, parents: Parents, strength: Floats) -> Floats:
    """Simple return by what everybody learns at once [day, parent]."""
    shape = (strength.size, world.n_parents)
    persistence, step = 0.95, 0.08
    log_volatility = _autoregression(world.rng(_STREAM, 3).normal(0, step, shape), persistence)
    half = step**2 / (1 - persistence**2) / 2
    scale = parents.sigma * np.sqrt(1 - news_share(world, parents, strength))
    shocks = _student(world.rng(_STREAM, 3, 1), shape) * np.exp(log_volatility - half)
    return _simple(scale * shocks * np.where(_earnings(world, strength.size), 2.5, 1.0))


def _log_spreads(
    world: World, parents: Parents, public: Floats, news: Floats, credit_market: Floats
) -> Floats:
    n_days, n = public.shape
    followed = np.zeros_like(public)
    for lag, share in enumerate(BOND_LAG[:n_days]):
        followed[lag:] += share * public[: n_days - lag]
    by_sector = world.rng(_STREAM, 4, 1).normal(0, 0.006, (n_days, len(SECTORS)))
    own = world.rng(_STREAM, 4, 2).normal(0, 0.008, (n_days, n))
    shocks = (
        -SPREAD_ELASTICITY * followed
        - NEWS_ELASTICITY * news
        + credit_market[:, None]
        + by_sector[:, parents.sector]
        + own
    )
    deviation = np.zeros(n)
    path = np.empty_like(shocks)
    for t in range(n_days):
        deviation = 0.997 * deviation + np.clip(
            shocks[t], -_LARGEST_SPREAD_MOVE, _LARGEST_SPREAD_MOVE
        )
        path[t] = deviation
    log_spread: Floats = np.log(parents.base_spread) + path
    return log_spread


def _follow_acquirer(log_spread: np.ndarray, parents: Parents) -> None:
    """From the takeover on, the target's credit moves with its acquirer's, without a jump in
    level.
    """
    day, target, acquirer = parents.takeover_day, parents.target, parents.acquirer
    if day >= log_spread.shape[0]:
        return
    log_spread[day:, target] = (
        log_spread[day - 1, target] + log_spread[day:, acquirer] - log_spread[day - 1, acquirer]
    )


def _curve_shocks(world: World, n_days: int) -> Floats:
    """Shocks to level, slope and curvature of the Treasury curve [day, factor]."""
    scale = np.array([0.00055, 0.0006, 0.0008])
    shocks: Floats = world.rng(_STREAM, 7).normal(0, 1, (n_days, 3)) * scale
    return shocks


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
