"""The paper broker fills within the market; whatever a broker tells is booked once or said why."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import offset
from bondsig_assets.errors import BrokerError
from bondsig_assets.portfolio.broker import (
    REPORTS,
    PaperBroker,
    booked,
    fill_price,
    no_orders,
    open_orders,
)
from bondsig_assets.portfolio.ledger import balances, net_asset_value, units
from bondsig_assets.portfolio.sessions import session_of
from bondsig_assets_tests.portfolio.books_by_hand import FIRST, FREE, Market, charging, prices


def one_session(shares: dict[str, int], frame: pl.DataFrame, chosen=FREE) -> pl.DataFrame:
    """Fills by name of a first order to `shares` where the next session is `frame`."""
    market = Market(chosen, nav_usd=1e9)
    market.session(prices(**dict.fromkeys(shares, 20.0)))
    market.evening(**shares)
    return market.session(frame).fills.sort("order_id")


@settings(max_examples=100, deadline=None)
@given(
    close=st.floats(2.5, 190.0),
    low=st.floats(0.8, 1.0),
    high=st.floats(1.0, 1.2),
    at=st.floats(0.0, 1.0),
    rule=st.sampled_from(["close", "vwap"]),
    part=st.floats(1.0, 100.0),
    volume=st.floats(0.0, 1e5),
    shares=st.integers(-5000, 5000),
)
def test_a_fill_is_within_the_day_and_its_volume(close, low, high, at, rule, part, volume, shares):
    chosen = charging(
        trading={"fill": rule, "fill_participation_pct": part}, bounds={"participation_pct": 1.0}
    )
    day = {
        "close_usd": close,
        "low_usd": low * close,
        "high_usd": high * close,
        "open_usd": close * (low + at * (high - low)),
        "volume_shares": volume,
    }
    found = one_session({"A": shares}, prices(A=day), chosen)
    for fill in found.iter_rows(named=True):
        assert fill["shares"] <= part / 100 * volume + 1e-9
        assert fill["shares"] <= fill["order_shares"]
        assert fill["unfilled_shares"] == fill["order_shares"] - fill["shares"]
        assert fill["fill_date"] == offset(FIRST, 1) > FIRST
        if fill["shares"]:
            # To the unit where low and high are closer than that.
            assert day["low_usd"] - 1e-4 <= fill["price_usd"] <= day["high_usd"] + 1e-4
            assert fill["price_usd"] * 1e4 == pytest.approx(round(fill["price_usd"] * 1e4))
        else:
            assert fill["reason"] in ("no_volume", "cap")


def test_two_orders_of_a_name_share_the_sessions_volume():
    """nautilus_trader#2564: 600 to sell and 900 to sell short find 1,000 shares together."""
    market = Market(charging(trading={"fill_participation_pct": 100.0}), nav_usd=1e6)
    market.session(prices(A=20.0))
    market.evening(A=600)
    market.session(prices(A=20.0))
    market.evening(A=-900)
    fills = market.session(prices(A={"close_usd": 20.0, "volume_shares": 1000.0})).fills
    rows = fills.sort("side").select("side", "shares", "outcome", "reason").rows()
    assert rows == [("sell", 600, "filled", None), ("sell_short", 400, "partial", "cap")]
    assert market.books.shares.tolist() == [-400]


def test_the_fill_of_a_day_is_of_that_days_price_and_poison_elsewhere_changes_nothing():
    """nautilus_trader#4891: with a second name present the decision's own bar filled."""
    clean = one_session({"A": 10, "B": 10}, prices(A=21.0, B=7.0))
    assert clean["price_usd"].to_list() == [21.0, 7.0]
    alone = one_session({"A": 10}, prices(A=21.0, B=1e6))
    assert alone["price_usd"].to_list() == [21.0]


def test_the_mean_of_a_day_stands_for_its_vwap_and_a_bad_high_is_left_out():
    facts = session_of(
        prices(
            A={"close_usd": 10.0, "open_usd": 11.0, "high_usd": 12.0, "low_usd": 9.0},
            B={"close_usd": 10.0, "open_usd": None, "high_usd": 12.0, "low_usd": None},
            C={"close_usd": 10.0, "open_usd": 11.0, "high_usd": 8.0, "low_usd": 9.0},
            D={"close_usd": None, "open_usd": 11.0, "high_usd": 12.0, "low_usd": 9.0},
        ),
        FIRST,
    )
    assert fill_price(facts, "vwap")[:3].tolist() == [10.5, 11.0, 9.5]
    assert fill_price(facts, "close")[:3].tolist() == [10.0, 10.0, 10.0]
    assert np.isnan(fill_price(facts, "close")[3]) and np.isnan(fill_price(facts, "vwap")[3])


