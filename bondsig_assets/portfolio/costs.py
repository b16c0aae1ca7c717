"""What a trade and a short position cost, in shares of what is traded or held.

Belongs here: half-spread, commission, impact, borrow, and the multiplier of a round trip, from what
is known before the trade. Not here: what was paid in the end, and choosing trades (`optimizer.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.arrays import Floats
from bondsig_assets.portfolio.settings import CostSettings

#: Dollar volume a day at which the half-spread's slope is stated, and how it falls with volume. An
#: assumption of ours: estimators from daily prices fail on liquid names (Corwin and Schultz 2012,
#: Abdi and Ranaldo 2017 and EDGE gave 33 to 57 bp for large caps whose quotes were 2 to 5 wide).
_REFERENCE_USD, _VOLUME_POWER = 50e6, 0.3
#: Average over peak impact of an even schedule under a square root.
AVERAGE_OF_PEAK = 2 / 3
#: Money market convention of borrow fees: actual days over 360; calendar days in five trading ones.
_BORROW_YEAR_DAYS, _CALENDAR_DAYS_A_TRADING_DAY = 360.0, 7 / 5


@dataclass(frozen=True)
class Costs:
    """Costs of each name as coefficients on weights, all [name].

    Trading δ of the net asset value costs linear·|δ| + power·|δ|^1.5 of it, once; holding a short
    of weight w borrow·|w| a trading day. NaN where a name cannot be traded: nobody knows its price
    or volume.
    """

    linear: Floats
    power: Floats
    borrow: Floats


def costs(
    price_usd: Floats,
    dollar_volume_usd: Floats,
    volatility: Floats,
    borrow_rate_pct: Floats | None,
    nav_usd: float,
    settings: CostSettings,
) -> Costs:
    """Costs by name, from a close, a usual daily dollar volume, a daily volatility (a share, not
    percent) and an annual borrow rate; all [name], NaN where unknown.

    `borrow_rate_pct` is None where no rates are delivered at all.
    """
    power = impact(dollar_volume_usd, volatility, nav_usd, settings.impact)
    linear = half_spread(price_usd, dollar_volume_usd, volatility, settings) + np.divide(
        settings.commission_usd,
        price_usd,
        out=np.full(price_usd.shape, np.nan),
        where=price_usd > 0,
    )
    return Costs(linear, power, borrow_a_day(borrow_rate_pct, price_usd.size, settings))


def half_spread(
    price_usd: Floats, dollar_volume_usd: Floats, volatility: Floats, settings: CostSettings
) -> Floats:
    """Half the bid-ask spread as a share of the price, [name]: the larger of half a tick and
    floor + slope · (volatility / 1 %) · (50 million dollars / volume)^0.3, at most the maximum.

    NaN where price, volume or volatility are unknown or not above 0.
    """
    known = _usable(price_usd) & _usable(dollar_volume_usd) & (volatility >= 0)
    volume = np.where(known, dollar_volume_usd, _REFERENCE_USD)
    modelled = (
        settings.half_spread_bps
        + settings.half_spread_slope_bps
        * 100
        * np.where(known, volatility, 0.0)
        * (_REFERENCE_USD / volume) ** _VOLUME_POWER
    )
    tick = 0.5 * settings.tick_usd / np.where(known, price_usd, 1.0)
    spread: Floats = np.where(
        known,
        np.maximum(tick, np.minimum(modelled, settings.half_spread_maximum_bps) / 1e4),
        np.nan,
    )
    return spread


def impact(
    dollar_volume_usd: Floats, volatility: Floats, nav_usd: float, strength: float
) -> Floats:
    """k of an average cost k·|δ|^1.5 of the net asset value, [name]: two thirds of the peak
    Y·volatility·√(Q/V) (square-root law; Tóth and others 2011), Q = |δ|·nav.
    """
    known = _usable(dollar_volume_usd) & (volatility >= 0)
    volume = np.where(known, dollar_volume_usd, 1.0)
    k: Floats = np.where(
        known, AVERAGE_OF_PEAK * strength * volatility * np.sqrt(nav_usd / volume), np.nan
    )
    return k


def borrow_a_day(annual_rate_pct: Floats | None, n_names: int, settings: CostSettings) -> Floats:
    """Cost of a short position a trading day, as a share of its value, [name].

    Fees run on calendar days over 360: a trading day is 7/5 of one. Where no rates are delivered
    everybody pays general collateral; where they are, a name without one the dear rate.
    """
    annual = (
        np.full(n_names, settings.general_borrow_bps / 1e4)
        if annual_rate_pct is None
        else np.where(
            annual_rate_pct >= 0, annual_rate_pct / 100, settings.unknown_borrow_bps / 1e4
        )
    )
    daily: Floats = annual * _CALENDAR_DAYS_A_TRADING_DAY / _BORROW_YEAR_DAYS
    return daily


def multiplier(settings: CostSettings, persistence: float) -> float:
    """How often a trade's cost counts in a one-period decision: the setting, or where that is 0
    what the score's own persistence says: 2 (nothing of it is left after five days: every entry
    pays its exit) down to 1 (all of it is). NaN of persistence, as of a short history, counts as 0.

    `persistence`: autocorrelation of the daily normal scores at a lag of five days. Never chosen by
    a backtest's result.
    """
    if settings.multiplier > 0:
        return settings.multiplier
    return 2.0 - float(np.clip(np.nan_to_num(persistence), 0.0, 1.0))


def _usable(values: Floats) -> np.ndarray:
    """Known, finite and above 0."""
    return np.isfinite(values) & (values > 0)
