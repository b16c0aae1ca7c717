"""An issuer's spread and yield at constant maturities, from the bonds that speak for it on a day.

Belongs here: which pooled curve helps which issuer, and reading the fits. Not here: the fit itself
(`bonds/issuer_curves.py`), which bonds speak (`replay.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.features import replay as rp

#: What a level rests on: no curve (the bonds' weighted mean), the issuer's own curve, one drawn to
#: its group's, its group's moved to its bonds.
METHODS = ("mean", "own", "shrunk", "shifted")


@dataclass(frozen=True)
class Curves:
    """Fits of one quantity, all [day, parent]: at 2, 5 and 10 years, `slope` 10y - 2y, `curvature`
    2 s(5) - s(2) - s(10), the code of METHODS, and whether the slope is extrapolated. NaN (method
    0) where no curve can be fitted.
    """

    two: np.ndarray
    five: np.ndarray
    ten: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray
    method: np.ndarray
    is_extrapolated: np.ndarray


#: Issuers with two bonds or more that a group needs to have a shape of its own.
LEAST_ISSUERS = 5
#: What draws a group's shape towards flat, for each issuer in it; loadings vary by 0.03 (slope) and
#: 0.003 (curvature) within one.
_RIDGE = 0.001
#: A shape that takes an issuer's own level more than this many times up or down by 2, 5 or 10 years
#: is not believed: flat instead.
_MOST_BEND = 2.5
#: A level below this, in the unit of the values, is no measure of scale: 10 bps, 0.1 percent.
_LEAST_SCALE = {rp.H_SPREAD: 10.0, rp.H_YIELD: 0.1}


def fit_curves(
    offsets: np.ndarray,
    held: np.ndarray,
    column: int,
    sector: np.ndarray,
    is_high_yield: np.ndarray,
) -> Curves:
    """Curves of every (day, parent) through the `column` of its bonds; arguments as of
    `replay.replay`.

    `sector` int codes [day, parent], negative for none; `is_high_yield` bool. An issuer with few
    bonds is drawn to the shape of its sector and grade that day, at its own level; where that group
    is too small, to its grade's, else the market's.
    """
    from bondsig_assets.bonds import issuer_curves as ic

    n_days, n_parents = sector.shape
    maturities, values, weights = (
        np.ascontiguousarray(held[:, k]) for k in (rp.H_MATURITY, column, rp.H_WEIGHT)
    )
    within = _Within(offsets, maturities, values, weights, _LEAST_SCALE[column])
    day, grade = np.repeat(np.arange(n_days), n_parents), is_high_yield.ravel().astype(np.int64)
    n_sectors = int(sector.max(initial=-1)) + 1
    shapes = np.full((n_days * n_parents, 3), np.nan)
    for group, n_groups in (
        (np.where(sector.ravel() >= 0, 2 * sector.ravel() + grade, -1), 2 * n_sectors),
        (grade, 2),
        (np.zeros_like(grade), 1),
    ):
        found = within.shapes(np.where(group >= 0, day * n_groups + group, -1), n_days * n_groups)
        shapes = np.where(np.isnan(shapes), found, shapes)
    pooled = within.at_own_level(shapes)
    fits = ic.fit_issuers(
        offsets, maturities, values, weights, pooled, np.arange(n_days * n_parents)
    )
    # A curve that leaves its own bonds that far says more of its group, or of a wrong print, than
    # of the issuer.
    astray = np.isfinite(fits[:, ic.SPREAD_5Y]) & ~within.holds(fits[:, ic.SPREAD_5Y])
    fits[astray] = np.nan
    fits[astray, ic.METHOD] = ic.NONE
    fits = fits.reshape(n_days, n_parents, ic.N_OUTPUTS)
    names = (
        ic.SPREAD_2Y,
        ic.SPREAD_5Y,
        ic.SPREAD_10Y,
        ic.SLOPE,
        ic.CURVATURE,
        ic.METHOD,
        ic.EXTRAPOLATED,
    )
    return Curves(*(fits[:, :, name] for name in names))


class _Within:
    """Moments of relative value and Nelson-Siegel loadings around the mean of each issuer-day: how
    curves bend, whatever their level.
    """

    def __init__(
        self,
        offsets: np.ndarray,
        maturities: np.ndarray,
        values: np.ndarray,
        weights: np.ndarray,
        least_scale: float,
    ) -> None:
        from bondsig_assets.bonds.issuer_curves import DECAY

        self._n = offsets.size - 1
        cell = np.repeat(np.arange(self._n), np.diff(offsets))
        share = weights / self._sum(cell, weights)[cell]
        mean = self._sum(cell, share * values)
        self._scale = np.maximum(np.abs(mean), least_scale)
        slope = -np.expm1(-DECAY * maturities) / (DECAY * maturities)
        bend = slope - np.exp(-DECAY * maturities)
        self._loadings = [self._sum(cell, share * part) for part in (slope, bend)]
        relative = values / self._scale[cell]
        x, z, y = (
            part - mean[cell]
            for part, mean in (
                (slope, self._loadings[0]),
                (bend, self._loadings[1]),
                (relative, self._sum(cell, share * relative)),
            )
        )
        # An issuer counts once, however many bonds it has; one bond alone has no shape.
        self._moments = [
            self._sum(cell, share * product) for product in (x * x, x * z, z * z, x * y, z * y)
        ]
        self._has_shape = (np.diff(offsets) >= 2).astype(float)
        self._least, self._largest = np.full(self._n, np.inf), np.full(self._n, -np.inf)
        np.minimum.at(self._least, cell, values)
        np.maximum.at(self._largest, cell, values)

    def _sum(self, cell: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Sums one after the other, in order of the bonds."""
        return np.bincount(cell, weights=values, minlength=self._n)

    def shapes(self, group: np.ndarray, n_groups: int) -> np.ndarray:
        """Coefficients [cell, 3] of each cell's group, 1 at the group's mean loadings, by least
        squares within issuers; NaN for small groups.
        """
        mine, middle = group >= 0, [part * self._has_shape for part in self._loadings]
        xx, xz, zz, xy, zy, issuers, slopes, bends = (
            np.bincount(group[mine], weights=np.nan_to_num(part)[mine], minlength=n_groups)
            for part in (*self._moments, self._has_shape, *middle)
        )
        count = np.maximum(issuers, 1.0)
        ridge = _RIDGE * count
        first, second = xx + ridge, zz + ridge
        determinant = first * second - xz * xz
        slope, bend = (xy * second - zy * xz) / determinant, (zy * first - xy * xz) / determinant
        level = 1.0 - slope * slopes / count - bend * bends / count
        found = np.where(
            (issuers >= LEAST_ISSUERS)[:, None], np.column_stack([level, slope, bend]), np.nan
        )
        return (
            np.where(mine[:, None], found[np.maximum(group, 0)], np.nan)
            if n_groups
            else np.full((self._n, 3), np.nan)
        )

    def at_own_level(self, shapes: np.ndarray) -> np.ndarray:
        """`shapes` [cell, 3] scaled so that they pass through each issuer's own mean value at its
        own mean loadings.
        """
        from bondsig_assets.bonds.issuer_curves import DECAY

        own = shapes[:, 0] + shapes[:, 1] * self._loadings[0] + shapes[:, 2] * self._loadings[1]
        is_sound = own > 0
        for years in (2.0, 5.0, 10.0):
            slope = -np.expm1(-DECAY * years) / (DECAY * years)
            there = (
                shapes[:, 0]
                + shapes[:, 1] * slope
                + shapes[:, 2] * (slope - np.exp(-DECAY * years))
            )
            is_sound &= (there < _MOST_BEND * own) & (there * _MOST_BEND > own)
        scaled = shapes * (self._scale / np.where(is_sound, own, 1.0))[:, None]
        flat = np.column_stack(
            [self._scale, np.zeros_like(self._scale), np.zeros_like(self._scale)]
        )
        return np.ascontiguousarray(np.where(is_sound[:, None] | np.isnan(shapes), scaled, flat))

    def holds(self, level: np.ndarray) -> np.ndarray:
        """Whether `level` [cell] lies between half the least and twice the largest value of the
        cell's own bonds.
        """
        return (level >= np.minimum(0.5 * self._least, 2.0 * self._least)) & (
            level <= np.maximum(2.0 * self._largest, 0.5 * self._largest)
        )
