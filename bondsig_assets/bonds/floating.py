"""Floating legs: cash flows projected on a curve, of floaters and of fixed-to-floating bonds.

Belongs here: what a floating leg is expected to pay, and the spread at which a bond that has one
gives its price. Not here: fixed cash flows (`kernels.py`), which bond is of that kind
(`analytics.py`).

One curve projects and discounts: over [t, u] a leg pays P(t) / P(u) - 1 and its margin by ACT/360,
so that the leg without its margin is worth par on each of its coupon dates. The index of a bond
(term SOFR, LIBOR) differs from Treasuries by a basis that stays in the spread. The spread is the
constant s, continuously compounded, at which flows discounted by exp(-(z(t) + s) t) give the dirty
price: a discount margin (F. Fabozzi and S. Mann, Floating-Rate Securities, 2000), with the curve's
forward rates in place of one flat index.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bondsig_assets.arrays import Floats
from bondsig_assets.bonds import kernels
from bondsig_assets.bonds.conventions import DAY_COUNTS, Bonds, terms
from bondsig_assets.bonds.curves import ZeroCurves

#: How often the floating leg of a bond pays where nothing says so.
USUAL_PAYMENTS = 4
_ACT_360 = 365.0 / 360.0


class Leg(NamedTuple):
    """Floating legs of n bonds, arrays of shape (n,)."""

    maturity: np.ndarray  # int64, days since 1970-01-01
    margin_pct: np.ndarray  # float64, a year
    payments_per_year: np.ndarray  # int64: 1, 2, 4 or 12


def discount_margin(
    settlement: ArrayLike, leg: Leg, curves: ZeroCurves, curve_index: ArrayLike, price: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Discount margin of floaters at clean prices in bps, continuously compounded: (margin_bps,
    status of `kernels.z_spread`).

    The coupon that runs at settlement is not delivered; it is taken to be the curve's rate to its
    payment and the margin, and interest accrued of it is paid with the price.
    """
    dates = kernels.cash_flows(_dates(settlement, leg))
    index, clean = _aligned(len(dates.status), curve_index, price)
    factors = kernels.discount_factors(curves, index, dates.offsets, dates.years)
    owner = np.repeat(np.arange(len(dates.status)), np.diff(dates.offsets))
    is_first = np.zeros(len(owner), dtype=bool)
    is_first[dates.offsets[:-1][np.diff(dates.offsets) > 0]] = True
    length = 1.0 / np.maximum(leg.payments_per_year, 1)
    before, growth = _since_last(dates, factors, is_first)
    # The running period began before settlement: its rate is that of what is left of it.
    share = np.where(is_first, length[owner] / np.maximum(dates.years - before, 1e-9), 1.0)
    amounts = 100.0 * (growth * share) + leg.margin_pct[owner] * _ACT_360 * np.where(
        is_first, length[owner], dates.years - before
    )
    last = dates.offsets[1:][np.diff(dates.offsets) > 0] - 1
    running = amounts[is_first]
    elapsed = np.maximum(1.0 - dates.years[is_first] / length[owner[is_first]], 0.0)
    amounts[last] += 100.0
    accrued = np.zeros(len(dates.status))
    accrued[owner[is_first]] = running * elapsed
    flows = kernels.CashFlows(dates.offsets, amounts, dates.years, accrued, dates.status)
    return kernels.z_spread_of_flows(flows, curves, index, clean + accrued)


def fixed_to_floating_spread(
    fixed: Bonds, leg: Leg, curves: ZeroCurves, curve_index: ArrayLike, price: ArrayLike
) -> tuple[np.ndarray, np.ndarray, kernels.CashFlows]:
    """Z-spread of fixed-to-floating bonds at clean prices in bps: (spread_bps, status, flows).

    `fixed` ends on the day the coupon begins to float, redeemed at par there; from then on the leg
    pays to its own maturity. Where the leg's margin is the bond's spread the bond is worth par on
    that day, and the spread is that of a bond called then.
    """
    index, clean = _aligned(len(fixed.settlement), curve_index, price)
    together = _flows(fixed, leg, curves, index)
    spread, status = kernels.z_spread_of_flows(together, curves, index, clean + together.accrued)
    return spread, status, together


