"""Every table of the warehouse, declared once.

From here come the DDL, the column comments, the Columns tab in Dagster, the structural checks, the
shape every source must deliver and `docs/data_dictionary.md`. Belongs here: names, types, units,
meaning, keys and times. Not here: how a table is filled; the raw tables are declared in
`raw_tables.py`. Names follow the field; the TRACE field a column comes from stands in its
description. Moments are New York wall clock.
"""

from __future__ import annotations

from bondsig_assets.features.declared import FEATURES
from bondsig_assets.learning_tables import LEARNING_TABLES
from bondsig_assets.raw_tables import (
    AMOUNTS_OUTSTANDING,
    BONDS,
    CALL_SCHEDULES,
    CDS_QUOTES,
    DELISTINGS,
    EQUITIES,
    EQUITY_LINKS,
    EQUITY_PRICES,
    FUNDAMENTALS,
    ISSUERS,
    KNOWN,
    RATINGS,
    RAW_DAILY,
    RAW_REFERENCE,
    TRACE_REPORTS,
    TREASURY_YIELDS,
    C,
    R,
)
from bondsig_assets.schema import Table

QUARANTINED_ROWS = Table(
    "quarantined_rows",
    "raw",
    "Rows of the sources that were set aside, with the reason. They never stop the day unless they"
    " exceed the limit.",
    (
        R("table_name", "VARCHAR", "Table the row was meant for"),
        C("partition_date", "DATE", "Trading day of the delivery, null for tables without days"),
        R("source_name", "VARCHAR", "File or source the row came from"),
        R("row_number", "BIGINT", "Position of the row in that source"),
        R("reason", "VARCHAR", "What is wrong with it"),
        R("row_text", "VARCHAR", "The row as JSON"),
    ),
    key=("table_name", "partition_date", "source_name", "row_number", "reason"),
    event_time="partition_date",
    partition="partition_date",
)

SECURITY_MASTER = Table(
    "security_master",
    "reference",
    "From CUSIP to issuer to parent to stock, one row per period in which the whole chain holds.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("issuer_id", "VARCHAR", "Issuing entity"),
        R("issuer_cusip", "VARCHAR", "Its six-character CUSIP"),
        R("parent_id", "VARCHAR", "Ultimate parent in this period"),
        R("ticker", "VARCHAR", "Stock of the parent in this period"),
        R("sector", "VARCHAR", "GICS sector in this period"),
        R("sector_etf", "VARCHAR", "Sector ETF"),
        C("permno", "BIGINT", "CRSP's number of the stock, where a source gives it"),
        C("permco", "BIGINT", "CRSP's number of the company"),
        C("figi", "VARCHAR", "Composite FIGI"),
        R(
            "link_source",
            "VARCHAR",
            "Where the link comes from: issuer_chain (tables issuers and equities), or a source of"
            " equity_links that outranks it",
        ),
        R("link_confidence", "DOUBLE", "Confidence of that claim, 0 to 1"),
        R("valid_from_date", "DATE", "First day the whole chain holds"),
        C("valid_to_date", "DATE", "Last day, null while it lasts"),
        KNOWN,
        C("known_until", "TIMESTAMP", "When a later fact replaced this row, null while it stands"),
    ),
    key=("cusip", "valid_from_date", "known_at"),
    event_time="valid_from_date",
    known_time="known_at",
)

_CLAIM_SIDES = (
    ("", "the claim that won, or one of two that cannot both be right"),
    ("other_", "the claim that disagrees"),
)
LINK_CONFLICTS = Table(
    "link_conflicts",
    "reference",
    "Claims about a bond's stock that disagree, with both sides. Ambiguous: of equal rank, the bond"
    " has no link while both hold; outranked: the better source stands.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("conflict_number", "BIGINT", "Number of the conflict of this bond"),
        R("reason", "VARCHAR", "ambiguous or outranked"),
        *(
            C(f"{side}{name}", dtype, f"{what} of {whose}")
            for side, whose in _CLAIM_SIDES
            for name, dtype, what in (
                ("link_source", "VARCHAR", "Source"),
                ("entity_kind", "VARCHAR", "Kind of entity"),
                ("entity", "VARCHAR", "Entity"),
                ("parent_id", "VARCHAR", "Parent"),
                ("permno", "BIGINT", "Stock number"),
                ("permco", "BIGINT", "Company number"),
                ("ticker", "VARCHAR", "Ticker"),
            )
        ),
        R("valid_from_date", "DATE", "First day they disagree about"),
        C("valid_to_date", "DATE", "Last day, null while it lasts"),
        KNOWN,
        C("known_until", "TIMESTAMP", "When it was settled, null while it stands"),
    ),
    key=("cusip", "conflict_number"),
    event_time="valid_from_date",
    known_time="known_at",
)

