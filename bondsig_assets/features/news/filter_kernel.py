"""The filter of all issuers' credit levels, day by day, compiled.

Belongs here: the loops: one market day, a chain of them, a look back over history. Not here: the
model in words (`docs/credit_news.md`), parameters (`parameters.py`), what is observed
(`observations.py`). Imported only where it runs: numba takes a second. No `fastmath`: missing
values are NaN, and are asked for.

The state of an issuer: its log credit level today and on the six days before, then an offset for
every instrument it has: the CDS curve in the first slot, bonds as they come.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Days of which the state holds the news, today's included.
AGES = 6
#: Levels in the state: today's and those of AGES days before.
LEVELS = AGES + 1
#: Instruments of one issuer, the CDS curve included; another bond takes the place of the one that
#: has been silent longest.
MOST_INSTRUMENTS = 40
STATE = LEVELS + MOST_INSTRUMENTS
#: Days after which an observation is no longer revised in the chain.
SETTLED_DAYS = 6

#: Columns of an observation: OAS in bps as of its own cutoff, and over the curve of its own day
#: once that is known; bps of spread for a point of price; number of trades; customers' net buying
#: over par; whether institutional trades are most of the par; share of the day's move that the
#: price holds; slope and curvature loadings of its maturity.
(OAS, OAS_RESTATED, BPS_A_POINT, TRADES, IMBALANCE, IS_BIG, SHARE, SLOPE, CURVATURE) = range(9)
N_OBSERVED = 9

#: Parameters that are one number, in order (`parameters.py` says what they mean).
(
    BOND_DRIFT,
    CDS_DRIFT,
    CDS_NOISE,
    WITHIN_DAY,
    MARKET_SD,
    SECTOR_SD,
    CURVE_SD,
    KNOWN_CURVE_SD,
    ADAPTATION,
) = range(9)
N_NUMBERS = 9
#: Columns of the parameters of a grade.
(QUIET, CHANCE, JUMP, FIXED_NOISE, SMALL_NOISE, BIG_NOISE, SMALL_BOUNCE, BIG_BOUNCE) = range(8)
N_GRADE = 8
#: Days of the stock's own return that move the level: today's and the three before.
STOCK_LAGS = 4

_LEAST_ADAPTED, _MOST_ADAPTED = 0.3, 100.0
#: Squared innovation, in its own variance, beyond which an observation is believed less.
_OUTLIER = 20.0
_MOST_SURPRISE = 6.0
#: Cut of an innovation: share of a bond's level, and logs of a CDS.
_CUT, _CDS_CUT = 0.9, 0.7
_HUBER, _ROUNDS = 1.345, 4
#: A bond's level stays within this factor of where it has been.
_BAND = 4.0
_BAND_SPEED = 0.03
#: A bond below this (bps) says nothing about a relative change.
_LEAST_OAS = 5.0
_N_CURVE = 3

#: The slot of an issuer's CDS curve among its instruments. It is passed as np.int64: for a constant
#: numba would compile everything that takes a slot once more.
CDS_SLOT = 0

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def new_state(n_parents, n_bonds):  # pragma: no cover
    """The state before anything was observed: levels at 0, no instrument known."""
    return (
        np.zeros((n_parents, STATE)),
        np.zeros((n_parents, STATE, STATE)),
        np.ones(n_parents, dtype=np.int64),
        np.full((n_parents, MOST_INSTRUMENTS), -1, dtype=np.int64),
        np.full((n_parents, MOST_INSTRUMENTS), -1, dtype=np.int64),
        np.ones((n_parents, MOST_INSTRUMENTS)),
        np.zeros((n_parents, MOST_INSTRUMENTS)),
        np.zeros((n_parents, AGES)),
        np.full(n_bonds, -1, dtype=np.int64),
        np.full(n_bonds, -1, dtype=np.int64),
        np.zeros(n_parents),
    )


@_compiled
def _copy(source, target):  # pragma: no cover
    """Everything of one state written over another."""
    mean, cov, used = source[0], source[1], source[2]
    for p in range(mean.shape[0]):
        n = LEVELS + used[p]
        target[0][p, :n] = mean[p, :n]
        target[1][p, :n, :n] = cov[p, :n, :n]
    target[2][:] = source[2]
    target[3][:] = source[3]
    target[4][:] = source[4]
    target[5][:] = source[5]
    target[6][:] = source[6]
    target[7][:] = source[7]
    target[8][:] = source[8]
    target[9][:] = source[9]
    target[10][:] = source[10]


@_compiled
def _step_forward(state, p, drift, variance, numbers):  # pragma: no cover
    """One issuer's state a day on: the level moves by `drift` with `variance`, offsets wander."""
    mean, cov, used, drifts = state[0][p], state[1][p], state[2][p], state[7][p]
    n = LEVELS + used
    for k in range(AGES - 1, 0, -1):
        drifts[k] = drifts[k - 1]
    drifts[0] = drift
    for i in range(LEVELS - 1, 0, -1):
        mean[i] = mean[i - 1]
    mean[0] += drift
    # Rows and columns of the levels move down by one; today's is yesterday's and what comes.
    for i in range(LEVELS - 1, 0, -1):
        for j in range(LEVELS - 1, 0, -1):
            cov[i, j] = cov[i - 1, j - 1]
        for j in range(LEVELS, n):
            cov[i, j] = cov[i - 1, j]
            cov[j, i] = cov[i, j]
    for i in range(1, LEVELS):
        cov[0, i] = cov[1, i]
        cov[i, 0] = cov[0, i]
    cov[0, 0] = cov[1, 1] + variance
    cov[LEVELS, LEVELS] += numbers[CDS_DRIFT] * numbers[CDS_DRIFT]
    for i in range(LEVELS + 1, n):
        cov[i, i] += numbers[BOND_DRIFT] * numbers[BOND_DRIFT]


