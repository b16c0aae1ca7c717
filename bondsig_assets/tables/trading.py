"""Tables from target positions to money: orders, fills, the ledger, and what it adds up to.

Belongs here: declarations of the group trading. Not here: targets (`portfolio.py`), figures of
performance.
"""

from __future__ import annotations

from bondsig_assets.tables.schema import KNOWN, C, Column, R, Table

_POLICY = R("policy", "VARCHAR", "Policy whose book it is: each has cash and positions of its own")
_PARENT = R("parent_id", "VARCHAR", "Ultimate parent; the ticker itself for a sector ETF")
_DAY = R("trade_date", "DATE", "Trading day")
_ORDER = R("order_id", "VARCHAR", "Policy, decision day, parent and side")
_SIDE = R(
    "side",
    "VARCHAR",
    "buy, sell (of what is held), sell_short or buy_to_cover; a trade through zero is two orders",
)


def _usd(name: str, description: str) -> Column:
    """Dollars, a multiple of 1e-4: `round(1e4 x)` is the ledger's integer."""
    return R(name, "DOUBLE", description, "usd")


ORDERS = Table(
    "orders",
    "trading",
    "What is to be traded in the next session, decided in the evening from targets and positions:"
    " whole shares, in lots, within a part of the usual volume. What was wished and is not sent has"
    " a row too, with the reason.",
    (
        _ORDER,
        _POLICY,
        R("decision_date", "DATE", "Day at whose cutoff it was decided"),
        R("session_date", "DATE", "Trading day it is good for, the next one"),
        _PARENT,
        R("ticker", "VARCHAR", "Stock on the decision day, as known"),
        _SIDE,
        R(
            "state",
            "VARCHAR",
            "sent; or not sent: dust (below the least notional, or less than a lot), cap (volume"
            " leaves nothing), unpriced (no price, volume or volatility is known), stopped",
        ),
        R("wished_shares", "BIGINT", "Shares from what is held to the target, this side", "shares"),
        R("shares", "BIGINT", "Shares sent after lots and caps, 0 where not sent", "shares"),
        R("held_shares", "BIGINT", "Held when it was decided", "shares"),
        R("target_shares", "BIGINT", "Wanted by the policy", "shares"),
        C("decision_price_usd", "DOUBLE", "Close of the decision day", "usd"),
        C("volatility_pct", "DOUBLE", "Daily standard deviation, as known then", "pct"),
        C("dollar_volume_usd", "DOUBLE", "Usual daily dollar volume, as known then", "usd"),
        C("participation_pct", "DOUBLE", "Shares sent over usual volume", "pct"),
        C("expected_spread_usd", "DOUBLE", "Half-spread it is expected to pay", "usd"),
        C("expected_impact_usd", "DOUBLE", "Impact of its schedule", "usd"),
        C("expected_commission_usd", "DOUBLE", "Commission", "usd"),
        C("expected_fee_usd", "DOUBLE", "Fee on sales", "usd"),
        C(
            "expected_risk_usd",
            "DOUBLE",
            "Standard deviation of what the price does until its schedule is done",
            "usd",
        ),
        KNOWN,
    ),
    key=("order_id",),
    event_time="decision_date",
    known_time="known_at",
    partition="decision_date",
)

ORDER_SLICES = Table(
    "order_slices",
    "trading",
    "When in the session an order is to be traded: shares by half hour. The slices of an order add"
    " up to its shares.",
    (
        _ORDER,
        _POLICY,
        R("decision_date", "DATE", "Day at whose cutoff it was decided"),
        R("bucket", "BIGINT", "Half hour of the session, 1 from 9:30 to 13 until 16:00"),
        R("starts_at", "TIMESTAMP", "When it begins, New York"),
        R("ends_at", "TIMESTAMP", "When it ends"),
        R("shares", "BIGINT", "Shares to trade in it", "shares"),
        R("volume_share", "DOUBLE", "Part of the day's volume that is expected in it", "share"),
        KNOWN,
    ),
    key=("order_id", "bucket"),
    event_time="decision_date",
    known_time="known_at",
    partition="decision_date",
)

