"""A trading session as known at its day's cutoff: prices, volumes and events of shares, in arrays.

Belongs here: the facts a book's day is made of, by name. Not here: where they are read
(`reading/`), what they mean (`corporate_actions.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.arrays import Floats
from bondsig_assets.tables.raw import DELISTINGS

#: Columns of a session by name; all but names may be missing from a frame, and are unknown then.
COLUMNS = (
    "open_usd",
    "high_usd",
    "low_usd",
    "close_usd",
    "volume_shares",
    "total_return_pct",
    "dividend_usd",
    "split_ratio",
    "shares_outstanding",
    "borrow_rate_pct",
    "market_beta",
)
_DELISTINGS = ("ticker", "last_trade_date", "delisting_return_pct", "reason")
_NONE = DELISTINGS.empty().select(_DELISTINGS)


@dataclass(frozen=True)
class Session:
    """Facts of `trade_date` known at its cutoff; arrays [name] as in `equity_prices`, NaN where
    unknown, a ticker None.

    `has_borrow_rates`: somebody delivers rates, so a name without one is dear. `cash_rate_pct`:
    annual, NaN where unknown. `market_beta`: return for a unit of the market's own; `usual_beta`:
    the median of the day's names, which counts for a name without one, NaN where no name has one.
    `delistings`: all rows known at the cutoff; or those of the names that a book may hold.
    """

    trade_date: date
    parents: list[str]
    tickers: list[str | None]
    open_usd: Floats
    high_usd: Floats
    low_usd: Floats
    close_usd: Floats
    volume_shares: Floats
    total_return_pct: Floats
    dividend_usd: Floats
    split_ratio: Floats
    shares_outstanding: Floats
    borrow_rate_pct: Floats
    market_beta: Floats
    has_borrow_rates: bool
    cash_rate_pct: float
    usual_beta: float
    delistings: pl.DataFrame

    def of(self, parents: list[str]) -> Session:
        """The facts of these names in this order; all is unknown of a name that is not there."""
        where = {parent: at for at, parent in enumerate(self.parents)}
        at = np.array([where.get(parent, -1) for parent in parents], dtype=np.int64)
        is_there = at >= 0

        def taken(values: Floats) -> Floats:
            if not values.size:
                return np.full(at.size, np.nan)
            found: Floats = np.where(is_there, values[at], np.nan)
            return found

        arrays: dict[str, Any] = {name: taken(getattr(self, name)) for name in COLUMNS}
        tickers = [self.tickers[k] if k >= 0 else None for k in at.tolist()]
        return replace(self, parents=parents, tickers=tickers, **arrays)


def session_of(
    prices: pl.DataFrame,
    trade_date: date,
    delistings: pl.DataFrame | None = None,
    *,
    has_borrow_rates: bool = False,
    cash_rate_pct: float = float("nan"),
    usual_beta: float = float("nan"),
) -> Session:
    """A session from a frame `parent_id, ticker` and whatever there is of COLUMNS, a row a name.

    `delistings`: rows of that table known at the day's cutoff; of two about the same last day the
    one that says a return counts, then the one known later. Raises ValueError where a name has two
    rows: whose prices they are is for the caller to know.
    """
    rows = prices.sort("parent_id")
    parents = rows["parent_id"].to_list()
    if len(set(parents)) < len(parents):
        raise ValueError("a name has two rows in a session")
    columns = {
        name: rows[name].cast(pl.Float64).to_numpy()
        if name in rows.columns
        else np.full(rows.height, np.nan)
        for name in COLUMNS
    }
    ended = None if delistings is None or not delistings.height else _newest(delistings)
    return Session(
        trade_date,
        parents,
        rows["ticker"].to_list(),
        **columns,
        has_borrow_rates=has_borrow_rates,
        cash_rate_pct=cash_rate_pct,
        usual_beta=usual_beta,
        delistings=_NONE if ended is None else ended,
    )


def _newest(delistings: pl.DataFrame) -> pl.DataFrame:
    """A row a ticker and last day: one that says a return before one that does not, then the one
    known later.
    """
    known = delistings.with_columns(
        is_told=pl.col("delisting_return_pct").is_finite().fill_null(value=False)
    )
    order = ["is_told", *(["known_at"] if "known_at" in known.columns else [])]
    return (
        known.sort(order, maintain_order=True)
        .unique(["ticker", "last_trade_date"], keep="last", maintain_order=True)
        .select(_DELISTINGS)
    )
