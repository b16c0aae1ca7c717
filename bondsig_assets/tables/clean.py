"""From reports to trades to bond days: tables of the groups clean and hindsight.

Belongs here: declarations; the columns of a bond day once, for both tables that have them. Not
here: the rules (`trace/`, `bonds/`).
"""

from __future__ import annotations

from dataclasses import replace

from bondsig_assets.tables.schema import KNOWN, C, R, Table

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
        C("settlement_date", "DATE", "Settlement as reported"),
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

#: What a bond day holds beside its keys and times: counts and sums may not be null, and are 0 where
#: nothing traded.
BOND_DAY_MEASURES = (
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
        "mean_trade_second",
        "DOUBLE",
        "Par-weighted mean time of execution in New York: the moment that `price` speaks of",
        "seconds after midnight",
    ),
    C(
        "reported_settlement_date",
        "DATE",
        "Day on which more than half of the par settles, as reported; null where the reports do not"
        " say or do not agree",
    ),
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
    " adds a revision; nothing is rewritten. Days without trades are those of bond_day_quotes,"
    " where it has them. The view `bond_days` shows the newest.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("trade_date", "DATE", "Date of execution"),
        R("known_date", "DATE", "Trading day at whose cutoff this revision became known"),
        C(
            "source",
            "VARCHAR",
            "trades: made of trades that stand, which win; quotes: none stands, made of"
            " bond_day_quotes, with null in all that only trades tell; null where neither is known,"
            " and of days made before this column",
        ),
        # A quoted day has no counts and no sums but those that the panel gives.
        *(replace(measure, nullable=True) for measure in BOND_DAY_MEASURES),
        C("quoted_yield_pct", "DOUBLE", "Yield that a quote gives in place of a price", "pct"),
        C("quoted_spread_bps", "DOUBLE", "Spread that a quote gives in place of both", "bps"),
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
        C("settlement_date", "DATE", "Settlement as reported"),
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
        *BOND_DAY_MEASURES,
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
        C(
            "settlement_date",
            "DATE",
            "Day on which most of the day's par settles as reported, else regular settlement of"
            " trade_date; the day interest starts if that is later",
        ),
        C(
            "is_settlement_delivered",
            "BOOLEAN",
            "settlement_date is the reported one, not the regular cycle's",
        ),
        C(
            "maturity_years",
            "DOUBLE",
            "Settlement to maturity, to the worst call, or to the end of a fixed coupon that then"
            " floats",
            "years",
        ),
        C(
            "implied_price",
            "DOUBLE",
            "Clean price that a quoted yield or spread implies; null where the bond day has a"
            " price",
            "% of par",
        ),
        C(
            "implied_from",
            "VARCHAR",
            "yield or spread: what implied_price was solved from; of a spread, with the Treasury"
            " curve of this row",
        ),
        C("accrued_interest", "DOUBLE", "Accrued interest at settlement", "% of par"),
        C(
            "yield_pct",
            "DOUBLE",
            "Yield to worst by the street convention: compounded at the coupon frequency,"
            " semi-annually without coupons, simple in the last coupon period",
            "pct",
        ),
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
            " par calls of the last months count as none), or a fixed-to-floating bond: the"
            " z-spread",
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
        C(
            "discount_margin_bps",
            "DOUBLE",
            "Floaters alone: spread over the curve's forward rates, continuously compounded",
            "bps",
        ),
        C("amount_outstanding_usd", "DOUBLE", "Par outstanding on the trade date, as known", "usd"),
        C(
            "weight",
            "DOUBLE",
            "Weight in issuer averages and curves: amount outstanding x inverse variance of the"
            " price in spread terms (the more trades the surer; a quote without a number of them"
            " counts as one); null outside 1 to 30 maturity_years and where nothing is"
            " outstanding",
        ),
        C(
            "terms_assumed",
            "VARCHAR",
            "Terms that a source left out and a rule filled in: accrual_start (from the"
            " offering date), first_coupon (the first regular date), last_coupon (the last"
            " period is irregular, as the first coupon shows), call_schedule (from"
            " first_call_date and price), no_call_schedule (callable, no date: valued to"
            " maturity), float_start (the first call date), float_margin (valued to the end of"
            " the fixed coupon)",
        ),
        C(
            "reason",
            "VARCHAR",
            "Why the analytics are null: no_terms (not delivered or not known yet), bad_terms:"
            " … (what contradicts itself), convertible, no_float_start (fixed-to-floating,"
            " nobody says from when), floating (see discount_margin_bps), no_price, matured"
            " (settles at maturity or after), no_curve (no Treasury yields known), bad_calls"
            " (schedule out of order), deep_call (above the running call price, or about to be"
            " called: no spread explains the price), unsolved (no yield or spread within the"
            " bounds)",
        ),
        KNOWN,
    ),
    key=("cusip", "trade_date", "known_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="known_date",
)
