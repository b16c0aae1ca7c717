"""Who a bond leads to, and how much of the market leads anywhere: tables of the group reference.

Belongs here: declarations. Not here: the rules (`securities/`).
"""

from __future__ import annotations

from bondsig_assets.tables.schema import KNOWN, C, R, Table

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
