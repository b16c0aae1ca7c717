"""A day that is unlike the days before it: missing shares, volumes, the look of a day's scores.

Belongs here: how far a day may be from usual ones at a chosen rate of false alarms, weekdays and
holidays counted. Not here: what is counted (`volumes.py`, `evening.py`), means that fall slowly
(`sequential.py`).

A day is compared with the median of the days before it, and with what days of its type differ by.
What distance rings follows from the tail of earlier distances: the largest tenth, either side, is
continued as an exponential and as a power, both by its smaller three quarters, which a few broken
days do not move; a third of the way from the power to the exponential, in logarithms, it rings. It
is never less than counting noise allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from scipy.special import ndtri

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import (
    CUTOFF,
    all_trading_days,
    day_number,
    early_closes,
    sifma_days,
)
from bondsig_assets.learning.statistics import medians, middle
from bondsig_assets.monitoring.catalogue import BY_NAME
from bondsig_assets.monitoring.settings import DataSettings
from bondsig_assets.tables.monitoring import MONITORS

#: What a series of days is: `value` in its own unit, `level` the same on a scale (SCALES) on which
#: days differ alike, `noise` the standard deviation of counting on that scale, 0 where nothing is
#: counted, `is_flat` whether the day rings whatever was usual.
DAY_SERIES = {
    "monitor": pl.String,
    "trade_date": pl.Date,
    "scale": pl.String,
    "value": pl.Float64,
    "level": pl.Float64,
    "noise": pl.Float64,
    "is_flat": pl.Boolean,
}
#: Types of days after the five weekdays.
EARLY, BOND_MARKET_CLOSED, BESIDE_HOLIDAY = 5, 6, 7
_N_TYPES = 8
#: Fewer earlier days of a type do not say what it is like, and the day is not judged.
_LEAST_OF_TYPE = 3
#: Days whose median count says how exactly a day's can be counted.
_COUNTED_DAYS = 21
#: Part of earlier days, either side, that makes a tail.
_TAIL = 0.1
#: Part of the tail that is looked at, its smaller values.
_OF_TAIL = 0.75


def shares(n: str, of: str) -> list[pl.Expr]:
    """Columns of DAY_SERIES of a share: column `n` of column `of`; null where nothing could be
    counted.

    Its level is the angle asin √p, whose counting noise is 1/(2 √of) whatever the share (Bartlett
    1936; nearer to 0 and 1 it is less).
    """
    some = pl.col(of) > 0
    angle = (pl.col(n) / pl.col(of)).sqrt().arcsin()
    return [
        pl.lit("share").alias("scale"),
        pl.when(some).then(pl.col(n) / pl.col(of)).alias("value"),
        pl.when(some).then(angle).alias("level"),
        pl.when(some).then(0.5 / pl.col(of).sqrt()).alias("noise"),
    ]


def counts(n: str) -> list[pl.Expr]:
    """Columns of DAY_SERIES of a count: column `n` of days in order, its level log(1 + n). The
    noise is 1/√n of the days before, for of the day's own count a stop would be within it.
    """
    number = pl.col(n).cast(pl.Float64)
    usual = number.shift(1).rolling_median(_COUNTED_DAYS, min_samples=1)
    return [
        pl.lit("count").alias("scale"),
        number.alias("value"),
        number.log1p().alias("level"),
        (1 / (usual + 1).sqrt()).fill_null(1.0).alias("noise"),
    ]


def positive(name: str) -> list[pl.Expr]:
    """Columns of DAY_SERIES of a figure above 0: column `name`, its level the logarithm, null at
    0.
    """
    value = pl.col(name).cast(pl.Float64)
    return [
        pl.lit("log").alias("scale"),
        value.alias("value"),
        pl.when(value > 0).then(value.log()).alias("level"),
        pl.lit(0.0).alias("noise"),
    ]


def back(level: pl.Expr, scale: pl.Expr) -> pl.Expr:
    """A level in the series' own unit again."""
    return (
        pl.when(scale == "share")
        .then(level.sin() ** 2)
        .when(scale == "count")
        .then(level.exp() - 1)
        .otherwise(level.exp())
    )


