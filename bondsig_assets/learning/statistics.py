"""Statistics of days that depend on each other and of ranks that tie.

Belongs here: formulas on arrays that more than one judgement uses. Not here: predictions and labels
(`evaluation.py` and its neighbours).
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints

#: Fewer days at one of the h offsets give no t of that offset.
MINIMUM_OFFSET_DAYS = 5
_Z95 = 1.959963984540054


def lags_of(horizon: int, n_days: int) -> int:
    """Lags of the Newey-West variance: max(horizon + 1, floor(4 (n/100)^(2/9))).

    Labels overlap for `horizon` days and start a day late; the other term is Newey and West's
    (1994) rule of thumb for autocorrelation that has nothing to do with overlap.
    """
    return max(horizon + 1, int(4 * (n_days / 100) ** (2 / 9)))


def newey_west(values: np.ndarray, lags: int) -> tuple[float, float]:
    """Mean and its standard error with Bartlett weights (Newey-West 1987). NaN for fewer than
    `lags` + 2 values.

    Values are taken as consecutive: a day without one is a day that does not exist.
    """
    n = values.size
    if n < lags + 2:
        return (float(values.mean()) if n else float("nan")), float("nan")
    if np.ptp(values) == 0:
        return float(values[0]), 0.0
    gap = values - values.mean()
    variance = float(gap @ gap) / n
    for step in range(1, lags + 1):
        variance += 2 * (1 - step / (lags + 1)) * float(gap[step:] @ gap[:-step]) / n
    return float(values.mean()), float(np.sqrt(max(variance, 0.0) / n))


def wilson(hits: float, n: float) -> tuple[float | None, float | None, float | None]:
    """Share hits/n with Wilson's (1927) 95 % interval: (share, low, high). All None for n = 0;
    parts of a trial count as such.
    """
    if n == 0:
        return None, None, None
    share, z2 = hits / n, _Z95**2 / n
    center = share + z2 / 2
    half = (z2 * (share * (1 - share) + z2 / 4)) ** 0.5
    # At 0 and n hits a bound is the share itself; rounding must not move it to the other side.
    low, high = (center - half) / (1 + z2), (center + half) / (1 + z2)
    return share, min(max(low, 0.0), share), max(min(high, 1.0), share)


def hit_rate(hits: int, n: int, horizon: int) -> tuple[float | None, float | None, float | None]:
    """Share hits/n of labels of `horizon` days that begin on any day, with the Wilson interval of
    as many as do not overlap: n / horizon.
    """
    share, low, high = wilson(hits / horizon, n / horizon)
    return (
        (None, None, None)
        if share is None or low is None or high is None
        else (hits / n, min(low, hits / n), max(high, hits / n))
    )


def clustered_mean(sums: Floats, n: Floats) -> tuple[float, float]:
    """Mean Σ sums / Σ n of values that come in clusters, and its standard error, which counts
    clusters: that of a ratio to size (Cochran 1977, "Sampling Techniques", chapter 9A),
    √(C/(C-1) Σ (s - mean n)²) / Σ n over the C clusters.

    `sums` and `n` [cluster]: sum and number of each one's values, `n` above 0. NaN without a
    cluster, the error also with one.
    """
    total, clusters = float(n.sum()), n.size
    if clusters == 0:
        return float("nan"), float("nan")
    mean = float(sums.sum()) / total
    if clusters == 1:
        return mean, float("nan")
    gap = sums - mean * n
    return mean, float(np.sqrt(clusters / (clusters - 1) * float(gap @ gap)) / total)


def clustered_share(hits: Floats, n: Floats) -> tuple[float | None, float | None, float | None]:
    """Share Σ hits / Σ n of trials that come in clusters, with a 95 % interval: (share, low, high).
    All None without a trial.

    Wilson's interval of the effective number of trials after Korn and Graubard (1998, Survey
    Methodology 24, 193-201): Σ n over the design effect (Kish 1965: the variance of the clustered
    mean over that of as many independent trials, 1 at least), times the squared ratio of Student's
    97.5 % quantiles with Σ n - 1 and with C - 1 degrees of freedom. Where all trials hit or none
    does there is no variance to compare: the trials of a cluster then count as one, (Σ n)² / Σ n².
    `hits` and `n` [cluster], `n` above 0.
    """
    total, clusters = float(n.sum()), n.size
    if clusters == 0:
        return None, None, None
    share, error = clustered_mean(hits, n)
    if clusters == 1:
        return wilson(share, 1.0)
    alone = share * (1 - share) / total
    design = float(n @ n) / total if alone == 0 else max(error**2 / alone, 1.0)
    # scipy.stats takes a third of a second to import.
    from scipy.stats import t as student

    few = float(student.ppf(0.975, total - 1) / student.ppf(0.975, clusters - 1))
    effective = total / design * min(few, 1.0) ** 2
    return wilson(share * effective, effective)


def book_weights(scores: Floats, group: np.ndarray) -> Floats:
    """Weights [row, column] of a dollar-neutral book within each group: the score less its group's
    mean, scaled to one dollar long and one short; 0 where all scores are equal.

    `scores` [row, column] finite, `group` [row] ascending from 0 without gaps, not empty.
    """
    n = np.bincount(group)[:, None]
    mean = group_sums(scores, group) / n
    gap = scores - mean[group]
    # What rounding leaves of scores that are all equal is no book.
    largest = np.maximum.reduceat(
        np.abs(scores), np.flatnonzero(np.diff(group, prepend=-1)), axis=0
    )
    gap = np.where(np.abs(gap) > 1e-12 * largest[group], gap, 0.0)
    one_side = group_sums(np.abs(gap), group)[group] / 2
    weights: Floats = np.divide(gap, one_side, out=np.zeros(gap.shape), where=one_side > 0)
    return weights


def offsets_t_statistic(values: np.ndarray, numbers: np.ndarray, horizon: int) -> float | None:
    """Mean plain t of the values of every `horizon`-th trading day, over the `horizon` offsets.

    `numbers`: position of each value's day on the calendar. None where an offset has fewer than
    MINIMUM_OFFSET_DAYS values or values that are all equal.
    """
    offset = numbers % horizon
    n = np.bincount(offset, minlength=horizon)
    if n.min() < MINIMUM_OFFSET_DAYS:
        return None
    mean = np.bincount(offset, values, minlength=horizon) / n
    squares = np.bincount(offset, (values - mean[offset]) ** 2, minlength=horizon)
    error = np.sqrt(squares / (n - 1) / n)
    return float((mean / error).mean()) if (error > 1e-12).all() else None


def medians(values: Floats) -> Floats:
    """Median of each column [row, …], NaN where all is NaN; `values` finite or NaN.

    NumPy's own over NaN goes through masked arrays, at three times the cost.
    """
    return middle(np.sort(values, axis=0), np.isfinite(values).sum(axis=0))


def middle(ordered: Floats, n: Ints) -> Floats:
    """Median of the first `n` [column] of sorted values [row, column], NaN for none."""
    if not ordered.shape[0]:
        return np.full(n.shape, np.nan)
    low, high = (
        np.take_along_axis(ordered, np.maximum(at, 0)[None], axis=0)[0]
        for at in ((n - 1) // 2, np.minimum(n // 2, ordered.shape[0] - 1))
    )
    return np.where(n > 0, (low + high) / 2, np.nan)


def group_sums(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sum over the rows of each group, [group, …]; `group` ascending from 0 without gaps, not
    empty.
    """
    return np.add.reduceat(values, np.flatnonzero(np.diff(group, prepend=-1)), axis=0)


