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
        C("dead_from_date", "DATE", "Delivery that ends it, also after the last day there is"),
    ),
    key=("delivery_date", "record_number"),
    partition="delivery_date",
    schema="truth",
)

TRUTH_NEWS = Table(
    "planted_news",
    "truth",
    "Simulated market only: the planted credit news, a row a piece. Nothing in the graph reads it.",
    (
        R("parent_id", "VARCHAR", "Parent the news is about"),
        R("news_date", "DATE", "Day credit learns of it"),
        R(
            "equity_date",
            "DATE",
            "Day it begins to reach the stock; the news date where none leads",
        ),
        C("equity_last_date", "DATE", "Day the last of it reaches the stock"),
        R("size_pct", "DOUBLE", "Simple return it brings to the stock in all", "pct"),
        C(
            "credit_size_pct",
            "DOUBLE",
            "The same as credit takes it: spreads widen by it times -1.6, in logs. Its sign differs"
            " from that of size_pct where the lead has flipped",
            "pct",
        ),
        C(
            "known_to",
            "VARCHAR",
            "Whose prices hold it before it lands: all, institutional (trades of that size) or cds",
        ),
    ),
    key=("parent_id", "news_date"),
    schema="truth",
)

TRUTH_LANDINGS = Table(
    "news_landings",
    "truth",
    "Simulated market only: when how much of each piece of credit news reaches the stock. Nothing"
    " in the graph reads it.",
    (
        R("parent_id", "VARCHAR", "Parent the news is about"),
        R("news_date", "DATE", "Day credit learns of it"),
        R("equity_date", "DATE", "Day on which this part reaches the stock"),
        R("landed_pct", "DOUBLE", "Simple return it brings on that day", "pct"),
    ),
    key=("parent_id", "news_date", "equity_date"),
    schema="truth",
)

TRUTH_EXPOSURES = Table(
    "macro_exposures",
    "truth",
    "Simulated market only: what stocks and sector ETFs earn on the day a macro series surprises."
    " Nothing in the graph reads it.",
    (
        R("entity_kind", "VARCHAR", "parent or etf"),
        R("entity", "VARCHAR", "Parent, or ticker of the ETF"),
        R("series", "VARCHAR", "Macro series"),
        R("return_pct_per_unit", "DOUBLE", "Simple return of one unit of surprise", "pct"),
        R(
            "surprise_unit",
            "VARCHAR",
            "What one unit is: log change, simple return or percentage point",
        ),
    ),
    key=("entity_kind", "entity", "series"),
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
