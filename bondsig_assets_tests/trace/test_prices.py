"""Price errors: judged by earlier prints alone, confirmed by later ones, and never before them."""

from __future__ import annotations

from datetime import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.trace.prices import ANCHOR_DAYS, CONFIRMATION_DAYS
from bondsig_assets_tests.trace.messages import (
    DAYS,
    ID,
    bond,
    daily,
    delivered,
    message,
    newest,
    processed,
)


def verdicts(*messages, bonds: pl.DataFrame | None = None) -> list[tuple]:
    """(price_verdict on arrival, reason now, price now, day since when) of each message, the same
    at once and day by day.
    """
    reports = delivered(*messages)
    events = processed(reports, bonds=bonds).events
    assert events.equals(daily(reports, bonds).events)
    first = events.filter(pl.col("revision") == 0).sort(ID)
    last = newest(events)
    rows = zip(
        first["price_verdict"], last["reason"], last["price"], last["known_date"], strict=True
    )
    found = dict(zip(first.select(ID).rows(), rows, strict=True))
    return [(*found[key][:3], DAYS.index(found[key][3])) for key in reports.select(ID).rows()]


@pytest.mark.parametrize(
    ("reported", "right"), [(10.02, 100.2), (1002.0, 100.2), (1.003, 100.3), (1000.0, 100.0)]
)
def test_a_decimal_shift_is_put_right_at_once(reported, right):
    verdict, reason, price, day = verdicts(
        message(0, "1"), message(1, "2", price=min(reported, 1000.0))
    )[1]
    assert (verdict, reason, day) == ("shifted", None, 1)
    assert price == pytest.approx(min(reported, 1000.0) * right / reported, rel=1e-9)


@pytest.mark.parametrize("price", [83.4, 119.9, 100.0])
def test_within_twenty_percent_a_print_is_believed(price):
    assert verdicts(message(0, "1"), message(1, "2", price=price))[1] == (
        "believed",
        None,
        price,
        1,
    )


@pytest.mark.parametrize("price", [80.0, 125.0, 11.0, 900.0])
def test_a_stray_print_is_quarantined_and_stays_so(price):
    assert verdicts(message(0, "1"), message(1, "2", price=price), message(2, "3"))[1:] == [
        ("quarantined", "price_error", price, 1),
        ("believed", None, 100.0, 2),
    ]


def test_a_bond_that_is_worth_little_may_move_by_two_points():
    assert verdicts(
        message(0, "1", price=4.0), message(1, "2", price=6.0), message(2, "3", price=1.5)
    )[1:] == [("believed", None, 6.0, 1), ("quarantined", "price_error", 1.5, 2)]


def test_without_earlier_prints_a_print_is_believed():
    assert verdicts(message(0, "1", price=3.0)) == [("believed", None, 3.0, 0)]


def test_three_executions_in_a_row_confirm_each_other_when_the_third_arrives():
    crash = [message(1 + k, str(k), price=40.0 + k / 10) for k in range(3)]
    assert verdicts(message(0, "a"), *crash)[1:] == [
        ("quarantined", None, 40.0, 3),
        ("quarantined", None, 40.1, 3),
        ("confirming", None, 40.2, 3),
    ]


def test_on_one_day_too_and_from_the_third_ones_arrival():
    crash = [message(1, str(k), price=40.0, at=time(10 + k)) for k in range(3)]
    events = processed(delivered(message(0, "a"), *crash)).events.filter(pl.col("price") == 40.0)
    assert events.select("record_number", "revision", "reason").rows() == [
        (1, 0, "price_error"),
        (1, 1, None),
        (2, 0, "price_error"),
        (2, 1, None),
        (3, 0, None),
    ]


def test_the_legs_of_one_execution_do_not_confirm_each_other():
    legs = [
        message(1, str(k), price=40.0, at=time(10, 0, k), side=side) for k, side in enumerate("SBS")
    ]
    assert {row[1] for row in verdicts(message(0, "a"), *legs)[1:]} == {"price_error"}


def test_a_believed_print_between_them_breaks_the_run():
    story = [
        message(0, "a"),
        message(1, "1", price=40.0),
        message(2, "2", price=40.0),
        message(3, "3"),
        message(4, "4", price=40.0),
    ]
    assert [row[1] for row in verdicts(*story)] == [
        None,
        "price_error",
        "price_error",
        None,
        "price_error",
    ]


