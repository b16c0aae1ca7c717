"""A bond day by hand, and its revisions: each sees what was delivered by its day and nothing
later.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import numpy as np
import polars as pl
import pytest

from bondsig_assets.trace.bond_days import aggregate, reported_settlement, touched_days
from bondsig_assets_tests.trace.messages import (
    CUSIP,
    DAYS,
    bond,
    delivered,
    ending,
    message,
    processed,
)

STORY = [
    message(0, "1", at=time(9), price=99.0, par_usd=100_000.0, side="S"),
    message(0, "2", at=time(11), price=101.0, par_usd=300_000.0, side="S"),
    message(0, "3", at=time(10), price=98.0, par_usd=200_000.0, side="B"),
    message(
        0,
        "4",
        at=time(15),
        price=100.0,
        par_usd=400_000.0,
        side="S",
        contra="D",
        is_par_capped=True,
    ),
]


def test_a_bond_day_by_hand():
    row = processed(delivered(*STORY)).revisions.row(0, named=True)
    value = 99.0 * 1e5 + 101.0 * 3e5 + 98.0 * 2e5 + 100.0 * 4e5
    square = 99.0**2 * 1e5 + 101.0**2 * 3e5 + 98.0**2 * 2e5 + 100.0**2 * 4e5
    assert row == {
        "cusip": CUSIP,
        "trade_date": DAYS[0],
        "known_date": DAYS[0],
        "known_at": datetime.combine(DAYS[0], time(18, 30)),
        "n_trades": 4,
        "price": pytest.approx(value / 1e6, rel=1e-15),
        "price_value_weighted": pytest.approx(square / value, rel=1e-15),
        "price_mean": 99.5,
        "price_first": 99.0,
        "price_last": 100.0,
        "price_low": 98.0,
        "price_high": 101.0,
        "last_trade_at": datetime.combine(DAYS[0], time(15)),
        # 9, 11, 10 and 15 o'clock, weighed by par.
        "mean_trade_second": pytest.approx(12.2 * 3600, rel=1e-15),
        "par_usd": 1e6,
        "uncapped_par_usd": 6e5,
        "n_capped": 1,
        "customer_buy_par_usd": 4e5,
        "customer_sell_par_usd": 2e5,
        "customer_buy_price": pytest.approx((9.9e6 + 30.3e6) / 4e5, rel=1e-15),
        "customer_sell_price": 98.0,
        "customer_spread": pytest.approx((9.9e6 + 30.3e6) / 4e5 - 98.0, rel=1e-12),
        "n_customer_buys": 2,
        "n_customer_sells": 1,
        "n_interdealer": 1,
        "n_institutional": 4,
        "institutional_par_usd": 1e6,
        "institutional_price": pytest.approx(value / 1e6, rel=1e-15),
        "institutional_buy_par_usd": 4e5,
        "institutional_sell_par_usd": 2e5,
        "n_dealers": None,
        # Deviations from 99.8: 0.8, 1.2, 1.8 and 0.2.
        "price_dispersion_bps": pytest.approx(1e4 * 1.16**0.5 / 99.8, rel=1e-9),
        "institutional_customer_buy_price": pytest.approx((9.9e6 + 30.3e6) / 4e5, rel=1e-15),
        "institutional_customer_sell_price": 98.0,
        "reported_settlement_date": None,
        "source": "trades",
        "quoted_yield_pct": None,
        "quoted_spread_bps": None,
        "n_round_trips": 0,
        "round_trip_cost_bps": None,
        "riskless_share": 0.0,
        "n_quarantined": 0,
        "quarantined_share": 0.0,
    }


def test_institutional_columns_leave_small_trades_out():
    row = processed(
        delivered(
            STORY[0],
            message(0, "2", par_usd=99_999.0, price=97.0),
            message(0, "3", par_usd=20_000.0, price=95.0, side="B"),
        )
    ).revisions.row(0, named=True)
    assert (
        row["n_trades"],
        row["n_institutional"],
        row["institutional_par_usd"],
        row["institutional_price"],
    ) == (3, 1, 1e5, 99.0)
    assert row["institutional_customer_sell_price"] is None


def test_dealers_are_counted_once_whatever_their_side():
    """As in the Academic file: two dealers, one of them on both sides, and a customer who is
    none.
    """
    named = {"reporting_party": "x", "contra_party": "C"}
    story = [
        message(0, "1", **named),
        message(0, "2", price=100.5, contra="D", **named | {"contra_party": "y"}),
        message(0, "3", price=101.0, **named | {"reporting_party": "y"}),
    ]
    assert processed(delivered(*story)).revisions["n_dealers"].to_list() == [2]


def _trips(*trades: tuple[time, float, float, str, str]) -> tuple:
    story = [
        message(0, str(k), at=at, price=price, par_usd=par, side=side, contra=contra)
        for k, (at, price, par, side, contra) in enumerate(trades)
    ]
    row = processed(delivered(*story)).revisions.row(0, named=True)
    return row["n_round_trips"], row["round_trip_cost_bps"], row["riskless_share"]


def test_imputed_round_trips_by_hand():
    bought, sold = (time(10), 99.0, 2e5, "B", "C"), (time(10, 14), 100.0, 2e5, "S", "C")
    assert _trips(bought, sold) == (1, pytest.approx(100.0), 0.0)
    assert _trips(bought, (time(10, 15, 1), *sold[1:])) == (0, None, 0.0)
    assert _trips(bought, (sold[0], 100.0, 3e5, "S", "C")) == (0, None, 0.0)
    assert _trips(bought, (sold[0], 99.0, 2e5, "S", "C"))[:2] == (0, None)
    assert _trips(bought, (time(10, 5), 99.5, 2e5, "S", "D"), sold) == (
        1,
        pytest.approx(100.0),
        0.0,
    )
    # Four in a row are no round trip of two or three.
    assert _trips(bought, *((time(10, k), 99.0 + k, 2e5, "S", "C") for k in (1, 2, 3)))[0] == 0


def test_riskless_share_is_of_customers_par():
    chain = [(time(10), 99.0, 2e5, "B", "C"), (time(10, 0, 30), 99.1, 2e5, "S", "D")]
    assert _trips(*chain, (time(15), 99.0, 6e5, "S", "C"))[2] == pytest.approx(0.25)


def test_quarantined_prints_are_counted_and_weigh_nothing():
    story = [message(0, "1"), message(1, "2"), message(1, "3", price=60.0)]
    row = processed(delivered(*story)).revisions.row(1, named=True)
    assert (row["n_trades"], row["price"], row["n_quarantined"], row["quarantined_share"]) == (
        1,
        100.0,
        1,
        0.5,
    )


def test_one_side_only_has_no_price_on_the_other():
    row = processed(delivered(STORY[0])).revisions.row(0, named=True)
    assert (row["customer_sell_par_usd"], row["customer_sell_price"]) == (0.0, None)
    assert (row["customer_buy_par_usd"], row["customer_buy_price"]) == (100_000.0, 99.0)


def test_late_trades_and_cancels_make_revisions_under_the_day_they_became_known():
    late = message(2, "5", on=0, at=time(16), price=110.0, par_usd=1e5)
    reports = delivered(STORY[0], late, ending("X", 4, STORY[0]), ending("X", 6, late))
    rows = (
        processed(reports)
        .revisions.select("trade_date", "known_date", "n_trades", "price", "price_last", "par_usd")
        .rows()
    )
    assert rows == [
        (DAYS[0], DAYS[0], 1, 99.0, 99.0, 1e5),
        (DAYS[0], DAYS[2], 2, 104.5, 110.0, 2e5),
        (DAYS[0], DAYS[4], 1, 110.0, 110.0, 1e5),
        (DAYS[0], DAYS[6], 0, None, None, 0.0),
    ]


def test_a_trade_that_ends_on_its_own_day_leaves_an_empty_day():
    assert processed(delivered(STORY[0], ending("X", 0, STORY[0]))).revisions.select(
        "n_trades", "par_usd", "n_capped"
    ).rows() == [(0, 0.0, 0)]


def test_rejected_reports_touch_no_day():
    story = [
        message(0, "1", par_usd=1.0),
        message(0, "2", contra="A"),
        ending("X", 1, message(0, "9")),
    ]
    assert processed(delivered(*story)).revisions.is_empty()


def test_touched_names_each_bond_day_once_per_delivery():
    other = "459200HU8"
    events = processed(
        delivered(*STORY, message(0, "9", cusip=other), ending("X", 1, STORY[1])),
        bonds=pl.concat([bond(), bond(other)]),
    ).events
    assert touched_days(events).rows() == [
        (CUSIP, DAYS[0], DAYS[0]),
        (CUSIP, DAYS[0], DAYS[1]),
        (other, DAYS[0], DAYS[0]),
    ]


def test_equal_times_are_ordered_by_delivery_so_that_the_last_price_is_settled():
    reports = delivered(
        message(1, "1", on=0, price=99.0),
        message(0, "2", price=101.0),
        message(0, "3", price=100.0),
    )
    assert processed(reports).revisions["price_last"].to_list() == [100.0, 99.0]


@pytest.mark.parametrize(
    ("days", "settles"),
    [
        ([2, 2, 2, 2], 2),
        ([2, None, None, 2], None),  # half of the par
        ([4, 2, 4, 2], 2),  # more than half of the par, against the others
        ([4, 2, 2, None], None),
        ([None, 4, None, 4], 4),
        ([-1, -1, -1, -1], None),  # before the trade: a typing error
        ([None] * 4, None),
    ],
)
def test_the_day_settles_when_most_of_its_par_is_reported_to(days, settles):
    """Par of the four trades: 100, 300, 200 and 400 thousand dollars."""
    story = [
        m | {"settlement_date": None if gap is None else DAYS[0] + timedelta(days=gap)}
        for m, gap in zip(STORY, days, strict=True)
    ]
    found = processed(delivered(*story)).revisions["reported_settlement_date"][0]
    assert found == (None if settles is None else DAYS[0] + timedelta(days=settles))


def test_a_settlement_long_after_the_trade_is_a_typing_error():
    days = pl.DataFrame({"days": [0, 1, 60, 61, 4000, -1, None]}, schema={"days": pl.Int64})
    dates = days.select(
        trade_date=pl.lit(DAYS[0]),
        settlement_date=pl.lit(DAYS[0]) + pl.duration(days=pl.col("days")),
    )
    kept = dates.select(settles=reported_settlement("trade_date"))["settles"]
    assert kept.is_not_null().to_list() == [True, True, True, False, False, False, False]


def test_a_settlement_date_changes_nothing_else_of_a_bond_day():
    story = [m | {"settlement_date": DAYS[2]} for m in STORY]
    plain, told = (processed(delivered(*one)).revisions for one in (STORY, story))
    assert told["reported_settlement_date"].to_list() == [DAYS[2]]
    assert told.drop("reported_settlement_date").equals(plain.drop("reported_settlement_date"))


def test_the_majority_of_random_days_is_what_counting_one_by_one_finds():
    rng = np.random.default_rng(3)
    n = 3_000
    trades = pl.DataFrame(
        {
            "cell": rng.integers(0, 900, n),
            "row": np.arange(n),
            "executed_at": [datetime.combine(DAYS[0], time(10))] * n,
            "price": rng.normal(100.0, 1.0, n),
            "par_usd": rng.choice([1e4, 1e5, 3e5], n),
            "is_par_capped": False,
            "side": "S",
            "contra": "C",
            "settlement_date": [
                None if gap == 3 else DAYS[0] + timedelta(days=int(gap))
                for gap in rng.choice([1, 1, 1, 2, 3], n)
            ],
            "reporting_party": pl.Series([None] * n, dtype=pl.String),
            "contra_party": pl.Series([None] * n, dtype=pl.String),
            "is_quarantined": rng.random(n) < 0.1,
        }
    )
    found = dict(aggregate(trades, ["cell"]).select("cell", "reported_settlement_date").iter_rows())
    wanted: dict[int, date | None] = {}
    for (cell,), mine in trades.group_by("cell"):
        held = mine.filter(~pl.col("is_quarantined"))
        whole = held["par_usd"].sum()
        most = [
            day
            for day in held["settlement_date"].drop_nulls().unique()
            if 2 * held.filter(pl.col("settlement_date") == day)["par_usd"].sum() > whole
        ]
        wanted[cell] = most[0] if most else None
    assert found == wanted
    assert 0.1 < sum(day is None for day in wanted.values()) / len(wanted) < 0.5