SECURITY_COVERAGE = Table(
    "security_coverage",
    "reference",
    "How much of the bond market reaches a stock at the end of each month by the links known then,"
    " and why the rest does not. The market is that known by now: a bond told of later counts as"
    " not_yet_known in its earlier months and moves their shares.",
    (
        R("month_end_date", "DATE", "Last trading day of the month"),
        R("reason", "VARCHAR", "linked, or the first reason why not (securities/coverage.py)"),
        R("n_bonds", "BIGINT", "Bonds outstanding or traded in the month"),
        C("bonds_pct", "DOUBLE", "Their share", "pct"),
        C("outstanding_usd", "DOUBLE", "Par outstanding", "usd"),
        C("outstanding_pct", "DOUBLE", "Its share", "pct"),
        C("n_trades", "BIGINT", "Trades of the month"),
        C("trades_pct", "DOUBLE", "Their share", "pct"),
        C("traded_usd", "DOUBLE", "Par traded in the month", "usd"),
        C("traded_pct", "DOUBLE", "Its share", "pct"),
    ),
    key=("month_end_date", "reason"),
    event_time="month_end_date",
)

TRADE_EVENTS = Table(
    "trade_events",
    "clean",
    "What each delivery taught, never rewritten: every report on its arrival (revision 0) and again"
    " whenever a later report changed what it is. Reason null means a trade. `trades` and"
    " `rejected_reports` are views of the newest revisions.",
    (
        R("delivery_date", "DATE", "Trading day whose delivery holds the report"),
        R("record_number", "BIGINT", "Position in that delivery"),
        R("revision", "BIGINT", "0 on arrival, then 1, 2, ... for each change"),
        R("known_date", "DATE", "Trading day whose delivery taught this"),
        C("feed", "VARCHAR", "Product that delivered the report"),
        R("cusip", "VARCHAR", "Bond"),
        R("execution_date", "DATE", "Date of execution"),
        C("executed_at", "TIMESTAMP", "Moment of execution"),
        R("report_date", "DATE", "Date reported"),
        C("reported_at", "TIMESTAMP", "Moment reported"),
        R("message_number", "VARCHAR", "Message number as delivered"),
        R("status", "VARCHAR", "T, C, W, R, X or Y, as delivered"),
        C(
            "asof_code",
            "VARCHAR",
            "A reported after its execution date, R reversal, D delayed dissemination, X delayed"
            " reversal",
        ),
        R("price", "DOUBLE", "Clean price, decimal shifts put right", "% of par"),
        C("price_as_reported", "DOUBLE", "Price as reported, where it was put right", "% of par"),
        R("par_usd", "DOUBLE", "Par, capped in the live view", "usd"),
        R("is_par_capped", "BOOLEAN", "Par is the dissemination cap"),
        C("yield_pct", "DOUBLE", "Reported yield", "pct"),
        C("side", "VARCHAR", "B or S: side of the reporting dealer"),
        C("contra", "VARCHAR", "C customer, D dealer, A affiliate"),
        C("reporting_party", "VARCHAR", "Dealer that reports, hashed, in the Academic file alone"),
        C(
            "contra_party",
            "VARCHAR",
            "Dealer on the other side, hashed, in the Academic file alone",
        ),
        C("reason", "VARCHAR", "Why the report is not a trade; null when it is"),
        C(
            "price_verdict",
            "VARCHAR",
            "What is thought of the price: believed, quarantined, shifted (put right), confirming,"
            " or confirmed by later prints; null where it was not judged",
        ),
        C("cause_delivery_date", "DATE", "Delivery of the report that caused the reason"),
        C("cause_record_number", "BIGINT", "Position of that report"),
        KNOWN,
    ),
    key=("delivery_date", "record_number", "revision"),
    event_time="execution_date",
    known_time="known_at",
    partition="known_date",
)

