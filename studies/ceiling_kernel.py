"""The loops of the ceiling, compiled: a Kalman filter of an issuer and a Gibbs sampler of its news.

Belongs here: loops over days, instruments and sweeps. Not here: what the simulator's parameters
are (`ceiling.py`).

One issuer's log credit level beyond what is known of it moves by u each day: its own noise, the
news, and what of the stock's moves was news landing and no public move. Where only some know, a
second input v is what the others lack. The filter takes all instruments in and leaves, for the
last days, a normal likelihood of these inputs; the sampler takes any news, sizes and landings.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

#: Share of yesterday's deviation that is left today, and of a bond's own and the basis's.
LEVEL_DECAY, BOND_DECAY, BASIS_DECAY = 0.997, 0.985, 0.99
#: Columns of an observation: value, variance, share of today, bond (-1: CDS), weight of the basis,
#: weight of v (1: told by those who do not know at once).
VALUE, VARIANCE, SHARE, BOND, BASIS, HIDDEN = range(6)
_FREEDOM = 5.0
#: Points of a piece's size at which it is weighed, and how far they reach.
_NODES, _DEVIATIONS, _LARGEST = 25, 4.5, 9.0
#: A window whose jumps are less likely than this after _FIRST_SWEEPS is left at that.
_CALM, _FIRST_SWEEPS, _BURN_IN = 0.10, 10, 4

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _update(mean, cov, row, value, variance):  # pragma: no cover
    """One scalar observation row' state + noise."""
    n = mean.size
    gain, spread, gap = np.zeros(n), variance, value
    for i in range(n):
        if row[i] != 0.0:
            gap -= row[i] * mean[i]
            for j in range(n):
                gain[j] += cov[j, i] * row[i]
    for i in range(n):
        spread += row[i] * gain[i]
    for i in range(n):
        share = gain[i] / spread
        mean[i] += share * gap
        for j in range(n):
            cov[i, j] -= share * gain[j]


@_compiled
def windows(
    offsets,
    observed,
    n_bonds,
    input_variance,
    basis_shock,
    start_basis,
    bond_shock,
    start_bond,
    ages,
):  # pragma: no cover
    """Mean [day, input] and covariance [day, input, input] of the inputs of the last `ages` days,
    today's first: u of each age, then v of each.

    `observed` [row, 6]: rows offsets[t] … offsets[t + 1] are those of day t. `input_variance`
    [day, 2]: prior variances of u and v. `basis_shock`, `bond_shock`: standard deviations of daily
    shocks, `start_basis`, `start_bond` of the first day.
    """
    n_days, wide = offsets.size - 1, 2 * ages
    # u and v of each age, what is older of both, the basis, the bonds.
    n = wide + 3 + n_bonds
    old_u, old_v, basis = wide, wide + 1, wide + 2
    mean, cov, row = np.zeros(n), np.zeros((n, n)), np.zeros(n)
    cov[basis, basis] = start_basis * start_basis
    for b in range(n_bonds):
        cov[basis + 1 + b, basis + 1 + b] = start_bond * start_bond
    means, covs = np.zeros((n_days, wide)), np.zeros((n_days, wide, wide))
    step = np.zeros((n, n))
    step[old_u, old_u], step[old_u, ages - 1] = LEVEL_DECAY, 1.0
    step[old_v, old_v], step[old_v, wide - 1] = 1.0, 1.0
    for k in range(1, ages):
        step[k, k - 1], step[ages + k, ages + k - 1] = 1.0, 1.0
    step[basis, basis] = BASIS_DECAY
    for b in range(n_bonds):
        step[basis + 1 + b, basis + 1 + b] = BOND_DECAY
    turned = np.ascontiguousarray(step.T)
    for t in range(n_days):
        mean = step @ mean
        cov = step @ cov @ turned
        cov[0, 0] += input_variance[t, 0]
        cov[ages, ages] += input_variance[t, 1]
        cov[basis, basis] += basis_shock * basis_shock
        for b in range(n_bonds):
            cov[basis + 1 + b, basis + 1 + b] += bond_shock * bond_shock
        for r in range(offsets[t], offsets[t + 1]):
            one = observed[r]
            row[:] = 0.0
            # Today's level is the sum of all inputs, yesterday's of all but today's.
            left = 1.0
            for k in range(ages):
                row[k] = (
                    left * one[SHARE]
                    if k == 0
                    else left * one[SHARE] + (1.0 - one[SHARE]) * (left / LEVEL_DECAY)
                )
                row[ages + k] = one[HIDDEN] * (one[SHARE] if k == 0 else 1.0)
                left *= LEVEL_DECAY
            row[old_u] = (one[SHARE] * LEVEL_DECAY + 1.0 - one[SHARE]) * left / LEVEL_DECAY
            row[old_v] = one[HIDDEN]
            row[basis] = one[BASIS]
            if one[BOND] >= 0:
                row[basis + 1 + int(one[BOND])] = 1.0
            _update(mean, cov, row, one[VALUE], one[VARIANCE])
        means[t] = mean[:wide]
        covs[t] = cov[:wide, :wide]
    return means, covs


