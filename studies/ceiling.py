"""The ceiling: what could be known of the label by who knows how the simulator works, but not what
it drew.

Who is that good knows the parameters of every name, the market's, sectors' and macro moves, the
Treasury curve, the days of earnings and how volatile the stock is today, how news comes, what size
it has and when it lands; and reads the same trades, CDS and stocks as the platform. It does not
know news, landings, public moves, bonds' own noise, bases, inventories.

A Kalman filter with the true variances turns all instruments of an issuer into a normal likelihood
of its last days' inputs (`ceiling_kernel.windows`), a Gibbs sampler puts news in (`sample`). Where
that is not exact it makes the ceiling too low by little: the bounce of the stock is white noise in
what public moves do to spreads, news older than the window is normal, of a day's trades their
weighted mean counts, and the bonds of a company that was taken over tell nothing of the acquirer.
Volatility is given, which makes it too high by little.

Belongs here: the simulator's parameters and draws as the sampler needs them. Not here: loops
(`ceiling_kernel.py`), the oracle (`panel_worlds.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import gamma, halfnorm

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.market_rules import HIGH_YIELD_RATING, INSTITUTIONAL_PAR_USD
from bondsig_assets.sources.simulated import paths
from bondsig_assets.sources.simulated.leads import LeadShape, lead_path
from bondsig_assets.sources.simulated.market import SimulatedSource
from bondsig_assets.sources.simulated.paths import CDS_TENORS, Market
from bondsig_assets.sources.simulated.pricing import true_mids
from bondsig_assets.sources.simulated.reference import has_stock
from studies import ceiling_kernel as ck
from studies.panel_worlds import Standing, standing

# The simulator's own random streams and steps are read as they are (`paths._…`, `source._…`): a
# second copy of them would be another simulator.

#: Days of news that the sampler holds apart, where news lands at once and where it takes long.
_AGES, _SLOW_AGES = 8, 20
#: The label's returns are those of days t + 2 … t + 6.
_FIRST_DAY, _LAST_DAY = 2, 6
_SWEEPS = 50
#: Standard deviations of daily shocks: an issuer's own, a bond's own, a CDS basis in bps, a quote.
_OWN, _BOND, _BASIS, _QUOTE = 0.008, 0.006, 1.2, 0.012
_FIRST_BOND, _FIRST_BASIS, _MEAN_BASIS = 0.04, 12.0, -5.0
_BOUNCE = 0.15
#: Of trades, points of price: a dealer's inventory, scatter of half a spread in logs.
_INVENTORY, _SCATTER = 0.05, 0.35
#: Both legs of a trade that a dealer passed on are this close, and one scatters as the other.
_PAIR_SECONDS, _PAIR_NOISE = 60, 0.01
_PASSED_ON, _INTERDEALER = 0.6, 0.15
#: A bond whose price hardly moves with its spread says nothing.
_LARGEST_NOISE = 1.0
_LEAST_NOISE = 1e-3


@dataclass(frozen=True)
class Inputs:
    """What the sampler is told of each name and day, arrays [day, parent].

    `returns`: log return beyond what all stocks did, `spread` its standard deviation without news;
    `level`, `hidden`: the issuer's log credit level beyond what is known, of those who know most,
    and what others lack; `chance`, `unit`: prior of a piece of news and of its size, a simple
    return of credit's sign; `sign` [day]: the stock's answer; `own`: variance of a level's own
    shock.
    """

    returns: Floats
    spread: Floats
    level: Floats
    hidden: Floats
    chance: Floats
    unit: Floats
    sign: Floats
    own: Floats


def ceiling(source: SimulatedSource, first: int, every: int = 1, seed: int = 0) -> pl.DataFrame:
    """`parent_id, trade_date, prediction, probability`: the expected return of each day's label in
    own volatilities, and the probability that it is below 0, of every `every`-th day from position
    `first` on and every listed stock.
    """
    market = source.market
    inputs, observed = inputs_of(market), observations(source)
    days = np.arange(first, market.days.size, every)
    listed = has_stock(market)
    expected = np.zeros((days.size, market.world.n_parents))
    below = np.zeros(expected.shape)
    for parent in range(market.world.n_parents):
        expected[:, parent], below[:, parent] = _of_name(
            market, inputs, observed, parent, days, listed[days, parent], seed
        )
    at, name = np.nonzero(listed[days])
    horizon = np.sqrt(_LAST_DAY - _FIRST_DAY + 1)
    return pl.DataFrame(
        {
            "parent_id": market.parents.parent_id[name],
            "trade_date": market.days[days[at]],
            "prediction": (expected / (market.parents.sigma * horizon))[at, name],
            "probability": np.clip(0.5 + below[at, name], 1e-4, 1 - 1e-4),
        }
    )


def ages_of(lead: LeadShape) -> int:
    """Days of news that are held apart."""
    return _AGES if len(lead.parts) == 1 else _SLOW_AGES


def inputs_of(market: Market) -> Inputs:
    """Everything but the instruments."""
    world, parents, lead = market.world, market.parents, market.lead
    n_days = market.days.size
    shape = (n_days, world.n_parents)
    strength = lead_path(world.lead_path, n_days)
    earnings = paths._earnings(world, n_days)
    public = paths._public_news(world, parents, strength)
    shocks = paths._student(world.rng(paths._STREAM, 3, 1), shape)
    bounced = np.diff(
        world.rng(paths._STREAM, 5).normal(0, 1, (n_days + 1, shape[1])) * _BOUNCE * parents.sigma,
        axis=0,
    )
    returns = np.log1p(public) + np.log1p(market.landed) + bounced
    scale = np.abs(public / np.where(shocks == 0, 1.0, shocks))
    unit = parents.sigma * np.sqrt(paths.news_share(world, parents, strength) / lead.per_day)
    own = world.rng(paths._STREAM, 4, 2).normal(0, _OWN, shape)
    # What a stock's own move does to spreads beyond what a public move would have done.
    taken_for_public = paths.SPREAD_ELASTICITY * _lagged(np.expm1(returns) - public)
    cut = paths._LARGEST_SPREAD_MOVE
    effect = np.clip(paths.NEWS_ELASTICITY * market.credit_news, -cut, cut)
    netted = (paths.SPREAD_ELASTICITY * _BOUNCE * parents.sigma) ** 2 * 2
    hidden = np.zeros(shape)
    if lead.known_to != "all":
        hidden = paths._hidden(market.credit_news, market.news_delay)
    return Inputs(
        returns,
        np.sqrt(scale**2 + 2 * (_BOUNCE * parents.sigma) ** 2),
        paths_of_level(own - effect + taken_for_public),
        hidden,
        _chances(lead, earnings) * (unit > 0),
        unit,
        np.where(strength < 0, -1.0, 1.0),
        np.broadcast_to(_OWN**2 + netted * (paths.BOND_LAG**2).sum(), shape),
    )


def paths_of_level(shocks: Floats) -> Floats:
    """Levels [day, parent] of daily `shocks`."""
    levels, level = np.empty_like(shocks), np.zeros(shocks.shape[1])
    for day in range(shocks.shape[0]):
        level = ck.LEVEL_DECAY * level + shocks[day]
        levels[day] = level
    return levels


def _lagged(moves: Floats) -> Floats:
    """What bonds follow of `moves` [day, parent] on the day and the three after it."""
    followed = np.zeros_like(moves)
    for lag, share in enumerate(paths.BOND_LAG):
        followed[lag:] += share * moves[: moves.shape[0] - lag]
    return followed


def _chances(lead: LeadShape, earnings: Bools) -> Floats:
    """Chance of a piece of news on each day."""
    every, more = paths.EARNINGS_EVERY, paths._EARNINGS_NEWS
    quiet = lead.per_day * every / (every + more - 1)
    if more * quiet > 1:
        return np.full(earnings.shape, min(lead.per_day, 1 - 1e-9))
    chances: Floats = np.where(earnings, more * quiet, quiet)
    return chances


def size_table() -> tuple[Floats, float]:
    """Distribution of a piece's size in its unit at points `step` apart around 0: bad and good in
    equal parts, bad with the heavier tail.
    """
    step = 0.01
    x = np.arange(-1200, 1201) * step * np.sqrt(1.25)
    bad = gamma.sf(-x, paths._BAD_SHAPE, scale=np.sqrt(2 / np.pi) / paths._BAD_SHAPE)
    table: Floats = np.where(x < 0, 0.5 * bad, 0.5 + 0.5 * halfnorm.cdf(x))
    return table, step


def landings(lead: LeadShape, ages: int) -> tuple[Floats, Floats, Floats]:
    """`good`, `bad`, `ahead` of `ceiling_kernel.sample` [age, delay]."""
    first, parts = np.array(lead.first), np.array(lead.parts)
    n = first.size
    of_good = np.eye(n)[0] if lead.bad_only else first
    good, bad, ahead = (np.zeros((ages, n)) for _ in range(3))
    lands = np.arange(n)[:, None] + np.arange(parts.size)
    for k in range(ages):
        within = (((lands >= k + _FIRST_DAY) & (lands <= k + _LAST_DAY)) * parts).sum(axis=1)
        come = np.arange(n) <= k
        good[k, come], bad[k, come], ahead[k, come] = of_good[come], first[come], within[come]
        if not come.all():
            good[k, -1], bad[k, -1] = of_good[~come].sum(), first[~come].sum()
            ahead[k, -1] = within[~come] @ first[~come] / first[~come].sum()
    return good, bad, ahead


@dataclass(frozen=True)
class Observed:
    """Rows of instruments in order of (parent, day): `values` as `ceiling_kernel.windows` takes
    them, the bond by its position in the market.
    """

    parent: Ints
    day: Ints
    values: Floats


def observations(source: SimulatedSource) -> Observed:
    """Every bond day and CDS quote as a measurement of its issuer's level, linear around what was
    true.
    """
    inputs = inputs_of(source.market)
    parts = [_bond_rows(source, inputs), _cds_rows(source, inputs)]
    parent, day, values = (np.concatenate([part[k] for part in parts]) for k in range(3))
    order = np.lexsort((values[:, ck.BOND], day, parent))
    return Observed(parent[order], day[order], values[order])


def _bond_rows(source: SimulatedSource, inputs: Inputs) -> tuple[Ints, Ints, Floats]:
    """Parents, days and rows of bond days: one for each kind of trader where they know unlike
    things.
    """
    market = source.market
    trades = standing(source)
    day, bond = trades.day, trades.bond
    parent = market.bonds.parent[bond]
    mark, noise = _markups(market, trades)
    is_big = trades.par >= INSTITUTIONAL_PAR_USD
    apart = market.lead.known_to == "institutional"
    n_bonds = market.bonds.cusip.size
    cell, place = np.unique(
        (day * n_bonds + bond) * 2 + (is_big if apart else 0), return_inverse=True
    )
    weight = 1 / noise**2
    total = np.bincount(place, weight)
    error = np.bincount(place, weight * (trades.price - mark - trades.true_mid)) / total
    share = np.bincount(place, weight * trades.share) / total
    day, bond = np.divmod(cell // 2, n_bonds)
    knows = cell % 2 == 1 if apart else np.full(cell.size, market.lead.known_to != "cds")
    hides = ~knows & (market.lead.known_to != "all")
    per_unit = _price_per_unit(market, day, bond)
    parent = market.bonds.parent[bond]
    before = np.maximum(day - 1, 0)
    levels = inputs.level
    noisy = _bond_noise(market)
    true = share * levels[day, parent] + (1 - share) * levels[before, parent]
    true += share * noisy[day, bond] + (1 - share) * noisy[before, bond]
    true += hides * (
        share * inputs.hidden[day, parent] + (1 - share) * inputs.hidden[before, parent]
    )
    with np.errstate(divide="ignore"):
        deviation = np.sqrt(_INVENTORY**2 + 1 / total) / np.abs(per_unit)
    values = np.zeros((cell.size, 6))
    values[:, ck.VALUE] = true + error / per_unit
    values[:, ck.VARIANCE] = deviation**2 + ((1 - share) * _BOND) ** 2
    values[:, ck.SHARE], values[:, ck.BOND], values[:, ck.HIDDEN] = share, bond, hides
    taken_over = (market.owner(market.days.size)[parent] != parent) & (
        day >= market.parents.takeover_day
    )
    speaks = (deviation < _LARGEST_NOISE) & (day > 0) & ~taken_over
    return parent[speaks], day[speaks], values[speaks]


def _markups(market: Market, trades: Standing) -> tuple[Floats, Floats]:
    """What customers are expected to have paid beyond the dealer's quote, and its standard
    deviation, points of price [trade].
    """
    high_yield = market.rating[trades.day, market.bonds.parent[trades.bond]] >= HIGH_YIELD_RATING
    half = (0.06 + 0.62 * np.sqrt(5e3 / np.maximum(trades.par, 5e3))) * np.where(
        high_yield, 1.3, 0.85
    )
    half = half * np.exp(_SCATTER**2 / 2)
    spread = np.sqrt(np.expm1(_SCATTER**2))
    is_pair = _pairs(trades)
    between = ~trades.with_customer
    direction = np.where(trades.is_sale, 1.0, -1.0) * ~between
    mark = half * np.where(is_pair, _PASSED_ON, 1.0) * direction
    noise = np.where(between, _INTERDEALER * half * np.sqrt(1 + spread**2), half * spread)
    return mark, np.maximum(np.where(is_pair, _PAIR_NOISE, noise), _LEAST_NOISE)


def _pairs(trades: Standing) -> Bools:
    """Customer trades of one bond and size on both sides within a minute."""
    order = np.lexsort((trades.second, trades.par, trades.bond, trades.day))
    a, b = order[:-1], order[1:]
    alike = (
        (trades.day[a] == trades.day[b])
        & (trades.bond[a] == trades.bond[b])
        & (trades.par[a] == trades.par[b])
        & (trades.second[b] - trades.second[a] <= _PAIR_SECONDS)
        & (trades.is_sale[a] != trades.is_sale[b])
        & trades.with_customer[a]
        & trades.with_customer[b]
    )
    found = np.zeros(trades.day.size, dtype=bool)
    found[a[alike]] = found[b[alike]] = True
    return found


def _price_per_unit(market: Market, day: Ints, bond: Ints) -> Floats:
    """Points of price for one unit of an issuer's log spread."""
    bump = 1e-3
    plain, _ = true_mids(market, market.informed_log_spread)
    bumped, _ = true_mids(market, market.informed_log_spread + bump)
    found: Floats = (bumped[day, bond] - plain[day, bond]) / bump
    return np.where(np.isfinite(found) & (found != 0), found, 1e-9)


