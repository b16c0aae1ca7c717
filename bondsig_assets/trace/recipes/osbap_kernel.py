"""OSBAP's bounce-back rule over one bond's trades after another, compiled.

Belongs here: the walk, which depends on what it flagged before. Not here: the steps around it
(`osbap_prices.py`). Source: filter 6 of Open Source Bond Asset Pricing (docs/trace_screens.md).
Imported only where it runs: numba takes a second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: Points: a jump (35 less 1 of slack), back at the baseline (a quarter of 35), and how much further
#: off the trade before must be to take the blame.
JUMP, BACK, BLAME = 34.0, 8.75, 5.0
#: Trades: those before that make the baseline, how far ahead a return is sought, and how many a
#: flag reaches over.
BASELINE, AHEAD, SPAN = 6, 5, 5
#: Exact prices of par are suspicious by themselves: this many in a row, then so many trades of
#: rest.
PAR, PAR_RUN, REST = 100.0, 3, 2
_TINY, _EQUAL = 1e-12, 1e-8


@njit(cache=True)
def _baseline(price, i):  # pragma: no cover
    """Median of the distinct prices of the six trades before; NaN for the first trade."""
    if i == 0:
        return np.nan
    return np.median(np.unique(price[max(0, i - BASELINE) : i]))


@njit(cache=True)
def _is_par(value):  # pragma: no cover
    return abs(value - PAR) <= _EQUAL


@njit(cache=True)
def _is_away(price, i, points):  # pragma: no cover
    """Whether trade `i` lies at least `points` from its baseline; without a baseline it does
    not.
    """
    return abs(price[i] - _baseline(price, i)) >= points - _TINY


@njit(cache=True)
def _return(price, i, step, baseline):  # pragma: no cover
    """First of the next five trades that jumps the other way or is back at the baseline; -1 without
    one.
    """
    for j in range(i + 1, min(price.size, i + 1 + AHEAD)):
        move = price[j] - price[j - 1]
        if step * move < 0 and abs(move) >= JUMP - _TINY:
            return j
        if abs(price[j] - baseline) <= BACK + _TINY:
            return j
    return -1


@njit(cache=True)
def _flag(price, flagged, i, end, is_par):  # pragma: no cover
    """Flag from `i`, or from the trade before when that one is further off, up to the return at
    `end`.
    """
    start = i
    if i > 0:
        before, own = (
            abs(price[i - 1] - _baseline(price, i - 1)),
            abs(price[i] - _baseline(price, i)),
        )
        if before - own >= BLAME - _TINY and before >= BACK - _TINY:
            start = i - 1
    if not is_par or _is_par(price[start]):
        flagged[start] = True
    baseline = _baseline(price, start)
    for k in range(start + 1, min(end, start + SPAN) + 1):
        if is_par:
            flagged[k] = flagged[k] or _is_par(price[k])
        elif abs(price[k] - baseline) >= BACK - _TINY:
            flagged[k] = True
        else:
            break


@njit(cache=True)
def _walk(price, flagged):  # pragma: no cover
    """One bond: fills `flagged` [trade]."""
    i, rests_until = 0, -1
    while i < price.size:
        at_par = _is_par(price[i])
        if i <= rests_until and not at_par:
            i += 1
            continue
        step = price[i] - price[i - 1] if i else 0.0
        jumps = abs(step) >= JUMP - _TINY
        is_par = at_par and _is_away(price, i, BACK)
        if not (jumps or is_par or _is_away(price, i, JUMP)):
            i += 1
            continue
        # A price of par without a jump of its own needs a run: the quick return is not looked for.
        end = -1 if is_par and not jumps else _return(price, i, step, _baseline(price, i))
        if end >= 0:
            _flag(price, flagged, i, end, is_par)
            if is_par:
                rests_until = max(rests_until, end + REST)
            i = end + 1
            continue
        if is_par:
            run = i
            while run + 1 < price.size and _is_par(price[run + 1]):
                run += 1
            if run - i + 1 >= PAR_RUN:
                flagged[i : run + 1] = True
                rests_until = max(rests_until, run + REST)
                i = run + 1
                continue
        i += 1


@njit(cache=True)
def bounces(price, starts):  # pragma: no cover
    """Which trades bounce back [trade]; `price` in order of trade, one bond after another from
    `starts` [bond + 1].
    """
    flagged = np.zeros(price.size, dtype=np.bool_)
    for bond in range(starts.size - 1):
        _walk(price[starts[bond] : starts[bond + 1]], flagged[starts[bond] : starts[bond + 1]])
    return flagged
