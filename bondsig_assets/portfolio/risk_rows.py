"""A day's risk model as rows of its four tables; the rows of a range of days.

Belongs here: what of a `RiskModel` stands in which table. Not here: the model (`risk_model.py`),
what it is made of (`market_days.py`), a model from its rows (`risk_days.py`), reading and
writing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from bondsig_assets.calendar import cutoff
from bondsig_assets.portfolio.macro_factors import FACTORS
from bondsig_assets.portfolio.market_days import MarketDays
from bondsig_assets.portfolio.risk_model import RiskModel, risk_model
from bondsig_assets.portfolio.settings import RiskSettings
from bondsig_assets.tables.portfolio import (
    FACTOR_COVARIANCES,
    FACTOR_EXPOSURES,
    FACTOR_RETURNS,
    SPECIFIC_RISKS,
)
from bondsig_assets.tables.schema import Table

Column = pl.Series | np.ndarray
RISK_TABLES = tuple(
    table.name for table in (FACTOR_RETURNS, FACTOR_EXPOSURES, FACTOR_COVARIANCES, SPECIFIC_RISKS)
)


def risk_of_days(
    market: MarketDays,
    start: date,
    end: date,
    settings: RiskSettings,
    tell: Callable[[float], None] = lambda share: None,
) -> dict[str, pl.DataFrame]:
    """Rows of each of RISK_TABLES for the trading days `start` … `end`; `tell` hears what part of
    them is done.
    """
    made: list[_Day] = []
    days = list(market.days_between(start, end))
    for day, place in days:
        names = market.names(place)
        model = risk_model(market.history(place, names, settings), settings)
        made.append(_Day(day, names.parents, names.tickers, names.sectors, model))
        tell(len(made) / len(days))
    return _rows(made)


def risk_rows(
    trade_date: date,
    parents: Sequence[str],
    tickers: Sequence[str],
    sectors: Sequence[str],
    model: RiskModel,
) -> dict[str, pl.DataFrame]:
    """Rows of `factor_returns`, `factor_exposures`, `factor_covariances` and `specific_risks` of
    one day, by table; names in the order of the model.
    """
    return _rows([_Day(trade_date, parents, tickers, sectors, model)])


class _Day(NamedTuple):
    """The risk model of a day and whom it is of."""

    trade_date: date
    parents: Sequence[str]
    tickers: Sequence[str]
    sectors: Sequence[str]
    model: RiskModel


def _rows(days: Sequence[_Day]) -> dict[str, pl.DataFrame]:
    """Rows of each table of all days, a column at a time: a frame a day and table would cost more
    than the models.
    """
    sizes = [len(one.parents) for one in days]
    names: dict[str, Column] = {
        "parent_id": _texts(one.parents for one in days),
        "ticker": _texts(one.tickers for one in days),
        "has_own": _numbers((one.model.has_own for one in days), bool),
    }
    exposures: dict[str, Column] = {
        **names,
        "sector": _texts(one.sectors for one in days),
        **{f"{factor}_beta": _betas(days, factor) for factor in FACTORS},
    }
    risks: dict[str, Column] = {
        **names,
        "specific_risk_pct": _numbers(100 * np.sqrt(one.model.specific_variance) for one in days),
        "total_risk_pct": _numbers(100 * np.sqrt(one.model.variance) for one in days),
        "n_returns": _numbers((one.model.n_returns for one in days), np.int64),
    }
    frames = (
        (FACTOR_RETURNS, *_returns(days)),
        (FACTOR_EXPOSURES, exposures, sizes),
        (FACTOR_COVARIANCES, *_covariances(days)),
        (SPECIFIC_RISKS, risks, sizes),
    )
    return {table.name: _stamped(table, columns, days, n_rows) for table, columns, n_rows in frames}


def _texts(parts: Iterable[Iterable[str]]) -> pl.Series:
    return pl.Series([text for part in parts for text in part], dtype=pl.String)


def _numbers(parts: Iterable[np.ndarray], dtype: type = np.float64) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype)


def _betas(days: Sequence[_Day], factor: str) -> pl.Series:
    """Exposures to a macro factor; null on days whose model is without it."""
    parts: list[pl.Series] = [pl.Series(dtype=pl.Float64)]
    for one in days:
        model = one.model
        parts.append(
            pl.Series(model.exposures[:, model.factors.index(factor)])
            if factor in model.factors[: model.n_macro]
            else pl.repeat(None, len(one.parents), dtype=pl.Float64, eager=True)
        )
    return pl.concat(parts)


def _returns(days: Sequence[_Day]) -> tuple[dict[str, Column], list[int]]:
    """Columns of `factor_returns`, and how many rows each day has."""
    factor, is_macro, unit, known, state, sizes = [], [], [], [], [], []
    for one in days:
        model = one.model
        n_missing, n_sectors = len(model.missing), len(model.factors) - model.n_macro
        factor += [*model.factors, *model.missing]
        is_macro += [True] * model.n_macro + [False] * n_sectors + [True] * n_missing
        unit += [*model.macro_units.tolist(), *[None] * (n_sectors + n_missing)]
        finite = np.isfinite(model.factor_returns).tolist()
        state += ["known" if told else "unknown" for told in finite] + ["no_data"] * n_missing
        known += [*model.factor_returns.tolist(), *[None] * n_missing]
        sizes.append(len(model.factors) + n_missing)
    columns: dict[str, Column] = {
        "factor": pl.Series(factor, dtype=pl.String),
        "is_macro": pl.Series(is_macro, dtype=pl.Boolean),
        "factor_return": pl.Series(known, dtype=pl.Float64).fill_nan(None),
        "unit_change": pl.Series(unit, dtype=pl.Float64),
        "state": pl.Series(state, dtype=pl.String),
    }
    return columns, sizes


def _covariances(days: Sequence[_Day]) -> tuple[dict[str, Column], list[int]]:
    """Columns of `factor_covariances`, and how many rows each day has."""
    pairs = [np.triu_indices(len(one.model.factors)) for one in days]
    named = [np.array(one.model.factors, dtype=object) for one in days]
    columns: dict[str, Column] = {
        "factor": _texts(names[first] for names, (first, _) in zip(named, pairs, strict=True)),
        "other_factor": _texts(
            names[other] for names, (_, other) in zip(named, pairs, strict=True)
        ),
        "covariance": _numbers(
            one.model.covariance[pair] for one, pair in zip(days, pairs, strict=True)
        ),
    }
    return columns, [first.size for first, _ in pairs]


def _stamped(
    table: Table,
    columns: dict[str, Column],
    days: Sequence[_Day],
    n_rows: Sequence[int],
) -> pl.DataFrame:
    stamps = {
        "trade_date": np.array([one.trade_date for one in days], "datetime64[D]"),
        "known_at": np.array([cutoff(one.trade_date) for one in days], "datetime64[us]"),
    }
    stamped = {name: np.repeat(values, n_rows) for name, values in stamps.items()}
    return table.conform(pl.DataFrame({**columns, **stamped}).select(table.column_names))


def market_betas(rows: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """`trade_date, parent_id, market_beta, usual_beta` (the day's median) from rows of days by
    table: returns for a unit of the market's own return, as bounds on beta count them. No rows of a
    day whose model has no market.
    """
    units = rows["factor_returns"].filter(
        pl.col("factor") == "market", pl.col("state") != "no_data", pl.col("unit_change") > 0
    )
    betas = rows["factor_exposures"].join(
        units.select("trade_date", "unit_change"), on="trade_date", maintain_order="left"
    )
    # Polars divides by one number otherwise than by a column of it: a day would not be its range.
    unit = betas["unit_change"].cast(pl.Float64).to_numpy()
    own = betas["market_beta"].cast(pl.Float64).to_numpy() / unit
    return (
        betas.select("trade_date", "parent_id", market_beta=pl.Series(own, dtype=pl.Float64))
        .filter(pl.col("market_beta").is_finite())
        .with_columns(usual_beta=_median("market_beta").over("trade_date"))
    )


_SIDES: tuple[Literal["lower", "higher"], ...] = ("lower", "higher")


def _median(column: str) -> pl.Expr:
    """Of two middle values their sum's half, however many days there are."""
    lower, upper = (pl.col(column).quantile(0.5, side) for side in _SIDES)
    return (lower + upper) / 2