def correlation_within(x: np.ndarray, y: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Pearson correlation of `x` with `y` within each group, [group]: 0 where x is the same
    everywhere, NaN where y is.

    `x`, `y` [row] finite, `group` [row] ascending from 0 without gaps, not empty.
    """
    n = np.bincount(group)
    a, b = (v - (group_sums(v, group) / n)[group] for v in (x, y))
    squares, of_y = group_sums(a * a, group), group_sums(b * b, group)
    # What rounding leaves of a constant is not a signal.
    squares = np.where(squares > 1e-24 * group_sums(x * x, group), squares, 0.0)
    product = np.sqrt(squares * of_y)
    found = np.divide(
        group_sums(a * b, group), product, out=np.zeros(product.shape), where=product > 0
    )
    return np.where(of_y > 0, np.clip(found, -1.0, 1.0), np.nan)


def residual_within(x: np.ndarray, on: np.ndarray, group: np.ndarray) -> np.ndarray:
    """What `x` [row] leaves of a regression on `on` [row] and a constant within each group: of its
    size, not of its rank. `group` [row] ascending from 0 without gaps, not empty.
    """
    n = np.bincount(group)
    a, b = (v - (group_sums(v, group) / n)[group] for v in (x, on))
    squares = group_sums(b * b, group)
    enough = squares > 1e-24 * group_sums(on * on, group)
    slope = np.divide(group_sums(a * b, group), squares, out=np.zeros(n.size), where=enough)
    left = a - slope[group] * b
    # What rounding leaves of a score that is the control's is nothing.
    nothing = np.abs(left) <= 1e-9 * np.sqrt(group_sums(a * a, group) / n)[group]
    residual: np.ndarray = np.where(nothing, 0.0, left)
    return residual


def ranked(values: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest place of each value within its group, 1 = smallest, [row, column]; they
    differ where values tie.

    `values` [row, column] without NaN, `group` [row] numbers from 0. The average rank is half their
    sum.
    """
    columns = pl.DataFrame(values, schema=[str(k) for k in range(values.shape[1])]).with_columns(
        group=pl.Series(group)
    )
    lowest, highest = (
        columns.select(pl.exclude("group").rank(method).over("group").cast(pl.Int64)).to_numpy()
        for method in ("min", "max")
    )
    return lowest, highest


def outer_weights(
    lowest: np.ndarray, highest: np.ndarray, n: np.ndarray, share: float
) -> tuple[np.ndarray, np.ndarray]:
    """How much of each value lies in the bottom and in the top `share` of its group: two arrays
    from 0 to 1.

    A group of `n` has floor(share x n) places at each end, one at least. Values that tie share
    their places equally: what drawing lots would give on average, without the lots.
    """
    places = np.maximum(np.floor(share * n + 1e-9), 1)
    size = highest - lowest + 1
    bottom = np.clip(places - lowest + 1, 0, size) / size
    top = np.clip(highest - (n - places), 0, size) / size
    return bottom, top
