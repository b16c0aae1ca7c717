"""The cases that published pipelines get wrong, and others as awkward: each must come out right.

The first group is section "edge cases" of docs/trace_cleaning.md, in its order.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from itertools import permutations

import polars as pl
import pytest

from bondsig_assets.securities.cusips import with_check_digit
from bondsig_assets_tests.trace.stories import NEW, OLD, again, outcomes, report

NEXT, AFTER = OLD + timedelta(days=1), OLD + timedelta(days=2)


def test_old_cancel():
    trade = report(OLD, "1")
    assert outcomes(trade, again(trade, "C", "2")) == ["ended_by_cancel < 1", "cancel_message < 0"]


@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_old_correction_chain_of_any_length(steps):
    chain = [report(OLD, "1")]
    for k in range(steps):
        chain.append(again(chain[-1], "W", str(k + 2), reported=f"16:00:0{k}", price=100.5 + k))
    assert outcomes(*chain) == [f"ended_by_correction < {k + 1}" for k in range(steps)] + ["trade"]


def test_old_chain_that_changes_the_execution_time():
    first = report(OLD, "1")
    second = again(first, "W", "2", executed_at=datetime.combine(OLD, time(10, 30)))
    third = again(
        second,
        "W",
        "3",
        reported="16:30:00",
        executed_at=datetime.combine(OLD, time(11)),
        price=101.0,
    )
    assert outcomes(first, second, third) == [
        "ended_by_correction < 1",
        "ended_by_correction < 2",
        "trade",
    ]


def test_old_cancel_of_a_correction():
    first = report(OLD, "1")
    second = again(first, "W", "2", price=101.0)
    assert outcomes(first, second, again(second, "C", "3", reported="17:00:00")) == [
        "ended_by_correction < 1",
        "ended_by_cancel < 2",
        "cancel_message < 1",
    ]


def test_a_reversal_after_the_cut_of_a_trade_from_before():
    trade = report(date(2012, 2, 1), "0004711")
    reversal = again(trade, "Y", "0000009", day=date(2012, 3, 15))
    assert outcomes(trade, reversal) == ["ended_by_reversal < 1", "reversal_message < 0"]
    # Its pointer may mean nothing in today's numbers: the terms still name the trade.
    assert outcomes(trade, reversal | {"original_message_number": "0999999"}) == [
        "ended_by_reversal < 1",
        "reversal_message < 0",
    ]


def test_a_cancel_without_a_side_ends_its_own_trade_alone():
    trade, other = report(NEW, "1", side=None), report(NEW, "2", side=None)
    assert outcomes(trade, other, again(trade, "X", "1", points=False)) == [
        "ended_by_cancel < 2",
        "trade",
        "cancel_message < 0",
    ]
    with_side = report(NEW, "1")
    assert outcomes(with_side, other, again(with_side, "X", "1", side=None)) == [
        "ended_by_cancel < 2",
        "trade",
        "cancel_message < 0",
    ]


def test_affiliates_are_counted_and_listed():
    assert outcomes(report(NEW, "1", contra="A"), report(NEW, "2")) == ["affiliate", "trade"]


def test_one_sell_leg_and_two_buy_legs():
    legs = [
        report(NEW, str(k), contra="D", side=side, at=f"10:0{k}:00") for k, side in enumerate("SBB")
    ]
    assert outcomes(*legs) == ["trade", "interdealer_buy_leg < 0", "trade"]


def test_a_reversal_that_names_the_later_of_two_equal_trades():
    first, second = report(OLD, "1", at="10:00:00"), report(OLD, "2", at="11:00:00")
    reversal = report(NEXT, "3", on=OLD, at="11:00:00", asof_code="R")
    assert outcomes(first, second, reversal) == [
        "trade",
        "ended_by_reversal < 2",
        "reversal_message < 1",
    ]


def test_both_dealers_correct_the_same_trade_twice():
    sold, bought = report(OLD, "1", contra="D"), report(OLD, "2", contra="D", side="B")
    once = [
        again(leg, "W", number, reported="12:00:00", price=100.5)
        for leg, number in ((sold, "3"), (bought, "4"))
    ]
    twice = [
        again(leg, "W", number, reported="13:00:00", price=101.0)
        for leg, number in zip(once, "56", strict=True)
    ]
    assert outcomes(sold, bought, *once, *twice) == [
        "ended_by_correction < 2",
        "ended_by_correction < 3",
        "ended_by_correction < 4",
        "ended_by_correction < 5",
        "trade",
        "interdealer_buy_leg < 4",
    ]


def test_regular_settlement_code_of_the_time_stays():
    assert outcomes(
        report(OLD, "1", days_to_settle=3), report(OLD, "2", days_to_settle=7), screens="research"
    ) == ["trade", "non_standard_settlement"]


def test_reversal_and_reentry_on_the_same_later_date():
    trade = report(OLD, "1")
    reversal = report(NEXT, "2", on=OLD, asof_code="R", reported="09:00:00")
    reentered = report(NEXT, "3", on=OLD, asof_code="A", reported="09:00:05", price=101.0)
    assert outcomes(trade, reversal, reentered) == [
        "ended_by_reversal < 1",
        "reversal_message < 0",
        "trade",
    ]


# Beyond the published cases.


def test_a_corrected_reversal_is_no_trade():
    trade = report(OLD, "1")
    reversal = report(NEXT, "3", on=OLD, asof_code="R", reported="09:00:00")
    assert outcomes(trade, reversal, again(reversal, "W", "4", reported="10:00:00")) == [
        "ended_by_reversal < 1",
        "reversal_message < 0",
        "reversal_message_without_trade < 0",
    ]
    wrong = reversal | {"price": 99.0}
    assert outcomes(trade, wrong, again(wrong, "W", "4", reported="10:00:00", price=100.0)) == [
        "ended_by_reversal < 2",
        "reversal_message_without_trade",
        "reversal_message < 0",
    ]


def test_a_cancelled_reversal_gives_its_trade_back_and_another_may_take_it():
    trade = report(OLD, "1")
    reversal = report(NEXT, "3", on=OLD, asof_code="R", reported="09:00:00")
    cancel = again(reversal, "C", "4", reported="10:00:00", asof_code=None)
    assert outcomes(trade, reversal, cancel) == [
        "trade",
        "reversal_message < 0",
        "cancel_message < 1",
    ]
    # The same cancel reported twice undoes nothing more.
    second = report(AFTER, "5", on=OLD, asof_code="R", reported="09:00:00")
    cancelled_again = again(
        reversal, "C", "6", day=AFTER, reported="11:00:00", asof_code=None, prior_report_date=NEXT
    )
    expected = [
        "ended_by_reversal < 3",
        "reversal_message < 0",
        "cancel_message < 1",
        "reversal_message < 0",
    ]
    assert outcomes(trade, reversal, cancel, second, cancelled_again) == [
        *expected,
        "cancel_message < 1",
    ]
    # Until it was cancelled the reversal held.
    moment = datetime.combine(NEXT, time(9, 30))
    assert outcomes(trade, reversal, cancel, as_of=moment) == [
        "ended_by_reversal < 1",
        "reversal_message < 0",
        "reported_later",
    ]


def test_the_cancel_of_a_corrected_reversal_means_its_correction():
    trade = report(OLD, "1")
    wrong = report(NEXT, "3", on=OLD, asof_code="R", reported="09:00:00", price=99.0)
    right = again(wrong, "W", "4", reported="10:00:00", price=100.0)
    for meant in (wrong, right):
        cancel = again(meant, "C", "5", reported="11:00:00", asof_code=None)
        place = 1 if meant is wrong else 2
        assert outcomes(trade, wrong, right, cancel) == [
            "trade",
            "reversal_message_without_trade",
            "reversal_message < 0",
            f"cancel_message < {place}",
        ]


def test_a_leg_whose_reversal_was_cancelled_pairs_again():
    sold, bought = report(OLD, "1", contra="D"), report(OLD, "2", contra="D", side="B")
    reversal = report(NEXT, "3", on=OLD, asof_code="R", reported="09:00:00", contra="D")
    cancel = again(reversal, "C", "4", reported="10:00:00", asof_code=None)
    assert outcomes(sold, bought, reversal)[:2] == ["ended_by_reversal < 2", "trade"]
    assert outcomes(sold, bought, reversal, cancel)[:2] == ["trade", "interdealer_buy_leg < 0"]
    of_the_buyer = reversal | {"side": "B"}
    assert outcomes(
        sold,
        bought,
        of_the_buyer,
        again(of_the_buyer, "C", "4", reported="10:00:00", asof_code=None),
    )[:2] == ["trade", "interdealer_buy_leg < 0"]


@pytest.mark.parametrize(
    ("enhanced_reported", "reason"),
    [
        ("08:00:00", "superseded_feed < 3"),
        ("09:30:00", "ended_by_reversal < 1"),
        ("11:00:00", "superseded_feed < 3"),
    ],
)
def test_a_better_feed_ends_what_stands_when_it_comes(enhanced_reported, reason):
    trade = report(OLD, "1", feed="standard")
    reversal = report(NEXT, "3", on=OLD, asof_code="R", reported="09:00:00", feed="standard")
    cancel = again(reversal, "C", "4", reported="10:00:00", asof_code=None)
    better = report(NEXT, "7", on=OLD, reported=enhanced_reported)
    assert outcomes(trade, reversal, cancel, better)[0] == reason


def test_a_cancel_under_a_number_of_its_own_names_its_trade_by_prior_reference():
    trade = report(date(2012, 2, 3), "17")
    assert outcomes(
        trade, again(trade, "X", "99", day=date(2012, 2, 6), prior_report_date=date(2012, 2, 3))
    ) == ["ended_by_cancel < 1", "cancel_message < 0"]


@pytest.mark.parametrize(
    ("worse", "number"),
    [("academic", "2012345601"), ("web", None), ("standard", "7"), ("144a", "8")],
)
def test_every_feed_gives_way_to_a_better_one(worse, number):
    assert outcomes(report(NEW, "1"), report(NEW, number, feed=worse)) == [
        "trade",
        "superseded_feed < 0",
    ]


def test_a_report_without_a_readable_date_is_set_aside():
    assert outcomes(
        report(NEW, "1"),
        report(NEW, "2") | {"report_date": None, "reported_at": None},
        view="regulatory",
    ) == ["trade", "impossible_date"]


def test_delayed_reversal_and_delayed_dissemination():
    trade, shown_late = report(OLD, "1"), report(OLD, "2", asof_code="D", price=99.0)
    assert outcomes(trade, shown_late, report(NEXT, "3", on=OLD, asof_code="X")) == [
        "ended_by_reversal < 2",
        "trade",
        "reversal_message < 0",
    ]


def test_a_reversal_never_takes_what_was_reported_after_it():
    reversal = report(NEXT, "2", on=OLD, asof_code="R", reported="09:00:00")
    late = report(NEXT, "3", on=OLD, asof_code="A", reported="09:30:00")
    assert outcomes(reversal, late) == ["reversal_message_without_trade", "trade"]


def test_reversals_are_one_to_one():
    trade = report(OLD, "1")
    twice = [
        report(NEXT, number, on=OLD, asof_code="R", reported=reported)
        for number, reported in (("2", "09:00:00"), ("3", "09:30:00"))
    ]
    assert outcomes(trade, *twice) == [
        "ended_by_reversal < 1",
        "reversal_message < 0",
        "reversal_message_without_trade",
    ]


def test_a_reversal_at_another_time_takes_the_nearest():
    trades = [
        report(OLD, str(k), at=at) for k, at in enumerate(("09:00:00", "11:00:00", "15:00:00"))
    ]
    assert (
        outcomes(
            *trades, report(NEXT, "9", on=OLD, at="11:20:00", asof_code="R", reported="09:00:00")
        )[1]
        == "ended_by_reversal < 3"
    )


def test_a_correction_of_a_corrected_trade_means_its_newest_version():
    first = report(OLD, "1")
    second = again(first, "W", "2", price=101.0)
    third = again(first, "W", "3", reported="17:00:00", price=102.0)
    assert outcomes(first, second, third) == [
        "ended_by_correction < 1",
        "ended_by_correction < 2",
        "trade",
    ]


def test_a_cancelled_trade_cannot_be_corrected():
    trade = report(OLD, "1")
    assert outcomes(trade, again(trade, "C", "2"), again(trade, "W", "3", reported="17:00:00")) == [
        "ended_by_cancel < 1",
        "cancel_message < 0",
        "correction_of_ended_trade < 1",
    ]


def test_a_correction_whose_original_is_not_in_the_file_stands():
    assert outcomes(again(report(OLD, "1"), "W", "2", price=101.0)) == ["trade"]


def test_old_numbers_are_those_of_one_report_date():
    today, tomorrow = report(OLD, "1"), report(NEXT, "1")
    assert outcomes(today, tomorrow, again(tomorrow, "C", "2")) == [
        "trade",
        "ended_by_cancel < 2",
        "cancel_message < 1",
    ]


def test_leading_zeros_do_not_matter():
    trade = report(OLD, "0000017")
    assert outcomes(trade, again(trade, "C", "0000018") | {"original_message_number": "17"}) == [
        "ended_by_cancel < 1",
        "cancel_message < 0",
    ]


@pytest.mark.parametrize("later", [0, 1, 19])
def test_new_cancel_on_the_same_or_a_later_day(later):
    trade = report(NEW, "1")
    assert outcomes(trade, again(trade, "X", "1", day=NEW + timedelta(days=later))) == [
        "ended_by_cancel < 1",
        "cancel_message < 0",
    ]


@pytest.mark.slow
def test_new_chain_ends_with_its_last_version_also_when_told_in_the_same_second():
    first = report(NEW, "1")
    parts = [first, again(first, "C", "1", points=False)]
    second = again(first, "R", "2", price=101.0)
    parts += [second, again(second, "C", "2", points=False), again(second, "R", "3", price=102.0)]
    expected = {
        ("T", 100.0): "ended_by_correction",
        ("R", 101.0): "ended_by_correction",
        ("R", 102.0): "trade",
    }
    for order in permutations(range(1, 5)):
        story = [parts[0], *(parts[k] for k in order)]
        became = outcomes(*story)
        for part, outcome in zip(story, became, strict=True):
            assert outcome.split(" <")[0] == expected.get(
                (part["status"], part["price"]), "correction_message"
            ), order


def test_the_same_number_on_another_day_is_told_apart_by_the_prior_report_date():
    first, second = report(NEW, "1"), report(NEW + timedelta(days=1), "1", on=NEW)
    cancel = again(
        second, "X", "1", day=NEW + timedelta(days=2), prior_report_date=second["report_date"]
    )
    assert outcomes(first, second, cancel) == ["trade", "ended_by_cancel < 2", "cancel_message < 1"]


def test_prior_reference_names_the_trade_though_a_term_was_mistyped():
    trade = report(NEW, "1")
    cancel = again(trade, "X", "1", prior_report_date=NEW, price=100.5)
    assert outcomes(trade, cancel) == ["ended_by_cancel < 1", "cancel_message < 0"]
    assert outcomes(trade, cancel | {"prior_report_date": None}) == [
        "trade",
        "cancel_message_without_trade",
    ]


def test_first_control_number_leads_to_the_newest_version():
    first = report(NEW, "1")
    chain = {"first_control_date": NEW, "first_control_number": "1"}
    gone, second = again(first, "C", "1", **chain), again(first, "R", "2", price=101.0, **chain)
    reversal = again(first, "Y", "8", day=NEW + timedelta(days=30), **chain)
    assert outcomes(first, gone, second, reversal) == [
        "ended_by_correction < 1",
        "correction_message < 0",
        "ended_by_reversal < 3",
        "reversal_message < 2",
    ]


def test_a_replacement_ends_its_original_when_the_correction_message_is_missing():
    first = report(NEW, "1")
    second = again(first, "R", "2", price=101.0, prior_report_date=NEW)
    assert outcomes(first, second) == ["ended_by_correction < 1", "trade"]


def test_a_cancel_delivered_twice_ends_one_trade():
    trade, twin = report(NEW, "1"), report(NEW, "1", at="10:00:00", reported="10:30:00")
    cancel = again(trade, "X", "1")
    assert outcomes(trade, twin, cancel, dict(cancel))[2:] == [
        "cancel_message < 0",
        "duplicate_report < 2",
    ]
    assert outcomes(trade, cancel, again(trade, "X", "1", reported="17:00:00")) == [
        "ended_by_cancel < 1",
        "cancel_message < 0",
        "cancel_message_without_trade < 0",
    ]


def test_the_same_file_twice_changes_nothing():
    trade = report(NEW, "1")
    story = [
        trade,
        again(trade, "X", "1"),
        report(NEW, "2"),
        report(NEW, "3", contra="D"),
        report(NEW, "4", contra="D", side="B"),
    ]
    once = outcomes(*story)
    assert outcomes(*story, *story) == once + [f"duplicate_report < {k}" for k in range(len(story))]


def test_an_unknown_status_is_listed():
    assert outcomes(report(NEW, "1", status="Q")) == ["unknown_status"]


def test_a_locked_in_report_stands_for_both_sides():
    locked = report(NEW, "1", contra="D", is_locked_in=True)
    assert outcomes(locked, report(NEW, "2", contra="D", side="B")) == ["trade", "trade"]
    given_up = report(OLD, "1", contra="D", give_up_code="A")
    assert outcomes(given_up, report(OLD, "2", contra="D", side="B")) == ["trade", "trade"]


@pytest.mark.parametrize(
    ("day", "flag"), [(NEW, {"is_locked_in": True}), (OLD, {"give_up_code": "A"})]
)
def test_two_sides_that_one_firm_reports_are_one_trade(day, flag):
    sell = report(day, "1", contra="D", at="10:00:00", **flag)

    def buy(number="2", at="10:00:04", **changes):
        return report(day, number, contra="D", side="B", at=at, **flag | changes)

    one = ["trade", "interdealer_buy_leg < 0"]
    assert outcomes(sell, buy()) == one
    assert outcomes(sell, buy(at="10:01:00")) == one
    # Later, at other terms, or of the same side: another trade.
    for other in (
        buy(at="10:01:01"),
        buy(price=99.0),
        buy(par_usd=5.0),
        report(day, "2", contra="D", at="10:00:00", **flag),
    ):
        assert outcomes(sell, other) == ["trade", "trade"]
    # A dealer's own report is of another trade than one that was locked in.
    own = report(day, "3", contra="D", side="B", at="10:00:00")
    assert outcomes(sell, own, buy()) == ["trade", "trade", "interdealer_buy_leg < 0"]
    # Cancelled, the side that is left stands for both again.
    ends = again(sell, "X", "1", points=False) if day == NEW else again(sell, "C", "9")
    assert outcomes(sell, buy(), ends)[1] == "trade"


def test_locked_in_reports_without_a_time_stay_apart():
    sides = [
        report(NEW, str(k), contra="D", side=side, is_locked_in=True) | {"executed_at": None}
        for k, side in enumerate("SB")
    ]
    assert outcomes(*sides) == ["trade", "trade"]


def test_legs_pair_with_the_nearest_whatever_their_order():
    early, late = (
        report(NEW, "1", contra="D", at="10:00:00"),
        report(NEW, "2", contra="D", at="15:00:00"),
    )
    buys = [
        report(NEW, "3", contra="D", side="B", at="14:59:00"),
        report(NEW, "4", contra="D", side="B", at="10:01:00"),
        report(NEW, "5", contra="D", side="B", at="12:00:00"),
    ]
    legs, orders = [early, late, *buys], list(permutations(range(5)))
    # Each order in a bond of its own, and all of them cleaned at once.
    cusips = with_check_digit(pl.Series([f"{n:08}" for n in range(len(orders))]))
    story = [
        legs[k]
        | {
            "cusip": cusip,
            "reported_at": datetime.combine(NEW, time(16)) + timedelta(minutes=place),
        }
        for cusip, order in zip(cusips, orders, strict=True)
        for place, k in enumerate(order)
    ]
    became = outcomes(*story)
    for n, order in enumerate(orders):
        place = {k: 5 * n + at for at, k in enumerate(order)}
        assert {k: became[place[k]] for k in range(5)} == {
            0: "trade",
            1: "trade",
            2: f"interdealer_buy_leg < {place[1]}",
            3: f"interdealer_buy_leg < {place[0]}",
            4: "trade",
        }


def test_a_corrected_buy_leg_is_not_counted_beside_its_sell_leg():
    sold, bought = report(NEW, "1", contra="D"), report(NEW, "2", contra="D", side="B")
    story = [sold, bought, again(bought, "C", "2", points=False), again(bought, "R", "3")]
    assert outcomes(*story) == [
        "trade",
        "ended_by_correction < 2",
        "correction_message < 1",
        "interdealer_buy_leg < 0",
    ]


def test_a_buy_leg_stands_again_when_its_sell_leg_is_cancelled():
    sold, bought = report(NEW, "1", contra="D"), report(NEW, "2", contra="D", side="B")
    assert outcomes(sold, bought, again(sold, "X", "1")) == [
        "ended_by_cancel < 2",
        "trade",
        "cancel_message < 0",
    ]


def test_dealers_known_by_name_must_cross():
    sold = report(NEW, "1", contra="D", reporting_party="x", contra_party="y")
    stranger = report(NEW, "2", contra="D", side="B", reporting_party="z", contra_party="x")
    partner = report(
        NEW, "3", contra="D", side="B", at="10:09:00", reporting_party="y", contra_party="x"
    )
    assert outcomes(sold, stranger, partner) == ["trade", "trade", "interdealer_buy_leg < 0"]
    assert outcomes(report(NEW, "4", contra="D", reporting_party="x", contra_party="x")) == [
        "self_trade"
    ]


def test_messages_without_numbers_match_by_all_terms():
    trade, twin = report(NEW, None), report(NEW, None, at="10:00:01")
    assert outcomes(trade, twin, again(trade, "X", None)) == [
        "ended_by_cancel < 2",
        "trade",
        "cancel_message < 0",
    ]


def test_dissemination_feeds_point_on_every_date():
    trade = report(NEW, "0006785", feed="standard")
    cancel = again(trade, "C", "0003463", day=NEW + timedelta(days=3), prior_report_date=NEW)
    assert outcomes(trade, cancel) == ["ended_by_cancel < 1", "cancel_message < 0"]


def test_a_dissemination_feed_without_times_has_the_cancel_after_its_trade():
    trade = report(NEW, "0006785", feed="standard", reported_at=None)
    cancel = again(trade, "C", "0003463", reported_at=None)
    assert outcomes(cancel, trade) == ["cancel_message < 1", "ended_by_cancel < 0"]


def test_enhanced_stands_before_standard_for_the_same_bond_and_day():
    better, worse = report(NEW, "1"), report(NEW, "2", feed="standard")
    elsewhere = report(NEW, "3", feed="144a", cusip="459200HU8")
    assert outcomes(better, worse, elsewhere) == ["trade", "superseded_feed < 0", "trade"]


def test_screens_come_after_matching():
    """A pair whose flags differ is still a pair, and a cancel without the flag still ends the
    trade.
    """
    trade = report(NEW, "1", is_special_price=True)
    assert outcomes(trade, again(trade, "X", "1", is_special_price=False), screens="research") == [
        "ended_by_cancel < 1",
        "cancel_message < 0",
    ]
    sold, bought = (
        report(NEW, "1", contra="D", is_special_price=True),
        report(NEW, "2", contra="D", side="B"),
    )
    assert outcomes(sold, bought, screens="research") == [
        "special_price",
        "interdealer_buy_leg < 0",
    ]