def _bond_noise(market: Market) -> Floats:
    """Each bond's own log deviation, as the simulator drew it."""
    from bondsig_assets.sources.simulated.pricing import _bond_noise as drawn

    noise: Floats = drawn(market)
    return noise


def _cds_rows(source: SimulatedSource, inputs: Inputs) -> tuple[Ints, Ints, Floats]:
    """Parents, days and rows of CDS quotes, a row a tenor."""
    market = source.market
    names, quotes = source._quoted_spreads
    true = market.cds_spread_bps(CDS_TENORS)[:, names]
    day, name, tenor = np.nonzero((quotes > 1.0) & has_stock(market)[:, names][:, :, None])
    parent = names[name]
    at = (day, name, tenor)
    hides = market.lead.known_to == "institutional"
    values = np.zeros((day.size, 6))
    values[:, ck.VALUE] = (
        inputs.level[day, parent]
        + hides * inputs.hidden[day, parent]
        + (quotes[at] - true[at] - _MEAN_BASIS) / true[at]
    )
    values[:, ck.VARIANCE] = _QUOTE**2
    values[:, ck.SHARE], values[:, ck.BOND] = 1.0, -1.0
    values[:, ck.BASIS], values[:, ck.HIDDEN] = 1 / true[at], hides
    return parent, day, values