@_compiled
def _slot_for(state, p, bond, day):  # pragma: no cover
    """A slot for a bond that has none: a free one, else that of the bond silent longest, which is
    forgotten.
    """
    used, bonds, seen = state[2], state[3], state[4]
    if used[p] < MOST_INSTRUMENTS:
        slot = used[p]
        used[p] += 1
    else:
        slot = 1
        for k in range(2, MOST_INSTRUMENTS):
            if seen[p, k] < seen[p, slot]:
                slot = k
        if seen[p, slot] == day:
            return -1
        state[8][bonds[p, slot]] = -1
    bonds[p, slot] = bond
    state[8][bond], state[9][bond] = slot, p
    return slot


@_compiled
def _begin(state, p, slot, share, level, observed, variance):  # pragma: no cover
    """An instrument's offset from its first observation, `observed` in logs with `variance`: the
    limit of knowing nothing of it before.
    """
    mean, cov, used = state[0][p], state[1][p], state[2][p]
    n, at = LEVELS + used, LEVELS + slot
    mean[at] = observed - level
    own = 0.0
    for i in range(n):
        if i == at:
            continue
        value = -(share * cov[0, i] + (1.0 - share) * cov[1, i])
        cov[at, i] = value
        cov[i, at] = value
    own = -(share * cov[at, 0] + (1.0 - share) * cov[at, 1])
    cov[at, at] = own + variance
    state[5][p, slot] = 1.0


@_compiled
def _update(state, p, slot, share, slope, surprise, variance, gain):  # pragma: no cover
    """The state after one observation with loadings `slope` x (`share`, 1 - `share`) on the two
    newest levels and `slope` on the offset; `gain` is scratch.
    """
    mean, cov, used = state[0][p], state[1][p], state[2][p]
    n, at = LEVELS + used, LEVELS + slot
    total = variance
    for i in range(n):
        gain[i] = slope * (share * cov[0, i] + (1.0 - share) * cov[1, i] + cov[at, i])
    total += slope * (share * gain[0] + (1.0 - share) * gain[1] + gain[at])
    for i in range(n):
        k = gain[i] / total
        mean[i] += k * surprise
        for j in range(i + 1):
            cov[i, j] -= k * gain[j]
            cov[j, i] = cov[i, j]


