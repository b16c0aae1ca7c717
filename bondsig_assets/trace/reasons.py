"""What each reason of a report that is no trade means, in one sentence.

Belongs here: the words. Not here: when a reason applies (`outcomes.py`, `screens.py`, `view.py`,
`layouts/normalise.py`). The page on cleaning shows this table; a test holds the two together.
"""

from __future__ import annotations

#: Reason → what the report is.
REASONS: dict[str, str] = {
    # What became of it.
    "ended_by_cancel": "was a trade until the cancel in `cause_*`",
    "ended_by_correction": "was a trade until the correction in `cause_*`, which takes its place",
    "ended_by_reversal": "was a trade until the reversal in `cause_*`",
    "cancel_message": "is no trade but the message that ended the one in `cause_*`",
    "correction_message": "is no trade but the message that ended the one in `cause_*`; the"
    " corrected version is a report of its own",
    "reversal_message": "is no trade but the message that reversed the one in `cause_*`",
    "cancel_message_without_trade": "cancels what is not in the files, or what something else ended"
    " before (`cause_*`)",
    "correction_message_without_trade": "says that something is corrected which is not in the"
    " files, or which something else ended before (`cause_*`)",
    "reversal_message_without_trade": "reverses what is not in the files, or what something else"
    " ended before (`cause_*`)",
    "correction_of_ended_trade": "corrects what was cancelled before: there is nothing left to"
    " correct",
    "interdealer_buy_leg": "is the buyer's report of the trade whose seller's report is in"
    " `cause_*`",
    "duplicate_report": "is the report in `cause_*` again, delivered twice",
    "superseded_feed": "is of a product that a better one replaces for this bond and day",
    "price_error": "has a price that nothing around it bears out: quarantined",
    # Screens.
    "affiliate": "passes a customer's trade on to an affiliate at the same price (contra A)",
    "self_trade": "is a dealer's trade with itself",
    "when_issued": "was traded before issue",
    "special_price": "has a price that the dealer says is away from the market",
    "primary_market": "is of the primary market, or of a trading market that the screens leave out",
    "locked_in": "was locked in: one firm reported it for both sides",
    "give_up": "was reported by a firm for another that gave it up",
    "weighted_average_price": "has the average price of several executions",
    "portfolio_trade": "is part of a portfolio trade, whose bonds have one price together",
    "ats": "was executed on an alternative trading system",
    "trade_modifier": "has a modifier that the screens leave out",
    "sale_condition": "has a sale condition that the screens leave out",
    "non_standard_settlement": "settles later than regular trades of its day",
    "commission": "has a price that holds a commission",
    "agency_customer": "is a customer's agency trade without commission: its price is the dealer"
    " leg's",
    "security_type": "is of another type of security than a corporate bond",
    "as_of": "has an as-of code",
    "impossible_time": "has a time that is none, or was executed after it was reported",
    "off_calendar": "was executed on a day on which the market was closed",
    "after_early_close": "was executed after the market closed early",
    "before_issue": "was executed before the bond was offered",
    "after_maturity": "was executed on the day of maturity or later",
    "unknown_bond": "is of a bond without terms",
    "convertible": "is of a convertible bond",
    "price_out_of_range": "has a price outside the range of the screens",
    "price_is_yield": "has its yield in place of the price",
    "half_of_issue": "is of half the issue or more",
    "small_par": "is of less par than the screens ask for",
    "small_value": "is of less value than the screens ask for",
    # What is seen.
    "not_disseminated": "was not disseminated, so the live view does not show it",
    "buy_leg_not_disseminated": "is a dealer's purchase from a dealer, of which the sale alone is"
    " disseminated",
    "reported_later": "was not known at the moment of `--as-of`",
    # Faults of the row as it was delivered.
    "no_cusip": "names no bond: neither CUSIP nor symbol",
    "wrong_cusip": "names a bond by what is no CUSIP and no ISIN, or has a wrong check digit",
    "other_product": "is of no corporate bond: Treasury, agency or securitized, by its sub-product,"
    " its CUSIP or the columns of its file",
    "no_trade_message": "is a message of the dissemination service that tells of no trade",
    "impossible_date": "has a date that is none, is before TRACE or in the future, or was executed"
    " after it was reported",
    "unknown_status": "has a status that is none of the layout's",
    "no_message_number": "has no message number where its layout has one",
    "price_not_a_number": "has a price that is no number",
    "par_not_a_number": "has a par that is no number",
    "unknown_side": "has a side that is neither B nor S",
    "unknown_contra": "has a contra that is none of C, D, A and T",
    "too_many_fields": "is a line with more fields than the header",
    "too_few_fields": "is a line with fewer fields than the header",
    "shown_as_cancelled": "is a cancelled trade, which FINRA's page and service show as itself",
}
