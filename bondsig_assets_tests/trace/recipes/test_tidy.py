"""Tidy Finance as published, where it differs from the others."""

from __future__ import annotations

from datetime import date, time

import pytest

from bondsig_assets_tests.trace.recipes.stories import (
    BUY,
    OLD,
    SELL,
    again,
    message,
    old,
    prices,
    reasons,
)

KEPT = None
LATER = date(2010, 6, 3)


def verdicts(*messages):
    return reasons("tidy", *messages)


def test_old_cancels_do_not_ask_for_the_report_date():
    assert verdicts(old("1"), old("3", "C", points="1", reported=LATER)) == [
        "cancelled",
        "cancel_message",
    ]
    assert verdicts(old("1"), old("3", "C", points="1", side="B")) == [KEPT, "cancel_message"]


def test_corrections_are_followed_whatever_time_they_give():
    story = verdicts(
        old("1"),
        old("2", "W", points="1", price=101.0),
        old("3", "W", points="2", price=102.0, at=time(11)),
        old("8", "W", points="7"),
    )
    assert story == ["corrected", "corrected", KEPT, "correction_without_trade"]


def test_two_longer_chains_of_one_time_are_right():
    sell = [
        old("1", **SELL),
        old("2", "W", points="1", **SELL),
        old("3", "W", points="2", price=102.0, **SELL),
    ]
    buy = [
        old("4", **BUY),
        old("5", "W", points="4", **BUY),
        old("6", "W", points="5", price=102.0, **BUY),
    ]
    assert verdicts(*sell, *buy) == [
        "corrected",
        "corrected",
        KEPT,
        "corrected",
        "corrected",
        "interdealer_buy_leg",
    ]


def test_fault_a_cancelled_correction_survives():
    assert verdicts(old("1"), old("2", "W", points="1"), old("3", "C", points="2")) == [
        "corrected",
        KEPT,
        "cancel_message",
    ]


def test_fault_an_old_trade_survives_its_reversal_after_the_cut():
    trade = old("1", day=date(2012, 2, 3))
    assert verdicts(trade, again(trade, "Y", "9", report_date=date(2012, 3, 1))) == [
        KEPT,
        "reversal_message",
    ]


def test_fault_the_earlier_of_two_equal_trades_is_reversed():
    assert verdicts(
        old("1", at=time(10)), old("2", at=time(14)), old("3", at=time(14), asof_code="R")
    ) == ["reversed", KEPT, "reversal_message"]


def test_fault_one_sell_takes_both_equal_buys_and_affiliates_vanish():
    assert verdicts(message("1", **SELL), message("2", **BUY), message("3", **BUY)) == [
        KEPT,
        "interdealer_buy_leg",
        "interdealer_buy_leg",
    ]
    assert (
        verdicts(message("1", contra="A"), message("2", contra=None))
        == ["affiliate_or_null_contra"] * 2
    )


def test_fault_reentered_and_late_trades_go():
    story = verdicts(
        old("1"),
        old("2", asof_code="R", reported=LATER),
        old("3", asof_code="A", reported=LATER, price=101.0),
        message("4", asof_code="A"),
    )
    assert story == ["reversed", "reversal_message", "as_of", "as_of"]


def test_a_cancel_without_a_side_takes_its_own_trade_only():
    trade = message("1", side=None)
    assert verdicts(trade, message("2", side=None, price=101.0), again(trade, "X")) == [
        "cancelled",
        KEPT,
        "cancel_message",
    ]


@pytest.mark.parametrize("day", [OLD, date(2016, 6, 1)])
def test_screens_are_for_both_regimes(day):
    story = verdicts(
        message("1", day=day, days_to_settle=8),
        message("2", day=day, days_to_settle=7),
        message("3", day=day, settlement_date=day.replace(day=10)),
        message("4", day=day, settlement_date=day.replace(day=4)),
        message("5", day=day, is_when_issued=True),
        message("6", day=day, is_when_issued=None),
        message("7", day=day, is_special_price=True),
        message("8", day=day, asof_code=""),
        message("9", day=day, is_locked_in=True, sale_condition="Z"),
    )
    assert story == [
        "days_to_settle",
        KEPT,
        "days_to_settle",
        KEPT,
        "when_issued_or_unknown",
        "when_issued_or_unknown",
        "special_price",
        KEPT,
        KEPT,
    ]


def test_prices_are_not_looked_at():
    assert verdicts(*prices(80, 8.1, 45, 80.2, 5000)) == [KEPT] * 5