@_compiled
def _variance_of(state, p, slot, share, slope):  # pragma: no cover
    """Variance of what an instrument was expected to show."""
    cov, at = state[1][p], LEVELS + slot
    rest = 1.0 - share
    return (
        slope
        * slope
        * (
            share * share * cov[0, 0]
            + rest * rest * cov[1, 1]
            + cov[at, at]
            + 2.0 * (share * rest * cov[0, 1] + share * cov[0, at] + rest * cov[1, at])
        )
    )


@_compiled
def _solve(matrix, right, n):  # pragma: no cover
    """Solution of a positive definite system by Cholesky's method, in place of `right`."""
    for i in range(n):
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                matrix[i, i] = math.sqrt(max(total, 1e-300))
            else:
                matrix[i, j] = total / matrix[j, j]
    for i in range(n):
        total = right[i]
        for k in range(i):
            total -= matrix[i, k] * right[k]
        right[i] = total / matrix[i, i]
    for i in range(n - 1, -1, -1):
        total = right[i]
        for k in range(i + 1, n):
            total -= matrix[k, i] * right[k]
        right[i] = total / matrix[i, i]


@_compiled
def _common_moves(
    surprise, scale, own, weight, exposure, sector, loadings, n, n_sectors, prior
):  # pragma: no cover
    """Market, sector and curve moves that explain the first n surprises best: Huber's regression
    with normal priors; and what they leave of each surprise.

    `weight`: what an observation counts, an issuer's being shared among its instruments; `scale`:
    its standard deviation; `exposure` to market and sector, `loadings` [n, 3] to the curve.
    """
    size = 1 + n_sectors + _N_CURVE
    found, matrix = np.zeros(size), np.empty((size, size))
    residual = np.empty(n)
    for i in range(n):
        residual[i] = surprise[i]
    for _ in range(_ROUNDS):
        matrix[:] = 0.0
        right = np.zeros(size)
        for i in range(size):
            matrix[i, i] = prior[i]
        for i in range(n):
            away = abs(residual[i]) / scale[i]
            w = weight[i] * (1.0 if away <= _HUBER else _HUBER / away)
            e, s = exposure[i], 1 + sector[i]
            matrix[0, 0] += w * e * e
            right[0] += w * e * surprise[i]
            if sector[i] >= 0:
                matrix[s, 0] += w * e * e
                matrix[s, s] += w * e * e
                right[s] += w * e * surprise[i]
            if not own[i]:
                continue
            for a in range(_N_CURVE):
                row = 1 + n_sectors + a
                la = loadings[i, a]
                matrix[row, 0] += w * la * e
                if sector[i] >= 0:
                    matrix[row, s] += w * la * e
                right[row] += w * la * surprise[i]
                for b in range(a + 1):
                    matrix[row, 1 + n_sectors + b] += w * la * loadings[i, b]
        _solve(matrix, right, size)
        for i in range(size):
            found[i] = right[i]
        for i in range(n):
            fitted = exposure[i] * found[0]
            if sector[i] >= 0:
                fitted += exposure[i] * found[1 + sector[i]]
            if own[i]:
                for a in range(_N_CURVE):
                    fitted += loadings[i, a] * found[1 + n_sectors + a]
            residual[i] = surprise[i] - fitted
    return found, residual


