"""Whether probabilities mean what they say: Brier score and its parts, reliability diagram with
bands.

Belongs here: statistics of P(underperform) against what happened. Not here: how the probability is
made (`calibration.py`), rules on it (`thresholds.py`), the picture (`reporting/`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.learning.statistics import lags_of, newey_west
from bondsig_assets.tables.learning import PROBABILITY_EVALUATIONS, RELIABILITY_BINS

#: Bins of equal mass.
BINS = 10
#: Trading days in a block of the bootstrap: longer than the label, and than a stretch of similar
#: days.
BLOCK_DAYS = 21
DRAWS = 200


def brier(
    predictions: pl.DataFrame, labels: pl.DataFrame, models: pl.DataFrame, horizon: int = 5
) -> pl.DataFrame:
    """Rows of `probability_evaluations`, one per model, over the `known_labels` of `horizon`.

    `models`: model_version and base_rate of each fold's model; a prediction of a version that is
    not among them has no base rate to beat and is left out. The event is a label below zero. Parts
    after Murphy (1973), the forecast of a bin being its mean: reliability - resolution +
    uncertainty is the Brier score of these means, and differs from `brier_score` by how forecasts
    vary within bins.
    """
    known = models.select("model_version", "base_rate").unique("model_version")
    rows = _outcomes(predictions, labels, horizon).join(
        known, on="model_version", maintain_order="left"
    )
    found = []
    for (model,), group in rows.group_by("model_name", maintain_order=True):
        p, y = group["probability"].to_numpy(), group["under"].to_numpy()
        score, of_base = (
            float(np.mean((p - y) ** 2)),
            float(np.mean((group["base_rate"].to_numpy() - y) ** 2)),
        )
        # A base rate that is never wrong leaves nothing to beat.
        skill = 1 - score / of_base if of_base > 0 else 0.0
        found.append(
            {
                "model_name": model,
                "brier_score": score,
                "brier_base_rate": of_base,
                **_log_score(group, horizon),
                "brier_skill": skill,
                **murphy(p, y, equal_mass_bins(p)),
                "lowest_probability": float(p.min()),
                "highest_probability": float(p.max()),
                "n_rows": p.size,
                **_silent_days(group),
            }
        )
    return pl.DataFrame(found, schema=PROBABILITY_EVALUATIONS.polars_schema, orient="row")


def _silent_days(rows: pl.DataFrame) -> dict[str, int]:
    """Days judged, those on which nobody's probability depended on its prediction, and those on
    which all were the same.
    """
    days = rows.group_by("trade_date").agg(
        is_uninformed=(~pl.col("is_informed")).all(),
        is_alike=pl.col("probability").min() == pl.col("probability").max(),
    )
    return {
        "n_days": days.height,
        "n_uninformed_days": int(days["is_uninformed"].sum()),
        "n_alike_days": int(days["is_alike"].sum()),
    }


def log_probability(probability: str, happened: str) -> pl.Expr:
    """Log of what the column `probability` gave to what happened (the column `happened` is true or
    above 0 where the event did), in nats. A probability of 0 or 1 counts as one in a thousand the
    other way, or one surprise would be worth everything.
    """
    p = pl.col(probability).clip(1e-3, 1 - 1e-3)
    return pl.when(pl.col(happened).cast(pl.Float64) > 0).then(p.log()).otherwise((1 - p).log())


def _log_score(rows: pl.DataFrame, horizon: int) -> dict[str, float | None]:
    """Gain of the log score over the base rate in nats, and its Newey-West t over days.

    `rows`: probability, under, base_rate and trade_date of one model, days in order.
    """
    gain = rows.select(
        "trade_date",
        gain=log_probability("probability", "under") - log_probability("base_rate", "under"),
    )
    daily = gain.group_by("trade_date", maintain_order=True).agg(pl.col("gain").mean())
    values = daily["gain"].to_numpy()
    mean, error = newey_west(values, lags_of(horizon, values.size))
    mean_of_rows = gain["gain"].mean()
    return {
        "log_score_gain": float(mean_of_rows) if isinstance(mean_of_rows, float) else None,
        "log_score_gain_t": mean / error if error > 0 else None,
    }


def reliability(
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    horizon: int = 5,
    n_draws: int = DRAWS,
    block_days: int = BLOCK_DAYS,
    seed: int = 0,
) -> pl.DataFrame:
    """Rows of `reliability_bins`: per model and bin of equal mass the share that underperformed,
    with a 95 % band.

    The band is that of a bootstrap which draws whole days in blocks (circular, Politis and Romano
    1992): issuers of one day share its news, and labels of neighbouring days overlap. Blocks are
    never longer than a quarter of the days. Bins are those of the whole sample. One seed gives one
    result.
    """
    found: list[dict[str, Any]] = []
    for (model,), group in _outcomes(predictions, labels, horizon).group_by(
        "model_name", maintain_order=True
    ):
        p, y = group["probability"].to_numpy(), group["under"].to_numpy()
        bins, day = equal_mass_bins(p), group["trade_date"].rle_id().to_numpy()
        low, high = _bands(bins, y, day, n_draws, block_days, seed)
        n = np.bincount(bins)
        mean, share = np.bincount(bins, p) / n, np.bincount(bins, y) / n
        found += [
            {
                "model_name": model,
                "bin": k + 1,
                "mean_probability": mean[k],
                "observed_share": share[k],
                "low": low[k],
                "high": high[k],
                "n_rows": n[k],
            }
            for k in range(n.size)
        ]
    return pl.DataFrame(found, schema=RELIABILITY_BINS.polars_schema, orient="row")


def _outcomes(predictions: pl.DataFrame, labels: pl.DataFrame, horizon: int) -> pl.DataFrame:
    """Probabilities whose label is known, by model, day and parent: model_name, model_version,
    trade_date, probability, under (1.0 or 0.0), is_informed (true where an older version does not
    say).
    """
    known = labels.filter(pl.col("horizon_days") == horizon, pl.col("label_pct").is_finite())
    given = predictions.filter(pl.col("probability_underperform").is_finite())
    if "is_informed" not in given.columns:
        given = given.with_columns(is_informed=pl.lit(None, pl.Boolean))
    joined = given.join(
        known.select("parent_id", "trade_date", "label_pct"), on=["parent_id", "trade_date"]
    )
    # In one order whatever the order of the rows, or sums would differ in their last digits.
    return joined.sort("model_name", "trade_date", "parent_id").select(
        "model_name",
        "model_version",
        "trade_date",
        probability="probability_underperform",
        under=(pl.col("label_pct") < 0).cast(pl.Float64),
        is_informed=pl.col("is_informed").fill_null(True),
    )


def equal_mass_bins(probability: np.ndarray, n_bins: int = BINS) -> np.ndarray:
    """Bin of each probability, numbered from 0 without gaps; at most `n_bins` of about as many
    values each.

    Equal probabilities share a bin: a forecast cannot be right in one and wrong in the next. What a
    large bin of equals leaves beside it, less than half a bin's share, joins its smaller neighbour.
    """
    from scipy.stats import rankdata

    place = (rankdata(probability) - 0.5) / max(probability.size, 1)
    bins = np.unique((place * n_bins).astype(np.int64), return_inverse=True)[1]
    n = np.bincount(bins)
    while n.size > 1 and n.min() * 2 * n_bins < probability.size:
        small = int(n.argmin())
        beside = [k for k in (small - 1, small + 1) if 0 <= k < n.size]
        border = max(small, min(beside, key=lambda k: n[k]))
        bins = bins - (bins >= border)
        n = np.bincount(bins)
    return bins


def murphy(probability: np.ndarray, outcome: np.ndarray, bins: np.ndarray) -> dict[str, float]:
    """Reliability, resolution, uncertainty (Murphy 1973) and calibration error (mean |forecast -
    observed|) over `bins`, weighted by mass.
    """
    n = np.bincount(bins)
    weight, forecast, observed = (
        n / probability.size,
        np.bincount(bins, probability) / n,
        np.bincount(bins, outcome) / n,
    )
    base = float(outcome.mean())
    return {
        "reliability": float(weight @ (forecast - observed) ** 2),
        "resolution": float(weight @ (observed - base) ** 2),
        "uncertainty": base * (1 - base),
        "calibration_error": float(weight @ np.abs(forecast - observed)),
    }


def _bands(
    bins: np.ndarray, outcome: np.ndarray, day: np.ndarray, n_draws: int, block_days: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """2.5 % and 97.5 % quantile of each bin's observed share over draws of days; `day` and `bins`
    number from 0.
    """
    n_days, n_bins = int(day.max()) + 1, int(bins.max()) + 1
    cell = day * n_bins + bins
    n, hits = (
        np.bincount(cell, weights, minlength=n_days * n_bins).reshape(n_days, n_bins)
        for weights in (None, outcome)
    )
    times = _times_drawn(n_days, n_draws, min(block_days, max(n_days // 4, 1)), seed)
    drawn, drawn_hits = times @ n, times @ hits
    # A draw that misses a bin's few days says nothing about it: it counts as the observed share.
    share = np.divide(
        drawn_hits,
        drawn,
        out=np.broadcast_to(hits.sum(0) / n.sum(0), drawn.shape).copy(),
        where=drawn > 0,
    )
    low, high = np.quantile(share, [0.025, 0.975], axis=0)
    return low, high


def _times_drawn(n_days: int, n_draws: int, block: int, seed: int) -> np.ndarray:
    """How often each draw holds each day, [draw, day]: blocks of `block` days, the last one cut
    off, around the end to the beginning.
    """
    n_blocks = -(-n_days // block)
    starts = np.random.default_rng(seed).integers(0, n_days, (n_draws, n_blocks, 1))
    days = ((starts + np.arange(block)) % n_days).reshape(n_draws, -1)[:, :n_days]
    return (
        np.bincount(
            (days + n_days * np.arange(n_draws)[:, None]).ravel(), minlength=n_draws * n_days
        )
        .reshape(n_draws, n_days)
        .astype(float)
    )
