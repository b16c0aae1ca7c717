"""A bond day by hand, and its revisions: each sees what was delivered by its day and nothing later."""

from __future__ import annotations

from datetime import datetime, time

import polars as pl
import pytest

from bondsig_assets.trace.bond_days import touched
from bondsig_assets_tests.trace.messages import CUSIP, DAYS, bond, delivered, ending, message, remembered

STORY = [
    message(0, "1", at=time(9), price=99.0, par_usd=100_000.0, side="S"),
    message(0, "2", at=time(11), price=101.0, par_usd=300_000.0, side="S"),
    message(0, "3", at=time(10), price=98.0, par_usd=200_000.0, side="B"),
    message(0, "4", at=time(15), price=100.0, par_usd=400_000.0, side="S", contra="D", is_par_capped=True),
]


def test_a_bond_day_by_hand():
    row = remembered(delivered(*STORY)).revisions.row(0, named=True)
    value = 99.0 * 1e5 + 101.0 * 3e5 + 98.0 * 2e5 + 100.0 * 4e5
    assert row == {
        "cusip": CUSIP, "trade_date": DAYS[0], "known_date": DAYS[0], "known_at": datetime.combine(DAYS[0], time(18, 30)),
        "n_trades": 4, "price": pytest.approx(value / 1e6, rel=1e-15), "price_last": 100.0, "price_low": 98.0, "price_high": 101.0,
        "par_usd": 1e6, "n_capped": 1, "customer_buy_par_usd": 4e5, "customer_sell_par_usd": 2e5,
        "customer_buy_price": pytest.approx((9.9e6 + 30.3e6) / 4e5, rel=1e-15), "customer_sell_price": 98.0, "n_interdealer": 1,
    }


def test_one_side_only_has_no_price_on_the_other():
    row = remembered(delivered(STORY[0])).revisions.row(0, named=True)
    assert (row["customer_sell_par_usd"], row["customer_sell_price"]) == (0.0, None)
    assert (row["customer_buy_par_usd"], row["customer_buy_price"]) == (100_000.0, 99.0)


def test_late_trades_and_cancels_make_revisions_under_the_day_they_became_known():
    late = message(2, "5", on=0, at=time(16), price=110.0, par_usd=1e5)
    reports = delivered(STORY[0], late, ending("X", 4, STORY[0]), ending("X", 6, late))
    rows = remembered(reports).revisions.select("trade_date", "known_date", "n_trades", "price", "price_last", "par_usd").rows()
    assert rows == [
        (DAYS[0], DAYS[0], 1, 99.0, 99.0, 1e5), (DAYS[0], DAYS[2], 2, 104.5, 110.0, 2e5),
        (DAYS[0], DAYS[4], 1, 110.0, 110.0, 1e5), (DAYS[0], DAYS[6], 0, None, None, 0.0),
    ]


def test_a_trade_that_ends_on_its_own_day_leaves_an_empty_day():
    assert remembered(delivered(STORY[0], ending("X", 0, STORY[0]))).revisions.select("n_trades", "par_usd", "n_capped").rows() == [(0, 0.0, 0)]


def test_rejected_reports_touch_no_day():
    story = [message(0, "1", par_usd=1.0), message(0, "2", contra="A"), ending("X", 1, message(0, "9"))]
    assert remembered(delivered(*story)).revisions.is_empty()


def test_touched_names_each_bond_day_once_per_delivery():
    other = "459200HU8"
    events = remembered(delivered(*STORY, message(0, "9", cusip=other), ending("X", 1, STORY[1])), bonds=pl.concat([bond(), bond(other)])).events
    assert touched(events).rows() == [(CUSIP, DAYS[0], DAYS[0]), (CUSIP, DAYS[0], DAYS[1]), (other, DAYS[0], DAYS[0])]


def test_equal_times_are_ordered_by_delivery_so_that_the_last_price_is_settled():
    reports = delivered(message(1, "1", on=0, price=99.0), message(0, "2", price=101.0), message(0, "3", price=100.0))
    assert remembered(reports).revisions["price_last"].to_list() == [100.0, 99.0]
