"""How much of what a label tells no other label tells as well.

Belongs here: weights of labels that overlap. Not here: how long a label is (`labels.py`), who uses
the weights (`dataset.py`).
"""

from __future__ import annotations

import numpy as np


def average_uniqueness(parent: np.ndarray, day: np.ndarray, horizon: int) -> np.ndarray:
    """Average uniqueness of each row's label among the labels of these rows, from 0 (excluded) to
    1.

    A label of day t spans the `horizon` days t+2 … t+1+h. c_s is the number of the parent's labels
    among the rows that span day s; the weight is the mean of 1/c_s over the span (Lopez de Prado
    2018, chapter 4). A label alone has 1; inside a stretch of daily labels it is 1/h, at its edges
    more.

    `parent`: codes of any kind; `day`: positions on the trading calendar; one row a label, in any
    order, a row twice being two labels. Returns floats in the order of the rows. Raises ValueError
    for a horizon below 1.
    """
    if horizon < 1:
        raise ValueError(f"a label of {horizon} days has no span; the horizon is 1 or more")
    weight = np.ones(day.size)
    if not day.size:
        return weight
    order = np.lexsort((day, parent))
    parents, days = parent[order], day[order]
    # One line for all parents, on which gaps too wide for labels to meet across are cut short.
    gap = np.where(parents[1:] == parents[:-1], np.minimum(days[1:] - days[:-1], horizon), horizon)
    first = np.concatenate([[0], np.cumsum(gap)])
    length = int(first[-1]) + horizon + 1
    concurrency = np.cumsum(
        np.bincount(first, minlength=length) - np.bincount(first + horizon, minlength=length)
    )
    shared = 1 / np.maximum(concurrency, 1)
    total = np.zeros(day.size)
    for step in range(horizon):
        total += shared[first + step]
    weight[order] = total / horizon
    return weight
