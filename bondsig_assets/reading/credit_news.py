"""What the credit-news model reads of the warehouse, and its parameters as rows.

Belongs here: reading both, and turning parameters into rows and back. Not here: the model
(`features/news/`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl

from bondsig_assets.calendar import (
    CUTOFF,
    FIRST_DAY,
    at_or_after,
    next_quarter,
    offset,
    quarter_of,
    trading_days,
)
from bondsig_assets.features.news.parameters import (
    GRADES,
    Grade,
    NewsParameters,
    Numbers,
)
from bondsig_assets.features.panels import Panels
from bondsig_assets.reading.panels import standing
from bondsig_assets.tables import TABLES
from bondsig_assets.tables.news_features import (
    CHAIN_DAYS,
    ESTIMATION_DAYS,
    MARGIN_DAYS,
    VOLATILITY_DAYS,
)
from bondsig_assets.warehouse import Warehouse, of_one_snapshot

_REVISIONS = [
    "cusip",
    "trade_date",
    "known_date",
    "n_trades",
    "price",
    "mean_trade_second",
    "par_usd",
    "customer_buy_par_usd",
    "customer_sell_par_usd",
    "institutional_par_usd",
]
_ANALYTICS = [
    "cusip",
    "trade_date",
    "known_date",
    "oas_bps",
    "maturity_years",
    "spread_duration_years",
]


def first_needed(start: date, is_estimated: bool) -> date:
    """First day that `credit_news` must be given for rows from `start` on, where parameters of its
    quarter have still to be estimated, or are known.
    """
    back = ESTIMATION_DAYS + VOLATILITY_DAYS if is_estimated else max(CHAIN_DAYS, VOLATILITY_DAYS)
    return max(offset(at_or_after(quarter_of(start)), -(back + MARGIN_DAYS)), FIRST_DAY)


@of_one_snapshot
def load_news_panels(warehouse: Warehouse, first: date, last: date) -> Panels:
    """What `features.news` needs of the days `first` … `last`."""
    between = (first, last)
    keys = ["cusip", "trade_date", "known_date"]
    revisions = warehouse.read_table("bond_day_revisions", between=between, columns=_REVISIONS)
    analytics = warehouse.read_table("bond_analytics", between=between, columns=_ANALYTICS)
    return Panels(
        days=np.array(trading_days(first, last), dtype="datetime64[D]"),
        revisions=revisions.join(analytics, on=keys, how="left", maintain_order="left"),
        master=warehouse.read_table("security_master"),
        equities=warehouse.read_table("equities"),
        bonds=warehouse.read_table("bonds"),
        prices=warehouse.read_table("equity_prices", between=between),
        cds=warehouse.read_table("cds_quotes", between=between),
        fundamentals=TABLES["fundamentals"].empty(),
        ratings=warehouse.read_table("ratings"),
        issuers=warehouse.read_table("issuers"),
        yields=warehouse.read_table("treasury_yields"),
        delistings=standing(warehouse),
    )


def stored_parameters(warehouse: Warehouse, quarters: Iterable[date]) -> dict[date, NewsParameters]:
    """Parameters of those of `quarters` that have any."""
    wanted = sorted(quarters)
    if not wanted:
        return {}
    rows = warehouse.read_table("credit_news_parameters", between=(wanted[0], wanted[-1]))
    return {
        quarter: _parameters(rows.filter(pl.col("quarter") == quarter))
        for quarter in wanted
        if quarter in set(rows["quarter"])
    }


def _parameters(rows: pl.DataFrame) -> NewsParameters:
    by_grade = {row["grade"]: row for row in rows.iter_rows(named=True)}
    one = by_grade[GRADES[0]]
    return NewsParameters(
        Numbers(**{field.name: one[field.name] for field in fields(Numbers)}),
        tuple(_grade(by_grade[grade]) for grade in GRADES),
        one["estimated_from_date"],
        one["estimated_to_date"],
    )


def _grade(row: dict[str, Any]) -> Grade:
    held: dict[str, Any] = {field.name: row[field.name] for field in fields(Grade)}
    lists = {name: tuple(value) for name, value in held.items() if isinstance(value, list)}
    return Grade(**held | lists)


def parameter_rows(parameters: Mapping[date, NewsParameters]) -> pl.DataFrame:
    """Rows of `credit_news_parameters`."""
    rows = []
    for quarter, of in sorted(parameters.items()):
        first = at_or_after(quarter)
        for name, grade in zip(GRADES, of.grades, strict=True):
            rows.append(
                {
                    "quarter": quarter,
                    "grade": name,
                    "valid_from_date": first,
                    "valid_to_date": offset(at_or_after(next_quarter(quarter)), -1),
                    "estimated_from_date": of.estimated_from,
                    "estimated_to_date": of.estimated_to,
                    **{
                        key: list(value) if isinstance(value, tuple) else value
                        for key, value in asdict(grade).items()
                    },
                    **asdict(of.numbers),
                    "known_at": datetime.combine(offset(first, -1), CUTOFF),
                }
            )
    table = TABLES["credit_news_parameters"]
    return table.conform(pl.DataFrame(rows, schema=table.polars_schema))
