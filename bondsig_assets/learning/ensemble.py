"""The mean of several models' ranks.

Belongs here: averaging. Not here: the models.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np


@dataclass(frozen=True)
class Ensemble:
    """Names of the models whose ranks are averaged; nothing is fitted."""

    members: tuple[str, ...]
    rounds = 0
    history_days = 1

    def to_text(self) -> str:
        """The members as JSON."""
        return json.dumps(self.members)


def mean_rank(normal_scores: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of the members' normal scores [row], added up in their order."""
    return reduce(add, normal_scores) / len(normal_scores)