@_compiled
def _agreed(left, scale, owner, n, n_parents):  # pragma: no cover
    """Whether two instruments of an issuer or more, and half of those that spoke, jumped the same
    way [parent], by what common moves `left` of their surprises: a wrong print would be alone.
    """
    spoke, up, down = np.zeros(n_parents), np.zeros(n_parents), np.zeros(n_parents)
    for i in range(n):
        away = left[i] / scale[i]
        spoke[owner[i]] += 1.0
        if away * away > _OUTLIER:
            if away > 0:
                up[owner[i]] += 1.0
            else:
                down[owner[i]] += 1.0
    agreed = np.zeros(n_parents, dtype=np.bool_)
    for p in range(n_parents):
        most = max(up[p], down[p])
        agreed[p] = most >= 2.0 and 2.0 * most >= spoke[p]
    return agreed


@_compiled
def _price_noise(row, grade, numbers_of_grade):  # pragma: no cover
    """Variance of a bond day's spread from its trades' prices, bps², before the bond's own
    factor.
    """
    of = numbers_of_grade[grade]
    per_trade = of[BIG_NOISE] if row[IS_BIG] > 0.5 else of[SMALL_NOISE]
    return (of[FIXED_NOISE] + per_trade / max(row[TRADES], 1.0)) * row[BPS_A_POINT] ** 2


@_compiled
def _bounce(row, grade, numbers_of_grade):  # pragma: no cover
    """What customers' net buying takes from the day's spread, bps: they pay the ask."""
    of = numbers_of_grade[grade]
    points = of[BIG_BOUNCE] if row[IS_BIG] > 0.5 else of[SMALL_BOUNCE]
    return points * row[IMBALANCE] * row[BPS_A_POINT]


