"""OSBAP as published: every row of the table in docs/trace_cleaning.md, Edge cases, and its
matching and filters.
"""

from __future__ import annotations

from datetime import date, time

import polars as pl
import pytest

from bondsig_assets.trace.recipes import RECIPES
from bondsig_assets_tests.trace.recipes.stories import (
    BUY,
    NEW,
    SELL,
    again,
    frame,
    message,
    old,
    reasons,
)

# The kernel takes eight seconds to compile.
pytestmark = pytest.mark.slow

KEPT = None
LATER = date(2010, 6, 3)


def test_old_cancel_of_a_trade_is_right():
    assert reasons("osbap", old("1"), old("2"), old("3", "C", points="1")) == [
        "cancelled",
        KEPT,
        "cancel_message",
    ]


def test_old_cancel_on_another_report_date_finds_nothing():
    assert reasons("osbap", old("1"), old("3", "C", points="1", reported=LATER)) == [
        KEPT,
        "cancel_message",
    ]


@pytest.mark.parametrize("length", [2, 3])
def test_old_correction_chain_of_one_time_is_right(length):
    chain = [
        old("1"),
        *(old(str(n), "W", points=str(n - 1), price=99.0 + n) for n in range(2, length + 1)),
    ]
    assert reasons("osbap", *chain) == ["corrected", *["inner_correction"] * (length - 2), KEPT]


def test_fault_a_chain_that_changes_the_time_keeps_the_middle_version():
    story = reasons(
        "osbap",
        old("1"),
        old("2", "W", points="1", price=101.0),
        old("3", "W", points="2", price=102.0, at=time(11)),
    )
    assert story == ["corrected", KEPT, "correction_without_trade"]


def test_fault_a_cancelled_correction_survives():
    story = reasons(
        "osbap",
        old("1"),
        old("2", "W", points="1", price=101.0),
        old("3", "C", points="2", price=101.0),
    )
    assert story == ["corrected", KEPT, "cancel_message"]


def test_fault_an_old_trade_survives_its_reversal_after_the_cut():
    trade = old("1", day=date(2012, 2, 3))
    assert reasons("osbap", trade, again(trade, "Y", "9", report_date=date(2012, 3, 1))) == [
        KEPT,
        "reversal_message",
    ]


def test_fault_one_cancel_without_a_side_takes_every_trade_without_a_side():
    sided, first = message("1"), message("2", side=None)
    strangers = [message("3", side=None, price=101.0), message("4", side=None, cusip="459200HU8")]
    story = reasons("osbap", sided, first, *strangers, again(first, "X"))
    assert story == [
        KEPT,
        "cancelled",
        "cancelled_by_null_key",
        "cancelled_by_null_key",
        "cancel_message",
    ]
    assert reasons("osbap", sided, first, *strangers) == [KEPT] * 4


def test_fault_the_same_for_a_reversal_without_a_side():
    trade, stranger = message("1", side=None), message("2", side=None, price=101.0)
    assert reasons("osbap", trade, stranger, again(trade, "Y", "9")) == [
        "reversed",
        "reversed_by_null_key",
        "reversal_message",
    ]


def test_fault_affiliates_and_unknown_contras_vanish():
    assert reasons("osbap", message("1", contra="A"), message("2", contra=None), message("3")) == [
        "affiliate_or_null_contra"
    ] * 2 + [KEPT]


def test_fault_one_sell_takes_both_equal_buys():
    assert reasons("osbap", message("1", **SELL), message("2", **BUY), message("3", **BUY)) == [
        KEPT,
        "interdealer_buy_leg",
        "interdealer_buy_leg",
    ]


def test_fault_a_reversal_that_names_the_later_of_two_equal_trades_takes_the_earlier():
    story = reasons(
        "osbap",
        old("1", at=time(10)),
        old("2", at=time(14)),
        old("3", at=time(14), reported=LATER, asof_code="R"),
    )
    assert story == ["reversed", KEPT, "reversal_message"]


def test_fault_two_chains_of_one_time_keep_the_original_and_lose_both_corrections():
    sell = [
        old("1", **SELL),
        old("2", "W", points="1", price=101.0, **SELL),
        old("3", "W", points="2", price=102.0, **SELL),
    ]
    buy = [
        old("4", **BUY),
        old("5", "W", points="4", price=101.0, **BUY),
        old("6", "W", points="5", price=102.0, **BUY),
    ]
    lost = ["inner_correction", "correction_without_trade"]
    assert reasons("osbap", *sell, *buy) == [KEPT, *lost, "interdealer_buy_leg", *lost]


def test_fault_without_times_of_execution_no_correction_is_applied():
    assert reasons(
        "osbap",
        old("1", executed_at=None),
        old("2", "W", points="1", executed_at=None, price=101.0),
    ) == [KEPT, "correction_without_trade"]


def test_fault_a_regular_settlement_of_three_days_is_dropped():
    assert reasons("osbap", *(old(str(n), days_to_settle=n) for n in (0, 1, 2, 3)), old("4")) == [
        KEPT,
        KEPT,
        KEPT,
        "days_to_settle",
        KEPT,
    ]


