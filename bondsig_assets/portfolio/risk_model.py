"""Risk of a day's names: exposures to sectors and macro factors, their covariance, and what is
left.

Belongs here: betas, factor returns, factor covariance and specific variances of one day, from what
was known at its cutoff. Not here: where prices and macro series are read, factors made of our own
tables (`macro_factors.py`), books of names (`optimizer.py`).

    r_i = Σ_k beta_ik m_k + s_sector(i) + e_i

m are changes of macro series in units of their own standard deviation, beta_ik a weighted ridge
regression over `beta_days`; s is the mean of what the names of a sector leave, exposure 1; e the
rest. All that a day has comes from one window that ends with it, so a range of days gives the bits
of single days: each is worked out on arrays of the same shape, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.learning.statistics import medians
from bondsig_assets.portfolio.settings import RiskSettings

#: Returns larger than this many of the name's own usual moves count as this many: a print of a
#: split that nobody told of would otherwise be the risk of a year.
_LARGEST_MOVE = 10.0
#: Fewer names of a sector with a return on a day, and the sector has none of its own that day.
_MINIMUM_NAMES = 2
#: Names of like size a new name takes its median from.
_SIZE_GROUPS = 3
_MINIMUM_DAYS = 21


@dataclass(frozen=True)
class History:
    """What the risk of one day is made of, oldest day first, the last one the day itself.

    `returns` [day, name]: simple daily returns as shares, NaN where there is none. `sector` [name]:
    its name as known on the day. `size_usd` [name]: market value, NaN where unknown. `is_hedge`
    [name]: an ETF, which has exposures and makes no sector. `macro` [day, factor]: changes of the
    series `macro_names`, NaN where none was known at the day's cutoff.
    """

    returns: Floats
    sector: np.ndarray
    size_usd: Floats
    is_hedge: Bools
    macro_names: tuple[str, ...]
    macro: Floats


@dataclass(frozen=True)
class RiskModel:
    """The risk of one day. Variances are daily, of returns as shares.

    `factors`: macro factors that have data, then sectors. `exposures` [name, factor], `covariance`
    [factor, factor], `specific_variance` [name]; `factor_returns` [factor] of the day itself, NaN
    where it has none. `has_own` [name]: the name had returns enough; else its betas and specific
    variance are the median of its sector and size. `missing`: macro factors without data.
    `macro_units` [macro factor]: the change that exposures are for.
    """

    factors: tuple[str, ...]
    n_macro: int
    exposures: Floats
    covariance: Floats
    specific_variance: Floats
    factor_returns: Floats
    has_own: Bools
    n_returns: Ints
    missing: tuple[str, ...]
    macro_units: Floats

    @property
    def variance(self) -> Floats:
        """Daily variance of each name [name]."""
        common = np.einsum("ik,kl,il->i", self.exposures, self.covariance, self.exposures)
        total: Floats = self.specific_variance + common
        return total

    def of_book(self, weights: Floats) -> float:
        """Daily variance of a book."""
        exposure = self.exposures.T @ weights
        return float(exposure @ self.covariance @ exposure + self.specific_variance @ weights**2)


def risk_model(history: History, settings: RiskSettings) -> RiskModel:
    """The risk of the last day of `history`.

    Names without enough returns are filled by others, a macro factor without `minimum_returns`
    known changes is left out and named, no names or a window too short give a model without
    factors: nothing here raises on data.
    """
    window = min(settings.beta_days, history.returns.shape[0])
    raw = np.ascontiguousarray(history.returns[-window:])
    changes, kept, units, missing = _standardised(history, window, settings)
    returns = _winsorised(raw)
    names = tuple(history.macro_names[k] for k in kept)
    there = np.isfinite(returns)
    n_returns = there.sum(axis=0)
    has_own = n_returns >= settings.minimum_returns
    group, sectors = _sectors(history.sector)
    betas = _betas(returns, changes, has_own, settings)
    betas = _filled(betas, has_own, group, history.size_usd)
    residual = returns - np.nan_to_num(changes) @ betas.T
    members = has_own & ~history.is_hedge
    of_sector = _sector_returns(residual, group, members, len(sectors))
    # What a sector has no return for leaves its names with all of their residual.
    specific = residual - np.nan_to_num(of_sector[:, group])
    own = _specific_variance(specific, has_own, group, members, history, settings)
    series = np.hstack([changes, of_sector])
    exposures = np.hstack([betas, 1.0 * (group[:, None] == np.arange(len(sectors)))])
    return RiskModel(
        (*names, *sectors),
        len(names),
        exposures,
        factor_covariance(series, settings),
        own,
        series[-1] if window else np.full(series.shape[1], np.nan),
        has_own,
        n_returns,
        missing,
        units,
    )


def bias_statistic(returns: Floats, forecast: Floats) -> float:
    """Deviation of returns over their forecast deviations, about 0, both [day]: 1 where forecasts
    were right, with a standard error of √(1/(2T)); NaN for none.
    """
    scaled = returns / forecast
    return float(np.sqrt(np.mean(scaled**2))) if scaled.size else float("nan")


def decay(n_days: int, half_life: float) -> Floats:
    """Weights of the last `n_days`, oldest first, the newest 1."""
    weights: Floats = 0.5 ** (np.arange(n_days - 1, -1, -1) / half_life)
    return weights


def factor_covariance(series: Floats, settings: RiskSettings) -> Floats:
    """Daily covariance of factor returns [day, factor], NaN where there is none.

    Volatilities with the half-life, correlations with its multiple, about a mean of zero (a day's
    mean is far below its error); a pair's correlation over the days on which both are known. With
    lags, Newey and West's (1987) autocovariances of the volatilities. Eigenvalues that pairwise
    days made negative are cut off.
    """
    there = np.isfinite(series)
    values = np.where(there, series, 0.0)
    n_days = series.shape[0]
    fast = decay(n_days, settings.half_life_days)
    slow = decay(n_days, settings.half_life_days * settings.correlation_multiple)
    variance = _mean_square(values, there, fast)
    for lag in range(1, settings.newey_west_lags + 1):
        share = 1 - lag / (settings.newey_west_lags + 1)
        both = there[lag:] & there[:-lag]
        product = _mean_square_of(values[lag:] * values[:-lag], both, fast[lag:])
        # A variance that its autocovariances would take below a tenth is noise.
        variance = np.maximum(variance + 2 * share * product, 0.1 * variance)
    weighted = values * slow[:, None]
    cross = weighted.T @ values
    square = (weighted * values).T @ there.astype(float)
    norm = np.sqrt(square * square.T)
    correlation = np.divide(cross, norm, out=np.zeros(norm.shape), where=norm > 0)
    np.fill_diagonal(correlation, 1.0)
    deviation = np.sqrt(variance)
    return _positive(correlation * np.outer(deviation, deviation))


def _positive(covariance: Floats) -> Floats:
    """The nearest matrix without negative eigenvalues, the diagonal as it was."""
    if not covariance.size:
        return covariance
    covariance = (covariance + covariance.T) / 2
    values, vectors = np.linalg.eigh(covariance)
    if values[0] >= 0:
        return covariance
    mended = (vectors * np.maximum(values, 0.0)) @ vectors.T
    scale = np.sqrt(
        np.divide(
            np.diag(covariance),
            np.diag(mended),
            out=np.ones(values.size),
            where=np.diag(mended) > 0,
        )
    )
    scaled = mended * np.outer(scale, scale)
    symmetric: Floats = (scaled + scaled.T) / 2
    return symmetric


def _mean_square(values: Floats, there: Bools, weights: Floats) -> Floats:
    """Weighted mean square of each column over the days it is known, 0 where it never is."""
    return _mean_square_of(values**2, there, weights)


def _mean_square_of(products: Floats, there: Bools, weights: Floats) -> Floats:
    total = weights @ there
    mean: Floats = np.divide(
        weights @ (products * there), total, out=np.zeros(total.shape), where=total > 0
    )
    return mean


def _winsorised(returns: Floats) -> Floats:
    """Returns no larger than _LARGEST_MOVE of the name's median absolute return over 0.6745, where
    it has moved at all; what is not finite is none.
    """
    finite = np.where(np.isfinite(returns), returns, np.nan)
    usual = np.full(finite.shape[1], np.inf)
    some = np.isfinite(finite).sum(axis=0) >= _MINIMUM_DAYS
    if some.any():
        median = medians(np.abs(finite[:, some])) / 0.6745
        usual[some] = np.where(median > 0, median, np.inf)
    limit = _LARGEST_MOVE * usual
    clipped: Floats = np.clip(finite, -limit, limit)
    return clipped


def _standardised(
    history: History, window: int, settings: RiskSettings
) -> tuple[Floats, list[int], Floats, tuple[str, ...]]:
    """Macro changes in units of their weighted root mean square [day, factor], which factors these
    are, these units, and the names of those without data.
    """
    raw = np.ascontiguousarray(history.macro[-window:]) if window else history.macro[:0]
    there = np.isfinite(raw)
    weights = decay(window, settings.beta_half_life_days)
    scale = np.sqrt(_mean_square(np.where(there, raw, 0.0), there, weights))
    known = (there.sum(axis=0) >= settings.minimum_returns) & (scale > 0)
    kept = [int(k) for k in np.flatnonzero(known)]
    missing = tuple(
        name for name, is_known in zip(history.macro_names, known, strict=True) if not is_known
    )
    changes = np.where(there, raw, np.nan)[:, kept] / scale[kept]
    return changes, kept, scale[kept], missing


def _betas(returns: Floats, changes: Floats, has_own: Bools, settings: RiskSettings) -> Floats:
    """Exposure of each name to a standard move of each macro factor [name, factor]: weighted ridge
    regression through the origin over the days on which the name and every factor are known.

    The ridge is a share of the mean diagonal of the name's own X'WX.
    """
    n_names, n_factors = returns.shape[1], changes.shape[1]
    betas = np.zeros((n_names, n_factors))
    complete = np.isfinite(changes).all(axis=1)
    if not n_factors or not complete.any():
        return betas
    weights = decay(returns.shape[0], settings.beta_half_life_days)[complete]
    x, y = changes[complete], returns[complete]
    there = np.isfinite(y)
    mass = there * weights[:, None]
    products = (x[:, :, None] * x[:, None, :]).reshape(x.shape[0], -1)
    gram = (mass.T @ products).reshape(n_names, n_factors, n_factors)
    moment = (mass * np.where(there, y, 0.0)).T @ x
    ridge = settings.beta_ridge * np.einsum("ikk->i", gram) / n_factors
    gram[:, range(n_factors), range(n_factors)] += np.maximum(ridge, 1e-12)[:, None]
    betas[has_own] = np.linalg.solve(gram[has_own], moment[has_own][:, :, None])[:, :, 0]
    return betas


def _sectors(sector: np.ndarray) -> tuple[Ints, tuple[str, ...]]:
    """Number of each name's sector, and the sectors in order of their names."""
    found, group = np.unique(sector.astype(str), return_inverse=True)
    return group, tuple(str(one) for one in found)