class Told:
    """A broker that tells what it is given for each session, or nothing, or that it is down."""

    def __init__(self):
        self.todays: list[dict] = []
        self.of_last: list[dict] = []
        self.is_down = False

    def send(self, orders, slices):
        """Nothing."""

    def late(self, orders, session):
        """Of the session before."""
        if self.is_down:
            raise BrokerError("the broker does not answer")
        return self.frame(self.of_last, orders)

    def reports(self, orders, session):
        """Of the session."""
        if self.is_down:
            raise BrokerError("the broker does not answer")
        return self.frame(self.todays, orders)

    def frame(self, rows, orders):
        """With what is not said as a good report has it."""
        usual = {
            "report_id": "r1",
            "order_id": orders.order_ids[0],
            "kind": "fill",
            "fill_date": orders.session_dates[-1],
            "shares": 10,
            "price_usd": 20.0,
            "spread_usd": 0.0,
            "impact_usd": 0.0,
            "commission_usd": 1.0,
            "fee_usd": 0.0,
            "reason": None,
        }
        return pl.DataFrame([usual | row for row in rows], schema=REPORTS, orient="row")


def market_of(broker, shares=100):
    """A book with one order of `shares` for its second session."""
    market = Market(FREE, broker=broker)
    market.session(prices(A=20.0))
    market.evening(A=shares)
    return market


@pytest.mark.parametrize(
    ("told", "outcome", "reason", "filled"),
    [
        ([{"shares": 100}], "filled", None, 100),
        ([{"shares": 60}, {"report_id": "r2", "kind": "cancel"}], "partial", "cancelled", 60),
        ([{"kind": "reject", "reason": "no locate"}], "none", "no locate", 0),
        ([{"kind": "reject"}], "none", "rejected", 0),
        ([], "none", "cancelled", 0),
    ],
)
def test_rejects_partial_fills_and_cancels(told, outcome, reason, filled):
    broker = Told()
    market = market_of(broker)
    broker.todays = told
    done = market.session(prices(A=20.0))
    assert done.fills.select("outcome", "reason", "shares").rows() == [(outcome, reason, filled)]
    assert market.books.shares.sum() == filled
    assert market.row["n_unfilled"] == (outcome != "filled")


def test_an_order_filled_in_parts_says_why_only_where_it_ends():
    broker = Told()
    market = market_of(broker)
    parts = [{"shares": 40}, {"shares": 60, "report_id": "r2"}]
    broker.todays = parts
    done = market.session(prices(A=20.0))
    assert done.fills.select("outcome", "reason", "unfilled_shares").rows() == [
        ("partial", None, 60),
        ("filled", None, 0),
    ]
    market.evening(A=200)
    broker.todays = [*parts[:1], {"shares": 50, "report_id": "r3"}]
    broker.todays[0] = broker.todays[0] | {"report_id": "r4"}
    done = market.session(prices(A=20.0))
    assert done.fills["reason"].to_list() == [None, "cancelled"]
    assert market.row["n_fills"] == 2 and market.row["n_unfilled"] == 1


def test_a_fill_that_is_told_twice_is_booked_once():
    broker = Told()
    market = market_of(broker)
    broker.todays = [{"shares": 40}, {"shares": 40}, {"shares": 30, "report_id": "r2"}]
    market.session(prices(A=20.0))
    assert market.books.shares.tolist() == [70] and market.row["n_repeated"] == 1
    # And again the next day.
    broker.of_last = [{"shares": 40}]
    market.session(prices(A=20.0))
    assert market.books.shares.tolist() == [70] and market.row["n_repeated"] == 1
    assert market.row["nav_usd"] == 100_000.0 - 2.0


def test_a_broker_that_is_down_fills_nothing_and_what_it_tells_the_next_day_is_booked_then():
    broker = Told()
    market = market_of(broker)
    broker.is_down = True
    done = market.session(prices(A=20.0))
    assert done.fills.select("outcome", "reason").rows() == [("none", "broker_down")]
    assert market.row["is_broker_down"] and market.row["nav_usd"] == 100_000.0
    market.evening(A=0)
    broker.is_down, broker.of_last, broker.todays = False, [{"shares": 100, "price_usd": 19.5}], []
    # Bought before the ex-date and the split, so both are its.
    done = market.session(
        prices(A={"close_usd": 10.0, "open_usd": 10.0, "split_ratio": 2.0, "dividend_usd": 0.25})
    )
    assert market.books.shares.tolist() == [200]
    fill = done.fills.row(0, named=True)
    assert (fill["reason"], fill["fill_date"], fill["booked_date"]) == (
        "late",
        date(2024, 3, 5),
        date(2024, 3, 6),
    )
    assert market.row["nav_usd"] == 100_000 - 1_950 - 1.0 + 2_000 + 50
    assert market.row["dividends_usd"] == 50.0


