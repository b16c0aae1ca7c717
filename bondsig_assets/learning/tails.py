"""What came of high probabilities: how often a model is sure, how often it is right then, and how
sure that is when a piece of news counts once.

Belongs here: counting name-days and pieces of news beyond a level, by model and side. Not here:
whether probabilities hold everywhere (`probability.py`), the configured rule on them
(`thresholds.py`), formulas (`statistics.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.calendar import day_number
from bondsig_assets.learning.probability import log_probability
from bondsig_assets.learning.statistics import clustered_mean, clustered_share
from bondsig_assets.tables.learning import PROBABILITY_TAILS

#: Levels of the probability that are looked beyond.
LEVELS = (0.60, 0.65, 0.70, 0.75)
#: Sides of a prediction; either is both together.
SIDES = ("underperform", "outperform", "either")
#: Name under which published scores stand beside the models.
CHAMPION = "champion"
_PIECE = ["model_name", "side", "parent_id"]


def with_champion(
    predictions: pl.DataFrame, scores: pl.DataFrame, models: pl.DataFrame
) -> pl.DataFrame:
    """`model_name, parent_id, trade_date, probability_underperform, base_rate` of every prediction,
    and of the published `scores` as the model CHAMPION.

    `models`: model_version and base_rate of each fold's model; a prediction of a version that is
    not among them has no base rate to beat, and is left out, as in `probability_evaluations`.
    """
    known = models.select("model_version", "base_rate").unique("model_version")
    columns = ["model_name", "parent_id", "trade_date", "probability_underperform", "base_rate"]
    published = scores.with_columns(model_name=pl.lit(CHAMPION))
    return pl.concat(
        [
            predictions.join(known, on="model_version").select(columns),
            published.select(columns),
        ]
    )


def tails(
    given: pl.DataFrame,
    labels: pl.DataFrame,
    horizon: int = 5,
    levels: Sequence[float] = LEVELS,
) -> pl.DataFrame:
    """Rows of `probability_tails`: one a model, side and level, also where nothing was ever said.

    `given`: see `with_champion`. `labels` as `known_labels` gives them. P(underperform) >= level
    foretells a label below zero, 1 - P >= level one above. A piece of news is a run of consecutive
    trading days of one issuer beyond the level on one side; a day between without a score ends it.
    Name-days without a label yet, or with one of zero, are counted and not judged.
    """
    known = labels.filter(pl.col("horizon_days") == horizon, pl.col("label_pct").is_finite())
    models = given["model_name"].unique().sort().to_list()
    said = _said(given, min(levels, default=1.0)).join(
        known.select("parent_id", "trade_date", "label_pct"),
        on=["parent_id", "trade_date"],
        how="left",
        maintain_order="left",
    )
    rows = []
    for level in levels:
        beyond = _pieces(said.filter(pl.col("of_side") >= level))
        for model in models:
            mine = beyond.filter(pl.col("model_name") == model)
            rows += [
                {"model_name": model, "side": side, "level": level}
                | _record(mine if side == "either" else mine.filter(pl.col("side") == side))
                for side in SIDES
            ]
    found = pl.DataFrame(rows, schema=PROBABILITY_TAILS.polars_schema, orient="row")
    return found.sort(PROBABILITY_TAILS.key)


def _said(given: pl.DataFrame, lowest: float) -> pl.DataFrame:
    """The rows of `given` whose probability reaches `lowest` on a side, in order: model_name, side,
    parent_id, trade_date, of_side (the probability of the side), base_of_side.
    """
    under, base = pl.col("probability_underperform"), pl.col("base_rate")
    # 1 - P, not 1 - level, as in `thresholds.py`: 1 - 0.6 is a hair off what it says.
    is_under = under >= 0.5
    sided = given.filter(under.is_finite()).with_columns(
        side=pl.when(is_under).then(pl.lit(SIDES[0])).otherwise(pl.lit(SIDES[1])),
        of_side=pl.when(is_under).then(under).otherwise(1 - under),
        base_of_side=pl.when(is_under).then(base).otherwise(1 - base),
    )
    return sided.filter(pl.col("of_side") >= lowest).sort(*_PIECE, "trade_date")


def _pieces(beyond: pl.DataFrame) -> pl.DataFrame:
    """`beyond` with the number of each row's piece of news; in the order of _PIECE and days."""
    number = day_number(beyond["trade_date"])
    starts = (number.diff().fill_null(0) != 1) | beyond.select(
        pl.struct(_PIECE).rle_id().diff().fill_null(1) != 0
    ).to_series()
    return beyond.with_columns(piece=starts.cum_sum())


def _record(beyond: pl.DataFrame) -> dict[str, Any]:
    """What came of the rows of one model, side and level, as columns of `probability_tails`."""
    judged = beyond.filter(pl.col("label_pct") != 0).with_columns(
        is_hit=(pl.col("label_pct") < 0) == (pl.col("side") == SIDES[0])
    )
    gain = log_probability("of_side", "is_hit") - log_probability("base_of_side", "is_hit")
    pieces = judged.group_by("piece", maintain_order=True).agg(
        n=pl.len().cast(pl.Float64), hits=pl.col("is_hit").sum().cast(pl.Float64), gain=gain.sum()
    )
    n = pieces["n"].to_numpy()
    share, low, high = clustered_share(pieces["hits"].to_numpy(), n)
    mean, error = clustered_mean(pieces["gain"].to_numpy(), n)
    return {
        "n_name_days": beyond.height,
        "n_news": beyond["piece"].n_unique(),
        "n_days_fired": beyond["trade_date"].n_unique(),
        "mean_probability": judged["of_side"].mean(),
        "hit_rate": share,
        "hit_rate_low": low,
        "hit_rate_high": high,
        "n_hits_of": judged.height,
        "n_news_judged": pieces.height,
        "log_score_gain": mean if np.isfinite(mean) else None,
        "log_score_gain_t": mean / error if error > 0 else None,
    }
