"""How right the published scores were, day by day, and which part of the market it was that fell.

Belongs here: daily series of ICs, of the book of scores, of differences between models, of
calibration; parts that add up to a day's IC. Not here: what is noticed in a series (`watch.py`),
the judgement over all days (`learning/evaluation.py`).

A day is judged by the labels that were known on the first evening on which it could be: what comes
later moves nothing, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
import polars as pl

from bondsig_assets.calendar import CUTOFF
from bondsig_assets.learning.evaluation import OVER, daily_ic
from bondsig_assets.learning.inputs import normal_scores
from bondsig_assets.learning.labels import KINDS, known_labels
from bondsig_assets.learning.models.catalogue import CONTROL
from bondsig_assets.learning.statistics import correlation_within, group_sums
from bondsig_assets.learning.tails import CHAMPION
from bondsig_assets.market_rules import HORIZON, MINIMUM_NAMES
from bondsig_assets.monitoring.long_run import long_run
from bondsig_assets.monitoring.watch import SERIES
from bondsig_assets.tables.issuer_features import CREDIT_FEATURES, EQUITY_FEATURES
from bondsig_assets.tables.news_features import EQUITY_NEWS_INPUTS, NEWS_INPUTS

_KEYS = ["parent_id", "trade_date"]
#: Family of every input of a model, by which it is told what fell.
FAMILY_OF_INPUT: dict[str, str] = {
    **dict.fromkeys(CREDIT_FEATURES, "credit"),
    **dict.fromkeys(EQUITY_FEATURES, "equity"),
    **dict.fromkeys(NEWS_INPUTS, "credit news"),
    **dict.fromkeys(EQUITY_NEWS_INPUTS, "equity news"),
}


@dataclass(frozen=True)
class Known:
    """Labels as they were known when their day was first judged: `parent_id, trade_date,
    horizon_days, label_pct, simple_excess_pct, known_date`; and how many came too late.
    """

    labels: pl.DataFrame
    n_late: int


def first_known(labels: pl.DataFrame, horizon: int = HORIZON, kind: str = "excess") -> Known:
    """The labels of `horizon` and one of KINDS that were known at the cutoff of their last day.

    `labels`: rows of that table.
    """
    own = labels.filter(
        pl.col("horizon_days") == horizon, pl.col(KINDS[kind]).is_finite()
    ).with_columns(judged_at=pl.col("label_end_date").dt.combine(CUTOFF))
    there = own.filter(pl.col("known_at") <= pl.col("judged_at"))
    dated = known_labels(there, kind).join(
        there.select(*_KEYS, known_date="label_end_date"), on=_KEYS, maintain_order="left"
    )
    return Known(dated, own.height - there.height)


def accuracy(
    predictions: pl.DataFrame, scores: pl.DataFrame, known: Known, champions: pl.DataFrame
) -> pl.DataFrame:
    """Series (SERIES) of every monitor of the families accuracy and calibration.

    `predictions`, `scores`, `champions`: rows of these tables. A model that published scores are
    compared with is the one of the same name on the same day, as fitted for that day's fold. Days
    with fewer than MINIMUM_NAMES names have no value.
    """
    published = scores.select(*_KEYS, "prediction", model_name=pl.lit(CHAMPION))
    every = pl.concat(
        [predictions.select(*_KEYS, "prediction", "model_name"), published], how="vertical_relaxed"
    )
    ics = daily_ic(every, known.labels).select("trade_date", "model_name", "size_weighted_ic")
    of_day = {
        name: ics.filter(pl.col("model_name") == model).select(
            "trade_date", value="size_weighted_ic"
        )
        for name, model in (
            ("ic", CHAMPION),
            ("ic_over_equity", CHAMPION + OVER),
            ("control", CONTROL),
        )
    }
    values = {
        "ic": of_day["ic"],
        "ic_over_equity": of_day["ic_over_equity"],
        "book": _book(published, known.labels),
        "champion_less_control": _less(of_day["ic"], of_day["control"]),
        "champion_less_challenger": _less(
            of_day["ic"], _challengers(ics, champions, of_day["ic"]["trade_date"])
        ),
    }
    dates = known.labels.group_by("trade_date").agg(pl.col("known_date").max())
    series = [
        frame.with_columns(monitor=pl.lit(name), shift=pl.lit(None, pl.Float64))
        for name, frame in values.items()
    ]
    series.append(_calibration(scores, known.labels))
    return (
        pl.concat(
            [one.select("monitor", "trade_date", "value", "shift") for one in series],
            how="vertical_relaxed",
        )
        .join(dates, on="trade_date")
        .select(pl.col(name).cast(kind) for name, kind in SERIES.items())
        .drop_nulls("value")
        .sort("monitor", "trade_date")
    )


def _book(published: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Correlation of each day's scores with simple excess returns: what a book in proportion to the
    scores less their mean earns, over the risk that as many independent names have.
    """
    rows = _judged(published.filter(pl.col("prediction").is_finite()), labels, "simple_excess_pct")
    if rows.is_empty():
        return pl.DataFrame(schema={"trade_date": pl.Date, "value": pl.Float64})
    group = rows["trade_date"].rle_id().to_numpy()
    found = correlation_within(
        rows["prediction"].to_numpy(), rows["simple_excess_pct"].to_numpy(), group
    )
    return pl.DataFrame(
        {"trade_date": rows["trade_date"].unique(maintain_order=True), "value": found}
    ).with_columns(pl.col("value").fill_nan(None))