@_compiled
def market_day(
    state,
    day,
    rows,
    values,
    bond_of,
    parents,
    sector,
    grade,
    moves,
    cds_change,
    is_known,
    numbers,
    of_grade,
    n_sectors,
    common,
    innovations,
):  # pragma: no cover
    """The state after one market day.

    `rows`: positions in `values` [row, N_OBSERVED] and `bond_of` of the day's observations, ordered
    by bond; `parents`, `sector`, `grade`, `moves`: the day's owner of each bond, sector, grade and
    expected move of each issuer; `cds_change`: log change of its CDS curve, NaN without a quote;
    `is_known`: whether the Treasury curve of the day is known. `common` takes the day's market,
    sector and curve moves; `innovations` [row, 4] what each observation showed beyond expectation:
    surprise and its variance, the price noise and the level it was taken at (NaN: none).
    """
    n_parents = sector.size
    most = rows.size + n_parents
    surprise, scale, weight = np.empty(most), np.empty(most), np.empty(most)
    exposure, of_sector = np.empty(most), np.empty(most, dtype=np.int64)
    own, loadings = np.empty(most, dtype=np.bool_), np.zeros((most, _N_CURVE))
    expected, noise, owner = np.empty(most), np.empty(most), np.empty(most, dtype=np.int64)
    count = np.zeros(n_parents, dtype=np.int64)
    for p in range(n_parents):
        of = of_grade[grade[p]]
        _step_forward(state, p, moves[p], of[QUIET] + of[CHANCE] * of[JUMP], numbers)
    n = np.int64(0)
    for k in range(rows.size):
        r = rows[k]
        p, b = parents[bond_of[r]], bond_of[r]
        if p < 0 or state[8][b] < 0 or state[9][b] != p:
            continue
        row, slot, g = values[r], state[8][b], grade[p]
        share = row[SHARE]
        level = share * state[0][p, 0] + (1.0 - share) * state[0][p, 1] + state[0][p, LEVELS + slot]
        held = state[6][p, slot]
        at = min(max(math.exp(level), held / _BAND), held * _BAND)
        oas = (row[OAS_RESTATED] if is_known else row[OAS]) + _bounce(row, g, of_grade)
        of = of_grade[g]
        noise[n] = state[5][p, slot] * _price_noise(row, g, of_grade) + at * at * numbers[
            WITHIN_DAY
        ] * (of[QUIET] + of[CHANCE] * of[JUMP])
        expected[n] = _variance_of(state, p, slot, share, at)
        surprise[n] = min(max(oas - at, -_CUT * at), _CUT * at)
        exposure[n], of_sector[n], own[n], owner[n] = at * share, sector[p], True, p
        loadings[n, 0], loadings[n, 1], loadings[n, 2] = (
            share,
            share * row[SLOPE],
            share * row[CURVATURE],
        )
        count[p] += 1
        n += 1
    for p in range(n_parents):
        if np.isnan(cds_change[p]):
            continue
        state[10][p] += cds_change[p]
        if state[4][p, 0] < 0:
            continue
        noise[n] = state[5][p, 0] * numbers[CDS_NOISE] * numbers[CDS_NOISE]
        expected[n] = _variance_of(state, p, np.int64(CDS_SLOT), 1.0, 1.0)
        gap = state[10][p] - state[0][p, 0] - state[0][p, LEVELS]
        surprise[n] = min(max(gap, -_CDS_CUT), _CDS_CUT)
        exposure[n], of_sector[n], own[n], owner[n] = 1.0, sector[p], False, p
        count[p] += 1
        n += 1
    for i in range(n):
        scale[i] = math.sqrt(expected[i] + noise[i])
        weight[i] = 1.0 / (count[owner[i]] * expected[i] + noise[i])
    prior = np.empty(1 + n_sectors + _N_CURVE)
    prior[0] = 1.0 / numbers[MARKET_SD] ** 2
    prior[1 : 1 + n_sectors] = 1.0 / numbers[SECTOR_SD] ** 2
    curve_sd = numbers[KNOWN_CURVE_SD] if is_known else numbers[CURVE_SD]
    prior[1 + n_sectors :] = 1.0 / curve_sd**2
    found, left = _common_moves(
        surprise, scale, own, weight, exposure, of_sector, loadings, n, n_sectors, prior
    )
    agreed = _agreed(left, scale, owner, n, n_parents)
    common[:] = found
    for p in range(n_parents):
        move = found[0] + (found[1 + sector[p]] if sector[p] >= 0 else 0.0)
        state[0][p, 0] += move
        state[7][p, 0] += move
    gain = np.empty(STATE)
    for k in range(rows.size):
        r = rows[k]
        p, b = parents[bond_of[r]], bond_of[r]
        if p < 0:
            continue
        row, g = values[r], grade[p]
        share = row[SHARE]
        moved = share * (
            found[1 + n_sectors]
            + row[SLOPE] * found[2 + n_sectors]
            + row[CURVATURE] * found[3 + n_sectors]
        )
        oas = (row[OAS_RESTATED] if is_known else row[OAS]) + _bounce(row, g, of_grade) - moved
        _observe_bond(
            state, p, b, day, row, share, oas, g, agreed[p], numbers, of_grade, gain, innovations[r]
        )
    for p in range(n_parents):
        if not np.isnan(cds_change[p]):
            _observe_cds(state, p, day, agreed[p], numbers, gain)


@_compiled
def _observe_bond(
    state, p, b, day, row, share, oas, g, agreed, numbers, of_grade, gain, innovation
):  # pragma: no cover
    """One bond day taken into its issuer's state."""
    of = of_grade[g]
    price_noise = _price_noise(row, g, of_grade)
    within = numbers[WITHIN_DAY] * (of[QUIET] + of[CHANCE] * of[JUMP])
    innovation[:] = np.nan
    slot = state[8][b] if state[9][b] == p else -1
    level = share * state[0][p, 0] + (1.0 - share) * state[0][p, 1]
    if slot < 0:
        if oas < _LEAST_OAS:
            return
        slot = _slot_for(state, p, b, day)
        if slot >= 0:
            _begin(state, p, slot, share, level, math.log(oas), price_noise / (oas * oas) + within)
            state[6][p, slot] = oas
            state[4][p, slot] = day
        return
    held = state[6][p, slot]
    at = min(max(math.exp(level + state[0][p, LEVELS + slot]), held / _BAND), held * _BAND)
    surprise = min(max(oas - at, -_CUT * at), _CUT * at)
    expected = _variance_of(state, p, slot, share, at)
    noise = state[5][p, slot] * price_noise + at * at * within
    squared = surprise * surprise / (expected + noise)
    if squared > _OUTLIER and not agreed:
        noise = max(noise, surprise * surprise / _OUTLIER - expected)
    innovation[0], innovation[1], innovation[2], innovation[3] = (
        surprise,
        expected + at * at * within,
        price_noise,
        at,
    )
    _update(state, p, slot, share, at, surprise, noise, gain)
    _adapt(state, p, slot, squared, numbers)
    state[4][p, slot] = day
    now = share * state[0][p, 0] + (1.0 - share) * state[0][p, 1] + state[0][p, LEVELS + slot]
    now = min(max(now, math.log(held / _BAND)), math.log(held * _BAND))
    state[6][p, slot] = held * math.exp(_BAND_SPEED * (now - math.log(held)))


