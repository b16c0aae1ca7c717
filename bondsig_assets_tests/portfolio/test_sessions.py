"""A session's facts keep to their names, whatever the order; what is not delivered is unknown."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from bondsig_assets.portfolio.sessions import COLUMNS, session_of
from bondsig_assets_tests.portfolio.books_by_hand import FIRST, prices


def test_facts_of_names_are_in_their_order_and_unknown_where_there_are_none():
    found = session_of(prices(B=2.0, A=1.0), FIRST).of(["Z", "B", "A", "B"])
    assert found.tickers == [None, "b", "a", "b"]
    assert np.isnan(found.close_usd[0]) and found.close_usd[1:].tolist() == [2.0, 1.0, 2.0]
    nothing = session_of(prices(A=1.0).head(0), FIRST).of(["A"])
    assert nothing.tickers == [None] and np.isnan(nothing.close_usd).all()


def test_columns_that_a_source_lacks_are_unknown():
    found = session_of(prices(A=1.0).select("parent_id", "ticker", "close_usd"), FIRST)
    assert found.close_usd.tolist() == [1.0]
    assert all(np.isnan(getattr(found, name)).all() for name in COLUMNS if name != "close_usd")


def test_a_name_with_two_rows_is_the_callers_mistake():
    with pytest.raises(ValueError, match="a name has two rows in a session"):
        session_of(pl.concat([prices(A=1.0), prices(A=2.0)]), FIRST)


def test_of_two_rows_about_an_end_the_one_that_says_a_return_counts_then_the_later():
    last = date(2024, 3, 1)
    rows = pl.DataFrame(
        {
            "ticker": ["A", "A", "A", "B", "B"],
            "last_trade_date": [last] * 5,
            "delisting_return_pct": [-10.0, -20.0, None, None, None],
            "reason": ["dropped"] * 3 + ["merger", "dropped"],
            "known_at": [datetime(2024, 3, k, 9) for k in (2, 3, 4, 3, 2)],
        }
    )
    found = session_of(prices(A=1.0), FIRST, rows).delistings.sort("ticker")
    assert found.select("ticker", "delisting_return_pct", "reason").rows() == [
        ("A", -20.0, "dropped"),
        ("B", None, "merger"),
    ]
