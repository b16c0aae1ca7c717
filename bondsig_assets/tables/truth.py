"""What the simulated market really was: tables of the schema truth.

Belongs here: declarations. Not here: anything the graph reads; it reads none of these.
"""

from __future__ import annotations

from bondsig_assets.tables.schema import C, R, Table

TRUTH_REPORTS = Table(
    "report_truths",
    "truth",
    "Simulated market only: what each report really was. Nothing in the graph reads it.",
    (
        R("delivery_date", "DATE", "Delivery of the report"),
        R("record_number", "BIGINT", "Position in that delivery"),
        R("true_mid", "DOUBLE", "Mid price at execution", "% of par"),
        C("error_kind", "VARCHAR", "decimal_shift, fat_finger, or null"),
        C("dead_reason", "VARCHAR", "cancelled, corrected, reversed, or null while it stands"),
        C("dead_from_date", "DATE", "Delivery that ends it"),
    ),
    key=("delivery_date", "record_number"),
    partition="delivery_date",
    schema="truth",
)

TRUTH_NEWS = Table(
    "planted_news",
    "truth",
    "Simulated market only: the planted credit news. Nothing in the graph reads it.",
    (
        R("parent_id", "VARCHAR", "Parent the news is about"),
        R("news_date", "DATE", "Day bonds and CDS learn of it"),
        R("equity_date", "DATE", "Day it reaches the stock"),
        R("size_pct", "DOUBLE", "Log return it brings to the stock", "pct"),
    ),
    key=("parent_id", "news_date"),
    schema="truth",
)

TRUTH_MIDS = Table(
    "bond_mids",
    "truth",
    "Simulated market only: true closing mids. Nothing in the graph reads it.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("trade_date", "DATE", "Trading day"),
        R("true_mid", "DOUBLE", "Clean mid at the close", "% of par"),
        R("true_spread_bps", "DOUBLE", "Spread it was priced with", "bps"),
    ),
    key=("cusip", "trade_date"),
    schema="truth",
)
