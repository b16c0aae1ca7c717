"""What a day's scores look like on the evening they are made, before any label is known.

Belongs here: what probabilities claim, how many are scored, tied or at the base rate, which
features move them, how far they are from the day before. Not here: whether they were right
(`accuracy.py`), what is usual (`jumps.py`).

None of it replaces a label: it sees that inputs changed, never that what they mean did.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from bondsig_assets.calendar import day_number
from bondsig_assets.monitoring.jumps import DAY_SERIES, positive, shares
from bondsig_assets.portfolio.alpha import implied_ic

#: Probabilities closer to the base rate than this say nothing beyond it.
AT_BASE_RATE = 1e-6
_COUNTED = ("share_scored", "ties", "at_base_rate", "top_feature")


def of_evening(scores: pl.DataFrame, n_issuers: pl.DataFrame, flat_share: float) -> pl.DataFrame:
    """Series (DAY_SERIES) of every monitor of the family before_labels.

    `scores`: rows of that table; the first day of the frame has no distance. `n_issuers`:
    `trade_date, n_issuers` of the days that were to be scored; one without a score has a share of 0
    and nothing else. A day is flat where at least `flat_share` of its names share one score, or
    stand at the base rate or are uninformed, or where nobody was scored though issuers were there.
    """
    rows = scores.sort("trade_date", "parent_id").with_columns(
        # A champion that knows nothing may say another number than the base rate to everybody.
        at_base=(
            ((pl.col("probability_underperform") - pl.col("base_rate")).abs() < AT_BASE_RATE)
            | ~pl.col("is_informed").fill_null(True)
        ),
        alike=pl.len().over("trade_date", "score"),
        first=pl.col("top_features").list.get(0, null_on_oob=True),
    )
    daily = rows.group_by("trade_date", maintain_order=True).agg(
        n=pl.len(),
        at_base_rate=pl.col("at_base").sum(),
        ties=(pl.col("alike") > 1).sum(),
        largest=pl.col("alike").max(),
        score_spread=pl.col("score").std(ddof=0),
        of_first=pl.col("first").count(),
        top_feature=pl.col("first").drop_nulls().unique_counts().max().fill_null(0),
    )
    figures = (
        n_issuers.select("trade_date", pl.col("n_issuers").cast(pl.Int64))
        .join(daily, on="trade_date", how="full", coalesce=True)
        .with_columns(
            pl.col("n", "at_base_rate", "ties", "largest", "of_first", "top_feature").fill_null(0)
        )
        .with_columns(
            share_scored=pl.col("n"),
            # More scores than issuers is no share.
            of_issuers=pl.max_horizontal("n", pl.col("n_issuers").fill_null(0)),
        )
        .join(_claims(rows), on="trade_date", how="left")
        .join(_distances(rows), on="trade_date", how="left")
        .sort("trade_date")
    )
    of = {"share_scored": "of_issuers", "top_feature": "of_first"}
    is_flat = {
        "share_scored": (pl.col("n") == 0) & (pl.col("of_issuers") > 0),
        "ties": (pl.col("largest") >= flat_share * pl.col("n")) & (pl.col("n") > 1),
        "at_base_rate": (pl.col("at_base_rate") >= flat_share * pl.col("n")) & (pl.col("n") > 0),
    }
    parts = [
        figures.select(
            pl.lit(name).alias("monitor"),
            "trade_date",
            *(shares(name, of.get(name, "n")) if name in _COUNTED else positive(name)),
            is_flat.get(name, pl.lit(False)).alias("is_flat"),
        )
        for name in (*_COUNTED, "implied_ic", "score_spread", "distance")
    ]
    return (
        pl.concat([pl.DataFrame(schema=DAY_SERIES), *parts], how="vertical_relaxed")
        .select(pl.col(name).cast(kind) for name, kind in DAY_SERIES.items())
        .sort("monitor", "trade_date")
    )


def _claims(rows: pl.DataFrame) -> pl.DataFrame:
    """The IC that each day's probabilities claim."""
    found = [
        (day[0], implied_ic(p["probability_underperform"].to_numpy(), p["base_rate"].to_numpy()))
        for day, p in rows.group_by("trade_date", maintain_order=True)
    ]
    return pl.DataFrame(
        found, schema={"trade_date": pl.Date, "implied_ic": pl.Float64}, orient="row"
    ).with_columns(pl.col("implied_ic").fill_nan(None))


def _distances(rows: pl.DataFrame) -> pl.DataFrame:
    """1 less the rank correlation of a day's scores with those of the same names on the trading day
    before; null where either are all the same.
    """
    own = rows.select("parent_id", "trade_date", "score").with_columns(
        number=day_number(rows["trade_date"])
    )
    pairs = own.join(
        own.select("parent_id", pl.col("number") + 1, before="score"),
        on=["parent_id", "number"],
    )
    # Spearman's is 0 / 0 where one side is all ties.
    return (
        pairs.group_by("trade_date")
        .agg(distance=1 - pl.corr("score", "before", method="spearman"))
        .with_columns(
            pl.when(pl.col("distance").is_finite())
            .then(pl.col("distance").clip(lower_bound=float(np.finfo(float).tiny)))
            .alias("distance")
        )
        .sort("trade_date")
    )
