"""From a prediction to a probability of underperforming.

Belongs here: calibration on predictions made for unseen days. Not here: the models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from bondsig_assets.arrays import Floats


@dataclass(frozen=True)
class Calibration:
    """P(underperform) = logistic(intercept + slope * prediction), slope never above zero;
    `base_rate`: the share that underperformed.
    """

    intercept: float
    slope: float
    base_rate: float

    def probability(self, prediction: Floats) -> Floats:
        """Probability that the label is negative, for each prediction."""
        probability: Floats = expit(self.intercept + self.slope * prediction)
        return probability


def calibrate(prediction: np.ndarray, label: np.ndarray) -> Calibration:
    """Platt (1999) scaling of predictions for days the model had not seen.

    Where the data would have a higher prediction underperform more often, the model knows nothing
    that can be trusted, and the probability falls back to the base rate (slope 0). So it does where
    all predictions are equal: any slope would fit them.
    """
    under = (label < 0).astype(float)
    scale = float(np.std(prediction))
    if scale <= 1e-9 * float(np.abs(prediction).max(initial=0.0)):
        return _base_rate(under)
    z = prediction / scale

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        linear = theta[0] + theta[1] * z
        gap = expit(linear) - under
        return float(np.mean(np.logaddexp(0, linear) - under * linear)), np.array(
            [gap.mean(), (gap * z).mean()]
        )

    found = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    if found[1] < 0:
        return Calibration(float(found[0]), float(found[1] / scale), float(under.mean()))
    return _base_rate(under)


def _base_rate(under: np.ndarray) -> Calibration:
    """The share that underperformed, whatever is predicted."""
    base = float(np.clip(under.mean(), 1e-6, 1 - 1e-6))
    return Calibration(float(np.log(base / (1 - base))), 0.0, float(under.mean()))