@_compiled
def _observe_cds(state, p, day, agreed, numbers, gain):  # pragma: no cover
    """The day's CDS curve taken into its issuer's state; its first one starts the chain."""
    slot = np.int64(CDS_SLOT)
    if state[4][p, 0] < 0:
        _begin(state, p, slot, 1.0, state[0][p, 0], state[10][p], numbers[CDS_NOISE] ** 2)
        state[4][p, 0] = day
        return
    gap = state[10][p] - state[0][p, 0] - state[0][p, LEVELS]
    surprise = min(max(gap, -_CDS_CUT), _CDS_CUT)
    expected = _variance_of(state, p, slot, 1.0, 1.0)
    noise = state[5][p, 0] * numbers[CDS_NOISE] ** 2
    squared = surprise * surprise / (expected + noise)
    if squared > _OUTLIER and not agreed:
        noise = max(noise, surprise * surprise / _OUTLIER - expected)
    _update(state, p, slot, 1.0, 1.0, surprise, noise, gain)
    _adapt(state, p, slot, squared, numbers)
    state[4][p, 0] = day


@_compiled
def _adapt(state, p, slot, squared, numbers):  # pragma: no cover
    """An instrument that surprises more than it should is noisier than others of its kind."""
    factor = math.exp(numbers[ADAPTATION] * (min(squared, _MOST_SURPRISE) - 1.0))
    state[5][p, slot] = min(max(state[5][p, slot] * factor, _LEAST_ADAPTED), _MOST_ADAPTED)


@_compiled
def _moves_of(day, grade, stock, betas, moves):  # pragma: no cover
    """What the stock's own returns of today and the days before let each level move by."""
    for p in range(grade.size):
        moves[p] = 0.0
        for j in range(min(STOCK_LAGS, day + 1)):
            if not np.isnan(stock[day - j, p]):
                moves[p] += betas[grade[p], j] * stock[day - j, p]


@_compiled
def _news_moments(state, mean, cov, seen, day):  # pragma: no cover
    """Mean [parent, age] and covariance [parent, age, age] of what moved each level on the last
    AGES days beyond what was expected, and whether an instrument spoke within them.
    """
    for p in range(mean.shape[0]):
        own, c = state[0][p], state[1][p]
        for i in range(AGES):
            mean[p, i] = own[i] - own[i + 1] - state[7][p, i]
            for j in range(AGES):
                cov[p, i, j] = c[i, j] - c[i + 1, j] - c[i, j + 1] + c[i + 1, j + 1]
        seen[p] = False
        for slot in range(state[2][p]):
            if state[4][p, slot] > day - AGES:
                seen[p] = True