def fixed_to_floating_price(
    fixed: Bonds, leg: Leg, curves: ZeroCurves, curve_index: ArrayLike, spread_bps: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Clean price of fixed-to-floating bonds at a z-spread: (price, status); the inverse of
    `fixed_to_floating_spread`.
    """
    n = len(fixed.settlement)
    index, spread = _aligned(n, curve_index, spread_bps)
    flows = _flows(fixed, leg, curves, index)
    owner = np.repeat(np.arange(n), np.diff(flows.offsets))
    present = flows.amounts * kernels.discount_factors(curves, index, flows.offsets, flows.years)
    present *= np.exp(-spread[owner] / 1e4 * flows.years)
    dirty = np.bincount(owner, weights=present, minlength=n)
    status = np.where(
        (flows.status == kernels.OK) & ~np.isfinite(dirty), kernels.NO_CURVE, flows.status
    )
    return np.where(status == kernels.OK, dirty - flows.accrued, np.nan), status


def _flows(fixed: Bonds, leg: Leg, curves: ZeroCurves, index: np.ndarray) -> kernels.CashFlows:
    """What is paid until the leg's maturity: fixed coupons, then the floating leg."""
    n = len(fixed.settlement)
    first = kernels.cash_flows(fixed)
    floats = kernels.cash_flows(_dates(fixed.redemption_date, leg))
    begins = (fixed.redemption_date - fixed.settlement) / 365.0
    owner = np.repeat(np.arange(n), np.diff(floats.offsets))
    years = floats.years + begins[owner]
    at_begin = kernels.discount_factors(curves, index, np.arange(n + 1), begins)
    factors = kernels.discount_factors(curves, index, floats.offsets, years)
    is_first = np.zeros(len(owner), dtype=bool)
    is_first[floats.offsets[:-1][np.diff(floats.offsets) > 0]] = True
    before = np.where(is_first, begins[owner], np.roll(years, 1))
    worth = np.where(is_first, at_begin[owner], np.roll(factors, 1))
    amounts = 100.0 * (worth / factors - 1.0) + leg.margin_pct[owner] * _ACT_360 * (years - before)
    amounts[floats.offsets[1:][np.diff(floats.offsets) > 0] - 1] += 100.0
    # What the fixed part redeems is not paid: the bond goes on.
    own = first.amounts.copy()
    own[first.offsets[1:][np.diff(first.offsets) > 0] - 1] -= fixed.redemption[
        np.diff(first.offsets) > 0
    ]
    status = np.where(first.status == kernels.OK, floats.status, first.status)
    flows = _joined((first.offsets, own, first.years), (floats.offsets, amounts, years))
    return kernels.CashFlows(*flows, first.accrued, status)


def _dates(start: ArrayLike, leg: Leg) -> Bonds:
    """A bond that pays on the leg's dates after `start`, run back from its maturity."""
    return terms(start, leg.maturity, 0.0, leg.payments_per_year, DAY_COUNTS["ACT/360"])


def _aligned(n: int, curve_index: ArrayLike, price: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array(np.broadcast_to(curve_index, n), dtype=np.int64),
        np.array(np.broadcast_to(price, n), dtype=np.float64),
    )


def _since_last(
    dates: kernels.CashFlows, factors: Floats, is_first: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Time of the payment before each, 0 for the first, and growth of money between the two."""
    before = np.where(is_first, 0.0, np.roll(dates.years, 1))
    worth = np.where(is_first, 1.0, np.roll(factors, 1))
    return before, worth / factors - 1.0


def _joined(
    one: tuple[np.ndarray, np.ndarray, np.ndarray], two: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flows of the same bonds, those of `one` before those of `two`."""
    n = len(one[0]) - 1
    owner = np.concatenate(
        [np.repeat(np.arange(n), np.diff(one[0])), np.repeat(np.arange(n), np.diff(two[0]))]
    )
    order = np.argsort(owner, kind="stable")
    offsets = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=n))))
    return (
        offsets,
        np.concatenate([one[1], two[1]])[order],
        np.concatenate([one[2], two[2]])[order],
    )
