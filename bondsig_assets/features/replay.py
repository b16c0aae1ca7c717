"""What was known of every bond at each cutoff, by replaying revisions in the order they became known.

Belongs here: the numba pass over bond-day revisions and the issuer aggregates of its state.
Not here: windows over issuer days (`windows.py`).

For each bond a ring of its last RING trading days is kept; a revision overwrites its own day,
so a late cancel changes what is seen from then on and never before. Issuer sums run over
bonds in the order of their CUSIPs: the same bits whatever else is loaded.
"""

from __future__ import annotations

import numpy as np
from numba import njit

RING = 16
MATCH_DAYS = 5
STALE_DAYS = 10
#: Beyond this the last trade counts as unknown, so that the answer never depends on how much is loaded.
FORGOTTEN_DAYS = 63
#: Columns of the issuer aggregates that `replay` returns.
(
    SPREAD, CHANGE, SLOPE, MATURITY, PAR, TRADES, BUY, SELL, BID_ASK, AMIHUD, TRADED, OUTSTANDING, STALENESS, CAPPED,
) = range(14)
N_AGGREGATES = 14
#: Columns of a revision that `replay` takes.
(
    R_SPREAD, R_WEIGHT, R_YIELD, R_MATURITY, R_PRICE, R_TRADES, R_PAR, R_BUY_PAR, R_SELL_PAR, R_BUY_PRICE, R_SELL_PRICE,
    R_CAPPED,
) = range(12)
N_VALUES = 12


@njit(cache=True)
def replay(known, bond, trade, values, parent_of, outstanding, n_parents):  # pragma: no cover
    """Issuer aggregates [day, parent, N_AGGREGATES] as known at each day's cutoff.

    `known`, `trade`: day positions of the revisions, sorted by (known, bond, trade); `bond`: bond
    positions; `values` [revision, N_VALUES] as named above; `parent_of`, `outstanding` [day, bond].
    """
    n_days, n_bonds = parent_of.shape
    out = np.zeros((n_days, n_parents, N_AGGREGATES))
    ring_day = np.full((n_bonds, RING), -1, dtype=np.int64)
    ring = np.full((n_bonds, RING, N_VALUES), np.nan)
    fit = np.zeros((n_parents, 8))
    totals = np.zeros((n_parents, 8))
    last_trade = np.full(n_parents, -1, dtype=np.int64)
    settled = np.full(n_bonds, -1, dtype=np.int64)
    r = 0
    for day in range(n_days):
        fit[:] = 0.0
        totals[:] = 0.0
        last_trade[:] = -1
        fit[:, 5] = 1e9
        while r < known.size and known[r] <= day:
            b, slot = bond[r], trade[r] % RING
            parent = parent_of[day, b]
            if known[r] == day and parent >= 0 and day - trade[r] < RING:
                _add_flow(out[day, parent], values[r], ring[b, slot], ring_day[b, slot] == trade[r])
            if day - trade[r] < RING and trade[r] >= ring_day[b, slot]:
                ring_day[b, slot] = trade[r]
                ring[b, slot] = values[r]
            r += 1
        for b in range(n_bonds):
            settled[b] = max(settled[b], _traded(ring_day[b], ring[b], day - RING + 1))
            parent = parent_of[day, b]
            if parent < 0:
                continue
            if outstanding[day, b]:
                out[day, parent, OUTSTANDING] += 1
            last_trade[parent] = max(last_trade[parent], _last_trade(day, ring_day[b], ring[b], settled[b]))
            _add_bond(day, ring_day[b], ring[b], out[day, parent], fit[parent], totals[parent])
        for p in range(n_parents):
            _finish(out[day, p], fit[p], totals[p])
            quiet = day - last_trade[p]
            out[day, p, STALENESS] = quiet if last_trade[p] >= 0 and quiet <= FORGOTTEN_DAYS else np.nan
    return out