def test_a_fill_of_an_earlier_session_is_none_of_the_sessions_own_and_kept():
    """What is late is told by `late`, which asks again on the next day (`test_awaited.py`)."""
    broker = Told()
    market = market_of(broker)
    market.session(prices(A=20.0))
    order = market.evenings[0]["order_id"][0]
    market.evening(A=50)
    broker.of_last = []
    broker.todays = [{"order_id": order, "fill_date": date(2024, 3, 5)}]
    done = market.session(prices(A=20.0))
    assert done.refused.select("fault").rows() == [("unknown or ended order",)]
    assert market.row["n_refused"] == 1 and market.books.parents == []


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"order_id": "nobody's"}, "unknown or ended order"),
        ({"fill_date": FIRST}, "not of the order's session"),
        ({"fill_date": date(2031, 3, 5)}, "not of the order's session"),
        ({"kind": "bust"}, "unknown kind"),
        ({"shares": 0}, "no shares"),
        ({"shares": -5}, "no shares"),
        ({"shares": 101}, "more than the order has left"),
        ({"price_usd": -20.0}, "no usable price"),
        ({"price_usd": float("nan")}, "no usable price"),
        ({"price_usd": None}, "no usable price"),
        ({"price_usd": 2000.0}, "far from the session's price"),
        ({"price_usd": 0.2}, "far from the session's price"),
        ({"commission_usd": float("inf")}, "costs are no numbers"),
    ],
)
def test_what_cannot_be_booked_says_why_and_changes_nothing(row, fault):
    broker = Told()
    market = market_of(broker)
    broker.todays = [row]
    done = market.session(prices(A=20.0))
    assert done.refused["fault"].to_list() == [fault] and market.row["n_refused"] == 1
    assert market.row["nav_usd"] == 100_000.0 and market.books.parents == []


def test_a_real_brokers_fill_of_a_name_without_a_close_is_marked_at_its_price():
    broker = Told()
    market = market_of(broker)
    broker.todays = [{"shares": 100, "price_usd": 20.5}]
    market.session(prices(B=1.0))
    assert market.row["nav_usd"] == 100_000.0 - 1.0
    assert market.days[-1].positions["price_usd"].to_list() == [20.5]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["r1", "r2", "r3"]),
            st.integers(-20, 90),
            st.floats(5.0, 60.0),
            st.floats(0.0, 3.0),
            st.sampled_from(["fill", "fill", "reject", "cancel", "bust"]),
        ),
        max_size=8,
    ),
    st.integers(1, 120),
)
def test_whatever_is_told_no_order_is_overfilled_and_the_books_balance(told, shares):
    broker = Told()
    market = market_of(broker, shares)
    broker.todays = [
        {
            "report_id": one,
            "shares": count,
            "price_usd": price,
            "commission_usd": paid,
            "kind": kind,
        }
        for one, count, price, paid, kind in told
    ]
    done = market.session(prices(A=20.0))
    assert done.fills["shares"].sum() <= shares
    assert done.fills.filter(pl.col("shares") > 0)["fill_id"].is_unique().all()
    assert market.books.shares.sum() == done.fills["shares"].sum()
    sums = balances(market.entries())
    assert net_asset_value(sums) == units(market.row["nav_usd"])
    # Every fill is booked, was told before, or is refused; so is every unknown kind.
    counted = done.fills.filter(pl.col("shares") > 0).height + market.row["n_repeated"]
    assert counted + market.row["n_refused"] == sum(row[4] in ("fill", "bust") for row in told)


def test_an_evening_without_orders_asks_nobody():
    class Silent(Told):
        def reports(self, orders, session):
            raise AssertionError("asked")

        late = reports

    market = Market(FREE, broker=Silent())
    market.session(prices(A=20.0))
    market.session(prices(A=20.0))
    assert market.row["n_orders"] == 0 and not market.row["is_broker_down"]
    nobody = session_of(prices(A=1.0), FIRST)
    assert PaperBroker(FREE).reports(no_orders(), nobody).is_empty()
    assert PaperBroker(FREE).late(no_orders(), nobody).is_empty()
    assert PaperBroker(FREE).send(pl.DataFrame(), pl.DataFrame()) is None
    found = booked(pl.DataFrame(schema=REPORTS), no_orders(), frozenset(), np.zeros(0))
    assert found.order.size == 0 and found.refused.is_empty()


def test_only_orders_that_were_sent_are_open():
    market = Market(FREE)
    market.session(prices(A=20.0, B=20.0))
    rows = market.evening(A=10, B=20)
    kept = rows.with_columns(
        state=pl.when(pl.col("parent_id") == "A").then(pl.lit("dust")).otherwise("state")
    )
    assert open_orders(kept).parents == ["B"]