def day_types(days: np.ndarray) -> Ints:
    """Type of each trading day [day]: its weekday from 0 for Monday, or EARLY (stock exchange or
    bonds close early), BOND_MARKET_CLOSED, BESIDE_HOLIDAY (a weekday before or after is no trading
    day).
    """
    of_calendar = _types()
    number = np.searchsorted(all_trading_days(), days.astype("datetime64[D]"))
    found: Ints = of_calendar[np.minimum(number, of_calendar.size - 1)]
    return found


def _types() -> Ints:
    days = all_trading_days()
    weekday = (days.astype(np.int64) + 3) % 7
    # From a weekday to the next one: Friday to Monday is three days.
    step = np.where(weekday[:-1] == 4, 3, 1)
    is_gap = np.diff(days).astype(np.int64) != step
    beside = np.append(is_gap, False) | np.insert(is_gap, 0, False)
    early = np.isin(
        days,
        np.array([*early_closes("nyse"), *early_closes("sifma")], dtype="datetime64[D]"),
    )
    closed = ~np.isin(days, sifma_days())
    found: Ints = np.select(
        [closed, early, beside], [BOND_MARKET_CLOSED, EARLY, BESIDE_HOLIDAY], weekday
    )
    return found


@dataclass(frozen=True)
class Jumps:
    """Each judged day against those before it, [day, series]: `usual` level, `spread` of earlier
    distances (1.4826 times their median), signed `distance`, `edge` at which it rings on either
    side; NaN where it is not judged. `n_days` of history.
    """

    usual: Floats
    spread: Floats
    distance: Floats
    edge: Floats
    n_days: Ints


def jumps(
    levels: Floats,
    noise: Floats,
    types: Ints,
    wanted: Ints,
    run_lengths: Floats,
    settings: DataSettings,
) -> Jumps:
    """Judge the rows `wanted` of `levels` [trading day, series], NaN where there is none.

    `noise` [trading day, series], `types` [trading day], `run_lengths` [series] mean days between
    false alarms, both sides together. A row rests on the `history_days` + `level_days` before it.
    """
    usual = _trailing_median(levels, settings.level_days)
    gaps = levels - usual
    shape = (wanted.size, levels.shape[1])
    center, spread, distance, edge = (np.full(shape, np.nan) for _ in range(4))
    counted = np.zeros(shape, dtype=np.int64)
    p = np.clip(1 / run_lengths, 1e-12, _TAIL)
    for k, row in enumerate(wanted):
        past = slice(max(row - settings.history_days, 0), row)
        effects = _effects(gaps[past], types[past])
        effect = effects[types[row]]
        earlier = gaps[past] - np.nan_to_num(effects)[types[past]]
        counted[k] = np.isfinite(earlier).sum(axis=0)
        center[k] = usual[row] + effect
        distance[k] = gaps[row] - effect
        sizes = np.sort(np.abs(earlier), axis=0)
        spread[k] = 1.4826 * middle(sizes, counted[k])
        edge[k] = np.maximum(_tail(sizes, counted[k], p), -ndtri(p / 2) * noise[row])
    judged = (counted >= settings.minimum_history_days) & np.isfinite(distance)
    center, spread, distance, edge = (
        np.where(judged, part, np.nan) for part in (center, spread, distance, edge)
    )
    return Jumps(center, spread, distance, edge, counted)


def _trailing_median(levels: Floats, days: int) -> Floats:
    """Median of the `days` before each row, NaN with fewer than half of them, [row, series]."""
    before = np.vstack([np.full((days, levels.shape[1]), np.nan), levels[:-1]])
    if not levels.size:
        return np.full(levels.shape, np.nan)
    windows = sliding_window_view(before, days, axis=0)[: levels.shape[0]]
    ordered = np.sort(windows, axis=2)
    n = np.isfinite(windows).sum(axis=2)
    return np.where(2 * n >= days, middle(np.moveaxis(ordered, 2, 0), n), np.nan)


