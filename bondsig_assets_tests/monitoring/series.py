"""Series and evenings that tests of monitors share."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import all_trading_days
from bondsig_assets.monitoring.long_run import overlapping_noise

ACCURACY = (
    "ic",
    "ic_over_equity",
    "book",
    "champion_less_control",
    "champion_less_challenger",
)
FIRST = int(np.searchsorted(all_trading_days(), np.datetime64("2004-01-02")))


def days(n: int, start: int = 0) -> list[date]:
    """`n` trading days from the `start`-th of the series on."""
    found: list[date] = all_trading_days()[FIRST + start : FIRST + start + n].tolist()
    return found


def series(monitor: str, values: np.ndarray, wait: int = 6, shift=None) -> pl.DataFrame:
    """Rows of one monitor on consecutive days, known `wait` days later."""
    n = len(values)
    return pl.DataFrame(
        {
            "monitor": [monitor] * n,
            "trade_date": days(n),
            "known_date": days(n, wait),
            "value": np.asarray(values, dtype=float),
            "shift": pl.Series([None] * n if shift is None else shift, dtype=pl.Float64),
        }
    )


def accuracy_world(
    seed: int, n_days: int, ic: float, deviation: float = 0.09, kept: float = 0.6
) -> pl.DataFrame:
    """Every monitor of accuracy with noise of its own and an IC that stays; nothing between
    champion and challenger.
    """
    draw = np.random.default_rng(seed)
    noise = deviation * overlapping_noise(draw, (n_days, len(ACCURACY)), kept)
    means = [0.0 if name == "champion_less_challenger" else ic for name in ACCURACY]
    return pl.concat([series(name, means[k] + noise[:, k]) for k, name in enumerate(ACCURACY)])
