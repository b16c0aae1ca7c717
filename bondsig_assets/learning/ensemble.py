"""The mean of several models' predictions, which are in one unit: their size is kept.

Belongs here: averaging. Not here: the models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from bondsig_assets.learning.models.interface import ModelSettings


@dataclass(frozen=True)
class Ensemble(ModelSettings):
    """Names of the models whose predictions are averaged: settings and model in one, nothing is
    fitted.
    """

    members: tuple[str, ...]
    rounds = 0

    def to_text(self) -> str:
        """The members as JSON."""
        return json.dumps(self.members)


def mean_prediction(predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of the members' predictions [row], added up in their order."""
    mean: np.ndarray = reduce(add, predictions) / len(predictions)
    return mean
