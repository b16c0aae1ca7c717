"""Late data: capped reports that are completed, deliveries twice, late or out of order; the past
stays as it was.
"""

from __future__ import annotations

from datetime import time

import polars as pl

from bondsig_assets_tests.trace.messages import (
    DAYS,
    ID,
    bond,
    daily,
    delivered,
    ending,
    message,
    newest,
    processed,
)


def _standard(day: int, number: str, **changes):
    return message(day, number, feed="standard", par_usd=5e6, is_par_capped=True, **changes)


def _enhanced(delivery: int, day: int, number: str, **changes):
    """A report of DAYS[day] that was delivered on DAYS[delivery]."""
    reported = message(
        delivery, number, on=day, feed="enhanced", par_usd=17e6, is_par_capped=False, **changes
    )
    return reported | {"report_date": DAYS[day], "reported_at": message(day, number)["reported_at"]}


def test_the_uncapped_par_is_a_new_fact_and_the_past_stays_capped():
    reports = delivered(_standard(0, "11"), _standard(1, "12"), _enhanced(60, 0, "7"))
    for tables in (processed(reports), daily(reports)):
        events = tables.events
        early = newest(events.filter(pl.col("known_date") < DAYS[60])).filter(
            pl.col("reason").is_null()
        )
        late = newest(events).filter(pl.col("reason").is_null())
        assert early.select("message_number", "par_usd", "is_par_capped").rows() == [
            ("11", 5e6, True),
            ("12", 5e6, True),
        ]
        assert late.select("message_number", "par_usd", "is_par_capped").sort(
            "message_number"
        ).rows() == [("12", 5e6, True), ("7", 17e6, False)]
        superseded = events.filter(pl.col("reason") == "superseded_feed")
        assert superseded.select("known_date", "cause_delivery_date").rows() == [
            (DAYS[60], DAYS[60])
        ]
        days = (
            tables.revisions.filter(pl.col("trade_date") == DAYS[0])
            .select("known_date", "par_usd", "n_capped", "uncapped_par_usd")
            .rows()
        )
        assert days == [(DAYS[0], 5e6, 1, 0.0), (DAYS[60], 17e6, 0, 17e6)]


def test_what_was_cancelled_before_completion_stays_cancelled_and_is_not_completed_twice():
    trade = _standard(0, "11")
    cancel = ending(
        "C",
        1,
        trade,
        number="12",
        feed="standard",
        is_par_capped=True,
        original_message_number="11",
        prior_report_date=DAYS[0],
    )
    real = _enhanced(60, 0, "7")
    gone = ending("X", 60, real, feed="enhanced", is_par_capped=False)
    events = newest(processed(delivered(trade, cancel, real, gone)).events)
    assert events.sort(ID)["reason"].to_list() == [
        "ended_by_cancel",
        "cancel_message",
        "ended_by_cancel",
        "cancel_message",
    ]


def test_capped_and_uncapped_days_differ():
    whole = processed(
        delivered(_standard(0, "1"), message(0, "2", feed="standard", par_usd=3e6, at=time(11)))
    ).revisions
    assert whole.select("par_usd", "uncapped_par_usd", "n_capped", "n_trades").rows() == [
        (8e6, 3e6, 1, 2)
    ]


def test_two_deliveries_that_overlap_are_one():
    trade, other = message(0, "1"), message(1, "2")
    once = processed(delivered(trade, other, ending("X", 2, trade)))
    again = trade | {"delivery_date": DAYS[1]}
    twice = processed(delivered(trade, other, again, ending("X", 2, trade)))
    assert twice.revisions.equals(once.revisions)
    assert newest(twice.events)["reason"].to_list() == [
        "ended_by_cancel",
        None,
        "duplicate_report",
        "cancel_message",
    ]


def test_a_cancel_for_a_day_long_stored_touches_that_day_alone():
    trades = [message(day, str(day), price=100.0 + day / 10) for day in range(40)]
    tables = processed(delivered(*trades, ending("X", 45, trades[3])), bonds=bond())
    late = tables.revisions.filter(pl.col("known_date") == DAYS[45])
    assert late.select("trade_date", "n_trades").rows() == [(DAYS[3], 0)]
