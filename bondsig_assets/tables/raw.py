"""The raw tables of the warehouse, declared once: what a source delivers.

Belongs here: their names, types, units, meaning, keys and times. Not here: tables that are
computed (the modules beside this one). The TRACE field that a column comes from
stands in its description. Moments are New York wall clock.
"""

from __future__ import annotations

from bondsig_assets.tables.schema import KNOWN, C, R, Table

TRACE_REPORTS = Table(
    "trace_reports",
    "raw",
    "TRACE messages as delivered, one row per message, in the post-2012 Enhanced fields. View"
    " `live` holds what was disseminated (par as capped then, sell leg of inter-dealer trades);"
    " `regulatory` everything.",
    (
        R(
            "delivery_date",
            "DATE",
            "Trading day whose delivery holds the report: its report date, or the next trading day",
        ),
        R("record_number", "BIGINT", "Position in that day's delivery"),
        R("view", "VARCHAR", "live or regulatory"),
        C(
            "feed",
            "VARCHAR",
            "Product that delivered it: enhanced, academic, standard, 144a, web or simulated",
        ),
        R(
            "report_date",
            "DATE",
            "Date reported to TRACE (trd_rpt_dt); dissemination date in Standard and 144A"
            " (trans_dt)",
        ),
        C(
            "reported_at",
            "TIMESTAMP",
            "Moment reported to TRACE (trd_rpt_dt, trd_rpt_tm), where the time is known",
        ),
        R("execution_date", "DATE", "Date of execution (trd_exctn_dt)"),
        C(
            "executed_at",
            "TIMESTAMP",
            "Moment of execution (trd_exctn_dt, trd_exctn_tm), where the time is known",
        ),
        R("message_number", "VARCHAR", "Message sequence number as delivered (msg_seq_nb)"),
        C(
            "original_message_number",
            "VARCHAR",
            "Message that this one points back to (orig_msg_seq_nb, Prior Reference Number)",
        ),
        R(
            "status",
            "VARCHAR",
            "As delivered (trc_st). Before 2012-02-06 and in Standard and 144A: T trade, C cancel,"
            " W correction. Since: T trade, R corrected trade, X cancel, C cancelled by correction,"
            " Y reversal",
        ),
        C(
            "asof_code",
            "VARCHAR",
            "A reported after its execution date, R reversal, D delayed dissemination, X delayed"
            " reversal (asof_cd)",
        ),
        R("cusip", "VARCHAR", "CUSIP of the bond (cusip_id)"),
        C("bond_symbol", "VARCHAR", "FINRA symbol (bond_sym_id)"),
        R("price", "DOUBLE", "Clean price (rptd_pr)", "% of par"),
        R("par_usd", "DOUBLE", "Par traded, capped in the live view (entrd_vol_qt)", "usd"),
        R(
            "is_par_capped",
            "BOOLEAN",
            "Par is the dissemination cap (5MM+ or 1MM+), the true par is at least this",
        ),
        C("yield_pct", "DOUBLE", "Reported yield (yld_pt)", "pct"),
        C("side", "VARCHAR", "B or S: side of the reporting dealer (rpt_side_cd)"),
        C("contra", "VARCHAR", "C customer, D dealer, A affiliate (cntra_mp_id)"),
        C("is_when_issued", "BOOLEAN", "Traded before issue (wis_fl)"),
        C("commission_code", "VARCHAR", "Commission or remuneration: M, C or N (cmsn_trd)"),
        C("settlement_date", "DATE", "Settlement (stlmnt_dt)"),
        C(
            "days_to_settle",
            "BIGINT",
            "Days to settlement, before 2012 (days_to_sttl_ct); null is regular",
            "days",
        ),
        C(
            "sale_condition",
            "VARCHAR",
            "Before 2012: @ regular, A outside hours, C cash, N next day, R seller's option, W"
            " weighted average price, Z late (sale_cndtn_cd)",
        ),
        C("sale_condition_2", "VARCHAR", "Second sale condition, before 2012 (sale_cndtn2_cd)"),
        C("trade_modifier_3", "VARCHAR", "Z late, T after hours, U both (trd_mod_3)"),
        C("trade_modifier_4", "VARCHAR", "W weighted average price (trd_mod_4)"),
        C("is_special_price", "BOOLEAN", "Reported as away from the market (spcl_trd_fl)"),
        C("trading_market", "VARCHAR", "S1, S2 secondary; P1, P2 primary (trdg_mkt_cd)"),
        C("is_disseminated", "BOOLEAN", "Shown to the public (dissem_fl)"),
        C("is_locked_in", "BOOLEAN", "One report stands for both sides (lckd_in_ind)"),
        C(
            "give_up_code",
            "VARCHAR",
            "A automatic give-up, Q QSR, G give-up, before 2012 (agu_qsr_id)",
        ),
        C("is_ats", "BOOLEAN", "Executed on an alternative trading system (ats_indicator)"),
        C("reporting_party_type", "VARCHAR", "D dealer, T trading system (rptg_party_type)"),
        C("buyer_capacity", "VARCHAR", "A agency, P principal (buy_cpcty_cd)"),
        C("seller_capacity", "VARCHAR", "A agency, P principal (sell_cpcty_cd)"),
        C(
            "security_type",
            "VARCHAR",
            "C or CORP corporate, E or ELN equity-linked, CHRC, AGCY (scrty_type_cd, sub_prdct)",
        ),
        C(
            "reporting_party",
            "VARCHAR",
            "Dealer that reports, hashed, in the Academic file (RPTG_PARTY_ID)",
        ),
        C(
            "contra_party",
            "VARCHAR",
            "Dealer on the other side, hashed, in the Academic file (CNTRA_PARTY_ID)",
        ),
        C("prior_report_date", "DATE", "Report date of the message this one changes (pr_trd_dt)"),
        C(
            "first_control_date",
            "DATE",
            "Report date of the first message of the chain (first_trade_ctrl_date)",
        ),
        C(
            "first_control_number",
            "VARCHAR",
            "Number of the first message of the chain (first_trade_ctrl_num)",
        ),
        R(
            "delivered_at",
            "TIMESTAMP",
            "When this copy of the report was delivered to the platform",
        ),
        KNOWN,
    ),
    key=("delivery_date", "record_number"),
    event_time="execution_date",
    known_time="known_at",
    partition="delivery_date",
    known_rule="delivery",
)

