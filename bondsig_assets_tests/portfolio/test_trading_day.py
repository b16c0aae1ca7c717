"""What a book is worth after a day, to the cent; every part of why; and nothing booked twice."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import LedgerError
from bondsig_assets.portfolio.books import new_books
from bondsig_assets.portfolio.broker import PaperBroker
from bondsig_assets.portfolio.sessions import session_of
from bondsig_assets.portfolio.trading_day import trade_day
from bondsig_assets.tables.trading import CHANGES, FILLS, LEDGER_ENTRIES, PORTFOLIO_DAYS, POSITIONS
from bondsig_assets_tests.portfolio.books_by_hand import FIRST, FREE, Market, charging, prices

NAN = float("nan")


def test_a_purchase_a_dividend_and_a_sale_by_hand():
    """100,000 dollars; 100 shares at 50 on Tuesday; ex 0.40 on Wednesday at 51; sold at 52."""
    market = Market()
    market.session(prices(A=50.0))
    market.evening(A=100)
    market.session(prices(A=50.0))
    assert (market.row["nav_usd"], market.row["cash_usd"]) == (100_000.0, 95_000.0)
    market.session(prices(A={"close_usd": 51.0, "dividend_usd": 0.40}))
    assert market.row["nav_usd"] == 100_140.0
    assert (market.row["receivables_usd"], market.row["cash_usd"]) == (40.0, 95_000.0)
    assert (market.row["price_usd"], market.row["dividends_usd"]) == (100.0, 40.0)
    market.evening(A=0)
    market.session(prices(A=52.0))
    assert (market.row["nav_usd"], market.row["cash_usd"]) == (100_240.0, 100_200.0)
    assert market.row["long_usd"] == 0.0 and market.days[-1].positions["state"].to_list() == [
        "closed"
    ]
    for _ in range(15):
        market.session(prices(A=52.0))
    # 15 trading days after the ex-date the dividend is cash.
    assert (market.row["cash_usd"], market.row["receivables_usd"]) == (100_240.0, 0.0)


def test_a_short_sale_its_dividend_its_borrow_and_its_cover_by_hand():
    """1,000 shares short at 40 on Friday, 3.6 % a year: 40,000 x 0.036 x 3 / 360 = 12 dollars over
    the weekend, then a day of 41,000: 4.10. Ex 0.25 on Tuesday: 250 owed. Covered at 39.
    """
    market = Market(charging(costs={"general_borrow_bps": 360.0, "unknown_borrow_bps": 360.0}))
    for _ in range(4):
        market.session(prices(A=40.0))
    market.evening(A=-1000)
    market.session(prices(A=40.0))
    assert market.row["trade_date"] == date(2024, 3, 8)
    assert (market.row["nav_usd"], market.row["cash_usd"]) == (100_000.0, 140_000.0)
    assert (market.row["short_usd"], market.row["borrow_usd"]) == (-40_000.0, 0.0)
    assert market.days[-1].positions["borrow_rate_pct"].to_list() == [3.6]
    market.session(prices(A=41.0))
    assert market.row["borrow_usd"] == -12.0
    assert market.row["nav_usd"] == 100_000.0 - 1_000.0 - 12.0
    market.evening(A=0)
    market.session(prices(A={"close_usd": 39.0, "dividend_usd": 0.25}))
    assert (market.row["dividends_usd"], market.row["payables_usd"]) == (-250.0, 250.0)
    assert market.row["borrow_usd"] == -4.10
    assert market.row["nav_usd"] == 100_000.0 + 1_000.0 - 250.0 - 16.10
    assert market.row["cash_usd"] == 140_000.0 - 39_000.0 - 16.10
    assert market.row["short_usd"] == 0.0
    sides = market.entries().filter(pl.col("kind").is_in(["buy", "sell"]))["shares"].to_list()
    assert sides == [-1000, 1000]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_reverse_split_of_nine_shares_one_for_a_hundred(sign):
    """Nothing is left but 0.09 of a share at the opening price, which a short pays."""
    market = Market()
    market.session(prices(A=2.0))
    market.evening(A=9 * sign)
    market.session(prices(A=2.0))
    market.evening(A=4 * sign)  # an order that the split makes nothing of
    market.session(prices(A={"close_usd": 210.0, "open_usd": 200.0, "split_ratio": 0.01}))
    # 0.09 at 200 instead of 210 is what being paid out brought.
    assert market.row["nav_usd"] == 100_000.0
    assert market.row["split_cash_usd"] == sign * -0.9
    assert market.row["price_usd"] == sign * 0.9
    assert market.row["cash_usd"] == 100_000.0
    fills = market.days[-1].fills
    assert fills.select("outcome", "reason", "order_shares").rows() == [("none", "split", 0)]
    assert market.days[-1].positions.select("state", "shares").rows() == [("closed", 0)]
    market.evening(A=5 * sign)
    market.session(prices(A=210.0))
    assert market.books.shares.tolist() == [5 * sign]


@pytest.mark.parametrize("sign", [1, -1])
def test_one_for_a_thousand_with_nine_and_with_2009_shares(sign):
    market = Market()
    market.session(prices(A=0.5, B=0.5))
    market.evening(A=9 * sign, B=2009 * sign)
    market.session(prices(A=0.5, B=0.5))
    reverse = {"close_usd": 500.0, "open_usd": 500.0, "split_ratio": 0.001}
    market.session(prices(A=reverse, B=reverse))
    assert market.row["nav_usd"] == 100_000.0
    assert market.books.parents == ["B"] and market.books.shares.tolist() == [2 * sign]
    cash = market.days[-1].entries.filter(pl.col("kind") == "split_cash")
    # 0.009 of a share at 500 each.
    assert cash["amount_e4"].to_list() == [45_000, 45_000]
    assert set(cash["debit"]) == ({"cash"} if sign > 0 else {"stock"})


def test_an_order_is_scaled_by_the_mornings_split():
    market = Market()
    market.session(prices(A=100.0))
    market.evening(A=30)
    market.session(prices(A={"close_usd": 50.0, "split_ratio": 2.0}))
    assert market.books.shares.tolist() == [60]
    assert market.row["nav_usd"] == 100_000.0
    fill = market.days[-1].fills.row(0, named=True)
    assert (fill["order_shares"], fill["decision_price_usd"]) == (60, 50.0)


def delistings(*rows) -> pl.DataFrame:
    return pl.DataFrame(
        rows,
        schema={
            "ticker": pl.String,
            "last_trade_date": pl.Date,
            "delisting_return_pct": pl.Float64,
            "reason": pl.String,
        },
        orient="row",
    )


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("told", "rate", "assumed"),
    [(12.5, 0.125, 0), (-100.0, -1.0, 0), (None, -0.3, 2), (-250.0, -1.0, 2)],
)
def test_a_delisting_known_the_next_morning(told, rate, assumed, sign):
    market = Market()
    market.session(prices(A=10.0, B=10.0))
    market.evening(A=1000 * sign)
    market.session(prices(A=10.0, B=10.0))
    market.evening(A=500 * sign)
    ended = delistings(("a", date(2024, 3, 5), told, "dropped"))
    market.session(prices(B=10.0), delistings=ended)
    assert market.row["delistings_usd"] == sign * 10_000 * rate
    assert market.row["nav_usd"] == market.row["cash_usd"] == 100_000 + sign * 10_000 * rate
    assert market.books.parents == [] and market.row["n_assumed"] == assumed
    assert market.days[-1].fills["reason"].to_list() == ["delisted"]
    market.session(prices(B=10.0), delistings=ended)
    assert market.row["delistings_usd"] == 0.0


def test_a_merger_without_a_return_counts_as_nothing_and_is_flagged():
    market = Market()
    market.session(prices(A=10.0))
    market.evening(A=1000)
    market.session(prices(A=10.0))
    market.session(prices(B=1.0), delistings=delistings(("a", date(2024, 3, 5), None, "merger")))
    assert market.row["nav_usd"] == 100_000.0 and market.row["n_assumed"] == 2
    rows = market.days[-1].entries.filter(pl.col("kind") == "delisting")
    assert rows["rate"].to_list() == [None, 0.0] and rows["is_assumed"].all()


def test_a_delisting_known_late_is_booked_then_and_corrected_never_rewritten():
    market = Market()
    market.session(prices(A=10.0))
    market.evening(A=1000)
    market.session(prices(A=10.0))
    for _ in range(3):
        market.session(prices(B=1.0))
        assert market.row["nav_usd"] == 100_000.0
        assert market.days[-1].positions["state"].to_list() == ["stale"]
    assert market.row["n_stale"] == 1
    ended = ("a", date(2024, 3, 5))
    market.session(prices(B=1.0), delistings=delistings((*ended, None, "dropped")))
    assert (market.row["nav_usd"], market.row["delistings_usd"]) == (97_000.0, -3_000.0)
    before = market.entries()
    market.session(prices(B=1.0), delistings=delistings((*ended, -80.0, "dropped")))
    assert (market.row["nav_usd"], market.row["delistings_usd"]) == (92_000.0, -5_000.0)
    assert market.days[-1].positions.select("parent_id", "pnl_usd").rows() == [("A", -5_000.0)]
    market.session(prices(B=1.0), delistings=delistings((*ended, -80.0, "dropped")))
    assert market.row["delistings_usd"] == 0.0
    assert market.entries().head(before.height).equals(before)


def test_a_delisting_known_early_waits_for_the_last_day():
    market = Market()
    ended = delistings(("a", date(2024, 3, 6), 25.0, "merger"))
    market.session(prices(A=10.0))
    market.evening(A=1000)
    market.session(prices(A=10.0), delistings=ended)
    market.session(prices(A=12.0), delistings=ended)
    assert (market.row["trade_date"], market.row["nav_usd"]) == (date(2024, 3, 6), 102_000.0)
    assert market.books.parents == ["A"]
    market.session(prices(B=1.0), delistings=ended)
    # From the last close, not from the price of the day that it became known.
    assert (market.row["nav_usd"], market.row["delistings_usd"]) == (105_000.0, 3_000.0)


def test_a_split_and_a_dividend_of_a_day_without_a_price_are_booked():
    market = Market()
    market.session(prices(A=30.0))
    market.evening(A=101)
    market.session(prices(A=30.0))
    market.session(prices(A={"close_usd": None, "split_ratio": 1.5, "dividend_usd": 0.1}))
    # 151 shares at 20, and half a share at 20 as nobody knows an opening price.
    assert market.books.shares.tolist() == [151]
    assert (market.row["nav_usd"], market.row["receivables_usd"]) == (100_015.1, 15.1)
    assert market.row["n_assumed"] == 1
    market.session(prices(A=20.0))
    assert market.row["nav_usd"] == 100_015.1


def test_a_halt_is_marked_at_the_last_price_fills_nothing_and_is_flagged_after_ten_days():
    market = Market()
    market.session(prices(A=20.0))
    market.evening(A=100)
    market.session(prices(A=20.0))
    for day in range(1, 12):
        market.evening(A=0)
        market.session(prices(B=1.0))
        row = market.days[-1].positions.row(0, named=True)
        assert (row["price_usd"], row["is_stale"], row["stale_days"]) == (20.0, True, day)
        assert row["state"] == ("halted" if day >= 10 else "stale")
        assert market.row["n_halted"] == (day >= 10)
        # What was sent before the halt finds no price; after that nothing is sent.
        assert market.evenings[-1]["state"].to_list() == ["sent" if day == 1 else "unpriced"]
        assert market.days[-1].fills["reason"].to_list() == ["no_price"] * (day == 1)
    market.evening(A=0)
    market.session(prices(A=17.0))
    assert market.row["price_usd"] == -300.0 and market.row["n_stale"] == 0


def test_an_order_in_a_name_that_halts_overnight_is_not_filled():
    market = Market()
    market.session(prices(A=20.0, B=1.0))
    market.evening(A=100)
    market.session(prices(B=1.0))
    assert market.days[-1].fills.select("outcome", "reason").rows() == [("none", "no_price")]
    market.session(prices(A={"close_usd": 21.0, "volume_shares": 0.0}))
    assert market.books.parents == []


def test_a_rename_changes_no_value_and_is_noted():
    market = Market()
    market.session(prices(A=20.0))
    market.evening(A=100)
    market.session(prices(A=20.0))
    market.session(prices(A={"close_usd": 20.0, "ticker": "new"}))
    assert market.row["nav_usd"] == 100_000.0 and market.books.tickers == ["new"]
    noted = market.days[-1].entries.filter(pl.col("kind") == "rename")
    assert noted.select("parent_id", "ticker", "amount_e4").rows() == [("A", "new", 0)]
    # A delisting of the old ticker, told later and about an earlier day, is somebody else's.
    market.session(
        prices(A={"close_usd": 20.0, "ticker": "new"}),
        delistings=delistings(("a", date(2024, 3, 5), -100.0, "dropped")),
    )
    assert market.row["nav_usd"] == 100_000.0


def test_a_ticker_reused_by_another_name_changes_nothing_of_who_had_it():
    """A is delisted as `a`; B gets the ticker, is held, and is delisted as well."""
    market = Market()
    market.session(prices(A=20.0))
    market.evening(A=100)
    market.session(prices(A=20.0))
    first = ("a", date(2024, 3, 5), 0.0, "merger")
    market.session(prices(B={"close_usd": 500.0, "ticker": "a"}), delistings=delistings(first))
    assert (market.row["nav_usd"], market.books.parents) == (100_000.0, [])
    market.evening(B=10)
    market.session(prices(B={"close_usd": 500.0, "ticker": "a"}), delistings=delistings(first))
    assert market.books.parents == ["B"] and market.row["nav_usd"] == 100_000.0
    second = ("a", date(2024, 3, 7), -50.0, "dropped")
    market.session(prices(C=1.0), delistings=delistings(first, second))
    assert market.row["nav_usd"] == 97_500.0 and market.row["n_assumed"] == 0


def test_a_day_that_nothing_explains_is_quarantined_until_the_shares_do():
    """Total returns and closes alone: 2:1 shows as a price of half and a return of nothing."""
    bare = {"dividend_usd": None, "split_ratio": None, "total_return_pct": 0.0}
    market = Market()
    market.session(prices(A=bare | {"close_usd": 100.0, "shares_outstanding": 1e6}))
    market.evening(A=100)
    market.session(prices(A=bare | {"close_usd": 100.0, "shares_outstanding": 1e6}))
    market.evening(A=150)
    market.session(prices(A=bare | {"close_usd": 50.0, "shares_outstanding": 1e6}))
    assert market.row["nav_usd"] == 100_000.0 and market.row["n_quarantined"] == 1
    assert market.days[-1].positions["state"].to_list() == ["quarantined"]
    assert market.days[-1].fills.select("outcome", "reason").rows() == [("none", "quarantined")]
    market.session(
        prices(A=bare | {"close_usd": 51.0, "total_return_pct": 2.0, "shares_outstanding": 2.002e6})
    )
    assert market.books.shares.tolist() == [200] and market.row["n_quarantined"] == 0
    assert market.row["nav_usd"] == 100_200.0 and market.row["n_assumed"] == 1


def test_a_wrong_split_is_quarantined_and_gone_the_next_day():
    market = Market()
    market.session(prices(A=100.0))
    market.evening(A=100)
    market.session(prices(A=100.0))
    market.session(prices(A={"close_usd": 101.0, "split_ratio": 100.0}))
    assert market.row["nav_usd"] == 100_000.0 and market.row["n_quarantined"] == 1
    market.session(prices(A=102.0))
    assert market.row["nav_usd"] == 100_200.0 and market.books.shares.tolist() == [100]


@pytest.mark.parametrize("price", [-5.0, 0.0, NAN, float("inf"), 1e12])
@pytest.mark.parametrize("volume", [-1e6, 0.0, NAN, 1e18])
def test_absurd_prices_and_volumes_move_nothing(price, volume):
    market = Market()
    market.session(prices(A=10.0, B=10.0))
    market.evening(A=100)
    market.session(prices(A=10.0, B=10.0))
    market.evening(A=50, B=50)
    market.session(
        prices(
            A={"close_usd": price, "volume_shares": volume},
            B={"close_usd": 10.0, "volume_shares": volume},
        )
    )
    assert market.row["nav_usd"] == 100_000.0
    assert market.books.shares[0] == 100
    assert market.days[-1].positions["is_stale"].to_list()[0]


def test_a_book_that_lost_everything_stops_with_a_row_and_stays():
    market = Market(nav_usd=10_000.0)
    market.session(prices(A=10.0))
    market.evening(A=-1000)
    market.session(prices(A=10.0))
    market.session(prices(A=20.0))
    row = market.row
    assert (row["state"], row["nav_usd"], row["gross"], row["net"]) == ("stopped", 0.0, None, None)
    assert market.evening(A=0)["state"].to_list() == ["stopped"]
    market.session(prices(A=5.0))
    assert (market.row["state"], market.row["nav_usd"]) == ("stopped", 0.0)
    assert market.days[-1].entries.is_empty() and market.days[-1].fills.is_empty()
    assert market.days[-1].positions["shares"].to_list() == [-1000]


def test_interest_runs_on_the_cash_of_the_evening_before():
    market = Market(charging(trading={"cash_spread_bps": 0.0}))
    market.session(prices(A=10.0))
    market.session(prices(A=10.0), cash_rate_pct=3.6)
    assert market.row["interest_usd"] == 10.0
    market.session(prices(A=10.0))
    assert market.row["interest_usd"] == 0.0


def test_proceeds_of_a_short_earn_and_borrowed_cash_costs():
    """Over one night at 3.6 %: 40,000 of proceeds at 3.35 and 100,000 own at 3.1; then 150,000 of
    stock with 100,000 own: 50,000 borrowed at 4.35.
    """
    market = Market()
    market.session(prices(A=40.0), cash_rate_pct=3.6)
    market.evening(A=-1000)
    market.session(prices(A=40.0), cash_rate_pct=0.0)
    market.session(prices(A=40.0), cash_rate_pct=3.6)
    assert market.row["interest_usd"] == round(40_000 * 0.0335 / 360 + 100_000 * 0.031 / 360, 4)
    other = Market()
    other.session(prices(A=40.0))
    other.evening(A=3750)
    other.session(prices(A=40.0))
    other.session(prices(A=40.0), cash_rate_pct=3.6)
    assert other.row["interest_usd"] == -round(50_000 * 0.0435 / 360, 4)


def test_what_brokers_charge_is_booked_beside_the_price():
    """A million at 50 of 50 million a day, 2 %: 2.2 bp, two thirds of 2 % x √0.02, 70, 0.2 bp."""
    dear = charging(
        costs={
            "impact": 1.0,
            "half_spread_bps": 1.0,
            "half_spread_slope_bps": 0.6,
            "commission_usd": 0.0035,
        },
        trading={"sell_fee_bps": 0.2, "commission_minimum_usd": 0.35},
    )
    market = Market(dear, nav_usd=1e7)
    market.session(prices(A=50.0))
    market.evening(A=-20_000)
    market.session(prices(A=50.0))
    row = market.row
    assert (row["commissions_usd"], row["fees_usd"]) == (-70.0, -20.0)
    assert row["spread_usd"] == -220.0
    assert row["impact_usd"] == pytest.approx(-1e6 * 2 / 3 * 0.02 * 0.02**0.5, abs=1e-4)
    assert row["trading_usd"] == 0.0 and row["turnover"] == 0.1 and row["traded_usd"] == 1e6
    fill = market.days[-1].fills.row(0, named=True)
    assert fill["price_usd"] == 50.0
    charged = sum(fill[f"{name}_usd"] for name in ("spread", "impact", "commission", "fee"))
    assert row["nav_usd"] == pytest.approx(1e7 - charged, abs=1e-4)


def test_rows_fit_their_declarations_and_a_deposit_is_no_profit():
    market = Market()
    market.session(prices(A=50.0))
    market.evening(A=10)
    done = market.session(prices(A=50.0), flow_usd=-2_000.0)
    for table, frame in (
        (FILLS, done.fills),
        (LEDGER_ENTRIES, done.entries),
        (POSITIONS, done.positions),
        (PORTFOLIO_DAYS, done.day),
    ):
        assert table.conform(frame).equals(frame)
    assert (market.row["capital_usd"], market.row["nav_usd"]) == (-2_000.0, 98_000.0)
    assert sum(market.row[f"{name}_usd"] for name in CHANGES) == -2_000.0


def test_a_day_out_of_turn_and_a_book_without_money_are_refused_in_one_line():
    market = Market()
    market.session(prices(A=50.0))
    late = session_of(prices(A=50.0), date(2024, 3, 6))
    with pytest.raises(LedgerError, match="booked up to 2024-03-04, so 2024-03-06 is not"):
        trade_day(market.books, late, PaperBroker(FREE), FREE)
    with pytest.raises(LedgerError, match="begins on 2024-03-04 with 0.0 dollars: deposit some"):
        trade_day(new_books("x"), session_of(prices(A=1.0), FIRST), PaperBroker(FREE), FREE)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_five_tranches_earn_a_fifth_of_each_days_labels_to_the_unit(seed):
    """Identity 6: without costs and caps, decided at t, filled at the close of t + 1, held to that
    of t + 6: what a tranche is worth when it is bought times the simple return of its label.
    """
    draw = np.random.default_rng(seed)
    n_days, names = 12, ["A", "B", "C"]
    tranche = draw.integers(-40, 40, (n_days, 3))
    path = np.round(50 * np.exp(draw.normal(0, 0.02, (n_days + 7, 3)).cumsum(axis=0)), 2)
    market = Market(FREE, nav_usd=1e6)
    for day in range(n_days + 7):
        market.session(prices(**dict(zip(names, path[day].tolist(), strict=True))))
        young = tranche[max(day - 4, 0) : day + 1].sum(axis=0) if day < n_days + 4 else 0 * path[0]
        market.evening(**{name: int(q) for name, q in zip(names, young, strict=True)})
    bought = tranche * path[1 : n_days + 1]
    label = path[6 : n_days + 6] / path[1 : n_days + 1] - 1
    assert market.row["nav_usd"] - 1e6 == pytest.approx(float((bought * label).sum()), abs=1e-4)
