"""Cancels, corrections and reversals, told as short stories: which message ends which trade.

Every story is also taken day by day and at once, and must come out the same (`messages.told`).
Expected: for each message its reason (null for a trade) and the number of the message it ends.
"""

from __future__ import annotations

from datetime import time

import polars as pl
import pytest

from bondsig_assets.trace.lifecycle import TERMS, match_endings
from bondsig_assets_tests.trace.messages import CUSIP, ID, bond, delivered, ending, message, remembered, told

OTHER = "459200HU8"


@pytest.mark.parametrize("later", [0, 1, 19])
def test_a_cancel_ends_its_trade_on_the_same_or_a_later_day(later):
    trade = message(0, "0000001")
    assert told(trade, ending("X", later, trade)) == [(None, None), ("cancel_message", "0000001")]


def test_only_the_trade_with_the_cancels_number_and_terms_ends():
    trade = message(0, "1")
    others = [
        message(0, "2"), message(0, "1", price=100.5), message(0, "1", par_usd=1e5 + 1000), message(0, "1", side="B"), message(0, "1", contra="D"),
        message(0, "1", at=time(10, 0, 1)), message(0, "1", cusip=OTHER),
    ]
    story = told(*others, trade, ending("X", 1, trade), bonds=pl.concat([bond(), bond(OTHER)]))
    assert story == [(None, None)] * 8 + [("cancel_message", "1")]
    # The closed record is the trade itself, not one of its namesakes.
    events = remembered(delivered(*others, trade, ending("X", 1, trade))).events
    assert events.filter(pl.col("status") == "X")["closes_record_number"].to_list() == [8]


def test_a_chain_of_two():
    trade, right = message(0, "1", price=101.0), message(0, "2", "R", at=time(10), price=100.0)
    assert told(trade, ending("C", 0, trade), right) == [(None, None), ("correction_message", "1"), (None, None)]


def test_a_chain_of_three_keeps_the_last_version():
    first = message(0, "1", price=101.0)
    second = message(1, "2", "R", on=0, price=100.5)
    third = message(3, "3", "R", on=0, price=100.0, at=time(11))
    story = told(first, ending("C", 1, first), second, ending("C", 3, second), third)
    assert story == [(None, None), ("correction_message", "1"), (None, None), ("correction_message", "2"), (None, None)]


def test_a_corrected_trade_can_be_cancelled():
    first, second = message(0, "1", price=101.0), message(0, "2", "R", price=100.0)
    story = told(first, ending("C", 0, first), second, ending("X", 2, second))
    assert story == [(None, None), ("correction_message", "1"), (None, None), ("cancel_message", "2")]


def test_a_reversal_after_twenty_days_points_back_by_number():
    trade, twin = message(0, "1"), message(0, "2")
    story = told(trade, twin, ending("Y", 25, twin, number="9"))
    assert story == [(None, None), (None, None), ("reversal_message", "2")]


def test_a_reversal_does_not_match_by_its_own_number():
    trade = message(0, "1")
    assert told(trade, ending("Y", 25, trade, number="1", original_message_number="7"))[1] == ("reversal_message_without_trade", None)
    assert told(trade, ending("Y", 25, trade, number="1", original_message_number=None))[1] == ("reversal_message_without_trade", None)


@pytest.mark.parametrize(("status", "reason"), [
    ("X", "cancel_message_without_trade"), ("C", "correction_message_without_trade"), ("Y", "reversal_message_without_trade"), ("Q", "unknown_status"),
])
def test_an_ending_without_a_trade_says_so(status, reason):
    trade = message(0, "1")
    assert told(trade, ending(status, 1, trade, price=99.0, original_message_number="1"))[1] == (reason, None)


def test_two_equal_trades_and_one_cancel_ends_the_older():
    trade = message(0, "1")
    reports = delivered(trade, message(1, "1", on=0), ending("X", 2, trade))
    for ends in ((0, 1, 2), (2,), (0, 2), (1, 2)):
        closing = remembered(reports, *ends).events.filter(pl.col("closes_record_number").is_not_null())
        assert closing.select("closes_delivery_date", "closes_record_number").rows() == [(trade["delivery_date"], 1)]


