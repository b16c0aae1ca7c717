"""How an order is spread over the half hours of its session: shares by bucket, in whole shares.

Belongs here: half hours, the volume profile, TWAP, VWAP, POV, Almgren and Chriss, caps by bucket,
cumulative rounding. Not here: how large an order is (`orders.py`), what is filled.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np

from bondsig_assets.arrays import Floats, Ints
from bondsig_assets.calendar import early_closes
from bondsig_assets.portfolio.costs import AVERAGE_OF_PEAK

OPEN, CLOSE, BUCKET_MINUTES = time(9, 30), time(16, 0), 30
#: Percent of a day's volume by half hour, the closing auction in the last: high, low, high, as Jain
#: and Joh found (1988, JFQA 23, "The Dependence between Hourly Prices and Trading Volume"). The
#: numbers are an assumption of ours, for where nobody measured them.
_PROFILE_PCT = (12.0, 8.5, 7.3, 6.5, 5.9, 5.5, 5.3, 5.3, 5.6, 6.1, 7.0, 8.5, 16.5)
#: Below this the hyperbolic sines of a trajectory are their series, above it their ratio is scaled.
_SERIES_BELOW, _KAPPA_MOST = 1e-4, 1e6
#: What adding up fractions leaves of a whole share.
_HAIR = 1e-9


def bucket_times(day: date) -> list[tuple[datetime, datetime]]:
    """Beginning and end of each half hour of the session of `day`, New York: 13, fewer where the
    exchange closes early.
    """
    closes = early_closes("nyse").get(day, CLOSE)
    begin, end = datetime.combine(day, OPEN), datetime.combine(day, closes)
    step = timedelta(minutes=BUCKET_MINUTES)
    return [(begin + k * step, begin + (k + 1) * step) for k in range((end - begin) // step)]


def volume_profile(n_buckets: int) -> Floats:
    """Part of the day's volume in each bucket, adding up to 1, where no profile is known: the first
    half hours and, however short the session, the last one with the closing auction.
    """
    shape = np.array([*_PROFILE_PCT[: n_buckets - 1], _PROFILE_PCT[-1]])
    profile: Floats = shape / shape.sum()
    return profile


def kappa(
    shares: Ints,
    price_usd: Floats,
    volatility: Floats,
    volume_shares: Floats,
    impact: float,
    risk_aversion: float,
    n_buckets: int,
) -> Floats:
    """Urgency of Almgren and Chriss (2001, Journal of Risk 3) a session, [name]; above 0.

    `risk_aversion`: dollars of cost for a variance of a million squared dollars. Their temporary
    impact η, linear in the rate, is set so that an even schedule pays what the square-root law
    says: η = ⅔ Y σ P √(X/V) / X; there is no permanent impact. Then κ̃² = λ σ² P² / η and
    2 (cosh κτ - 1) / τ² = κ̃².
    """
    size = np.maximum(shares.astype(np.float64), 1e-12)
    paid = AVERAGE_OF_PEAK * impact * np.sqrt(size / volume_shares)
    risk = risk_aversion * 1e-6 * volatility * price_usd * size
    continuous = np.sqrt(np.divide(risk, paid, out=np.full(paid.shape, np.inf), where=paid > 0))
    tau = 1.0 / n_buckets
    # cosh x - 1 = 2 sinh² (x/2) keeps what a small κ̃ is.
    found: Floats = 2 * np.arcsinh(np.minimum(continuous, _KAPPA_MOST) * tau / 2) / tau
    return found


def done_by(schedule: str, profile: Floats, urgency: Floats) -> Floats:
    """Part of each order that is to be done by the end of each bucket, [order, bucket], the last 1.

    `urgency`: κ of each order, used by almgren_chriss alone, whose clock is volume: with κ near 0
    it is vwap. pov wishes all at once; the caps of its buckets are its pace.
    """
    n_orders, n_buckets = urgency.size, profile.size
    clock = np.cumsum(profile)
    clock[-1] = 1.0
    if schedule == "twap":
        part = np.arange(1, n_buckets + 1) / n_buckets
        return np.broadcast_to(part, (n_orders, n_buckets))
    if schedule == "vwap":
        return np.broadcast_to(clock, (n_orders, n_buckets))
    if schedule == "pov":
        return np.ones((n_orders, n_buckets))
    done: Floats = 1.0 - remaining(urgency[:, None], clock[None, :])
    done[:, -1] = 1.0
    return done


def remaining(urgency: Floats, clock: Floats) -> Floats:
    """sinh(κ(1 - t)) / sinh κ, without overflow for a large κ and as its series for a small one."""
    left = 1.0 - clock
    k = np.clip(urgency, _SERIES_BELOW, _KAPPA_MOST)
    scaled = np.exp(-k * clock) * np.expm1(-2 * k * left) / np.expm1(-2 * k)
    series = left * (1 + urgency**2 * (left**2 - 1) / 6)
    found: Floats = np.where(urgency < _SERIES_BELOW, series, scaled)
    return found


def slices(
    shares: Ints, done: Floats, profile: Floats, cap_shares: Floats, is_rest_crossed: bool
) -> Ints:
    """Whole shares by bucket, [order, bucket].

    By the end of a bucket as much is done as `done` says, rounded up, so that one share goes first
    and all add up; `cap_shares` [order] is the most of a day, spread by `profile`. What a bucket
    has no room for waits for the next; what the session has none for is left out, or is crossed in
    the last bucket.
    """
    wished = np.ceil(shares[:, None] * done - _HAIR).astype(np.int64)
    room = np.floor(np.minimum(cap_shares, 1e15)[:, None] * np.cumsum(profile) + _HAIR)
    room = np.diff(room.astype(np.int64), axis=1, prepend=0)
    found = np.zeros(wished.shape, dtype=np.int64)
    total = np.zeros(shares.size, dtype=np.int64)
    for bucket in range(profile.size):
        found[:, bucket] = np.minimum(wished[:, bucket] - total, room[:, bucket])
        total += found[:, bucket]
    if is_rest_crossed:
        found[:, -1] += shares - total
    return found


def impact_of(
    parts: Ints, profile: Floats, price_usd: Floats, volatility: Floats, volume: Floats, y: float
) -> Floats:
    """Expected impact in dollars of each share of each bucket, [order, bucket]: two thirds of
    Y σ P √(participation of the bucket). An even pace in volume pays what the whole order does
    under the square-root law; any other pays more.
    """
    pace = np.sqrt(parts / (profile[None, :] * volume[:, None]))
    paid: Floats = AVERAGE_OF_PEAK * y * (volatility * price_usd)[:, None] * pace
    return paid


def risk_of(parts: Ints, profile: Floats, price_usd: Floats, volatility: Floats) -> Floats:
    """Standard deviation in dollars of what the price does to what still waits, [order]."""
    waiting = parts.sum(axis=1)[:, None] - np.cumsum(parts, axis=1)
    deviation: Floats = volatility * price_usd * np.sqrt((waiting**2.0 * profile).sum(axis=1))
    return deviation
