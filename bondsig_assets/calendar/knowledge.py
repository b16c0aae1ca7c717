"""When a fact could first be known, for sources that do not say.

Belongs here: the declared default rules. Not here: knowledge times that a source delivers.
"""

from __future__ import annotations

from datetime import time

import polars as pl

from bondsig_assets.calendar import next_trading_days

CLOSE = time(16, 0)
MORNING = time(9, 0)


def end_of_day(day: pl.Expr) -> pl.Expr:
    """Moment of the close of `day` (16:00 New York)."""
    return day.dt.combine(CLOSE)


def next_morning(days: pl.Series) -> pl.Series:
    """09:00 on the trading day after each of `days`."""
    return next_trading_days(days).dt.combine(MORNING)
