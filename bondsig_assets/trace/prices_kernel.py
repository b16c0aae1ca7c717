"""The pass over prints in order of knowledge, compiled.

Belongs here: the state kept for each bond and how a print changes it. Not here: why
(`prices.py`). Imported only where it runs: numba takes a second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from bondsig_assets.trace.prices import (
    ANCHOR_DAYS,
    BELIEVED,
    CONFIRMATION_DAYS,
    CONFIRMATIONS,
    CONFIRMING,
    QUARANTINED,
    RING,
    SHIFTED,
    UNJUDGED,
)

_NEAR, _POINTS, _AGREE = 1.2, 2.0, 0.05
_APART = 60_000_000
_LONG_AGO = -1_000_000


@njit(cache=True, nogil=True)
def _near(price, reference):  # pragma: no cover
    return abs(price - reference) <= _POINTS or reference / _NEAR <= price <= reference * _NEAR


@njit(cache=True, nogil=True)
def _median(ring, days, since):  # pragma: no cover
    """Median of the entries of one ring that are not too old; NaN without any."""
    kept = np.empty(RING)
    n = 0
    for k in range(RING):
        if days[k] >= since:
            kept[n] = ring[k]
            n += 1
    return np.median(kept[:n]) if n else np.nan


@njit(cache=True, nogil=True)
def _move_of_others(b, ring, ring_row, last, last_row):  # pragma: no cover
    """Median ratio of the newest print to the newest one before bond `b` last traded, over the
    issuer's other bonds that traded since; 1 with fewer than two.
    """
    ratios = np.empty(last.size)
    n = 0
    for o in range(last.size):
        if o == b or last_row[o] <= last_row[b]:
            continue
        before, newest = np.nan, -1
        for k in range(RING):
            if newest < ring_row[o, k] < last_row[b]:
                before, newest = ring[o, k], ring_row[o, k]
        if newest >= 0:
            ratios[n] = last[o] / before
            n += 1
    return np.median(ratios[:n]) if n >= 2 else 1.0


@njit(cache=True, nogil=True)
def _assess(price, b, ring, ring_day, ring_row, last, last_day, last_row, day):  # pragma: no cover
    """Verdict and price of a new print."""
    if last_day[b] < day - ANCHOR_DAYS or _near(price, last[b]):
        return BELIEVED, price
    median = _median(ring[b], ring_day[b], day - ANCHOR_DAYS)
    if _near(price, median) or _near(
        price, last[b] * _move_of_others(b, ring, ring_row, last, last_row)
    ):
        return BELIEVED, price
    for factor in (0.1, 10.0, 0.01, 100.0):
        if abs(price * factor / median - 1) <= _AGREE:
            return SHIFTED, price * factor
    return QUARANTINED, price


@njit(cache=True, nogil=True)
def judge(starts, bond, price, known_day, executed, eligible, given):  # pragma: no cover
    """`verdict`, `price`, `released_by` [report] of `prices.Judgement`."""
    verdict = np.full(price.size, UNJUDGED, dtype=np.int8)
    judged = price.copy()
    released_by = np.full(price.size, -1, dtype=np.int64)
    before = np.full(price.size, -1, dtype=np.int64)
    for s in range(starts.size - 1):
        low, high = starts[s], starts[s + 1]
        bonds = np.unique(bond[low:high])
        n = bonds.size
        # Of each bond: its last believed prints, the newest of them, and its run of prints that
        # were not believed.
        ring = np.empty((n, RING))
        ring_day = np.full((n, RING), _LONG_AGO)
        ring_row = np.full((n, RING), -1)
        ring_next = np.zeros(n, dtype=np.int64)
        last = np.full(n, np.nan)
        last_day = np.full(n, _LONG_AGO)
        last_row = np.full(n, -1)
        run_tail = np.full(n, -1)
        run_size = np.zeros(n, dtype=np.int64)
        run_day = np.zeros(n, dtype=np.int64)
        run_price = np.empty(n)
        run_from = np.zeros(n, dtype=np.int64)
        run_to = np.zeros(n, dtype=np.int64)
        for i in range(low, high):
            if not eligible[i]:
                continue
            b, day = np.searchsorted(bonds, bond[i]), known_day[i]
            if given[i] == UNJUDGED:
                found, judged[i] = _assess(
                    price[i], b, ring, ring_day, ring_row, last, last_day, last_row, day
                )
                if (
                    found != BELIEVED
                    and run_tail[b] >= 0
                    and day - run_day[b] <= CONFIRMATION_DAYS
                    and abs(price[i] / run_price[b] - 1) <= _AGREE
                ):
                    apart = executed[i] - run_to[b] >= _APART or run_from[b] - executed[i] >= _APART
                    if run_size[b] + apart >= CONFIRMATIONS:
                        found, judged[i] = CONFIRMING, price[i]
            else:
                found = given[i]
            verdict[i] = found
            if found in (QUARANTINED, SHIFTED):
                extends = (
                    run_tail[b] >= 0
                    and day - run_day[b] <= CONFIRMATION_DAYS
                    and abs(price[i] / run_price[b] - 1) <= _AGREE
                )
                if not extends:
                    run_tail[b], run_size[b], run_day[b] = -1, 1, day
                    run_price[b], run_from[b], run_to[b] = price[i], executed[i], executed[i]
                elif executed[i] - run_to[b] >= _APART or run_from[b] - executed[i] >= _APART:
                    run_size[b] += 1
                run_from[b], run_to[b] = min(run_from[b], executed[i]), max(run_to[b], executed[i])
                before[i] = run_tail[b]
                run_tail[b] = i
                continue
            if found == CONFIRMING:
                r = run_tail[b]
                while r >= 0:
                    released_by[r] = i
                    slot = ring_next[b]
                    ring[b, slot] = price[r]
                    ring_day[b, slot] = day
                    ring_row[b, slot] = i
                    ring_next[b] = (slot + 1) % RING
                    r = before[r]
            # A late report of an old price says nothing against prints executed since.
            if found == CONFIRMING or executed[i] >= run_from[b] or last_day[b] < day - ANCHOR_DAYS:
                run_tail[b] = -1
            slot = ring_next[b]
            ring[b, slot] = price[i]
            ring_day[b, slot] = day
            ring_row[b, slot] = i
            ring_next[b] = (slot + 1) % RING
            last[b], last_day[b], last_row[b] = price[i], day, i
    return verdict, judged, released_by
