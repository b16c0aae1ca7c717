"""Days on which an issuer's bonds traded more than chance allows.

Belongs here: the model of trade counts, its tail probabilities, and the control of false
discoveries across issuers. Not here: volume in money (`trace_volume_zscore_5d`), what a spike is
worth, index rebalancings and new issues (the caller flags them).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.features import windows as w

#: Days before the present one that the baseline is made of: six half-lives, beyond which 1.6 % of
#: the weight is left.
BASELINE_DAYS = 126
HALF_LIFE = 21.0
#: Days of a weekday before its factor is believed.
_LEAST_OF_WEEKDAY = 8
#: A silent issuer is taken to trade once in ten days, else its first trade would be a miracle.
_LEAST_MEAN = 0.1
_POISSON = 1e6


@dataclass(frozen=True)
class VolumeSpikes:
    """All [day, name]. `expected` count; `dispersion` r; `zscore`; `p_value` P(N >= n); `is_spike`;
    `direction` of the customers' imbalance on spikes, +1 they bought, -1 they sold, NaN elsewhere.
    Where `p_value` is NaN nothing is known and `is_spike` is False.
    """

    expected: np.ndarray
    dispersion: np.ndarray
    zscore: np.ndarray
    p_value: np.ndarray
    is_spike: np.ndarray
    direction: np.ndarray


def volume_spikes(
    counts: np.ndarray,
    weekday: np.ndarray,
    imbalance: np.ndarray,
    *,
    minimum: int = 40,
    least_dispersion: float = 0.5,
    p_below: float = 1e-3,
    z_above: float = 2.5,
    q: float = 0.05,
) -> VolumeSpikes:
    """Spikes in `counts` of trades [day, name], NaN where the issuer has nothing outstanding, 0 on
    a quiet day.

    N_t ~ negative binomial of mean mu_t and variance mu_t + mu_t^2 / r. mu_t = weekday factor x
    average of the past counts over theirs, exponential weights of half-life 21 days over the 126
    days before the present one, which is no part of its baseline; at least `minimum` of them known.
    r by moments on the same days and weights, between `least_dispersion` (so that one past spike
    does not blind the detector for months) and the Poisson limit. A spike has P(N >= n) <
    `p_below`, z > `z_above` and is among the day's discoveries of `benjamini_hochberg` at `q`.
    `weekday` [day] is 0 … 4, from the date; `imbalance` [day, name] is customers' buys less sells
    in any unit. Counts below zero (late cancels) are zero. Depends on 127 days and on all names
    given.

    mu and r are estimates, so that chance alone goes below a p of 0.001 about twice in a thousand
    (measured on planted negative binomials: 0.5 to 2.6): the rates are nominal, a little more is
    found than they say.
    """
    counts = np.maximum(counts, 0.0)
    expected, dispersion = expected_counts(counts, weekday, minimum, least_dispersion)
    p_value = tail_probability(counts, expected, dispersion)
    zscore = (counts - expected) / np.sqrt(expected + expected * expected / dispersion)
    is_spike = (p_value < p_below) & (zscore > z_above) & benjamini_hochberg(p_value, q)
    return VolumeSpikes(
        expected,
        dispersion,
        zscore,
        p_value,
        is_spike,
        np.where(is_spike, np.sign(imbalance), np.nan),
    )


def expected_counts(
    counts: np.ndarray, weekday: np.ndarray, minimum: int = 40, least_dispersion: float = 0.5
) -> tuple[np.ndarray, np.ndarray]:
    """Mean mu and dispersion r [day, name] that the days before lead one to expect of each day's
    count; see `volume_spikes`.

    r = m^2 / (v - m) with m and v the weighted mean and variance of past counts over their weekday
    factors. Depends on 127 days.
    """
    factor = weekday_factors(counts, weekday)
    filled, known = np.nan_to_num(counts), np.isfinite(counts).astype(float)
    weight, squared, total = np.zeros_like(filled), np.zeros_like(filled), np.zeros_like(filled)
    for back, share, level in _baseline(factor, weekday):
        past = slice(0, filled.shape[0] - back)
        weight[back:] += share * known[past]
        squared[back:] += share * share * known[past]
        total[back:] += share * (filled[past] / level)
    mean = total / np.maximum(weight, 1e-300)
    deviations = np.zeros_like(filled)
    for back, share, level in _baseline(factor, weekday):
        past = slice(0, filled.shape[0] - back)
        deviations[back:] += share * known[past] * (filled[past] / level - mean[back:]) ** 2
    # Weighted sample variance: the mean comes from the same days.
    variance = deviations / np.maximum(weight - squared / np.maximum(weight, 1e-300), 1e-300)
    enough = w.lag(w.count(counts, BASELINE_DAYS), 1) >= max(minimum, 2)
    today = factor[np.arange(weekday.size), weekday][:, None]
    excess = np.maximum(variance - mean, mean * mean / _POISSON)
    dispersion = np.clip(
        mean * mean / np.where(excess > 0, excess, np.inf), least_dispersion, _POISSON
    )
    return np.where(enough, np.maximum(today * mean, _LEAST_MEAN), np.nan), np.where(
        enough, dispersion, np.nan
    )


def weekday_factors(counts: np.ndarray, weekday: np.ndarray) -> np.ndarray:
    """How busy each weekday is, [day, 5]: its mean of the market's count over the mean of all
    weekdays' means, on the 126 days before.

    1 for all until each weekday has been seen 8 times. Counts are whole numbers, so their sums are
    exact in any order. Depends on 127 days.
    """
    known = np.asarray(np.isfinite(counts).any(axis=1))
    market = np.where(known, np.nan_to_num(counts).sum(axis=1), np.nan)[:, None]
    by_weekday = np.where(weekday[:, None] == np.arange(5), market, np.nan)
    means = w.lag(w.mean(by_weekday, BASELINE_DAYS, _LEAST_OF_WEEKDAY), 1)
    overall = (means[:, 0] + means[:, 1] + means[:, 2] + means[:, 3] + means[:, 4]) / 5
    usable = np.asarray((means > 0).all(axis=1, keepdims=True))
    return np.where(usable, means / np.where(usable, overall[:, None], 1.0), 1.0)


def tail_probability(counts: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """P(N >= n) of a negative binomial of `mean` and variance mean + mean^2 / `dispersion`; 1 at n
    = 0, NaN where anything is missing.
    """
    share = mean / (mean + dispersion)
    tail = betainc(np.maximum(counts, 1.0), dispersion, share)
    return np.where(counts <= 0, np.where(np.isfinite(share), 1.0, np.nan), tail)


def benjamini_hochberg(p: Floats, q: float = 0.05) -> Bools:
    """Which of each day's names are discoveries at a false discovery rate of `q`; bool, like `p`
    [day, name].

    Rejects the k smallest of the m values present, k the largest with p_(k) <= q k / m. NaN is no
    test and no discovery. Benjamini and Hochberg (1995), procedure (1). Depends on the present day
    and all names given.
    """
    # Not `scipy.stats.false_discovery_control`: it takes no NaN, and it compares p m / k with q
    # instead of p with q k / m. The two round otherwise where a p-value lies exactly on its
    # threshold, so that a spike on the edge would come or go.
    present = np.isfinite(p)
    tests = np.maximum(present.sum(axis=1, keepdims=True), 1)
    ordered = np.sort(np.where(present, p, np.inf), axis=1)
    rank = np.arange(1, p.shape[1] + 1)
    passing = np.where(ordered <= q * rank / tests, ordered, -np.inf)
    found: Bools = present & (p <= passing.max(axis=1, keepdims=True, initial=-np.inf))
    return found


def _baseline(factor: Floats, weekday: np.ndarray) -> Iterator[tuple[int, float, Floats]]:
    """Each lag of the baseline with its weight and the factors, as known on the later day, of the
    earlier day's weekday [day, 1].
    """
    for back in range(1, min(BASELINE_DAYS, weekday.size - 1) + 1):
        yield (
            back,
            0.5 ** ((back - 1) / HALF_LIFE),
            factor[np.arange(back, weekday.size), weekday[:-back]][:, None],
        )
