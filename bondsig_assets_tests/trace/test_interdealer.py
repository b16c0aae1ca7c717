"""Inter-dealer trades are reported twice and counted once: one to one, whatever the order.

Stories as in `test_lifecycle`: for each message its reason and the number of the message it ends.
"""

from __future__ import annotations

from datetime import time

import pytest

from bondsig_assets_tests.trace.messages import delivered, ending, message, remembered, told

BUY, SELL = {"side": "B", "contra": "D"}, {"side": "S", "contra": "D"}
STANDS, LEG = (None, None), ("interdealer_buy_leg", None)


def test_the_sell_leg_is_the_trade_in_either_order():
    assert told(message(0, "1", **SELL), message(0, "2", **BUY)) == [STANDS, LEG]
    assert told(message(0, "1", **BUY), message(0, "2", **SELL)) == [LEG, STANDS]


def test_a_surplus_buy_leg_stays():
    story = told(message(0, "1", **SELL), message(0, "2", **BUY), message(0, "3", **BUY))
    assert story == [STANDS, LEG, STANDS]


def test_surplus_sell_legs_stay():
    story = told(message(0, "1", **SELL), message(0, "2", **SELL), message(0, "3", **SELL), message(0, "4", **BUY))
    assert story == [STANDS, STANDS, STANDS, LEG]


def test_pairs_are_counted_among_their_own_terms():
    story = told(message(0, "1", price=101.0, **SELL), message(0, "2", par_usd=2e5, **SELL), message(0, "3", **SELL), message(0, "4", **BUY))
    assert story == [STANDS, STANDS, STANDS, LEG]


def test_pairs_count_by_time_of_execution():
    story = told(message(0, "1", at=time(15), **BUY), message(0, "2", at=time(9), **BUY), message(0, "3", **SELL))
    assert story == [STANDS, LEG, STANDS]


def test_a_later_sell_leg_ends_the_earlier_buy_leg():
    story = told(message(0, "1", **BUY), message(1, "2", on=0, **SELL))
    assert story == [STANDS, (None, "1")]


def test_a_later_buy_leg_is_no_trade():
    assert told(message(0, "1", **SELL), message(1, "2", on=0, **BUY)) == [STANDS, LEG]


def test_each_later_sell_leg_ends_one_buy_leg():
    story = told(
        message(0, "1", **BUY), message(0, "2", at=time(11), **BUY), message(1, "3", on=0, **SELL), message(2, "4", on=0, **SELL),
        message(3, "5", on=0, **SELL),
    )
    assert story == [STANDS, STANDS, (None, "1"), (None, "2"), STANDS]


@pytest.mark.parametrize("difference", [{"price": 100.01}, {"par_usd": 2e5}, {"cusip": "459200HU8"}])
def test_legs_of_different_terms_are_no_pair(difference):
    assert "interdealer_buy_leg" not in dict(told(message(0, "1", **SELL), message(0, "2", **BUY, **difference)))


def test_legs_of_different_execution_dates_are_no_pair():
    assert told(message(0, "1", **SELL), message(1, "2", **BUY)) == [STANDS, STANDS]


def test_customer_trades_are_never_paired():
    assert told(message(0, "1", side="S"), message(0, "2", side="B")) == [STANDS, STANDS]


def test_an_affiliate_print_is_rejected_by_name():
    assert told(message(0, "1", contra="A"), message(0, "2", side="B", contra="A"), message(0, "3")) == [("affiliate", None)] * 2 + [STANDS]


@pytest.mark.parametrize("day_of_sell", [1, 2, 3])
def test_a_cancel_of_a_buy_leg_finds_it_though_a_sell_leg_ended_it(day_of_sell):
    bought = message(0, "1", **BUY)
    messages = [bought, message(day_of_sell, "2", on=0, **SELL), ending("X", 2, bought)]
    assert told(*messages) == [STANDS, (None, "1"), ("cancel_message", "1")]


def test_the_bond_day_counts_a_pair_once():
    reports = delivered(message(0, "1", **SELL), message(0, "2", **BUY), message(0, "3", **BUY), message(1, "4", on=0, **SELL))
    days = remembered(reports).revisions.select("n_trades", "par_usd", "n_interdealer").rows()
    assert days == [(2, 200_000.0, 2), (2, 200_000.0, 2)]
