"""How dear and how hard it is to trade: liquidity measures over backward windows of [day, name]
arrays.

Belongs here: estimators of trading costs and price impact from bond-day (or issuer-day) series. Not
here: which bonds make up an issuer (the caller aggregates), costs seen within a day (`trace/`),
windows (`windows.py`).

Rows are consecutive trading days, NaN is a day without the observation. Bonds do not trade every
day: "the trade before" is the last traded day at most MATCH_DAYS back, as in `replay.py`; after a
longer silence the next trade starts afresh. Each docstring says how many days, the present one
included, its result can depend on: with that many loaded, more history changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bondsig_assets.arrays import Bools, Floats
from bondsig_assets.features import windows as w
from bondsig_assets.tables.issuer_features import MATCH_DAYS

#: Names whose windows are sorted at once: a median over 63 days of a whole market of bonds would
#: take gigabytes.
_BLOCK = 256
#: Corwin and Schultz's constant 3 - 2 sqrt(2).
_K = 3 - 2 * np.sqrt(2)


def price_changes_pct(price: Floats, cap: int = MATCH_DAYS) -> Floats:
    """Log price change in percent since the last traded day at most `cap` days before.

    `price` [day, bond] in any unit, NaN on days without a trade. NaN on those days and after more
    than `cap` days without a trade. Depends on `cap` + 1 days.
    """
    log_price = _log(price)
    before, _ = w.latest(w.lag(log_price, 1), cap)
    return 100 * (log_price - before)


def roll_measure(
    price_change_pct: Floats, window: int = 21, minimum: int = 4, cap: int = MATCH_DAYS
) -> Floats:
    """Roll's effective bid-ask spread in percent: 2 sqrt(-cov(dp_k, dp_k-1)).

    `price_change_pct` [day, bond] as from `price_changes_pct`, with the same `cap`. The covariance
    is the sample's over the pairs of consecutive changes whose second is in the window, at least
    `minimum` of them. NaN where it is not negative: the estimator does not exist there, which is
    not a spread of zero. The half-spread is half of it. Roll (1984); window and minimum as in
    Dick-Nielsen, Feldhütter and Lando (2012). Depends on `window` + `cap` days of changes.
    """
    covariance = _serial_covariance(price_change_pct, window, minimum, cap)
    negative = covariance < 0
    return np.where(negative, 2 * np.sqrt(np.where(negative, -covariance, 0.0)), np.nan)


def bao_pan_wang_gamma(
    price_change_pct: Floats, window: int = 42, minimum: int = 10, cap: int = MATCH_DAYS
) -> Floats:
    """Bao, Pan and Wang's illiquidity gamma = -cov(dp_t, dp_t+1) in percent squared.

    `price_change_pct` [day, bond]: changes of log prices as from `price_changes_pct`. A pair
    belongs to the day its second change is known: nothing reaches a step ahead. The paper takes
    calendar months with at least 10 pairs; 42 days by default, because half of all bonds trade on
    fewer than 10 days of 21. Negative values stand. Bao, Pan and Wang (2011). Depends on `window` +
    `cap` days of changes.
    """
    return -_serial_covariance(price_change_pct, window, minimum, cap)


def corwin_schultz(
    high: Floats,
    low: Floats,
    close: Floats | None = None,
    window: int = 21,
    minimum: int = 5,
    cap: int = MATCH_DAYS,
) -> Floats:
    """Corwin and Schultz's high-low spread in percent of price: the mean of at least `minimum`
    two-day estimates.

    `high`, `low`, `close` [day, bond]. A two-day estimate pairs a day with the last day with a
    range at most `cap` before; days whose high is their low (one trade, as a rule) say nothing
    about the spread and are left out. As in the paper, prices are moved to undo an overnight jump:
    where a day's range lies wholly beyond the close before, it is shifted back to that close
    (without `close`, to the near end of the range before, the least move that must be overnight),
    and negative two-day estimates are set to 0 before averaging. Corwin and Schultz (2012),
    equations 14 and 18; shifts are made in logs. Depends on `window` + `cap` days.
    """
    ranged = (high > low) & (low > 0)
    top, bottom = (_log(np.where(ranged, side, np.nan)) for side in (high, low))
    last = top if close is None else _log(np.where(ranged & (close > 0), close, np.nan))
    floor = bottom if close is None else last
    # The four share their gaps, but for days without a close, whose pair has none either.
    top_before, bottom_before, above, below = (
        w.latest(w.lag(side, 1), cap)[0] for side in (top, bottom, last, floor)
    )
    if close is not None:
        kept = _same_day(top, last, cap)
        above, below = np.where(kept, above, np.nan), np.where(kept, below, np.nan)
    shift = np.maximum(bottom - above, 0.0) + np.minimum(top - below, 0.0)
    estimate = _two_day_spread(top - shift, bottom - shift, top_before, bottom_before)
    return 100 * w.mean(estimate, window, minimum)


def amihud_daily(price_change_pct: Floats, par_usd: Floats) -> Floats:
    """|price change| in percent per million of par on each day; NaN without a change or without
    par. Amihud (2002), equation 1.
    """
    return np.abs(price_change_pct) / (np.where(par_usd > 0, par_usd, np.nan) / 1e6)


def amihud(price_change_pct: Floats, par_usd: Floats, window: int = 21, minimum: int = 5) -> Floats:
    """Median over the window of `amihud_daily`, percent per million of par, from at least `minimum`
    days.

    The median, as in Dick-Nielsen, Feldhütter and Lando (2012), because a day of one small trade is
    worth hundreds of others in a mean. Depends on `window` days of changes.
    """
    return _by_blocks(w.median, amihud_daily(price_change_pct, par_usd), window, minimum)


def price_dispersion(
    high: Floats,
    low: Floats,
    par_usd: Floats,
    n_trades: np.ndarray,
    window: int = 21,
    minimum: int = 5,
    least_trades: int = 3,
) -> Floats:
    """Dispersion of the prices at which a bond trades within a day, in percent: sqrt(sum par d^2 /
    sum par).

    All [day, bond]. d = 100 (high - low) / (high + low), half the day's range over its mid: the
    largest standard deviation that prices in that range can have, since bond days keep no single
    trades. Days with fewer than `least_trades` have no say (one trade has no range); at least
    `minimum` days. Jankowitsch, Nashikkar and Subrahmanyam (2011), with d for the distance of a
    trade from the market's valuation. Depends on `window` days.
    """
    usable = (n_trades >= least_trades) & (par_usd > 0) & (high >= low) & (low > 0)
    high, low, par = (np.where(usable, side, np.nan) for side in (high, low, par_usd))
    half_range = 100 * (high - low) / (high + low)
    return np.sqrt(
        w.total(par * half_range * half_range, window, minimum) / w.total(par, window, minimum)
    )


def turnover_pct(
    par_usd: Floats, outstanding_usd: Floats, window: int = 21, minimum: int = 15
) -> Floats:
    """Par traded over the window in percent of the amount outstanding, each day's par over that
    day's amount.

    Both [day, name]; `par_usd` is 0 on a day without trades and NaN where trading is not known or
    nothing is outstanding; at least `minimum` days known. Late cancels taken back on another day
    than the trade can leave less than nothing, which counts as nothing. Depends on `window` days.
    """
    share = par_usd / np.where(outstanding_usd > 0, outstanding_usd, np.nan)
    return 100 * np.maximum(w.total(share, window, minimum), 0.0)


def round_trip_cost(daily_cost: Floats, window: int = 21, minimum: int = 3) -> Floats:
    """Mean of the days' imputed round-trip costs, in their unit, from at least `minimum` days with
    one.

    Feldhütter (2012); averaging over days as in Dick-Nielsen, Feldhütter and Lando (2012). Depends
    on `window` days.
    """
    return w.mean(daily_cost, window, minimum)


def lambda_composite(
    daily_amihud: Floats,
    daily_round_trip: Floats,
    window: int = 63,
    minimum: int = 10,
    least_names: int = 10,
) -> Floats:
    """Dick-Nielsen, Feldhütter and Lando's lambda: the sum of four z-scores of illiquidity.

    Both inputs [day, name], one value a day. The four are, over the window: the median of Amihud,
    the mean of the round-trip cost, and the standard deviations of both; each from at least
    `minimum` days. Each is standardised across the names that have it on the same day, at least
    `least_names`, so that no day's value depends on another's cross-section (the paper pools its
    whole sample, which nobody knew at the time). NaN unless all four exist. Dick-Nielsen,
    Feldhütter and Lando (2012). Depends on `window` days.
    """
    parts = (
        _by_blocks(w.median, daily_amihud, window, minimum),
        w.mean(daily_round_trip, window, minimum),
        w.deviation(daily_amihud, window, minimum),
        w.deviation(daily_round_trip, window, minimum),
    )
    first, second, third, fourth = (_across_names(part, least_names) for part in parts)
    return first + second + third + fourth


def change_vs_own_median(values: Floats, window: int = 63, minimum: int = 20) -> Floats:
    """Level minus the median of the name's own last `window` days that ended the day before, in the
    unit of `values`.

    The present day stays out of its own baseline. NaN without a present value or with fewer than
    `minimum` before. Depends on `window` + 1 days.
    """
    return values - w.lag(_by_blocks(w.median, values, window, minimum), 1)


def _log(price: Floats) -> Floats:
    """ln, NaN where the price is not positive."""
    return np.log(np.where(price > 0, price, np.nan))


def _serial_covariance(change: Floats, window: int, minimum: int, cap: int) -> Floats:
    """Sample covariance of each change with the one before it, over the pairs of the window.

    The change before ends where this one starts, at most `cap` days back; whatever is nearer would
    be on a day without a trade, so the newest within `cap` is the one.
    """
    before, _ = w.latest(w.lag(change, 1), cap)
    paired = np.isfinite(change) & np.isfinite(before)
    now, before = np.where(paired, change, np.nan), np.where(paired, before, np.nan)
    now_mean, before_mean = (
        w.mean(now, window, max(minimum, 2)),
        w.mean(before, window, max(minimum, 2)),
    )
    products = np.zeros_like(now)
    for step in range(min(window, now.shape[0])):
        days = now.shape[0] - step
        products[step:] += np.nan_to_num(
            (now[:days] - now_mean[step:]) * (before[:days] - before_mean[step:])
        )
    pairs = w.count(now, window)
    return np.where(pairs >= max(minimum, 2), products / np.maximum(pairs - 1, 1), np.nan)


def _same_day(first: Floats, second: Floats, cap: int) -> Bools:
    """Whether the newest earlier values of both, within `cap` days, are of one day."""
    same: Bools = w.latest(w.lag(first, 1), cap)[1] == w.latest(w.lag(second, 1), cap)[1]
    return same


def _two_day_spread(
    top: Floats, bottom: Floats, top_before: Floats, bottom_before: Floats
) -> Floats:
    """Two-day estimates as a share of price, negative ones as 0; arguments are logs."""
    one, other = top - bottom, top_before - bottom_before
    both = np.maximum(top, top_before) - np.minimum(bottom, bottom_before)
    beta = one * one + other * other
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / _K - np.sqrt(both * both / _K)
    spread: Floats = np.maximum(2 * np.tanh(alpha / 2), 0.0)
    return spread


def _across_names(values: Floats, least_names: int) -> Floats:
    """z-scores within each day; NaN with fewer than `least_names` or where all are alike."""
    out = np.full_like(values, np.nan)
    for day in range(values.shape[0]):
        known = np.isfinite(values[day])
        present = values[day][known]
        if present.size < max(least_names, 2) or present.min() == present.max():
            continue
        out[day, known] = (present - present.mean()) / present.std(ddof=1)
    return out


def _by_blocks(statistic: Callable[..., Floats], values: Floats, *arguments: int) -> Floats:
    """A window statistic, a block of names at a time."""
    if values.shape[1] <= _BLOCK:
        return statistic(values, *arguments)
    return np.concatenate(
        [
            statistic(values[:, k : k + _BLOCK], *arguments)
            for k in range(0, values.shape[1], _BLOCK)
        ],
        axis=1,
    )
