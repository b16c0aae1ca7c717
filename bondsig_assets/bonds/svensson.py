"""Treasury zero curves from the parameters of Gurkaynak, Sack and Wright.

Belongs here: Svensson's formula and its values on the knots of `curves.py`. Not here: the
bootstrap from par yields (`curves.py`), and fetching the parameters (`sources/`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from bondsig_assets.bonds.curves import KNOTS, ZeroCurves

#: Columns of a row of parameters, as the Federal Reserve publishes them (feds200628).
PARAMETERS = ("BETA0", "BETA1", "BETA2", "BETA3", "TAU1", "TAU2")


def svensson_yields_pct(parameters: ArrayLike, years: ArrayLike) -> np.ndarray:
    """Zero yields in pct, continuously compounded: (days, m) from parameters (days, 6) at years
    (m,), above zero.

        y(t) = b0 + b1 f(t/T1) + b2 (f(t/T1) - exp(-t/T1)) + b3 (f(t/T2) - exp(-t/T2)), f(x) = (1 -
        exp(-x)) / x

    Source: R. Gurkaynak, B. Sack and J. Wright, The U.S. Treasury yield curve: 1961 to the present,
    FEDS 2006-28, equation 22; b0 to b3 in pct, T1 and T2 in years. Before 1980 they publish no
    second hump: where BETA3 is 0 or missing, TAU2 may be anything (they write -999.99). A day whose
    other parameters are missing, or TAU1 or a needed TAU2 not above zero, is NaN throughout. Each
    day is computed by itself.
    """
    table = np.atleast_2d(np.asarray(parameters, dtype=float))
    b0, b1, b2, b3, tau1, tau2 = (table[:, k, None] for k in range(len(PARAMETERS)))
    t = np.asarray(years, dtype=float)[None, :]
    has_second = np.isfinite(b3) & (b3 != 0.0) & (b3 > -999.0)
    sound = np.isfinite(b0 + b1 + b2) & (tau1 > 0.0) & (~has_second | (tau2 > 0.0))
    slope, hump = _loadings(t, np.where(sound, tau1, 1.0))
    _, second = _loadings(t, np.where(sound & has_second, tau2, 1.0))
    return np.where(
        sound, b0 + b1 * slope + b2 * hump + np.where(has_second, b3, 0.0) * second, np.nan
    )


def svensson_curves(parameters: ArrayLike) -> ZeroCurves:
    """`ZeroCurves` on KNOTS of many days from parameters (days, 6); NaN throughout for a day
    without a curve.
    """
    return ZeroCurves(KNOTS, svensson_yields_pct(parameters, KNOTS) / 100.0)


def _loadings(years: np.ndarray, tau: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(x) and f(x) - exp(-x) at x = years / tau."""
    x = years / tau
    slope = -np.expm1(-x) / x
    return slope, slope - np.exp(-x)
