"""What probabilities and scores of rare news are worth in one world, and what circular shifts of
the same scores seem to be worth.

Belongs here: statistics of one world's predictions against its labels. Not here: worlds
(`news_studies.py`), what several worlds say together (`pooling.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy.special import ndtri

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.learning.evaluation import SMALL
from bondsig_assets.learning.inputs import normal_scores
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.statistics import (
    correlation_within,
    lags_of,
    newey_west,
    ranked,
    residual_within,
)
from bondsig_assets.market_rules import MINIMUM_NAMES

#: Levels of the probability whose name-days are counted, on both sides.
LEVELS = (0.60, 0.65, 0.70, 0.75)
SIDES = ("under", "out")
#: A shift of at least half a year: nothing a feature remembers reaches that far.
MINIMUM_SHIFT_DAYS = 126
_HORIZON = 5
#: A probability of 0 or 1 has no normal score.
_CERTAIN = 1e-6
_SHIFTED = ("prediction", "probability")


def judged_frame(
    predictions: pl.DataFrame, labels: pl.DataFrame, horizon: int = _HORIZON
) -> pl.DataFrame:
    """A row for each judged prediction: model_name, trade_date, parent_id, prediction, probability
    (of underperforming), base_rate, control (the control's prediction), label in percent; in order
    of model, day and parent.

    `predictions`: rows of that table with `base_rate`; `labels`: rows of that table. Judged are
    issuers with a label and the control's prediction, on days with MINIMUM_NAMES of them.
    """
    keys = ["trade_date", "parent_id"]
    known = labels.filter(
        pl.col("horizon_days") == horizon, pl.col("excess_return_pct").is_finite()
    ).select(*keys, label="excess_return_pct")
    control = predictions.filter(pl.col("model_name") == CONTROL).select(
        *keys, control="prediction"
    )
    return (
        predictions.filter(pl.col("model_name") != CONTROL)
        .join(known, on=keys)
        .join(control, on=keys)
        .filter(pl.len().over("model_name", "trade_date") >= MINIMUM_NAMES)
        .select(
            "model_name",
            *keys,
            "prediction",
            pl.col("probability_underperform").alias("probability"),
            "base_rate",
            "control",
            "label",
        )
        .sort("model_name", *keys)
    )


def judge(rows: pl.DataFrame, horizon: int = _HORIZON) -> dict[str, Any]:
    """The judgement of one model: `rows` of `judged_frame` of that model, not empty.

    `size_weighted`, `added`, `probability`, `tied`, `log_gain`: mean of the days' values, its
    Newey-West standard error, t. `added` is what the control leaves of the score; `probability` is
    the IC of -Φ⁻¹(P); `tied` Spearman's with small scores tied; `log_gain` nats over the base rate
    known before. `tails` by level and side, see `tails`. `highest`: the highest probability on
    either side.
    """
    group = rows["trade_date"].rle_id().to_numpy()
    values = _daily(rows, group)
    chance = rows["probability"].to_numpy()
    return {
        **{name: _tested(daily, horizon) for name, daily in values.items()},
        "tails": tails(rows),
        "highest": float(np.maximum(chance, 1 - chance).max()),
        "n_days": int(group[-1]) + 1,
        "n_rows": rows.height,
    }


def judge_score(rows: pl.DataFrame, horizon: int = _HORIZON) -> dict[str, Any]:
    """The size-weighted IC of `prediction` alone, of a forecast that has no probability and is not
    set against a control. `rows`: trade_date, prediction, label, in order of days.
    """
    group = rows["trade_date"].rle_id().to_numpy()
    daily = correlation_within(
        rows["prediction"].to_numpy(), normal_scores(rows["trade_date"], rows["label"]), group
    )
    return {"size_weighted": _tested(daily, horizon), "n_days": int(group[-1]) + 1}


def _tested(daily: Floats, horizon: int) -> dict[str, float]:
    """Mean of the days' values, standard error and t."""
    values = daily[np.isfinite(daily)]
    mean, error = newey_west(values, lags_of(horizon, values.size))
    return {"mean": mean, "standard_error": error, "t": mean / error if error > 0 else 0.0}


def _daily(rows: pl.DataFrame, group: Ints) -> dict[str, Floats]:
    """Each statistic on each day [day]; `group` [row] numbers the days from 0."""
    score = normal_scores(rows["trade_date"], rows["label"])
    prediction, control, chance, base = (
        rows[name].to_numpy() for name in ("prediction", "control", "probability", "base_rate")
    )
    under = rows["label"].to_numpy() < 0
    left = residual_within(prediction, control, group)
    tied = np.where(np.abs(left) < SMALL, 0.0, left)
    gain = _log_score(chance, under) - _log_score(base, under)
    return {
        "size_weighted": correlation_within(prediction, score, group),
        "added": correlation_within(left, score, group),
        "probability": correlation_within(
            -ndtri(np.clip(chance, _CERTAIN, 1 - _CERTAIN)), score, group
        ),
        "tied": correlation_within(_ranks(tied, group), _ranks(score, group), group),
        "log_gain": np.bincount(group, gain) / np.bincount(group),
    }


def _ranks(values: Floats, group: Ints) -> Floats:
    """Mean rank within each group."""
    lowest, highest = ranked(values[:, None], group)
    ranks: Floats = (lowest[:, 0] + highest[:, 0]) / 2
    return ranks


def _log_score(chance: Floats, under: Bools) -> Floats:
    """Nats of what happened."""
    safe = np.clip(chance, _CERTAIN, 1 - _CERTAIN)
    score: Floats = np.log(np.where(under, safe, 1 - safe))
    return score


def tails(rows: pl.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """By level and side: `name_days` at or above it, how many of them were `hits`, how many
    `pieces` of news they belong to; and the sums over pieces from which the error of a hit rate
    over several worlds follows (`pooling.hit_rate_of_pieces`).

    A piece is a run of consecutive judged days of one issuer on one side at or above the level: one
    event, however long it lasts.
    """
    by_name = rows.with_columns(day=pl.col("trade_date").rank("dense").cast(pl.Int64)).sort(
        "parent_id", "day"
    )
    chance, under = by_name["probability"].to_numpy(), by_name["label"].to_numpy() < 0
    name = by_name["parent_id"].rle_id().to_numpy().astype(np.int64)
    day = by_name["day"].to_numpy()
    found: dict[str, dict[str, dict[str, int]]] = {}
    for level in LEVELS:
        found[f"{level:.2f}"] = {
            side: _pieces(np.flatnonzero(at >= level), name, day, hit)
            for side, at, hit in zip(SIDES, (chance, 1 - chance), (under, ~under), strict=True)
        }
    return found


def _pieces(rows: Ints, name: Ints, day: Ints, hit: Bools) -> dict[str, int]:
    """Counts of the `rows` above a level, in order of name and day."""
    if not rows.size:
        return dict.fromkeys(
            ("name_days", "hits", "pieces", "hits_squared", "hits_by_days", "days_squared"), 0
        )
    follows = (np.diff(name[rows]) == 0) & (np.diff(day[rows]) == 1)
    piece = np.r_[0, np.cumsum(~follows)]
    days, hits = np.bincount(piece), np.bincount(piece, hit[rows]).astype(np.int64)
    return {
        "name_days": int(rows.size),
        "hits": int(hits.sum()),
        "pieces": int(days.size),
        "hits_squared": int((hits * hits).sum()),
        "hits_by_days": int((hits * days).sum()),
        "days_squared": int((days * days).sum()),
    }


def shifted_t(
    rows: pl.DataFrame, n_shifts: int, seed: int, horizon: int = _HORIZON
) -> dict[str, list[float]]:
    """t of each statistic of `judge` in `n_shifts` draws in which the scores of each name are
    turned by half a year or more of its own days, each name by its own number of days.

    Scores keep their sizes, tails and persistence and lose their place, so that no statistic has
    anything to find; log_gain is below 0 then, since what is said means nothing. The control, the
    base rate and the labels stay where they are.
    """
    rng = np.random.default_rng([seed, n_shifts])
    group = rows["trade_date"].rle_id().to_numpy()
    order = rows["parent_id"].arg_sort().to_numpy()
    names = np.split(
        order, np.flatnonzero(np.diff(rows["parent_id"].rank("dense").to_numpy()[order])) + 1
    )
    found: dict[str, list[float]] = {}
    for _ in range(n_shifts):
        source = np.arange(rows.height)
        for one in names:
            source[one] = _turned(one, rng)
        moved = rows.with_columns(rows[name].gather(source).alias(name) for name in _SHIFTED)
        for name, daily in _daily(moved, group).items():
            found.setdefault(name, []).append(_tested(daily, horizon)["t"])
    return found


def _turned(rows: Ints, rng: np.random.Generator) -> Ints:
    """The rows of one name, turned by half a year at least; dealt out anew where a year is not
    there.
    """
    rows = np.sort(rows)
    turned: Ints
    if rows.size > 2 * MINIMUM_SHIFT_DAYS:
        turned = np.roll(
            rows, int(rng.integers(MINIMUM_SHIFT_DAYS, rows.size - MINIMUM_SHIFT_DAYS + 1))
        )
    else:
        turned = rng.permutation(rows)
    return turned


def judged_models(frame: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """`judge` of each model of a `judged_frame`."""
    return {
        str(name): judge(rows)
        for (name,), rows in frame.group_by("model_name", maintain_order=True)
    }
