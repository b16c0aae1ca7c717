"""Tables of what a book earned and from what.

Belongs here: declarations of the group performance. Not here: orders, fills and the ledger
(`trading.py`), what predictions were worth without money (`learning.py`).
"""

from __future__ import annotations

from bondsig_assets.tables.schema import KNOWN, C, Column, R, Table

POLICY = R("policy", "VARCHAR", "Policy whose book it is")
DAY = R("trade_date", "DATE", "Trading day")
SPAN: tuple[Column, ...] = (
    R("first_date", "DATE", "First day that counts"),
    R("last_date", "DATE", "Last day that counts"),
    R("n_days", "BIGINT", "Trading days from the one to the other", "days"),
)


def usd(name: str, description: str) -> Column:
    """Dollars, a multiple of 1e-4: `round(1e4 x)` is the ledger's integer."""
    return R(name, "DOUBLE", description, "usd")


PERFORMANCE = Table(
    "performance",
    "performance",
    "Figures of a book's days, one definition each (docs/book_figures.md): growth, risk, Sharpe"
    " ratios with their errors, turnover, costs, both sides, alpha beyond factors.",
    (
        POLICY,
        R(
            "part",
            "VARCHAR",
            "net (what the book earned), gross (before trading costs and borrow), active (beyond"
            " the benchmark), long, short, or a factor",
        ),
        R("figure", "VARCHAR", "Name of the figure; its ending is its unit"),
        C("value", "DOUBLE", "Its value; null where days do not tell"),
        C("error", "DOUBLE", "Standard error in the same unit, where the figure has one"),
        C("t_statistic", "DOUBLE", "Value over error"),
        C("smallest_detectable", "DOUBLE", "2.8 errors: found four times in five"),
        *SPAN,
    ),
    key=("policy", "part", "figure"),
)

PNL_PARTS = Table(
    "pnl_parts",
    "performance",
    "Where a day's change of the net asset value came from, flows left out. The parts of a day add"
    " up to it, to 1e-4 dollars.",
    (
        DAY,
        POLICY,
        R(
            "part",
            "VARCHAR",
            "alpha (what names earned along their expected returns), factor, specific (what neither"
            " says), unmodelled (names without a risk model), timing (from the price of fills to"
            " the close), cost, interest, remainder (booked, and none of these)",
        ),
        R(
            "source",
            "VARCHAR",
            "Factor or sector; of a cost spread, impact, commissions, fees or borrow; else empty",
        ),
        usd("pnl_usd", "What it brought"),
        C("expected_usd", "DOUBLE", "Of alpha: what was expected of it", "usd"),
        KNOWN,
    ),
    key=("trade_date", "policy", "part", "source"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

SHORTFALLS = Table(
    "shortfalls",
    "performance",
    "Implementation shortfall of each order (Perold 1988): what its paper trade at the decision"
    " price brought until the close of its session, less what it really brought. delay, execution,"
    " opportunity and fees add up to it, to 1e-4 dollars.",
    (
        R("order_id", "VARCHAR", "Order"),
        POLICY,
        R("fill_date", "DATE", "Session it was good for"),
        R("parent_id", "VARCHAR", "Ultimate parent"),
        R("ticker", "VARCHAR", "Stock in that session"),
        R("side", "VARCHAR", "buy, sell, sell_short or buy_to_cover"),
        R("state", "VARCHAR", "judged, or unpriced (no close or decision price: nothing is said)"),
        R("order_shares", "BIGINT", "Shares of the order, below 0 sold", "shares"),
        R("filled_shares", "BIGINT", "Shares that traded, below 0 sold", "shares"),
        C("decided_usd", "DOUBLE", "Value of the order at the decision price, above 0", "usd"),
        C("paper_usd", "DOUBLE", "Gain of the whole order from decision price to close", "usd"),
        C("real_usd", "DOUBLE", "Gain of its fills to the close, all costs counted", "usd"),
        C("shortfall_usd", "DOUBLE", "paper less real", "usd"),
        C("delay_usd", "DOUBLE", "From decision to arrival price, of what traded", "usd"),
        C(
            "execution_usd",
            "DOUBLE",
            "From arrival to what was paid, half-spread and impact included",
            "usd",
        ),
        C("opportunity_usd", "DOUBLE", "From decision to close, of what did not trade", "usd"),
        C("fees_usd", "DOUBLE", "Commission and fees", "usd"),
        C("spread_usd", "DOUBLE", "Of execution: half-spread that the broker models", "usd"),
        C("impact_usd", "DOUBLE", "Of execution: impact that it models", "usd"),
        C("expected_usd", "DOUBLE", "What the order was expected to cost, fees included", "usd"),
        C("shortfall_bps", "DOUBLE", "Shortfall over the value decided", "bps"),
        KNOWN,
    ),
    key=("policy", "order_id"),
    event_time="fill_date",
    known_time="known_at",
    partition="fill_date",
)

PNL_SLICES = Table(
    "pnl_slices",
    "performance",
    "What the names of a kind brought, all costs counted. The buckets of a slice add up to what the"
    " book earned, to 1e-4 dollars.",
    (
        POLICY,
        R(
            "slice",
            "VARCHAR",
            "all, side, sector, rating, score_decile (1 lowest) or signal_age (trading days of"
            " return since the name was last signalled on the side held; 0: the day it was bought)",
        ),
        R("bucket", "VARCHAR", "Part of it; unknown, none, or book (no name: interest)"),
        usd("pnl_usd", "What it brought over all days"),
        C("mean_usd", "DOUBLE", "A trading day", "usd"),
        C("error_usd", "DOUBLE", "Newey-West error of that mean", "usd"),
        C("t_statistic", "DOUBLE", "Mean over error"),
        R("n_name_days", "BIGINT", "Positions and days in it"),
        *SPAN,
    ),
    key=("policy", "slice", "bucket"),
)
