"""A fill is booked once, when it is told, however late, with all that befell its shares."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bondsig_assets.calendar import offset
from bondsig_assets.errors import BrokerError
from bondsig_assets.portfolio.awaited import nothing_awaited
from bondsig_assets.portfolio.books import with_orders
from bondsig_assets.portfolio.broker import NO_REPORTS, REPORTS, PaperBroker
from bondsig_assets.portfolio.ledger import balances, held_shares, net_asset_value, units
from bondsig_assets.reading.portfolio import books_before
from bondsig_assets.tables.trading import AWAITED_ORDERS
from bondsig_assets.warehouse import Warehouse, Write
from bondsig_assets_tests.portfolio.books_by_hand import FIRST, FREE, Market, prices
from bondsig_assets_tests.portfolio.test_books import from_rows, same

N_DAYS = 8
NEVER = 99


class Slow:
    """Fills as the paper broker does, tells it `wait` sessions later, and again on every day on
    which it is asked about the order.
    """

    def __init__(self, wait: int):
        self.wait, self.paper, self.made = wait, PaperBroker(FREE), []

    def send(self, orders, slices):
        """Nothing."""

    def late(self, orders, session):
        """What is due of the orders that are asked about."""
        due = [
            rows
            for day, rows in self.made
            if self.wait != NEVER and offset(day, self.wait) <= session.trade_date
        ]
        rows = pl.concat([NO_REPORTS, *due])
        return rows.filter(pl.col("order_id").is_in(orders.order_ids))

    def reports(self, orders, session):
        """Of the session."""
        self.made.append((session.trade_date, self.paper.reports(orders, session)))
        return self.made[-1][1] if self.wait == 0 else NO_REPORTS


def frames_of(moves, split_day, ratio, dividend_day, cents, renamed, ends) -> list[dict]:
    """Sessions of A, which splits and pays, and of B, which is renamed and may end."""
    path, found = [40.0, 25.0], []
    for day in range(N_DAYS):
        path = [
            round(one * (1 + moves[day] * sign), 2) for one, sign in zip(path, (1, -1), strict=True)
        ]
        if day == split_day:
            path[0] = round(path[0] / ratio, 2)
        names = {
            "A": {
                "close_usd": path[0],
                "split_ratio": ratio if day == split_day else 1.0,
                "dividend_usd": cents / 100 if day == dividend_day else 0.0,
            },
            "B": {"close_usd": path[1], "ticker": "bb" if renamed and day >= 2 else "b"},
        }
        if ends is not None and day >= ends:
            del names["B"]
        found.append(prices(**names))
    return found


def walk(wait: int, frames, shares: dict[str, int], renamed, ends, *, has_word=True) -> Market:
    """A book that orders once, on its first evening; each day begun from its rows alone."""
    market = Market(FREE, nav_usd=1e8, broker=Slow(wait))
    ended = pl.DataFrame(
        {
            "ticker": ["bb" if renamed else "b"],
            "last_trade_date": [offset(FIRST, (ends or 1) - 1)],
            "delisting_return_pct": [-40.0],
            "reason": ["dropped"],
        }
    )
    for day, frame in enumerate(frames):
        gone = ended if ends is not None and day >= ends else None
        market.session(frame, delistings=gone, cash_rate_pct=0.0)
        market.evening(**(shares if day == 0 else {}))
        rebuilt = from_rows(market, day)
        assert same(rebuilt, with_orders(market.books, market.evenings[day]))
        market.books = rebuilt
    return market


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    wait=st.integers(1, 6),
    moves=st.lists(st.floats(-0.03, 0.03), min_size=N_DAYS, max_size=N_DAYS),
    lots=st.tuples(st.integers(-40, 40), st.integers(-40, 40)),
    split_day=st.integers(1, 7),
    ratio=st.sampled_from([2.0, 3.0, 1.5, 0.5, 0.1]),
    dividend_day=st.integers(1, 7),
    cents=st.integers(0, 90),
    renamed=st.booleans(),
    ends=st.none() | st.integers(3, 7),
)
@example(  # renamed and gone before anybody tells that it was bought
    wait=5,
    moves=[0.01] * N_DAYS,
    lots=(20, 30),
    split_day=4,
    ratio=2.0,
    dividend_day=3,
    cents=50,
    renamed=True,
    ends=4,
)
def test_a_late_fill_is_worth_what_a_prompt_one_is_from_the_day_that_tells_it(
    wait, moves, lots, split_day, ratio, dividend_day, cents, renamed, ends
):
    frames = frames_of(moves, split_day, ratio, dividend_day, cents, renamed, ends)
    shares = {name: 1000 * lot for name, lot in zip("AB", lots, strict=True)}
    prompt, late, never = (walk(one, frames, shares, renamed, ends) for one in (0, wait, NEVER))

    def fills(market):
        rows = pl.concat([day.fills for day in market.days]).filter(pl.col("shares") > 0)
        return rows.sort("fill_id")

    said = ["fill_id", "order_id", "fill_date", "ticker", "side", "shares", "price_usd"]
    assert fills(late).select(said).equals(fills(prompt).select(said)), "once, at its price"
    told = 1 + wait
    assert set(fills(late)["booked_date"]) <= {offset(FIRST, told)}
    for at in range(N_DAYS):
        one, other = (market.days[at].day.row(0, named=True) for market in (late, prompt))
        if at >= told:
            assert one["nav_usd"] == pytest.approx(other["nav_usd"], abs=0.01)
            assert late.days[at].awaited.is_empty()
            held = [
                market.days[at]
                .positions.filter(pl.col("shares") != 0)
                .select("parent_id", "shares", "price_usd", "state")
                for market in (late, prompt)
            ]
            assert held[0].equals(held[1])
        else:
            for table in ("fills", "entries", "positions", "day", "awaited"):
                rows = (getattr(market.days[at], table) for market in (late, never))
                assert next(rows).equals(next(rows)), "nothing is known of it before"
        AWAITED_ORDERS.conform(late.days[at].awaited)
    so_far = late.entries()
    assert net_asset_value(balances(so_far)) == units(late.row["nav_usd"])
    assert late.books.shares.sum() == sum(held_shares(so_far).values())
    assert never.row["nav_usd"] == 1e8 and never.row["n_fills"] == 0


class Told:
    """Tells the rows that it is given of each order, whether they are new or not."""

    def __init__(self):
        self.rows: dict[str, list[dict]] = {}
        self.is_down = False

    def send(self, orders, slices):
        """Nothing."""

    def late(self, orders, session):
        """All that is told of the orders."""
        if self.is_down:
            raise BrokerError("the broker does not answer")
        asked = dict(zip(orders.order_ids, orders.session_dates, strict=True))
        usual = {name: 0.0 for name in REPORTS if name.endswith("_usd")}
        rows = [
            usual | {"order_id": one, "kind": "fill", "fill_date": asked[one], "reason": None} | row
            for one in asked
            for row in self.rows.get(one, [])
        ]
        return pl.DataFrame(rows, schema=REPORTS, orient="row")

    reports = late


def fill(name: str, shares: int, price: float = 20.0, **more) -> dict:
    return {"report_id": name, "shares": shares, "price_usd": price} | more


def ordered(broker, shares: int) -> tuple[Market, str]:
    """A book after the silent session of its only order, and the order."""
    market = Market(FREE, broker=broker)
    market.session(prices(A=20.0))
    order = market.evening(A=shares)["order_id"][0]
    market.session(prices(A=20.0))
    return market, order


def test_an_order_that_was_given_up_and_sent_anew_is_booked_once_each_and_mended_next_evening():
    """The session says nothing, so the evening wishes the same again; then both are told, the old
    one three sessions late. Each counts for its own order.
    """
    broker = Told()
    market, old = ordered(broker, 100)
    assert market.books.past.names() == {"A": "a"}
    new = market.evening(A=100)["order_id"][0]
    assert new != old
    broker.rows = {new: [fill("n1", 100)]}
    market.session(prices(A=20.0))
    assert market.books.shares.tolist() == [100]
    assert market.days[-1].awaited["order_id"].to_list() == [old]
    market.evening()
    market.session(prices(A=20.0))
    broker.rows = {
        old: [fill("o1", 60, 19.0), fill("o1", 60, 19.0), fill("o2", 40), fill("o3", 1)],
        new: [fill("n1", 100)],
    }
    done = market.session(prices(A=20.0))
    assert market.books.shares.tolist() == [200]
    assert done.refused.select("report_id", "fault").rows() == [
        ("o3", "more than the order has left")
    ]
    assert (market.row["n_fills"], market.row["n_repeated"]) == (2, 1)
    assert done.fills.select("fill_id", "order_id", "reason", "unfilled_shares").rows() == [
        ("o1", old, "late", 40),
        ("o2", old, "late", 0),
    ]
    assert market.row["nav_usd"] == 100_000.0 + 60 and market.row["trading_usd"] == 60.0
    assert done.awaited.is_empty()
    assert market.evening(A=100).select("side", "shares").rows() == [("sell", 100)]


def test_a_part_that_was_booked_is_not_booked_again_however_long_the_rest_takes():
    broker = Told()
    market, order = ordered(broker, 100)
    broker.rows = {order: [fill("p1", 30)]}
    for _ in range(3):
        market.evening()
        market.session(prices(A=20.0))
        assert market.books.shares.tolist() == [30]
    assert market.row["n_repeated"] == 1 and market.row["n_fills"] == 0
    assert same(from_rows(market, 4), market.books)
    assert market.days[-1].awaited.select("shares", "filled_shares").rows() == [(100, 30)]
    broker.rows[order].append(fill("p2", 70))
    market.evening()
    market.session(prices(A=20.0))
    assert market.books.shares.tolist() == [100] and market.days[-1].awaited.is_empty()


def test_a_book_that_waits_is_read_back_from_the_warehouse(tmp_path):
    """Two sessions after a part was filled: the rest is awaited, and what was booked is known."""
    broker = Told()
    market, order = ordered(broker, 100)
    broker.rows = {order: [fill("p1", 30)]}
    for _ in range(2):
        market.evening(B=0)
        market.session(prices(A=20.0))
    market.evening()
    warehouse = Warehouse(tmp_path)
    warehouse.initialize()
    warehouse.replace(
        *(
            Write(table, pl.concat([getattr(day, name) for day in market.days]))
            for table, name in (
                ("fills", "fills"),
                ("ledger_entries", "entries"),
                ("positions", "positions"),
                ("portfolio_days", "day"),
                ("awaited_orders", "awaited"),
            )
        ),
        Write("orders", pl.concat(market.evenings)),
    )
    known = books_before(warehouse, offset(FIRST, len(market.days)), "optimised")
    assert same(known, market.books)
    assert known.seen == {(order, "p1")} and known.past.orders.filled.tolist() == [30]


def test_the_brokers_last_word_ends_the_wait_and_a_later_fill_is_refused():
    broker = Told()
    market, order = ordered(broker, 100)
    broker.rows = {order: [{"report_id": "x", "kind": "cancel", "shares": 0}]}
    market.evening()
    market.session(prices(A=20.0))
    assert market.days[-1].awaited.is_empty() and market.books.past.orders.size == 0

    class Late(Told):
        def late(self, orders, session):
            row = fill("y", 10, order_id=order, kind="fill", fill_date=offset(FIRST, 1))
            return pl.DataFrame([row], schema=REPORTS, orient="row")

        reports = late

    market.broker = Late()
    market.evening(A=5)
    done = market.session(prices(A=20.0))
    assert set(done.refused["fault"]) == {"unknown or ended order"}
    assert market.books.parents == []


def test_a_broker_that_is_down_for_days_is_asked_until_it_answers():
    broker = Told()
    market = Market(FREE, broker=broker)
    market.session(prices(A=20.0))
    order = market.evening(A=-10)["order_id"][0]
    broker.is_down = True
    for _ in range(3):
        market.session(prices(A=20.0))
        assert market.row["is_broker_down"] and market.days[-1].awaited.height == 1
        market.evening()
    broker.is_down, broker.rows = False, {order: [fill("d", 10, 21.0)]}
    market.session(prices(A={"close_usd": 10.5, "split_ratio": 2.0}))
    assert market.books.shares.tolist() == [-20]
    assert market.row["nav_usd"] == 100_000.0 + 210 - 210


def test_fractions_of_a_split_in_between_are_paid_and_a_price_is_judged_by_its_own_session():
    """15 shares at 20 before a split of 1 for 10: one share, and half of one in cash at the last
    mark. A price of today's shares is none of that session.
    """
    broker = Told()
    market, order = ordered(broker, 15)
    for frame in (prices(A={"close_usd": 200.0, "split_ratio": 0.1}), prices(A=210.0)):
        market.evening()
        market.session(frame)
    broker.rows = {order: [fill("wrong", 15, 200.0), fill("right", 15, 20.0)]}
    market.evening()
    done = market.session(prices(A=220.0))
    assert done.refused["fault"].to_list() == ["far from the session's price"]
    assert market.books.shares.tolist() == [1]
    assert market.row["cash_usd"] == 100_000.0 - 15 * 20.0 + 0.5 * 210.0
    kinds = done.entries.filter(pl.col("kind").is_in(["buy", "split"])).select("kind", "shares")
    assert kinds.rows() == [("buy", 15), ("split", -14)]


def test_a_book_without_past_orders_awaits_nothing():
    nothing = nothing_awaited()
    assert not nothing.names() and not nothing.is_open.size
    stopped = replace(Market(FREE).books, past=nothing)
    assert same(stopped, Market(FREE).books)