def _effects(gaps: Floats, types: Ints) -> Floats:
    """Median gap of the days of each type, [type, series], NaN with fewer than _LEAST_OF_TYPE."""
    out = np.full((_N_TYPES, gaps.shape[1]), np.nan)
    for one in range(_N_TYPES):
        own = gaps[types == one]
        enough = np.isfinite(own).sum(axis=0) >= _LEAST_OF_TYPE
        out[one] = np.where(enough, medians(own), np.nan)
    return out


def _tail(sizes: Floats, n: Ints, p: Floats) -> Floats:
    """The size that a day passes with probability `p` [series], by the largest _TAIL of the first
    `n` [series] of sorted `sizes` [place, series]: the exponential, or nearer to the power where
    that reaches farther.

    Mean excess and mean log excess of the smaller _OF_TAIL of them, the others counted as at least
    as large (the likelihood of an exponential that is censored): days that were broken are there.
    """
    if not sizes.shape[0]:
        return np.full(p.shape, np.nan)
    m = np.maximum((_TAIL * n).astype(np.int64), 1)
    r = np.ceil(_OF_TAIL * m).astype(np.int64)
    # The m largest, and the one below them, where the tail begins: largest first.
    largest = min(int(m.max(initial=1)) + 1, sizes.shape[0])
    ranks = np.arange(largest)[:, None]
    at = n[None] - 1 - ranks
    ordered = np.where(at >= 0, np.take_along_axis(sizes, np.maximum(at, 0), axis=0), -np.inf)
    begin = np.take_along_axis(ordered, np.minimum(m, largest - 1)[None], axis=0)[0]
    weight = (ranks < m) & (ranks >= m - r)
    weight = weight + np.where(ranks == m - r, m - r, 0)
    times = np.log(_TAIL / p)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        excess, log_excess = (
            np.where(weight > 0, weight * part, 0.0).sum(axis=0) / r
            for part in (ordered - begin, np.log(ordered / begin))
        )
        exponential = begin + excess * times
        power = np.where(begin > 0, begin * np.exp(log_excess * times), -np.inf)
        between = np.where(power > exponential, np.cbrt(exponential * power * power), exponential)
    found: Floats = np.where(n > 1, between, np.nan)
    return found


def judge_days(
    series: pl.DataFrame,
    days: Sequence[date],
    run_lengths: Mapping[str, float],
    settings: DataSettings,
) -> pl.DataFrame:
    """Rows of `monitors` for the evenings `days` of every jump that `run_lengths` watches.

    `series` (DAY_SERIES) reaches back `history_days` + `level_days` + 1 trading days before the
    first of `days`: what is older moves nothing. A name that is watched and not in it has no value,
    so every series goes into one call. A day rings if it is beyond the edge and the day
    before was not on that side; while it stays there it is `watch`. A flat day rings whatever was
    usual, the first of a run.
    """
    names = [name for name in run_lengths if _watched(name)]
    evenings = sorted(days)
    if not names or not evenings:
        return MONITORS.empty()
    reach = settings.history_days + settings.level_days + 1
    numbers = day_number(pl.Series(evenings, dtype=pl.Date)).to_numpy()
    first = max(int(numbers[0]) - reach, 0)
    calendar = all_trading_days()[first : int(numbers[-1]) + 1]
    levels, values, noise, flat = (
        _matrix(series, calendar, names, column)
        for column in ("level", "value", "noise", "is_flat")
    )
    rows = numbers - first
    # The day before each, to know whether a run goes on.
    wanted = np.unique(np.concatenate([rows, np.maximum(rows - 1, 0)]))
    types = day_types(calendar)
    found = jumps(
        levels,
        np.nan_to_num(noise),
        types,
        wanted,
        np.array([run_lengths[name] for name in names]),
        settings,
    )
    side = np.where(np.abs(found.distance) >= found.edge, np.sign(found.distance), 0.0)
    at = np.searchsorted(wanted, rows)
    before = np.searchsorted(wanted, np.maximum(rows - 1, 0))
    is_flat, was_flat = flat[rows] == 1, (flat[np.maximum(rows - 1, 0)] == 1) & (rows > 0)[:, None]
    beyond = side[at] != 0
    rings = (beyond & (side[at] != side[before])) | (is_flat & ~was_flat)
    scales = dict(series.select("monitor", "scale").drop_nulls().unique("monitor").iter_rows())
    return _monitor_rows(
        names,
        [scales.get(name) for name in names],
        evenings,
        found,
        at,
        values[rows],
        levels[rows],
        rings,
        beyond | is_flat,
        run_lengths,
    )