def _size_group(size_usd: Floats, has_own: Bools) -> Ints:
    """Third of the names by size, small first; unknown sizes are in the middle."""
    known = np.isfinite(size_usd) & (size_usd > 0)
    if not (known & has_own).any():
        return np.zeros(size_usd.size, dtype=np.int64)
    edges = np.quantile(size_usd[known & has_own], np.arange(1, _SIZE_GROUPS) / _SIZE_GROUPS)
    group: Ints = np.where(
        known, np.searchsorted(edges, np.where(known, size_usd, 0.0)), _SIZE_GROUPS // 2
    )
    return group


def _filled(values: Floats, has_own: Bools, group: Ints, size_usd: Floats) -> Floats:
    """`values` [name, …] with those of names without their own by the median of sector and size, of
    the sector, or of all names, whichever first has any.
    """
    if has_own.all() or not has_own.any():
        return values
    filled, size = values.copy(), _size_group(size_usd, has_own)
    for name in np.flatnonzero(~has_own):
        alike = has_own & (group == group[name])
        for choice in (alike & (size == size[name]), alike, has_own):
            if choice.any():
                filled[name] = np.median(values[choice], axis=0)
                break
    return filled


def _sector_returns(residual: Floats, group: Ints, members: Bools, n_sectors: int) -> Floats:
    """Mean residual of each sector's names [day, sector], NaN with fewer than two of them."""
    belongs = ((group[:, None] == np.arange(n_sectors)) & members[:, None]).astype(float)
    there = np.isfinite(residual)
    count = there.astype(float) @ belongs
    total = np.where(there, residual, 0.0) @ belongs
    mean: Floats = np.divide(
        total, count, out=np.full(total.shape, np.nan), where=count >= _MINIMUM_NAMES
    )
    return mean