@_compiled
def chain(
    start,
    first,
    last,
    offsets,
    rows,
    values,
    bond_of,
    parent_of,
    sector,
    grade,
    stock,
    cds_change,
    curve_lag,
    numbers,
    of_grade,
    betas,
    n_sectors,
):  # pragma: no cover
    """News moments of the days `first` … `last`, each as known at its own cutoff, from a chain that
    starts on day `start`.

    Observations of day s as known k days later are rows offsets[k, s]:offsets[k, s + 1] of `rows`.
    The chain takes each day as it was known SETTLED_DAYS later; the days since are gone through
    again every day. Returns mean [day, parent, age], covariance, whether anything spoke, and the
    day's common moves.
    """
    n_days, n_parents = sector.shape
    n_out = last - first + 1
    mean = np.full((n_out, n_parents, AGES), np.nan)
    cov = np.full((n_out, n_parents, AGES, AGES), np.nan)
    seen = np.zeros((n_out, n_parents), dtype=np.bool_)
    common = np.zeros((n_out, 1 + n_sectors + _N_CURVE))
    scratch = np.empty((values.shape[0], 4))
    settled = new_state(n_parents, parent_of.shape[1])
    recent = new_state(n_parents, parent_of.shape[1])
    moves = np.zeros(n_parents)
    spent = np.zeros(1 + n_sectors + _N_CURVE)
    reached = start
    for day in range(first, last + 1):
        while reached < day - SETTLED_DAYS:
            _moves_of(reached, grade[reached], stock, betas, moves)
            market_day(
                settled,
                reached,
                rows[offsets[SETTLED_DAYS, reached] : offsets[SETTLED_DAYS, reached + 1]],
                values,
                bond_of,
                parent_of[reached],
                sector[reached],
                grade[reached],
                moves,
                cds_change[reached],
                curve_lag[reached] <= SETTLED_DAYS,
                numbers,
                of_grade,
                n_sectors,
                spent,
                scratch,
            )
            reached += 1
        _copy(settled, recent)
        for s in range(reached, day + 1):
            lag = day - s
            _moves_of(s, grade[s], stock, betas, moves)
            market_day(
                recent,
                s,
                rows[offsets[lag, s] : offsets[lag, s + 1]],
                values,
                bond_of,
                parent_of[s],
                sector[s],
                grade[s],
                moves,
                cds_change[s],
                curve_lag[s] <= lag,
                numbers,
                of_grade,
                n_sectors,
                spent,
                scratch,
            )
        at = day - first
        _news_moments(recent, mean[at], cov[at], seen[at], day)
        common[at] = spent
    return mean, cov, seen, common


@_compiled
def history(
    start,
    last,
    offsets,
    rows,
    values,
    bond_of,
    parent_of,
    sector,
    grade,
    stock,
    cds_change,
    curve_lag,
    numbers,
    of_grade,
    betas,
    n_sectors,
):  # pragma: no cover
    """News moments of the days `start` … `last`, each from observations as known SETTLED_DAYS after
    their own day, and the innovations [row, 4] of `market_day`: what parameters are estimated from.
    """
    n_days, n_parents = sector.shape
    n_out = last - start + 1
    mean = np.full((n_out, n_parents, AGES), np.nan)
    cov = np.full((n_out, n_parents, AGES, AGES), np.nan)
    seen = np.zeros((n_out, n_parents), dtype=np.bool_)
    innovations = np.full((values.shape[0], 4), np.nan)
    state = new_state(n_parents, parent_of.shape[1])
    moves, spent = np.zeros(n_parents), np.zeros(1 + n_sectors + _N_CURVE)
    for day in range(start, last + 1):
        _moves_of(day, grade[day], stock, betas, moves)
        market_day(
            state,
            day,
            rows[offsets[SETTLED_DAYS, day] : offsets[SETTLED_DAYS, day + 1]],
            values,
            bond_of,
            parent_of[day],
            sector[day],
            grade[day],
            moves,
            cds_change[day],
            curve_lag[day] <= SETTLED_DAYS,
            numbers,
            of_grade,
            n_sectors,
            spent,
            innovations,
        )
        _news_moments(state, mean[day - start], cov[day - start], seen[day - start], day)
    return mean, cov, seen, innovations
