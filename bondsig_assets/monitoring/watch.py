"""The mean of each daily series followed evening by evening: what stood, and what would have rung.

Belongs here: what a series is held against as known on each evening, and its rows of `monitors` and
`alarms`. Not here: the series (`accuracy.py`, `profit.py`), the detectors (`sequential.py`), jumps
of a single day (`jumps.py`).

History is replayed from the first value a series ever had; the rows of an evening rest on values
that were known by then, so those of a range are those of its days. What is expected of a series is
fixed at the first evening of each calendar quarter, from all values known before it: their mean,
drawn to a prior, and their long-run deviation. After an alarm the detector begins anew, and the
next quarters go by the days since the change, once there are enough of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import CUTOFF, day_number, quarter_of
from bondsig_assets.market_rules import TRADING_DAYS_PER_YEAR
from bondsig_assets.monitoring.catalogue import BY_NAME
from bondsig_assets.monitoring.long_run import LongRun, long_run
from bondsig_assets.monitoring.sequential import (
    Kind,
    State,
    cusum_threshold,
    detect,
    evidence,
    expected_delay,
    simulated_threshold,
)
from bondsig_assets.monitoring.settings import MeanSettings
from bondsig_assets.tables.monitoring import MONITORS

#: What a series is: one row a monitor and day. `shift`: the change that is looked for from that
#: day's value on, where the day itself says how large it would be; null where settings do.
SERIES = {
    "monitor": pl.String,
    "trade_date": pl.Date,
    "known_date": pl.Date,
    "value": pl.Float64,
    "shift": pl.Float64,
}
#: Signals that thresholds are simulated for are a step apart of which a threshold hardly depends.
_GRID = 1.05
#: E|z| of a normal z, and of Student's t with 5 degrees of freedom and a variance of 1: what a
#: right forecast of risk may give.
_HALF_NORMAL, _HALF_STUDENT = (2 / np.pi) ** 0.5, 0.7351
#: What is believed of a Sharpe ratio when a drawdown is judged, at least.
_LEAST_SHARPE = 0.25


@dataclass(frozen=True)
class Expectation:
    """What a series is held against: mean expected, long-run deviation, and the persistence of its
    overlap. NaN while there is too little history. `below`: what the side that looks down is held
    against, where a range is as good as a value.
    """

    before: float
    deviation: float
    persistence: float
    below: float | None = None

    def of_side(self, sign: float) -> float:
        """The mean expected by the side that looks up (`sign` 1) or down (-1)."""
        return self.before if sign > 0 or self.below is None else self.below


def prior_of(monitor: str, settings: MeanSettings) -> tuple[float, float] | None:
    """Mean and standard deviation of what a series is expected to be before it was seen; None where
    the expectation is fixed.
    """
    if monitor in ("profit", "drawdown"):
        root = TRADING_DAYS_PER_YEAR**0.5
        return settings.prior_sharpe / root, settings.prior_sharpe_sd / root
    if monitor in ("ic", "ic_over_equity", "book", "champion_less_control"):
        return settings.prior_ic, settings.prior_ic_sd
    return None


def expectation(monitor: str, seen: LongRun, settings: MeanSettings) -> Expectation:
    """What is expected of a series that was `seen`: the mean by the inverse of its variance and the
    prior by that of its own, never below 0, and for a drawdown a standard error less; 0 where the
    expectation is fixed (for risk E|z| of a normal z, and of one with fat tails from below).
    """
    kept = seen.persistence(BY_NAME[monitor].days) if np.isfinite(seen.deviation) else np.nan
    prior = prior_of(monitor, settings)
    if monitor == "risk":
        return Expectation(_HALF_NORMAL, seen.deviation, kept, below=_HALF_STUDENT)
    if prior is None:
        return Expectation(0.0, seen.deviation, kept)
    weight, of_prior = 1 / np.square(seen.error), 1 / prior[1] ** 2
    mean = float(seen.mean * weight + prior[0] * of_prior) / (weight + of_prior)
    if monitor == "drawdown" and mean > 0:
        # A Sharpe ratio that was believed too high would allow too little.
        least = _LEAST_SHARPE / TRADING_DAYS_PER_YEAR**0.5
        mean = min(max(mean - (weight + of_prior) ** -0.5, least), mean)
    return Expectation(max(float(mean), 0.0), seen.deviation, kept)


def fixed_shift(monitor: str, settings: MeanSettings) -> float | None:
    """The change that is looked for where settings say it; None where it is all that is expected,
    or the day says it.
    """
    return {
        "champion_less_challenger": -settings.challenger_ic,
        "calibration_level": settings.level_shift_pct / 100,
        "risk": _HALF_NORMAL * settings.risk_shift_pct / 100,
    }.get(monitor)


def watch(
    series: pl.DataFrame,
    days: Sequence[date],
    run_lengths: Mapping[str, float],
    settings: MeanSettings,
) -> pl.DataFrame:
    """Rows of `monitors` for the evenings `days`, of every mean that `run_lengths` (mean days
    between false alarms, from `budget.split`) watches; state alarm where it rang that evening.

    `series` (SERIES) reaches back to the first day there is. A value that is not finite is none.
    Nothing that became known after an evening moves its rows.
    """
    watched = [name for name in run_lengths if name in BY_NAME and BY_NAME[name].how == "mean"]
    evenings = sorted(days)
    if not watched or not evenings:
        return MONITORS.empty()
    known = series.filter(
        pl.col("monitor").is_in(watched),
        pl.col("value").is_finite(),
        pl.col("known_date") <= evenings[-1],
    )
    keys = known.select("known_date", "trade_date").unique().sort("known_date", "trade_date")
    sides = [_Side(name, sign) for name in watched for sign in _SIGNS[BY_NAME[name].sides]]
    values, shifts = (_matrix(known, keys, sides, name) for name in ("value", "shift"))
    replay = _replay(keys, values, shifts, sides, run_lengths, settings)
    parts = [
        _rows(name, [k for k, side in enumerate(sides) if side.monitor == name], replay, keys)
        for name in watched
    ]
    rows = pl.concat(parts) if keys.height else pl.DataFrame(schema=_ROW)
    return _of_evenings(rows, evenings, watched, run_lengths)


_SIGNS = {1: (1.0,), 2: (1.0, -1.0)}


@dataclass(frozen=True)
class _Side:
    """One direction in which a monitor looks: the change times `sign`."""

    monitor: str
    sign: float

    @property
    def days(self) -> int:
        """Trading days that neighbouring values share."""
        return BY_NAME[self.monitor].days

    @property
    def is_half(self) -> bool:
        """Half of a monitor's budget, the other side having the rest."""
        return BY_NAME[self.monitor].sides == 2


