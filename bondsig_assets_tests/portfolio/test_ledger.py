"""Entries are double, whole and only appended; balances, shares and P&L are what they add up to."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bondsig_assets.errors import LedgerError
from bondsig_assets.portfolio.ledger import (
    ACCOUNTS,
    ASSETS,
    Journal,
    balances,
    borrow_fee,
    dollars,
    held_shares,
    interest,
    net_asset_value,
    units,
    usable_price,
    value,
)
from bondsig_assets.portfolio.settings import TradingSettings
from bondsig_assets.tables.trading import CHANGES, LEDGER_ENTRIES

DAY = date(2024, 1, 3)
NAMES = np.array([0, 1])


def journal() -> Journal:
    return Journal("optimised", DAY, ["A", "B"], ["AA", "BB"])


@settings(max_examples=200, deadline=None)
@given(st.integers(-(10**15), 10**15))
def test_dollars_lead_back_to_the_same_units(amount):
    assert units(dollars(amount)) == amount
    assert units(np.array([dollars(amount)])).tolist() == [amount]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(ACCOUNTS),
            st.sampled_from(ACCOUNTS),
            st.integers(-(10**12), 10**12),
            st.integers(-1000, 1000),
        ),
        max_size=12,
    )
)
def test_whatever_is_booked_the_accounts_add_up_to_nothing(posts):
    book = journal()
    for debit, credit, amount, shares in posts:
        book.post(
            "mark",
            debit,
            credit,
            np.array([amount, -amount // 3]),
            NAMES,
            shares=np.array([shares, 0]),
        )
        book.whole("interest", debit, credit, amount // 7, 0.01)
    entries = LEDGER_ENTRIES.conform(book.entries())
    found = balances(entries)
    assert found == book.changed
    assert sum(found.values()) == 0
    assert (entries["amount_e4"] >= 0).all()
    assert entries["entry_number"].to_list() == list(range(1, entries.height + 1))
    # What there is came from somewhere, to the unit.
    assert net_asset_value(found) == -sum(found[account] for account in CHANGES)
    assert held_shares(entries).get("A", 0) == sum(post[3] for post in posts)
    by_name = -sum(
        sign
        * entries.filter((pl.col(side).is_in(CHANGES)) & pl.col("parent_id").is_not_null())[
            "amount_e4"
        ].sum()
        for side, sign in (("debit", 1), ("credit", -1))
    )
    assert int(book.pnl.sum()) == by_name


def test_an_amount_below_nothing_goes_the_other_way_and_nothing_is_no_entry():
    book = journal()
    book.post("mark", "stock", "price", np.array([500, -200]), NAMES)
    book.post("mark", "stock", "price", np.array([0, 0]), NAMES)
    rows = book.entries().select("parent_id", "ticker", "debit", "credit", "amount_e4").rows()
    assert rows == [("A", "AA", "stock", "price", 500), ("B", "BB", "price", "stock", 200)]
    assert book.pnl.tolist() == [500, -200]
    assert set(ASSETS).isdisjoint(CHANGES)


def test_borrow_runs_on_calendar_days_of_360_and_longs_pay_nothing():
    """A short of 100,000 dollars at 3 % over a weekend: 100,000 x 0.03 x 3 / 360 = 25 dollars."""
    fee = borrow_fee(np.array([-1_000_000_000, 1_000_000_000]), np.array([3.0, 3.0]), 3)
    assert fee.tolist() == [250_000, 0]
    assert borrow_fee(np.array([-1_000_000_000]), np.array([float("nan")]), 3).tolist() == [0]


def test_interest_by_hand():
    """A million of own cash and half a million of proceeds at 5 % for 3 days: own at 4.50, proceeds
    at 4.75: 375 + 197.9167 dollars. What is borrowed costs 5.75: 479.1667. A rate of nothing
    charges nobody who has cash, a rate below nothing charges itself.
    """
    chosen = TradingSettings()
    million, half = 10**10, 5 * 10**9
    assert interest(million + half, half, 5.0, 3, chosen) == 3_750_000 + 1_979_167
    assert interest(-million, 0, 5.0, 3, chosen) == -4_791_667
    assert interest(million, 0, 0.0, 3, chosen) == 0
    assert interest(million, 0, -0.36, 10, chosen) == -1_000_000
    assert interest(-million, 0, 0.0, 3, chosen) == -625_000


def test_absurd_prices_are_no_prices_and_values_beyond_64_bits_stop():
    prices = np.array([0.0, -1.0, 1e-9, float("nan"), float("inf"), 2e7, 1e-4, 12.3])
    assert usable_price(prices).tolist() == [False] * 6 + [True] * 2
    with pytest.raises(LedgerError, match="split ratio or a target is wrong"):
        value(np.array([10**12]), np.array([10**9]))
    assert value(np.array([-3]), np.array([10**11])).tolist() == [-3 * 10**11]
