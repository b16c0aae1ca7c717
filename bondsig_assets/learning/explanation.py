"""What moves the models: importance, its stability across folds, dominance, and what two features
do together.

Belongs here: statistics of SHAP contributions. Not here: computing them (each model does), drawing
them (`reporting/explanation_pictures.py`).
"""

from __future__ import annotations

import numpy as np
import polars as pl

#: A model whose predictions rest on one feature for more than this part is a warning.
DOMINANT_SHARE = 0.40
#: What the stock is expected to do by the credit news of the issuer: a forecast itself. One model
#: is made of it alone, and others add to it what the data bear out, which may be nothing.
ESTIMATE = "expected_reaction"
#: The pair whose interaction is watched: a spread that moves while trading swells.
SPREAD_CHANGE, VOLUME = "oas_5d_change_zscore", "trace_volume_zscore_5d"
#: Where inputs, robust z-scores, are cut into low, middle and high.
_LOW, _HIGH = -0.5, 0.5


def dominant(importances: pl.DataFrame, share: float = DOMINANT_SHARE) -> pl.DataFrame:
    """Rows of `feature_importances` whose feature carries more than `share` of its model, largest
    first; without ESTIMATE, which may.
    """
    leading = (pl.col("share") > share) & (pl.col("feature") != ESTIMATE)
    return importances.filter(leading).sort(
        "share", "fold", "model_name", descending=[True, False, False]
    )


def stability(importances: pl.DataFrame) -> pl.DataFrame:
    """Per model: mean rank correlation of importances between folds that follow each other, and the
    mean share of the ten largest that stay.

    Columns model_name, rank_correlation, top_ten_kept, n_pairs; models of a single fold are left
    out.
    """
    ordered = (
        importances.sort("model_name", "feature", "fold")
        .with_columns(
            before=pl.col("importance_rank").shift(1).over("model_name", "feature"),
        )
        .filter(pl.col("before").is_not_null())
    )
    folds = ordered.group_by("model_name", "fold", maintain_order=True).agg(
        correlation=pl.corr(
            pl.col("importance_rank").cast(pl.Float64), pl.col("before").cast(pl.Float64)
        ),
        kept=((pl.col("importance_rank") <= 10) & (pl.col("before") <= 10)).sum() / 10,
    )
    return (
        folds.group_by("model_name", maintain_order=True)
        .agg(
            rank_correlation=pl.col("correlation").fill_nan(None).mean(),
            top_ten_kept=pl.col("kept").mean(),
            n_pairs=pl.len().cast(pl.Int64),
        )
        .sort("model_name")
    )


def interaction_grid(
    inputs: np.ndarray,
    contributions: np.ndarray,
    names: list[str],
    first: str = SPREAD_CHANGE,
    second: str = VOLUME,
) -> pl.DataFrame:
    """Mean contribution of `first` where it and `second` are low, middle or high.

    `inputs`, `contributions`: [row, feature] in the order of `names`. Columns first, second,
    mean_contribution, n_rows; rows where either is missing are left out. Were the two to act alone,
    the columns of the grid would be alike.
    """
    if first not in names or second not in names:
        return pl.DataFrame(
            schema={
                "first": pl.String,
                "second": pl.String,
                "mean_contribution": pl.Float64,
                "n_rows": pl.Int64,
            }
        )
    a, b = names.index(first), names.index(second)
    frame = pl.DataFrame({"x": inputs[:, a], "y": inputs[:, b], "c": contributions[:, a]}).filter(
        pl.col("x").is_finite() & pl.col("y").is_finite()
    )
    cut = {
        name: (
            pl.when(pl.col(name) < _LOW)
            .then(pl.lit("low"))
            .when(pl.col(name) > _HIGH)
            .then(pl.lit("high"))
            .otherwise(pl.lit("middle"))
        )
        for name in ("x", "y")
    }
    grid = frame.group_by(first=cut["x"], second=cut["y"]).agg(
        mean_contribution=pl.col("c").mean(), n_rows=pl.len().cast(pl.Int64)
    )
    return grid.sort("first", "second")
