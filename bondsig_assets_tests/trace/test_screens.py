"""Each screen by name, and price errors judged by earlier prices only."""

from __future__ import annotations

from datetime import date, datetime, time

import polars as pl
import pytest

from bondsig_assets.trace.screens import ANCHOR_DAYS, anchors, daily_medians
from bondsig_assets.trading_calendar import offset
from bondsig_assets_tests.trace.messages import DAYS, bond, daily, delivered, message, remembered


def judged(*messages, bonds: pl.DataFrame | None = None) -> list[tuple]:
    """(reason, price, price_as_reported) of each message, the same at once and day by day."""
    reports = delivered(*messages)
    events = remembered(reports, bonds=bonds).events
    assert events.equals(daily(reports, bonds).events)
    return events.select("reason", "price", "price_as_reported").rows()


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
    ("locked_in", {"is_locked_in": True}, {}),
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
    ({"is_when_issued": False, "is_special_price": False, "is_locked_in": False}, {}),
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
    told = message(after, "1", execution_date=good_friday, executed_at=datetime.combine(good_friday, time(10)))
    assert judged(told)[0][0] == "off_calendar"


def test_the_first_screen_that_catches_is_named():
    assert judged(message(0, "1", contra="A", par_usd=1.0, is_special_price=True))[0][0] == "affiliate"


def test_an_unknown_bond_and_a_bond_known_later():
    assert judged(message(0, "1"), bonds=bond().clear())[0][0] == "unknown_bond"
    late = bond(known_at=datetime.combine(DAYS[3], time(18, 30)))
    assert [row[0] for row in judged(*(message(day, "1") for day in range(5)), bonds=late)] == ["unknown_bond"] * 3 + [None] * 2
    later = bond(known_at=datetime.combine(DAYS[3], time(18, 30, 0, 1)))
    assert [row[0] for row in judged(*(message(day, "1") for day in range(5)), bonds=later)] == ["unknown_bond"] * 4 + [None]


@pytest.mark.parametrize(("reported", "right"), [(10.02, 100.2), (1002.0, 100.2), (1.003, 100.3), (10_020.0, 100.2)])
def test_a_decimal_shift_is_put_right(reported, right):
    reason, price, as_reported = judged(message(0, "1"), message(1, "2", price=reported))[1]
    assert (reason, as_reported) == (None, reported)
    assert price == pytest.approx(right, rel=1e-12)


def test_an_untouched_price_has_no_other():
    assert judged(message(0, "1"), message(1, "2", price=115.0)) == [(None, 100.0, None), (None, 115.0, None)]


@pytest.mark.parametrize("price", [80.0, 125.0, 11.0, 900.0])
def test_a_stray_print_is_a_price_error(price):
    assert judged(message(0, "1"), message(1, "2", price=price))[1] == ("price_error", price, None)


def test_twenty_percent_away_is_still_believed():
    assert [row[0] for row in judged(message(0, "1"), message(1, "2", price=83.5), message(1, "3", price=119.9))] == [None] * 3


def test_without_an_anchor_a_print_is_believed():
    assert judged(message(0, "1", price=3.0)) == [(None, 3.0, None)]
    # Prints of the same delivery are no anchor.
    assert judged(message(0, "1", price=100.0), message(0, "2", price=3.0))[1] == (None, 3.0, None)


@pytest.mark.parametrize(("others", "reason"), [(2, "price_error"), (3, None)])
def test_a_crash_needs_three_other_prints(others, reason):
    crash = [message(1, str(k), price=40.0 + k / 10) for k in range(others + 1)]
    assert {row[0] for row in judged(message(0, "a"), *crash)[1:]} == {reason}


def test_a_stray_print_in_a_busy_day_is_not_confirmed_by_the_others():
    prints = [message(1, str(k), price=100.0 + k / 10) for k in range(6)]
    assert judged(message(0, "a"), *prints, message(1, "b", price=60.0))[-1] == ("price_error", 60.0, None)


def test_the_anchor_is_the_median_of_daily_medians():
    # Daily medians 100, 100, 40: one bad day does not move the anchor.
    story = [message(0, "1"), message(1, "2"), *(message(2, str(k), price=40.0) for k in range(9)), message(3, "3", price=99.0)]
    assert judged(*story)[-1] == (None, 99.0, None)


def test_prices_older_than_the_window_are_forgotten():
    for gap, reason in ((ANCHOR_DAYS, "price_error"), (ANCHOR_DAYS + 1, None)):
        assert judged(message(0, "1"), message(gap, "2", price=60.0))[1][0] == reason


def test_anchors_look_back_a_window_and_never_at_the_day_itself():
    days = [DAYS[0], DAYS[1], DAYS[5], offset(DAYS[1], ANCHOR_DAYS)]
    prices = pl.DataFrame({"cusip": ["a"] * 4 + ["b"], "delivery_date": [*days, DAYS[1]], "price_as_reported": [100.0, 90.0, 80.0, 1.0, 7.0]})
    found = dict(zip(*anchors(daily_medians(prices)).filter(pl.col("cusip") == "a").select("delivery_date", "anchor").to_dict(as_series=False).values(), strict=True))
    assert found == {days[0]: None, days[1]: 100.0, days[2]: 95.0, days[3]: 85.0}


def test_screened_reports_still_shape_the_anchor_as_reported():
    # The first print is too small for a trade, its price is known all the same; it was shifted by nobody.
    assert judged(message(0, "1", par_usd=1000.0), message(1, "2", price=10.0))[1] == (None, 100.0, 10.0)
