"""Spreads beside the z-spread: what it does to the price, asset swaps, and the bond's own CDS
spread.

Belongs here: spread duration, par asset-swap spread and par-equivalent CDS spread, with their
compiled loops. Not here: z- and G-spread (`kernels.py`, `analytics.py`), OAS
(`callable_bonds.py`), and the CDS market itself (`features/`). Cash flows and discount factors
come as arrays from `kernels.py`: numba's cache does not notice a change in another file, so
nothing compiled there is called here.

Functions take and answer like those of `kernels.py`: (n,) arrays, NaN and a status for what has
no answer, and a bond's result depends on that bond alone, to the last bit.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.conventions import DAY_COUNTS, Bonds, terms
from bondsig_assets.bonds.curves import ZeroCurves
from bondsig_assets.market_rules import RECOVERY

#: Hazard rates are sought between these, a year.
LOWEST_HAZARD, HIGHEST_HAZARD = -0.5, 10.0
#: Years by ACT/365 to years by ACT/360.
_ACT_360 = 365.0 / 360.0

#: Offsets and two arrays of one row per payment: flows and years, or years and factors.
_Flows = tuple[Ints, Floats, Floats]

_compiled = njit(cache=True, nogil=True, error_model="numpy")


def spread_duration(
    bonds: Bonds, curves: ZeroCurves, curve_index: ArrayLike, spread_bps: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a z-spread does to the price: (spread_duration_years, price_per_bp, status).

    -d ln(Dirty) / ds = sum t_k v_k / sum v_k with v_k = CF_k exp(-(z(t_k) + s) t_k), and the fall
    of the price by one basis point more, 1e-4 sum t_k v_k, in % of par. Status as of
    `kernels.price_from_z_spread`.
    """
    _, status = kernels.price_from_z_spread(bonds, curves, curve_index, spread_bps)
    flows = kernels.cash_flows(bonds)
    factors = kernels.discount_factors(curves, curve_index, flows.offsets, flows.years)
    spread = np.array(np.broadcast_to(spread_bps, len(status)), dtype=np.float64) / 1e4
    duration, per_bp = _durations(flows.offsets, flows.amounts * factors, flows.years, spread)
    solved = status == kernels.OK
    return np.where(solved, duration, np.nan), np.where(solved, per_bp, np.nan), status


def duration_of_flows(
    flows: kernels.CashFlows, curves: ZeroCurves, curve_index: ArrayLike, spread_bps: np.ndarray
) -> np.ndarray:
    """Spread duration in years of flows that are given, as in `spread_duration`; NaN where the
    spread is NaN.
    """
    factors = kernels.discount_factors(curves, curve_index, flows.offsets, flows.years)
    duration, _ = _durations(
        flows.offsets, flows.amounts * factors, flows.years, np.asarray(spread_bps) / 1e4
    )
    return np.asarray(duration)


def par_asset_swap_spread(
    bonds: Bonds,
    curves: ZeroCurves,
    curve_index: ArrayLike,
    price: ArrayLike,
    payments_per_year: ArrayLike = 4,
) -> tuple[np.ndarray, np.ndarray]:
    """Par asset-swap spread of a clean price in bps: (spread_bps, status).

    (P_rf - Dirty) / A (D. O'Kane, Introduction to Asset Swaps, Lehman Brothers 2000), P_rf the
    flows on the curve without a spread and A = sum alpha_k P_k in % of par. The
    floating leg pays `payments_per_year` times a year (1, 2, 4 or 12; broadcasts to (n,)) by
    ACT/360, on dates run back from the redemption date, its first period short and begun at
    settlement: quarterly by default, whatever the bond pays. The curve both discounts and projects,
    so the floating leg without its spread is worth par.
    """
    flows, leg, status, dirty = _with_leg(bonds, curves, curve_index, price, payments_per_year)
    factors = kernels.discount_factors(curves, curve_index, flows.offsets, flows.years)
    leg_factors = kernels.discount_factors(curves, curve_index, leg.offsets, leg.years)
    found = 1e4 * _asset_swaps(
        flows.offsets, flows.amounts * factors, leg.offsets, leg.years, leg_factors, dirty
    )
    return np.where(status == kernels.OK, found, np.nan), status


