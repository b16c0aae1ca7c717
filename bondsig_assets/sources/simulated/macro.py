"""Series of the whole market, and how stocks hang on them: VIX, oil, rates, a credit index.

Belongs here: the planted exposures, and levels made of what moves the market. Not here: the shocks
themselves (`paths.py`) and the table (`reference.py`).

Stocks answer the surprise in a series on the day it comes, never later. A surprise has mean zero
given all that was known before, so an exposure is a risk and earns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.arrays import Floats
from bondsig_assets.sources.simulated.entities import SECTORS, Parents
from bondsig_assets.sources.simulated.worlds import World

#: Series that stocks are exposed to, in the order of the columns of exposures and surprises → what
#: one unit of a surprise is.
EXPOSED: dict[str, str] = {
    "vix": "log change",
    "oil_usd": "simple return",
    "treasury_10y_pct": "percentage point",
    "credit_index_bps": "log change",
}
#: Simple return of every sector ETF a unit, and standard deviation of the names around theirs.
_EVERYWHERE = np.array([-0.030, 0.0, 0.0, -0.20])
_OWN = np.array([0.005, 0.03, 0.008, 0.06])
#: What a sector has beyond that, by its ETF: oil a simple return, rates a percentage point.
_OIL = {"XLE": 0.15, "XLB": 0.04, "XLY": -0.04}
_RATES = {"XLF": 0.02, "XLU": -0.03, "XLRE": -0.03}
_FIRST_OIL_USD = 70.0
_STREAM = 11


@dataclass(frozen=True)
class Exposures:
    """Simple return a unit of surprise: `parents` [parent, series], `etfs` [sector, series]."""

    parents: Floats
    etfs: Floats


def make_exposures(world: World, parents: Parents) -> Exposures:
    """Exposures of ETFs and names, the same on all days."""
    etfs = np.tile(_EVERYWHERE, (len(SECTORS), 1))
    for row, (_, etf) in enumerate(SECTORS):
        etfs[row, 1] += _OIL.get(etf, 0.0)
        etfs[row, 2] += _RATES.get(etf, 0.0)
    own = world.rng(_STREAM).normal(0, 1, (world.n_parents, len(EXPOSED))) * _OWN
    return Exposures(etfs[parents.sector] + own, etfs)


def answers(surprises: Floats, exposures: Floats) -> Floats:
    """Simple returns [day, name] by `surprises` [day, series] at `exposures` [name, series]."""
    # Added up in this order: a matrix product's bits depend on the number of days.
    total = np.zeros((surprises.shape[0], exposures.shape[0]))
    for series in range(surprises.shape[1]):
        total += surprises[:, series, None] * exposures[:, series]
    return total


def oil_returns(world: World, n_days: int) -> Floats:
    """Simple daily returns of oil, symmetric around zero."""
    drawn: Floats = np.clip(world.rng(_STREAM, 1).normal(0, 0.02, n_days), -0.25, 0.25)
    return drawn


def levels(
    market_volatility: Floats, oil: Floats, par_yields_pct: Floats, index_bps: Floats
) -> dict[str, Floats]:
    """Series → its value at the close of each day.

    `market_volatility`: of the market's return that day; `oil`: simple returns; `par_yields_pct`:
    [day, (2 years, 10 years)]; `index_bps`: mean 5-year spread of investment-grade names.
    """
    return {
        "vix": np.round(100 * np.sqrt(252) * market_volatility, 2),
        "oil_usd": np.round(_FIRST_OIL_USD * np.cumprod(1 + oil), 2),
        "treasury_2y_pct": np.round(par_yields_pct[:, 0], 3),
        "treasury_10y_pct": np.round(par_yields_pct[:, 1], 3),
        "credit_index_bps": np.round(index_bps, 3),
    }