def _specific_variance(
    specific: Floats,
    has_own: Bools,
    group: Ints,
    members: Bools,
    history: History,
    settings: RiskSettings,
) -> Floats:
    """Specific variance of each name [name]: weighted mean square; a member of a sector's mean has
    left 1/n of itself there, so its own is that over 1 - 1/n; drawn to the median, none below the
    floor. An ETF is no name: what is left of it is what it is.
    """
    there = np.isfinite(specific)
    weights = decay(specific.shape[0], settings.specific_half_life_days)
    variance = _mean_square(np.where(there, specific, 0.0), there, weights)
    n_members = np.bincount(group[members], minlength=int(group.max(initial=0)) + 1)[group]
    inside = members & (n_members >= _MINIMUM_NAMES)
    variance = np.where(inside, variance / (1 - 1 / np.maximum(n_members, 2)), variance)
    known = has_own & (variance > 0) & ~history.is_hedge
    if not known.any():
        return np.full(variance.size, _ASSUMED_VARIANCE)
    own = history.is_hedge & has_own & (variance > 0)
    variance = _filled(variance, known | own, group, history.size_usd)
    median = float(np.median(variance[known]))
    shrunk = variance + settings.specific_shrinkage * (median - variance)
    floor = np.percentile(shrunk[known], settings.specific_floor_pct)
    return np.where(own, variance, np.maximum(shrunk, floor))


#: Where no name has a history: 2 % a day, an assumption of ours.
_ASSUMED_VARIANCE = 0.02**2