def _of_name(
    market: Market,
    inputs: Inputs,
    observed: Observed,
    parent: int,
    days: Ints,
    wanted: Bools,
    seed: int,
) -> tuple[Floats, Floats]:
    """Expected landing and P(below) - ½ of one name on each of `days` that is wanted, 0 on the
    others.
    """
    lead, ages = market.lead, ages_of(market.lead)
    low, high = np.searchsorted(observed.parent, [parent, parent + 1])
    rows = observed.values[low:high].copy()
    bonds = rows[:, ck.BOND] >= 0
    known, code = np.unique(rows[bonds, ck.BOND], return_inverse=True)
    rows[bonds, ck.BOND] = code
    offsets = np.searchsorted(observed.day[low:high], np.arange(market.days.size + 1))
    chance, unit, own = (values[:, parent] for values in (inputs.chance, inputs.unit, inputs.own))
    cut = paths._LARGEST_SPREAD_MOVE
    of_news = chance * np.minimum(paths.NEWS_ELASTICITY * unit, cut) ** 2
    hides = lead.known_to != "all"
    prior = np.column_stack([own + of_news, 2 * of_news + _LEAST_NOISE**2])
    means, covs = ck.windows(
        offsets, rows, known.size, prior, _BASIS, _FIRST_BASIS, _BOND, _FIRST_BOND, ages
    )
    good, bad, ahead = landings(lead, ages)
    jump, slope = ck.effects(
        ages, good.shape[1], np.array(lead.parts), paths.BOND_LAG, paths.SPREAD_ELASTICITY, hides
    )
    n = 2 * ages if hides else ages
    jump = jump[:, :, :n].copy()
    # Where the stock moves against the news, so does what its moves seem to do to spreads.
    slopes = {sign: (sign * slope[:, :, :n]).copy() for sign in (1.0, -1.0)}
    table, step = size_table()
    label_scale = market.parents.sigma[parent] * np.sqrt(_LAST_DAY - _FIRST_DAY + 1)
    expected, below = np.zeros(days.size), np.zeros(days.size)
    for at in np.flatnonzero(wanted & (days >= ages)):
        t = int(days[at])
        back = t - np.arange(ages)
        inside = prior[back].T.ravel()[:n]
        noise = np.concatenate([own[back], np.full(ages, _LEAST_NOISE**2)])[:n]
        precision, linear = ck.likelihood(
            means[t, :n].copy(), covs[t, :n, :n].copy(), inside, noise
        )
        sign = inputs.sign[back]
        expected[at], below[at], _ = ck.sample(
            precision,
            linear,
            jump,
            slopes[sign[0]],
            chance[back],
            unit[back],
            good,
            bad,
            ahead,
            len(lead.parts) == 1,
            inputs.returns[back, parent] * sign,
            inputs.spread[back, parent],
            table,
            step,
            paths.NEWS_ELASTICITY,
            cut,
            label_scale,
            _SWEEPS,
            (seed * 1_000_003 + parent * 10_007 + t) % 2**31,
        )
        expected[at], below[at] = sign[0] * expected[at], sign[0] * below[at]
    return expected, below