_BOND_DAY_MEASURES = (
    R("n_trades", "BIGINT", "Trades that stand; 0 when the last one was withdrawn"),
    C("price", "DOUBLE", "Par-weighted price", "% of par"),
    C("price_value_weighted", "DOUBLE", "Price weighted by par times price", "% of par"),
    C("price_mean", "DOUBLE", "Mean price, trades equally weighted", "% of par"),
    C("price_first", "DOUBLE", "Price of the first trade by execution time", "% of par"),
    C("price_last", "DOUBLE", "Price of the last trade by execution time", "% of par"),
    C("price_low", "DOUBLE", "Lowest price", "% of par"),
    C("price_high", "DOUBLE", "Highest price", "% of par"),
    C("last_trade_at", "TIMESTAMP", "Moment of the last trade"),
    C(
        "price_dispersion_bps",
        "DOUBLE",
        "Par-weighted standard deviation of prices around the par-weighted price, relative to it",
        "bps",
    ),
    C("n_dealers", "BIGINT", "Different dealers on either side, null where the feed names none"),
    R("par_usd", "DOUBLE", "Par traded, capped in the live view", "usd"),
    R("uncapped_par_usd", "DOUBLE", "Par of the trades whose par is exact", "usd"),
    R("n_capped", "BIGINT", "Trades whose par is the cap"),
    R("customer_buy_par_usd", "DOUBLE", "Par customers bought (dealer sells)", "usd"),
    R("customer_sell_par_usd", "DOUBLE", "Par customers sold (dealer buys)", "usd"),
    C(
        "customer_buy_price",
        "DOUBLE",
        "Par-weighted price at which customers bought (ask)",
        "% of par",
    ),
    C(
        "customer_sell_price",
        "DOUBLE",
        "Par-weighted price at which customers sold (bid)",
        "% of par",
    ),
    C("customer_spread", "DOUBLE", "Ask minus bid", "% of par"),
    R("n_customer_buys", "BIGINT", "Trades in which a customer bought"),
    R("n_customer_sells", "BIGINT", "Trades in which a customer sold"),
    R("n_interdealer", "BIGINT", "Inter-dealer trades"),
    R("n_institutional", "BIGINT", "Trades of $100,000 par or more"),
    R("institutional_par_usd", "DOUBLE", "Their par", "usd"),
    R("institutional_buy_par_usd", "DOUBLE", "Of it, par that customers bought", "usd"),
    R("institutional_sell_par_usd", "DOUBLE", "Of it, par that customers sold", "usd"),
    C("institutional_price", "DOUBLE", "Their par-weighted price", "% of par"),
    C("institutional_customer_buy_price", "DOUBLE", "Their ask", "% of par"),
    C("institutional_customer_sell_price", "DOUBLE", "Their bid", "% of par"),
    R(
        "n_round_trips",
        "BIGINT",
        "Imputed round trips: two or three trades of equal par within 15 minutes of each other at"
        " unequal prices (Feldhütter 2012)",
    ),
    C(
        "round_trip_cost_bps",
        "DOUBLE",
        "Mean of (highest − lowest) / highest price over them",
        "bps",
    ),
    C(
        "riskless_share",
        "DOUBLE",
        "Share of customers' par that another trade of equal par follows or precedes within a"
        " minute",
    ),
    R("n_quarantined", "BIGINT", "Prints whose price is not believed; they have no weight"),
    C("quarantined_share", "DOUBLE", "Their share of prints"),
)

BOND_DAY_REVISIONS = Table(
    "bond_day_revisions",
    "clean",
    "Daily aggregates per bond, as known at the cutoff of each day that changed them. A late cancel"
    " adds a revision; nothing is rewritten. The view `bond_days` shows the newest.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("trade_date", "DATE", "Date of execution"),
        R("known_date", "DATE", "Trading day at whose cutoff this revision became known"),
        *_BOND_DAY_MEASURES,
        KNOWN,
    ),
    key=("cusip", "trade_date", "known_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="known_date",
)

EX_POST_TRADES = Table(
    "ex_post_trades",
    "hindsight",
    "The usual research sample, for comparison only: trades that stand now, their prices judged by"
    " the whole history, later trades included. Never known on the day.",
    (
        R(
            "cusip_group",
            "VARCHAR",
            "First character of the CUSIP: the part that is replaced at once",
        ),
        R("delivery_date", "DATE", "Trading day whose delivery holds the report"),
        R("record_number", "BIGINT", "Position in that delivery"),
        R("cusip", "VARCHAR", "Bond"),
        R("execution_date", "DATE", "Date of execution"),
        C("executed_at", "TIMESTAMP", "Moment of execution"),
        R("price", "DOUBLE", "Clean price, decimal shifts put right with hindsight", "% of par"),
        C("price_as_reported", "DOUBLE", "Price as reported, where it was put right", "% of par"),
        R("par_usd", "DOUBLE", "Par, capped in the live view", "usd"),
        R("is_par_capped", "BOOLEAN", "Par is the dissemination cap"),
        C("side", "VARCHAR", "B or S: side of the reporting dealer"),
        C("contra", "VARCHAR", "C customer, D dealer, A affiliate"),
        C("reporting_party", "VARCHAR", "Dealer that reports, hashed, in the Academic file alone"),
        C(
            "contra_party",
            "VARCHAR",
            "Dealer on the other side, hashed, in the Academic file alone",
        ),
    ),
    key=("delivery_date", "record_number"),
    event_time="execution_date",
)

