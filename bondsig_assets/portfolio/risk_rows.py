"""A day's risk model as rows of its four tables, and back; the rows of a range of days.

Belongs here: what of a `RiskModel` stands in which table. Not here: the model (`risk_model.py`),
what it is made of (`market_days.py`), reading and writing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

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
    made: list[dict[str, pl.DataFrame]] = []
    days = list(market.days_between(start, end))
    for day, place in days:
        names = market.names(place)
        model = risk_model(market.history(place, names, settings), settings)
        made.append(risk_rows(day, names.parents, names.tickers, names.sectors, model))
        tell(len(made) / len(days))
    return {name: pl.concat([one[name] for one in made]) for name in RISK_TABLES}


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
    names = {
        "parent_id": pl.Series(list(parents), dtype=pl.String),
        "ticker": pl.Series(list(tickers), dtype=pl.String),
    }
    has_own = pl.Series(model.has_own, dtype=pl.Boolean)
    betas = {
        f"{factor}_beta": pl.Series(
            model.exposures[:, model.factors.index(factor)]
            if factor in model.factors[: model.n_macro]
            else [None] * len(parents),
            dtype=pl.Float64,
        )
        for factor in FACTORS
    }
    exposures = {
        **names,
        "sector": pl.Series(list(sectors), dtype=pl.String),
        **betas,
        "has_own": has_own,
    }
    risks = {
        **names,
        "specific_risk_pct": 100 * np.sqrt(model.specific_variance),
        "total_risk_pct": 100 * np.sqrt(model.variance),
        "n_returns": model.n_returns.astype(np.int64),
        "has_own": has_own,
    }
    frames = (
        (FACTOR_RETURNS, _returns(model)),
        (FACTOR_EXPOSURES, pl.DataFrame(exposures)),
        (FACTOR_COVARIANCES, _covariances(model)),
        (SPECIFIC_RISKS, pl.DataFrame(risks)),
    )
    return {table.name: _stamped(table, frame, trade_date) for table, frame in frames}


def market_betas(rows: Mapping[str, pl.DataFrame]) -> tuple[pl.DataFrame, float]:
    """`parent_id, market_beta` of one day from its rows by table, and their median: returns for a
    unit of the market's own return, as bounds on beta count them. No rows and NaN where the day's
    model has no market.
    """
    market = rows["factor_returns"].filter(
        pl.col("factor") == "market", pl.col("state") != "no_data", pl.col("unit_change") > 0
    )
    unit = market["unit_change"][0] if market.height else None
    betas = rows["factor_exposures"].select(
        "parent_id", market_beta=pl.col("market_beta") / pl.lit(unit, pl.Float64)
    )
    known = betas.filter(pl.col("market_beta").is_finite())
    median = known.select(pl.col("market_beta").median().fill_null(float("nan"))).item()
    return known, float(median)


def _returns(model: RiskModel) -> pl.DataFrame:
    n_missing, n_sectors = len(model.missing), len(model.factors) - model.n_macro
    known = np.isfinite(model.factor_returns)
    return pl.DataFrame(
        {
            "factor": pl.Series([*model.factors, *model.missing], dtype=pl.String),
            "is_macro": [True] * model.n_macro + [False] * n_sectors + [True] * n_missing,
            "factor_return": pl.Series(
                [*model.factor_returns, *[None] * n_missing], dtype=pl.Float64
            ).fill_nan(None),
            "unit_change": pl.Series(
                [*model.macro_units, *[None] * (n_sectors + n_missing)], dtype=pl.Float64
            ),
            "state": pl.Series(
                ["known" if one else "unknown" for one in known] + ["no_data"] * n_missing,
                dtype=pl.String,
            ),
        },
        schema_overrides={"is_macro": pl.Boolean},
    )


def _covariances(model: RiskModel) -> pl.DataFrame:
    first, other = np.triu_indices(len(model.factors))
    names = np.array(model.factors, dtype=object)
    return pl.DataFrame(
        {
            "factor": pl.Series(list(names[first]), dtype=pl.String),
            "other_factor": pl.Series(list(names[other]), dtype=pl.String),
            "covariance": model.covariance[first, other],
        }
    )


def _stamped(table: Table, frame: pl.DataFrame, day: date) -> pl.DataFrame:
    return table.conform(
        frame.with_columns(
            trade_date=pl.lit(day), known_at=pl.lit(cutoff(day)).cast(pl.Datetime("us"))
        ).select(table.column_names)
    )


def model_of(rows: Mapping[str, pl.DataFrame], parents: Sequence[str]) -> RiskModel:
    """The risk model of one day from its rows by table, of `parents` in their order.

    Raises ValueError where a parent has no row.
    """
    order = {name: place for place, name in enumerate(FACTORS)}
    returns = rows["factor_returns"].sort(
        ~pl.col("is_macro"),
        pl.col("factor").replace_strict(order, default=0, return_dtype=pl.Int64),
        "factor",
    )
    used = returns.filter(pl.col("state") != "no_data")
    factors = tuple(used["factor"])
    n_macro = int(used["is_macro"].sum())
    wanted = pl.DataFrame({"parent_id": pl.Series(list(parents), dtype=pl.String)})
    exposed, risks = (
        wanted.join(rows[name], on="parent_id", how="left", maintain_order="left")
        for name in ("factor_exposures", "specific_risks")
    )
    lacking = risks.filter(pl.col("specific_risk_pct").is_null())["parent_id"]
    if lacking.len():
        raise ValueError(f"no risk of {', '.join(lacking.head(3))}")
    betas = [exposed[f"{factor}_beta"].to_numpy() for factor in factors[:n_macro]]
    sector = exposed["sector"].to_numpy()
    columns = betas + [1.0 * (sector == one) for one in factors[n_macro:]]
    place = {name: k for k, name in enumerate(factors)}
    covariance = np.zeros((len(factors), len(factors)))
    for one, other, value in (
        rows["factor_covariances"].select("factor", "other_factor", "covariance").iter_rows()
    ):
        covariance[place[one], place[other]] = covariance[place[other], place[one]] = value
    return RiskModel(
        factors,
        n_macro,
        np.column_stack(columns) if columns else np.zeros((len(parents), 0)),
        covariance,
        (risks["specific_risk_pct"].to_numpy() / 100) ** 2,
        used["factor_return"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        risks["has_own"].to_numpy(),
        risks["n_returns"].to_numpy(),
        tuple(returns.filter(pl.col("state") == "no_data")["factor"]),
        used.filter(pl.col("is_macro"))["unit_change"].to_numpy(),
    )
