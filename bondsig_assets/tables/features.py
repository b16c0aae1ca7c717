"""Issuer days and issuers at times of day: tables of the group features.

Belongs here: declarations of tables. Not here: the features themselves (`issuer_features.py`).
"""

from __future__ import annotations

from bondsig_assets.tables.issuer_features import FEATURES
from bondsig_assets.tables.schema import KNOWN, C, R, Table

ISSUER_DAYS = Table(
    "issuer_days",
    "features",
    "One row per parent and trading day: every feature as known at that day's cutoff. Credit"
    " features and equity controls are separate blocks (features/declared.py).",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("trade_date", "DATE", "Trading day"),
        R("ticker", "VARCHAR", "Stock on that day, as known"),
        R("sector", "VARCHAR", "Sector on that day, as known"),
        R("sector_etf", "VARCHAR", "Sector ETF on that day, as known"),
        C(
            "rating_number",
            "DOUBLE",
            "Mean over its issuers of the mean of the agencies' newest known ratings, 1 = AAA … 22"
            " = D; null where nobody rates it",
        ),
        R("n_bonds", "BIGINT", "Bonds outstanding that lead to this stock"),
        C(
            "n_bonds_traded",
            "BIGINT",
            "Of those, traded on the day; null where neither reports nor a panel tell of trades",
        ),
        C(
            "curve_method",
            "VARCHAR",
            "What the level rests on: own curve of its bonds, shrunk (two bonds or more, drawn to"
            " its group's curve), shifted (its group's curve moved to its bonds), mean of its"
            " bonds; null without a level",
        ),
        C(
            "n_capped_trades",
            "BIGINT",
            "Trades that became known on the day whose par is the cap (less those withdrawn): where"
            " not 0, volumes are lower bounds; null where no reports are delivered",
        ),
        *(C(f.name, "DOUBLE", f.description, f.unit) for f in FEATURES),
        KNOWN,
    ),
    key=("parent_id", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

FEATURE_COVERAGE = Table(
    "feature_coverage",
    "features",
    "How many issuers have each feature on each day, and why the others do not: the first input"
    " that is missing, or too few observations.",
    (
        R("trade_date", "DATE", "Trading day"),
        R("feature", "VARCHAR", "Column of issuer_days"),
        R("n_issuers", "BIGINT", "Rows of the day"),
        R("n_present", "BIGINT", "With a value"),
        R("n_no_bond_spread", "BIGINT", "No bond with a spread no older than 10 days"),
        R("n_no_bonds_outstanding", "BIGINT", "No bond outstanding"),
        R("n_no_cds_quote", "BIGINT", "No 5-year CDS quote no older than 5 days"),
        R("n_no_stock_price", "BIGINT", "No price of the stock"),
        R("n_no_filing", "BIGINT", "No balance sheet known"),
        R("n_no_treasury_curve", "BIGINT", "No Treasury curve known"),
        C(
            "n_no_trade_reports",
            "BIGINT",
            "Made of trades, and no reports are delivered; for par and numbers of trades, no quotes"
            " with them either",
        ),
        R(
            "n_too_few_observations",
            "BIGINT",
            "Inputs are there, and fewer of them in the window than the feature needs",
        ),
    ),
    key=("trade_date", "feature"),
    event_time="trade_date",
    partition="trade_date",
)

ISSUER_INTRADAY = Table(
    "issuer_intraday",
    "features",
    "One row per parent, trading day and time of day: what its bonds had said by then, as known"
    " then. Parents with a stock and an outstanding bond that leads to it, by links known at the"
    " moment.",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("trade_date", "DATE", "Trading day"),
        R(
            "as_of_time",
            "VARCHAR",
            "Time of day HH:MM, New York: with trade_date the moment of the row",
        ),
        R("ticker", "VARCHAR", "Stock on that day, as known at the moment"),
        R(
            "n_bonds_traded",
            "BIGINT",
            "Outstanding bonds that lead to the stock and have traded so far",
        ),
        R(
            "n_trades",
            "BIGINT",
            "Their trades executed on the day that are known and stand at the moment",
        ),
        R("par_usd", "DOUBLE", "Par of these trades, capped in the live view", "usd"),
        R(
            "n_capped_trades",
            "BIGINT",
            "Of these trades, those whose par is the cap: where not 0, par is a lower bound",
        ),
        C(
            "intraday_spread_change_bps",
            "DOUBLE",
            "Mean over bonds of OAS from the day's prints so far minus the bond's last OAS as known"
            " at the previous trading day's cutoff, at most 5 trading days old; weights 1 / (1/w +"
            " 1/w')",
            "bps",
        ),
        C(
            "intraday_spread_bps",
            "DOUBLE",
            "Weighted mean OAS of the bonds traded so far, of their prints so far, on the Treasury"
            " curve known at the moment",
            "bps",
        ),
        C(
            "volume_zscore",
            "DOUBLE",
            "ln(1 + par so far) against the issuer's 63 trading days that ended the day before,"
            " each as known at the same time of day; at least 40 of them, sd at least 0.25",
            "zscore",
        ),
        C(
            "order_imbalance",
            "DOUBLE",
            "(customer buys - customer sells) / (customer buys + customer sells), par so far",
            "ratio",
        ),
        KNOWN,
    ),
    key=("parent_id", "trade_date", "as_of_time"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)