@_compiled
def likelihood(mean, cov, prior, noise):  # pragma: no cover
    """Precision and linear term of a normal likelihood of the news in each input, from the filter's
    moments: its `prior` variances are taken out, the inputs' own `noise` variances are integrated
    out. All [input].
    """
    n = mean.size
    precision = np.linalg.inv(cov)
    linear = precision @ mean
    for i in range(n):
        precision[i, i] += 1.0 / noise[i] - 1.0 / prior[i]
    spread = np.linalg.inv(precision)
    solved = spread @ linear
    out, term = np.zeros((n, n)), np.zeros(n)
    for i in range(n):
        term[i] = solved[i] / noise[i]
        for j in range(n):
            out[i, j] = -0.5 * (spread[i, j] + spread[j, i]) / (noise[i] * noise[j])
        out[i, i] += 1.0 / noise[i]
    return out, term


@_compiled
def _log_density(x):  # pragma: no cover
    """Of Student's t with _FREEDOM degrees of freedom and unit variance, less a constant."""
    return -0.5 * (_FREEDOM + 1.0) * math.log1p(x * x / (_FREEDOM - 2.0))


@_compiled
def _below(table, step, x):  # pragma: no cover
    """Chance that a piece's size, in its scale, is below x; `table` at x = (i - middle) step."""
    place = x / step + (table.size - 1) / 2
    if place <= 0.0:
        return 0.0
    if place >= table.size - 1:
        return 1.0
    i = int(place)
    return table[i] + (place - i) * (table[i + 1] - table[i])


@_compiled
def effects(ages, n_delays, parts, lag, netting, is_hidden):  # pragma: no cover
    """What a piece of news of age k that begins to land after d days does to the inputs, [age,
    delay, 2 ages]: by its cut effect on spreads, and by its size. Delays beyond k are alike.
    """
    jump = np.zeros((ages, n_delays, 2 * ages))
    slope = np.zeros((ages, n_delays, 2 * ages))
    for k in range(ages):
        for d in range(n_delays):
            jump[k, d, k] = -1.0
            if is_hidden and d > 0:
                jump[k, d, ages + k] += 1.0
                if d <= k:
                    jump[k, d, ages + k - d] -= 1.0
            for part in range(parts.size):
                for j in range(lag.size):
                    age = k - d - part - j
                    if age >= 0:
                        slope[k, d, age] += netting * lag[j] * parts[part]
    return jump, slope


@_compiled
def _cut(n, elasticity, largest):  # pragma: no cover
    """Effect of news on spreads, as far as one day moves them."""
    return min(max(elasticity * n, -largest), largest)


@_compiled
def _place(g, precision, jump, slope, n, sign, elasticity, largest):  # pragma: no cover
    """Take the effect of a piece of size n out of the linear term, or put it back (sign -1)."""
    effect = sign * _cut(n, elasticity, largest)
    for i in range(g.size):
        by_jump, by_slope = 0.0, 0.0
        for j in range(g.size):
            by_jump += precision[i, j] * jump[j]
            by_slope += precision[i, j] * slope[j]
        g[i] -= effect * by_jump + sign * n * by_slope


@_compiled
def _log_ratio(n, gj, gs, jj, js, ss, elasticity, largest):  # pragma: no cover
    """Log likelihood of the inputs with a piece of size n less that without."""
    effect = _cut(n, elasticity, largest)
    return effect * gj + n * gs - 0.5 * (effect * effect * jj + 2 * effect * n * js + n * n * ss)


@_compiled
def _weigh(
    node,
    weight,
    first,
    low,
    high,
    g,
    squares,
    unit,
    good,
    bad,
    table,
    step,
    elasticity,
    largest,
    observed,
    spread,
    others,
):  # pragma: no cover
    """Sizes between `low` and `high`, from `first` on: nodes and the logs of their weights; returns
    the largest. `g`, `squares`: the linear and quadratic terms of jump and slope. `observed`: the
    stock's return of the day on which the piece lands, NaN for none; `others`: what else lands.
    """
    best = -np.inf
    width = (high - low) / _NODES
    plain = 0.0
    if not np.isnan(observed):
        plain = _log_density((observed - math.log1p(others)) / spread)
    for i in range(_NODES):
        at = first + i
        n = low + (i + 0.5) * width
        node[at] = n
        mass = _below(table, step, (n + 0.5 * width) / unit) - _below(
            table, step, (n - 0.5 * width) / unit
        )
        mass *= good if n > 0.0 else bad
        if mass > 0.0:
            found = math.log(mass) + _log_ratio(
                n, g[0], g[1], squares[0], squares[1], squares[2], elasticity, largest
            )
            if not np.isnan(observed):
                moved = math.log1p(max(others + n, -0.95))
                found += _log_density((observed - moved) / spread) - plain
            weight[at] = found
            best = max(best, found)
    return best


