"""What bonds, CDS and stocks showed on each day, arranged for the filter.

Belongs here: bond days as known so many days later, spreads restated over the Treasury curve of
their own day, changes of CDS curves, stocks' own returns and volatilities. Not here: the filter
(`filter_kernel.py`) and what it is told of noise (`parameters.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.arrays import Bools, Floats, Ints
from bondsig_assets.features.curve_moves import CurveMoves, price_share
from bondsig_assets.features.news import filter_kernel as fk
from bondsig_assets.features.news.parameters import NewsParameters
from bondsig_assets.features.panels import Panels
from bondsig_assets.market_rules import HIGH_YIELD_RATING
from bondsig_assets.tables.news_features import VOLATILITY_DAYS

#: Decay of the curve's loadings, a year.
_DECAY = 0.5
#: Shorter ones move by more than their spread says.
_SHORTEST_YEARS, _SHORTEST_DURATION = 0.5, 0.3
#: Days that a CDS curve may be silent between two quotes of which a change is made.
_CDS_GAP = 5
_VOLATILITY_HALF_LIFE, _VOLATILITY_MINIMUM = 63, 20
#: A daily return in logs beyond this counts as this: one collapse must not be a year's volatility.
_MOST_RETURN = 0.5


@dataclass(frozen=True)
class Observations:
    """Arrays over the days and parents of some `Panels`.

    `values` [row, N_OBSERVED] and `bond` [row]: bond days, a row for each revision; those of day s
    as known k days later are rows[offsets[k, s]:offsets[k, s + 1]], ordered by CUSIP. `sector`
    codes from 0 (-1: none), `grade` 0 or 1 (high yield), `stock` the excess log return over the
    sector ETF, `cds_change` the log change of the CDS curve, all [day, parent]; `volatility` the
    stock's own daily volatility of days before. `curve_lag` [day]: days after which the Treasury
    curve of the day was known.
    """

    values: Floats
    bond: Ints
    rows: Ints
    offsets: Ints
    parent_of: Ints
    sector: Ints
    grade: Ints
    stock: Floats
    volatility: Floats
    cds_change: Floats
    curve_lag: Ints

    @property
    def n_sectors(self) -> int:
        """Sectors there are on any day."""
        return int(self.sector.max(initial=-1)) + 1

    @cached_property
    def first_day(self) -> int:
        """Position of the first day on which a bond or a CDS spoke."""
        spoke = (np.diff(self.offsets[-1]) > 0) | np.isfinite(self.cds_change).any(axis=1)
        return int(np.argmax(spoke)) if spoke.any() else spoke.size

    def arguments(self, parameters: NewsParameters) -> tuple[Any, ...]:
        """What the loops of `filter_kernel` take after their days, in its order."""
        return (
            self.offsets,
            self.rows,
            self.values,
            self.bond,
            self.parent_of,
            self.sector,
            self.grade,
            self.stock,
            self.cds_change,
            self.curve_lag,
            parameters.numbers.as_array(),
            parameters.of_grade,
            parameters.stock_beta,
            self.n_sectors,
        )


def observe(panels: Panels) -> Observations:
    """Everything `panels` say of their days, each as known at its moment."""
    bond_days = _bond_days(panels)
    values = _values(bond_days, panels.curve_moves)
    offsets, rows = _versions(bond_days, np.isfinite(values[:, fk.OAS]), panels.days.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        stock = np.log1p(panels.stock_return) - np.log1p(panels.etf_return)
    stock = np.where(np.isfinite(stock), np.clip(stock, -_MOST_RETURN, _MOST_RETURN), np.nan)
    return Observations(
        values=values,
        bond=bond_days["bond"].to_numpy().astype(np.int64),
        rows=rows,
        offsets=offsets,
        parent_of=panels.parent_of,
        sector=panels.sector.astype(np.int64),
        grade=(panels.rating >= HIGH_YIELD_RATING).astype(np.int64),
        stock=stock,
        volatility=own_volatility(stock),
        cds_change=_cds_changes(panels),
        curve_lag=panels.curve_moves.lag,
    )


def _bond_days(panels: Panels) -> pl.DataFrame:
    """Revisions with positions `bond`, `day` (of the trade) and `known`, in order of day, bond and
    known.
    """
    revisions = panels.revisions.filter(pl.col("cusip").is_in(panels.bond_ids.tolist()))
    bond, known, day = panels.cells(revisions)
    return (
        revisions.with_columns(bond=pl.Series(bond), known=pl.Series(known), day=pl.Series(day))
        .filter(pl.col("day") >= 0, pl.col("known") < panels.days.size)
        .sort("day", "bond", "known")
    )


def _values(bond_days: pl.DataFrame, moves: CurveMoves) -> Floats:
    """Columns of an observation, NaN in OAS where the day says nothing."""
    frame = bond_days.select(
        "day",
        oas=pl.col("oas_bps").fill_null(np.nan),
        years=pl.col("maturity_years").fill_null(np.nan),
        per_point=1e4 / (pl.col("price") * pl.col("spread_duration_years")).fill_null(np.nan),
        duration=pl.col("spread_duration_years").fill_null(np.nan),
        # A quote weighs like one trade.
        trades=pl.col("n_trades").cast(pl.Float64).fill_null(1.0),
        imbalance=(
            (pl.col("customer_buy_par_usd") - pl.col("customer_sell_par_usd"))
            / pl.max_horizontal(pl.col("par_usd"), 1.0)
        ).fill_null(0.0),
        is_big=(pl.col("institutional_par_usd") * 2 >= pl.col("par_usd"))
        .cast(pl.Float64)
        .fill_null(0.0),
        share=price_share(),
    )
    column = {name: frame[name].to_numpy() for name in frame.columns}
    out = np.empty((frame.height, fk.N_OBSERVED))
    speaks = (
        (column["years"] >= _SHORTEST_YEARS)
        & (column["duration"] >= _SHORTEST_DURATION)
        & np.isfinite(column["per_point"])
        & (column["trades"] > 0)
    )
    x = _DECAY * np.maximum(column["years"], 1e-6)
    slope = -np.expm1(-x) / x
    moved = moves.at(column["day"], column["years"])
    out[:, fk.OAS] = np.where(speaks, column["oas"], np.nan)
    out[:, fk.OAS_RESTATED] = out[:, fk.OAS] - np.where(
        np.isfinite(moved), column["share"] * moved, 0.0
    )
    out[:, fk.BPS_A_POINT] = column["per_point"]
    out[:, fk.TRADES], out[:, fk.IMBALANCE] = column["trades"], column["imbalance"]
    out[:, fk.IS_BIG], out[:, fk.SHARE] = column["is_big"], column["share"]
    out[:, fk.SLOPE], out[:, fk.CURVATURE] = slope, slope - np.exp(-x)
    return out


def _versions(bond_days: pl.DataFrame, speaks: Bools, n_days: int) -> tuple[Ints, Ints]:
    """`offsets` [lag, day + 1] and `rows`: which revisions stood so many days after their day."""
    day, bond, known = (bond_days[name].to_numpy() for name in ("day", "bond", "known"))
    offsets = np.zeros((fk.SETTLED_DAYS + 1, n_days + 1), dtype=np.int64)
    parts, base = [], 0
    for lag in range(fk.SETTLED_DAYS + 1):
        there = np.flatnonzero(known - day <= lag)
        is_last = np.ones(there.size, dtype=bool)
        is_last[:-1] = (day[there[1:]] != day[there[:-1]]) | (bond[there[1:]] != bond[there[:-1]])
        chosen = there[is_last]
        chosen = chosen[speaks[chosen]]
        offsets[lag] = base + np.searchsorted(day[chosen], np.arange(n_days + 1))
        parts.append(chosen)
        base += chosen.size
    return offsets, np.concatenate(parts).astype(np.int64)


def _cds_changes(panels: Panels) -> Floats:
    """Log change of the sum of each parent's CDS spreads over the tenors quoted today and on its
    last quoted day, no more than a few days before [day, parent]; NaN without both, 0 on the first.
    """
    _, quotes = panels.cds_curves
    shape = (panels.days.size, panels.parents.size)
    changes = np.full(shape, np.nan)
    if not quotes.shape[0]:
        return changes
    last = np.full((quotes.shape[0], shape[1]), np.nan)
    since = np.full(shape[1], -shape[0] - _CDS_GAP)
    for day in range(shape[0]):
        today = quotes[:, day]
        quoted = np.isfinite(today).any(axis=0)
        both = np.isfinite(today) & np.isfinite(last)
        now = np.where(both, today, 0.0).sum(axis=0)
        before = np.where(both, last, 0.0).sum(axis=0)
        fresh = quoted & (day - since <= _CDS_GAP) & (before > 0) & (now > 0)
        changes[day, quoted] = 0.0
        changes[day, fresh] = np.log(now[fresh] / before[fresh])
        last[:, quoted] = today[:, quoted]
        since[quoted] = day
    return changes


def own_volatility(stock: Floats) -> Floats:
    """Root of the exponentially weighted mean square of `stock` [day, parent] over the days before,
    half-life 63, at most VOLATILITY_DAYS of them; NaN with fewer than 20.
    """
    n_days = stock.shape[0]
    decay = 0.5 ** (1 / _VOLATILITY_HALF_LIFE)
    total, weight, count = (np.zeros(stock.shape) for _ in range(3))
    squares, present = np.nan_to_num(stock) ** 2, np.isfinite(stock)
    for back in range(1, min(VOLATILITY_DAYS, n_days - 1) + 1):
        share = decay**back
        total[back:] += share * squares[: n_days - back]
        weight[back:] += share * present[: n_days - back]
        count[back:] += present[: n_days - back]
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.sqrt(total / weight)
    return np.where((count >= _VOLATILITY_MINIMUM) & (found > 1e-4), found, np.nan)