@njit(cache=True)
def _add_flow(out, revision, before, is_revision):  # pragma: no cover
    """Trades and par that became known today: a revision counts by what it changed."""
    columns = (R_TRADES, R_PAR, R_BUY_PAR, R_SELL_PAR, R_CAPPED)
    for k in range(5):
        old = before[columns[k]] if is_revision and not np.isnan(before[columns[k]]) else 0.0
        gain = revision[columns[k]] - old
        if k == 0:
            out[TRADES] += gain
        elif k == 1:
            out[PAR] += gain
        elif k == 2:
            out[BUY] += gain
        elif k == 3:
            out[SELL] += gain
        else:
            out[CAPPED] += gain


@njit(cache=True)
def _traded(days, ring, day):  # pragma: no cover
    """`day` if trades of it stand, -1 otherwise."""
    slot = day % RING
    return day if day >= 0 and days[slot] == day and ring[slot, R_TRADES] > 0 else -1


@njit(cache=True)
def _last_trade(day, days, ring, settled):  # pragma: no cover
    """The bond's last day with trades that stand; `settled` is the last that no revision can reach any more."""
    for back in range(RING):
        found = _traded(days, ring, day - back)
        if found >= 0:
            return found
    return settled


@njit(cache=True)
def _add_bond(day, days, ring, out, fit, totals):  # pragma: no cover
    """One bond's contribution to its parent's level, change, curve and liquidity."""
    newest = -1
    for back in range(STALE_DAYS + 1):
        slot = (day - back) % RING
        if day - back >= 0 and days[slot] == day - back and ring[slot, R_TRADES] > 0:
            newest = slot
            break
    if newest < 0:
        return
    weight, spread = ring[newest, R_WEIGHT], ring[newest, R_SPREAD]
    priced = not np.isnan(weight) and not np.isnan(spread)
    if priced:
        totals[0] += weight
        totals[1] += weight * spread
        totals[2] += weight * ring[newest, R_MATURITY]
        x, y = np.log1p(ring[newest, R_MATURITY]), ring[newest, R_YIELD]
        fit[0] += 1.0
        fit[1] += x
        fit[2] += y
        fit[3] += x * x
        fit[4] += x * y
        fit[5] = min(fit[5], ring[newest, R_MATURITY])
        fit[6] = max(fit[6], ring[newest, R_MATURITY])
    if days[newest] != day:
        return
    out[TRADED] += 1
    buy, sell = ring[newest, R_BUY_PRICE], ring[newest, R_SELL_PRICE]
    if not np.isnan(buy) and not np.isnan(sell):
        out[BID_ASK] += 200 * (buy - sell) / (buy + sell)
        fit[7] += 1.0
    for back in range(1, MATCH_DAYS + 1):
        slot = (day - back) % RING
        if day - back < 0 or days[slot] != day - back or not ring[slot, R_TRADES] > 0:
            continue
        if ring[newest, R_PAR] > 0:
            totals[5] += 100 * abs(ring[newest, R_PRICE] / ring[slot, R_PRICE] - 1) / (ring[newest, R_PAR] / 1e6)
            totals[6] += 1.0
        if priced and not np.isnan(ring[slot, R_WEIGHT]) and not np.isnan(ring[slot, R_SPREAD]):
            matched = 1.0 / (1.0 / weight + 1.0 / ring[slot, R_WEIGHT])
            totals[3] += matched
            totals[4] += matched * (spread - ring[slot, R_SPREAD])
        break


@njit(cache=True)
def _finish(out, fit, totals):  # pragma: no cover
    """Sums turned into means, NaN where nothing was seen."""
    out[SPREAD] = totals[1] / totals[0] if totals[0] > 0 else np.nan
    out[MATURITY] = totals[2] / totals[0] if totals[0] > 0 else np.nan
    out[CHANGE] = totals[4] / totals[3] if totals[3] > 0 else np.nan
    out[AMIHUD] = totals[5] / totals[6] if totals[6] > 0 else np.nan
    out[BID_ASK] = out[BID_ASK] / fit[7] if fit[7] > 0 else np.nan
    spread_of_x = fit[3] - fit[1] * fit[1] / max(fit[0], 1.0)
    out[SLOPE] = np.nan
    if fit[0] >= 2 and fit[6] - fit[5] >= 3.0 and spread_of_x > 1e-9:
        slope = (fit[4] - fit[1] * fit[2] / fit[0]) / spread_of_x
        out[SLOPE] = slope * (np.log(11.0) - np.log(3.0))
