"""From a score to the mean simple return that a name is expected to earn over its sector.

Belongs here: the two routes (calibrated probability; IC x volatility x normal score), the skill
that is believed, what the cross-section pays for style and not for knowledge. Not here: models and
their calibration (`learning/`), what is done with an expected return (`optimizer.py`).

A rank IC is no profit: medians fall with half the variance, means do not, and a ranking by minus
volatility has an IC of 0.017 in a world where nothing earns money. So an expected return is that of
the mean, and what it says of volatility, beta and sectors is taken out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.special import ndtri

from bondsig_assets.arrays import Floats
from bondsig_assets.calendar.days import day_number
from bondsig_assets.learning.statistics import group_sums, lags_of, newey_west
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.settings import AlphaSettings

#: A probability nearer to 0 or 1 than this is not what calibration on overlapping labels can know.
_EDGE = 1e-3
#: Columns of what `alphas` returns.
COLUMNS = ("probability_alpha", "ic_alpha", "raw_alpha", "alpha", "alpha_state")


@dataclass(frozen=True)
class Skill:
    """What a model had shown before its fold, on days its sibling had not seen.

    `ic`: mean daily rank IC, `ic_error` its standard error with overlap, `slope`: mean simple
    excess return that published scores had earned, for a unit of what they promised. None where
    nothing had been measured.
    """

    ic: float | None
    ic_error: float | None
    slope: float | None = None


def posterior_ic(skill: Skill, settings: AlphaSettings) -> float:
    """The IC that is believed: the measured one and the prior, each by the inverse of its variance;
    never below 0, and 0 where nothing was measured.
    """
    if skill.ic is None or skill.ic_error is None or not skill.ic_error > 0:
        return 0.0
    seen, prior = 1 / skill.ic_error**2, 1 / settings.prior_ic_sd**2
    believed = (skill.ic * seen + settings.prior_ic * prior) / (seen + prior)
    return max(believed, 0.0) if np.isfinite(believed) else 0.0


def measured_skill(
    daily_ic: Floats, slope_rows: pl.DataFrame | None = None, horizon: int = HORIZON
) -> Skill:
    """The skill of daily ICs on consecutive days whose labels were known, and of `slope_rows`:
    `trade_date, unit_alpha, simple_return`.
    """
    values = daily_ic[np.isfinite(daily_ic)]
    mean, error = newey_west(values, lags_of(horizon, values.size))
    if not np.isfinite(error) or error <= 0:
        return Skill(None, None)
    slope = None if slope_rows is None else payoff_slope(slope_rows, horizon)[0]
    return Skill(mean, error, slope)


def payoff_slope(rows: pl.DataFrame, horizon: int = HORIZON) -> tuple[float | None, float | None]:
    """Mean simple excess return for a unit of `unit_alpha`, what was promised, through the origin,
    and its standard error with days clustered and labels overlapping.

    `rows`: `trade_date, unit_alpha, simple_return`. None without a row that says anything.
    """
    known = rows.filter(pl.col("unit_alpha").is_finite(), pl.col("simple_return").is_finite()).sort(
        "trade_date", "unit_alpha", "simple_return"
    )
    x, y = (known[name].to_numpy() for name in ("unit_alpha", "simple_return"))
    square = float((x * x).sum())
    if not square > 0:
        return None, None
    slope = float((x * y).sum()) / square
    daily = group_sums(x * (y - slope * x), known["trade_date"].rle_id().to_numpy())
    _, error = newey_west(daily, lags_of(horizon, daily.size))
    return slope, float(error) * daily.size / square if np.isfinite(error) else None


def normal_scores(values: Floats) -> Floats:
    """Φ⁻¹ of (rank - ½)/n [name], ties sharing their mean rank; NaN stays NaN, all equal are 0."""
    from scipy.stats import rankdata

    scores = np.full(values.shape, np.nan)
    there = np.isfinite(values)
    if there.any():
        scores[there] = ndtri((rankdata(values[there]) - 0.5) / there.sum())
    return scores


def alphas(day: pl.DataFrame, skill: Skill, settings: AlphaSettings) -> pl.DataFrame:
    """`day` with COLUMNS: expected simple excess returns over five days, as shares.

    `day`: rows of one day with `probability_underperform, base_rate, prediction, is_informed,
    volatility` (residual, over the five days, a share), `beta, sector`. Probability: -σ (Φ⁻¹(p) -
    Φ⁻¹(base rate)), of a Gaussian label. IC: IC believed x σ x normal score of the prediction. The
    route that settings name is made neutral by a regression over the informed names with weights
    1/σ². `alpha_state`: known, or why the alpha is 0: no_score, no_volatility, uninformed, or
    no_payoff: by then, names of which much had been promised had earned less than others.
    """
    p, base, prediction, sigma, beta = (
        day[name].cast(pl.Float64).to_numpy()
        for name in ("probability_underperform", "base_rate", "prediction", "volatility", "beta")
    )
    scored = np.isfinite(p) & np.isfinite(base) & np.isfinite(prediction)
    sized = np.isfinite(sigma) & (sigma > 0)
    informed = day["is_informed"].fill_null(True).to_numpy()
    pays = np.full(p.size, skill.slope is None or skill.slope > 0)
    known = scored & sized & informed & pays
    state = np.select(
        [~scored, ~sized, ~informed, ~pays],
        ["no_score", "no_volatility", "uninformed", "no_payoff"],
        "known",
    )
    of_probability, of_ic = np.zeros(p.size), np.zeros(p.size)
    of_probability[known] = probability_alpha(p[known], base[known], sigma[known])
    of_ic[known] = posterior_ic(skill, settings) * sigma[known] * normal_scores(prediction[known])
    raw = _chosen(of_probability, of_ic, settings.route)
    alpha = np.zeros(p.size)
    sector = day["sector"].fill_null("").to_numpy()
    alpha[known] = neutral(raw[known], sigma[known], beta[known], sector[known], settings)
    return day.with_columns(
        *(
            pl.Series(name, values)
            for name, values in zip(
                COLUMNS, (of_probability, of_ic, raw, alpha, state), strict=True
            )
        )
    )


def probability_alpha(probability: Floats, base_rate: Floats, sigma: Floats) -> Floats:
    """-σ (Φ⁻¹(p) - Φ⁻¹(base rate)): the mean of a Gaussian label of deviation σ that is negative
    with probability p; all [name].
    """
    alpha: Floats = -sigma * (_quantile(probability) - _quantile(base_rate))
    return alpha


def _quantile(probability: Floats) -> Floats:
    quantile: Floats = ndtri(np.clip(probability, _EDGE, 1 - _EDGE))
    return quantile


def _chosen(of_probability: Floats, of_ic: Floats, route: str) -> Floats:
    """The route's alpha; of the smaller of two, 0 where they disagree on the sign."""
    if route == "probability":
        return of_probability
    if route == "information_coefficient":
        return of_ic
    agree = np.sign(of_probability) == np.sign(of_ic)
    smaller: Floats = np.where(
        agree, np.sign(of_ic) * np.minimum(np.abs(of_probability), np.abs(of_ic)), 0.0
    )
    return smaller