@_compiled
def _sizes(
    node,
    weight,
    g,
    squares,
    unit,
    good,
    bad,
    table,
    step,
    elasticity,
    largest,
    observed,
    spread,
    others,
):  # pragma: no cover
    """`_weigh` over the sizes that spreads allow; those whose effect is cut are told apart by
    nothing but their prior and the stock, and have nodes of their own.
    """
    curvature = elasticity * elasticity * squares[0] + 2 * elasticity * squares[1] + squares[2]
    end = _LARGEST * unit
    low, high, centre = -end, end, 0.0
    if curvature > 0.0:
        centre = (elasticity * g[0] + g[1]) / curvature
        reach = _DEVIATIONS / math.sqrt(curvature)
        low, high = max(centre - reach, -end), min(centre + reach, end)
    edge = largest / elasticity
    best = -np.inf
    arguments = (
        g,
        squares,
        unit,
        good,
        bad,
        table,
        step,
        elasticity,
        largest,
        observed,
        spread,
        others,
    )
    if end > edge and high > edge and centre >= 0.0:
        best = _weigh(node, weight, _NODES, edge, end, *arguments)
    elif end > edge and low < -edge:
        best = _weigh(node, weight, _NODES, -end, -edge, *arguments)
    if low < edge and high > -edge:
        low, high = max(low, -edge), min(high, edge)
        best = max(best, _weigh(node, weight, 0, low, high, *arguments))
    return best


@_compiled
def _swap(
    g,
    precision,
    jump,
    slope,
    squares,
    has,
    size,
    delay,
    landed,
    chance,
    good,
    bad,
    is_seen,
    elasticity,
    largest,
):  # pragma: no cover
    """Each piece may move to a day nearby and keep its size and the day it lands: Metropolis, or
    the sampler would hold on to the day it first thought of.
    """
    ages, n_delays = has.size, good.shape[1]
    for k in range(ages):
        if not has[k]:
            continue
        other = k + np.random.randint(1, 3) * (1 if np.random.random() < 0.5 else -1)
        if other < 0 or other >= ages or has[other] or not chance[other] > 0.0:
            continue
        d, waits = delay[k], delay[k] > k
        to = n_delays - 1 if waits else other - (k - d)
        if to < 0 or to >= n_delays or (waits and to <= other):
            continue
        mass = good if size[k] > 0.0 else bad
        if not mass[other, to] > 0.0:
            continue
        n = size[k]
        _place(g, precision, jump[k, d], slope[k, d], n, -1.0, elasticity, largest)
        odds = math.log(mass[other, to] / mass[k, d])
        odds += math.log(chance[other] / (1 - chance[other]) * (1 - chance[k]) / chance[k])
        odds += _log_ratio(
            n,
            g @ jump[other, to],
            g @ slope[other, to],
            squares[other, to, 0],
            squares[other, to, 1],
            squares[other, to, 2],
            elasticity,
            largest,
        )
        odds -= _log_ratio(
            n,
            g @ jump[k, d],
            g @ slope[k, d],
            squares[k, d, 0],
            squares[k, d, 1],
            squares[k, d, 2],
            elasticity,
            largest,
        )
        if math.log(max(np.random.random(), 1e-300)) < odds:
            has[k], has[other], size[other], delay[other] = False, True, n, to
            _place(g, precision, jump[other, to], slope[other, to], n, 1.0, elasticity, largest)
        else:
            _place(g, precision, jump[k, d], slope[k, d], n, 1.0, elasticity, largest)


@_compiled
def _draw(weight, total):  # pragma: no cover
    """Position of a weight [delay, node] drawn with its chance."""
    left = np.random.random() * total
    last = (0, 0)
    for d in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            if weight[d, i] > 0.0:
                left -= weight[d, i]
                last = (d, i)
                if left <= 0.0:
                    return last
    return last


