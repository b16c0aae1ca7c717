"""The pairing of legs within groups of equal terms, compiled.

Belongs here: the loop over openings and endings of legs. Not here: what a group is
(`interdealer.py`). Imported only where it runs: numba takes a second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from bondsig_assets.trace.encoding import NULL

_FAR = np.iinfo(np.int64).max
_SELL = 1


@njit(cache=True, nogil=True)
def _gap(executed, a, b):  # pragma: no cover
    if executed[a] == NULL or executed[b] == NULL:
        return _FAR
    return abs(executed[a] - executed[b])


@njit(cache=True, nogil=True)
def _may_pair(side, reporter, counterparty, a, b):  # pragma: no cover
    if side[a] == side[b]:
        return False
    if reporter[a] != 0 and counterparty[b] != 0 and reporter[a] != counterparty[b]:
        return False
    return not (reporter[b] != 0 and counterparty[a] != 0 and reporter[b] != counterparty[a])


@njit(cache=True, nogil=True)
def _seek(
    group, n_open, leg, partner, is_over, side, executed, reporter, counterparty, farthest
):  # pragma: no cover
    """Nearest live leg that is free or further from its partner; among equals a free one, then the
    first reported.
    """
    best = -1
    best_gap, best_free = _FAR, False
    for i in range(n_open):
        other = group[i]
        if (
            other == leg
            or is_over[other]
            or not _may_pair(side, reporter, counterparty, leg, other)
        ):
            continue
        gap, free = _gap(executed, leg, other), partner[other] < 0
        if gap > farthest[leg]:
            continue
        if not free and gap >= _gap(executed, other, partner[other]):
            continue
        if best < 0 or gap < best_gap or (gap == best_gap and free and not best_free):
            best, best_gap, best_free = other, gap, free
    return best


@njit(cache=True, nogil=True)
def pair(
    rows, starts, events, events_of, ended_by, side, executed, reporter, counterparty, farthest
):  # pragma: no cover
    """`sell_leg` [position] and `changes` [n, 3] of `interdealer.Legs`; group g has
    `events[events_of[g]:events_of[g + 1]]`.
    """
    partner = np.full(ended_by.size, -1, dtype=np.int64)
    is_over = np.zeros(ended_by.size, dtype=np.bool_)
    changes = np.empty((max(2 * rows.size, 16), 3), dtype=np.int64)
    n_changes = 0
    for g in range(starts.size - 1):
        group = rows[starts[g] : starts[g + 1]]
        n_open, k, stop = 0, events_of[g], events_of[g + 1]
        while n_open < group.size or k < stop:
            if n_open < group.size and (k == stop or group[n_open] < events[k, 1]):
                now = seeker = group[n_open]
                n_open += 1
                if 0 <= ended_by[seeker] <= now:
                    is_over[seeker] = True
                    continue
            elif events[k, 3]:
                now = events[k, 1]
                seeker = events[k, 2]
                is_over[seeker] = False
                k += 1
            else:
                now, leg = events[k, 1], events[k, 2]
                k += 1
                is_over[leg] = True
                seeker = partner[leg]
                partner[leg] = -1
                if seeker >= 0:
                    partner[seeker] = -1
            # Each step seats one leg and may unseat one with a larger gap: it ends.
            first = seeker
            while seeker >= 0:
                other = _seek(
                    group,
                    n_open,
                    seeker,
                    partner,
                    is_over,
                    side,
                    executed,
                    reporter,
                    counterparty,
                    farthest,
                )
                unseated = -1
                if other >= 0:
                    unseated = partner[other]
                    if unseated >= 0:
                        partner[unseated] = -1
                    partner[other], partner[seeker] = seeker, other
                for leg in (first, seeker, other, unseated):
                    # A leg that arrives and finds no partner changes nothing.
                    if leg >= 0 and side[leg] != _SELL and (partner[leg] >= 0 or leg != now):
                        if n_changes == changes.shape[0]:
                            grown = np.empty((2 * n_changes, 3), dtype=np.int64)
                            grown[:n_changes] = changes
                            changes = grown
                        changes[n_changes, 0] = leg
                        changes[n_changes, 1] = now
                        changes[n_changes, 2] = partner[leg]
                        n_changes += 1
                seeker = unseated
    sell_leg = np.full(ended_by.size, -1, dtype=np.int64)
    for i in range(rows.size):
        if side[rows[i]] != _SELL:
            sell_leg[rows[i]] = partner[rows[i]]
    return sell_leg, changes[:n_changes]
