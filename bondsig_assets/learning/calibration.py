"""From a prediction to a probability of underperforming.

Belongs here: calibration on predictions made for unseen days. Not here: the models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtr, ndtri

from bondsig_assets.arrays import Floats
from bondsig_assets.learning.statistics import lags_of, newey_west

#: Priors (docs/decisions/0011-probability.md): sd of the slope around its centre, sd of the lean,
#: mean and sd of the logit of the certainty.
SLOPE_SD, LEAN_SD, CERTAINTY_MEAN, CERTAINTY_SD = 0.3, 0.05, 1.5, 1.0
#: Fewer rows of a group, and it shares the map of the other.
MINIMUM_ROWS = 250
#: A slope smaller than this moves no probability by a millionth: nothing is known.
_NO_SLOPE = 1e-6


@dataclass(frozen=True)
class ProbabilityMap:
    """P(underperform) = ½(1 - certainty) + certainty Φ(intercept + slope prediction), slope never
    above 0; logistic(intercept + slope prediction) without a certainty, as older versions had it.

    `certainty`: the part of what is foretold that can still come: news may have landed already, or
    land too late, however large it is.
    """

    intercept: float
    slope: float
    certainty: float | None = None

    def probability(self, prediction: Floats) -> Floats:
        """Probability that the label is negative, for each prediction."""
        linear = self.intercept + self.slope * prediction
        if self.certainty is None:
            logistic: Floats = expit(linear)
            return logistic
        p: Floats = 0.5 * (1 - self.certainty) + self.certainty * ndtr(linear)
        return p


@dataclass(frozen=True)
class Calibration:
    """The map of issuers without a CDS and that of issuers with one; `base_rate`: the share that
    underperformed; `prior_slope`: the centre of the prior of both slopes, from 0 to 1.
    """

    without_cds: ProbabilityMap
    with_cds: ProbabilityMap
    base_rate: float
    prior_slope: float = 1.0

    def probability(self, prediction: Floats, has_cds: np.ndarray) -> Floats:
        """Probability that the label is negative, for each prediction."""
        p: Floats = np.where(
            has_cds,
            self.with_cds.probability(prediction),
            self.without_cds.probability(prediction),
        )
        return p

    def is_informed(self, has_cds: np.ndarray) -> np.ndarray:
        """Whether the probability of a row depends on its prediction: where it does not, nothing
        that can be trusted is known.
        """
        return np.where(has_cds, self.with_cds.slope < 0, self.without_cds.slope < 0)


def calibrate(
    prediction: np.ndarray,
    label: np.ndarray,
    own_label: np.ndarray,
    day: np.ndarray,
    has_cds: np.ndarray,
    horizon: int = 5,
) -> Calibration:
    """The maps of predictions for days the model had not seen.

    `prediction` in own volatilities over the horizon, `label` the raw return whose sign is
    foretold, `own_label` it in own volatilities, `day` ascending; all [row]. Each map is the mode
    of slope ~ N(-prior_slope, SLOPE_SD²) below 0, intercept ~ N(0, LEAN_SD²), logit certainty ~
    N(CERTAINTY_MEAN, CERTAINTY_SD²) and the likelihood of the signs, which counts one label in
    `horizon`; both say the same of a prediction of 0. The prior's centre is what the predictions
    have earned (`believed`): a model whose size means nothing claims nothing. A group with fewer
    than MINIMUM_ROWS has the map of all. Predictions that are all 0 have slope 0 and the base rate
    of the prior.
    """
    under = label < 0
    base_rate = float(under.mean()) if under.size else 0.5
    centre = believed(prediction, own_label, day, horizon)
    whole = _mode(prediction, under, centre, horizon)
    groups = {
        flag: (
            _mode(prediction[has_cds == flag], under[has_cds == flag], centre, horizon, whole)
            if (has_cds == flag).sum() >= MINIMUM_ROWS
            else whole
        )
        for flag in (False, True)
    }
    return Calibration(groups[False], groups[True], base_rate, centre)


def believed(prediction: np.ndarray, own_label: np.ndarray, day: np.ndarray, horizon: int) -> float:
    """How far the size of predictions is to be believed, from 0 to 1: (1 - 1/t²) of where they led,
    t that of the mean over days of Σ prediction x label (Newey-West, lags of `horizon`).

    The empirical-Bayes estimate of a coefficient with that t is this share of the least-squares
    one. 0 where t is below 1.
    """
    if not prediction.size:
        return 0.0
    _, group = np.unique(day, return_inverse=True)
    size = np.bincount(group)
    gap = own_label - (np.bincount(group, own_label) / size)[group]
    daily = np.bincount(group, prediction * gap)
    mean, error = newey_west(daily, lags_of(horizon, daily.size))
    if not error > 0 or mean <= error:
        return 0.0
    return 1.0 - float(error / mean) ** 2


def _mode(
    z: np.ndarray,
    under: np.ndarray,
    centre: float,
    horizon: int,
    whole: ProbabilityMap | None = None,
) -> ProbabilityMap:
    """The likeliest map of some rows under its priors; its slope is 0 where the data say otherwise,
    or all predictions are the same.

    Given the map of the `whole`, a group says of a prediction of 0 what that says, and all of it
    where its slope is 0: two leans would set the groups against each other without any news.
    """
    y, share = under.astype(float), 1.0 / horizon
    if not z.size or np.ptp(z) <= 1e-9 * max(float(np.abs(z).max(initial=0.0)), 1e-12):
        z = np.zeros_like(z)
    shift = None if whole is None else float(whole.probability(np.zeros(1))[0]) - 0.5

    def lean_of(free: float, certainty: float) -> float:
        if shift is None:
            return free
        return float(ndtri(np.clip(0.5 + shift / certainty, 1e-3, 1 - 1e-3)))

    def loss(theta: Floats) -> float:
        slope, free, odds = theta
        certainty = expit(odds)
        p = 0.5 * (1 - certainty) + certainty * ndtr(lean_of(free, certainty) - slope * z)
        likelihood = float(np.log(np.where(y > 0, p, 1 - p)).sum())
        return float(
            -share * likelihood
            + 0.5 * ((slope - centre) / SLOPE_SD) ** 2
            + 0.5 * (free / LEAN_SD) ** 2
            + 0.5 * ((odds - CERTAINTY_MEAN) / CERTAINTY_SD) ** 2
        )

    start = np.array([max(centre, 0.1), 0.0, CERTAINTY_MEAN])
    bounds = [(0.0, 3.0), (-0.5, 0.5), (-6.0, 8.0)]
    from scipy.optimize import minimize

    slope, free, odds = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    if slope < _NO_SLOPE or not np.any(z):
        slope = 0.0
        if whole is not None:
            return ProbabilityMap(whole.intercept, 0.0, whole.certainty)
    certainty = float(expit(odds))
    return ProbabilityMap(lean_of(float(free), certainty), -float(slope), certainty)
