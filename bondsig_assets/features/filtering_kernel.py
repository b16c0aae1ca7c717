"""The local-level filter over each day's own window, compiled.

Belongs here: the loops. Not here: the model and its units (`filtering.py`). Imported only where it
runs: numba takes a second.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True)
def _step_variance(y, noise, drift, seen, n, spacing, least, floor):  # pragma: no cover
    """Variance of a day's step from the changes of the first `n` days since the newest observation
    at least `spacing` before.
    """
    excess, days, changes = 0.0, 0.0, 0
    last, next_old = -1, 0
    drifted, drifted_before, drifted_to_last = 0.0, 0.0, 0.0
    for k in range(n):
        drifted += drift[k]
        while next_old <= k - spacing:
            drifted_before += drift[next_old]
            if seen[next_old]:
                last, drifted_to_last = next_old, drifted_before
            next_old += 1
        if not seen[k] or last < 0:
            continue
        change = y[k] - y[last] - (drifted - drifted_to_last)
        excess += change * change - noise[k] - noise[last]
        days += k - last
        changes += 1
    return max(excess / days, floor) if changes >= least else np.nan


@njit(cache=True)
def _filter(y, noise, drift, seen, step):  # pragma: no cover
    """Mean, variance and standardised innovation of the last day; the first observation starts the
    state (flat prior).
    """
    mean, variance, innovation = np.nan, np.nan, np.nan
    for k in range(y.size):
        innovation = np.nan
        if np.isnan(mean):
            if seen[k]:
                mean, variance = y[k], noise[k]
            continue
        mean += drift[k]
        variance += step
        if seen[k]:
            surprise, total = y[k] - mean, variance + noise[k]
            gain = variance / total
            mean += gain * surprise
            variance = gain * noise[k]
            innovation = surprise / math.sqrt(total)
    return mean, variance, innovation


@njit(cache=True)
def filter_windows(
    y, noise, sector_change, beta, window, spacing, least, floor
):  # pragma: no cover
    """Mean, sd, innovation [3, day, name] and step variance [day, name], each day from its own last
    `window` days.
    """
    n_days, n_names = y.shape
    out = np.full((3, n_days, n_names), np.nan)
    steps = np.full((n_days, n_names), np.nan)
    drift = np.empty(window)
    for name in range(n_names):
        level, error = y[:, name].copy(), noise[:, name].copy()
        move = np.nan_to_num(sector_change[:, name])
        seen = np.isfinite(level) & np.isfinite(error) & (error >= 0)
        for day in range(n_days):
            first = max(day - window + 1, 0)
            n = day - first + 1
            slope = beta[day, name] if np.isfinite(beta[day, name]) else 1.0
            for k in range(n):
                drift[k] = slope * move[first + k]
            part = slice(first, day + 1)
            step = _step_variance(
                level[part], error[part], drift, seen[part], n - 1, spacing, least, floor
            )
            if np.isnan(step):
                continue
            mean, variance, innovation = _filter(level[part], error[part], drift, seen[part], step)
            out[0, day, name], out[1, day, name], out[2, day, name] = (
                mean,
                math.sqrt(variance),
                innovation,
            )
            steps[day, name] = step
    return out, steps
