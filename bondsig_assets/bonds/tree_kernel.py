"""A Hull-White tree for one callable bond after another: the compiled loops.

Belongs here: the steps of a bond's tree, the tree, and the spread at which it gives a price.
Not here: coupons, accrued interest and discount factors, which come as arrays from `kernels.py`
(numba's cache does not notice a change in another file, so nothing compiled there is called
here), and what users call (`callable_bonds.py`).

The short rate is r = x + alpha(t), dx = -a x dt + sigma dW, x(0) = 0. Nodes of x lie dx apart at
every step, dx = sqrt(3 V) with V the variance of x over the longest step. A node j moves to
j - 1, j, j + 1 such that mean and variance of x over each step are exact, however short the step:
with e = -j (1 - exp(-a dt)) and r = V(dt) / dx^2 the probabilities are (r + e^2 +- e) / 2 and
1 - r - e^2, all positive while |j| a dt < 1/3. The outermost nodes, +-J, do not move outward.
J is the least of the number of steps, 0.184 / (a dt) (Hull and White 1994) and six standard
deviations of x at the end; in the last case an outermost node keeps the mean only, which concerns
paths of probability 2e-9. alpha is fitted step by step, so that the tree gives the curve back.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: What became of a bond, in this file's own numbers: a constant of another file would be frozen in
#: the cache.
SOLVED, NO_SPREAD, DEEP = range(3)
#: The spread is sought between these, as fractions a year.
LOWEST, HIGHEST = -0.5, 10.0
#: Duration and convexity are differences of prices this far apart on both sides: closer ones show
#: the exercise of single nodes.
BUMP = 0.005
#: A call is too deep in the money when the price is this far above the call price and the duration
#: below this: limits of ours.
DEEP_POINTS, DEEP_YEARS = 1.0, 0.25
_DEVIATIONS = 6.0
#: ln(price) is matched to this; a tree of a thousand steps rounds to about 1e-13.
_TOLERANCE = 1e-12
_MOST_TRIALS = 100

_compiled = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def _events(i, flows, calls, continuous, room):
    """Fill the dates of bond i that must be steps: its coupon dates and its calls between
    settlement and the end.

    `flows` and `calls` are those of `steps`. Rows of `room`: time, coupon, accrued just before the
    date and just after, call price from the date on (NaN for none), and whether the date itself
    may be chosen. Returns the number of dates, the call price at settlement (NaN for none) and
    the first call price after it.
    """
    offsets, amounts, years, redemption, _ = flows
    call_offsets, call_years, call_prices, call_accrued = calls
    flow, last = offsets[i], offsets[i + 1] - 1
    call, end = call_offsets[i], call_offsets[i + 1]
    standing = np.nan
    while call < end and call_years[call] <= 0.0:
        standing = call_prices[call] if continuous[i] else np.nan
        call += 1
    at_settlement, first = standing, standing
    n = 0
    while flow <= last:
        paid = call == end or years[flow] <= call_years[call]
        time = years[flow] if paid else call_years[call]
        called = call < end and call_years[call] == time
        if called:
            standing = call_prices[call]
        if called and np.isnan(first) and time < years[last]:
            first = standing
        coupon = amounts[flow] - (redemption[i] if flow == last else 0.0) if paid else 0.0
        room[0, n], room[1, n] = time, amounts[flow] if paid else 0.0
        room[2, n] = coupon if paid else call_accrued[call]
        room[3, n] = 0.0 if paid else room[2, n]
        room[4, n] = standing if continuous[i] else np.nan
        room[5, n] = standing if (called or continuous[i]) and time < years[last] else np.nan
        n += 1
        flow += paid
        call += called
    return n, at_settlement, first


@_compiled
def _parts(length, steps_per_year):
    """Number of equal steps in a span; a tenth over is let be, so that 184 days are six monthly
    steps.
    """
    return max(1, int(np.ceil(length * steps_per_year - 0.1)))


@_compiled
def _sound_calls(i, flows, calls):
    """Whether the schedule of bond i ascends, ends with the bond at the latest and has prices above
    zero.
    """
    call_offsets, call_years, call_prices, _ = calls
    for k in range(call_offsets[i], call_offsets[i + 1]):
        ascends = k == call_offsets[i] or call_years[k] > call_years[k - 1]
        if not (
            ascends
            and 0.0 < call_prices[k] < np.inf
            and call_years[k] <= flows[2][flows[0][i + 1] - 1]
        ):
            return False
    return True


@_compiled
def steps(flows, calls, continuous, steps_per_year):
    """The steps of every bond's tree.

    `flows`: (offsets, amounts, years, redemption, accrued), as in `kernels.CashFlows`; a bond
    without flows gets no steps. `calls`: (offsets, years from settlement, clean prices, accrued
    interest on the date). `continuous` (n,): whether a bond may be called on any day from a date of
    its schedule on, which is then at every step, or on those dates alone.

    Every coupon and call date is the end of a step; between two of them steps are equal, about
    1 / steps_per_year long. Accrued interest runs in a line from one to the next. Returns offsets
    (n + 1,), then for every step its end (years), its length, the cash paid at its end and the
    dirty price less that cash at which the bond may be called then (infinite where it may not),
    then the first call price after settlement (n,) and whether the schedule is sound (n,).
    """
    n = len(continuous)
    offsets, first, sound = np.zeros(n + 1, np.int64), np.full(n, np.nan), np.zeros(n, np.bool_)
    longest = 0
    for i in range(n):
        longest = max(longest, flows[0][i + 1] - flows[0][i] + calls[0][i + 1] - calls[0][i])
    room = np.empty((6, longest))
    for i in range(n):
        offsets[i + 1] = offsets[i]
        if flows[0][i + 1] > flows[0][i] and _sound_calls(i, flows, calls):
            sound[i] = True
            dates, _, first[i] = _events(i, flows, calls, continuous, room)
            for k in range(dates):
                offsets[i + 1] += _parts(
                    room[0, k] - (room[0, k - 1] if k > 0 else 0.0), steps_per_year
                )
    times, lengths, cash, strikes = (
        np.empty(offsets[-1]),
        np.empty(offsets[-1]),
        np.zeros(offsets[-1]),
        np.full(offsets[-1], np.inf),
    )
    for i in range(n):
        if not sound[i]:
            continue
        dates, standing, _ = _events(i, flows, calls, continuous, room)
        at, begun, accrued = offsets[i], 0.0, flows[4][i]
        for k in range(dates):
            parts = _parts(room[0, k] - begun, steps_per_year)
            length = (room[0, k] - begun) / parts
            for part in range(1, parts):
                times[at], lengths[at] = begun + part * length, length
                if not np.isnan(standing):
                    strikes[at] = standing + accrued + (room[2, k] - accrued) * part / parts
                at += 1
            times[at], lengths[at], cash[at] = room[0, k], length, room[1, k]
            if not np.isnan(room[5, k]):
                strikes[at] = room[5, k] + room[3, k]
            at += 1
            begun, accrued, standing = room[0, k], room[3, k], room[4, k]
    return offsets, times, lengths, cash, strikes, first, sound


@_compiled
def _variance(mean_reversion, volatility, years):
    """Variance of x after `years`."""
    if mean_reversion * years < 1e-9:
        return volatility * volatility * years
    return (
        -volatility * volatility * np.expm1(-2.0 * mean_reversion * years) / (2.0 * mean_reversion)
    )


@_compiled
def _shape(lengths, mean_reversion, volatility):
    """Distance between nodes, and the number of nodes on each side."""
    longest, total = 0.0, 0.0
    for length in lengths:
        longest = max(longest, length)
        total += length
    dx = np.sqrt(3.0 * _variance(mean_reversion, volatility, longest))
    if dx == 0.0:
        return 0.0, 0
    widest = np.ceil(_DEVIATIONS * np.sqrt(_variance(mean_reversion, volatility, total)) / dx)
    if mean_reversion > 0.0:
        widest = min(widest, np.ceil(0.184 / (mean_reversion * longest)))
    return dx, max(1, int(min(widest, len(lengths))))


@_compiled
def _powers(dx, length, side, out):
    """exp(-j dx length) for j = -side to side."""
    up, down = np.exp(-dx * length), np.exp(dx * length)
    out[side] = 1.0
    for j in range(1, side + 1):
        out[side + j] = out[side + j - 1] * up
        out[side - j] = out[side - j + 1] * down


@_compiled
def _edge(ratio, move):
    """Probabilities with which an outermost node stays, moves in by one, and by two."""
    inward = 1.0 - move
    stay = 0.5 * (ratio + inward * inward + inward)
    one = 1.0 - ratio - inward * inward
    two = 0.5 * (ratio + inward * inward - inward)
    return (stay, one, two) if one >= 0.0 and two >= 0.0 else (inward, move, 0.0)


@_compiled
def _spread_state(ratio, pull, nodes, flowing, moved):
    """Values of the states one step on, `moved`, of those that flow out of each node, `flowing`."""
    above, here, below = flowing[2:], flowing[1:-1], flowing[:-2]
    over, same, under = nodes[2:], nodes[1:-1], nodes[:-2]
    inner = moved[1:-1]
    for k in range(len(inner)):
        up, middle, down = -pull * under[k], -pull * same[k], -pull * over[k]
        inner[k] = (
            0.5 * (ratio + up * up + up) * below[k]
            + (1.0 - ratio - middle * middle) * here[k]
            + 0.5 * (ratio + down * down - down) * above[k]
        )


@_compiled
def _fit(lengths, discounts, mean_reversion, dx, side, ratios, pulls, room):
    """exp(-alpha dt) of every step, such that the tree gives the curve's discount factors; -1 first
    if it can't.

    Forward induction of state prices (Hull and White 1994). `room`: four rows of 2 side + 5, two
    empty nodes at each end.
    """
    levels = np.empty(len(lengths))
    states, flowing, powers, nodes = room
    states[:], flowing[:] = 0.0, 0.0
    centre = side + 2
    states[centre] = 1.0
    last = -1.0
    for i in range(len(lengths)):
        if lengths[i] != last:
            _powers(dx, lengths[i], side, powers[2:-2])
            last = lengths[i]
        reach = min(i, side)
        low, high = centre - reach, centre + reach
        total = 0.0
        for k in range(low, high + 1):
            total += states[k] * powers[k]
        levels[i] = discounts[i] / total
        if not (0.0 < levels[i] < np.inf):
            levels[0] = -1.0
            return levels
        for k in range(low, high + 1):
            flowing[k] = states[k] * powers[k] * levels[i]
        if side == 0:
            states[centre] = flowing[centre]
            continue
        if reach < side:
            _spread_state(
                ratios[i],
                pulls[i],
                nodes[low - 2 : high + 3],
                flowing[low - 2 : high + 3],
                states[low - 2 : high + 3],
            )
            continue
        stay, one, two = _edge(ratios[i], side * pulls[i])
        bottom, top = flowing[low], flowing[high]
        flowing[low] = flowing[high] = 0.0
        _spread_state(
            ratios[i],
            pulls[i],
            nodes[low - 1 : high + 2],
            flowing[low - 1 : high + 2],
            states[low - 1 : high + 2],
        )
        states[low] += stay * bottom
        states[low + 1] += one * bottom
        states[low + 2] += two * bottom
        states[high] += stay * top
        states[high - 1] += one * top
        states[high - 2] += two * top
    return levels


@_compiled
def _roll_inner(ratio, pull, level, nodes, powers, old, new):
    """Values a step back at all but the first and last of `nodes`: discounted expectations of
    `old`.
    """
    above, here, below = old[2:], old[1:-1], old[:-2]
    node, power, inner = nodes[1:-1], powers[1:-1], new[1:-1]
    for k in range(len(inner)):
        move = -pull * node[k]
        bend, slope = above[k] - 2.0 * here[k] + below[k], above[k] - below[k]
        inner[k] = (
            level * power[k] * (here[k] + 0.5 * ((ratio + move * move) * bend + move * slope))
        )


@_compiled
def _value(spread, lengths, levels, cash, strikes, dx, side, ratios, pulls, room):
    """Dirty price at a spread over the short rate: backward induction, called where that is cheaper
    for the issuer.
    """
    old, new, powers, nodes = room
    centre = side + 2
    n, last, shift = len(lengths), -1.0, 1.0
    old[:] = cash[n - 1]
    for i in range(n - 1, -1, -1):
        if lengths[i] != last:
            _powers(dx, lengths[i], side, powers[2:-2])
            last, shift = lengths[i], np.exp(-spread * lengths[i])
        level = levels[i] * shift
        reach = min(i, side)
        low, high = centre - reach, centre + reach
        if side == 0:
            new[centre] = level * old[centre]
        elif reach < side:
            _roll_inner(
                ratios[i],
                pulls[i],
                level,
                nodes[low - 1 : high + 2],
                powers[low - 1 : high + 2],
                old[low - 1 : high + 2],
                new[low - 1 : high + 2],
            )
        else:
            _roll_inner(
                ratios[i],
                pulls[i],
                level,
                nodes[low : high + 1],
                powers[low : high + 1],
                old[low : high + 1],
                new[low : high + 1],
            )
            stay, one, two = _edge(ratios[i], side * pulls[i])
            new[low] = (
                level * powers[low] * (stay * old[low] + one * old[low + 1] + two * old[low + 2])
            )
            new[high] = (
                level
                * powers[high]
                * (stay * old[high] + one * old[high - 1] + two * old[high - 2])
            )
        if i > 0:
            strike, paid = strikes[i - 1], cash[i - 1]
            for k in range(low, high + 1):
                new[k] = (new[k] if new[k] < strike else strike) + paid
        old, new = new, old
    return old[centre]


@_compiled
def _solve(goal, guess, lengths, levels, cash, strikes, dx, side, ratios, pulls, room):
    """The spread at which ln(price) is `goal`, or NaN: secants inside a bracket, halved when they
    crawl.

    The price falls in the spread, by the tree's own exact arithmetic, so one bracket holds the
    root.
    """
    low, high = LOWEST, HIGHEST
    # A first guess at -d ln P / ds: half the life, as if a call were an even bet.
    half_life = 0.5 * np.sum(lengths)
    spread, before, error_before = min(max(guess, low), high), np.nan, np.nan
    for trial in range(_MOST_TRIALS):
        error = (
            np.log(_value(spread, lengths, levels, cash, strikes, dx, side, ratios, pulls, room))
            - goal
        )
        if abs(error) < _TOLERANCE:
            return spread
        if (error < 0.0 and spread == LOWEST) or (error > 0.0 and spread == HIGHEST):
            return np.nan
        if error > 0.0:
            low = spread
        else:
            high = spread
        slope = (error - error_before) / (spread - before) if trial > 0 else -half_life
        moved = spread - error / slope if slope < 0.0 else 0.5 * (low + high)
        crawls = trial > 6 and trial % 3 == 0
        if moved <= low and low == LOWEST:
            moved = LOWEST
        elif moved >= high and high == HIGHEST:
            moved = HIGHEST
        elif crawls or not low < moved < high:
            moved = 0.5 * (low + high)
        if moved == spread or high - low < 1e-15:
            return spread
        before, error_before, spread = spread, error, moved
    return np.nan


@_compiled
def _rooms(lengths, side, dx, mean_reversion, volatility):
    """What every pass over a tree needs: variance over each step in dx^2, pull towards the mean,
    and rows of nodes.
    """
    ratios, pulls = np.zeros(len(lengths)), np.zeros(len(lengths))
    room = np.zeros((4, 2 * side + 5))
    for k in range(2 * side + 5):
        room[3, k] = k - side - 2
    for i in range(len(lengths)):
        pulls[i] = -np.expm1(-mean_reversion * lengths[i])
        ratios[i] = (
            _variance(mean_reversion, volatility, lengths[i]) / (dx * dx) if dx > 0.0 else 0.0
        )
    return ratios, pulls, room


@_compiled
def spreads(tree, discounts, dirty, accrued, first_price, guess, mean_reversion, volatility):
    """Spread, duration, convexity and one of this file's codes for each bond.

    `tree`: (offsets, lengths, cash, strikes) of `steps`; `discounts` at the ends of the steps;
    `dirty`, `accrued`, `first_price`, `guess` (n,). A bond without steps is NO_SPREAD.
    """
    offsets, all_lengths, all_cash, all_strikes = tree
    n = len(dirty)
    result, code = np.full((3, n), np.nan), np.full(n, NO_SPREAD)
    for i in range(n):
        rows = slice(offsets[i], offsets[i + 1])
        lengths, cash, strikes = all_lengths[rows], all_cash[rows], all_strikes[rows]
        if len(lengths) == 0:
            continue
        dx, side = _shape(lengths, mean_reversion, volatility)
        ratios, pulls, room = _rooms(lengths, side, dx, mean_reversion, volatility)
        levels = _fit(lengths, discounts[rows], mean_reversion, dx, side, ratios, pulls, room)
        if levels[0] < 0.0:
            continue
        spread = _solve(
            np.log(dirty[i]),
            guess[i],
            lengths,
            levels,
            cash,
            strikes,
            dx,
            side,
            ratios,
            pulls,
            room,
        )
        middle = dirty[i]
        at = spread
        if np.isnan(spread):
            at = LOWEST
            middle = _value(at, lengths, levels, cash, strikes, dx, side, ratios, pulls, room)
        above = _value(at + BUMP, lengths, levels, cash, strikes, dx, side, ratios, pulls, room)
        below = _value(at - BUMP, lengths, levels, cash, strikes, dx, side, ratios, pulls, room)
        duration = (below - above) / (2.0 * BUMP * middle)
        if dirty[i] - accrued[i] > first_price[i] + DEEP_POINTS and duration < DEEP_YEARS:
            code[i] = DEEP
        elif not np.isnan(spread):
            code[i] = SOLVED
            result[0, i], result[1, i] = spread, duration
            result[2, i] = (below - 2.0 * middle + above) / (BUMP * BUMP * middle)
    return result[0], result[1], result[2], code


@_compiled
def dirty_prices(tree, discounts, spread, mean_reversion, volatility):
    """Dirty price of each bond at a spread (n,), a fraction a year; NaN for one without steps."""
    offsets, all_lengths, all_cash, all_strikes = tree
    result = np.full(len(spread), np.nan)
    for i in range(len(spread)):
        rows = slice(offsets[i], offsets[i + 1])
        lengths, cash, strikes = all_lengths[rows], all_cash[rows], all_strikes[rows]
        if len(lengths) == 0:
            continue
        dx, side = _shape(lengths, mean_reversion, volatility)
        ratios, pulls, room = _rooms(lengths, side, dx, mean_reversion, volatility)
        levels = _fit(lengths, discounts[rows], mean_reversion, dx, side, ratios, pulls, room)
        if levels[0] > 0.0:
            result[i] = _value(
                spread[i], lengths, levels, cash, strikes, dx, side, ratios, pulls, room
            )
    return result
