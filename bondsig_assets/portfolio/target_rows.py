"""Rows that say what the targets of some days are and how they came about, all days at once.

Belongs here: rows of `target_positions`, `solutions`, `exposures` and `breaches`. Not here: the
targets themselves (`targets.py`), rows of `alphas` (`target_days.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.calendar import cutoff
from bondsig_assets.portfolio.optimizer import bound_values
from bondsig_assets.portfolio.targets import Targets
from bondsig_assets.tables.portfolio import BREACHES, EXPOSURES, SOLUTIONS, TARGET_POSITIONS
from bondsig_assets.tables.schema import Table

_BPS = 1e4
Row = dict[str, Any]


@dataclass(frozen=True)
class TargetRows:
    """Rows of `target_positions`, `solutions`, `exposures` and `breaches`."""

    positions: pl.DataFrame
    solutions: pl.DataFrame
    exposures: pl.DataFrame
    breaches: pl.DataFrame


def target_rows(made: Sequence[Targets]) -> TargetRows:
    """Rows of each day's targets, days in the order in which they come."""
    breached = [_breaches(one) for one in made]
    solutions = [_solution(one, len(passed)) for one, passed in zip(made, breached, strict=True)]
    return TargetRows(
        _positions(made),
        _of_table(SOLUTIONS, made, [[row] for row in solutions]),
        _of_table(EXPOSURES, made, [_exposures(one) for one in made]),
        _of_table(BREACHES, made, breached),
    )


def _positions(made: Sequence[Targets]) -> pl.DataFrame:
    if not made:
        return TARGET_POSITIONS.empty()
    days = [_columns(one) for one in made]
    columns = {name: np.concatenate([day[name] for day in days]) for name in days[0]}
    texts = ("parent_id", "ticker", "state")
    frame = pl.DataFrame(columns, schema_overrides=dict.fromkeys(texts, pl.String))
    return _stamped(TARGET_POSITIONS, frame.fill_nan(None), made, [one.day.size for one in made])


def _columns(made: Targets) -> dict[str, np.ndarray]:
    """Arrays [name] of a day."""
    day, problem, found = made.day, made.problem, made.solution
    parts = found.attribution
    state = np.select([made.frozen, day.is_hedge, day.is_in], ["frozen", "hedge", "in"], "out")
    return {
        "parent_id": np.array(day.parents, dtype=object),
        "ticker": np.array(day.tickers, dtype=object),
        "state": state.astype(object),
        "weight": made.rounded.weights,
        "shares": made.rounded.shares,
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


def _solution(made: Targets, n_breaches: int) -> Row:
    day, problem, found, weights = made.day, made.problem, made.solution, made.rounded.weights
    trade = np.abs(weights - problem.held)
    paid = problem.costs.linear @ trade + problem.costs.power @ trade**1.5
    risk = np.sqrt(problem.variance(weights + problem.active)) if problem.size else 0.0
    return {
        "state": found.state,
        "status": found.status,
        "n_names": day.size,
        "n_in": int(day.is_in.sum()),
        "n_known": int((problem.alpha != 0).sum()),
        "n_repaired": made.rounded.n_repaired,
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
        "settings_hash": made.settings.hash,
    }


def _exposures(made: Targets) -> list[Row]:
    """A row for each bound on a sum, with its value after rounding."""
    found = made.solution
    after = bound_values(made.problem, made.rounded.weights) if found.bounds else ()
    return [
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


def _breaches(made: Targets) -> list[Row]:
    """A row for each bound that the rounded targets pass, with the solution's shadow price; none of
    weights by a rule, which are rounded without bounds on sums.
    """
    if made.solution.state == "rule":
        return []
    return [
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
        for before, after in zip(made.solution.bounds, made.rounded.bounds, strict=True)
        if after.is_breached
    ]


def _of_table(
    table: Table, made: Sequence[Targets], of_days: Sequence[Sequence[Row]]
) -> pl.DataFrame:
    schema = {name: kind for name, kind in table.polars_schema.items() if name not in _STAMPS}
    rows: Iterable[Mapping[str, Any]] = chain.from_iterable(of_days)
    frame = pl.DataFrame(list(rows), schema=schema, orient="row")
    return _stamped(table, frame, made, [len(day) for day in of_days])


_STAMPS = ("trade_date", "policy", "known_at")


def _stamped(
    table: Table, frame: pl.DataFrame, made: Sequence[Targets], heights: Sequence[int]
) -> pl.DataFrame:
    """`frame`, of so many rows for each day, with the day, the policy and the cutoff."""
    days = [one.day.trade_date for one in made]
    stamps = {
        "trade_date": pl.Series(days, dtype=pl.Date),
        "policy": pl.Series([one.settings.policy for one in made], dtype=pl.String),
        "known_at": pl.Series([cutoff(day) for day in days], dtype=pl.Datetime("us")),
    }
    of_row = np.repeat(np.arange(len(made)), heights)
    return table.conform(
        frame.with_columns(**{name: of[of_row] for name, of in stamps.items()}).select(
            table.column_names
        )
    )
