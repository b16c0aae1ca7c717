"""What several worlds say together.

Belongs here: pooling of means with their errors. Not here: how one world is judged (`forward.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bondsig_assets.learning.evaluation import DETECTABLE


@dataclass(frozen=True)
class Pooled:
    """Mean over independent worlds of a mean daily IC."""

    mean: float
    error: float
    n_worlds: int

    @property
    def t(self) -> float:
        """Mean over its standard error."""
        return self.mean / self.error if self.error > 0 else 0.0

    @property
    def detectable(self) -> float:
        """An effect this large is found four times in five."""
        return DETECTABLE * self.error


def pool(results: Sequence[dict[str, Any]], model: str) -> Pooled:
    """Mean over worlds of a model's mean IC; worlds are independent, so their errors add up in
    squares.

    `results`: what `judged` gave for each world, under `models`.
    """
    rows = [result["models"][model] for result in results]
    errors = np.array([row["standard_error"] for row in rows])
    return Pooled(
        float(np.mean([row["mean_ic"] for row in rows])),
        float(np.sqrt((errors**2).sum()) / errors.size),
        errors.size,
    )


def beyond(results: Sequence[dict[str, Any]], model: str, limit: float = 2.0) -> int:
    """In how many worlds |t| of a model exceeds `limit`."""
    return sum(abs(result["models"][model]["t"]) > limit for result in results)
