"""Backward windows over [day, name] arrays, bit for bit the same however much history is loaded.

Belongs here: sums, means, deviations and medians of the last n days including the present
one. Not here: any window that looks forward. Sums run over the lags in a fixed order, so a
range and a single day agree to the last digit; NaN means missing and is left out.
"""

from __future__ import annotations

import numpy as np

from bondsig_assets.arrays import Floats, Ints


def lag(values: Floats, days: int) -> Floats:
    """`values` of `days` earlier, NaN before the first."""
    if days == 0:
        return values
    out = np.full_like(values, np.nan)
    out[days:] = values[:-days] if days < values.shape[0] else out[days:]
    return out


def count(values: Floats, window: int) -> Floats:
    """Number of values present in each window."""
    present = np.isfinite(values).astype(float)
    total = np.zeros_like(present)
    for step in range(min(window, values.shape[0])):
        total[step:] += present[: values.shape[0] - step]
    return total


def total(values: Floats, window: int, minimum: int) -> Floats:
    """Sum over each window, NaN with fewer than `minimum` values."""
    filled = np.nan_to_num(values)
    out = np.zeros_like(filled)
    for step in range(min(window, values.shape[0])):
        out[step:] += filled[: values.shape[0] - step]
    return np.where(count(values, window) >= minimum, out, np.nan)


def mean(values: Floats, window: int, minimum: int) -> Floats:
    """Mean over each window."""
    return total(values, window, minimum) / np.maximum(count(values, window), 1)


def deviation(values: Floats, window: int, minimum: int) -> Floats:
    """Sample standard deviation over each window, in two passes."""
    center = mean(values, window, max(minimum, 2))
    squares = np.zeros_like(center)
    for step in range(min(window, values.shape[0])):
        difference = values[: values.shape[0] - step] - center[step:]
        squares[step:] += np.nan_to_num(difference * difference)
    present = count(values, window)
    return np.where(
        present >= max(minimum, 2), np.sqrt(squares / np.maximum(present - 1, 1)), np.nan
    )


def median(values: Floats, window: int, minimum: int) -> Floats:
    """Median over each window."""
    padded = np.concatenate([np.full((window - 1, *values.shape[1:]), np.nan), values])
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(padded, window, axis=0), axis=-1)
    present = count(values, window).astype(int)
    low = np.take_along_axis(ordered, np.maximum((present - 1) // 2, 0)[..., None], axis=-1)[..., 0]
    high = np.take_along_axis(ordered, np.minimum(present // 2, window - 1)[..., None], axis=-1)[
        ..., 0
    ]
    return np.where(present >= max(minimum, 1), (low + high) / 2, np.nan)


def latest(values: Floats, window: int) -> tuple[Floats, Floats]:
    """Newest value within each window and its age in days, NaN where there is none."""
    value, age = np.full_like(values, np.nan), np.full_like(values, np.nan)
    for step in range(min(window, values.shape[0])):
        shifted = lag(values, step)
        fresh = np.isnan(value) & np.isfinite(shifted)
        value[fresh], age[fresh] = shifted[fresh], step
    return value, age


def median_of_others(values: Floats, group: Ints, minimum: int) -> Floats:
    """Median over the other members of each name's group on the same day.

    `group` is an int array [day, name], negative for no group. NaN with fewer than `minimum`
    others.
    """
    out = np.full_like(values, np.nan)
    for day in range(values.shape[0]):
        for code in np.unique(group[day][group[day] >= 0]):
            members = np.flatnonzero((group[day] == code) & np.isfinite(values[day]))
            if members.size:
                out[day, members] = _leave_one_out(values[day, members], minimum)
            absent = np.flatnonzero((group[day] == code) & ~np.isfinite(values[day]))
            if absent.size and members.size >= minimum:
                out[day, absent] = np.median(values[day, members])
    return out


def _leave_one_out(values: Floats, minimum: int) -> Floats:
    """Median of all values but each one's own, from one sort."""
    n = values.size
    if n - 1 < max(minimum, 1):
        return np.full(n, np.nan)
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    rank = np.empty(n, dtype=int)
    rank[order] = np.arange(n)
    low, high = (n - 2) // 2, (n - 1) // 2
    middle: Floats = (ordered[low + (rank <= low)] + ordered[high + (rank <= high)]) / 2
    return middle
