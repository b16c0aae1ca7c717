"""How far the mean of days that overlap can stray: long-run deviations, and noise that has them.

Belongs here: the autocovariance of a daily statistic whose labels overlap, its long-run deviation
as measured, Gaussian noise of that shape. Not here: the Newey-West formula
(`learning/statistics.py`), what watches for a change (`sequential.py`).

A day's statistic is a product of scores and labels. Labels of `horizon` days that begin on every
day share horizon - k of them k days apart, and scores persist: the autocorrelation of the product
is ρ^k (1 - k/horizon) below `horizon`, and 0 from there on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky_banded
from scipy.optimize import brentq

from bondsig_assets.arrays import Floats
from bondsig_assets.learning.statistics import lags_of, newey_west
from bondsig_assets.market_rules import HORIZON

#: Rows of the Cholesky factor after which its last row is the moving average to 1e-3 even at ρ = 1.
_ROWS = 2_000
#: Days of the Bartlett window in labels: with as many the bias of the variance is a twelfth, not a
#: quarter as with one label and a day.
_LABELS_OF_WINDOW = 3


def autocorrelations(persistence: float, horizon: int = HORIZON) -> Floats:
    """ρ^k (1 - k/h) for lags 0 … h-1, [lag]. `persistence` ρ: what of a score is left a day later,
    from 0 to 1.
    """
    lag = np.arange(horizon)
    return np.power(float(persistence), lag) * (1 - lag / horizon)


def overlap_inflation(persistence: float, horizon: int = HORIZON) -> float:
    """The long-run variance of a daily statistic over its daily one: 1 + 2 Σ ρ^k (1 - k/h); 1 for
    scores without memory, h for scores that stay.
    """
    return float(2 * autocorrelations(persistence, horizon).sum() - 1)


def noise_weights(persistence: float, horizon: int = HORIZON) -> Floats:
    """Weights of the moving average of independent days that has `autocorrelations`, the newest day
    first, squares adding up to 1; [horizon].

    The last row of the Cholesky factor of the banded Toeplitz matrix (Bauer 1955).
    """
    if persistence == 1:
        return np.full(horizon, horizon**-0.5)
    bands = np.repeat(autocorrelations(persistence, horizon)[:, None], _ROWS, axis=1)
    factor = cholesky_banded(bands, lower=True)
    weights: Floats = factor[np.arange(horizon), _ROWS - 1 - np.arange(horizon)]
    weights /= np.sqrt((weights * weights).sum())
    return weights


def overlapping_noise(
    draw: np.random.Generator,
    shape: tuple[int, int],
    persistence: float,
    horizon: int = HORIZON,
) -> Floats:
    """Gaussian noise [day, path] with mean 0, standard deviation 1 and `autocorrelations`."""
    n_days, n_paths = shape
    weights = noise_weights(persistence, horizon)
    fresh = draw.standard_normal((n_days + horizon - 1, n_paths))
    noise = np.zeros(shape)
    for age, weight in enumerate(weights):
        start = horizon - 1 - age
        noise += weight * fresh[start : start + n_days]
    return noise


@dataclass(frozen=True)
class LongRun:
    """A daily statistic as measured: its mean, its daily and its long-run standard deviation, and
    on how many days. NaN where there were too few, or all were the same.
    """

    mean: float
    daily_deviation: float
    deviation: float
    n_days: int

    @property
    def error(self) -> float:
        """Standard error of the mean."""
        return self.deviation / self.n_days**0.5 if self.n_days else float("nan")

    @property
    def inflation(self) -> float:
        """Long-run over daily variance."""
        return (self.deviation / self.daily_deviation) ** 2

    def persistence(self, horizon: int = HORIZON) -> float:
        """The persistence whose overlap inflates the variance as much, from 0 to 1."""
        wanted = self.inflation
        if not wanted > 1 or horizon == 1:
            return 0.0
        if wanted >= horizon:
            return 1.0
        return float(brentq(lambda kept: overlap_inflation(kept, horizon) - wanted, 0.0, 1.0))


def long_run(values: Floats, horizon: int = HORIZON) -> LongRun:
    """The long-run deviation of consecutive days; values that are not finite are days without one.

    The larger of two: Newey-West's, over three labels of lags at least, and that of the declared
    overlap with the persistence that the first autocorrelation tells. The first alone is too small
    by what its weights cut off, the second by what outlasts a label: what is too small rings too
    often. Fewer days than lags + 2 are too few.
    """
    seen = np.asarray(values, dtype=float)
    seen = seen[np.isfinite(seen)]
    n = seen.size
    lags = max(lags_of(horizon, n), _LABELS_OF_WINDOW * horizon)
    mean, error = newey_west(seen, lags)
    if not np.isfinite(error) or np.ptp(seen) == 0:
        nothing = float("nan")
        return LongRun(float(mean), nothing, nothing, n)
    gap = seen - mean
    variance = float(gap @ gap) / (n - 1)
    first = float(gap[1:] @ gap[:-1]) / float(gap @ gap)
    kept = min(max(first * horizon / (horizon - 1), 0.0), 1.0) if horizon > 1 else 0.0
    declared = (variance * overlap_inflation(kept, horizon)) ** 0.5
    return LongRun(mean, variance**0.5, max(float(error) * n**0.5, declared), n)
