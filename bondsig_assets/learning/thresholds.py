"""What a rule on the champion's probability would have given: how often it fired, and how often it
was right.

Belongs here: counting signals and hits of rules. Not here: the rule itself (it belongs to the
signals' settings).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from bondsig_assets.learning.statistics import hit_rate
from bondsig_assets.tables.learning import THRESHOLDS

#: Levels of the probability that are tried.
LEVELS = (0.55, 0.60, 0.65, 0.70, 0.75)
#: Name of the configured rule, whose signals are the table `signals`.
CONFIGURED = "signals"


def thresholds(
    scores: pl.DataFrame,
    labels: pl.DataFrame,
    signals: pl.DataFrame,
    levels: Sequence[float] = LEVELS,
    horizon: int = 5,
) -> pl.DataFrame:
    """Rows of `thresholds`, in the order of `levels`, the configured rule last; none where nothing
    was scored.

    `labels` as `known_labels` gives them. P(underperform) >= level foretells a label below zero, 1
    - P >= level one above. The hit rate is taken over labels other than zero; they overlap, and its
    interval counts one in `horizon`. A signal without a label yet is a signal, and no hit or miss.
    """
    if scores.is_empty():
        return THRESHOLDS.empty()
    n_days = scores["trade_date"].n_unique()
    known = labels.filter(pl.col("horizon_days") == horizon, pl.col("label_pct").is_finite())
    known = known.select("parent_id", "trade_date", "label_pct")
    rules: list[tuple[str, float | None, pl.DataFrame]] = [
        (f"P >= {level:g}", level, _fired(scores, level)) for level in levels
    ]
    rules.append((CONFIGURED, None, signals.select("parent_id", "trade_date", "direction")))
    rows = [
        {"rule": rule, "level": level} | _record(fired, known, n_days, horizon)
        for rule, level, fired in rules
    ]
    return pl.DataFrame(rows, schema=THRESHOLDS.polars_schema, orient="row")


def never_fired(rows: pl.DataFrame) -> list[str]:
    """Rules of `thresholds` rows that gave no signal at all."""
    return rows.filter(pl.col("n_signals") == 0)["rule"].to_list()


def _fired(scores: pl.DataFrame, level: float) -> pl.DataFrame:
    """parent_id, trade_date and direction (-1, +1) of the scores beyond `level` on either side."""
    under = pl.col("probability_underperform")
    # 1 - P, not 1 - level: 1 - 0.55 is a hair below 0.45 and would miss a probability of exactly
    # that.
    direction = pl.when(under >= level).then(-1).when(1 - under >= level).then(1)
    # NaN is above everything to Polars.
    return (
        scores.filter(under.is_finite())
        .select("parent_id", "trade_date", direction=direction)
        .drop_nulls("direction")
    )


def _record(fired: pl.DataFrame, labels: pl.DataFrame, n_days: int, horizon: int) -> dict[str, Any]:
    """What `fired` gave, as columns of `thresholds`."""
    judged = fired.join(labels, on=["parent_id", "trade_date"]).filter(pl.col("label_pct") != 0)
    hits = judged.filter(pl.col("label_pct").sign() == pl.col("direction")).height
    share, low, high = hit_rate(hits, judged.height, horizon)
    return {
        "signals_per_day": fired.height / n_days,
        "n_signals": fired.height,
        "n_days": n_days,
        "n_days_fired": fired["trade_date"].n_unique(),
        "hit_rate": share,
        "hit_rate_low": low,
        "hit_rate_high": high,
        "n_hits_of": judged.height,
    }
