"""Noticing on each day that a mean has changed, with a false-alarm rate that was chosen before.

Belongs here: Shiryaev-Roberts and CUSUM over many monitors at once, their thresholds and delays.
Not here: which statistics are watched and from what they should not fall (`watch.py`,
`accuracy.py` and their neighbours), how a budget of false alarms is split (`budget.py`).

Both add up the day's evidence x for a mean `after` against a mean `before`, the log-likelihood
ratio of independent Gaussian days with the long-run deviation σ: (after - before) (x - (before +
after)/2) / σ². `signal` below is |after - before| / σ, the change in long-run deviations of a day.

- Shiryaev-Roberts: R = (1 + R₋₁) eᵉᵛⁱᵈᵉⁿᶜᵉ, alarm at R >= A. For independent days the mean time to
  a false alarm is A at least, whatever the signal: R less the number of days is a martingale (Shin,
  Ramdas and Rinaldo 2022, "E-detectors"). The default: its threshold needs no table.
- CUSUM: S = max(0, S₋₁ + evidence), alarm at S >= u (Page 1954). u from Brownian motion is
  conservative, days being discrete; `simulated_threshold` makes the noise and is exact.

A day without a value leaves both as they are, and is no day. After an alarm both begin anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import exp1

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.monitoring.long_run import overlap_inflation, overlapping_noise

Kind = Literal["shiryaev_roberts", "cusum"]
KINDS: tuple[Kind, ...] = ("shiryaev_roberts", "cusum")
#: Paths that a simulated threshold is told by, each for three times the days asked for (an alarm
#: needs some days from the floor, and shorter paths would see those above all): 5 % of the rate.
_PATHS, _TIMES = 450, 3
_SEED = 19


@dataclass(frozen=True)
class State:
    """Where detectors stand after a day, [monitor] each, and the number of days so far: what the
    next day needs to know of the past.
    """

    level: Floats
    walk: Floats
    begun: Ints
    count: Ints
    day: int

    @staticmethod
    def of(n: int, kind: Kind) -> State:
        """`n` detectors at their floor."""
        start = -np.inf if kind == "shiryaev_roberts" else 0.0
        return State(np.full(n, start), np.zeros(n), np.full(n, -1), np.zeros(n, dtype=np.int64), 0)


@dataclass(frozen=True)
class Path:
    """What a detector went through, all [day, monitor].

    `statistic`: R as its logarithm, or S, both in units of evidence, before an alarm puts it back;
    `is_alarm`; `since`: position of the first day of the change if there is one now, by maximum
    likelihood (the day after the cumulative evidence was lowest since the last alarm), -1 before
    the first value; `n_days`: values since the last alarm; `end`: where they stand after the last
    day.
    """

    statistic: Floats
    is_alarm: Bools
    since: Ints
    n_days: Ints
    end: State


def evidence(values: Floats, before: Floats, after: Floats, deviation: Floats) -> Floats:
    """Log-likelihood ratio of each day for `after` against `before`; NaN where anything is missing,
    the deviation is not above 0, or both means are the same.

    All broadcast to [day, monitor], in the unit of `values`.
    """
    change = np.asarray(after, dtype=float) - before
    usable = (np.asarray(deviation) > 0) & (change != 0)
    variance = np.where(usable, np.square(deviation, dtype=float), np.nan)
    found: Floats = change * (values - before - change / 2) / variance
    return np.where(np.isfinite(found), found, np.nan)


def detect(
    steps: Floats,
    threshold: Floats | float,
    kind: Kind = "shiryaev_roberts",
    begin: State | None = None,
) -> Path:
    """Follow the evidence `steps` [day, monitor], each day from those before it alone; from
    `begin`, or from the floor.

    `threshold` [monitor], or [day, monitor] where it changes: A for Shiryaev-Roberts, u for CUSUM.
    """
    n_days, n = steps.shape
    edge = np.broadcast_to(np.asarray(threshold, dtype=float), steps.shape)
    shiryaev = kind == "shiryaev_roberts"
    edge = np.log(edge) if shiryaev else edge
    statistic, alarm = np.full(steps.shape, np.nan), np.zeros(steps.shape, dtype=bool)
    since, counted = np.full(steps.shape, -1), np.zeros(steps.shape, dtype=np.int64)
    floor = -np.inf if shiryaev else 0.0
    state = begin or State.of(n, kind)
    level, walk, begun, count = state.level, state.walk, state.begun, state.count
    for day in range(n_days):
        step = steps[day]
        seen = np.isfinite(step)
        step = np.where(seen, step, 0.0)
        # The likeliest first day of a change is where this walk last left its floor.
        begun = np.where(seen & ((walk <= 0) | (begun < 0)), state.day + day, begun)
        walk = np.where(seen, np.maximum(walk + step, 0.0), walk)
        moved = np.logaddexp(0.0, level) + step if shiryaev else np.maximum(level + step, 0.0)
        level = np.where(seen, moved, level)
        count = count + seen
        rings = seen & (level >= edge[day])
        statistic[day], alarm[day], since[day], counted[day] = level, rings, begun, count
        level, walk = np.where(rings, floor, level), np.where(rings, 0.0, walk)
        begun, count = np.where(rings, -1, begun), np.where(rings, 0, count)
    return Path(
        statistic, alarm, since, counted, State(level, walk, begun, count, state.day + n_days)
    )


def cusum_threshold(signal: float, run_length: float) -> float:
    """u of a CUSUM that rings falsely once in `run_length` days, in units of evidence: e^u - u - 1
    = signal²/2 x run_length, of Brownian motion.

    In the statistic's own unit, for S of (before + after)/2 - x: u σ / signal.
    """
    wanted = 0.5 * signal * signal * run_length
    if not (np.isfinite(wanted) and wanted > 0):
        return float("nan")
    return float(brentq(lambda u: np.expm1(u) - u - wanted, 0.0, np.log1p(wanted) + 50))


@lru_cache(maxsize=256)
def simulated_threshold(
    kind: Kind,
    signal: float,
    run_length: float,
    persistence: float,
    horizon: int = HORIZON,
) -> float:
    """Threshold (A, or u) with which noise of that overlap rings once in `run_length` days.

    `signal` in long-run deviations of a day, as everywhere. The noise is always the same, so the
    answer is; its error is 5 % of the rate. NaN where there is no signal.
    """
    if not (signal > 0 and run_length > 0):
        return float("nan")
    n_days = max(int(_TIMES * run_length), 50)
    highest = _highest(kind, float(signal), float(persistence), horizon, n_days)
    low, high = (float(np.quantile(highest[-1], q)) for q in (0.02, 0.999))

    def gap(edge: float) -> float:
        return float(np.log(_mean_first(highest, edge)) - np.log(run_length))

    while gap(low) > 0:
        low -= 1.0
    found = float(brentq(gap, low, high, xtol=1e-4))
    return float(np.exp(found)) if kind == "shiryaev_roberts" else found


def expected_delay(
    kind: Kind, signal: float, threshold: float, *, from_floor: bool = False
) -> float:
    """Mean days from a change by `signal` until the alarm, after a long quiet time; with
    `from_floor` if the statistic stands at its floor when the change comes, as after an alarm,
    which takes longest. NaN without a signal.

    Brownian motion, b = 2/(signal² A). Shiryaev-Roberts: from the floor e^b E₁(b) 2/signal²
    (Pollak and Siegmund 1985), else the mean over its stationary cycles (Feinberg and Shiryaev
    2006), (e^b E₁(b) - 1 + b ∫ e^-bv ln(1 + v)/v dv) 2/signal². CUSUM: (e^-u + u - 1) 2/signal²
    either way: what a quiet time saves, days that are discrete cost again (within a tenth of
    simulated delays).
    """
    if not (signal > 0 and threshold > 0 and np.isfinite(threshold)):
        return float("nan")
    scale = 2 / signal**2
    if kind == "cusum":
        return float(scale * (np.exp(-threshold) + threshold - 1))
    b = scale / threshold
    # e^b E₁(b) for large b, where the factors leave the range of floats.
    product = np.exp(b) * exp1(b) if b < 500 else 1 / (1 + b)
    if from_floor:
        return float(scale * product)
    # In t = ln(1 + v) the integrand is smooth and its tail short.
    waits, _ = quad(
        lambda t: t * np.exp(t - b * np.expm1(t)) / np.expm1(t) if t > 0 else 1.0,
        0.0,
        np.log1p(50 / b),
        limit=200,
    )
    return float(scale * (product - 1 + b * waits))


def false_alarm_days(kind: Kind, signal: float, threshold: float) -> float:
    """Mean days to a false alarm of Brownian motion: A, or (e^u - u - 1) 2/signal²."""
    if kind == "shiryaev_roberts":
        return threshold
    return float(2 / signal**2 * (np.expm1(threshold) - threshold))


def simulated_run_lengths(
    kind: Kind,
    signal: float,
    threshold: float,
    persistence: float,
    *,
    shift: float = 0.0,
    quiet_days: int = 0,
    n_paths: int = 1_000,
    n_days: int = 2_520,
    horizon: int = HORIZON,
    seed: int = _SEED,
) -> Floats:
    """Days to the first alarm [path], infinite where none came in `n_days`.

    The mean stands `shift` of the way from `before` (0) to `after` (1), 2 where it fell as far
    again; for `quiet_days` beforehand at `before`, and paths that rang in these are left out.
    """
    noise = overlapping_noise(
        np.random.default_rng(seed), (quiet_days + n_days, n_paths), persistence, horizon
    )
    moved = np.where(np.arange(quiet_days + n_days) >= quiet_days, shift, 0.0)
    levels = _levels(kind, signal, noise, persistence, horizon, moved)
    over = levels >= (np.log(threshold) if kind == "shiryaev_roberts" else threshold)
    over = over[quiet_days:, ~over[:quiet_days].any(axis=0)]
    first: Floats = np.where(over.any(axis=0), over.argmax(axis=0) + 1.0, np.inf)
    return first


def _levels(
    kind: Kind,
    signal: float,
    noise: Floats,
    persistence: float,
    horizon: int,
    moved: Floats,
) -> Floats:
    """The statistic on each day of simulated noise if nothing ever put it back [day, path]."""
    unit = noise / overlap_inflation(persistence, horizon) ** 0.5
    return detect(signal * (unit + (moved[:, None] - 0.5) * signal), np.inf, kind).statistic


@lru_cache(maxsize=2)
def _highest(kind: Kind, signal: float, persistence: float, horizon: int, n_days: int) -> Floats:
    """The highest the statistic has been by each day without a change [day, path]."""
    noise = overlapping_noise(np.random.default_rng(_SEED), (n_days, _PATHS), persistence, horizon)
    return np.maximum.accumulate(
        _levels(kind, signal, noise, persistence, horizon, np.zeros(n_days))
    )


def _mean_first(highest: Floats, edge: float) -> float:
    """Mean days to reach `edge`: days spent below it over times it was reached, as for waiting
    times that are cut off.
    """
    below = (highest < edge).sum(axis=0)
    reached = int((below < highest.shape[0]).sum())
    spent = float(below.sum()) + reached
    return spent / reached if reached else float("inf")
