"""An issuer's own spread curve from the few bonds it has: the compiled fit.

Belongs here: Nelson and Siegel's curve by weighted least squares, its shrinkage to the curve of
a group where bonds are few, and the spreads read from it. Not here: which bonds count and what
they weigh (`features/`), and the spread of a bond (`kernels.py`).

    s(t) = b0 + b1 f(lambda t) + b2 (f(lambda t) - exp(-lambda t)), f(x) = (1 - exp(-x)) / x, lambda
    = 0.5 a year

is linear in b with lambda fixed (C. Nelson and A. Siegel, Parsimonious modeling of yield curves,
Journal of Business 60, 1987). Three methods, by what the bonds can say:

- OWN: at least five bonds spanning seven years or more, at maturities that tell level, slope and
  curvature apart (MOST_NOISE): weighted least squares of all three.
- SHRUNK: two bonds or more spanning three years: the group's curve plus a level and a slope b1 of
  the issuer's own, the slope by ridge regression towards the group's.
- SHIFTED: one bond, or several too close together: the group's curve moved to their mean.

Sums run in the order of the arrays, so the caller sorts. numba's cache does not notice a change
in another file: a compiled loop elsewhere that calls `fit_issuer` keeps the old one until its own
file changes. `fit_issuers` here is the loop that is safe.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: Decay of the loadings, a year: the middle of the range used for corporate spreads (0.4 to 0.7).
DECAY = 0.5
#: Positions in the result of a fit. Spreads in the unit of the values; METHOD is a code below,
#: EXTRAPOLATED 0 or 1.
SPREAD_2Y, SPREAD_5Y, SPREAD_10Y, SLOPE, CURVATURE, LEVEL, N_BONDS, METHOD, EXTRAPOLATED = range(9)
N_OUTPUTS = 9
NONE, OWN, SHRUNK, SHIFTED = range(4)
OWN_BONDS, OWN_SPAN_YEARS, SLOPE_SPAN_YEARS = 5, 7.0, 3.0
#: Variance of one average bond's residual over that of slopes (b1) within a group: (15 bps / 60
#: bps) squared.
SLOPE_RIDGE = 0.0625
#: A fit of the bonds alone stands when it carries their noise (the root mean of 1 / weight) to none
#: of the three spreads more than this many times. Bonds from 10 to 30 years would carry it to two
#: years 140-fold; well spread ones, not even once.
MOST_NOISE = 3.0
#: Loadings that are the same but for rounding.
_LEAST_OWN_SHARE = 1e-6

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _slope_loading(years):
    """f(lambda t), which is 1 at t = 0."""
    x = DECAY * years
    return -np.expm1(-x) / x if x > 1e-12 else 1.0


@_compiled
def curve_at(coefficients, years):
    """Value of the curve with coefficients (3,) at one maturity."""
    slope = _slope_loading(years)
    return (
        coefficients[0]
        + coefficients[1] * slope
        + coefficients[2] * (slope - np.exp(-DECAY * years))
    )


@_compiled
def _counts(maturities, values, weights, n):
    """Bonds that count, their shortest and longest maturity, their largest and their total
    weight.
    """
    bonds, shortest, longest, heaviest, total = 0, np.inf, -np.inf, 0.0, 0.0
    for k in range(n):
        if _is_counted(maturities[k], values[k], weights[k]):
            bonds += 1
            shortest, longest = min(shortest, maturities[k]), max(longest, maturities[k])
            heaviest = max(heaviest, weights[k])
            total += weights[k]
    return bonds, shortest, longest, heaviest, total


@_compiled
def _is_counted(maturity, value, weight):
    return 0.0 < weight < np.inf and 0.0 < maturity < np.inf and np.isfinite(value)


@_compiled
def _noise_at(triangle, years):
    """Variance of the fitted curve at a maturity, x' (X' W X)^-1 x, by the triangle R of X' W X =
    R' R.
    """
    slope = _slope_loading(years)
    solved, total = np.array([1.0, slope, slope - np.exp(-DECAY * years)]), 0.0
    for row in range(3):
        for before in range(row):
            solved[row] -= triangle[before, row] * solved[before]
        solved[row] /= triangle[row, row]
        total += solved[row] * solved[row]
    return total


@_compiled
def _least_squares(maturities, values, weights, n, heaviest):
    """Coefficients (3,) by weighted least squares, NaN where the bonds do not tell them apart well
    enough.

    Gram-Schmidt on the loadings, rounded less than normal equations would be.
    """
    result = np.full(3, np.nan)
    design, left, rows, noise = np.empty((3, n)), np.empty(n), 0, 0.0
    for k in range(n):
        if _is_counted(maturities[k], values[k], weights[k]):
            root, slope = np.sqrt(weights[k] / heaviest), _slope_loading(maturities[k])
            design[0, rows], design[1, rows] = root, root * slope
            design[2, rows], left[rows] = (
                root * (slope - np.exp(-DECAY * maturities[k])),
                root * values[k],
            )
            noise += heaviest / weights[k]
            rows += 1
    triangle, projected = np.zeros((3, 3)), np.zeros(3)
    for column in range(3):
        whole = 0.0
        for k in range(rows):
            whole += design[column, k] * design[column, k]
        for before in range(column):
            shared = 0.0
            for k in range(rows):
                shared += design[before, k] * design[column, k]
            triangle[before, column] = shared
            for k in range(rows):
                design[column, k] -= shared * design[before, k]
        own = 0.0
        for k in range(rows):
            own += design[column, k] * design[column, k]
        if not own > _LEAST_OWN_SHARE * _LEAST_OWN_SHARE * whole:
            return result
        triangle[column, column] = np.sqrt(own)
        for k in range(rows):
            design[column, k] /= triangle[column, column]
        for k in range(rows):
            projected[column] += design[column, k] * left[k]
        for k in range(rows):
            left[k] -= projected[column] * design[column, k]
    for years in (2.0, 5.0, 10.0):
        if _noise_at(triangle, years) > MOST_NOISE * MOST_NOISE * noise / rows:
            return result
    for column in range(2, -1, -1):
        value = projected[column]
        for after in range(column + 1, 3):
            value -= triangle[column, after] * result[after]
        result[column] = value / triangle[column, column]
    return result


@_compiled
def _shrunk(maturities, values, weights, n, bonds, total, pooled, has_slope):
    """The group's coefficients moved to the bonds: the level freely, the slope by ridge regression
    if `has_slope`.
    """
    mean_slope = mean_gap = 0.0
    for k in range(n):
        if _is_counted(maturities[k], values[k], weights[k]):
            share = weights[k] / total
            mean_slope += share * _slope_loading(maturities[k])
            mean_gap += share * (values[k] - curve_at(pooled, maturities[k]))
    moved = 0.0
    if has_slope:
        spread = shared = 0.0
        for k in range(n):
            if _is_counted(maturities[k], values[k], weights[k]):
                share, away = weights[k] / total, _slope_loading(maturities[k]) - mean_slope
                spread += share * away * away
                shared += share * away * (values[k] - curve_at(pooled, maturities[k]) - mean_gap)
        moved = shared / (spread + SLOPE_RIDGE / bonds)
    result = pooled.copy()
    result[0] += mean_gap - moved * mean_slope
    result[1] += moved
    return result


@_compiled
def fit_pooled(maturities, values, weights, n):
    """Coefficients (3,) of a group's curve from the first n bonds of all its issuers.

    Arrays as for `fit_issuer`. NaN unless they allow an OWN fit; the caller then takes a wider
    group. Levels of different issuers are mixed: only slope and curvature matter to `fit_issuer`.
    """
    bonds, shortest, longest, heaviest, _ = _counts(maturities, values, weights, n)
    if bonds < OWN_BONDS or longest - shortest < OWN_SPAN_YEARS:
        return np.full(3, np.nan)
    return _least_squares(maturities, values, weights, n, heaviest)


@_compiled
def fit_issuer(maturities, values, weights, n, pooled_coefficients):
    """An issuer's curve on a day: an array of N_OUTPUTS, read by the names above.

    `maturities` (years), `values` (spreads, any unit) and `weights` are float64 arrays whose first
    n entries are the issuer's bonds, sorted by the caller; entries with a weight, maturity or value
    not above zero or not finite (a value may be negative) do not count. `pooled_coefficients` (3,)
    is the group's curve by `fit_pooled`; with NaN there, only OWN is possible. SLOPE = s(10) -
    s(2), CURVATURE = 2 s(5) - s(2) - s(10), LEVEL = (s(2) + s(5) + s(10)) / 3. EXTRAPOLATED is 1
    when no bond lies within 1 to 3.5 years or none within 7 to 15. Without a curve the method is
    NONE and the spreads are NaN.
    """
    out = np.full(N_OUTPUTS, np.nan)
    bonds, shortest, longest, heaviest, total = _counts(maturities, values, weights, n)
    out[N_BONDS], out[METHOD], out[EXTRAPOLATED] = bonds, NONE, 1.0
    coefficients = np.full(3, np.nan)
    if bonds >= OWN_BONDS and longest - shortest >= OWN_SPAN_YEARS:
        coefficients = _least_squares(maturities, values, weights, n, heaviest)
        out[METHOD] = OWN
    if bonds >= 1 and np.isnan(coefficients[0]):
        has_slope = bonds >= 2 and longest - shortest >= SLOPE_SPAN_YEARS
        coefficients = _shrunk(
            maturities, values, weights, n, bonds, total, pooled_coefficients, has_slope
        )
        out[METHOD] = SHRUNK if has_slope else SHIFTED
    if not np.isfinite(coefficients[0] + coefficients[1] + coefficients[2]):
        out[METHOD] = NONE
        return out
    two, five, ten = (
        curve_at(coefficients, 2.0),
        curve_at(coefficients, 5.0),
        curve_at(coefficients, 10.0),
    )
    out[SPREAD_2Y], out[SPREAD_5Y], out[SPREAD_10Y] = two, five, ten
    out[SLOPE], out[CURVATURE], out[LEVEL] = (
        ten - two,
        2.0 * five - two - ten,
        (two + five + ten) / 3.0,
    )
    near = far = False
    for k in range(n):
        if _is_counted(maturities[k], values[k], weights[k]):
            near |= 1.0 <= maturities[k] <= 3.5
            far |= 7.0 <= maturities[k] <= 15.0
    out[EXTRAPOLATED] = 0.0 if near and far else 1.0
    return out


@_compiled
def fit_issuers(offsets, maturities, values, weights, pooled, pooled_index):
    """`fit_issuer` of many issuer-days: (m, N_OUTPUTS).

    The bonds of issuer-day i are rows offsets[i] to offsets[i + 1] of `maturities`, `values` and
    `weights`; its group's curve is row pooled_index[i] of `pooled` (groups, 3), -1 for none.
    """
    m = len(offsets) - 1
    result, unknown = np.empty((m, N_OUTPUTS)), np.full(3, np.nan)
    for i in range(m):
        rows = slice(offsets[i], offsets[i + 1])
        curve = pooled[pooled_index[i]] if 0 <= pooled_index[i] < len(pooled) else unknown
        result[i] = fit_issuer(
            maturities[rows], values[rows], weights[rows], offsets[i + 1] - offsets[i], curve
        )
    return result


@_compiled
def fit_groups(offsets, maturities, values, weights):
    """`fit_pooled` of many groups, whose bonds are rows offsets[i] to offsets[i + 1]: (groups,
    3).
    """
    result = np.empty((len(offsets) - 1, 3))
    for i in range(len(offsets) - 1):
        rows = slice(offsets[i], offsets[i + 1])
        result[i] = fit_pooled(
            maturities[rows], values[rows], weights[rows], offsets[i + 1] - offsets[i]
        )
    return result
