"""What was known of every bond at each cutoff, by replaying revisions in the order they became
known.

Belongs here: the numba pass over bond-day revisions, the issuer aggregates of its state, and which
bonds speak for an issuer on a day. Not here: windows over issuer days (`windows.py`), curves
(`issuer_levels.py`).

For each bond a ring of its last RING trading days is kept; a revision overwrites its own day,
so a late cancel changes what is seen from then on and never before. Issuer sums run over
bonds in the order of their CUSIPs: the same bits whatever else is loaded. A bond counts from its
issue until it matures.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from bondsig_assets.tables.issuer_features import MATCH_DAYS

RING = 16
#: `market_rules.STALE_DAYS`, copied: see there.
STALE_DAYS = 10
#: Beyond this the last trade counts as unknown, so that the answer never depends on how much is
#: loaded.
FORGOTTEN_DAYS = 63
#: Columns of the issuer aggregates that `replay` returns. First what became known today, a revision
#: counting by what it changed.
FLOWS = (TRADES, PAR, BUY, SELL, CAPPED, BIG_BUY, BIG_SELL, INTERDEALER, RISKLESS) = tuple(range(9))
N_FLOWS = len(FLOWS)
(
    SPREAD,
    CHANGE,
    MATURITY,
    DURATION,
    CDS_EQUIVALENT,
    BID_ASK,
    AMIHUD,
    ROUND_TRIP,
    DISPERSION,
    DEALERS,
    TRADED,
    OUTSTANDING,
    STALENESS,
    PRICED,
    MUTE_PAR,
    MUTE_TRADES,
) = range(9, 25)
N_AGGREGATES = 25
#: Flow of an issuer day → the column of a bond day that it adds up. Aggregates and revisions begin
#: with these.
FLOW_COLUMNS = {
    TRADES: "n_trades",
    PAR: "par_usd",
    BUY: "customer_buy_par_usd",
    SELL: "customer_sell_par_usd",
    CAPPED: "n_capped",
    BIG_BUY: "institutional_buy_par_usd",
    BIG_SELL: "institutional_sell_par_usd",
    INTERDEALER: "n_interdealer",
    RISKLESS: "riskless_par_usd",
}
#: Columns of a revision as `replay` takes it, by name: of `bond_day_revisions`, of
#: `bond_analytics`, and `riskless_par_usd`, `stands` and `curve_move_bps`, which `panels.py` makes
#: of them. Positions stand here and not beside the table, because numba keeps compiled code until
#: this file changes.
REVISION_COLUMNS = (
    *FLOW_COLUMNS.values(),
    "oas_bps",
    "weight",
    "yield_pct",
    "maturity_years",
    "price",
    "customer_buy_price",
    "customer_sell_price",
    "spread_duration_years",
    "cds_equivalent_spread_bps",
    "round_trip_cost_bps",
    "price_dispersion_bps",
    "n_dealers",
    "stands",
    "curve_move_bps",
)
#: Values of `stands`: nothing is known of the bond day, a quote is, trades are.
NOTHING, QUOTED, BY_TRADES = 0.0, 1.0, 2.0
N_VALUES = len(REVISION_COLUMNS)
R_TRADES, R_PAR = TRADES, PAR
R_SPREAD = REVISION_COLUMNS.index("oas_bps")
R_WEIGHT = REVISION_COLUMNS.index("weight")
R_YIELD = REVISION_COLUMNS.index("yield_pct")
R_MATURITY = REVISION_COLUMNS.index("maturity_years")
R_PRICE = REVISION_COLUMNS.index("price")
R_BUY_PRICE = REVISION_COLUMNS.index("customer_buy_price")
R_SELL_PRICE = REVISION_COLUMNS.index("customer_sell_price")
R_DURATION = REVISION_COLUMNS.index("spread_duration_years")
R_CDS_EQUIVALENT = REVISION_COLUMNS.index("cds_equivalent_spread_bps")
R_ROUND_TRIP = REVISION_COLUMNS.index("round_trip_cost_bps")
R_DISPERSION = REVISION_COLUMNS.index("price_dispersion_bps")
R_DEALERS = REVISION_COLUMNS.index("n_dealers")
R_STANDS = REVISION_COLUMNS.index("stands")
R_CURVE_MOVE = REVISION_COLUMNS.index("curve_move_bps")
#: Columns of the bonds that speak for an issuer.
H_MATURITY, H_SPREAD, H_YIELD, H_WEIGHT = range(4)
#: A dispersion of fewer trades says nothing.
_DISPERSION_TRADES = 3
#: `market_rules.MINIMUM_NAMES` and `HALF_SPREAD_POINTS`, copied: see there.
LEAST_NAMES, HALF_SPREAD = 15, 0.5
#: `bonds.issuer_curves.DECAY`, copied; and the loadings: level, slope, curvature.
DECAY, _N_CURVE = 0.5, 3
#: What a day's common moves are before it is seen, standard deviations: of every spread in
#: proportion to itself, and of each loading of the curve in bps.
_MARKET_SD, _CURVE_SD = 0.03, 8.0
#: What an issuer's own news moves its spread by a day, in proportion to it.
_OWN_SD = 0.02
#: Huber's constant: surprises beyond it count less; and rounds of reweighting.
_HUBER, _ROUNDS = 1.345, 8


@njit(cache=True)
def replay(
    known, bond, trade, values, parent_of, outstanding, n_parents, curve_lag
):  # pragma: no cover
    """Issuer aggregates [day, parent, N_AGGREGATES] as known at each day's cutoff, and the bonds
    behind each level.

    `known`, `trade`: day positions of the revisions, sorted by (known, bond, trade); `bond`: bond
    positions; `values` [revision, REVISION_COLUMNS]; `parent_of`, `outstanding` [day, bond];
    `curve_lag` [day]: see `curve_moves.CurveMoves.lag`.
    The bonds of a (day, parent) are rows offsets[i]:offsets[i + 1] of `held` (H_ columns), i = day
    * n_parents + parent, in order of CUSIPs.
    """
    n_days, n_bonds = parent_of.shape
    out = np.zeros((n_days, n_parents, N_AGGREGATES))
    ring_day = np.full((n_bonds, RING), -1, dtype=np.int64)
    ring = np.full((n_bonds, RING, N_VALUES), np.nan)
    sums = np.zeros((n_parents, 16))
    last_trade = np.full(n_parents, -1, dtype=np.int64)
    settled = np.full(n_bonds, -1, dtype=np.int64)
    offsets = np.zeros(n_days * n_parents + 1, dtype=np.int64)
    held = np.empty((max(4 * n_bonds, 16), 4))
    newest = np.full(n_bonds, -1, dtype=np.int64)
    place = np.zeros(n_parents + 1, dtype=np.int64)
    restated = np.empty((n_bonds, RING))
    pairs, pair_of = np.empty((n_bonds, _N_PAIR)), np.empty(n_bonds, dtype=np.int64)
    r = 0
    for day in range(n_days):
        sums[:] = 0.0
        last_trade[:] = -1
        while r < known.size and known[r] <= day:
            b, slot = bond[r], trade[r] % RING
            parent = parent_of[day, b]
            if known[r] == day and parent >= 0 and day - trade[r] < RING:
                _add_flow(out[day, parent], values[r], ring[b, slot], ring_day[b, slot] == trade[r])
                if values[r, R_STANDS] == QUOTED:
                    # Quotes that do not say what traded: of such a day a sum is not known.
                    out[day, parent, MUTE_PAR] += np.isnan(values[r, R_PAR])
                    out[day, parent, MUTE_TRADES] += np.isnan(values[r, R_TRADES])
            if day - trade[r] < RING and trade[r] >= ring_day[b, slot]:
                ring_day[b, slot] = trade[r]
                ring[b, slot] = values[r]
            r += 1
        n_pairs = 0
        for b in range(n_bonds):
            if parent_of[day, b] >= 0 and outstanding[day, b]:
                _restate(day, ring_day[b], ring[b], curve_lag, restated[b])
                if _pair(day, ring_day[b], ring[b], restated[b], pairs[n_pairs]):
                    pair_of[n_pairs] = parent_of[day, b]
                    n_pairs += 1
        error = _curve_error(pairs, pair_of, n_pairs, n_parents)
        place[:] = 0
        for b in range(n_bonds):
            newest[b] = -1
            settled[b] = max(settled[b], _told(ring_day[b], ring[b], day - RING + 1))
            parent = parent_of[day, b]
            if parent < 0:
                continue
            last_trade[parent] = max(
                last_trade[parent], _last_trade(day, ring_day[b], ring[b], settled[b])
            )
            if not outstanding[day, b]:
                continue
            out[day, parent, OUTSTANDING] += 1
            newest[b] = _newest(day, ring_day[b], ring[b])
            if newest[b] < 0:
                continue
            slot = day % RING
            if ring_day[b, slot] == day:
                restated[b, slot] -= _curve_at(ring[b, slot, R_MATURITY], error)
            _add_bond(
                day, newest[b], ring_day[b], ring[b], restated[b], out[day, parent], sums[parent]
            )
            if _is_priced(ring[b, newest[b]]):
                place[parent + 1] += 1
        first = offsets[day * n_parents]
        for p in range(n_parents):
            place[p + 1] += place[p]
            offsets[day * n_parents + p + 1] = first + place[p + 1]
            _finish(out[day, p], sums[p])
            quiet = day - last_trade[p]
            out[day, p, STALENESS] = (
                quiet if last_trade[p] >= 0 and quiet <= FORGOTTEN_DAYS else np.nan
            )
        if first + place[n_parents] > held.shape[0]:
            grown = np.empty((2 * held.shape[0] + place[n_parents], 4))
            grown[:first] = held[:first]
            held = grown
        for b in range(n_bonds):
            if newest[b] >= 0 and _is_priced(ring[b, newest[b]]):
                row, values_of = first + place[parent_of[day, b]], ring[b, newest[b]]
                held[row, H_MATURITY], held[row, H_SPREAD] = (
                    values_of[R_MATURITY],
                    restated[b, newest[b]],
                )
                held[row, H_YIELD], held[row, H_WEIGHT] = values_of[R_YIELD], values_of[R_WEIGHT]
                place[parent_of[day, b]] += 1
    return out, offsets, held[: offsets[-1]].copy()


@njit(cache=True)
def _restate(day, days, ring, curve_lag, restated):  # pragma: no cover
    """A bond's spreads over the Treasury curves of their own days, as far as those are known on
    `day`; what is not stays as it is.
    """
    for slot in range(RING):
        restated[slot] = ring[slot, R_SPREAD]
        moved, about = ring[slot, R_CURVE_MOVE], days[slot]
        if about >= 0 and about + curve_lag[about] <= day and np.isfinite(moved):
            restated[slot] -= moved


#: Columns of a pair of spreads of one bond, today's and the newest one before.
P_CHANGE, P_LEVEL, P_MATURITY, P_VARIANCE = range(4)
_N_PAIR = 4


@njit(cache=True)
def _pair(day, days, ring, restated, pair):  # pragma: no cover
    """Whether the bond has a spread of today and one of the days before; fills `pair` with them."""
    today = day % RING
    if _told(days, ring, day) < 0 or not _is_priced(ring[today]):
        return False
    for back in range(1, MATCH_DAYS + 1):
        slot = (day - back) % RING
        if _told(days, ring, day - back) < 0:
            continue
        if not _is_priced(ring[slot]):
            return False
        pair[P_CHANGE] = restated[today] - restated[slot]
        pair[P_LEVEL] = abs(restated[slot])
        pair[P_MATURITY] = ring[today, R_MATURITY]
        noise = _noise(ring[today]) + _noise(ring[slot])
        pair[P_VARIANCE] = noise + (_OWN_SD * pair[P_LEVEL]) ** 2
        return bool(np.isfinite(pair[P_CHANGE] + pair[P_MATURITY] + pair[P_VARIANCE]))
    return False


@njit(cache=True)
def _noise(row):  # pragma: no cover
    """Variance of a day's spread around the true one, bps^2, as `filtering.observation_variance`;
    a quote counts as one trade.
    """
    bounce = 100 * HALF_SPREAD / max(row[R_DURATION], 0.1)
    trades = row[R_TRADES] if row[R_TRADES] >= 1 else 1.0
    return bounce * bounce / trades


@njit(cache=True)
def _loadings(maturity):  # pragma: no cover
    """Of slope and curvature; that of the level is 1."""
    x = DECAY * max(maturity, 1e-6)
    slope = (1.0 - np.exp(-x)) / x
    return slope, slope - np.exp(-x)


@njit(cache=True)
def _curve_at(maturity, error):  # pragma: no cover
    """What the loadings `error` put into a spread of this maturity, bps."""
    slope, curvature = _loadings(maturity)
    return error[0] + slope * error[1] + curvature * error[2]


@njit(cache=True)
def _curve_error(pairs, owner, n, n_parents):  # pragma: no cover
    """What today's Treasury curve, not known yet, puts into every spread of today, bps a loading:
    Huber's regression of all bonds' changes on it and on a move of every spread in proportion to
    itself, with normal priors, an issuer's bonds counting together as one. Zeros with fewer than
    LEAST_NAMES issuers: what few have in common need not be the curve's.
    """
    shared, names = np.zeros(n_parents), 0
    for i in range(n):
        names += shared[owner[i]] == 0.0
        shared[owner[i]] += 1.0
    found, size = np.zeros(1 + _N_CURVE), 1 + _N_CURVE
    if names < LEAST_NAMES:
        return found[1:]
    matrix, right, on = np.empty((size, size)), np.empty(size), np.ones(size)
    for _ in range(_ROUNDS):
        matrix[:] = 0.0
        right[:] = 0.0
        matrix[0, 0] = 1.0 / _MARKET_SD**2
        for a in range(1, size):
            matrix[a, a] = 1.0 / _CURVE_SD**2
        for i in range(n):
            on[0] = pairs[i, P_LEVEL]
            on[2], on[3] = _loadings(pairs[i, P_MATURITY])
            left = pairs[i, P_CHANGE]
            for a in range(size):
                left -= on[a] * found[a]
            away = abs(left) / np.sqrt(pairs[i, P_VARIANCE])
            w = 1.0 / (pairs[i, P_VARIANCE] * shared[owner[i]])
            w *= 1.0 if away <= _HUBER else _HUBER / away
            for a in range(size):
                right[a] += w * on[a] * pairs[i, P_CHANGE]
                for b in range(size):
                    matrix[a, b] += w * on[a] * on[b]
        _solve(matrix, right)
        found[:] = right
    return found[1:]


@njit(cache=True)
def _solve(matrix, right):  # pragma: no cover
    """Overwrites `right` with the solution of a symmetric positive definite system; no BLAS, whose
    bits differ between machines.
    """
    n = right.size
    for k in range(n):
        for i in range(k + 1, n):
            factor = matrix[i, k] / matrix[k, k]
            for j in range(k, n):
                matrix[i, j] -= factor * matrix[k, j]
            right[i] -= factor * right[k]
    for i in range(n - 1, -1, -1):
        for j in range(i + 1, n):
            right[i] -= matrix[i, j] * right[j]
        right[i] /= matrix[i, i]


@njit(cache=True)
def _is_priced(row):  # pragma: no cover
    return 0.0 < row[R_WEIGHT] < np.inf and np.isfinite(row[R_SPREAD])


@njit(cache=True)
def _add_flow(out, revision, before, is_revision):  # pragma: no cover
    """Trades and par that became known today: a revision counts by what it changed."""
    for k in range(N_FLOWS):
        gain = revision[k] if not np.isnan(revision[k]) else 0.0
        if is_revision and not np.isnan(before[k]):
            gain -= before[k]
        out[k] += gain


@njit(cache=True)
def _told(days, ring, day):  # pragma: no cover
    """`day` if trades or a quote of it stand, -1 otherwise."""
    slot = day % RING
    return day if day >= 0 and days[slot] == day and ring[slot, R_STANDS] > NOTHING else -1


@njit(cache=True)
def _last_trade(day, days, ring, settled):  # pragma: no cover
    """The bond's last day with trades or a quote; `settled` is the last that no revision can reach
    any more.
    """
    for back in range(RING):
        found = _told(days, ring, day - back)
        if found >= 0:
            return found
    return settled


@njit(cache=True)
def _newest(day, days, ring):  # pragma: no cover
    """Slot of the bond's last day with trades or a quote, none older than STALE_DAYS; -1 without
    one.
    """
    for back in range(STALE_DAYS + 1):
        if _told(days, ring, day - back) >= 0:
            return (day - back) % RING
    return -1


@njit(cache=True)
def _add_mean(sums, k, value, weight):  # pragma: no cover
    """Adds to the weighted mean whose sums are in columns k and k + 1."""
    if not np.isnan(value):
        sums[k] += weight
        sums[k + 1] += weight * value


@njit(cache=True)
def _add_bond(day, newest, days, ring, restated, out, sums):  # pragma: no cover
    """One bond's contribution to its parent's level, change and liquidity."""
    row = ring[newest]
    if _is_priced(row):
        lag = row[R_SPREAD] - restated[newest]
        _add_mean(sums, 0, restated[newest], row[R_WEIGHT])
        _add_mean(sums, 2, row[R_MATURITY], row[R_WEIGHT])
        _add_mean(sums, 4, row[R_DURATION], row[R_WEIGHT])
        _add_mean(sums, 6, row[R_CDS_EQUIVALENT] - lag, row[R_WEIGHT])
    if days[newest] != day:
        return
    out[PRICED] += 1
    if row[R_TRADES] > 0:
        out[TRADED] += 1
    if not np.isnan(row[R_DEALERS]):
        out[DEALERS] = max(out[DEALERS], row[R_DEALERS])
    if not np.isnan(row[R_BUY_PRICE]) and not np.isnan(row[R_SELL_PRICE]):
        _add_mean(
            sums,
            8,
            200 * (row[R_BUY_PRICE] - row[R_SELL_PRICE]) / (row[R_BUY_PRICE] + row[R_SELL_PRICE]),
            1.0,
        )
    _add_mean(sums, 10, row[R_ROUND_TRIP], 1.0)
    if row[R_TRADES] >= _DISPERSION_TRADES:
        _add_mean(sums, 12, row[R_DISPERSION], 1.0)
    # A change of price between quotes is no trade's impact: that is measured from trade to trade.
    is_changed, is_impacted = False, row[R_STANDS] != BY_TRADES
    for back in range(1, MATCH_DAYS + 1):
        if _told(days, ring, day - back) < 0:
            continue
        slot = (day - back) % RING
        before = ring[slot]
        if not is_impacted and before[R_STANDS] == BY_TRADES:
            is_impacted = True
            if row[R_PAR] > 0 and before[R_PRICE] > 0:
                # AMIHUD holds the sum and BID_ASK the count until `_finish`.
                out[AMIHUD] += 100 * abs(row[R_PRICE] / before[R_PRICE] - 1) / (row[R_PAR] / 1e6)
                out[BID_ASK] += 1.0
        if not is_changed:
            is_changed = True
            if _is_priced(row) and _is_priced(before):
                _add_mean(
                    sums,
                    14,
                    restated[newest] - restated[slot],
                    1.0 / (1.0 / row[R_WEIGHT] + 1.0 / before[R_WEIGHT]),
                )
        if is_impacted:
            break


@njit(cache=True)
def _mean(sums, k):  # pragma: no cover
    return sums[k + 1] / sums[k] if sums[k] > 0 else np.nan


@njit(cache=True)
def _finish(out, sums):  # pragma: no cover
    """Sums turned into means, NaN where nothing was seen."""
    out[AMIHUD] = out[AMIHUD] / out[BID_ASK] if out[BID_ASK] > 0 else np.nan
    out[SPREAD], out[MATURITY], out[DURATION], out[CDS_EQUIVALENT] = (
        _mean(sums, 0),
        _mean(sums, 2),
        _mean(sums, 4),
        _mean(sums, 6),
    )
    out[BID_ASK], out[ROUND_TRIP], out[DISPERSION], out[CHANGE] = (
        _mean(sums, 8),
        _mean(sums, 10),
        _mean(sums, 12),
        _mean(sums, 14),
    )
    if out[DEALERS] == 0:
        out[DEALERS] = np.nan


@njit(cache=True)
def mean_by_parent(values, parent_of, n_parents):  # pragma: no cover
    """Mean [day, parent] over the bonds that lead to a parent on the day and have a value, in order
    of CUSIPs; NaN without one.
    """
    out = np.full((values.shape[0], n_parents), np.nan)
    total, count = np.zeros(n_parents), np.zeros(n_parents)
    for day in range(values.shape[0]):
        total[:] = 0.0
        count[:] = 0.0
        for b in range(values.shape[1]):
            if parent_of[day, b] >= 0 and not np.isnan(values[day, b]):
                total[parent_of[day, b]] += values[day, b]
                count[parent_of[day, b]] += 1.0
        for p in range(n_parents):
            if count[p] > 0:
                out[day, p] = total[p] / count[p]
    return out
