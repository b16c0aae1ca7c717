"""A day's target positions by a policy.

Belongs here: the day in arrays, each name's own bounds, the bounds on sums. Not here: the solver
(`optimizer.py`), what a policy wishes without one (`policies.py`), rows of tables
(`target_rows.py`), what is held in the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.portfolio.alpha import normal_scores
from bondsig_assets.portfolio.costs import Costs, costs
from bondsig_assets.portfolio.optimizer import (
    Attribution,
    Exposure,
    Problem,
    Solution,
    bound_values,
    solve,
    unconstrained,
)
from bondsig_assets.portfolio.risk_model import RiskModel
from bondsig_assets.portfolio.rounding import Rounded, whole_shares
from bondsig_assets.portfolio.settings import PortfolioSettings

_BPS = 1e4


@dataclass(frozen=True)
class Day:
    """All that a day's targets are made of; arrays [name], names in order of `parents`.

    Names are those of the universe's rows, those held, and hedges. `alpha`: expected simple excess
    return over five days, a share, 0 or NaN where nothing is known. `price_usd`: the last close
    known, NaN where there never was one; `is_priced`: it is today's. `dollar_volume_usd`: usual
    daily volume, NaN where unknown. `nav_usd`: net asset value that weights are taken of.
    `borrow_rate_pct`: annual rates, None where none are delivered. `risk`: of the same names in the
    same order.
    """

    trade_date: date
    parents: tuple[str, ...]
    tickers: tuple[str, ...]
    sector: np.ndarray
    is_in: Bools
    is_shortable: Bools
    is_hedge: Bools
    alpha: Floats
    price_usd: Floats
    is_priced: Bools
    dollar_volume_usd: Floats
    held_shares: Ints
    risk: RiskModel
    nav_usd: float
    borrow_rate_pct: Floats | None = None

    @property
    def size(self) -> int:
        """Number of names."""
        return len(self.parents)

    @property
    def held(self) -> Floats:
        """Held weights at the last known prices; what never had a price weighs nothing."""
        value: Floats = self.held_shares * np.nan_to_num(self.price_usd) / self.nav_usd
        return value


@dataclass(frozen=True)
class Targets:
    """What was found for a day by a policy; `target_rows.py` makes rows of it.

    `frozen` [name]: cannot be traded. `rounded`: the solution's weights in whole shares.
    """

    day: Day
    settings: PortfolioSettings
    problem: Problem
    frozen: Bools
    solution: Solution
    rounded: Rounded


def targets(
    day: Day,
    settings: PortfolioSettings,
    multiplier: float,
    wished: Floats | None = None,
) -> Targets:
    """The day's targets by `settings.policy`.

    `multiplier`: how often the cost of a trade counts (`costs.multiplier`). `wished` [name]:
    weights of a policy that is a rule (tranches); they are rounded to whole shares, names that
    cannot be traded keep what they hold, those out of the universe get 0, and nothing is optimised.
    """
    problem, frozen = problem_of(day, settings, multiplier)
    if wished is None:
        found = solve(problem)
    else:
        found = _by_rule(problem, np.where(frozen, problem.held, np.where(day.is_in, wished, 0.0)))
    rounded = whole_shares(
        problem if wished is None else _unbounded(problem),
        found.weights,
        day.held_shares,
        np.where(frozen, np.nan, day.price_usd),
        day.nav_usd,
    )
    return Targets(day, settings, problem, frozen, found, rounded)


def problem_of(day: Day, settings: PortfolioSettings, multiplier: float) -> tuple[Problem, Bools]:
    """The day as a problem, and the names that cannot be traded: without a price of today, a volume
    or, for either reason, a cost.
    """
    nav, bounds = day.nav_usd, settings.bounds
    volatility = np.sqrt(day.risk.variance)
    price = np.where(day.is_priced, day.price_usd, np.nan)
    paid = costs(price, day.dollar_volume_usd, volatility, day.borrow_rate_pct, nav, settings.costs)
    frozen = ~(np.isfinite(paid.linear) & np.isfinite(paid.power))
    held = day.held
    part = bounds.participation_pct / 100 * np.where(frozen, 0.0, day.dollar_volume_usd) / nav
    low, high = _box(day, settings, held, part)
    benchmark = _benchmark(day, settings) if settings.policy == "long_only" else None
    problem = Problem(
        alpha=np.where(day.is_in, np.nan_to_num(day.alpha, posinf=0.0, neginf=0.0), 0.0),
        held=held,
        low=low,
        high=high,
        loadings=day.risk.exposures,
        factor_covariance=day.risk.covariance,
        specific_variance=day.risk.specific_variance,
        costs=Costs(
            np.where(frozen, 0.0, paid.linear), np.where(frozen, 0.0, paid.power), paid.borrow
        ),
        exposures=tuple(_exposures(day, settings, volatility, benchmark)),
        gross=bounds.gross_pct / 100,
        turnover=bounds.turnover_pct / 100,
        risk_aversion=settings.risk.risk_aversion,
        multiplier=multiplier,
        days=settings.days_of_forecast,
        benchmark=benchmark,
        cash_limit=1.0 if benchmark is not None else None,
    )
    return problem, frozen


def _box(
    day: Day, settings: PortfolioSettings, held: Floats, part: Floats
) -> tuple[Floats, Floats]:
    """Least and most weight of each name, hard.

    A name of the universe may be its cap either way, a hedge the whole gross, any other nothing;
    short only where it can be borrowed (what is short already may stay) and never in a long-only
    book. No trade beyond a part of volume. What is held beyond its cap, as after a drift or an
    exit, goes back as far as volume allows, and no further off.
    """
    bounds = settings.bounds
    most = np.where(day.is_hedge & bounds.sector_etf_hedges, bounds.gross_pct, bounds.name_pct)
    cap: Floats = np.where(day.is_in | (day.is_hedge & bounds.sector_etf_hedges), most / 100, 0.0)
    short: Floats = np.where(day.is_shortable, -cap, -np.minimum(cap, np.maximum(-held, 0.0)))
    if settings.policy == "long_only":
        short = np.zeros(day.size)
    low = np.where(held < short, np.minimum(short, held + part), np.maximum(short, held - part))
    high = np.where(held > cap, np.maximum(cap, held - part), np.minimum(cap, held + part))
    return np.minimum(low, high), np.maximum(low, high)


def _benchmark(day: Day, settings: PortfolioSettings) -> Floats:
    """The universe in equal weights, as much of it as is to be invested: weighted as the book, not
    by market value.
    """
    inside = day.is_in & ~day.is_hedge
    invested = 1 - settings.bounds.cash_pct / 100
    weights: Floats = np.where(inside, invested / max(int(inside.sum()), 1), 0.0)
    return weights


def _exposures(
    day: Day, settings: PortfolioSettings, volatility: Floats, benchmark: Floats | None
) -> list[Exposure]:
    """Elastic bounds on sums over names, the benchmark's value their centre where there is one.

    A macro factor counts in risk, exposure x deviation of the factor, so that one bound fits all;
    the market in beta. The style is the normal score of volatility.
    """
    bounds, risk = settings.bounds, day.risk
    base = np.zeros(day.size) if benchmark is None else benchmark

    def bound(name: str, kind: str, row: Floats, width: float) -> Exposure:
        return Exposure(name, kind, row, width, float(row @ base))

    ones = np.ones(day.size)
    found = [
        Exposure("invested", "invested", ones, 0.0, float(base.sum()))
        if benchmark is not None
        else bound("net", "net", ones, bounds.net_pct / 100)
    ]
    found += [
        bound(f"sector {one}", "sector", 1.0 * (day.sector == one), bounds.sector_pct / 100)
        for one in np.unique(day.sector.astype(str))
    ]
    deviation = np.sqrt(np.diag(risk.covariance))
    for k, name in enumerate(risk.factors[: risk.n_macro]):
        if name == "market":
            beta = risk.exposures[:, k] / risk.macro_units[k]
            found.append(bound("market beta", "beta", beta, bounds.beta_pct / 100))
        else:
            row = risk.exposures[:, k] * deviation[k]
            found.append(bound(f"{name} risk", "factor", row, bounds.factor_risk_bps / _BPS))
    style = np.zeros(day.size)
    stocks = ~day.is_hedge
    style[stocks] = normal_scores(volatility[stocks])
    found.append(bound("volatility", "volatility", style, bounds.volatility_style_pct / 100))
    return [one for one in found if one.row.any()]


def _unbounded(problem: Problem) -> Problem:
    """The same day without bounds on sums: what a rule wishes is rounded and not mended."""
    return replace(problem, exposures=(), gross=np.inf, turnover=np.inf)


def _by_rule(problem: Problem, weights: Floats) -> Solution:
    """Weights that no solver found."""
    nothing = Attribution(*[np.full(problem.size, np.nan)] * 5)
    bounds = bound_values(problem, weights) if problem.size else ()
    free = unconstrained(problem)
    return Solution("rule", "not solved", weights, free, bounds, nothing, 0)