@dataclass(frozen=True)
class _Replay:
    """What every side went through, [row, side]."""

    value: Floats
    before: Floats
    after: Floats
    deviation: Floats
    threshold: Floats
    delay: Floats
    statistic: Floats
    is_alarm: Bools
    since: Ints
    n_days: Ints


def _matrix(known: pl.DataFrame, keys: pl.DataFrame, sides: list[_Side], column: str) -> Floats:
    """One column of a series [row of `keys`, side], NaN where there is none."""
    out = np.full((keys.height, len(sides)), np.nan)
    for k, side in enumerate(sides):
        own = known.filter(pl.col("monitor") == side.monitor).select(
            "known_date", "trade_date", pl.col(column).cast(pl.Float64).alias("_value")
        )
        placed = keys.join(own, on=["known_date", "trade_date"], how="left", maintain_order="left")
        out[:, k] = placed["_value"].fill_null(np.nan).to_numpy()
    return out


def _replay(
    keys: pl.DataFrame,
    values: Floats,
    shifts: Floats,
    sides: list[_Side],
    run_lengths: Mapping[str, float],
    settings: MeanSettings,
) -> _Replay:
    """Every side from the first row to the last, quarter by quarter of the evenings."""
    shape, n = values.shape, len(sides)
    before, after, deviation, edge, delay, statistic = (np.full(shape, np.nan) for _ in range(6))
    alarm = np.zeros(shape, dtype=bool)
    since, counted = np.full(shape, -1), np.zeros(shape, dtype=np.int64)
    kinds = [_kind(side.monitor, settings) for side in sides]
    states = {kind: State.of(n, kind) for kind in dict.fromkeys(kinds)}
    first, is_renewed = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    held: list[Expectation] = [_NOTHING] * n
    for rows in _quarters(keys):
        for k, side in enumerate(sides):
            past = values[first[k] : rows.start, k]
            if np.isfinite(past).sum() >= settings.minimum_history_days:
                held[k] = expectation(side.monitor, long_run(past, side.days), settings)
                is_renewed[k] = True
            before[rows, k] = held[k].of_side(side.sign)
            deviation[rows, k] = held[k].deviation
            most = _LARGEST_SIGNAL * held[k].deviation
            shift = np.clip(_shift(side, held[k], shifts[rows, k], settings), -most, most)
            after[rows, k] = held[k].of_side(side.sign) + side.sign * shift
            # How large days usually say a change would be, by the days before this quarter.
            told = _shift(side, held[k], shifts[first[k] : rows.start, k], settings)
            usual = min(_median(np.abs(told)) / held[k].deviation, _LARGEST_SIGNAL)
            length = run_lengths[side.monitor] * (2 if side.is_half else 1)
            edge[rows, k] = _threshold(kinds[k], usual, length, held[k].persistence, side, settings)
            delay[rows, k] = expected_delay(kinds[k], usual, float(edge[rows.start, k]))
        for kind, state in states.items():
            own = np.array([k for k in range(n) if kinds[k] == kind])
            steps = np.full((rows.stop - rows.start, n), np.nan)
            steps[:, own] = evidence(
                values[rows, own], before[rows, own], after[rows, own], deviation[rows, own]
            )
            path = detect(steps, edge[rows], kind, state)
            states[kind] = path.end
            statistic[rows, own], alarm[rows, own] = path.statistic[:, own], path.is_alarm[:, own]
            since[rows, own], counted[rows, own] = path.since[:, own], path.n_days[:, own]
            # An alarm that repeats one, by an expectation from before it, dates no new change.
            for k in own[path.is_alarm[:, own].any(axis=0) & is_renewed[own]]:
                row = int(path.is_alarm[:, k].argmax())
                pair = [j for j, side in enumerate(sides) if side.monitor == sides[k].monitor]
                first[pair], is_renewed[pair] = path.since[row, k], False
    shown = np.exp(np.minimum(statistic, _LARGEST_LOG))
    of_roberts = np.array([kind == "shiryaev_roberts" for kind in kinds])
    return _Replay(
        values,
        before,
        after,
        deviation,
        edge,
        delay,
        np.where(of_roberts, shown, statistic),
        alarm,
        since,
        counted,
    )