@_compiled
def sample(
    precision,
    linear,
    jump,
    slope,
    chance,
    unit,
    good,
    bad,
    ahead,
    is_seen,
    returns,
    spread,
    table,
    step,
    elasticity,
    largest,
    label_scale,
    sweeps,
    seed,
):  # pragma: no cover
    """Posterior by Gibbs of what lands within the label: the expected return, P(below) - ½ (that of
    each piece, put together as odds are), and the probability of news of each age. Each age's own
    part is integrated given the other ages' draws.

    `precision`, `linear`: likelihood of the inputs; `jump`, `slope`: `effects`. `chance`, `unit`
    [age]: chance of a piece and the unit of its size, `table`, `step` its distribution. `good`,
    `bad`, `ahead` [age, delay]: chances of each delay of good and of bad news, those still to come
    together in the last, and the share that then lands within the label. `is_seen`: pieces land
    whole, so that the day's stock return `returns` [age] tells of it (log, beyond what all stocks
    did, NaN unknown; `spread` its standard deviation without news).
    """
    np.random.seed(seed)
    ages, n_delays = good.shape
    has, size, delay = np.zeros(ages, np.bool_), np.zeros(ages), np.zeros(ages, np.int64)
    landed, g = np.zeros(ages), linear.copy()
    squares = np.zeros((ages, n_delays, 3))
    for k in range(ages):
        for d in range(n_delays):
            by_jump, by_slope = precision @ jump[k, d], precision @ slope[k, d]
            squares[k, d, 0] = jump[k, d] @ by_jump
            squares[k, d, 1] = slope[k, d] @ by_jump
            squares[k, d, 2] = slope[k, d] @ by_slope
    weight, node = np.zeros((n_delays, 2 * _NODES)), np.zeros((n_delays, 2 * _NODES))
    expected, below, news, counted = 0.0, 0.0, np.zeros(ages), 0
    for sweep in range(sweeps):
        most, joined = 0.0, 0.0
        # The oldest first: what a stock's answer does to spreads later is then known as that, and
        # not taken for more news, which no single step would give up again.
        for k in range(ages - 1, -1, -1):
            if not (chance[k] > 0.0 and unit[k] > 0.0):
                continue
            if has[k]:
                d = delay[k]
                _place(g, precision, jump[k, d], slope[k, d], size[k], -1.0, elasticity, largest)
                if is_seen and d <= k:
                    landed[k - d] -= size[k]
                has[k] = False
            best, terms = -np.inf, np.zeros(2)
            weight[:] = -np.inf
            for d in range(n_delays):
                if good[k, d] + bad[k, d] > 0.0:
                    terms[0], terms[1] = g @ jump[k, d], g @ slope[k, d]
                    seen = is_seen and d <= k
                    found = _sizes(
                        node[d],
                        weight[d],
                        terms,
                        squares[k, d],
                        unit[k],
                        good[k, d],
                        bad[k, d],
                        table,
                        step,
                        elasticity,
                        largest,
                        returns[k - d] if seen else np.nan,
                        spread[k - d] if seen else 1.0,
                        landed[k - d] if seen else 0.0,
                    )
                    best = max(best, found)
            total, moved, lower = 0.0, 0.0, 0.0
            for d in range(n_delays):
                for i in range(2 * _NODES):
                    w = math.exp(weight[d, i] - best) if weight[d, i] > -np.inf else 0.0
                    weight[d, i] = w
                    total += w
                    if w > 0.0 and ahead[k, d] > 0.0:
                        n, share = node[d, i], ahead[k, d]
                        moved += w * share * n
                        if is_seen:
                            lower += w * share * 0.5 * math.erf(-n / label_scale / math.sqrt(2.0))
                        else:
                            lower += w * 0.5 * math.erf(-n * share / label_scale / math.sqrt(2.0))
            none = (1.0 - chance[k]) / chance[k] * math.exp(-best) if best > -600.0 else np.inf
            whole = total + none
            most = max(most, total / whole)
            if sweep >= _BURN_IN:
                expected += moved / whole
                joined += math.atanh(2.0 * lower / whole)
                news[k] += total / whole
            if np.random.random() < total / whole:
                d, i = _draw(weight, total)
                has[k], size[k], delay[k] = True, node[d, i], d
                _place(g, precision, jump[k, d], slope[k, d], size[k], 1.0, elasticity, largest)
                if is_seen and d <= k:
                    landed[k - d] += size[k]
        _swap(
            g,
            precision,
            jump,
            slope,
            squares,
            has,
            size,
            delay,
            landed,
            chance,
            good,
            bad,
            is_seen,
            elasticity,
            largest,
        )
        below += 0.5 * math.tanh(joined)
        counted += sweep >= _BURN_IN
        if sweep + 1 >= _FIRST_SWEEPS and most < _CALM and not has.any():
            break
    return expected / counted, below / counted, news / counted
