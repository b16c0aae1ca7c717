"""What a firm's stock and balance sheet say about its credit, and where the bond market disagrees.

Belongs here: Merton, Bharath-Shumway and CreditGrades on [day, name] arrays, hedge ratios, and the
divergence between market and model. Not here: default probabilities of the real world (distances
rank, they are not calibrated), filings and prices as of a moment (`panels.py`).

Money is in one unit throughout, rates and volatilities are fractions a year, rates continuously
compounded; [day, 1] broadcasts over names. Debt is as last filed and known. Everything here
contains the stock price: what it predicts about the stock over the next day is bid-ask bounce, so
it is judged only against an equity control and with a day skipped before the label starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

from bondsig_assets.arrays import Floats
from bondsig_assets.features import windows as w

#: Returns in the window of a Merton fit, and how few will do.
WINDOW, MINIMUM = 252, 120
#: Trading days between fits of the volatility of assets.
FIT_EVERY = 21
#: Days, the present one included, on which a distance to default can depend: a fit sees 253 values
#: and is up to 20 days old.
MERTON_DAYS = WINDOW + FIT_EVERY
#: A return over the past year needs nearly all of it: 120 days' return is not a year's.
_YEAR_MINIMUM = 230
#: The closed form of CreditGrades divides by the rate: below this it is taken at it.
_LEAST_RATE = 1e-5
#: And by the volatility of assets, which a stock next to nothing brings next to nothing.
_LEAST_SIGMA = 0.005


@dataclass(frozen=True)
class Merton:
    """Iterated Merton model, all [day, name]: `asset_value` in the unit of equity,
    `asset_volatility` a year, `distance_to_default` in sigmas.
    """

    asset_value: Floats
    asset_volatility: Floats
    distance_to_default: Floats


def default_point(short_term_debt: Floats, long_term_debt: Floats) -> Floats:
    """F = short-term debt + half of long-term debt, NaN where either is unknown or the sum is not
    positive. Crosbie and Bohn (2003).
    """
    debt = short_term_debt + 0.5 * long_term_debt
    return np.where(debt > 0, debt, np.nan)


def merton(
    equity: Floats,
    debt: Floats,
    rate: Floats | float,
    day_number: np.ndarray,
    *,
    window: int = WINDOW,
    minimum: int = MINIMUM,
    every: int = FIT_EVERY,
    horizon: float = 1.0,
    tolerance: float = 1e-3,
    rounds: int = 30,
) -> Merton:
    """Asset value, its volatility and the risk-neutral distance to default [ln(V/F) + (r -
    sigma^2/2) T] / (sigma sqrt(T)).

    `equity` (market value) and `debt` (F, `default_point`) [day, name]; `rate` [day, name], [day,
    1] or one number; `day_number` [day] counts trading days from a fixed origin. sigma_V starts at
    sigma_E E/(E+F); each round solves every day's V of the window and takes sd(d ln V) sqrt(252),
    until it moves by less than `tolerance`; NaN if it does not in `rounds`, or with fewer than
    `minimum` returns. Crosbie and Bohn (2003); Vassalou and Xing (2004); with r for their drift,
    which a year of returns does not tell.

    Two choices of ours. The fit holds its own day's F and r through its window: with each day's
    own, a filing would be a jump of assets. And sigma_V is found on days whose number is a multiple
    of `every` and kept in between (V and the distance are daily): a calendar fixed by the numbers,
    so that no answer depends on what is loaded. A name that cannot be fitted on such a day has none
    until the next. Depends on `window` + `every` days.
    """
    from bondsig_assets.features.structural_kernel import asset_values, asset_volatility

    shape = np.shape(equity)
    equity, debt, rate = (
        np.ascontiguousarray(np.broadcast_to(np.asarray(side, dtype=float), shape))
        for side in (equity, debt, rate)
    )
    fit_day = np.ascontiguousarray(np.asarray(day_number) % every == 0)
    sigma = asset_volatility(
        equity, debt, rate, fit_day, window, horizon, minimum, tolerance, rounds
    )
    value = asset_values(equity, sigma, debt, rate, horizon)
    _, d2 = _d(value, sigma, debt, rate, horizon)
    return Merton(value, sigma, d2)


def naive_distance_to_default(
    equity: Floats, debt: Floats, stock_return: Floats, horizon: float = 1.0
) -> Floats:
    """Bharath and Shumway's distance to default, which needs no solving, in sigmas.

    `equity`, `debt` (F) [day, name]; `stock_return` daily simple returns [day, name]. sigma_D =
    0.05 + 0.25 sigma_E, sigma_V = E/(E+F) sigma_E + F/(E+F) sigma_D, mu = the stock's return over
    the past 252 days (at least 230 of them), sigma_E over the same days (at least 120). Bharath and
    Shumway (2008). Depends on 252 days.
    """
    known = np.where(stock_return > -1, stock_return, np.nan)
    drift = np.expm1(w.total(np.log1p(known), WINDOW, _YEAR_MINIMUM))
    sigma_equity = w.deviation(known, WINDOW, MINIMUM) * np.sqrt(WINDOW)
    equity, debt = _positive(equity), _positive(debt)
    share = equity / (equity + debt)
    sigma = _positive(share * sigma_equity + (1 - share) * (0.05 + 0.25 * sigma_equity))
    distance: Floats = (
        np.log((equity + debt) / debt) + (drift - 0.5 * sigma * sigma) * horizon
    ) / (sigma * np.sqrt(horizon))
    return distance


def merton_spread_bps(
    value: Floats,
    sigma: Floats,
    debt: Floats,
    rate: Floats | float,
    horizon: float = 5.0,
) -> Floats:
    """Spread in bps of the zero bond in Merton's model: -(1/T) ln[N(d2) + V/(F e^(-rT)) N(-d1)].

    All [day, name] or broadcastable; `debt` is the face due at `horizon` years. Merton (1974).
    Depends on the present day.
    """
    value, sigma, debt = _positive(value), _positive(sigma), _positive(debt)
    d1, d2 = _d(value, sigma, debt, rate, horizon)
    # From ln(1 - shortfall), because the ratio itself is 1 to the last digit for a safe firm.
    shortfall = ndtr(-d2) - value / (debt * np.exp(-rate * horizon)) * ndtr(-d1)
    return -1e4 / horizon * np.log1p(-np.where(shortfall < 1, np.maximum(shortfall, 0.0), np.nan))


def hedge_ratio(
    value: Floats,
    sigma: Floats,
    debt: Floats,
    rate: Floats | float,
    horizon: float = 5.0,
) -> Floats:
    """Percent that Merton's debt moves when the stock moves one: h = (1/N(d1) - 1)(1/L - 1).

    All [day, name] or broadcastable. L = D/V with D the model's own value of the debt due at
    `horizon`, so that h is the ratio of the two sensitivities exactly. Schaefer and Strebulaev
    (2008), who find such ratios right even where the model's spreads are not. Depends on the
    present day.
    """
    value, sigma, debt = _positive(value), _positive(sigma), _positive(debt)
    d1, d2 = _d(value, sigma, debt, rate, horizon)
    claim = debt * np.exp(-rate * horizon)
    leverage = ndtr(-d1) + claim / value * ndtr(d2)
    stock = ndtr(d1) - claim / value * ndtr(d2)
    ratio: Floats = ndtr(-d1) / _positive(ndtr(d1)) * np.maximum(stock, 0.0) / leverage
    return ratio


def credit_grades_spread_bps(
    equity: Floats,
    debt: Floats,
    sigma_equity: Floats,
    rate: Floats | float,
    *,
    horizon: float = 5.0,
    barrier: float = 0.5,
    barrier_sd: float = 0.3,
    recovery: float = 0.4,
) -> Floats:
    """CreditGrades par spread in bps, by the technical document's closed form.

    `equity` and `debt` (all of it, market and book value; or both per share), `sigma_equity` a
    year, `rate`: [day, name] or broadcastable. Q(t) = N(-A/2 + ln d/A) - d N(-A/2 - ln d/A), A^2 =
    sigma^2 t + lambda^2, d = (S + L D) e^(lambda^2) / (L D), sigma = sigma_S S/(S + L D), the
    present stock for the reference one. With q = sigma^2, xi = lambda^2/q: c = r (1-R) [1 - Q(0) +
    H] / [Q(0) - Q(T) e^(-rT) - H], H = e^(r xi) (G(T+xi) - G(xi)), G after Rubinstein and Reiner
    (1991). Rates below 0.1 bp and asset volatilities below 0.5 % count as that. Finger et al.,
    CreditGrades Technical Document (2002), chapter 2. Depends on the present day.
    """
    equity, debt, sigma_equity = _positive(equity), _positive(debt), _positive(sigma_equity)
    rate = np.maximum(rate, _LEAST_RATE)
    claim = barrier * debt
    sigma = np.maximum(sigma_equity * equity / (equity + claim), _LEAST_SIGMA)
    log_d = np.log((equity + claim) / claim) + barrier_sd**2
    xi = (barrier_sd / sigma) ** 2
    growth = _discounted_default(horizon, xi, log_d, sigma, rate)
    at_once, later = (survival(time, log_d, sigma, barrier_sd) for time in (0.0, horizon))
    return (
        1e4
        * rate
        * (1 - recovery)
        * (1 - at_once + growth)
        / (at_once - later * np.exp(-rate * horizon) - growth)
    )


def survival(time: float, log_d: Floats, sigma: Floats, barrier_sd: float = 0.3) -> Floats:
    """CreditGrades' probability Q(t) of surviving `time` years; below 1 at 0, since the barrier
    itself is not known.
    """
    spread = np.sqrt(sigma * sigma * time + barrier_sd**2)
    survives: Floats = ndtr(log_d / spread - spread / 2) - np.exp(
        log_d + log_ndtr(-log_d / spread - spread / 2)
    )
    return survives


def _discounted_default(
    horizon: float, xi: Floats, log_d: Floats, sigma: Floats, rate: Floats
) -> Floats:
    """H = e^(r xi) (G(T + xi) - G(xi)), G(u) = d^(1/2+z) N(-ln d/w - z w) + d^(1/2-z) N(-ln d/w + z
    w), w = sigma sqrt(u).

    In logs, and from the upper tail where the second argument is positive: for quiet firms e^(r xi)
    and d^z are huge and the two values of N next to 1.
    """
    z, start, end = (
        np.sqrt(0.25 + 2 * rate / (sigma * sigma)),
        sigma * np.sqrt(xi),
        sigma * np.sqrt(horizon + xi),
    )
    sign = np.where(z * start > log_d / start, -1.0, 1.0)

    def at(width: Floats) -> Floats:
        near = rate * xi + (0.5 + z) * log_d + log_ndtr(-log_d / width - z * width)
        far = rate * xi + (0.5 - z) * log_d + log_ndtr(sign * (z * width - log_d / width))
        discounted: Floats = np.exp(near) + sign * np.exp(far)
        return discounted

    growth: Floats = at(end) - at(start)
    return growth


def divergence_level(
    market_spread_bps: Floats,
    model_spread_bps: Floats,
    rating: Floats,
    sector: np.ndarray,
    *,
    floor_bps: float = 1.0,
    least_names: int = 30,
    least_in_sector: int = 3,
) -> Floats:
    """How much wider the market's spread is than model, rating and sector make it, in ln: the
    residual of each day's regression of ln(market) on ln(model), rating and sector dummies.

    `market_spread_bps`, `model_spread_bps`, `rating` (number of notches, one slope) [day, name];
    `sector` int codes, negative for none. Levels of structural models are biased by rating and
    sector (Huang and Huang 2012), residuals are not. Model spreads below `floor_bps` count as it:
    there the model says no more than "safe". NaN with fewer than `least_names` names on the day,
    and for names of a sector with fewer than `least_in_sector`, whose dummy would explain them
    away. Depends on the present day.
    """
    from bondsig_assets.features.structural_kernel import residuals

    market = np.log(_positive(market_spread_bps))
    model = np.log(np.maximum(model_spread_bps, floor_bps))
    shape = market.shape
    market, model, rating = (
        np.ascontiguousarray(np.broadcast_to(np.asarray(side, dtype=float), shape))
        for side in (market, model, rating)
    )
    sector = np.ascontiguousarray(np.broadcast_to(sector, shape), dtype=np.int64)
    level: Floats = residuals(market, model, rating, sector, least_names, least_in_sector)
    return level


def divergence_flow_pct(
    spread_change_bps: Floats,
    duration_years: Floats,
    hedge: Floats,
    stock_return_pct: Floats,
    window: int = 5,
    minimum: int = 2,
) -> Floats:
    """What bonds earned beyond what the stock's moves explain, in percent: the sum of -D ds over
    `window` days less that of h r_E.

    All [day, name]. The days are t-`window` to t-1: the present day is skipped, because today's
    stock return carries the bid-ask bounce that tomorrow undoes. D and h are those of the day
    before each move, so that the move is not in its own weight. Negative: the bonds lost what the
    stock has not. Bonds do not trade daily and a matched change covers up to five days, so the legs
    are summed apart: at least `minimum` spread changes, and the stock's return on every day.
    Schaefer and Strebulaev (2008) for h. Depends on `window` + 2 days.
    """
    bond = -w.lag(duration_years, 1) * spread_change_bps / 100
    stock = w.lag(hedge, 1) * stock_return_pct
    return w.lag(w.total(bond, window, minimum) - w.total(stock, window, window), 1)


def shrunk_to_rating(
    hedge: Floats, rating_group: np.ndarray, weight: float = 0.5, minimum: int = 5
) -> Floats:
    """Hedge ratios drawn towards the mean of their rating group on the same day.

    `hedge` [day, name]; `rating_group` int codes, negative for none. `weight` on the own value;
    where fewer than `minimum` names of the group have one, it stands as it is. Depends on the
    present day.
    """
    out = np.array(hedge, dtype=float)
    for day in range(out.shape[0]):
        known = np.flatnonzero(np.isfinite(hedge[day]) & (rating_group[day] >= 0))
        group = rating_group[day, known]
        count = np.bincount(group)[group] if known.size else np.empty(0)
        mean = (
            np.bincount(group, hedge[day, known])[group] / np.maximum(count, 1)
            if known.size
            else np.empty(0)
        )
        shrunk = weight * hedge[day, known] + (1 - weight) * mean
        out[day, known] = np.where(count >= minimum, shrunk, hedge[day, known])
    return out


def _d(
    value: Floats, sigma: Floats, debt: Floats, rate: Floats | float, horizon: float
) -> tuple[Floats, Floats]:
    """Merton's d1 and d2."""
    width = sigma * np.sqrt(horizon)
    d2 = (
        np.log(_positive(value) / _positive(debt)) + (rate - 0.5 * sigma * sigma) * horizon
    ) / width
    return d2 + width, d2


def _positive(values: Floats) -> Floats:
    """`values`, NaN where they are not above zero."""
    return np.where(np.asarray(values) > 0, values, np.nan)