EQUITY_PRICES = Table(
    "equity_prices",
    "raw",
    "Daily prices and total returns of the issuers' stocks and of the sector ETFs, as they were on"
    " the day. Where all is known, split_ratio x (close + dividend) / close before - 1 is the total"
    " return.",
    (
        R("ticker", "VARCHAR", "Ticker on that day"),
        R("trade_date", "DATE", "Trading day"),
        C("open_usd", "DOUBLE", "First price of the session", "usd"),
        C("high_usd", "DOUBLE", "Highest price of the session", "usd"),
        C("low_usd", "DOUBLE", "Lowest price of the session", "usd"),
        R("close_usd", "DOUBLE", "Closing price", "usd"),
        C(
            "total_return_pct",
            "DOUBLE",
            "Return since the previous trading day with dividends, where the source gives one",
            "pct",
        ),
        C(
            "adjusted_close_usd",
            "DOUBLE",
            "Close adjusted for splits and dividends; only its ratios mean anything",
            "usd",
        ),
        C(
            "dividend_usd",
            "DOUBLE",
            "Cash dividends that a share of that day gets, on the ex-date; 0 on days without one,"
            " null where the source does not tell",
            "usd",
        ),
        C(
            "split_ratio",
            "DOUBLE",
            "New shares for one old share from that day's open on: 2 of a 2:1 split, 0.1 of a"
            " reverse 1:10, 1 on other days, null where the source does not tell",
        ),
        C("volume_shares", "DOUBLE", "Shares traded", "shares"),
        C("shares_outstanding", "DOUBLE", "Shares outstanding", "shares"),
        R("is_etf", "BOOLEAN", "A sector ETF, not an issuer"),
        KNOWN,
    ),
    key=("ticker", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
    known_rule="end_of_day",
)

TREASURY_YIELDS = Table(
    "treasury_yields",
    "raw",
    "US Treasury par yields (constant maturity). A day's curve is known the next morning.",
    (
        R("trade_date", "DATE", "Day of the curve"),
        R("tenor_years", "DOUBLE", "Maturity", "years"),
        R("par_yield_pct", "DOUBLE", "Semi-annual par yield", "pct"),
        KNOWN,
    ),
    key=("trade_date", "tenor_years"),
    event_time="trade_date",
    known_time="known_at",
    known_rule="next_morning",
)

CDS_QUOTES = Table(
    "cds_quotes",
    "raw",
    "Credit default swap par spreads of single names.",
    (
        R("ticker", "VARCHAR", "Ticker of the reference entity's stock on that day"),
        R("trade_date", "DATE", "Day of the quote"),
        R("tenor_years", "DOUBLE", "Maturity of the contract", "years"),
        R("par_spread_bps", "DOUBLE", "Par spread", "bps"),
        KNOWN,
    ),
    key=("ticker", "trade_date", "tenor_years"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
    known_rule="end_of_day",
)

BOND_DAY_QUOTES = Table(
    "bond_day_quotes",
    "raw",
    "What somebody else says of a bond on a day, for those who hold daily panels instead of TRACE:"
    " a price, a yield or a spread, perhaps with volume. Bond days without trades of our own are"
    " made of it.",
    (
        R("cusip", "VARCHAR", "CUSIP of the bond"),
        R("trade_date", "DATE", "Trading day of the quote"),
        C("price", "DOUBLE", "Clean price: last, mean or mid", "% of par"),
        C("yield_pct", "DOUBLE", "Yield to worst by the street convention", "pct"),
        C(
            "spread_bps",
            "DOUBLE",
            "Option-adjusted spread over the Treasury curve, continuously compounded; the z-spread"
            " where a bond has no calls",
            "bps",
        ),
        C("par_usd", "DOUBLE", "Par traded on the day, where the panel has it", "usd"),
        C("n_trades", "BIGINT", "Trades of the day, where the panel has them"),
        KNOWN,
    ),
    key=("cusip", "trade_date", "known_at"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
    known_rule="end_of_day",
)

ISSUERS = Table(
    "issuers",
    "raw",
    "Who issues under which six-character issuer CUSIP, and which parent owns the issuer, with"
    " validity.",
    (
        R("issuer_id", "VARCHAR", "Identifier of the issuing entity"),
        R("issuer_cusip", "VARCHAR", "First six characters of the CUSIPs it issues"),
        R("issuer_name", "VARCHAR", "Legal name"),
        R("parent_id", "VARCHAR", "Ultimate parent in this period"),
        R("valid_from_date", "DATE", "First day of the period"),
        C("valid_to_date", "DATE", "Last day of the period, null while it lasts"),
        KNOWN,
    ),
    key=("issuer_id", "valid_from_date"),
    event_time="valid_from_date",
    known_time="known_at",
    known_rule="end_of_day",
)

EQUITIES = Table(
    "equities",
    "raw",
    "Which ticker is the stock of which parent, its sector and sector ETF, with validity.",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("ticker", "VARCHAR", "Ticker in this period"),
        C("company_name", "VARCHAR", "Name of the company"),
        C("permno", "BIGINT", "CRSP's number of the stock, where the source has it"),
        C("permco", "BIGINT", "CRSP's number of the company"),
        C("figi", "VARCHAR", "Composite FIGI"),
        R("sector", "VARCHAR", "GICS sector in this period"),
        R("sector_etf", "VARCHAR", "Ticker of the sector ETF the label is measured against"),
        R("valid_from_date", "DATE", "First day of the period"),
        C("valid_to_date", "DATE", "Last day of the period, null while it lasts"),
        KNOWN,
    ),
    key=("parent_id", "valid_from_date"),
    event_time="valid_from_date",
    known_time="known_at",
    known_rule="end_of_day",
)

BONDS = Table(
    "bonds",
    "raw",
    "Terms of each bond.",
    (
        R("cusip", "VARCHAR", "Nine-character CUSIP with a valid check digit"),
        R("issuer_id", "VARCHAR", "Issuing entity"),
        C("bond_symbol", "VARCHAR", "FINRA symbol"),
        R("coupon_type", "VARCHAR", "F fixed, V floating, Z zero, X fixed-to-floating"),
        R(
            "coupon_pct",
            "DOUBLE",
            "Annual coupon, of a floater the margin, of a fixed-to-floating bond the fixed one",
            "pct",
        ),
        C(
            "coupon_steps",
            "VARCHAR",
            "Later coupons of a step-up bond, as '2026-06-15 5.25, 2028-06-15 6': each from its"
            " date",
        ),
        R("coupons_per_year", "BIGINT", "Coupon payments a year: 0, 1, 2, 4 or 12"),
        R("day_count", "VARCHAR", "30/360, ACT/ACT, ACT/360 or ACT/365"),
        R("offering_date", "DATE", "Day of issue"),
        C(
            "accrual_start_date",
            "DATE",
            "Dated date: interest runs from here; without it from the offering date, or the coupon"
            " date within 14 days after it",
        ),
        C("first_coupon_date", "DATE", "First coupon, where the source has it"),
        C(
            "last_coupon_date",
            "DATE",
            "Last coupon before maturity, where the last period is irregular",
        ),
        C("is_month_end", "BOOLEAN", "Coupons fall on the last day of their months"),
        C(
            "ex_coupon_days",
            "BIGINT",
            "Who buys within so many days before a coupon does not get it",
            "days",
        ),
        C(
            "float_start_date",
            "DATE",
            "End of the fixed coupon of a fixed-to-floating bond, which is when it may be called at"
            " par",
        ),
        C("float_margin_pct", "DOUBLE", "Margin of the floating coupon from then on", "pct"),
        C("float_payments_per_year", "BIGINT", "Floating coupons a year; 4 without it"),
        R("maturity_date", "DATE", "Maturity"),
        R("offering_amount_usd", "DOUBLE", "Par issued", "usd"),
        R("is_callable", "BOOLEAN", "Has a schedule of fixed call prices"),
        C("first_call_date", "DATE", "First day it may be called at a fixed price"),
        C(
            "first_call_price",
            "DOUBLE",
            "Price on that day, falling in a line to 100 at maturity",
            "% of par",
        ),
        R("is_144a", "BOOLEAN", "Sold under Rule 144A"),
        R("is_convertible", "BOOLEAN", "Convertible into stock"),
        KNOWN,
    ),
    key=("cusip",),
    event_time="offering_date",
    known_time="known_at",
    known_rule="end_of_day",
)

CALL_SCHEDULES = Table(
    "call_schedules",
    "raw",
    "Fixed prices at which the issuer may call a bond, each from its date until the next.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("call_date", "DATE", "First day of this price"),
        R("call_price", "DOUBLE", "Call price", "% of par"),
        KNOWN,
    ),
    key=("cusip", "call_date", "known_at"),
    event_time="call_date",
    known_time="known_at",
    known_rule="end_of_day",
)

AMOUNTS_OUTSTANDING = Table(
    "amounts_outstanding",
    "raw",
    "Par outstanding after each change: reopenings, tenders, partial calls. Before the first row it"
    " is the offering amount.",
    (
        R("cusip", "VARCHAR", "Bond"),
        R("effective_date", "DATE", "First day of this amount"),
        R("amount_usd", "DOUBLE", "Par outstanding from that day", "usd"),
        KNOWN,
    ),
    key=("cusip", "effective_date", "known_at"),
    event_time="effective_date",
    known_time="known_at",
    known_rule="next_morning",
)

EQUITY_LINKS = Table(
    "equity_links",
    "raw",
    "What sources say of the stock a bond leads to, beyond issuers and equities: link tables, maps,"
    " fund holdings. One row a claim; `security_master` settles them.",
    (
        R("claim_number", "BIGINT", "Position among the claims of the delivery"),
        R(
            "link_source",
            "VARCHAR",
            "user_map, wrds_bond_crsp, etf_holdings or equity_cusip6, the most trusted first",
        ),
        R("entity_kind", "VARCHAR", "cusip, issuer_cusip or issuer_id: what is linked"),
        R("entity", "VARCHAR", "Its identifier"),
        C("parent_id", "VARCHAR", "Parent it leads to, where the source says"),
        C("permno", "BIGINT", "CRSP's number of the stock"),
        C("permco", "BIGINT", "CRSP's number of the company"),
        C("ticker", "VARCHAR", "Ticker it leads to"),
        C("figi", "VARCHAR", "Composite FIGI"),
        R("valid_from_date", "DATE", "First day of the link"),
        C("valid_to_date", "DATE", "Last day, null while it lasts"),
        R("confidence", "DOUBLE", "0 to 1, between claims of one source and kind"),
        C("note", "VARCHAR", "What the reader assumed"),
        KNOWN,
        C(
            "known_until",
            "TIMESTAMP",
            "When a later statement of the same source replaced it, null while it stands",
        ),
    ),
    key=("claim_number",),
    event_time="valid_from_date",
    known_time="known_at",
    known_rule="next_morning",
)

RATINGS = Table(
    "ratings",
    "raw",
    "Issuer ratings, one row per action.",
    (
        R("issuer_id", "VARCHAR", "Rated entity"),
        R("agency", "VARCHAR", "SP, MDY or FITCH"),
        R("rating_date", "DATE", "Day of the action"),
        R(
            "rating",
            "VARCHAR",
            "Letter rating as the agency writes it, or that it rates no more (NR, WR)",
        ),
        C(
            "rating_number",
            "BIGINT",
            "1 = AAA … 22 = D; below 11 is investment grade; null where withdrawn (NR, WR)",
        ),
        KNOWN,
    ),
    key=("issuer_id", "agency", "rating_date"),
    event_time="rating_date",
    known_time="known_at",
    known_rule="next_morning",
)

FUNDAMENTALS = Table(
    "fundamentals",
    "raw",
    "Balance sheet figures as filed.",
    (
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("period_end_date", "DATE", "End of the fiscal quarter"),
        C("short_term_debt_usd", "DOUBLE", "Debt due within a year", "usd"),
        C("long_term_debt_usd", "DOUBLE", "Debt due later", "usd"),
        R("total_debt_usd", "DOUBLE", "All debt", "usd"),
        C("total_assets_usd", "DOUBLE", "Total assets", "usd"),
        KNOWN,
    ),
    key=("parent_id", "period_end_date"),
    event_time="period_end_date",
    known_time="known_at",
    known_rule="next_morning",
)

DELISTINGS = Table(
    "delistings",
    "raw",
    "Stocks that stopped trading for good: their last day, why, and what holders got for them.",
    (
        R("ticker", "VARCHAR", "Ticker on the last day"),
        R("last_trade_date", "DATE", "Last day the stock traded (CRSP: dlstdt)"),
        C(
            "delisting_return_pct",
            "DOUBLE",
            "Simple return from the last close to what holders got after it: price, payment or new"
            " stock (CRSP: dlret). Null where nobody knows",
            "pct",
        ),
        C(
            "reason",
            "VARCHAR",
            "merger, exchange (for other stock), liquidation, dropped (by the exchange or the SEC)"
            " or other",
        ),
        KNOWN,
    ),
    key=("ticker", "last_trade_date"),
    event_time="last_trade_date",
    known_time="known_at",
    known_rule="next_morning",
)

BORROW_RATES = Table(
    "borrow_rates",
    "raw",
    "What it costs to borrow a stock, and whether there is any to borrow, as a lender or broker"
    " says at the end of the day.",
    (
        R("ticker", "VARCHAR", "Ticker on that day"),
        R("trade_date", "DATE", "Day of the quote"),
        C("annual_rate_pct", "DOUBLE", "Annual fee on the market value borrowed", "pct"),
        R("is_available", "BOOLEAN", "There is stock to borrow for a new short position"),
        KNOWN,
    ),
    key=("ticker", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
    known_rule="end_of_day",
)

MACRO_SERIES = Table(
    "macro_series",
    "raw",
    "Daily series of the whole market. The name of a series ends in its unit.",
    (
        R(
            "series",
            "VARCHAR",
            "vix (points), oil_usd, treasury_2y_pct, treasury_10y_pct, credit_index_bps (mean"
            " 5-year spread of investment-grade names), or any other",
        ),
        R("trade_date", "DATE", "Day of the value"),
        R("value", "DOUBLE", "Value at the close, in the unit of the series"),
        KNOWN,
    ),
    key=("series", "trade_date"),
    event_time="trade_date",
    known_time="known_at",
    known_rule="next_morning",
)

#: What a source delivers. Tables a source lacks stay empty.
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


RAW_DAILY: tuple[str, ...] = (
    "trace_reports",
    "bond_day_quotes",
    "equity_prices",
    "cds_quotes",
    "borrow_rates",
)
RAW_REFERENCE: tuple[str, ...] = (
    "issuers",
    "equities",
    "equity_links",
    "bonds",
    "call_schedules",
    "amounts_outstanding",
    "ratings",
    "fundamentals",
    "treasury_yields",
    "delistings",
    "macro_series",
)
