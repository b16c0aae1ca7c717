"""Everything that is said of books from their rows, one table after another.

Belongs here: which rows each table of performance is made of, policy by policy. Not here: how any
of them is worked out (the modules beside this one), reading and writing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.market_rules import HORIZON
from bondsig_assets.portfolio.attribution import (
    changes_by_name,
    name_days,
    pnl_slices,
    sides,
    with_kinds,
)
from bondsig_assets.portfolio.attribution_days import ModelRows, factors_of
from bondsig_assets.portfolio.benchmark import benchmark_returns
from bondsig_assets.portfolio.book_returns import book_returns
from bondsig_assets.portfolio.credit_money import credit_money
from bondsig_assets.portfolio.figures import figures, study_of
from bondsig_assets.tables.performance import PERFORMANCE, PNL_SLICES
from bondsig_assets.tables.trading import CHANGES

#: The policy that is held against its own universe.
_LONG_ONLY = "long_only"


@dataclass(frozen=True)
class BookRows:
    """Rows that books are judged by.

    `portfolio_days`, `positions`, `ledger_entries`, `pnl_parts`, `universe`, `overfitting`: of
    these tables. `model`: risk model and returns. `scores`: `trade_date, policy, parent_id, score`,
    what each policy went by. `signals`: `trade_date, parent_id, score`. `attributes`: `trade_date,
    parent_id, sector, rating_number`. `cash_returns`: `trade_date, cash_return`, a share; None
    takes nothing off.
    """

    portfolio_days: pl.DataFrame
    positions: pl.DataFrame
    ledger_entries: pl.DataFrame
    pnl_parts: pl.DataFrame
    universe: pl.DataFrame
    overfitting: pl.DataFrame
    model: ModelRows
    scores: pl.DataFrame
    signals: pl.DataFrame
    attributes: pl.DataFrame
    cash_returns: pl.DataFrame | None = None


def judged(rows: BookRows, horizon: int = HORIZON) -> dict[str, pl.DataFrame]:
    """Rows of `performance`, `pnl_slices` and `credit_money` of every policy that has a day.

    They are replaced whole: each sums up all days there are. Raises UserError where a book lacks a
    day, or where the two books of credit money did not begin alike.
    """
    books = book_returns(rows.portfolio_days)
    changes = changes_by_name(rows.ledger_entries, list(CHANGES))
    names = name_days(changes, rows.positions)
    study = study_of(rows.overfitting)
    performance, slices = [PERFORMANCE.empty()], [PNL_SLICES.empty()]
    for (policy,), book in books.group_by("policy", maintain_order=True):
        days: list[date] = book["trade_date"].to_list()
        mine = names.filter(policy=policy)
        performance.append(
            figures(
                book,
                sides(mine),
                _cash(rows.cash_returns, days),
                factors_of(rows.model, days),
                study,
                _benchmark(rows, days) if policy == _LONG_ONLY else None,
                rows.pnl_parts.filter(policy=policy),
                horizon,
            )
        )
        kinds = with_kinds(
            mine,
            rows.attributes,
            rows.scores.filter(policy=policy).drop("policy"),
            rows.signals,
        )
        slices.append(pnl_slices(kinds, days, horizon))
    return {
        "performance": pl.concat(performance).sort(PERFORMANCE.key),
        "pnl_slices": pl.concat(slices).sort(PNL_SLICES.key),
        "credit_money": credit_money(books),
    }


def _cash(cash: pl.DataFrame | None, days: list[date]) -> Floats | None:
    """What cash earned on each day; 0 where it is not said."""
    if cash is None:
        return None
    at = dict(zip(cash["trade_date"], cash["cash_return"], strict=True))
    return np.array([at.get(day) or 0.0 for day in days])


def _benchmark(rows: BookRows, days: list[date]) -> Floats:
    found = benchmark_returns(rows.universe, rows.model.returns, days)["benchmark_return"]
    return found.cast(pl.Float64).fill_null(float("nan")).to_numpy()