EX_POST_BOND_DAYS = Table(
    "ex_post_bond_days",
    "hindsight",
    "Daily aggregates of `ex_post_trades`: the columns of `bond_days`, with hindsight. For"
    " comparison only.",
    (
        R(
            "cusip_group",
            "VARCHAR",
            "First character of the CUSIP: the part that is replaced at once",
        ),
        R("cusip", "VARCHAR", "Bond"),
        R("trade_date", "DATE", "Date of execution"),
        *_BOND_DAY_MEASURES,
    ),
    key=("cusip", "trade_date"),
    event_time="trade_date",
)

BOND_ANALYTICS = Table(
    "bond_analytics",
    "clean",
    "Yield, duration and spreads of each bond-day revision, on the newest Treasury curve known at"
    " the cutoff of its trade date. Null with a reason where they cannot be solved.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("trade_date", "DATE", "Date of execution"),
        R("known_date", "DATE", "Trading day at whose cutoff the revision became known"),
        C("curve_date", "DATE", "Day of the Treasury curve used"),
        C("settlement_date", "DATE", "Regular settlement of trade_date"),
        C("maturity_years", "DOUBLE", "Settlement to maturity, or to the worst call", "years"),
        C("accrued_interest", "DOUBLE", "Accrued interest at settlement", "% of par"),
        C("yield_pct", "DOUBLE", "Yield to worst, compounded at the coupon frequency", "pct"),
        C("duration_years", "DOUBLE", "Modified duration", "years"),
        C("convexity", "DOUBLE", "Convexity", "years^2"),
        C(
            "g_spread_bps",
            "DOUBLE",
            "Yield minus the Treasury par yield at the same maturity",
            "bps",
        ),
        C(
            "z_spread_bps",
            "DOUBLE",
            "Z-spread over the bootstrapped Treasury zero curve to the date of the lowest yield,"
            " continuously compounded",
            "bps",
        ),
        C(
            "oas_bps",
            "DOUBLE",
            "Option-adjusted spread, continuously compounded: what features are made of",
            "bps",
        ),
        C(
            "oas_method",
            "VARCHAR",
            "hw: Hull-White tree over the call schedule; z: no fixed call prices (make-whole and"
            " par calls of the last months count as none), the z-spread",
        ),
        C(
            "option_cost_bps",
            "DOUBLE",
            "Z-spread to maturity minus OAS; null without a call schedule",
            "bps",
        ),
        C("spread_duration_years", "DOUBLE", "-dP/ds / P at the OAS", "years"),
        C(
            "asset_swap_spread_bps",
            "DOUBLE",
            "Par asset-swap spread, quarterly floating leg",
            "bps",
        ),
        C(
            "cds_equivalent_spread_bps",
            "DOUBLE",
            "Par CDS spread that the price implies with 40 % recovery (PECS)",
            "bps",
        ),
        C("amount_outstanding_usd", "DOUBLE", "Par outstanding on the trade date, as known", "usd"),
        C(
            "weight",
            "DOUBLE",
            "Weight in issuer averages and curves: amount outstanding x inverse variance of the"
            " price in spread terms; null outside 1 to 30 maturity_years and where nothing is"
            " outstanding",
        ),
        C("reason", "VARCHAR", "Why the analytics are null"),
        KNOWN,
    ),
    key=("cusip", "trade_date", "known_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="known_date",
)

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
        R("n_bonds_traded", "BIGINT", "Of those, traded on the day"),
        C(
            "curve_method",
            "VARCHAR",
            "What the level rests on: own curve of its bonds, shrunk (two bonds or more, drawn to"
            " its group's curve), shifted (its group's curve moved to its bonds), mean of its"
            " bonds; null without a level",
        ),
        R(
            "n_capped_trades",
            "BIGINT",
            "Trades that became known on the day whose par is the cap (less those withdrawn): where"
            " not 0, volumes are lower bounds",
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
    "credit_news",
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

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        TRACE_REPORTS,
        EQUITY_PRICES,
        TREASURY_YIELDS,
        CDS_QUOTES,
        ISSUERS,
        EQUITIES,
        EQUITY_LINKS,
        BONDS,
        CALL_SCHEDULES,
        AMOUNTS_OUTSTANDING,
        RATINGS,
        FUNDAMENTALS,
        DELISTINGS,
        QUARANTINED_ROWS,
        SECURITY_MASTER,
        LINK_CONFLICTS,
        SECURITY_COVERAGE,
        TRADE_EVENTS,
        BOND_DAY_REVISIONS,
        EX_POST_TRADES,
        EX_POST_BOND_DAYS,
        BOND_ANALYTICS,
        ISSUER_DAYS,
        ISSUER_INTRADAY,
        FEATURE_COVERAGE,
        *LEARNING_TABLES,
        TRUTH_REPORTS,
        TRUTH_NEWS,
        TRUTH_MIDS,
    )
}

__all__ = ["RAW_DAILY", "RAW_REFERENCE", "TABLES"]
