"""Second implementations that tests of several modules compare with.

Belongs here: formulas written out slowly. Not here: tests.
"""

from __future__ import annotations

import numpy as np


def autocovariances(values: list[float], lags: int) -> float:
    """Standard error of the mean from autocovariances, one product at a time (Hamilton 1994,
    10.5.15).
    """
    n, mean = len(values), sum(values) / len(values)
    covariance = [
        sum((values[t] - mean) * (values[t - j] - mean) for t in range(j, n)) / n
        for j in range(lags + 1)
    ]
    long_run = covariance[0]
    for j in range(1, lags + 1):
        long_run += (1 - j / (lags + 1)) * 2 * covariance[j]
    return (long_run / n) ** 0.5


def shares(values: np.ndarray, places: int) -> np.ndarray:
    """Weight of each value in the `places` largest; those that tie at the border share what is
    left.
    """
    border = np.sort(values)[-places]
    above = values > border
    return np.where(
        above,
        1.0,
        np.where(values == border, (places - above.sum()) / (values == border).sum(), 0.0),
    )