def _judged(rows: pl.DataFrame, labels: pl.DataFrame, column: str) -> pl.DataFrame:
    """`rows` with the label's `column`, of days with enough names, in order."""
    there = rows.join(
        labels.filter(pl.col(column).is_finite()).select(*_KEYS, column), on=_KEYS
    ).sort("trade_date", "parent_id")
    return there.filter(pl.len().over("trade_date") >= MINIMUM_NAMES)


def _less(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    return one.join(other, on="trade_date", suffix="_other").select(
        "trade_date", value=pl.col("value") - pl.col("value_other")
    )


def _challengers(ics: pl.DataFrame, champions: pl.DataFrame, days: pl.Series) -> pl.DataFrame:
    """The IC on each day of the model that the champion of the day was last compared with: its
    challenger where it was kept, else the champion before. None where that is of the same name, a
    refit of itself.
    """
    rival = (
        pl.when(pl.col("decision") == "kept")
        .then("challenger_version")
        .otherwise("incumbent_version")
    )
    spans = champions.select(
        "valid_from_date", "model_name", rival=_model_of(rival, ics["model_name"].unique())
    ).sort("valid_from_date")
    named = (
        pl.DataFrame({"trade_date": days})
        .sort("trade_date")
        .join_asof(spans, left_on="trade_date", right_on="valid_from_date")
    )
    return (
        named.filter(pl.col("rival") != pl.col("model_name"))
        .select("trade_date", model_name="rival")
        .join(ics, on=["trade_date", "model_name"])
        .select("trade_date", value="size_weighted_ic")
    )


def _model_of(version: pl.Expr, names: pl.Series) -> pl.Expr:
    """The model that a version is of: the longest name that it begins with."""
    ordered = sorted(names.to_list(), key=lambda name: (-len(name), name))
    found = pl.lit(None, pl.String)
    for name in reversed(ordered):
        found = pl.when(version.str.starts_with(name)).then(pl.lit(name)).otherwise(found)
    return found


def _calibration(scores: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Series of slope and level: the day's sum of (p - base)(y - p) in its standard deviations,
    were all p right and names independent, √Σ(p - base)² p(1 - p); and the mean of y - p. y = 1 for
    a label below 0; labels of 0 are left out.

    In its own deviations since a champion that claims more than the one before would else move the
    slope more, and ring for that. Were probabilities without meaning, the slope's mean would be
    that of -Σ(p - base)², which the day's probabilities say themselves: its shift.
    """
    rows = _judged(
        scores.filter(
            pl.col("probability_underperform").is_finite(), pl.col("base_rate").is_finite()
        ).select(*_KEYS, "probability_underperform", "base_rate"),
        labels.filter(pl.col("label_pct") != 0),
        "label_pct",
    )
    p, base = pl.col("probability_underperform"), pl.col("base_rate")
    missed = (pl.col("label_pct") < 0).cast(pl.Float64) - p
    claim = p - base
    daily = (
        rows.group_by("trade_date", maintain_order=True)
        .agg(
            slope=(claim * missed).sum(),
            calibration_level=missed.mean(),
            claimed=(claim**2).sum(),
            deviation=(claim**2 * p * (1 - p)).sum().sqrt(),
            n=pl.len(),
        )
        # Days on which nothing was claimed cannot say whether claims mean anything.
        .with_columns(
            is_claim=(pl.col("claimed") > 1e-12 * pl.col("n")) & (pl.col("deviation") > 0)
        )
    )
    return pl.concat(
        [
            daily.filter("is_claim").select(
                "trade_date",
                monitor=pl.lit("calibration_slope"),
                value=pl.col("slope") / pl.col("deviation"),
                shift=-pl.col("claimed") / pl.col("deviation"),
            ),
            daily.select(
                "trade_date",
                monitor=pl.lit("calibration_level"),
                value="calibration_level",
                shift=pl.lit(None, pl.Float64),
            ),
        ]
    )


def parts(
    scores: pl.DataFrame, known: Known, buckets: pl.DataFrame, slices: list[str]
) -> pl.DataFrame:
    """What each part of the market added to a day's correlation of prediction and label:
    `trade_date, known_date, slice, bucket, part`. The parts of a slice add up to the day's IC.

    `buckets`: parent_id, trade_date and a column a slice (as `learning.evaluation.attributes` gives
    them); a name without a bucket is in `unknown`.
    """
    rows, product = _products(scores, known.labels)
    if rows.is_empty():
        return _no_parts()
    placed = rows.with_columns(part=pl.Series(product)).join(
        buckets.select(*_KEYS, *slices), on=_KEYS, how="left", maintain_order="left"
    )
    found = [
        placed.group_by("trade_date", "known_date", bucket=pl.col(name).fill_null("unknown"))
        .agg(pl.col("part").sum())
        .with_columns(slice=pl.lit(name))
        for name in slices
    ]
    return _sorted_parts(found)


def parts_of_inputs(
    explanations: pl.DataFrame,
    models: pl.DataFrame,
    known: Known,
    family_of: Mapping[str, str] = MappingProxyType(FAMILY_OF_INPUT),
) -> pl.DataFrame:
    """As `parts`, for families of inputs: the contributions of a family's inputs to predictions,
    correlated with labels; slice `inputs`. They add up to the day's IC of what contributions add up
    to.

    `explanations`: rows of that table; `models`: model_version and features; an input without a
    family is in `other`. Rows of a version that `models` does not have are left out.
    """
    long = (
        explanations.join(models.select("model_version", "features"), on="model_version")
        .select(*_KEYS, "features", "contributions")
        .explode("features", "contributions")
        .with_columns(
            bucket=pl.col("features").replace_strict(
                dict(family_of), default="other", return_dtype=pl.String
            )
        )
        .group_by(*_KEYS, "bucket")
        .agg(pl.col("contributions").sum())
    )
    whole = long.group_by(_KEYS).agg(prediction=pl.col("contributions").sum())
    rows, _ = _products(whole, known.labels)
    if rows.is_empty():
        return _no_parts()
    group = rows["trade_date"].rle_id().to_numpy()
    n = np.bincount(group)
    z = normal_scores(rows["trade_date"], rows["label_pct"])
    gap = z - (group_sums(z, group) / n)[group]
    prediction = rows["prediction"].to_numpy()
    own = prediction - (group_sums(prediction, group) / n)[group]
    size = np.sqrt(group_sums(gap * gap, group) * group_sums(own * own, group))[group]
    weights = np.divide(gap, size, out=np.zeros(gap.size), where=size > 0)
    found = (
        rows.select(*_KEYS, "known_date", weight=pl.Series(weights))
        .join(long, on=_KEYS)
        .group_by("trade_date", "known_date", "bucket")
        .agg(part=(pl.col("weight") * pl.col("contributions")).sum())
        .with_columns(slice=pl.lit("inputs"))
    )
    return _sorted_parts([found])


def _products(scores: pl.DataFrame, labels: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    """Judged rows in order, and of each the product that adds up to its day's correlation of the
    label's normal score with the prediction.
    """
    rows = _judged(
        scores.filter(pl.col("prediction").is_finite()).select(*_KEYS, "prediction"),
        labels,
        "label_pct",
    )
    if rows.is_empty():
        return rows, np.empty(0)
    dated = rows.join(labels.select(*_KEYS, "known_date"), on=_KEYS, maintain_order="left")
    group = dated["trade_date"].rle_id().to_numpy()
    n = np.bincount(group)
    sides = (
        dated["prediction"].to_numpy(),
        normal_scores(dated["trade_date"], dated["label_pct"]),
    )
    x, y = (v - (group_sums(v, group) / n)[group] for v in sides)
    size = np.sqrt(group_sums(x * x, group) * group_sums(y * y, group))[group]
    return dated, np.divide(x * y, size, out=np.zeros(x.size), where=size > 0)


_PARTS = {
    "trade_date": pl.Date,
    "known_date": pl.Date,
    "slice": pl.String,
    "bucket": pl.String,
    "part": pl.Float64,
}


def _no_parts() -> pl.DataFrame:
    return pl.DataFrame(schema=_PARTS)


def _sorted_parts(found: list[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(
        [one.select(pl.col(k).cast(v) for k, v in _PARTS.items()) for one in found]
    ).sort("trade_date", "slice", "bucket")


def fell(
    parts_of_days: pl.DataFrame,
    since: date,
    evening: date,
    history: timedelta = timedelta(days=730),
    at_most: int = 3,
) -> list[str]:
    """Which parts fell most from the days before `since` to those from then on, as known on
    `evening`: in words, the largest fall first, at most `at_most`. Parts that rose are not named.

    A fall is told with its distance in standard errors, overlap counted where there are days
    enough. A part that is not there on a day added nothing to it.
    """
    there = parts_of_days.filter(
        pl.col("known_date") <= evening, pl.col("trade_date") >= since - history
    )
    told = []
    days = there["trade_date"].unique().sort()
    for (name, bucket), own in there.group_by("slice", "bucket", maintain_order=True):
        daily = (
            pl.DataFrame({"trade_date": days})
            .join(own.select("trade_date", "part"), on="trade_date", how="left")
            .sort("trade_date")
            .with_columns(pl.col("part").fill_null(0.0))
        )
        after = daily.filter(pl.col("trade_date") >= since)["part"].to_numpy()
        before = daily.filter(pl.col("trade_date") < since)["part"].to_numpy()
        if not before.size or not after.size:
            continue
        old, new = float(before.mean()), float(after.mean())
        if new >= old:
            continue
        usual = long_run(before)
        error = usual.deviation * (1 / before.size + 1 / after.size) ** 0.5
        sure = f", {(old - new) / error:.1f} standard errors" if error > 0 else ""
        told.append((old - new, f"{name} {bucket}: {old:+.4f} before, {new:+.4f} since{sure}"))
    told.sort(key=lambda one: (-one[0], one[1]))
    return [text for _, text in told[:at_most]]