def neutral(
    alpha: Floats, sigma: Floats, beta: Floats, sector: np.ndarray, settings: AlphaSettings
) -> Floats:
    """What a weighted regression (1/σ²) of `alpha` leaves, [name]: on the normal score of
    volatility and on that times volatility, on beta and on sectors, as `settings` say; a beta that
    is unknown counts as the mean.

    Nothing known stays nothing: alphas that are all 0 are 0.
    """
    if not alpha.any():
        return np.zeros(alpha.size)
    columns = []
    if settings.neutral_to_volatility:
        # A score that is minus volatility makes an alpha of minus volatility times its score.
        style = normal_scores(sigma)
        columns += [np.ones(alpha.size), style, sigma * style]
    if settings.neutral_to_beta:
        there = np.isfinite(beta)
        mean = float(beta[there].mean()) if there.any() else 0.0
        columns += [np.ones(alpha.size), np.where(there, beta, mean)]
    if settings.neutral_to_sector:
        columns += [1.0 * (sector == one) for one in np.unique(sector)]
    if not columns:
        return alpha
    root = 1 / sigma
    design = np.column_stack(columns) * root[:, None]
    fitted, *_ = np.linalg.lstsq(design, alpha * root, rcond=1e-10)
    left: Floats = alpha - np.column_stack(columns) @ fitted
    # What rounding leaves of an alpha that was all style is nothing.
    return np.where(np.abs(left) > 1e-12 * np.abs(alpha).max(), left, 0.0)


def implied_ic(probability: Floats, base_rate: Floats) -> float:
    """Cross-sectional standard deviation of Φ⁻¹(p) - Φ⁻¹(base rate): the IC that the probabilities
    claim, known the same evening. NaN for fewer than two.
    """
    there = np.isfinite(probability) & np.isfinite(base_rate)
    if there.sum() < 2:
        return float("nan")
    return float(np.std(_quantile(probability[there]) - _quantile(base_rate[there])))


def persistence(scores: pl.DataFrame, lag_days: int = HORIZON) -> float:
    """Correlation of the normal scores of a day with those of the same names `lag_days` trading
    days before, over all days in `scores`: `parent_id, trade_date, prediction`. NaN without such
    pairs.
    """
    rows = scores.filter(pl.col("prediction").is_finite())
    if rows.is_empty():
        return float("nan")
    rows = rows.with_columns(number=day_number(rows["trade_date"])).sort("number", "parent_id")
    z = np.concatenate(
        [
            normal_scores(group["prediction"].to_numpy())
            for _, group in rows.group_by("number", maintain_order=True)
        ]
    )
    rows = rows.select("parent_id", "number", z=pl.Series(z))
    pairs = rows.join(
        rows.with_columns(pl.col("number") + lag_days),
        on=["parent_id", "number"],
        suffix="_before",
        maintain_order="left",
    )
    now, before = pairs["z"].to_numpy(), pairs["z_before"].to_numpy()
    size = float(np.sqrt((now * now).sum() * (before * before).sum())) if now.size else 0.0
    return float((now * before).sum()) / size if size > 0 else float("nan")
