"""Everything that issuer features and labels of some days are made of.

Belongs here: reading it as `features/panels.py` wants it. Not here: formulas (`features/`).
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from bondsig_assets.calendar import trading_days
from bondsig_assets.features.panels import Panels
from bondsig_assets.securities.delisted import standing_delistings
from bondsig_assets.warehouse import Warehouse, of_one_snapshot

ANALYTICS_COLUMNS = [
    "cusip",
    "trade_date",
    "known_date",
    "oas_bps",
    "weight",
    "yield_pct",
    "maturity_years",
    "spread_duration_years",
    "cds_equivalent_spread_bps",
]


@of_one_snapshot
def standing(warehouse: Warehouse) -> pl.DataFrame:
    """The delistings that were believed, each with when a price took it back."""
    prices = warehouse.read(
        "SELECT ticker, trade_date, known_at FROM equity_prices SEMI JOIN delistings USING (ticker)"
        " ORDER BY ALL"
    )
    return standing_delistings(warehouse.read_table("delistings"), prices)


@of_one_snapshot
def load_panels(warehouse: Warehouse, first: date, last: date, with_bonds: bool = True) -> Panels:
    """Everything the features of the days `first` … `last` are made of."""
    between = (first, last)
    of_bonds = between if with_bonds else (first, first)
    revisions = warehouse.read_table("bond_day_revisions", between=of_bonds).drop("known_at")
    analytics = warehouse.read_table(
        "bond_analytics",
        between=of_bonds,
        columns=ANALYTICS_COLUMNS,
    )
    reports_since = warehouse.read("SELECT min(delivery_date) AS day FROM trace_reports")["day"][0]
    quoted = warehouse.read(
        "SELECT cusip, min(known_date) FILTER (par_usd IS NOT NULL) AS par_date, min(known_date)"
        " FILTER (n_trades IS NOT NULL) AS trades_date FROM bond_day_revisions WHERE"
        " source = 'quotes' GROUP BY cusip ORDER BY cusip"
    )
    return Panels(
        days=np.array(trading_days(first, last), dtype="datetime64[D]"),
        revisions=revisions.join(
            analytics, on=["cusip", "trade_date", "known_date"], how="left", maintain_order="left"
        ),
        master=warehouse.read_table("security_master"),
        equities=warehouse.read_table("equities"),
        bonds=warehouse.read_table("bonds"),
        prices=warehouse.read_table("equity_prices", between=between),
        cds=warehouse.read_table("cds_quotes", between=between),
        fundamentals=warehouse.read_table("fundamentals"),
        ratings=warehouse.read_table("ratings"),
        issuers=warehouse.read_table("issuers"),
        amounts=warehouse.read_table("amounts_outstanding"),
        yields=warehouse.read_table("treasury_yields"),
        delistings=standing(warehouse),
        reports_since=reports_since or date.max,
        quoted_since=quoted,
    )
