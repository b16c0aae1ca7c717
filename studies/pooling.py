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
    return pool_rows([result["models"][model] for result in results], "mean_ic")


def pool_rows(rows: Sequence[dict[str, Any]], mean: str = "mean") -> Pooled:
    """Mean over worlds of `rows`, one a world: their `mean` and `standard_error`."""
    errors = np.array([row["standard_error"] for row in rows])
    return Pooled(
        float(np.mean([row[mean] for row in rows])),
        float(np.sqrt((errors**2).sum()) / errors.size),
        errors.size,
    )


def beyond(results: Sequence[dict[str, Any]], model: str, limit: float = 2.0) -> int:
    """In how many worlds |t| of a model exceeds `limit`."""
    return sum(abs(result["models"][model]["t"]) > limit for result in results)


@dataclass(frozen=True)
class HitRate:
    """Share of name-days above a level that came true, its standard error by pieces of news, and
    the name-days and pieces a world.
    """

    share: float
    error: float
    name_days: float
    pieces: float


def hit_rate_of_pieces(counts: Sequence[dict[str, int]], n_worlds: int) -> HitRate | None:
    """Hit rate over the worlds' `counts` (`news_judging.tails`, one for each world and side); None
    without a name-day or with a single piece.

    The name-days of a piece are one draw: the error is that of a ratio of sums over C clusters of
    unequal size, C/(C - 1) Σ (hits - share × days)² / (Σ days)² (Cochran 1977, Sampling
    Techniques, 3rd edition, chapter 9A, without the correction for a finite population).
    """
    total = {name: sum(one[name] for one in counts) for name in counts[0]} if counts else {}
    if not total.get("name_days") or total["pieces"] < 2:
        return None
    share = total["hits"] / total["name_days"]
    squares = (
        total["hits_squared"] - 2 * share * total["hits_by_days"] + share**2 * total["days_squared"]
    )
    clusters = total["pieces"]
    variance = clusters / (clusters - 1) * max(squares, 0.0) / total["name_days"] ** 2
    return HitRate(
        share, float(np.sqrt(variance)), total["name_days"] / n_worlds, clusters / n_worlds
    )
