"""True mids of the simulated bonds: cash flows discounted at zero rate plus spread.

Belongs here: the simulator's own pricing, kept apart from `bonds/` on purpose, so that an
error there shows as a wrong spread instead of cancelling out. Not here: anything the graph uses.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import settlement_days
from bondsig_assets.sources.simulated.paths import Market, term_slope

#: Points over which a callable bond's price bends towards its call price, five years from maturity.
_CALL_SOFTNESS = 2.0


def true_mids(market: Market, log_spread: Floats) -> tuple[np.ndarray, np.ndarray]:
    """Closing clean mids (% of par) and spreads (bps), both [day, bond], NaN while not
    outstanding; `log_spread` [day, parent] at five years.
    """
    bonds, days = market.bonds, market.day_numbers
    settlement = _settlement(market.days)
    spread = np.empty((days.size, bonds.cusip.size))
    mid = np.empty_like(spread)
    noise = _bond_noise(market)
    slope = term_slope(market.rating)[:, bonds.parent]
    level = log_spread[:, bonds.parent]
    _price(
        days,
        settlement,
        bonds.offering_day,
        bonds.maturity_day,
        bonds.coupon_pct,
        bonds.frequency,
        market.curve_factors,
        level,
        slope,
        noise,
        bonds.coupon_type == "V",
        mid,
        spread,
    )
    _bend_towards_calls(mid, market, days)
    return mid, spread * 1e4


def _settlement(days: np.ndarray) -> np.ndarray:
    """Day number of regular settlement: so many days on which corporate bonds settle after the
    trade.
    """
    calendar = settlement_days()
    position = np.searchsorted(calendar, days, side="right")
    lag = np.where(
        days < np.datetime64("2017-09-05"), 3, np.where(days < np.datetime64("2024-05-28"), 2, 1)
    )
    return calendar[position + lag - 1].astype(int)


def _bond_noise(market: Market) -> np.ndarray:
    """Each bond's own slow log deviation from its issuer's curve."""
    world, n_bonds = market.world, market.bonds.cusip.size
    shocks = world.rng(4).normal(0, 0.006, (market.days.size, n_bonds))
    path = np.empty_like(shocks)
    state = world.rng(4, 1).normal(0, 0.04, n_bonds)
    for t in range(shocks.shape[0]):
        state = 0.985 * state + shocks[t]
        path[t] = state
    return path


def _bend_towards_calls(mid: np.ndarray, market: Market, days: np.ndarray) -> None:
    """A callable bond gives up what lies above its call price: a soft minimum of the two."""
    bonds = market.bonds
    for b in np.flatnonzero(bonds.is_callable):
        life = max(bonds.maturity_day[b] - bonds.call_day[b], 1)
        run = np.clip((days - bonds.call_day[b]) / life, 0, 1)
        call_price = bonds.call_price[b] + (100 - bonds.call_price[b]) * run
        # What the option is worth shrinks with the time left, so that the bond is pulled to par.
        years_left = np.maximum(bonds.maturity_day[b] - days, 1) / 365.25
        softness = _CALL_SOFTNESS * np.sqrt(np.minimum(years_left, 5.0) / 5.0)
        excess = (mid[:, b] - call_price) / softness
        given_up = softness * np.logaddexp(0, np.nan_to_num(excess))
        protection = np.maximum(bonds.call_day[b] - days, 0) / 365.25
        mid[:, b] -= given_up * np.exp(-0.5 * protection)


@njit(cache=True)
def _price(
    days: Ints,
    settlement: Ints,
    offering: Ints,
    maturity: Ints,
    coupon: Floats,
    frequency: Ints,
    factors: Floats,
    level: Floats,
    slope: Floats,
    noise: Floats,
    floating: Bools,
    mid: Floats,
    spread: Floats,
) -> None:  # pragma: no cover
    for t in range(days.size):
        for b in range(offering.size):
            if days[t] < offering[b] or days[t] >= maturity[b] - 7:
                mid[t, b] = np.nan
                spread[t, b] = np.nan
                continue
            years = (maturity[b] - settlement[t]) / 365.25
            s = np.exp(level[t, b] + noise[t, b]) * (max(years, 0.25) / 5.0) ** slope[t, b] / 1e4
            spread[t, b] = s
            if floating[b]:
                mid[t, b] = 100.0 + (coupon[b] / 100 - s) * min(years, 5.0) * 80
                continue
            step = 365.25 / frequency[b]
            payment = coupon[b] / frequency[b]
            total = 0.0
            time = years
            while time > 0:
                x = 0.5 * max(time, 1e-6)
                loading = (1 - np.exp(-x)) / x
                zero = (
                    factors[t, 0] + factors[t, 1] * loading + factors[t, 2] * (loading - np.exp(-x))
                )
                total += (payment + (100.0 if time == years else 0.0)) * np.exp(-(zero + s) * time)
                time -= step / 365.25
            to_next_coupon = time + step / 365.25
            mid[t, b] = total - payment * (1 - to_next_coupon * frequency[b])
