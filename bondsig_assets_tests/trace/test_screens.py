"""Each screen by name, and price errors judged by earlier prices only."""

from __future__ import annotations

from datetime import date, datetime, time

import polars as pl
import pytest

from bondsig_assets_tests.trace.messages import (
    DAYS,
    arrivals,
    bond,
    daily,
    delivered,
    message,
    processed,
)


def judged(*messages, bonds: pl.DataFrame | None = None) -> list[tuple]:
    """(reason, price, price_as_reported) of each message on arrival, the same at once and day by
    day.
    """
    reports = delivered(*messages)
    events = processed(reports, bonds=bonds).events
    assert events.equals(daily(reports, bonds).events)
    return arrivals(events).select("reason", "price", "price_as_reported").rows()


SCREENED = [
    ("convertible", {}, {"is_convertible": True}),
    ("impossible_time", {"executed_at": datetime.combine(DAYS[0], time(17, 0, 1))}, {}),
    ("before_issue", {}, {"offering_date": DAYS[1]}),
    ("after_maturity", {}, {"maturity_date": DAYS[0]}),
    ("affiliate", {"contra": "A"}, {}),
    ("when_issued", {"is_when_issued": True}, {}),
    ("special_price", {"is_special_price": True}, {}),
    ("primary_market", {"trading_market": "P1"}, {}),
    ("primary_market", {"trading_market": "P2"}, {}),
    ("primary_market", {"trading_market": "S2"}, {}),
    ("sale_condition", {"sale_condition": "C"}, {}),
    ("non_standard_settlement", {"settlement_date": DAYS[4]}, {}),
    ("weighted_average_price", {"trade_modifier_4": "W"}, {}),
    ("price_out_of_range", {"price": 1000.5}, {}),
    ("price_out_of_range", {"price": 0.0}, {}),
    ("price_is_yield", {"price": 5.25, "yield_pct": 5.25}, {}),
    ("half_of_issue", {"par_usd": 2.5e8}, {}),
    ("small_par", {"par_usd": 9_999.0}, {}),
]
PASSED = [
    ({}, {}),
    ({}, {"offering_date": DAYS[0]}),
    ({}, {"maturity_date": DAYS[1]}),
    ({"executed_at": datetime.combine(DAYS[0], time(17))}, {}),
    ({"trading_market": "S1"}, {}),
    ({"trade_modifier_4": "P", "trade_modifier_3": "Z"}, {}),
    (
        {
            "is_when_issued": False,
            "is_special_price": False,
            "is_locked_in": True,
            "sale_condition": "@",
            "settlement_date": DAYS[3],
        },
        {},
    ),
    ({"price": 1000.0}, {}),
    ({"price": 5.25, "yield_pct": 5.26}, {}),
    ({"par_usd": 2.5e8 - 1}, {}),
    ({"par_usd": 10_000.0}, {}),
]


@pytest.mark.parametrize(("reason", "report", "terms"), SCREENED)
def test_each_screen_names_its_reason(reason, report, terms):
    assert judged(message(0, "1", **report), bonds=bond(**terms))[0][0] == reason


@pytest.mark.parametrize(("report", "terms"), PASSED)
def test_what_just_passes(report, terms):
    assert judged(message(0, "1", **report), bonds=bond(**terms))[0][0] is None


def test_a_trade_on_a_day_without_trading_is_off_the_calendar():
    good_friday = date(2024, 3, 29)
    after = DAYS.index(date(2024, 4, 1))
    reported = message(
        after, "1", execution_date=good_friday, executed_at=datetime.combine(good_friday, time(10))
    )
    assert judged(reported)[0][0] == "off_calendar"


def test_the_first_screen_that_catches_is_named():
    assert (
        judged(message(0, "1", contra="A", par_usd=1.0, is_special_price=True))[0][0] == "affiliate"
    )


def test_an_unknown_bond_and_a_bond_known_later():
    assert judged(message(0, "1"), bonds=bond().clear())[0][0] == "unknown_bond"
    late = bond(known_at=datetime.combine(DAYS[3], time(18, 30)))
    assert [row[0] for row in judged(*(message(day, "1") for day in range(5)), bonds=late)] == [
        "unknown_bond"
    ] * 3 + [None] * 2
    later = bond(known_at=datetime.combine(DAYS[3], time(18, 30, 0, 1)))
    assert [row[0] for row in judged(*(message(day, "1") for day in range(5)), bonds=later)] == [
        "unknown_bond"
    ] * 4 + [None]
