"""What a book earned beyond market, sectors and macro factors, and the least that could be seen.

Belongs here: least squares of daily returns on factor returns with Newey-West errors. Not here: the
risk model's own exposures (`risk_model.py`), figures of the returns alone (`performance.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.learning.evaluation import DETECTABLE
from bondsig_assets.learning.statistics import lags_of
from bondsig_assets.market_rules import HORIZON, TRADING_DAYS_PER_YEAR

#: A factor that others explain up to this share of its variance is one of them.
_ALIKE = 1e-10


@dataclass(frozen=True)
class FactorAlpha:
    """A regression of `n_days` daily excess returns on factor returns.

    `annual`: the constant x 252, a share, with `error`, `t_statistic`, and `smallest_detectable`:
    2.8 errors, what would be found four times in five. `betas`: by factor its coefficient and t.
    `r_squared`: None for returns that never move. `left_out_factors`: without data, without
    movement, or made of those before them; `n_left_out_days`: a return or factor was unknown.
    """

    n_days: int
    lags: int
    annual: float
    error: float
    t_statistic: float | None
    smallest_detectable: float
    betas: dict[str, tuple[float, float | None]]
    r_squared: float | None
    left_out_factors: tuple[str, ...]
    n_left_out_days: int


def factor_alpha(
    excess: Floats, factors: Floats, names: Sequence[str], horizon: int = HORIZON
) -> FactorAlpha | None:
    """Alpha of `excess` [day] beyond `factors` [day, factor], whose `names` stand in order of what
    is kept where some are made of others; NaN where unknown.

    A factor known on fewer than half of the days is left out, rather than the days. Errors are
    Newey and West's (1987) with Bartlett weights over `lags_of(horizon, days)` lags, times the root
    of n/(n - k) for k coefficients (MacKinnon and White 1985): with many factors and few days they
    are too small without. None where days are fewer than coefficients, lags and two together.
    """
    usable = np.isfinite(factors).sum(axis=0) * 2 >= max(excess.size, 1)
    known = np.isfinite(excess) & np.isfinite(factors[:, usable]).all(axis=1)
    y, x = excess[known], factors[known]
    kept = _independent(x, usable)
    n, n_coefficients = y.size, int(kept.sum()) + 1
    lags = lags_of(horizon, n)
    if n < n_coefficients + lags + 2:
        return None
    design = np.column_stack([np.ones(n), x[:, kept]])
    coefficients, errors, residual = newey_west_regression(y, design, lags)
    gap = y - y.mean()
    square = float(gap @ gap)
    alpha, error = (float(one[0]) * TRADING_DAYS_PER_YEAR for one in (coefficients, errors))
    kept_names = [name for name, is_kept in zip(names, kept, strict=True) if is_kept]
    return FactorAlpha(
        n,
        lags,
        alpha,
        error,
        alpha / error if error > 0 else None,
        DETECTABLE * error,
        {
            name: (float(b), float(b / e) if e > 0 else None)
            for name, b, e in zip(kept_names, coefficients[1:], errors[1:], strict=True)
        },
        1 - float(residual @ residual) / square if square > 0 else None,
        tuple(name for name, is_kept in zip(names, kept, strict=True) if not is_kept),
        int(excess.size - n),
    )


def newey_west_regression(y: Floats, design: Floats, lags: int) -> tuple[Floats, Floats, Floats]:
    """Coefficients, their standard errors [column] and residuals [row] of `y` [row] on `design`
    [row, column] of full rank; errors as `factor_alpha` says.
    """
    coefficients: Floats = np.linalg.lstsq(design, y, rcond=None)[0].astype(np.float64)
    residual = y - design @ coefficients
    moment = design * residual[:, None]
    middle = moment.T @ moment
    for step in range(1, min(lags, y.size - 1) + 1):
        cross = moment[step:].T @ moment[:-step]
        middle += (1 - step / (lags + 1)) * (cross + cross.T)
    bread = np.linalg.inv(design.T @ design)
    correction = y.size / (y.size - design.shape[1])
    errors: Floats = np.sqrt(np.maximum(np.diag(bread @ middle @ bread) * correction, 0.0))
    return coefficients, errors, residual


def _independent(x: Floats, usable: Bools) -> Bools:
    """Columns that move and that a constant and the kept ones before them do not explain."""
    kept = np.zeros(x.shape[1], dtype=bool)
    base: list[Floats] = []
    for k in np.flatnonzero(usable):
        gap = x[:, k] - x[:, k].mean() if x.shape[0] else x[:, k]
        size = float(gap @ gap)
        # Twice, as rounding of the first pass is what is left of a column that others make.
        for _ in range(2):
            for one in base:
                gap = gap - float(one @ gap) * one
        left = float(gap @ gap)
        if size > 0 and left > _ALIKE * size:
            kept[k] = True
            base.append(gap / np.sqrt(left))
    return kept
