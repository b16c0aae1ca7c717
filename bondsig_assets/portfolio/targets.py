"""A day's target positions by a policy, and the rows that say how they came about.

Belongs here: the day in arrays, each name's own bounds, the bounds on sums, rows of
`target_positions`, `solutions` and `breaches`. Not here: the solver (`optimizer.py`), what a policy
wishes without one (`policies.py`), what is held in the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.calendar import cutoff
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
from bondsig_assets.tables.portfolio import BREACHES, EXPOSURES, SOLUTIONS, TARGET_POSITIONS
from bondsig_assets.tables.schema import Table

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
    """Rows of `target_positions`, `solutions`, `exposures` and `breaches` of one day and policy."""

    positions: pl.DataFrame
    solution: pl.DataFrame
    exposures: pl.DataFrame
    breaches: pl.DataFrame


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
    breached = _breaches(day, settings, found, rounded) if wished is None else BREACHES.empty()
    return Targets(
        _positions(day, settings, problem, frozen, found, rounded),
        _solution(day, settings, problem, found, rounded, breached.height),
        _exposure_rows(day, settings, problem, found, rounded),
        breached,
    )


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


def _positions(
    day: Day,
    settings: PortfolioSettings,
    problem: Problem,
    frozen: Bools,
    found: Solution,
    rounded: Rounded,
) -> pl.DataFrame:
    parts = found.attribution
    state = np.select([frozen, day.is_hedge, day.is_in], ["frozen", "hedge", "in"], "out")
    columns = {
        "parent_id": list(day.parents),
        "ticker": list(day.tickers),
        "state": state.astype(object),
        "weight": rounded.weights,
        "shares": rounded.shares,
        "price_usd": day.price_usd,
        "held_weight": problem.held,
        "held_shares": day.held_shares,
        "wished_weight": found.weights,
        "unconstrained_weight": found.unconstrained,
        "low": problem.low,
        "high": problem.high,
        "alpha_bps": _BPS * problem.alpha,
        "risk_bps": parts.risk,
        "trade_bps": parts.trade,
        "holding_bps": parts.holding,
        "exposure_bps": parts.exposure,
        "box_bps": parts.box,
    }
    frame = pl.DataFrame(
        columns, schema_overrides={"parent_id": pl.String, "ticker": pl.String, "state": pl.String}
    )
    return TARGET_POSITIONS.conform(
        _stamped(frame.fill_nan(None), day, settings, TARGET_POSITIONS.column_names)
    )


def _solution(
    day: Day,
    settings: PortfolioSettings,
    problem: Problem,
    found: Solution,
    rounded: Rounded,
    n_breaches: int,
) -> pl.DataFrame:
    weights = rounded.weights
    trade = np.abs(weights - problem.held)
    paid = problem.costs.linear @ trade + problem.costs.power @ trade**1.5
    risk = np.sqrt(problem.variance(weights + problem.active)) if problem.size else 0.0
    row = {
        "state": found.state,
        "status": found.status,
        "n_names": day.size,
        "n_in": int(day.is_in.sum()),
        "n_known": int((problem.alpha != 0).sum()),
        "n_repaired": rounded.n_repaired,
        "n_breaches": n_breaches,
        "nav_usd": day.nav_usd,
        "multiplier": problem.multiplier,
        "gross": float(np.abs(weights).sum()),
        "net": float(weights.sum()),
        "turnover": float(trade.sum()),
        "forecast_risk_pct": 100 * float(risk),
        "expected_bps": _BPS * float(problem.alpha @ weights),
        "expected_cost_bps": _BPS * float(paid),
        "primal_residual": found.primal_residual,
        "dual_residual": found.dual_residual,
        "gap_bps": found.gap_bps,
        "iterations": found.iterations,
        "settings_hash": settings.hash,
    }
    schema = {name: kind for name, kind in SOLUTIONS.polars_schema.items() if name in row}
    frame = pl.DataFrame([row], schema=schema, orient="row")
    return SOLUTIONS.conform(_stamped(frame, day, settings, SOLUTIONS.column_names))


def _exposure_rows(
    day: Day, settings: PortfolioSettings, problem: Problem, found: Solution, rounded: Rounded
) -> pl.DataFrame:
    """A row for each bound on a sum, with its value after rounding."""
    after = bound_values(problem, rounded.weights) if found.bounds else ()
    rows = [
        {
            "bound": now.name,
            "kind": now.kind,
            "low": now.low,
            "high": now.high,
            "value": now.value,
            "shadow_price_bps": before.shadow_price_bps,
        }
        for before, now in zip(found.bounds, after, strict=True)
    ]
    return _of_table(EXPOSURES, rows, day, settings)


def _breaches(
    day: Day, settings: PortfolioSettings, found: Solution, rounded: Rounded
) -> pl.DataFrame:
    """A row for each bound that the rounded targets pass, with the solution's shadow price."""
    rows = [
        {
            "bound": after.name,
            "kind": after.kind,
            "low": after.low,
            "high": after.high,
            "value": after.value,
            "slack": after.slack,
            "shadow_price_bps": before.shadow_price_bps,
            "is_rounding": not before.is_breached,
        }
        for before, after in zip(found.bounds, rounded.bounds, strict=True)
        if after.is_breached
    ]
    return _of_table(BREACHES, rows, day, settings)


def _of_table(
    table: Table, rows: Sequence[Mapping[str, object]], day: Day, settings: PortfolioSettings
) -> pl.DataFrame:
    schema = {
        name: kind
        for name, kind in table.polars_schema.items()
        if name not in ("trade_date", "policy", "known_at")
    }
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return table.conform(_stamped(frame, day, settings, table.column_names))


def _stamped(
    frame: pl.DataFrame, day: Day, settings: PortfolioSettings, columns: list[str]
) -> pl.DataFrame:
    """`frame` with the day, the policy and the cutoff, columns in their order."""
    return frame.with_columns(
        trade_date=pl.lit(day.trade_date),
        policy=pl.lit(settings.policy),
        known_at=pl.lit(cutoff(day.trade_date)).cast(pl.Datetime("us")),
    ).select(columns)
