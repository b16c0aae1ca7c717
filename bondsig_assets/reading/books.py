"""What a book earned and from what: rows of the warehouse as its figures want them.

Belongs here: which rows of which tables, how far back. Not here: figures and parts (`portfolio/`),
what a book's days are made of (`portfolio.py` beside this module).
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import offset, trading_days
from bondsig_assets.features.panels import price_arrays
from bondsig_assets.portfolio.attribution_days import (
    DECISION_LAG,
    ModelRows,
    late_moves,
    parts_of_days,
)
from bondsig_assets.portfolio.book_judgement import BookRows, judged
from bondsig_assets.portfolio.macro_factors import ten_year_yield
from bondsig_assets.portfolio.shortfall import shortfalls
from bondsig_assets.reading.portfolio import cash_rates
from bondsig_assets.tables.performance import PERFORMANCE, PNL_SLICES
from bondsig_assets.warehouse import Warehouse, of_one_snapshot

_ALPHAS = ["trade_date", "policy", "parent_id", "alpha_bps"]
#: Money market year: interest runs by calendar day.
_YEAR_DAYS = 360


@of_one_snapshot
def parts(warehouse: Warehouse, start: date, end: date) -> dict[str, pl.DataFrame]:
    """Rows of `pnl_parts` and `shortfalls` of the trading days `start` … `end`, by what was known
    at each one's cutoff.
    """
    before, between = offset(start, -1), (start, end)
    model = model_rows(warehouse, offset(start, -DECISION_LAG), end)
    fills = warehouse.read(
        f"SELECT * FROM fills WHERE fill_date BETWEEN DATE '{start}' AND DATE '{end}' AND"
        f" booked_date <= DATE '{end}' ORDER BY policy, booked_date, fill_id"
    )
    return {
        "pnl_parts": parts_of_days(
            warehouse.read_table("ledger_entries", between=between),
            warehouse.read_table("positions", between=(before, end)),
            model,
            trading_days(start, end),
        ),
        "shortfalls": shortfalls(fills, warehouse.read_table("orders", between=(before, end))),
    }


def model_rows(
    warehouse: Warehouse, start: date, end: date, late: pl.DataFrame | None = None
) -> ModelRows:
    """Risk model, expected returns and returns of the trading days `start` … `end`."""
    between = (start, end)
    exposures = warehouse.read_table("factor_exposures", between=between)
    return ModelRows(
        warehouse.read_table("factor_returns", between=between),
        exposures,
        warehouse.read_table("specific_risks", between=between),
        warehouse.read_table("alphas", between=between, columns=_ALPHAS),
        _returns(warehouse, exposures.select("trade_date", "parent_id", "ticker"), start, end),
        late,
    )


def _returns(warehouse: Warehouse, names: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """`trade_date, parent_id, simple_return` of the day's names."""
    first = offset(start, -1)
    days = np.array(trading_days(first, end), dtype="datetime64[D]")
    arrays = price_arrays(warehouse.read_table("equity_prices", between=(first, end)), days)
    day, ticker = np.nonzero(np.isfinite(arrays["simple_return"]))
    told = pl.DataFrame(
        {
            "trade_date": days[day],
            "ticker": arrays["tickers"][ticker],
            "simple_return": arrays["simple_return"][day, ticker],
        },
        schema_overrides={"ticker": pl.String},
    )
    return names.join(told, on=["trade_date", "ticker"], maintain_order="left").drop("ticker")


@of_one_snapshot
def judged_books(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """Rows of `performance` and `pnl_slices`, of all days there are."""
    days = warehouse.read_table("portfolio_days")
    if days.is_empty():
        return {"performance": PERFORMANCE.empty(), "pnl_slices": PNL_SLICES.empty()}
    span: tuple[date, date] = warehouse.read(
        "SELECT min(trade_date), max(trade_date) FROM portfolio_days"
    ).row(0)
    yields = warehouse.read_table("treasury_yields")
    late = late_moves(ten_year_yield(yields), "rates", is_log=False)
    found = judged(
        BookRows(
            days,
            warehouse.read_table("positions"),
            warehouse.read_table("ledger_entries"),
            warehouse.read_table("pnl_parts"),
            warehouse.read_table("universe"),
            warehouse.read_table("overfitting"),
            model_rows(warehouse, *span, late=late),
            warehouse.read(
                "SELECT trade_date, policy, parent_id, prediction AS score FROM alphas ORDER BY ALL"
            ),
            warehouse.read_table("signals", columns=["trade_date", "parent_id", "score"]),
            warehouse.read_table(
                "issuer_days", columns=["trade_date", "parent_id", "sector", "rating_number"]
            ),
            cash_returns(yields, trading_days(*span)),
        )
    )
    return {name: found[name] for name in ("performance", "pnl_slices")}


def cash_returns(yields: pl.DataFrame, days: list[date]) -> pl.DataFrame:
    """`trade_date, cash_return`: what the bill rate known on the evening before brought by each
    day, a share.
    """
    rates = cash_rates(yields, [offset(days[0], -1), *days]) if days else cash_rates(yields, [])
    nights = pl.col("trade_date").diff().dt.total_days()
    return rates.select(
        "trade_date",
        cash_return=pl.col("annual_rate_pct").shift(1) / 100 * nights / _YEAR_DAYS,
    ).drop_nulls()


@of_one_snapshot
def cash_of_books(warehouse: Warehouse) -> pl.DataFrame:
    """`cash_returns` of the days of all books."""
    first, last = warehouse.read("SELECT min(trade_date), max(trade_date) FROM portfolio_days").row(
        0
    )
    days = trading_days(first, last) if first is not None else []
    return cash_returns(warehouse.read_table("treasury_yields"), days)
