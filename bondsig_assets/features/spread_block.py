"""Credit spread, term structure, relative value and CDS basis.

Belongs here: features of what bonds and CDS cost. Not here: how much they trade
(`trading_block.py`).
"""

from __future__ import annotations

import numpy as np

from bondsig_assets.features import filtering
from bondsig_assets.features import replay as rp
from bondsig_assets.features import windows as w
from bondsig_assets.features.inputs import OTHERS, Columns, Inputs
from bondsig_assets.market_rules import HALF_SPREAD_POINTS

#: Weeks of the sector beta.
_WEEKS = 25


def spread_features(inputs: Inputs) -> Columns:
    """Level, changes, curve, relative value and the filtered level."""
    change, five, level = inputs.credit[rp.CHANGE], inputs.five_day_change, inputs.level
    velocity = five / 5
    daily_deviation = w.lag(w.deviation(change, 63, 20), 5)
    sector = inputs.panels.sector
    peers = w.median_of_others(level, inputs.grade, OTHERS)
    peers = np.where(np.isnan(peers), w.median_of_others(level, sector, OTHERS), peers)
    beta = sector_beta(five, inputs.sector_five)
    return {
        "spread_bps": level,
        "oas_1d_change_bps": change,
        "oas_5d_change_bps": five,
        "oas_21d_change_bps": w.total(change, 21, 5),
        "oas_5d_change_pct": log_change(level, level - five),
        "oas_5d_change_zscore": five / np.maximum(daily_deviation * np.sqrt(5), 1.0),
        "spread_velocity_bps": velocity,
        "spread_acceleration_bps": velocity - w.lag(velocity, 5),
        "oas_1d_change_vs_sector_bps": change - inputs.sector_change,
        "oas_5d_change_vs_sector_bps": five - inputs.sector_five,
        "spread_vs_sector_median": level - peers,
        "sector_spread_beta": beta,
        "spread_volatility_ratio": (
            w.deviation(five, 126, 40) / np.maximum(w.deviation(inputs.sector_five, 126, 40), 1.0)
        ),
        **_curve(inputs),
        **_filtered(inputs, beta),
    }


def _curve(inputs: Inputs) -> Columns:
    spreads, yields = inputs.spread_curves, inputs.yield_curves
    slope = yields.slope
    return {
        "corp_curve_slope_10y2y": slope,
        "curve_inversion_flag": np.where(np.isfinite(slope), (slope < 0).astype(float), np.nan),
        "spread_slope_10y2y": spreads.slope,
        "spread_curvature_bps": spreads.curvature,
        "curve_extrapolation_flag": np.where(
            np.isfinite(spreads.slope), spreads.is_extrapolated, np.nan
        ),
    }


def _filtered(inputs: Inputs, beta: np.ndarray) -> Columns:
    """The local-level filter over the days on which the issuer's bonds traded or were quoted; a
    quote counts as one trade.
    """
    credit, history = inputs.credit, filtering.WINDOW
    observed = np.where(credit[rp.PRICED] > 0, inputs.level, np.nan)
    half_spread = np.full(inputs.shape, HALF_SPREAD_POINTS)
    variance = filtering.observation_variance(
        half_spread, credit[rp.DURATION], np.maximum(credit[rp.TRADES], credit[rp.PRICED])
    )
    level, noise, moved, own_beta = (
        inputs.recent(values, history)
        for values in (observed, variance, inputs.sector_change, beta)
    )
    found = filtering.local_level(level, noise, moved, own_beta)
    is_fresh = np.isfinite(inputs.level)
    return {
        "filtered_spread_bps": np.where(is_fresh, inputs.whole(found.mean), np.nan),
        "filtered_spread_sd_bps": np.where(is_fresh, inputs.whole(found.sd), np.nan),
        "filtered_spread_innovation": inputs.whole(found.innovation),
    }


def sector_beta(issuer: np.ndarray, sector: np.ndarray) -> np.ndarray:
    """Slope of weekly issuer on weekly sector changes over 25 weeks, shrunk towards 1.

    Both arrays [day, name] hold five-day changes; every fifth day back is used, so weeks do not
    overlap. Vasicek (1973): weight = cross-sectional variance / (that + squared standard error).
    NaN with fewer than 12 weeks.
    """
    x, y = np.full((_WEEKS, *issuer.shape), np.nan), np.full((_WEEKS, *issuer.shape), np.nan)
    for week in range(_WEEKS):
        x[week], y[week] = w.lag(sector, 5 * week), w.lag(issuer, 5 * week)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = np.where(both, x, 0.0), np.where(both, y, 0.0)
    n = np.maximum(both.sum(axis=0), 1)
    dx = np.where(both, x - _added(x) / n, 0.0)
    dy = np.where(both, y - _added(y) / n, 0.0)
    spread = np.maximum(_added(dx * dx), 1e-9)
    slope = _added(dx * dy) / spread
    residual = np.where(both, dy - slope * dx, 0.0)
    error = _added(residual**2) / np.maximum(n - 2, 1) / spread
    slope = np.where((n >= 12) & (spread > 1e-6), slope, np.nan)
    shrunk = np.full_like(slope, np.nan)
    for day in range(slope.shape[0]):
        known = np.isfinite(slope[day])
        if known.sum() >= 2:
            across = slope[day, known].var()
            weight = across / np.maximum(across + error[day], 1e-12)
            shrunk[day] = weight * slope[day] + (1 - weight)
    return shrunk


def _added(values: np.ndarray) -> np.ndarray:
    """Sum over the first axis, one after the other: numpy's own order depends on the shape."""
    total = np.zeros(values.shape[1:])
    for part in values:
        total += part
    return total


def cds_features(inputs: Inputs) -> Columns:
    """CDS level and changes, and the basis to what the bonds imply."""
    panels, sector = inputs.panels, inputs.panels.sector
    quote = panels.cds_5y
    level, _ = w.latest(quote, 5)
    one, five = quote - w.lag(quote, 1), quote - w.lag(quote, 5)
    basis = panels.cds_at(inputs.credit[rp.MATURITY]) - inputs.credit[rp.CDS_EQUIVALENT]
    usual, deviation = w.mean(w.lag(basis, 1), 252, 60), w.deviation(w.lag(basis, 1), 252, 60)
    listed = np.where(panels.listed, 0.0, np.nan)
    return {
        "cds_quote_flag": np.isfinite(level).astype(float) + listed,
        "cds_spread_bps": level,
        "cds_1d_change_bps": one,
        "cds_5d_change_bps": five,
        "cds_5d_change_pct": log_change(quote, w.lag(quote, 5)),
        "cds_5d_change_vs_sector_bps": five - w.median_of_others(five, sector, OTHERS),
        "cds_bond_basis_bps": basis,
        "cds_bond_basis_5d_change_bps": basis - w.lag(basis, 5),
        "cds_bond_basis_zscore": (basis - usual) / np.maximum(deviation, 1.0),
    }


def log_change(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """100 ln(now / before) where both are positive."""
    positive = (now > 0) & (before > 0)
    return np.where(
        positive,
        100 * np.log(np.where(positive, now, 1.0) / np.where(positive, before, 1.0)),
        np.nan,
    )
