"""Small markets for the credit-news filter, made by hand.

Belongs here: arrays as `observations.py` makes them. Not here: tests.
"""

from __future__ import annotations

import numpy as np

from bondsig_assets.features.news import filter_kernel as fk
from bondsig_assets.features.news.observations import Observations, own_volatility


def market(
    oas: np.ndarray,
    parent_of: np.ndarray,
    *,
    cds_change: np.ndarray | None = None,
    stock: np.ndarray | None = None,
    trades: float = 4.0,
    share: float = 0.5,
    is_curve_known: bool = True,
) -> Observations:
    """Bonds whose spreads are `oas` [day, bond] (NaN: no trade), of the parents `parent_of` [bond];
    known on their own day, five years long, 4.5 years of duration, at par.
    """
    n_days, n_bonds = oas.shape
    n_parents = int(parent_of.max(initial=-1)) + 1
    day, bond = np.nonzero(np.isfinite(oas))
    values = np.zeros((day.size, fk.N_OBSERVED))
    values[:, fk.OAS] = values[:, fk.OAS_RESTATED] = oas[day, bond]
    values[:, fk.BPS_A_POINT], values[:, fk.TRADES] = 1e4 / (100 * 4.5), trades
    values[:, fk.SHARE], values[:, fk.SLOPE], values[:, fk.CURVATURE] = share, 0.37, 0.29
    starts = np.searchsorted(day, np.arange(n_days + 1))
    lags = fk.SETTLED_DAYS + 1
    stock = np.zeros((n_days, n_parents)) if stock is None else stock
    return Observations(
        values=values,
        bond=bond.astype(np.int64),
        rows=np.tile(np.arange(day.size), lags).astype(np.int64),
        offsets=(starts[None] + day.size * np.arange(lags)[:, None]).astype(np.int64),
        parent_of=np.tile(parent_of, (n_days, 1)).astype(np.int64),
        sector=np.zeros((n_days, n_parents), dtype=np.int64),
        grade=np.zeros((n_days, n_parents), dtype=np.int64),
        stock=stock,
        volatility=own_volatility(stock),
        cds_change=np.full((n_days, n_parents), np.nan) if cds_change is None else cds_change,
        curve_lag=np.full(n_days, 1 if is_curve_known else 10_000, dtype=np.int64),
    )