def test_a_reversal_and_its_reentry_on_the_same_later_date_are_right():
    story = reasons(
        "osbap",
        old("1"),
        old("2", reported=LATER, asof_code="R"),
        old("3", reported=LATER, asof_code="A", price=101.0),
    )
    assert story == ["reversed", "reversal_message", KEPT]


def test_fault_screens_before_matching_leave_a_trade_whose_cancel_has_another_flag():
    assert reasons("osbap", old("1"), old("2", "C", points="1", is_when_issued=True)) == [
        KEPT,
        "when_issued",
    ]


def test_two_corrections_of_one_step_in_one_time():
    story = reasons(
        "osbap",
        old("1"),
        old("2", price=90.0),
        old("3", "W", points="1", price=101.0),
        old("4", "W", points="2", price=91.0),
    )
    assert story == ["corrected", "corrected", KEPT, KEPT]


def test_a_correction_of_nothing_is_dropped():
    assert reasons("osbap", old("1"), old("3", "W", points="7")) == [
        KEPT,
        "correction_without_trade",
    ]


def test_messages_of_today():
    cancelled, corrected, late = message("1"), message("2", price=101.0), message("3", price=102.0)
    replacement = message("4", "R", price=101.5)
    story = reasons(
        "osbap",
        cancelled,
        corrected,
        late,
        replacement,
        again(cancelled, "X", report_date=date(2016, 6, 20)),
        again(corrected, "C"),
        again(late, "Y", "9"),
    )
    assert story == [
        "cancelled",
        "corrected",
        "reversed",
        KEPT,
        "cancel_message",
        "correction_message",
        "reversal_message",
    ]


def test_a_cancel_with_another_term_finds_nothing():
    trade = message("1")
    assert reasons("osbap", trade, again(trade, "X", price=100.5)) == [KEPT, "cancel_message"]


def test_delayed_codes_and_unknown_statuses():
    story = reasons(
        "osbap",
        old("1", asof_code="D"),
        old("2", asof_code="X"),
        old("3", "N"),
        message("4", "W"),
        old("5", asof_code="A"),
    )
    assert story == [
        "delayed_dissemination",
        "delayed_reversal",
        "unknown_status",
        "unknown_status",
        KEPT,
    ]


def test_old_screens_are_for_old_reports_only():
    flags = [
        {"is_when_issued": True},
        {"is_locked_in": True},
        {"sale_condition": "Z"},
        {"sale_condition": "@"},
        {"days_to_settle": 5},
    ]
    assert reasons("osbap", *(old(str(n), **flag) for n, flag in enumerate(flags))) == [
        "when_issued",
        "locked_in",
        "sale_condition",
        KEPT,
        "days_to_settle",
    ]
    assert (
        reasons("osbap", *(message(str(n), **flag) for n, flag in enumerate(flags))) == [KEPT] * 5
    )
    assert reasons(
        "osbap", message("1", trading_market="P1"), message("2", is_special_price=True)
    ) == [KEPT, KEPT]


def test_filters_after_matching():
    story = reasons(
        "osbap",
        message("1", day=date(2016, 7, 4)),
        message("2", day=date(2016, 10, 10)),
        message("3", price=0.0),
        message("4", cusip="B", price=1001.0),
        message("5", par_usd=9_999.0),
        message("6", par_usd=10_000.0),
        message("7", yield_pct=100.0),
        message("8", fault="no price"),
        message("9", cusip=" "),
        message("10", side=None, contra="D"),
    )
    assert story == [
        "off_calendar",
        KEPT,
        "price_out_of_range",
        "price_out_of_range",
        "small_dollar_volume",
        KEPT,
        "price_is_yield",
        "unusable_report",
        "no_cusip",
        "interdealer_without_side",
    ]


def test_filters_that_need_the_bond():
    bonds = pl.DataFrame(
        {
            "cusip": ["037833AK6", "037833AK6", "B", "C"],
            "offering_amount_usd": [2e5, 1e9, 1e9, None],
            "maturity_date": [date(2030, 1, 1)] * 2 + [NEW, date(2030, 1, 1)],
        }
    )
    reported = [
        message("1"),
        message("2", par_usd=99_999.0),
        message("3", cusip="B"),
        message("4", cusip="B", day=date(2016, 6, 2)),
        message("5", cusip="C"),
        message("6", cusip="D"),
    ]
    story = reasons("osbap", *reported, bonds=bonds)
    assert story == [
        "half_of_issue",
        KEPT,
        KEPT,
        "after_maturity",
        "unknown_offering_amount",
        "unknown_offering_amount",
    ]
    assert reasons("osbap", *reported, bonds=bonds.select("cusip", "maturity_date")) == [
        KEPT,
        KEPT,
        KEPT,
        "after_maturity",
        KEPT,
        "unknown_maturity",
    ]
    assert reasons("osbap", *reported, bonds=bonds.select("cusip")) == [KEPT] * 6


def test_dissemination_feeds_point_on_every_date():
    assert reasons(
        "osbap",
        message("1", feed="standard"),
        message("2", "C", feed="standard", original_message_number="1"),
    ) == ["cancelled", "cancel_message"]


def test_an_empty_frame():
    assert reasons("osbap") == []


def test_columns_must_be_there():
    with pytest.raises(ValueError, match="asof_code"):
        RECIPES["osbap"](frame(message("1")).drop("asof_code"), None)
