"""How good predictions were: daily ICs by size and by rank, what a model adds, Newey-West t, hit
rates, decile spreads, what a book of scores earns; by horizon and slice.

Belongs here: predictions against labels, and what the market is cut by. Not here: formulas
(`statistics.py`), probabilities (`probability.py`) and their tails (`tails.py`), rules on them
(`thresholds.py`), what stocks did after news (`event_study.py`), luck of the search
(`overfitting.py`), plots and pages (`reporting/`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.calendar import day_number
from bondsig_assets.learning.inputs import normal_scores
from bondsig_assets.learning.models.catalogue import CONTROL, ENSEMBLE
from bondsig_assets.learning.statistics import (
    book_weights,
    correlation_within,
    hit_rate,
    lags_of,
    newey_west,
    offsets_t_statistic,
    outer_weights,
    ranked,
    residual_within,
)
from bondsig_assets.machine import cores
from bondsig_assets.market_rules import HIGH_YIELD_RATING, MINIMUM_NAMES
from bondsig_assets.tables.learning import EVALUATIONS, INFORMATION_COEFFICIENTS

#: As MINIMUM_NAMES, within a sector, a rating, a size or an earnings bucket.
MINIMUM_NAMES_OF_SLICE = 8
#: z(0.975) + z(0.80): an effect this many standard errors large is found four times in five.
DETECTABLE = 2.80
#: Ending of the name under which stands what a model adds to the control.
OVER = "_over_equity"
#: Trading days on either side of a filing that count as near it.
EARNINGS_DAYS = 5
#: Predictions smaller than this, in own volatilities over the horizon, say nothing: the tied rank
#: IC has them share a rank.
SMALL = 0.09
#: Parts of the day's order that a hit rate and a spread look at.
FIFTH, TENTH = 0.2, 0.1
_KEYS = ["trade_date", "parent_id"]
T = TypeVar("T")
_DAILY = {
    "trade_date": pl.Date,
    "bucket": pl.String,
    "model_name": pl.String,
    "information_coefficient": pl.Float64,
    "size_weighted_ic": pl.Float64,
    "tied_rank_ic": pl.Float64,
    "n_issuers": pl.Int64,
    "spread": pl.Float64,
    "hits": pl.Int64,
    "hits_of": pl.Int64,
    "squared_error": pl.Float64,
    "squared_score": pl.Float64,
    "book_return": pl.Float64,
    "is_flat": pl.Boolean,
}


def daily_ic(
    predictions: pl.DataFrame, labels: pl.DataFrame, control: str = CONTROL
) -> pl.DataFrame:
    """Rows of `information_coefficients` for every horizon in `labels` (as `known_labels` gives
    them).

    The headline is size_weighted_ic: the day's correlation of the label's normal score with the
    prediction, whose size counts, and for `<model>_over_equity` with what the control's prediction
    leaves of it (not of its rank: residuals of ranks break ties with the control's noise).
    tied_rank_ic is Spearman's of the same, what is smaller than SMALL tied at 0.

    Per day and model the Spearman correlation of prediction and label over at least MINIMUM_NAMES
    issuers; and for every model but the `control`, `<model>_over_equity`: the correlation of the
    label with the part of the prediction's rank that the control's rank does not explain that day.
    A model is judged on the issuers that have its prediction and, on days when the control spoke of
    at least MINIMUM_NAMES, the control's: another model's silence changes nothing, and both rows of
    a model rest on the same issuers. Where nothing is left to rank (predictions all equal, or a
    model with the control's ranks) the IC is 0: no information is a verdict, not a day off. A day
    of equal labels is left out.
    """
    return _ics(_judged_days(predictions, labels, control))


def evaluations(
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    attributes: pl.DataFrame | None = None,
    horizon: int = 5,
    control: str = CONTROL,
) -> pl.DataFrame:
    """Rows of `evaluations`: every model over all days at every horizon, and by slice at the
    trained `horizon`.

    `labels` as `known_labels` gives them. `attributes`: see the function of that name; without it
    the only slice is the year. Within a slice an issuer's rank is that among the issuers of its
    bucket, of which there are at least MINIMUM_NAMES_OF_SLICE that day; what is ranked for
    `<model>_over_equity` is the residual from the whole market. The year is a cut of the days,
    whose cross-sections stay whole. Not judged (no row) with fewer days than lags + 2 or a standard
    error of zero.

    The book holds every issuer in proportion to the size of its prediction (for
    `<model>_over_equity` of what the control leaves of it) less the day's mean, a dollar long and
    one short, and earns simple returns beyond the sector ETF's (`simple_excess_pct` of the labels;
    without that column nothing is said of it): money adds up over names in simple returns, and
    books that lean on volatile names earn in logs what nobody can spend.
    """
    return _evaluations(_judged_days(predictions, labels, control), attributes, horizon)


def daily_ic_and_evaluations(
    predictions: pl.DataFrame,
    labels: pl.DataFrame,
    attributes: pl.DataFrame | None = None,
    horizon: int = 5,
    control: str = CONTROL,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What `daily_ic` and `evaluations` return, days judged once for both."""
    judged = _judged_days(predictions, labels, control)
    return _ics(judged), _evaluations(judged, attributes, horizon)


def _judged_days(
    predictions: pl.DataFrame, labels: pl.DataFrame, control: str
) -> dict[int, tuple[_Panel, pl.DataFrame]]:
    """Panel and `_daily` of each horizon in `labels`."""
    wide = _side_by_side(predictions)
    panels = {
        horizon: _panel(wide, labels, horizon, control)
        for horizon in labels["horizon_days"].unique().sort().to_list()
    }
    of_panels = _together(_daily, panels.values())
    return {
        horizon: (panel, daily)
        for (horizon, panel), daily in zip(panels.items(), of_panels, strict=True)
    }


def _ics(judged: Mapping[int, tuple[_Panel, pl.DataFrame]]) -> pl.DataFrame:
    parts = [
        daily.select(
            "trade_date",
            "model_name",
            pl.lit(horizon, dtype=pl.Int64).alias("horizon_days"),
            "information_coefficient",
            "size_weighted_ic",
            "tied_rank_ic",
            "n_issuers",
        )
        for horizon, (_, daily) in judged.items()
    ]
    return pl.concat([INFORMATION_COEFFICIENTS.empty(), *parts]).sort(INFORMATION_COEFFICIENTS.key)


def _evaluations(
    judged: Mapping[int, tuple[_Panel, pl.DataFrame]],
    attributes: pl.DataFrame | None,
    horizon: int,
) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for h, (panel, daily) in judged.items():
        rows += _summaries(daily, h, "all")
        if h == horizon:
            rows += _summaries(
                daily.with_columns(bucket=pl.col("trade_date").dt.year().cast(pl.String)), h, "year"
            )
            slices = _slices(panel, attributes)
            of_slices = _together(partial(_daily, panel), slices.values())
            for name, of_slice in zip(slices, of_slices, strict=True):
                rows += _summaries(of_slice, h, name)
    return pl.DataFrame(rows, schema=EVALUATIONS.polars_schema, orient="row").sort(EVALUATIONS.key)


def attributes(issuer_days: pl.DataFrame, filings: pl.DataFrame) -> pl.DataFrame:
    """What the market is cut by: `parent_id, trade_date, sector, rating, size, earnings` of each
    issuer day.

    rating: investment_grade up to BBB-, high_yield from BB+ (rating_number 11), unrated. size:
    small, middle, large, the terciles of the day's market capitalisations, null without one.
    earnings: near within EARNINGS_DAYS trading days before or after a filing became known, else
    away; unknown for a parent without any. `filings`: parent_id and known_at of each row of
    `fundamentals`. Days before a filing are known in hindsight only: this frame judges, nothing may
    be trained on it.
    """
    third = 3 * (pl.col("log_market_cap").rank() - 0.5) / pl.col("log_market_cap").count()
    place = third.over("trade_date")
    return issuer_days.select(
        "parent_id",
        "trade_date",
        "sector",
        rating=pl.when(pl.col("rating_number").is_null())
        .then(pl.lit("unrated"))
        .when(pl.col("rating_number") >= HIGH_YIELD_RATING)
        .then(pl.lit("high_yield"))
        .otherwise(pl.lit("investment_grade")),
        size=pl.when(place < 1)
        .then(pl.lit("small"))
        .when(place < 2)
        .then(pl.lit("middle"))
        .when(place.is_not_null())
        .then(pl.lit("large")),
        earnings=_near_filing(issuer_days, filings),
    )


def _near_filing(issuer_days: pl.DataFrame, filings: pl.DataFrame) -> pl.Series:
    """`near`, `away` or `unknown` for each row of `issuer_days`."""
    known = filings.select("parent_id", "known_at").drop_nulls()
    codes = (
        pl.concat([known["parent_id"], issuer_days["parent_id"]])
        .rank("dense")
        .cast(pl.Int64)
        .to_numpy()
    )
    # Parents are further apart on this line than any two trading days, so a neighbour within reach
    # is the same parent's.
    parents = codes * 100_000
    filed = np.sort(parents[: known.height] + day_number(known["known_at"].dt.date()).to_numpy())
    days = parents[known.height :] + day_number(issuer_days["trade_date"]).to_numpy()
    line = np.concatenate([[-(10**9)], filed, [10**18]])
    after = np.searchsorted(line, days)
    near = np.minimum(line[after] - days, days - line[after - 1]) <= EARNINGS_DAYS
    has_filed = issuer_days["parent_id"].is_in(known["parent_id"].unique().to_list()).to_numpy()
    return pl.Series(
        "earnings", np.where(near, "near", np.where(has_filed, "away", "unknown")), dtype=pl.String
    )


def _together(function: Callable[[T], pl.DataFrame], items: Iterable[T]) -> list[pl.DataFrame]:
    """`function` of each on threads: sorting whole columns leaves Python to others."""
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(function, items))


