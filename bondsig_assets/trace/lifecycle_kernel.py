"""The pass over enders in order of knowledge, compiled.

Belongs here: the loop that takes one ender after the other. Not here: how candidates are found
(`lifecycle.py`). Imported only where it runs: numba takes a second.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from bondsig_assets.trace.encoding import (
    AGAINST,
    CANCELS,
    CORRECTS,
    NULL,
    POINTED_CANCEL,
    POINTED_CORRECTION,
    REPLACES,
    REVERSES,
)

_FAR = np.iinfo(np.int64).max


@njit(cache=True, nogil=True)
def _same_or_null(a, b, null):  # pragma: no cover
    return null in (a, b) or a == b


@njit(cache=True, nogil=True)
def _gap(a, b):  # pragma: no cover
    """Distance of two moments; an unknown one is further than any known."""
    if a == NULL or b == NULL:
        return _FAR
    return abs(a - b)


@njit(cache=True, nogil=True)
def end_trades(
    enders,
    number,
    by_number,
    by_chain,
    by_terms,
    role,
    own_number,
    report_day,
    execution_day,
    executed,
    price,
    par,
    side,
    contra,
    prior_day,
    cut_day,
):  # pragma: no cover
    """The arrays of `lifecycle.Endings`; candidates are (rows, low, high)."""
    (n_rows, n_low, n_high), (c_rows, c_low, c_high), (t_rows, t_low, t_high) = (
        by_number,
        by_chain,
        by_terms,
    )
    first_ended_by = np.full(role.size, -1, dtype=np.int64)
    ended_by = np.full(role.size, -1, dtype=np.int64)
    replaced_by = np.full(role.size, -1, dtype=np.int64)
    target = np.full(role.size, -1, dtype=np.int64)
    reversal = np.full(role.size, -1, dtype=np.int64)
    has_ended = np.zeros(role.size, dtype=np.bool_)
    stillborn = np.zeros(role.size, dtype=np.bool_)
    later = np.empty((16, 3), dtype=np.int64)
    n_later = 0
    for k in range(enders.size):
        e = enders[k]
        if n_later + 2 > later.shape[0]:
            grown = np.empty((2 * later.shape[0], 3), dtype=np.int64)
            grown[:n_later] = later[:n_later]
            later = grown
        best, dead, best_rank, undone, corrects = -1, -1, -1, -1, -1
        reversal[e] = e
        for c in range(n_low[k], n_high[k]):
            r = n_rows[c]
            if r >= e:
                break
            if own_number[r] != number[k]:
                continue
            day = prior_day[e] if prior_day[e] != NULL else report_day[e]
            if role[r] == AGAINST or role[e] == AGAINST:
                # A correction of a reversal that has found its trade has nothing left to end.
                if role[r] == role[e] and report_day[r] == report_day[e]:
                    corrects = r
                    if target[r] >= 0:
                        dead, reversal[e] = target[r], reversal[r]
                elif role[e] == POINTED_CANCEL and report_day[r] == day:
                    undone = r
                continue
            rank = 0
            if role[e] == POINTED_CANCEL or role[e] == POINTED_CORRECTION:
                if report_day[r] != day:
                    continue
                while replaced_by[r] >= 0:
                    r = replaced_by[r]
            elif role[e] == REPLACES:
                if prior_day[e] == NULL or report_day[r] != prior_day[e]:
                    continue
            else:
                named = prior_day[e] != NULL and report_day[r] == prior_day[e]
                alike = (
                    execution_day[r] == execution_day[e]
                    and price[r] == price[e]
                    and par[r] == par[e]
                    and _same_or_null(executed[r], executed[e], NULL)
                    and _same_or_null(side[r], side[e], -1)
                    and _same_or_null(contra[r], contra[e], -1)
                )
                if not (named or alike):
                    continue
                exact = executed[r] == executed[e] and side[r] == side[e] and contra[r] == contra[e]
                rank = 4 * named + 2 * alike + 1 * exact
            if ended_by[r] >= 0:
                if dead < 0:
                    dead = r
            elif rank > best_rank:
                best, best_rank = r, rank
        if undone >= 0 and best < 0 and dead < 0:
            # The cancel of a reversal: its trade stands again, if it is still this reversal that
            # ends it.
            target[e], has_ended[e] = undone, True
            trade = target[reversal[undone]]
            if trade >= 0 and ended_by[trade] == reversal[undone]:
                ended_by[trade] = -1
                later[n_later, 0], later[n_later, 1], later[n_later, 2] = trade, e, -1
                n_later += 1
            continue
        # What names a corrected trade may mean its correction; what ends a cancelled one again
        # means nothing.
        corrected = (
            dead >= 0 and role[ended_by[dead]] in (CORRECTS, REPLACES) and role[e] != CORRECTS
        )
        if best < 0 and (dead < 0 or corrected):
            for c in range(c_low[k], c_high[k]):
                r = c_rows[c]
                if r >= e:
                    break
                if ended_by[r] < 0:
                    best = r
        if best < 0 and dead < 0:
            smallest = _FAR
            for c in range(t_low[k], t_high[k]):
                r = t_rows[c]
                if r >= e:
                    break
                if (
                    ended_by[r] >= 0
                    or execution_day[r] != execution_day[e]
                    or price[r] != price[e]
                    or par[r] != par[e]
                    or side[r] != side[e]
                    or contra[r] != contra[e]
                ):
                    continue
                if role[e] == REVERSES and number[k] != NULL and report_day[r] >= cut_day:
                    continue
                gap = _gap(executed[r], executed[e])
                if (
                    (role[e] == CANCELS or role[e] == CORRECTS or role[e] == POINTED_CANCEL)
                    and gap != 0
                    and executed[e] != executed[r]
                ):
                    continue
                if best < 0 or gap < smallest:
                    best, smallest = r, gap
        if best >= 0:
            ended_by[best] = e
            target[e], has_ended[e] = best, True
            if corrects >= 0:
                reversal[corrects] = e
            if first_ended_by[best] < 0:
                first_ended_by[best] = e
            else:
                later[n_later, 0], later[n_later, 1], later[n_later, 2] = best, e, e
                n_later += 1
            if role[e] == POINTED_CORRECTION or role[e] == REPLACES:
                replaced_by[best] = e
        elif dead >= 0:
            target[e] = dead
            # Today's C ends the original, then the R arrives: that R is no correction of a dead
            # trade.
            stillborn[e] = role[e] == POINTED_CORRECTION
            if stillborn[e]:
                first_ended_by[e] = ended_by[e] = ended_by[dead]
    return first_ended_by, target, has_ended, stillborn, later[:n_later]
