"""Dick-Nielsen's filter as published, where it differs from the others."""

from __future__ import annotations

from datetime import date, time

import pytest

from bondsig_assets_tests.trace.recipes.stories import BUY, SELL, again, message, old, reasons

KEPT = None
LATER = date(2010, 6, 3)


def verdicts(*messages):
    return reasons("dick-nielsen", *messages)


def test_old_messages_go_by_number_and_report_date():
    assert verdicts(old("1"), old("3", "C", points="1", price=77.0)) == [
        "cancelled",
        "cancel_message",
    ]
    assert verdicts(old("1"), old("3", "C", points="1", reported=LATER)) == [KEPT, "cancel_message"]
    assert verdicts(old("1"), old("3", "C", points="1", cusip="459200HU8")) == [
        KEPT,
        "cancel_message",
    ]


def test_chains_and_cancelled_corrections_are_right():
    assert verdicts(
        old("1"), old("2", "W", points="1"), old("3", "W", points="2", at=time(11))
    ) == [
        "corrected",
        "corrected",
        KEPT,
    ]
    assert verdicts(old("1"), old("2", "W", points="1"), old("3", "C", points="2")) == [
        "corrected",
        "cancelled",
        "cancel_message",
    ]
    assert verdicts(old("3", "W", points="9")) == [KEPT]


def test_a_reversal_names_the_exact_time_on_a_later_date():
    first, second = old("1", at=time(10)), old("2", at=time(14))
    assert verdicts(first, second, old("3", at=time(14), reported=LATER, asof_code="R")) == [
        KEPT,
        "reversed",
        "reversal_message",
    ]
    assert verdicts(first, old("3", at=time(11), reported=LATER, asof_code="R")) == [
        KEPT,
        "reversal_message",
    ]
    assert verdicts(first, old("3", asof_code="R")) == [KEPT, "reversal_message"]


def test_one_reversal_takes_one_trade():
    assert verdicts(old("1"), old("2"), old("3", reported=LATER, asof_code="R")) == [
        "reversed",
        KEPT,
        "reversal_message",
    ]
    story = verdicts(
        old("1"),
        old("2"),
        old("3", reported=LATER, asof_code="R"),
        old("4", reported=LATER, asof_code="X"),
    )
    assert story == ["reversed", "reversed", "reversal_message", "reversal_message"]


def test_delayed_dissemination_is_an_as_of_trade():
    assert verdicts(
        old("1", asof_code="D", reported=LATER), old("2", asof_code="A", reported=LATER)
    ) == [KEPT, KEPT]


def test_fault_an_old_trade_survives_its_reversal_after_the_cut():
    trade = old("1", day=date(2012, 2, 3))
    assert verdicts(trade, again(trade, "Y", "9", report_date=date(2012, 3, 1))) == [
        KEPT,
        "reversal_message",
    ]


def test_fault_a_buy_that_no_seller_reported_is_lost():
    assert verdicts(
        message("1", **BUY),
        message("2", price=101.0, **SELL),
        message("3", contra="A"),
        message("4", contra=None),
    ) == ["interdealer_buy_leg", KEPT, KEPT, KEPT]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"side": "B", "buyer_capacity": "A", "commission_code": "N"}, "agency_without_commission"),
        (
            {"side": "S", "seller_capacity": "A", "commission_code": "N"},
            "agency_without_commission",
        ),
        ({"side": "S", "buyer_capacity": "A", "commission_code": "N"}, KEPT),
        ({"side": "S", "seller_capacity": "A", "commission_code": "C"}, KEPT),
        ({"side": "S", "seller_capacity": "A", "commission_code": "N", "contra": "D"}, KEPT),
        ({"is_when_issued": True}, "when_issued"),
        ({"is_when_issued": None}, KEPT),
        ({"days_to_settle": 6}, "days_to_settle"),
        ({"days_to_settle": 5}, KEPT),
        ({"give_up_code": "Q"}, "give_up"),
        ({"give_up_code": "G"}, KEPT),
        ({"is_special_price": True}, "special_price"),
        ({"trading_market": "P1"}, "primary_market"),
        ({"trading_market": "S2"}, "primary_market"),
        ({"trading_market": "S1"}, KEPT),
        ({"commission_code": "Y"}, "commission"),
        ({"security_type": "ELN"}, "security_type"),
        ({"security_type": "C"}, KEPT),
    ],
)
def test_agency_trades_and_screens(changes, reason):
    assert verdicts(message("1", **changes)) == [reason]
    assert verdicts(old("1", **changes)) == [reason]


def test_messages_of_today():
    cancelled, corrected, late = (
        message("1"),
        message("2", price=101.0),
        message("3", price=102.0, side=None),
    )
    story = verdicts(
        cancelled,
        corrected,
        late,
        again(cancelled, "X"),
        again(corrected, "C"),
        again(late, "Y", "9"),
        message("5", side=None),
    )
    assert story == [
        "cancelled",
        "corrected",
        "reversed",
        "cancel_message",
        "correction_message",
        "reversal_message",
        KEPT,
    ]