def test_a_late_report_of_an_older_execution_does_not_break_it():
    story = [
        message(0, "a"),
        message(1, "1", price=40.0),
        message(2, "2", price=40.0),
        message(3, "3", on=0),
        message(4, "4", price=40.0),
    ]
    assert [row[1] for row in verdicts(*story)] == [None] * 5


def test_prints_that_disagree_confirm_nothing():
    story = [
        message(0, "a"),
        *(message(1 + k, str(k), price=price) for k, price in enumerate((40.0, 45.0, 50.0, 55.0))),
    ]
    assert {row[1] for row in verdicts(*story)[1:]} == {"price_error"}


def test_agreement_after_a_fortnight_is_none():
    days = [day for day in DAYS if (day - DAYS[1]).days > CONFIRMATION_DAYS]
    story = [
        message(0, "a"),
        message(1, "1", price=40.0),
        message(2, "2", price=40.0),
        message(DAYS.index(days[0]), "3", price=40.0),
    ]
    assert [row[1] for row in verdicts(*story)] == [
        None,
        "price_error",
        "price_error",
        "price_error",
    ]


def test_what_looked_shifted_is_believed_as_reported_once_confirmed():
    fall = [message(1 + k, str(k), price=10.0) for k in range(3)]
    assert verdicts(message(0, "a"), *fall)[1:] == [
        ("shifted", None, 10.0, 3),
        ("shifted", None, 10.0, 3),
        ("confirming", None, 10.0, 3),
    ]


def test_the_issuers_other_bonds_vouch_for_a_fall():
    others = ["037833AL4", "037833AM2"]
    fallen = [
        message(day, f"{day}{k}", price=price, cusip=cusip)
        for k, cusip in enumerate(others)
        for day, price in ((0, 100.0), (1, 60.0), (2, 60.0), (3, 60.0))
    ]
    own = [message(0, "x"), message(4, "y", price=61.0)]
    bonds = pl.concat([bond(), *(bond(cusip) for cusip in others)])
    assert verdicts(*fallen, *own, bonds=bonds)[-1] == ("believed", None, 61.0, 4)
    stranger = [row | {"cusip": row["cusip"].replace("037833", "459200")} for row in fallen]
    assert (
        verdicts(
            *stranger,
            *own,
            bonds=pl.concat(
                [bond(), *(bond(cusip.replace("037833", "459200")) for cusip in others)]
            ),
        )[-1][1]
        == "price_error"
    )


def test_prices_older_than_a_month_are_forgotten():
    late = [k for k, day in enumerate(DAYS) if (day - DAYS[0]).days > ANCHOR_DAYS][0]
    for day, reason in ((late - 1, "price_error"), (late, None)):
        assert verdicts(message(0, "1"), message(day, "2", price=60.0))[1][1] == reason


def test_a_screened_print_is_not_judged_and_no_anchor():
    assert verdicts(message(0, "1", par_usd=1000.0), message(1, "2", price=10.0)) == [
        (None, "small_par", 100.0, 0),
        ("believed", None, 10.0, 1),
    ]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 80),
            st.sampled_from([100.0, 101.0, 60.0, 61.0, 10.0, 100.0]),
            st.integers(9, 16),
            st.integers(0, 3),
        ),
        min_size=2,
        max_size=25,
    ),
    st.sets(st.integers(0, 80), max_size=4),
)
def test_however_the_days_are_cut_the_same_is_thought(prints, cuts):
    story = [
        message(day, str(k), price=price, at=time(hour), on=max(day - late, 0))
        for k, (day, price, hour, late) in enumerate(prints)
    ]
    reports = delivered(*story)
    assert processed(reports, *sorted(cuts), len(DAYS) - 1).events.equals(daily(reports).events)


def test_hindsight_is_never_used():
    """Whatever comes later, what was thought on a day stays as it was."""
    random = np.random.default_rng(1)
    story = [
        message(
            int(day), str(k), price=float(random.choice([100.0, 60.0, 10.0])), at=time(9 + k % 7)
        )
        for k, day in enumerate(np.sort(random.integers(0, 30, 60)))
    ]
    reports = delivered(*story)
    whole = processed(reports).events
    for last in (5, 12, 20):
        early = processed(reports.filter(pl.col("delivery_date") <= DAYS[last])).events
        assert early.equals(whole.filter(pl.col("known_date") <= DAYS[last]))