def _watched(name: str) -> bool:
    head = name.split(".")[0]
    return head in BY_NAME and BY_NAME[head].how == "jump"


def _matrix(series: pl.DataFrame, calendar: np.ndarray, names: list[str], column: str) -> Floats:
    """One column of the series [trading day, name], NaN where there is none."""
    grid = pl.DataFrame({"trade_date": pl.Series(calendar, dtype=pl.Date)})
    own = series.filter(pl.col("monitor").is_in(names)).select(
        "monitor", "trade_date", pl.col(column).cast(pl.Float64).alias("_value")
    )
    wide = grid.join(
        own.pivot("monitor", index="trade_date", values="_value"),
        on="trade_date",
        how="left",
        maintain_order="left",
    )
    out = np.full((calendar.size, len(names)), np.nan)
    for k, name in enumerate(names):
        if name in wide.columns:
            out[:, k] = wide[name].fill_null(np.nan).to_numpy()
    return np.where(np.isfinite(out), out, np.nan)


def _monitor_rows(
    names: list[str],
    scales: list[str | None],
    evenings: Sequence[date],
    found: Jumps,
    at: Ints,
    values: Floats,
    levels: Floats,
    rings: Bools,
    beyond: Bools,
    run_lengths: Mapping[str, float],
) -> pl.DataFrame:
    n = len(names)
    spread = found.spread[at]
    # What never moved has no spread; its edge is the unit then.
    unit = np.where(spread > 0, spread, found.edge[at])
    figures = {
        "value": values,
        "usual_level": found.usual[at],
        "deviation": spread,
        "statistic": np.abs(found.distance[at]) / unit,
        "threshold": found.edge[at] / unit,
    }
    days = pl.Series(evenings, dtype=pl.Date)
    frame = pl.DataFrame(
        {
            "trade_date": days.gather(np.repeat(np.arange(len(evenings)), n)),
            "monitor": names * len(evenings),
            "scale": pl.Series(scales * len(evenings), dtype=pl.String),
            **{name: pl.Series(part.ravel()).fill_nan(None) for name, part in figures.items()},
            "n_days": found.n_days[at].ravel(),
            "is_alarm": rings.ravel(),
            "is_beyond": beyond.ravel(),
            "has_level": np.isfinite(levels).ravel(),
        }
    )
    head = pl.col("monitor").str.split(".").list.first()
    families = {one.name: one.family for one in BY_NAME.values()}
    return MONITORS.conform(
        frame.with_columns(
            family=head.replace_strict(families, return_dtype=pl.String),
            state=pl.when("is_alarm")
            .then(pl.lit("alarm"))
            .when(~pl.col("has_level"))
            .then(pl.lit("no_value"))
            .when("is_beyond")
            .then(pl.lit("watch"))
            .when(pl.col("threshold").is_null())
            .then(pl.lit("waiting"))
            .otherwise(pl.lit("quiet")),
            value_date=pl.when(pl.col("value").is_not_null()).then("trade_date"),
            expected=back(pl.col("usual_level"), pl.col("scale")),
            looked_for=pl.lit(None, pl.Float64),
            since_date=pl.when("is_beyond").then("trade_date"),
            run_length_days=pl.col("monitor").replace_strict(
                dict(run_lengths), return_dtype=pl.Float64
            ),
            delay_days=pl.lit(0.0),
            expected_false_alarms=pl.lit(None, pl.Float64),
            last_alarm_date=pl.when("is_alarm").then("trade_date"),
            known_at=pl.col("trade_date").dt.combine(CUTOFF),
        )
        .select(MONITORS.column_names)
        .sort("trade_date", "monitor")
    )