#: A change of more long-run deviations is looked for as if it were this one: evidence for a larger
#: one hangs on the tail of a single day being normal.
_LARGEST_SIGNAL = 0.5
_NOTHING = Expectation(float("nan"), float("nan"), float("nan"))
_LARGEST_LOG = 700.0


def _quarters(keys: pl.DataFrame) -> list[slice]:
    """Rows of each calendar quarter of evenings, in order."""
    quarter = [quarter_of(day) for day in keys["known_date"]]
    starts = [k for k in range(len(quarter)) if k == 0 or quarter[k] != quarter[k - 1]]
    return [
        slice(a, b) for a, b in zip(starts, [*starts[1:], len(quarter)][: len(starts)], strict=True)
    ]


def _kind(monitor: str, settings: MeanSettings) -> Kind:
    """A drawdown is a CUSUM, whatever watches the others."""
    return "cusum" if monitor == "drawdown" else cast(Kind, settings.detector)


def _shift(side: _Side, held: Expectation, of_days: Floats, settings: MeanSettings) -> Floats:
    """The change looked for, [row], before its sign: to nothing, or of a drawdown to the opposite;
    what settings fix; or what the day says.
    """
    if prior_of(side.monitor, settings) is not None:
        times = 2.0 if side.monitor == "drawdown" else 1.0
        return np.full(of_days.shape, -times * held.before)
    fixed = fixed_shift(side.monitor, settings)
    return of_days if fixed is None else np.full(of_days.shape, fixed)