@dataclass(frozen=True)
class _Panel:
    """Signals and labels of one horizon, a row per issuer and day, in that order of days and
    parents.

    `signals` [row, name]: a model's prediction or, for `<model>_over_equity`, what the control
    leaves of its rank; NaN where the model is not judged. `sized` [row, name]: the same, but what
    the control leaves of the prediction itself. `score` [row, name]: the label as a
    normal score among the issuers that the model is judged on that day; NaN where it is not.
    `simple` [row]: simple return beyond the ETF's over the label's days, pct; NaN where unknown.
    """

    keys: pl.DataFrame
    label: np.ndarray
    simple: np.ndarray
    score: np.ndarray
    names: list[str]
    signals: np.ndarray
    sized: np.ndarray


def _side_by_side(predictions: pl.DataFrame) -> pl.DataFrame:
    """A column of predictions per model, null where it has none."""
    known = predictions.select(*_KEYS, "model_name", pl.col("prediction").fill_nan(None))
    return known.pivot("model_name", index=_KEYS, values="prediction", sort_columns=True)


def _panel(wide: pl.DataFrame, labels: pl.DataFrame, horizon: int, control: str) -> _Panel:
    models = [name for name in wide.columns if name not in _KEYS]
    known = labels.filter(pl.col("horizon_days") == horizon, pl.col("label_pct").is_finite())
    if "simple_excess_pct" not in known.columns:
        known = known.with_columns(simple_excess_pct=pl.lit(None, pl.Float64))
    rows = wide.join(
        known.select(*_KEYS, _label="label_pct", _simple=pl.col("simple_excess_pct")), on=_KEYS
    ).sort(_KEYS)
    day = rows["trade_date"].rle_id().to_numpy()
    values = (
        rows.select(pl.col(models).cast(pl.Float64).fill_null(np.nan))
        .to_numpy()
        .astype(np.float64)
        .reshape(rows.height, len(models))
    )
    names = list(models)
    at = models.index(control) if control in models else None
    if at is not None:
        present = np.isfinite(values[:, at])
        spoken = np.bincount(day, present) >= MINIMUM_NAMES
        values[spoken[day] & ~present] = np.nan
    values[_counts(np.isfinite(values), day)[day] < MINIMUM_NAMES] = np.nan
    sized = values
    if at is not None:
        others = [k for k in range(len(models)) if k != at]
        names += [models[k] + OVER for k in others]
        sized = np.column_stack([values, _left_of_size(values[:, others], values[:, at], day)])
        values = np.column_stack([values, _unexplained(values[:, others], values[:, at], day)])
    return _Panel(
        rows.select(_KEYS),
        rows["_label"].to_numpy(),
        rows["_simple"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        _scores(rows, values),
        names,
        values,
        sized,
    )


def _left_of_size(values: np.ndarray, control: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Residual of each column on the control's predictions within each day, NaN where either is
    missing.
    """
    out = np.full(values.shape, np.nan)
    for rows, columns in _same_rows(np.where(np.isfinite(control)[:, None], values, np.nan)):
        _, group = np.unique(day[rows], return_inverse=True)
        for column in columns:
            out[rows, column] = residual_within(values[rows, column], control[rows], group)
    return out


def _scores(rows: pl.DataFrame, signals: np.ndarray) -> np.ndarray:
    """Normal score of each row's label among the rows of its day that have each signal, [row,
    column], NaN where there is none.
    """
    out = np.full(signals.shape, np.nan)
    for chosen, columns in _same_rows(signals):
        out[np.ix_(chosen, columns)] = normal_scores(
            rows["trade_date"][chosen], rows["_label"][chosen]
        )[:, None]
    return out


def _counts(present: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Number of values that are there, [day, column]; `day` ascending from 0."""
    return (
        _sums(present.astype(np.int64), day)
        if day.size
        else np.empty((0, present.shape[1]), dtype=np.int64)
    )


def _sums(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Sum over the rows of each group, [group, …]; `group` ascending from 0 without gaps, not
    empty.
    """
    return np.add.reduceat(values, np.flatnonzero(np.diff(group, prepend=-1)), axis=0)


def _same_rows(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Columns of `values` grouped by where they are finite: (rows, columns). Columns without a
    value are left out.
    """
    alike: dict[bytes, list[int]] = {}
    present = np.isfinite(values)
    for column in range(values.shape[1]):
        alike.setdefault(np.packbits(present[:, column]).tobytes(), []).append(column)
    for columns in alike.values():
        rows = np.flatnonzero(present[:, columns[0]])
        if rows.size:
            yield rows, np.array(columns)


def _unexplained(values: np.ndarray, control: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Residual of each column's rank on the control's rank within each day, NaN where either is
    missing.
    """
    out = np.full(values.shape, np.nan)
    for rows, columns in _same_rows(np.where(np.isfinite(control)[:, None], values, np.nan)):
        _, group = np.unique(day[rows], return_inverse=True)
        x, y = (
            _centered(control[rows, None], group),
            _centered(values[np.ix_(rows, columns)], group),
        )
        spread = _sums(x * x, group)
        slope = np.divide(
            _sums(x * y, group),
            spread,
            out=np.zeros((spread.shape[0], len(columns))),
            where=spread > 0,
        )
        # Rounded, or the residual of a model with the control's ranks would be noise of the
        # arithmetic, and be ranked.
        out[np.ix_(rows, columns)] = np.round(y - slope[group] * x, 9)
    return out


def _centered(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Twice the average rank less its mean: whole numbers, so that sums are exact in any order of
    rows.
    """
    lowest, highest = ranked(values, group)
    centered: np.ndarray = lowest + highest - (np.bincount(group)[group, None] + 1)
    return centered


def _slices(panel: _Panel, given: pl.DataFrame | None) -> dict[str, pl.Series]:
    """Bucket of each row of the panel in every slice, null for rows that `given` does not place."""
    if given is None:
        return {}
    names = ["sector", "rating", "size", "earnings"]
    placed = panel.keys.join(
        given.select(*_KEYS, *names), on=_KEYS, how="left", maintain_order="left"
    )
    return {name: placed[name] for name in names}


def _daily(panel: _Panel, buckets: pl.Series | None = None) -> pl.DataFrame:
    """What each model was worth on each day, within each bucket where `buckets` names them.

    Columns: trade_date, bucket, model_name, information_coefficient, n_issuers, spread (top tenth
    less bottom tenth, pct), hits and hits_of (outer fifths, labels of zero left out), squared_error
    (NaN where the signal is no prediction of the label's score), squared_score, book_return
    (simple, pct; NaN where one of the issuers' is unknown) and is_flat (all signals the same).
    """
    signals, minimum = panel.signals, MINIMUM_NAMES
    if buckets is not None:
        signals, minimum = (
            np.where(buckets.is_not_null().to_numpy()[:, None], signals, np.nan),
            MINIMUM_NAMES_OF_SLICE,
        )
    keys = panel.keys.select("trade_date", bucket=pl.lit("all") if buckets is None else buckets)
    parts = [
        _daily_of(panel, signals, keys, rows, columns, minimum)
        for rows, columns in _same_rows(signals)
    ]
    return pl.concat([pl.DataFrame(schema=_DAILY), *parts]).filter(
        pl.col("information_coefficient").is_finite()
    )


def _daily_of(
    panel: _Panel,
    signals: np.ndarray,
    keys: pl.DataFrame,
    rows: np.ndarray,
    columns: np.ndarray,
    minimum: int,
) -> pl.DataFrame:
    """`_daily` of the columns that are judged on exactly `rows`."""
    placed = (
        keys[rows]
        .with_columns(row=pl.Series(rows))
        .filter(pl.len().over("trade_date", "bucket") >= minimum)
    )
    placed = placed.sort("trade_date", "bucket", "row")
    if placed.is_empty():
        return pl.DataFrame(schema=_DAILY)
    rows, group = (
        placed["row"].to_numpy(),
        placed.select(pl.struct("trade_date", "bucket").rle_id()).to_series().to_numpy(),
    )
    n = np.bincount(group)
    signal, score = signals[np.ix_(rows, columns)], panel.score[np.ix_(rows, columns)]
    label = panel.label[rows, None]
    lowest, highest = ranked(signal, group)
    spread = _spread(label, *outer_weights(lowest, highest, n[group, None], TENTH), group)
    agreement = _predicted_side(lowest, highest, n[group, None]) * np.sign(label).astype(np.int64)
    is_score = np.array(
        [panel.names[k] != ENSEMBLE and not panel.names[k].endswith(OVER) for k in columns]
    )
    sized = panel.sized[np.ix_(rows, columns)]
    tied = np.stack(ranked(np.where(np.abs(sized) < SMALL, 0.0, sized), group)).sum(axis=0)
    each = {
        "information_coefficient": _correlation(
            lowest + highest - (n[group, None] + 1), _centered(label, group), group
        ),
        "size_weighted_ic": np.column_stack(
            [correlation_within(sized[:, k], score[:, k], group) for k in range(len(columns))]
        ),
        "tied_rank_ic": _correlation(tied - (n[group, None] + 1), _centered(label, group), group),
        "n_issuers": np.broadcast_to(n[:, None], spread.shape),
        "spread": spread,
        "hits": _sums((agreement > 0).astype(np.int64), group),
        "hits_of": _sums((agreement != 0).astype(np.int64), group),
        "squared_error": np.where(is_score, _sums((score - signal) ** 2, group), np.nan),
        "squared_score": _sums(score**2, group),
        "book_return": _sums(book_weights(sized, group) * panel.simple[rows, None], group),
        # All share one rank.
        "is_flat": _sums((highest - lowest + 1 == n[group, None]).astype(np.int64), group) > 0,
    }
    first = np.tile(np.flatnonzero(np.diff(group, prepend=-1)), len(columns))
    return pl.DataFrame(
        {
            "trade_date": placed["trade_date"].gather(first),
            "bucket": placed["bucket"].gather(first),
            "model_name": np.repeat([panel.names[k] for k in columns], n.size),
            **{name: values.T.ravel() for name, values in each.items()},
        }
    )


def _correlation(x: np.ndarray, y: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Correlation per group of centred columns `x` with the centred column `y`: 0 where x is
    constant, NaN where y is.
    """
    of_y = _sums(y * y, group)
    product = np.sqrt(_sums(x * x, group).astype(float) * of_y)
    found = np.divide(_sums(x * y, group), product, out=np.zeros(product.shape), where=product > 0)
    return np.where(of_y > 0, np.clip(found, -1.0, 1.0), np.nan)


def _spread(label: Floats, bottom: Floats, top: Floats, group: np.ndarray) -> Floats:
    """Mean label of the top less that of the bottom, [group, column], in the label's unit."""
    spread: Floats = _sums(top * label, group) / _sums(top, group) - _sums(
        bottom * label, group
    ) / _sums(bottom, group)
    return spread


def _predicted_side(lowest: np.ndarray, highest: np.ndarray, n: np.ndarray) -> Ints:
    """+1 in the top fifth, -1 in the bottom fifth, 0 between and where a tie straddles the
    border.
    """
    bottom, top = outer_weights(lowest, highest, n, FIFTH)
    side: Ints = (top == 1).astype(np.int64) - (bottom == 1)
    return side


def _summaries(daily: pl.DataFrame, horizon: int, slice_name: str) -> list[dict[str, Any]]:
    """A row of `evaluations` per model and bucket of `daily` that can be judged."""
    groups = daily.sort("model_name", "bucket", "trade_date").group_by(
        "model_name", "bucket", maintain_order=True
    )
    found = ((model, bucket, _summary(days, horizon)) for (model, bucket), days in groups)
    return [
        {"model_name": model, "horizon_days": horizon, "slice": slice_name, "bucket": bucket}
        | summary
        for model, bucket, summary in found
        if summary is not None
    ]


def _summary(days: pl.DataFrame, horizon: int) -> dict[str, Any] | None:
    """The judgement over `days` of one model, None where there are too few of them or nothing
    varies.
    """
    ics = days["information_coefficient"].to_numpy()
    lags = lags_of(horizon, ics.size)
    mean, error = newey_west(ics, lags)
    if not error > 0:
        return None
    numbers = day_number(days["trade_date"]).to_numpy()
    hits_of = int(days["hits_of"].sum())
    share, low, high = hit_rate(int(days["hits"].sum()), hits_of, horizon)
    spread, spread_error = newey_west(days["spread"].to_numpy(), lags)
    by_size, size_error = newey_west(days["size_weighted_ic"].to_numpy(), lags)
    tied, tied_error = newey_west(days["tied_rank_ic"].to_numpy(), lags)
    earned = days["book_return"].drop_nans().to_numpy()
    book, book_error = newey_west(earned, lags_of(horizon, earned.size))
    unexplained = 1 - float(days["squared_error"].sum()) / float(days["squared_score"].sum())
    return {
        "size_weighted_ic": by_size,
        "size_weighted_t": by_size / size_error if size_error > 0 else None,
        "size_weighted_error": size_error,
        "smallest_detectable_size_weighted_ic": DETECTABLE * size_error,
        "tied_rank_ic": tied,
        "tied_rank_t": tied / tied_error if tied_error > 0 else None,
        "mean_ic": mean,
        "icir": mean / float(ics.std(ddof=1)),
        "t_statistic": mean / error,
        "standard_error": error,
        "smallest_detectable_ic": DETECTABLE * error,
        "offsets_t_statistic": offsets_t_statistic(ics, numbers, horizon),
        "oos_r2_pct": 100 * unexplained if np.isfinite(unexplained) else None,
        "hit_rate": share,
        "hit_rate_low": low,
        "hit_rate_high": high,
        "n_hits_of": hits_of,
        "decile_spread_pct": spread,
        "decile_spread_t": spread / spread_error if spread_error > 0 else None,
        "book_return_pct": book if earned.size else None,
        "book_return_error_pct": book_error if book_error >= 0 else None,
        "book_return_t": book / book_error if book_error > 0 else None,
        "n_days": ics.size,
        "n_flat_days": int(days["is_flat"].sum()),
        "first_date": days["trade_date"][0],
        "last_date": days["trade_date"][-1],
    }