def par_equivalent_cds_spread(
    bonds: Bonds,
    curves: ZeroCurves,
    curve_index: ArrayLike,
    price: ArrayLike,
    recovery: float = RECOVERY,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The CDS spread that a clean price implies: (spread_bps, hazard_rate, status).

    With survival Q(t) = exp(-h t), quarters k run back from the redemption date and default in the
    middle m_k of a quarter, the hazard rate h solves

        Dirty = sum CF_i P(t_i) Q(t_i) + 100 R sum P(m_k) (Q_{k-1} - Q_k)

    and the par spread of a CDS to the redemption date, paid quarterly by ACT/360 with half a
    period's premium accrued at default, is

        (1 - R) sum P(m_k) (Q_{k-1} - Q_k) / sum alpha_k (P_k Q_k + P(m_k) (Q_{k-1} - Q_k) / 2).

    The par equivalent CDS spread of A. Elizalde, S. Doctor and Y. Saltuk, Bond-CDS Basis Handbook,
    J.P. Morgan 2009, with default in mid-period and accrued premium as in the market's contract
    (QuantLib's `MidPointCdsEngine`); without both the spread would be larger by about (h -
    r) / 8 of itself. A bond dearer than its flows on the curve has a negative spread. NO_ROOT where
    no hazard rate from -50 % to 1000 % gives the price, as at prices below recovery. Raises
    ValueError unless 0 <= recovery < 1.
    """
    if not 0.0 <= recovery < 1.0:
        raise ValueError(f"recovery must be from 0 to below 1, not {recovery}")
    flows, leg, status, dirty = _with_leg(bonds, curves, curve_index, price, 4)
    middles = _middles(leg.offsets, leg.years)
    found, hazard = _par_cds(
        (
            flows.offsets,
            flows.amounts
            * kernels.discount_factors(curves, curve_index, flows.offsets, flows.years),
            flows.years,
        ),
        (
            leg.offsets,
            leg.years,
            kernels.discount_factors(curves, curve_index, leg.offsets, leg.years),
        ),
        kernels.discount_factors(curves, curve_index, leg.offsets, middles),
        np.where(status == kernels.OK, dirty, np.nan),
        float(recovery),
    )
    status = np.where((status == kernels.OK) & np.isnan(found), kernels.NO_ROOT, status)
    return 1e4 * found, hazard, status


def _with_leg(
    bonds: Bonds,
    curves: ZeroCurves,
    curve_index: ArrayLike,
    price: ArrayLike,
    payments_per_year: ArrayLike,
) -> tuple[kernels.CashFlows, kernels.CashFlows, np.ndarray, np.ndarray]:
    """Flows of the bonds and dates of a floating or premium leg to redemption; status and dirty
    price.
    """
    flows = kernels.cash_flows(bonds)
    leg = kernels.cash_flows(
        terms(
            bonds.settlement, bonds.redemption_date, 0.0, payments_per_year, DAY_COUNTS["ACT/360"]
        )
    )
    n = len(flows.status)
    index, clean = np.broadcast_to(curve_index, n), np.broadcast_to(price, n).astype(np.float64)
    days, _ = curves.rates.shape
    has_curve = np.zeros(n, dtype=bool)
    inside = (index >= 0) & (index < days)
    has_curve[inside] = np.isfinite(curves.rates[index[inside], 0])
    status = np.where(flows.status == kernels.OK, leg.status, flows.status)
    status = np.where((status == kernels.OK) & ~has_curve, kernels.NO_CURVE, status)
    status = np.where(
        (status == kernels.OK) & ~((clean > 0.0) & np.isfinite(clean)), kernels.BAD_PRICE, status
    )
    return flows, leg, status, clean + flows.accrued


@_compiled
def _durations(
    offsets: Ints, present: Floats, years: Floats, spread: Floats
) -> tuple[Floats, Floats]:
    """Spread duration and price per bp of flows already discounted on the curve."""
    duration, per_bp = np.full(len(spread), np.nan), np.full(len(spread), np.nan)
    for i in range(len(spread)):
        value = first = 0.0
        for k in range(offsets[i], offsets[i + 1]):
            worth = present[k] * np.exp(-spread[i] * years[k])
            value += worth
            first += years[k] * worth
        duration[i], per_bp[i] = first / value, 1e-4 * first
    return duration, per_bp


@_compiled
def _asset_swaps(
    offsets: Ints,
    present: Floats,
    leg_offsets: Ints,
    leg_years: Floats,
    leg_factors: Floats,
    dirty: Floats,
) -> Floats:
    """(P_rf - Dirty) / A of every bond."""
    result = np.full(len(dirty), np.nan)
    for i in range(len(dirty)):
        value = annuity = before = 0.0
        for k in range(offsets[i], offsets[i + 1]):
            value += present[k]
        for k in range(leg_offsets[i], leg_offsets[i + 1]):
            annuity += (leg_years[k] - before) * _ACT_360 * leg_factors[k]
            before = leg_years[k]
        result[i] = (value - dirty[i]) / (100.0 * annuity)
    return result


@_compiled
def _middles(offsets: Ints, years: Floats) -> Floats:
    """The middle of every period, the first begun at time zero."""
    result = np.empty(len(years))
    for i in range(len(offsets) - 1):
        before = 0.0
        for k in range(offsets[i], offsets[i + 1]):
            result[k] = 0.5 * (before + years[k])
            before = years[k]
    return result


@_compiled
def _risky_value(
    i: int, flows: _Flows, leg: _Flows, middles: Floats, paid_at_default: float, hazard: float
) -> tuple[float, float]:
    """Value of bond i's flows at a hazard rate, and its derivative."""
    offsets, present, years = flows
    leg_offsets, leg_years, _ = leg
    value = slope = 0.0
    for k in range(offsets[i], offsets[i + 1]):
        worth = present[k] * np.exp(-hazard * years[k])
        value += worth
        slope -= years[k] * worth
    alive, before = 1.0, 0.0
    for k in range(leg_offsets[i], leg_offsets[i + 1]):
        survives = np.exp(-hazard * leg_years[k])
        value += paid_at_default * middles[k] * (alive - survives)
        slope += paid_at_default * middles[k] * (leg_years[k] * survives - before * alive)
        alive, before = survives, leg_years[k]
    return value, slope


@_compiled
def _hazard_rate(
    i: int, flows: _Flows, leg: _Flows, middles: Floats, paid_at_default: float, dirty: float
) -> float:
    """The hazard rate at which bond i is worth `dirty`, or NaN: Newton's steps inside a bracket."""
    low, high = LOWEST_HAZARD, HIGHEST_HAZARD
    cheapest, _ = _risky_value(i, flows, leg, middles, paid_at_default, high)
    dearest, _ = _risky_value(i, flows, leg, middles, paid_at_default, low)
    if not cheapest <= dirty <= dearest:
        return np.nan
    hazard = 0.02
    for _ in range(200):
        value, slope = _risky_value(i, flows, leg, middles, paid_at_default, hazard)
        error = value - dirty
        if error > 0.0:
            low = hazard
        else:
            high = hazard
        moved = hazard - error / slope if slope < 0.0 else np.nan
        if not low <= moved <= high:
            moved = 0.5 * (low + high)
        if abs(moved - hazard) < 1e-14 or high - low < 1e-14:
            return moved
        hazard = moved
    return hazard


@_compiled
def _par_cds(
    flows: _Flows, leg: _Flows, middles: Floats, dirty: Floats, recovery: float
) -> tuple[Floats, Floats]:
    """Par spread and hazard rate of every bond with a price; NaN where none fits."""
    leg_offsets, leg_years, leg_factors = leg
    spread, hazards = np.full(len(dirty), np.nan), np.full(len(dirty), np.nan)
    for i in range(len(dirty)):
        if np.isnan(dirty[i]):
            continue
        hazard = _hazard_rate(i, flows, leg, middles, 100.0 * recovery, dirty[i])
        if np.isnan(hazard):
            continue
        protection = premium = before = 0.0
        alive = 1.0
        for k in range(leg_offsets[i], leg_offsets[i + 1]):
            survives, share = np.exp(-hazard * leg_years[k]), (leg_years[k] - before) * _ACT_360
            lost = middles[k] * (alive - survives)
            protection += lost
            premium += share * (leg_factors[k] * survives + 0.5 * lost)
            alive, before = survives, leg_years[k]
        spread[i], hazards[i] = (1.0 - recovery) * protection / premium, hazard
    return spread, hazards