def test_two_equal_trades_and_two_cancels_end_both_once():
    trade = message(0, "1")
    reports = delivered(trade, trade, ending("X", 0, trade), ending("X", 4, trade), ending("X", 5, trade))
    for ends in ((0, 4, 5), (5,)):
        events = remembered(reports, *ends).events
        assert events["closes_record_number"].to_list() == [None, None, 1, 2, None]
        assert events["reason"].to_list() == [None, None, "cancel_message", "cancel_message", "cancel_message_without_trade"]


@pytest.mark.parametrize("later", [0, 3])
def test_a_cancel_delivered_before_its_trade_ends_nothing(later):
    trade = message(later, "1", on=0)
    assert told(ending("X", 0, trade), trade) == [("cancel_message_without_trade", None), (None, None)]


@pytest.mark.parametrize("later", [0, 3])
def test_a_cancel_that_came_too_early_does_not_use_up_the_trade(later):
    trade = message(later, "1", on=0)
    story = told(ending("X", 0, trade), trade, ending("X", 5, trade))
    assert story == [("cancel_message_without_trade", None), (None, None), ("cancel_message", "1")]


def test_a_rejected_trade_is_ended_too():
    trade = message(0, "1", par_usd=5000.0)
    assert told(trade, ending("X", 1, trade)) == [("small_par", None), ("cancel_message", "1")]


def test_a_trade_put_right_is_found_by_what_was_reported():
    usual, shifted = message(0, "1"), message(1, "2", price=10.01)
    assert told(usual, shifted, ending("X", 1, shifted), ending("X", 3, shifted, number="3"))[2:] == [
        ("cancel_message", "2"), ("cancel_message_without_trade", None)
    ]
    assert told(usual, shifted, ending("X", 2, shifted))[2] == ("cancel_message", "2")


def _terms(*messages: dict, **nulls: None) -> pl.DataFrame:
    """Messages with a null where `nulls` says so, which the warehouse would refuse."""
    frame = delivered(*messages).with_columns(price_as_reported=pl.col("price"))
    return frame.with_columns(pl.lit(None, frame.schema[name]).alias(name) for name in nulls)


@pytest.mark.parametrize("field", ["side", "contra"])
def test_null_terms_match_null_and_kill_nothing_else(field):
    trade = message(0, "1")
    complete = _terms(trade, message(0, "2"))
    holed = _terms(trade, message(0, "2"), message(0, "3"), **{field: None}).with_columns(pl.col("record_number") + 10)
    cancel = _terms(ending("X", 0, trade), **{field: None}).with_columns(pl.col("record_number") + 20)
    found = match_endings(pl.concat([complete, holed, cancel]), complete.clear())
    assert found.select("record_number", "closes_record_number").rows() == [(21, 11)]


def test_a_cancel_without_number_ends_no_numberless_trade_by_accident():
    trade = message(0, "1")
    reports = pl.concat([_terms(trade), _terms(message(0, "2"), message(0, "3"), ending("Y", 0, trade, original_message_number=None)).with_columns(pl.col("record_number") + 5)])
    assert match_endings(reports, reports.clear()).is_empty()


def test_terms_are_the_seven_of_the_reference():
    assert {"cusip", "execution_date", "executed_at", "price_as_reported", "par_usd", "side", "contra"} == set(TERMS)


def test_a_day_without_reports_teaches_nothing():
    assert remembered(delivered(message(0, "1")), 0, 1, 2).events.height == 1
    assert remembered(delivered()).events.is_empty()


def test_in_equals_out_and_order_is_by_delivery():
    trade = message(2, "1", cusip=CUSIP)
    reports = delivered(trade, ending("X", 2, trade), message(0, "7"), message(1, "8", side="B", contra="D"))
    assert remembered(reports).events.select(ID).rows() == sorted(reports.select(ID).rows())