def _median(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(np.median(there)) if there.size else float("nan")


def _threshold(
    kind: Kind,
    signal: float,
    run_length: float,
    persistence: float,
    side: _Side,
    settings: MeanSettings,
) -> float:
    if not signal > 0:
        return float("nan")
    if settings.threshold == "simulated":
        rounded = _GRID ** round(float(np.log(signal) / np.log(_GRID)))
        return simulated_threshold(
            kind, rounded, float(run_length), round(persistence, 1), side.days
        )
    return float(run_length) if kind == "shiryaev_roberts" else cusum_threshold(signal, run_length)


_ROW = {
    "monitor": pl.String,
    "known_date": pl.Date,
    "value_date": pl.Date,
    "value": pl.Float64,
    "expected": pl.Float64,
    "looked_for": pl.Float64,
    "deviation": pl.Float64,
    "statistic": pl.Float64,
    "threshold": pl.Float64,
    "delay_days": pl.Float64,
    "since_date": pl.Date,
    "n_days": pl.Int64,
    "n_all": pl.Int64,
    "is_alarm": pl.Boolean,
}


def _rows(name: str, own: list[int], replay: _Replay, keys: pl.DataFrame) -> pl.DataFrame:
    """Every row of one monitor that has a value, its side being the one nearer to its threshold."""
    sides = np.array(own)
    seen = np.flatnonzero(np.isfinite(replay.value[:, own[0]]))
    rings = replay.is_alarm[np.ix_(seen, sides)]
    near = replay.statistic[np.ix_(seen, sides)] / replay.threshold[np.ix_(seen, sides)]
    column = sides[np.where(rings, np.inf, np.nan_to_num(near, nan=-1.0)).argmax(axis=1)]
    # A statistic that no evidence has touched yet says nothing.
    said = np.isfinite(replay.deviation[seen, column])
    since = replay.since[seen, column]
    dates = keys["trade_date"].to_numpy()
    begun = np.where(since >= 0, dates[np.maximum(since, 0)], np.datetime64("NaT"))
    waits = (day_number(keys["known_date"]).to_numpy() - day_number(keys["trade_date"]).to_numpy())[
        seen
    ]
    figures = {
        "value": replay.value[seen, own[0]],
        "expected": replay.before[seen, column],
        "looked_for": replay.after[seen, column],
        "deviation": replay.deviation[seen, column],
        "statistic": np.where(said, replay.statistic[seen, column], np.nan),
        "threshold": replay.threshold[seen, column],
        "delay_days": replay.delay[seen, column] + waits,
    }
    return pl.DataFrame(
        {
            "monitor": [name] * seen.size,
            "known_date": keys["known_date"].gather(seen),
            "value_date": keys["trade_date"].gather(seen),
            **{label: pl.Series(column).fill_nan(None) for label, column in figures.items()},
            "since_date": pl.Series(begun.astype("datetime64[D]"), dtype=pl.Date),
            "n_days": replay.n_days[seen, column],
            "n_all": np.cumsum(said & np.isfinite(replay.threshold[seen, column])),
            "is_alarm": rings.any(axis=1),
        },
        schema=_ROW,
    )


def _of_evenings(
    rows: pl.DataFrame,
    evenings: Sequence[date],
    watched: Sequence[str],
    run_lengths: Mapping[str, float],
) -> pl.DataFrame:
    """The row of each evening and monitor: the alarm where there was one, else the newest."""
    ranked = rows.sort("monitor", "known_date", "is_alarm", "value_date").unique(
        ["monitor", "known_date"], keep="last", maintain_order=True
    )
    ranked = ranked.with_columns(
        last_alarm_date=pl.when("is_alarm").then("known_date").forward_fill().over("monitor")
    )
    grid = pl.DataFrame({"trade_date": pl.Series(evenings, dtype=pl.Date)}).join(
        pl.DataFrame({"monitor": list(watched)}, schema={"monitor": pl.String}), how="cross"
    )
    found = grid.sort("trade_date").join_asof(
        ranked.sort("known_date"),
        left_on="trade_date",
        right_on="known_date",
        by="monitor",
        check_sortedness=False,
    )
    families = {name: BY_NAME[name].family for name in watched}
    is_today = pl.col("known_date") == pl.col("trade_date")
    return MONITORS.conform(
        found.with_columns(
            family=pl.col("monitor").replace_strict(families, return_dtype=pl.String),
            run_length_days=pl.col("monitor").replace_strict(
                dict(run_lengths), return_dtype=pl.Float64
            ),
            state=pl.when(pl.col("value_date").is_null())
            .then(pl.lit("no_value"))
            .when(pl.col("is_alarm") & is_today)
            .then(pl.lit("alarm"))
            .when(pl.col("deviation").is_null())
            .then(pl.lit("waiting"))
            .when(pl.col("threshold").is_null())
            .then(pl.lit("nothing_to_lose"))
            # The evenings after an alarm on which nothing new came: it has begun anew.
            .when((pl.col("statistic") >= pl.col("threshold") / 2) & ~pl.col("is_alarm"))
            .then(pl.lit("watch"))
            .otherwise(pl.lit("quiet")),
            known_at=pl.col("trade_date").dt.combine(CUTOFF),
        )
        .with_columns(expected_false_alarms=pl.col("n_all") / pl.col("run_length_days"))
        .select(MONITORS.column_names)
        .sort("trade_date", "monitor")
    )
