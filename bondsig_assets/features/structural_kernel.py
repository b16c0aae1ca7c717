"""Merton's asset values and the daily cross-sectional regression, compiled.

Belongs here: the loops that solve, iterate and sum in a fixed order. Not here: what goes in and
what the results mean (`structural.py`). Imported only where it runs: numba takes a second.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

_YEAR = 252.0
_ROOT_HALF = math.sqrt(0.5)
#: Newton from above falls monotonically to the root; it needs 2 to 10 steps.
_MOST_STEPS = 100


@njit(cache=True)
def _normal(x):  # pragma: no cover
    return 0.5 * math.erfc(-x * _ROOT_HALF)


@njit(cache=True)
def asset_value(equity, volatility, default_point, rate, horizon):  # pragma: no cover
    """V that makes the call on it worth `equity`; NaN where nothing positive and finite goes in.

    The call is convex in V and worth at least V - F e^(-rT), so V starts at or above the root and
    Newton cannot overshoot.
    """
    if not (equity > 0 and default_point > 0 and volatility > 0):
        return np.nan
    claim = default_point * math.exp(-rate * horizon)
    width = volatility * math.sqrt(horizon)
    value = equity + claim
    for _ in range(_MOST_STEPS):
        d1 = math.log(value / claim) / width + 0.5 * width
        delta = _normal(d1)
        excess = value * delta - claim * _normal(d1 - width) - equity
        if not delta > 0:
            return np.nan
        step = excess / delta
        value -= step
        if not value > 0:
            return np.nan
        if abs(step) <= 1e-12 * value:
            return value
    return value


@njit(cache=True)
def asset_values(equity, volatility, default_point, rate, horizon):  # pragma: no cover
    """`asset_value` of arrays [day, name]."""
    out = np.empty_like(equity)
    for day in range(equity.shape[0]):
        for name in range(equity.shape[1]):
            out[day, name] = asset_value(
                equity[day, name],
                volatility[day, name],
                default_point[day, name],
                rate[day, name],
                horizon,
            )
    return out


@njit(cache=True)
def _yearly_deviation(values, n, least):  # pragma: no cover
    """Annualised sample deviation of the changes of ln `values` between neighbours that both
    exist.
    """
    total, count = 0.0, 0
    for k in range(1, n):
        if values[k] > 0 and values[k - 1] > 0:
            total += math.log(values[k] / values[k - 1])
            count += 1
    if count < least:
        return np.nan
    mean, squares = total / count, 0.0
    for k in range(1, n):
        if values[k] > 0 and values[k - 1] > 0:
            squares += (math.log(values[k] / values[k - 1]) - mean) ** 2
    return math.sqrt(squares / (count - 1) * _YEAR)


@njit(cache=True)
def _iterate(
    equity, default_point, rate, horizon, least, tolerance, rounds, values
):  # pragma: no cover
    """Volatility of assets of one name from its window of equity values; NaN where it does not
    settle.
    """
    n, newest = equity.size, np.nan
    for k in range(n):
        if equity[k] > 0:
            newest = equity[k]
    volatility = _yearly_deviation(equity, n, least)
    if not (newest > 0 and default_point > 0 and volatility > 0):
        return np.nan
    volatility *= newest / (newest + default_point)
    for _ in range(rounds):
        for k in range(n):
            values[k] = asset_value(equity[k], volatility, default_point, rate, horizon)
        before, volatility = volatility, _yearly_deviation(values, n, least)
        if not volatility > 0:
            return np.nan
        if abs(volatility - before) < tolerance:
            return volatility
    return np.nan


@njit(cache=True)
def asset_volatility(
    equity, default_point, rate, is_fit_day, window, horizon, least, tolerance, rounds
):  # pragma: no cover
    """Volatility of assets [day, name]: found on the days of `is_fit_day`, kept until the next of
    them.

    A fit sees the `window` returns that end on its day, with that day's debt and rate throughout.
    """
    n_days, n_names = equity.shape
    out = np.full((n_days, n_names), np.nan)
    values = np.empty(window + 1)
    for name in range(n_names):
        series = equity[:, name].copy()
        current = np.nan
        for day in range(n_days):
            if is_fit_day[day]:
                current = _iterate(
                    series[max(day - window, 0) : day + 1],
                    default_point[day, name],
                    rate[day, name],
                    horizon,
                    least,
                    tolerance,
                    rounds,
                    values,
                )
            out[day, name] = current
    return out


@njit(cache=True)
def _within_sectors(values, sector, used, n_sectors, out):  # pragma: no cover
    """`values` less their mean over the used names of their sector."""
    total, count = np.zeros(n_sectors), np.zeros(n_sectors)
    for k in range(values.size):
        if used[k]:
            total[sector[k]] += values[k]
            count[sector[k]] += 1.0
    for k in range(values.size):
        out[k] = values[k] - total[sector[k]] / count[sector[k]] if used[k] else 0.0


@njit(cache=True)
def _slope(y, x, size):  # pragma: no cover
    """Slope of y on x through the origin; 0 where what is left of x is rounding error of `size`."""
    xx, xy = 0.0, 0.0
    for k in range(y.size):
        xx += x[k] * x[k]
        xy += x[k] * y[k]
    return xy / xx if xx > 1e-10 * size and xx > 0 else 0.0


@njit(cache=True)
def residuals(y, x, rating, sector, least_names, least_in_sector):  # pragma: no cover
    """Residuals of each day's y on x, rating and sector means, [day, name]; NaN in what is missing.

    Sector dummies are taken out by demeaning and rating is made orthogonal to x
    (Frisch-Waugh-Lovell), so that only sums over names in their order remain: the same bits for a
    day whatever days are loaded.
    """
    n_days, n_names = y.shape
    out = np.full((n_days, n_names), np.nan)
    used = np.zeros(n_names, dtype=np.bool_)
    dy, dx, dr = np.empty(n_names), np.empty(n_names), np.empty(n_names)
    n_sectors = max(sector.max() + 1, 1) if sector.size else 1
    for day in range(n_days):
        in_sector = np.zeros(n_sectors, dtype=np.int64)
        for k in range(n_names):
            used[k] = (
                np.isfinite(y[day, k])
                and np.isfinite(x[day, k])
                and np.isfinite(rating[day, k])
                and sector[day, k] >= 0
            )
            if used[k]:
                in_sector[sector[day, k]] += 1
        n_used = 0
        for k in range(n_names):
            if used[k] and in_sector[sector[day, k]] < least_in_sector:
                used[k] = False
            n_used += used[k]
        if n_used < least_names:
            continue
        _within_sectors(y[day], sector[day], used, n_sectors, dy)
        _within_sectors(x[day], sector[day], used, n_sectors, dx)
        _within_sectors(rating[day], sector[day], used, n_sectors, dr)
        x_size, r_size = _size(x[day], used), _size(rating[day], used)
        on_x = _slope(dr, dx, x_size)
        for k in range(n_names):
            dr[k] -= on_x * dx[k]
        by_x, by_rating = _slope(dy, dx, x_size), _slope(dy, dr, r_size)
        for k in range(n_names):
            if used[k]:
                out[day, k] = dy[k] - by_x * dx[k] - by_rating * dr[k]
    return out


@njit(cache=True)
def _size(values, used):  # pragma: no cover
    total = 0.0
    for k in range(values.size):
        if used[k]:
            total += values[k] * values[k]
    return total