AWAITED_ORDERS = Table(
    "awaited_orders",
    "trading",
    "Orders whose session is over and of which the broker has told neither all fills nor the end: a"
    " row an order and evening until it does. A fill that is still told of one is booked on the day"
    " that tells it. Empty where the broker tells all on the same evening.",
    (
        _DAY,
        _POLICY,
        _ORDER,
        R("session_date", "DATE", "Trading day it was good for, this one or an earlier one"),
        _PARENT,
        R("ticker", "VARCHAR", "Stock on the decision day, as known"),
        R("current_ticker", "VARCHAR", "Stock as last known"),
        _SIDE,
        R("shares", "BIGINT", "Shares of the order, in shares of its session", "shares"),
        R("filled_shares", "BIGINT", "How many of them are booked", "shares"),
        C("decision_price_usd", "DOUBLE", "Close of the decision day, in those shares", "usd"),
        C(
            "session_price_usd",
            "DOUBLE",
            "Close of its session, else the mark before: what the price of a fill is judged by",
            "usd",
        ),
        R("share_ratio", "DOUBLE", "Shares of this day for one of its session, by splits since"),
        R("dividends_usd", "DOUBLE", "Went ex since its session, for a share of it", "usd"),
        C("price_usd", "DOUBLE", "Last price of the stock that is believed", "usd"),
        C("price_date", "DATE", "Day of that price"),
        R("growth", "DOUBLE", "Product of 1 + total return since that day, where known"),
        C("shares_outstanding", "DOUBLE", "As last known on that day", "shares"),
        R(
            "is_quarantined",
            "BOOLEAN",
            "The price of the stock moved as no dividend or split explains",
        ),
        KNOWN,
    ),
    key=("trade_date", "order_id"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

FILLS = Table(
    "fills",
    "trading",
    "What became of each order that was sent: a row a fill, and a row of 0 shares with the reason"
    " where there was none. The price is the market's; what the paper broker models beyond it"
    " stands beside it and is 0 with a real one.",
    (
        R("fill_id", "VARCHAR", "The broker's name of it, booked once however often it arrives"),
        _ORDER,
        _POLICY,
        R("booked_date", "DATE", "Day at whose cutoff it was known and booked"),
        R("fill_date", "DATE", "Session it traded in, after the decision day"),
        _PARENT,
        R("ticker", "VARCHAR", "Stock in that session"),
        _SIDE,
        R(
            "outcome",
            "VARCHAR",
            "filled (nothing is left of the order), partial or none",
        ),
        C(
            "reason",
            "VARCHAR",
            "Why not all: cap, no_volume, no_price, quarantined, split (nothing is left of it),"
            " delisted, rejected, cancelled, broker_down, stopped; late where it arrived after its"
            " day",
        ),
        R("order_shares", "BIGINT", "Shares of the order, after the session's split", "shares"),
        R("shares", "BIGINT", "Shares of this fill", "shares"),
        R("unfilled_shares", "BIGINT", "What is left of the order after it", "shares"),
        C("price_usd", "DOUBLE", "Market price it traded at, between low and high", "usd"),
        C(
            "decision_price_usd",
            "DOUBLE",
            "Close of the decision day, in the session's shares",
            "usd",
        ),
        C(
            "arrival_price_usd",
            "DOUBLE",
            "Open of the session; where unknown the decision price",
            "usd",
        ),
        C("close_usd", "DOUBLE", "Close of the session", "usd"),
        _usd("spread_usd", "Half-spread paid beyond that price"),
        _usd("impact_usd", "Impact paid beyond that price"),
        _usd("commission_usd", "Commission"),
        _usd("fee_usd", "Fee on sales"),
        KNOWN,
    ),
    key=("fill_id", "policy", "booked_date"),
    event_time="booked_date",
    known_time="known_at",
    partition="booked_date",
)

LEDGER_ENTRIES = Table(
    "ledger_entries",
    "trading",
    "Double entry: each row takes an amount from one account to another. Entries are only appended;"
    " positions, cash and net asset value are what they add up to. Accounts of what there is: cash,"
    " stock, receivable, payable; of where it came from: capital, price, trading, dividends,"
    " commissions, fees, spread, impact, borrow, interest, split_cash, delistings.",
    (
        _POLICY,
        _DAY,
        R("entry_number", "BIGINT", "Position among the day's entries, in the order of booking"),
        R(
            "kind",
            "VARCHAR",
            "deposit, withdrawal, rename, split, split_cash, dividend, dividend_on_short, payment"
            " (of a dividend), delisting, buy, sell, spread, impact, commission, fee, mark (of what"
            " was held to the close), trade_mark (of what was traded), split_mark (of fractions),"
            " borrow, interest",
        ),
        C("parent_id", "VARCHAR", "Ultimate parent; null where it is of the whole book"),
        C("ticker", "VARCHAR", "Stock"),
        C("fill_id", "VARCHAR", "Fill it comes from"),
        R("debit", "VARCHAR", "Account that gets the amount"),
        R("credit", "VARCHAR", "Account that gives it"),
        R("amount_e4", "BIGINT", "Amount, never below 0", "1e-4 usd"),
        R("shares", "BIGINT", "Shares that come to the position, below 0 that leave it", "shares"),
        C("price_usd", "DOUBLE", "Price of a share that the amount was made with", "usd"),
        C("rate", "DOUBLE", "Split ratio, delisting return or annual rate, as a share"),
        R("event_date", "DATE", "Day it is about: ex-date, fill, last day of a stock"),
        C("settle_date", "DATE", "Of a dividend: when it is paid"),
        R("is_assumed", "BOOLEAN", "Rests on an assumption: the source does not tell"),
        KNOWN,
    ),
    key=("policy", "trade_date", "entry_number"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

POSITIONS = Table(
    "positions",
    "trading",
    "What is held after a day, at its marks. A name that left on the day, or that still earned or"
    " cost something, has a row of 0 shares.",
    (
        _DAY,
        _POLICY,
        _PARENT,
        R("ticker", "VARCHAR", "Stock on that day"),
        R(
            "state",
            "VARCHAR",
            "open, stale (marked at an earlier day's price), halted (for ten trading days or more),"
            " quarantined (its price moved as no dividend or split explains: marked at the last"
            " price that is believed), closed",
        ),
        R("shares", "BIGINT", "Shares held, below 0 short", "shares"),
        C("price_usd", "DOUBLE", "Mark; null where it never had a price", "usd"),
        R("value_usd", "DOUBLE", "Shares at the mark", "usd"),
        C(
            "weight",
            "DOUBLE",
            "Value over net asset value; null where that is not above 0",
            "share",
        ),
        R("is_stale", "BOOLEAN", "Marked at an earlier day's price"),
        R("stale_days", "BIGINT", "Trading days since the mark's day", "days"),
        C("price_date", "DATE", "Day of the mark"),
        C(
            "growth",
            "DOUBLE",
            "Product of 1 + total return since the mark's day, where known",
        ),
        C("shares_outstanding", "DOUBLE", "As last known on the mark's day", "shares"),
        C("borrow_rate_pct", "DOUBLE", "Annual fee of a short for the coming night", "pct"),
        R("is_borrow_assumed", "BOOLEAN", "Nobody delivered a rate"),
        _usd("pnl_usd", "What the name brought on the day, all costs counted"),
        KNOWN,
    ),
    key=("trade_date", "policy", "parent_id"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)

#: Columns of `portfolio_days` that add up to the change of the net asset value: the accounts.
CHANGES: dict[str, str] = {
    "price": "Price moves of what was held",
    "trading": "From the price of fills to the close",
    "dividends": "Dividends less those paid on shorts, on ex-dates",
    "commissions": "Commissions, below 0",
    "fees": "Fees, below 0",
    "spread": "Half-spreads that the paper broker models, below 0",
    "impact": "Impact that it models, below 0",
    "borrow": "Borrow fees, below 0",
    "interest": "Interest on cash",
    "split_cash": "Fractions of splits: paid at the opening price, not held to the close",
    "delistings": "From the last mark to what holders got for it",
    "capital": "Deposits less withdrawals: flows, not earned",
}

PORTFOLIO_DAYS = Table(
    "portfolio_days",
    "trading",
    "A book after a day: net asset value, what it is made of, and why it changed. The parts from"
    " price_usd to capital_usd add up to nav_usd less nav_before_usd, to 1e-4 dollars.",
    (
        _DAY,
        _POLICY,
        R(
            "state",
            "VARCHAR",
            "opened (the first day), open, or stopped (the net asset value was not above 0: nothing"
            " is traded or booked any more)",
        ),
        _usd("nav_usd", "Net asset value: cash, stock, receivables less payables"),
        _usd("nav_before_usd", "That of the trading day before, 0 on the first"),
        _usd("cash_usd", "Cash, proceeds of shorts included"),
        _usd("receivables_usd", "Dividends to come"),
        _usd("payables_usd", "Dividends owed on shorts, above 0"),
        _usd("long_usd", "Value of longs"),
        _usd("short_usd", "Value of shorts, below 0"),
        C("gross", "DOUBLE", "Longs and shorts together over net asset value", "share"),
        C("net", "DOUBLE", "Longs less shorts over net asset value", "share"),
        C(
            "beta",
            "DOUBLE",
            "Market beta: values of positions times the betas of the day's factor_exposures, in"
            " units of the market's own return, over net asset value; a name without one counts"
            " with the day's median. Null where no name has one",
        ),
        _usd("traded_usd", "Buys and sells together, at market prices"),
        C(
            "turnover",
            "DOUBLE",
            "Two-way: traded over the net asset value of the day before; null on the first day",
            "share",
        ),
        *(_usd(f"{name}_usd", text) for name, text in CHANGES.items()),
        R("n_long", "BIGINT", "Names held long"),
        R("n_short", "BIGINT", "Names held short"),
        R("n_orders", "BIGINT", "Orders that were good for the session"),
        R("n_fills", "BIGINT", "Fills booked"),
        R("n_unfilled", "BIGINT", "Orders of which something was left"),
        R("n_repeated", "BIGINT", "Fills that arrived again, booked once"),
        R("n_refused", "BIGINT", "Fills of an unknown order or beyond it: not booked"),
        R("n_stale", "BIGINT", "Positions marked at an earlier price"),
        R("n_halted", "BIGINT", "Of those, for ten trading days or more"),
        R("n_quarantined", "BIGINT", "Positions whose day no dividend or split explains"),
        R("n_assumed", "BIGINT", "Entries that rest on an assumption"),
        R("is_broker_down", "BOOLEAN", "The broker did not answer: nothing was filled"),
        KNOWN,
    ),
    key=("trade_date", "policy"),
    event_time="trade_date",
    known_time="known_at",
    partition="trade_date",
)
